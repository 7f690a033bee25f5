//! 100ms: templates and their roles, by its policy API.
//!
//! A workspace is a pair of keys there: the token that they sign says which workspace a request is for, so no address has it in it.
//! Templates are found by id, roles by the id of their template and their name. Writing a template or a role replaces it whole, and
//! making a template overwrites the one that has its name; so everything is looked at before it is written, and what Muster does
//! not manage is sent back as it was. Templates cannot be deleted. V1 and V2 of the API are told apart by the address.
//!
//! ```text
//! capabilities   what V1 and V2 can do, page sizes, names
//! shape          rows of the store -> what 100ms shall have          pure, with lacking (what it cannot) and wanted (a document's fields)
//! normal         a document and an answer in the same normal form    pure, so that a second plan is empty
//! service        authorized calls; pages, which end in several ways
//! token          management tokens, signed with a workspace's secret
//! observe, look  answers -> things in normal form
//! send, body     edits of the normal form -> what is sent            body is pure
//! ```

mod body;
mod capabilities;
mod lacking;
mod normal;
mod observe;
mod send;
mod service;
mod shape;
mod token;
mod wanted;

#[cfg(test)]
mod tests;

use super::{Backend, Connection, Fault, Sent};
use crate::plan::mirror::{Call, Capabilities, Found, Observed, Shape};

pub use capabilities::HOSTS;
pub use shape::shape;

/// Which version of the policy API an address is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Api {
    /// `https://prod-policy.100ms.live/policy/v1`.
    V1,
    /// `https://api.100ms.live/v2`.
    V2,
}

impl Api {
    /// The version that an address is of: V1 where its path ends with `/policy/v1`.
    #[must_use]
    pub fn of(url: &str) -> Self {
        if url.trim_end_matches('/').ends_with("/policy/v1") { Self::V1 } else { Self::V2 }
    }

    /// What it can do.
    #[must_use]
    pub const fn capabilities(self) -> &'static Capabilities {
        match self {
            Self::V1 => &capabilities::V1,
            Self::V2 => &capabilities::V2,
        }
    }
}

/// 100ms, reached with the credentials of one organization.
#[derive(Debug)]
pub struct Hundredms(service::Service);

impl Hundredms {
    /// Calls this version of the API through this connection, which has the keys of each workspace.
    #[must_use]
    pub fn new(api: Api, connection: Connection) -> Self {
        Self(service::Service::new(api, connection))
    }
}

impl Backend for Hundredms {
    async fn observe(&self, shape: &Shape) -> Observed {
        Box::pin(observe::all(&self.0, shape)).await
    }

    async fn look(&self, call: &Call) -> Result<Option<Found>, Fault> {
        Box::pin(observe::one(&self.0, call)).await
    }

    async fn send(&self, call: &Call, current: Option<&Found>) -> Result<Sent, Fault> {
        Box::pin(send::send(&self.0, call, current)).await
    }
}
