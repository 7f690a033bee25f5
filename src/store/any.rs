use std::time::Duration;

use super::sql::{Address, Mode, PATIENCE, Postgres, Sqlite};
use super::{Batch, Committed, Memory, Observe, Recorded, Registered, Settle, Store, StoreError};
use crate::tenancy::{Intent, Mirrored, Name, Revision, Snapshot};

/// The store at an address, whichever engine it is.
#[derive(Clone, Debug)]
pub enum AnyStore {
    /// In memory. A SQLite file that is not there yet reads as this, empty.
    Memory(Memory),
    /// In a SQLite file.
    Sqlite(Sqlite),
    /// In a PostgreSQL database.
    Postgres(Postgres),
}

impl AnyStore {
    /// Opens the store at an address such as `sqlite://muster.db` or `postgres://muster@db.example/muster`.
    ///
    /// # Errors
    ///
    /// The address cannot be used, the store cannot be reached, or its schema is newer than this program. For reading also: the
    /// schema is missing or older. Only a SQLite file that does not exist reads as an empty store.
    pub async fn open(url: &str, mode: Mode) -> Result<Self, StoreError> {
        Self::open_with(&url.parse()?, mode, PATIENCE).await
    }

    /// Opens a store, and waits so long for what others have locked.
    ///
    /// # Errors
    ///
    /// As [`open`](Self::open).
    pub async fn open_with(address: &Address, mode: Mode, patience: Duration) -> Result<Self, StoreError> {
        if let Address::Sqlite(path) = address
            && let Some(directory) = path.parent().filter(|directory| !directory.as_os_str().is_empty() && !directory.is_dir())
        {
            return Err(StoreError::Directory { store: address.to_string(), directory: directory.display().to_string() });
        }
        if let Address::Sqlite(path) = address
            && path.is_dir()
        {
            let reason = format!("it is a directory; name a file in it, such as {address}/muster.db");
            return Err(StoreError::Address { url: address.to_string(), reason });
        }
        match address {
            Address::Sqlite(path) if mode == Mode::Read && !path.exists() => Ok(Self::Memory(Memory::new())),
            Address::Sqlite(path) => Sqlite::open(path, mode, patience).await.map(Self::Sqlite),
            Address::Postgres(options) => Postgres::open(*options.clone(), mode, patience).await.map(Self::Postgres),
        }
    }

    /// Closes the store. A SQLite file is then all that is left in its directory.
    pub async fn close(&self) {
        match self {
            Self::Memory(_) => {}
            Self::Sqlite(store) => store.close().await,
            Self::Postgres(store) => store.close().await,
        }
    }
}

impl Observe for AnyStore {
    async fn organizations(&self) -> Result<Vec<Registered>, StoreError> {
        match self {
            Self::Memory(store) => store.organizations().await,
            Self::Sqlite(store) => store.organizations().await,
            Self::Postgres(store) => store.organizations().await,
        }
    }

    async fn observe(&self, organization: &Name) -> Result<Snapshot, StoreError> {
        match self {
            Self::Memory(store) => store.observe(organization).await,
            Self::Sqlite(store) => store.observe(organization).await,
            Self::Postgres(store) => store.observe(organization).await,
        }
    }

    async fn history(&self, organization: &Name, after: i64, limit: u32) -> Result<Vec<Recorded>, StoreError> {
        match self {
            Self::Memory(store) => store.history(organization, after, limit).await,
            Self::Sqlite(store) => store.history(organization, after, limit).await,
            Self::Postgres(store) => store.history(organization, after, limit).await,
        }
    }

    async fn journal(&self, organization: &Name) -> Result<Vec<Mirrored>, StoreError> {
        match self {
            Self::Memory(store) => store.journal(organization).await,
            Self::Sqlite(store) => store.journal(organization).await,
            Self::Postgres(store) => store.journal(organization).await,
        }
    }
}

impl Store for AnyStore {
    async fn commit(&self, batch: &Batch) -> Result<Committed, StoreError> {
        match self {
            Self::Memory(store) => store.commit(batch).await,
            Self::Sqlite(store) => store.commit(batch).await,
            Self::Postgres(store) => store.commit(batch).await,
        }
    }

    async fn begin(&self, organization: &Name, base: Revision, entry: &Mirrored) -> Result<(), StoreError> {
        match self {
            Self::Memory(store) => store.begin(organization, base, entry).await,
            Self::Sqlite(store) => store.begin(organization, base, entry).await,
            Self::Postgres(store) => store.begin(organization, base, entry).await,
        }
    }

    async fn settle(
        &self,
        organization: &Name,
        base: Revision,
        begun: &Intent,
        settle: &Settle,
    ) -> Result<Option<Revision>, StoreError> {
        match self {
            Self::Memory(store) => store.settle(organization, base, begun, settle).await,
            Self::Sqlite(store) => store.settle(organization, base, begun, settle).await,
            Self::Postgres(store) => store.settle(organization, base, begun, settle).await,
        }
    }
}
