//! What AAQ shall have of the rows of a store.

use serde_json::{Value, json};

use super::shape;
use crate::api::Kind;
use crate::backend::State;
use crate::plan::mirror::{Shape, Wanted};
use crate::tenancy::{Key, Manager, ObjectId, Row, Tombstone};

const NOW: &str = "2026-03-01T09:00:00Z";

fn row(key: Key, spec: Value) -> Row {
    Row {
        id: ObjectId::derived([key.to_string().as_bytes()]),
        key,
        spec: spec.to_string().into(),
        digest: None,
        applied: None,
        manager: Some(Manager::new("muster")),
        tombstone: None,
        external_id: None,
        former_names: Vec::new(),
        created_at: NOW.parse().unwrap(),
        invited_at: None,
        accepted_at: None,
        declined_at: None,
        ended_at: None,
    }
}

fn object(kind: Kind, name: &str, spec: Value) -> Row {
    row(Key::new(kind, name), spec)
}

fn membership(member: &str, workspace: &str, spec: Value) -> Row {
    row(Key::membership(member, &Key::new(Kind::Workspace, workspace)), spec)
}

/// An organization with a workspace and a member, and more.
fn shaped(more: impl IntoIterator<Item = Row>) -> Shape {
    let mut rows = vec![
        object(Kind::Organization, "lakeside", json!({"preset": "aaq"})),
        object(Kind::Workspace, "maternal", json!({"displayName": "Maternal Health", "language": "SWAHILI"})),
        object(Kind::Member, "asha", json!({"email": "asha@lakeside.example", "defaultWorkspace": "maternal"})),
    ];
    for row in more {
        rows.retain(|other| other.key != row.key);
        rows.push(row);
    }
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    shape(&State { rows: &rows, url: "https://aaq.example", secret_ref: None })
}

fn wanted<'s>(shape: &'s Shape, key: &str) -> &'s Wanted {
    shape.wanted.iter().find(|wanted| wanted.key.to_string() == key).unwrap_or_else(|| panic!("{key}: {:#?}", shape.wanted))
}

fn lacking(shape: &Shape) -> Vec<String> {
    shape.lacking.iter().map(|it| format!("{} {}", it.subject, it.path)).collect()
}

fn tombstoned(row: Row) -> Row {
    let tombstone =
        Tombstone { id: ObjectId::derived([b"gone".as_slice()]), at: NOW.parse().unwrap(), by: "ci".into(), purge_at: None };
    Row { tombstone: Some(tombstone), ..row }
}

#[test]
fn a_workspace_is_called_as_people_call_it_and_has_the_language_that_is_written() {
    let other = Row { external_id: Some("7".into()), ..object(Kind::Workspace, "handbook", json!({})) };
    let id = other.id;
    let shape = shaped([other]);
    let maternal = wanted(&shape, "workspace/maternal");
    assert_eq!((&*maternal.name, Value::from(maternal.fields.clone())), ("Maternal Health", json!({"language": "SWAHILI"})));
    let handbook = wanted(&shape, "workspace/handbook");
    assert_eq!((&*handbook.name, handbook.fields.is_empty(), handbook.place.as_str()), ("handbook", true, ""));
    assert_eq!(shape.known.into_iter().collect::<Vec<_>>(), [(id, "7".into())]);
}

#[test]
fn a_membership_is_called_as_the_account_and_is_a_part_of_its_workspace() {
    let shape = shaped([membership("asha", "maternal", json!({"role": "Admin"}))]);
    let asha = wanted(&shape, "member/asha in workspace/maternal");
    assert_eq!((&*asha.name, asha.place.as_str(), asha.weight), ("asha@lakeside.example", "maternal", 2));
    assert_eq!(asha.within, Some(wanted(&shape, "workspace/maternal").id));
    assert_eq!(Value::from(asha.fields.clone()), json!({"role": "Admin", "defaultWorkspace": true}));
    let named = object(Kind::Member, "asha", json!({"email": "asha@lakeside.example", "username": "asha"}));
    let shape = shaped([named, membership("asha", "maternal", json!({}))]);
    let asha = wanted(&shape, "member/asha in workspace/maternal");
    // The policy has a role for who is given none, and nothing says where asha lands.
    assert_eq!((&*asha.name, asha.weight, Value::from(asha.fields.clone())), ("asha", 1, json!({"role": "ReadOnly"})));
}

#[test]
fn whoever_has_no_access_here_is_in_no_workspace_there() {
    let in_force = || membership("asha", "maternal", json!({"role": "Admin"}));
    let is_live = |rows: Vec<Row>| wanted(&shaped(rows), "member/asha in workspace/maternal").live;
    assert!(is_live(vec![in_force()]));
    assert!(!is_live(vec![tombstoned(in_force())]));
    assert!(!is_live(vec![Row { ended_at: Some(NOW.parse().unwrap()), ..in_force() }]));
    let disabled = object(Kind::Member, "asha", json!({"email": "asha@lakeside.example", "disabled": true}));
    assert!(!is_live(vec![disabled.clone(), in_force()]));
    assert_eq!(lacking(&shaped([disabled, in_force()])), ["member/asha disabled"]);
    let inviting = json!({"preset": "aaq", "policy": {"invitations": {"mode": "Invite"}}});
    assert!(!is_live(vec![object(Kind::Organization, "lakeside", inviting.clone()), in_force()]));
    let member = object(Kind::Member, "asha", json!({"email": "asha@lakeside.example"}));
    let accepted = Row { accepted_at: Some(NOW.parse().unwrap()), ..member };
    assert!(is_live(vec![object(Kind::Organization, "lakeside", inviting), accepted, in_force()]));
}

#[test]
fn a_role_that_aaq_does_not_have_gives_nothing_there() {
    let type_ = json!({"name": "Content-Only", "levels": ["Workspace"], "permissions": ["content:read"]});
    let shape = shaped([
        object(Kind::MembershipType, "content-only", type_),
        membership("asha", "maternal", json!({"role": "Content-Only"})),
    ]);
    assert!(!wanted(&shape, "member/asha in workspace/maternal").live);
    assert_eq!(lacking(&shape), ["member/asha in workspace/maternal role"]);
}

#[test]
fn what_aaq_has_not_is_said() {
    let quotas = json!({"quotas": {"apiDaily": 5}, "backendSecretRef": {"name": "a", "key": "b"}});
    let key = |name: &str, spec: Value| object(Kind::Credential, name, spec);
    let api_key = |overlap: Value| json!({"workspaceRef": {"name": "maternal"}, "type": "ApiKey", "rotation": {"every": "720h", "overlap": overlap}});
    let shape = shaped([
        object(Kind::Workspace, "handbook", quotas),
        object(Kind::Member, "ben", json!({"email": "ben@lakeside.example", "role": "Admin"})),
        object(Kind::Project, "core", json!({})),
        row(Key::membership("asha", &Key::new(Kind::Project, "core")), json!({})),
        key("first", api_key(json!("24h"))),
        key("second", api_key(json!("0s"))),
        key("sip", json!({"workspaceRef": {"name": "maternal"}, "type": "Sip"})),
    ]);
    let mut lacking = lacking(&shape);
    lacking.sort();
    assert_eq!(
        lacking,
        [
            "credential/first rotation.overlap",
            "credential/second ",
            "credential/sip type",
            "member/asha in project/core ",
            "member/ben role",
            "workspace/handbook backendSecretRef",
            "workspace/handbook quotas",
        ]
    );
    assert_eq!(shape.wanted.iter().filter(|wanted| wanted.issued.is_some()).count(), 1);
}

#[test]
fn a_key_is_made_for_its_workspace_and_goes_where_the_document_says() {
    let spec = json!({
        "workspaceRef": {"name": "maternal"}, "type": "ApiKey", "writeSecretToRef": {"name": "key"}, "generation": 3,
        "rotation": {"every": "1h"},
    });
    let shape = shaped([object(Kind::Credential, "key", spec)]);
    let key = wanted(&shape, "credential/key");
    let issued = key.issued.as_ref().unwrap();
    assert_eq!((issued.to.as_deref(), issued.generation, issued.every), (Some("key"), 3, Some(3600)));
    assert_eq!((key.place.as_str(), key.within), ("maternal", Some(wanted(&shape, "workspace/maternal").id)));
}

#[test]
fn what_another_hand_wrote_into_the_store_and_is_no_spec_is_passed_over() {
    let shape = shaped([
        object(Kind::Workspace, "broken", json!(["a list"])),
        object(Kind::Member, "broken", json!({"no": "email"})),
        object(Kind::Credential, "broken", json!({"type": 5})),
        membership("broken", "maternal", json!({"role": 5})),
        membership("nobody", "nowhere", json!({})),
    ]);
    assert_eq!(shape.wanted.len(), 1);
}
