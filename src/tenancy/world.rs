use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use super::role::{MembershipRole, Roles, built_in_roles};
use super::spread::spread;
use super::view::{MemberView, MembershipView, RolesView, View, WorkspaceView};
use super::{Key, Policy, Row, Standing, standing};
use crate::api::membership_type::Level;
use crate::api::policy::PrivateWorkspaces;
use crate::api::workspace::Scope;
use crate::api::{Kind, OrganizationSpec, Verb};

/// The live objects of one organization at one moment, read as far as the rules need it: the state that is, or the state that
/// would result from some changes.
#[derive(Clone, Debug)]
pub struct World<'a> {
    /// The policy in force.
    pub policy: Arc<Policy>,
    /// The roles that members can have.
    pub roles: Arc<Roles>,
    /// The moment.
    pub now: Timestamp,
    items: Vec<Item<'a>>,
}

/// A live object.
#[derive(Clone, Debug)]
pub struct Item<'a> {
    /// The row it was read from.
    pub row: &'a Row,
    /// Its spec.
    pub view: Arc<View>,
}

impl<'a> Item<'a> {
    fn read(row: &'a Row) -> Self {
        Self { row, view: Arc::new(View::read(row.key.kind, &row.spec)) }
    }
}

impl<'a> World<'a> {
    /// The world of these rows; tombstones are left out. The rows must be sorted by key.
    #[must_use]
    pub fn new(rows: impl IntoIterator<Item = &'a Row>, now: Timestamp) -> Self {
        let live: Vec<&Row> = rows.into_iter().filter(|row| row.is_live()).collect();
        Self::of(spread(&live, |row| Item::read(row)), now)
    }

    fn of(items: Vec<Item<'a>>, now: Timestamp) -> Self {
        debug_assert!(items.is_sorted_by_key(|item| &item.row.key));
        let mut world = Self { policy: Arc::new(Policy::standard()), roles: Arc::default(), now, items };
        if let Some(organization) = world.organization() {
            world.policy = Arc::new(Policy::of(organization));
        }
        world.roles = Arc::new(world.known_roles());
        world
    }

    /// The world in which these objects are replaced: `Some` row is the object afterwards, `None` (or a tombstone) means that
    /// it is gone. Both keys of a rename must be given. The replacements must be sorted by key.
    #[must_use]
    pub fn with<'b>(&self, replaced: &BTreeMap<&Key, Option<&'b Row>>) -> World<'b>
    where
        'a: 'b,
    {
        let mut items: Vec<Item<'b>> = Vec::with_capacity(self.items.len() + replaced.len());
        let mut replacements = replaced.iter().peekable();
        let push = |items: &mut Vec<Item<'b>>, row: Option<&'b Row>| {
            if let Some(row) = row.filter(|row| row.is_live()) {
                items.push(Item::read(row));
            }
        };
        for item in &self.items {
            while let Some((_, row)) = replacements.next_if(|(key, _)| **key < &item.row.key) {
                push(&mut items, *row);
            }
            match replacements.next_if(|(key, _)| **key == &item.row.key) {
                Some((_, row)) => push(&mut items, *row),
                None => items.push(item.clone()),
            }
        }
        replacements.for_each(|(_, row)| push(&mut items, *row));
        World::of(items, self.now)
    }

    /// The same objects at another moment.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Self {
        Self { now, ..self.clone() }
    }

    /// A live object whose stored spec cannot be read: another hand, or a newer program, wrote it.
    #[must_use]
    pub fn unreadable(&self) -> Option<&Key> {
        self.items.iter().find(|item| *item.view == View::Unreadable).map(|item| &item.row.key)
    }

    /// All live objects, sorted by key.
    #[must_use]
    pub fn items(&self) -> &[Item<'a>] {
        &self.items
    }

    /// The live objects of a kind, sorted by name.
    #[must_use]
    pub fn of_kind(&self, kind: Kind) -> &[Item<'a>] {
        let start = self.items.partition_point(|item| item.row.key.kind < kind);
        let end = self.items.partition_point(|item| item.row.key.kind <= kind);
        &self.items[start..end]
    }

    /// A live object.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&Item<'a>> {
        self.items.binary_search_by(|item| item.row.key.cmp(key)).ok().map(|at| &self.items[at])
    }

    /// The organization itself.
    #[must_use]
    pub fn organization(&self) -> Option<&OrganizationSpec> {
        match &*self.of_kind(Kind::Organization).first()?.view {
            View::Organization(spec) => Some(spec),
            _ => None,
        }
    }

    /// A live member.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<(&Item<'a>, &MemberView)> {
        let item = self.get(&Key::new(Kind::Member, name))?;
        match &*item.view {
            View::Member(member) => Some((item, member)),
            _ => None,
        }
    }

    /// All live members that can be read.
    pub fn members(&self) -> impl Iterator<Item = (&Item<'a>, &MemberView)> {
        self.of_kind(Kind::Member).iter().filter_map(|item| match &*item.view {
            View::Member(member) => Some((item, member)),
            _ => None,
        })
    }

    /// Where a live member stands now.
    #[must_use]
    pub fn standing(&self, item: &Item<'_>, member: &MemberView) -> Standing {
        standing(item.row, member, &self.policy, self.now)
    }

    /// The live memberships of a member, sorted by place.
    pub fn memberships(&self, member: &str) -> impl Iterator<Item = (&Item<'a>, Key, &MembershipView)> {
        let all = self.of_kind(Kind::Membership);
        let prefix = format!("{member}/");
        let start = all.partition_point(|item| item.row.key.name.as_str() < prefix.as_str());
        all[start..].iter().take_while(move |item| item.row.key.name.starts_with(&prefix)).filter_map(readable_membership)
    }

    /// All live memberships that can be read, with the name of their member and their place.
    pub fn all_memberships(&self) -> impl Iterator<Item = (&str, Key, &MembershipView)> {
        self.of_kind(Kind::Membership).iter().filter_map(|item| {
            let (_, place, view) = readable_membership(item)?;
            let (member, _) = item.row.key.name.split_once('/')?;
            Some((member, place, view))
        })
    }

    /// A live workspace.
    #[must_use]
    pub fn workspace(&self, name: &str) -> Option<&WorkspaceView> {
        match &*self.get(&Key::new(Kind::Workspace, name))?.view {
            View::Workspace(workspace) => Some(workspace),
            _ => None,
        }
    }

    /// The project whose members reach a workspace too: a workspace that is private or local is for its own members only.
    #[must_use]
    pub fn open_project(workspace: &WorkspaceView) -> Option<Key> {
        let closed = matches!(workspace.scope, Some(Scope::Private | Scope::Local));
        Self::project_of(workspace).filter(|_| !closed)
    }

    /// The project that a workspace is in.
    #[must_use]
    pub fn project_of(workspace: &WorkspaceView) -> Option<Key> {
        workspace.project_ref.as_ref().map(|project| Key::new(Kind::Project, project.name.as_str()))
    }

    /// What admins from above may do in a place that they were not added to (`access.implicitAdmins`, `access.privateWorkspaces`):
    /// all that their role allows, or some of it.
    #[must_use]
    pub fn reach_from_above(&self, place: &Key) -> PrivateWorkspaces {
        let scope = (place.kind == Kind::Workspace).then(|| self.workspace(&place.name)).flatten().and_then(|it| it.scope);
        match scope {
            _ if !self.policy.implicit_admins => PrivateWorkspaces::None,
            Some(Scope::Local) => PrivateWorkspaces::None,
            Some(Scope::Private) => self.policy.private_workspaces,
            Some(Scope::Project) | None => PrivateWorkspaces::Full,
        }
    }

    /// The roles that these words name at a level; the default role of the policy where there is none and the default is for that
    /// level. Unknown ones are left out.
    pub fn roles_of<'w>(
        &'w self,
        level: Level,
        roles: &'w RolesView,
    ) -> impl Iterator<Item = (&'w str, &'w MembershipRole)> + use<'w, 'a> {
        let fits = move |name: &&str| self.roles.get(*name).is_some_and(|role| role.levels.contains(&level));
        let default = self.policy.default_role.as_deref().filter(|_| roles.is_empty()).filter(fits);
        roles.iter().chain(default).filter_map(|name| Some((name, self.roles.get(name)?)))
    }

    /// The roles of a member in a place that the member was added to. Who was added without a role has the role of the
    /// organization there.
    pub fn roles_in<'w>(
        &'w self,
        member: &'w MemberView,
        place: &Key,
        membership: &'w MembershipView,
    ) -> impl Iterator<Item = (&'w str, &'w MembershipRole)> {
        let level = level_of(place.kind);
        let bare = self.roles_of(level, &membership.roles).next().is_none() && membership.roles.is_empty();
        let assigned = bare.then(|| self.roles_of(Level::Organization, &member.roles)).into_iter().flatten();
        self.roles_of(level, &membership.roles).chain(assigned)
    }

    /// What these roles allow together at a level.
    #[must_use]
    pub fn permissions_of(&self, level: Level, roles: &RolesView) -> BTreeSet<Verb> {
        self.roles_of(level, roles).flat_map(|(_, role)| role.permissions.iter().copied()).collect()
    }

    /// The live members who are active at the moment and own the organization (`organization:write`).
    pub fn owners(&self) -> impl Iterator<Item = &Item<'a>> {
        let owns = |member: &MemberView| self.roles_of(Level::Organization, &member.roles).any(|(_, role)| role.is_owner());
        let active = |item: &Item<'a>, member: &MemberView| self.standing(item, member) == Standing::Active;
        self.members().filter(move |(item, member)| owns(member) && active(item, member)).map(|(item, _)| item)
    }

    fn known_roles(&self) -> Roles {
        let mut roles = built_in_roles(&self.policy);
        for item in self.of_kind(Kind::MembershipType) {
            if let View::MembershipType(view) = &*item.view {
                let name = view.name.clone().unwrap_or_else(|| item.row.key.name.as_str().into());
                let role = MembershipRole { levels: view.levels.clone(), permissions: view.permissions.clone(), built_in: false };
                roles.entry(name).or_insert(role);
            }
        }
        roles
    }
}

/// The level of the roles that are given in a place of this kind.
#[must_use]
pub const fn level_of(kind: Kind) -> Level {
    match kind {
        Kind::Project => Level::Project,
        Kind::Workspace => Level::Workspace,
        _ => Level::Organization,
    }
}

fn readable_membership<'i, 'a>(item: &'i Item<'a>) -> Option<(&'i Item<'a>, Key, &'i MembershipView)> {
    let (_, place) = item.row.key.member_and_place()?;
    match &*item.view {
        View::Membership(view) => Some((item, place, view)),
        _ => None,
    }
}
