use crate::store::Entry;
use crate::tenancy::{Claim, Key, Name, ObjectId, Revision, Row};

/// What one transaction writes to one organization.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The organization.
    pub organization: Name,
    /// The revision the batch was planned on.
    pub base: Revision,
    /// Who applies. Replaces the claim that is there.
    pub claim: Claim,
    /// The rows as they shall be. Names may move between ids within a batch (renames, swaps): a name counts as taken only
    /// when the transaction ends. Where an id is written more than once, the last write counts.
    pub writes: Vec<Write>,
    /// What to append to the history, in this order.
    pub entries: Vec<Entry>,
}

/// One row of a batch.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// Insert or replace the row with this id.
    Put(Box<Row>),
    /// Delete the row with this id, and erase its values from the history, except from the entries of this batch.
    Erase {
        /// What is erased, for messages.
        key: Key,
        /// The row.
        id: ObjectId,
    },
}

/// What a committed batch led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// The organization's revision after the batch.
    pub revision: Revision,
    /// The number of the last history entry; zero while there is none.
    pub last_entry: i64,
}
