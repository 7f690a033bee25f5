use std::collections::BTreeSet;

use serde::Deserialize;

use super::{Key, World};
use crate::api::membership_type::Level;
use crate::api::types::Ref;
use crate::api::workspace::{DataResidency, Scope};
use crate::api::{Kind, OrganizationSpec, Verb};

/// A stored spec as the rules read it: only the fields that a rule depends on. What another hand wrote into the store may miss
/// fields or hold strange values; such a spec reads as [`View::Unreadable`] and gives nobody any access.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum View {
    Organization(Box<OrganizationSpec>),
    MembershipType(TypeView),
    Project,
    Workspace(WorkspaceView),
    Template(TemplateView),
    Role(RoleView),
    Member(MemberView),
    Membership(MembershipView),
    Credential,
    AccessTest(Box<TestView>),
    Unreadable,
}

impl View {
    /// Reads the stored spec of an object of this kind.
    #[must_use]
    pub fn read(kind: Kind, spec: &str) -> Self {
        fn with<'a, T: Deserialize<'a>>(spec: &'a str, view: fn(T) -> View) -> View {
            // A list of values would be taken for the fields in their order.
            let object = Some(spec).filter(|spec| spec.trim_start().starts_with('{'));
            object.and_then(|spec| serde_json::from_str(spec).ok()).map_or(View::Unreadable, view)
        }
        match kind {
            Kind::Organization => with(spec, |spec| Self::Organization(Box::new(spec))),
            Kind::MembershipType => with(spec, Self::MembershipType),
            Kind::Project => Self::Project,
            Kind::Workspace => with(spec, Self::Workspace),
            Kind::Template => with(spec, Self::Template),
            Kind::Role => with(spec, Self::Role),
            Kind::Member => with(spec, Self::Member),
            Kind::Membership => with(spec, Self::Membership),
            Kind::Credential => Self::Credential,
            Kind::AccessTest => with(spec, |spec| Self::AccessTest(Box::new(spec))),
        }
    }
}

/// A membership type.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TypeView {
    /// The name that members are given it by; the object's name where it is left out.
    pub name: Option<Box<str>>,
    /// The levels it may be given at.
    #[serde(default)]
    pub levels: BTreeSet<Level>,
    /// What it allows.
    #[serde(default)]
    pub permissions: BTreeSet<Verb>,
}

/// A workspace.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WorkspaceView {
    /// What people and the service call it; the object's name where it is left out.
    pub display_name: Option<Box<str>>,
    /// The project it is in.
    pub project_ref: Option<Ref>,
    /// Who reaches it beside its own members.
    pub scope: Option<Scope>,
    /// The member who owns it.
    pub owner: Option<Box<str>>,
    /// Where its data is.
    pub data_residency: Option<DataResidency>,
    /// Whether it obeys HIPAA.
    pub hipaa: Option<bool>,
    /// Whether it is the first workspace of the account.
    #[serde(default)]
    pub default: bool,
    /// Whether it is protected from deletion.
    #[serde(default)]
    pub deletion_protection: bool,
}

/// A template.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TemplateView {
    /// The workspace it is in.
    pub workspace_ref: Ref,
    /// What the outside world calls it; the object's name where it is left out.
    pub name: Option<Box<str>>,
    /// Whether rooms that name no template get this one.
    #[serde(default)]
    pub default: bool,
}

/// A `roles.muster.dev`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleView {
    /// The template it is in.
    pub template_ref: Ref,
    /// What the outside world calls it; the object's name where it is left out.
    pub name: Option<Box<str>>,
    subscribe_params: Option<SubscribeView>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SubscribeView {
    subscribe_to_roles: Option<Vec<Box<str>>>,
}

impl RoleView {
    /// The names of the other ones of its template that it subscribes to.
    pub fn subscriptions(&self) -> impl Iterator<Item = &str> {
        let names = self.subscribe_params.as_ref().and_then(|params| params.subscribe_to_roles.as_ref());
        names.into_iter().flatten().map(|name| &**name)
    }
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "StoredMember")]
pub struct MemberView {
    /// The e-mail address.
    pub email: Box<str>,
    /// The name of the account at a service.
    pub username: Option<Box<str>>,
    /// The role at the level of the organization.
    pub roles: RolesView,
    /// Whether the person is locked out.
    pub disabled: bool,
    /// How often the person was invited again.
    pub invitation: i64,
    /// The workspace that opens first.
    pub default_workspace: Option<Box<str>>,
}

/// A person as stored, with `role` and `roles` among the other fields. There are many, and `flatten` reads them slowly.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredMember {
    email: Box<str>,
    username: Option<Box<str>>,
    role: Option<Box<str>>,
    roles: Option<Vec<Box<str>>>,
    #[serde(default)]
    disabled: bool,
    #[serde(default)]
    invitation: i64,
    default_workspace: Option<Box<str>>,
}

impl From<StoredMember> for MemberView {
    fn from(stored: StoredMember) -> Self {
        let StoredMember { email, username, role, roles, disabled, invitation, default_workspace } = stored;
        Self { email, username, roles: RolesView { role, roles }, disabled, invitation, default_workspace }
    }
}

/// What somebody must and must not be able to do somewhere.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TestView {
    /// The e-mail address of the person.
    pub subject: Box<str>,
    /// Where.
    #[serde(rename = "where")]
    pub place: TestedPlace,
    /// What must be allowed.
    #[serde(default)]
    pub allow: BTreeSet<Verb>,
    /// What must not be allowed.
    #[serde(default)]
    pub deny: BTreeSet<Verb>,
    /// When; at the moment of the world where it is left out.
    pub at: Option<jiff::Timestamp>,
}

/// The place that an access test is about.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct TestedPlace {
    project: Option<Box<str>>,
    workspace: Option<Box<str>>,
}

impl TestedPlace {
    /// The place; the organization where no other is named.
    #[must_use]
    pub fn key(&self, world: &World<'_>) -> Option<Key> {
        let named = |kind, name: &Option<Box<str>>| name.as_deref().map(|name| Key::new(kind, name));
        named(Kind::Workspace, &self.workspace)
            .or_else(|| named(Kind::Project, &self.project))
            .or_else(|| world.of_kind(Kind::Organization).first().map(|item| item.row.key.clone()))
    }
}

/// A member in a project or workspace.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "StoredMembership")]
pub struct MembershipView {
    /// The role there.
    pub roles: RolesView,
    /// When the access ends by itself.
    pub expires_at: Option<jiff::Timestamp>,
}

/// A membership as stored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct StoredMembership {
    role: Option<Box<str>>,
    roles: Option<Vec<Box<str>>>,
    expires_at: Option<jiff::Timestamp>,
}

impl From<StoredMembership> for MembershipView {
    fn from(stored: StoredMembership) -> Self {
        let StoredMembership { role, roles, expires_at } = stored;
        Self { roles: RolesView { role, roles }, expires_at }
    }
}

/// `role` or `roles`, whichever is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RolesView {
    role: Option<Box<str>>,
    roles: Option<Vec<Box<str>>>,
}

impl RolesView {
    /// The names of the roles.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.role.iter().chain(self.roles.iter().flatten()).map(|role| &**role)
    }

    /// True when there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }
}
