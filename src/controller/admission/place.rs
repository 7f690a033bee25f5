use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use super::kept::{Kept, ReadError};
use super::request::Request;
use super::stored::Stored;
use crate::api::Kind;
use crate::store::{Address, AnyStore, Mode, Observe, Registered, StoreError};
use crate::tenancy::{Key, Name};

/// What the store has of the organization that an object is part of.
#[derive(Clone, Debug)]
pub enum Found {
    /// All that there is.
    Here(Arc<Stored>),
    /// The organization, which was last applied from another namespace.
    Elsewhere(Arc<Stored>),
    /// Nobody knows which organization it is: what the object refers to is not stored. These are applied from its namespace.
    Unplaced(Vec<Arc<Stored>>),
    /// Nothing: the organization is new.
    Nothing,
}

impl Found {
    /// True for the same organization.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Here(one), Self::Here(other)) => one.snapshot.organization == other.snapshot.organization,
            _ => false,
        }
    }
}

/// A store that is read whenever somebody asks. It is opened when it can be reached, so that the webhook runs before there is one.
#[derive(Debug)]
pub struct Reader {
    address: Address,
    patience: Duration,
    open: Mutex<Option<AnyStore>>,
    kept: Kept,
}

impl Reader {
    /// A reader of the store at this address, which waits so long for what others have locked.
    #[must_use]
    pub fn new(address: Address, patience: Duration) -> Self {
        Self { address, patience, open: Mutex::new(None), kept: Kept::default() }
    }

    async fn store(&self) -> Result<AnyStore, StoreError> {
        let mut open = self.open.lock().await;
        if let Some(store) = &*open {
            return Ok(store.clone());
        }
        let store = AnyStore::open_with(&self.address, Mode::Read, self.patience).await?;
        // A file that is not there yet reads as an empty store, and is looked for again.
        if !matches!(store, AnyStore::Memory(_)) {
            *open = Some(store.clone());
        }
        Ok(store)
    }

    /// What the store has of the organization that a request is about.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub async fn find(&self, request: &Request) -> Result<Found, ReadError> {
        find(&self.store().await?, &self.kept, request).await
    }

    /// Closes the store.
    pub async fn close(&self) {
        if let Some(store) = self.open.lock().await.take() {
            store.close().await;
        }
    }
}

async fn find(store: &AnyStore, kept: &Kept, request: &Request) -> Result<Found, ReadError> {
    let organization = match request.key.kind {
        Kind::Organization => request.key.name.clone(),
        Kind::Template | Kind::Credential => return by_parent(store, kept, request, Kind::Workspace, "workspaceRef").await,
        Kind::Role => return by_parent(store, kept, request, Kind::Template, "templateRef").await,
        _ => match request.reference("organizationRef") {
            Some(name) => name,
            None => return Ok(Found::Nothing),
        },
    };
    let known = store.organizations().await?.into_iter().find(|known| known.organization == organization);
    let Some(known) = known else { return Ok(Found::Nothing) };
    let stored = kept.get(store, &known).await?;
    Ok(match stored.snapshot.rows.is_empty() {
        true => Found::Nothing,
        false if is_from(&known, &request.namespace) => Found::Here(stored),
        false => Found::Elsewhere(stored),
    })
}

/// True for what was applied from this namespace, or from files that name none.
fn is_from(known: &Registered, wanted: &Name) -> bool {
    let namespace = known.claim.as_ref().map(|claim| &*claim.namespace);
    namespace.is_none_or(|namespace| namespace.is_empty() || namespace == wanted.as_str())
}

/// Looks for the organization of a namespace that has what an object refers to, or had the object itself.
async fn by_parent(store: &AnyStore, kept: &Kept, request: &Request, kind: Kind, field: &str) -> Result<Found, ReadError> {
    let parent = request.reference(field).map(|name| Key::new(kind, name));
    let mut candidates = Vec::new();
    for known in store.organizations().await?.into_iter().filter(|known| is_from(known, &request.namespace)) {
        let stored = kept.get(store, &known).await?;
        let is_live = |key: &Key| stored.snapshot.row(key).is_some_and(|row| row.is_live());
        if parent.as_ref().is_some_and(is_live) {
            return Ok(Found::Here(stored));
        }
        let is_here = known.claim.is_some_and(|claim| *claim.namespace == *request.namespace);
        candidates.push((is_here, stored));
    }
    let had = |(_, stored): &(bool, Arc<Stored>)| {
        [parent.as_ref(), Some(&request.key)].into_iter().flatten().any(|key| stored.snapshot.row(key).is_some())
    };
    if let Some(at) = candidates.iter().position(had) {
        return Ok(Found::Here(candidates.swap_remove(at).1));
    }
    // Nothing of a namespace comes to an organization that was applied from files and names none.
    let here: Vec<Arc<Stored>> = candidates.into_iter().filter(|(is_here, _)| *is_here).map(|(_, stored)| stored).collect();
    Ok(if here.is_empty() { Found::Nothing } else { Found::Unplaced(here) })
}
