use std::time::Duration;

use tokio::sync::Mutex;

use super::request::Request;
use crate::api::Kind;
use crate::store::{Address, AnyStore, Mode, Observe, Registered, StoreError};
use crate::tenancy::{Key, Name, Snapshot};

/// What the store has of the organization that an object is part of.
#[derive(Clone, Debug)]
pub enum Found {
    /// All that there is.
    Here(Box<Snapshot>),
    /// The organization, which was last applied from another namespace.
    Elsewhere(Box<Snapshot>),
    /// Nobody knows which organization it is: what the object refers to is not stored. These are applied from its namespace.
    Unplaced(Vec<Snapshot>),
    /// Nothing: the organization is new.
    Nothing,
}

/// A store that is read whenever somebody asks. It is opened when it can be reached, so that the webhook runs before there is one.
#[derive(Debug)]
pub struct Reader {
    address: Address,
    patience: Duration,
    open: Mutex<Option<AnyStore>>,
}

impl Reader {
    /// A reader of the store at this address, which waits so long for what others have locked.
    #[must_use]
    pub fn new(address: Address, patience: Duration) -> Self {
        Self { address, patience, open: Mutex::new(None) }
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
    pub async fn find(&self, request: &Request) -> Result<Found, StoreError> {
        find(&self.store().await?, request).await
    }

    /// Closes the store.
    pub async fn close(&self) {
        if let Some(store) = self.open.lock().await.take() {
            store.close().await;
        }
    }
}

async fn find(store: &impl Observe, request: &Request) -> Result<Found, StoreError> {
    let organization = match request.key.kind {
        Kind::Organization => request.key.name.clone(),
        Kind::Template | Kind::Credential => return by_parent(store, request, Kind::Workspace, "workspaceRef").await,
        Kind::Role => return by_parent(store, request, Kind::Template, "templateRef").await,
        _ => match request.reference("organizationRef") {
            Some(name) => name,
            None => return Ok(Found::Nothing),
        },
    };
    let snapshot = store.observe(&organization).await?;
    Ok(match snapshot.rows.is_empty() {
        true => Found::Nothing,
        false if is_from(snapshot.claim.as_ref().map(|claim| &*claim.namespace), &request.namespace) => {
            Found::Here(Box::new(snapshot))
        }
        false => Found::Elsewhere(Box::new(snapshot)),
    })
}

/// True for what was applied from this namespace, or from files that name none.
fn is_from(namespace: Option<&str>, wanted: &Name) -> bool {
    namespace.is_none_or(|namespace| namespace.is_empty() || namespace == wanted.as_str())
}

/// Looks for the organization of a namespace that has what an object refers to, or had the object itself.
async fn by_parent(store: &impl Observe, request: &Request, kind: Kind, field: &str) -> Result<Found, StoreError> {
    let parent = request.reference(field).map(|name| Key::new(kind, name));
    let fits = |known: &Registered| is_from(known.claim.as_ref().map(|claim| &*claim.namespace), &request.namespace);
    let mut candidates = Vec::new();
    for known in store.organizations().await?.into_iter().filter(fits) {
        let snapshot = store.observe(&known.organization).await?;
        let is_live = |key: &Key| snapshot.row(key).is_some_and(|row| row.is_live());
        if parent.as_ref().is_some_and(is_live) {
            return Ok(Found::Here(Box::new(snapshot)));
        }
        candidates.push(snapshot);
    }
    let had =
        |snapshot: &Snapshot| [parent.as_ref(), Some(&request.key)].into_iter().flatten().any(|key| snapshot.row(key).is_some());
    Ok(match candidates.iter().position(had) {
        Some(at) => Found::Here(Box::new(candidates.swap_remove(at))),
        None if candidates.is_empty() => Found::Nothing,
        None => Found::Unplaced(candidates),
    })
}
