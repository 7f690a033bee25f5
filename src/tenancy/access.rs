use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;

use super::role::MembershipRole;
use super::view::View;
use super::world::World;
use super::{Key, Name, Snapshot, Standing};
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
    let mut access = Access::new();
    let Some((item, view)) = world.member(member) else { return access };
    if world.standing(item, view) != Standing::Active || world.get(place).is_none() {
        return access;
    }
    let reach = world.reach_from_above(place);
    if let Some(organization) = world.of_kind(Kind::Organization).first() {
        let organization = &organization.row.key;
        for role in world.roles_of(Level::Organization, &view.roles) {
            if place == organization {
                add(&mut access, role, (organization, None), |_| true);
            } else if role.1.is_admin() {
                add(&mut access, role, (organization, None), |verb| reaches(reach, verb));
            }
        }
    }
    let workspace = (place.kind == Kind::Workspace).then(|| world.workspace(&place.name)).flatten();
    let (project, open) = (workspace.and_then(World::project_of), workspace.and_then(World::open_project).is_some());
    for (_, given, membership) in world.memberships(member) {
        let end = membership.expires_at;
        let here = given == *place;
        if end.is_some_and(|end| end <= world.now) || !here && Some(&given) != project.as_ref() {
            continue;
        }
        for role in world.roles_in(view, &given, membership) {
            if here || open {
                add(&mut access, role, (&given, end), |_| true);
            } else if role.1.is_admin() {
                add(&mut access, role, (&given, end), |verb| reaches(reach, verb));
            }
        }
    }
    access
}

/// Whether an admin from above may do this in a place of others.
fn reaches(reach: PrivateWorkspaces, verb: Verb) -> bool {
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

/// Where the rights over a place are held: in the place itself while it is live; a deleted one gives nobody rights, so over it they
/// are held in its project, or else in the organization.
#[must_use]
pub fn place_of_rights(world: &World<'_>, snapshot: &Snapshot, place: &Key) -> Option<Key> {
    let project = || match View::read(place.kind, &snapshot.row(place)?.spec) {
        View::Workspace(workspace) => World::open_project(&workspace).filter(|project| world.get(project).is_some()),
        _ => None,
    };
    let live = world.get(place).is_some().then(|| place.clone());
    live.or_else(project).or_else(|| Some(world.of_kind(Kind::Organization).first()?.row.key.clone()))
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
