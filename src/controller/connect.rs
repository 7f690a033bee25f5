use std::path::Path;
use std::time::Duration;

use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};

/// Why there is no connection to an API server.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The file that says where it is cannot be used.
    #[error("cannot use the kubeconfig {path}: {source}")]
    Kubeconfig {
        /// The file.
        path: String,
        /// The reason.
        #[source]
        source: kube::config::KubeconfigError,
    },
    /// Neither a file nor the environment of a pod says where it is.
    #[error("cannot find an API server: {0}; name one with --kubeconfig, or run in a cluster")]
    Nowhere(#[source] kube::config::InferConfigError),
    /// What was found cannot be used.
    #[error("cannot talk to the API server: {0}")]
    Client(#[source] kube::Error),
}

/// Why a call failed, in one sentence that stays the same while it fails for the same reason.
#[must_use]
pub fn reason(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if !status.message.is_empty() => status.message.clone(),
        error => crate::store::in_one_line(error),
    }
}

/// How long to wait for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

/// Connects to the API server of this kubeconfig, or of the environment: `KUBECONFIG`, then `~/.kube/config`, then the pod's service account.
///
/// # Errors
///
/// When no API server is named, or what names it cannot be used. Nothing is sent yet.
pub async fn connect(kubeconfig: Option<&Path>, context: Option<&str>) -> Result<Client, ConnectError> {
    let options = KubeConfigOptions { context: context.map(str::to_owned), ..KubeConfigOptions::default() };
    let mut config = match kubeconfig {
        None if context.is_none() => Config::infer().await.map_err(ConnectError::Nowhere)?,
        None => read(Kubeconfig::read(), "of the environment", &options).await?,
        Some(path) => read(Kubeconfig::read_from(path), &path.display().to_string(), &options).await?,
    };
    config.connect_timeout = Some(PATIENCE);
    config.write_timeout = Some(PATIENCE);
    Client::try_from(config).map_err(ConnectError::Client)
}

async fn read(
    kubeconfig: Result<Kubeconfig, kube::config::KubeconfigError>,
    path: &str,
    options: &KubeConfigOptions,
) -> Result<Config, ConnectError> {
    let failed = |source| ConnectError::Kubeconfig { path: path.to_owned(), source };
    Config::from_custom_kubeconfig(kubeconfig.map_err(failed)?, options).await.map_err(failed)
}
