//! What a kubelet and Prometheus ask: is it alive, is it ready, how is it.

use std::future::Future;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot};

/// A question to the controller, with where the answer goes.
#[derive(Debug)]
pub enum Question {
    /// Whether it is ready: nothing, or why not.
    Ready(oneshot::Sender<Option<String>>),
    /// Its metrics.
    Metrics(oneshot::Sender<String>),
}

/// The answer to who asks for metrics.
const METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Binds the address, so that a port that is taken is known at once.
///
/// # Errors
///
/// When it cannot be bound.
pub async fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    TcpListener::bind(address).await
}

/// Answers until it is told to stop.
///
/// # Errors
///
/// When the listener fails.
pub async fn serve(
    listener: TcpListener,
    questions: mpsc::Sender<Question>,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/healthz", get(healthy))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(questions);
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}

/// Alive is whoever answers questions: a controller that is stuck is not.
async fn healthy(State(questions): State<mpsc::Sender<Question>>) -> impl IntoResponse {
    match ask(&questions, Question::Ready).await {
        Some(_) => (StatusCode::OK, "ok\n"),
        None => (StatusCode::INTERNAL_SERVER_ERROR, "the controller does not answer\n"),
    }
}

async fn ready(State(questions): State<mpsc::Sender<Question>>) -> impl IntoResponse {
    match ask(&questions, Question::Ready).await {
        Some(None) => (StatusCode::OK, "ok\n".to_owned()),
        Some(Some(why_not)) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why_not}\n")),
        None => (StatusCode::INTERNAL_SERVER_ERROR, "the controller does not answer\n".to_owned()),
    }
}

async fn metrics(State(questions): State<mpsc::Sender<Question>>) -> impl IntoResponse {
    match ask(&questions, Question::Metrics).await {
        Some(text) => (StatusCode::OK, [(header::CONTENT_TYPE, METRICS)], text),
        None => (StatusCode::INTERNAL_SERVER_ERROR, [(header::CONTENT_TYPE, "text/plain")], String::new()),
    }
}

async fn ask<T>(questions: &mpsc::Sender<Question>, question: impl Fn(oneshot::Sender<T>) -> Question) -> Option<T> {
    const PATIENCE: std::time::Duration = std::time::Duration::from_secs(5);
    let (answer, answered) = oneshot::channel();
    let asked = async {
        questions.send(question(answer)).await.ok()?;
        answered.await.ok()
    };
    tokio::time::timeout(PATIENCE, asked).await.ok().flatten()
}
