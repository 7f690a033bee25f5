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

choice! {
    /// What admins of the organization and of a project may do in the private workspaces of others.
    pub enum PrivateWorkspaces {
        /// Nothing.
        None = "None",
        /// Delete and restore them.
        DeleteOnly = "DeleteOnly",
        /// See, change, delete and restore them, but not what or who is in them.
        Manage = "Manage",
        /// The same as in every other workspace.
        Full = "Full",
    }
}

choice! {
    /// Whose built-in membership types there are.
    pub enum Catalog {
        /// Admin, Member and `ReadOnly`, each at any level.
        Standard = "Standard",
        /// Those of 100ms: `OrganizationOwner`, Admin, Member and `ReadOnly`.
        Hundredms = "Hundredms",
        /// Those of `KeyRunner`: `TenantAdmin`, `ProjectAdmin`, `ProjectUser`, Owner, Admin, Editor and Viewer.
        KeyRunner = "KeyRunner",
        /// Those of AAQ: Admin and `ReadOnly`.
        Aaq = "Aaq",
        /// Those of `FastPix`: Admin and Member.
        FastPix = "FastPix",
    }
}

choice! {
    /// Who may do something.
    pub enum Creators {
        /// Who holds workspace:create, in the project where there is one.
        Permitted = "Permitted",
        /// Every active member of the organization.
        AnyMember = "AnyMember",
    }
}

choice! {
    /// Whether something must be written.
    pub enum Presence {
        /// It may be left out.
        Optional = "Optional",
        /// It must be written.
        Required = "Required",
    }
}

choice! {
    /// Whether several objects may have the same name.
    pub enum Uniqueness {
        /// They may.
        Free = "Free",
        /// Each name is there once.
        Unique = "Unique",
    }
}

choice! {
    /// The workspaces that members have for themselves.
    pub enum PersonalWorkspaces {
        /// None but those that are written.
        None = "None",
        /// One for each member, with scope Local, named local-NAME.
        Local = "Local",
    }
}

choice! {
    /// Who sees who is a member.
    pub enum MemberVisibility {
        /// Admins see all, the others only themselves.
        AdminsAndSelf = "AdminsAndSelf",
        /// Everybody who holds members:read.
        AllMembers = "AllMembers",
    }
}

choice! {
    /// Which workspace opens first for a member who names none.
    pub enum FirstWorkspace {
        /// None.
        Written = "Written",
        /// The one that the member has been in for the longest time.
        Oldest = "Oldest",
    }
}

choice! {
    /// What becomes of a member who is in no workspace any more.
    pub enum WithoutWorkspace {
        /// The member stays.
        Keep = "Keep",
        /// The member is removed with the last membership.
        Remove = "Remove",
    }
}

choice! {
    /// What happens to values that the service's documents forbid and the service takes.
    pub enum Validation {
        /// They are refused.
        Strict = "Strict",
        /// They are taken, with a warning.
        Lenient = "Lenient",
    }
}

/// The answers that differ from the preset's. Every field that is left out has the preset's value; the value of the preset standard is
/// named with each field. The guards (maxRemovals, lastAdmin, workspaceDeletion and memberRemoval) count as the policy in force and the
/// one that is applied say together: a tightened guard at once, a loosened one from the next plan on. The rest counts as applied.
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
    /// How long an object must be gone from the cluster before it is removed, from 0s to 24h. What goes one after the other, no further
    /// apart than that, is removed together; with 0s each object goes by itself, and maxRemovals bounds nothing in a cluster. Left out: the
    /// preset's (standard: 10s). Example: 1m.
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
    /// Who may create workspaces; checked where it is known who asks. Left out: the preset's (standard: who holds workspace:create).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_creation: Option<WorkspaceCreation>,
    /// What workspaces must say, and which there are for single people. Left out: the preset's (standard: nothing, and none).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspaces: Option<WorkspacesPolicy>,
    /// Who sees what. Left out: the preset's (standard: who is a member is seen by all who hold members:read).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visibility: Option<Visibility>,
    /// What is implied for members. Left out: the preset's (standard: nothing).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<MembersPolicy>,
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
    /// Whether an organization that has an owner keeps one: an active member whose role allows organization:write. The losses are those of
    /// protect. Left out: the preset's (standard: false).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_owner: Option<bool>,
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
    /// What those admins may do in workspaces with scope Private that they were not added to: None, DeleteOnly (delete and restore),
    /// Manage (see, change, delete and restore, but not what or who is in it), or Full. Left out: the preset's (standard: Full).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_workspaces: Option<PrivateWorkspaces>,
}

/// Who may create workspaces.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct WorkspaceCreation {
    /// Who may create a workspace that is not private: Permitted, those who hold workspace:create (in the project, where there is one), or
    /// AnyMember. Left out: the preset's (standard: Permitted).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub by: Option<Creators>,
    /// Who may create a workspace with scope Private: Permitted or AnyMember. Left out: the preset's (standard: Permitted).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_by: Option<Creators>,
    /// Whether only those may create workspaces who have a default workspace already. Left out: the preset's (standard: false).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_default_workspace: Option<bool>,
}

/// What workspaces must say, and which there are for single people.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct WorkspacesPolicy {
    /// Whether a workspace must say its type: Required or Optional. Left out: the preset's (standard: Optional).
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_: Option<Presence>,
    /// Whether two workspaces may have the same displayName: Free or Unique. Left out: the preset's (standard: Free).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub names: Option<Uniqueness>,
    /// Whether every member has a workspace that only the member sees: Local (it is named local-NAME, and a document of that name takes
    /// it over) or None. Left out: the preset's (standard: None).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub personal: Option<PersonalWorkspaces>,
}

/// Who sees what.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct Visibility {
    /// Who sees who is a member of a place: AdminsAndSelf (its admins; the others see themselves) or AllMembers (who holds members:read
    /// there). Left out: the preset's (standard: AllMembers).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<MemberVisibility>,
}

/// What is implied for members.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct MembersPolicy {
    /// Which workspace opens first for a member without defaultWorkspace: Written (none) or Oldest (the one that the member has been in for
    /// the longest time; when that membership ends, the next oldest). Left out: the preset's (standard: Written).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_workspace: Option<FirstWorkspace>,
    /// What becomes of a member without a role in the organization who is in no project and workspace: Keep, or Remove, which removes the
    /// member with the last membership. Left out: the preset's (standard: Keep).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub without_workspace: Option<WithoutWorkspace>,
}

/// How roles are given.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct RolesPolicy {
    /// How many roles a member has in one place: One or Many. Left out: the preset's (standard: One).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cardinality: Option<Cardinality>,
    /// The role of a member or membership that names none: a built-in role or one of a MembershipType, or the word None for no role. Left
    /// out: the preset's (standard: None). Example: ReadOnly.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<Text<63>>,
    /// Whose built-in membership types there are: Standard, Hundredms, KeyRunner, Aaq or FastPix. MembershipType adds others. Left out: the
    /// preset's (standard: Standard).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub catalog: Option<Catalog>,
    /// Whether the built-in role Member may change the settings of a workspace (workspace:update). Left out: the preset's (standard:
    /// false).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members_edit_workspaces: Option<bool>,
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
    /// What happens to bit rates, frame rates and sizes that the service's documents forbid and the service takes: Strict holds the mrole
    /// back, Lenient warns. Left out: the preset's (standard: Strict).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validation: Option<Validation>,
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
    /// Whether it is the first workspace of the account: then it is implied only while no document says default: true of another one.
    /// Left out: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<bool>,
}

impl Named for DefaultWorkspace {
    fn name(&self) -> &str {
        self.name.as_str()
    }
}

impl Rules for PolicySpec {}
