use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{Live, assert_nowhere};
use crate::faults::{Fault, Kind};
use crate::hundredms::{Hundredms, Switches};

pub const URL: &str = "https://api.100ms.live/v2";

fn live() -> Live<Hundredms> {
    live_with_keys().0
}

/// The example, and the keys that each workspace has as a secret: studio, then rehearsal.
pub fn live_with_keys() -> (Live<Hundredms>, [String; 2]) {
    let runtime = Runtime::new().unwrap();
    let double = runtime.block_on(Hundredms::start(Switches::default()));
    let live = Live::new("hundredms-live", URL, (runtime, double), Hundredms::v2);
    let keys = ["studio", "rehearsal"].map(|workspace| {
        let keys = live.double.workspace(workspace);
        let pair = format!("{}:{}", keys.access_key, keys.secret);
        live.secret("beacon-100ms", workspace, &pair);
        pair
    });
    live.secret("beacon-bucket", "key", "canary-access-key");
    live.secret("beacon-bucket", "secret", "canary-secret-of-the-bucket");
    (live, keys)
}

fn end_state(live: &Live<Hundredms>) -> Value {
    json!([live.double.end_state("studio"), live.double.end_state("rehearsal")])
}

#[test]
fn the_example_is_made_once_and_the_second_run_is_silent() {
    let live = live();
    live.plan().code(0).says("+  template/show").says("At 100ms: 4 to create, 1 to update.");
    assert_eq!(live.double.front().writes(), Vec::<String>::new(), "a plan only reads");
    live.apply().code(0).says("created      template/show").says("created      mrole/host");
    let writes = live.double.front().writes();
    assert!(!writes.is_empty());
    live.plan().code(0).last_line("No changes. 9 objects are as the input says.");
    live.apply().code(0).last_line("Nothing to apply. 9 objects are as the input says.");
    assert_eq!(live.double.front().writes(), writes);
}

#[test]
fn an_edit_in_the_dashboard_is_drift_of_that_field_and_is_set_back() {
    let live = live();
    live.apply().code(0);
    let made = end_state(&live);
    live.double.edit("studio", "show", |template| template.roles["host"]["publishParams"]["video"]["bitRate"] = json!(300));
    live.plan().code(0).says("~  mrole/host  publishParams.video.bitRate: 300 -> 1200 (drift)").says("At 100ms: 1 to update.");
    live.apply().code(0).says("updated      mrole/host");
    assert_eq!(end_state(&live), made);

    live.rewrite("organization.yaml", "drift: Correct", "drift: Warn");
    live.apply().code(0);
    live.double.edit("studio", "show", |template| template.roles["host"]["publishParams"]["video"]["bitRate"] = json!(300));
    live.plan().code(0).says("Changed at 100ms").says("publishParams.video.bitRate: 1200 -> 300").says("At 100ms: 1 drifted.");
    let drift = live.place.run("drift --secrets secrets --backend-allow 127.0.0.1").code(0);
    drift.says("at 100ms").says("~  mrole/host  publishParams.video.bitRate: 1200 -> 300").says("1 object drifted");
}

#[test]
fn killed_at_any_request_it_ends_as_if_nothing_had_happened() {
    let undisturbed = live();
    undisturbed.apply().code(0);
    let (state, writes) = (end_state(&undisturbed), undisturbed.double.front().writes());
    let requests = undisturbed.double.front().requests().len();
    for request in 1..=requests {
        let live = live();
        live.is_killed_at(live.double.front(), request);
        live.apply().code(0);
        assert_eq!(end_state(&live), state, "request {request}");
        assert_eq!(sorted(live.double.front().writes()), sorted(writes.clone()), "request {request}");
        live.plan().code(0).says("No changes.");
    }
}

fn sorted(mut writes: Vec<String>) -> Vec<String> {
    writes.sort();
    writes
}

#[test]
fn what_the_dashboard_made_is_not_overwritten() {
    let live = live();
    live.double.make("studio", &json!({"name": "show", "roles": {}, "settings": {"region": "in"}}));
    live.plan().code(3).says("refused by taken-at-service").says("it differs in").says("adoptionPolicy");
    let before = live.double.end_state("studio");
    live.apply().code(3);
    assert_eq!(live.double.end_state("studio"), before);
    live.rewrite("organization.yaml", "  policy:", "  adoptionPolicy: Adopt\n  policy:");
    live.apply().code(0).says("adopted      template/show");
}

#[test]
fn a_service_that_cannot_be_read_is_said_so_and_nothing_is_removed_there() {
    let live = live();
    live.apply().code(0);
    let state = end_state(&live);
    live.rewrite("show.yaml", "settings: {region: eu}", "settings: {region: us}");
    live.double.revoke();
    live.secret("beacon-100ms", "studio", "nobody:nothing");
    live.plan()
        .code(1)
        .says("workspace/studio could not be compared")
        .says("~  template/show-rehearsal  settings.region: eu -> us");
    live.apply().code(4).says("updated      template/show-rehearsal");
    assert_ne!(end_state(&live), state);
    assert_eq!(end_state(&live)[0], state[0]);
}

#[test]
fn without_leave_no_address_of_this_machine_is_called() {
    let live = live();
    let flags = "-f example --secrets secrets";
    live.place.run(&format!("plan {flags}")).code(1).says("--backend-allow");
    live.place.run(&format!("plan {flags} --skip-backends")).code(0);
    assert_eq!(live.double.front().requests(), Vec::<String>::new());
}

#[test]
fn no_secret_is_written_down_or_printed() {
    let (live, keys) = live_with_keys();
    live.double.front().plant(Fault::new(Kind::Lose).on(axum::http::Method::POST, "/templates"));
    let runs = [live.plan(), live.apply(), live.apply(), live.plan()];
    live.place.run("plan -f example --secrets secrets --backend-allow 127.0.0.1 -o json --out saved.json").code(0);
    let [studio, rehearsal] = keys.map(|pair| pair.split_once(':').unwrap().1.to_owned());
    let secrets = [studio, rehearsal, "canary-secret-of-the-bucket".to_owned(), "canary-access-key".to_owned()];
    let mut texts = live.left_behind();
    texts.extend(runs.into_iter().flat_map(|ran| [ran.out.into_bytes(), ran.err.into_bytes()]));
    assert_nowhere(&secrets, &texts);
}

#[test]
fn what_100ms_has_no_call_for_is_said_and_not_tried() {
    let live = live();
    live.apply().code(0);
    let file = live.place.path().join("example/show.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let rehearsal = text.find("# The same show").unwrap();
    std::fs::write(&file, &text[..rehearsal - 4]).unwrap();
    let before = end_state(&live);
    let flags = "-f example --secrets secrets --backend-allow 127.0.0.1 --prune";
    live.place.run(&format!("plan {flags}")).code(0).says("template/show-rehearsal").says("stays there");
    live.place.run(&format!("apply {flags} --auto-approve")).code(0).says("stays there");
    assert_eq!(end_state(&live), before);
}

#[test]
fn all_or_nothing_is_about_the_service_too() {
    let live = live();
    live.double.make("studio", &json!({"name": "show", "roles": {}, "settings": {"region": "in"}}));
    let flags = "-f example --secrets secrets --backend-allow 127.0.0.1 --auto-approve --all-or-nothing";
    live.place.run(&format!("apply {flags}")).code(3);
    live.plan().code(3).says("Plan: 9 to create.");
}

#[test]
fn what_the_input_does_not_mention_is_not_looked_at() {
    let live = live();
    live.apply().code(0);
    live.place.write("other.yaml", crate::program::ACME);
    live.double.front().forget();
    live.place.run("plan -f other.yaml").code(0);
    live.place.run("apply -f other.yaml --auto-approve").code(0);
    assert_eq!(live.double.front().requests(), Vec::<String>::new());
}

#[test]
fn that_no_keys_are_made_is_said_on_the_pull_request() {
    let live = live();
    let key = "apiVersion: muster.dev/v1alpha1\nkind: Credential\nmetadata: {name: studio-key}\nspec: {workspaceRef: {name: studio}, type: AccessKey}\n";
    live.place.write("example/key.yaml", key);
    live.place
        .run("validate -f example")
        .code(0)
        .says("capability-missing")
        .says("100ms has no call that makes or replaces keys");
}
