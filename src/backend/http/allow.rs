use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use super::address::{Class, class, unwrapped};

/// Where services may be: at the hosts that they publish themselves, and where the operator says so.
///
/// A document names the address that credentials are sent to, so the address alone is no reason to send them there. A published host
/// is called at a public address and by HTTPS only; everything else needs an entry. Metadata services and link-local, multicast and
/// unspecified addresses are never called, whatever the list says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowList {
    entries: Vec<AllowEntry>,
    published: &'static [&'static str],
}

/// One value of `--backend-allow`: `HOST`, `HOST:PORT`, an address, or a network such as `10.1.0.0/16`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowEntry {
    what: What,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum What {
    Host(Box<str>),
    Net(IpNet),
}

/// Why an entry cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{entry} is no {what}; write a host such as aaq.internal or aaq.internal:8000, an address, or a network such as 10.1.0.0/16"
)]
pub struct AllowError {
    entry: String,
    what: &'static str,
}

impl FromStr for AllowEntry {
    type Err = AllowError;

    fn from_str(text: &str) -> Result<Self, AllowError> {
        let error = |what| AllowError { entry: format!("{text:?}"), what };
        if text.contains('/') {
            let net: IpNet = text.parse().map_err(|_| error("network"))?;
            return Ok(Self { what: What::Net(net.trunc()), port: None });
        }
        let (host, port) = split(text).ok_or_else(|| error("host with a port"))?;
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host);
        let what = match bare.parse::<IpAddr>() {
            Ok(address) => What::Net(IpNet::from(unwrapped(address))),
            Err(_) => What::Host(host_name(host).ok_or_else(|| error("host"))?),
        };
        Ok(Self { what, port })
    }
}

/// The host and the port, if there is one. An IPv6 address with a port stands in brackets.
fn split(text: &str) -> Option<(&str, Option<u16>)> {
    match text.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            port.parse().ok().filter(|port| *port > 0).map(|port| (host, Some(port)))
        }
        _ => Some((text, None)),
    }
}

fn host_name(text: &str) -> Option<Box<str>> {
    let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let label = |part: &str| {
        !part.is_empty() && part.len() <= 63 && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    (name.len() <= 253 && name.split('.').all(label)).then(|| name.into())
}

impl FromIterator<AllowEntry> for AllowList {
    fn from_iter<I: IntoIterator<Item = AllowEntry>>(entries: I) -> Self {
        Self { entries: entries.into_iter().collect(), published: &[] }
    }
}

/// Why an address is not called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotAllowed {
    #[error(
        "its address is one of a metadata service, link-local, multicast or unspecified, and those are never called; name the address \
         of the service"
    )]
    Never,
    #[error(
        "its address is of this machine or a private network; if the service is really there, whoever runs muster says so with \
         --backend-allow HOST:PORT"
    )]
    Private,
    #[error(
        "it is no host that this service publishes, and credentials would go there; if the service is really there, whoever runs \
         muster says so with --backend-allow HOST"
    )]
    Unknown,
    #[error(
        "credentials would travel in the clear; use https://, or, inside a network that is trusted, --backend-allow HOST:PORT"
    )]
    Clear,
}

impl AllowList {
    /// Whether this address, which `host` was resolved to, may be connected to on this port.
    pub(super) fn judge(&self, host: &str, port: u16, tls: bool, address: IpAddr) -> Result<(), NotAllowed> {
        let listed = || self.entries.iter().filter(|entry| entry.covers(host, port, address));
        let published = || port == HTTPS && self.published.iter().any(|name| is_host(host, name));
        // That a host is known says nothing about reading along on the way to it: an entry that names the port of HTTP does.
        let in_the_clear = || listed().any(|entry| port != HTTPS && entry.port == Some(port));
        match class(address) {
            Class::Never => Err(NotAllowed::Never),
            Class::Private if listed().next().is_none() => Err(NotAllowed::Private),
            Class::Private => Ok(()),
            Class::Global if !published() && listed().next().is_none() => Err(NotAllowed::Unknown),
            Class::Global if !tls && !in_the_clear() => Err(NotAllowed::Clear),
            Class::Global => Ok(()),
        }
    }

    /// The same list for a service that publishes these hosts.
    #[must_use]
    pub fn of_service(&self, published: &'static [&'static str]) -> Self {
        Self { published, ..self.clone() }
    }
}

impl AllowEntry {
    fn covers(&self, host: &str, port: u16, address: IpAddr) -> bool {
        let here = match &self.what {
            What::Host(name) => is_host(host, name),
            What::Net(net) => net.contains(&unwrapped(address)),
        };
        here && self.port.is_none_or(|only| only == port)
    }
}

/// The port of HTTPS.
const HTTPS: u16 = 443;

fn is_host(host: &str, name: &str) -> bool {
    host.strip_suffix('.').unwrap_or(host).eq_ignore_ascii_case(name)
}
