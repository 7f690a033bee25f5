//! What a pass does at the service behind an organization. It begins where what the store has is settled, and has all the time that a
//! service may take.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tracing::{Instrument as _, info_span};

use super::claim::Attitude;
use super::gather::Gathered;
use super::object::SharedObject;
use super::pass::{Bench, Memory, Pass, Passed, organization_of};
use super::services::{AskedWith, AtService, Noted};
use super::verdict::{Pending, speaker};
use crate::api::Kind;
use crate::backend::http::host_of;
use crate::backend::{Reach, Stop, any};
use crate::engine::{End, Outcome, mirror_out, plan_mirror};
use crate::plan::Plan;
use crate::plan::mirror::Capabilities;
use crate::store::{Observe, StoreError};
use crate::tenancy::{Digest, Key, Snapshot};

/// What is known of the service behind an organization.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// What the last look said.
    pub said: Option<AtService>,
    /// What the Organization asked for when it was looked at.
    requested: Option<Box<str>>,
    /// What was approved when it was looked at.
    approved: Vec<Digest>,
    /// True while a look is wanted that did not come to its end.
    pub outstanding: bool,
    /// What waits for that look.
    pub waiting: BTreeSet<Key>,
    /// The Secrets that it was asked with when it refused.
    asked_with: Option<AskedWith>,
}

/// That a service has to be looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The host and the port that it is at; empty where nobody is asked.
    pub address: Box<str>,
    /// True where something was changed or asked for, so that nothing that failed before is waited for.
    pub at_once: bool,
}

/// How the part of a pass that is at a service goes on.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    /// Asks for an end.
    pub stop: Stop,
    /// True where the service refused lately: it is only asked again where the Secrets are others.
    pub is_shut: bool,
}

/// How the part of a pass that is at a service ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Called {
    /// There is nothing to look at.
    Nothing,
    /// The service is as it should be, and looked at again after so long: at its interval, or when a secret is to be replaced.
    Well(Duration),
    /// Something else comes first.
    Yielded,
    /// Something failed that may pass by itself.
    Failed {
        /// What.
        because: String,
        /// Whether the service gave answers.
        answered: bool,
    },
    /// Something failed that stays as it is until somebody changes something.
    Refused {
        /// What.
        because: String,
        /// The longest that it is waited for.
        at_most: Duration,
    },
    /// What the service refused would be asked with the same Secrets.
    StillRefused,
}

/// Where comparing and making calls came to.
enum At {
    /// The end.
    End(Box<Outcome>, Called),
    /// An end was asked for before.
    Stop,
    /// The store was written meanwhile.
    Stale,
}

impl Bench {
    /// Does the part of a pass that is at the service behind an organization.
    pub async fn call(&self, gathered: Gathered, memory: Memory, attitude: Attitude, calls: Calls) -> Passed {
        Box::pin(Pass::new(self, gathered, memory, attitude).calls(calls)).await
    }
}

impl Pass<'_> {
    /// Whether the service behind the organization has to be looked at: something changes here, it was asked for, or it was not looked at
    /// since this replica leads.
    pub(super) async fn wants_calls(
        &mut self,
        outcome: &Outcome,
        after: &Snapshot,
        approved: &[Digest],
    ) -> Result<Option<Wanted>, StoreError> {
        if self.bench.services.is_none() {
            let unlooked = self.gathered.organization().filter(|_| organization_of(after).is_some_and(|it| it.backend.is_some()));
            self.memory.service.said = unlooked.map(|own| AtService::without(&own.id.key));
            return Ok(None);
        }
        let is_settled = matches!(outcome.end, End::Committed(_) | End::NothingToDo) && outcome.plan.kept_whole().is_none();
        let requested = self.requested();
        let known = &self.memory.service;
        let at_once = !outcome.plan.is_empty() || known.requested != requested || known.approved != approved;
        if !is_settled || !at_once && !known.outstanding && known.said.is_some() {
            return Ok(None);
        }
        let url = organization_of(after).and_then(|spec| spec.backend).map(|backend| backend.url);
        let address = match url {
            Some(url) => host_of(url.as_str()),
            // What was left behind at one that is not named any more is told.
            None if !self.bench.store.journal(&after.organization).await?.is_empty() => "".into(),
            None => {
                self.looked(AtService::default(), approved);
                return Ok(None);
            }
        };
        self.memory.service.outstanding = true;
        Ok(Some(Wanted { address, at_once }))
    }

    /// What waits for the service: what is new of the kinds that it has.
    pub(super) fn pending(&self, after: &Snapshot, plan: &Plan) -> Option<Pending> {
        let address = organization_of(after)?.backend?;
        let capabilities = any::capabilities(address.type_, address.url.as_str());
        let changed: BTreeSet<Key> = plan.changes.iter().map(|change| speaker(&change.key)).collect();
        let is_new = |object: &&SharedObject| {
            concerns(capabilities, object.id.key.kind) && (changed.contains(&object.id.key) || !object.is_told())
        };
        let new = self.gathered.objects.iter().filter(is_new).map(|object| object.id.key.clone());
        let keys = new.chain(self.memory.service.waiting.iter().cloned()).collect();
        // Nothing is taken back of what was said before this replica began.
        let unknown = |object: &&SharedObject| {
            self.memory.service.said.is_none() && concerns(capabilities, object.id.key.kind) && !object.is_settled()
        };
        let silent = self.gathered.objects.iter().filter(unknown).map(|object| object.id.key.clone()).collect();
        Some(Pending { keys, silent, because: format!("the store has it; {} is being compared with that", capabilities.title) })
    }

    fn requested(&self) -> Option<Box<str>> {
        self.gathered.organization().and_then(|own| own.requested.clone())
    }

    /// A look came to its end, and said this.
    fn looked(&mut self, said: AtService, approved: &[Digest]) {
        let (requested, approved) = (self.requested(), approved.to_vec());
        self.memory.service = Known { said: Some(said), requested, approved, ..Known::default() };
    }

    fn ends(self, called: Called) -> Passed {
        Passed { called: Some(called), ..self.ended(Vec::new()) }
    }

    async fn calls(mut self, calls: Calls) -> Passed {
        let is_left_alone = self.gathered.organization().is_some_and(|own| own.is_suspended);
        let Some(services) = self.bench.services.clone().filter(|_| !is_left_alone) else {
            self.memory.service = Known::default();
            return self.ends(Called::Nothing);
        };
        let reach = services.reach(&self.gathered.namespace, &calls.stop);
        if let Some(asked_with) = self.memory.service.asked_with.as_ref().filter(|_| calls.is_shut)
            && asked_with.is_the_same(&*reach.secrets).await
        {
            return self.ends(Called::StillRefused);
        }
        let Some(organization) = self.gathered.work.organization().cloned() else { return self.ends(Called::Nothing) };
        let seats = Arc::clone(&self.bench.seats);
        let seat = seats.acquire().await;
        let snapshot = match self.observe(&organization).instrument(info_span!("observe")).await {
            Ok(snapshot) => snapshot,
            Err(StoreError::Stale { .. }) => return self.after_the_store(),
            Err(error) => return self.without_store(&error),
        };
        let drafted = self.draft(&organization, &snapshot).await;
        drop(seat);
        let Some(plan) = drafted.plan.filter(|_| self.speaks_for(&snapshot)) else {
            self.memory.service = Known::default();
            return self.ends(Called::Nothing);
        };
        if !plan.is_empty() {
            return self.after_the_store();
        }
        let (outcome, called) = match self.at_service(reach, (plan, &snapshot), &drafted.approved).await {
            Ok(At::End(outcome, called)) => (*outcome, called),
            Ok(At::Stop) => return self.ends(Called::Yielded),
            Ok(At::Stale) => return self.after_the_store(),
            Err(error) => return self.without_store(&error),
        };
        match self.bench.store.observe(&organization).await {
            // The calls gave objects ids at the service.
            Ok(after) => {
                self.remember(&organization).await;
                let passed = self.report(&organization, &drafted.findings, Some(outcome), after, drafted.going);
                Passed { called: Some(called), ..passed }
            }
            Err(error) => self.without_store(&error),
        }
    }

    /// What the store has comes first: it is looked at now.
    fn after_the_store(mut self) -> Passed {
        self.memory.snapshot = None;
        let again = Some(self.at);
        Passed { again, ..self.ends(Called::Yielded) }
    }

    /// Compares and makes the calls.
    async fn at_service(
        &mut self,
        mut reach: Reach,
        (mut plan, snapshot): (Plan, &Snapshot),
        approved: &[Digest],
    ) -> Result<At, StoreError> {
        let (bench, now, stop) = (self.bench, self.now, reach.stop.clone());
        let noted = Arc::new(Noted::new(Arc::clone(&reach.secrets)));
        reach.secrets = noted.clone();
        let origins = BTreeMap::new();
        let look = plan_mirror(&bench.store, &reach, (&mut plan, Some(snapshot)), &origins, (approved, now));
        let look = look.instrument(info_span!("service"));
        tokio::select! {
            looked = look => looked?,
            () = stop.asked() => return Ok(At::Stop),
        }
        let host = plan.mirror.as_ref().map(|mirror| host_of(&mirror.url));
        let outcome = self.carry_out(plan, snapshot.claim.as_ref(), &self.how()).instrument(info_span!("apply")).await?;
        if let End::Stale(_) = outcome.end {
            return Ok(At::Stale);
        }
        let outcome = Box::pin(mirror_out(&bench.store, &reach, outcome, now)).instrument(info_span!("mirror")).await;
        let was_stopped = outcome.mirroring.as_ref().is_some_and(|mirroring| mirroring.stopped.is_some());
        if was_stopped && stop.is_asked() {
            return Ok(At::Stop);
        }
        let said =
            outcome.plan.mirror.as_ref().map(|mirror| AtService::of(&snapshot.organization, mirror, outcome.mirroring.as_ref()));
        let said = said.unwrap_or_default();
        let (trouble, passes) = (said.trouble.clone(), said.passes);
        let rotation = said.renewals().filter(|at| *at > now).min().map(|at| at.duration_since(now).unsigned_abs());
        self.looked(said, approved);
        let (Some(host), Some(because)) = (host, trouble) else {
            let interval = self.interval();
            return Ok(At::End(Box::new(outcome), Called::Well(rotation.map_or(interval, |rotation| rotation.min(interval)))));
        };
        let answered = reach.learned.given_up(&host).is_none();
        if passes || reach.learned.may_pass(&host) {
            return Ok(At::End(Box::new(outcome), Called::Failed { because, answered }));
        }
        self.memory.service.asked_with = Some(noted.asked_with());
        let called = Called::Refused { because, at_most: self.interval() };
        Ok(At::End(Box::new(outcome), called))
    }
}

/// Whether a service has something to say about objects of a kind: about an organization and a workspace it says that they cannot be
/// read, and about a member what it says of memberships.
fn concerns(capabilities: &Capabilities, kind: Kind) -> bool {
    let is_spoken_of = kind == Kind::Member && capabilities.of(Kind::Membership).is_some();
    matches!(kind, Kind::Organization | Kind::Workspace) || is_spoken_of || capabilities.of(kind).is_some()
}
