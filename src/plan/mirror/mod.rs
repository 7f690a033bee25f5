//! What will change at the service that mirrors an organization.
//!
//! ```text
//! shape     the rows of the store as the service would have them    Shape       (each service, in src/backend)
//! observe   what the service has                                    Observed    (each service, in src/backend)
//! compare   both, and what the journal remembers                    Mirror
//! ```
//!
//! The store is the system of record, so the desired state of a mirror is what the store holds once the plan is applied. Comparing
//! is pure, like all of planning, and the same for every service.

mod at;
mod capabilities;
mod compare;
mod edits;
mod found;
mod parts;
#[cfg(test)]
mod tests;
mod waiting;

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, ToSpan as _};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Refusal;
use crate::api::Kind;
use crate::api::organization::BackendType;
use crate::api::types::SecretKeyRef;
use crate::tenancy::{Deed, Digest, Key, Mirrored, Name, ObjectId, Origin};

pub use capabilities::{Ability, Absence, Capabilities, End};
pub use compare::{Terms, compare};
pub use edits::{ENTRIES, Edit, applied, leaf};
pub use found::{Found, Observed};

/// What a service shall have of an organization.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    /// The things, in the order in which they are made: what something is a part of comes before it.
    pub wanted: Vec<Wanted>,
    /// What the service cannot do.
    pub lacking: Vec<Lacking>,
    /// Whose credentials reach it, with where those are: by the name of a workspace, or by the empty name for the organization's
    /// own. `None` where nobody said where they are.
    pub places: BTreeMap<Name, Option<SecretKeyRef>>,
    /// The places of which the journal alone knows how they were reached: those of purged objects.
    pub former: BTreeSet<Name>,
    /// Ids at the service that the store has, of objects without which a service could not tell what is where.
    pub known: BTreeMap<ObjectId, Box<str>>,
}

/// A thing that a service shall have, or shall have no longer.
#[derive(Clone, Debug, PartialEq)]
pub struct Wanted {
    /// The object that it mirrors.
    pub key: Key,
    /// The object's id.
    pub id: ObjectId,
    /// Whose credentials reach it.
    pub place: Name,
    /// Its name at the service; empty where the service gives it none.
    pub name: Box<str>,
    /// The object whose counterpart it is a part of there, as a role is of a template.
    pub within: Option<ObjectId>,
    /// The managed fields in the normal form of the service. JSON null stands for "as the service does when it is left out".
    pub fields: Map<String, Value>,
    /// The fields that are secrets, by their path, with where the value is.
    pub secrets: BTreeMap<Box<str>, SecretKeyRef>,
    /// The digests of those secrets, of the paths whose value could be read.
    pub digests: BTreeMap<Box<str>, Box<str>>,
    /// For a secret that the service makes: when it is made anew, and where it goes.
    pub issued: Option<Issued>,
    /// How much access it gives. What gives more comes first, so that somebody is an admin at every moment.
    pub weight: i64,
    /// False for what was soft-deleted.
    pub live: bool,
    /// True for what a policy implies: it is taken over where the service has it already.
    pub implied: bool,
    /// Where the object is written.
    pub origin: Option<Origin>,
}

/// A secret that the service makes and shows once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Issued {
    /// The name of the Secret that it goes to; `None` where the document names none, and then nothing is made.
    pub to: Option<Box<str>>,
    /// The object's `spec.generation`.
    pub generation: i64,
    /// After how many seconds there is a new one.
    pub every: Option<i64>,
}

/// Something that the input asks for and the service cannot do.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Lacking {
    /// The object.
    pub subject: Key,
    /// The field below `spec`; empty for the object as a whole.
    pub path: Box<str>,
    /// Why not, and what happens instead.
    pub because: Box<str>,
}

/// What will be done at a service, what will not, and why.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mirror {
    /// Which service.
    pub service: BackendType,
    /// As people call it.
    pub title: Box<str>,
    /// The address of its API.
    pub url: Box<str>,
    /// The calls, in the order in which they are made.
    pub calls: Vec<Call>,
    /// What somebody changed at the service and is left alone.
    pub drift: Vec<Differs>,
    /// What is refused, sorted by object.
    pub refusals: Vec<Refusal>,
    /// What waits for something else, with the reason.
    pub held: Vec<(Key, Box<str>)>,
    /// What the service cannot do.
    pub lacking: Vec<Lacking>,
    /// What was removed here and stays there, with the reason.
    pub retained: Vec<(Key, Box<str>)>,
    /// What is there and belongs to no object of the store. It is left alone.
    pub foreign: Vec<Foreign>,
    /// Whose credentials the calls use, and where those are.
    pub places: BTreeMap<Name, Option<SecretKeyRef>>,
    /// The places whose things could not be read, with the reason: nothing is made, changed or removed in them.
    pub unobservable: BTreeMap<Name, Box<str>>,
    /// The objects in those places.
    pub uncompared: Vec<Key>,
    /// What waits for somebody to approve it.
    pub approval: Option<ServiceApproval>,
    /// What is known of the things as they are before the calls.
    #[serde(default)]
    pub known: Vec<(Key, Known)>,
    /// How many requests the calls take.
    pub requests: u32,
    /// How many seconds they take at the service's rate budget.
    pub seconds: u32,
    /// How many things are as they shall be.
    pub unchanged: usize,
}

/// One change at a service: one thing is made, taken over, changed, renewed or removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// What is done.
    pub deed: Deed,
    /// The object that it is about.
    pub key: Key,
    /// The object's id.
    pub id: ObjectId,
    /// Whose credentials are used.
    pub place: Name,
    /// The name at the service afterwards.
    pub name: Box<str>,
    /// The object whose counterpart it is a part of there.
    pub within: Option<ObjectId>,
    /// That one's id at the service; `None` while it is still to be made.
    pub within_id: Option<Box<str>>,
    /// The id at the service; `None` for what is still to be made.
    pub external_id: Option<Box<str>>,
    /// What changes, sorted by path. For a removal: nothing.
    pub edits: Vec<Edit>,
    /// What the service has of Muster afterwards: what the journal keeps.
    pub sent: Map<String, Value>,
    /// Where the values of the secret fields are.
    pub secrets: BTreeMap<Box<str>, SecretKeyRef>,
    /// For a secret that the service makes.
    pub issued: Option<Issued>,
    /// True where an earlier run began it, and it is not known whether any of it was done.
    #[serde(default)]
    pub again: bool,
    /// True where a thing is made in several requests, so that one that is half made is finished.
    #[serde(default)]
    pub in_steps: bool,
    /// Where a secret is made: the ids that the service lists now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listed: Vec<Box<str>>,
    /// Where a secret was made and got lost, or was replaced: ids at the service that nobody needs any more.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orphans: Vec<Box<str>>,
    /// True where an earlier run did it and did not hear back: nothing is sent, it is only written down.
    pub recorded_only: bool,
    /// How many requests it takes.
    pub requests: u32,
    /// What a reader should know.
    pub note: Option<Box<str>>,
    /// Where the object is written.
    pub origin: Option<Origin>,
}

/// What the journal knows of a thing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Its id at the service.
    pub external_id: Box<str>,
    /// When its secret is made anew.
    pub renews_at: Option<Timestamp>,
}

impl Known {
    /// What an entry of the journal says; `None` while there is no id.
    #[must_use]
    pub fn of(entry: &Mirrored, issued: Option<&Issued>) -> Option<Self> {
        let renews_at = issued.and_then(|issued| issued.renews_at(entry.sent_at));
        Some(Self { external_id: entry.external_id.clone()?, renews_at })
    }
}

impl Issued {
    /// When there is a new one after one that was made at this moment; `None` where time brings none.
    #[must_use]
    pub fn renews_at(&self, made_at: Timestamp) -> Option<Timestamp> {
        made_at.checked_add(self.every?.seconds()).ok()
    }
}

/// Something that another hand changed at the service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Differs {
    /// The object.
    pub key: Key,
    /// What differs; nothing where the thing is gone.
    pub edits: Vec<Edit>,
}

/// Something at a service that belongs to no object of the store.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Foreign {
    /// What kind of object would mirror it.
    pub kind: KindName,
    /// Whose credentials show it.
    pub place: Name,
    /// Its name there.
    pub name: Box<str>,
    /// Its id there.
    pub external_id: Box<str>,
}

/// A kind, by its name.
pub type KindName = Box<str>;

/// Calls that wait for somebody to approve them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceApproval {
    /// Each of them.
    pub calls: Vec<Waiting>,
    /// What releases all that are not refused; it lapses when the list changes. `None` where that is one or none.
    pub all: Option<Digest>,
}

/// A call that waits for somebody to approve exactly it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The object.
    pub key: Key,
    /// What the call would do.
    pub because: Box<str>,
    /// What to approve: `--approve` with it releases the call, and lapses when the call would do anything else.
    pub digest: Digest,
    /// True where it is told as a refusal too.
    pub refused: bool,
}

/// A service at this address, as the journal names it.
#[must_use]
pub fn address(service: BackendType, url: &str) -> Box<str> {
    format!("{} {}", service.as_str(), url.trim_end_matches('/')).into()
}

impl Mirror {
    /// A mirror to a service of which nothing is to be said yet.
    #[must_use]
    pub fn new(capabilities: &Capabilities, url: &str) -> Self {
        Self {
            service: capabilities.service,
            title: capabilities.title.into(),
            url: url.into(),
            calls: Vec::new(),
            drift: Vec::new(),
            refusals: Vec::new(),
            held: Vec::new(),
            lacking: Vec::new(),
            retained: Vec::new(),
            foreign: Vec::new(),
            places: BTreeMap::new(),
            unobservable: BTreeMap::new(),
            uncompared: Vec::new(),
            approval: None,
            known: Vec::new(),
            requests: 0,
            seconds: 0,
            unchanged: 0,
        }
    }

    /// The service as the journal names it: ids mean nothing elsewhere.
    #[must_use]
    pub fn address(&self) -> Box<str> {
        address(self.service, &self.url)
    }

    /// True when something is refused.
    #[must_use]
    pub fn refuses(&self) -> bool {
        !self.refusals.is_empty()
    }

    /// True when something waits for something else.
    #[must_use]
    pub fn holds(&self) -> bool {
        !self.held.is_empty()
    }

    /// True when a part of the service could not be compared.
    #[must_use]
    pub fn is_blind(&self) -> bool {
        !self.unobservable.is_empty()
    }

    /// True when there is nothing to send and nothing to write down.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    /// True when something is to be sent, or differs and is left alone.
    #[must_use]
    pub fn has_differences(&self) -> bool {
        !self.calls.is_empty() || !self.drift.is_empty()
    }
}

impl Call {
    /// What it does, in a word: what is only written down as gone is forgotten.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self.deed {
            Deed::Remove if self.recorded_only => "forget",
            deed => deed.word(),
        }
    }

    /// The same, once it is done.
    #[must_use]
    pub const fn past(&self) -> &'static str {
        match self.deed {
            Deed::Remove if self.recorded_only => "forgotten",
            deed => deed.past(),
        }
    }

    /// The kind of thing that it is about.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.key.kind
    }

    /// The value that a field gets, by its path; `None` where it does not change or is taken away.
    #[must_use]
    pub fn value(&self, path: &[&str]) -> Option<&Value> {
        let edit = self.edits.iter().find(|edit| edit.at.iter().map(|part| &**part).eq(path.iter().copied()))?;
        edit.to.as_ref()
    }
}
