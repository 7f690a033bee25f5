use std::collections::BTreeMap;

use super::{Happened, Recorded};
use crate::tenancy::{Digest, Name, ObjectId};

/// The last entry of an organization's history, as the store keeps it beside the revision. A chain whose end was cut off
/// still follows from entry to entry; only this tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of the last entry.
    pub seq: i64,
    /// Its hash.
    pub hash: Digest,
}

/// An organization's hash chain: appends to it, and checks that what a store returns is all of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Chain {
    organization: Name,
    head: Head,
    /// Objects whose values are gone without a purge so far, with the first entry that is empty.
    unexplained: BTreeMap<ObjectId, i64>,
    /// How many entries are empty.
    erased: usize,
}

impl Chain {
    /// The chain of an organization that ends with this entry; `None` where there is no history.
    #[must_use]
    pub fn resume(organization: &Name, head: Option<Head>) -> Self {
        let head = head.unwrap_or_else(|| Head { seq: 0, hash: Digest::of(organization.as_bytes()) });
        Self { organization: organization.clone(), head, unexplained: BTreeMap::new(), erased: 0 }
    }

    /// The chain of an organization without history.
    #[must_use]
    pub fn new(organization: &Name) -> Self {
        Self::resume(organization, None)
    }

    /// The number of the last entry; zero while there is none.
    #[must_use]
    pub fn seq(&self) -> i64 {
        self.head.seq
    }

    /// How many of the entries that were checked have no values any more.
    #[must_use]
    pub fn erased(&self) -> usize {
        self.erased
    }

    /// The last entry; `None` while there is none.
    #[must_use]
    pub fn head(&self) -> Option<Head> {
        (self.head.seq > 0).then_some(self.head)
    }

    /// Appends an entry about this object with this commitment and returns where the chain ends then.
    pub fn append(&mut self, id: ObjectId, commitment: &Digest) -> Head {
        let seq = self.head.seq + 1;
        let id = id.as_uuid();
        let pieces = [self.head.hash.as_bytes().as_slice(), &seq.to_be_bytes(), id.as_bytes(), commitment.as_bytes()];
        self.head = Head { seq, hash: Digest::of_all(pieces) };
        self.head
    }

    /// Checks the next entry and moves on to it.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong: a number that is missing, an entry that was altered, or a hash that does not follow.
    pub fn check(&mut self, recorded: &Recorded) -> Result<(), Broken> {
        let Recorded { seq, id, commitment, hash, entry } = recorded;
        if *seq != self.seq() + 1 {
            return Err(self.broken(*seq, "entries before it are missing"));
        }
        if entry.as_ref().is_some_and(|entry| entry.commitment() != *commitment || entry.id != *id) {
            return Err(self.broken(*seq, "its values were altered"));
        }
        let before = self.head;
        if self.append(*id, commitment).hash != *hash {
            self.head = before;
            return Err(self.broken(*seq, "its hash does not follow from the entry before it"));
        }
        match entry {
            Some(entry) if entry.happened == Happened::Purged => drop(self.unexplained.remove(id)),
            Some(_) => {}
            None => {
                self.unexplained.entry(*id).or_insert(*seq);
                self.erased += 1;
            }
        }
        Ok(())
    }

    /// Checks, when all entries were, that this is the whole history: that it ends where the store says, and that each value
    /// which is gone went with a purge.
    ///
    /// # Errors
    ///
    /// The end was cut off or entries were added to it, or values were erased by hand.
    pub fn finish(&self, head: Option<Head>) -> Result<(), Broken> {
        let last = head.map_or(0, |head| head.seq);
        if last > self.seq() {
            return Err(self.broken(self.seq() + 1, "it is missing, and so are all entries after it"));
        }
        if last < self.seq() {
            return Err(self.broken(last + 1, "no apply wrote it: it was added by hand"));
        }
        if head != self.head() {
            return Err(self.broken(last, "it is not the last entry that an apply wrote"));
        }
        match self.unexplained.values().min() {
            Some(seq) => {
                Err(self.broken(*seq, "its values are gone although its object was not purged: they were erased by hand"))
            }
            None => Ok(()),
        }
    }

    fn broken(&self, seq: i64, what: &'static str) -> Broken {
        Broken { organization: self.organization.clone(), seq, what }
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
    use jiff::Timestamp;

    use super::*;
    use crate::api::Kind;
    use crate::store::Entry;
    use crate::tenancy::{Key, Manager};

    /// Three members come, and the first one is purged.
    fn history() -> (Name, Vec<Recorded>) {
        let organization = Name::from("acme");
        let mut chain = Chain::new(&organization);
        let happened = [(1u8, Happened::Created), (2, Happened::Created), (3, Happened::Created), (1, Happened::Purged)];
        let recorded = happened
            .into_iter()
            .map(|(n, happened)| {
                let entry = Entry {
                    key: Key::new(Kind::Member, format!("member-{n}")),
                    id: ObjectId::derived([[n].as_slice()]),
                    happened,
                    at: Timestamp::from_second(i64::from(n)).unwrap(),
                    actor: "ci".into(),
                    manager: Manager::new("muster"),
                    plan: None,
                    source: None,
                    values: "{}".into(),
                    salt: [n; 16],
                };
                let commitment = entry.commitment();
                let Head { seq, hash } = chain.append(entry.id, &commitment);
                Recorded { seq, id: entry.id, commitment, hash, entry: Some(entry) }
            })
            .collect();
        (organization, recorded)
    }

    fn verify(organization: &Name, history: &[Recorded]) -> Result<i64, Broken> {
        let (_, untouched) = self::history();
        let head = untouched.last().map(|last| Head { seq: last.seq, hash: last.hash });
        let mut chain = Chain::new(organization);
        history.iter().try_for_each(|recorded| chain.check(recorded))?;
        chain.finish(head)?;
        Ok(chain.seq())
    }

    #[test]
    fn an_untouched_history_verifies_and_an_entry_that_a_purge_erased_does_not_break_it() {
        let (organization, mut history) = history();
        assert_eq!(verify(&organization, &history), Ok(4));
        history[0].entry = None;
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
        assert_eq!(broken_at(|h| h[0].id = h[1].id), Err(1));
    }

    #[test]
    fn an_end_that_was_cut_off_added_or_exchanged_is_found() {
        let (organization, untouched) = history();
        let mut cut = untouched.clone();
        cut.truncate(2);
        assert_eq!(verify(&organization, &cut).unwrap_err().seq, 3);
        assert_eq!(verify(&organization, &[]).unwrap_err().seq, 1);
        let appended = |mut history: Vec<Recorded>| {
            let mut chain = Chain::new(&organization);
            history.iter().try_for_each(|recorded| chain.check(recorded)).unwrap();
            let (id, commitment) = (history[0].id, Digest::of(b"more"));
            let Head { seq, hash } = chain.append(id, &commitment);
            history.push(Recorded { seq, id, commitment, hash, entry: None });
            history
        };
        assert_eq!(verify(&organization, &appended(untouched.clone())).unwrap_err().seq, 5);
        let exchanged = appended(untouched[..3].to_vec());
        assert_eq!(verify(&organization, &exchanged).unwrap_err().seq, 4);
    }

    #[test]
    fn values_that_went_without_a_purge_are_found() {
        let (organization, mut history) = history();
        history[2].entry = None;
        let broken = verify(&organization, &history).unwrap_err();
        assert_eq!((broken.seq, broken.what.contains("erased by hand")), (3, true));
        history[2] = self::history().1[2].clone();
        history[3].entry = None;
        assert_eq!(verify(&organization, &history).unwrap_err().seq, 4, "the record of a purge is not purged");
    }

    #[test]
    fn the_history_of_one_organization_does_not_verify_as_that_of_another() {
        let (_, history) = history();
        assert_eq!(verify(&Name::from("globex"), &history).map_err(|broken| broken.seq), Err(1));
    }
}
