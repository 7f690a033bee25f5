use super::http::AddressError;
use super::{Backend, Fault, Reach, Sent, State, aaq, fastpix, hundredms};
use crate::api::organization::BackendType;
use crate::plan::mirror::{Call, Capabilities, Found, Observed, Shape};

/// The service of an organization, whichever it is.
#[derive(Debug)]
pub enum AnyBackend {
    /// 100ms.
    Hundredms(hundredms::Hundredms),
    /// Ask A Question.
    Aaq(aaq::Aaq),
    /// `FastPix`.
    Fastpix(fastpix::FastPix),
}

/// What a service at this address can do.
#[must_use]
pub fn capabilities(service: BackendType, url: &str) -> &'static Capabilities {
    match service {
        BackendType::Hundredms => hundredms::Api::of(url).capabilities(),
        BackendType::Aaq => &aaq::CAPABILITIES,
        BackendType::Fastpix => &fastpix::CAPABILITIES,
    }
}

/// The hosts that a service publishes for its API: where credentials may go because it is that service.
#[must_use]
pub fn published(service: BackendType) -> &'static [&'static str] {
    match service {
        BackendType::Hundredms => hundredms::HOSTS,
        BackendType::Aaq => aaq::HOSTS,
        BackendType::Fastpix => fastpix::HOSTS,
    }
}

/// What a service shall have of what the store has.
#[must_use]
pub fn shape(service: BackendType, state: &State<'_>) -> Shape {
    match service {
        BackendType::Hundredms => hundredms::shape(state),
        BackendType::Aaq => aaq::shape(state),
        BackendType::Fastpix => fastpix::shape(state),
    }
}

/// A service, reached with the credentials of all places of a shape. Nothing is sent yet.
///
/// # Errors
///
/// When the address cannot be one of a service.
pub async fn connect(reach: &Reach, service: BackendType, url: &str, shape: &Shape) -> Result<AnyBackend, AddressError> {
    let connection = reach.connect(capabilities(service, url), url, shape).await?;
    Ok(match service {
        BackendType::Hundredms => AnyBackend::Hundredms(hundredms::Hundredms::new(hundredms::Api::of(url), connection)),
        BackendType::Aaq => AnyBackend::Aaq(aaq::Aaq::new(connection)),
        BackendType::Fastpix => AnyBackend::Fastpix(fastpix::FastPix::new(connection)),
    })
}

impl Backend for AnyBackend {
    async fn observe(&self, shape: &Shape) -> Observed {
        match self {
            Self::Hundredms(service) => service.observe(shape).await,
            Self::Aaq(service) => service.observe(shape).await,
            Self::Fastpix(service) => service.observe(shape).await,
        }
    }

    async fn look(&self, call: &Call) -> Result<Option<Found>, Fault> {
        match self {
            Self::Hundredms(service) => service.look(call).await,
            Self::Aaq(service) => service.look(call).await,
            Self::Fastpix(service) => service.look(call).await,
        }
    }

    async fn send(&self, call: &Call, current: Option<&Found>) -> Result<Sent, Fault> {
        match self {
            Self::Hundredms(service) => service.send(call, current).await,
            Self::Aaq(service) => service.send(call, current).await,
            Self::Fastpix(service) => service.send(call, current).await,
        }
    }
}
