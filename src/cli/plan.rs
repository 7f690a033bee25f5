use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::flags::{Output, ShowFlags, moment, now};
use super::planning::{PlanFlags, Planned};
use super::{Console, Exit, Failure, findings, outcome, saved};
use crate::plan::mirror::Mirror;
use crate::plan::rules::rule;
use crate::plan::{Plan, Refusal, render};
use crate::tenancy::{Finding, Origin, Severity};

#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    plan: PlanFlags,
    #[command(flatten)]
    show: ShowFlags,
    /// Write the plan to a file, which `muster apply FILE` carries out as it is
    #[arg(long, value_name = "FILE", conflicts_with = "as_of", help_heading = "Output")]
    out: Option<PathBuf>,
    /// Plan as if it were this date: what time alone will do
    #[arg(long, value_name = "DATE", value_parser = moment)]
    as_of: Option<Timestamp>,
    /// Exit with 2 where the store differs from the input
    #[arg(long, help_heading = "Output")]
    detailed_exitcode: bool,
    /// Exit with this code where the store differs from the input
    #[arg(long, value_name = "CODE", help_heading = "Output")]
    diff_exit_code: Option<u8>,
}

/// `muster plan`.
pub async fn run(arguments: &Arguments, console: &Console) -> Result<Exit, Failure> {
    let store = arguments.plan.observe(console).await?;
    let now = now();
    let planned = arguments.plan.plan(&store, now, arguments.as_of, console).await;
    store.close().await;
    let planned = planned?;
    show(&planned, &arguments.show, arguments.as_of.unwrap_or(now), console)?;
    if let Some(path) = &arguments.out {
        saved::write(path, &planned, &arguments.plan, now)?;
        if arguments.show.output == Output::Text && !console.in_automation {
            console.note(&format!("Saved. To carry it out: muster apply {}\n", path.display()));
        }
    }
    let blind = planned.plans.iter().any(|plan| plan.mirror.as_ref().is_some_and(Mirror::is_blind));
    let differs = planned.plans.iter().any(Plan::has_differences);
    let code = arguments.diff_exit_code.or(arguments.detailed_exitcode.then_some(2));
    let seen = if blind { Exit::Failed } else { Exit::Done };
    Ok(planned.exit().max(seen).max(code.filter(|_| differs).map_or(Exit::Done, Exit::Differences)))
}

/// A plan with what was found in its input.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(flatten)]
    plan: render::json::Document<'a>,
    diagnostics: Value,
}

/// The refusals as findings about the place where the object is written. What is removed is written nowhere any more.
pub fn refusals(plans: &[Plan]) -> Vec<Finding> {
    let nowhere = || Origin { file: "".into(), line: 0, column: 0 };
    let finding = |refusal: &Refusal| {
        let what = refusal.verb.map_or_else(String::new, |verb| format!("{verb} "));
        Finding {
            severity: Severity::Error,
            code: rule(&refusal.rule).map_or("refused", |rule| rule.id),
            subject: Some((refusal.subject.kind, refusal.subject.name.clone())),
            path: "".into(),
            message: format!("{what}refused: {}", refusal.because).into(),
            help: Some(refusal.way_out.clone()),
            origin: refusal.origin.clone().unwrap_or_else(nowhere),
            span: None,
        }
    };
    let all = plans.iter().flat_map(|plan| {
        let there = plan.mirror.iter().flat_map(|mirror| &mirror.refusals);
        plan.refusals.iter().chain(there)
    });
    all.map(finding).collect()
}

/// Prints a plan as it was asked for.
pub fn show(planned: &Planned, show: &ShowFlags, now: Timestamp, console: &Console) -> Result<(), Failure> {
    let options = show.options(console);
    match show.output {
        Output::Text => {
            planned.tell_findings(show, console);
            if planned.errored && planned.plans.is_empty() {
                return console.print("Nothing was planned, because no part of the input can be used.\n");
            }
            console.print(&render::text(&planned.plans, &options))
        }
        Output::Json => {
            let plan = render::json(&planned.plans, &options, now, planned.errored);
            let diagnostics = findings::json(&planned.findings, &planned.sources)["diagnostics"].take();
            console.print(&format!("{}\n", serde_json::to_string_pretty(&Document { plan, diagnostics })?))
        }
        Output::Markdown => {
            planned.tell_findings(show, console);
            console.print(&render::markdown(&planned.plans, &options, render::DEFAULT_BUDGET))
        }
        Output::Github => {
            let annotations = [planned.findings.clone(), refusals(&planned.plans)].concat();
            console.print(&findings::github(&annotations, &planned.sources))?;
            console.print(&render::text(&planned.plans, &options))?;
            outcome::append_to_summary(&render::markdown(&planned.plans, &options, render::DEFAULT_BUDGET))
        }
    }
}
