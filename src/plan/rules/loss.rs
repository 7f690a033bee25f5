use std::collections::{BTreeMap, BTreeSet};

use crate::api::Kind;
use crate::plan::{Case, Change, Verb, Violation};
use crate::tenancy::view::View;

pub(super) fn max_removals(case: &Case<'_>) -> Vec<Violation> {
    let mut removed: BTreeMap<Kind, Vec<(usize, &Change)>> = BTreeMap::new();
    for (number, change) in case.changes().filter(|(_, change)| change.is_removal() || is_another_person(change)) {
        removed.entry(change.key.kind).or_default().push((number, change));
    }
    let mut refused = BTreeMap::new();
    for (kind, changes) in removed {
        let live = case.before.of_kind(kind).len();
        let Some(bound) = exceeded(case, changes.len(), live) else { continue };
        let because = format!("this plan removes {} of {live} {}s, more than {bound}", changes.len(), kind.label());
        for (number, change) in changes {
            refused.entry(case.root(number, change).0).or_insert_with(|| because.clone());
        }
    }
    let way_out = "put them back into the input, remove them in smaller steps, or approve the removals";
    refused.into_iter().map(|(change, because)| Violation { change, because, way_out: way_out.to_owned() }).collect()
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
    if !case.changes().any(|(_, change)| removes(change)) {
        return Vec::new();
    }
    if let Some(key) = case.before.unreadable() {
        let because = format!("the stored spec of {key} cannot be read, so nothing is known to be unprotected");
        return refuse_removals(case, true, &because, "put the spec right in the store, or use a newer muster");
    }
    refuse_removals(case, !case.snapshot.complete, "what is there could not be read whole", way_out)
}

pub(super) fn organization_missing(case: &Case<'_>) -> Vec<Violation> {
    let way_out = "put the organization into the input";
    let mut refused = refuse_removals(case, !case.tenancy.present, "the organization is not in the input", way_out);
    refused.retain(|violation| case.draft.changes[violation.change].key.kind != Kind::Organization);
    refused
}

pub(super) fn empty_input(case: &Case<'_>) -> Vec<Violation> {
    let empty = case.tenancy.input_is_empty && !case.context.allow_empty;
    let way_out = "check the input; --allow-empty says that it is meant";
    refuse_removals(case, empty, "the input has no object at all", way_out)
}

fn removes(change: &Change) -> bool {
    change.verb.removes() || change.verb == Verb::Release
}

fn refuse_removals(case: &Case<'_>, refuse: bool, because: &str, way_out: &str) -> Vec<Violation> {
    let changes = case.changes().filter(|(_, change)| refuse && removes(change));
    let roots: BTreeSet<usize> = changes
        .map(|(number, change)| (number, case.root(number, change)))
        .map(|(number, (root_number, root))| if removes(root) { root_number } else { number })
        .collect();
    let refuse = |change| Violation { change, because: because.to_owned(), way_out: way_out.to_owned() };
    roots.into_iter().map(refuse).collect()
}
