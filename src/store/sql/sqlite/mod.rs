//! The store in a SQLite file: the default, for one machine. Many may read at once; one at a time writes.

mod commit;
mod journal;
mod lines;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Sqlite as Engine, Transaction};

use super::{Address, Mode, fault, rows, schema};
use crate::store::{Batch, Committed, Observe, Recorded, Registered, Settle, Store, StoreError};
use crate::tenancy::{Intent, Mirrored, Name, Revision, Snapshot};

/// A store in a SQLite file.
#[derive(Clone)]
pub struct Sqlite {
    pool: SqlitePool,
    label: String,
}

impl Sqlite {
    /// Opens a file. For writing, it is created and migrated where needed, also when two processes do so at once; for reading
    /// it must be there. `patience` is how long to wait while another process writes.
    ///
    /// # Errors
    ///
    /// The file cannot be opened, or its schema is newer than this program, or, for reading, missing or older.
    pub async fn open(path: &Path, mode: Mode, patience: Duration) -> Result<Self, StoreError> {
        let label = Address::file(path).to_string();
        let options = options(path, mode).busy_timeout(patience);
        if mode == Mode::Write {
            prepare_in_time(&label, &options, patience).await?;
        }
        let pool = SqlitePoolOptions::new().max_connections(4).acquire_timeout(patience).connect_lazy_with(options);
        let store = Self { pool, label };
        store.read().await?;
        Ok(store)
    }

    /// Closes the file, so that nothing but the file is left in its directory.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Begins to read at one moment. The schema is checked each time: another process may have migrated it meanwhile.
    async fn read(&self) -> Result<Transaction<'static, Engine>, StoreError> {
        let doing = "opening the store for reading";
        let mut transaction = self.pool.begin().await.map_err(|error| self.failed(doing, error))?;
        let found = version(&mut transaction).await.map_err(|error| self.failed(doing, error))?;
        schema::check(&self.label, found, &schema::sqlite())?;
        Ok(transaction)
    }

    fn failed(&self, doing: &'static str, error: sqlx::Error) -> StoreError {
        fault::database(&self.label, doing, error)
    }
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sqlite").field(&self.label).finish()
    }
}

fn options(path: &Path, mode: Mode) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new().filename(path).row_buffer_size(1024).disable_statement_logging();
    match mode {
        // Opened writable all the same: a reader that may not write leaves its helper files behind.
        Mode::Read => options.create_if_missing(false).pragma("query_only", "ON"),
        Mode::Write => options
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            // What a purge erases is overwritten.
            .pragma("secure_delete", "ON")
            .pragma("cache_size", "-65536"),
    }
}

/// Prepares the file. SQLite does not wait while another process makes the same file ready for many, so this does.
async fn prepare_in_time(label: &str, options: &SqliteConnectOptions, patience: Duration) -> Result<(), StoreError> {
    let began = tokio::time::Instant::now();
    loop {
        match prepare(label, options).await {
            Err(error) if is_locked(&error) && began.elapsed() < patience => tokio::time::sleep(PAUSE).await,
            prepared => return prepared,
        }
    }
}

/// How long to wait before a file that another process makes ready is opened again.
const PAUSE: Duration = Duration::from_millis(20);

fn is_locked(error: &StoreError) -> bool {
    let StoreError::Database { source: sqlx::Error::Database(source), .. } = error else { return false };
    // The lowest byte of a code says SQLITE_BUSY, whatever the rest says about why.
    source.code().and_then(|code| code.parse::<i32>().ok()).is_some_and(|code| code & 0xff == 5)
}

/// Creates or migrates the schema where needed.
async fn prepare(label: &str, options: &SqliteConnectOptions) -> Result<(), StoreError> {
    let migrator = schema::sqlite();
    let failed = |error| fault::database(label, "opening the store for writing", error);
    let mut connection = SqliteConnection::connect_with(options).await.map_err(failed)?;
    let found = installed(&mut connection).await.map_err(failed)?;
    let state = schema::check(label, found, &migrator);
    if schema::wants_migration(&state) {
        // All migrations in one transaction: of two processes, the second waits and finds nothing left to do.
        let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        schema::migrate(label, &mut *transaction, &migrator).await?;
        transaction.commit().await.map_err(failed)?;
    } else {
        state?;
    }
    connection.close().await.map_err(failed)
}

/// The version of the schema; `None` in a file without one.
async fn installed(connection: &mut SqliteConnection) -> sqlx::Result<Option<i64>> {
    let table = sqlx::query("SELECT 1 FROM sqlite_master WHERE name = ?").bind(schema::TABLE);
    if table.fetch_optional(&mut *connection).await?.is_none() {
        return Ok(None);
    }
    version(connection).await
}

async fn version(connection: &mut SqliteConnection) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar(schema::VERSION).fetch_one(connection).await
}

const ORGANIZATIONS: &str = "
SELECT organization, number, stamp, claim_manager, claim_holder, claim_namespace, claim_seen_at, head_seq, head_hash
FROM revisions
ORDER BY organization";

const ORGANIZATION: &str = "
SELECT organization, number, stamp, claim_manager, claim_holder, claim_namespace, claim_seen_at, head_seq, head_hash
FROM revisions
WHERE organization = ?";

const HISTORY: &str = "
SELECT seq, id, commitment, hash, kind, name, happened, at, actor, manager, plan, source, changes, salt
FROM history LEFT JOIN history_values USING (organization, seq)
WHERE organization = ? AND seq > ?
ORDER BY seq
LIMIT ?";

impl Observe for Sqlite {
    async fn organizations(&self) -> Result<Vec<Registered>, StoreError> {
        let mut moment = self.read().await?;
        let query = sqlx::query(ORGANIZATIONS).try_map(|row| rows::registered(&row));
        query.fetch_all(&mut *moment).await.map_err(|error| self.failed("listing the organizations", error))
    }

    async fn observe(&self, organization: &Name) -> Result<Snapshot, StoreError> {
        let failed = |error| self.failed("observing the organization", error);
        let mut moment = self.read().await?;
        let query = sqlx::query(ORGANIZATION).bind(organization.as_str()).try_map(|row| rows::registered(&row));
        let registered = query.fetch_optional(&mut *moment).await.map_err(failed)?;
        let objects = lines::objects(&mut moment, organization).await.map_err(failed)?;
        Ok(rows::snapshot(organization, registered, objects))
    }

    async fn history(&self, organization: &Name, after: i64, limit: u32) -> Result<Vec<Recorded>, StoreError> {
        let mut moment = self.read().await?;
        let query = sqlx::query(HISTORY).bind(organization.as_str()).bind(after).bind(i64::from(limit));
        let found = query.try_map(|row| rows::recorded(&row)).fetch_all(&mut *moment).await;
        found.map_err(|error| self.failed("reading the history", error))
    }

    async fn journal(&self, organization: &Name) -> Result<Vec<Mirrored>, StoreError> {
        let mut moment = self.read().await?;
        let query = sqlx::query(journal::JOURNAL).bind(organization.as_str()).try_map(|row| rows::mirrored(&row));
        query.fetch_all(&mut *moment).await.map_err(|error| self.failed("reading the journal", error))
    }
}

impl Store for Sqlite {
    async fn commit(&self, batch: &Batch) -> Result<Committed, StoreError> {
        self.write(batch).await
    }

    async fn begin(&self, organization: &Name, base: Revision, entry: &Mirrored) -> Result<(), StoreError> {
        self.begin_call(organization, base, entry).await
    }

    async fn settle(
        &self,
        organization: &Name,
        base: Revision,
        begun: &Intent,
        settle: &Settle,
    ) -> Result<Option<Revision>, StoreError> {
        self.settle_call(organization, base, (begun, settle)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::Kind;
    use crate::store::Write;
    use crate::tenancy::{Claim, Key, Manager, ObjectId, Revision, Row};

    fn member(name: &str, size: usize) -> Write {
        Write::Put(Box::new(Row {
            key: Key::new(Kind::Member, name),
            id: ObjectId::derived([name.as_bytes()]),
            spec: serde_json::json!({ "displayName": "x".repeat(size) }).to_string().into(),
            digest: None,
            applied: None,
            manager: None,
            tombstone: None,
            external_id: None,
            former_names: Vec::new(),
            created_at: jiff::Timestamp::UNIX_EPOCH,
            invited_at: None,
            accepted_at: None,
            declined_at: None,
            ended_at: None,
        }))
    }

    #[tokio::test]
    async fn a_full_disk_is_named_and_nothing_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("muster.db");
        Sqlite::open(&path, Mode::Write, super::super::PATIENCE).await.unwrap().close().await;
        let pool = SqlitePoolOptions::new().connect_lazy_with(options(&path, Mode::Write).pragma("max_page_count", "100"));
        let store = Sqlite { pool, label: "sqlite://muster.db".to_owned() };
        let claim = Claim {
            manager: Manager::new("muster"),
            holder: "files".into(),
            namespace: "".into(),
            seen_at: jiff::Timestamp::UNIX_EPOCH,
        };
        let batch = |base, writes| Batch { organization: "acme".into(), base, claim: claim.clone(), writes, entries: Vec::new() };

        let much = (0..100).map(|n| member(&format!("member-{n}"), 10_000)).collect();
        let error = store.commit(&batch(Revision::default(), much)).await.unwrap_err().to_string();
        assert!(error.ends_with("nothing was written: the disk is full; make room and try again"), "{error}");
        assert_eq!(store.organizations().await.unwrap(), []);
        store.commit(&batch(Revision::default(), vec![member("alice", 10)])).await.unwrap();
    }
}
