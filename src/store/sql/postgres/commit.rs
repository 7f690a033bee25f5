use std::time::Duration;

use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;
use tokio::time::Instant;
use uuid::Uuid;

use super::Postgres;
use super::copy::{Lines, copy};
use crate::store::sql::settled::{self, Link, Settled};
use crate::store::sql::{fault, rows, schema};
use crate::store::{Batch, Committed, Head, StoreError};
use crate::tenancy::{Manager, ObjectId, Revision, Row};

/// How long to wait for a lock once the revision is locked. Less than the second after which PostgreSQL looks for deadlocks:
/// where a person's edit and an apply wait for each other, it is the apply that steps back and tries again.
const STEP_BACK: Duration = Duration::from_millis(300);

/// Whoever falls asleep in the middle of a commit, with the organization locked, keeps others from it no longer than this.
const SLEEPERS: &str = "SET LOCAL idle_in_transaction_session_timeout = '5s'";

const REGISTER: &str = "INSERT INTO revisions (organization, number, stamp) VALUES ($1, 0, 0) ON CONFLICT DO NOTHING";

const REVISION: &str = "SELECT number, stamp, head_seq, head_hash FROM revisions WHERE organization = $1 FOR UPDATE";

/// IS TRUE keeps PostgreSQL from walking through the whole organization instead of the ids, as it does while its statistics
/// do not know the organization yet.
const REMOVE: &str = "
DELETE FROM objects
USING unnest($2::text[]) AS removed (id)
WHERE objects.id = removed.id::uuid AND (organization = $1) IS TRUE";

const FORGET: &str = "
DELETE FROM history_values
USING unnest($2::text[]) AS erased (id)
JOIN history ON history.id = erased.id::uuid
WHERE (history.organization = $1) IS TRUE
  AND history_values.organization = history.organization
  AND history_values.seq = history.seq";

const OBJECTS: &str = "
COPY objects (organization, kind, name, id, spec, digest, applied, manager, tombstone, deleted_at, deleted_by, purge_at,
              external_id, former_names, created_at, invited_at, accepted_at, declined_at, ended_at)
FROM STDIN";

const HISTORY: &str = "COPY history (organization, seq, id, commitment, hash) FROM STDIN";

const HISTORY_VALUES: &str = "
COPY history_values (organization, seq, kind, name, happened, at, actor, manager, plan, source, changes, salt)
FROM STDIN";

const CLAIM: &str = "
UPDATE revisions
SET number = number + 1,
    stamp = muster_stamp(),
    claim_manager = $2,
    claim_holder = $3,
    claim_namespace = $4,
    claim_seen_at = $5::timestamptz,
    head_seq = $6,
    head_hash = $7
WHERE organization = $1
RETURNING number, stamp";

/// Why an attempt to commit failed.
enum Failure {
    /// Trying again will not help.
    Final(StoreError),
    /// A statement failed; what that means depends on the error.
    Statement(sqlx::Error),
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Statement(error)
    }
}

impl Postgres {
    /// Commits a batch. What others are in the way of is tried again while patience lasts.
    pub(super) async fn write(&self, batch: &Batch) -> Result<Committed, StoreError> {
        let began = Instant::now();
        loop {
            match self.attempt(batch).await {
                Ok(committed) => return Ok(committed),
                Err(Failure::Statement(error)) if fault::passes(&error) && began.elapsed() < self.patience => {
                    tokio::time::sleep(jitter()).await;
                }
                Err(Failure::Statement(error)) => return Err(self.failed("the commit", error)),
                Err(Failure::Final(error)) => return Err(error),
            }
        }
    }

    async fn attempt(&self, batch: &Batch) -> Result<Committed, Failure> {
        let mut transaction = self.pool.begin_with("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").await?;
        sqlx::raw_sql(SLEEPERS).execute(&mut *transaction).await?;
        lock_timeout(&mut transaction, self.patience).await?;
        let version = super::version(&mut transaction).await?;
        schema::check(&self.label, version, &schema::postgres()).map_err(Failure::Final)?;
        let (found, head) = lock(&mut transaction, batch).await?;
        if found != batch.base {
            let organization = batch.organization.clone();
            return Err(Failure::Final(StoreError::Stale { organization, planned: batch.base, found }));
        }
        lock_timeout(&mut transaction, STEP_BACK).await?;
        let committed = write(&mut transaction, batch, head).await?;
        match transaction.commit().await {
            Ok(()) => Ok(committed),
            Err(error) if fault::passes(&error) => Err(Failure::Statement(error)),
            Err(error) => Err(Failure::Final(fault::commit(&self.label, error))),
        }
    }
}

/// Between 10 and 73 milliseconds, so that two who were in each other's way do not meet again.
fn jitter() -> Duration {
    let (random, _) = Uuid::new_v4().as_u64_pair();
    Duration::from_millis(10 + (random >> 58))
}

async fn lock_timeout(connection: &mut PgConnection, timeout: Duration) -> sqlx::Result<()> {
    let statement = format!("SET LOCAL lock_timeout = {}", timeout.as_millis().max(1));
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await.map(drop)
}

/// Locks the revision, which every other writer to the organization needs too. One row more, so that there is something to
/// lock for two who are the first.
async fn lock(connection: &mut PgConnection, batch: &Batch) -> sqlx::Result<(Revision, Option<Head>)> {
    let organization = batch.organization.as_str();
    sqlx::query(REGISTER).bind(organization).execute(&mut *connection).await?;
    sqlx::query(REVISION).bind(organization).try_map(|row| rows::revision(&row)).fetch_one(connection).await
}

async fn write(connection: &mut PgConnection, batch: &Batch, head: Option<Head>) -> sqlx::Result<Committed> {
    let Settled { rows: put, replaced, erased } = Settled::of(batch);
    let organization = batch.organization.as_str();
    remove(connection, REMOVE, organization, &replaced).await?;
    copy(connection, OBJECTS, &put, |lines, row| object(lines, organization, row)).await?;
    remove(connection, FORGET, organization, &erased).await?;

    let (links, head) = settled::links(batch, head);
    copy(connection, HISTORY, &links, |lines, link| link_of(lines, organization, link)).await?;
    copy(connection, HISTORY_VALUES, &links, |lines, link| entry(lines, organization, link)).await?;

    let claim = &batch.claim;
    let query = sqlx::query(CLAIM).bind(organization).bind(claim.manager.as_str()).bind(&*claim.holder).bind(&*claim.namespace);
    let last_entry = head.map_or(0, |head| head.seq);
    let query = query.bind(settled::time(claim.seen_at)).bind(last_entry).bind(head.map(|head| head.hash.as_bytes().to_vec()));
    let revision = query.try_map(|row| rows::new_revision(&row)).fetch_one(connection).await?;
    Ok(Committed { revision, last_entry })
}

async fn remove(connection: &mut PgConnection, sql: &'static str, organization: &str, ids: &[ObjectId]) -> sqlx::Result<()> {
    if !ids.is_empty() {
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        sqlx::query(sql).bind(organization).bind(ids).execute(connection).await?;
    }
    Ok(())
}

fn object(lines: &mut Lines, organization: &str, row: &Row) {
    let tombstone = row.tombstone.as_ref();
    let time = |at: Option<jiff::Timestamp>| at.map(settled::time);
    lines
        .text(organization)
        .text(row.key.kind.as_str())
        .text(&row.key.name)
        .text(&row.id.to_string())
        .text(&row.spec)
        .maybe_bytes(row.digest.as_ref().map(|digest| digest.as_bytes().as_slice()))
        .maybe(settled::applied(row))
        .maybe(row.manager.as_ref().map(Manager::as_str))
        .maybe(tombstone.map(|tombstone| tombstone.id.to_string()).as_deref())
        .maybe(time(tombstone.map(|tombstone| tombstone.at)).as_deref())
        .maybe(tombstone.map(|tombstone| &*tombstone.by))
        .maybe(time(tombstone.and_then(|tombstone| tombstone.purge_at)).as_deref())
        .maybe(row.external_id.as_deref())
        .text(&settled::former_names(row))
        .text(&settled::time(row.created_at))
        .maybe(time(row.invited_at).as_deref())
        .maybe(time(row.accepted_at).as_deref())
        .maybe(time(row.declined_at).as_deref())
        .maybe(time(row.ended_at).as_deref())
        .end();
}

fn link_of(lines: &mut Lines, organization: &str, link: &Link<'_>) {
    lines
        .text(organization)
        .number(link.head.seq)
        .text(&link.entry.id.to_string())
        .bytes(link.commitment.as_bytes())
        .bytes(link.head.hash.as_bytes())
        .end();
}

fn entry(lines: &mut Lines, organization: &str, link: &Link<'_>) {
    let entry = link.entry;
    lines
        .text(organization)
        .number(link.head.seq)
        .text(entry.key.kind.as_str())
        .text(&entry.key.name)
        .text(entry.happened.as_str())
        .text(&settled::time(entry.at))
        .text(&entry.actor)
        .text(entry.manager.as_str())
        .maybe_bytes(entry.plan.as_ref().map(|plan| plan.as_bytes().as_slice()))
        .maybe(entry.source.as_deref())
        .text(&entry.values)
        .bytes(&entry.salt)
        .end();
}
