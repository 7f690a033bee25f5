//! The policy of an organization: the answers to the questions on which services differ.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rule::Rules;
use super::types::{Expiry, Int, Named, NamedList, ObjectName, Period, Retention, Set, Text, choice};
use super::workspace::{DataResidency, WorkspaceType};

choice! {
    /// What happens to a field that was changed behind Muster's back.
    pub enum DriftPolicy {
        /// It is put right.
        Correct = "Correct",
        /// It is reported.
        Warn = "Warn",
        /// Nothing.
        Ignore = "Ignore",
    }
}

choice! {
    /// A way in which the last admin could be lost.
    pub enum AdminLoss {
        /// The person or the membership is removed.
        Remove = "Remove",
        /// The role is changed to one without members:write.
        Demote = "Demote",
        /// The person is disabled.
        Disable = "Disable",
        /// The membership ends by itself.
        Expire = "Expire",
    }
}

choice! {
    /// What deleting a workspace means.
    pub enum DeletionMode {
        /// It is refused.
        Forbid = "Forbid",
        /// The workspace is hidden and can be restored until it is purged.
        Soft = "Soft",
        /// The workspace is purged at once.
        Hard = "Hard",
    }
}

choice! {
    /// What removing a member means.
    pub enum RemovalMode {
        /// Access ends at once, and everything can be restored until it is purged.
        Soft = "Soft",
        /// The member is purged at once.
        Hard = "Hard",
    }
}

choice! {
    /// How somebody becomes a member.
    pub enum InvitationMode {
        /// By being applied.
        Direct = "Direct",
        /// By accepting an invitation.
        Invite = "Invite",
    }
}

choice! {
    /// What a change of role does while an invitation is open.
    pub enum PendingRoleChange {
        /// It is refused.
        Forbid = "Forbid",
        /// It invites again, with the new role.
        Reinvite = "Reinvite",
        /// It changes the role.
        Allow = "Allow",
    }
}

choice! {
    /// When a role begins to count.
    pub enum RoleAssignment {
        /// The invitation carries it.
        BeforeInvite = "BeforeInvite",
        /// It is given after the invitation was accepted.
        AfterAcceptance = "AfterAcceptance",
    }
}

choice! {
    /// How many roles somebody has in one place.
    pub enum Cardinality {
        /// At most one.
        One = "One",
        /// Any number.
        Many = "Many",
    }
}

choice! {
    /// The version of the templates API whose ranges count.
    pub enum TemplatesApi {
        /// Priorities go from 1 to 10.
        V1 = "V1",
        /// Priorities go from 1 to 5.
        V2 = "V2",
    }
}

/// The answers that differ from the preset's. Every field that is left out has the preset's value; the value of the preset standard is
/// named with each field. A change must be allowed by the policy in force and by the one that is applied: a tightened policy counts at
/// once, a loosened one from the next plan on.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct PolicySpec {
    /// What happens to a field that was changed behind Muster's back: Correct puts it right, Warn reports it, Ignore does neither. Left
    /// out: the preset's (standard: Warn).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<DriftPolicy>,
    /// How much one plan may remove of each kind before somebody must approve it. Left out: the preset's (standard: 25 percent, from 10
    /// objects on).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_removals: Option<MaxRemovals>,
    /// How long an object must be gone from the cluster before it is removed, from 0s to 24h. Left out: the preset's (standard: 10s).
    /// Example: 1m.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub removal_delay: Option<Period<0, 86_400>>,
    /// How the last admin of a place is protected. Left out: the preset's (standard: against all losses, one admin must stay).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_admin: Option<LastAdmin>,
    /// What deleting a workspace means. Left out: the preset's (standard: Soft, kept for 30 days).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_deletion: Option<WorkspaceDeletion>,
    /// What removing a member or one membership means: Soft can be restored until it is purged, Hard purges at once. Left out: the
    /// preset's (standard: Soft).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub member_removal: Option<RemovalMode>,
    /// How somebody becomes a member. Left out: the preset's (standard: Direct).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invitations: Option<Invitations>,
    /// Who reaches what without being added to it. Left out: the preset's (standard: admins reach what is below them).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access: Option<AccessPolicy>,
    /// How roles are given. Left out: the preset's (standard: one role in each place, no default).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<RolesPolicy>,
    /// How templates and roles are checked. Left out: the preset's (standard: V2, Strict).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub templates: Option<TemplatesPolicy>,
    /// Where the data of a workspace is kept that does not say it: USA, Europe or India. It counts when the workspace is created. Left
    /// out: the preset's (standard: not said). Example: Europe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_data_residency: Option<DataResidency>,
    /// Workspaces that every organization has without a document for them, at most 10, each name once. The list is owned whole. Left out:
    /// the preset's (standard: none).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_workspaces: Option<NamedList<DefaultWorkspace, 10>>,
}

/// How much one plan may remove.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct MaxRemovals {
    /// The share of a kind that one plan may remove without approval, 0 to 100. Memberships count as a kind. Left out: the preset's
    /// (standard: 25).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<Int<0, 100>>,
    /// The limit counts for kinds with at least so many objects. Left out: the preset's (standard: 10).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Int<0, 100_000>>,
}

/// How the last admin is protected.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct LastAdmin {
    /// The losses that are refused: Remove, Demote, Disable, Expire. An empty list refuses none. The list is owned whole. Left out: the
    /// preset's (standard: all four).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub protect: Option<Set<AdminLoss, 4>>,
    /// How many admins each place must keep that had so many. Left out: the preset's (standard: 1). Example: 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_admins: Option<Int<0, 100>>,
}

/// What deleting a workspace means.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct WorkspaceDeletion {
    /// Forbid refuses it, Soft hides the workspace until it is purged, Hard purges at once. Left out: the preset's (standard: Soft).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<DeletionMode>,
    /// For how many days what was soft-deleted is kept, or Forever. Left out: the preset's (standard: 30). Example: 90.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retention_days: Option<Retention>,
}

/// How somebody becomes a member.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct Invitations {
    /// Direct makes members active when they are applied, Invite when they accept. Left out: the preset's (standard: Direct).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<InvitationMode>,
    /// For how many days an invitation can be accepted, or Never if it does not expire. Left out: the preset's (standard: 14).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expiry_days: Option<Expiry>,
    /// What a change of role does while an invitation is open: Forbid, Reinvite or Allow. Left out: the preset's (standard: Allow).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_role_change: Option<PendingRoleChange>,
    /// Whether the invitation carries the role (BeforeInvite) or the role is given once it was accepted (AfterAcceptance). Left out: the
    /// preset's (standard: BeforeInvite).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_assignment: Option<RoleAssignment>,
}

/// Who reaches what without being added to it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct AccessPolicy {
    /// Whether admins of the organization and of a project reach every workspace below. Left out: the preset's (standard: true).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub implicit_admins: Option<bool>,
}

/// How roles are given.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct RolesPolicy {
    /// How many roles a member has in one place: One or Many. Left out: the preset's (standard: One).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cardinality: Option<Cardinality>,
    /// The role of a member or membership that names none. Left out: the preset's (standard: none). Example: ReadOnly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Text<63>>,
}

/// How templates and roles are checked.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct TemplatesPolicy {
    /// The version of the service's API whose ranges count: V1 with priorities from 1 to 10, V2 with 1 to 5. Left out: the preset's
    /// (standard: V2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api: Option<TemplatesApi>,
}

/// A workspace that is there without a document for it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct DefaultWorkspace {
    /// The name of the workspace. A Workspace document of this name takes it over. Example: production.
    pub name: ObjectName,
    /// What it is used for: Development, Production, Staging or QA. Left out: not said.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_: Option<WorkspaceType>,
}

impl Named for DefaultWorkspace {
    fn name(&self) -> &str {
        self.name.as_str()
    }
}

impl Rules for PolicySpec {}
