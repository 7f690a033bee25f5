use sqlx::error::{DatabaseError, ErrorKind};
use sqlx::postgres::PgDatabaseError;
use sqlx::sqlite::SqliteError;

use crate::store::StoreError;

/// What a failed statement means for the one who asked.
pub(super) fn database(store: &str, doing: &'static str, error: sqlx::Error) -> StoreError {
    let store = store.to_owned();
    match error {
        sqlx::Error::Decode(what) => StoreError::Unreadable { store, what: what.to_string() },
        sqlx::Error::Database(fault) if is_in_history(&*fault) => StoreError::History { store },
        sqlx::Error::Database(fault) if fault.kind() == ErrorKind::UniqueViolation => {
            let detail = fault.try_downcast_ref::<PgDatabaseError>().and_then(PgDatabaseError::detail);
            StoreError::Taken { store, what: detail.unwrap_or_else(|| fault.message()).to_owned() }
        }
        sqlx::Error::Database(fault) if is_missing_schema(&*fault) => StoreError::Missing { store },
        error => StoreError::Database { store, doing, hint: hint(&error), source: error },
    }
}

/// What a failed COMMIT means: where the connection is gone, nobody knows whether it took place.
pub(super) fn commit(store: &str, error: sqlx::Error) -> StoreError {
    let unknown = match &error {
        sqlx::Error::Database(fault) => match code(&**fault) {
            // The log may hold the transaction although it could not be flushed.
            Code::Sqlite(code) => code & 0xff == 10,
            Code::Postgres(code) => code.starts_with("57P") || code.starts_with("08") || code == "40003",
        },
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::WorkerCrashed => true,
        _ => false,
    };
    if unknown { StoreError::Unknown { store: store.to_owned(), source: error } } else { database(store, "the commit", error) }
}

/// True for what may go well when the whole transaction is tried again: a serialization failure, a deadlock, and a lock that
/// did not become free in time.
pub(super) fn passes(error: &sqlx::Error) -> bool {
    let sqlx::Error::Database(fault) = error else { return false };
    matches!(code(&**fault), Code::Postgres(code) if matches!(code.as_str(), "40001" | "40P01" | "55P03"))
}

/// True where an entry of the history has the number of a new one.
fn is_in_history(fault: &dyn DatabaseError) -> bool {
    let table = fault.table().is_some_and(|table| table.starts_with("history"));
    fault.kind() == ErrorKind::UniqueViolation && (table || fault.message().contains(": history"))
}

fn is_missing_schema(fault: &dyn DatabaseError) -> bool {
    let unknown_table = match code(fault) {
        Code::Sqlite(_) => fault.message().starts_with("no such table"),
        Code::Postgres(code) => code == "42P01",
    };
    unknown_table && fault.message().contains(super::schema::TABLE)
}

enum Code {
    /// The extended result code.
    Sqlite(i32),
    /// The SQLSTATE.
    Postgres(String),
}

fn code(fault: &dyn DatabaseError) -> Code {
    let code = fault.code().unwrap_or_default();
    match fault.try_downcast_ref::<SqliteError>() {
        Some(_) => Code::Sqlite(code.parse().unwrap_or_default()),
        None => Code::Postgres(code.into_owned()),
    }
}

/// What to do about an error, to be put behind a message.
fn hint(error: &sqlx::Error) -> &'static str {
    match error {
        sqlx::Error::Database(fault) => match code(&**fault) {
            Code::Sqlite(code) => sqlite_hint(code),
            Code::Postgres(code) => postgres_hint(&code),
        },
        sqlx::Error::Io(_) | sqlx::Error::Protocol(_) => {
            ": the server cannot be reached, or cut the connection; check that it runs, then try again"
        }
        sqlx::Error::Tls(_) => ": the server does not accept the connection's encryption; check sslmode and the certificates",
        sqlx::Error::PoolTimedOut => {
            ": there was no answer in time; check that the database can be reached and is not overloaded"
        }
        _ => "",
    }
}

fn sqlite_hint(code: i32) -> &'static str {
    match code & 0xff {
        5 | 6 => ": another process is writing to it; try again when that is done",
        8 => ": the file or its directory is read-only; make both writable for this user",
        10 => ": the file could not be read or written; check the disk, quotas and limits on the size of files",
        11 | 26 => ": the file is damaged, or is not a SQLite database; restore it from a backup",
        13 => ": the disk is full; make room and try again",
        14 => ": the file cannot be opened; check that its directory exists and is writable for this user",
        _ => "",
    }
}

fn postgres_hint(code: &str) -> &'static str {
    match code {
        "40001" | "40P01" => ": other sessions kept writing to the same rows; try again",
        "55P03" => ": another session holds a lock on the organization; end that session's transaction, then try again",
        "25006" => ": the server only reads, as a standby does; connect to the primary",
        "42501" => ": the database user lacks a right; see `Rights` in docs/store.md",
        "28000" | "28P01" => ": check the user and the password in the address, or PGPASSWORD",
        "3D000" => ": the database does not exist; create it with createdb",
        "53100" => ": the server's disk is full; make room and try again",
        "53300" => ": the server has no connection left; try again, or raise max_connections",
        code if code.starts_with("57P") || code.starts_with("08") => ": the server cut the connection; try again when it is back",
        _ => "",
    }
}
