use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use super::flags::{Output, ShowFlags, moment, now};
use super::planning::{PlanFlags, Planned};
use super::{Console, Exit, Failure, findings, outcome, saved};
use crate::plan::Plan;
use crate::plan::render;

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
    let store = arguments.plan.observe().await?;
    let now = arguments.as_of.unwrap_or_else(now);
    let planned = arguments.plan.plan(&store, now, console).await;
    store.close().await;
    let planned = planned?;
    show(&planned, &arguments.show, now, console)?;
    if let Some(path) = &arguments.out {
        saved::write(path, &planned, &arguments.plan, now)?;
        if arguments.show.output == Output::Text && !console.in_automation {
            console.note(&format!("Saved. To carry it out: muster apply {}\n", path.display()));
        }
    }
    let differs = planned.plans.iter().any(Plan::has_differences);
    let code = arguments.diff_exit_code.or(arguments.detailed_exitcode.then_some(2));
    Ok(planned.exit().max(code.filter(|_| differs).map_or(Exit::Done, Exit::Differences)))
}

/// Prints a plan as it was asked for.
pub fn show(planned: &Planned, show: &ShowFlags, now: Timestamp, console: &Console) -> Result<(), Failure> {
    let options = show.options(console);
    match show.output {
        Output::Text => {
            planned.tell_findings(show, console);
            console.print(&render::text(&planned.plans, &options))
        }
        Output::Json => {
            let mut document = serde_json::to_value(render::json(&planned.plans, &options, now, planned.errored))?;
            let diagnostics = findings::json(&planned.findings, &planned.sources)["diagnostics"].take();
            if let Value::Object(fields) = &mut document {
                fields.insert("diagnostics".to_owned(), diagnostics);
            }
            console.print(&format!("{document:#}\n"))
        }
        Output::Markdown => {
            planned.tell_findings(show, console);
            console.print(&render::markdown(&planned.plans, &options, render::DEFAULT_BUDGET))
        }
        Output::Github => {
            console.print(&findings::github(&planned.findings, &planned.sources))?;
            console.print(&render::text(&planned.plans, &options))?;
            outcome::append_to_summary(&render::markdown(&planned.plans, &options, render::DEFAULT_BUDGET))
        }
    }
}
