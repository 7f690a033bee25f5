use serde::Serialize;

use super::apply::Apply;
use crate::store::{Batch, Entry, Happened, Write};
use crate::tenancy::{Claim, Digest, Key, Name, ObjectId, Snapshot};

/// The history entries of one run, each with the hand that it was written by and a salt of its own.
pub(super) struct Record<'a> {
    how: &'a Apply,
    organization: &'a Name,
    plan: Option<Digest>,
    actor: Box<str>,
    entries: Vec<Entry>,
}

impl<'a> Record<'a> {
    /// An empty one, for a plan or for a command that needs none.
    pub fn new(how: &'a Apply, organization: &'a Name, plan: Option<Digest>) -> Self {
        Self { how, organization, plan, actor: how.actor.clone(), entries: Vec::new() }
    }

    /// Says with everything that follows that it was done in an emergency.
    pub fn in_an_emergency(&mut self, ticket: &str) {
        self.actor = format!("{} (break-glass {ticket})", self.how.actor).into();
    }

    /// Records that something happened.
    pub fn push(&mut self, key: Key, id: ObjectId, happened: Happened, values: &impl Serialize) {
        let Apply { now, manager, source, .. } = self.how;
        self.entries.push(Entry {
            key,
            id,
            happened,
            at: *now,
            actor: self.actor.clone(),
            manager: manager.clone(),
            plan: self.plan,
            source: source.clone(),
            values: serde_json::to_string(values).unwrap_or_default().into(),
            salt: self.salt(),
        });
    }

    /// The salt of the next entry.
    fn salt(&self) -> [u8; 16] {
        let number = (self.entries.len() as u64 + 1).to_be_bytes();
        let digest = Digest::of_all([self.how.seed.as_slice(), self.organization.as_bytes(), &number]);
        let mut salt = [0; 16];
        salt.copy_from_slice(&digest.as_bytes()[..16]);
        salt
    }

    /// The entries, in the order in which they were pushed.
    pub fn entries(self) -> Vec<Entry> {
        self.entries
    }

    /// The batch of a command that needs no plan. The organization stays claimed as it is.
    pub fn batch(self, snapshot: &Snapshot, writes: Vec<Write>) -> Batch {
        let claim = snapshot.claim.clone().unwrap_or_else(|| self.how.claim(""));
        Batch { organization: snapshot.organization.clone(), base: snapshot.revision, claim, writes, entries: self.entries }
    }
}

impl Apply {
    /// The claim that applying from this namespace leaves.
    pub(super) fn claim(&self, namespace: &str) -> Claim {
        let Self { manager, holder, now, .. } = self;
        Claim { manager: manager.clone(), holder: holder.clone(), namespace: namespace.into(), seen_at: *now }
    }
}
