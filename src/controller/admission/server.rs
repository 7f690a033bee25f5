use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::routing::{get, post};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use jiff::Timestamp;
use tracing::{info, warn};

use super::certificate::{CertificateError, Certificates, Known, Pair};
use super::door::Door;
use super::webhook::Webhook;

/// How long answers that were begun may take when the program is told to stop.
const GRACE: Duration = Duration::from_secs(5);

/// Why the webhook does not run.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// There is no certificate.
    #[error("cannot serve without a certificate")]
    Certificate(#[from] CertificateError),
    /// A listener failed.
    #[error("cannot go on listening")]
    Serve(#[source] std::io::Error),
}

/// The sockets to serve on.
#[derive(Debug)]
pub struct Listeners {
    /// For the API server.
    pub admission: TcpListener,
    /// For kubelet and Prometheus.
    pub health: TcpListener,
}

impl Listeners {
    /// Listens on both addresses, so that one that is taken is known at once.
    ///
    /// # Errors
    ///
    /// When one of them cannot be listened on.
    pub fn bind(admission: SocketAddr, health: SocketAddr) -> Result<Self, WebhookError> {
        let bind = |address| {
            let failed = |source| WebhookError::Listen { address, source };
            let listener = TcpListener::bind(address).map_err(failed)?;
            listener.set_nonblocking(true).map_err(failed)?;
            Ok::<_, WebhookError>(listener)
        };
        Ok(Self { admission: bind(admission)?, health: bind(health)? })
    }
}

/// How often and how long.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// How often the certificate is looked at.
    pub look: Duration,
    /// How long questions are still taken once it is told to stop and says that it is not ready: whoever sends them hears of that later.
    pub linger: Duration,
}

/// Serves until it is told to stop, and then ends what it has begun. The certificate is looked at again from time to time, and replaced
/// without a restart.
///
/// # Errors
///
/// When there is no certificate to begin with, or a listener fails.
pub async fn serve(
    webhook: Webhook,
    certificates: Certificates,
    listeners: Listeners,
    pace: Pace,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), WebhookError> {
    let webhook = Arc::new(webhook);
    let health = tokio::net::TcpListener::from_std(listeners.health).map_err(WebhookError::Serve)?;
    let health = tokio::spawn(axum::serve(health, health_router(Arc::clone(&webhook))).into_future());
    let ended = admit(Arc::clone(&webhook), &certificates, listeners.admission, pace, stop).await;
    health.abort();
    webhook.reader.close().await;
    ended
}

async fn admit(
    webhook: Arc<Webhook>,
    certificates: &Certificates,
    listener: TcpListener,
    pace: Pace,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), WebhookError> {
    tokio::pin!(stop);
    let first = tokio::select! {
        first = first(certificates) => first?,
        () = &mut stop => return Ok(()),
    };
    let config = RustlsConfig::from_config(first.server_config()?);
    webhook.set_ready(true);
    let handle = Handle::new();
    let server = axum_server::from_tcp_rustls(listener, config.clone()).map_err(WebhookError::Serve)?;
    let server = server.handle(handle.clone()).serve(router(Arc::clone(&webhook)).into_make_service());
    tokio::pin!(server);
    tokio::select! {
        ended = &mut server => return ended.map_err(WebhookError::Serve),
        () = renew(certificates, config, first, pace.look) => {}
        () = &mut stop => {}
    }
    webhook.set_ready(false);
    tokio::select! {
        ended = &mut server => return ended.map_err(WebhookError::Serve),
        () = tokio::time::sleep(pace.linger) => {}
    }
    handle.graceful_shutdown(Some(GRACE));
    server.await.map_err(WebhookError::Serve)
}

/// The first certificate: an API server that is not there yet is waited for, a file is not.
async fn first(certificates: &Certificates) -> Result<Pair, CertificateError> {
    loop {
        match certificates.now(Timestamp::now()).await {
            Ok((pair, _)) => return Ok(pair),
            Err(error) if error.may_pass() => {
                warn!(error = &error as &dyn std::error::Error, "no certificate yet, so nothing is served");
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Replaces the certificate whenever there is another one that can be used. It is served when two looks in a row found that the API
/// server knows who signed it: another replica may have written that only now, or may just have put the one before in its place.
async fn renew(certificates: &Certificates, config: RustlsConfig, mut served: Pair, every: Duration) {
    let mut next: Option<Pair> = None;
    let mut is_settled = true;
    loop {
        tokio::time::sleep(if is_settled { every } else { certificates.settles_in() }).await;
        let (pair, known) = match certificates.now(Timestamp::now()).await {
            Ok(found) => found,
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "cannot look for another certificate; the one there is goes on");
                (next, is_settled) = (None, true);
                continue;
            }
        };
        let is_new = pair != served;
        if !is_new || known != Known::Already || next.as_ref() != Some(&pair) {
            is_settled = !is_new;
            next = Some(pair).filter(|_| is_new);
            continue;
        }
        match pair.server_config() {
            Ok(another) => {
                config.reload_from_config(another);
                info!("another certificate is served");
                served = pair;
            }
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                warn!(error, "cannot use the other certificate; the one there is goes on");
            }
        }
        (next, is_settled) = (None, true);
    }
}

/// What an API server sees.
fn router(webhook: Arc<Webhook>) -> Router {
    let door = Arc::new(Door::new(webhook));
    Router::new()
        .route("/validate", post(|State(door): State<Arc<Door>>, request| async move { door.ask(request).await }))
        .with_state(door)
}

/// What kubelet and Prometheus see.
fn health_router(webhook: Arc<Webhook>) -> Router {
    const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let ready = |State(webhook): State<Arc<Webhook>>| async move {
        match webhook.is_ready() {
            true => (StatusCode::OK, "ok\n"),
            false => (StatusCode::SERVICE_UNAVAILABLE, "there is no certificate yet, or this is about to end\n"),
        }
    };
    let metrics =
        |State(webhook): State<Arc<Webhook>>| async move { ([(header::CONTENT_TYPE, METRICS)], webhook.metrics.text()) };
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(webhook)
}
