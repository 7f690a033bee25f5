use crate::api::Kind;
use crate::plan::render::{access_sentences, past};
use crate::plan::{AccessChange, AccessDiff, Change, Plan};
use crate::tenancy::{Finding, Key, Severity};

/// A plan and what was found while it was made.
#[derive(Debug, Default)]
pub struct Planned {
    /// The plan.
    pub plan: Option<Plan>,
    /// What was found in the input.
    pub findings: Vec<Finding>,
}

impl Planned {
    /// True when there is anything that somebody could want to know.
    fn tells(&self) -> bool {
        let plan = self.plan.as_ref();
        let obstacles = plan.is_some_and(|plan| !plan.refusals.is_empty() || !plan.held.is_empty());
        let effects = plan.is_some_and(|plan| !plan.access.changes.is_empty() || !plan.loosened.is_empty());
        let removals = plan.is_some_and(|plan| plan.changes.iter().any(goes));
        obstacles || effects || removals || self.findings.iter().any(|it| it.severity == Severity::Warning)
    }
}

/// What a request would do that would not happen without it: first what does not go through, then who gains and loses access, then
/// what becomes weaker, then what goes. With it, how many people are not shown. What there is without it is asked only where there is
/// something to tell.
pub fn effects(with: &Planned, without: impl FnOnce() -> Planned) -> (Vec<String>, usize) {
    let Some(after) = with.plan.as_ref().filter(|_| with.tells()) else { return (Vec::new(), 0) };
    let without = without();
    let before = without.plan.as_ref();
    let mut lines = obstacles(after, before);
    let doubts = with.findings.iter().filter(|it| it.severity == Severity::Warning && !without.findings.contains(it));
    lines.extend(doubts.map(|it| match &it.subject {
        Some((kind, name)) => format!("{}/{name}: {}", kind.label(), it.message),
        None => it.message.to_string(),
    }));
    let is_new = |it: &&AccessChange| before.is_none_or(|before| !before.access.changes.contains(it));
    let changes = after.access.changes.iter().filter(is_new).cloned().collect();
    lines.extend(access_sentences(&AccessDiff { changes, more_people: 0 }));
    let loosened = after.loosened.iter().filter(|it| before.is_none_or(|before| !before.loosened.contains(it)));
    lines.extend(loosened.map(|it| format!("policy.{} becomes weaker: {} -> {}", it.field, it.from, it.to)));
    let roots = after.changes.iter().filter(|it| it.root.is_none() && goes(it) && !before.is_some_and(|plan| has(plan, it)));
    lines.extend(roots.map(|it| removal(it, after)));
    (lines, after.access.more_people)
}

/// What does not go through.
fn obstacles(after: &Plan, before: Option<&Plan>) -> Vec<String> {
    let refusals = after.refusals.iter().filter(|it| before.is_none_or(|before| !before.refusals.contains(it)));
    let refused = refusals.map(|it| format!("{}: {} ({}); {}", it.subject, it.because, it.rule, it.way_out));
    let why = |key: &Key| before.and_then(|before| before.held.get(key)).map(|held| &held.because);
    let held = after.held.iter().filter(|(key, held)| why(key) != Some(&held.because));
    refused.chain(held.map(|(key, held)| format!("{key} is held back: {}", held.because))).collect()
}

fn goes(change: &Change) -> bool {
    change.was_live() && !change.is_live()
}

fn has(plan: &Plan, change: &Change) -> bool {
    plan.changes.iter().any(|other| other.key == change.key && other.verb == change.verb)
}

/// `workspace/design is soft-deleted with 3 parts and can be restored until 2026-03-31T09:00:00Z`.
fn removal(change: &Change, plan: &Plan) -> String {
    let parts = plan.changes.iter().filter(|part| part.root.as_ref() == Some(&change.key) && goes(part)).count();
    let what = match change.key.member_and_place() {
        Some((member, place)) if change.key.kind == Kind::Membership => format!("member/{member} in {place}"),
        _ => change.key.to_string(),
    };
    let with = match parts {
        0 => String::new(),
        1 => " with 1 part".to_owned(),
        _ => format!(" with {parts} parts"),
    };
    let tombstone = change.after.as_ref().and_then(|row| row.tombstone.as_ref());
    let back = match tombstone.map(|tombstone| tombstone.purge_at) {
        Some(Some(end)) => format!(" and can be restored until {end}"),
        Some(None) => " and can be restored".to_owned(),
        None => String::new(),
    };
    format!("{what} is {}{with}{back}", past(change.verb))
}
