use sqlx::sqlite::SqliteConnection;

use super::Sqlite;
use crate::store::sql::{fault, rows};
use crate::store::{Settle, StoreError};
use crate::tenancy::{Intent, Mirrored, Name, Revision};

pub(super) const JOURNAL: &str = "SELECT entry FROM journal WHERE organization = ? ORDER BY kind, name, id";

const ENTRY: &str = "SELECT entry FROM journal WHERE organization = ? AND id = ?";

const REVISION: &str = "SELECT number, stamp FROM revisions WHERE organization = ?";

const PUT: &str = "
INSERT INTO journal (organization, id, kind, name, external_id, begun, entry) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (organization, id) DO UPDATE
SET kind = excluded.kind,
    name = excluded.name,
    external_id = excluded.external_id,
    begun = excluded.begun,
    entry = excluded.entry";

const DROP: &str = "DELETE FROM journal WHERE organization = ? AND id = ?";

const IDENTIFY: &str = "UPDATE objects SET external_id = ? WHERE +organization = ? AND id = ? AND external_id IS NOT ?";

impl Sqlite {
    pub(super) async fn begin_call(&self, organization: &Name, base: Revision, entry: &Mirrored) -> Result<(), StoreError> {
        let failed = |error| self.failed("writing the journal", error);
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        let found = revision(&mut transaction, organization).await.map_err(failed)?;
        if found != base {
            return Err(StoreError::Stale { organization: organization.clone(), planned: base, found });
        }
        put(&mut transaction, organization, entry).await.map_err(failed)?;
        transaction.commit().await.map_err(|error| fault::commit(&self.label, error))
    }

    pub(super) async fn settle_call(
        &self,
        organization: &Name,
        base: Revision,
        (begun, settle): (&Intent, &Settle),
    ) -> Result<Option<Revision>, StoreError> {
        let failed = |error| self.failed("writing the journal", error);
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
        let before = revision(&mut transaction, organization).await.map_err(failed)?;
        let query = sqlx::query(ENTRY).bind(organization.as_str()).bind(settle.id().to_string());
        let entry = query.try_map(|row| rows::mirrored(&row)).fetch_optional(&mut *transaction).await.map_err(failed)?;
        if entry.and_then(|entry| entry.intent).as_ref() != Some(begun) {
            return Ok(None);
        }
        match settle {
            Settle::Keep(entry) => put(&mut transaction, organization, entry).await.map_err(failed)?,
            Settle::Drop(id) => {
                let query = sqlx::query(DROP).bind(organization.as_str()).bind(id.to_string());
                query.execute(&mut *transaction).await.map_err(failed)?;
            }
        }
        let external = settle.external_id();
        let query = sqlx::query(IDENTIFY).bind(external).bind(organization.as_str()).bind(settle.id().to_string()).bind(external);
        query.execute(&mut *transaction).await.map_err(failed)?;
        let after = revision(&mut transaction, organization).await.map_err(failed)?;
        transaction.commit().await.map_err(|error| fault::commit(&self.label, error))?;
        Ok((before == base).then_some(after))
    }
}

async fn revision(connection: &mut SqliteConnection, organization: &Name) -> sqlx::Result<Revision> {
    let query = sqlx::query(REVISION).bind(organization.as_str()).try_map(|row| rows::new_revision(&row));
    Ok(query.fetch_optional(connection).await?.unwrap_or_default())
}

async fn put(connection: &mut SqliteConnection, organization: &Name, entry: &Mirrored) -> sqlx::Result<()> {
    let text = rows::journal_text(entry)?;
    let query = sqlx::query(PUT).bind(organization.as_str()).bind(entry.id.to_string()).bind(entry.key.kind.as_str());
    let query = query.bind(entry.key.name.as_str()).bind(entry.external_id.as_deref());
    let begun = entry.intent.as_ref().map(|intent| intent.deed.word());
    query.bind(begun).bind(text).execute(connection).await.map(drop)
}
