use tokio::runtime::Runtime;

use super::{Live, assert_nowhere};
use crate::aaq::{Aaq, Role};

pub const URL: &str = "https://aaq.harbour.example";

fn live() -> Live<Aaq> {
    live_with_login().0
}

/// The example, and the login that it has as a secret.
pub fn live_with_login() -> (Live<Aaq>, String) {
    let runtime = Runtime::new().unwrap();
    let (double, password) = runtime.block_on(Aaq::with_first_user("muster"));
    let live = Live::new("aaq-live", URL, (runtime, double), |double| double.url().to_owned());
    let login = format!("muster:{password}");
    live.secret("harbour-aaq", "login", &login);
    (live, login)
}

/// Somebody gives a user another role in a workspace, at the service.
pub fn demote(double: &Aaq, user: &str, workspace: &str, role: Role) {
    double.edit(|database| {
        let user = database.user(user).unwrap().id;
        let workspace = database.workspace(workspace).unwrap().id;
        database.membership_mut(user, workspace).unwrap().role = role;
    });
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
    demote(&live.double, "imani", "Advice Line", Role::ReadOnly);
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

#[test]
fn an_organization_that_goes_says_who_keeps_access_at_the_service() {
    let live = live();
    live.apply().code(0);
    for file in ["organization.yaml", "workspaces.yaml", "people.yaml"] {
        std::fs::remove_file(live.place.path().join("example").join(file)).unwrap();
    }
    let flags = "-f example --secrets secrets --backend-allow 127.0.0.1 --prune --allow-empty";
    let planned = live.place.run(&format!("plan {flags}"));
    let digest = planned.out.split("--approve ").nth(1).unwrap().split([' ', '`', '\n']).next().unwrap().to_owned();
    let applied = live.place.run(&format!("apply {flags} --approve {digest} --auto-approve"));
    assert!(applied.out.contains("workspace/advice  stays there"), "{}\n{}", applied.out, applied.err);
    assert!(applied.out.contains("keeps the access there"), "{}", applied.out);
}

#[test]
fn a_service_that_is_not_named_any_more_keeps_what_it_has_and_that_is_said() {
    let live = live();
    live.apply().code(0);
    let text = std::fs::read_to_string(live.place.path().join("example/organization.yaml")).unwrap();
    let (before, rest) = text.split_once("  backend:").unwrap();
    let policy = &rest[rest.find("  policy:").unwrap()..];
    std::fs::write(live.place.path().join("example/organization.yaml"), format!("{before}{policy}")).unwrap();
    let made = live.double.summary();
    live.apply().code(0).says("spec.backend was taken out").says("keep their access");
    assert_eq!(live.double.summary(), made);
}

#[test]
fn another_address_is_another_service_and_nobody_is_renamed_there() {
    let live = live();
    live.apply().code(0);
    let (other, password) = live.runtime.block_on(Aaq::with_first_user("muster"));
    live.secret("harbour-aaq", "login", &format!("muster:{password}"));
    other.edit(|database| {
        for name in ["Other Team", "Their Team"] {
            let workspace = database.create_workspace(name, None, None);
            let (muster, zoe) =
                (database.user("muster").unwrap().id, database.create_user(&format!("zoe of {name}"), "x", Vec::new()));
            database.join(muster, workspace, Role::Admin, false);
            database.join(zoe, workspace, Role::Admin, true);
        }
    });
    let before = other.summary();
    live.rewrite("organization.yaml", live.double.url(), other.url());
    let planned = live.plan().code(0);
    assert!(!planned.out.contains("Other Team ->") && planned.out.contains("+  workspace/advice"), "{}", planned.out);
    live.apply();
    let after = other.summary();
    assert!(before.iter().all(|line| after.contains(line)), "{after:?}");
}

#[test]
fn that_nobody_is_invited_is_said_on_the_pull_request() {
    let live = live();
    live.rewrite("organization.yaml", "    drift: Correct", "    drift: Correct\n    invitations: {mode: Invite}");
    live.place.run("validate -f example").code(0).says("capability-missing").says("AAQ invites nobody");
    live.plan().says("organization/harbour  policy.invitations: AAQ invites nobody");
}

#[test]
fn a_workspace_that_is_purged_is_told_once_more_and_then_is_as_what_others_made() {
    let live = live();
    live.apply().code(0);
    let path = live.place.path().join("example/workspaces.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.split_once("---\n").unwrap().0).unwrap();
    live.rewrite("people.yaml", "  - {name: clinic, role: Admin}\n", "");
    let prune = || live.place.run(&format!("apply {} --prune --auto-approve", super::FLAGS));
    prune().code(0).says("workspace/clinic  stays there");
    let made = live.double.summary();
    live.place.by_hand("UPDATE objects SET purge_at = deleted_at WHERE deleted_at IS NOT NULL");
    let planned = live.plan().code(0).says("(stays there: AAQ has no call that deletes a workspace");
    planned.says("At AAQ: 2 to forget.");
    prune().code(0).says("forgotten    workspace/clinic");
    live.plan().code(0).says("No changes.");
    assert!(!live.plan().out.contains("stays there"));
    assert_eq!(live.double.summary(), made);
}

#[test]
fn where_the_password_of_a_new_account_could_not_be_kept_the_plan_says_it() {
    let live = live();
    live.secret("imani-aaq-account", "theirs", "somebody else's");
    let because = "imani has no account there, and the password of a new one would be lost";
    live.plan()
        .code(0)
        .says(&format!("member/imani in workspace/advice  held: {because}"))
        .says("+  member/juma in workspace/advice");
    live.apply().code(0).says(because);
    std::fs::remove_dir_all(live.place.path().join("secrets/imani-aaq-account")).unwrap();
    live.apply().code(0).says("created      member/imani in workspace/advice");
    live.plan().code(0).says("No changes.");
}
