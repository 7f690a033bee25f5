use std::path::{Path, PathBuf};

use clap::Args;
use jiff::Timestamp;

use super::flags::{Output, ShowFlags, now};
use super::plan::refusals;
use super::planning::{HOLDER, PlanFlags, Planned};
use super::saved::{self, Saved};
use super::{Console, Exit, Failure, ci, findings, outcome};
use crate::engine::{Apply, End, Outcome, apply, mirror_out};
use crate::plan::Plan;
use crate::plan::render::{self, Options};
use crate::source;
use crate::store::{Mode, StoreError};

#[derive(Args, Debug)]
#[allow(clippy::struct_excessive_bools)]
pub struct Arguments {
    /// A plan that `muster plan --out` wrote; it is carried out as it is
    #[arg(value_name = "PLAN")]
    saved: Option<PathBuf>,
    #[command(flatten)]
    plan: PlanFlags,
    #[command(flatten)]
    show: ShowFlags,
    /// Do not ask
    #[arg(long, help_heading = "Safety")]
    auto_approve: bool,
    /// Apply although somebody applied from another place within the last hour
    #[arg(long, help_heading = "Safety")]
    take_over: bool,
    /// Apply nothing where anything is refused, held, wrong or unreadable
    #[arg(long, help_heading = "Safety")]
    all_or_nothing: bool,
    /// Apply although this runs on behalf of a pull request
    #[arg(long, help_heading = "Safety")]
    allow_in_pr: bool,
}

/// `muster apply`.
pub async fn run(arguments: &Arguments, console: &Console) -> Result<Exit, Failure> {
    arguments.check(console)?;
    let now = now();
    let (planned, how) = match &arguments.saved {
        Some(path) => arguments.load(path, now)?,
        None => arguments.make(now, console).await?,
    };
    let how = Apply { errored: planned.errored, ..how };
    let stopped = how.stopped_by(&planned.plans);
    let asks = !arguments.auto_approve && stopped.is_none() && planned.plans.iter().any(|plan| !plan.is_empty());
    if asks {
        arguments.tell(&planned, console)?;
        if !console.ask(&format!("\nApply this to {}?", arguments.plan.store.address()?))? {
            console.note("Nothing was applied.\n");
            return Ok(Exit::Failed);
        }
    } else if arguments.show.output == Output::Github {
        let annotations = [planned.findings.clone(), refusals(&planned.plans)].concat();
        console.print(&findings::github(&annotations, &planned.sources))?;
    } else {
        planned.tell_findings(&arguments.show, console);
    }
    if let Some(why) = stopped.filter(|_| planned.plans.is_empty()) {
        console.note(&format!("Nothing was applied, because {why} and --all-or-nothing was said.\n"));
    }
    // With --all-or-nothing, the exit code says that nothing was applied, also where the input is to blame.
    let exit = if stopped.is_some() { Exit::Refused } else { planned.exit() };
    let outcomes = match stopped {
        Some(why) => {
            planned.plans.into_iter().map(|plan| Outcome { plan, end: End::AllOrNothing(why), mirroring: None }).collect()
        }
        None => arguments.carry_out(planned.plans, &how, console).await?,
    };
    outcome::show(&outcomes, &arguments.show, asks, console)?;
    Ok(exit.max(outcome::exit(&outcomes)))
}

impl Arguments {
    /// What can be said before anything is read.
    fn check(&self, console: &Console) -> Result<(), Failure> {
        let usage = |text: &str| Err(Failure::Usage(text.to_owned()));
        match (&self.saved, self.plan.input.filename.is_empty()) {
            (None, true) => return usage("name what to apply: -f FILE, -f DIRECTORY, or a plan that `muster plan --out` wrote"),
            (Some(_), false) => return usage("a saved plan is carried out as it is: name the plan or -f, not both"),
            _ => {}
        }
        if self.saved.is_some() && (self.plan.prune || !self.plan.approve.is_empty()) {
            return usage("a saved plan is carried out as it is: --prune and --approve belong to `muster plan`");
        }
        if self.saved.is_some() && self.plan.actor.claimed.is_some() {
            return usage("a saved plan is carried out as it is, for whoever it was made: --as belongs to `muster plan`");
        }
        if !self.allow_in_pr && ci::on_pull_request() {
            return usage(
                "this runs on behalf of a pull request, whose author would decide what is applied: run `muster plan` here and \
                 `muster apply` after the merge, or say --allow-in-pr",
            );
        }
        if !self.auto_approve && (!console.interactive || self.plan.input.takes_stdin()) {
            return usage("nobody can be asked here: look at `muster plan` first, then say --auto-approve");
        }
        Ok(())
    }

    /// Shows the plan to whoever is going to be asked. Standard output is theirs who want the outcome in another form.
    fn tell(&self, planned: &Planned, console: &Console) -> Result<(), Failure> {
        planned.tell_findings(&self.show, console);
        let options = self.show.options(console);
        match self.show.output {
            Output::Text => console.print(&render::text(&planned.plans, &options))?,
            _ => console.note(&render::text(&planned.plans, &Options { colour: console.err, ..options })),
        }
        Ok(())
    }

    fn load(&self, path: &Path, now: Timestamp) -> Result<(Planned, Apply), Failure> {
        let saved = saved::read(path)?;
        if self.plan.actor.manager != saved.manager {
            return Err(Failure::Usage(format!(
                "the plan was made by manager {} and cannot be applied by {}: plan again, or say --manager {}",
                saved.manager, self.plan.actor.manager, saved.manager
            )));
        }
        let how = Apply { actor: saved.actor.clone(), source: saved.source.clone(), ..self.how(now) };
        let Saved { plans, errored, .. } = saved;
        Ok((Planned { plans, errored, findings: Vec::new(), sources: source::Sources::default() }, how))
    }

    async fn make(&self, now: Timestamp, console: &Console) -> Result<(Planned, Apply), Failure> {
        let store = match self.plan.observe(console).await {
            Err(Failure::Store(StoreError::Older { .. })) => self.plan.store.open(Mode::Write).await?,
            opened => opened?,
        };
        let planned = self.plan.plan(&store, now, None, console).await;
        store.close().await;
        let source = source::revision(&self.plan.input.filename).map(Into::into);
        Ok((planned?, Apply { source, ..self.how(now) }))
    }

    fn how(&self, now: Timestamp) -> Apply {
        Apply {
            now,
            manager: self.plan.actor.manager.clone(),
            holder: HOLDER.into(),
            actor: ci::actor(self.plan.actor.claimed.as_deref()),
            source: None,
            take_over: self.take_over,
            all_or_nothing: self.all_or_nothing,
            errored: false,
            seed: uuid::Uuid::new_v4().into_bytes(),
        }
    }

    async fn carry_out(&self, plans: Vec<Plan>, how: &Apply, console: &Console) -> Result<Vec<Outcome>, Failure> {
        let store = self.plan.store.open(Mode::Write).await?;
        let _progress = console.progress("applying");
        let applied = apply(&store, plans, how).await;
        let outcomes = match applied {
            Ok(outcomes) if self.plan.services.skip_backends => Ok(outcomes),
            Ok(outcomes) => {
                let _progress = console.progress("calling services");
                let reach = self.plan.services.reach();
                let mut mirrored = Vec::new();
                for outcome in outcomes {
                    mirrored.push(mirror_out(&store, &reach, outcome, how.now).await);
                }
                Ok(mirrored)
            }
            Err(error) => Err(error),
        };
        store.close().await;
        Ok(outcomes?)
    }
}
