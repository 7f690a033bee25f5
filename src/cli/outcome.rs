//! What became of plans, told after they were applied.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;

use serde_json::{Value, json};

use super::flags::{Output, ShowFlags};
use super::{Console, Exit, Failure};
use crate::backend::{CallEnd, Mirroring};
use crate::engine::{End, Outcome};
use crate::plan::mirror::{Call, Mirror};
use crate::plan::render::{self, CallResult, Options};
use crate::plan::rules::CLAIMED_ELSEWHERE;
use crate::plan::{AccessDiff, Plan};

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
        End::AllOrNothing(_) | End::ClaimedElsewhere(_) => Exit::Refused,
        End::Stale(_) if wrote => Exit::Partial,
        End::Stale(_) => Exit::Stale,
        End::Failed(_) => Exit::Failed,
    };
    let there = |outcome: &Outcome| match &outcome.mirroring {
        Some(mirroring) if mirroring.stopped.is_some() || mirroring.ends.iter().any(is_failure) => Exit::Partial,
        Some(mirroring) if mirroring.ends.iter().any(|end| matches!(end, CallEnd::Refused(_))) => Exit::Refused,
        _ if outcome.plan.mirror.as_ref().is_some_and(Mirror::is_blind) && is_applied(outcome) => Exit::Partial,
        _ => Exit::Done,
    };
    outcomes.iter().map(|outcome| of(outcome).max(there(outcome))).max().unwrap_or(Exit::Done)
}

fn is_failure(end: &CallEnd) -> bool {
    matches!(end, CallEnd::Failed(_) | CallEnd::Skipped(_))
}

/// What became of each call, in words.
fn results(mirroring: &Mirroring) -> Vec<CallResult> {
    let calls = mirroring.mirror.calls.iter().zip(&mirroring.ends);
    let result = |(call, end): (&Call, &CallEnd)| match end {
        CallEnd::Done => CallResult { word: call.past(), because: String::new() },
        CallEnd::Refused(why) => CallResult { word: "refused", because: why.clone() },
        CallEnd::Failed(fault) => CallResult { word: "failed", because: fault.to_string() },
        CallEnd::Skipped(why) => CallResult { word: "skipped", because: (*why).to_owned() },
    };
    calls.map(result).collect()
}

/// What was done at services: ` At 100ms: 2 created, 1 failed.`
fn at_services(outcomes: &[Outcome]) -> String {
    let mut counts: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for mirroring in outcomes.iter().filter_map(|outcome| outcome.mirroring.as_ref()) {
        let words = results(mirroring).into_iter().map(|result| result.word);
        words.for_each(|word| *counts.entry(&mirroring.mirror.title).or_default().entry(word).or_default() += 1);
    }
    let told = |(title, counts): (&str, BTreeMap<&str, usize>)| {
        let counts: Vec<String> = counts.into_iter().map(|(word, count)| format!("{count} {word}")).collect();
        format!(" At {title}: {}.", counts.join(", "))
    };
    counts.into_iter().map(told).collect()
}

/// What was done at the service behind an organization, and what could not be compared there.
fn there(outcome: &Outcome, options: &Options, seen: bool) -> String {
    match (&outcome.mirroring, &outcome.plan.mirror) {
        (Some(mirroring), _) if seen && mirroring.is_done() => String::new(),
        (Some(mirroring), _) => {
            let mut text = render::mirror(&mirroring.mirror, Some(&results(mirroring)), options);
            if let Some(why) = &mirroring.stopped {
                let _ = writeln!(text, "  stopped: {why}\n");
            }
            text
        }
        (None, Some(mirror)) if !seen && render::mirror_tells(mirror) => render::mirror(mirror, Some(&[]), options),
        _ => String::new(),
    }
}

fn text(outcomes: &[Outcome], options: &Options, seen: bool) -> String {
    let mut text = String::new();
    for outcome in outcomes {
        if !seen || !is_applied(outcome) {
            text.push_str(&one(outcome, options));
        }
        text.push_str(&there(outcome, options, seen));
    }
    let applied: Vec<_> = outcomes.iter().filter(|outcome| is_applied(outcome)).map(|outcome| &outcome.plan).collect();
    if applied.is_empty() && !outcomes.is_empty() {
        text.push_str("Nothing was applied.\n");
    } else {
        text.push_str(&render::summary_of_applied(&applied));
        text.push_str(&at_services(outcomes));
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
        End::Committed(_) if plan.changes.is_empty() && plan.drift.is_empty() && quiet => String::new(),
        End::Committed(committed) if plan.changes.is_empty() && quiet => {
            format!(
                "organization {}: took note of what drifted, revision {}\n\n",
                render::safe(&plan.organization),
                committed.revision
            )
        }
        end @ End::AllOrNothing(_) if !quiet => {
            let stopped = Plan { changes: Vec::new(), drift: Vec::new(), missing: Vec::new(), ..plan.clone() };
            let stopped = Plan { loosened: Vec::new(), access: AccessDiff::default(), ..stopped };
            render::applied(&stopped, &format!(": {}", told(end)), options)
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
        End::AllOrNothing(why) => format!("not applied, because {why} and --all-or-nothing was said"),
        End::ClaimedElsewhere(why) => format!("refused by {CLAIMED_ELSEWHERE}: {why}"),
        End::Stale(why) => format!("stale: {why}"),
        End::Failed(why) => format!("failed: {why}"),
        End::Skipped => "skipped, because an organization before it failed; apply again".to_owned(),
    }
}

fn word(end: &End) -> &'static str {
    match end {
        End::Committed(_) => "committed",
        End::NothingToDo => "nothing-to-do",
        End::AllOrNothing(_) => "all-or-nothing",
        End::ClaimedElsewhere(_) => CLAIMED_ELSEWHERE,
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
            "service": outcome.mirroring.as_ref().map(service),
        })
    };
    json!({
        "format_version": render::json::FORMAT_VERSION,
        "outcomes": outcomes.iter().map(one).collect::<Vec<_>>(),
        "summary": summary,
    })
}

/// What became of the calls to a service, for programs.
fn service(mirroring: &Mirroring) -> Value {
    let calls = mirroring.mirror.calls.iter().zip(results(mirroring));
    let calls = calls.map(|(call, result)| {
        json!({ "address": call.key.to_string(), "deed": call.deed.word(), "result": result.word, "message": result.because })
    });
    json!({
        "type": mirroring.mirror.service.as_str(),
        "url": mirroring.mirror.url,
        "calls": calls.collect::<Vec<_>>(),
        "stopped": mirroring.stopped,
    })
}

fn markdown(outcomes: &[Outcome], options: &Options) -> String {
    let applied: Vec<&Plan> = outcomes.iter().filter(|outcome| is_applied(outcome)).map(|outcome| &outcome.plan).collect();
    let mut text = render::markdown_of_applied(&applied, options, render::DEFAULT_BUDGET);
    for outcome in outcomes {
        let failed = outcome.mirroring.iter().flat_map(|mirroring| mirroring.mirror.calls.iter().zip(results(mirroring)));
        for (call, result) in failed.filter(|(_, result)| !result.because.is_empty()) {
            let key = render::code(&call.key.to_string());
            let _ = writeln!(text, "- {key} {}: {}", result.word, render::prose(&result.because));
        }
    }
    for outcome in outcomes.iter().filter(|outcome| !is_applied(outcome)) {
        let _ = writeln!(text, "- {}: {}", render::code(&outcome.plan.organization), render::prose(&told(&outcome.end)));
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Context, Tightened, plan};
    use crate::store::Committed;
    use crate::tenancy::{Desired, Key, Manager, Revision, Snapshot, Tenancy};

    fn outcome(end: End) -> Outcome {
        let key = Key::new(crate::api::Kind::Organization, "acme");
        let member =
            Desired::new(Key::new(crate::api::Kind::Member, "alice"), r#"{"email":"a@x.example","role":"Admin"}"#.into(), None);
        let tenancy = Tenancy {
            organization: "acme".into(),
            present: true,
            complete: true,
            objects: vec![Desired::new(key, "{}".into(), None), member],
            ..Tenancy::default()
        };
        let context = Context {
            now: jiff::Timestamp::UNIX_EPOCH,
            observed_at: jiff::Timestamp::UNIX_EPOCH,
            manager: Manager::new("muster"),
            actor: "ci".into(),
            asker: None,
            prune: false,
            allow_empty: false,
            approved: Vec::new(),
            tightened: Tightened::default(),
        };
        Outcome { plan: plan(&tenancy, &Snapshot::empty(&"acme".into()), &context), end, mirroring: None }
    }

    fn committed() -> End {
        End::Committed(Committed { revision: Revision { number: 3, stamp: 1 }, last_entry: 2 })
    }

    #[test]
    fn the_exit_code_tells_a_stale_plan_from_one_that_was_applied_in_part() {
        let code = |ends: Vec<End>| exit(&ends.into_iter().map(outcome).collect::<Vec<_>>()).code();
        assert_eq!(code(vec![]), 0);
        assert_eq!(code(vec![committed(), End::NothingToDo]), 0);
        assert_eq!(code(vec![End::Stale("stale".into()), End::Skipped]), 5);
        assert_eq!(code(vec![committed(), End::Stale("stale".into()), End::Skipped]), 4);
        assert_eq!(code(vec![committed(), End::Failed("disk full".into())]), 1);
        assert_eq!(code(vec![committed(), End::ClaimedElsewhere("elsewhere".into())]), 3);
        assert_eq!(code(vec![End::AllOrNothing("something is refused")]), 3);
    }

    #[test]
    fn what_was_applied_is_told_in_the_past_tense() {
        let text = text(&[outcome(committed())], &Options::plain(), false);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "organization acme: applied, revision 3-0000000000000001");
        assert_eq!(lines[2], "  created      organization/acme");
        assert_eq!(lines[3], "  created      member/alice       email: a@x.example, role: Admin");
        assert_eq!(lines.last(), Some(&"Applied: 2 created."));
    }

    #[test]
    fn what_was_seen_as_a_plan_is_not_told_row_by_row_again() {
        assert_eq!(text(&[outcome(committed())], &Options::plain(), true), "Applied: 2 created.\n");
    }

    #[test]
    fn what_was_not_applied_says_why_and_what_to_do() {
        let stale = outcome(End::Stale("acme changed; nothing was written: plan again".into()));
        let text = text(&[stale, outcome(End::Skipped)], &Options::plain(), true);
        assert_eq!(
            text,
            "organization acme: stale: acme changed; nothing was written: plan again\n\n\
             organization acme: skipped, because an organization before it failed; apply again\n\n\
             Nothing was applied.\n"
        );
    }

    #[test]
    fn programs_get_one_result_for_each_object() {
        let document = document(&[outcome(committed()), outcome(End::Failed("disk full".into()))]);
        assert_eq!(document["summary"], json!({ "Created": 2, "Failed": 2 }));
        assert_eq!(document["outcomes"][0]["results"][1], json!({ "address": "member/alice", "result": "Created" }));
        assert_eq!(document["outcomes"][1]["message"], "failed: disk full");
    }
}
