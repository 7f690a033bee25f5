use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Change;
use crate::api::membership_type::Level;
use crate::api::{Kind, Verb as Permission};
use crate::tenancy::view::{MemberView, RolesView, View};
use crate::tenancy::{Access, Item, Key, Name, Person, Row, World, places_of};

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
/// everywhere by a role in the organization has one row for the organization. A person or place that is renamed stays the
/// same one; a person who gets another address is another one.
#[must_use]
pub fn access_diff(changes: &[Change], before: &World<'_>, after: &World<'_>) -> AccessDiff {
    let sides = Sides { before, after, names: Names::of(changes) };
    let mut people: Vec<(bool, Name, BTreeSet<Key>)> =
        sides.affected(changes).into_iter().map(|(name, places)| (!grants_admin(&name, after), name, places)).collect();
    people.sort();
    let more_people = people.len().saturating_sub(AccessDiff::SHOWN);
    people.truncate(AccessDiff::SHOWN);
    let mut changes: Vec<AccessChange> = people.iter().flat_map(|(_, member, places)| sides.compare(member, places)).collect();
    let place = |change: &AccessChange| (!change.makes_admin(), change.member.clone(), change.place.clone());
    changes.sort_by_cached_key(place);
    AccessDiff { changes, more_people }
}

/// What renamed people and places were called.
struct Names {
    old_by_new: BTreeMap<Key, Key>,
    new_by_old: BTreeMap<Key, Key>,
}

impl Names {
    fn of(changes: &[Change]) -> Self {
        let moved = |change: &Change| {
            let old = &change.before.as_ref()?.key;
            (*old != change.key).then(|| (change.key.clone(), old.clone()))
        };
        let old_by_new: BTreeMap<Key, Key> = changes.iter().filter_map(moved).collect();
        let new_by_old = old_by_new.iter().map(|(new, old)| (old.clone(), new.clone())).collect();
        Self { old_by_new, new_by_old }
    }

    fn before(&self, key: &Key) -> Key {
        self.old_by_new.get(key).unwrap_or(key).clone()
    }

    fn now(&self, key: &Key) -> Key {
        self.new_by_old.get(key).unwrap_or(key).clone()
    }

    fn member_now(&self, name: &str) -> Name {
        self.now(&Key::new(Kind::Member, name)).name
    }
}

struct Sides<'a> {
    before: &'a World<'a>,
    after: &'a World<'a>,
    names: Names,
}

/// The people whose access may change, by their new names, with the places where it may do so beside those they are in.
type Affected = BTreeMap<Name, BTreeSet<Key>>;

impl Sides<'_> {
    fn affected(&self, changes: &[Change]) -> Affected {
        let mut people = Affected::new();
        let (mut roles, mut moved) = (BTreeSet::new(), Vec::new());
        for change in changes {
            match change.key.kind {
                Kind::Member => drop(people.entry(change.key.name.clone()).or_default()),
                Kind::Membership => {
                    people.extend(change.key.member_and_place().map(|(member, _)| (Name::from(member), BTreeSet::new())));
                }
                Kind::MembershipType => {
                    roles.extend([&change.before, &change.after].into_iter().flatten().filter_map(|row| role_name(row)));
                }
                Kind::Workspace => moved.push(&change.key),
                Kind::Organization => self.reached_by_policy(&mut people),
                _ => {}
            }
        }
        if !roles.is_empty() {
            let has = |view: &RolesView| view.iter().any(|role| roles.contains(role));
            self.add_holders(&mut people, &has);
        }
        self.add_project_members(&mut people, &moved);
        self.add_those_whose_time_comes(&mut people);
        people
    }

    /// Those who have a role, or none where that matters.
    fn add_holders(&self, people: &mut Affected, has: &dyn Fn(&RolesView) -> bool) {
        let holder = |item: &Item<'_>| match &*item.view {
            View::Member(member) if has(&member.roles) => Some(item.row.key.name.clone()),
            View::Membership(membership) if has(&membership.roles) => {
                item.row.key.member_and_place().map(|(member, _)| member.into())
            }
            _ => None,
        };
        for name in self.before.items().iter().filter_map(holder) {
            people.entry(self.names.member_now(&name)).or_default();
        }
        for name in self.after.items().iter().filter_map(holder) {
            people.entry(name).or_default();
        }
    }

    /// Those for whom another policy means another access.
    fn reached_by_policy(&self, people: &mut Affected) {
        let (before, after) = (&self.before.policy, &self.after.policy);
        if before.default_role != after.default_role {
            self.add_holders(people, &RolesView::is_empty);
        }
        if self.before.roles != self.after.roles {
            let changed = |role: &str| self.before.roles.get(role) != self.after.roles.get(role);
            self.add_holders(people, &|view| view.iter().any(changed));
        }
        if (before.implicit_admins, before.private_workspaces) != (after.implicit_admins, after.private_workspaces) {
            let below = |world: &World<'_>| -> Vec<Key> {
                let places = world.of_kind(Kind::Project).iter().chain(world.of_kind(Kind::Workspace));
                places.map(|item| item.row.key.clone()).collect()
            };
            let places: BTreeSet<Key> =
                below(self.before).iter().map(|key| self.names.now(key)).chain(below(self.after)).collect();
            let reaches = |world: &World<'_>, member: &MemberView| {
                world.roles_of(Level::Organization, &member.roles).any(|(_, role)| role.is_admin())
            };
            for (item, _) in self.after.members().filter(|(_, member)| reaches(self.after, member)) {
                people.entry(item.row.key.name.clone()).or_default().extend(places.iter().cloned());
            }
        }
    }

    /// Those whose access ends between the two moments, though nothing of theirs changes.
    fn add_those_whose_time_comes(&self, people: &mut Affected) {
        if self.before.now >= self.after.now {
            return;
        }
        let between = |end: Timestamp| end > self.before.now && end <= self.after.now;
        for (member, _, _) in
            self.before.all_memberships().filter(|(_, _, membership)| membership.expires_at.is_some_and(between))
        {
            people.entry(self.names.member_now(member)).or_default();
        }
    }

    /// Those who reach a workspace through the project it leaves or comes to.
    fn add_project_members(&self, people: &mut Affected, workspaces: &[&Key]) {
        let mut of_project: BTreeMap<Key, BTreeSet<Key>> = BTreeMap::new();
        for workspace in workspaces {
            let project = |world: &World<'_>, key: &Key| world.workspace(&key.name).and_then(World::open_project);
            let old = project(self.before, &self.names.before(workspace)).map(|project| self.names.now(&project));
            let new = project(self.after, workspace);
            if old != new && self.after.get(workspace).is_some() && self.before.get(&self.names.before(workspace)).is_some() {
                for project in old.into_iter().chain(new) {
                    of_project.entry(project).or_default().insert((*workspace).clone());
                }
            }
        }
        if of_project.is_empty() {
            return;
        }
        let before =
            self.before.all_memberships().map(|(member, place, _)| (self.names.member_now(member), self.names.now(&place)));
        let after = self.after.all_memberships().map(|(member, place, _)| (Name::from(member), place));
        for (member, place) in before.chain(after) {
            if let Some(workspaces) = of_project.get(&place) {
                people.entry(member).or_default().extend(workspaces.iter().cloned());
            }
        }
    }

    /// What changes for one person, in these places and those that the person is in.
    fn compare(&self, member: &Name, places: &BTreeSet<Key>) -> Vec<AccessChange> {
        let old_member = self.names.before(&Key::new(Kind::Member, member.clone())).name;
        let own = places_of(self.before, &old_member).iter().map(|place| self.names.now(place)).collect::<BTreeSet<_>>();
        let places = &(&own | &places_of(self.after, member)) | places;
        let email = |world: &World<'_>, name: &str| world.member(name).map(|(_, view)| view.email.clone());
        let (was, is) = (email(self.before, &old_member), email(self.after, member));
        let (old_person, person) = (Person::of(self.before, &old_member), Person::of(self.after, member));
        let access = |person: &Option<Person<'_>>, place: &Key| person.as_ref().map(|person| person.access(place));
        let compare = |place: Key| {
            let had = access(&old_person, &self.names.before(&place)).unwrap_or_default();
            let has = access(&person, &place).unwrap_or_default();
            let change =
                |email: &Option<Box<str>>, had: &Access, has: &Access| between(member, email.as_deref()?, &place, (had, has));
            match (&was, &is) {
                (Some(old), Some(new)) if !old.eq_ignore_ascii_case(new) => {
                    [change(&was, &had, &Access::new()), change(&is, &Access::new(), &has)]
                }
                _ => [change(is.as_ref().map_or(&was, |_| &is), &had, &has), None],
            }
        };
        places.into_iter().flat_map(compare).flatten().collect()
    }
}

/// The name by which members have a membership type.
fn role_name(row: &Row) -> Option<Box<str>> {
    match View::read(row.key.kind, &row.spec) {
        View::MembershipType(view) => Some(view.name.unwrap_or_else(|| row.key.name.as_str().into())),
        _ => None,
    }
}

fn grants_admin(member: &str, world: &World<'_>) -> bool {
    let Some((_, view)) = world.member(member) else { return false };
    world.roles_of(Level::Organization, &view.roles).any(|(_, role)| role.is_admin())
        || world.memberships(member).any(|(_, place, given)| world.roles_in(view, &place, given).any(|(_, role)| role.is_admin()))
}

/// The difference between what a person could and can do in a place; `None` where there is none.
fn between(member: &Name, email: &str, place: &Key, (had, has): (&Access, &Access)) -> Option<AccessChange> {
    let missing_in =
        |one: &Access, other: &Access| one.keys().filter(|verb| !other.contains_key(verb)).copied().collect::<Vec<_>>();
    let (gains, loses) = (missing_in(has, had), missing_in(had, has));
    if gains.is_empty() && loses.is_empty() {
        return None;
    }
    let why = format!("{} -> {}", roles(had), roles(has)).into();
    Some(AccessChange { member: member.clone(), email: email.into(), place: place.clone(), gains, loses, why })
}

fn roles(access: &Access) -> String {
    let grants: BTreeSet<String> = access.values().flatten().map(ToString::to_string).collect();
    let mut text = String::new();
    for grant in &grants {
        let separator = if text.is_empty() { "" } else { ", " };
        let _ = write!(text, "{separator}{grant}");
    }
    if text.is_empty() { "no access".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::AccessDiff;
    use crate::plan::render::fixture::Fixture;

    fn person(name: &str, role: &str) -> Value {
        json!({ "email": format!("{name}@acme.example"), "role": role })
    }

    #[test]
    fn new_admins_are_shown_however_many_people_are_affected() {
        let mut fixture = Fixture::new().both("workspace/design", json!({}));
        for number in 0..AccessDiff::SHOWN {
            let name = format!("m{number:03}");
            fixture = fixture.wanted(&format!("member/{name}"), person(&name, "Member"));
        }
        fixture = fixture.wanted("member/y", json!({ "email": "y@acme.example" }));
        fixture = fixture.wanted("membership/y/workspace/design", json!({ "role": "Admin" }));
        let access = fixture.wanted("member/z", person("z", "Admin")).plan().access;
        let first: Vec<&str> = access.changes.iter().take(3).map(|change| &*change.email).collect();
        assert_eq!(first, ["y@acme.example", "z@acme.example", "m000@acme.example"]);
        assert_eq!((access.changes.len(), access.more_people), (AccessDiff::SHOWN, 2));
    }

    #[test]
    fn whoever_is_not_affected_takes_nobodys_place() {
        let editor = |allows: &str| json!({ "levels": ["Workspace"], "permissions": [allows] });
        let mut fixture = Fixture::new().both("workspace/design", json!({}));
        for number in 0..AccessDiff::SHOWN {
            let name = format!("m{number:03}");
            fixture = fixture.both(&format!("member/{name}"), person(&name, if number % 2 == 0 { "Member" } else { "ReadOnly" }));
            fixture = fixture.both(&format!("membership/{name}/workspace/design"), json!({ "role": "Member" }));
        }
        fixture = fixture.both("member/z", json!({ "email": "z@acme.example" }));
        fixture = fixture.both("membership/z/workspace/design", json!({ "role": "editor" }));
        fixture = fixture.stored("membership type/editor", editor("content:read"));
        let access = fixture.wanted("membership type/editor", editor("content:write")).plan().access;
        let shown: Vec<&str> = access.changes.iter().map(|change| &*change.email).collect();
        assert_eq!((shown, access.more_people), (vec!["z@acme.example"], 0));
    }
}
