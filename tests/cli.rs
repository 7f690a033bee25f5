//! The program as a user runs it: its exit codes, its streams, and what it takes from the environment.

#[path = "support/program.rs"]
mod program;

use std::io::{BufRead, BufReader};
use std::process::{Command, Output, Stdio};

use program::{ACME, DESIGN, Place, ran};

fn without_a(text: &str, line: &str) -> String {
    assert!(text.contains(line), "{line}");
    text.replace(line, "")
}

#[test]
fn usage_errors_are_64_and_help_is_0() {
    let place = Place::new();
    for arguments in [
        "",
        "plann",
        "plan --nonsense",
        "plan",
        "apply",
        "apply -f acme.yaml saved.json --auto-approve",
        "plan -f acme.yaml --manager policy",
        "plan -f acme.yaml --as-of tomorrow",
        "plan -f acme.yaml --concise --full",
        "plan -f acme.yaml --approve 12",
        "plan -f acme.yaml --max-removals-percent 101",
        "access",
        "explain workspce",
        "explain workspace.spec.scop",
        "invite --role Admin --organization acme not-an-address",
        "restore design",
    ] {
        let ran = place.run(arguments).code(64);
        assert!(!ran.err.is_empty() && ran.out.is_empty(), "{arguments}: {}", ran.out);
    }
    place.run("--help").code(0).says("Exit codes");
    place.run("plan --help").code(0).says("--detailed-exitcode");
    place.run("--version").code(0).says("muster ");
}

#[test]
fn what_is_done_or_has_nothing_to_do_is_0() {
    let place = Place::applied(ACME);
    place.run("plan -f acme.yaml").code(0).last_line("No changes. 2 objects are as the input says.");
    place.run("apply -f acme.yaml --auto-approve").code(0).last_line("Nothing to apply. 2 objects are as the input says.");
    place.run("drift").code(0).says("No drift");
}

#[test]
fn a_wrong_document_is_1_and_the_rest_is_applied() {
    let place = Place::new();
    place.write("acme.yaml", &format!("{ACME}---\n{}", DESIGN.replace("deletionProtection", "deletionProtecton")));
    place.run("validate -f acme.yaml").code(1).says("did you mean `deletionProtection`?");
    place.run("plan -f acme.yaml").code(1).complains("deletionProtecton").says("held");
    place.run("apply -f acme.yaml --auto-approve").code(1).last_line("Applied: 2 created, 1 held.");
    place.run("plan -f missing.yaml").code(1).complains("missing.yaml");
    place.run("plan -f acme.yaml --store mysql://x").code(1).complains("sqlite://PATH");
}

#[test]
fn differences_are_2_only_where_they_are_asked_for() {
    let place = Place::new();
    place.write("acme.yaml", ACME);
    place.run("plan -f acme.yaml").code(0);
    place.run("plan -f acme.yaml --detailed-exitcode").code(2).last_line("Plan: 2 to create.");
    place.run("plan -f acme.yaml --diff-exit-code 20").code(20);
    place.run("apply -f acme.yaml --auto-approve").code(0);
    place.run("plan -f acme.yaml --detailed-exitcode").code(0);
    place.by_hand("UPDATE objects SET spec = json_set(spec, '$.displayName', 'Hacked') WHERE kind = 'Organization'");
    place.run("plan -f acme.yaml --detailed-exitcode").code(2).says("1 drifted");
}

#[test]
fn what_is_only_missing_or_held_is_no_difference() {
    let place = Place::applied(&format!("{ACME}---\n{DESIGN}"));
    place.write("acme.yaml", ACME);
    place.run("plan -f acme.yaml --detailed-exitcode").code(0).says("Managed, but not in the input");
    let suspended = ACME.replace("{displayName: Acme}", "{displayName: Acme, suspend: true}");
    place.write("acme.yaml", &format!("{suspended}---\n{DESIGN}"));
    place.run("apply -f acme.yaml --auto-approve").code(0);
    place.write("acme.yaml", &format!("{suspended}---\n{DESIGN}").replace("role: Admin", "role: Admin, displayName: Al"));
    place.run("plan -f acme.yaml --detailed-exitcode").code(0).says("held: the organization is suspended");
}

#[test]
fn a_refusal_is_3_and_comes_before_differences() {
    let place = Place::applied(&format!("{ACME}---\n{DESIGN}"));
    place.write("acme.yaml", &ACME.replace("displayName: Acme", "displayName: Acme Ltd"));
    let plan = place.run("plan -f acme.yaml --prune --detailed-exitcode").code(3);
    plan.says("soft-delete refused by deletion-protected").says("way out");
    place.run("apply -f acme.yaml --prune --auto-approve --all-or-nothing").code(3).last_line("Nothing was applied.");
    place.run("apply -f acme.yaml --prune --auto-approve").code(3).last_line("Applied: 1 updated, 1 refused.");
}

#[test]
fn an_error_comes_before_a_refusal() {
    let place = Place::applied(&format!("{ACME}---\n{DESIGN}"));
    let wrong = DESIGN.replace("name: design", "name: other").replace("deletionProtection: true", "scope: Nowhere");
    let demoted = ACME.replace("role: Admin", "role: ReadOnly");
    place.write("acme.yaml", &format!("{demoted}---\n{wrong}"));
    place.run("plan -f acme.yaml").code(1).says("refused by last-admin");
}

#[test]
fn a_stale_plan_is_5_and_writes_nothing() {
    let place = Place::applied(ACME);
    place.write("acme.yaml", &ACME.replace("displayName: Acme", "displayName: One"));
    place.run("plan -f acme.yaml --out one.plan").code(0).complains("muster apply one.plan");
    place.write("acme.yaml", &ACME.replace("displayName: Acme", "displayName: Two"));
    place.run("apply -f acme.yaml --auto-approve").code(0);
    place.run("apply one.plan --auto-approve").code(5).says("plan again").last_line("Nothing was applied.");
    place.run("export").code(0).says("displayName: Two");
}

#[test]
fn a_saved_plan_is_carried_out_as_it_is() {
    let place = Place::new();
    place.write("acme.yaml", ACME);
    place.run("plan -f acme.yaml --out saved.plan").code(0);
    place.write("acme.yaml", "");
    place.run("apply saved.plan --auto-approve --prune").code(64).complains("carried out as it is");
    place.run("apply saved.plan --auto-approve --as bob@acme.example").code(64).complains("--as belongs to `muster plan`");
    place.run("apply saved.plan --auto-approve --manager other").code(64).complains("--manager muster");
    place.run("apply saved.plan --auto-approve").code(0).last_line("Applied: 2 created.");
    let changed = std::fs::read_to_string(place.path().join("saved.plan")).unwrap().replace("alice@", "mallory@");
    place.write("changed.plan", &changed);
    place.run("apply changed.plan --auto-approve").code(1).complains("was changed after it was made");
    place.write("other.plan", "{}");
    place.run("apply other.plan --auto-approve").code(1).complains("is not a plan of this muster");
}

#[test]
fn apply_asks_on_a_terminal_and_nowhere_else() {
    let place = Place::new();
    place.write("acme.yaml", ACME);
    place.run("apply -f acme.yaml").code(64).complains("--auto-approve");
    assert!(!place.path().join("muster.db").exists());
}

#[test]
fn a_pull_request_is_planned_and_not_applied() {
    let place = Place::new();
    place.write("acme.yaml", ACME);
    let pull_request = [("CI", "true"), ("GITHUB_EVENT_NAME", "pull_request")];
    place.run_with("plan -f acme.yaml", &pull_request).code(0);
    place.run_with("apply -f acme.yaml --auto-approve", &pull_request).code(64).complains("pull request");
    place.run_with("apply -f acme.yaml --auto-approve --allow-in-pr", &pull_request).code(0);
}

#[test]
fn removing_much_waits_for_an_approval_of_exactly_that() {
    let workspace = |n: usize| DESIGN.replace("design", &format!("w{n}")).replace(", deletionProtection: true", "");
    let all: Vec<String> = (0..12).map(workspace).collect();
    let place = Place::applied(&format!("{ACME}---\n{}", all.join("---\n")));
    place.write("acme.yaml", ACME);
    let plan = place.run("plan -f acme.yaml --prune").code(3).says("refused by max-removals");
    let digest = plan.out.split("add `--approve ").nth(1).unwrap().split('`').next().unwrap();
    place.write("acme.yaml", &format!("{ACME}---\n{}", all[0]));
    place.run(&format!("apply -f acme.yaml --prune --auto-approve --approve {digest}")).code(3);
    place.write("acme.yaml", ACME);
    let applied = place.run(&format!("apply -f acme.yaml --prune --auto-approve --approve {digest}"));
    applied.code(0).last_line("Applied: 12 soft-deleted.");
}

#[test]
fn input_comes_from_files_directories_and_standard_input() {
    let place = Place::new();
    std::fs::create_dir_all(place.path().join("tenants/inner")).unwrap();
    place.write("tenants/acme.yaml", ACME);
    place.write("tenants/inner/design.yaml", DESIGN);
    place.run("plan -f tenants").last_line("Plan: 2 to create.");
    place.run("plan -f tenants -R").last_line("Plan: 3 to create.");
    place.run("plan -f tenants/acme.yaml -f tenants/inner").last_line("Plan: 3 to create.");
    place.run_on("plan -f -", ACME).code(0).last_line("Plan: 2 to create.");
    place.run_on("plan -f -", "").code(1).complains("--allow-empty");
    place.run_on("apply -f - --auto-approve", ACME).code(0);
}

#[test]
fn every_flag_can_come_from_the_environment() {
    let place = Place::new();
    place.write("acme.yaml", ACME);
    let environment = [("MUSTER_FILENAME", "acme.yaml"), ("MUSTER_STORE", "sqlite://other.db"), ("MUSTER_AUTO_APPROVE", "1")];
    place.run_with("apply", &environment).code(0);
    assert!(place.path().join("other.db").exists() && !place.path().join("muster.db").exists());
    place.run_with("apply", &[("MUSTER_FILENAME", "acme.yaml"), ("MUSTER_AUTO_APPROVE", "false")]).code(64);
    place.run_with("plan", &[("MUSTER_FILENAME", "acme.yaml"), ("MUSTER_DETAILED_EXITCODE", "true")]).code(2);
}

#[test]
fn text_is_plain_where_nobody_looks_at_a_terminal() {
    let place = Place::new();
    place.write("acme.yaml", ACME);
    for environment in [[("TERM", "xterm-256color")], [("NO_COLOR", "1")]] {
        let ran = place.run_with("plan -f acme.yaml", &environment).code(0);
        assert!(!ran.out.contains('\x1b') && !ran.err.contains('\x1b'), "{}", ran.err);
    }
}

#[test]
fn programs_get_json_on_standard_output() {
    let place = Place::new();
    place.write("acme.yaml", &format!("{ACME}---\n{}", DESIGN.replace("design", "Design")));
    let plan: serde_json::Value = serde_json::from_str(&place.run("plan -f acme.yaml -o json").code(1).out).unwrap();
    assert_eq!(plan["resource_changes"][0]["address"], "organization/acme");
    assert_eq!(plan["errored"], true);
    assert_eq!(plan["diagnostics"].as_array().map(Vec::len), Some(1));
    let outcome = place.run("apply -f acme.yaml -o json --auto-approve").code(1).out;
    let outcome: serde_json::Value = serde_json::from_str(&outcome).unwrap();
    assert_eq!(outcome["summary"]["Created"], 2);
    for command in ["history -o json", "access alice@acme.example -o json", "drift -o json", "validate -f acme.yaml -o sarif"] {
        serde_json::from_str::<serde_json::Value>(&place.run(command).out).unwrap();
    }
}

#[test]
fn github_gets_annotations_and_a_summary() {
    let place = Place::applied(ACME);
    place.write("acme.yaml", &ACME.replace("role: Admin", "role: ReadOnly"));
    place.run("plan -f acme.yaml -o github").code(64).complains("GITHUB_STEP_SUMMARY");
    let summary = place.path().join("summary.md");
    std::fs::write(&summary, "before\n").unwrap();
    let ran = place.run_with("plan -f acme.yaml -o github", &[("GITHUB_STEP_SUMMARY", summary.to_str().unwrap())]).code(3);
    ran.says("::error file=acme.yaml,line=6");
    let written = std::fs::read_to_string(summary).unwrap();
    assert!(written.starts_with("before\n<!-- muster -->\n### No changes."), "{written}");
}

#[test]
fn only_filters_what_is_shown_and_not_what_is_planned() {
    let place = Place::new();
    place.write("acme.yaml", &format!("{ACME}---\n{DESIGN}"));
    let ran = place.run("plan -f acme.yaml --only workspace/design").code(0).last_line("Plan: 3 to create.");
    assert!(ran.out.contains("workspace/design") && !ran.out.contains("alice"), "{}", ran.out);
}

#[test]
fn time_alone_is_planned_with_as_of() {
    let member = "\
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: bob}
spec:
  organizationRef: {name: acme}
  email: bob@acme.example
  workspaces: [{name: design, role: ReadOnly, expiresAt: 2999-01-01T00:00:00Z}]
";
    let place = Place::applied(&format!("{ACME}---\n{DESIGN}---\n{member}"));
    place.run("plan -f acme.yaml").last_line("No changes. 5 objects are as the input says.");
    let later = place.run("plan -f acme.yaml --as-of 2999-01-02").code(0).says("access ended 2999-01-01T00:00:00Z");
    later.says("-  bob@acme.example loses access to workspace/design (ReadOnly until 2999-01-01T00:00:00Z -> no access)");
    place.run("plan -f acme.yaml --as-of 2999-01-02 --out x").code(64);
}

#[test]
fn two_repositories_prune_in_one_store_without_meeting() {
    let place = Place::applied(&format!("{ACME}---\n{DESIGN}"));
    place.write("other.yaml", &ACME.replace("acme", "other").replace("alice", "olga"));
    let first = place.run("apply -f other.yaml --prune --auto-approve").code(0);
    first.last_line("Applied: 2 created.");
    let again = place.run("plan -f other.yaml --prune").code(0).says("organization/acme is not in the input, and is kept");
    again.says("add `--prune --approve sha256:").last_line("No changes. 2 objects are as the input says.");
    place
        .run("plan -f other.yaml --prune -o markdown")
        .code(0)
        .says("`organization/acme`, with everything in it; `--prune --approve sha256:");
    place.run("apply -f acme.yaml --prune --auto-approve").code(0);
    place.run("access alice@acme.example").code(0).says("organization/acme");
}

#[test]
fn what_was_deleted_comes_back_with_what_to_commit() {
    let place = Place::applied(&format!("{ACME}---\n{}", without_a(DESIGN, ", deletionProtection: true")));
    place.write("acme.yaml", ACME);
    place.run("apply -f acme.yaml --prune --auto-approve").code(0).last_line("Applied: 1 soft-deleted.");
    place.run("restore workspace/nothing").code(1).complains("has no workspace/nothing");
    let restored = place.run("restore workspace/design").code(0).complains("workspace/design");
    assert!(restored.out.starts_with("apiVersion: muster.dev/v1alpha1\nkind: Workspace\n"), "{}", restored.out);
    place.run("restore workspace/design").code(1).complains("is not deleted");
    place.run("history workspace/design").code(0).says("Restored");
    place.run("history verify").code(0).says("unbroken");
}

#[test]
fn a_history_that_was_cut_off_is_told_and_the_others_are_checked_too() {
    let place = Place::applied(&format!("{ACME}---\n{}", ACME.replace("acme", "zeta").replace("alice", "zoe")));
    place.run("history verify").code(0).last_line("organization zeta: 2 entries, unbroken");
    place.by_hand("DELETE FROM history WHERE organization = 'acme' AND seq = 2");
    let ran = place.run("history verify").code(1).last_line("organization zeta: 2 entries, unbroken");
    ran.complains("the history of acme is broken at entry 2: it is missing, and so are all entries after it");
}

#[test]
fn an_export_plans_to_nothing() {
    let place = Place::applied(&format!("{ACME}---\n{DESIGN}"));
    let exported = place.run("export acme").code(0).out;
    place.run_on("plan -f - --detailed-exitcode", &exported).code(0);
    place.run("export nobody").code(1).complains("there is no organization nobody");
}

#[test]
fn access_tells_who_may_do_what_and_why() {
    let place = Place::applied(&format!("{ACME}---\n{DESIGN}"));
    place.run("access Alice@acme.example").code(0).says("workspace/design   Admin of organization/acme: ");
    place.run("access --workspace design").code(0).says("alice@acme.example is member/alice of organization acme, Active");
    place.run("access --workspace other").code(1).complains("the store has no workspace/other");
    place.run("access eve@acme.example").code(1).complains("no member with the address");
}

#[test]
fn why_and_why_not_name_what_a_private_and_a_local_workspace_cut_off() {
    let workspaces = DESIGN.replace("name: acme}", "name: acme}, scope: Private, owner: alice");
    let local = workspaces.replace("name: design", "name: sketch").replace("Private", "Local");
    let people = ACME.split("---\n").nth(1).unwrap().replace("alice", "tina");
    let manage = ACME.replace("displayName: Acme", "policy: {access: {privateWorkspaces: Manage}}");
    let place = Place::applied(&format!("{manage}---\n{people}---\n{workspaces}---\n{local}"));
    place
        .run("why-not tina@acme.example content:read workspace/design")
        .code(0)
        .says("because workspace/design is Private (access.privateWorkspaces: Manage)")
        .says("content:read comes with Admin, Member, ReadOnly");
    place
        .run("why tina@acme.example workspace:delete workspace/design")
        .code(0)
        .says("(access.implicitAdmins and access.privateWorkspaces: Manage, as it is Private)");
    place
        .run("why-not tina@acme.example content:read workspace/sketch")
        .code(0)
        .says("because workspace/sketch is Local")
        .says("no role that can be given in workspace/sketch includes content:read");
}

#[test]
fn an_invitation_is_answered_once() {
    let bob = ACME.split("---\n").nth(1).unwrap().replace("alice", "bob").replace("role: Admin", "role: ReadOnly");
    let invites = ACME.replace("displayName: Acme", "policy: {invitations: {mode: Invite}}");
    let place = Place::applied(&format!("{invites}---\n{bob}"));
    place.run("access bob@acme.example").code(0).says("Invited");
    place.run("accept bob@acme.example").code(0).says("member/bob of acme accepted the invitation.");
    place.run("access bob@acme.example").code(0).says("Active");
    place.run("decline bob@acme.example").code(1).complains("has no open invitation");
    place.run("accept eve@acme.example").code(1).complains("no member with the address");
}

#[test]
fn documents_for_invitations_are_valid() {
    let place = Place::new();
    let ran =
        place.command("invite --organization acme --role Admin").arg("bob@acme.example, Eve@acme.example").output().unwrap();
    let documents = ran_ok(&ran);
    place.write("acme.yaml", &format!("{ACME}---\n{documents}"));
    place.run("validate -f acme.yaml").code(0).says("Valid: 4 objects.");
}

#[test]
fn documents_about_other_things_do_not_keep_the_rest_from_being_valid() {
    let place = Place::new();
    place.write("acme.yaml", &format!("{ACME}---\n{{apiVersion: v1, kind: Namespace, metadata: {{name: acme}}}}\n"));
    place.run("validate -f acme.yaml").code(0).says("note: acme.yaml:").says("Valid: 2 objects.");
}

fn ran_ok(output: &Output) -> String {
    ran(output).code(0).out
}

#[test]
fn rules_kinds_and_fields_are_explained() {
    let place = Place::new();
    place.run("explain").code(0).says("last-admin");
    place.run("explain last-admin").code(0).says("keeps as many lasting ones");
    place.run("explain workspace.spec.scope").code(0).says("VALUES");
    place.run("explain workspace").code(0).says("An isolated environment").says("quotas <object>");
    place.run("explain mws.quotas.apiDaily").code(0).says("workspace.spec.quotas.apiDaily").says("Unlimited");
    place.run("explain last-admn").code(64).complains("did you mean last-admin?");
}

#[test]
fn an_interrupted_command_is_130() {
    let place = Place::new();
    let mut command = place.command("plan -f -");
    let mut child = command.env("MUSTER_LOG", "debug").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // Its input stays open, so that only the signal ends it.
    let _input = child.stdin.take();
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    // It says that it reads, and then waits for its input.
    while !line.contains("reading files") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0);
    }
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn a_store_that_is_not_there_is_not_created_by_asking_for_it() {
    let place = Place::new();
    for command in ["restore workspace/design", "accept alice@acme.example"] {
        place.run(command).code(1).complains("nothing was ever applied to it");
    }
    for command in ["export", "drift", "history verify"] {
        let ran = place.run(command).code(0);
        ran.complains("note: the store sqlite://muster.db does not exist: nothing was ever applied to it");
    }
    assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn drift_is_found_kept_and_noted() {
    let place = Place::applied(ACME);
    place.by_hand("UPDATE objects SET spec = json_set(spec, '$.displayName', 'Hacked') WHERE kind = 'Organization'");
    place.run("drift --detailed-exitcode").code(2).says("displayName: Acme -> Hacked");
    place.run("plan -f acme.yaml").code(0).last_line("No changes. 2 objects are as the input says, 1 drifted.");
    place.run("apply -f acme.yaml --auto-approve").code(0).says("took note of what drifted");
    place
        .run("apply -f acme.yaml --auto-approve")
        .code(0)
        .last_line("Nothing to apply. 2 objects are as the input says, 1 drifted.");
    place.run("history organization/acme").code(0).says("Drifted");
    place.by_hand("DELETE FROM objects WHERE kind = 'Member'");
    place.run("drift").code(0).says("member/alice       gone: another hand deleted it");
}

#[test]
fn definitions_and_completions_are_printed() {
    let place = Place::new();
    let definitions = place.run("crds").code(0).out;
    assert_eq!(definitions.matches("\nkind: CustomResourceDefinition\n").count(), 9);
    place.run("completions bash").code(0).says("_muster");
}
