use std::fmt;

use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::super::fault::Fault;
use super::request::Method;

/// What a service answered. It may hold secrets: it is not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    pub(super) method: Method,
    pub(super) status: u16,
    pub(super) content_type: Box<str>,
    pub(super) body: Zeroizing<Vec<u8>>,
}

impl Response {
    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Whether the service did what it was asked.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as it came. It must go nowhere as it is: what a service writes may hold secrets, or be written by an enemy.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Reads the body as JSON.
    ///
    /// # Errors
    ///
    /// When it is not said to be JSON, is not, or is not what is expected. After a change that succeeded this is
    /// [`Fault::Unknown`]: something was done, but not known what.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        let unreadable = |why: String| match self.succeeded() && !self.method.only_reads() {
            true => Fault::unknown(why),
            false => Fault::unreadable(why),
        };
        if !is_json(&self.content_type) {
            return Err(unreadable("it is not JSON".to_owned()));
        }
        // The sentences of the parser quote what it reads.
        serde_json::from_slice(&self.body).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            unreadable(match error.classify() {
                serde_json::error::Category::Data => {
                    format!("its JSON is not what this service answers (line {line}, column {column})")
                }
                _ => format!("its JSON is broken (line {line}, column {column})"),
            })
        })
    }

    /// The fault that the status stands for; this, when it is a success.
    ///
    /// # Errors
    ///
    /// As [`Fault::of_status`] says.
    pub fn or_fault(self) -> Result<Self, Fault> {
        match self.succeeded() {
            true => Ok(self),
            false => Err(Fault::of_status(self.status)),
        }
    }
}

/// `application/json`, or a type that ends with `+json`, with or without parameters.
fn is_json(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kind == "application/json" || kind.strip_prefix("application/").is_some_and(|sub| sub.ends_with("+json"))
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response").field("status", &self.status).field("length", &self.body.len()).finish_non_exhaustive()
    }
}
