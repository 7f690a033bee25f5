use jiff::Timestamp;

use crate::tenancy::Row;

/// A row as every store returns it: times in microseconds, and nothing under `applied` that `spec` says already.
#[must_use]
pub fn as_stored(row: &Row) -> Row {
    let mut row = row.clone();
    if row.digest.is_some() && row.applied.as_ref() == Some(&row.spec) {
        row.applied = None;
    }
    row.created_at = to_microseconds(row.created_at);
    for at in [&mut row.invited_at, &mut row.accepted_at, &mut row.declined_at, &mut row.ended_at].into_iter().flatten() {
        *at = to_microseconds(*at);
    }
    if let Some(tombstone) = &mut row.tombstone {
        tombstone.at = to_microseconds(tombstone.at);
        tombstone.purge_at = tombstone.purge_at.map(to_microseconds);
    }
    row
}

/// The time that a database can keep.
#[must_use]
pub fn to_microseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at)
}
