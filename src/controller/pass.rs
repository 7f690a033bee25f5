//! One pass over one organization: observe, plan, apply, and what is to be said about each object. The only place where the controller
//! reads and writes the store.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tracing::{Instrument as _, info_span};

use super::absence::{Absences, Going};
use super::cache::Work;
use super::calls::{Called, Known, Wanted};
use super::claim::{self, Attitude};
use super::gather::Gathered;
use super::gone::removal_delay;
use super::object::{Object, ObjectKey, SharedObject};
use super::overview::{self, Overview, counts};
use super::presence::Presence;
use super::recent::Recent;
use super::services::Services;
use super::verdict::{self, Facts, OfObjects, Verdict};
use super::watch::random;
use crate::api::status::Counts;
use crate::api::{Kind, OrganizationSpec, Spec};
use crate::engine::{Apply, End, Outcome, after, apply, claimed_elsewhere, plan_snapshots};
use crate::plan::{Context, FieldChange, Plan, Tightened, Verb};
use crate::source::ObjectRead;
use crate::store::{AnyStore, Observe, StoreError, in_one_line};
use crate::tenancy::{
    Claim, Digest, Finding, Key, Manager, Name, Policy, Revision, Snapshot, invitation_ends, resolve, view::View,
};

/// What stays the same from pass to pass.
#[derive(Clone)]
pub struct Bench {
    /// The store.
    pub store: AnyStore,
    /// The manager.
    pub manager: Manager,
    /// The uid of the cluster, which holds the claims.
    pub holder: Box<str>,
    /// The namespaces that are watched; none for all of them.
    pub namespaces: Arc<[Name]>,
    /// Who asks the API server whether objects can have been removed on purpose.
    pub presence: Presence,
    /// How services behind organizations are reached; `None` where none are.
    pub services: Option<Services>,
    /// How many of the passes that are at services may plan at a time.
    pub seats: Arc<Semaphore>,
}

/// What one pass leaves for the next.
#[derive(Debug, Default)]
pub struct Memory {
    pub(super) snapshot: Option<Snapshot>,
    pub(super) absences: Absences,
    recent: Recent,
    /// The last entry of the history, as the store said.
    last_entry: i64,
    counted: Option<(Revision, Option<Counts>)>,
    pub(super) service: Known,
    /// True once this replica has moved the revision on after taking over from one that may still be asleep.
    fenced: bool,
    /// Since when the namespace that applied last has nothing of the organization any more, where another one has it.
    pub(super) left: Option<Instant>,
    /// Why what is gone is kept, since the API server was last asked.
    pub(super) doubt: Option<Box<str>>,
}

/// How a pass ended.
pub struct Passed {
    /// What it was about.
    pub work: Work,
    /// The namespace that speaks for it.
    pub namespace: Name,
    /// What the next pass begins with.
    pub memory: Memory,
    /// What is to be said about objects.
    pub verdicts: OfObjects,
    /// What is to be said where the service takes its time: that it is waited for.
    pub waiting: OfObjects,
    /// What the status of the organization tells beyond its own object.
    pub overview: Option<Overview>,
    /// What was done.
    pub outcome: Option<Outcome>,
    /// When the organization has to be looked at again, if nothing happens before.
    pub again: Option<Instant>,
    /// Why it has to be tried again soon; `None` when it ended well.
    pub failed: Option<String>,
    /// That the service behind the organization has to be looked at.
    pub wanted: Option<Wanted>,
    /// How the part of the pass that was at the service ended.
    pub called: Option<Called>,
    /// When secrets that a service made are replaced, the soonest.
    pub rotates: Option<Timestamp>,
    /// True where there is nothing left to look after.
    pub is_over: bool,
    /// The revision that the store has now.
    pub revision: Option<Revision>,
    /// What objects of the namespace are part of whose references leave the cluster, where the pass was about those.
    pub placed: Option<BTreeMap<ObjectKey, Name>>,
}

impl Passed {
    /// A pass that says this, and nothing else.
    fn new(gathered: Gathered, memory: Memory, verdicts: Vec<(SharedObject, Verdict)>) -> Self {
        let revision = memory.snapshot.as_ref().map(|snapshot| snapshot.revision);
        Self {
            work: gathered.work,
            namespace: gathered.namespace,
            memory,
            verdicts,
            waiting: Vec::new(),
            overview: None,
            outcome: None,
            again: None,
            failed: None,
            wanted: None,
            called: None,
            rotates: None,
            is_over: false,
            revision,
            placed: None,
        }
    }

    /// A pass that came to nothing.
    #[must_use]
    pub fn failed(gathered: Gathered, memory: Memory, because: String) -> Self {
        let verdicts = verdict::all_retrying(&gathered.objects, &because);
        Self { failed: Some(because), ..Self::new(gathered, memory, verdicts) }
    }

    /// True for the Organization that the pass was about.
    #[must_use]
    pub fn is_own(&self, object: &Object) -> bool {
        matches!(&self.work, Work::Organization(name) if *name == object.id.key.name)
            && object.id.key.kind == Kind::Organization
            && self.namespace == object.id.namespace
    }
}

/// The actor of what the controller does by itself.
pub const ACTOR: &str = "muster controller";

impl Bench {
    /// Does one pass.
    pub async fn pass(&self, gathered: Gathered, memory: Memory, attitude: Attitude) -> Passed {
        let pass = Pass::new(self, gathered, memory, attitude);
        match pass.gathered.work.clone() {
            Work::Unplaced(namespace) => pass.unplaced(&namespace).await,
            Work::Organization(organization) | Work::Service(organization) => Box::pin(pass.organization(&organization)).await,
        }
    }
}

/// A pass that goes on.
pub(super) struct Pass<'b> {
    pub bench: &'b Bench,
    pub gathered: Gathered,
    pub memory: Memory,
    attitude: Attitude,
    pub now: Timestamp,
    pub at: Instant,
}

/// What a pass plans.
pub(super) struct Drafted {
    pub findings: Vec<Finding>,
    pub approved: Vec<Digest>,
    pub plan: Option<Plan>,
    /// What goes from the cluster.
    pub going: Going,
}

impl<'b> Pass<'b> {
    pub fn new(bench: &'b Bench, gathered: Gathered, memory: Memory, attitude: Attitude) -> Self {
        Self { bench, gathered, memory, attitude, now: Timestamp::now(), at: Instant::now() }
    }
}

impl Pass<'_> {
    pub fn ended(self, verdicts: Vec<(SharedObject, Verdict)>) -> Passed {
        Passed::new(self.gathered, self.memory, verdicts)
    }

    /// Objects whose references leave the cluster: which organizations they are part of, as far as those that this namespace speaks for
    /// know, and what is to be said of the others.
    async fn unplaced(self, namespace: &Name) -> Passed {
        let snapshots = match self.spoken_for(namespace).await {
            Ok(snapshots) => snapshots,
            Err(error) => return self.without_store(&error),
        };
        let input = self.gathered.input();
        let resolved = tokio::task::block_in_place(|| resolve(&input, &snapshots, None));
        let findings = [input.findings, resolved.findings].concat();
        let nowhere = |object: &SharedObject| {
            let codes = ["dangling-reference", "ambiguous-reference", "reference-held"];
            let about = Some((object.id.key.kind, object.id.key.name.clone()));
            findings.iter().any(|finding| finding.subject == about && codes.contains(&finding.code))
        };
        let of = |object: &SharedObject| {
            let mut all = resolved.tenancies.iter().filter(|tenancy| tenancy.mentions(&object.id.key));
            all.next().map(|tenancy| (object.id.clone(), tenancy.organization.clone())).filter(|_| !nowhere(object))
        };
        let leaving = || self.gathered.objects.iter().filter(|object| self.gathered.is_leaving(object));
        let placed: BTreeMap<ObjectKey, Name> = leaving().filter_map(of).collect();
        let others: Vec<SharedObject> = leaving().filter(|object| !placed.contains_key(&object.id)).cloned().collect();
        let (after, policy) = (Snapshot::empty(namespace), Policy::standard());
        let facts = Facts {
            organization: namespace,
            outcome: None,
            findings: &findings,
            after: &after,
            policy: &policy,
            recent: &Recent::default(),
            service: None,
            pending: None,
            now: self.now,
        };
        let verdicts = verdict::of_all(&facts, &others);
        let is_over = self.gathered.objects.is_empty();
        Passed { is_over, placed: Some(placed), ..self.ended(verdicts) }
    }

    /// The organizations that a namespace speaks for, as the store has them.
    async fn spoken_for(&self, namespace: &Name) -> Result<Vec<Snapshot>, StoreError> {
        let store = &self.bench.store;
        let written: BTreeSet<&Name> = self
            .gathered
            .objects
            .iter()
            .filter(|object| object.id.key.kind == Kind::Organization)
            .map(|object| &object.id.key.name)
            .collect();
        let mut snapshots = Vec::new();
        for known in store.organizations().await? {
            let claim = known.claim.as_ref().filter(|claim| self.bench.is_ours(claim));
            let is_elsewhere = claim.is_some_and(|claim| *claim.namespace != **namespace);
            if claim.is_some_and(|claim| *claim.namespace == **namespace)
                || written.contains(&known.organization) && !is_elsewhere
            {
                snapshots.push(store.observe(&known.organization).await?);
            }
        }
        Ok(snapshots)
    }

    async fn organization(mut self, organization: &Name) -> Passed {
        let observed = self.observe(organization).instrument(info_span!("observe")).await;
        if let Some(own) = self.gathered.organization().filter(|own| own.is_suspended) {
            let verdicts = verdict::suspended(own, &self.gathered.objects);
            self.memory.absences.forget();
            self.memory.snapshot = observed.ok();
            let again = Some(self.at + claim::RENEW);
            return Passed { again, ..self.ended(verdicts) };
        }
        let snapshot = match observed {
            Ok(snapshot) => snapshot,
            Err(StoreError::Stale { .. }) => return self.once_more(),
            Err(error) => return self.without_store(&error),
        };
        let Drafted { findings, approved, plan, going } = self.draft(organization, &snapshot).await;
        let how = self.how();
        let outcome = match plan {
            None => None,
            Some(plan) => match self.carry_out(plan, snapshot.claim.as_ref(), &how).instrument(info_span!("apply")).await {
                Ok(Outcome { end: End::Stale(_), .. }) => return self.once_more(),
                Ok(outcome) => Some(outcome),
                Err(error) => return self.without_store(&error),
            },
        };
        if let Some(Outcome { end: End::Committed(committed), .. }) = &outcome {
            self.memory.last_entry = committed.last_entry;
        }
        self.remember(organization).await;
        let Some(outcome) = outcome else { return self.report(organization, &findings, None, snapshot, going) };
        let after = after(snapshot, &outcome, &how);
        match self.wants_calls(&outcome, &after, &approved).await {
            Ok(wanted) => Passed { wanted, ..self.report(organization, &findings, Some(outcome), after, going) },
            Err(error) => self.without_store(&error),
        }
    }

    /// Plans the organization as it is here.
    pub async fn draft(&mut self, organization: &Name, snapshot: &Snapshot) -> Drafted {
        let (input, going) = self.input(snapshot, removal_delay(snapshot)).await;
        let context = self.context();
        let planned = tokio::task::block_in_place(|| {
            info_span!("plan", objects = input.manifests.len())
                .in_scope(|| plan_snapshots(&input, std::slice::from_ref(snapshot), &context))
        });
        let findings = [input.findings, planned.findings].concat();
        let approved = planned.approved.get(organization).cloned().unwrap_or_default();
        let plan = planned.plans.into_iter().find(|plan| plan.organization == *organization);
        Drafted { findings, approved, plan, going }
    }

    /// Reads on in the history.
    pub async fn remember(&mut self, organization: &Name) {
        let last = self.memory.last_entry;
        if let Err(error) = self.memory.recent.read(&self.bench.store, organization, last).await {
            tracing::warn!(%error, "the history cannot be read: statuses say nothing of it");
        }
    }

    /// Somebody else wrote between looking and writing: nothing is to be said of that, it is done again.
    fn once_more(mut self) -> Passed {
        self.memory.snapshot = None;
        let again = Some(self.at);
        Passed { again, ..self.ended(Vec::new()) }
    }

    /// What the store holds: what the last pass left, where nobody wrote since. The claim is made sure of.
    pub async fn observe(&mut self, organization: &Name) -> Result<Snapshot, StoreError> {
        let store = &self.bench.store;
        let known = store.organizations().await?.into_iter().find(|known| known.organization == *organization);
        let revision = known.as_ref().map(|known| known.revision).unwrap_or_default();
        self.memory.last_entry = known.and_then(|known| known.head).map_or(0, |head| head.seq);
        let snapshot = match self.memory.snapshot.take() {
            Some(snapshot) if snapshot.revision == revision => snapshot,
            _ => store.observe(organization).await?,
        };
        if self.gathered.organization().is_none() {
            return Ok(snapshot);
        }
        let fences = self.attitude.fences && !self.memory.fenced;
        let attitude = Attitude { fences, moves: self.has_moved(&snapshot), ..self.attitude };
        let snapshot = self.bench.keep_claim(snapshot, &self.gathered.namespace, attitude, self.now).await?;
        self.memory.fenced = true;
        Ok(snapshot)
    }

    fn context(&self) -> Context {
        Context {
            now: self.now,
            observed_at: self.now,
            manager: self.bench.manager.clone(),
            actor: ACTOR.into(),
            asker: None,
            prune: true,
            allow_empty: true,
            approved: Vec::new(),
            tightened: Tightened::default(),
        }
    }

    pub fn how(&self) -> Apply {
        Apply {
            now: self.now,
            manager: self.bench.manager.clone(),
            holder: self.bench.holder.clone(),
            actor: ACTOR.into(),
            source: None,
            take_over: self.attitude.takes_over,
            all_or_nothing: false,
            errored: false,
            seed: uuid::Uuid::new_v4().into_bytes(),
        }
    }

    /// Applies a plan, where there is something to apply: looking costs nothing.
    pub async fn carry_out(&self, plan: Plan, claim: Option<&Claim>, how: &Apply) -> Result<Outcome, StoreError> {
        if let Some(because) = claim.and_then(|claim| claimed_elsewhere(&plan, claim, how)) {
            return Ok(Outcome { plan, end: End::ClaimedElsewhere(because), mirroring: None });
        }
        if plan.is_empty() {
            return Ok(Outcome { plan, end: End::NothingToDo, mirroring: None });
        }
        let organization = plan.organization.clone();
        let outcomes = apply(&self.bench.store, vec![plan], how).await?;
        outcomes.into_iter().next().ok_or(StoreError::Missing { store: organization.to_string() })
    }

    pub fn report(
        mut self,
        organization: &Name,
        findings: &[Finding],
        outcome: Option<Outcome>,
        after: Snapshot,
        going: Going,
    ) -> Passed {
        let policy = policy_of(&after);
        let recent = &self.memory.recent;
        let service = self.memory.service.said.as_ref();
        let plan = outcome.as_ref().map(|outcome| &outcome.plan);
        let pending = plan.filter(|_| self.memory.service.outstanding).and_then(|plan| self.pending(&after, plan));
        let facts = Facts {
            organization,
            outcome: outcome.as_ref(),
            findings,
            after: &after,
            policy: &policy,
            recent,
            service,
            pending: pending.as_ref(),
            now: self.now,
        };
        let mut verdicts = verdict::of_all(&facts, &self.gathered.objects);
        verdicts.extend(verdict::elsewhere(&self.gathered));
        let mut overview = None;
        if let Some(outcome) = &outcome {
            let counted = match self.memory.counted {
                Some((revision, counts)) if revision == after.revision => counts,
                Some((revision, counts)) if revision == outcome.plan.base && !concerns_people(&outcome.plan) => counts,
                _ => counts(&after, self.now),
            };
            self.memory.counted = Some((after.revision, counted));
            let mut told = Overview::new(&outcome.plan, &after, counted);
            told.pending = told.pending.or_else(|| service.and_then(overview::pending_at_service));
            overview = Some(told);
            for (object, verdict) in &mut verdicts {
                if object.id.key.kind == Kind::Organization && object.id.namespace == self.gathered.namespace {
                    overview::add_to(verdict, &outcome.plan, &self.gathered.objects);
                    if let Some(noticed) = &going.noticed {
                        overview::add_going(verdict, noticed);
                    }
                    if let Some(service) = service {
                        overview::add_of_service(verdict, service, &self.gathered.objects);
                    }
                }
            }
        }
        let failed = match outcome.as_ref().map(|outcome| &outcome.end) {
            Some(End::Failed(because)) => Some(because.clone()),
            _ => None,
        };
        let rotates = service.and_then(|service| service.renewals().min());
        let (waiting, verdicts) = match &pending {
            Some(pending) => pending.part(verdicts),
            None => (Vec::new(), verdicts),
        };
        self.memory.service.waiting = pending.map(|pending| pending.keys).unwrap_or_default();
        let dated = next_date(&after, &policy, self.now).map(|date| {
            let wait = date.duration_since(self.now).unsigned_abs().min(LONGEST);
            self.at + wait + Duration::from_millis(5)
        });
        let again = [going.again, dated, Some(self.at + self.interval().min(claim::RENEW))].into_iter().flatten().min();
        let is_over = self.gathered.objects.is_empty() && self.gathered.elsewhere.is_empty() && after.rows.is_empty();
        self.memory.snapshot = Some(after).filter(|_| failed.is_none());
        Passed { waiting, overview, outcome, again, failed, rotates, is_over, ..self.ended(verdicts) }
    }

    /// How long until the next comparison when nothing happens, a tenth shorter or longer, so that many do not come at once.
    pub fn interval(&self) -> Duration {
        let written = self.gathered.organization().and_then(|own| match &own.read {
            ObjectRead::Manifest(manifest) => match &*manifest.spec {
                Spec::Organization(spec) => spec.interval,
                _ => None,
            },
            ObjectRead::Held(_) => None,
        });
        let seconds = written.map_or(INTERVAL, |interval| u64::try_from(interval.seconds()).unwrap_or(INTERVAL));
        let interval = Duration::from_secs(seconds);
        interval.mul_f64(0.9 + 0.2 * random())
    }

    /// The store cannot be used: that is told on the organization, and on what was changed meanwhile.
    pub fn without_store(mut self, error: &StoreError) -> Passed {
        self.memory.snapshot = None;
        Passed::failed(self.gathered, self.memory, in_one_line(error))
    }
}

/// How often an organization is compared with the store when nothing happens, in seconds.
const INTERVAL: u64 = 600;

/// The longest that anything is waited for.
const LONGEST: Duration = Duration::from_hours(24);

/// Whether a plan may change how many members or admins there are.
fn concerns_people(plan: &Plan) -> bool {
    plan.changes.iter().any(|change| match change.key.kind {
        Kind::Organization | Kind::MembershipType => true,
        Kind::Member => {
            let counts = |field: &FieldChange| !matches!(&*field.path, "displayName" | "defaultWorkspace" | "username");
            change.verb != Verb::Update || change.fields.iter().any(counts)
        }
        _ => false,
    })
}

/// The organization itself, as the store has it.
pub(super) fn organization_of(snapshot: &Snapshot) -> Option<OrganizationSpec> {
    let row = snapshot.row(&Key::new(Kind::Organization, snapshot.organization.clone()))?;
    serde_json::from_str(&row.spec).ok()
}

/// The policy in force.
pub(super) fn policy_of(snapshot: &Snapshot) -> Policy {
    let key = Key::new(Kind::Organization, snapshot.organization.clone());
    let row = snapshot.row(&key).filter(|row| row.is_live());
    match row.map(|row| View::read(Kind::Organization, &row.spec)) {
        Some(View::Organization(spec)) => Policy::of(&spec),
        _ => Policy::standard(),
    }
}

/// The next moment at which time alone changes something: an access or an invitation ends, or something is purged.
fn next_date(snapshot: &Snapshot, policy: &Policy, now: Timestamp) -> Option<Timestamp> {
    let dates = snapshot.rows.iter().filter_map(|row| match (&row.tombstone, row.key.kind) {
        (Some(tombstone), _) => tombstone.purge_at,
        (None, Kind::Member) if row.accepted_at.is_none() && row.declined_at.is_none() => invitation_ends(row, policy),
        (None, Kind::Membership) if row.spec.contains("expiresAt") => match View::read(Kind::Membership, &row.spec) {
            View::Membership(membership) => membership.expires_at,
            _ => None,
        },
        _ => None,
    });
    dates.filter(|date| *date > now).min()
}
