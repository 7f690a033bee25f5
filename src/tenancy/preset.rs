use super::Policy;
use super::policy::{CreationPolicy, InvitationsPolicy};
use crate::api::organization::Preset;
use crate::api::policy::{
    AdminLoss, Cardinality, Catalog, Creators, DefaultWorkspace, DeletionMode, DriftPolicy, FirstWorkspace, InvitationMode,
    MemberVisibility, PendingRoleChange, PersonalWorkspaces, Presence, PrivateWorkspaces, RemovalMode, RoleAssignment,
    TemplatesApi, Uniqueness, Validation, WithoutWorkspace,
};
use crate::api::types::ObjectName;
use crate::api::workspace::WorkspaceType;

/// The policy of a preset: the only place where systems are told apart. Each names what it does otherwise than `standard`.
#[must_use]
pub fn preset(preset: Preset) -> Policy {
    match preset {
        Preset::Standard => standard(),
        Preset::Hundredms => hundredms(),
        Preset::Keyrunner => keyrunner(),
        Preset::Aaq => aaq(),
        Preset::Fastpix => fastpix(),
    }
}

/// The safe middle: soft deletion with 30 days of retention, the last admin protected, members active at once, loss bounded.
fn standard() -> Policy {
    Policy {
        drift: DriftPolicy::Warn,
        max_removal_percent: 25,
        max_removal_from: 10,
        removal_delay: 10,
        admins_protected_from: AdminLoss::ALL.iter().copied().collect(),
        min_admins: 1,
        last_owner: false,
        workspace_deletion: DeletionMode::Soft,
        retention_days: Some(30),
        member_removal: RemovalMode::Soft,
        invitations: InvitationsPolicy {
            mode: InvitationMode::Direct,
            expiry_days: Some(14),
            pending_role_change: PendingRoleChange::Allow,
            role_assignment: RoleAssignment::BeforeInvite,
        },
        implicit_admins: true,
        private_workspaces: PrivateWorkspaces::Full,
        catalog: Catalog::Standard,
        members_edit_workspaces: false,
        role_cardinality: Cardinality::One,
        default_role: None,
        templates_api: TemplatesApi::V2,
        templates_validation: Validation::Strict,
        creation: CreationPolicy { by: Creators::Permitted, private_by: Creators::Permitted, require_default_workspace: false },
        workspace_type: Presence::Optional,
        workspace_names: Uniqueness::Free,
        personal_workspaces: PersonalWorkspaces::None,
        member_visibility: MemberVisibility::AllMembers,
        first_workspace: FirstWorkspace::Written,
        without_workspace: WithoutWorkspace::Keep,
        default_residency: None,
        default_workspaces: Vec::new(),
    }
}

/// 100ms, Workspaces: they cannot be deleted; the first one comes with the account; people join by invitation, and get their
/// role once they have accepted; the owner manages the organization and reaches all of its workspaces; members are not visible
/// elsewhere.
fn hundredms() -> Policy {
    Policy {
        last_owner: true,
        workspace_deletion: DeletionMode::Forbid,
        member_removal: RemovalMode::Hard,
        invitations: InvitationsPolicy {
            mode: InvitationMode::Invite,
            expiry_days: None,
            pending_role_change: PendingRoleChange::Allow,
            role_assignment: RoleAssignment::AfterAcceptance,
        },
        catalog: Catalog::Hundredms,
        default_role: Some("ReadOnly".into()),
        member_visibility: MemberVisibility::AdminsAndSelf,
        default_workspaces: default_workspaces(&[("default", None, Some(true))]),
        ..standard()
    }
}

/// `KeyRunner`, Workspaces: anyone in the tenant creates private workspaces, admins of the tenant or project the others and delete
/// them softly; each user has a local one; owners and admins of a workspace see who is in it.
fn keyrunner() -> Policy {
    Policy {
        retention_days: None,
        private_workspaces: PrivateWorkspaces::Manage,
        catalog: Catalog::KeyRunner,
        role_cardinality: Cardinality::Many,
        creation: CreationPolicy { private_by: Creators::AnyMember, ..standard().creation },
        personal_workspaces: PersonalWorkspaces::Local,
        member_visibility: MemberVisibility::AdminsAndSelf,
        ..standard()
    }
}

/// AAQ, Introducing Workspaces: an admin of one workspace sees nothing of another; whoever names no role is read-only; every user
/// may create workspaces, and exists as long as he is in one; one workspace of each user is the default.
fn aaq() -> Policy {
    Policy {
        member_removal: RemovalMode::Hard,
        implicit_admins: false,
        private_workspaces: PrivateWorkspaces::None,
        catalog: Catalog::Aaq,
        default_role: Some("ReadOnly".into()),
        creation: CreationPolicy { by: Creators::AnyMember, private_by: Creators::AnyMember, require_default_workspace: true },
        workspace_names: Uniqueness::Unique,
        member_visibility: MemberVisibility::AdminsAndSelf,
        first_workspace: FirstWorkspace::Oldest,
        without_workspace: WithoutWorkspace::Remove,
        ..standard()
    }
}

/// `FastPix`, Set up workspace: a workspace has a type and cannot be deleted; production and development are there by default;
/// invitations carry one role, which does not change while they are open, and end after 14 days; members edit workspaces.
fn fastpix() -> Policy {
    Policy {
        workspace_deletion: DeletionMode::Forbid,
        member_removal: RemovalMode::Hard,
        invitations: InvitationsPolicy {
            mode: InvitationMode::Invite,
            pending_role_change: PendingRoleChange::Forbid,
            ..standard().invitations
        },
        catalog: Catalog::FastPix,
        members_edit_workspaces: true,
        workspace_type: Presence::Required,
        default_workspaces: default_workspaces(&[
            ("production", Some(WorkspaceType::Production), None),
            ("development", Some(WorkspaceType::Development), None),
        ]),
        ..standard()
    }
}

fn default_workspaces(all: &[(&str, Option<WorkspaceType>, Option<bool>)]) -> Vec<DefaultWorkspace> {
    let workspace = |(name, type_, default): &(&str, _, _)| {
        Some(DefaultWorkspace { name: ObjectName::parse(name).ok()?, type_: *type_, default: *default })
    };
    all.iter().filter_map(workspace).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspaces_of_a_preset_have_names_that_documents_can_take_over() {
        let names = |policy: Policy| policy.default_workspaces.iter().map(|it| it.name.to_string()).collect::<Vec<_>>();
        assert_eq!(names(preset(Preset::Hundredms)), ["default"]);
        assert_eq!(names(preset(Preset::Fastpix)), ["production", "development"]);
    }

    #[test]
    fn who_sees_whom_and_who_reaches_what_is_private_is_as_each_document_says() {
        let of = |it| (preset(it).member_visibility, preset(it).private_workspaces);
        let few = MemberVisibility::AdminsAndSelf;
        assert_eq!(of(Preset::Hundredms), (few, PrivateWorkspaces::Full));
        assert_eq!(of(Preset::Keyrunner), (few, PrivateWorkspaces::Manage));
        assert_eq!(of(Preset::Aaq), (few, PrivateWorkspaces::None));
        assert_eq!(of(Preset::Fastpix), (MemberVisibility::AllMembers, PrivateWorkspaces::Full));
    }

    #[test]
    fn several_roles_in_a_place_are_for_keyrunner_alone_and_an_open_invitation_keeps_its_role_at_fastpix() {
        let several = Preset::ALL.iter().filter(|it| preset(**it).role_cardinality == Cardinality::Many);
        assert_eq!(several.collect::<Vec<_>>(), [&Preset::Keyrunner]);
        let kept = Preset::ALL.iter().filter(|it| preset(**it).invitations.pending_role_change == PendingRoleChange::Forbid);
        assert_eq!(kept.collect::<Vec<_>>(), [&Preset::Fastpix]);
    }

    #[test]
    fn no_two_presets_are_the_same() {
        for (at, one) in Preset::ALL.iter().enumerate() {
            for other in &Preset::ALL[at + 1..] {
                assert_ne!(preset(*one), preset(*other), "{one} and {other}");
            }
        }
    }
}
