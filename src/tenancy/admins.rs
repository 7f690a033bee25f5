use std::collections::{BTreeMap, BTreeSet};

use super::role::MembershipRole;
use super::view::View;
use super::{Key, Name, Standing, World};
use crate::api::Kind;
use crate::api::membership_type::Level;
use crate::api::policy::PrivateWorkspaces;
use crate::api::workspace::Scope;

/// The people who can manage the members of a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admins {
    /// Those who can do so now and whose access does not end by itself.
    pub lasting: BTreeSet<Name>,
    /// Those who were invited to it and have not answered.
    pub pending: BTreeSet<Name>,
}

impl Admins {
    fn add(&mut self, member: &Name, standing: Standing) {
        match standing {
            Standing::Active => drop(self.lasting.insert(member.clone())),
            Standing::Invited => drop(self.pending.insert(member.clone())),
            Standing::Expired | Standing::Declined | Standing::Disabled | Standing::Removed => {}
        }
    }
}

/// The admins of every place of an organization: of the organization itself, of each project and of each workspace that is not
/// local.
///
/// They are kept by the place that they were made admin of; who reaches a place from above is added when it is asked for, so
/// that many admins of many places cost no more than the sum of both.
#[derive(Clone, Debug, Default)]
pub struct AdminsByPlace {
    /// Every place, with the places above it whose admins reach it.
    places: BTreeMap<Key, Above>,
    own: BTreeMap<Key, Admins>,
    organization: Option<Key>,
}

/// From where admins reach a place.
#[derive(Clone, Debug, Default)]
struct Above {
    project: Option<Key>,
    organization: bool,
}

impl AdminsByPlace {
    /// Counts the admins of every live place.
    #[must_use]
    pub fn of(world: &World<'_>) -> Self {
        let organization = world.of_kind(Kind::Organization).first().map(|item| item.row.key.clone());
        let mut own: BTreeMap<Key, Admins> = BTreeMap::new();
        for (item, member) in world.members() {
            if let Some(organization) = &organization
                && world.roles_of(Level::Organization, &member.roles).any(|(_, role)| role.is_admin())
            {
                own.entry(organization.clone()).or_default().add(&item.row.key.name, world.standing(item, member));
            }
        }
        for item in world.of_kind(Kind::Membership) {
            let View::Membership(view) = &*item.view else { continue };
            // Most memberships make nobody an admin, which is seen without looking for the member and the place.
            let names_admin = || view.roles.iter().any(|role| world.roles.get(role).is_some_and(MembershipRole::is_admin));
            if view.expires_at.is_some() || !view.roles.is_empty() && !names_admin() {
                continue;
            }
            let Some((member, place)) = item.row.key.member_and_place() else { continue };
            let Some((item, person)) = world.member(member) else { continue };
            if world.roles_in(person, &place, view).any(|(_, role)| role.is_admin()) {
                own.entry(place).or_default().add(&item.row.key.name, world.standing(item, person));
            }
        }
        Self { places: places(world), own, organization }
    }

    /// The admins of a place; `None` when there is no such place.
    #[must_use]
    pub fn get(&self, place: &Key) -> Option<Admins> {
        let mut admins = Admins::default();
        for from in self.sources(place)?.into_iter().flatten() {
            admins.lasting.extend(from.lasting.iter().cloned());
            admins.pending.extend(from.pending.iter().cloned());
        }
        Some(admins)
    }

    /// Every place.
    pub fn places(&self) -> impl Iterator<Item = &Key> {
        self.places.keys()
    }

    /// Every place with its admins.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, Admins)> {
        self.places.keys().filter_map(|place| Some((place, self.get(place)?)))
    }

    /// The places whose own admins are the admins of a place: the place itself, its project and the organization, each where it
    /// has any. Places that have these in common have the same admins.
    #[must_use]
    pub fn reached_from(&self, place: &Key) -> Option<[Option<&Key>; 3]> {
        let (place, above) = self.places.get_key_value(place)?;
        let has = |place: &&Key| self.own.contains_key(*place);
        let organization = self.organization.as_ref().filter(|_| above.organization);
        Some([Some(place).filter(has), above.project.as_ref().filter(has), organization.filter(has)])
    }

    /// How many lasting admins reach a place from the organization.
    #[must_use]
    pub fn lasting_from_organization(&self, place: &Key) -> usize {
        let [_, _, organization] = self.sources(place).unwrap_or_default();
        organization.map_or(0, |admins| admins.lasting.len())
    }

    /// The admins of a place: its own, those of its project and those of the organization.
    fn sources(&self, place: &Key) -> Option<[Option<&Admins>; 3]> {
        let above = self.places.get(place)?;
        let of = |place: Option<&Key>| place.and_then(|place| self.own.get(place));
        let organization = self.organization.as_ref().filter(|_| above.organization);
        Some([of(Some(place)), of(above.project.as_ref()), of(organization)])
    }
}

fn places(world: &World<'_>) -> BTreeMap<Key, Above> {
    let of_kind = |kind| world.of_kind(kind).iter().map(|item| (item.row.key.clone(), &*item.view));
    let above = |key: &Key, view: &View| {
        let organization = world.reach_from_above(key) == PrivateWorkspaces::Full;
        let project = match view {
            View::Workspace(workspace) => {
                World::open_project(workspace).or_else(|| World::project_of(workspace).filter(|_| organization))
            }
            _ => None,
        };
        Above { project, organization }
    };
    let top = of_kind(Kind::Organization).map(|(key, _)| (key, Above::default()));
    // What is local is nobody's but its owner's: there is nobody to be an admin for.
    let is_local = |view: &View| matches!(view, View::Workspace(workspace) if workspace.scope == Some(Scope::Local));
    let below = of_kind(Kind::Project).chain(of_kind(Kind::Workspace)).filter(|(_, view)| !is_local(view)).map(|(key, view)| {
        let above = above(&key, view);
        (key, above)
    });
    top.chain(below).collect()
}
