use tokio::runtime::Runtime;

use super::{Live, assert_nowhere};
use crate::aaq::{Aaq, Role};

fn live() -> Live<Aaq> {
    let runtime = Runtime::new().unwrap();
    let (double, password) = runtime.block_on(Aaq::with_first_user("muster"));
    let live = Live::new("aaq-live", "https://aaq.harbour.example", (runtime, double), |double| double.url().to_owned());
    live.secret("harbour-aaq", "login", &format!("muster:{password}"));
    live
}

#[test]
fn the_example_is_made_once_and_the_second_run_is_silent() {
    let live = live();
    live.plan().code(0).says("+  workspace/advice").says("+  member/imani in workspace/advice");
    assert_eq!(live.double.front.writes(), Vec::<String>::new(), "a plan only reads");
    live.apply().code(0).says("created      workspace/advice").says("created      member/juma in workspace/advice");
    let (made, writes) = (live.double.summary(), live.double.front.writes());
    assert!(made.iter().any(|line| line == "\"imani\" is admin in \"Advice Line\" by default"), "{made:?}");
    live.plan().code(0).says("No changes.");
    live.apply().code(0).says("Nothing to apply.");
    assert_eq!((live.double.summary(), live.double.front.writes()), (made, writes));
}

#[test]
fn somebody_demoted_at_the_service_is_drift_and_is_set_back() {
    let live = live();
    live.apply().code(0);
    let made = live.double.summary();
    live.double.edit(|database| {
        let user = database.user("imani").unwrap().id;
        let workspace = database.workspace("Advice Line").unwrap().id;
        database.membership_mut(user, workspace).unwrap().role = Role::ReadOnly;
    });
    live.plan().code(0).says("~  member/imani in workspace/advice").says("(drift)");
    live.apply().code(0);
    assert_eq!(live.double.summary(), made);
}

#[test]
fn killed_at_any_request_it_ends_as_if_nothing_had_happened() {
    let undisturbed = live();
    undisturbed.apply().code(0);
    let (state, writes) = (undisturbed.double.summary(), sorted(undisturbed.double.front.writes()));
    let requests = undisturbed.double.front.requests().len();
    for request in 1..=requests {
        let live = live();
        live.is_killed_at(&live.double.front, request);
        live.apply().code(0);
        assert_eq!(live.double.summary(), state, "request {request}");
        assert_eq!(sorted(live.double.front.writes()), writes, "request {request}");
        live.plan().code(0).says("No changes.");
    }
}

fn sorted(mut writes: Vec<String>) -> Vec<String> {
    writes.sort();
    writes
}

#[test]
fn the_password_and_the_recovery_codes_of_a_new_account_go_to_their_secret_and_nowhere_else() {
    let live = live();
    let runs = [live.plan(), live.apply(), live.plan()];
    let folder = live.place.path().join("secrets/imani-aaq-account");
    let password = std::fs::read_to_string(folder.join("password")).unwrap();
    assert!(password.len() >= 20);
    let mut texts = live.left_behind();
    texts.extend(runs.into_iter().flat_map(|ran| [ran.out.into_bytes(), ran.err.into_bytes()]));
    assert_nowhere(&live.double.secrets(), &texts);
}

#[test]
fn what_aaq_cannot_do_is_said_before_anything_is_sent() {
    let live = live();
    live.rewrite("workspaces.yaml", "language: SWAHILI", "language: SWAHILI\n  quotas: {apiDaily: 500}");
    live.plan().code(0).says("workspace/advice  quotas");
    live.place.run("validate -f example").code(0).says("capability-missing");
    live.apply().code(0);
    live.plan().code(0).says("No changes.");
}
