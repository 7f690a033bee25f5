use hyper::body::Bytes;
use hyper::{Method, Uri};

/// What kind of thing a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// It reads.
    Read,
    /// It writes an object or its status.
    Write,
    /// It writes an Event.
    Event,
    /// It writes a Lease.
    Lease,
    /// It asks a question, such as what the asker may do.
    Review,
}

impl Class {
    /// True for what changes objects or tells of it, so that it matters when the plug is pulled.
    pub fn is_numbered(self) -> bool {
        matches!(self, Self::Write | Self::Event)
    }
}

/// A request.
#[derive(Clone, Debug)]
pub struct Call {
    /// The number of the write, from 1; events count, leases do not. For anything else, the number of the last write.
    pub number: usize,
    pub method: Method,
    pub class: Class,
    /// The plural of the kind, such as `members`.
    pub plural: String,
    pub namespace: Option<String>,
    pub name: Option<String>,
    pub subresource: Option<String>,
    pub query: String,
    pub body: Bytes,
}

/// A write that was asked for.
#[derive(Clone, Debug)]
pub struct Written {
    pub class: Class,
    /// The verb and what it was done to: `PUT members/alice/status`.
    pub what: String,
    /// Whether the API server took it, whatever Muster was told.
    pub committed: bool,
    /// What the API server said.
    pub status: Option<u16>,
    pub body: Bytes,
}

impl Call {
    pub fn new(method: &Method, uri: &Uri, body: Bytes) -> Self {
        let mut parts = uri.path().split('/').filter(|part| !part.is_empty());
        // `/api/v1/...` or `/apis/group/version/...`.
        if parts.next() == Some("apis") {
            parts.next();
        }
        parts.next();
        let mut parts: Vec<String> = parts.map(str::to_owned).collect();
        let namespaced = parts.first().is_some_and(|part| part == "namespaces") && parts.len() > 2;
        let namespace = namespaced.then(|| parts.drain(..2).nth(1).expect("there are more than two"));
        let mut parts = parts.into_iter();
        let plural = parts.next().unwrap_or_default();
        let (name, subresource) = (parts.next(), parts.next());
        let class = match (method, &*plural) {
            (&Method::GET | &Method::HEAD | &Method::OPTIONS, _) => Class::Read,
            (_, "leases") => Class::Lease,
            (_, "events") => Class::Event,
            (_, plural) if plural.ends_with("reviews") => Class::Review,
            _ => Class::Write,
        };
        let query = uri.query().unwrap_or_default().to_owned();
        Self { number: 0, method: method.clone(), class, plural, namespace, name, subresource, query, body }
    }

    pub fn is_watch(&self) -> bool {
        self.class == Class::Read && self.parameter("watch").is_some_and(|value| value == "true" || value == "1")
    }

    pub fn is_list(&self) -> bool {
        self.class == Class::Read && self.name.is_none() && !self.is_watch() && !self.plural.is_empty()
    }

    /// True for a list, or for a watch that begins with one.
    pub fn reads_all(&self) -> bool {
        self.is_list() || (self.is_watch() && self.parameter("sendInitialEvents") == Some("true"))
    }

    /// True for every page of a list but the first.
    pub fn continues(&self) -> bool {
        self.is_list() && self.parameter("continue").is_some()
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.split('&').filter_map(|pair| pair.split_once('=')).find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    pub fn is_numbered(&self) -> bool {
        self.class.is_numbered()
    }

    /// The verb and what it is done to.
    pub fn what(&self) -> String {
        let verb = if self.is_watch() { "WATCH" } else { self.method.as_str() };
        let mut what = format!("{verb} {}", self.plural);
        for part in [&self.name, &self.subresource].into_iter().flatten() {
            what = format!("{what}/{part}");
        }
        what
    }
}
