//! What the program does and says where something is not as it should be.

#[path = "support/postgres.rs"]
mod postgres;
#[path = "support/program.rs"]
mod program;

use program::{ACME, DESIGN, Place};
use serde_json::Value;

const BOB: &str = "\
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: bob}
spec: {organizationRef: {name: acme}, email: bob@acme.example}
";

#[test]
fn all_or_nothing_applies_nothing_where_a_part_of_the_input_is_wrong() {
    let mistakes = [
        ("a wrong value", BOB.replace("email: bob@acme.example", "email: nobody")),
        ("no kind", BOB.replace("kind: Member\n", "")),
        ("no YAML", "spec: [\n".to_owned()),
        ("a reference into nothing", BOB.replace("bob@acme.example", "bob@acme.example, workspaces: [{name: nowhere}]")),
    ];
    for (what, wrong) in mistakes {
        let place = Place::new();
        place.write("acme.yaml", &format!("{ACME}---\n{wrong}"));
        let ran = place.run("apply -f acme.yaml --auto-approve --all-or-nothing").code(3);
        assert!(ran.out.contains("wrong or cannot be read and --all-or-nothing was said"), "{what}: {}\n{}", ran.out, ran.err);
        ran.last_line("Nothing was applied.");
        assert!(!place.path().join("muster.db").exists(), "{what}");
    }
}

#[test]
fn all_or_nothing_applies_nothing_where_a_file_cannot_be_read() {
    let place = Place::new();
    place.write("acme.yaml", ACME);
    let ran = place.run("apply -f acme.yaml -f missing.yaml --auto-approve --all-or-nothing").code(3);
    ran.complains("missing.yaml").last_line("Nothing was applied.");
    place.run("apply -f missing.yaml --auto-approve --all-or-nothing").code(3).complains("Nothing was applied, because");
    place.run("apply -f acme.yaml -f missing.yaml --auto-approve").code(1).last_line("Applied: 2 created.");
}

#[test]
fn all_or_nothing_shows_what_is_refused() {
    let place = Place::applied(&format!("{ACME}---\n{DESIGN}"));
    place.write("acme.yaml", &ACME.replace("displayName: Acme", "displayName: Other"));
    let ran = place.run("apply -f acme.yaml --prune --auto-approve --all-or-nothing").code(3);
    let ran = ran.says("because something is refused and --all-or-nothing was said").says("refused by deletion-protected");
    assert!(!ran.out.contains("Other"), "what was not applied is not told as if it was: {}", ran.out);
}

#[test]
fn a_saved_plan_remembers_that_something_was_wrong_with_its_input() {
    let place = Place::new();
    place.write("acme.yaml", &format!("{ACME}---\nkind: Nothing\napiVersion: muster.dev/v1alpha1\n"));
    place.run("plan -f acme.yaml --out saved.plan").code(1);
    place.run("apply saved.plan --auto-approve --all-or-nothing").code(3).last_line("Nothing was applied.");
}

#[test]
fn a_store_that_does_not_exist_yet_is_named_before_everything_looks_new() {
    let place = Place::new();
    place.write("acme.yaml", ACME);
    let note = "note: the store sqlite://muster.db does not exist yet; apply creates it\n";
    place.run("plan -f acme.yaml").code(0).complains(note).last_line("Plan: 2 to create.");
    place.run("plan -f acme.yaml -o json").code(0).complains(note);
    place.run("apply -f acme.yaml --auto-approve").code(0).complains(note);
    let again = place.run("plan -f acme.yaml").code(0);
    assert_eq!(again.err, "");
    if let Some(url) = postgres::database() {
        let store = [("MUSTER_STORE", url.as_str())];
        let ran = place.run_with("plan -f acme.yaml", &store).code(0);
        ran.complains("note: the store postgres://").complains("does not exist yet; apply creates it\n");
        place.run_with("apply -f acme.yaml --auto-approve", &store).code(0);
        assert_eq!(place.run_with("plan -f acme.yaml", &store).code(0).err, "");
    }
}

#[test]
fn a_store_in_a_directory_that_does_not_exist_is_an_error() {
    let place = Place::new();
    place.write("acme.yaml", ACME);
    for command in
        ["plan -f acme.yaml", "apply -f acme.yaml --auto-approve", "export", "drift", "history verify", "restore mws/x"]
    {
        let ran = place.run(&format!("{command} --store sqlite://nowhere/muster.db")).code(1);
        ran.complains("error: sqlite://nowhere/muster.db: the directory nowhere does not exist; create it, or check");
    }
    assert!(!place.path().join("nowhere").exists());
}

#[test]
fn what_is_wrong_with_a_store_is_said_once_and_before_it_is_used() {
    let place = Place::new();
    place.write("acme.yaml", ACME);
    place.write("no.db", "this is no database, and long enough to see that");
    let ran = place.run("plan -f acme.yaml --store sqlite://no.db").code(1).complains("is not a SQLite database");
    assert_eq!(ran.err.matches("file is not a database").count(), 1, "{}", ran.err);
    std::fs::create_dir(place.path().join("data")).unwrap();
    let ran = place.run("apply -f acme.yaml --auto-approve --store sqlite://data").code(1);
    ran.complains("it is a directory; name a file in it, such as sqlite://data/muster.db");
    place.run("validate -f acme.yaml --against sqlite://x.db").code(1).complains("the store sqlite://x.db does not exist");
    let ran = place.run("plan").code(64);
    assert_eq!(ran.err, "error: name what to read: -f FILE, -f DIRECTORY, or -f - for standard input\n");
}

#[test]
fn files_in_the_place_of_a_saved_plan_are_told_apart() {
    let place = Place::new();
    place.write("acme.yaml", ACME);
    std::fs::create_dir(place.path().join("acme")).unwrap();
    place.run("apply acme --auto-approve").code(64).complains("to apply its files, say -f acme");
    place.run("apply acme.yaml --auto-approve").code(1).complains("or say -f acme.yaml to apply a file");
}

#[test]
fn an_input_that_cannot_be_used_at_all_is_not_told_as_no_changes() {
    let place = Place::new();
    let ran = place.run("plan -f missing.yaml").code(1).complains("cannot be read: there is no such file or directory");
    ran.last_line("Nothing was planned, because no part of the input can be used.");
    std::fs::write(place.path().join("binary.yaml"), (0..=255).cycle().take(2000).collect::<Vec<u8>>()).unwrap();
    let ran = place.run("validate -f binary.yaml").code(1);
    assert!(ran.out.lines().count() < 8 && !ran.out.contains(char::REPLACEMENT_CHARACTER), "{}", ran.out);
}

#[test]
fn programs_learn_whether_a_history_is_whole() {
    let place = Place::applied(ACME);
    let verified = |place: &Place, code: i32| -> Value {
        let out = place.run("history verify -o json").code(code).out;
        serde_json::from_str::<Value>(&out).unwrap()["organizations"][0].take()
    };
    let whole = verified(&place, 0);
    assert_eq!((&whole["unbroken"], &whole["entries"]), (&Value::Bool(true), &Value::from(2)));
    assert!(whole["hash"].as_str().is_some_and(|hash| hash.starts_with("sha256:")), "{whole}");
    place.by_hand("DELETE FROM history_values WHERE seq = 1");
    let broken = verified(&place, 1);
    assert_eq!((&broken["unbroken"], &broken["entry"]), (&Value::Bool(false), &Value::from(1)));
}

#[test]
fn a_namespace_means_the_same_in_every_command() {
    let inside = |text: &str, namespace: &str| text.replace("{name: ", &format!("{{namespace: {namespace}, name: "));
    let inside =
        |text: &str, namespace: &str| inside(text, namespace).replace(&format!("Ref: {{namespace: {namespace}, "), "Ref: {");
    let design = DESIGN.replace(", deletionProtection: true", "");
    let acme = inside(&format!("{ACME}---\n{design}"), "team-a");
    let zeta = inside(&format!("{ACME}---\n{design}").replace("acme", "zeta"), "team-z");
    let place = Place::applied(&format!("{acme}---\n{zeta}"));

    let exported = place.run("export -n team-z").code(0).says("name: zeta").out;
    assert!(!exported.contains("acme"), "{exported}");
    place.run("drift -n team-a").code(0).says("No drift");
    place.run("history verify -n team-z").code(0).last_line("organization zeta: 3 entries, unbroken");
    place.run("history -n team-z").code(0).says("organization/zeta");
    place.run("access -n team-z --workspace design").code(0).says("alice@zeta.example");
    place.run("access -n team-z alice@acme.example").code(1).complains("no member with the address");
    place.run("accept -n team-z alice@zeta.example").code(1).complains("has no open invitation");

    let (acme, zeta) = (inside(ACME, "team-a"), inside(&ACME.replace("acme", "zeta"), "team-z"));
    place.write("acme.yaml", &format!("{acme}---\n{zeta}"));
    place.run("apply -f acme.yaml --prune --auto-approve").code(0).last_line("Applied: 2 soft-deleted.");
    place.run("restore workspace/design").code(64).complains("(acme, zeta): say which one with --organization");
    place.run("restore workspace/design -n team-z").code(0).complains("Restored in organization zeta");
    place.run("restore workspace/design --organization acme").code(0).complains("Restored in organization acme");

    for command in
        ["export", "drift", "history", "history verify", "access alice@acme.example", "restore mws/x", "decline a@x.example"]
    {
        let ran = place.run(&format!("{command} -n team-b")).code(1);
        ran.complains("no organization of the store was read from namespace team-b");
    }
    place.run("export acme -n team-z").code(1).complains("there is no organization acme from namespace team-z");
    place.run("invite -n team-a --organization acme --role Admin x@acme.example").code(0).says("namespace: team-a");
}

#[test]
fn a_manager_that_was_changed_by_hand_is_drift_and_one_that_was_released_is_not() {
    let place = Place::applied(&format!("{ACME}---\n{}", DESIGN.replace(", deletionProtection: true", "")));
    place.by_hand("UPDATE objects SET manager = NULL WHERE name = 'alice'");
    place.run("drift --detailed-exitcode").code(2).says("~  member/alice  manager: muster -> nobody");
    place.by_hand("UPDATE objects SET manager = 'eve' WHERE name = 'alice'");
    place.run("drift").code(0).says("~  member/alice  manager: muster -> eve");
    let json: Value = serde_json::from_str(&place.run("drift -o json").out).unwrap();
    let managers = &json["organizations"][0]["managers"];
    assert_eq!(*managers, serde_json::json!([{ "address": "member/alice", "from": "muster", "to": "eve" }]));
    place.by_hand("UPDATE objects SET manager = 'muster' WHERE name = 'alice'");
    place.run("drift").code(0).says("No drift");

    place.write("acme.yaml", ACME);
    place.run("apply -f acme.yaml --prune --auto-approve").code(0);
    place.run("restore workspace/design").code(0);
    place.run("drift").code(0).says("No drift");
    let renamed =
        DESIGN.replace("{name: design}", "{name: studio}").replace("deletionProtection: true", "previousNames: [design]");
    place.write("acme.yaml", &format!("{ACME}---\n{renamed}").replace("displayName: Acme", "adoptionPolicy: Adopt"));
    place.run("apply -f acme.yaml --auto-approve").code(0);
    place.run("drift").code(0).says("No drift");
    place.write("acme.yaml", "");
    place.run("apply -f acme.yaml --prune --allow-empty --auto-approve");
    place.run("drift").code(0).says("No drift");
}

#[test]
fn what_cannot_be_read_is_no_reason_to_prune() {
    let place = Place::applied(&format!("{ACME}---\n{DESIGN}"));
    place.write("acme.yaml", ACME);
    place.run("plan -f acme.yaml").code(0).says("--prune removes");
    for input in ["-f acme.yaml -f missing.yaml", "-f missing.yaml"] {
        let ran = place.run(&format!("plan {input}")).code(1).complains("missing.yaml");
        assert!(!ran.out.contains("--prune"), "{}", ran.out);
    }
}

#[test]
fn two_places_do_not_apply_to_one_organization_and_the_rule_is_explained() {
    let place = Place::applied(ACME);
    place.by_hand("UPDATE revisions SET claim_holder = '6f0f9f2e'");
    place.write("acme.yaml", &ACME.replace("displayName: Acme", "displayName: Other"));
    let ran = place.run("apply -f acme.yaml --auto-approve").code(3).says("refused by claimed-elsewhere: ");
    ran.says("--take-over");
    place.run("explain claimed-elsewhere").code(0).says("--take-over");
    place.run("apply -f acme.yaml --auto-approve --take-over").code(0);
}

#[test]
fn every_refusal_is_annotated_also_of_what_is_written_nowhere() {
    let place = Place::applied(&format!("{ACME}---\n{DESIGN}"));
    place.write("acme.yaml", ACME);
    let summary = place.path().join("summary.md");
    let environment = [("GITHUB_STEP_SUMMARY", summary.to_str().unwrap())];
    for command in ["plan -f acme.yaml --prune -o github", "apply -f acme.yaml --prune --auto-approve -o github"] {
        let ran = place.run_with(command, &environment).code(3);
        ran.says("::error title=deletion-protected::workspace/design: soft-delete refused: it is protected from deletion");
    }
}
