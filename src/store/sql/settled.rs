use std::collections::HashMap;

use jiff::Timestamp;

use crate::store::{Batch, Chain, Entry, Head, Write};
use crate::tenancy::{Digest, ObjectId, Row};

/// A batch as SQL can write it at once: each id at most once.
pub(super) struct Settled<'a> {
    /// The rows to put, in the order of the batch.
    pub rows: Vec<&'a Row>,
    /// The ids whose rows go first, because they are put anew or erased.
    pub replaced: Vec<ObjectId>,
    /// The ids whose values leave the history.
    pub erased: Vec<ObjectId>,
}

impl<'a> Settled<'a> {
    /// Where a batch writes an id more than once, the last write counts.
    pub fn of(batch: &'a Batch) -> Self {
        let last: HashMap<ObjectId, usize> = batch.writes.iter().enumerate().map(|(at, write)| (id(write), at)).collect();
        let mut settled =
            Self { rows: Vec::with_capacity(last.len()), replaced: Vec::with_capacity(last.len()), erased: Vec::new() };
        for (at, write) in batch.writes.iter().enumerate() {
            if last.get(&id(write)) == Some(&at) {
                settled.replaced.push(id(write));
                if let Write::Put(row) = write {
                    settled.rows.push(row);
                }
            }
            if let Write::Erase { id, .. } = write {
                settled.erased.push(*id);
            }
        }
        settled
    }
}

fn id(write: &Write) -> ObjectId {
    match write {
        Write::Put(row) => row.id,
        Write::Erase { id, .. } => *id,
    }
}

/// An entry with its place in the chain.
pub(super) struct Link<'a> {
    pub head: Head,
    pub commitment: Digest,
    pub entry: &'a Entry,
}

/// Appends the entries of a batch to the chain that ends as given, and says where it ends then.
pub(super) fn links(batch: &Batch, head: Option<Head>) -> (Vec<Link<'_>>, Option<Head>) {
    let mut chain = Chain::resume(&batch.organization, head);
    let link = |entry| {
        let commitment = Entry::commitment(entry);
        Link { head: chain.append(entry.id, &commitment), commitment, entry }
    };
    let links = batch.entries.iter().map(link).collect();
    (links, chain.head())
}

/// What goes into the column `applied`: nothing, where it would say what `spec` says.
pub(super) fn applied(row: &Row) -> Option<&str> {
    row.applied.as_deref().filter(|applied| row.digest.is_none() || *applied != &*row.spec)
}

/// The former names as a JSON array.
pub(super) fn former_names(row: &Row) -> String {
    if row.former_names.is_empty() { "[]".to_owned() } else { serde_json::json!(row.former_names).to_string() }
}

/// A time as both engines read it: with six digits after the second, cut and not rounded, as hashes have it.
pub(super) fn time(at: Timestamp) -> String {
    let at = Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at);
    format!("{at:.6}")
}
