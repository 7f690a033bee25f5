use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tracing::{info, warn};

use super::judge::{Settings, Verdict, judge};
use super::metrics::Metrics;
use super::place::{Found, Reader};
use super::progress::{Progress, Step};
use super::request::Request;

/// How many requests are judged at once at most: it is work for processors, and each has an organization in memory.
const MOST_AT_ONCE: usize = 4;

/// What answers the questions of an API server.
#[derive(Debug)]
pub struct Webhook {
    pub(super) reader: Arc<Reader>,
    settings: Arc<Settings>,
    pub(super) metrics: Metrics,
    turns: Arc<Semaphore>,
    is_ready: AtomicBool,
}

/// Why a request is let through without being judged.
enum Unjudged {
    /// The store cannot be read.
    Unread,
    /// There was no time.
    Late,
    /// The judgement broke.
    Broken,
}

impl Webhook {
    /// A webhook that judges by what this reader reads.
    #[must_use]
    pub fn new(reader: Reader, settings: Settings) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            reader: Arc::new(reader),
            settings: Arc::new(settings),
            metrics: Metrics::default(),
            turns: Arc::new(Semaphore::new(processors.min(MOST_AT_ONCE))),
            is_ready: AtomicBool::new(false),
        }
    }

    pub(super) fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Relaxed)
    }

    pub(super) fn set_ready(&self, is_ready: bool) {
        self.is_ready.store(is_ready, Ordering::Relaxed);
    }

    /// Judges a request, for so long. What cannot be judged by then is let through with a warning: the engine reads the same store, and
    /// applies nothing before it has judged.
    pub async fn answer(&self, request: Request, now: Timestamp, patience: Duration) -> Verdict {
        let began = Instant::now();
        let verdict = if self.settings.exempts(&request) || request.is_idle() {
            Verdict::default()
        } else {
            let progress = Arc::new(Progress::default());
            let looked = tokio::time::timeout(patience, self.look(&request, now, &progress)).await;
            progress.end();
            looked.unwrap_or(Err(Unjudged::Late)).unwrap_or_else(|why| self.unjudged(&request, &why, progress.step()))
        };
        if !verdict.denials.is_empty() {
            let mut rules: Vec<&str> = verdict.denials.iter().map(|denial| denial.rule).collect();
            rules.sort_unstable();
            rules.dedup();
            let (operation, rules) = (request.operation.as_str(), rules.join(", "));
            info!(object = %request.key, namespace = %request.namespace, operation, rules, "denied");
        }
        self.metrics.answered(&request, &verdict, began.elapsed());
        verdict
    }

    /// An object that becomes part of another organization leaves the one that it was part of, which takes the right to do so there.
    async fn look(&self, request: &Request, now: Timestamp, progress: &Arc<Progress>) -> Result<Verdict, Unjudged> {
        let found = self.find(request).await?;
        if let Some((leaves, comes)) = request.moves() {
            let before = self.find(&leaves).await?;
            if !before.is_same(&found) {
                let left = self.judge(leaves, before, now, progress).await?;
                return Ok(left.and(self.judge(comes, found, now, progress).await?));
            }
        }
        self.judge(request.clone(), found, now, progress).await
    }

    async fn find(&self, request: &Request) -> Result<Found, Unjudged> {
        self.reader.find(request).await.map_err(|error| {
            let error = &error as &dyn std::error::Error;
            warn!(object = %request.key, namespace = %request.namespace, error, "let through, because the store cannot be read");
            Unjudged::Unread
        })
    }

    /// Judges when it is its turn, and keeps its turn until the work is done, whether anybody waits for it or not.
    async fn judge(&self, request: Request, found: Found, now: Timestamp, progress: &Arc<Progress>) -> Result<Verdict, Unjudged> {
        progress.reach(Step::Rights);
        let Ok(turn) = Arc::clone(&self.turns).acquire_owned().await else { return Err(Unjudged::Late) };
        let (settings, progress) = (Arc::clone(&self.settings), Arc::clone(progress));
        let key = request.key.clone();
        let judged = tokio::task::spawn_blocking(move || {
            let verdict = judge(&request, &found, &settings, now, &progress);
            drop(turn);
            verdict
        });
        judged.await.map_err(|error| {
            let error = &error as &dyn std::error::Error;
            warn!(object = %key, error, "let through, because judging it failed; this is a defect of muster, please report it");
            Unjudged::Broken
        })
    }

    fn unjudged(&self, request: &Request, why: &Unjudged, step: Step) -> Verdict {
        self.metrics.not_judged();
        if matches!(why, Unjudged::Late) {
            let (object, namespace) = (&request.key, &request.namespace);
            let unchecked = match step {
                Step::Store => "anything, because the store gave no answer",
                Step::Rights => "rights and effects",
                Step::Effects => "effects",
            };
            warn!(%object, %namespace, unchecked, "let through, because there was no time to check it");
        }
        let because = match (why, step) {
            (Unjudged::Unread, _) | (Unjudged::Late, Step::Store) => "the store gave no answer",
            (Unjudged::Late, _) => "there was no time",
            (Unjudged::Broken, _) => "judging it failed",
        };
        let unchecked = match (why, step) {
            (Unjudged::Late, Step::Effects) => "what it does was not checked",
            _ => "neither your rights nor what it does were checked",
        };
        Verdict::warned(&format!("{}: {because}, so {unchecked}; the controller refuses what the rules refuse", request.key))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tenancy::Manager;

    #[test]
    fn whoever_is_let_through_unjudged_is_told_what_was_not_checked() {
        let settings = Settings { manager: Manager::new("muster"), oidc_prefix: None, exempt: Vec::new() };
        let reader = Reader::new("sqlite://nowhere.db".parse().unwrap(), Duration::ZERO);
        let webhook = Webhook::new(reader, settings);
        let request = json!({
            "uid": "7", "kind": { "group": "muster.dev", "version": "v1alpha1", "kind": "Workspace" }, "operation": "DELETE",
            "resource": { "group": "muster.dev", "version": "v1alpha1", "resource": "workspaces" }, "name": "design", "userInfo": {},
        });
        let request = Request::of(serde_json::from_value(request).unwrap()).unwrap();
        for (why, step, says) in [
            (Unjudged::Unread, Step::Store, "the store gave no answer, so neither your rights nor what it does were checked"),
            (Unjudged::Late, Step::Store, "the store gave no answer, so neither your rights nor what it does were checked"),
            (Unjudged::Late, Step::Rights, "there was no time, so neither your rights nor what it does were checked"),
            (Unjudged::Late, Step::Effects, "there was no time, so what it does was not checked"),
            (Unjudged::Broken, Step::Effects, "judging it failed, so neither your rights nor what it does were checked"),
        ] {
            let verdict = webhook.unjudged(&request, &why, step);
            let warning = format!("workspace/design: {says}; the controller refuses what the rules refuse");
            assert_eq!((verdict.denials.len(), verdict.warnings), (0, vec![warning]));
        }
        assert!(webhook.metrics.text().contains("muster_admission_not_judged_total 5"));
    }
}
