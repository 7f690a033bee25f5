use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::{Secret, SecretError, Secrets, Values};

/// Several places, asked one after the other: a value is read from the first that has it, and written to the first that
/// can be written to.
#[derive(Clone, Debug, Default)]
pub struct Chain(Vec<Arc<dyn Secrets>>);

impl Chain {
    /// These places, in this order.
    #[must_use]
    pub fn new(places: Vec<Arc<dyn Secrets>>) -> Self {
        Self(places)
    }

    /// The first place that is not [`SecretError::NoPlace`] to write to.
    async fn writable(&self, owner: &str, name: &str) -> Result<&Arc<dyn Secrets>, SecretError> {
        for place in &self.0 {
            match place.may_write(owner, name).await {
                Err(SecretError::NoPlace { .. }) => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok(place),
            }
        }
        Err(SecretError::NoPlace { name: name.to_owned() })
    }
}

impl Secrets for Chain {
    fn read<'a>(&'a self, name: &'a str, key: &'a str) -> BoxFuture<'a, Result<Secret, SecretError>> {
        Box::pin(async move {
            let mut looked = Vec::new();
            for place in &self.0 {
                match place.read(name, key).await {
                    Err(SecretError::Missing { place }) => looked.push(place),
                    read => return read,
                }
            }
            let place = if looked.is_empty() { format!("{name}/{key}") } else { looked.join(", nor ") };
            Err(SecretError::Missing { place })
        })
    }

    fn may_write<'a>(&'a self, owner: &'a str, name: &'a str) -> BoxFuture<'a, Result<(), SecretError>> {
        Box::pin(async move { self.writable(owner, name).await.map(drop) })
    }

    fn write<'a>(&'a self, owner: &'a str, name: &'a str, values: &'a Values) -> BoxFuture<'a, Result<(), SecretError>> {
        Box::pin(async move { self.writable(owner, name).await?.write(owner, name, values).await })
    }

    fn kept<'a>(&'a self, owner: &'a str, name: &'a str, key: &'a str) -> BoxFuture<'a, Result<bool, SecretError>> {
        Box::pin(async move {
            for place in &self.0 {
                match place.kept(owner, name, key).await {
                    Err(SecretError::NoPlace { .. }) => {}
                    kept => return kept,
                }
            }
            Err(SecretError::NoPlace { name: name.to_owned() })
        })
    }

    fn exists<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<bool, SecretError>> {
        Box::pin(async move {
            for place in &self.0 {
                if place.exists(name).await? {
                    return Ok(true);
                }
            }
            Ok(false)
        })
    }
}
