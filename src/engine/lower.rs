use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::apply::Apply;
use super::record::Record;
use crate::api::Kind;
use crate::plan::{Change, Drifted, ENDED, FieldChange, Plan, Verb};
use crate::store::{Batch, Happened, Write};
use crate::tenancy::{Key, ObjectId};

/// Turns a plan into what a store writes: the rows as they shall be, and what the history says about them.
#[must_use]
pub fn lower(plan: &Plan, apply: &Apply) -> Batch {
    let mut record = Record::new(apply, &plan.organization, Some(plan.digest()));
    if let Some(emergency) = &plan.break_glass {
        record.in_an_emergency(&emergency.ticket);
    }
    let unnoted = unnoted(plan);
    for drifted in &plan.drift {
        drift(&mut record, drifted, unnoted.get(&drifted.key).copied());
    }
    for change in &plan.changes {
        self::change(&mut record, change);
    }
    let changes = plan.changes.iter().filter_map(write);
    let noted = plan.drift.iter().filter_map(|drifted| drifted.noted.clone()).map(Write::Put);
    Batch {
        organization: plan.organization.clone(),
        base: plan.base,
        claim: apply.claim(&plan.namespace),
        writes: changes.chain(noted).collect(),
        entries: record.entries(),
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

/// Drift that no apply took note of yet: its row is written for that alone, or changes anyway and has this id.
fn drift(record: &mut Record<'_>, drifted: &Drifted, changed: Option<ObjectId>) {
    if let Some(id) = drifted.noted.as_ref().map(|row| row.id).or(changed) {
        let values = json!({ "fields": fields(drifted.fields.iter()) });
        record.push(drifted.key.clone(), id, Happened::Drifted, &values);
    }
}

fn change(record: &mut Record<'_>, change: &Change) {
    let Some(id) = change.id() else { return };
    let drifted: Vec<&FieldChange> = change.fields.iter().filter(|field| field.drift).collect();
    if !drifted.is_empty() {
        let found = drifted.iter().map(|field| json!({ "path": field.path, "from": field.to, "to": field.from }));
        record.push(change.key.clone(), id, Happened::Drifted, &json!({ "fields": found.collect::<Vec<_>>() }));
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
    record.push(subject(change, id), id, happened(change), &values);
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
