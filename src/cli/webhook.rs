use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args};

use super::controller::{ClusterFlags, until_told};
use super::flags::{StoreFlags, manager};
use super::{Exit, Failure};
use crate::controller::admission::{Certificates, Keeper, Listeners, Pace, Reader, Service, Settings, Webhook, serve};
use crate::controller::connect;
use crate::store::in_one_line;
use crate::tenancy::Manager;

#[derive(Args, Debug)]
#[command(group = ArgGroup::new("certificate").required(true).args(["cert_dir", "self_signed"]))]
pub struct Arguments {
    #[command(flatten)]
    store: StoreFlags,
    /// The name under which this installation manages objects; those of other managers are not touched
    #[arg(long, value_name = "NAME", default_value = "muster", value_parser = manager, help_heading = "Store")]
    manager: Manager,
    /// What the API server puts before the names of users of an OIDC issuer (its --oidc-username-prefix)
    #[arg(long, value_name = "PREFIX", help_heading = "Actor")]
    oidc_prefix: Option<String>,
    /// A user who is not judged, as the API server knows it; may be given several times
    #[arg(long, value_name = "NAME", help_heading = "Actor")]
    exempt_user: Vec<String>,
    /// Where the API server asks, by TLS
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:9443", help_heading = "Server")]
    listen: SocketAddr,
    /// Where /healthz, /readyz and /metrics are
    #[arg(long, value_name = "ADDRESS", default_value = "0.0.0.0:8080", help_heading = "Server")]
    metrics_listen: SocketAddr,
    #[command(flatten)]
    certificate: CertificateFlags,
    #[command(flatten)]
    cluster: ClusterFlags,
    #[command(flatten)]
    pub(super) log: super::log::LogFlags,
}

/// Where the certificate comes from.
#[derive(Args, Debug)]
struct CertificateFlags {
    /// Serve with tls.crt and tls.key of this directory, also when they change
    #[arg(long, value_name = "DIRECTORY", help_heading = "Certificate")]
    cert_dir: Option<PathBuf>,
    /// Make a certificate, renew it, and tell the API server who signed it
    #[arg(long, requires = "secret", requires = "service", requires = "configuration", help_heading = "Certificate")]
    self_signed: bool,
    /// The Secret to keep it in
    #[arg(long, value_name = "NAMESPACE/NAME", value_parser = secret, help_heading = "Certificate")]
    secret: Option<SecretName>,
    /// The Service that the API server asks
    #[arg(long, value_name = "NAME.NAMESPACE", help_heading = "Certificate")]
    service: Option<Service>,
    /// The ValidatingWebhookConfiguration
    #[arg(long, value_name = "NAME", help_heading = "Certificate")]
    configuration: Option<String>,
}

#[derive(Clone, Debug)]
struct SecretName {
    namespace: String,
    name: String,
}

fn secret(text: &str) -> Result<SecretName, String> {
    match text.split_once('/') {
        Some((namespace, name)) if !namespace.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok(SecretName { namespace: namespace.to_owned(), name: name.to_owned() })
        }
        _ => Err("write NAMESPACE/NAME".to_owned()),
    }
}

/// The API server hears within a few seconds that a pod is not ready.
const PACE: Pace = Pace { look: Duration::from_secs(30), linger: Duration::from_secs(3) };

/// `muster webhook`.
pub async fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let failed = |error: &dyn std::error::Error| Failure::Other(in_one_line(error));
    let mut told = until_told();
    let stop = async move {
        // Whoever says it is gone only when the program is.
        let _ = told.wait_for(|told| *told).await;
    };
    let listeners = Listeners::bind(arguments.listen, arguments.metrics_listen).map_err(|error| failed(&error))?;
    let certificates = arguments.certificates().await?;
    let reader = Reader::new(arguments.store.store.parse()?, arguments.store.lock_timeout);
    let settings = Settings {
        manager: arguments.manager.clone(),
        oidc_prefix: arguments.oidc_prefix.clone().filter(|prefix| !prefix.is_empty()),
        exempt: arguments.exempt_user.clone(),
    };
    tracing::info!(store = arguments.store.address()?, address = %arguments.listen, "muster webhook {}", env!("CARGO_PKG_VERSION"));
    serve(Webhook::new(reader, settings), certificates, listeners, PACE, stop).await.map_err(|error| failed(&error))?;
    Ok(Exit::Done)
}

impl Arguments {
    async fn certificates(&self) -> Result<Certificates, Failure> {
        let CertificateFlags { cert_dir, self_signed: _, secret, service, configuration } = &self.certificate;
        match (cert_dir, secret, service, configuration) {
            (Some(directory), _, _, _) => Ok(Certificates::Directory(directory.clone())),
            (None, Some(secret), Some(service), Some(configuration)) => {
                let ClusterFlags { kubeconfig, context } = &self.cluster;
                let client = connect(kubeconfig.as_deref(), context.as_deref()).await;
                let client = client.map_err(|error| Failure::Other(in_one_line(&error)))?;
                Ok(Certificates::Own(Keeper {
                    client,
                    namespace: secret.namespace.clone(),
                    secret: secret.name.clone(),
                    service: service.clone(),
                    configuration: configuration.clone(),
                }))
            }
            _ => Err(Failure::Usage("--self-signed takes --secret, --service and --configuration".to_owned())),
        }
    }
}
