use std::collections::BTreeMap;

use super::apply::Apply;
use super::outcome::{End, Outcome};
use crate::plan::Plan;
use crate::store::as_stored;
use crate::tenancy::{ObjectId, Row, Snapshot};

/// What the store holds after an outcome, as observing it once more would tell, given what it held before. Whoever applies again
/// and again does not have to read everything each time.
#[must_use]
pub fn after(before: Snapshot, outcome: &Outcome, how: &Apply) -> Snapshot {
    let End::Committed(committed) = outcome.end else { return before };
    let Snapshot { organization, rows, complete, .. } = before;
    let rows = rows_after(rows, &outcome.plan);
    let claim = Some(how.claim(&outcome.plan.namespace));
    Snapshot { organization, revision: committed.revision, claim, rows, complete }
}

/// The rows that a store holds once a plan is applied, sorted by key.
pub(super) fn rows_after(mut rows: Vec<Row>, plan: &Plan) -> Vec<Row> {
    let mut written: BTreeMap<ObjectId, Option<Row>> = BTreeMap::new();
    for change in &plan.changes {
        if let Some(id) = change.id() {
            written.insert(id, change.after.as_deref().map(as_stored));
        }
    }
    let noted = plan.drift.iter().filter_map(|drifted| drifted.noted.as_deref());
    written.extend(noted.map(|row| (row.id, Some(as_stored(row)))));
    rows.retain(|row| !written.contains_key(&row.id));
    rows.extend(written.into_values().flatten());
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    rows
}
