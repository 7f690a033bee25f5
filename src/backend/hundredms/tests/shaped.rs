//! Which things 100ms shall have, and what of them it cannot.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::super::{Api, shape};
use crate::api::Kind;
use crate::backend::State;
use crate::plan::mirror::Shape;
use crate::tenancy::{Key, ObjectId, Row, Tombstone};

fn row(kind: Kind, name: &str, spec: &Value) -> Row {
    Row {
        key: Key::new(kind, name),
        id: ObjectId::from(uuid::Uuid::new_v4()),
        spec: spec.to_string().into(),
        digest: None,
        applied: None,
        manager: None,
        tombstone: None,
        external_id: None,
        former_names: Vec::new(),
        created_at: Timestamp::UNIX_EPOCH,
        invited_at: None,
        accepted_at: None,
        declined_at: None,
        ended_at: None,
    }
}

fn gone(row: Row) -> Row {
    let tombstone =
        Tombstone { id: ObjectId::from(uuid::Uuid::new_v4()), at: Timestamp::UNIX_EPOCH, by: "somebody".into(), purge_at: None };
    Row { tombstone: Some(tombstone), ..row }
}

fn shaped(url: &str, mut rows: Vec<Row>) -> Shape {
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    shape(&State { rows: &rows, url, secret_ref: None })
}

const V1: &str = "https://prod-policy.100ms.live/policy/v1/";
const V2: &str = "https://api.100ms.live/v2";

#[test]
fn the_address_says_which_version_it_is() {
    assert_eq!((Api::of(V1), Api::of(V2)), (Api::V1, Api::V2));
    assert_eq!((Api::of("http://127.0.0.1:1/policy/v1"), Api::of("http://127.0.0.1:1")), (Api::V1, Api::V2));
    assert_eq!((Api::V1.capabilities().page, Api::V2.capabilities().page), (20, 100));
}

#[test]
fn templates_come_before_their_roles_with_the_names_and_keys_of_the_service() {
    let template = row(Kind::Template, "lesson", &json!({"workspaceRef": {"name": "classroom"}, "name": "Team Lesson"}));
    let (id, role) = (template.id, json!({"templateRef": {"name": "lesson"}}));
    let keys = json!({"displayName": "Classroom", "backendSecretRef": {"name": "acme-100ms", "key": "classroom"}});
    let rows = vec![
        template,
        row(Kind::Role, "teacher", &role),
        gone(row(Kind::Role, "student", &role)),
        row(Kind::Role, "nobody", &json!({"templateRef": {"name": "elsewhere"}})),
        row(Kind::Workspace, "classroom", &keys),
        row(Kind::Workspace, "empty", &json!({})),
    ];
    let shape = shaped(V2, rows);
    let told: Vec<_> = shape.wanted.iter().map(|it| (&*it.name, &*it.place, it.within, it.live)).collect();
    let expected = [
        ("Team Lesson", "classroom", None, true),
        ("student", "classroom", Some(id), false),
        ("teacher", "classroom", Some(id), true),
    ];
    assert_eq!(told, expected);
    let places: Vec<_> =
        shape.places.iter().map(|(place, keys)| (place.as_str(), keys.as_ref().map(|keys| keys.key.as_str()))).collect();
    assert_eq!(places, [("classroom", Some("classroom"))], "a workspace without keys and templates is nobody's business");
    assert!(shape.lacking.is_empty());
}

#[test]
fn a_workspace_with_templates_and_without_keys_is_named() {
    let template = row(Kind::Template, "lesson", &json!({"workspaceRef": {"name": "classroom"}}));
    let shape = shaped(V2, vec![template, row(Kind::Workspace, "classroom", &json!({}))]);
    assert_eq!(shape.places.values().collect::<Vec<_>>(), [&None]);
}

#[test]
fn what_a_version_does_not_have_is_told_and_is_not_wanted() {
    let template = json!({
        "workspaceRef": {"name": "classroom"}, "default": true, "plugins": {}, "recordings": [{"name": "default", "role": "host"}],
        "destinations": {}, "settings": {"region": "eu", "roomState": {}, "recording": {"upload": {
            "type": "gs", "location": "bucket", "prefix": "rooms", "credentials": {"name": "acme-bucket"},
        }}},
    });
    let role = json!({
        "templateRef": {"name": "lesson"}, "priority": 7, "maxPeerCount": 3, "publishParams": {"simulcast": {}},
        "permissions": {"sendRoomState": true, "pollRead": true, "pollWrite": false},
    });
    let rows = || vec![row(Kind::Template, "lesson", &template), row(Kind::Role, "host", &role)];
    let lacking = |shape: &Shape| -> Vec<String> {
        shape.lacking.iter().map(|lacking| format!("{} {}", lacking.subject, lacking.path)).collect()
    };
    let v1 = shaped(V1, rows());
    let expected = [
        "template/lesson destinations",
        "template/lesson recordings",
        "template/lesson plugins",
        "template/lesson settings.roomState",
        "template/lesson settings.recording.upload",
        "mrole/host maxPeerCount",
        "mrole/host publishParams.simulcast",
        "mrole/host permissions.sendRoomState",
        "mrole/host permissions.pollRead",
    ];
    assert_eq!(lacking(&v1), expected);
    let settings = json!({"region": "eu", "recording": {"enabled": false}});
    assert_eq!(Value::from(v1.wanted[0].fields.clone()), json!({"default": true, "settings": settings}));
    assert!(v1.wanted[0].secrets.is_empty());
    assert_eq!((&v1.wanted[1].fields["priority"], v1.wanted[1].fields.get("maxPeerCount")), (&json!(7), None));

    let v2 = shaped(V2, rows());
    assert_eq!(lacking(&v2), ["template/lesson default", "mrole/host priority"]);
    assert_eq!((v2.wanted[0].fields.get("default"), v2.wanted[1].fields.get("priority")), (None, None));
    assert_eq!(v2.wanted[0].secrets.len(), 2);
}

#[test]
fn a_name_that_a_version_does_not_take_is_known_beforehand() {
    let wrong = |api: Api, kind: Kind, name: &str| api.capabilities().of(kind).unwrap().wrong_name(name);
    assert_eq!(wrong(Api::V2, Kind::Template, "Team Lesson"), None);
    assert!(wrong(Api::V1, Kind::Template, "Team Lesson").unwrap().contains("' '"));
    assert!(wrong(Api::V2, Kind::Template, "Lesson!").is_some() && wrong(Api::V2, Kind::Template, &"x".repeat(129)).is_some());
    assert_eq!(wrong(Api::V1, Kind::Role, "any: role, even ünusual"), None);
}

#[test]
fn what_somebody_wrote_into_the_store_that_is_no_spec_is_left_alone() {
    let rows = vec![row(Kind::Template, "odd", &json!({"settings": 3})), row(Kind::Role, "odd", &json!([]))];
    assert_eq!(shaped(V2, rows).wanted, Vec::new());
}
