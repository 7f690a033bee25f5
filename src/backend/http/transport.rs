use std::error::Error;
use std::fmt;
use std::time::{Duration, Instant};

use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use zeroize::Zeroizing;

use super::super::fault::Fault;
use super::allow::NotAllowed;
use super::request::{Auth, Body, Request};
use super::response::Response;

/// One attempt of a call, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// The service.
    pub backend: &'static str,
    /// The operation, as [`Request::op`] names it.
    pub op: &'static str,
    /// The status code; `None` where there was no answer.
    pub status: Option<u16>,
    /// How long it took.
    pub took: Duration,
}

/// Counts attempts.
pub trait Meter: fmt::Debug + Send + Sync {
    /// One attempt ended.
    fn attempted(&self, attempt: Attempt);
}

/// Counts nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unmetered;

impl Meter for Unmetered {
    fn attempted(&self, _: Attempt) {}
}

/// How an attempt ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// With a complete answer, and the header that says when to come back.
    Answered(Response, Option<Box<str>>),
    /// The call must not be made.
    Forbidden(NotAllowed),
    /// The call cannot be made.
    Impossible(&'static str),
    /// It certainly was not sent.
    NotSent(&'static str),
    /// It was sent, or may have been, and there is no answer.
    Lost(&'static str),
    /// The service did it, and the rest of the answer is longer than anything it should say.
    TooLong,
}

/// Makes one attempt.
pub(super) async fn attempt(http: &reqwest::Client, url: Url, request: &Request, limit: usize) -> Ended {
    let mut builder = http.request(request.method.of_reqwest(), url);
    builder = match &request.auth {
        Auth::None => builder,
        Auth::Bearer(token) => builder.bearer_auth(token.expose()),
        Auth::Basic(id, secret) => builder.basic_auth(id, Some(secret.expose())),
    };
    builder = match &request.body {
        Body::None => builder,
        Body::Json(bytes) => builder.header(CONTENT_TYPE, "application/json").body(bytes.to_vec()),
        Body::Form(text) => builder.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(text.as_bytes().to_vec()),
    };
    let answer = match builder.send().await {
        Ok(answer) => answer,
        Err(error) => return failed(&error),
    };
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let limit = if status < 400 { limit } else { limit.min(ERROR_BODY) };
    let body = match read(answer, limit).await {
        Ok(body) => body,
        // That it was refused is known from the first line, whatever follows.
        Err(_) if status >= 300 => Zeroizing::default(),
        Err(Cut::TooLong) => return Ended::TooLong,
        Err(Cut::Broken(why)) => return Ended::Lost(why),
    };
    let content_type = text(&headers, &CONTENT_TYPE).unwrap_or_default();
    Ended::Answered(Response { method: request.method, status, content_type, body }, text(&headers, &RETRY_AFTER))
}

/// How much is read of an answer that says no.
const ERROR_BODY: usize = 64 * 1024;

fn text(headers: &HeaderMap, name: &reqwest::header::HeaderName) -> Option<Box<str>> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(Into::into)
}

enum Cut {
    TooLong,
    Broken(&'static str),
}

async fn read(mut answer: reqwest::Response, limit: usize) -> Result<Zeroizing<Vec<u8>>, Cut> {
    if answer.content_length().is_some_and(|length| length > limit as u64) {
        return Err(Cut::TooLong);
    }
    let mut body = Zeroizing::new(Vec::new());
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > limit => return Err(Cut::TooLong),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) if error.is_timeout() => return Err(Cut::Broken("it took too long to answer")),
            Err(_) => return Err(Cut::Broken("the connection ended in the middle of the answer")),
        }
    }
}

fn failed(error: &reqwest::Error) -> Ended {
    let causes = || std::iter::successors(Some(error as &(dyn Error + 'static)), |&error| error.source());
    if let Some(why) = causes().find_map(|cause| cause.downcast_ref::<NotAllowed>()) {
        return Ended::Forbidden(*why);
    }
    let unsafe_by_tls = causes().any(is_of_tls);
    match error {
        _ if error.is_builder() => Ended::Impossible(
            "its credentials have characters that a request cannot carry; look into the Secret that they come from",
        ),
        _ if unsafe_by_tls => Ended::NotSent("a connection that is safe by TLS is not possible; look at its certificate"),
        _ if error.is_dns() => Ended::NotSent("its name is not known"),
        _ if error.is_connect() && error.is_timeout() => Ended::NotSent("it took too long to connect"),
        _ if error.is_connect() => Ended::NotSent("there is no connection to it"),
        _ if error.is_timeout() => Ended::Lost("it took too long to answer"),
        _ => Ended::Lost("the connection ended before the answer"),
    }
}

/// Whether TLS is what failed. An error of I/O hides its cause in itself, where `source` does not show it.
fn is_of_tls(cause: &(dyn Error + 'static)) -> bool {
    let inner = cause.downcast_ref::<std::io::Error>().and_then(|error| error.get_ref());
    cause.is::<rustls::Error>() || inner.is_some_and(|inner| is_of_tls(inner))
}

/// Makes an attempt and counts it.
pub(super) async fn metered(
    meter: &dyn Meter,
    backend: &'static str,
    request: &Request,
    attempt: impl Future<Output = Ended>,
) -> Ended {
    let start = Instant::now();
    let ended = attempt.await;
    let status = match &ended {
        Ended::Answered(response, _) => Some(response.status()),
        _ => None,
    };
    let attempt = Attempt { backend, op: request.op(), status, took: start.elapsed() };
    tracing::debug!(backend, op = attempt.op, status, took = ?attempt.took, "called a service");
    meter.attempted(attempt);
    ended
}

impl Ended {
    /// Whether the service said that it is called too often.
    pub fn asks_for_fewer(&self) -> bool {
        matches!(self, Self::Answered(response, _) if response.status() == 429)
    }

    /// The fault of an attempt that will not be repeated; `only_reads` where nothing can have been changed.
    pub fn fault(self, host: &str, only_reads: bool) -> Fault {
        match self {
            Self::Answered(response, _) if !only_reads && response.status() != 429 => {
                Fault::unknown(format!("it fails (status {})", response.status()))
            }
            Self::Answered(response, _) => Fault::of_status(response.status()),
            Self::Forbidden(why) => Fault::Forbidden { host: host.into(), why: why.to_string().into() },
            Self::Impossible(why) => Fault::Forbidden { host: host.into(), why: why.into() },
            Self::NotSent(why) => Fault::unreachable(why),
            Self::Lost(why) if only_reads => Fault::unreachable(why),
            Self::Lost(why) => Fault::unknown(why),
            Self::TooLong if only_reads => Fault::unreadable(TOO_LONG),
            Self::TooLong => Fault::unknown(TOO_LONG),
        }
    }
}

const TOO_LONG: &str = "it is longer than anything this service should say";
