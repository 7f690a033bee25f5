//! Projects: groups of workspaces.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rule::{Change, Rules, attach, fixed};
use super::status::ObjectStatus;
use super::types::{List, ObjectName, Ref, Text};

/// What a project is.
#[derive(CustomResource, Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[kube(group = "muster.dev", version = "v1alpha1", kind = "Project", plural = "projects", shortname = "mproj", namespaced)]
#[kube(category = "muster", status = "ObjectStatus", derive = "PartialEq")]
#[kube(doc = "A group of workspaces inside an organization. People can be given a role in all workspaces of a project at once.")]
#[kube(printcolumn = r#"{"name":"Org","type":"string","jsonPath":".spec.organizationRef.name"}"#)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = attach::<ProjectSpec>)]
pub struct ProjectSpec {
    /// The organization that the project is in. Required, and never changes.
    pub organization_ref: Ref,
    /// What people call the project. Left out: metadata.name. It can change at any time. Example: Design Tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Text<128>>,
    /// Earlier values of metadata.name, which make a new name a rename and not a removal and a new project. Left out: the project is
    /// new or keeps its name. Once the rename is done the entry does nothing and may stay. Example: [design-old].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_names: Option<List<ObjectName, 10>>,
}

pub(super) const FIXED_ORGANIZATION: &str =
    "cannot change: an object stays in its organization; create one in the other organization and remove this one";

impl Rules for ProjectSpec {
    const CHANGES: &'static [Change<Self>] = &[fixed!("organizationRef", organization_ref, FIXED_ORGANIZATION)];
}
