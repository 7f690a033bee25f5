use std::fs;

use axum::http::Method;
use regex::Regex;
use tokio::runtime::Runtime;

use super::{Live, assert_nowhere};
use crate::fastpix::{FastPix, Token};
use crate::faults::{Fault, Kind};
use crate::program::{Place, Ran};

const BROADCAST: &str = "\
apiVersion: muster.dev/v1alpha1
kind: Organization
metadata: {name: broadcast}
spec: {preset: fastpix, backend: {type: fastpix, url: URL}, policy: {removalDelay: 0s}}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: ada}
spec: {organizationRef: {name: broadcast}, email: ada@broadcast.example, role: Admin}
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {name: live}
spec: {organizationRef: {name: broadcast}, type: Production, backendSecretRef: {name: fastpix, key: live}}
---
apiVersion: muster.dev/v1alpha1
kind: Credential
metadata: {name: player}
spec: {workspaceRef: {name: live}, type: SigningKey, writeSecretToRef: {name: player}, generation: 0}
";

/// Documents of an organization at a double with one workspace, and the access token of that one.
pub fn live() -> (Live<FastPix>, Token) {
    live_with("")
}

/// The same with more documents.
pub fn live_with(more: &str) -> (Live<FastPix>, Token) {
    let runtime = Runtime::new().unwrap();
    let double = runtime.block_on(FastPix::start());
    let (place, token) = (Place::new(), double.workspace("live"));
    fs::create_dir(place.path().join("example")).unwrap();
    place.write("example/broadcast.yaml", &format!("{BROADCAST}{more}").replace("URL", &double.url()));
    let live = Live { runtime, place, double };
    live.secret("fastpix", "live", &format!("{}:{}", token.id, token.secret));
    (live, token)
}

impl Live<FastPix> {
    /// The id of the key in the Secret, which is complete.
    pub fn kept(&self) -> String {
        self.kept_in("player")
    }

    /// The id of the key in this Secret, which is complete.
    pub fn kept_in(&self, secret: &str) -> String {
        let folder = self.place.path().join("secrets").join(secret);
        let read = |key: &str| fs::read_to_string(folder.join(key)).unwrap();
        let id = read("id");
        assert_eq!(self.double.private_key("live", &id), Some(read("privateKey")));
        id
    }

    /// The digests that a plan asks to approve, in its order.
    pub fn digests(plan: &Ran) -> Vec<String> {
        let digests = Regex::new("--approve (sha256:[0-9a-f]{64})").unwrap();
        digests.captures_iter(&plan.out).map(|found| found[1].to_owned()).collect()
    }

    /// Approves the first that the plan asks to approve.
    pub fn approve(&self, plan: &Ran) -> Ran {
        let digests = Self::digests(plan);
        self.place.run(&format!("apply {} --auto-approve --approve {}", super::FLAGS, digests.first().expect(&plan.out)))
    }
}

#[test]
fn a_key_is_made_once_and_the_second_run_is_silent() {
    let (live, _) = live();
    live.plan().code(0).says("+  credential/player");
    assert!(live.double.front().writes().is_empty(), "a plan only reads");
    live.apply().code(0).says("created      credential/player");
    assert_eq!(live.double.keys("live"), [live.kept()]);
    live.plan().code(0).says("No changes.");
    live.apply().code(0).says("Nothing to apply.");
    assert_eq!(live.double.front().writes(), ["create a key in live"]);
}

#[test]
fn the_private_half_goes_to_its_secret_and_nowhere_else() {
    let (live, token) = live();
    let runs = [live.plan(), live.apply(), live.plan()];
    let private = live.double.private_key("live", &live.kept()).unwrap();
    let mut texts = live.left_behind();
    texts.extend(runs.into_iter().flat_map(|ran| [ran.out.into_bytes(), ran.err.into_bytes()]));
    assert_nowhere(&[private, token.secret], &texts);
}

#[test]
fn a_replaced_key_works_until_its_end_is_approved_with_the_warning() {
    let (live, _) = live();
    live.apply().code(0);
    let first = live.kept();
    live.rewrite("broadcast.yaml", "generation: 0", "generation: 1");
    live.apply().code(0);
    let second = live.kept();
    assert_eq!(live.double.keys("live"), [first.clone(), second.clone()]);
    let plan = live.plan();
    assert!(plan.out.contains("every token that was signed with the key stops working at once"), "{}", plan.out);
    live.approve(&plan).code(0);
    assert_eq!(live.double.keys("live"), [second]);
    live.plan().code(0).says("No changes.");
}

#[test]
fn killed_at_any_request_it_ends_with_one_key_and_names_the_one_that_got_lost() {
    let (undisturbed, _) = live();
    undisturbed.apply().code(0);
    let requests = undisturbed.double.front().requests();
    for (number, request) in requests.iter().enumerate() {
        let (live, _) = live();
        live.is_killed_at(live.double.front(), number + 1);
        live.apply().code(0);
        let lost: Vec<String> = live.double.keys("live").into_iter().filter(|key| *key != live.kept()).collect();
        assert_eq!(lost.len(), usize::from(request.starts_with("POST")), "{request}");
        if let [lost] = lost.as_slice() {
            let plan = live.plan();
            assert!(plan.out.contains(lost), "{}", plan.out);
            live.approve(&plan).code(0);
        }
        assert_eq!(live.double.keys("live"), [live.kept()], "{request}");
        live.plan().code(0).says("No changes.");
    }
}

/// Another key in the same workspace.
const SECOND: &str = "\
---
apiVersion: muster.dev/v1alpha1
kind: Credential
metadata: {name: second}
spec: {workspaceRef: {name: live}, type: SigningKey, writeSecretToRef: {name: second}, generation: 0}
";

#[test]
fn an_approval_ends_the_key_that_it_was_shown_for_and_leaves_the_others() {
    let (live, _) = live_with(SECOND);
    live.apply().code(0);
    let old = [live.kept(), live.kept_in("second")];
    live.rewrite("broadcast.yaml", "generation: 0", "generation: 1");
    live.apply().code(0);
    let new = [live.kept(), live.kept_in("second")];
    let plan = live.plan().says("All 2 at once");
    let [player, second, all] = <[String; 3]>::try_from(Live::digests(&plan)).unwrap();
    assert!(player != second && second != all);
    live.approve(&plan).code(0).says("credential/player").says("1 removed");
    let mut left = vec![old[1].clone(), new[0].clone(), new[1].clone()];
    left.sort();
    assert_eq!(sorted(live.double.keys("live")), left);

    let plan = live.plan();
    assert_eq!(Live::digests(&plan), [second.as_str()], "what is approved for one key says nothing about another");
    let annotated = format!("metadata: {{name: broadcast, annotations: {{muster.dev/approved-plan: '{player}, {second}'}}}}");
    live.rewrite("broadcast.yaml", "metadata: {name: broadcast}", &annotated);
    live.apply().code(0).says("1 removed");
    assert_eq!(sorted(live.double.keys("live")), sorted(new.to_vec()));
    live.plan().code(0).says("No changes.");
}

#[test]
fn all_that_wait_can_be_approved_at_once() {
    let (live, _) = live_with(SECOND);
    live.apply().code(0);
    live.rewrite("broadcast.yaml", "generation: 0", "generation: 1");
    live.apply().code(0);
    let all = Live::digests(&live.plan()).pop().unwrap();
    let text = live.place.run(&format!("plan {} -o json", super::FLAGS)).code(0).out;
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let approval = &document["organizations"][0]["service"]["approval"];
    assert_eq!(approval["all"], all.as_str(), "{approval:#}");
    assert_eq!(approval["calls"].as_array().unwrap().len(), 2, "{approval:#}");
    live.place.run(&format!("apply {} --auto-approve --approve {all}", super::FLAGS)).code(0).says("2 removed");
    assert_eq!(sorted(live.double.keys("live")), sorted(vec![live.kept(), live.kept_in("second")]));
}

fn sorted(mut keys: Vec<String>) -> Vec<String> {
    keys.sort();
    keys
}

#[test]
fn a_key_whose_secret_is_gone_is_held_until_a_new_one_is_asked_for() {
    let (live, _) = live();
    live.apply().code(0);
    let first = live.kept();
    fs::remove_dir_all(live.place.path().join("secrets/player")).unwrap();
    let because = "the Secret player does not have it; raise spec.generation to make a new one";
    live.plan().code(0).says("credential/player  held").says(because);
    live.apply().code(0).says(because);
    assert_eq!(live.double.keys("live"), std::slice::from_ref(&first));
    live.rewrite("broadcast.yaml", "generation: 0", "generation: 1");
    live.apply().code(0);
    assert_eq!(live.double.keys("live"), [first, live.kept()]);
}

#[test]
fn what_could_not_be_kept_is_said_in_the_plan() {
    let (live, token) = live();
    live.secret("player", "theirs", "somebody else's");
    live.plan().code(0).says("credential/player  held").says("was not written by Muster");
    live.apply().code(0).says("was not written by Muster");
    let pair = format!("{}:{}", token.id, token.secret);
    let flags = "-f example --backend-allow 127.0.0.1";
    let planned = live.place.run_with(&format!("plan {flags}"), &[("MUSTER_SECRET_FASTPIX_LIVE", &pair)]);
    planned.code(0).says("credential/player  held").says("name a folder with --secrets");
    assert!(live.double.front().writes().is_empty());
}

#[test]
fn a_key_that_is_due_and_names_no_secret_any_more_is_held() {
    let (live, _) = live();
    live.apply().code(0);
    live.rewrite("broadcast.yaml", "writeSecretToRef: {name: player}, generation: 0", "generation: 1");
    live.plan().code(0).says("credential/player  held: a new one is due").says("spec.writeSecretToRef");
    live.apply().code(0).says("held: a new one is due");
    assert_eq!(live.double.keys("live").len(), 1);
}

/// A workspace that is reached with the same access token, with a key in it.
const TWIN: &str = "\
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {name: alive}
spec: {organizationRef: {name: broadcast}, type: Production, backendSecretRef: {name: fastpix, key: live}}
---
apiVersion: muster.dev/v1alpha1
kind: Credential
metadata: {name: encore}
spec: {workspaceRef: {name: alive}, type: SigningKey, writeSecretToRef: {name: encore}}
";

#[test]
fn a_key_of_another_workspace_with_the_same_token_is_never_offered_as_a_lost_one() {
    let (live, _) = live_with(TWIN);
    // The answer about the first key is lost; the second one is made.
    live.double.front().plant(Fault::new(Kind::Lose).on(Method::POST, "/iam/signing-keys"));
    live.apply().code(4);
    let kept = [("player", "encore"), ("encore", "player")]
        .into_iter()
        .find(|(secret, _)| live.place.path().join("secrets").join(secret).join("id").exists());
    let (made, missing) = kept.expect("one of them was made");
    let theirs = live.kept_in(made);
    live.apply().code(0);
    let ours = live.kept_in(missing);
    let lost: Vec<String> = live.double.keys("live").into_iter().filter(|key| *key != ours && *key != theirs).collect();
    let [lost] = lost.as_slice() else { panic!("{lost:?}") };
    let plan = live.plan();
    assert!(plan.out.contains(lost) && !plan.out.contains(&theirs) && !plan.out.contains(&ours), "{}", plan.out);
    assert_eq!(Live::digests(&plan).len(), 1, "{}", plan.out);
    live.approve(&plan).code(0);
    assert_eq!(sorted(live.double.keys("live")), sorted(vec![ours, theirs]));
    live.plan().code(0).says("No changes.");
}

#[test]
fn what_drifted_at_the_service_is_found_without_any_input() {
    let (live, token) = live();
    live.apply().code(0);
    let drift =
        |more: &str| live.place.run(&format!("drift --secrets secrets --backend-allow 127.0.0.1 --detailed-exitcode {more}"));
    drift("").code(0).last_line("No drift: the store and the services are as they were applied.");
    live.double.delete("live", &live.kept());
    drift("")
        .code(2)
        .says("at FastPix")
        .says("-  credential/player  gone: another hand removed it there")
        .says("1 object drifted");
    let document: serde_json::Value = serde_json::from_str(&drift("-o json").code(2).out).unwrap();
    assert_eq!(document["organizations"][0]["service"]["changed"][0]["address"], "credential/player");
    drift("--skip-backends").code(0).last_line("No drift: the store is as it was applied.");
    live.double.revoke(&token);
    drift("")
        .code(1)
        .says("workspace/live could not be compared")
        .last_line("No drift was seen, and a service could not be compared.");
    assert_eq!(live.double.front().writes(), ["create a key in live"], "it only reads");
}
