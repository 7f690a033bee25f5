//! Where the observed state lives: the system of record, as memory, SQLite or PostgreSQL.
//!
//! A store decides nothing. It hands out snapshots and commits batches, each in one transaction against the revision that the
//! batch was planned on. Reading ([`Observe`]) and writing ([`Store`]) are two traits, so that planning never holds a writer.
//! This folder knows `tenancy`; it must not import `source`, `engine` or a front door.

mod any;
mod batch;
mod chain;
mod error;
mod history;
mod journal;
mod memory;
mod sql;
mod stored;

use std::future::Future;

pub use any::AnyStore;
pub use batch::{Batch, Committed, Write};
pub use chain::{Broken, Chain, Head};
pub use error::{StoreError, in_one_line};
pub use history::{Entry, Happened, Recorded};
pub use journal::Settle;
pub use memory::Memory;
pub use sql::{Address, Mode, PATIENCE, Postgres, Sqlite};
pub use stored::as_stored;

use crate::tenancy::{Claim, Intent, Mirrored, Name, Revision, Snapshot};

/// An organization that a store knows, without its objects.
#[derive(Clone, Debug, PartialEq)]
pub struct Registered {
    /// The organization's name.
    pub organization: Name,
    /// Its revision now.
    pub revision: Revision,
    /// Who applies to it.
    pub claim: Option<Claim>,
    /// The last entry of its history; `None` while there is none.
    pub head: Option<Head>,
}

/// Reading from a store. Needs no more than the right to SELECT, and never creates or migrates anything.
pub trait Observe: Send + Sync {
    /// All organizations the store knows, sorted by name.
    fn organizations(&self) -> impl Future<Output = Result<Vec<Registered>, StoreError>> + Send;

    /// Everything the store holds of an organization, from one consistent read. An organization the store does not know has
    /// no rows and the revision zero.
    fn observe(&self, organization: &Name) -> impl Future<Output = Result<Snapshot, StoreError>> + Send;

    /// The history of an organization, oldest first, beginning after the entry numbered `after`, at most `limit` entries.
    fn history(
        &self,
        organization: &Name,
        after: i64,
        limit: u32,
    ) -> impl Future<Output = Result<Vec<Recorded>, StoreError>> + Send;

    /// What is known of an organization's objects at the service that mirrors it, sorted by key.
    fn journal(&self, organization: &Name) -> impl Future<Output = Result<Vec<Mirrored>, StoreError>> + Send;
}

/// Writing to a store.
pub trait Store: Observe {
    /// Commits a batch in one transaction: all of it or nothing.
    ///
    /// # Errors
    ///
    /// [`StoreError::Stale`] when the organization is no longer at the batch's revision; nothing was written then, nor with
    /// any other error, but [`StoreError::Unknown`], where the connection broke while the commit was under way.
    fn commit(&self, batch: &Batch) -> impl Future<Output = Result<Committed, StoreError>> + Send;

    /// Writes down that a call to a service begins, in place of what the journal has of the object.
    ///
    /// # Errors
    ///
    /// [`StoreError::Stale`] when the organization is no longer at this revision: then somebody else acts for it, and the call
    /// must not be made.
    fn begin(&self, organization: &Name, base: Revision, entry: &Mirrored)
    -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Writes down how a call to a service ended, and the id that the object has there. That the organization moved on meanwhile does
    /// not keep it from being written, because it has happened: the revision after it is then `None`. Where the journal does not have
    /// the call any more that was begun, somebody else acts on the object, and nothing is written.
    ///
    /// # Errors
    ///
    /// When the store fails.
    fn settle(
        &self,
        organization: &Name,
        base: Revision,
        begun: &Intent,
        settle: &Settle,
    ) -> impl Future<Output = Result<Option<Revision>, StoreError>> + Send;
}
