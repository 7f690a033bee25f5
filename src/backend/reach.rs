use std::collections::BTreeMap;
use std::sync::Arc;

use super::Stop;
use super::any::published;
use super::http::{AddressError, AllowList, Client, Learned, Meter, Rate, Settings, Unmetered};
use super::secrets::{Pair, Secrets};
use crate::plan::mirror::{Capabilities, Shape};
use crate::tenancy::Name;

/// How services are reached: where they may be, and where the secrets are.
#[derive(Clone, Debug)]
pub struct Reach {
    /// Where services may be, beside the hosts that they publish.
    pub allow: Arc<AllowList>,
    /// Where credentials come from, and where those go that a service makes.
    pub secrets: Arc<dyn Secrets>,
    /// What counts the requests.
    pub meter: Arc<dyn Meter>,
    /// What the run learned of addresses.
    pub learned: Learned,
    /// Asks for an end.
    pub stop: Stop,
}

/// What a service is reached with: one client, and credentials for each place.
#[derive(Clone, Debug)]
pub struct Connection {
    /// Calls the service.
    pub client: Client,
    /// The credentials of each place, or why there are none.
    pub credentials: BTreeMap<Name, Result<Pair, Box<str>>>,
    /// Where secret values are read and those that a service makes are kept.
    pub secrets: Arc<dyn Secrets>,
}

impl Reach {
    /// Reaches services in one run with these secrets, counting nothing.
    #[must_use]
    pub fn new(allow: AllowList, secrets: Arc<dyn Secrets>) -> Self {
        Self { allow: Arc::new(allow), secrets, meter: Arc::new(Unmetered), learned: Learned::default(), stop: Stop::default() }
    }

    /// Reads the credentials of all places of a shape and prepares calls to the service. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// When the address cannot be one of a service. Credentials that cannot be read are known to the connection.
    pub async fn connect(&self, capabilities: &Capabilities, url: &str, shape: &Shape) -> Result<Connection, AddressError> {
        let rate = Rate::per_second(capabilities.per_second, capabilities.burst);
        let settings = Settings {
            allow: Arc::new(self.allow.of_service(published(capabilities.service))),
            meter: Arc::clone(&self.meter),
            learned: self.learned.clone(),
            ..Settings::new(capabilities.service.as_str(), rate)
        };
        let client = Client::new(url, settings)?;
        let mut credentials = BTreeMap::new();
        for (place, reference) in &shape.places {
            let pair = match reference {
                None => Err(without_credentials(place)),
                Some(secret) => match self.secrets.read(secret.name.as_str(), secret.key.as_str()).await {
                    Ok(value) => {
                        let label = format!("{} under {}", secret.name.as_str(), secret.key.as_str());
                        Pair::parse(&value, &label).map_err(|error| error.to_string().into())
                    }
                    Err(error) => Err(error.to_string().into()),
                },
            };
            credentials.insert(place.clone(), pair);
        }
        Ok(Connection { client, credentials, secrets: Arc::clone(&self.secrets) })
    }
}

fn without_credentials(place: &Name) -> Box<str> {
    match place.as_str() {
        "" => "nothing says where the credentials are: name them in spec.backend.secretRef of the Organization".into(),
        workspace => format!(
            "nothing says where the credentials are: name them in spec.backendSecretRef of workspace/{workspace}, or in \
             spec.backend.secretRef of the Organization"
        )
        .into(),
    }
}
