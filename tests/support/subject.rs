//! A store under test, with hands that write past the engine and with backups.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;
use muster::api::Kind;
use muster::engine::{VerifyError, verify};
use muster::store::{AnyStore, Batch, Entry, Happened, Memory, Mode, Observe as _, Recorded, Store as _, Write};
use muster::tenancy::{Claim, Digest, Key, Manager, Name, ObjectId, Revision, Row, Snapshot};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};

/// The organization of the stories.
pub const ACME: &str = "acme";

/// A store, and where it is.
pub struct Subject {
    pub store: Arc<AnyStore>,
    place: Place,
}

enum Place {
    Memory,
    File(tempfile::TempDir),
    Server(String),
}

/// What [`Subject::backup`] made.
pub enum Backup {
    Memory(Memory),
    File(PathBuf),
    Server(String),
}

/// Runs a chapter on a store; none where the store cannot be had on this machine.
pub fn tell<F: Future<Output = ()>>(subject: impl FnOnce() -> Option<Subject>, chapter: impl FnOnce(Subject) -> F) {
    let Some(subject) = subject() else { return };
    let runtime = runtime();
    runtime.block_on(async {
        let opened = subject.opened().await;
        chapter(opened).await;
    });
}

/// Runs a test on SQLite.
pub fn on_sqlite<F: Future<Output = ()>>(test: impl FnOnce(Subject) -> F) {
    tell(|| Some(Subject::sqlite()), test);
}

/// Runs a test on PostgreSQL, where there is one.
pub fn on_postgres<F: Future<Output = ()>>(test: impl FnOnce(Subject) -> F) {
    tell(|| crate::postgres::database().map(Subject::postgres), test);
}

/// Runs a test on both engines.
pub fn on_both<F: Future<Output = ()>>(test: fn(Subject) -> F) {
    on_sqlite(test);
    on_postgres(test);
}

/// A runtime for one test.
pub fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

impl Subject {
    pub fn memory() -> Self {
        Self::at(Place::Memory)
    }

    pub fn sqlite() -> Self {
        Self::at(Place::File(tempfile::tempdir().unwrap()))
    }

    pub fn postgres(url: String) -> Self {
        Self::at(Place::Server(url))
    }

    fn at(place: Place) -> Self {
        Self { store: Arc::new(AnyStore::Memory(Memory::new())), place }
    }

    /// The address of the store.
    pub fn url(&self) -> String {
        match &self.place {
            Place::Memory => unreachable!("a store in memory has no address"),
            Place::File(directory) => format!("sqlite://{}", directory.path().join("muster.db").display()),
            Place::Server(url) => url.clone(),
        }
    }

    /// The same, opened for writing.
    pub async fn opened(mut self) -> Self {
        if !matches!(self.place, Place::Memory) {
            self.reopen().await;
        }
        self
    }

    /// What the store holds, with all JSON written the same way.
    pub async fn observe(&self) -> Snapshot {
        let mut snapshot = self.store.observe(&ACME.into()).await.unwrap();
        snapshot.rows = snapshot.rows.into_iter().map(tidy).collect();
        snapshot
    }

    /// Commits what must not fail, and returns the revision after it.
    pub async fn commit(&self, base: Revision, writes: impl IntoIterator<Item = Write>) -> Revision {
        self.store.commit(&batch(base, writes, [])).await.unwrap().revision
    }

    /// Verifies the history and returns the number of its last entry.
    pub async fn verify(&self) -> i64 {
        verify(&*self.store, &ACME.into()).await.unwrap().seq()
    }

    /// What is wrong with the history: the number of an entry, and what it says.
    pub async fn broken(&self) -> (i64, &'static str) {
        match verify(&*self.store, &ACME.into()).await {
            Err(VerifyError::Broken(broken)) => (broken.seq, broken.what),
            other => panic!("should be broken: {other:?}"),
        }
    }

    /// Deletes entries of the history by hand, from this one on.
    pub async fn cut_history(&self, from: i64) {
        if let AnyStore::Memory(store) = &*self.store {
            return store.edit_history(&ACME.into(), |history| history.retain(|recorded| recorded.seq < from));
        }
        self.sql(&format!("DELETE FROM history WHERE seq >= {from}; DELETE FROM history_values WHERE seq >= {from}")).await;
    }

    /// Adds an entry to the end of the history by hand.
    pub async fn add_to_history(&self) {
        if let AnyStore::Memory(store) = &*self.store {
            return store.edit_history(&ACME.into(), |history| {
                let last = history.last().unwrap().clone();
                history.push(Recorded { seq: last.seq + 1, ..last });
            });
        }
        let columns = "organization, 1 + seq, id, commitment, hash";
        self.sql(&format!("INSERT INTO history SELECT {columns} FROM history ORDER BY seq DESC LIMIT 1")).await;
    }

    /// Erases what one entry of the history says by hand.
    pub async fn erase_values(&self, seq: i64) {
        if let AnyStore::Memory(store) = &*self.store {
            let erase = |recorded: &mut Recorded| recorded.entry = None;
            return store.edit_history(&ACME.into(), |all| all.iter_mut().filter(|recorded| recorded.seq == seq).for_each(erase));
        }
        self.sql(&format!("DELETE FROM history_values WHERE seq = {seq}")).await;
    }

    /// Asserts that nothing but [`alice`] as she was applied first is in the store, and that it takes the next batch.
    pub async fn assert_untouched(&self, base: Revision) {
        let snapshot = self.observe().await;
        assert_eq!((snapshot.revision, &snapshot.rows[..]), (base, &[alice()][..]));
        assert_eq!(self.verify().await, 0);
        self.store.commit(&change(base)).await.unwrap();
    }

    /// Changes the spec of a member by hand.
    pub async fn set_spec(&self, member: &str, spec: &str) {
        if let AnyStore::Memory(store) = &*self.store {
            let changed = |row: &mut Row| row.spec = spec.into();
            return store.edit(&ACME.into(), |rows| rows.iter_mut().filter(|row| row.key.name == *member).for_each(changed));
        }
        self.sql(&format!("UPDATE objects SET spec = '{spec}' WHERE kind = 'Member' AND name = '{member}'")).await;
    }

    /// Adds a row by hand, of which only the key, the id, the spec and the time of creation count.
    pub async fn insert(&self, row: &Row) {
        if let AnyStore::Memory(store) = &*self.store {
            return store.edit(&ACME.into(), |rows| rows.push(row.clone()));
        }
        let Row { key, id, spec, created_at, .. } = row;
        self.sql(&format!(
            "INSERT INTO objects (organization, kind, name, id, spec, created_at)
             VALUES ('{ACME}', '{}', '{}', '{id}', '{spec}', '{created_at}')",
            key.kind, key.name
        ))
        .await;
    }

    /// Deletes a member by hand.
    pub async fn delete(&self, member: &str) {
        if let AnyStore::Memory(store) = &*self.store {
            return store.edit(&ACME.into(), |rows| rows.retain(|row| row.key.name != *member));
        }
        self.sql(&format!("DELETE FROM objects WHERE kind = 'Member' AND name = '{member}'")).await;
    }

    /// Runs statements by hand, on a connection of its own.
    pub async fn sql(&self, statements: &str) {
        by_hand(&self.url(), statements).await.unwrap();
    }

    /// A copy of the store as it is now.
    pub async fn backup(&mut self) -> Backup {
        match (&self.place, &*self.store) {
            (Place::File(directory), _) => {
                let backup = directory.path().join("backup.db");
                self.sql(&format!("VACUUM INTO '{}'", backup.display())).await;
                Backup::File(backup)
            }
            (Place::Server(url), _) => {
                self.store.close().await;
                let backup = Backup::Server(crate::postgres::copy_of(url));
                self.reopen().await;
                backup
            }
            (Place::Memory, AnyStore::Memory(store)) => Backup::Memory(store.clone()),
            (Place::Memory, _) => unreachable!("what is in memory is a store in memory"),
        }
    }

    /// Puts a backup in place of what is there.
    pub async fn restore(&mut self, backup: Backup) {
        self.store.close().await;
        match backup {
            Backup::Memory(store) => return self.store = Arc::new(AnyStore::Memory(store)),
            Backup::File(path) => std::fs::rename(path, self.url().trim_start_matches("sqlite://")).unwrap(),
            Backup::Server(url) => self.place = Place::Server(url),
        }
        self.reopen().await;
    }

    async fn reopen(&mut self) {
        self.store = Arc::new(AnyStore::open(&self.url(), Mode::Write).await.unwrap());
    }
}

/// Runs statements on a connection of their own.
pub async fn by_hand(url: &str, statements: &str) -> sqlx::Result<()> {
    let statements = sqlx::raw_sql(AssertSqlSafe(statements.to_owned()));
    if url.starts_with("sqlite") {
        let mut hand = SqliteConnection::connect(url).await?;
        statements.execute(&mut hand).await?;
        hand.close().await
    } else {
        let mut hand = PgConnection::connect(url).await?;
        statements.execute(&mut hand).await?;
        hand.close().await
    }
}

/// A row that was applied as it is.
pub fn row(kind: Kind, name: &str, spec: &str) -> Row {
    Row {
        key: Key::new(kind, name),
        id: id(&format!("{kind} {name}")),
        spec: tidied(spec),
        digest: Some(Digest::of(spec.as_bytes())),
        applied: None,
        manager: Some(Manager::new("muster")),
        tombstone: None,
        external_id: None,
        former_names: Vec::new(),
        created_at: at(0),
        invited_at: None,
        accepted_at: None,
        declined_at: None,
        ended_at: None,
    }
}

/// A member.
pub fn alice() -> Row {
    row(Kind::Member, "alice", r#"{"role":"Member"}"#)
}

/// A batch that changes [`alice`] and records it.
pub fn change(base: Revision) -> Batch {
    let changed = Row { spec: r#"{"role":"Viewer"}"#.into(), ..alice() };
    batch(base, [put(&changed)], [entry(&changed, Happened::Updated)])
}

/// A batch for the organization of the stories.
pub fn batch(base: Revision, writes: impl IntoIterator<Item = Write>, entries: impl IntoIterator<Item = Entry>) -> Batch {
    let claim = Claim { manager: Manager::new("muster"), holder: "files".into(), namespace: "".into(), seen_at: at(1) };
    let (writes, entries) = (writes.into_iter().collect(), entries.into_iter().collect());
    Batch { organization: Name::from(ACME), base, claim, writes, entries }
}

pub fn put(row: &Row) -> Write {
    Write::Put(Box::new(row.clone()))
}

pub fn erase(row: &Row) -> Write {
    Write::Erase { key: row.key.clone(), id: row.id }
}

/// Something that happened to a row.
pub fn entry(row: &Row, happened: Happened) -> Entry {
    Entry {
        key: row.key.clone(),
        id: row.id,
        happened,
        at: at(2),
        actor: "ci".into(),
        manager: Manager::new("muster"),
        plan: None,
        source: None,
        values: r#"{"role":[null,"Admin"]}"#.into(),
        salt: *row.id.as_uuid().as_bytes(),
    }
}

/// The id that belongs to these words.
pub fn id(words: &str) -> ObjectId {
    ObjectId::derived([words.as_bytes()])
}

/// A moment, to the microsecond.
pub fn at(second: i64) -> Timestamp {
    Timestamp::from_microsecond((1_800_000_000 + second) * 1_000_000 + 123_456).unwrap()
}

/// A row with its JSON written in one way: a store may return it with other spaces and another order of keys.
pub fn tidy(row: Row) -> Row {
    Row { spec: tidied(&row.spec), applied: row.applied.as_deref().map(tidied), ..row }
}

fn tidied(json: &str) -> Box<str> {
    serde_json::from_str::<serde_json::Value>(json).unwrap().to_string().into()
}
