use std::collections::{BTreeMap, BTreeSet};

use crate::api::Kind;
use crate::plan::Case;
use crate::tenancy::view::{RoleView, View};
use crate::tenancy::{Key, Row, World};

/// What a service calls a `roles.muster.dev`: its template, and its name there.
type Outside<'a> = (Key, &'a str);

/// The changes by which a `roles.muster.dev` loses the name that another one subscribes to, with that one.
pub(super) fn lost<'c>(case: &'c Case<'_>) -> BTreeMap<usize, &'c Key> {
    let changed = case.changes().any(|(_, change)| matches!(change.key.kind, Kind::Role | Kind::Template));
    if !changed {
        return BTreeMap::new();
    }
    let renames = case.renames();
    let names = names(&case.after);
    let mut lost: BTreeMap<Outside<'_>, usize> = BTreeMap::new();
    for (key, view) in roles(case.before) {
        let (template, name) = outside(key, view);
        let now = (renames.get(&template).map_or(template.clone(), |now| (*now).clone()), name);
        if let Some((number, _)) = case.change_from(key).filter(|_| !names.contains(&now)) {
            lost.insert(now, number);
        }
    }
    let mut users = BTreeMap::new();
    for (key, view) in roles(&case.after).filter(|_| !lost.is_empty()) {
        for name in view.subscriptions() {
            if let Some(number) = lost.get(&(template(view), name)) {
                users.entry(*number).or_insert(key);
            }
        }
    }
    users
}

/// The changes by which a `roles.muster.dev` subscribes to one that will not be there, with what should be.
pub(super) fn missing(case: &Case<'_>) -> Vec<(usize, Key)> {
    let changes = || case.changes().filter(|(_, change)| change.key.kind == Kind::Role && change.is_live());
    if changes().next().is_none() {
        return Vec::new();
    }
    let names = names(&case.after);
    let mut missing = Vec::new();
    for (number, change) in changes() {
        let Some(view) = change.after.as_deref().and_then(read) else { continue };
        let before = change.before.as_deref().filter(|row| row.is_live()).and_then(read);
        let had = |name: &str| before.as_ref().is_some_and(|view| view.subscriptions().any(|other| other == name));
        let template = template(&view);
        let open = view.subscriptions().find(|name| !had(name) && !names.contains(&(template.clone(), name)));
        if let Some(name) = open {
            missing.push((number, planned(case, &template, name).unwrap_or_else(|| Key::new(Kind::Role, name))));
        }
    }
    missing
}

/// The object that would have this name if its change were allowed.
fn planned(case: &Case<'_>, template: &Key, name: &str) -> Option<Key> {
    let all = case.draft.changes.iter().filter(|change| change.key.kind == Kind::Role);
    let mut named = all.filter(|change| {
        let view = change.after.as_deref().and_then(read);
        view.is_some_and(|view| outside(&change.key, &view) == (template.clone(), name))
    });
    named.next().map(|change| change.key.clone())
}

fn read(row: &Row) -> Option<RoleView> {
    match View::read(row.key.kind, &row.spec) {
        View::Role(view) => Some(view),
        _ => None,
    }
}

fn roles<'w>(world: &'w World<'_>) -> impl Iterator<Item = (&'w Key, &'w RoleView)> {
    world.of_kind(Kind::Role).iter().filter_map(|item| match &*item.view {
        View::Role(view) => Some((&item.row.key, view)),
        _ => None,
    })
}

fn template(view: &RoleView) -> Key {
    Key::new(Kind::Template, view.template_ref.name.as_str())
}

fn outside<'v>(key: &'v Key, view: &'v RoleView) -> Outside<'v> {
    (template(view), view.name.as_deref().unwrap_or(&key.name))
}

fn names<'w>(world: &'w World<'_>) -> BTreeSet<Outside<'w>> {
    roles(world).map(|(key, view)| outside(key, view)).collect()
}
