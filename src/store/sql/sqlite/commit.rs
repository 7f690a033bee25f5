use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnection};
use sqlx::{AssertSqlSafe, Sqlite as Engine};

use super::Sqlite;
use crate::store::sql::settled::{self, Link, Settled};
use crate::store::sql::{fault, rows, schema};
use crate::store::{Batch, Committed, Head, StoreError};
use crate::tenancy::{ObjectId, Revision, Row};

const REVISION: &str = "SELECT number, stamp, head_seq, head_hash FROM revisions WHERE organization = ?";

/// The plus keeps SQLite from walking through the whole organization instead of the ids.
const REMOVE: &str = "DELETE FROM objects WHERE +organization = ? AND id IN (SELECT value FROM json_each(?))";

const FORGET: &str = "
DELETE FROM history_values
WHERE (organization, seq) IN (
    SELECT organization, seq FROM history WHERE +organization = ? AND id IN (SELECT value FROM json_each(?)))";

const CLAIM: &str = "
INSERT INTO revisions (organization, number, stamp, claim_manager, claim_holder, claim_namespace, claim_seen_at, head_seq, head_hash)
VALUES (?, 1, random(), ?, ?, ?, ?, ?, ?)
ON CONFLICT (organization) DO UPDATE
SET number = number + 1,
    stamp = excluded.stamp,
    claim_manager = excluded.claim_manager,
    claim_holder = excluded.claim_holder,
    claim_namespace = excluded.claim_namespace,
    claim_seen_at = excluded.claim_seen_at,
    head_seq = excluded.head_seq,
    head_hash = excluded.head_hash
RETURNING number, stamp";

impl Sqlite {
    /// Commits a batch. BEGIN IMMEDIATE takes the one right to write before the revision is read.
    pub(super) async fn write(&self, batch: &Batch) -> Result<Committed, StoreError> {
        let failed = |error| self.failed("the commit", error);
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        let version = super::version(&mut transaction).await.map_err(failed)?;
        schema::check(&self.label, version, &schema::sqlite())?;
        let (found, head) = revision(&mut transaction, batch).await.map_err(failed)?;
        if found != batch.base {
            return Err(StoreError::Stale { organization: batch.organization.clone(), planned: batch.base, found });
        }
        let committed = write(&mut transaction, batch, head).await.map_err(failed)?;
        transaction.commit().await.map_err(|error| fault::commit(&self.label, error))?;
        Ok(committed)
    }
}

async fn revision(connection: &mut SqliteConnection, batch: &Batch) -> sqlx::Result<(Revision, Option<Head>)> {
    let query = sqlx::query(REVISION).bind(batch.organization.as_str()).try_map(|row| rows::revision(&row));
    Ok(query.fetch_optional(connection).await?.unwrap_or_default())
}

async fn write(connection: &mut SqliteConnection, batch: &Batch, head: Option<Head>) -> sqlx::Result<Committed> {
    let Settled { rows: put, replaced, erased } = Settled::of(batch);
    let organization = batch.organization.as_str();
    remove(connection, REMOVE, organization, &replaced).await?;
    let mut common = Common::default();
    insert(connection, &OBJECTS, &put, |query, row| object(query, organization, row, &mut common)).await?;
    remove(connection, FORGET, organization, &erased).await?;

    let (links, head) = settled::links(batch, head);
    insert(connection, &HISTORY, &links, |query, link| link_of(query, organization, link, &mut common)).await?;
    insert(connection, &HISTORY_VALUES, &links, |query, link| entry(query, organization, link, &mut common)).await?;

    let claim = &batch.claim;
    let query = sqlx::query(CLAIM).bind(organization).bind(claim.manager.as_str()).bind(&*claim.holder).bind(&*claim.namespace);
    let last_entry = head.map_or(0, |head| head.seq);
    let query = query.bind(settled::time(claim.seen_at)).bind(last_entry).bind(head.map(|head| head.hash.as_bytes().to_vec()));
    let revision = query.try_map(|row| rows::new_revision(&row)).fetch_one(connection).await?;
    Ok(Committed { revision, last_entry })
}

async fn remove(connection: &mut SqliteConnection, sql: &'static str, organization: &str, ids: &[ObjectId]) -> sqlx::Result<()> {
    if !ids.is_empty() {
        sqlx::query(sql).bind(organization).bind(serde_json::json!(ids).to_string()).execute(connection).await?;
    }
    Ok(())
}

/// A table as rows are put into it.
struct Table {
    name: &'static str,
    columns: &'static [&'static str],
}

const OBJECTS: Table = Table {
    name: "objects",
    columns: &[
        "organization",
        "kind",
        "name",
        "id",
        "spec",
        "digest",
        "applied",
        "manager",
        "tombstone",
        "deleted_at",
        "deleted_by",
        "purge_at",
        "external_id",
        "former_names",
        "created_at",
        "invited_at",
        "accepted_at",
        "declined_at",
        "ended_at",
    ],
};

const HISTORY: Table = Table { name: "history", columns: &["organization", "seq", "id", "commitment", "hash"] };

const HISTORY_VALUES: Table = Table {
    name: "history_values",
    columns: &["organization", "seq", "kind", "name", "happened", "at", "actor", "manager", "plan", "source", "changes", "salt"],
};

impl Table {
    /// An INSERT of so many rows. OR FAIL spares SQLite to keep what would undo the statement alone: when it fails, the
    /// whole transaction is rolled back.
    fn insert(&self, rows: usize) -> String {
        let values = format!("({})", vec!["?"; self.columns.len()].join(", "));
        format!(
            "INSERT OR FAIL INTO {} ({}) VALUES {}",
            self.name,
            self.columns.join(", "),
            vec![values.as_str(); rows].join(", ")
        )
    }
}

type Insert<'q> = Query<'q, Engine, SqliteArguments>;

/// How many rows go into one statement: enough that handing it to the thread that runs SQLite costs little.
const ROWS: usize = 200;

/// Inserts items, many with each statement. While SQLite works on one, the next one is made ready.
async fn insert<T>(
    connection: &mut SqliteConnection,
    table: &Table,
    items: &[T],
    mut bind: impl for<'q> FnMut(Insert<'q>, &T) -> Insert<'q>,
) -> sqlx::Result<()> {
    let whole = table.insert(ROWS);
    let statement = |chunk: &[T]| {
        let query = if chunk.len() == ROWS {
            sqlx::query(AssertSqlSafe(whole.clone()))
        } else {
            sqlx::query(AssertSqlSafe(table.insert(chunk.len()))).persistent(false)
        };
        chunk.iter().fold(query, &mut bind)
    };
    let mut statements = items.chunks(ROWS).map(statement);
    let mut next = statements.next();
    while let Some(query) = next {
        let (done, following) = tokio::join!(query.execute(&mut *connection), async { statements.next() });
        done?;
        next = following;
    }
    Ok(())
}

/// Texts that many rows of a batch have in common, each kept once.
#[derive(Default)]
struct Common {
    texts: BTreeSet<Arc<str>>,
    times: BTreeMap<Timestamp, Arc<str>>,
}

impl Common {
    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return Arc::clone(known);
        }
        let new = Arc::from(text);
        self.texts.insert(Arc::clone(&new));
        new
    }

    fn time(&mut self, at: Timestamp) -> Arc<str> {
        Arc::clone(self.times.entry(at).or_insert_with(|| settled::time(at).into()))
    }
}

fn object<'q>(query: Insert<'q>, organization: &str, row: &Row, common: &mut Common) -> Insert<'q> {
    let tombstone = row.tombstone.as_ref();
    query
        .bind(common.text(organization))
        .bind(common.text(row.key.kind.as_str()))
        .bind(Arc::<str>::from(&row.key.name))
        .bind(row.id.to_string())
        .bind(Arc::<str>::from(&*row.spec))
        .bind(row.digest.map(|digest| digest.as_bytes().to_vec()))
        .bind(settled::applied(row).map(str::to_owned))
        .bind(row.manager.as_ref().map(|manager| common.text(manager.as_str())))
        .bind(tombstone.map(|tombstone| tombstone.id.to_string()))
        .bind(tombstone.map(|tombstone| common.time(tombstone.at)))
        .bind(tombstone.map(|tombstone| common.text(&tombstone.by)))
        .bind(tombstone.and_then(|tombstone| tombstone.purge_at).map(|at| common.time(at)))
        .bind(row.external_id.as_deref().map(str::to_owned))
        .bind(common.text(&settled::former_names(row)))
        .bind(common.time(row.created_at))
        .bind(row.invited_at.map(|at| common.time(at)))
        .bind(row.accepted_at.map(|at| common.time(at)))
        .bind(row.declined_at.map(|at| common.time(at)))
        .bind(row.ended_at.map(|at| common.time(at)))
}

fn link_of<'q>(query: Insert<'q>, organization: &str, link: &Link<'_>, common: &mut Common) -> Insert<'q> {
    query
        .bind(common.text(organization))
        .bind(link.head.seq)
        .bind(link.entry.id.to_string())
        .bind(link.commitment.as_bytes().to_vec())
        .bind(link.head.hash.as_bytes().to_vec())
}

fn entry<'q>(query: Insert<'q>, organization: &str, link: &Link<'_>, common: &mut Common) -> Insert<'q> {
    let entry = link.entry;
    query
        .bind(common.text(organization))
        .bind(link.head.seq)
        .bind(common.text(entry.key.kind.as_str()))
        .bind(Arc::<str>::from(&entry.key.name))
        .bind(common.text(entry.happened.as_str()))
        .bind(common.time(entry.at))
        .bind(common.text(&entry.actor))
        .bind(common.text(entry.manager.as_str()))
        .bind(entry.plan.map(|plan| plan.as_bytes().to_vec()))
        .bind(entry.source.as_deref().map(|source| common.text(source)))
        .bind(Arc::<str>::from(&*entry.values))
        .bind(entry.salt.to_vec())
}
