use std::collections::BTreeMap;

use crate::api::Kind;
use crate::plan::review::{Case, Violation};
use crate::plan::{Change, Verb};
use crate::tenancy::view::View;

pub(super) fn max_removals(case: &Case<'_>) -> Vec<Violation> {
    let mut removed: BTreeMap<Kind, Vec<usize>> = BTreeMap::new();
    for (number, change) in case.changes().filter(|(_, change)| change.is_removal() || is_another_person(change)) {
        removed.entry(change.key.kind).or_default().push(number);
    }
    let too_many = |(kind, changes): (Kind, Vec<usize>)| -> Vec<Violation> {
        let live = case.before.of_kind(kind).len();
        let Some(bound) = exceeded(case, changes.len(), live) else { return Vec::new() };
        let because = format!("this plan removes {} of {live} {}, more than {bound}", changes.len(), kind.plural());
        let way_out = "put them back into the input, remove them in smaller steps, or approve the removals".to_owned();
        changes.into_iter().map(|change| Violation { change, because: because.clone(), way_out: way_out.clone() }).collect()
    };
    removed.into_iter().flat_map(too_many).collect()
}

/// The bound that so many removals out of so many objects exceed, in words.
fn exceeded(case: &Case<'_>, removed: usize, live: usize) -> Option<String> {
    let tightened = case.context.tightened;
    let share = |percent: i64| removed as u128 * 100 > live as u128 * u128::from(percent.unsigned_abs());
    let from = usize::try_from(case.guard.max_removal_from).unwrap_or(usize::MAX);
    let percent = case.guard.max_removal_percent;
    if let Some(max) = tightened.max_removals.filter(|max| removed > *max) {
        Some(format!("the {max} that --max-removals allows"))
    } else if let Some(percent) = tightened.max_removals_percent.filter(|percent| share(*percent)) {
        Some(format!("the {percent} % that --max-removals-percent allows"))
    } else if live >= from && share(percent) {
        Some(format!("the {percent} % that maxRemovals allows"))
    } else {
        None
    }
}

/// Another address in the place of an old one removes a person.
fn is_another_person(change: &Change) -> bool {
    let email = |row: &crate::tenancy::Row| match View::read(Kind::Member, &row.spec) {
        View::Member(member) => Some(member.email.to_ascii_lowercase()),
        _ => None,
    };
    change.key.kind == Kind::Member
        && change.was_live()
        && change.is_live()
        && change.before.as_deref().and_then(email) != change.after.as_deref().and_then(email)
}

pub(super) fn incomplete_input(case: &Case<'_>) -> Vec<Violation> {
    let way_out = "mend what cannot be read; validate names it";
    refuse_removals(case, !case.tenancy.complete, "a part of the input cannot be read, so nothing is known to be absent", way_out)
}

pub(super) fn incomplete_observation(case: &Case<'_>) -> Vec<Violation> {
    let way_out = "plan again when it can be read";
    refuse_removals(case, !case.snapshot.complete, "what is there could not be read whole", way_out)
}

pub(super) fn empty_input(case: &Case<'_>) -> Vec<Violation> {
    let written = case.tenancy.objects.iter().any(|desired| desired.implied_by.is_none());
    let empty = !written && case.tenancy.held.is_empty() && !case.context.allow_empty;
    refuse_removals(
        case,
        empty,
        "the input has no object of this organization at all",
        "check the input; --allow-empty says that it is meant",
    )
}

fn refuse_removals(case: &Case<'_>, refuse: bool, because: &str, way_out: &str) -> Vec<Violation> {
    let removes = |change: &Change| change.verb.removes() || change.verb == Verb::Release;
    let changes = case.changes().filter(|(_, change)| refuse && removes(change));
    changes.map(|(change, _)| Violation { change, because: because.to_owned(), way_out: way_out.to_owned() }).collect()
}
