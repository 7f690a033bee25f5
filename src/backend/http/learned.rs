use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::fault::Fault;

/// What one run learned about the addresses that it called. A clone shares it.
///
/// An address at which nothing answers is given up: what is left of the run does not wait for it again.
#[derive(Clone, Debug, Default)]
pub struct Learned(Arc<Mutex<BTreeMap<Box<str>, Seen>>>);

#[derive(Debug, Default)]
struct Seen {
    given_up: Option<Fault>,
    may_pass: bool,
}

impl Learned {
    /// Why an address is not called again; `None` where it is.
    #[must_use]
    pub fn given_up(&self, address: &str) -> Option<Fault> {
        self.lock().get(address)?.given_up.clone()
    }

    /// Whether something failed there that may pass without anybody changing anything.
    #[must_use]
    pub fn may_pass(&self, address: &str) -> bool {
        self.lock().get(address).is_some_and(|seen| seen.may_pass)
    }

    /// Takes note of how a call ended.
    pub(super) fn note(&self, address: &str, fault: &Fault) {
        let mut all = self.lock();
        let seen = all.entry(address.into()).or_default();
        seen.may_pass |= fault.retryable();
        if matches!(fault, Fault::Unreachable { .. }) {
            seen.given_up.get_or_insert_with(|| fault.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Box<str>, Seen>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The host and the port that an address of a service leads to, as what is learned is kept by; the address itself where it is none.
#[must_use]
pub fn host_of(url: &str) -> Box<str> {
    let place = |url: reqwest::Url| Some(format!("{}:{}", url.host_str()?, url.port_or_known_default()?));
    reqwest::Url::parse(url).ok().and_then(place).unwrap_or_else(|| url.to_owned()).into()
}
