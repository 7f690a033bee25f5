use std::fmt;

use jiff::Timestamp;

use crate::tenancy::{Digest, Key, Manager, Name, ObjectId};

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
    /// The salted hash of the entry.
    pub commitment: Digest,
    /// The hash over the hash before it, this number and this commitment.
    pub hash: Digest,
    /// The entry; `None` once a purge erased it.
    pub entry: Option<Entry>,
}

/// The end of an organization's hash chain: appends to it, and checks that what a store returns continues it.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    organization: Name,
    seq: i64,
    hash: Digest,
}

impl Chain {
    /// The chain of an organization without history.
    #[must_use]
    pub fn new(organization: &Name) -> Self {
        Self { organization: organization.clone(), seq: 0, hash: Digest::of(organization.as_bytes()) }
    }

    /// The chain of an organization whose last entry has this number and hash.
    #[must_use]
    pub fn resume(organization: &Name, seq: i64, hash: Digest) -> Self {
        Self { organization: organization.clone(), seq, hash }
    }

    /// The number of the last entry; zero while there is none.
    #[must_use]
    pub fn seq(&self) -> i64 {
        self.seq
    }

    /// Appends an entry with this commitment and returns its number and hash.
    pub fn append(&mut self, commitment: &Digest) -> (i64, Digest) {
        self.seq += 1;
        self.hash = Digest::of_all([self.hash.as_bytes().as_slice(), &self.seq.to_be_bytes(), commitment.as_bytes()]);
        (self.seq, self.hash)
    }

    /// Checks the next entry and moves on to it.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong: a number that is missing, an entry that was altered, or a hash that does not follow.
    pub fn check(&mut self, recorded: &Recorded) -> Result<(), Broken> {
        let broken = |what| Broken { organization: self.organization.clone(), seq: recorded.seq, what };
        if recorded.seq != self.seq + 1 {
            return Err(broken("entries before it are missing"));
        }
        if recorded.entry.as_ref().is_some_and(|entry| entry.commitment() != recorded.commitment) {
            return Err(broken("its values were altered"));
        }
        let mut next = self.clone();
        if next.append(&recorded.commitment).1 != recorded.hash {
            return Err(broken("its hash does not follow from the entry before it"));
        }
        *self = next;
        Ok(())
    }
}

/// A history that was tampered with.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("the history of {organization} is broken at entry {seq}: {what}")]
pub struct Broken {
    /// The organization.
    pub organization: Name,
    /// The number of the first entry that is wrong.
    pub seq: i64,
    /// What is wrong with it.
    pub what: &'static str,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Kind;

    fn history() -> (Name, Vec<Recorded>) {
        let organization = Name::from("acme");
        let mut chain = Chain::new(&organization);
        let recorded = (1..=4u8)
            .map(|n| {
                let entry = Entry {
                    key: Key::new(Kind::Member, format!("member-{n}")),
                    id: ObjectId::derived([[n].as_slice()]),
                    happened: Happened::Created,
                    at: Timestamp::from_second(i64::from(n)).unwrap(),
                    actor: "ci".into(),
                    manager: Manager::new("muster"),
                    plan: None,
                    source: None,
                    values: "{}".into(),
                    salt: [n; 16],
                };
                let commitment = entry.commitment();
                let (seq, hash) = chain.append(&commitment);
                Recorded { seq, commitment, hash, entry: Some(entry) }
            })
            .collect();
        (organization, recorded)
    }

    fn verify(organization: &Name, history: &[Recorded]) -> Result<i64, Broken> {
        let mut chain = Chain::new(organization);
        history.iter().try_for_each(|recorded| chain.check(recorded))?;
        Ok(chain.seq())
    }

    #[test]
    fn an_untouched_history_verifies_and_an_erased_entry_does_not_break_it() {
        let (organization, mut history) = history();
        assert_eq!(verify(&organization, &history), Ok(4));
        history[1].entry = None;
        assert_eq!(verify(&organization, &history), Ok(4));
    }

    #[test]
    fn an_altered_a_missing_a_swapped_and_a_rehashed_entry_are_found_where_they_are() {
        let (organization, untouched) = history();
        let broken_at = |change: fn(&mut Vec<Recorded>)| {
            let mut history = untouched.clone();
            change(&mut history);
            verify(&organization, &history).map_err(|broken| broken.seq)
        };
        assert_eq!(broken_at(|h| h[2].entry.as_mut().unwrap().actor = "mallory".into()), Err(3));
        assert_eq!(broken_at(|h| drop(h.remove(1))), Err(3));
        assert_eq!(broken_at(|h| h.swap(0, 1)), Err(2));
        assert_eq!(broken_at(|h| h[3].hash = Digest::of(b"")), Err(4));
        assert_eq!(broken_at(|h| h[0].commitment = Digest::of(b"")), Err(1));
    }

    #[test]
    fn the_history_of_one_organization_does_not_verify_as_that_of_another() {
        let (_, history) = history();
        assert_eq!(verify(&Name::from("globex"), &history).map_err(|broken| broken.seq), Err(1));
    }

    #[test]
    fn every_word_is_read_back() {
        for happened in Happened::ALL {
            assert_eq!(Happened::parse(happened.as_str()), Some(happened));
        }
        assert_eq!(Happened::parse("Exploded"), None);
    }
}
