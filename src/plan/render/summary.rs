use std::collections::BTreeMap;

use crate::api::Kind;
use crate::plan::{Plan, Verb};

/// `1 workspace`, `4 workspaces`.
#[must_use]
pub fn plural(count: usize, kind: Kind) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {}{ending}", kind.label())
}

/// `8 memberships, 4 templates`.
pub fn plurals(counts: &BTreeMap<Kind, usize>) -> String {
    counts.iter().map(|(kind, count)| plural(*count, *kind)).collect::<Vec<_>>().join(", ")
}

/// The last line: `Plan: 3 to create, 1 refused.` or `No changes. 214 objects are as the input says.`
#[must_use]
pub fn summary(plans: &[Plan]) -> String {
    let total = |count: fn(&Plan) -> usize| plans.iter().map(count).sum::<usize>();
    let verbs = Verb::ALL.into_iter().map(|verb| (total_of(plans, verb), format!("to {verb}")));
    let other = [
        (total(|plan| plan.refusals.len()), "refused".to_owned()),
        (total(|plan| plan.held.len()), "held".to_owned()),
        (total(|plan| plan.drift.len()), "drifted".to_owned()),
    ];
    let rest = |counted: Vec<(usize, String)>| {
        let shown = counted.into_iter().filter(|(count, _)| *count > 0);
        shown.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>()
    };
    let changes = rest(verbs.collect());
    let other = rest(other.into());
    if !changes.is_empty() {
        return format!("Plan: {}.", [changes, other].concat().join(", "));
    }
    let unchanged = total(|plan| plan.unchanged);
    let mut line = match unchanged {
        1 => "No changes. 1 object is as the input says".to_owned(),
        _ => format!("No changes. {unchanged} objects are as the input says"),
    };
    for part in other {
        line = format!("{line}, {part}");
    }
    line + "."
}

fn total_of(plans: &[Plan], verb: Verb) -> usize {
    plans.iter().flat_map(|plan| &plan.changes).filter(|change| change.verb == verb).count()
}
