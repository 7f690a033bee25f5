//! Another session that keeps what a commit needs.

use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};

/// Held until it is dropped.
pub enum Lock {
    Sqlite { _connection: SqliteConnection },
    Postgres { _connection: PgConnection },
}

impl Lock {
    /// Waits for whoever is writing, and then lets nobody commit.
    pub async fn take(url: &str) -> Self {
        if url.starts_with("sqlite") {
            let mut connection = SqliteConnection::connect(url).await.unwrap();
            connection.execute("PRAGMA busy_timeout = 20000; BEGIN IMMEDIATE").await.unwrap();
            return Self::Sqlite { _connection: connection };
        }
        let mut connection = PgConnection::connect(url).await.unwrap();
        connection.execute("BEGIN; LOCK TABLE revisions IN SHARE MODE").await.unwrap();
        Self::Postgres { _connection: connection }
    }
}
