use std::collections::{BTreeMap, BTreeSet};

use crate::api::Kind;
use crate::plan::review::{Case, Violation};
use crate::plan::{Change, Verb};
use crate::tenancy::reference::{owners, targets};
use crate::tenancy::view::{RolesView, View};
use crate::tenancy::{Item, Key};

pub(super) fn still_wanted(case: &Case<'_>) -> Vec<Violation> {
    let wanted = case.removals().filter_map(|(number, change)| {
        let part = case.draft.still_wanted.get(&change.key)?;
        Some(Violation {
            change: number,
            because: format!("{part} is part of it and still in the input"),
            way_out: format!("remove {part} from the input too, or put {} back", change.key),
        })
    });
    wanted.collect()
}

pub(super) fn in_use(case: &Case<'_>) -> Vec<Violation> {
    let removed: BTreeMap<&Key, usize> = case.removals().map(|(number, change)| (&change.key, number)).collect();
    let mut users: BTreeMap<usize, &Key> = BTreeMap::new();
    let targeted: BTreeSet<Kind> = removed.keys().map(|key| key.kind).collect();
    if targeted.contains(&Kind::Workspace) || targeted.contains(&Kind::Project) || targeted.contains(&Kind::Member) {
        for item in case.after.items() {
            for (target, _) in targets(&item.row.key, &item.row.spec) {
                if let Some(number) = removed.get(&target) {
                    users.entry(*number).or_insert(&item.row.key);
                }
            }
        }
    }
    for (number, change) in case.removals().filter(|(_, change)| change.key.kind == Kind::MembershipType) {
        if let Some(holder) = holder_of(case, change) {
            users.entry(number).or_insert(holder);
        }
    }
    let refuse = |(change, user): (usize, &Key)| Violation {
        change,
        because: format!("{user} refers to it"),
        way_out: format!("change {user} first; both may be in the same commit"),
    };
    users.into_iter().map(refuse).collect()
}

/// Somebody who has the role of a membership type afterwards.
fn holder_of<'c>(case: &'c Case<'_>, removal: &Change) -> Option<&'c Key> {
    let View::MembershipType(view) = View::read(Kind::MembershipType, &removal.before.as_ref()?.spec) else { return None };
    let role = view.name.as_deref().unwrap_or(&removal.key.name);
    let has = |roles: &RolesView| roles.iter().any(|name| name == role);
    let holds = |item: &&Item<'_>| match &*item.view {
        View::Member(member) => has(&member.roles),
        View::Membership(membership) => has(&membership.roles),
        _ => false,
    };
    case.after.items().iter().find(holds).map(|item| &item.row.key)
}

pub(super) fn reference_missing(case: &Case<'_>) -> Vec<Violation> {
    let organization = Key::new(Kind::Organization, case.tenancy.organization.clone());
    let missing =
        case.changes().filter(|(_, change)| change.is_live() && change.verb != Verb::Release).filter_map(|(number, change)| {
            let row = change.after.as_ref()?;
            let own = targets(&row.key, &row.spec).into_iter().map(|(target, _)| target).chain(owners(&row.key, &row.spec));
            let all = own.chain((row.key != organization).then(|| organization.clone()));
            let target = all.into_iter().find(|target| case.after.get(target).is_none())?;
            Some(without(case, number, &target))
        });
    missing.collect()
}

pub(super) fn name_taken(case: &Case<'_>) -> Vec<Violation> {
    let leaving: BTreeSet<&Key> = case.renames().into_keys().collect();
    let arriving = case.changes().filter(|(_, change)| change.before.as_ref().is_none_or(|row| row.key != change.key));
    let taken = arriving.filter(|(_, change)| case.snapshot.row(&change.key).is_some() && !leaving.contains(&change.key));
    let refuse = |(number, change): (usize, &Change)| Violation {
        change: number,
        because: format!("the name {} is still taken, because its holder does not give it up", change.key.name),
        way_out: format!("see what is refused of {}", change.key),
    };
    taken.map(refuse).collect()
}

/// A change that needs an object which will not be there: it waits when that object only waits.
fn without(case: &Case<'_>, change: usize, target: &Key) -> Violation {
    let refused = case.draft.changes.iter().enumerate().any(|(number, other)| other.key == *target && !case.allowed[number]);
    let held = case.held.contains_key(target) || case.tenancy.holds(target) || case.draft.waiting.contains_key(target);
    let (because, way_out) = match (held, refused) {
        (true, _) => (format!("it waits for {target}, which is held back"), String::new()),
        (false, true) => (format!("it needs {target}, whose change is refused"), format!("see the refusal of {target}")),
        (false, false) => (format!("it needs {target}, which is not there"), format!("put {target} into the input")),
    };
    Violation { change, because, way_out }
}
