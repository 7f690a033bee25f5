//! Small plans for tests.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::api::Kind;
use crate::plan::{Context, Plan, Tightened, plan};
use crate::tenancy::{Desired, Digest, Held, Key, Lists, Manager, ObjectId, Origin, Row, Snapshot, Tenancy, Tombstone};

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
