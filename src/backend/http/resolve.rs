use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::allow::{AllowList, NotAllowed};

/// How names become addresses.
pub(super) type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> + Send + Sync>;

/// As the machine does it.
pub(super) fn system() -> Lookup {
    Arc::new(|host| {
        Box::pin(async move {
            let found = tokio::net::lookup_host((host, 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    })
}

/// Resolves names, and leaves only those addresses that may be connected to. The connection is made to one of these, so that
/// a name cannot mean one address when it is judged and another one when it is called.
#[derive(Clone)]
pub(super) struct Guard {
    pub allow: Arc<AllowList>,
    pub port: u16,
    pub tls: bool,
    pub lookup: Lookup,
}

impl Guard {
    /// Judges an address that is written out, which nobody resolves.
    pub fn judge(&self, host: &str, address: IpAddr) -> Result<(), NotAllowed> {
        self.allow.judge(host, self.port, self.tls, address)
    }

    async fn addresses(&self, host: String) -> Result<Vec<SocketAddr>, Box<dyn std::error::Error + Send + Sync>> {
        let found = (self.lookup)(host.clone()).await?;
        let mut refused = None;
        let mut left = Vec::new();
        for address in found {
            match self.judge(&host, address) {
                Ok(()) => left.push(SocketAddr::new(address, self.port)),
                Err(why) => refused = Some(why),
            }
        }
        match refused {
            Some(why) if left.is_empty() => Err(Box::new(why)),
            _ => Ok(left),
        }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let (guard, host) = (self.clone(), name.as_str().to_owned());
        Box::pin(async move {
            let addresses = guard.addresses(host).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").field("allow", &self.allow).field("port", &self.port).finish_non_exhaustive()
    }
}
