use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::connect::reason;
use crate::api::Kind;
use crate::tenancy::Name;

/// When the definition of each kind was made.
pub type Definitions = BTreeMap<Kind, Option<Timestamp>>;

/// Asks the API server whether objects that are gone can have been removed on purpose: while their namespace or their definition goes,
/// or is gone, they went with it, and nobody said that they should.
#[derive(Clone)]
pub struct Presence {
    client: Client,
    patience: Duration,
}

impl Presence {
    /// Asks with this client, and waits so long for each answer.
    #[must_use]
    pub fn new(client: Client, patience: Duration) -> Self {
        Self { client, patience }
    }

    /// Whether objects of these kinds in this namespace can have been removed on purpose, and since when their definitions are there.
    ///
    /// # Errors
    ///
    /// Why not, or that it is not known, in words that can stand in a status.
    pub async fn can_remove(&self, namespace: &Name, kinds: &BTreeSet<Kind>) -> Result<Definitions, String> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        self.is_there(&namespaces, namespace, "the namespace").await?;
        let definitions: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let mut since = Definitions::new();
        for kind in kinds {
            since.insert(*kind, self.is_there(&definitions, &kind.crd_name(), "the definition").await?);
        }
        Ok(since)
    }

    async fn is_there<K>(&self, api: &Api<K>, name: &str, what: &str) -> Result<Option<Timestamp>, String>
    where
        K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
    {
        let found = timeout(self.patience, api.get_metadata_opt(name)).await;
        match found {
            Ok(Ok(Some(object))) if object.metadata.deletion_timestamp.is_none() => {
                Ok(object.metadata.creation_timestamp.map(|at| at.0))
            }
            Ok(Ok(Some(_))) => Err(format!("it went with {what} {name}, which is being deleted: nobody said that it should")),
            Ok(Ok(None)) => Err(format!("it went with {what} {name}, which is gone: nobody said that it should")),
            Ok(Err(error)) => Err(format!("it is gone, and whether {what} {name} is there cannot be told: {}", reason(&error))),
            Err(_) => Err(format!("it is gone, and whether {what} {name} is there was not answered in time")),
        }
    }
}
