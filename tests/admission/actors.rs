//! Who asks: a user of Kubernetes as a member of the organization, as its automation, or as nobody.

use std::sync::Arc;
use std::time::Duration;

use muster::controller::admission::{Actor, Found, Reader, Settings, Stored, User, Verdict, Webhook};
use muster::tenancy::{Manager, Tombstone};
use serde_json::{Value, json};

use crate::acme::{Acme, denied, warned};
use crate::scenario::BEGIN;
use crate::serving::fill_with;

fn listed() -> Value {
    json!({ "administrators": {
        "users": ["root", "carol@acme.example"], "groups": ["platform"], "serviceAccounts": ["flux-system:acme"],
    } })
}

fn actor(acme: &Acme, name: &str, groups: &[&str]) -> Actor {
    let Found::Here(stored) = &acme.found else { unreachable!() };
    let user = User { name: name.to_owned(), groups: groups.iter().map(|&group| group.to_owned()).collect() };
    Actor::of(&user, &stored.snapshot, acme.settings.oidc_prefix.as_deref())
}

fn member(email: &str) -> Actor {
    Actor::Member(email.into())
}

#[test]
fn a_user_is_who_the_organization_says() {
    let open = Acme::with(&[]);
    let closed = Acme::with(&[("organization/acme", listed())]);
    for (name, groups, in_open, in_closed) in [
        ("alice@acme.example", &[][..], member("alice@acme.example"), member("alice@acme.example")),
        ("oidc:alice@acme.example", &[], member("alice@acme.example"), member("alice@acme.example")),
        ("ALICE@acme.example", &[], member("ALICE@acme.example"), member("ALICE@acme.example")),
        ("other:alice@acme.example", &[], Actor::Automation, Actor::Stranger),
        // Being listed wins over being a member.
        ("carol@acme.example", &[], member("carol@acme.example"), Actor::Automation),
        ("alice@acme.example", &["platform"], member("alice@acme.example"), Actor::Automation),
        // Whoever is locked out is known all the same.
        ("dave@acme.example", &[], member("dave@acme.example"), member("dave@acme.example")),
        ("root", &[], Actor::Automation, Actor::Automation),
        ("oidc:root", &[], Actor::Automation, Actor::Stranger),
        ("ci", &["system:authenticated", "platform"], Actor::Automation, Actor::Automation),
        ("ci", &["platforms"], Actor::Automation, Actor::Stranger),
        ("system:serviceaccount:flux-system:acme", &[], Actor::Automation, Actor::Automation),
        ("system:serviceaccount:flux-system:other", &[], Actor::Automation, Actor::Stranger),
        ("flux-system:acme", &[], Actor::Automation, Actor::Stranger),
        ("", &[], Actor::Automation, Actor::Stranger),
    ] {
        assert_eq!(actor(&open, name, groups), in_open, "{name} {groups:?} without administrators");
        assert_eq!(actor(&closed, name, groups), in_closed, "{name} {groups:?} with administrators");
    }
}

#[test]
fn what_only_a_later_version_can_read_opens_no_door() {
    let acme = Acme::with(&[("organization/acme", listed())]);
    let Found::Here(stored) = &acme.found else { unreachable!() };
    let mallory = User { name: "mallory".to_owned(), groups: Vec::new() };
    for spec in [
        json!({ "administrators": { "users": ["root"] }, "later": true }).to_string(),
        json!({ "administrators": { "later": ["root"] } }).to_string(),
        "{".to_owned(),
    ] {
        let mut snapshot = stored.snapshot.clone();
        let row = snapshot.rows.iter_mut().find(|row| row.key.to_string() == "organization/acme").unwrap();
        row.spec = spec.into();
        assert_eq!(Actor::of(&mallory, &snapshot, None), Actor::Stranger);
    }
}

#[test]
fn a_member_who_was_removed_does_not_become_the_automation() {
    let without_carol: String =
        crate::acme::ACME.split("---\n").filter(|it| !it.contains("carol")).collect::<Vec<_>>().join("---\n");
    let acme = Acme::after(&format!("#! apply --prune\n{without_carol}"));
    assert_eq!(actor(&acme, "carol@acme.example", &[]), member("carol@acme.example"));
    let verdict = acme.update("workspace/design", json!({ "type": "QA" })).by("carol@acme.example");
    assert_eq!(denied(&verdict)[0].0, "not-permitted");
}

#[test]
fn a_stranger_changes_nothing_where_administrators_are_listed() {
    let acme = Acme::with(&[("organization/acme", listed())]);
    assert_eq!(
        denied(&acme.update("workspace/design", json!({ "type": "QA" })).by("mallory")),
        [(
            "not-permitted",
            "workspace/design: mallory is neither listed in spec.administrators of organization/acme nor the address of one of its \
             members (not-permitted); ask one of its administrators"
        )]
    );
    let verdict = acme.update("organization/acme", json!({ "administrators": { "users": ["mallory"] } })).by("mallory");
    assert_eq!(denied(&verdict)[0].0, "not-permitted");
    assert_eq!(denied(&acme.delete("member/carol").by("mallory"))[0].0, "not-permitted");
    assert_eq!(warned(&acme.update("workspace/design", json!({ "type": "QA" })).by("root")), Vec::<&str>::new());
}

#[test]
fn a_member_does_what_the_own_roles_allow() {
    let acme = Acme::with(&[]);
    let design = acme.update("workspace/design", json!({ "type": "QA" }));
    assert_eq!(warned(&design.by("alice@acme.example")), Vec::<&str>::new());
    assert_eq!(
        denied(&design.by("oidc:carol@acme.example")),
        [(
            "not-permitted",
            "workspace/design: carol@acme.example does not hold workspace:update in workspace/design (not-permitted); ask somebody who \
             holds it to apply this"
        )]
    );
    assert_eq!(
        denied(&design.by("dave@acme.example"))[0].1,
        "workspace/design: dave@acme.example is no active member of the organization (not-permitted); ask somebody who is to apply this"
    );
    let policy = acme.update("organization/acme", json!({ "policy": { "maxRemovals": { "percent": 90 } } }));
    assert_eq!(denied(&policy.by("bob@acme.example"))[0].0, "not-permitted");
    assert_eq!(warned(&policy.by("alice@acme.example")), ["policy.maxRemovals.percent becomes weaker: 25 -> 90"]);
    let new = acme.create("Workspace", "studio", json!({}));
    assert_eq!(denied(&new.by("carol@acme.example"))[0].0, "workspace-creation");
    let herself = acme.update("member/carol", json!({ "displayName": "Carol" }));
    assert_eq!(warned(&herself.by("carol@acme.example")), Vec::<&str>::new());
    let admin = acme.update("member/carol", json!({ "role": "Admin" }));
    assert_eq!(denied(&admin.by("carol@acme.example"))[0].0, "not-permitted");
    let entry = acme.update("member/carol", json!({ "workspaces": [{ "name": "production", "role": "Admin" }] }));
    assert_eq!(denied(&entry.by("carol@acme.example"))[0].0, "not-permitted");
    assert_eq!(denied(&acme.delete("template/webinar").by("carol@acme.example"))[0].0, "not-permitted");
    assert_eq!(
        warned(&acme.delete("template/webinar").by("bob@acme.example")),
        ["template/webinar is soft-deleted and can be restored until 2026-03-31T09:00:00Z"]
    );
}

#[test]
fn approving_and_breaking_the_glass_takes_the_right_to_change_the_organization() {
    let acme = Acme::with(&[]);
    for name in ["muster.dev/approved-plan", "muster.dev/break-glass"] {
        let own = acme.update("member/carol", json!({})).annotated(name, "INC-42 until 2026-03-02T00:00:00Z");
        let message = format!(
            "member/carol: carol@acme.example does not hold organization:write in organization/acme, which {name} takes (not-permitted); \
             ask somebody who holds it to set it"
        );
        assert_eq!(denied(&own.by("carol@acme.example")), [("not-permitted", message.as_str())]);
        let new = acme.create("Template", "talk", json!({ "workspaceRef": { "name": "design" } })).annotated(name, "x");
        assert_eq!(denied(&new.by("bob@acme.example"))[0].0, "not-permitted");
        assert_eq!(warned(&own.by("alice@acme.example")), Vec::<&str>::new());
        assert_eq!(warned(&own.by("ci")), Vec::<&str>::new());
    }
    // An emergency gives nobody rights, not even over the organization that declares it.
    let mut open = acme.update("organization/acme", json!({ "displayName": "Acme" }));
    open = open.annotated_before("muster.dev/break-glass", "INC-42 until 2026-03-02T00:00:00Z");
    assert_eq!(denied(&open.by("bob@acme.example"))[0].0, "not-permitted");
    assert_eq!(warned(&open.by("alice@acme.example")), Vec::<&str>::new());
    let other = acme.update("member/carol", json!({})).annotated("muster.dev/reconcile-requested-at", "now");
    assert_eq!(warned(&other.by("carol@acme.example")), Vec::<&str>::new());
}

#[test]
fn what_waits_is_not_applied_later_with_more_rights_than_its_author_had() {
    let acme = Acme::with(&[]);
    let waiting = acme.create("Workspace", "studio", json!({ "projectRef": { "name": "not-there-yet" } }));
    assert_eq!(denied(&waiting.by("carol@acme.example"))[0].0, "not-permitted");
    assert!(warned(&waiting.by("alice@acme.example"))[0].starts_with("workspace/studio is held back: "));
    assert!(warned(&waiting.by("ci"))[0].starts_with("workspace/studio is held back: "));
    // What another object of the same commit makes right is judged by the rights all the same.
    let moves_the_default = acme.update("template/webinar", json!({ "default": true }));
    assert!(warned(&moves_the_default.by("bob@acme.example"))[0].contains("held back"));
    assert_eq!(denied(&moves_the_default.by("carol@acme.example"))[0].0, "not-permitted");
    let entry =
        json!({ "workspaces": [{ "name": "production", "role": "Member" }, { "name": "not-there-yet", "role": "Admin" }] });
    assert_eq!(denied(&acme.update("member/carol", entry).by("carol@acme.example"))[0].0, "not-permitted");
}

#[test]
fn whoever_takes_back_what_was_not_applied_yet_needs_the_right_to_it() {
    let acme = Acme::with(&[]);
    let taken_back = acme.update("workspace/design", json!({})).before(json!({ "type": "QA" }));
    assert_eq!(denied(&taken_back.by("carol@acme.example"))[0].0, "not-permitted");
    assert_eq!(warned(&taken_back.by("bob@acme.example")), Vec::<&str>::new());
    let never_stored = acme.create("Workspace", "studio", json!({}));
    assert_eq!(denied(&never_stored.by("carol@acme.example"))[0].0, "workspace-creation");
}

#[test]
fn a_template_of_a_workspace_that_is_not_there_is_for_those_who_decide_about_everything() {
    let mut acme = Acme::with(&[("organization/acme", listed())]);
    let Found::Here(stored) = acme.found else { unreachable!() };
    acme.found = Found::Unplaced(vec![stored]);
    let new = acme.create("Template", "talk", json!({ "workspaceRef": { "name": "not-there-yet" } }));
    for (user, allowed) in [("alice@acme.example", true), ("root", true), ("bob@acme.example", false), ("mallory", false)] {
        let verdict = new.by(user);
        assert_eq!(verdict.denials.is_empty(), allowed, "{user}: {verdict:?}");
    }
}

#[test]
fn an_organization_that_was_deleted_is_nobodys_to_bring_back_who_could_not_do_it_while_it_was_there() {
    let mut acme = Acme::with(&[]);
    let Found::Here(stored) = &acme.found else { unreachable!() };
    let mut snapshot = stored.snapshot.clone();
    let tombstone = || Tombstone { id: uuid::Uuid::nil().into(), at: BEGIN.parse().unwrap(), by: "alice".into(), purge_at: None };
    snapshot.rows.iter_mut().for_each(|row| row.tombstone = Some(tombstone()));
    acme.found = Found::Here(Arc::new(Stored::new(snapshot)));
    let again = acme.create("Organization", "acme", json!({}));
    assert_eq!(denied(&again.by("bob@acme.example"))[0].0, "not-permitted");
    assert!(again.by("ci").denials.is_empty());
}

/// Another organization of the same namespace, in which mallory is an administrator.
const GLOBEX: &str = "
apiVersion: muster.dev/v1alpha1
kind: Organization
metadata: {name: globex, namespace: acme}
spec: {administrators: {users: [mallory]}}
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {name: lab, namespace: acme}
spec: {organizationRef: {name: globex}}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: eve, namespace: acme}
spec: {organizationRef: {name: globex}, email: eve@globex.example, role: Admin}
";

/// The usual organization, with one administrator.
fn closed() -> String {
    crate::acme::ACME.replacen("spec: {}", "spec: {administrators: {users: [root]}}", 1)
}

/// A webhook with a store of its own.
struct Asker {
    webhook: Webhook,
    runtime: tokio::runtime::Runtime,
    _store: tempfile::TempDir,
}

impl Asker {
    fn of(organizations: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = format!("sqlite://{}", folder.path().join("muster.db").display());
        organizations.iter().for_each(|documents| fill_with(&store, documents));
        let settings = Settings { manager: Manager::new("muster"), oidc_prefix: None, exempt: Vec::new() };
        let webhook = Webhook::new(Reader::new(store.parse().unwrap(), Duration::from_secs(5)), settings);
        Self { webhook, runtime: tokio::runtime::Runtime::new().unwrap(), _store: folder }
    }

    fn ask(&self, asked: &crate::acme::Asked<'_>, user: &str) -> Verdict {
        let answer = self.webhook.answer(asked.request(user, &[]), BEGIN.parse().unwrap(), Duration::from_mins(1));
        self.runtime.block_on(answer)
    }
}

#[test]
fn whoever_takes_something_from_one_organization_into_another_needs_the_right_in_both() {
    let asker = Asker::of(&[&closed(), GLOBEX]);
    let ask = |asked: &crate::acme::Asked<'_>, user: &str| asker.ask(asked, user);
    let acme = Acme::with(&[]);
    let moved = acme.update("template/webinar", json!({ "workspaceRef": { "name": "lab" } }));
    for (user, organization) in [("mallory", "organization/acme"), ("root", "organization/globex")] {
        let verdict = ask(&moved, user);
        let denied = denied(&verdict);
        assert_eq!(denied.len(), 1, "{denied:?}");
        assert!(denied[0].0 == "not-permitted" && denied[0].1.contains(organization), "{denied:?}");
    }
    let stays = acme.update("template/webinar", json!({ "workspaceRef": { "name": "production" } }));
    let verdict = ask(&stays, "root");
    assert!(warned(&verdict)[0].contains("parent-immutable"), "{verdict:?}");
}

#[test]
fn what_waits_in_a_namespace_is_no_matter_of_organizations_that_are_in_none() {
    let acme = Acme::with(&[]);
    let waiting = acme.create("Template", "talk", json!({ "workspaceRef": { "name": "not-there-yet" } }));
    assert_eq!(denied(&Asker::of(&[&closed()]).ask(&waiting, "mallory"))[0].0, "not-permitted");
    let from_files = closed().replace(", namespace: acme", "");
    assert_eq!(warned(&Asker::of(&[&from_files]).ask(&waiting, "mallory")), Vec::<&str>::new());
    // What it has is its matter all the same.
    let known = acme.create("Template", "talk", json!({ "workspaceRef": { "name": "design" } }));
    assert_eq!(denied(&Asker::of(&[&from_files]).ask(&known, "mallory"))[0].0, "not-permitted");
}
