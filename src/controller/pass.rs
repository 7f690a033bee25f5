//! One pass over one organization: observe, plan, apply, and what is to be said about each object. The only place where the controller
//! reads and writes the store.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tracing::{Instrument as _, info_span};

use super::absence::{Absences, held};
use super::cache::Work;
use super::gather::Gathered;
use super::object::{Object, SharedObject};
use super::overview::{self, Overview, counts};
use super::presence::{Definitions, Presence};
use super::verdict::{self, Facts, Verdict};
use crate::api::status::Counts;
use crate::api::{Kind, Spec};
use crate::engine::{Apply, End, Outcome, Planned, after, apply, claimed_elsewhere, plan_snapshots};
use crate::plan::{Context, FieldChange, Plan, Tightened, Verb};
use crate::source::ObjectRead;
use crate::store::{AnyStore, Batch, Observe, Registered, Store, StoreError, in_one_line};
use crate::tenancy::{Claim, Finding, Input, Key, Manager, Name, Policy, Revision, Snapshot, invitation_ends, view::View};

/// What stays the same from pass to pass.
#[derive(Clone)]
pub struct Bench {
    /// The store.
    pub store: AnyStore,
    /// The manager.
    pub manager: Manager,
    /// The uid of the cluster, which holds the claims.
    pub holder: Box<str>,
    /// Whether the first pass over each organization takes it over from another place that applied within the last hour.
    pub take_over: bool,
    /// Who asks the API server whether objects can have been removed on purpose.
    pub presence: Presence,
}

/// What one pass leaves for the next.
#[derive(Debug, Default)]
pub struct Memory {
    snapshot: Option<Snapshot>,
    absences: Absences,
    counted: Option<(Revision, Option<Counts>)>,
    /// True once a pass came to an end.
    passed: bool,
    /// True once this replica has moved the revision on after taking over from one that may still be asleep.
    pub fenced: bool,
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
    pub verdicts: Vec<(SharedObject, Verdict)>,
    /// What the status of the organization tells beyond its own object.
    pub overview: Option<Overview>,
    /// What was done.
    pub outcome: Option<Outcome>,
    /// When the organization has to be looked at again, if nothing happens before.
    pub again: Option<Instant>,
    /// Why it has to be tried again soon; `None` when it ended well.
    pub failed: Option<String>,
    /// True where there is nothing left to look after.
    pub is_over: bool,
    /// The revision that the store has now.
    pub revision: Option<Revision>,
}

impl Passed {
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

/// How old a claim may be before it is renewed: others take over after an hour.
const RENEW: Duration = Duration::from_mins(30);

impl Bench {
    /// Does one pass.
    pub async fn pass(&self, gathered: Gathered, memory: Memory, takes_over: bool) -> Passed {
        let pass = Pass { bench: self, gathered, memory, now: Timestamp::now(), at: Instant::now() };
        match pass.gathered.work.clone() {
            Work::Unplaced(namespace) => pass.unplaced(&namespace),
            Work::Organization(organization) => pass.organization(&organization, takes_over).await,
        }
    }
}

struct Pass<'b> {
    bench: &'b Bench,
    gathered: Gathered,
    memory: Memory,
    now: Timestamp,
    at: Instant,
}

impl Pass<'_> {
    fn ended(self, verdicts: Vec<(SharedObject, Verdict)>) -> Passed {
        let revision = self.memory.snapshot.as_ref().map(|snapshot| snapshot.revision);
        Passed {
            work: self.gathered.work,
            namespace: self.gathered.namespace,
            memory: self.memory,
            verdicts,
            overview: None,
            outcome: None,
            again: None,
            failed: None,
            is_over: false,
            revision,
        }
    }

    /// Objects that are part of no organization: there is nothing to plan, only to say why.
    fn unplaced(self, namespace: &Name) -> Passed {
        let Planned { findings, .. } = plan_snapshots(&self.gathered.input(), &[], &self.context(false));
        let after = Snapshot::empty(namespace);
        let policy = Policy::standard();
        let findings = [self.gathered.objects.iter().flat_map(|object| object.findings.to_vec()).collect(), findings].concat();
        let facts =
            Facts { organization: namespace, outcome: None, findings: &findings, after: &after, policy: &policy, now: self.now };
        let verdicts = verdict::of_all(&facts, &self.gathered.objects);
        let is_over = self.gathered.objects.is_empty();
        Passed { is_over, ..self.ended(verdicts) }
    }

    async fn organization(mut self, organization: &Name, takes_over: bool) -> Passed {
        if let Some(own) = self.gathered.organization().filter(|own| is_suspended(own)) {
            let verdicts = vec![(own.clone(), verdict::suspended())];
            self.memory.absences.forget();
            return self.ended(verdicts);
        }
        let observed = self.observe(organization, takes_over).instrument(info_span!("observe")).await;
        let (snapshot, known) = match observed {
            Ok(observed) => observed,
            Err(error) => return self.without_store(&error),
        };
        let delay = Duration::from_secs(u64::try_from(policy_of(&snapshot).removal_delay).unwrap_or_default());
        let (input, again) = self.input(&snapshot, delay).await;
        let context = self.context(true);
        let planned = tokio::task::block_in_place(|| {
            info_span!("plan", objects = input.manifests.len())
                .in_scope(|| plan_snapshots(&input, std::slice::from_ref(&snapshot), &context))
        });
        let findings = [input.findings, planned.findings].concat();
        let plan = planned.plans.into_iter().find(|plan| plan.organization == *organization);
        let how = self.how();
        let outcome = match plan {
            None => None,
            Some(plan) => match self.carry_out(plan, known.as_ref(), &how).instrument(info_span!("apply")).await {
                Ok(outcome) => Some(outcome),
                Err(error) => return self.without_store(&error),
            },
        };
        let after = match &outcome {
            Some(outcome) => after(snapshot, outcome, &how),
            None => snapshot,
        };
        self.report(organization, &findings, outcome, after, again)
    }

    /// What the store holds: what the last pass left, where nobody wrote since.
    async fn observe(&mut self, organization: &Name, takes_over: bool) -> Result<(Snapshot, Option<Registered>), StoreError> {
        let store = &self.bench.store;
        let known = store.organizations().await?.into_iter().find(|known| known.organization == *organization);
        let revision = known.as_ref().map(|known| known.revision).unwrap_or_default();
        let snapshot = match self.memory.snapshot.take() {
            Some(snapshot) if snapshot.revision == revision => snapshot,
            _ => store.observe(organization).await?,
        };
        let fences = takes_over && !self.memory.fenced;
        self.memory.fenced |= takes_over;
        let ours = |claim: &Claim| claim.manager == self.bench.manager && claim.holder == self.bench.holder;
        let claim = snapshot.claim.clone().filter(ours);
        let renews = |claim: &Claim| {
            let age = self.now.duration_since(claim.seen_at);
            age >= jiff::SignedDuration::try_from(RENEW).unwrap_or_default()
        };
        match claim {
            Some(claim) if fences || renews(&claim) => {
                let claim = Claim { seen_at: self.now, ..claim };
                let batch = Batch {
                    organization: organization.clone(),
                    base: snapshot.revision,
                    claim: claim.clone(),
                    writes: Vec::new(),
                    entries: Vec::new(),
                };
                let committed = store.commit(&batch).await?;
                let snapshot = Snapshot { revision: committed.revision, claim: Some(claim.clone()), ..snapshot };
                let known = known.map(|known| Registered { revision: committed.revision, claim: Some(claim), ..known });
                Ok((snapshot, known))
            }
            _ => Ok((snapshot, known)),
        }
    }

    /// The objects as an input, in which what is absent and not to be removed yet is held; and when that ends.
    async fn input(&mut self, snapshot: &Snapshot, delay: Duration) -> (Input, Option<Instant>) {
        let mut input = self.gathered.input();
        let namespace = &self.gathered.namespace;
        let trouble = self.gathered.trouble.as_deref();
        if trouble.is_some() {
            self.memory.absences.forget();
        }
        let absent = self.memory.absences.look(&self.gathered.objects, snapshot, &self.bench.manager, delay, self.at);
        let mut hold = |keys: &BTreeSet<Key>, because: &str| {
            input.held.extend(keys.iter().map(|key| held(key, namespace, because)));
        };
        hold(&absent.waiting, "it is gone from the cluster, for less long than policy.removalDelay says");
        let mut again = absent.next;
        let later = Some(self.at + delay.max(Duration::from_secs(1)));
        if let Some(trouble) = trouble.filter(|_| !absent.due.is_empty()) {
            hold(&absent.due, &format!("it is not seen in the cluster, but {trouble}"));
            again = later;
        } else if !absent.due.is_empty() {
            let kinds = absent.due.iter().map(|key| key.kind).collect();
            match self.bench.presence.can_remove(namespace, &kinds).await {
                Ok(definitions) => hold(&went_along(&absent.due, &self.gathered.objects, snapshot, &definitions), WENT_ALONG),
                Err(because) => {
                    hold(&absent.due, &because);
                    self.memory.absences.forget();
                    again = later;
                }
            }
        }
        (input, again)
    }

    fn context(&self, prune: bool) -> Context {
        Context {
            now: self.now,
            observed_at: self.now,
            manager: self.bench.manager.clone(),
            actor: ACTOR.into(),
            asker: None,
            prune,
            allow_empty: true,
            approved: Vec::new(),
            tightened: Tightened::default(),
        }
    }

    fn how(&self) -> Apply {
        Apply {
            now: self.now,
            manager: self.bench.manager.clone(),
            holder: self.bench.holder.clone(),
            actor: ACTOR.into(),
            source: None,
            take_over: self.bench.take_over && !self.memory.passed,
            all_or_nothing: false,
            errored: false,
            seed: uuid::Uuid::new_v4().into_bytes(),
        }
    }

    /// Applies a plan, where there is something to apply: looking costs nothing.
    async fn carry_out(&self, plan: Plan, known: Option<&Registered>, how: &Apply) -> Result<Outcome, StoreError> {
        let claim = known.and_then(|known| known.claim.as_ref());
        if let Some(because) = claim.and_then(|claim| claimed_elsewhere(&plan, claim, how)) {
            return Ok(Outcome { plan, end: End::ClaimedElsewhere(because) });
        }
        let revision = known.map(|known| known.revision).unwrap_or_default();
        if plan.is_empty() && plan.base == revision {
            return Ok(Outcome { plan, end: End::NothingToDo });
        }
        let organization = plan.organization.clone();
        let outcomes = apply(&self.bench.store, vec![plan], how).await?;
        outcomes.into_iter().next().ok_or(StoreError::Missing { store: organization.to_string() })
    }

    fn report(
        mut self,
        organization: &Name,
        findings: &[Finding],
        outcome: Option<Outcome>,
        after: Snapshot,
        again: Option<Instant>,
    ) -> Passed {
        let policy = policy_of(&after);
        let facts = Facts { organization, outcome: outcome.as_ref(), findings, after: &after, policy: &policy, now: self.now };
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
            overview = Some(Overview::new(&outcome.plan, &after, counted));
            for (object, verdict) in &mut verdicts {
                if object.id.key.kind == Kind::Organization && object.id.namespace == self.gathered.namespace {
                    overview::add_to(verdict, &outcome.plan, &self.gathered.objects);
                }
            }
        }
        let failed = match outcome.as_ref().map(|outcome| &outcome.end) {
            Some(End::Stale(because) | End::Failed(because)) => Some(because.clone()),
            _ => None,
        };
        let dated = next_date(&after, &policy, self.now).map(|date| {
            let wait = date.duration_since(self.now).unsigned_abs().min(LONGEST);
            self.at + wait + Duration::from_millis(5)
        });
        let again = [again, dated, Some(self.at + self.interval())].into_iter().flatten().min();
        let is_over = self.gathered.objects.is_empty() && self.gathered.elsewhere.is_empty() && after.rows.is_empty();
        self.memory.passed |= failed.is_none();
        self.memory.snapshot = Some(after).filter(|_| failed.is_none());
        Passed { overview, outcome, again, failed, is_over, ..self.ended(verdicts) }
    }

    /// How long until the next comparison when nothing happens, a tenth shorter or longer, so that many do not come at once.
    fn interval(&self) -> Duration {
        let written = self.gathered.organization().and_then(|own| match &own.read {
            ObjectRead::Manifest(manifest) => match &*manifest.spec {
                Spec::Organization(spec) => spec.interval,
                _ => None,
            },
            ObjectRead::Held(_) => None,
        });
        let seconds = written.map_or(INTERVAL, |interval| u64::try_from(interval.seconds()).unwrap_or(INTERVAL));
        let interval = Duration::from_secs(seconds);
        interval.mul_f64(0.9) + super::watch::jittered(interval.mul_f64(0.2))
    }

    /// The store cannot be used: that is told on the organization, and on what was changed meanwhile.
    fn without_store(mut self, error: &StoreError) -> Passed {
        let because = in_one_line(error);
        let unseen = |object: &&SharedObject| object.id.key.kind == Kind::Organization || !object.is_settled();
        let objects = self.gathered.objects.iter().filter(unseen);
        let verdicts = objects.map(|object| (object.clone(), verdict::retrying(&because))).collect();
        self.memory.snapshot = None;
        Passed { failed: Some(because), ..self.ended(verdicts) }
    }
}

/// Why what went with its definition is kept.
const WENT_ALONG: &str = "it was there before the definition of its kind, with which all of them went: nobody said that it should; \
                          write it again, or remove it with `muster apply --prune`";

/// What is older than the definition of its kind, where none of the kind is left: it went with the definition that was there before.
fn went_along(due: &BTreeSet<Key>, objects: &[SharedObject], snapshot: &Snapshot, definitions: &Definitions) -> BTreeSet<Key> {
    let is_left = |kind: Kind| objects.iter().any(|object| object.id.key.kind == kind);
    let is_older = |key: &Key| {
        let made = definitions.get(&key.kind).copied().flatten();
        made.is_some_and(|made| snapshot.row(key).is_some_and(|row| row.created_at < made))
    };
    due.iter().filter(|key| is_older(key) && !is_left(key.kind)).cloned().collect()
}

/// How often an organization is compared with the store when nothing happens, in seconds.
const INTERVAL: u64 = 600;

/// The longest that anything is waited for.
const LONGEST: Duration = Duration::from_hours(24);

fn is_suspended(organization: &SharedObject) -> bool {
    let ObjectRead::Manifest(manifest) = &organization.read else { return false };
    matches!(&*manifest.spec, Spec::Organization(spec) if spec.suspend == Some(true))
}

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

/// The policy in force.
fn policy_of(snapshot: &Snapshot) -> Policy {
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
