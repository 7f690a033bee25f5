use std::fmt;

use jiff::Timestamp;

use crate::tenancy::{Digest, Key, Manager, ObjectId};

/// Something that happened to an object, as it is appended to an organization's history.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What it happened to. The entry that records the purge of a person carries the id in place of the name.
    pub key: Key,
    /// The object's id; purging the object erases all entries with this id.
    pub id: ObjectId,
    /// What happened.
    pub happened: Happened,
    /// When.
    pub at: Timestamp,
    /// Who asked for it, as far as is known.
    pub actor: Box<str>,
    /// The manager that applied it.
    pub manager: Manager,
    /// The digest of the plan it was part of.
    pub plan: Option<Digest>,
    /// The revision of the input, such as a git commit.
    pub source: Option<Box<str>>,
    /// The fields that changed and why, as JSON.
    pub values: Box<str>,
    /// Random bytes that keep erased values from being guessed out of their hash.
    pub salt: [u8; 16],
}

impl Entry {
    /// The salted hash of everything above. It stays in the chain when the entry itself is erased.
    #[must_use]
    pub fn commitment(&self) -> Digest {
        let Self { key, id, happened, at, actor, manager, plan, source, values, salt } = self;
        let at = at.as_microsecond().to_be_bytes();
        Digest::of_all([
            salt.as_slice(),
            key.kind.as_str().as_bytes(),
            key.name.as_bytes(),
            id.as_uuid().as_bytes(),
            happened.as_str().as_bytes(),
            &at,
            actor.as_bytes(),
            manager.as_str().as_bytes(),
            plan.as_ref().map_or(&[][..], |digest| digest.as_bytes()),
            source.as_deref().unwrap_or_default().as_bytes(),
            values.as_bytes(),
        ])
    }
}

/// What can happen to an object, in the past tense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Happened {
    /// It was stored for the first time.
    Created,
    /// Its values were changed by an apply.
    Updated,
    /// It carries another name.
    Renamed,
    /// It was soft-deleted, alone or with what it is part of.
    SoftDeleted,
    /// It came back from soft deletion with its old id.
    Restored,
    /// It was deleted for good.
    Purged,
    /// It came under this manager.
    Adopted,
    /// It is no longer managed, and was kept.
    Released,
    /// It was changed by another hand since the last apply, which found and recorded it.
    Drifted,
    /// A member accepted an invitation.
    Accepted,
    /// A member declined an invitation.
    Declined,
    /// The end of a limited membership was recorded.
    Expired,
}

impl Happened {
    /// Every value.
    pub const ALL: [Self; 12] = [
        Self::Created,
        Self::Updated,
        Self::Renamed,
        Self::SoftDeleted,
        Self::Restored,
        Self::Purged,
        Self::Adopted,
        Self::Released,
        Self::Drifted,
        Self::Accepted,
        Self::Declined,
        Self::Expired,
    ];

    /// The word, as stored and printed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "Created",
            Self::Updated => "Updated",
            Self::Renamed => "Renamed",
            Self::SoftDeleted => "SoftDeleted",
            Self::Restored => "Restored",
            Self::Purged => "Purged",
            Self::Adopted => "Adopted",
            Self::Released => "Released",
            Self::Drifted => "Drifted",
            Self::Accepted => "Accepted",
            Self::Declined => "Declined",
            Self::Expired => "Expired",
        }
    }

    /// Reads the word; `None` for any other.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|happened| happened.as_str() == word)
    }
}

impl fmt::Display for Happened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A history entry as a store returns it.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Its number within the organization, from 1, without gaps.
    pub seq: i64,
    /// The id of the object that it is about. It stays when a purge erases the entry, so that the purge can be found.
    pub id: ObjectId,
    /// The salted hash of the entry.
    pub commitment: Digest,
    /// The hash over the hash before it, this number, this id and this commitment.
    pub hash: Digest,
    /// The entry; `None` once a purge erased it.
    pub entry: Option<Entry>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_back() {
        for happened in Happened::ALL {
            assert_eq!(Happened::parse(happened.as_str()), Some(happened));
        }
        assert_eq!(Happened::parse("Exploded"), None);
    }
}
