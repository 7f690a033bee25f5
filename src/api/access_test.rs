//! Access tests: assertions on who may do what.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::project::FIXED_ORGANIZATION;
use super::rule::{Change, Path, Problem, Rule, Rules, attach, check, fixed};
use super::status::ObjectStatus;
use super::types::{Email, List, ObjectName, Ref, Set, Time};
use super::verb::Verb;

/// What an access test asserts.
#[derive(CustomResource, Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[kube(group = "muster.dev", version = "v1alpha1", kind = "AccessTest", plural = "accesstests", shortname = "mat", namespaced)]
#[kube(category = "muster", status = "ObjectStatus", derive = "PartialEq")]
#[kube(
    doc = "An assertion on who may do what. It is checked on the state that a plan would lead to; a plan that breaks it is refused."
)]
#[kube(printcolumn = r#"{"name":"Org","type":"string","jsonPath":".spec.organizationRef.name"}"#)]
#[kube(printcolumn = r#"{"name":"Subject","type":"string","jsonPath":".spec.subject"}"#)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = attach::<AccessTestSpec>)]
pub struct AccessTestSpec {
    /// The organization that the test is about. Required, and never changes.
    pub organization_ref: Ref,
    /// The address of the person that the test is about; somebody who is not a member may do nothing. Required. It can change at any time.
    /// Example: alice@acme.example.
    pub subject: Email,
    /// The place that the test is about. Required. It can change at any time.
    #[serde(rename = "where")]
    pub place: Place,
    /// What the person must be able to do there, as resource:action. Left out: nothing. At least one of allow and deny is written, and no
    /// permission is in both. It can change at any time. Example: workspace:read and content:read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow: Option<Set<Verb, 64, 1>>,
    /// What the person must not be able to do there, as resource:action. Left out: nothing. At least one of allow and deny is written, and
    /// no permission is in both. It can change at any time. Example: members:write.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deny: Option<Set<Verb, 64, 1>>,
    /// The point in time that the test is about. Left out: now. It can change at any time. Example: 2027-02-01T00:00:00Z, the day after an
    /// expiry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<Time>,
    /// Earlier values of metadata.name, which make a new name a rename and not a removal and a new test. Left out: the test is new or
    /// keeps its name. Once the rename is done the entry does nothing and may stay. Example: [alice-old].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_names: Option<List<ObjectName, 10>>,
}

/// A place: exactly one of the three is written.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline, transform = attach::<Place>)]
pub struct Place {
    /// The organization itself, written as true. Example: true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<bool>,
    /// The metadata.name of a project. Example: design-tools.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<ObjectName>,
    /// The metadata.name of a workspace. Example: production.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace: Option<ObjectName>,
}

impl Rules for AccessTestSpec {
    const RULES: &'static [Rule<Self>] = &[
        Rule {
            field: "",
            message: "must have allow, deny or both: a test that asserts nothing proves nothing",
            cel: "has(self.allow) || has(self.deny)",
            holds: |spec| spec.allow.is_some() || spec.deny.is_some(),
        },
        Rule {
            field: "deny",
            message: "must not have a permission that is in allow too",
            cel: "!has(self.allow) || !has(self.deny) || !self.allow.exists(verb, verb in self.deny)",
            holds: |spec| spec.allow.as_ref().zip(spec.deny.as_ref()).is_none_or(|(allow, deny)| allow.is_disjoint(deny)),
        },
    ];

    const CHANGES: &'static [Change<Self>] = &[fixed!("organizationRef", organization_ref, FIXED_ORGANIZATION)];

    fn inside(&self, at: &Path<'_>, problems: &mut Vec<Problem>) {
        check(&self.place, &Path::Field(at, "where"), problems);
    }
}

impl Rules for Place {
    const RULES: &'static [Rule<Self>] = &[
        Rule {
            field: "",
            message: "must have exactly one of organization, project and workspace",
            cel: "[has(self.organization), has(self.project), has(self.workspace)].exists_one(written, written)",
            holds: |place| {
                let written = [place.organization.is_some(), place.project.is_some(), place.workspace.is_some()];
                written.into_iter().filter(|written| *written).count() == 1
            },
        },
        Rule {
            field: "organization",
            message: "must be true where it is written",
            cel: "!has(self.organization) || self.organization",
            holds: |place| place.organization != Some(false),
        },
    ];
}
