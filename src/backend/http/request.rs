use std::fmt;

use reqwest::Url;
use serde::Serialize;
use zeroize::Zeroizing;

use super::super::fault::Fault;
use super::super::secrets::Secret;

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Asks whether it is there.
    Head,
    /// Does something.
    Post,
    /// Writes.
    Put,
    /// Removes.
    Delete,
}

impl Method {
    /// Whether it changes nothing, so that it may be sent again.
    #[must_use]
    pub fn only_reads(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }

    pub(super) fn of_reqwest(self) -> reqwest::Method {
        match self {
            Self::Get => reqwest::Method::GET,
            Self::Head => reqwest::Method::HEAD,
            Self::Post => reqwest::Method::POST,
            Self::Put => reqwest::Method::PUT,
            Self::Delete => reqwest::Method::DELETE,
        }
    }
}

/// How the caller says who it is.
#[derive(Clone, Debug, Default)]
pub enum Auth {
    /// Not at all.
    #[default]
    None,
    /// With a token.
    Bearer(Secret),
    /// With an id and a secret.
    Basic(Box<str>, Secret),
}

/// What is sent along. It may hold secrets: it is not printed.
#[derive(Clone, Default)]
pub enum Body {
    /// Nothing.
    #[default]
    None,
    /// JSON.
    Json(Zeroizing<Vec<u8>>),
    /// The fields of a form.
    Form(Zeroizing<String>),
}

/// One call of a service.
#[derive(Clone)]
pub struct Request {
    pub(super) op: &'static str,
    pub(super) method: Method,
    pub(super) auth: Auth,
    pub(super) body: Body,
    path: Vec<Box<str>>,
    query: Vec<(&'static str, Box<str>)>,
    harmless: bool,
    broken: Option<&'static str>,
}

impl Request {
    /// A call of this path below the address of the service, such as `/templates`. `op` names the operation in metrics: one
    /// of few, such as `list templates`.
    #[must_use]
    pub fn new(method: Method, op: &'static str, path: &'static str) -> Self {
        let (auth, body) = (Auth::None, Body::None);
        Self { op, method, auth, body, path: Vec::new(), query: Vec::new(), harmless: false, broken: None }.then(path)
    }

    /// Reads.
    #[must_use]
    pub fn get(op: &'static str, path: &'static str) -> Self {
        Self::new(Method::Get, op, path)
    }

    /// Does something.
    #[must_use]
    pub fn post(op: &'static str, path: &'static str) -> Self {
        Self::new(Method::Post, op, path)
    }

    /// Writes.
    #[must_use]
    pub fn put(op: &'static str, path: &'static str) -> Self {
        Self::new(Method::Put, op, path)
    }

    /// Removes.
    #[must_use]
    pub fn delete(op: &'static str, path: &'static str) -> Self {
        Self::new(Method::Delete, op, path)
    }

    /// Goes on with a name or an id, whatever characters it has: it stays one part of the path.
    #[must_use]
    pub fn part(mut self, part: &str) -> Self {
        // Whoever reads an address takes these for a way up, also when they are escaped, and leaves out control characters.
        if matches!(part, "" | "." | "..") || part.contains(char::is_control) {
            self.broken = Some("the name of the object cannot be a part of an address there; give it another name");
        } else {
            self.path.push(part.into());
        }
        self
    }

    /// Goes on with more of the path, such as `/roles`. A path that ends with `/` keeps it.
    #[must_use]
    pub fn then(mut self, path: &'static str) -> Self {
        self.path.extend(path.strip_prefix('/').unwrap_or(path).split('/').map(Into::into));
        self
    }

    /// Adds a parameter to the query.
    #[must_use]
    pub fn query(mut self, name: &'static str, value: impl fmt::Display) -> Self {
        self.query.push((name, value.to_string().into()));
        self
    }

    /// Says that it changes nothing, as a login does, whatever its method is: so it may be sent again.
    #[must_use]
    pub fn harmless(mut self) -> Self {
        self.harmless = true;
        self
    }

    /// Says who calls.
    #[must_use]
    pub fn auth(mut self, auth: Auth) -> Self {
        self.auth = auth;
        self
    }

    /// Sends JSON along.
    #[must_use]
    pub fn json(mut self, value: &impl Serialize) -> Self {
        match serde_json::to_vec(value) {
            Ok(bytes) => self.body = Body::Json(Zeroizing::new(bytes)),
            Err(_) => {
                self.broken = Some("what was to be sent cannot be written as JSON; this is a defect of muster, please report it");
            }
        }
        self
    }

    /// Sends the fields of a form along.
    #[must_use]
    pub fn form(mut self, fields: &[(&str, &str)]) -> Self {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        self.body = Body::Form(Zeroizing::new(form.finish()));
        self
    }

    /// The operation, as metrics name it.
    #[must_use]
    pub fn op(&self) -> &'static str {
        self.op
    }

    /// Whether it changes nothing.
    pub(super) fn only_reads(&self) -> bool {
        self.harmless || self.method.only_reads()
    }

    /// The whole address below that of the service.
    pub(super) fn url(&self, base: &Url) -> Result<Url, Fault> {
        let forbidden =
            |why: &'static str| Fault::Forbidden { host: base.host_str().unwrap_or_default().into(), why: why.into() };
        if let Some(why) = self.broken {
            return Err(forbidden(why));
        }
        let mut url = base.clone();
        url.path_segments_mut()
            .map_err(|()| forbidden("its address has no path; this is a defect of muster, please report it"))?
            .pop_if_empty()
            .extend(&self.path);
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        Ok(url)
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request").field("op", &self.op).field("method", &self.method).finish_non_exhaustive()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Json(_) => "Json(..)",
            Self::Form(_) => "Form(..)",
        })
    }
}
