use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use tokio::sync::watch;

use super::flags::{StoreFlags, duration, manager};
use super::{Console, Exit, Failure};
use crate::backend::http::AllowEntry;
use crate::controller::{self, Options, bind, connect};
use crate::store::Mode;
use crate::tenancy::Manager;

#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    store: StoreFlags,
    /// The name under which this installation manages objects; those of other managers are not touched
    #[arg(long, value_name = "NAME", default_value = "muster", value_parser = manager, help_heading = "Store")]
    manager: Manager,
    #[command(flatten)]
    cluster: ClusterFlags,
    /// Look after the objects of this namespace only; may be given several times
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    watch_namespace: Vec<String>,
    /// The Lease that says which replica is active
    #[arg(long, value_name = "NAMESPACE/NAME", default_value = "muster-system/muster", value_parser = lease, help_heading = "Cluster")]
    lease: (String, String),
    /// How long a replica leads after it last said so
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = duration, help_heading = "Cluster")]
    lease_duration: Duration,
    /// How long an answer of the API server may take
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = duration, help_heading = "Cluster")]
    request_timeout: Duration,
    /// How many statuses are written at a time
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u16).range(1..=256), help_heading = "Cluster")]
    concurrency: u16,
    /// At the start, apply although another place applied within the last hour; for a cluster that takes the place of one that is gone
    #[arg(long, help_heading = "Cluster")]
    take_over: bool,
    /// Mirror organizations to the services that their `spec.backend` names, with credentials from the Secrets of their namespace
    #[arg(long, help_heading = "Services")]
    backends: bool,
    /// A host, an address or a network that a service behind an organization may be at, beside the hosts that it publishes itself;
    /// may be given several times
    #[arg(long, value_name = "HOST[:PORT]|NETWORK", value_delimiter = ',', requires = "backends", help_heading = "Services")]
    backend_allow: Vec<AllowEntry>,
    /// Where /healthz, /readyz and /metrics are
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8080", help_heading = "Cluster")]
    listen: SocketAddr,
    #[command(flatten)]
    pub(super) log: super::log::LogFlags,
}

/// Which API server.
#[derive(Args, Debug)]
pub struct ClusterFlags {
    /// The file that says where the API server is; left out: KUBECONFIG, ~/.kube/config, or the pod's own service account
    #[arg(long, value_name = "PATH", help_heading = "Cluster")]
    pub kubeconfig: Option<PathBuf>,
    /// The context of that file; left out: the current one
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    pub context: Option<String>,
}

fn lease(text: &str) -> Result<(String, String), String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() => Ok((namespace.to_owned(), name.to_owned())),
        _ => Err("write NAMESPACE/NAME, such as muster-system/muster".to_owned()),
    }
}

/// How long one look at an organization may take. What it did counts, and the next one goes on from there.
const PASS_LIMIT: Duration = Duration::from_mins(10);

/// `muster controller`.
pub async fn run(arguments: &Arguments, _console: &Console) -> Result<Exit, Failure> {
    let cluster = &arguments.cluster;
    let other = |error: &dyn std::error::Error| Failure::Other(error.to_string());
    let client = connect(cluster.kubeconfig.as_deref(), cluster.context.as_deref()).await.map_err(|error| other(&error))?;
    let store = arguments.store.open(Mode::Write).await?;
    let listener = bind(arguments.listen)
        .await
        .map_err(|source| Failure::Other(format!("cannot listen on {}: {source}; choose another --listen", arguments.listen)))?;
    let address = listener.local_addr().map_or_else(|_| arguments.listen.to_string(), |address| address.to_string());
    tracing::info!(store = arguments.store.address()?, address, manager = %arguments.manager, "muster controller {}", env!("CARGO_PKG_VERSION"));
    let options = Options {
        manager: arguments.manager.clone(),
        namespaces: arguments.watch_namespace.iter().map(|name| name.as_str().into()).collect(),
        lease: arguments.lease.clone(),
        lease_duration: arguments.lease_duration.max(Duration::from_secs(1)),
        request_timeout: arguments.request_timeout,
        concurrency: arguments.concurrency.into(),
        pass_limit: PASS_LIMIT,
        take_over: arguments.take_over,
        backends: arguments.backends.then(|| arguments.backend_allow.iter().cloned().collect()),
    };
    controller::run(client, store, options, listener, until_told()).await.map_err(|error| other(&error))?;
    tracing::info!("stopped");
    Ok(Exit::Done)
}

/// Says when this process is told to stop: by SIGTERM, as Kubernetes does it, or by Ctrl-C.
pub fn until_told() -> watch::Receiver<bool> {
    let (told, stop) = watch::channel(false);
    tokio::spawn(async move {
        let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok();
        let terminated = async {
            match &mut terminate {
                Some(terminate) => drop(terminate.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = terminated => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        // Whoever waits for it may be gone already.
        let _ = told.send(true);
    });
    stop
}
