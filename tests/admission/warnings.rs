//! What is let through with a word on the way: another object of the same commit may make it right.

use std::collections::BTreeMap;

use muster::controller::admission::{LONGEST, MOST};
use serde_json::{Value, json};

use crate::acme::{Acme, object, warned};

const CI: &str = "ci";

fn warnings(verdict: &muster::controller::admission::Verdict) -> String {
    warned(verdict).join("\n")
}

#[test]
fn one_commit_that_demotes_the_last_admin_and_promotes_another_passes_in_either_order() {
    let acme = Acme::with(&[]);
    let demote = json!({ "role": "Member" });
    let first = warnings(&acme.update("member/alice", demote.clone()).by(CI));
    assert!(first.starts_with("member/alice is the last lasting admin of organization/acme"), "{first}");
    assert!(first.contains("(last-admin); make another active member admin"), "{first}");
    let second = warnings(&acme.update("member/bob", json!({ "role": "Admin" })).by(CI));
    assert_eq!(second.lines().next().unwrap(), "bob@acme.example becomes admin of organization/acme (no access -> Admin)");
    let promoted = Acme::with(&[("member/bob", json!({ "role": "Admin" }))]);
    let third = warnings(&promoted.update("member/alice", demote).by(CI));
    assert!(third.starts_with("alice@acme.example "), "{third}");
}

#[test]
fn whoever_prunes_first_removes_the_last_admin_before_another_one_is_promoted() {
    let acme = Acme::with(&[]);
    let gone = warnings(&acme.delete("member/alice").by(CI));
    assert!(
        gone.starts_with("member/alice is the last lasting admin of organization/acme and cannot be removed (last-admin); "),
        "{gone}"
    );
    assert!(acme.update("member/bob", json!({ "role": "Admin" })).by(CI).denials.is_empty());
}

#[test]
fn what_the_rest_of_the_commit_could_make_right_is_told() {
    let acme = Acme::with(&[]);
    let says = |verdict: muster::controller::admission::Verdict, rule: &str| {
        let text = warnings(&verdict);
        assert!(text.contains(rule), "{rule}: {text}");
    };
    says(
        acme.update("template/webinar", json!({ "default": true })).by(CI),
        "template/webinar is held back: template/lesson (acme/lesson) is the default",
    );
    says(acme.update("template/lesson", json!({ "default": false })).by(CI), "default-template-kept");
    says(
        acme.delete("project/classroom").by(CI),
        "workspace/production is part of project/classroom and is still in the input (still-wanted)",
    );
    says(acme.delete("workspace/design").by(CI), "still-wanted");
    says(
        acme.update("member/carol", json!({ "email": "bob@acme.example" })).by(CI),
        "member/carol is held back: member/bob (acme/bob) has the e-mail address",
    );
    says(
        acme.create("Template", "talk", json!({ "workspaceRef": { "name": "design" }, "name": "lesson" })).by(CI),
        "template/talk is held back: template/lesson (acme/lesson) has the name lesson",
    );
    says(acme.create("Workspace", "studio", json!({ "projectRef": { "name": "nothing" } })).by(CI), "is held back: ");
    says(acme.update("template/webinar", json!({ "workspaceRef": { "name": "production" } })).by(CI), "parent-immutable");
}

#[test]
fn a_place_that_never_had_an_admin_is_only_told_about() {
    let policy = json!({ "policy": { "access": { "implicitAdmins": false } } });
    let acme = Acme::with(&[
        ("organization/acme", policy),
        ("member/carol", json!({ "workspaces": [{ "name": "production", "role": "Admin" }] })),
    ]);
    let text = warnings(&acme.create("Workspace", "studio", json!({})).by(CI));
    assert!(text.starts_with("workspace/studio is held back: "), "{text}");
}

#[test]
fn access_is_told_before_what_becomes_weaker_and_what_goes() {
    let acme = Acme::with(&[]);
    let lines = warnings(&acme.delete("member/carol").by(CI));
    assert_eq!(
        lines,
        "carol@acme.example loses access to workspace/production (Member -> no access)\n\
         member/carol is soft-deleted with 1 part and can be restored until 2026-03-31T09:00:00Z"
    );
    let lines = warnings(&acme.update("member/carol", json!({ "workspaces": [] })).by(CI));
    assert_eq!(
        lines,
        "carol@acme.example loses access to workspace/production (Member -> no access)\n\
         member/carol in workspace/production is soft-deleted and can be restored until 2026-03-31T09:00:00Z"
    );
}

fn many(count: usize) -> Acme {
    let mut objects: BTreeMap<String, Value> = Acme::with(&[]).objects;
    for n in 0..count {
        let name = format!("m{n:02}");
        let spec = json!({ "email": format!("{name}@acme.example"), "workspaces": [{ "name": "production", "role": "Helper" }] });
        objects.insert(format!("member/{name}"), object("Member", &name, spec));
    }
    let helper = json!({ "name": "Helper", "levels": ["Workspace"], "permissions": ["workspace:read"] });
    objects.insert("membershiptype/helper".to_owned(), object("MembershipType", "helper", helper));
    Acme::of(objects, "")
}

#[test]
fn the_effects_on_many_people_are_counted_and_new_admins_come_first() {
    let acme = many(40);
    let permissions = ["workspace:read", "members:write"];
    let verdict = acme.update("membershiptype/helper", json!({ "permissions": permissions })).by(CI);
    let lines = warned(&verdict);
    assert_eq!(lines.len(), MOST);
    assert!(lines[..MOST - 1].iter().all(|line| line.contains("becomes admin of workspace/production")), "{lines:#?}");
    assert_eq!(lines[MOST - 1], "and 26 more; `muster plan` shows all of it");
}

#[test]
fn no_warning_is_long_and_none_has_two_lines() {
    let acme = many(3);
    let long = "x\u{2028}\u{1b}[31m".repeat(12);
    let word = ["is", "immutable"].join(" ");
    let role = json!({ "name": format!("{word} Field"), "levels": ["Workspace"], "permissions": ["workspace:read"] });
    let changes = [
        acme.create("MembershipType", "strange", role),
        acme.update("member/m00", json!({ "role": long, "displayName": "x".repeat(100) })),
        acme.update("member/m00", json!({ "workspaces": (0..60).map(|n| json!({ "name": format!("nothing-{n}"), "role": "Helper" })).collect::<Vec<_>>() })),
        acme.delete("membershiptype/helper"),
    ];
    for change in changes {
        let verdict = change.by(CI);
        assert!(verdict.warnings.len() <= MOST, "{verdict:?}");
        for line in &verdict.warnings {
            assert!(line.chars().count() <= LONGEST && !line.chars().any(char::is_control), "{line}");
            assert!(!line.to_lowercase().contains(&word), "{line}");
        }
    }
}
