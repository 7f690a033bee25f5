use std::collections::BTreeMap;

use crate::api::Kind;
use crate::api::policy::Uniqueness;
use crate::plan::{Case, Change, Violation};
use crate::tenancy::view::View;
use crate::tenancy::{Exclusive, Key, Row};

pub(super) fn address_taken(case: &Case<'_>) -> Vec<Violation> {
    taken(case, &[Kind::Member], Exclusive::of, |change, other| {
        let remove = removal(case, other);
        match change.before {
            None => format!("write previousNames: [{}] if it is the same person, or {remove}", other.name),
            Some(_) => format!("write another one, or {remove}"),
        }
    })
}

pub(super) fn spec_name_taken(case: &Case<'_>) -> Vec<Violation> {
    taken(case, &[Kind::MembershipType, Kind::Template, Kind::Role], Exclusive::of, |change, other| {
        let remove = removal(case, other);
        match change.before {
            None => {
                format!("write previousNames: [{}] if it is the same one, give it another spec.name, or {remove}", other.name)
            }
            Some(_) => format!("give it another spec.name, or {remove}"),
        }
    })
}

pub(super) fn display_name_taken(case: &Case<'_>) -> Vec<Violation> {
    if case.after.policy.workspace_names == Uniqueness::Free {
        return Vec::new();
    }
    taken(case, &[Kind::Workspace], Exclusive::display_name, |change, other| {
        let remove = removal(case, other);
        match change.before {
            None => {
                format!("write previousNames: [{}] if it is the same one, give it another displayName, or {remove}", other.name)
            }
            Some(_) => format!("give it another displayName, or {remove}"),
        }
    })
}

/// How to get rid of the object that has it.
fn removal(case: &Case<'_>, other: &Key) -> String {
    match case.tenancy.mentions(other) || case.context.prune {
        true => format!("remove {other} first"),
        false => format!("remove {other} with --prune"),
    }
}

/// The changes of these kinds that take what another object has and keeps.
fn taken(
    case: &Case<'_>,
    kinds: &[Kind],
    exclusive: fn(&Key, &View) -> Vec<Exclusive>,
    way_out: impl Fn(&Change, &Key) -> String,
) -> Vec<Violation> {
    let of = |row: &Row| exclusive(&row.key, &View::read(row.key.kind, &row.spec));
    let renames = case.renames();
    let now = |key: &Key| renames.get(key).map_or_else(|| key.clone(), |key| (*key).clone());
    let mut new: BTreeMap<Exclusive, Vec<(usize, &Change)>> = BTreeMap::new();
    for (number, change) in case.changes().filter(|(_, change)| kinds.contains(&change.key.kind) && change.is_live()) {
        let before = change.before.as_deref().filter(|row| row.is_live());
        let had: Vec<Exclusive> = before.map(of).unwrap_or_default().into_iter().map(|it| it.within(now)).collect();
        let has = change.after.as_deref().map(of).unwrap_or_default();
        for exclusive in has.into_iter().filter(|it| !had.contains(it) && !matches!(it, Exclusive::Default(_))) {
            new.entry(exclusive).or_default().push((number, change));
        }
    }
    let mut violations = BTreeMap::new();
    for item in kinds.iter().flat_map(|kind| case.after.of_kind(*kind)).filter(|_| !new.is_empty()) {
        for owned in exclusive(&item.row.key, &item.view) {
            let other = &item.row.key;
            let clashing = new.get(&owned).into_iter().flatten().filter(|(_, change)| change.key != *other);
            for (number, change) in clashing {
                let refuse =
                    || Violation { change: *number, because: format!("{other} {owned}"), way_out: way_out(change, other) };
                violations.entry(*number).or_insert_with(refuse);
            }
        }
    }
    violations.into_values().collect()
}
