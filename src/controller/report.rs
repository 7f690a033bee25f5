//! What passes say goes out: statuses that say something new, events, metrics.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use super::cache::{Cache, Work};
use super::events::Events;
use super::metrics::{Gauges, Metrics};
use super::object::{Object, SharedObject, Status};
use super::overview::Overview;
use super::pass::Passed;
use super::status::{is_minor, status};
use super::verdict::{Told, Verdict};
use super::writer::{End, Write, Writer, Wrote};
use crate::api::Kind;
use crate::engine::Outcome;
use crate::plan::render::{past, summary_of_applied};
use crate::tenancy::Name;

/// How many events of single objects one pass may send.
const EVENTS: usize = 20;

/// What follows from a status that was written, or was not.
#[derive(Debug)]
pub enum After {
    /// Nothing.
    Nothing,
    /// It was told.
    Told(Work),
    /// It was not taken: the object has to be looked at again, each time after a longer while.
    Again(Work),
}

/// How often the status of an organization is written for nothing but counts.
const COUNTS: Duration = Duration::from_millis(500);

/// Sends out what passes say.
pub struct Report {
    writer: Writer,
    events: Events,
    /// The metrics.
    pub metrics: Metrics,
    /// What stands, for the metrics: refusals by rule, and what is deleted but kept, by kind.
    standing: BTreeMap<Work, Standing>,
    /// How it stands at the service behind each organization that has one.
    services: BTreeMap<Name, OfService>,
    /// When the status of each organization was last written.
    counted: BTreeMap<Work, Instant>,
}

/// How it stands at the service behind an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfService {
    /// The namespace of the organization.
    pub namespace: Name,
    /// True where something could not be read or done there.
    pub fails: bool,
    /// When a secret that the service made is replaced, the soonest.
    pub rotates: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Standing {
    refusals: BTreeMap<String, usize>,
    deleted: BTreeMap<&'static str, usize>,
}

impl Report {
    /// Sends statuses and events by these.
    #[must_use]
    pub fn new(writer: Writer, events: Events, metrics: Metrics) -> Self {
        Self { writer, events, metrics, standing: BTreeMap::new(), services: BTreeMap::new(), counted: BTreeMap::new() }
    }

    /// Tells what a pass said. While much changes, how many people there are is told now and then only: returns when it is to be told.
    pub fn tell(&mut self, passed: &Passed, cache: &mut Cache) -> Option<Instant> {
        let now = Timestamp::now();
        let mut later = None;
        let mut single = 0;
        for (object, verdict) in &passed.verdicts {
            // It may have changed while the pass went on; then the next one speaks of it.
            let Some(current) = cache.get(&object.id).filter(|current| current.uid == object.uid).cloned() else { continue };
            if !current.says_the_same(object) {
                continue;
            }
            let overview =
                passed.overview.as_ref().filter(|_| current.id.key.kind == Kind::Organization && passed.is_own(&current));
            let Some(status) = status(&current, verdict, overview, now) else { continue };
            if overview.is_some() {
                let due = self.counted.get(&passed.work).map(|at| *at + COUNTS).filter(|due| *due > Instant::now());
                if due.is_some() && is_minor(&status.text, current.status()) {
                    later = due;
                    continue;
                }
                self.counted.insert(passed.work.clone(), Instant::now());
            }
            if single < EVENTS {
                single += self.tell_events(&current, verdict);
            }
            self.measure(&current, &status, now);
            self.write(&current, status, cache);
        }
        if let Some(outcome) = &passed.outcome {
            self.tell_outcome(passed, outcome);
        }
        later
    }

    fn write(&self, object: &SharedObject, status: Status, cache: &mut Cache) {
        let (id, uid, version) = (object.id.clone(), object.uid.clone(), object.version.clone());
        self.writer.write(Write { id, uid, version, text: status.text.clone() });
        cache.begin_status(&object.id, &object.uid, status);
    }

    /// Takes note of what became of a status.
    pub fn wrote(&self, wrote: Wrote, cache: &mut Cache) -> After {
        let Wrote { id, uid, end } = wrote;
        let is_last = !self.writer.has(&id);
        match end {
            End::Taken(version) => {
                self.metrics.wrote("success");
                match cache.end_status(&id, &uid, &version, is_last) {
                    Some(overwritten) => After::Again(overwritten),
                    None => cache.get(&id).map_or(After::Nothing, |object| After::Told(cache.work_of(object))),
                }
            }
            End::Gone => {
                self.metrics.wrote("gone");
                cache.fail_status(&id, &uid, is_last).map_or(After::Nothing, After::Again)
            }
            End::Conflict => {
                self.metrics.wrote("conflict");
                cache.fail_status(&id, &uid, is_last).map_or(After::Nothing, After::Again)
            }
            End::Failed(error) => {
                self.metrics.wrote("error");
                tracing::warn!(object = %id, error, "a status could not be written");
                cache.fail_status(&id, &uid, is_last).map_or(After::Nothing, After::Again)
            }
        }
    }

    /// What is new in a verdict is told as events; returns how many.
    fn tell_events(&self, object: &Object, verdict: &Verdict) -> usize {
        let old: Value = object.status().and_then(|status| serde_json::from_str(status).ok()).unwrap_or_default();
        let was_said = |message: &str| old["conditions"].as_array().into_iter().flatten().any(|it| it["message"] == message);
        let stalled = verdict.said.iter().find(|said| said.type_ == super::conditions::Type::Stalled);
        let refused = stalled.filter(|said| !was_said(&said.message));
        let refused = refused.map(|said| Told { reason: event_of(said.reason), warning: true, note: said.message.clone() });
        let told: Vec<Told> =
            refused.into_iter().chain(verdict.told.iter().filter(|told| !was_said(&told.note)).cloned()).collect();
        told.iter().for_each(|told| self.events.tell(object, told));
        told.len()
    }

    /// What was done to many objects is one event of the organization.
    fn tell_outcome(&mut self, passed: &Passed, outcome: &Outcome) {
        let mut standing = Standing::default();
        for refusal in &outcome.plan.refusals {
            *standing.refusals.entry(refusal.rule.to_string()).or_default() += 1;
        }
        if let Some(Overview { deleted, .. }) = &passed.overview {
            standing.deleted.clone_from(deleted);
        }
        let before = self.standing.insert(passed.work.clone(), standing).unwrap_or_default();
        for refusal in outcome.plan.refusals.iter().filter(|refusal| !before.refusals.contains_key(&*refusal.rule)) {
            self.metrics.refused(&refusal.rule);
        }
        if !outcome.wrote() || outcome.plan.changes.is_empty() {
            return;
        }
        for (verb, count) in outcome.plan.counts() {
            (0..count).for_each(|_| self.metrics.changed(past(verb)));
        }
        let organization =
            passed.verdicts.iter().chain(&passed.waiting).map(|(object, _)| object).find(|object| passed.is_own(object));
        if let Some(organization) = organization {
            let note = summary_of_applied(&[&outcome.plan]);
            self.events.tell(organization, &Told { reason: "Applied", warning: false, note });
        }
    }

    fn measure(&self, object: &Object, status: &Status, now: Timestamp) {
        let was_ready = object.status().is_some_and(|status| status.contains("\"lastSyncTime\""));
        let first = !was_ready && status.is_settled;
        if let Some(created) = object.created.filter(|_| first) {
            self.metrics.became_ready(object.id.key.kind.as_str(), now.duration_since(created).unsigned_abs());
        }
    }

    /// This replica does not lead any more: nothing that waits is written.
    pub fn lost(&mut self, cache: &mut Cache) {
        self.writer.clear();
        cache.forget_writing();
        self.standing.clear();
        self.services.clear();
        self.counted.clear();
    }

    /// Some work is over.
    pub fn forget(&mut self, work: &Work) {
        self.standing.remove(work);
        self.counted.remove(work);
        if let Some(organization) = work.organization() {
            self.services.remove(organization);
        }
    }

    /// How it stands at the service behind an organization now; `None` where there is none.
    pub fn at_service(&mut self, organization: &Name, stands: Option<OfService>) {
        match stands {
            Some(stands) => drop(self.services.insert(organization.clone(), stands)),
            None => drop(self.services.remove(organization)),
        }
    }

    /// The service behind an organization did not let anybody come to an end.
    pub fn fails_at_service(&mut self, organization: &Name) {
        if let Some(stands) = self.services.get_mut(organization) {
            stands.fails = true;
        }
    }

    /// True when nothing waits to be written.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.writer.is_idle()
    }

    /// The metrics as text.
    #[must_use]
    pub fn metrics_text(&self, cache: &Cache) -> String {
        let mut gauges = Gauges::default();
        gauges.begin("refusals", "Changes that a rule refuses, by the rule");
        for (rule, count) in
            self.totals(|standing| standing.refusals.iter().map(|(rule, count)| (rule.as_str(), *count)).collect())
        {
            gauges.value("refusals", &[("guard", rule)], count as f64);
        }
        gauges.begin("soft_deleted_objects", "Objects that were deleted and can be restored");
        for (kind, count) in self.totals(|standing| standing.deleted.iter().map(|(kind, count)| (*kind, *count)).collect()) {
            gauges.value("soft_deleted_objects", &[("kind", kind)], count as f64);
        }
        gauges.begin("backend_failing", "1 where something could not be read or done at the service behind an organization");
        for (organization, stands) in &self.services {
            let labels = [("namespace", &*stands.namespace), ("organization", &**organization)];
            gauges.value("backend_failing", &labels, f64::from(u8::from(stands.fails)));
        }
        let help = "When the next secret of an organization that a service made is to be replaced";
        gauges.begin("credential_rotation_timestamp_seconds", help);
        for (organization, stands) in &self.services {
            let labels = [("namespace", &*stands.namespace), ("organization", &**organization)];
            if let Some(at) = stands.rotates {
                gauges.value("credential_rotation_timestamp_seconds", &labels, at.as_second() as f64);
            }
        }
        cache.describe(&mut gauges, Timestamp::now().as_second() as f64);
        self.metrics.text(&gauges)
    }

    fn totals<'s>(&'s self, of: impl Fn(&'s Standing) -> Vec<(&'s str, usize)>) -> BTreeMap<&'s str, usize> {
        let mut totals = BTreeMap::new();
        for (label, count) in self.standing.values().flat_map(of) {
            *totals.entry(label).or_default() += count;
        }
        totals
    }
}

fn event_of(reason: super::conditions::Reason) -> &'static str {
    use super::conditions::Reason;
    match reason {
        Reason::InvalidSpec => "InvalidSpec",
        Reason::InvitationExpired | Reason::InvitationDeclined => "InvitationEnded",
        _ => "GuardRefused",
    }
}
