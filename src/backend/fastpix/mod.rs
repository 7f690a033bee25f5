//! FastPix: the signing keys of its workspaces.
//!
//! FastPix makes a key when it is asked to, shows its private half once, and never again; a key has no name and nothing about it can be
//! changed. So a Credential becomes a key whose private half goes straight into its Secret, and rotating it is a second key: the first
//! one stays until somebody approves that it goes, because every token signed with it goes with it.
//!
//! Workspaces, members and access tokens have no API there. Nothing here writes to the store.

mod capabilities;
mod keys;
mod shape;

use serde_json::{Map, Value};

pub use capabilities::{CAPABILITIES, HOSTS};
use keys::Keys;
pub use shape::shape;

use super::http::Auth;
use super::keeping::look_at_secrets;
use super::secrets::{Secret, Values, owner};
use super::{Backend, Connection, Fault, Sent};
use crate::api::Kind;
use crate::plan::mirror::{Call, Found, Observed, Shape};
use crate::tenancy::{Deed, Name};

/// FastPix, as one organization reaches it.
#[derive(Clone, Debug)]
pub struct FastPix {
    connection: Connection,
}

/// The keys of the Secret that a signing key is written to.
pub const KEY_ID: &str = "id";
/// The private half in PEM, in base64, as FastPix shows it.
pub const PRIVATE_KEY: &str = "privateKey";

impl FastPix {
    /// FastPix, reached like this.
    #[must_use]
    pub fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// The keys of a place, reached with its access token.
    fn keys(&self, place: &Name) -> Result<Keys<'_>, Fault> {
        match self.connection.credentials.get(place) {
            Some(Ok(pair)) => {
                Ok(Keys { client: &self.connection.client, auth: Auth::Basic(pair.id.clone(), pair.secret.clone()) })
            }
            Some(Err(why)) => Err(Fault::withheld(why.to_string())),
            None => Err(Fault::withheld("nothing says where the credentials are: plan again")),
        }
    }

    async fn list(&self, place: &Name) -> Result<Vec<Found>, Fault> {
        let ids = self.keys(place)?.list().await?;
        Ok(ids.into_iter().map(|id| found(place, id)).collect())
    }

    /// Makes a key. What cannot be kept is not made; what was made and could not be kept is in doubt, and found again as an orphan.
    async fn make(&self, call: &Call) -> Result<Sent, Fault> {
        let Some(to) = call.issued.as_ref().and_then(|issued| issued.to.as_deref()) else {
            return Err(Fault::withheld("its private key would be shown once and lost; name a Secret in spec.writeSecretToRef"));
        };
        let (owner, secrets) = (owner(call.id), &self.connection.secrets);
        secrets.may_write(&owner, to).await.map_err(|error| Fault::withheld(error.to_string()))?;
        let made = self.keys(&call.place)?.create().await?;
        let values =
            Values::from([(KEY_ID.to_owned(), Secret::from(made.id.to_string())), (PRIVATE_KEY.to_owned(), made.private_key)]);
        let kept = secrets.write(&owner, to, &values).await;
        kept.map_err(|error| Fault::unknown(format!("the key {} was made and could not be kept: {error}", made.id)))?;
        let replaced = call.external_id.clone().filter(|_| call.deed == Deed::Rotate);
        Ok(Sent { external_id: Some(made.id), orphans: replaced.into_iter().collect() })
    }
}

fn found(place: &Name, id: Box<str>) -> Found {
    Found {
        kind: Kind::Credential,
        place: place.clone(),
        within: None,
        name: "".into(),
        external_id: id,
        fields: Map::new(),
        raw: Value::Null,
        weight: 0,
    }
}

impl Backend for FastPix {
    async fn observe(&self, shape: &Shape) -> Observed {
        let mut observed = Observed::default();
        for place in shape.places.keys() {
            match self.list(place).await {
                Ok(found) => {
                    observed.found.extend(found);
                    observed.read.insert(place.clone());
                }
                Err(fault) => drop(observed.unobservable.insert(place.clone(), fault.to_string().into())),
            }
        }
        look_at_secrets(&*self.connection.secrets, shape, PRIVATE_KEY, &mut observed).await;
        observed
    }

    async fn look(&self, call: &Call) -> Result<Option<Found>, Fault> {
        // A key that is still to be made has no name by which it could be there already.
        let Some(id) = call.external_id.as_deref() else { return Ok(None) };
        let is_there = self.keys(&call.place)?.exists(id).await?;
        Ok(is_there.then(|| found(&call.place, id.into())))
    }

    async fn send(&self, call: &Call, _: Option<&Found>) -> Result<Sent, Fault> {
        match (call.deed, call.external_id.as_deref()) {
            (Deed::Create | Deed::Rotate, _) => self.make(call).await,
            (Deed::Remove, Some(id)) => self.keys(&call.place)?.delete(id).await.map(|()| Sent::default()),
            (Deed::Adopt | Deed::Update | Deed::Remove, _) => {
                Ok(Sent { external_id: call.external_id.clone(), orphans: Vec::new() })
            }
        }
    }
}
