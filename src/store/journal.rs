use crate::tenancy::{Mirrored, ObjectId};

/// How a call to a service ended, as far as the journal is concerned.
#[derive(Clone, Debug, PartialEq)]
pub enum Settle {
    /// There is something at the service.
    Keep(Box<Mirrored>),
    /// There is nothing any more, and nothing to remember.
    Drop(ObjectId),
}

impl Settle {
    /// The object that it is about.
    #[must_use]
    pub const fn id(&self) -> ObjectId {
        match self {
            Self::Keep(entry) => entry.id,
            Self::Drop(id) => *id,
        }
    }

    /// What the row of the object shall have as its id at the service.
    #[must_use]
    pub fn external_id(&self) -> Option<&str> {
        match self {
            Self::Keep(entry) => entry.external_id.as_deref(),
            Self::Drop(_) => None,
        }
    }
}
