//! The store in a PostgreSQL database, version 14 or later: for production.

mod commit;
mod copy;
mod journal;

use std::fmt;
use std::future::Future;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions as _, Connection as _, Postgres as Engine, Transaction};

use super::{Address, Mode, fault, rows, schema};
use crate::store::{Batch, Committed, Observe, Recorded, Registered, Settle, Store, StoreError};
use crate::tenancy::{Intent, Mirrored, Name, Revision, Snapshot};

/// A store in a PostgreSQL database.
#[derive(Clone)]
pub struct Postgres {
    pool: PgPool,
    label: String,
    patience: Duration,
}

impl Postgres {
    /// Connects to a database. For writing, the schema is created or migrated where needed, also when two processes do so at
    /// once; for reading it must be there. `patience` is how long to wait for the server and for the locks of others.
    ///
    /// # Errors
    ///
    /// The server cannot be reached, or the schema is newer than this program, or, for reading, missing or older.
    pub async fn open(options: PgConnectOptions, mode: Mode, patience: Duration) -> Result<Self, StoreError> {
        let label = Address::Postgres(Box::new(options.clone())).to_string();
        let options = options.application_name("muster").disable_statement_logging();
        prepare(&label, &options, mode, patience).await?;
        let pool = PgPoolOptions::new().max_connections(4).acquire_timeout(patience).connect_lazy_with(options);
        Ok(Self { pool, label, patience })
    }

    /// Closes the connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// Begins to read at one moment. The schema is checked each time: another process may have migrated it meanwhile.
    async fn read(&self) -> Result<Transaction<'static, Engine>, StoreError> {
        let failed = |error| self.failed("opening the store for reading", error);
        let begin = self.pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
        let mut transaction = begin.await.map_err(failed)?;
        let found = version(&mut transaction).await.map_err(failed)?;
        schema::check(&self.label, found, &schema::postgres())?;
        Ok(transaction)
    }

    fn failed(&self, doing: &'static str, error: sqlx::Error) -> StoreError {
        fault::database(&self.label, doing, error)
    }
}

impl fmt::Debug for Postgres {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Postgres").field(&self.label).finish()
    }
}

/// Checks the schema, and for writing creates or migrates it where needed.
async fn prepare(label: &str, options: &PgConnectOptions, mode: Mode, patience: Duration) -> Result<(), StoreError> {
    let migrator = schema::postgres();
    let failed = |error| fault::database(label, "connecting", error);
    let mut connection = in_time(patience, PgConnection::connect_with(options)).await.map_err(failed)?;
    let found = installed(&mut connection).await.map_err(failed)?;
    let state = schema::check(label, found, &migrator);
    if mode == Mode::Write && schema::wants_migration(&state) {
        schema::migrate(label, &mut connection, &migrator).await?;
    } else {
        state?;
    }
    connection.close().await.map_err(failed)
}

async fn in_time<T>(patience: Duration, connect: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    tokio::time::timeout(patience, connect).await.unwrap_or(Err(sqlx::Error::PoolTimedOut))
}

/// The version of the schema; `None` in a database without one.
async fn installed(connection: &mut PgConnection) -> sqlx::Result<Option<i64>> {
    let table = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL").bind(schema::TABLE);
    if table.fetch_one(&mut *connection).await? { version(connection).await } else { Ok(None) }
}

async fn version(connection: &mut PgConnection) -> sqlx::Result<Option<i64>> {
    sqlx::query_scalar(schema::VERSION).fetch_one(connection).await
}

const ORGANIZATIONS: &str = "
SELECT organization, number, stamp, claim_manager, claim_holder, claim_namespace, claim_seen_at::text, head_seq, head_hash
FROM revisions
ORDER BY organization";

const ORGANIZATION: &str = "
SELECT organization, number, stamp, claim_manager, claim_holder, claim_namespace, claim_seen_at::text, head_seq, head_hash
FROM revisions
WHERE organization = $1";

const OBJECTS: &str = "
SELECT kind, name, id::text, spec::text, digest, applied::text, manager, created_at::text, accepted_at::text,
       CASE
           WHEN num_nonnulls(tombstone, external_id, invited_at, declined_at, ended_at) > 0 OR former_names <> '[]'
           THEN json_build_array(tombstone::text, deleted_at::text, deleted_by, purge_at::text, external_id, former_names::text,
                                 invited_at::text, declined_at::text, ended_at::text)::text
       END
FROM objects
WHERE organization = $1";

const HISTORY: &str = "
SELECT seq, id::text, commitment, hash, kind, name, happened, at::text, actor, manager, plan, source, changes::text, salt
FROM history LEFT JOIN history_values USING (organization, seq)
WHERE organization = $1 AND seq > $2
ORDER BY seq
LIMIT $3";

impl Observe for Postgres {
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
        let query = sqlx::query(OBJECTS).bind(organization.as_str()).try_map(|row| rows::object(&row));
        let objects = query.fetch_all(&mut *moment).await.map_err(failed)?;
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

impl Store for Postgres {
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
