use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Json;
use axum::body::to_bytes;
use axum::extract::Request as HttpRequest;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::{SignedDuration, Timestamp};
use kube::core::DynamicObject;
use kube::core::admission::{AdmissionRequest, AdmissionResponse, AdmissionReview, META_API_VERSION_V1, META_KIND};
use kube::core::response::StatusSummary;
use tokio::sync::Semaphore;

use super::judge::Verdict;
use super::request::Request;
use super::webhook::Webhook;

/// How long one answer may take where the API server does not say how long it waits.
const PATIENCE: Duration = Duration::from_secs(2);

/// The largest question. An API server takes requests of 3 MiB, and tells what there is and what there was.
const LARGEST: u32 = 8 << 20;

/// How many bytes of questions are read and answered at once.
const MOST_AT_ONCE: usize = 16 << 20;

/// How many reasons of a denial are shown.
const MOST_REASONS: usize = 5;

/// Where an API server asks, by HTTP.
#[derive(Debug)]
pub struct Door {
    webhook: Arc<Webhook>,
    room: Semaphore,
}

/// What is said of what is no question.
type Refused = (StatusCode, &'static str);

impl Door {
    /// The door of a webhook.
    pub fn new(webhook: Arc<Webhook>) -> Self {
        Self { webhook, room: Semaphore::new(MOST_AT_ONCE) }
    }

    /// Answers one question before whoever asks it stops waiting.
    pub async fn ask(&self, asked: HttpRequest) -> Response {
        let until = Instant::now() + patience(asked.uri().query());
        match tokio::time::timeout_at(until.into(), self.read(asked)).await {
            Ok(Ok((review, _room))) => self.answer(review, until).await,
            Ok(Err(refused)) => refused.into_response(),
            Err(_) => (StatusCode::REQUEST_TIMEOUT, "this question did not come to its end in time\n").into_response(),
        }
    }

    /// Reads a question as far as there is room for it.
    async fn read(&self, asked: HttpRequest) -> Result<(AdmissionRequest<DynamicObject>, impl Drop), Refused> {
        const LARGE: Refused = (StatusCode::PAYLOAD_TOO_LARGE, "this question has more than 8 MiB\n");
        const UNREADABLE: Refused = (StatusCode::BAD_REQUEST, "this is no AdmissionReview with a request\n");
        let length = {
            let header = |name| text(asked.headers(), &name);
            if !header(header::CONTENT_TYPE).is_some_and(|it| it.starts_with("application/json")) {
                return Err((StatusCode::UNSUPPORTED_MEDIA_TYPE, "send application/json\n"));
            }
            let length = header(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
            u32::try_from(length.unwrap_or_else(|| LARGEST.into())).ok().filter(|length| *length <= LARGEST)
        };
        let room = self.room.acquire_many(length.ok_or(LARGE)?).await.map_err(|_| UNREADABLE)?;
        let body = to_bytes(asked.into_body(), LARGEST as usize).await.map_err(|_| LARGE)?;
        let review: AdmissionReview<DynamicObject> = serde_json::from_slice(&body).map_err(|_| UNREADABLE)?;
        if review.types.kind != META_KIND || review.types.api_version != META_API_VERSION_V1 {
            return Err((StatusCode::BAD_REQUEST, "only the AdmissionReview of admission.k8s.io/v1 is understood\n"));
        }
        review.try_into().map(|asked| (asked, room)).map_err(|_| UNREADABLE)
    }

    async fn answer(&self, asked: AdmissionRequest<DynamicObject>, until: Instant) -> Response {
        let response = AdmissionResponse::from(&asked);
        let response = match Request::of(asked) {
            None => response,
            Some(request) => {
                let patience = until.saturating_duration_since(Instant::now());
                with(response, self.webhook.answer(request, Timestamp::now(), patience).await)
            }
        };
        Json(response.into_review()).into_response()
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &header::HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// How long an answer may take: two thirds of what the API server says that it waits, as in `?timeout=3s`.
fn patience(query: Option<&str>) -> Duration {
    let timeout = query.unwrap_or_default().split('&').find_map(|part| part.strip_prefix("timeout="));
    let timeout = timeout.and_then(|timeout| timeout.parse::<SignedDuration>().ok());
    let timeout = timeout.and_then(|timeout| Duration::try_from(timeout).ok()).filter(|timeout| !timeout.is_zero());
    timeout.map_or(PATIENCE, |timeout| timeout.min(Duration::from_secs(30)) * 2 / 3)
}

/// The answer to an API server.
fn with(mut response: AdmissionResponse, verdict: Verdict) -> AdmissionResponse {
    let Verdict { denials, warnings } = verdict;
    response.warnings = Some(warnings).filter(|warnings| !warnings.is_empty());
    if denials.is_empty() {
        return response;
    }
    let more = denials.len().saturating_sub(MOST_REASONS);
    let mut reasons: Vec<String> = denials.into_iter().take(MOST_REASONS).map(|denial| denial.message).collect();
    if more > 0 {
        reasons.push(format!("and {more} more reasons"));
    }
    response.allowed = false;
    response.result.status = Some(StatusSummary::Failure);
    response.result.code = 403;
    "Forbidden".clone_into(&mut response.result.reason);
    response.result.message = reasons.join(" | ");
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_takes_two_thirds_of_what_the_api_server_waits() {
        for (query, millis) in [
            (None, 2000),
            (Some("timeout=3s"), 2000),
            (Some("a=b&timeout=1s"), 666),
            (Some("timeout=500ms"), 333),
            (Some("timeout=1m0s"), 20_000),
            (Some("timeout=-3s"), 2000),
            (Some("timeout=0s"), 2000),
            (Some("timeout=later"), 2000),
            (Some("timeout=99999999999h"), 20_000),
        ] {
            assert_eq!(patience(query).as_millis(), millis, "{query:?}");
        }
    }

    #[test]
    fn five_reasons_are_shown_and_the_rest_is_counted() {
        use crate::api::Kind;
        use crate::controller::admission::Denial;
        use crate::tenancy::Key;
        let denial = |number| Denial::new("not-permitted", &Key::new(Kind::Member, format!("m{number}").as_str()), "no", "ask");
        let review = serde_json::json!({
            "uid": "7", "kind": { "group": "", "version": "v1", "kind": "A" }, "operation": "CREATE", "userInfo": {},
            "resource": { "group": "", "version": "v1", "resource": "as" },
        });
        let asked: AdmissionRequest<DynamicObject> = serde_json::from_value(review).unwrap();
        let answer = |count| {
            let verdict = Verdict { denials: (0..count).map(denial).collect(), warnings: Vec::new() };
            with(AdmissionResponse::from(&asked), verdict).result.message
        };
        assert_eq!(answer(1), "member/m0: no (not-permitted); ask");
        assert_eq!(answer(5).matches(" | ").count(), 4);
        assert!(answer(7).ends_with("member/m4: no (not-permitted); ask | and 2 more reasons"), "{}", answer(7));
    }
}
