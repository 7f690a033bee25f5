//! Members: people, and where they may do what.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::project::FIXED_ORGANIZATION;
use super::rule::{Change, Path, Problem, Rule, Rules, attach, check_items, fixed};
use super::status::ObjectStatus;
use super::types::{Email, Int, List, Named, NamedList, ObjectName, Ref, Set, Text, Time};

/// Several roles at once.
pub type Roles = Set<Text<63>, 10>;

/// What a member is.
#[derive(CustomResource, Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[kube(group = "muster.dev", version = "v1alpha1", kind = "Member", plural = "members", shortname = "mmb", namespaced)]
#[kube(category = "muster", status = "ObjectStatus", derive = "PartialEq")]
#[kube(doc = "A person in an organization, with the projects and workspaces that the person belongs to.")]
#[kube(printcolumn = r#"{"name":"Org","type":"string","jsonPath":".spec.organizationRef.name"}"#)]
#[kube(printcolumn = r#"{"name":"Email","type":"string","jsonPath":".spec.email"}"#)]
#[kube(printcolumn = r#"{"name":"Role","type":"string","jsonPath":".spec.role"}"#)]
#[kube(printcolumn = r#"{"name":"State","type":"string","jsonPath":".status.effective.state"}"#)]
#[kube(printcolumn = r#"{"name":"Expires","type":"string","jsonPath":".status.effective.expiresAt","priority":1}"#)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = attach::<MemberSpec>)]
pub struct MemberSpec {
    /// The organization that the person is a member of. Required, and never changes.
    pub organization_ref: Ref,
    /// The address that identifies the person; upper and lower case are the same. Required. Another address is another person: a change
    /// removes the one and adds the other, with all rules that apply to that. Example: alice@acme.example.
    pub email: Email,
    /// The name of the person's account at a service that wants one. Left out: email. It can change where the service allows it.
    /// Example: alice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<Text<128>>,
    /// What people call the person. Left out: left alone. It can change at any time. Example: Alice Adams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Text<128>>,
    /// The person's role in the whole organization: a built-in one or the name of a MembershipType with the level Organization. Left out:
    /// policy.roles.default, else none. It can change at any time, except that the last admin stays one. Example: Admin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Text<63>>,
    /// Several roles in the whole organization instead of one, where policy.roles.cardinality is Many. Left out: role counts. The list is
    /// owned whole. Example: [Editor, Auditor].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<Roles>,
    /// Whether the person is locked out without being removed: all access ends and comes back with false. Left out: false. Example: true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
    /// A counter: raising it sends the invitation again after it has expired. Left out: 0. It means nothing where
    /// policy.invitations.mode is Direct. Example: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invitation: Option<Int<0, 1_000_000>>,
    /// The projects that the person belongs to, at most 1000, each once. Left out: left alone, if it was never written. The list is owned
    /// whole: an entry that is taken away ends that membership; taking the whole list away, or leaving it empty, ends all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub projects: Option<NamedList<ProjectMembership, 1000>>,
    /// The workspaces that the person belongs to, at most 1000, each once. Left out: left alone, if it was never written. The list is owned
    /// whole: an entry that is taken away ends that membership; taking the whole list away, or leaving it empty, ends all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspaces: Option<NamedList<WorkspaceMembership, 1000>>,
    /// The metadata.name of the workspace that the person lands in. Left out: left alone, the first one where the service wants one. It
    /// can change at any time. Example: production.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_workspace: Option<ObjectName>,
    /// Earlier values of metadata.name, which make a new name a rename and not a removal and a new person. Left out: the person is new or
    /// keeps the name. Once the rename is done the entry does nothing and may stay. Example: [alice-old].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_names: Option<List<ObjectName, 10>>,
}

/// A person in a project.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline, transform = attach::<ProjectMembership>)]
pub struct ProjectMembership {
    /// The metadata.name of the project. Example: design-tools.
    pub name: ObjectName,
    /// The role in the project: a built-in one or the name of a MembershipType with the level Project. Left out: policy.roles.default,
    /// else none. Example: Member.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Text<63>>,
    /// Several roles in the project instead of one, where policy.roles.cardinality is Many. Left out: role counts. The list is owned
    /// whole. Example: [Editor, Auditor].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<Roles>,
    /// When the membership ends by itself. Left out: it does not. A time in the past ends it at once. Example: 2027-01-31T00:00:00Z.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
}

/// A person in a workspace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline, transform = attach::<WorkspaceMembership>)]
pub struct WorkspaceMembership {
    /// The metadata.name of the workspace. Example: production.
    pub name: ObjectName,
    /// The role in the workspace: a built-in one or the name of a MembershipType with the level Workspace. Left out:
    /// policy.roles.default, else none. Example: ReadOnly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Text<63>>,
    /// Several roles in the workspace instead of one, where policy.roles.cardinality is Many. Left out: role counts. The list is owned
    /// whole. Example: [Editor, Auditor].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<Roles>,
    /// When the membership ends by itself. Left out: it does not. A time in the past ends it at once. Example: 2027-01-31T00:00:00Z.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Time>,
}

impl Named for ProjectMembership {
    fn name(&self) -> &str {
        self.name.as_str()
    }
}

impl Named for WorkspaceMembership {
    fn name(&self) -> &str {
        self.name.as_str()
    }
}

const ROLE_OR_ROLES: &str = "!has(self.role) || !has(self.roles)";
const ROLE_OR_ROLES_MESSAGE: &str = "cannot stand beside role: write one of the two";

impl Rules for MemberSpec {
    const RULES: &'static [Rule<Self>] = &[Rule {
        field: "roles",
        message: ROLE_OR_ROLES_MESSAGE,
        cel: ROLE_OR_ROLES,
        holds: |spec| spec.role.is_none() || spec.roles.is_none(),
    }];

    const CHANGES: &'static [Change<Self>] = &[fixed!("organizationRef", organization_ref, FIXED_ORGANIZATION)];

    fn inside(&self, at: &Path<'_>, problems: &mut Vec<Problem>) {
        check_items(self.projects.as_deref(), at, "projects", problems);
        check_items(self.workspaces.as_deref(), at, "workspaces", problems);
    }
}

impl Rules for ProjectMembership {
    const RULES: &'static [Rule<Self>] = &[Rule {
        field: "roles",
        message: ROLE_OR_ROLES_MESSAGE,
        cel: ROLE_OR_ROLES,
        holds: |entry| entry.role.is_none() || entry.roles.is_none(),
    }];
}

impl Rules for WorkspaceMembership {
    const RULES: &'static [Rule<Self>] = &[Rule {
        field: "roles",
        message: ROLE_OR_ROLES_MESSAGE,
        cel: ROLE_OR_ROLES,
        holds: |entry| entry.role.is_none() || entry.roles.is_none(),
    }];
}
