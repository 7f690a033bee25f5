use sqlx::migrate::{Migrate, MigrateError, Migrator};

use super::fault;
use crate::store::StoreError;

/// The table that says which migrations were run.
pub(super) const TABLE: &str = "muster_migrations";

/// Reads the version of the schema.
pub(super) const VERSION: &str = "SELECT max(version) FROM muster_migrations";

/// The migrations of SQLite.
pub(super) fn sqlite() -> Migrator {
    named(sqlx::migrate!("src/store/sql/migrations/sqlite"))
}

/// The migrations of PostgreSQL.
pub(super) fn postgres() -> Migrator {
    named(sqlx::migrate!("src/store/sql/migrations/postgres"))
}

fn named(mut migrator: Migrator) -> Migrator {
    migrator.dangerous_set_table_name(TABLE);
    migrator
}

/// Compares the version of a schema with the one that the migrations lead to.
pub(super) fn check(store: &str, found: Option<i64>, migrator: &Migrator) -> Result<(), StoreError> {
    let supported = migrator.iter().map(|migration| migration.version).max().unwrap_or_default();
    let store = store.to_owned();
    match found {
        None => Err(StoreError::Missing { store }),
        Some(found) if found > supported => Err(StoreError::Newer { store, found, supported }),
        Some(found) if found < supported => Err(StoreError::Older { store, found, supported }),
        Some(_) => Ok(()),
    }
}

/// True where running the migrations is what helps.
pub(super) fn wants_migration(state: &Result<(), StoreError>) -> bool {
    matches!(state, Err(StoreError::Missing { .. } | StoreError::Older { .. }))
}

/// Runs the migrations that were not run yet.
pub(super) async fn migrate<C: Migrate>(store: &str, connection: &mut C, migrator: &Migrator) -> Result<(), StoreError> {
    migrator.run_direct(None, connection, false).await.map_err(|error| match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            fault::database(store, "creating the schema", error)
        }
        error => StoreError::Unreadable { store: store.to_owned(), what: format!("its schema ({error})") },
    })
}
