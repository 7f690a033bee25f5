//! Which of the stored organizations a command is about.

use super::{Console, Failure};
use crate::store::Observe;
use crate::tenancy::{Name, nearest};

/// The organization of this name; all of them where none is named. Says so when there is none at all, because that is hardly
/// what somebody expects who asks.
pub async fn told_organizations(store: &impl Observe, named: Option<&str>, console: &Console) -> Result<Vec<Name>, Failure> {
    let found = organizations(store, named).await?;
    if found.is_empty() {
        console.note("note: the store is empty: nothing was ever applied to it\n");
    }
    Ok(found)
}

/// The organization of this name; all of them where none is named.
pub async fn organizations(store: &impl Observe, named: Option<&str>) -> Result<Vec<Name>, Failure> {
    let known: Vec<Name> = store.organizations().await?.into_iter().map(|known| known.organization).collect();
    let Some(named) = named else { return Ok(known) };
    if known.iter().any(|name| **name == *named) {
        return Ok(vec![named.into()]);
    }
    let hint = match nearest(named, known.iter().map(Name::as_str)) {
        Some(meant) => format!("; did you mean {meant}?"),
        None if known.is_empty() => ", which is empty".to_owned(),
        None => format!(", only {}", known.iter().take(10).map(Name::as_str).collect::<Vec<_>>().join(", ")),
    };
    Err(Failure::Other(format!("there is no organization {named} in the store{hint}")))
}

/// The one organization that is meant: the named one, or the only one there is.
pub async fn organization(store: &impl Observe, named: Option<&str>) -> Result<Name, Failure> {
    let found = organizations(store, named).await?;
    match found.as_slice() {
        [only] => Ok(only.clone()),
        [] => Err(Failure::Other("the store is empty: nothing was ever applied to it".to_owned())),
        several => {
            let names: Vec<&str> = several.iter().take(10).map(Name::as_str).collect();
            Err(Failure::Usage(format!("the store has several organizations ({}): say which one with -n", names.join(", "))))
        }
    }
}
