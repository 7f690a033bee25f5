//! What Prometheus reads. Counters are kept as things happen; what can be counted from the objects is counted when somebody asks.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use crate::backend::http::{Attempt, Meter};

/// How passes end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Result {
    kind: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Guard {
    guard: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Action {
    action: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    result: &'static str,
}

/// The metrics of a controller.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    passes: Family<Result, Counter>,
    durations: Family<OfKind, Histogram>,
    first_ready: Family<OfKind, Histogram>,
    refused: Family<Guard, Counter>,
    changes: Family<Action, Counter>,
    writes: Family<Ended, Counter>,
    store_errors: Counter,
    leader: Gauge,
    backoff: Gauge,
    services: Services,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    backend: &'static str,
    op: &'static str,
    code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfBackend {
    backend: &'static str,
}

/// Counts the requests to services.
#[derive(Clone, Debug)]
struct Services {
    requests: Family<Request, Counter>,
    durations: Family<OfBackend, Histogram>,
}

impl Meter for Services {
    fn attempted(&self, Attempt { backend, op, status, took }: Attempt) {
        let code = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        self.requests.get_or_create(&Request { backend, op, code }).inc();
        self.durations.get_or_create(&OfBackend { backend }).observe(took.as_secs_f64());
    }
}

/// The kind of what a pass is about.
const ORGANIZATION: &str = "Organization";

impl Default for Metrics {
    fn default() -> Self {
        let durations = Family::<OfKind, Histogram>::new_with_constructor(|| Histogram::new(exponential_buckets(0.001, 2.0, 15)));
        let first_ready =
            Family::<OfKind, Histogram>::new_with_constructor(|| Histogram::new(exponential_buckets(0.01, 2.0, 15)));
        let mut metrics = Self {
            registry: Registry::with_prefix("muster"),
            passes: Family::default(),
            durations,
            first_ready,
            refused: Family::default(),
            changes: Family::default(),
            writes: Family::default(),
            store_errors: Counter::default(),
            leader: Gauge::default(),
            backoff: Gauge::default(),
            services: Services {
                requests: Family::default(),
                durations: Family::new_with_constructor(|| Histogram::new(exponential_buckets(0.005, 2.0, 14))),
            },
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let registry = &mut self.registry;
        registry.register("reconcile", "Passes over an organization, by how they ended", self.passes.clone());
        registry.register_with_unit("reconcile_duration", "How long passes took", Unit::Seconds, self.durations.clone());
        registry.register_with_unit(
            "time_to_first_ready",
            "From the creation of an object to its first Ready",
            Unit::Seconds,
            self.first_ready.clone(),
        );
        registry.register("guard_refusals", "Changes that a rule began to refuse", self.refused.clone());
        registry.register("plan_changes", "Changes that were applied", self.changes.clone());
        registry.register("status_writes", "Statuses that were written, by how that ended", self.writes.clone());
        registry.register("store_errors", "Passes that failed because of the store", self.store_errors.clone());
        let Services { requests, durations } = &self.services;
        registry.register(
            "backend_requests",
            "Requests to services behind organizations, by their status code",
            requests.clone(),
        );
        registry.register_with_unit("backend_request_duration", "How long they took", Unit::Seconds, durations.clone());
        registry.register("leader", "1 while this replica leads", self.leader.clone());
        registry.register("objects_in_backoff", "Organizations that wait after a failure", self.backoff.clone());
    }

    /// What counts the requests to services.
    #[must_use]
    pub fn of_services(&self) -> Arc<dyn Meter> {
        Arc::new(self.services.clone())
    }

    /// A pass ended.
    pub fn passed(&self, took: Duration, result: &'static str) {
        self.passes.get_or_create(&Result { kind: ORGANIZATION, result }).inc();
        self.durations.get_or_create(&OfKind { kind: ORGANIZATION }).observe(took.as_secs_f64());
    }

    /// An object was ready for the first time, so long after it was created.
    pub fn became_ready(&self, kind: &'static str, after: Duration) {
        self.first_ready.get_or_create(&OfKind { kind }).observe(after.as_secs_f64());
    }

    /// A rule began to refuse something.
    pub fn refused(&self, rule: &str) {
        self.refused.get_or_create(&Guard { guard: rule.to_owned() }).inc();
    }

    /// A change was applied.
    pub fn changed(&self, action: &str) {
        self.changes.get_or_create(&Action { action: action.to_owned() }).inc();
    }

    /// A status was written, or not.
    pub fn wrote(&self, result: &'static str) {
        self.writes.get_or_create(&Ended { result }).inc();
    }

    /// The store failed.
    pub fn store_failed(&self) {
        self.store_errors.inc();
    }

    /// Whether this replica leads.
    pub fn leads(&self, leads: bool) {
        self.leader.set(leads.into());
    }

    /// How much waits after a failure.
    pub fn in_backoff(&self, count: usize) {
        self.backoff.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// All of it as text, with what was counted just now.
    #[must_use]
    pub fn text(&self, counted: &Gauges) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        let end = text.rfind("# EOF").unwrap_or(text.len());
        text.insert_str(end, &counted.text);
        text
    }
}

/// Gauges that are made when somebody asks.
#[derive(Debug, Default)]
pub struct Gauges {
    text: String,
}

impl Gauges {
    /// Begins a gauge.
    pub fn begin(&mut self, name: &str, help: &str) {
        let _ = writeln!(self.text, "# HELP muster_{name} {help}.\n# TYPE muster_{name} gauge");
    }

    /// Adds a value of the gauge that was begun last. Labels are names of Kubernetes, which need no quoting.
    pub fn value(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<String> = labels.iter().map(|(label, value)| format!("{label}=\"{value}\"")).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.text, "muster_{name}{labels} {value}");
    }
}
