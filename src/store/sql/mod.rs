//! The stores in SQL: SQLite and PostgreSQL, one schema in two dialects (`migrations/`).
//!
//! Each engine has a folder with its own thin SQL; what they share is beside it: addresses, the state of the schema, rows as
//! values, and what errors mean. Muster writes a row by deleting and inserting it, never by updating its spec. That makes
//! swaps of names plain, and lets a trigger recognize a spec that was changed by another hand.

mod address;
mod fault;
mod postgres;
mod rows;
mod schema;
mod settled;
mod sqlite;

pub use address::Address;
pub use postgres::Postgres;
pub use sqlite::Sqlite;

use std::time::Duration;

/// What a store is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// To observe. The schema must be there; nothing is created or migrated.
    Read,
    /// To observe and commit. The schema is created or migrated where needed.
    Write,
}

/// How long a store waits for locks and connections of others unless told otherwise.
pub const PATIENCE: Duration = Duration::from_secs(10);
