//! What the status of an organization tells beyond its own object. Pure.

use std::collections::BTreeMap;

use super::absence::Noticed;
use super::conditions::{Reason, Said, Type, in_sync};
use super::object::SharedObject;
use super::services::AtService;
use super::status::text;
use super::verdict::{Verdict, told};
use crate::api::Kind;
use crate::api::status::{Counts, PendingPlan, RefusalEntry, RetainedEntry};
use crate::api::types::{Int, Time};
use crate::plan::mirror::{ServiceApproval, Waiting};
use crate::plan::{Plan, Refusal};
use crate::tenancy::{AdminsByPlace, Key, Row, Snapshot, World};

/// How many refusals and how many retained objects are listed.
const REFUSALS: usize = 20;
const RETAINED: usize = 50;
/// How many calls that wait for an approval are told one by one.
const SHOWN: usize = 3;

/// What an organization's status tells of everything in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overview {
    /// What is refused.
    pub refusals: Vec<RefusalEntry>,
    /// What is kept although nobody declares it any more.
    pub retained: Vec<RetainedEntry>,
    /// The removals that wait for an approval.
    pub pending: Option<PendingPlan>,
    /// How many people there are.
    pub counts: Option<Counts>,
    /// How much was deleted and can be restored, by kind.
    pub deleted: BTreeMap<&'static str, usize>,
}

/// How many people an organization has.
#[must_use]
pub fn counts(snapshot: &Snapshot, now: jiff::Timestamp) -> Option<Counts> {
    let world = World::new(&snapshot.rows, now);
    let organization = Key::new(Kind::Organization, snapshot.organization.clone());
    let admins = AdminsByPlace::of(&world).get(&organization).unwrap_or_default();
    let count = |number: usize| i64::try_from(number).ok().and_then(|number| Int::new(number).ok());
    Some(Counts { admins: count(admins.lasting.len())?, members: count(world.of_kind(Kind::Member).len())? })
}

impl Overview {
    /// What a plan and the state after it lead to.
    #[must_use]
    pub fn new(plan: &Plan, after: &Snapshot, counts: Option<Counts>) -> Self {
        let entry = |refusal: &Refusal| {
            let Refusal { subject, rule, verb: _, because, way_out, origin: _ } = refusal;
            let subject = subject.to_string();
            Some(RefusalEntry { rule: text(rule)?, subject: text(&subject)?, because: text(because)?, way_out: text(way_out)? })
        };
        let gone = after.rows.iter().filter_map(deleted);
        let released = after.rows.iter().filter(|row| row.is_live() && row.manager.is_none() && row.last_applied().is_some());
        let released = released.map(|row| (&row.key, "managed by nobody".to_owned(), None));
        let missing = plan.missing.iter().map(|key| (key, "not in the cluster, and kept".to_owned(), None));
        let mut retained: Vec<_> = gone.chain(released).chain(missing).collect();
        retained.sort_by(|a, b| a.0.cmp(b.0));
        let retained = retained.into_iter().filter_map(|(key, because, purge_at)| {
            Some(RetainedEntry { subject: text(&key.to_string())?, because: text(&because)?, purge_at: purge_at.map(Time) })
        });
        let mut deleted = BTreeMap::new();
        for row in after.rows.iter().filter(|row| !row.is_live()) {
            *deleted.entry(row.key.kind.as_str()).or_default() += 1;
        }
        Self {
            deleted,
            refusals: plan.refusals.iter().take(REFUSALS).filter_map(entry).collect(),
            retained: retained.take(RETAINED).collect(),
            pending: pending(plan),
            counts,
        }
    }
}

/// A deleted object; what went with another one is told with it, as far as it is no object of its own.
fn deleted(row: &Row) -> Option<(&Key, String, Option<jiff::Timestamp>)> {
    let tombstone = row.tombstone.as_ref().filter(|_| row.key.kind != Kind::Membership)?;
    Some((&row.key, format!("deleted by {}", tombstone.by), tombstone.purge_at))
}

fn pending(plan: &Plan) -> Option<PendingPlan> {
    let approval = plan.approval.as_ref()?;
    let shown: Vec<String> = approval.removals.iter().take(5).map(ToString::to_string).collect();
    let more = match approval.removals.len().saturating_sub(shown.len()) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Some(PendingPlan {
        digest: text(&approval.digest.to_string())?,
        summary: text(&format!("removes {}{more}", shown.join(", ")))?,
    })
}

/// True for a refusal that only says that something else is still there.
fn is_loose(refusal: &Refusal) -> bool {
    matches!(&*refusal.rule, "still-wanted" | "in-use")
}

/// What waits for an approval at the service behind the organization.
#[must_use]
pub fn pending_at_service(service: &AtService) -> Option<PendingPlan> {
    let (title, approval) = service.approval.as_ref()?;
    let digest = approval.all.or_else(|| Some(approval.calls.first()?.digest))?;
    let summary = format!("at {title}: {}", waiting(approval));
    Some(PendingPlan { digest: text(&digest.to_string())?, summary: text(&summary)? })
}

/// What an approval has to name, for each of the first calls that wait.
fn waiting(approval: &ServiceApproval) -> String {
    let all = approval.all.map(|digest| format!("{digest} for all of them"));
    let one = |waiting: &Waiting| format!("{} for {}: {}", waiting.digest, waiting.key, waiting.because);
    let mut waiting: Vec<String> = all.into_iter().chain(approval.calls.iter().take(SHOWN).map(one)).collect();
    if approval.calls.len() > SHOWN {
        waiting.push(format!("and {} more", approval.calls.len() - SHOWN));
    }
    waiting.join("; ")
}

/// Adds to the verdict on an organization what its service says of what has no object in the cluster, and what waits there.
pub fn add_of_service(verdict: &mut Verdict, service: &AtService, objects: &[SharedObject]) {
    if let Some((title, approval)) = &service.approval {
        let message = format!(
            "what waits at {title} is released by annotating the Organization with muster.dev/approved-plan, several separated by \
             commas: {}",
            waiting(approval)
        );
        match verdict.said.iter_mut().find(|said| said.type_ == Type::ApprovalRequired) {
            Some(said) => said.message = format!("{}; {message}", said.message),
            None => verdict.said.push(Said::yes(Type::ApprovalRequired, Reason::DestructivePlan, message)),
        }
    }
    let is_ready = verdict.said.iter().any(|said| said.type_ == Type::Ready && said.status == Some(true));
    let unseen = |all: &BTreeMap<Key, String>| {
        let mut unseen = all.iter().filter(|(key, _)| !objects.iter().any(|object| object.id.key == **key));
        unseen.next().map(|(key, because)| format!("{key}: {because}"))
    };
    if !is_ready {
        return;
    }
    let (type_, reason, message) = match (unseen(&service.refused), unseen(&service.failed)) {
        (Some(message), _) => (Type::Stalled, Reason::GuardRefused, message),
        (None, Some(message)) => (Type::Reconciling, Reason::ProgressingWithRetry, message),
        (None, None) => return,
    };
    verdict.said.retain(|said| said.type_ != Type::Ready);
    verdict.said.push(Said::no(Type::Ready, Reason::Failed, &message));
    verdict.said.push(Said::yes(type_, reason, message));
}

/// What an organization says while objects of it are gone from the cluster, and not from the store yet. It does not count them, so that it
/// is written once however many go.
const GOING: &str = "in sync but for objects that are gone from the cluster: what they stand for is removed, or refused, after policy.removalDelay";

/// Adds to the verdict on an organization that objects of it are gone, so that whoever waits for it hears what became of that.
pub fn add_going(verdict: &mut Verdict, noticed: &Noticed) {
    let Some(ready) = verdict.said.iter_mut().find(|said| **said == in_sync()) else { return };
    let (reason, message) = match noticed {
        Noticed::Goes => (Reason::Progressing, GOING.to_owned()),
        Noticed::Stays(because) => {
            let message = format!("in sync but for objects that are gone from the cluster, and are kept in the store: {because}");
            (Reason::ProgressingWithRetry, message)
        }
    };
    ready.message = message.as_str().into();
    verdict.said.push(Said::yes(Type::Reconciling, reason, message));
}

/// Adds to the verdict on an organization what no other object can say: what waits for an approval, and what is refused about
/// objects that are not in the cluster.
pub fn add_to(verdict: &mut Verdict, plan: &Plan, objects: &[SharedObject]) {
    if let Some(approval) = &plan.approval {
        let message = format!(
            "{} removals wait for an approval: annotate the Organization with muster.dev/approved-plan={}",
            approval.removals.len(),
            approval.digest
        );
        verdict.said.push(Said::yes(Type::ApprovalRequired, Reason::DestructivePlan, message));
    }
    let is_there = |key: &Key| {
        let key = key.member_and_place().map_or_else(|| key.clone(), |(member, _)| Key::new(Kind::Member, member));
        objects.iter().any(|object| object.id.key == key)
    };
    let unseen: Vec<&Refusal> = plan.refusals.iter().filter(|refusal| !is_there(&refusal.subject)).collect();
    // What somebody else could make right by the same commit tells less than a rule that stands.
    let Some(first) = unseen.iter().find(|refusal| !is_loose(refusal)).or_else(|| unseen.first()) else { return };
    let is_stalled = verdict.said.iter().any(|said| said.type_ == Type::Stalled);
    if is_stalled {
        return;
    }
    let more = match unseen.len() - 1 {
        0 => String::new(),
        more => format!("; {more} more in status.refusals"),
    };
    let message = format!("{}: {}{more}", first.subject, told(first));
    verdict.said.retain(|said| !matches!(said.type_, Type::Ready | Type::Reconciling));
    verdict.said.push(Said::no(Type::Ready, Reason::Failed, &message));
    verdict.said.push(Said::yes(Type::Stalled, Reason::GuardRefused, message));
}
