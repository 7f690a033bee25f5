use std::collections::{BTreeMap, BTreeSet};

use super::subscriptions;
use crate::api::Kind;
use crate::api::membership_type::Level;
use crate::api::policy::PersonalWorkspaces;
use crate::plan::{Case, Cause, Change, Verb, Violation};
use crate::tenancy::Key;
use crate::tenancy::reference::{owners, references, targets};
use crate::tenancy::view::View;
use crate::tenancy::{DEFAULT_WORKSPACES, Manager, PERSONAL_WORKSPACES};

pub(super) fn still_wanted(case: &Case<'_>) -> Vec<Violation> {
    let removed = removed(case);
    if removed.is_empty() {
        return Vec::new();
    }
    let mut parts: BTreeMap<usize, (&Key, Key)> = BTreeMap::new();
    let organization = Key::new(Kind::Organization, case.tenancy.organization.clone());
    let is_written = |key: &Key| case.tenancy.get(key).is_none_or(|desired| desired.implied_by.is_none());
    for item in case.after.items().iter().filter(|item| is_written(&item.row.key)) {
        for owner in owners(&item.row.key, &item.row.spec).into_iter().chain([organization.clone()]) {
            if let Some(number) = removed.get(&owner) {
                parts.entry(*number).or_insert((&item.row.key, owner));
            }
        }
    }
    let refuse = |(change, (part, owner)): (usize, (&Key, Key))| {
        let why = match (case.tenancy.get(part).is_some(), case.tenancy.holds(part)) {
            (true, _) => "is still in the input",
            (false, true) => "is in the input, though held",
            (false, false) => "stays",
        };
        let because = format!("{part} is part of {owner} and {why}");
        Violation { change, because, way_out: format!("remove {part} too, or put {owner} back into the input") }
    };
    parts.into_iter().map(refuse).collect()
}

fn removed<'c>(case: &'c Case<'_>) -> BTreeMap<&'c Key, usize> {
    case.removals().map(|(number, change)| (&change.key, number)).collect()
}

pub(super) fn in_use(case: &Case<'_>) -> Vec<Violation> {
    let refuse = |(change, user): (usize, &Key), does: &str| Violation {
        change,
        because: format!("{user} {does} it"),
        way_out: format!("change {user} first; both may be in the same commit"),
    };
    let users = users(case).into_iter().map(|user| refuse(user, "refers to"));
    let users = users.chain(holders(case).into_iter().map(|holder| refuse(holder, "has")));
    users.chain(subscriptions::lost(case).into_iter().map(|user| refuse(user, "subscribes to"))).collect()
}

/// What stays and refers to something that is removed, without being part of it.
fn users<'c>(case: &'c Case<'_>) -> BTreeMap<usize, &'c Key> {
    let removed = removed(case);
    let mut users = BTreeMap::new();
    if removed.is_empty() {
        return users;
    }
    let targeted: BTreeSet<Kind> = removed.keys().map(|key| key.kind).collect();
    let refers = |kind| references(kind).iter().any(|reference| !reference.part_of && targeted.contains(&reference.target));
    for item in case.after.items().iter().filter(|item| refers(item.row.key.kind)) {
        for (target, _) in targets(&item.row.key, &item.row.spec).iter().filter(|(_, reference)| !reference.part_of) {
            if let Some(number) = removed.get(target) {
                users.entry(*number).or_insert(&item.row.key);
            }
        }
    }
    users
}

/// Those who have a role by a name or at a level that its membership type does not have any more.
fn holders<'c>(case: &'c Case<'_>) -> BTreeMap<usize, &'c Key> {
    let lost = lost_levels(case);
    let mut holders = BTreeMap::new();
    if lost.is_empty() {
        return holders;
    }
    for item in case.after.items() {
        let (roles, level) = match (&*item.view, item.row.key.member_and_place()) {
            (View::Member(member), _) => (&member.roles, Level::Organization),
            (View::Membership(membership), Some((_, place))) if place.kind == Kind::Project => {
                (&membership.roles, Level::Project)
            }
            (View::Membership(membership), _) => (&membership.roles, Level::Workspace),
            _ => continue,
        };
        for number in roles.iter().filter_map(|role| lost.get(&(role, level))) {
            holders.entry(*number).or_insert(&item.row.key);
        }
    }
    holders
}

/// The levels that roles cannot be given at any more, each with the change of the membership type.
fn lost_levels<'c>(case: &'c Case<'_>) -> BTreeMap<(&'c str, Level), usize> {
    let mut lost = BTreeMap::new();
    for item in case.before.of_kind(Kind::MembershipType) {
        let (View::MembershipType(view), Some((number, _))) = (&*item.view, case.change_from(&item.row.key)) else { continue };
        let name = view.name.as_deref().unwrap_or(&item.row.key.name);
        let kept = case.after.roles.get(name).map(|role| &role.levels);
        let gone = view.levels.iter().filter(|level| !kept.is_some_and(|kept| kept.contains(level)));
        lost.extend(gone.map(|level| ((name, *level), number)));
    }
    lost
}

pub(super) fn reference_missing(case: &Case<'_>) -> Vec<Violation> {
    let organization = Key::new(Kind::Organization, case.tenancy.organization.clone());
    let live = case.changes().filter(|(_, change)| change.is_live() && change.verb != Verb::Release);
    let missing = live.filter_map(|(number, change)| {
        let row = change.after.as_ref()?;
        let own = match row.key.kind {
            Kind::Membership => owners(&row.key, &row.spec),
            _ => targets(&row.key, &row.spec).into_iter().map(|(target, _)| target).collect(),
        };
        let all = own.into_iter().chain((row.key != organization).then(|| organization.clone()));
        let target = all.into_iter().find(|target| case.after.get(target).is_none())?;
        Some(without(case, number, &target))
    });
    let unsubscribed = subscriptions::missing(case).into_iter().map(|(number, target)| without(case, number, &target));
    let unfounded = unfounded(case).map(|number| without(case, number, &organization));
    missing.chain(unsubscribed).chain(unfounded).chain(left_behind(case)).collect()
}

/// Nothing takes a new name while a part of it, or what refers to it, cannot follow, because its own change is refused.
fn left_behind(case: &Case<'_>) -> Vec<Violation> {
    let renames = case.renames();
    let kinds: BTreeSet<Kind> = renames.keys().map(|key| key.kind).collect();
    let refers = |kind| references(kind).iter().any(|reference| kinds.contains(&reference.target));
    let mut behind: BTreeMap<usize, (&Key, &Key)> = BTreeMap::new();
    let stopped = case.draft.changes.iter().zip(case.allowed).filter(|(change, allowed)| !**allowed && change.was_live());
    for row in stopped.filter(|_| !renames.is_empty()).filter_map(|(change, _)| change.before.as_ref()) {
        let named = match row.key.kind {
            Kind::Membership => owners(&row.key, &row.spec),
            kind if refers(kind) => targets(&row.key, &row.spec).into_iter().map(|(target, _)| target).collect(),
            _ => Vec::new(),
        };
        for (number, change) in named.iter().filter(|key| renames.contains_key(key)).filter_map(|key| case.change_from(key)) {
            if change.is_live() {
                let first = behind.entry(number).or_insert((&row.key, &change.key));
                *first = (*first).min((&row.key, &change.key));
            }
        }
    }
    let refuse = |(change, (row, new)): (usize, (&Key, &Key))| Violation {
        change,
        because: format!("{row} cannot follow it to {new}, because a change of it is refused"),
        way_out: format!("see what else is refused of {row}"),
    };
    behind.into_iter().map(refuse).collect()
}

/// What is implied by a policy that will not be in force, because the change of the organization does not happen.
fn unfounded<'c>(case: &'c Case<'_>) -> impl Iterator<Item = usize> + 'c {
    let policy = &case.after.policy;
    let founded = |change: &Change, rule: &str| match rule {
        DEFAULT_WORKSPACES => policy.default_workspaces.iter().any(|it| *it.name.as_str() == *change.key.name),
        PERSONAL_WORKSPACES => policy.personal_workspaces == PersonalWorkspaces::Local,
        _ => true,
    };
    let stays = case.after.organization().is_some();
    let refused = case.is_stopped(&Key::new(Kind::Organization, case.tenancy.organization.clone()));
    // What the policy that stays in force implies is not taken away because another one would not.
    let is_implied = |change: &Change| {
        let row = change.before.as_deref().filter(|row| row.manager.as_ref().is_some_and(Manager::is_policy));
        row.is_some_and(|row| row.key.kind == Kind::Workspace)
    };
    case.changes().filter(move |_| stays).filter_map(move |(number, change)| match &change.cause {
        Cause::Implied(rule) if !change.is_removal() && !founded(change, rule) => Some(number),
        Cause::Git if refused && change.is_removal() && is_implied(change) => Some(number),
        _ => None,
    })
}

pub(super) fn name_taken(case: &Case<'_>) -> Vec<Violation> {
    let leaving: BTreeSet<&Key> = case.renames().into_keys().collect();
    let arriving = case.changes().filter(|(_, change)| change.before.as_ref().is_none_or(|row| row.key != change.key));
    let taken = arriving.filter(|(_, change)| case.snapshot.row(&change.key).is_some() && !leaving.contains(&change.key));
    let refuse = |(number, change): (usize, &Change)| Violation {
        change: number,
        because: format!("the name {} is still taken, because its holder does not give it up", change.key.name),
        way_out: format!("see what is refused of {}", case.heir(&change.key)),
    };
    // Who does not arrive does not leave either, so whoever comes after stays as well: a chain stops whole.
    let next = |(_, change): &(usize, &Change)| case.change_of(&change.before.as_ref()?.key);
    taken.flat_map(|first| std::iter::successors(Some(first), next)).map(refuse).collect()
}

/// A change that needs an object which will not be there: it waits when that object only waits.
fn without(case: &Case<'_>, change: usize, target: &Key) -> Violation {
    let held = case.held.contains_key(target) || case.tenancy.holds(target) || case.draft.waiting.contains_key(target);
    let (because, way_out) = match (held, case.is_stopped(target)) {
        (true, _) => (format!("it waits for {target}, which is held back"), String::new()),
        (false, true) => (format!("it needs {target}, whose change is refused"), format!("see the refusal of {target}")),
        (false, false) => (format!("it needs {target}, which is not there"), format!("put {target} into the input")),
    };
    Violation { change, because, way_out }
}
