//! Membership types: named sets of permissions.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::project::FIXED_ORGANIZATION;
use super::rule::{Change, Rules, attach, fixed};
use super::status::ObjectStatus;
use super::types::{List, ObjectName, Ref, Set, Text, choice};
use super::verb::Verb;

choice! {
    /// Where a membership type can be given.
    pub enum Level {
        /// For the whole organization.
        Organization = "Organization",
        /// For one project and the workspaces in it.
        Project = "Project",
        /// For one workspace.
        Workspace = "Workspace",
    }
}

/// What a membership type is.
#[derive(CustomResource, Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[kube(
    group = "muster.dev",
    version = "v1alpha1",
    kind = "MembershipType",
    plural = "membershiptypes",
    shortname = "mmt",
    namespaced
)]
#[kube(category = "muster", status = "ObjectStatus", derive = "PartialEq")]
#[kube(
    doc = "A named set of permissions that members can be given, beside the ones that the organization's preset has built in."
)]
#[kube(printcolumn = r#"{"name":"Org","type":"string","jsonPath":".spec.organizationRef.name"}"#)]
#[kube(printcolumn = r#"{"name":"Role","type":"string","jsonPath":".spec.name"}"#)]
#[kube(printcolumn = r#"{"name":"Levels","type":"string","jsonPath":".spec.levels"}"#)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = attach::<MembershipTypeSpec>)]
pub struct MembershipTypeSpec {
    /// The organization that the membership type is for. Required, and never changes.
    pub organization_ref: Ref,
    /// The name by which members refer to it in role. Left out: metadata.name. It must not be the name of a built-in one. It can change;
    /// members must then name the new one. Example: Content Editor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<63>>,
    /// Where it can be given: Organization, Project, Workspace, or several of them. Required. A level can be taken away only while nobody
    /// has the membership type there. Example: [Workspace].
    pub levels: Set<Level, 3, 1>,
    /// What those who have it may do, as resource:action. Required. It can change at any time; the plan shows who gains and who loses
    /// what. With members:write they are admins. Example: workspace:read, content:read and content:write.
    pub permissions: Set<Verb, 64, 1>,
    /// Earlier values of metadata.name, which make a new name a rename and not a removal and a new membership type. Left out: it is new
    /// or keeps its name. Once the rename is done the entry does nothing and may stay. Example: [editor-old].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_names: Option<List<ObjectName, 10>>,
}

impl Rules for MembershipTypeSpec {
    const CHANGES: &'static [Change<Self>] = &[fixed!("organizationRef", organization_ref, FIXED_ORGANIZATION)];
}
