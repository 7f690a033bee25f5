//! What the service says: JSON, or one of the ways in which a FastAPI application says no.

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use axum::response::Response;
use serde_json::{Value, json};

/// What an operation ends with.
pub type Answer = Result<Value, Failure>;

/// Every way in which it says no.
pub enum Failure {
    /// A status with a text.
    Detail(u16, String),
    /// There is no token.
    NotAuthenticated,
    /// The token is not a good one.
    BadToken,
    /// The input is not as declared: what pydantic lists. It repeats the input.
    Invalid(Vec<Value>),
    /// An exception that nobody caught: 500, and the traceback in plain text, because the server runs with `debug=True`.
    Exception(String),
    /// The path is known, with another method.
    NotAllowed(&'static str),
    /// The path is known with or without the last slash.
    Redirect(String),
}

/// A status with a text.
pub fn detail<T>(status: u16, text: impl Into<String>) -> Result<T, Failure> {
    Err(Failure::Detail(status, text.into()))
}

/// An exception that nobody caught, as Python names it.
pub fn exception<T>(class: &str, text: &str) -> Result<T, Failure> {
    Err(Failure::Exception(format!("{class}: {text}")))
}

const TRACEBACK: &str = "Traceback (most recent call last):
  File \"/usr/local/lib/python3.12/site-packages/starlette/middleware/errors.py\", line 164, in __call__
    await self.app(scope, receive, _send)
  File \"/usr/local/lib/python3.12/site-packages/fastapi/routing.py\", line 212, in run_endpoint_function
    return await dependant.call(**values)
";

/// The answer on the wire.
pub fn respond(answer: Answer) -> Response {
    match answer {
        Ok(value) => json_response(200, &value),
        Err(Failure::Detail(status, text)) => json_response(status, &json!({"detail": text})),
        Err(Failure::NotAuthenticated) => unauthorized("Not authenticated"),
        Err(Failure::BadToken) => unauthorized("Could not validate credentials"),
        Err(Failure::Invalid(problems)) => json_response(422, &json!({"detail": problems})),
        Err(Failure::Exception(text)) => {
            let body = format!("{TRACEBACK}{text}\n");
            built(Response::builder().status(500).header(CONTENT_TYPE, "text/plain; charset=utf-8").body(Body::from(body)))
        }
        Err(Failure::NotAllowed(allow)) => {
            let mut response = json_response(405, &json!({"detail": "Method Not Allowed"}));
            response.headers_mut().insert(ALLOW, allow.parse().expect("a method"));
            response
        }
        Err(Failure::Redirect(location)) => built(Response::builder().status(307).header(LOCATION, location).body(Body::empty())),
    }
}

fn unauthorized(text: &str) -> Response {
    let mut response = json_response(401, &json!({"detail": text}));
    response.headers_mut().insert(WWW_AUTHENTICATE, "Bearer".parse().expect("a scheme"));
    response
}

fn json_response(status: u16, value: &Value) -> Response {
    built(Response::builder().status(status).header(CONTENT_TYPE, "application/json").body(Body::from(value.to_string())))
}

fn built(response: Result<Response, axum::http::Error>) -> Response {
    response.expect("a response")
}
