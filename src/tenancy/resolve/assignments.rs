use super::Objection;
use super::checks::Scope;
use crate::api::MemberSpec;
use crate::api::membership_type::Level;
use crate::tenancy::role::built_in_roles;
use crate::tenancy::{Manifest, Severity};

/// Who is assigned to workspaces without a role in them, as in `FastPix`, Set up workspace: admins have access to all workspaces, and
/// members to those that they are assigned to. What does not fit is legal, so it is only told.
pub fn check(scope: &Scope<'_>) -> Vec<Objection> {
    let built_in = built_in_roles(scope.policy);
    let assigns = !built_in.values().any(|role| role.levels.contains(&Level::Workspace));
    if !assigns || !scope.policy.implicit_admins {
        return Vec::new();
    }
    scope.members.iter().filter_map(|(manifest, spec)| doubt(scope, manifest, spec)).collect()
}

fn doubt(scope: &Scope<'_>, manifest: &Manifest, spec: &MemberSpec) -> Option<Objection> {
    let roles = spec.roles.iter().flat_map(|roles| roles.iter());
    let role = spec.role.iter().chain(roles).map(|role| role.as_str()).next()?;
    let is_admin = scope.role(role)?.is_admin();
    let mut entries = spec.workspaces.iter().flat_map(|list| list.iter());
    let message = match is_admin {
        true if entries.any(|entry| entry.role.is_none() && entry.roles.is_none()) => {
            format!("has no effect, because {role} reaches every workspace")
        }
        false if entries.next().is_none() => format!("names no workspace, and {role} reaches none without being assigned to it"),
        _ => return None,
    };
    Some(Objection::note(manifest, Severity::Warning, "workspace-assignment", "spec.workspaces".to_owned(), message))
}
