//! An organization of a store that is mirrored to a double, one run after the other, with a clock on which waiting takes no time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use muster::api::organization::AdoptionPolicy;
use muster::api::policy::DriftPolicy;
use muster::backend::http::{AllowList, Client, Clock, Rate, Settings};
use muster::backend::secrets::{Environment, Pair, Secrets};
use muster::backend::{Backend, Connection, Mirroring, State, Stop, carry_out};
use muster::engine::{Apply, apply, plan_input};
use muster::plan::mirror::{Capabilities, Edit, Mirror, Shape, Terms, compare};
use muster::plan::{Context, Tightened};
use muster::source::read_text;
use muster::store::{Memory, Observe};
use muster::tenancy::{Digest, Manager, Name, ObjectId};
use tokio::time::Instant;

/// A clock on which waiting takes no time.
#[derive(Debug)]
pub struct Hasty {
    start: Instant,
    waited: Mutex<Duration>,
    ahead: Mutex<SignedDuration>,
}

impl Hasty {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { start: Instant::now(), waited: Mutex::default(), ahead: Mutex::default() })
    }

    /// So much time goes by.
    pub fn pass(&self, time: SignedDuration) {
        *self.ahead.lock().unwrap() += time;
    }
}

impl Clock for Hasty {
    fn now(&self) -> Instant {
        self.start + *self.waited.lock().unwrap()
    }

    fn today(&self) -> Timestamp {
        Timestamp::now() + *self.ahead.lock().unwrap()
    }

    fn chance(&self) -> f64 {
        1.0
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'_, ()> {
        *self.waited.lock().unwrap() += wait;
        Box::pin(std::future::ready(()))
    }
}

/// What a service is made to have, and how that is found out.
pub struct Service<B> {
    pub capabilities: &'static Capabilities,
    pub client: Client,
    pub url: String,
    pub shape: fn(&State<'_>) -> Shape,
    pub new: fn(Connection) -> B,
}

/// One organization, its store, and where its secrets are.
pub struct Mirrored {
    pub store: Memory,
    pub organization: Name,
    pub secrets: Vec<(String, String)>,
    pub clock: Arc<Hasty>,
    pub drift: DriftPolicy,
    pub adoption: AdoptionPolicy,
    pub approved: Vec<Digest>,
}

impl Mirrored {
    pub fn new(organization: &str) -> Self {
        Self {
            store: Memory::default(),
            organization: organization.into(),
            secrets: Vec::new(),
            clock: Hasty::new(),
            drift: DriftPolicy::Correct,
            adoption: AdoptionPolicy::Refuse,
            approved: Vec::new(),
        }
    }

    /// What calls the service at this address; preparing it takes a while.
    pub fn client(&self, url: &str) -> Client {
        let allow: AllowList = ["127.0.0.1".parse().unwrap()].into_iter().collect();
        let settings = Settings {
            allow: Arc::new(allow),
            clock: self.clock.clone(),
            ..Settings::new("a service", Rate::per_second(1_000, 1_000))
        };
        Client::new(url, settings).unwrap()
    }

    /// The key of a Secret has this value from now on.
    pub fn knows(&mut self, name: &str, key: &str, value: &str) {
        let variable = Environment::variable(name, key);
        self.secrets.retain(|(known, _)| *known != variable);
        self.secrets.push((variable, value.to_owned()));
    }

    /// Brings documents into the store; what is not among them any more is removed.
    pub async fn store(&self, documents: &str) {
        let now = Timestamp::now();
        let manager = Manager::new("muster");
        let context = Context {
            now,
            observed_at: now,
            manager: manager.clone(),
            actor: "ci".into(),
            asker: None,
            prune: true,
            allow_empty: false,
            approved: Vec::new(),
            tightened: Tightened::default(),
        };
        let how = Apply {
            now,
            manager,
            holder: "files".into(),
            actor: "ci".into(),
            source: None,
            take_over: true,
            all_or_nothing: false,
            errored: false,
            seed: [7; 16],
        };
        let input = read_text("documents.yaml", documents).input;
        let mut planned = plan_input(&self.store, &input, "files", &context).await.unwrap();
        if let Some(approval) = planned.plans.iter().find_map(|plan| plan.approval.as_ref()) {
            let context = Context { approved: vec![approval.digest], ..context };
            planned = plan_input(&self.store, &input, "files", &context).await.unwrap();
        }
        for plan in &planned.plans {
            assert!(plan.refusals.is_empty() && plan.held.is_empty(), "{:?} {:?}", plan.refusals, plan.held);
        }
        apply(&self.store, planned.plans, &how).await.unwrap();
    }

    /// Compares the service with the store.
    pub async fn plan<B: Backend>(&self, service: &Service<B>) -> (B, Mirror) {
        let snapshot = self.store.observe(&self.organization).await.unwrap();
        let mut shape = (service.shape)(&State { rows: &snapshot.rows, url: &service.url, secret_ref: None });
        let secrets: Arc<dyn Secrets> = Arc::new(self.secrets.iter().cloned().collect::<Environment>());
        for wanted in &mut shape.wanted {
            for (path, reference) in &wanted.secrets {
                if let Ok(value) = secrets.read(reference.name.as_str(), reference.key.as_str()).await {
                    wanted.digests.insert(path.clone(), value.digest(path.as_bytes()).to_string().into());
                }
            }
        }
        let mut credentials = BTreeMap::new();
        for (place, reference) in &shape.places {
            let reference = reference.as_ref().expect("the workspace names its keys");
            let read = secrets.read(reference.name.as_str(), reference.key.as_str()).await;
            let pair = read.and_then(|text| Pair::parse(&text, "the keys")).map_err(|error| error.to_string().into());
            credentials.insert(place.clone(), pair);
        }
        let backend = (service.new)(Connection { client: service.client.clone(), credentials, secrets });
        let observed = backend.observe(&shape).await;
        let journal = self.store.journal(&self.organization).await.unwrap();
        let stored: BTreeSet<ObjectId> = snapshot.rows.iter().map(|row| row.id).collect();
        let terms = Terms {
            capabilities: service.capabilities,
            url: &service.url,
            adoption: self.adoption,
            drift: self.drift,
            approved: &self.approved,
            stored: &stored,
            others: &BTreeSet::new(),
            now: self.clock.today(),
        };
        (backend, compare(&shape, &observed, &journal, &terms))
    }

    /// Compares, and makes what differs.
    pub async fn run<B: Backend>(&self, service: &Service<B>) -> Mirroring {
        let (backend, mirror) = self.plan(service).await;
        let revision = self.store.observe(&self.organization).await.unwrap().revision;
        carry_out(&Stop::default(), &backend, &self.store, (&self.organization, revision), (mirror, self.clock.today())).await
    }

    /// Runs that are expected to do everything, and to find nothing to do then.
    pub async fn settle<B: Backend>(&self, service: &Service<B>) {
        let done = self.run(service).await;
        assert!(done.is_done() && !done.mirror.is_blind(), "{done:#?}");
        assert_eq!(told(&self.plan(service).await.1), Vec::<String>::new(), "the second plan is empty");
    }
}

/// What a mirror says, in short.
pub fn told(mirror: &Mirror) -> Vec<String> {
    let edit = |edit: &Edit| {
        let text = |value: &Option<serde_json::Value>| value.as_ref().map_or("-".to_owned(), ToString::to_string);
        let (from, to) = if edit.secret { ("?".to_owned(), "?".to_owned()) } else { (text(&edit.from), text(&edit.to)) };
        format!(" {}: {from} -> {to}{}", edit.path(), if edit.drift { " (drift)" } else { "" })
    };
    let mut told: Vec<String> = Vec::new();
    for call in &mirror.calls {
        let edits: Vec<String> = call.edits.iter().map(edit).collect();
        let edits = if call.deed == muster::tenancy::Deed::Create { String::new() } else { edits.join(",") };
        told.push(format!("{}{} {}{edits}", call.deed.word(), if call.recorded_only { " silently" } else { "" }, call.key));
    }
    told.extend(mirror.refusals.iter().map(|refusal| format!("{} refused: {}", refusal.subject, refusal.because)));
    told.extend(mirror.held.iter().map(|(key, because)| format!("{key} held: {because}")));
    told.extend(mirror.retained.iter().map(|(key, because)| format!("{key} stays: {because}")));
    told.extend(mirror.drift.iter().map(|it| format!("{} drifted{}", it.key, it.edits.iter().map(edit).collect::<String>())));
    told.extend(mirror.unobservable.iter().map(|(place, why)| format!("{place} unobservable: {why}")));
    told
}
