//! Small plans for tests.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::api::Kind;
use crate::api::organization::BackendType;
use crate::plan::mirror::{Call, Capabilities, Differs, Edit, Foreign, Lacking, Mirror, ServiceApproval, Waiting};
use crate::plan::{Context, Plan, Refusal, Tightened, plan};
use crate::tenancy::{Deed, Desired, Digest, Held, Key, Lists, Manager, ObjectId, Origin, Row, Snapshot, Tenancy, Tombstone};

pub fn key(text: &str) -> Key {
    let (label, name) = text.split_once('/').unwrap();
    Key::new(Kind::ALL.into_iter().find(|kind| kind.label() == label).unwrap(), name)
}

fn origin(line: u32) -> Origin {
    Origin { file: "tenants/acme.yaml".into(), line, column: 1 }
}

/// What the input and the store say, each as `kind/name` and spec.
pub struct Fixture {
    pub tenancy: Tenancy,
    pub snapshot: Snapshot,
    pub context: Context,
}

impl Fixture {
    pub fn new() -> Self {
        let tenancy = Tenancy { organization: "acme".into(), present: true, complete: true, ..Tenancy::default() };
        let snapshot = Snapshot { organization: "acme".into(), complete: true, ..Snapshot::default() };
        let context = Context {
            now: "2026-08-01T00:00:00Z".parse().unwrap(),
            observed_at: "2026-08-01T00:00:00Z".parse().unwrap(),
            manager: Manager::new("muster"),
            actor: "ci".into(),
            asker: None,
            prune: false,
            allow_empty: false,
            approved: Vec::new(),
            tightened: Tightened::default(),
        };
        Self { tenancy, snapshot, context }
            .both("organization/acme", json!({}))
            .both("member/root", json!({ "email": "root@acme.example", "role": "Admin" }))
    }

    pub fn wanted(mut self, name: &str, spec: Value) -> Self {
        let line = u32::try_from(self.tenancy.objects.len()).unwrap() * 10 + 1;
        let mut desired = Desired::new(key(name), spec.to_string(), Some(origin(line)));
        desired.owns = Lists { projects: true, workspaces: true };
        self.tenancy.objects.push(desired);
        self.tenancy.objects.sort_by(|a, b| a.key.cmp(&b.key));
        self
    }

    pub fn stored(mut self, name: &str, spec: Value) -> Self {
        let spec = spec.to_string();
        self.snapshot.rows.push(Row {
            key: key(name),
            id: ObjectId::derived([name.as_bytes()]),
            digest: Some(Digest::of(spec.as_bytes())),
            spec: spec.into(),
            applied: None,
            manager: Some(Manager::new("muster")),
            tombstone: None,
            external_id: None,
            former_names: Vec::new(),
            created_at: Timestamp::UNIX_EPOCH,
            invited_at: Some(Timestamp::UNIX_EPOCH),
            accepted_at: Some(Timestamp::UNIX_EPOCH),
            declined_at: None,
            ended_at: None,
        });
        self.snapshot.rows.sort_by(|a, b| a.key.cmp(&b.key));
        self
    }

    pub fn both(self, name: &str, spec: Value) -> Self {
        self.wanted(name, spec.clone()).stored(name, spec)
    }

    /// Lets another hand change the last applied values of an object to these.
    pub fn drifted(mut self, name: &str, spec: &Value) -> Self {
        let row = self.snapshot.rows.iter_mut().find(|row| row.key == key(name)).unwrap();
        row.applied = Some(std::mem::replace(&mut row.spec, spec.to_string().into()));
        row.digest = None;
        self
    }

    /// Soft-deletes what is stored.
    pub fn deleted(mut self, name: &str) -> Self {
        let row = self.snapshot.rows.iter_mut().find(|row| row.key == key(name)).unwrap();
        let at = Timestamp::UNIX_EPOCH;
        row.tombstone = Some(Tombstone { id: ObjectId::derived([b"tombstone".as_slice()]), at, by: "ci".into(), purge_at: None });
        self
    }

    pub fn renamed(mut self, name: &str, from: &str) -> Self {
        let desired = self.tenancy.objects.iter_mut().find(|desired| desired.key == key(name)).unwrap();
        desired.previous_names.push(from.into());
        self
    }

    /// Gives the organization another spec in the input.
    pub fn policy(mut self, spec: &Value) -> Self {
        self.tenancy.objects.retain(|desired| desired.key.kind != Kind::Organization);
        self.wanted("organization/acme", spec.clone())
    }

    pub fn held(mut self, name: &str, because: &str) -> Self {
        self.tenancy.held.insert(key(name), Held { because: because.into(), origin: Some(origin(7)) });
        self
    }

    pub fn prune(mut self) -> Self {
        self.context.prune = true;
        self
    }

    pub fn plan(&self) -> Plan {
        plan(&self.tenancy, &self.snapshot, &self.context)
    }
}

/// A plan with one of everything.
pub fn of_everything() -> Plan {
    let design = json!({ "displayName": "Design", "quotas": { "apiDaily": 100 } });
    let member = |email: &str| json!({ "email": email });
    Fixture::new()
        .wanted("workspace/studio", json!({ "displayName": "The studio", "quotas": { "apiDaily": 5 } }))
        .stored("workspace/design", design.clone())
        .wanted("workspace/design", json!({ "displayName": "Design", "quotas": { "apiDaily": 200 } }))
        .stored("workspace/old", json!({}))
        .stored("template/webinar", json!({ "workspaceRef": { "name": "old" } }))
        .stored("mrole/host", json!({ "templateRef": { "name": "webinar" } }))
        .stored("workspace/legacy", json!({ "deletionProtection": true }))
        .both("member/bob", member("bob@acme.example"))
        .stored("membership/bob/workspace/design", json!({ "role": "ReadOnly" }))
        .wanted("membership/bob/workspace/design", json!({ "role": "Admin" }))
        .stored("membership/bob/workspace/old", json!({ "role": "ReadOnly" }))
        .both("project/core", json!({ "displayName": "Core" }))
        .drifted("project/core", &json!({ "displayName": "Kern" }))
        .held("workspace/broken", "spec.scope: expected one of Private, Project, Organization")
        .prune()
        .plan()
}

/// A field that changes at a service.
pub fn edit(path: &str, from: Value, to: Value) -> Edit {
    let value = |value: Value| Some(value).filter(|value| !value.is_null());
    Edit { at: path.split('.').map(Into::into).collect(), from: value(from), to: value(to), drift: false, secret: false }
}

/// A call at a service.
pub fn call(deed: Deed, object: &str, edits: Vec<Edit>) -> Call {
    Call {
        deed,
        key: key(object),
        id: ObjectId::derived([object.as_bytes()]),
        place: "live".into(),
        name: "".into(),
        within: None,
        within_id: None,
        external_id: None,
        edits,
        sent: Map::new(),
        secrets: [].into(),
        issued: None,
        again: false,
        in_steps: false,
        listed: Vec::new(),
        orphans: Vec::new(),
        recorded_only: false,
        requests: 2,
        note: None,
        origin: None,
    }
}

/// A service at which nothing happens.
pub fn quiet_service() -> Mirror {
    const CAPABILITIES: Capabilities =
        Capabilities { service: BackendType::Hundredms, title: "Acme Cloud", kinds: &[], page: 1, per_second: 1, burst: 1 };
    Mirror::new(&CAPABILITIES, "https://acme.example")
}

/// A call that waits for an approval of its own.
pub fn waiting(object: &str, because: &str) -> Waiting {
    Waiting { key: key(object), because: because.into(), digest: Digest::of(object.as_bytes()), refused: false }
}

/// A service with one of everything.
pub fn service_with_everything() -> Mirror {
    let adopted =
        Call { recorded_only: true, note: Some("it was there already".into()), ..call(Deed::Adopt, "mrole/host", vec![]) };
    let drifted = Edit { drift: true, ..edit("priority", json!(5), json!(1)) };
    let secret = Edit { secret: true, ..edit("key", json!("sha256:a"), json!("sha256:b")) };
    let refusal = Refusal {
        subject: key("mrole/boss"),
        rule: "taken-at-service".into(),
        verb: None,
        because: "it is there".into(),
        way_out: "rename it".into(),
        origin: Some(origin(7)),
    };
    let lacking =
        |object: &str, path: &str, because: &str| Lacking { subject: key(object), path: path.into(), because: because.into() };
    let foreign = |kind: &str, name: &str, id: &str| Foreign {
        kind: kind.into(),
        place: "live".into(),
        name: name.into(),
        external_id: id.into(),
    };
    Mirror {
        calls: vec![
            call(Deed::Create, "template/demo", vec![edit("size", Value::Null, json!(3))]),
            adopted,
            call(Deed::Update, "workspace/live", vec![drifted, secret]),
            Call { recorded_only: true, ..call(Deed::Update, "mrole/guest", vec![]) },
            call(Deed::Remove, "credential/key", vec![]),
        ],
        drift: vec![
            Differs { key: key("mrole/speaker"), edits: vec![] },
            Differs { key: key("workspace/den"), edits: vec![edit("priority", json!(5), json!(1))] },
        ],
        refusals: vec![refusal],
        held: vec![(key("workspace/lab"), "its name is too long".into())],
        lacking: vec![lacking("member/ann", "", "it has no people"), lacking("template/demo", "recording", "it records nothing")],
        retained: vec![(key("template/old"), "remove it in the dashboard".into())],
        foreign: vec![foreign("credential", "", "k9"), foreign("mrole", "theirs", "r9")],
        unobservable: [("".into(), "status 503".into()), ("far".into(), "status 401".into())].into(),
        approval: Some(ServiceApproval {
            calls: vec![waiting("credential/old", "every token dies"), waiting("credential/older", "so do these")],
            all: Some(Digest::of(b"calls")),
        }),
        requests: 7,
        seconds: 3,
        ..quiet_service()
    }
}
