//! What is denied: what one object proves by itself against what is stored.

use muster::controller::admission::Found;
use muster::tenancy::Manager;
use serde_json::{Value, json};

use crate::acme::{Acme, denied, object, read, review, warned};

const CI: &str = "system:serviceaccount:flux-system:acme";

#[test]
fn what_is_chosen_once_stays_whoever_asks() {
    let acme = Acme::with(&[]);
    let of = |change| acme.update("workspace/design", change).by(CI);
    assert_eq!(
        denied(&of(json!({ "dataResidency": "USA" }))),
        [(
            "residency-immutable",
            "workspace/design: its data stays in Europe (residency-immutable); put the old value back; data moves to another region \
             only through another workspace"
        )]
    );
    let rules = |change| denied(&of(change)).into_iter().map(|(rule, _)| rule).collect::<Vec<_>>();
    assert_eq!(rules(json!({ "hipaa": true })), ["hipaa-immutable"]);
    assert_eq!(rules(json!({ "scope": null, "owner": "bob" })), ["scope-immutable"]);
    assert_eq!(rules(json!({ "scope": "Project", "projectRef": { "name": "classroom" } })), ["scope-immutable"]);
    let all = json!({ "dataResidency": "India", "hipaa": true });
    assert_eq!(rules(all), ["hipaa-immutable", "residency-immutable"]);
}

#[test]
fn what_is_chosen_once_also_stays_for_an_object_that_was_deleted_and_created_again() {
    let acme = Acme::with(&[]);
    let again =
        acme.create("Workspace", "design", json!({ "dataResidency": "USA", "scope": "Private", "owner": "bob", "hipaa": false }));
    assert_eq!(denied(&again.by(CI))[0].0, "residency-immutable");
}

#[test]
fn a_protected_workspace_is_not_deleted() {
    let acme = Acme::with(&[]);
    assert_eq!(
        denied(&acme.delete("workspace/production").by(CI)),
        [(
            "deletion-protected",
            "workspace/production: it is protected from deletion (deletion-protected); set deletionProtection: false, wait until that \
             is applied, and delete it then"
        )]
    );
    // Unlocking it is a change of its own, and counts once it is applied.
    let unlocked = acme.update("workspace/production", json!({ "deletionProtection": false }));
    assert_eq!(warned(&unlocked.by(CI)), Vec::<&str>::new());
}

#[test]
fn no_workspace_is_deleted_where_the_policy_forbids_it() {
    let acme = Acme::with(&[("organization/acme", json!({ "policy": { "workspaceDeletion": { "mode": "Forbid" } } }))]);
    assert_eq!(
        denied(&acme.delete("workspace/design").by(CI)),
        [(
            "workspace-undeletable",
            "workspace/design: the policy of the organization does not allow workspaces to be deleted (workspace-undeletable); keep it; \
             or loosen workspaceDeletion.mode, wait until that is applied, and delete it then"
        )]
    );
}

#[test]
fn an_organization_goes_only_where_its_workspaces_may() {
    let forbid = json!({ "policy": { "workspaceDeletion": { "mode": "Forbid" } } });
    let acme = Acme::with(&[("organization/acme", forbid.clone())]);
    let rules: Vec<_> = denied(&acme.delete("organization/acme").by(CI)).into_iter().map(|(rule, _)| rule).collect();
    assert_eq!(rules, ["workspace-undeletable", "deletion-protected"]);
    let mut orphan = forbid;
    orphan["deletionPolicy"] = json!("Orphan");
    let acme = Acme::with(&[("organization/acme", orphan)]);
    assert_eq!(
        warned(&acme.delete("organization/acme").by(CI)),
        ["organization/acme: everything in it is kept in the store, and nobody manages it any more"]
    );
    let acme = Acme::with(&[("organization/acme", json!({ "deletionPolicy": "SoftDelete" }))]);
    assert_eq!(denied(&acme.delete("organization/acme").by(CI))[0].0, "deletion-protected");
}

#[test]
fn what_another_manager_has_is_not_touched() {
    let mut acme = Acme::with(&[]);
    acme.settings.manager = Manager::new("other");
    assert_eq!(
        denied(&acme.update("workspace/design", json!({ "displayName": "Design" })).by(CI)),
        [(
            "foreign-manager",
            "workspace/design: it is managed by muster, not by other (foreign-manager); write adoptionPolicy: Adopt in the Organization to \
             take it over, or delete this object, which removes nothing from the store"
        )]
    );
}

#[test]
fn nothing_is_said_about_what_is_not_stored_yet() {
    let mut acme = Acme::with(&[]);
    acme.found = Found::Nothing;
    let new = acme.create("Workspace", "studio", json!({ "owner": "nobody", "projectRef": { "name": "nothing" } }));
    assert_eq!(warned(&new.by("mallory@acme.example")), Vec::<&str>::new());
}

#[test]
fn another_namespace_learns_nothing_and_takes_nothing_over() {
    let mut acme = Acme::with(&[("organization/acme", json!({ "administrators": { "groups": ["platform"] } }))]);
    let Found::Here(stored) = acme.found else { unreachable!() };
    acme.found = Found::Elsewhere(stored);
    let member = acme.create("Member", "mallory", json!({ "email": "mallory@acme.example", "role": "Admin" }));
    assert_eq!(warned(&member.by("mallory")), Vec::<&str>::new());
    let organization = acme.create("Organization", "acme", json!({}));
    assert_eq!(denied(&organization.by("mallory"))[0].0, "not-permitted");
    assert_eq!(denied(&organization.by("bob@acme.example"))[0].0, "not-permitted");
    assert_eq!(warned(&acme.delete("organization/acme").by("mallory")), Vec::<&str>::new());
    let moved = ["organization/acme was last applied from another namespace"];
    assert_eq!(warned(&organization.by("alice@acme.example")), moved);
    assert_eq!(warned(&organization.by_member_of("ci", &["platform"])), moved);
}

#[test]
fn an_update_that_says_nothing_new_is_idle() {
    let acme = Acme::with(&[]);
    let same = acme.update("workspace/design", json!({}));
    assert!(same.request("mallory", &[]).is_idle());
    assert!(same.clone().annotated("example.com/note", "x").request("mallory", &[]).is_idle());
    assert!(!same.clone().annotated("muster.dev/approved-plan", "x").request("mallory", &[]).is_idle());
    assert!(!acme.update("workspace/design", json!({ "type": "QA" })).request("mallory", &[]).is_idle());
    assert!(!acme.delete("workspace/design").request("mallory", &[]).is_idle());
}

#[test]
fn what_is_being_deleted_already_is_nobodys_business() {
    let acme = Acme::with(&[]);
    let production = &acme.objects["workspace/production"];
    let mut going = production.clone();
    going["metadata"]["deletionTimestamp"] = json!("2026-03-01T09:00:00Z");
    going["metadata"]["finalizers"] = json!(["example.com/theirs"]);
    let mut edited = going.clone();
    edited["spec"]["dataResidency"] = json!("USA");
    assert!(read(&review("UPDATE", &edited, &going, ("ci", &[]))).is_none());
    assert!(read(&review("DELETE", &Value::Null, &going, ("ci", &[]))).is_none());
    assert!(read(&review("DELETE", &Value::Null, production, ("ci", &[]))).is_some());
    assert!(read(&review("CONNECT", production, &Value::Null, ("ci", &[]))).is_none());
}

#[test]
fn an_object_without_a_name_of_its_own_is_judged_by_the_one_that_it_was_given() {
    let acme = Acme::with(&[]);
    let mut new = review(
        "CREATE",
        &object("Template", "talk-x7k2p", json!({ "workspaceRef": { "name": "design" } })),
        &Value::Null,
        ("ci", &[]),
    );
    new["request"]["object"]["metadata"]["generateName"] = json!("talk-");
    new["request"]["name"] = json!("");
    assert_eq!(read(&new).unwrap().key.to_string(), "template/talk-x7k2p");
    let nameless = acme.create("Template", "", json!({ "workspaceRef": { "name": "design" } }));
    assert!(nameless.by(CI).denials.is_empty());
}

#[test]
fn the_controllers_of_kubernetes_and_exempt_users_are_not_judged() {
    let mut acme = Acme::with(&[]);
    acme.settings.exempt = vec!["system:serviceaccount:muster:muster".to_owned()];
    let exempts = |user: &str| acme.settings.exempts(&acme.delete("workspace/production").request(user, &[]));
    assert!(exempts("system:serviceaccount:kube-system:namespace-controller"));
    assert!(exempts("system:serviceaccount:kube-system:generic-garbage-collector"));
    // Where the controllers have no accounts of their own.
    assert!(exempts("system:kube-controller-manager"));
    assert!(exempts("system:serviceaccount:muster:muster"));
    assert!(!exempts("system:serviceaccount:kube-system-2:x") && !exempts("admin") && !exempts(""));
}

#[test]
fn no_secret_is_in_any_answer() {
    const CANARY: &str = "canary-5f2b";
    let webhook = |value: &str| json!({ "webhook": { "url": format!("https://hook.example/{value}"), "headers": [{ "name": "x-plain", "value": value }] } });
    let acme = Acme::with(&[("workspace/design", webhook(CANARY))]);
    let mut changed = webhook("canary-77");
    changed["dataResidency"] = json!("USA");
    let asked = [
        acme.update("workspace/design", changed),
        acme.update("workspace/design", webhook("canary-78")),
        acme.update("workspace/design", json!({ "webhook": { "headers": "canary-79" } })),
        acme.update("workspace/design", json!({ "language": "canary-80" })),
        acme.delete("workspace/design"),
    ];
    for asked in asked {
        for user in [CI, "carol@acme.example", "alice@acme.example"] {
            let verdict = format!("{:?}", asked.by(user));
            assert!(!verdict.contains("canary"), "{verdict}");
        }
    }
}
