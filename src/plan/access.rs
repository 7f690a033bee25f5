use std::collections::BTreeSet;
use std::fmt::Write;

use serde::{Deserialize, Serialize};

use super::Change;
use crate::api::{Kind, Verb as Permission};
use crate::tenancy::view::{RolesView, View};
use crate::tenancy::{Item, Key, Name, World, access, places_of};

/// Who gains and who loses what, where and why.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AccessDiff {
    /// New admins first, then by name and place; at most [`AccessDiff::SHOWN`].
    pub changes: Vec<AccessChange>,
    /// How many people are affected but not shown.
    pub more_people: usize,
}

impl AccessDiff {
    /// How many people an access diff shows.
    pub const SHOWN: usize = 200;
}

/// What a plan changes for one person in one place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccessChange {
    /// The name of the member.
    pub member: Name,
    /// The e-mail address.
    pub email: Box<str>,
    /// The organization, project or workspace.
    pub place: Key,
    /// What the person may do afterwards and not before.
    pub gains: Vec<Permission>,
    /// What the person may do before and not afterwards.
    pub loses: Vec<Permission>,
    /// The roles that count there, before and afterwards: `Admin of workspace/design -> ReadOnly of workspace/design`.
    pub why: Box<str>,
}

impl AccessChange {
    /// True when the person becomes an admin of the place.
    #[must_use]
    pub fn makes_admin(&self) -> bool {
        self.gains.contains(&Permission::MembersWrite)
    }
}

/// Compares what the people that the changes are about may do before and afterwards. It looks at grants: a person who gets in
/// everywhere by a role in the organization has one row for the organization.
#[must_use]
pub fn access_diff(changes: &[Change], before: &World<'_>, after: &World<'_>) -> AccessDiff {
    let mut people: Vec<(bool, Name)> =
        affected(changes, before, after).into_iter().map(|name| (!grants_admin(&name, after), name)).collect();
    people.sort();
    let mut diff = AccessDiff::default();
    for (shown, (_, member)) in people.iter().enumerate() {
        if shown >= AccessDiff::SHOWN {
            diff.more_people = people.len() - shown;
            break;
        }
        let places: BTreeSet<Key> = &places_of(before, member) | &places_of(after, member);
        diff.changes.extend(places.into_iter().filter_map(|place| compare(member, place, before, after)));
    }
    diff.changes.sort_by(|a, b| (!a.makes_admin(), &a.member, &a.place).cmp(&(!b.makes_admin(), &b.member, &b.place)));
    diff
}

fn affected(changes: &[Change], before: &World<'_>, after: &World<'_>) -> BTreeSet<Name> {
    let mut people = BTreeSet::new();
    for change in changes {
        match change.key.kind {
            Kind::Member => drop(people.insert(change.key.name.clone())),
            Kind::Membership => people.extend(change.key.member_and_place().map(|(member, _)| Name::from(member))),
            Kind::MembershipType => {
                let row = change.before.as_ref().or(change.after.as_ref());
                if let Some(View::MembershipType(view)) = row.map(|row| View::read(row.key.kind, &row.spec)) {
                    let role = view.name.unwrap_or_else(|| change.key.name.as_str().into());
                    people.extend(holders(before, &role));
                    people.extend(holders(after, &role));
                }
            }
            _ => {}
        }
    }
    people
}

fn holders(world: &World<'_>, role: &str) -> Vec<Name> {
    let has = |roles: &RolesView| roles.iter().any(|name| name == role);
    let holder = |item: &Item<'_>| match &*item.view {
        View::Member(member) if has(&member.roles) => Some(item.row.key.name.clone()),
        View::Membership(membership) if has(&membership.roles) => {
            item.row.key.member_and_place().map(|(member, _)| member.into())
        }
        _ => None,
    };
    world.items().iter().filter_map(holder).collect()
}

fn grants_admin(member: &str, world: &World<'_>) -> bool {
    let admin = |roles: &RolesView| world.roles_of(roles).any(|(_, role)| role.is_admin());
    world.member(member).is_some_and(|(_, view)| admin(&view.roles))
        || world.memberships(member).any(|(_, _, view)| admin(&view.roles))
}

fn compare(member: &Name, place: Key, before: &World<'_>, after: &World<'_>) -> Option<AccessChange> {
    let (had, has) = (access(before, member, &place), access(after, member, &place));
    let missing_in = |one: &crate::tenancy::Access, other: &crate::tenancy::Access| {
        one.keys().filter(|verb| !other.contains_key(verb)).copied().collect::<Vec<_>>()
    };
    let (gains, loses) = (missing_in(&has, &had), missing_in(&had, &has));
    if gains.is_empty() && loses.is_empty() {
        return None;
    }
    let (_, view) = after.member(member).or_else(|| before.member(member))?;
    let why = format!("{} -> {}", roles(&had), roles(&has)).into();
    Some(AccessChange { member: member.clone(), email: view.email.clone(), place, gains, loses, why })
}

fn roles(access: &crate::tenancy::Access) -> String {
    let grants: BTreeSet<String> = access.values().flatten().map(ToString::to_string).collect();
    let mut text = String::new();
    for grant in &grants {
        let separator = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{separator}{grant}");
    }
    if text.is_empty() { "no access".to_owned() } else { text }
}
