//! The fields of a policy that answer a question on which the systems differ, and what each preset answers.

use muster::api::policy::DefaultWorkspace;
use muster::tenancy::Policy;

/// A field below `spec.policy` and its value in a policy.
pub struct Answer {
    pub field: &'static str,
    pub of: fn(&Policy) -> String,
}

fn days(days: Option<i64>, word: &str) -> String {
    days.map_or_else(|| word.to_owned(), |days| days.to_string())
}

fn list(words: impl Iterator<Item = String>) -> String {
    format!("[{}]", words.collect::<Vec<_>>().join(", "))
}

fn workspace(workspace: &DefaultWorkspace) -> String {
    let type_ = workspace.type_.map(|type_| format!(", type: {type_}")).unwrap_or_default();
    let default = workspace.default.map(|default| format!(", default: {default}")).unwrap_or_default();
    format!("{{name: {}{type_}{default}}}", workspace.name)
}

/// All of them. Each value is written as YAML has it.
pub const ANSWERS: &[Answer] = &[
    Answer { field: "workspaceDeletion.mode", of: |it| it.workspace_deletion.to_string() },
    Answer { field: "workspaceDeletion.retentionDays", of: |it| days(it.retention_days, "Forever") },
    Answer { field: "roles.membersEditWorkspaces", of: |it| it.members_edit_workspaces.to_string() },
    Answer { field: "invitations.mode", of: |it| it.invitations.mode.to_string() },
    Answer { field: "invitations.roleAssignment", of: |it| it.invitations.role_assignment.to_string() },
    Answer { field: "invitations.expiryDays", of: |it| days(it.invitations.expiry_days, "Never") },
    Answer { field: "invitations.pendingRoleChange", of: |it| it.invitations.pending_role_change.to_string() },
    Answer { field: "lastAdmin.protect", of: |it| list(it.admins_protected_from.iter().map(ToString::to_string)) },
    Answer { field: "lastAdmin.minAdmins", of: |it| it.min_admins.to_string() },
    Answer { field: "lastAdmin.lastOwner", of: |it| it.last_owner.to_string() },
    Answer { field: "workspaceCreation.by", of: |it| it.creation.by.to_string() },
    Answer { field: "workspaceCreation.privateBy", of: |it| it.creation.private_by.to_string() },
    Answer { field: "workspaceCreation.requireDefaultWorkspace", of: |it| it.creation.require_default_workspace.to_string() },
    Answer { field: "access.implicitAdmins", of: |it| it.implicit_admins.to_string() },
    Answer { field: "access.privateWorkspaces", of: |it| it.private_workspaces.to_string() },
    Answer { field: "roles.cardinality", of: |it| it.role_cardinality.to_string() },
    Answer { field: "roles.catalog", of: |it| it.catalog.to_string() },
    Answer { field: "roles.default", of: |it| it.default_role.as_deref().unwrap_or(NONE).to_owned() },
    Answer { field: "templates.api", of: |it| it.templates_api.to_string() },
    Answer { field: "templates.validation", of: |it| it.templates_validation.to_string() },
    Answer { field: "memberRemoval", of: |it| it.member_removal.to_string() },
    Answer { field: "members.defaultWorkspace", of: |it| it.first_workspace.to_string() },
    Answer { field: "members.withoutWorkspace", of: |it| it.without_workspace.to_string() },
    Answer { field: "visibility.members", of: |it| it.member_visibility.to_string() },
    Answer { field: "workspaces.personal", of: |it| it.personal_workspaces.to_string() },
    Answer { field: "defaultWorkspaces", of: |it| list(it.default_workspaces.iter().map(workspace)) },
];

/// What stands for a value that no field can say.
pub const NONE: &str = "none";

/// The answer that a field gives; `None` for one that answers none of the questions.
pub fn answer(field: &str) -> Option<&'static Answer> {
    ANSWERS.iter().find(|answer| answer.field == field)
}
