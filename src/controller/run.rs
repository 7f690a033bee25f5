//! The loop: it takes note of what the watches tell, starts passes when they are due, and hands on what they say. It holds all state of the
//! controller, so nothing is locked.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use k8s_openapi::api::core::v1::Namespace;
use kube::{Api, Client};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::{Id, JoinError, JoinHandle, JoinSet};
use tokio::time::{Instant, sleep_until, timeout};

use tracing::Instrument as _;

use super::cache::{Cache, Work};
use super::calls::Calls;
use super::claim::Attitude;
use super::connect::reason;
use super::events::Events;
use super::gather::{Gathered, gather};
use super::lease::{Elector, Leadership, Leading};
use super::metrics::Metrics;
use super::pass::{Bench, Memory, Passed};
use super::presence::Presence;
use super::report::{After, Report};
use super::schedule::Schedule;
use super::server::{self, Question};
use super::services::Services;
use super::slots::Slots;
use super::watch::{Scope, Seen, follow_on};
use super::writer::{Writer, Wrote};
use crate::api::Kind;
use crate::backend::Stop;
use crate::backend::http::AllowList;
use crate::store::{AnyStore, Observe, Registered};
use crate::tenancy::{Manager, Name};

/// How a controller runs.
#[derive(Clone, Debug)]
pub struct Options {
    /// The manager.
    pub manager: Manager,
    /// The namespaces that are watched; none for all of them.
    pub namespaces: Vec<Name>,
    /// The namespace and the name of the lease.
    pub lease: (String, String),
    /// How long a lease holds after it was renewed.
    pub lease_duration: Duration,
    /// How long an answer of the API server may take.
    pub request_timeout: Duration,
    /// How many statuses are written at a time.
    pub concurrency: usize,
    /// How long one look at an organization may take. Every call that it makes has a limit of its own, but the store's server may fall
    /// silent in the middle of an answer.
    pub pass_limit: Duration,
    /// Where services behind organizations may be, beside the hosts that they publish; `None` where organizations are not mirrored.
    pub backends: Option<AllowList>,
    /// Whether organizations are taken over from another place that applied within the last hour.
    pub take_over: bool,
}

/// Why a controller ended that was not told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The cluster does not say who it is.
    #[error(
        "the namespace kube-system cannot be read, whose uid tells clusters apart: {0}; check the kubeconfig and the rights of this account"
    )]
    Cluster(String),
    /// The listener for probes and metrics failed.
    #[error("cannot answer probes: {0}")]
    Server(#[source] std::io::Error),
}

/// How many of the passes that are at services may plan at a time, beside those over what the store has.
const SEATS: usize = 2;

/// How often the store is asked which organizations another hand wrote to.
const POLL: Duration = Duration::from_secs(10);

/// How long the store may take to say which organizations it has.
const PATIENCE: Duration = Duration::from_mins(1);

/// How long a watch may say nothing before the controller counts as not ready.
const SILENCE: Duration = Duration::from_secs(100);

/// What is said where a pass crashed, and where it took too long.
const CRASHED: &str = "looking at the organization crashed, which is a defect of muster: the log of the controller tells more";
const OVERDUE: &str = "looking at the organization took too long and was broken off: the store or a service may not answer";

/// How long to go on after having been told to stop, to end what was begun.
const GRACE: Duration = Duration::from_secs(3);

/// How long to wait for each of the last things to end.
const LAST: Duration = Duration::from_millis(700);

/// Runs a controller until `stop` says so; then it ends what it began, and releases its lease.
///
/// # Errors
///
/// When the cluster cannot be identified, or nobody can ask how it is.
pub async fn run(
    client: Client,
    store: AnyStore,
    options: Options,
    listener: TcpListener,
    stop: watch::Receiver<bool>,
) -> Result<(), RunError> {
    let holder = identify(&client, options.request_timeout).await?;
    let (questions_in, questions) = mpsc::channel(16);
    let mut stopped = stop.clone();
    let server = tokio::spawn(server::serve(listener, questions_in, async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    }));
    let presence = Presence::new(client.clone(), options.request_timeout);
    let namespaces = options.namespaces.clone().into();
    let metrics = Metrics::default();
    let services = options.backends.clone().map(|allow| Services {
        client: client.clone(),
        patience: options.request_timeout,
        allow: allow.into(),
        meter: metrics.of_services(),
    });
    let (manager, seats) = (options.manager.clone(), Semaphore::new(SEATS).into());
    let bench = Bench { store, manager, holder, namespaces, presence, services, seats };
    let controller = Controller::start(client, bench, &options, metrics, stop);
    controller.work(questions).await;
    // Whoever still asks something is not waited for.
    match timeout(Duration::from_millis(200), server).await {
        Ok(Ok(Err(error))) => Err(RunError::Server(error)),
        _ => Ok(()),
    }
}

/// The uid of `kube-system`, which is what a cluster has for a name.
async fn identify(client: &Client, patience: Duration) -> Result<Box<str>, RunError> {
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let found = timeout(patience, namespaces.get_metadata("kube-system")).await;
    let found = found.map_err(|_| RunError::Cluster("the API server did not answer in time".to_owned()))?;
    let found = found.map_err(|error| RunError::Cluster(reason(&error)))?;
    Ok(found.metadata.uid.unwrap_or_default().into())
}

pub(super) struct Controller {
    bench: Bench,
    pub(super) cache: Cache,
    pub(super) schedule: Schedule,
    memories: BTreeMap<Work, Memory>,
    known: BTreeMap<Name, Registered>,
    /// True once the store has told what it knows since this replica leads.
    polled: bool,
    /// The organizations that are to be taken over from another place.
    to_take_over: BTreeSet<Name>,
    take_over: bool,
    pub(super) report: Report,
    /// What was not done in time is `None`.
    passes: JoinSet<(Option<Passed>, Duration)>,
    pass_limit: Duration,
    /// What the passes are about, to know it of one that crashes.
    pub(super) running: HashMap<Id, Running>,
    pub(super) slots: Slots,
    /// What is said of what waits for a service, and when.
    pub(super) untold: BTreeMap<Name, (Instant, Passed)>,
    /// The organizations whose service made way: it does not twice in a row.
    pub(super) made_way: BTreeSet<Name>,
    polls: JoinSet<Option<Vec<Registered>>>,
    next_poll: Instant,
    seen: mpsc::Receiver<Seen>,
    wrote: mpsc::UnboundedReceiver<Wrote>,
    leadership: mpsc::UnboundedReceiver<Leadership>,
    /// While this replica leads: whether the one before may only be asleep.
    pub(super) leads: Option<Lead>,
    leading: Leading,
    stop: watch::Receiver<bool>,
    release: watch::Sender<bool>,
    elector: JoinHandle<()>,
    followers: JoinSet<()>,
}

/// A pass that goes on.
pub(super) struct Running {
    pub work: Work,
    pub since: Instant,
    /// Asks it for an end, where it is at a service.
    pub stop: Stop,
}

/// How this replica came to lead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lead {
    from_a_sleeper: bool,
    since: Instant,
}

impl Controller {
    fn start(client: Client, bench: Bench, options: &Options, metrics: Metrics, stop: watch::Receiver<bool>) -> Self {
        let leading = Leading::default();
        let (wrote_in, wrote) = mpsc::unbounded_channel();
        let (leadership_in, leadership) = mpsc::unbounded_channel();
        let (seen_in, seen) = mpsc::channel(1024);
        let scopes = scopes(&options.namespaces);
        let mut followers = JoinSet::new();
        for scope in scopes.clone() {
            followers.spawn(follow_on(client.clone(), scope, options.request_timeout, seen_in.clone()));
        }
        let lease = (options.lease.0.as_str(), options.lease.1.as_str());
        let elector = Elector::new(client.clone(), lease, options.lease_duration, leading.clone(), leadership_in);
        let (release, released) = watch::channel(false);
        let writer = Writer::start(&client, &leading, options.concurrency, options.request_timeout, &wrote_in);
        let events = Events::start(client, options.request_timeout);
        Self {
            bench,
            cache: Cache::new(scopes),
            schedule: Schedule::default(),
            memories: BTreeMap::new(),
            known: BTreeMap::new(),
            polled: false,
            to_take_over: BTreeSet::new(),
            take_over: options.take_over,
            report: Report::new(writer, events, metrics),
            passes: JoinSet::new(),
            pass_limit: options.pass_limit,
            running: HashMap::new(),
            slots: Slots::default(),
            untold: BTreeMap::new(),
            made_way: BTreeSet::new(),
            polls: JoinSet::new(),
            next_poll: Instant::now(),
            seen,
            wrote,
            leadership,
            leads: None,
            leading,
            elector: tokio::spawn(elector.run(released)),
            release,
            stop,
            followers,
        }
    }

    async fn work(mut self, mut questions: mpsc::Receiver<Question>) {
        let mut stop = self.stop.clone();
        let told = async move { drop(stop.wait_for(|stop| *stop).await) };
        tokio::pin!(told);
        loop {
            let due = self.schedule.next(Instant::now(), |work| self.slots.have_room_for(work)).filter(|_| self.may_start());
            let poll = Some(self.next_poll).filter(|_| self.leads.is_some() && self.polls.is_empty());
            let next = [due, poll, self.slow()].into_iter().flatten().min();
            tokio::select! {
                () = &mut told => break,
                Some(seen) = self.seen.recv() => self.take(seen),
                Some(wrote) = self.wrote.recv() => self.wrote(wrote),
                Some(change) = self.leadership.recv() => self.lead(change),
                Some(question) = questions.recv() => self.answer(question),
                Some(passed) = self.passes.join_next_with_id() => self.passed(passed),
                Some(polled) = self.polls.join_next() => self.polled(polled.ok().flatten()),
                () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
            }
            self.go_on();
        }
        self.end().await;
    }

    fn may_start(&self) -> bool {
        self.leads.is_some() && self.polled && self.leading.now() && self.cache.is_complete()
    }

    /// Takes note of what was seen, with all that waits.
    fn take(&mut self, seen: Seen) {
        let now = Instant::now();
        let mut next = Some(seen);
        while let Some(seen) = next {
            let complete = self.cache.is_complete();
            if let Seen::Broken(scope, error) = &seen {
                tracing::warn!(kind = scope.kind.plural(), error, "a watch is broken");
            }
            for work in self.cache.take(seen, now) {
                self.schedule.changed(work, now);
            }
            if !complete && self.cache.is_complete() {
                tracing::info!("every first list is complete");
            }
            next = self.seen.try_recv().ok();
        }
    }

    fn wrote(&mut self, wrote: Wrote) {
        let now = Instant::now();
        match self.report.wrote(wrote, &mut self.cache) {
            After::Nothing => {}
            After::Told(work) => self.schedule.told(&work),
            After::Again(work) => self.schedule.stumbled(work, now),
        }
    }

    fn lead(&mut self, change: Leadership) {
        match change {
            Leadership::Acquired { from_a_sleeper } => {
                tracing::info!(from_a_sleeper, "this replica leads");
                self.leads = Some(Lead { from_a_sleeper, since: Instant::now() });
                self.memories.clear();
                self.known.clear();
                self.polled = false;
                self.next_poll = Instant::now();
                for work in self.cache.all_work() {
                    self.schedule.changed(work, Instant::now());
                }
                self.schedule.ask_all_services(Instant::now());
            }
            Leadership::Lost => {
                tracing::warn!("this replica does not lead any more");
                self.leads = None;
                self.untold.clear();
                self.stop_calls();
                self.report.lost(&mut self.cache);
            }
        }
        self.report.metrics.leads(self.leads.is_some());
    }

    fn answer(&self, question: Question) {
        // Whoever does not wait for the answer does not need it.
        let _ = match question {
            Question::Ready(answer) => answer.send(self.why_not_ready()).map_err(drop),
            Question::Metrics(answer) => {
                self.report.metrics.in_backoff(self.schedule.in_backoff());
                answer.send(self.report.metrics_text(&self.cache)).map_err(drop)
            }
        };
    }

    /// What keeps the controller from being ready. Waiting for the lease does not: another replica has it.
    fn why_not_ready(&self) -> Option<String> {
        if !self.cache.is_complete() {
            return Some(self.cache.trouble().unwrap_or_else(|| "the first lists are being read".to_owned()));
        }
        let silent = self.cache.heard().find(|(_, heard)| heard.is_none_or(|heard| heard.elapsed() > SILENCE));
        silent.map(|(scope, _)| format!("nothing was heard of the watch of {} for {} s", scope.kind.plural(), SILENCE.as_secs()))
    }

    /// Starts what is due.
    fn go_on(&mut self) {
        let now = Instant::now();
        self.mind_the_slow(now);
        while self.may_start() {
            let slots = &self.slots;
            let Some(work) = self.schedule.take(now, |work| slots.have_room_for(work)) else { break };
            self.begin(work, now);
        }
        if self.leads.is_some() && self.polls.is_empty() && self.next_poll <= now {
            self.next_poll = now + POLL;
            let store = self.bench.store.clone();
            self.polls.spawn(async move { timeout(PATIENCE, store.organizations()).await.ok()?.ok() });
        }
    }

    fn begin(&mut self, work: Work, now: Instant) {
        let takes_over = work.organization().is_some_and(|organization| self.to_take_over.contains(organization));
        let attitude = Attitude { fences: self.leads.is_some_and(|lead| lead.from_a_sleeper), takes_over, moves: false };
        let gathered = self.gathered(&work);
        let memory = self.memories.remove(&gathered.work).unwrap_or_default();
        let (bench, limit) = (self.bench.clone(), self.pass_limit);
        let stop = Stop::default();
        let calls =
            matches!(work, Work::Service(_)).then(|| Calls { stop: stop.clone(), is_shut: self.schedule.is_shut(&work, now) });
        let task = async move {
            let passed = async {
                match calls {
                    Some(calls) => bench.call(gathered, memory, attitude, calls).await,
                    None => bench.pass(gathered, memory, attitude).await,
                }
            };
            let passed = timeout(limit, passed).await.ok();
            (passed, now.elapsed())
        };
        let span = tracing::info_span!("pass", work = %work);
        let task = self.passes.spawn(task.instrument(span)).id();
        self.slots.enter(&work);
        self.running.insert(task, Running { work, since: now, stop });
    }

    /// What one pass over some work looks at.
    fn gathered(&self, work: &Work) -> Gathered {
        let known = work.organization().and_then(|organization| self.known.get(organization));
        let claimed = known.and_then(|known| known.claim.as_ref()).map(|claim| self.bench.claimed(claim));
        let about = work.organization().cloned().map_or_else(|| work.clone(), Work::Organization);
        gather(&self.cache, &about, claimed.as_ref())
    }

    fn passed(&mut self, passed: Result<(Id, (Option<Passed>, Duration)), JoinError>) {
        let now = Instant::now();
        let (task, mut passed, took) = match passed {
            Ok((task, (Some(passed), took))) => (task, passed, took),
            Ok((task, (None, took))) => {
                tracing::error!("a pass took too long and was broken off");
                return self.broke_off(task, "timeout", took, OVERDUE);
            }
            Err(error) => {
                tracing::error!(%error, "a pass crashed; this is a defect of muster, please report it");
                return self.broke_off(error.id(), "crash", Duration::ZERO, CRASHED);
            }
        };
        let Some(Running { work, since, .. }) = self.running.remove(&task) else { return };
        // What was seen before another replica led in between means nothing any more.
        if self.leads.is_some_and(|lead| since < lead.since) {
            passed.memory = Memory::default();
        }
        self.slots.leave(&work);
        self.report.metrics.passed(took, if passed.failed.is_some() { "error" } else { "success" });
        match (&passed.failed, passed.called.take(), &work) {
            (Some(because), ..) => {
                tracing::warn!(%work, because, "a pass failed");
                self.forget_untold(&work);
                self.report.metrics.store_failed();
                self.schedule.failed(&work, now);
            }
            (None, Some(called), Work::Service(organization)) => self.called(organization, &called, took, &passed),
            (None, ..) => self.schedule.done(&work, took, now),
        }
        let was_calling = matches!(work, Work::Service(_));
        let work = passed.work.clone();
        if let Some(again) = passed.again {
            self.schedule.ask(work.clone(), again);
        }
        if let Work::Organization(organization) = &work
            && passed.failed.is_none()
        {
            self.to_take_over.remove(organization);
            if let Some(wanted) = &passed.wanted {
                self.slots.locate(organization, wanted.address.clone());
                let service = Work::Service(organization.clone());
                match wanted.at_once {
                    true => self.schedule.changed(service, now),
                    false if !self.schedule.is_asked(&service) => self.schedule.ask(service, now),
                    false => {}
                }
            }
            if let (Some(revision), Some(known)) = (passed.revision, self.known.get_mut(organization)) {
                known.revision = revision;
            }
            // What this one implies, or keeps, may be what others refer to.
            let wrote = passed.outcome.as_ref().is_some_and(|outcome| outcome.wrote());
            let leaves = wrote && self.cache.in_namespace(&passed.namespace).any(|object| self.cache.is_leaving(object));
            if leaves {
                self.schedule.ask(Work::Unplaced(passed.namespace.clone()), now);
            }
        }
        if let Some(placed) = &passed.placed {
            for work in self.cache.place(&passed.namespace, placed) {
                self.schedule.changed(work, now);
            }
        }
        if self.leads.is_some()
            && let Some(later) = self.report.tell(&passed, &mut self.cache)
        {
            self.schedule.ask(work.clone(), later);
        }
        if passed.is_over && !self.schedule.is_asked(&work) {
            self.schedule.forget(&work);
            self.report.forget(&work);
            if let Work::Organization(organization) = work {
                self.schedule.forget(&Work::Service(organization.clone()));
                self.slots.forget(&organization);
                self.untold.remove(&organization);
                self.made_way.remove(&organization);
            }
        } else {
            self.memories.insert(work.clone(), std::mem::take(&mut passed.memory));
            if !was_calling {
                self.tell_later(&work, passed, now);
            }
        }
    }

    /// A pass that did not come to an end takes nothing else with it: it is told and tried again later, like one that failed.
    fn broke_off(&mut self, task: Id, result: &'static str, took: Duration, because: &str) {
        let Some(Running { work, .. }) = self.running.remove(&task) else { return };
        self.slots.leave(&work);
        tracing::warn!(%work, because, "a pass failed");
        self.forget_untold(&work);
        self.report.metrics.passed(took, result);
        self.schedule.failed(&work, Instant::now());
        if let Work::Service(organization) = &work {
            self.slots.answered(organization, false);
            self.report.fails_at_service(organization);
        }
        if self.leads.is_some() {
            let passed = Passed::failed(self.gathered(&work), Memory::default(), because.to_owned());
            self.report.tell(&passed, &mut self.cache);
        }
    }

    /// What another hand wrote to is looked at, and so is what only the store knows.
    fn polled(&mut self, polled: Option<Vec<Registered>>) {
        let Some(polled) = polled else {
            tracing::warn!("the store does not say which organizations it has");
            self.report.metrics.store_failed();
            return;
        };
        let now = Instant::now();
        self.polled = true;
        if std::mem::take(&mut self.take_over) {
            self.to_take_over = polled.iter().map(|known| known.organization.clone()).collect();
        }
        for known in polled {
            let ours = known.claim.as_ref().is_some_and(|claim| self.bench.is_ours(claim));
            let before = self.known.insert(known.organization.clone(), known.clone());
            let moved = before.as_ref().is_none_or(|before| before.revision != known.revision);
            let work = Work::Organization(known.organization.clone());
            let concerns = ours || self.memories.contains_key(&work);
            if moved && concerns {
                self.schedule.ask(work, now);
            }
        }
    }

    /// Ends what was begun, and lets another replica go on.
    async fn end(mut self) {
        tracing::info!("stopping");
        self.stop_calls();
        let deadline = Instant::now() + GRACE;
        while !self.passes.is_empty() || !self.report.is_idle() {
            tokio::select! {
                Some(passed) = self.passes.join_next_with_id() => self.passed(passed),
                Some(wrote) = self.wrote.recv() => self.wrote(wrote),
                () = sleep_until(deadline) => break,
            }
        }
        self.passes.shutdown().await;
        // Only now may another replica begin.
        let _ = self.release.send(true);
        let _ = timeout(LAST, &mut self.elector).await;
        self.followers.shutdown().await;
        let _ = timeout(LAST, self.bench.store.close()).await;
    }
}

/// One watch for each kind, in each of these namespaces or in all of them.
fn scopes(namespaces: &[Name]) -> BTreeSet<Scope> {
    let of = |namespace: Option<&Name>| {
        let namespace = namespace.cloned();
        Kind::WRITTEN.into_iter().map(move |kind| Scope { kind, namespace: namespace.clone() })
    };
    match namespaces {
        [] => of(None).collect(),
        namespaces => namespaces.iter().flat_map(|namespace| of(Some(namespace))).collect(),
    }
}
