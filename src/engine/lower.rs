use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

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
        let values = Values { fields: Some(drifted.fields.iter().map(Field::of).collect()), ..Values::default() };
        record.push(drifted.key.clone(), id, Happened::Drifted, &values);
    }
}

fn change(record: &mut Record<'_>, change: &Change) {
    let Some(id) = change.id() else { return };
    let drifted: Vec<Field<'_>> = change.fields.iter().filter(|field| field.drift).map(Field::found).collect();
    if !drifted.is_empty() {
        let values = Values { fields: Some(drifted), ..Values::default() };
        record.push(change.key.clone(), id, Happened::Drifted, &values);
    }
    let fields: Vec<Field<'_>> = change.fields.iter().map(Field::of).collect();
    let values = Values {
        cause: Some(change.cause.to_string()),
        fields: Some(fields).filter(|fields| !fields.is_empty()),
        from: change.from.as_deref(),
        with: change.root.as_ref().map(ToString::to_string),
    };
    record.push(subject(change, id), id, happened(change), &values);
}

/// What the history says about a change. The fields stand in alphabetical order, as everywhere in it.
#[derive(Default, Serialize)]
struct Values<'c> {
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fields: Option<Vec<Field<'c>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    with: Option<String>,
}

#[derive(Serialize)]
struct Field<'c> {
    from: Option<&'c Value>,
    path: &'c str,
    to: Option<&'c Value>,
}

impl<'c> Field<'c> {
    fn of(change: &'c FieldChange) -> Self {
        Self { from: change.from.as_ref(), path: &change.path, to: change.to.as_ref() }
    }

    /// How another hand had changed what is put right now.
    fn found(change: &'c FieldChange) -> Self {
        Self { from: change.to.as_ref(), path: &change.path, to: change.from.as_ref() }
    }
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
