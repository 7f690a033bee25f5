use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::ListParams;
use kube::{Api, Client, Resource};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::connect::reason;
use super::watch::api;
use crate::api::Kind;
use crate::tenancy::{Key, Name};

/// Since when objects of each kind can be there: since their namespace is, and their definition.
pub type Since = BTreeMap<Kind, Timestamp>;

/// Asks the API server whether objects that are gone can have been removed on purpose: while their namespace or their definition goes,
/// or is gone, they went with it, and nobody said that they should.
#[derive(Clone)]
pub struct Presence {
    client: Client,
    patience: Duration,
}

/// How many objects are asked for one by one; of more, all of their kind are listed.
const ONE_BY_ONE: usize = 20;

/// How many names are asked for at a time.
const PAGE: u32 = 500;

impl Presence {
    /// Asks with this client, and waits so long for each answer.
    #[must_use]
    pub fn new(client: Client, patience: Duration) -> Self {
        Self { client, patience }
    }

    /// Since when objects of these kinds can be in this namespace.
    ///
    /// # Errors
    ///
    /// Why they cannot, or that it is not known, in words that can stand in a status.
    pub async fn since(&self, namespace: &Name, kinds: &BTreeSet<Kind>) -> Result<Since, String> {
        let namespaces: Api<Namespace> = Api::all(self.client.clone());
        let made = self.made(&namespaces, namespace, "the namespace").await?;
        let definitions: Api<CustomResourceDefinition> = Api::all(self.client.clone());
        let mut since = Since::new();
        for kind in kinds {
            since.insert(*kind, made.max(self.made(&definitions, &kind.crd_name(), "the definition").await?));
        }
        Ok(since)
    }

    /// Those of these objects that are there after all: a watch tells things late, or not at all.
    ///
    /// # Errors
    ///
    /// That it is not known, in words that can stand in a status.
    pub async fn still_there(&self, namespace: &Name, keys: &BTreeSet<Key>) -> Result<BTreeSet<Key>, String> {
        let mut there = BTreeSet::new();
        for kind in keys.iter().map(|key| key.kind).collect::<BTreeSet<_>>() {
            let of_kind: Vec<&Key> = keys.iter().filter(|key| key.kind == kind).collect();
            let api = api(&self.client, kind, Some(namespace));
            if of_kind.len() > ONE_BY_ONE {
                let names = self.names(&api).await?;
                there.extend(of_kind.into_iter().filter(|key| names.contains(key.name.as_str())).cloned());
                continue;
            }
            for key in of_kind {
                let found = self.answered(api.get_metadata_opt(&key.name)).await?;
                if found.is_some_and(|found| found.metadata.deletion_timestamp.is_none()) {
                    there.insert(key.clone());
                }
            }
        }
        Ok(there)
    }

    async fn names(&self, api: &Api<kube::core::DynamicObject>) -> Result<BTreeSet<String>, String> {
        let mut names = BTreeSet::new();
        let mut parameters = ListParams::default().limit(PAGE);
        loop {
            let page = self.answered(api.list_metadata(&parameters)).await?;
            let live = page.items.into_iter().filter(|object| object.metadata.deletion_timestamp.is_none());
            names.extend(live.filter_map(|object| object.metadata.name));
            match page.metadata.continue_.filter(|next| !next.is_empty()) {
                Some(next) => parameters.continue_token = Some(next),
                None => return Ok(names),
            }
        }
    }

    async fn made<K>(&self, api: &Api<K>, name: &str, what: &str) -> Result<Timestamp, String>
    where
        K: Resource + Clone + DeserializeOwned + std::fmt::Debug,
    {
        match self.answered(api.get_metadata_opt(name)).await? {
            Some(object) if object.metadata.deletion_timestamp.is_none() => {
                Ok(object.metadata.creation_timestamp.map_or(Timestamp::MIN, |at| at.0))
            }
            Some(_) => Err(format!("it went with {what} {name}, which is being deleted: nobody said that it should")),
            None => Err(format!("it went with {what} {name}, which is gone: nobody said that it should")),
        }
    }

    async fn answered<T>(&self, call: impl Future<Output = kube::Result<T>>) -> Result<T, String> {
        match timeout(self.patience, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(format!("it is gone, and the API server does not say why: {}", reason(&error))),
            Err(_) => Err("it is gone, and the API server does not say why: it did not answer in time".to_owned()),
        }
    }
}
