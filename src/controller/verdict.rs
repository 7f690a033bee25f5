//! What an outcome means for each object of the cluster. Pure: the same outcome gives the same verdicts.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::conditions::{Reason, Said, Type, in_sync, to_seconds};
use super::gather::Gathered;
use super::object::{Object, SharedObject};
use super::recent::{Event, Recent};
use super::services::{AtService, ROTATES_AT};
use crate::api::types::Time;
use crate::api::{Kind, Spec};
use crate::engine::{End, Outcome};
use crate::plan::render::without_secrets;
use crate::plan::{Change, Drifted, FieldChange, Refusal, Verb};
use crate::source::ObjectRead;
use crate::tenancy::view::View;
use crate::tenancy::{Claim, Finding, Held, Key, Name, Policy, Row, Severity, Snapshot, Standing, invitation_ends, standing};

/// What is to be said about one object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// The conditions.
    pub said: Vec<Said>,
    /// The values in force.
    pub effective: Option<Map<String, Value>>,
    /// The id in the store.
    pub id: Option<String>,
    /// The id at the service behind the store.
    pub external_id: Option<Box<str>>,
    /// The digest of what was last applied.
    pub digest: Option<String>,
    /// What another hand changed: the field, what was applied, what was found.
    pub drift: Vec<FieldChange>,
    /// What happened to the object lately, newest first.
    pub recent: Vec<Event>,
    /// What should be told as an event of its own.
    pub told: Vec<Told>,
    /// True where nothing is known but what the conditions say: everything else stays as it was.
    pub keeps: bool,
}

/// Something that is worth an event on a single object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Told {
    /// The reason of the event.
    pub reason: &'static str,
    /// True for one that somebody should look at.
    pub warning: bool,
    /// What happened.
    pub note: String,
}

/// Everything that the verdicts depend on.
#[derive(Debug)]
pub struct Facts<'a> {
    /// The organization.
    pub organization: &'a Name,
    /// What became of the plan; `None` where there was none, because nothing in the cluster or the store belongs to the organization.
    pub outcome: Option<&'a Outcome>,
    /// What was found in the input.
    pub findings: &'a [Finding],
    /// What the store holds now.
    pub after: &'a Snapshot,
    /// The policy in force now.
    pub policy: &'a Policy,
    /// What happened lately.
    pub recent: &'a Recent,
    /// What the service behind the organization has to say; `None` where there is none.
    pub service: Option<&'a AtService>,
    /// What waits for that service.
    pub pending: Option<&'a Pending>,
    /// Now.
    pub now: Timestamp,
}

/// Verdicts, each with its object.
pub type OfObjects = Vec<(SharedObject, Verdict)>;

/// What waits until the service behind the organization was looked at.
#[derive(Debug)]
pub struct Pending {
    /// The objects that are new to it.
    pub keys: BTreeSet<Key>,
    /// The objects of which nothing is to be said before.
    pub silent: BTreeSet<Key>,
    /// What is to be said of those that are new, where it takes its time.
    pub because: String,
}

impl Pending {
    /// Parts what waits from what is to be said now.
    #[must_use]
    pub fn part(&self, verdicts: OfObjects) -> (OfObjects, OfObjects) {
        let waits = |verdict: &Verdict| verdict.said.iter().any(|said| said.message == self.because);
        let (waiting, now): (Vec<_>, Vec<_>) = verdicts.into_iter().partition(|(_, verdict)| waits(verdict));
        let is_said = |object: &SharedObject| self.keys.contains(&object.id.key) || !self.silent.contains(&object.id.key);
        (waiting, now.into_iter().filter(|(object, _)| is_said(object)).collect())
    }
}

/// What an outcome says about single objects.
pub struct Verdicts<'a> {
    facts: &'a Facts<'a>,
    changes: BTreeMap<Key, Vec<&'a Change>>,
    refusals: BTreeMap<Key, Vec<&'a Refusal>>,
    held: BTreeMap<Key, Vec<(&'a Key, &'a Held)>>,
    drift: BTreeMap<Key, Vec<&'a Drifted>>,
    findings: BTreeMap<(Kind, Name), Vec<&'a Finding>>,
    /// What has something to say even where the plan has not: an invitation that waits, values that another hand wrote.
    open: BTreeSet<&'a Key>,
}

/// The object that speaks for a key: a member for its memberships.
#[must_use]
pub fn speaker(key: &Key) -> Key {
    key.member_and_place().map_or_else(|| key.clone(), |(member, _)| Key::new(Kind::Member, member))
}

fn by_speaker<'a, T>(all: impl IntoIterator<Item = (&'a Key, T)>) -> BTreeMap<Key, Vec<T>> {
    let mut spoken: BTreeMap<Key, Vec<T>> = BTreeMap::new();
    for (key, item) in all {
        spoken.entry(speaker(key)).or_default().push(item);
    }
    spoken
}

impl<'a> Verdicts<'a> {
    /// Sorts an outcome by the objects that speak for what is in it.
    #[must_use]
    pub fn new(facts: &'a Facts<'a>) -> Self {
        let plan = facts.outcome.map(|outcome| &outcome.plan);
        let changes = plan.into_iter().flat_map(|plan| &plan.changes);
        let refusals = plan.into_iter().flat_map(|plan| &plan.refusals);
        let held = plan.into_iter().flat_map(|plan| &plan.held);
        let drift = plan.into_iter().flat_map(|plan| &plan.drift);
        let mut findings: BTreeMap<(Kind, Name), Vec<&Finding>> = BTreeMap::new();
        for finding in facts.findings {
            if let Some(subject) = &finding.subject {
                findings.entry(subject.clone()).or_default().push(finding);
            }
        }
        // A row without a digest was written by another hand: that is no drift where nobody declares the field, but a value in force.
        let is_open =
            |row: &&Row| row.is_live() && (row.digest.is_none() || row.key.kind == Kind::Member && row.accepted_at.is_none());
        Self {
            changes: by_speaker(changes.map(|change| (&change.key, change))),
            refusals: by_speaker(refusals.map(|refusal| (&refusal.subject, refusal))),
            held: by_speaker(held.map(|(key, held)| (key, (key, held)))),
            drift: by_speaker(drift.map(|drifted| (&drifted.key, drifted))),
            findings,
            open: facts.after.rows.iter().filter(is_open).map(|row| &row.key).collect(),
            facts,
        }
    }

    /// The verdict on an object; `None` where its status says already that all is well, and all is.
    #[must_use]
    pub fn of(&self, object: &Object) -> Option<Verdict> {
        let key = &object.id.key;
        let quiet = object.is_settled()
            && key.kind != Kind::Organization
            && self.facts.outcome.is_some()
            && !self.changes.contains_key(key)
            && !self.refusals.contains_key(key)
            && !self.held.contains_key(key)
            && !self.drift.contains_key(key)
            && !self.open.contains(key)
            && !self.facts.service.is_some_and(|service| service.is_about(object));
        if quiet {
            return None;
        }
        let row = self.facts.after.row(key).filter(|row| row.is_live());
        let known = row.and(self.facts.service).and_then(|service| service.known.get(key));
        let mut effective = row.and_then(|row| effective(row, object, self.facts.policy, self.facts.now));
        if let (Some(fields), Some(at)) = (&mut effective, known.and_then(|known| known.renews_at)) {
            fields.insert(ROTATES_AT.to_owned(), to_seconds(at).to_string().into());
        }
        let external_id = known.map(|known| known.external_id.clone());
        let mut verdict = Verdict {
            effective,
            id: row.map(|row| row.id.to_string()),
            external_id: external_id.or_else(|| row.and_then(|row| row.external_id.clone())),
            digest: row.and_then(|row| row.digest).map(|digest| digest.to_string()),
            ..Verdict::default()
        };
        verdict.recent = row.map(|row| self.facts.recent.of(&row.key).to_vec()).unwrap_or_default();
        verdict.said = self.said(object, row);
        self.add_drift(key, &mut verdict);
        self.add_changes(key, &mut verdict);
        Some(verdict)
    }

    fn said(&self, object: &Object, row: Option<&Row>) -> Vec<Said> {
        let key = &object.id.key;
        if let ObjectRead::Held(held) = &object.read {
            return stalled(Reason::InvalidSpec, &held.because);
        }
        if let Some(refusals) = self.refusals.get(key) {
            return refused(refusals);
        }
        if let Some(held) = self.held.get(key) {
            return self.held_back(object, held);
        }
        let Some(outcome) = self.facts.outcome else { return self.unplaced(object) };
        match &outcome.end {
            End::Committed(_) | End::NothingToDo => {
                let in_store = self.in_store(object, row);
                let pending = row.and(self.facts.pending).filter(|pending| pending.keys.contains(key));
                let service = || row.and(self.facts.service).and_then(|service| at_service(service, key));
                match pending {
                    Some(_) if !says_ready(&in_store) => in_store,
                    Some(pending) => dependency(&pending.because),
                    None => service().unwrap_or(in_store),
                }
            }
            End::ClaimedElsewhere(_) if key.kind == Kind::Organization => {
                stalled(Reason::GuardRefused, &claimed(self.facts.after.claim.as_ref()))
            }
            End::ClaimedElsewhere(_) => dependency(&format!(
                "organization {} is applied from elsewhere: its own status says from where",
                self.facts.organization
            )),
            End::Failed(because) => retried(because),
            End::Stale(_) | End::Skipped | End::AllOrNothing(_) => retried("the store was written by somebody else meanwhile"),
        }
    }

    /// What there is to say of an object of which the store has what it says.
    fn in_store(&self, object: &Object, row: Option<&Row>) -> Vec<Said> {
        let Some(row) = row else { return self.unplaced(object) };
        let View::Member(member) = View::read(row.key.kind, &row.spec) else { return vec![in_sync()] };
        let not_ready =
            |reason, message: &str| vec![Said::no(Type::Ready, reason, message), Said::yes(Type::Stalled, reason, message)];
        match standing(row, &member, self.facts.policy, self.facts.now) {
            Standing::Invited => {
                vec![Said::yes(Type::Ready, Reason::Succeeded, "invited, and has not answered yet")]
            }
            Standing::Expired => not_ready(
                Reason::InvitationExpired,
                "nobody answered the invitation in time; raising spec.invitation invites again",
            ),
            Standing::Declined => {
                not_ready(Reason::InvitationDeclined, "the invitation was declined; raising spec.invitation invites again")
            }
            Standing::Active | Standing::Disabled | Standing::Removed => vec![in_sync()],
        }
    }

    fn held_back(&self, object: &Object, held: &[(&Key, &Held)]) -> Vec<Said> {
        let key = &object.id.key;
        let own = held.iter().find(|(of, _)| *of == key);
        let (about, held) = own.or_else(|| held.first()).map_or((None, None), |(about, held)| (Some(*about), Some(*held)));
        let because = held.map(|held| &*held.because).unwrap_or_default();
        let because = match about.and_then(|about| about.member_and_place()) {
            Some((_, place)) => format!("the entry of {place} {because}"),
            None => because.to_owned(),
        };
        let reference = self.findings_of(key).find_map(|finding| match finding.code {
            "dangling-reference" | "ambiguous-reference" => Some(Reason::NotFound),
            "reference-held" => Some(Reason::NotReady),
            _ => None,
        });
        let wrong = self.findings_of(key).any(|finding| finding.severity == Severity::Error);
        match reference {
            Some(reason) => {
                let mut said = dependency(&because);
                said.push(Said::no(Type::ReferencesResolved, reason, &because));
                said
            }
            None if wrong => stalled(Reason::InvalidSpec, &because),
            None => dependency(&because),
        }
    }

    fn findings_of(&self, key: &Key) -> impl Iterator<Item = &&'a Finding> {
        self.findings.get(&(key.kind, key.name.clone())).into_iter().flatten()
    }

    /// What there is to say of an object that is part of no organization.
    fn unplaced(&self, object: &Object) -> Vec<Said> {
        let key = &object.id.key;
        let finding = self.findings_of(key).find(|finding| finding.severity != Severity::Warning);
        let because = finding.map_or_else(
            || match object.parent.as_ref().filter(|parent| parent.kind == Kind::Organization) {
                Some(parent) => format!("it is part of no organization that is known: {parent} is not there"),
                None => "it does not say what it is part of".to_owned(),
            },
            |finding| match &finding.help {
                Some(help) => format!("{}; {help}", finding.message),
                None => finding.message.to_string(),
            },
        );
        let mut said = dependency(&because);
        said.push(Said::no(Type::ReferencesResolved, Reason::NotFound, because));
        said
    }

    fn add_drift(&self, key: &Key, verdict: &mut Verdict) {
        let there = self.facts.service.and_then(|service| service.drift.get(key));
        if let Some(fields) = there {
            verdict.drift.clone_from(fields);
            let paths: Vec<&str> = fields.iter().map(|field| &*field.path).collect();
            let what = if paths.is_empty() { "removed it".to_owned() } else { format!("changed {}", paths.join(", ")) };
            let message = format!("another hand {what} at the service; policy.drift: Correct sets it back");
            verdict.told.push(Told { reason: "DriftDetected", warning: false, note: message.clone() });
            verdict.said.push(Said::yes(Type::Drifted, Reason::DriftDetected, message));
            return;
        }
        let Some(drifted) = self.drift.get(key) else { return };
        verdict.drift = drifted.iter().flat_map(|drifted| drifted_fields(key, drifted)).collect();
        let fields: Vec<&str> = verdict.drift.iter().map(|field| &*field.path).collect();
        let message = format!("another hand changed {}; policy.drift: Correct sets it back", fields.join(", "));
        verdict.told.push(Told { reason: "DriftDetected", warning: false, note: message.clone() });
        verdict.said.push(Said::yes(Type::Drifted, Reason::DriftDetected, message));
    }

    fn add_changes(&self, key: &Key, verdict: &mut Verdict) {
        let Some(Outcome { end: End::Committed(_), .. }) = self.facts.outcome else { return };
        let Some(changes) = self.changes.get(key) else { return };
        let own = changes.iter().find(|change| change.key == *key);
        if let Some(restored) = own.filter(|change| change.verb == Verb::Restore) {
            let note = restored.note.as_deref().unwrap_or("it was deleted");
            verdict.told.push(Told { reason: "Restored", warning: false, note: format!("came back: {note}") });
        }
        let corrected: Vec<&FieldChange> = changes.iter().flat_map(|change| &change.fields).filter(|field| field.drift).collect();
        if !corrected.is_empty() {
            let fields: Vec<&str> = corrected.iter().map(|field| &*field.path).collect();
            let message = format!("another hand had changed {}, which was set back", fields.join(", "));
            verdict.told.push(Told { reason: "DriftCorrected", warning: false, note: message.clone() });
            if verdict.drift.is_empty() {
                verdict.said.push(Said::no(Type::Drifted, Reason::DriftCorrected, message));
            }
        }
    }
}

fn drifted_fields(key: &Key, drifted: &Drifted) -> Vec<FieldChange> {
    let place = drifted.key.member_and_place().filter(|_| drifted.key != *key).map(|(_, place)| place);
    let named = |field: &FieldChange| match &place {
        Some(place) => FieldChange { path: format!("{place}.{}", field.path).into(), ..field.clone() },
        None => field.clone(),
    };
    match (&place, drifted.fields.is_empty()) {
        (Some(place), true) => {
            vec![FieldChange { path: format!("{place} (added by hand)").into(), from: None, to: None, drift: true, unset: false }]
        }
        _ => drifted.fields.iter().map(named).collect(),
    }
}

fn refused(refusals: &[&Refusal]) -> Vec<Said> {
    let Some(first) = refusals.first() else { return vec![in_sync()] };
    let reason = match &*first.rule {
        "residency-immutable" | "hipaa-immutable" | "scope-immutable" | "parent-immutable" => Reason::ImmutableField,
        "incomplete-observation" => Reason::ObservationSuspect,
        _ => Reason::GuardRefused,
    };
    stalled(reason, &told(first))
}

/// Why nothing is applied from here. It does not say when the other one was last heard of: that changes all the time.
fn claimed(claim: Option<&Claim>) -> String {
    let by = claim.map_or_else(String::new, |Claim { manager, holder, namespace, .. }| {
        let namespace = if namespace.is_empty() { String::new() } else { format!(", namespace {namespace}") };
        format!(" by manager {manager} from {holder}{namespace}")
    });
    format!(
        "refused by claimed-elsewhere: the organization is applied{by}; take it away in one of the two places; this one goes on an \
         hour after the other one was last heard of"
    )
}

/// A refusal in one sentence.
#[must_use]
pub fn told(refusal: &Refusal) -> String {
    format!("refused by {}: {}; {}", refusal.rule, refusal.because, refusal.way_out)
}

/// What there is to say of an object of which the store has what it says, and the service has not.
fn at_service(service: &AtService, key: &Key) -> Option<Vec<Said>> {
    if let Some(because) = service.refused.get(key) {
        return Some(stalled(Reason::GuardRefused, because));
    }
    if let Some(because) = service.failed.get(key) {
        return Some(retried(because));
    }
    if let Some(because) = service.lacking.get(key) {
        return Some(stalled(Reason::CapabilityMissing, because));
    }
    service.waiting.get(key).map(|because| dependency(because))
}

fn says_ready(said: &[Said]) -> bool {
    said.iter().any(|said| said.type_ == Type::Ready && said.status == Some(true))
}

fn stalled(reason: Reason, because: &str) -> Vec<Said> {
    vec![Said::no(Type::Ready, Reason::Failed, because), Said::yes(Type::Stalled, reason, because)]
}

fn dependency(because: &str) -> Vec<Said> {
    vec![Said::no(Type::Ready, Reason::DependencyNotReady, because), Said::yes(Type::Reconciling, Reason::Progressing, because)]
}

fn retried(because: &str) -> Vec<Said> {
    vec![Said::no(Type::Ready, Reason::Failed, because), Said::yes(Type::Reconciling, Reason::ProgressingWithRetry, because)]
}

/// The values in force: what the store holds, and what holds where nothing is said.
fn effective(row: &Row, object: &Object, policy: &Policy, now: Timestamp) -> Option<Map<String, Value>> {
    let spec = serde_json::from_str(&row.spec).ok()?;
    let Value::Object(mut fields) = without_secrets(&spec).into_owned() else { return None };
    let mut or = |field: &str, value: Value| {
        fields.entry(field).or_insert(value);
    };
    match row.key.kind {
        Kind::Organization => {
            or("displayName", object.id.key.name.as_str().into());
            or("preset", "standard".into());
            fields.insert("policy".to_owned(), policy.effective());
        }
        Kind::Workspace => {
            or("displayName", object.id.key.name.as_str().into());
            for field in ["default", "deletionProtection", "hipaa"] {
                or(field, false.into());
            }
        }
        Kind::Member => {
            if let View::Member(member) = View::read(Kind::Member, &row.spec) {
                or("username", (*member.email).into());
                let standing = standing(row, &member, policy, now);
                or("state", standing.to_string().into());
                if let Some(at) = expires_at(row, standing, object, policy, now) {
                    or("expiresAt", to_seconds(at).to_string().into());
                }
            }
        }
        _ => {}
    }
    Some(fields)
}

/// When the open invitation of a member ends, or else the first of the memberships that still last.
fn expires_at(row: &Row, standing: Standing, object: &Object, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
    if standing == Standing::Invited {
        return invitation_ends(row, policy);
    }
    let ObjectRead::Manifest(manifest) = &object.read else { return None };
    let Spec::Member(spec) = &*manifest.spec else { return None };
    let projects = spec.projects.iter().flat_map(|all| all.iter()).filter_map(|entry| entry.expires_at);
    let workspaces = spec.workspaces.iter().flat_map(|all| all.iter()).filter_map(|entry| entry.expires_at);
    projects.chain(workspaces).map(|Time(at)| at).filter(|at| *at > now).min()
}

/// The verdicts on these objects, without those that have nothing new to say.
#[must_use]
pub fn of_all(facts: &Facts<'_>, objects: &[SharedObject]) -> Vec<(SharedObject, Verdict)> {
    let verdicts = Verdicts::new(facts);
    objects.iter().filter_map(|object| Some((object.clone(), verdicts.of(object)?))).collect()
}

/// The verdicts on an organization that is to be left alone: on itself, and on what was changed meanwhile. What was not says what it said.
#[must_use]
pub fn suspended(own: &SharedObject, objects: &[SharedObject]) -> Vec<(SharedObject, Verdict)> {
    let of_own = [(own.clone(), is_suspended("spec.suspend is true: nothing is planned or applied until it is false"))];
    let changed = objects.iter().filter(|object| object.id != own.id && !object.is_observed());
    let waits = is_suspended("its organization is suspended: what it says now is applied when spec.suspend there is false");
    of_own.into_iter().chain(changed.map(|object| (object.clone(), waits.clone()))).collect()
}

fn is_suspended(message: &str) -> Verdict {
    let said = vec![
        Said::unknown(Type::Ready, Reason::Suspended, message),
        Said::yes(Type::Suspended, Reason::SuspendedBySpec, message),
    ];
    Verdict { said, keeps: true, ..Verdict::default() }
}

/// The verdict on what could not be brought to the store yet.
#[must_use]
pub fn retrying(because: &str) -> Verdict {
    Verdict { said: retried(because), keeps: true, ..Verdict::default() }
}

/// The verdicts where an organization could not be looked at to the end: on itself, and on what was changed meanwhile.
#[must_use]
pub fn all_retrying(objects: &[SharedObject], because: &str) -> Vec<(SharedObject, Verdict)> {
    let unseen = |object: &&SharedObject| object.id.key.kind == Kind::Organization || !object.is_settled();
    objects.iter().filter(unseen).map(|object| (object.clone(), retrying(because))).collect()
}

/// The verdicts on what names an organization that another namespace speaks for.
#[must_use]
pub fn elsewhere(gathered: &Gathered) -> Vec<(SharedObject, Verdict)> {
    let Gathered { namespace, elsewhere, .. } = gathered;
    let verdict = |object: &SharedObject| {
        if object.id.key.kind == Kind::Organization {
            let because = format!(
                "refused by claimed-elsewhere: namespace {namespace} has the organization of this name; choose another name, or \
                 delete that one"
            );
            return Verdict { said: stalled(Reason::GuardRefused, &because), ..Verdict::default() };
        }
        let because = format!("its organization is the one of namespace {namespace}, and references do not leave a namespace");
        let mut said = dependency(&because);
        said.push(Said::no(Type::ReferencesResolved, Reason::NotFound, because));
        Verdict { said, ..Verdict::default() }
    };
    elsewhere.iter().map(|object| (object.clone(), verdict(object))).collect()
}
