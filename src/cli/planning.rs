//! Planning as `plan` and `apply` share it.

use clap::Args;
use jiff::Timestamp;

use super::flags::{ActorFlags, InputFlags, ShowFlags, StoreFlags, digest};
use super::services::ServiceFlags;
use super::{Console, Exit, Failure, ci, findings};
use crate::engine::{origins, plan_input};
use crate::plan::mirror::Mirror;
use crate::plan::render::safe;
use crate::plan::{Context, Plan, Tightened};
use crate::source::{Reading, Sources};
use crate::store::{AnyStore, Memory, Mode, Observe, StoreError};
use crate::tenancy::{Digest, Finding, Severity};

/// Where files are applied from, for the claim on an organization.
pub const HOLDER: &str = "files";

/// How to plan.
#[derive(Args, Debug)]
pub struct PlanFlags {
    #[command(flatten)]
    pub input: InputFlags,
    #[command(flatten)]
    pub store: StoreFlags,
    #[command(flatten)]
    pub actor: ActorFlags,
    #[command(flatten)]
    pub services: ServiceFlags,
    /// Remove what is managed and no longer in the input
    #[arg(long, help_heading = "Safety")]
    pub prune: bool,
    /// Release what a plan printed this digest for, removals or a call to a service; may be given several times
    #[arg(long, value_name = "DIGEST", value_parser = digest, help_heading = "Safety")]
    pub approve: Vec<Digest>,
    /// Refuse to remove more than this many objects of any kind; it only tightens the policy
    #[arg(long, value_name = "N", help_heading = "Safety")]
    pub max_removals: Option<usize>,
    /// Refuse to remove more than this share of any kind; it only tightens the policy
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(i64).range(0..=100), help_heading = "Safety")]
    pub max_removals_percent: Option<i64>,
}

/// What came of planning.
pub struct Planned {
    /// The plans.
    pub plans: Vec<Plan>,
    /// True when something is wrong with the input.
    pub errored: bool,
    /// Everything that was found in the input.
    pub findings: Vec<Finding>,
    /// The texts that it is about.
    pub sources: Sources,
}

impl PlanFlags {
    /// Plans the input against the store, as if it were another date where one is given.
    pub async fn plan(
        &self,
        store: &impl Observe,
        now: Timestamp,
        as_of: Option<Timestamp>,
        console: &Console,
    ) -> Result<Planned, Failure> {
        let (observed_at, now) = as_of.map_or((now, now), |date| (now.min(date), date));
        let Reading { mut input, sources } = self.input.read(console)?;
        let context = Context {
            now,
            observed_at,
            manager: self.actor.manager.clone(),
            actor: ci::actor(self.actor.claimed.as_deref()),
            asker: self.actor.claimed.as_deref().map(Into::into),
            prune: self.prune,
            allow_empty: self.input.allow_empty,
            approved: self.approve.clone(),
            tightened: Tightened { max_removals: self.max_removals, max_removals_percent: self.max_removals_percent },
        };
        let _progress = console.progress("planning");
        let mut planned = plan_input(store, &input, HOLDER, &context).await?;
        if as_of.is_none() {
            self.services.mirror(store, &mut planned, &origins(&input), (&self.approve, context.now)).await?;
        }
        let mut findings = std::mem::take(&mut input.findings);
        sources.locate_all(&mut planned.findings);
        findings.append(&mut planned.findings);
        let errored = findings.iter().any(|finding| finding.severity == Severity::Error);
        Ok(Planned { plans: planned.plans, errored, findings, sources })
    }

    /// The store as planning needs it: one without a schema is empty, and nothing is created. That is said, because an address
    /// that is misspelt makes everything look new.
    pub async fn observe(&self, console: &Console) -> Result<AnyStore, Failure> {
        self.input.check()?;
        let opened = match self.store.open(Mode::Read).await {
            Err(Failure::Store(StoreError::Missing { .. })) => AnyStore::Memory(Memory::new()),
            opened => opened?,
        };
        if matches!(opened, AnyStore::Memory(_)) {
            let store = self.store.address()?;
            console.note(&format!("note: the store {} does not exist yet; apply creates it\n\n", safe(&store)));
        }
        Ok(opened)
    }
}

impl Planned {
    /// What the input and the refusals alone mean for the exit code.
    pub fn exit(&self) -> Exit {
        let refused =
            self.plans.iter().any(|plan| !plan.refusals.is_empty() || plan.mirror.as_ref().is_some_and(Mirror::refuses));
        let failed = if self.errored { Exit::Failed } else { Exit::Done };
        failed.max(if refused { Exit::Refused } else { Exit::Done })
    }

    /// Tells people what was found in the input, on standard error.
    pub fn tell_findings(&self, show: &ShowFlags, console: &Console) {
        let max = if show.full { usize::MAX } else { findings::Style::default().max };
        let color = console.err == crate::plan::render::Colour::Always;
        let text = findings::people(&self.findings, &self.sources, findings::Style { color, max, width: console.width });
        if !text.is_empty() {
            console.note(&format!("{}\n\n", text.trim_end()));
        }
    }
}
