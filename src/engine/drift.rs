use std::collections::BTreeMap;

use crate::plan::{FieldChange, drifted_fields};
use crate::store::{Happened, Observe, StoreError};
use crate::tenancy::{Key, Manager, Name, ObjectId, Row};

/// What another hand did to an organization since Muster last applied to it.
#[derive(Debug, Default)]
pub struct Drift {
    /// Objects with other values: for each field what was applied and what was found.
    pub changed: Vec<(Key, Vec<FieldChange>)>,
    /// Objects that Muster never wrote.
    pub added: Vec<Key>,
    /// Objects with another manager than the one that applied them, with that one and the one that was found.
    pub managers: Vec<(Key, Manager, Option<Manager>)>,
    /// Objects that Muster wrote and that are gone without a trace, under their last name.
    pub vanished: Vec<Key>,
}

impl Drift {
    /// True when there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.managers.is_empty() && self.added.is_empty() && self.vanished.is_empty()
    }
}

/// How many history entries are read at a time.
const PAGE: u32 = 10_000;

/// Finds what another hand did to an organization. It needs no input: it compares what is stored with what was applied, and with
/// the history.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn drift(store: &impl Observe, organization: &Name) -> Result<Drift, StoreError> {
    let written = written(store, organization).await?;
    let snapshot = store.observe(organization).await?;
    let mut drift = Drift::default();
    for row in snapshot.rows.iter().filter(|row| row.is_live()) {
        let fields = drifted_fields(row);
        if is_foreign(row) {
            drift.added.push(row.key.clone());
            continue;
        }
        if !fields.is_empty() {
            drift.changed.push((row.key.clone(), fields));
        }
        let manager = written.get(&row.id).and_then(|written| written.manager.as_ref());
        let implied = row.manager.as_ref().is_some_and(Manager::is_policy);
        if let Some(manager) = manager.filter(|manager| row.manager.as_ref() != Some(manager) && !implied) {
            drift.managers.push((row.key.clone(), manager.clone(), row.manager.clone()));
        }
    }
    let there: std::collections::BTreeSet<ObjectId> = snapshot.rows.iter().map(|row| row.id).collect();
    drift.vanished = written.into_iter().filter(|(id, _)| !there.contains(id)).map(|(_, written)| written.key).collect();
    drift.vanished.sort();
    Ok(drift)
}

fn is_foreign(row: &Row) -> bool {
    row.manager.is_none() && row.last_applied().is_none()
}

/// What the history says of an object that is there.
struct Written {
    /// Its last name.
    key: Key,
    /// Who manages it; `None` after a release, and after a restore without a plan.
    manager: Option<Manager>,
}

/// The objects that the history says are there, tombstones included.
async fn written(store: &impl Observe, organization: &Name) -> Result<BTreeMap<ObjectId, Written>, StoreError> {
    let mut written: BTreeMap<ObjectId, Written> = BTreeMap::new();
    let mut after = 0;
    loop {
        let page = store.history(organization, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(written) };
        after = last.seq;
        for entry in page.into_iter().filter_map(|recorded| recorded.entry) {
            let manager = match entry.happened {
                Happened::Purged => {
                    written.remove(&entry.id);
                    continue;
                }
                Happened::Released => None,
                Happened::Restored if entry.plan.is_none() => None,
                Happened::Created | Happened::Adopted | Happened::Restored => Some(entry.manager),
                // Whatever else happens to an object, also to one of nobody that follows a rename, leaves it to whom it was.
                _ => written.remove(&entry.id).and_then(|before| before.manager),
            };
            written.insert(entry.id, Written { key: entry.key, manager });
        }
    }
}
