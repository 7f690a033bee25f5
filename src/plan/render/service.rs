//! What follows at a service, as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::mirror::{fields, fields_found, place};
use crate::plan::FieldChange;
use crate::plan::mirror::{self, Call, Foreign, Mirror};
use crate::tenancy::{Digest, Key, Origin};

/// What follows at the service behind an organization.
#[derive(Debug, Serialize)]
pub struct Service<'a> {
    /// Which service: `hundredms`, `aaq` or `fastpix`.
    pub r#type: &'static str,
    /// The address of its API.
    pub url: &'a str,
    /// What is done there, in this order.
    pub calls: Vec<ServiceCall<'a>>,
    /// How many requests that takes when nothing goes wrong.
    pub requests: u32,
    /// How many seconds that takes at the service's rate budget.
    pub seconds: u32,
    /// What somebody changed there and is left alone, each with what was sent and what was found.
    pub drift: Vec<ServiceDrift>,
    /// What is refused.
    pub refusals: Vec<ServiceRefusal<'a>>,
    /// What waits for something else.
    pub held: Vec<Reason<'a>>,
    /// What the service cannot do.
    pub capability_missing: Vec<Reason<'a>>,
    /// What was removed here and stays there.
    pub retained: Vec<Reason<'a>>,
    /// What is there and nothing here is its counterpart.
    pub foreign: &'a [Foreign],
    /// What could not be compared, with the reason.
    pub unobservable: BTreeMap<String, &'a str>,
    /// What waits for an approval.
    pub approval: Option<ServiceApproval<'a>>,
}

/// One change at a service.
#[derive(Debug, Serialize)]
pub struct ServiceCall<'a> {
    /// The object that it is about.
    pub address: String,
    /// `create`, `adopt`, `update`, `rotate` or `remove`.
    pub deed: &'static str,
    /// Its name at the service.
    pub name: &'a str,
    /// Its id there; null for what is still to be made.
    pub external_id: Option<&'a str>,
    /// The fields that change.
    pub fields: Vec<FieldChange>,
    /// True where nothing is sent.
    pub recorded_only: bool,
    /// What a reader should know.
    pub note: Option<&'a str>,
    /// Where the object is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<&'a Origin>,
}

/// Something that another hand changed there.
#[derive(Debug, Serialize)]
pub struct ServiceDrift {
    /// The object.
    pub address: String,
    /// The fields; empty where it is gone.
    pub fields: Vec<FieldChange>,
}

/// Something that is refused.
#[derive(Debug, Serialize)]
pub struct ServiceRefusal<'a> {
    /// The object.
    pub address: String,
    /// The rule.
    pub code: &'a str,
    /// Why not.
    pub message: &'a str,
    /// What to do instead.
    pub way_out: &'a str,
}

/// An object with a reason.
#[derive(Debug, Serialize)]
pub struct Reason<'a> {
    /// The object.
    pub address: String,
    /// The field, where it is about one.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub path: &'a str,
    /// The reason.
    pub message: &'a str,
}

/// Calls that wait for an approval.
#[derive(Debug, Serialize)]
pub struct ServiceApproval<'a> {
    /// Each of them.
    pub calls: Vec<Waiting<'a>>,
    /// What `--approve` takes for all that are not refused; null where that is one or none.
    pub all: Option<Digest>,
}

/// A call that waits for an approval.
#[derive(Debug, Serialize)]
pub struct Waiting<'a> {
    /// The object.
    pub address: String,
    /// What the call would do.
    pub message: &'a str,
    /// What `--approve` takes for this call alone.
    pub digest: Digest,
    /// True where it is among the refusals too.
    pub refused: bool,
}

/// A mirror as JSON.
pub fn of(mirror: &Mirror) -> Service<'_> {
    Service {
        r#type: mirror.service.as_str(),
        url: &mirror.url,
        calls: mirror.calls.iter().map(call).collect(),
        requests: mirror.requests,
        seconds: mirror.seconds,
        drift: mirror
            .drift
            .iter()
            .map(|it| ServiceDrift { address: it.key.to_string(), fields: fields_found(&it.edits) })
            .collect(),
        refusals: mirror.refusals.iter().map(refusal).collect(),
        held: mirror.held.iter().map(reason).collect(),
        capability_missing: mirror
            .lacking
            .iter()
            .map(|it| Reason { address: it.subject.to_string(), path: &it.path, message: &it.because })
            .collect(),
        retained: mirror.retained.iter().map(reason).collect(),
        foreign: &mirror.foreign,
        unobservable: mirror.unobservable.iter().map(|(name, because)| (place(name), &**because)).collect(),
        approval: mirror
            .approval
            .as_ref()
            .map(|it| ServiceApproval { calls: it.calls.iter().map(waiting).collect(), all: it.all }),
    }
}

fn call(call: &Call) -> ServiceCall<'_> {
    ServiceCall {
        address: call.key.to_string(),
        deed: call.deed.word(),
        name: &call.name,
        external_id: call.external_id.as_deref(),
        fields: fields(&call.edits),
        recorded_only: call.recorded_only,
        note: call.note.as_deref(),
        source: call.origin.as_ref(),
    }
}

fn waiting(waiting: &mirror::Waiting) -> Waiting<'_> {
    let mirror::Waiting { key, because, digest, refused } = waiting;
    Waiting { address: key.to_string(), message: because, digest: *digest, refused: *refused }
}

fn refusal(refusal: &crate::plan::Refusal) -> ServiceRefusal<'_> {
    ServiceRefusal {
        address: refusal.subject.to_string(),
        code: &refusal.rule,
        message: &refusal.because,
        way_out: &refusal.way_out,
    }
}

fn reason((key, because): &(Key, Box<str>)) -> Reason<'_> {
    Reason { address: key.to_string(), path: "", message: because }
}
