use std::collections::BTreeMap;
use std::sync::{Arc, Mutex as Lock, PoisonError};
use std::time::Duration;

use tokio::sync::Mutex;

use super::stored::Stored;
use crate::store::{Observe, Registered, StoreError};
use crate::tenancy::Name;

/// How many rows are kept, of all organizations together.
const MOST_ROWS: usize = 50_000;

/// How long reading one organization may take, whether anybody still waits for it or not.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why nothing is known of an organization.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It gave no answer.
    #[error("the store has given no answer for {0:?}")]
    Silent(Duration),
    /// Reading broke.
    #[error("reading was broken off, which is a defect of muster: please report it")]
    Broken,
}

/// Organizations as they were read. Each counts for as long as the store says that it is at the same revision.
#[derive(Clone, Debug, Default)]
pub struct Kept(Arc<Lock<Slots>>);

type Cell = Arc<Mutex<Option<Arc<Stored>>>>;

#[derive(Debug, Default)]
struct Slots {
    by_name: BTreeMap<Name, Slot>,
    uses: u64,
}

#[derive(Debug, Default)]
struct Slot {
    cell: Cell,
    rows: usize,
    used: u64,
}

impl Kept {
    /// An organization as it is at this revision. It is read once for all who ask meanwhile, and read to the end also where nobody
    /// waits for it any more: who asks next finds it.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn get<S>(&self, store: &S, known: &Registered) -> Result<Arc<Stored>, ReadError>
    where
        S: Observe + Clone + 'static,
    {
        let mut cell = self.cell(&known.organization).lock_owned().await;
        if let Some(stored) = cell.as_ref().filter(|stored| stored.snapshot.revision == known.revision) {
            return Ok(Arc::clone(stored));
        }
        let (kept, store, organization) = (self.clone(), store.clone(), known.organization.clone());
        let reading = tokio::spawn(async move {
            // What is of no use any more is not kept beside what takes its place.
            *cell = None;
            let snapshot = tokio::time::timeout(PATIENCE, store.observe(&organization)).await;
            let snapshot = snapshot.map_err(|_| ReadError::Silent(PATIENCE))??;
            let rows = snapshot.rows.len();
            let stored = Arc::new(Stored::new(snapshot));
            *cell = Some(Arc::clone(&stored));
            kept.make_room(&organization, rows);
            Ok(stored)
        });
        reading.await.unwrap_or(Err(ReadError::Broken))
    }

    fn cell(&self, organization: &Name) -> Cell {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.uses += 1;
        let used = slots.uses;
        let slot = slots.by_name.entry(organization.clone()).or_default();
        slot.used = used;
        Arc::clone(&slot.cell)
    }

    /// Forgets what was not asked for longest, as far as that is necessary for this one.
    fn make_room(&self, organization: &Name, rows: usize) {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        slots.by_name.entry(organization.clone()).or_default().rows = rows;
        while slots.by_name.values().map(|slot| slot.rows).sum::<usize>() > MOST_ROWS {
            let others = slots.by_name.iter().filter(|(name, _)| *name != organization);
            let Some(oldest) = others.min_by_key(|(_, slot)| slot.used).map(|(name, _)| name.clone()) else { break };
            slots.by_name.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use jiff::Timestamp;

    use super::*;
    use crate::api::Kind;
    use crate::store::{Memory, Recorded};
    use crate::tenancy::{Key, Mirrored, ObjectId, Revision, Row, Snapshot};

    /// A store that counts how often it is read, and reads nothing before it is told to.
    #[derive(Clone)]
    struct Counted {
        reads: Arc<AtomicUsize>,
        rows: usize,
        gate: Arc<tokio::sync::Semaphore>,
    }

    impl Observe for Counted {
        async fn organizations(&self) -> Result<Vec<Registered>, StoreError> {
            Memory::new().organizations().await
        }

        async fn observe(&self, organization: &Name) -> Result<Snapshot, StoreError> {
            self.reads.fetch_add(1, Ordering::Relaxed);
            let _open = self.gate.acquire().await;
            Ok(Snapshot { rows: vec![row(); self.rows], revision: at(1, organization).revision, ..Snapshot::empty(organization) })
        }

        async fn history(&self, _: &Name, _: i64, _: u32) -> Result<Vec<Recorded>, StoreError> {
            Ok(Vec::new())
        }

        async fn journal(&self, _: &Name) -> Result<Vec<Mirrored>, StoreError> {
            Ok(Vec::new())
        }
    }

    fn store(rows: usize, open: usize) -> Counted {
        Counted { reads: Arc::default(), rows, gate: Arc::new(tokio::sync::Semaphore::new(open)) }
    }

    fn row() -> Row {
        Row {
            key: Key::new(Kind::Project, "core"),
            id: ObjectId::derived([&b"core"[..]]),
            spec: "{}".into(),
            digest: None,
            applied: None,
            manager: None,
            tombstone: None,
            external_id: None,
            former_names: Vec::new(),
            created_at: Timestamp::UNIX_EPOCH,
            invited_at: None,
            accepted_at: None,
            declined_at: None,
            ended_at: None,
        }
    }

    fn at(number: i64, organization: &Name) -> Registered {
        Registered { organization: organization.clone(), revision: Revision { number, stamp: 7 }, claim: None, head: None }
    }

    #[tokio::test]
    async fn an_organization_is_read_once_for_each_revision() {
        let (kept, store, acme) = (Kept::default(), store(3, 8), Name::from("acme"));
        let first = kept.get(&store, &at(1, &acme)).await.unwrap();
        assert!(Arc::ptr_eq(&first, &kept.get(&store, &at(1, &acme)).await.unwrap()));
        assert_eq!(store.reads.load(Ordering::Relaxed), 1);
        kept.get(&store, &at(2, &acme)).await.unwrap();
        assert_eq!(store.reads.load(Ordering::Relaxed), 2);
    }

    #[tokio::test]
    async fn what_somebody_began_to_read_is_there_for_whoever_asks_next() {
        let (kept, store, acme) = (Kept::default(), store(3, 0), Name::from("acme"));
        let known = at(1, &acme);
        assert!(tokio::time::timeout(Duration::ZERO, kept.get(&store, &known)).await.is_err());
        store.gate.add_permits(1);
        let (one, other) = tokio::join!(kept.get(&store, &known), kept.get(&store, &known));
        assert!(Arc::ptr_eq(&one.unwrap(), &other.unwrap()));
        assert_eq!(store.reads.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn what_was_not_asked_for_longest_makes_room() {
        let (kept, store) = (Kept::default(), store(MOST_ROWS / 2, 8));
        let names = ["a", "b", "a", "c"].map(Name::from);
        for name in &names {
            kept.get(&store, &at(1, name)).await.unwrap();
        }
        assert_eq!(kept.0.lock().unwrap().by_name.keys().map(Name::as_str).collect::<Vec<_>>(), ["a", "c"]);
        let large = self::store(MOST_ROWS * 2, 8);
        kept.get(&large, &at(1, &"d".into())).await.unwrap();
        assert_eq!(kept.0.lock().unwrap().by_name.keys().map(Name::as_str).collect::<Vec<_>>(), ["d"]);
    }
}
