//! What became of plans, told after they were applied.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;

use serde_json::{Value, json};

use super::flags::{Output, ShowFlags};
use super::{Console, Exit, Failure};
use crate::engine::{End, Outcome};
use crate::plan::Plan;
use crate::plan::render::{self, Options};

/// Prints outcomes as it was asked for. What somebody has just seen as a plan is not told row by row again.
pub fn show(outcomes: &[Outcome], show: &ShowFlags, seen: bool, console: &Console) -> Result<(), Failure> {
    let options = show.options(console);
    match show.output {
        Output::Text => console.print(&text(outcomes, &options, seen)),
        Output::Json => console.print(&format!("{:#}\n", document(outcomes))),
        Output::Markdown => console.print(&markdown(outcomes, &options)),
        Output::Github => {
            console.print(&text(outcomes, &options, seen))?;
            append_to_summary(&markdown(outcomes, &options))
        }
    }
}

/// The exit code of outcomes.
pub fn exit(outcomes: &[Outcome]) -> Exit {
    let wrote = outcomes.iter().any(Outcome::wrote);
    let of = |outcome: &Outcome| match &outcome.end {
        End::Committed(_) | End::NothingToDo | End::Skipped => Exit::Done,
        End::AllOrNothing | End::ClaimedElsewhere(_) => Exit::Refused,
        End::Stale(_) if wrote => Exit::Partial,
        End::Stale(_) => Exit::Stale,
        End::Failed(_) => Exit::Failed,
    };
    outcomes.iter().map(of).max().unwrap_or(Exit::Done)
}

fn text(outcomes: &[Outcome], options: &Options, seen: bool) -> String {
    let mut text = String::new();
    for outcome in outcomes.iter().filter(|outcome| !seen || !is_applied(outcome)) {
        text.push_str(&one(outcome, options));
    }
    let applied: Vec<_> = outcomes.iter().filter(|outcome| is_applied(outcome)).map(|outcome| &outcome.plan).collect();
    if applied.is_empty() && !outcomes.is_empty() {
        text.push_str("Nothing was applied.\n");
    } else {
        text.push_str(&render::summary_of_applied(&applied));
        text.push('\n');
    }
    text
}

fn is_applied(outcome: &Outcome) -> bool {
    matches!(outcome.end, End::Committed(_) | End::NothingToDo)
}

fn one(outcome: &Outcome, options: &Options) -> String {
    let plan = &outcome.plan;
    let quiet = plan.refusals.is_empty() && plan.held.is_empty();
    match &outcome.end {
        End::NothingToDo if quiet => String::new(),
        End::NothingToDo => render::applied(plan, ": nothing to apply", options),
        End::Committed(committed) if plan.changes.is_empty() && quiet => {
            format!(
                "organization {}: took note of what drifted, revision {}\n\n",
                render::safe(&plan.organization),
                committed.revision
            )
        }
        End::Committed(committed) => render::applied(plan, &format!(": applied, revision {}", committed.revision), options),
        end => format!("organization {}: {}\n\n", render::safe(&plan.organization), told(end)),
    }
}

/// How an apply ended that wrote nothing, and what to do next.
fn told(end: &End) -> String {
    match end {
        End::Committed(_) => "applied".to_owned(),
        End::NothingToDo => "nothing to apply".to_owned(),
        End::AllOrNothing => {
            "not applied, because something is refused or held and --all-or-nothing was said; `muster plan` shows what".to_owned()
        }
        End::ClaimedElsewhere(why) => format!("refused by claimed-elsewhere: {why}"),
        End::Stale(why) => format!("stale: {why}"),
        End::Failed(why) => format!("failed: {why}"),
        End::Skipped => "skipped, because an organization before it failed; apply again".to_owned(),
    }
}

fn word(end: &End) -> &'static str {
    match end {
        End::Committed(_) => "committed",
        End::NothingToDo => "nothing-to-do",
        End::AllOrNothing => "all-or-nothing",
        End::ClaimedElsewhere(_) => "claimed-elsewhere",
        End::Stale(_) => "stale",
        End::Failed(_) => "failed",
        End::Skipped => "skipped",
    }
}

fn document(outcomes: &[Outcome]) -> Value {
    let mut summary: BTreeMap<String, usize> = BTreeMap::new();
    for (_, done) in outcomes.iter().flat_map(Outcome::results) {
        *summary.entry(done.to_string()).or_default() += 1;
    }
    let one = |outcome: &Outcome| {
        let results = outcome.results().map(|(key, done)| json!({ "address": key.to_string(), "result": done.to_string() }));
        let committed = match &outcome.end {
            End::Committed(committed) => Some(committed),
            _ => None,
        };
        json!({
            "organization": outcome.plan.organization,
            "digest": outcome.plan.digest(),
            "end": word(&outcome.end),
            "message": told(&outcome.end),
            "revision": committed.map(|committed| committed.revision.to_string()),
            "history": committed.map(|committed| committed.last_entry),
            "results": results.collect::<Vec<_>>(),
        })
    };
    json!({
        "format_version": render::json::FORMAT_VERSION,
        "outcomes": outcomes.iter().map(one).collect::<Vec<_>>(),
        "summary": summary,
    })
}

fn markdown(outcomes: &[Outcome], options: &Options) -> String {
    let applied: Vec<&Plan> = outcomes.iter().filter(|outcome| is_applied(outcome)).map(|outcome| &outcome.plan).collect();
    let mut text = render::markdown_of_applied(&applied, options, render::DEFAULT_BUDGET);
    for outcome in outcomes.iter().filter(|outcome| !is_applied(outcome)) {
        text.push_str(&format!("- {}: {}\n", render::code(&outcome.plan.organization), render::prose(&told(&outcome.end))));
    }
    text
}

/// Appends to the summary of a GitHub Actions job.
pub fn append_to_summary(markdown: &str) -> Result<(), Failure> {
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else {
        return Err(Failure::Usage("-o github appends to the file named by GITHUB_STEP_SUMMARY, which is not set".to_owned()));
    };
    let file = || OpenOptions::new().create(true).append(true).open(&path);
    file().and_then(|mut file| file.write_all(format!("{markdown}\n").as_bytes())).map_err(|source| Failure::File {
        doing: "write",
        path: path.to_string_lossy().into_owned(),
        source,
    })
}
