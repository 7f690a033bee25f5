use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::apply::Apply;
use crate::api::Kind;
use crate::plan::{Change, Drifted, ENDED, FieldChange, Plan, Verb};
use crate::store::{Batch, Entry, Happened, Write};
use crate::tenancy::{Claim, Digest, Key, Name, ObjectId};

/// Turns a plan into what a store writes: the rows as they shall be, and what the history says about them.
#[must_use]
pub fn lower(plan: &Plan, apply: &Apply) -> Batch {
    let mut lowering = Lowering { apply, digest: plan.digest(), salts: 0, organization: &plan.organization, entries: Vec::new() };
    let unnoted = unnoted(plan);
    for drifted in &plan.drift {
        lowering.drift(drifted, unnoted.get(&drifted.key).copied());
    }
    for change in &plan.changes {
        lowering.change(change);
    }
    let entries = lowering.entries;
    let changes = plan.changes.iter().filter_map(write);
    let noted = plan.drift.iter().filter_map(|drifted| drifted.noted.clone()).map(Write::Put);
    Batch {
        organization: plan.organization.clone(),
        base: plan.base,
        claim: Claim {
            manager: apply.manager.clone(),
            holder: apply.holder.clone(),
            namespace: plan.namespace.as_str().into(),
            seen_at: apply.now,
        },
        writes: changes.chain(noted).collect(),
        entries,
    }
}

/// The rows that change and were written by another hand since the last apply.
fn unnoted(plan: &Plan) -> BTreeMap<&Key, ObjectId> {
    let by_hand = |change: &&Change| change.before.as_ref().is_some_and(|before| before.digest.is_none());
    let changes = plan.changes.iter().filter(|_| !plan.drift.is_empty()).filter(by_hand);
    changes.filter_map(|change| Some((&change.key, change.id()?))).collect()
}

fn write(change: &Change) -> Option<Write> {
    match &change.after {
        Some(row) => Some(Write::Put(row.clone())),
        None => Some(Write::Erase { key: change.key.clone(), id: change.id()? }),
    }
}

struct Lowering<'a> {
    apply: &'a Apply,
    digest: Digest,
    salts: u64,
    organization: &'a Name,
    entries: Vec<Entry>,
}

impl Lowering<'_> {
    /// Drift that no apply took note of yet: its row is written for that alone, or changes anyway and has this id.
    fn drift(&mut self, drifted: &Drifted, changed: Option<ObjectId>) {
        if let Some(id) = drifted.noted.as_ref().map(|row| row.id).or(changed) {
            let values = json!({ "fields": fields(drifted.fields.iter()) });
            self.push(drifted.key.clone(), id, Happened::Drifted, &values);
        }
    }

    fn change(&mut self, change: &Change) {
        let Some(id) = change.id() else { return };
        let drifted: Vec<&FieldChange> = change.fields.iter().filter(|field| field.drift).collect();
        if !drifted.is_empty() {
            let found = drifted.iter().map(|field| json!({ "path": field.path, "from": field.to, "to": field.from }));
            self.push(change.key.clone(), id, Happened::Drifted, &json!({ "fields": found.collect::<Vec<_>>() }));
        }
        let mut values = json!({ "cause": change.cause.to_string() });
        if !change.fields.is_empty() {
            values["fields"] = fields(change.fields.iter());
        }
        if let Some(from) = &change.from {
            values["from"] = from.as_str().into();
        }
        if let Some(root) = &change.root {
            values["with"] = root.to_string().into();
        }
        self.push(subject(change, id), id, happened(change), &values);
    }

    fn push(&mut self, key: Key, id: ObjectId, happened: Happened, values: &Value) {
        let Apply { now, manager, actor, source, seed, .. } = self.apply;
        self.salts += 1;
        let mut salt = [0; 16];
        salt.copy_from_slice(
            &Digest::of_all([seed.as_slice(), self.organization.as_bytes(), &self.salts.to_be_bytes()]).as_bytes()[..16],
        );
        self.entries.push(Entry {
            key,
            id,
            happened,
            at: *now,
            actor: actor.clone(),
            manager: manager.clone(),
            plan: Some(self.digest),
            source: source.clone(),
            values: values.to_string().into(),
            salt,
        });
    }
}

fn fields<'f>(fields: impl Iterator<Item = &'f FieldChange>) -> Value {
    fields.map(|field| json!({ "path": field.path, "from": field.from, "to": field.to })).collect()
}

/// What the history calls the object. The entry about a purged person must not name the person again.
fn subject(change: &Change, id: ObjectId) -> Key {
    match (change.verb, change.key.kind) {
        (Verb::Purge, Kind::Member | Kind::Membership) => Key::new(change.key.kind, id.to_string()),
        _ => change.key.clone(),
    }
}

fn happened(change: &Change) -> Happened {
    let ended = |field: &FieldChange| &*field.path == ENDED && field.to.is_some();
    match change.verb {
        Verb::Create => Happened::Created,
        Verb::Update if change.fields.len() == 1 && change.fields.iter().all(ended) => Happened::Expired,
        Verb::Update => Happened::Updated,
        Verb::Rename => Happened::Renamed,
        Verb::SoftDelete => Happened::SoftDeleted,
        Verb::Restore => Happened::Restored,
        Verb::Purge => Happened::Purged,
        Verb::Adopt => Happened::Adopted,
        Verb::Release => Happened::Released,
    }
}
