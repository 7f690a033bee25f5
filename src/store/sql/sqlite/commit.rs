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
    insert(connection, &OBJECTS, &put, |query, row| object(query, organization, row)).await?;
    remove(connection, FORGET, organization, &erased).await?;

    let (links, head) = settled::links(batch, head);
    insert(connection, &HISTORY, &links, |query, link| link_of(query, organization, link)).await?;
    insert(connection, &HISTORY_VALUES, &links, |query, link| entry(query, organization, link)).await?;

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
const ROWS: usize = 100;

/// Inserts items, many with each statement.
async fn insert<T>(
    connection: &mut SqliteConnection,
    table: &Table,
    items: &[T],
    bind: impl for<'q> Fn(Insert<'q>, &T) -> Insert<'q>,
) -> sqlx::Result<()> {
    let whole = table.insert(ROWS);
    for chunk in items.chunks(ROWS) {
        let query = if chunk.len() == ROWS {
            sqlx::query(AssertSqlSafe(whole.clone()))
        } else {
            sqlx::query(AssertSqlSafe(table.insert(chunk.len()))).persistent(false)
        };
        chunk.iter().fold(query, &bind).execute(&mut *connection).await?;
    }
    Ok(())
}

fn object<'q>(query: Insert<'q>, organization: &str, row: &Row) -> Insert<'q> {
    let tombstone = row.tombstone.as_ref();
    query
        .bind(organization.to_owned())
        .bind(row.key.kind.as_str())
        .bind(row.key.name.to_string())
        .bind(row.id.to_string())
        .bind(row.spec.to_string())
        .bind(row.digest.map(|digest| digest.as_bytes().to_vec()))
        .bind(settled::applied(row).map(str::to_owned))
        .bind(row.manager.as_ref().map(ToString::to_string))
        .bind(tombstone.map(|tombstone| tombstone.id.to_string()))
        .bind(tombstone.map(|tombstone| settled::time(tombstone.at)))
        .bind(tombstone.map(|tombstone| tombstone.by.to_string()))
        .bind(tombstone.and_then(|tombstone| tombstone.purge_at).map(settled::time))
        .bind(row.external_id.as_deref().map(str::to_owned))
        .bind(settled::former_names(row))
        .bind(settled::time(row.created_at))
        .bind(row.invited_at.map(settled::time))
        .bind(row.accepted_at.map(settled::time))
        .bind(row.declined_at.map(settled::time))
        .bind(row.ended_at.map(settled::time))
}

fn link_of<'q>(query: Insert<'q>, organization: &str, link: &Link<'_>) -> Insert<'q> {
    query
        .bind(organization.to_owned())
        .bind(link.head.seq)
        .bind(link.entry.id.to_string())
        .bind(link.commitment.as_bytes().to_vec())
        .bind(link.head.hash.as_bytes().to_vec())
}

fn entry<'q>(query: Insert<'q>, organization: &str, link: &Link<'_>) -> Insert<'q> {
    let entry = link.entry;
    query
        .bind(organization.to_owned())
        .bind(link.head.seq)
        .bind(entry.key.kind.as_str())
        .bind(entry.key.name.to_string())
        .bind(entry.happened.as_str())
        .bind(settled::time(entry.at))
        .bind(entry.actor.to_string())
        .bind(entry.manager.to_string())
        .bind(entry.plan.map(|plan| plan.as_bytes().to_vec()))
        .bind(entry.source.as_deref().map(str::to_owned))
        .bind(entry.values.to_string())
        .bind(entry.salt.to_vec())
}
