//! Which of the stored organizations a command is about.

use super::flags::{StoreFlags, WhichFlags};
use super::{Console, Failure};
use crate::plan::render::safe;
use crate::store::{AnyStore, Observe};
use crate::tenancy::{Name, nearest};

/// The organizations that are meant; all of them where none is named. Says so when there is none at all, because that is hardly what
/// somebody expects who asks.
pub async fn told_organizations(
    store: &AnyStore,
    flags: &StoreFlags,
    which: &WhichFlags,
    console: &Console,
) -> Result<Vec<Name>, Failure> {
    let found = organizations(store, which).await?;
    if found.is_empty() {
        let what = if matches!(store, AnyStore::Memory(_)) { "does not exist" } else { "is empty" };
        console.note(&format!("note: the store {} {what}: nothing was ever applied to it\n", safe(&flags.address()?)));
    }
    Ok(found)
}

/// The organizations that are meant; all of them where none is named.
pub async fn organizations(store: &impl Observe, which: &WhichFlags) -> Result<Vec<Name>, Failure> {
    let mut known = store.organizations().await?;
    if let Some(namespace) = &which.namespace {
        let all = known.len();
        known.retain(|known| known.claim.as_ref().is_some_and(|claim| *claim.namespace == **namespace));
        if known.is_empty() && all > 0 {
            return Err(Failure::Other(format!("no organization of the store was read from namespace {namespace}")));
        }
    }
    let known: Vec<Name> = known.into_iter().map(|known| known.organization).collect();
    let Some(named) = &which.organization else { return Ok(known) };
    if known.iter().any(|name| **name == **named) {
        return Ok(vec![named.as_str().into()]);
    }
    let hint = match nearest(named, known.iter().map(Name::as_str)) {
        Some(meant) => format!("; did you mean {meant}?"),
        None if known.is_empty() => ", which is empty".to_owned(),
        None => format!(", only {}", known.iter().take(10).map(Name::as_str).collect::<Vec<_>>().join(", ")),
    };
    let place = which.namespace.as_ref().map_or_else(String::new, |namespace| format!(" from namespace {namespace}"));
    Err(Failure::Other(format!("there is no organization {named}{place} in the store{hint}")))
}

/// The one organization that is meant: the named one, or the only one there is.
pub async fn organization(store: &impl Observe, which: &WhichFlags) -> Result<Name, Failure> {
    let found = organizations(store, which).await?;
    match found.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(Failure::Other("the store is empty: nothing was ever applied to it".to_owned())),
        several => {
            let names: Vec<&str> = several.iter().take(10).map(Name::as_str).collect();
            let names = names.join(", ");
            Err(Failure::Usage(format!("the store has several organizations ({names}): say which one with --organization")))
        }
    }
}
