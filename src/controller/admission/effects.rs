use std::sync::Arc;

use super::lines::sentence;
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

/// How many lines come before those about access, whatever does not go through.
const BEFORE_ACCESS: usize = 5;

/// What a request would do that would not happen without it: first what does not go through, then who gains and loses access, then
/// what becomes weaker, then what goes. With it, how many people are not shown. What there is without it is asked only where there is
/// something to tell.
pub fn effects(own: &Key, with: &Planned, without: impl FnOnce() -> Arc<Planned>) -> (Vec<String>, usize) {
    let Some(after) = with.plan.as_ref().filter(|_| with.tells()) else { return (Vec::new(), 0) };
    let without = without();
    let before = without.plan.as_ref();
    let is_new = |it: &&AccessChange| before.is_none_or(|before| !before.access.changes.contains(it));
    let changes = after.access.changes.iter().filter(is_new).cloned().collect();
    let access = access_sentences(&AccessDiff { changes, more_people: 0 });
    let mut lines = in_order(obstacles(own, after, before), access);
    let doubts = with.findings.iter().filter(|it| it.severity == Severity::Warning && !without.findings.contains(it));
    lines.extend(doubts.map(|it| match &it.subject {
        Some((kind, name)) => sentence(&Key::new(*kind, name.clone()), &it.message),
        None => it.message.to_string(),
    }));
    let loosened = after.loosened.iter().filter(|it| before.is_none_or(|before| !before.loosened.contains(it)));
    lines.extend(loosened.map(|it| format!("policy.{} becomes weaker: {} -> {}", it.field, it.from, it.to)));
    let roots = after.changes.iter().filter(|it| it.root.is_none() && goes(it) && !before.is_some_and(|plan| has(plan, it)));
    lines.extend(roots.map(|it| removal(it, after)));
    (lines, after.access.more_people)
}

/// What does not go through, and then access, which comes soon whatever does not go through.
fn in_order(mut obstacles: Vec<String>, access: Vec<String>) -> Vec<String> {
    let later = obstacles.split_off(obstacles.len().min(BEFORE_ACCESS));
    [obstacles, access, later].concat()
}

/// What does not go through, the object itself first.
fn obstacles(own: &Key, after: &Plan, before: Option<&Plan>) -> Vec<String> {
    let refusals = after.refusals.iter().filter(|it| before.is_none_or(|before| !before.refusals.contains(it)));
    let refused = refusals.map(|it| {
        let text = format!("{} ({}); {}", sentence(&it.subject, &it.because), it.rule, it.way_out);
        (it.subject != *own, text)
    });
    let why = |key: &Key| before.and_then(|before| before.held.get(key)).map(|held| &held.because);
    let held = after.held.iter().filter(|(key, held)| why(key) != Some(&held.because));
    let held = held.map(|(key, held)| (key != own, format!("{key} is held back: {}", held.because)));
    let mut lines: Vec<(bool, String)> = refused.chain(held).collect();
    lines.sort_by_key(|(is_other, _)| *is_other);
    lines.into_iter().map(|(_, line)| line).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_is_told_soon_however_much_does_not_go_through() {
        let lines = |word: &str, count: usize| (0..count).map(|n| format!("{word} {n}")).collect::<Vec<_>>();
        assert_eq!(in_order(lines("held", 2), lines("access", 2)), ["held 0", "held 1", "access 0", "access 1"]);
        let all = in_order(lines("held", 60), lines("access", 1));
        assert_eq!((all.len(), all[4].as_str(), all[5].as_str(), all[6].as_str()), (61, "held 4", "access 0", "held 5"));
    }
}
