//! AAQ (Ask A Question): workspaces, who is in them, and their API keys.
//!
//! ```text
//! capabilities   what AAQ can do
//! shape          the rows of the store as AAQ has them
//! session        being logged in: AAQ has a current workspace, and it stands in the token
//! api            the calls, one function each
//! observe        everything that AAQ has, and the one thing that a call is about
//! send           one change
//! ```
//!
//! Muster has an account of its own at AAQ, which is an admin of what it creates. It is no object: it is left out of everything that is
//! observed, and nobody counts it. What it is no admin of cannot be seen, which is something else than not being there.

mod api;
mod capabilities;
mod observe;
mod send;
mod session;
mod shape;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

pub use capabilities::{CAPABILITIES, HOSTS};
pub use shape::shape;

use self::session::Session;
use super::secrets::Secrets;
use super::{Backend, Connection, Fault, Sent};
use crate::plan::mirror::{Call, Found, Observed, Shape};
use crate::tenancy::ObjectId;

/// AAQ, reached with an account.
#[derive(Debug)]
pub struct Aaq {
    session: Session,
    /// Where the passwords of new accounts and the API keys go.
    secrets: Arc<dyn Secrets>,
    /// The objects of changes whose answer was lost.
    doubtful: Mutex<BTreeSet<ObjectId>>,
}

impl Aaq {
    /// The AAQ of a connection, with the account whose name and password are the credentials of the organization.
    #[must_use]
    pub fn new(connection: Connection) -> Self {
        let Connection { client, mut credentials, secrets } = connection;
        let nowhere =
            || Err("nothing says where the credentials are: name them in spec.backend.secretRef of the Organization".into());
        let login = credentials.remove("").unwrap_or_else(nowhere);
        Self { session: Session::new(client, login), secrets, doubtful: Mutex::default() }
    }
}

impl Backend for Aaq {
    async fn observe(&self, shape: &Shape) -> Observed {
        self.everything(shape).await
    }

    async fn look(&self, call: &Call) -> Result<Option<Found>, Fault> {
        self.the_one(call).await
    }

    async fn send(&self, call: &Call, current: Option<&Found>) -> Result<Sent, Fault> {
        self.change(call, current).await
    }
}
