use std::future::Future;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use axum_server::Handle;
use axum_server::tls_rustls::RustlsConfig;
use jiff::Timestamp;
use kube::core::DynamicObject;
use kube::core::admission::{AdmissionRequest, AdmissionResponse, AdmissionReview};
use kube::core::response::StatusSummary;
use tracing::{info, warn};

use super::certificate::{CertificateError, Certificates, Pair};
use super::judge::{Settings, Verdict, judge};
use super::metrics::Metrics;
use super::place::Reader;
use super::request::Request;

/// How long one answer may take. An API server waits three seconds.
const PATIENCE: Duration = Duration::from_secs(2);

/// The largest question, which is the largest request that an API server takes.
const LARGEST: usize = 3 << 20;

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

/// What answers the questions of an API server.
#[derive(Debug)]
pub struct Webhook {
    reader: Arc<Reader>,
    settings: Arc<Settings>,
    metrics: Metrics,
    is_ready: AtomicBool,
}

impl Webhook {
    /// A webhook that judges by what this reader reads.
    #[must_use]
    pub fn new(reader: Reader, settings: Settings) -> Self {
        let (reader, settings) = (Arc::new(reader), Arc::new(settings));
        Self { reader, settings, metrics: Metrics::default(), is_ready: AtomicBool::new(false) }
    }

    /// Judges a request. Where the store gives no answer in time it is let through with a warning: the engine reads the same store, and
    /// applies nothing before it has judged.
    pub async fn answer(&self, request: Request, now: Timestamp) -> Verdict {
        let began = Instant::now();
        if self.settings.exempts(&request) || request.is_idle() {
            let verdict = Verdict::default();
            self.metrics.answered(&request, &verdict, began.elapsed());
            return verdict;
        }
        let request = Arc::new(request);
        let verdict = match tokio::time::timeout(PATIENCE, self.look(&request, now)).await {
            Ok(Some(verdict)) => verdict,
            Ok(None) => self.unseen(&request),
            Err(_) => {
                warn!(object = %request.key, "no answer in time");
                self.unseen(&request)
            }
        };
        for denial in &verdict.denials {
            info!(object = %request.key, namespace = %request.namespace, rule = denial.rule, "denied");
        }
        self.metrics.answered(&request, &verdict, began.elapsed());
        verdict
    }

    async fn look(&self, request: &Arc<Request>, now: Timestamp) -> Option<Verdict> {
        let found = match self.reader.find(request).await {
            Ok(found) => found,
            Err(error) => {
                warn!(object = %request.key, error = &error as &dyn std::error::Error, "cannot read the store");
                return None;
            }
        };
        let (request, settings) = (Arc::clone(request), Arc::clone(&self.settings));
        let judged = tokio::task::spawn_blocking(move || judge(&request, &found, &settings, now)).await;
        if let Err(error) = &judged {
            warn!(error = error as &dyn std::error::Error, "this is a defect of muster, please report it");
        }
        judged.ok()
    }

    fn unseen(&self, request: &Request) -> Verdict {
        self.metrics.not_judged();
        Verdict::warned(&format!(
            "{}: the store gave no answer, so this was not judged yet; the controller does before it applies it",
            request.key
        ))
    }
}

/// Serves until it is told to stop, and then ends what it has begun. The certificate is looked at again whenever so much time has
/// passed, and replaced without a restart.
///
/// # Errors
///
/// When there is no certificate to begin with, or a listener fails.
pub async fn serve(
    webhook: Webhook,
    certificates: Certificates,
    listeners: Listeners,
    every: Duration,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), WebhookError> {
    let webhook = Arc::new(webhook);
    let health = tokio::net::TcpListener::from_std(listeners.health).map_err(WebhookError::Serve)?;
    let health = tokio::spawn(axum::serve(health, health_router(Arc::clone(&webhook))).into_future());
    let ended = admit(Arc::clone(&webhook), &certificates, listeners.admission, every, stop).await;
    health.abort();
    webhook.reader.close().await;
    ended
}

async fn admit(
    webhook: Arc<Webhook>,
    certificates: &Certificates,
    listener: TcpListener,
    every: Duration,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), WebhookError> {
    tokio::pin!(stop);
    let first = tokio::select! {
        first = first(certificates) => first?,
        () = &mut stop => return Ok(()),
    };
    let config = RustlsConfig::from_config(first.server_config()?);
    webhook.is_ready.store(true, Ordering::Relaxed);
    let handle = Handle::new();
    let server = axum_server::from_tcp_rustls(listener, config.clone()).map_err(WebhookError::Serve)?;
    let server = server.handle(handle.clone()).serve(router(Arc::clone(&webhook)).into_make_service());
    tokio::pin!(server);
    tokio::select! {
        ended = &mut server => return ended.map_err(WebhookError::Serve),
        () = renew(certificates, config, first, every) => {}
        () = &mut stop => {}
    }
    webhook.is_ready.store(false, Ordering::Relaxed);
    handle.graceful_shutdown(Some(GRACE));
    server.await.map_err(WebhookError::Serve)
}

/// The first certificate: an API server that is not there yet is waited for, a file is not.
async fn first(certificates: &Certificates) -> Result<Pair, CertificateError> {
    loop {
        match certificates.now(Timestamp::now()).await {
            Ok((pair, _)) => return Ok(pair),
            Err(error @ CertificateError::Kept { .. }) => {
                warn!(error = &error as &dyn std::error::Error, "no certificate yet");
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Replaces the certificate whenever there is another one that can be used and the API server knows who signed it.
async fn renew(certificates: &Certificates, config: RustlsConfig, mut served: Pair, every: Duration) {
    loop {
        tokio::time::sleep(every).await;
        let next = match certificates.now(Timestamp::now()).await {
            Ok((pair, true)) if pair != served => pair,
            Ok(_) => continue,
            Err(error) => {
                warn!(error = &error as &dyn std::error::Error, "cannot look for another certificate");
                continue;
            }
        };
        match next.server_config() {
            Ok(another) => {
                tokio::time::sleep(certificates.settles_in()).await;
                config.reload_from_config(another);
                info!("another certificate is served");
                served = next;
            }
            Err(error) => warn!(error = &error as &dyn std::error::Error, "cannot use the other certificate"),
        }
    }
}

/// What an API server sees.
fn router(webhook: Arc<Webhook>) -> Router {
    Router::new().route("/validate", post(validate)).layer(DefaultBodyLimit::max(LARGEST)).with_state(webhook)
}

/// What kubelet and Prometheus see.
fn health_router(webhook: Arc<Webhook>) -> Router {
    const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let ready = |State(webhook): State<Arc<Webhook>>| async move {
        match webhook.is_ready.load(Ordering::Relaxed) {
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

async fn validate(State(webhook): State<Arc<Webhook>>, body: Bytes) -> Response {
    let review = serde_json::from_slice::<AdmissionReview<DynamicObject>>(&body);
    let asked: Option<AdmissionRequest<DynamicObject>> = review.ok().and_then(|review| review.try_into().ok());
    let Some(asked) = asked else {
        return (StatusCode::BAD_REQUEST, "this is no AdmissionReview with a request\n").into_response();
    };
    let response = AdmissionResponse::from(&asked);
    let response = match Request::of(asked) {
        None => response,
        Some(request) => with(response, webhook.answer(request, Timestamp::now()).await),
    };
    Json(response.into_review()).into_response()
}

/// The answer to an API server.
fn with(mut response: AdmissionResponse, verdict: Verdict) -> AdmissionResponse {
    let Verdict { denials, warnings } = verdict;
    response.warnings = Some(warnings).filter(|warnings| !warnings.is_empty());
    if denials.is_empty() {
        return response;
    }
    let messages: Vec<String> = denials.into_iter().map(|denial| denial.message).collect();
    response.allowed = false;
    response.result.status = Some(StatusSummary::Failure);
    response.result.code = 403;
    "Forbidden".clone_into(&mut response.result.reason);
    response.result.message = messages.join(" | ");
    response
}
