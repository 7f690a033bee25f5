use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{Backend, Fault, Sent, Stop};
use crate::api::types::SecretKeyRef;
use crate::plan::mirror::{Call, Edit, Found, Mirror, leaf};
use crate::store::{Settle, Store, StoreError, in_one_line};
use crate::tenancy::{Deed, Intent, Mirrored, Name, ObjectId, Revision};

/// How often a change is sent whose answer gets lost, each time after a look that found it not made.
const ATTEMPTS: u32 = 3;

/// What became of the calls of a mirror. It can only be made by making them.
#[derive(Debug)]
pub struct Mirroring {
    /// The mirror.
    pub mirror: Mirror,
    /// How each of its calls ended, in the same order.
    pub ends: Vec<CallEnd>,
    /// Why the calls at the end were not tried, where they were not.
    pub stopped: Option<String>,
    /// What the journal has of each object afterwards.
    pub entries: BTreeMap<ObjectId, Mirrored>,
    /// The organization's revision after the last call; `None` where somebody else moved it on.
    pub revision: Option<Revision>,
}

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallEnd {
    /// It was made, or the service had it so already.
    Done,
    /// It must not be made, because the service is not any more as it was planned on. Nothing was sent.
    Refused(String),
    /// It failed.
    Failed(Fault),
    /// It was not tried, with the reason.
    Skipped(&'static str),
}

impl Mirroring {
    /// True when every call was made.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.stopped.is_none() && self.ends.iter().all(|end| *end == CallEnd::Done)
    }
}

/// Makes the calls of a mirror, one after the other.
///
/// Each is written into the journal first, under the revision that it was planned on; then the thing is looked at, changed, and the end
/// is written down. Where an answer is lost, looking again tells whether the change was made, so nothing is made twice. Once an end is asked
/// for, no call is begun any more.
pub async fn carry_out(
    stop: &Stop,
    backend: &impl Backend,
    store: &impl Store,
    (organization, base): (&Name, Revision),
    (mirror, now): (Mirror, Timestamp),
) -> Mirroring {
    let entries = match store.journal(organization).await {
        Ok(entries) => entries,
        Err(error) => return nothing_done(mirror, in_one_line(&error), base),
    };
    let service = mirror.address();
    let (entries, elsewhere): (BTreeMap<_, _>, BTreeMap<_, _>) =
        entries.into_iter().map(|entry| (entry.id, entry)).partition(|(_, entry)| entry.service == service);
    let places = mirror.places.clone();
    let mut run = Run {
        backend,
        store,
        organization,
        revision: Some(base),
        now,
        entries,
        elsewhere,
        service,
        places,
        broken: BTreeSet::new(),
        given_up: false,
    };
    let (mut ends, mut stopped) = (Vec::new(), None);
    for call in &mirror.calls {
        if stop.is_asked() {
            stopped.get_or_insert_with(|| "it was asked for an end before all calls were made".to_owned());
        }
        let end = match stopped {
            Some(_) => CallEnd::Skipped("the calls before it were stopped"),
            None => match run.make(call).await {
                Ok(end) => end,
                Err(error) => {
                    stopped = Some(in_one_line(&error));
                    CallEnd::Skipped("the journal could not be written")
                }
            },
        };
        tracing::info!(organization = %organization, service = &*mirror.title, object = %call.key, deed = call.deed.word(), ?end, "call");
        ends.push(end);
    }
    Mirroring { revision: run.revision, entries: run.entries, mirror, ends, stopped }
}

/// The mirroring of which nothing could be tried.
#[must_use]
pub fn nothing_done(mirror: Mirror, why: String, base: Revision) -> Mirroring {
    let ends = mirror.calls.iter().map(|_| CallEnd::Skipped("the journal could not be read")).collect();
    Mirroring { mirror, ends, stopped: Some(why), entries: BTreeMap::new(), revision: Some(base) }
}

struct Run<'r, B, S> {
    backend: &'r B,
    store: &'r S,
    organization: &'r Name,
    revision: Option<Revision>,
    now: Timestamp,
    entries: BTreeMap<ObjectId, Mirrored>,
    /// What the journal has of another service, until something is at this one.
    elsewhere: BTreeMap<ObjectId, Mirrored>,
    /// The service, as the journal names it.
    service: Box<str>,
    /// Where the credentials of the places are.
    places: BTreeMap<Name, Option<SecretKeyRef>>,
    /// The places that cannot be used.
    broken: BTreeSet<Name>,
    /// True once nothing answers at the service.
    given_up: bool,
}

/// What came of looking and sending.
enum Ended {
    /// It is as it shall be.
    Done(Sent),
    /// Nothing was changed.
    Nothing(CallEnd),
    /// It may have been changed.
    Doubt(Fault),
}

impl<B: Backend, S: Store> Run<'_, B, S> {
    async fn make(&mut self, planned: &Call) -> Result<CallEnd, StoreError> {
        let Some(revision) = self.revision else {
            return Ok(CallEnd::Skipped("the organization was changed meanwhile: plan again"));
        };
        if self.given_up {
            return Ok(CallEnd::Skipped("the service was given up for this run, because it did not answer the call before"));
        }
        if self.broken.contains(&planned.place) {
            return Ok(CallEnd::Skipped("the service could not be used for the call before it"));
        }
        let mut call = planned.clone();
        if let (Some(whole), None) = (call.within, &call.within_id) {
            call.within_id = self.entries.get(&whole).and_then(|entry| entry.external_id.clone());
            if call.within_id.is_none() {
                return Ok(CallEnd::Skipped("what it is a part of is not there"));
            }
        }
        let before = self.entries.get(&call.id).cloned();
        if call.deed == Deed::Update {
            // What is changed once its parts are there was made or taken over by a call of this run: without that, it is not ours.
            let Some(known) = before.as_ref().and_then(|entry| entry.external_id.clone()) else {
                return Ok(CallEnd::Skipped("the call that makes it or takes it over was not made"));
            };
            call.external_id.get_or_insert(known);
        }
        let begun = self.begun(&call, before.clone());
        self.store.begin(self.organization, revision, &begun).await?;
        let ended = match call.recorded_only {
            true => {
                let external_id = call.external_id.clone().filter(|_| call.deed != Deed::Remove);
                Ended::Done(Sent { external_id, orphans: Vec::new() })
            }
            false => self.look_and_send(&call).await,
        };
        match ended {
            Ended::Done(sent) => {
                self.settle(revision, &call, before, sent).await?;
                Ok(CallEnd::Done)
            }
            Ended::Nothing(end) => {
                match &end {
                    CallEnd::Failed(Fault::Unreachable { .. }) => self.given_up = true,
                    CallEnd::Failed(Fault::Unavailable { .. } | Fault::Denied { .. } | Fault::Forbidden { .. }) => {
                        self.broken.insert(call.place.clone());
                    }
                    _ => {}
                }
                let before = before.or_else(|| self.elsewhere.get(&call.id).cloned());
                let undo = before.map_or(Settle::Drop(call.id), |entry| Settle::Keep(Box::new(entry)));
                self.revision = self.settled(revision, &begun, &undo).await?;
                Ok(end)
            }
            Ended::Doubt(fault) => {
                self.given_up |= matches!(fault, Fault::Unreachable { .. });
                self.broken.insert(call.place.clone());
                Ok(CallEnd::Failed(fault))
            }
        }
    }

    fn begun(&self, call: &Call, before: Option<Mirrored>) -> Mirrored {
        let mut entry = before.unwrap_or_else(|| Mirrored {
            id: call.id,
            key: call.key.clone(),
            service: self.service.clone(),
            place: call.place.clone(),
            reached: None,
            external_id: None,
            sent: Map::new(),
            sent_at: self.now,
            within: call.within,
            orphans: Vec::new(),
            intent: None,
        });
        let orphans: BTreeSet<Box<str>> = entry.orphans.iter().chain(&call.orphans).cloned().collect();
        let sends = if call.deed == Deed::Remove { Map::new() } else { call.sent.clone() };
        let listed = if call.deed == Deed::Remove { Vec::new() } else { call.listed.clone() };
        entry.orphans = orphans.into_iter().collect();
        entry.intent = Some(Intent { deed: call.deed, sends, since: self.now, listed });
        entry
    }

    async fn settled(&self, base: Revision, begun: &Mirrored, settle: &Settle) -> Result<Option<Revision>, StoreError> {
        match &begun.intent {
            Some(intent) => self.store.settle(self.organization, base, intent, settle).await,
            None => Ok(Some(base)),
        }
    }

    async fn settle(&mut self, revision: Revision, call: &Call, before: Option<Mirrored>, sent: Sent) -> Result<(), StoreError> {
        let begun = self.begun(call, before);
        let mut entry = Mirrored { intent: None, ..begun.clone() };
        if call.recorded_only {
            entry.orphans.clone_from(&call.orphans);
        }
        if call.deed == Deed::Remove {
            let removed = call.external_id.as_deref();
            entry.orphans.retain(|orphan| Some(&**orphan) != removed);
            if entry.external_id.as_deref() == removed || call.recorded_only {
                entry.external_id = None;
            }
        } else {
            let replaces = matches!(call.deed, Deed::Create | Deed::Rotate) || call.issued.is_none();
            entry.sent_at = if replaces { self.now } else { entry.sent_at };
            entry.external_id = sent.external_id.or_else(|| call.external_id.clone());
            entry.sent.clone_from(&call.sent);
            (entry.key, entry.place, entry.within) = (call.key.clone(), call.place.clone(), call.within);
            entry.reached = self.places.get(&call.place).cloned().flatten();
            entry.orphans.extend(sent.orphans);
            entry.orphans.sort();
            entry.orphans.dedup();
        }
        let settle = match entry.external_id.is_none() && entry.orphans.is_empty() {
            true => Settle::Drop(call.id),
            false => Settle::Keep(Box::new(entry.clone())),
        };
        self.revision = self.settled(revision, &begun, &settle).await?;
        match settle {
            Settle::Drop(id) => drop(self.entries.remove(&id)),
            Settle::Keep(_) => drop(self.entries.insert(entry.id, entry)),
        }
        Ok(())
    }

    /// Once an answer was lost, the call stays in doubt until a look finds what it makes: whatever fails then, the journal keeps it.
    async fn look_and_send(&self, call: &Call) -> Ended {
        let mut doubt: Option<Fault> = None;
        for sent in 0..=ATTEMPTS {
            let current = match self.backend.look(call).await {
                Ok(current) => current,
                Err(fault) => return failed(fault, doubt),
            };
            match judge(call, current.as_ref(), doubt.is_some()) {
                Some(Ended::Nothing(CallEnd::Refused(_))) if let Some(earlier) = &doubt => return Ended::Doubt(earlier.clone()),
                Some(ended) => return ended,
                None if sent == ATTEMPTS => break,
                None => {}
            }
            match self.backend.send(call, current.as_ref()).await {
                Ok(sent) => return Ended::Done(sent),
                Err(Fault::Missing) if call.deed == Deed::Remove => return Ended::Done(Sent::default()),
                Err(fault) if fault.changed_nothing() => return failed(fault, doubt),
                Err(fault) if call.issued.is_some() && call.deed != Deed::Remove => return Ended::Doubt(fault),
                Err(fault) => doubt = Some(fault),
            }
        }
        Ended::Doubt(doubt.unwrap_or_else(|| Fault::unknown("no answer came, several times")))
    }
}

fn failed(fault: Fault, doubt: Option<Fault>) -> Ended {
    match doubt {
        None => Ended::Nothing(CallEnd::Failed(fault)),
        Some(_) => Ended::Doubt(fault),
    }
}

/// What a look means: that it is done, that it must not be done, or nothing, and then it is sent.
fn judge(call: &Call, current: Option<&Found>, again: bool) -> Option<Ended> {
    let refused = |why: String| Some(Ended::Nothing(CallEnd::Refused(why)));
    let done = |found: &Found| Some(Ended::Done(Sent { external_id: Some(found.external_id.clone()), orphans: Vec::new() }));
    match (call.deed, current) {
        (Deed::Remove, None) => Some(Ended::Done(Sent::default())),
        (Deed::Create, None) => None,
        (Deed::Create, Some(found)) if again && is_as_wanted(call, found, again) => done(found),
        (Deed::Create, Some(_)) if again && call.in_steps => None,
        (Deed::Create, Some(found)) => refused(format!(
            "something of the name {:?} (id {}) appeared there since it was planned: plan again",
            found.name, found.external_id
        )),
        (_, None) => refused("it is not there any more: plan again".to_owned()),
        (_, Some(found)) if call.external_id.as_deref().is_some_and(|id| *id != *found.external_id) && !again => {
            let planned = call.external_id.as_deref().unwrap_or_default();
            refused(format!("it was planned for the id {planned}, and its name now belongs to {}: plan again", found.external_id))
        }
        (Deed::Update | Deed::Adopt, Some(found)) if is_as_wanted(call, found, again) => done(found),
        _ => None,
    }
}

/// Whether a thing has every value that a call would send, or has sent. Secrets cannot be seen: they count as sent where the thing can
/// only have been made by the call. What goes back to what the service does may be as before then; that it was sent shows beside it.
fn is_as_wanted(call: &Call, found: &Found, again: bool) -> bool {
    let name = Value::from(&*found.name);
    let has = |edit: &Edit| {
        let there = match edit.at.as_slice() {
            [only] if &**only == "name" && !found.fields.contains_key("name") => Some(&name),
            at => leaf(&found.fields, at),
        };
        match edit.to.as_ref().filter(|value| !value.is_null()) {
            Some(value) => there == Some(value),
            None => there.is_none() || there != edit.from.as_ref(),
        }
    };
    let shows_beside =
        |edit: &Edit| call.edits.iter().any(|other| !other.secret && other.at.first() == edit.at.first() && has(other));
    call.edits.iter().all(|edit| match (edit.secret, &edit.to) {
        (true, _) => again && call.deed == Deed::Create,
        (false, Some(_)) => has(edit),
        (false, None) => has(edit) || again && shows_beside(edit),
    })
}
