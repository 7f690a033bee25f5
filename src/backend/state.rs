use serde::de::DeserializeOwned;

use crate::api::Kind;
use crate::api::types::SecretKeyRef;
use crate::tenancy::{Key, Row};

/// What the store holds of an organization once a plan is applied: what a service is made to have.
#[derive(Clone, Copy, Debug)]
pub struct State<'s> {
    /// The rows, sorted by key, tombstones included.
    pub rows: &'s [Row],
    /// The address of the service's API.
    pub url: &'s str,
    /// Where the organization's own credentials are.
    pub secret_ref: Option<&'s SecretKeyRef>,
}

impl<'s> State<'s> {
    /// The rows of a kind, tombstones included, sorted by name.
    pub fn of(&self, kind: Kind) -> impl Iterator<Item = &'s Row> + use<'s> {
        let start = self.rows.partition_point(|row| row.key.kind < kind);
        let end = self.rows.partition_point(|row| row.key.kind <= kind);
        self.rows[start..end].iter()
    }

    /// The row of a key, live or tombstone.
    #[must_use]
    pub fn row(&self, kind: Kind, name: &str) -> Option<&'s Row> {
        let key = Key::new(kind, name);
        self.rows.binary_search_by(|row| row.key.cmp(&key)).ok().map(|at| &self.rows[at])
    }

    /// The values of a row; `None` where somebody wrote values into the store that are no spec of its kind.
    #[must_use]
    pub fn spec<T: DeserializeOwned>(row: &Row) -> Option<T> {
        serde_json::from_str(&row.spec).ok()
    }
}
