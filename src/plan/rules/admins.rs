use std::collections::BTreeMap;

use crate::api::Kind;
use crate::api::policy::AdminLoss;
use crate::plan::review::{Case, Violation};
use crate::plan::{Change, Verb};
use crate::tenancy::view::View;
use crate::tenancy::{Admins, Key, Name, World};

pub(super) fn last_admin(case: &Case<'_>) -> Vec<Violation> {
    let min = usize::try_from(case.guard.min_admins).unwrap_or(0);
    let renames = case.renames();
    let renamed =
        |name: &Name| renames.get(&Key::new(Kind::Member, name.clone())).map_or_else(|| name.clone(), |key| key.name.clone());
    let mut violations = BTreeMap::new();
    for (place, before) in case.admins_before().iter() {
        let Some(after) = case.admins_after().get(renames.get(place).copied().unwrap_or(place)) else { continue };
        for member in lost(before, after, min, &renamed) {
            for (number, change) in blamed(case, place, &member) {
                violations.entry(number).or_insert_with(|| refuse(number, change, place, &member, min));
            }
        }
    }
    violations.into_values().collect()
}

/// The admins whose loss a place cannot bear. Where nobody is active, the invited ones count.
fn lost(before: &Admins, after: &Admins, min: usize, renamed: &dyn Fn(&Name) -> Name) -> Vec<Name> {
    let (before, after) = match (before.lasting.is_empty(), after.lasting.is_empty()) {
        (true, true) => (&before.pending, &after.pending),
        (true, false) => return Vec::new(),
        (false, _) => (&before.lasting, &after.lasting),
    };
    let lost: Vec<Name> = before.iter().filter(|name| !after.contains(&renamed(name))).cloned().collect();
    if after.len() < min && after.len() < before.len() { lost } else { Vec::new() }
}

/// The changes that cost a member the administration of a place: those of the member and of the memberships it came from, or
/// else those of what gave it from afar.
fn blamed<'c>(case: &'c Case<'_>, place: &Key, member: &str) -> Vec<(usize, &'c Change)> {
    let mut own = vec![Key::new(Kind::Member, member), Key::membership(member, place)];
    own.extend(project_of(case, place).map(|project| Key::membership(member, &project)));
    let before = |change: &'c Change| change.before.as_ref().map(|row| &row.key);
    let guarded = |change: &Change| case.guard.admins_protected_from.contains(&loss_by(change));
    let direct: Vec<_> = case.changes().filter(|(_, change)| before(change).is_some_and(|key| own.contains(key))).collect();
    let from_afar = |change: &Change| match change.key.kind {
        Kind::Organization | Kind::MembershipType => true,
        Kind::Workspace => change.key == *place,
        _ => false,
    };
    let blamed = if direct.is_empty() { case.changes().filter(|(_, change)| from_afar(change)).collect() } else { direct };
    blamed.into_iter().filter(|(_, change)| guarded(change)).collect()
}

fn project_of(case: &Case<'_>, place: &Key) -> Option<Key> {
    let workspace = (place.kind == Kind::Workspace).then(|| case.before.workspace(&place.name)).flatten()?;
    World::open_project(workspace)
}

/// How a change makes somebody stop being a lasting admin.
fn loss_by(change: &Change) -> AdminLoss {
    let (Some(before), Some(after)) = (&change.before, change.after.as_ref().filter(|row| row.is_live())) else {
        return AdminLoss::Remove;
    };
    match (View::read(before.key.kind, &before.spec), View::read(after.key.kind, &after.spec)) {
        (View::Member(old), View::Member(new)) if !old.email.eq_ignore_ascii_case(&new.email) => AdminLoss::Remove,
        (View::Member(old), View::Member(new)) if new.disabled && !old.disabled => AdminLoss::Disable,
        (View::Membership(old), View::Membership(new)) if new.expires_at.is_some() && old.expires_at.is_none() => {
            AdminLoss::Expire
        }
        _ => AdminLoss::Demote,
    }
}

fn refuse(change: usize, blamed: &Change, place: &Key, member: &str, min: usize) -> Violation {
    let by = match loss_by(blamed) {
        AdminLoss::Remove => "be removed",
        AdminLoss::Demote => "lose the role",
        AdminLoss::Disable => "be disabled",
        AdminLoss::Expire => "be limited in time",
    };
    let because = match min {
        1 => format!("member/{member} is the last lasting admin of {place} and cannot {by}"),
        _ => format!("{place} keeps at least {min} lasting admins, so member/{member} cannot {by}"),
    };
    let way_out = format!("make another active member admin of {place}; both may be in the same commit");
    Violation { change, because, way_out }
}

pub(super) fn admin_missing(case: &Case<'_>) -> Vec<Violation> {
    if case.guard.min_admins == 0 {
        return Vec::new();
    }
    let is_place = |kind| matches!(kind, Kind::Organization | Kind::Project | Kind::Workspace);
    let new = case.changes().filter(|(_, change)| is_place(change.key.kind) && change.verb == Verb::Create);
    let without = new.filter(|(_, change)| {
        let admins = case.admins_after().get(&change.key);
        admins.is_none_or(|admins| admins.lasting.is_empty() && admins.pending.is_empty())
    });
    let hold = |change| Violation { change, because: "nobody is a lasting admin of it yet".to_owned(), way_out: String::new() };
    without.map(|(number, _)| hold(number)).collect()
}
