use std::time::Duration;

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::judge::Verdict;
use super::request::Request;

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    kind: &'static str,
    operation: &'static str,
    verdict: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Guard {
    guard: &'static str,
}

/// What the webhook counts.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    answered: Family<Answered, Counter>,
    denied: Family<Guard, Counter>,
    durations: Histogram,
    not_judged: Counter,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("muster"),
            answered: Family::default(),
            denied: Family::default(),
            durations: Histogram::new(exponential_buckets(0.0005, 2.0, 13)),
            not_judged: Counter::default(),
        };
        let registry = &mut metrics.registry;
        registry.register("admission_requests", "Requests that were answered, by how", metrics.answered.clone());
        registry.register("admission_denials", "Requests that a rule denied", metrics.denied.clone());
        registry.register_with_unit("admission_duration", "How long answers took", Unit::Seconds, metrics.durations.clone());
        registry.register(
            "admission_not_judged",
            "Requests let through without being judged in full",
            metrics.not_judged.clone(),
        );
        metrics
    }
}

impl Metrics {
    /// A request was answered.
    pub fn answered(&self, request: &Request, verdict: &Verdict, took: Duration) {
        let word = match (verdict.denials.is_empty(), verdict.warnings.is_empty()) {
            (false, _) => "denied",
            (true, false) => "warned",
            (true, true) => "allowed",
        };
        let (kind, operation) = (request.key.kind.as_str(), request.operation.as_str());
        self.answered.get_or_create(&Answered { kind, operation, verdict: word }).inc();
        for denial in &verdict.denials {
            self.denied.get_or_create(&Guard { guard: denial.rule }).inc();
        }
        self.durations.observe(took.as_secs_f64());
    }

    /// A request was let through unseen.
    pub fn not_judged(&self) {
        self.not_judged.inc();
    }

    /// All of it as text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}
