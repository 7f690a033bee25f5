use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use uuid::Uuid;

use super::stored::{as_stored, to_microseconds};
use super::{Batch, Chain, Committed, Entry, Head, Observe, Recorded, Registered, Settle, Store, StoreError, Write};
use crate::tenancy::{Claim, Intent, Mirrored, Name, ObjectId, Revision, Row, Snapshot};

/// A store in memory, and the specification of every other store: what it does in a few plain lines, the others do in SQL.
#[derive(Debug, Default)]
pub struct Memory {
    organizations: Mutex<BTreeMap<Name, Organization>>,
}

#[derive(Clone, Debug, Default)]
struct Organization {
    revision: Revision,
    claim: Option<Claim>,
    rows: BTreeMap<ObjectId, Row>,
    history: Vec<Recorded>,
    head: Option<Head>,
    journal: BTreeMap<ObjectId, Mirrored>,
}

impl Memory {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Changes the rows of an organization by hand, past the engine: what a person with SQL does to the other stores. The
    /// revision moves on, and a row whose spec changed while its digest did not loses the digest, but keeps what was last
    /// applied to it.
    pub fn edit<T>(&self, organization: &Name, change: impl FnOnce(&mut Vec<Row>) -> T) -> T {
        let mut organizations = self.lock();
        let edited = organizations.entry(organization.clone()).or_default();
        let before = edited.rows.clone();
        let mut rows = edited.sorted();
        let result = change(&mut rows);
        for row in &mut rows {
            if let Some(old) = before.get(&row.id) {
                unseal(old, row);
            }
        }
        edited.rows = rows.into_iter().map(|row| (row.id, row)).collect();
        edited.revision = next(edited.revision);
        result
    }

    /// Changes the history of an organization by hand, as a person with SQL can do it in the other stores.
    pub fn edit_history(&self, organization: &Name, change: impl FnOnce(&mut Vec<Recorded>)) {
        change(&mut self.lock().entry(organization.clone()).or_default().history);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Name, Organization>> {
        self.organizations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A copy of everything in the store at this moment, as a backup is.
impl Clone for Memory {
    fn clone(&self) -> Self {
        Self { organizations: Mutex::new(self.lock().clone()) }
    }
}

impl Observe for Memory {
    async fn organizations(&self) -> Result<Vec<Registered>, StoreError> {
        let registered = |(name, organization): (&Name, &Organization)| Registered {
            organization: name.clone(),
            revision: organization.revision,
            claim: organization.claim.clone(),
            head: organization.head,
        };
        Ok(self.lock().iter().map(registered).collect())
    }

    async fn observe(&self, organization: &Name) -> Result<Snapshot, StoreError> {
        let organizations = self.lock();
        let mut snapshot = Snapshot { organization: organization.clone(), complete: true, ..Snapshot::default() };
        if let Some(found) = organizations.get(organization) {
            snapshot.revision = found.revision;
            snapshot.claim.clone_from(&found.claim);
            snapshot.rows = found.sorted();
        }
        Ok(snapshot)
    }

    async fn history(&self, organization: &Name, after: i64, limit: u32) -> Result<Vec<Recorded>, StoreError> {
        let organizations = self.lock();
        let history = organizations.get(organization).map(|found| found.history.as_slice()).unwrap_or_default();
        let later = history.iter().filter(|recorded| recorded.seq > after);
        Ok(later.take(limit as usize).cloned().collect())
    }

    async fn journal(&self, organization: &Name) -> Result<Vec<Mirrored>, StoreError> {
        let organizations = self.lock();
        let entries = organizations.get(organization).into_iter().flat_map(|found| found.journal.values());
        let mut entries: Vec<Mirrored> = entries.cloned().collect();
        entries.sort_by(|a, b| (a.key.kind.as_str(), &a.key.name, a.id).cmp(&(b.key.kind.as_str(), &b.key.name, b.id)));
        Ok(entries)
    }
}

impl Store for Memory {
    async fn commit(&self, batch: &Batch) -> Result<Committed, StoreError> {
        let mut organizations = self.lock();
        let found = organizations.get(&batch.organization).cloned().unwrap_or_default();
        if found.revision != batch.base {
            return Err(StoreError::Stale {
                organization: batch.organization.clone(),
                planned: batch.base,
                found: found.revision,
            });
        }
        let committed = found.with(batch)?;
        let result = Committed { revision: committed.revision, last_entry: committed.head.map_or(0, |head| head.seq) };
        organizations.insert(batch.organization.clone(), committed);
        Ok(result)
    }

    async fn begin(&self, organization: &Name, base: Revision, entry: &Mirrored) -> Result<(), StoreError> {
        let mut organizations = self.lock();
        let found = organizations.get(organization).map(|found| found.revision).unwrap_or_default();
        if found != base {
            return Err(StoreError::Stale { organization: organization.clone(), planned: base, found });
        }
        organizations.entry(organization.clone()).or_default().journal.insert(entry.id, entry.clone());
        Ok(())
    }

    async fn settle(
        &self,
        organization: &Name,
        base: Revision,
        begun: &Intent,
        settle: &Settle,
    ) -> Result<Option<Revision>, StoreError> {
        let mut organizations = self.lock();
        let found = organizations.entry(organization.clone()).or_default();
        let before = found.revision;
        if found.journal.get(&settle.id()).and_then(|entry| entry.intent.as_ref()) != Some(begun) {
            return Ok(None);
        }
        match settle {
            Settle::Keep(entry) => drop(found.journal.insert(entry.id, (**entry).clone())),
            Settle::Drop(id) => drop(found.journal.remove(id)),
        }
        if let Some(row) = found.rows.get_mut(&settle.id()).filter(|row| row.external_id.as_deref() != settle.external_id()) {
            row.external_id = settle.external_id().map(Into::into);
            found.revision = next(found.revision);
        }
        Ok((before == base).then_some(found.revision))
    }
}

impl Organization {
    fn sorted(&self) -> Vec<Row> {
        let mut rows: Vec<Row> = self.rows.values().cloned().collect();
        rows.sort_by(|a, b| a.key.cmp(&b.key));
        rows
    }

    fn with(mut self, batch: &Batch) -> Result<Self, StoreError> {
        for write in &batch.writes {
            match write {
                Write::Put(row) => drop(self.rows.insert(row.id, as_stored(row))),
                Write::Erase { id, .. } => self.erase(*id),
            }
        }
        let mut keys = BTreeSet::new();
        if let Some(twice) = self.rows.values().find(|row| !keys.insert(&row.key)) {
            return Err(StoreError::Taken { store: "the store in memory".to_owned(), what: twice.key.to_string() });
        }
        if self.history.last().map_or(0, |last| last.seq) > self.head.map_or(0, |head| head.seq) {
            return Err(StoreError::History { store: "the store in memory".to_owned() });
        }
        let mut chain = Chain::resume(&batch.organization, self.head);
        for entry in &batch.entries {
            let commitment = entry.commitment();
            let Head { seq, hash } = chain.append(entry.id, &commitment);
            let entry = Entry { at: to_microseconds(entry.at), ..entry.clone() };
            self.history.push(Recorded { seq, id: entry.id, commitment, hash, entry: Some(entry) });
        }
        self.head = chain.head();
        self.claim = Some(Claim { seen_at: to_microseconds(batch.claim.seen_at), ..batch.claim.clone() });
        self.revision = next(self.revision);
        Ok(self)
    }

    fn erase(&mut self, id: ObjectId) {
        self.rows.remove(&id);
        for recorded in &mut self.history {
            if recorded.id == id {
                recorded.entry = None;
            }
        }
    }
}

/// The revision after a write.
fn next(revision: Revision) -> Revision {
    let (_, stamp) = Uuid::new_v4().as_u64_pair();
    Revision { number: revision.number + 1, stamp: stamp.cast_signed() }
}

/// Takes the digest off a row whose spec was changed by another hand; what was last applied stays known.
fn unseal(old: &Row, new: &mut Row) {
    if old.spec == new.spec || old.digest != new.digest || old.digest.is_none() {
        return;
    }
    if new.applied.is_none() {
        new.applied = Some(old.spec.clone());
    }
    new.digest = None;
}
