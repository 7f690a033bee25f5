use crate::store::{Broken, Chain, Head, Observe, StoreError};
use crate::tenancy::Name;

/// Why a history could not be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// It was tampered with.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// How many history entries are read at a time.
const PAGE: u32 = 10_000;

/// Reads the whole history of an organization and checks it, also while others apply: each entry follows from the one before it,
/// the last one is the last that an apply wrote, and values are gone only where a purge erased them.
///
/// # Errors
///
/// What is wrong with it, or why it cannot be read.
pub async fn verify(store: &impl Observe, organization: &Name) -> Result<Chain, VerifyError> {
    let mut chain = Chain::new(organization);
    let mut head = head(store, organization).await?;
    loop {
        read(store, organization, &mut chain).await?;
        // What was read last may have been written after the head was read, so the head is read again.
        let now = self::head(store, organization).await?;
        if now == head {
            chain.finish(now)?;
            return Ok(chain);
        }
        head = now;
    }
}

async fn read(store: &impl Observe, organization: &Name, chain: &mut Chain) -> Result<(), VerifyError> {
    loop {
        let page = store.history(organization, chain.seq(), PAGE).await?;
        if page.is_empty() {
            return Ok(());
        }
        page.iter().try_for_each(|recorded| chain.check(recorded))?;
    }
}

async fn head(store: &impl Observe, organization: &Name) -> Result<Option<Head>, StoreError> {
    let known = store.organizations().await?;
    Ok(known.into_iter().find(|known| known.organization == *organization).and_then(|known| known.head))
}
