use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;

use super::view::{MembershipView, RolesView};
use super::world::World;
use super::{Key, Name, Standing};
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
/// local ones. Admins of the organization count everywhere, where the policy says so (`access.implicitAdmins`).
#[must_use]
pub fn access(world: &World<'_>, member: &str, place: &Key) -> Access {
    Person::of(world, member).map(|person| person.access(place)).unwrap_or_default()
}

/// An active member with everything that was given to them, for asking about many places.
#[derive(Debug)]
pub struct Person<'w> {
    world: &'w World<'w>,
    roles: &'w RolesView,
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
        Some(Self { world, roles: &view.roles, memberships })
    }

    /// What the member may do in a place, and why.
    #[must_use]
    pub fn access(&self, place: &Key) -> Access {
        let world = self.world;
        let mut access = Access::new();
        if world.get(place).is_none() {
            return access;
        }
        if let Some(organization) = world.of_kind(Kind::Organization).first() {
            let organization = &organization.row.key;
            let reaches = |admin: bool| place == organization || (admin && world.policy.implicit_admins);
            add(&mut access, world, self.roles, (organization, None), reaches);
        }
        let project = match place.kind {
            Kind::Workspace => world.workspace(&place.name).and_then(World::open_project),
            _ => None,
        };
        for given in project.iter().chain([place]) {
            if let Some(membership) = self.memberships.get(given) {
                add(&mut access, world, &membership.roles, (given, membership.expires_at), |_| true);
            }
        }
        access
    }
}

fn add(
    access: &mut Access,
    world: &World<'_>,
    roles: &RolesView,
    given: (&Key, Option<Timestamp>),
    reaches: impl Fn(bool) -> bool,
) {
    for (name, role) in world.roles_of(roles) {
        if reaches(role.is_admin()) {
            for verb in &role.permissions {
                let grant = Grant { place: given.0.clone(), role: name.into(), expires_at: given.1 };
                access.entry(*verb).or_default().push(grant);
            }
        }
    }
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
