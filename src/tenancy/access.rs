use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;

use super::role::MembershipRole;
use super::view::{MemberView, MembershipView};
use super::world::World;
use super::{Key, Name, Row, Snapshot, Standing};
use crate::api::membership_type::Level;
use crate::api::policy::PrivateWorkspaces;
use crate::api::{Kind, Verb};

/// A role that a person holds somewhere: the reason for permissions.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// Where it was given.
    pub place: Key,
    /// The role.
    pub role: Box<str>,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.role, self.place)?;
        match self.expires_at {
            Some(end) => write!(f, " until {end}"),
            None => Ok(()),
        }
    }
}

/// What a person may do in one place: each permission with the grants it comes from.
pub type Access = BTreeMap<Verb, Vec<Grant>>;

/// What a member may do in a place (the organization, a project or a workspace) at the moment of the world, and why. Empty for
/// an unknown member, an unknown place, and for whoever is not active.
///
/// A role counts in the place it is given in. A role in a project counts in the project's workspaces too, but for private and
/// local ones. Admins of the organization count everywhere, where the policy says so (`access.implicitAdmins`); in private
/// workspaces they, and the admins of the project, may do what `access.privateWorkspaces` says.
#[must_use]
pub fn access(world: &World<'_>, member: &str, place: &Key) -> Access {
    Person::of(world, member).map(|person| person.access(place)).unwrap_or_default()
}

/// An active member with everything that was given to them, for asking about many places.
#[derive(Debug)]
pub struct Person<'w> {
    world: &'w World<'w>,
    view: &'w MemberView,
    memberships: BTreeMap<Key, &'w MembershipView>,
}

impl<'w> Person<'w> {
    /// A member; `None` for an unknown one, and for whoever is not active.
    #[must_use]
    pub fn of(world: &'w World<'_>, member: &str) -> Option<Self> {
        let (item, view) = world.member(member)?;
        if world.standing(item, view) != Standing::Active {
            return None;
        }
        let lasts = |membership: &MembershipView| membership.expires_at.is_none_or(|end| end > world.now);
        let memberships = world.memberships(member).filter(|(_, _, membership)| lasts(membership));
        let memberships = memberships.map(|(_, place, membership)| (place, membership)).collect();
        Some(Self { world, view, memberships })
    }

    /// What the member may do in a place, and why.
    #[must_use]
    pub fn access(&self, place: &Key) -> Access {
        let mut access = Access::new();
        if self.world.get(place).is_none() {
            return access;
        }
        let reach = self.world.reach_from_above(place);
        self.add_from_organization(&mut access, place, reach);
        let workspace = (place.kind == Kind::Workspace).then(|| self.world.workspace(&place.name)).flatten();
        let open = workspace.and_then(World::open_project).is_some();
        for given in workspace.and_then(World::project_of).iter().chain([place]) {
            let Some(membership) = self.memberships.get(given) else { continue };
            for role in self.world.roles_in(self.view, given, membership) {
                let given = (given, membership.expires_at);
                if open || given.0 == place {
                    add(&mut access, role, given, |_| true);
                } else if role.1.is_admin() {
                    add(&mut access, role, given, |verb| reaches(reach, verb));
                }
            }
        }
        access
    }

    fn add_from_organization(&self, access: &mut Access, place: &Key, reach: PrivateWorkspaces) {
        let Some(organization) = self.world.of_kind(Kind::Organization).first() else { return };
        let given = (&organization.row.key, None);
        for role in self.world.roles_of(Level::Organization, &self.view.roles) {
            if *place == organization.row.key {
                add(access, role, given, |_| true);
            } else if role.1.is_admin() {
                add(access, role, given, |verb| reaches(reach, verb));
            }
        }
    }
}

/// Whether an admin from above may do this in a place of others.
pub(super) fn reaches(reach: PrivateWorkspaces, verb: Verb) -> bool {
    match reach {
        PrivateWorkspaces::None => false,
        PrivateWorkspaces::DeleteOnly => matches!(verb, Verb::WorkspaceDelete | Verb::WorkspaceRestore),
        PrivateWorkspaces::Manage => verb.resource() == "workspace" && verb != Verb::WorkspaceCreate,
        PrivateWorkspaces::Full => true,
    }
}

fn add(
    access: &mut Access,
    (name, role): (&str, &MembershipRole),
    given: (&Key, Option<Timestamp>),
    allows: impl Fn(Verb) -> bool,
) {
    for verb in role.permissions.iter().filter(|verb| allows(**verb)) {
        let grant = Grant { place: given.0.clone(), role: name.into(), expires_at: given.1 };
        access.entry(*verb).or_default().push(grant);
    }
}

/// Whether one of these members may do something in a place. The rights in a place that was deleted are those that there were:
/// bringing it back takes the same as deleting it.
#[must_use]
pub fn may_or_might(world: &World<'_>, snapshot: &Snapshot, members: &[&str], verb: Verb, place: &Key) -> bool {
    let may = |world: &World<'_>| members.iter().any(|member| access(world, member, place).contains_key(&verb));
    let tombstone = || snapshot.row(place)?.tombstone.as_ref().map(|tombstone| tombstone.id);
    let Some(tombstone) = tombstone().filter(|_| world.get(place).is_none()) else { return may(world) };
    let part = |row: &&Row| row.tombstone.as_ref().is_some_and(|it| it.id == tombstone);
    let is_place = |row: &&Row| matches!(row.key.kind, Kind::Project | Kind::Workspace | Kind::Membership);
    let gone = snapshot.rows.iter().filter(part).filter(is_place);
    let revived: Vec<Row> = gone.map(|row| Row { tombstone: None, ..row.clone() }).collect();
    may(&world.with(&revived.iter().map(|row| (&row.key, Some(row))).collect()))
}

/// The places a member was given a role in, the organization first.
#[must_use]
pub fn places_of(world: &World<'_>, member: &str) -> BTreeSet<Key> {
    let own = world.memberships(member).map(|(_, place, _)| place);
    world.of_kind(Kind::Organization).iter().map(|item| item.row.key.clone()).chain(own).collect()
}

/// The names of the live members with this e-mail address, upper and lower case being the same.
pub fn members_with_email<'w>(world: &'w World<'_>, email: &'w str) -> impl Iterator<Item = &'w Name> {
    world.members().filter(move |(_, member)| member.email.eq_ignore_ascii_case(email)).map(|(item, _)| &item.row.key.name)
}
