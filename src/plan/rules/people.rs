use crate::api::Kind;
use crate::api::membership_type::Level;
use crate::api::policy::{InvitationMode, PendingRoleChange, RoleAssignment};
use crate::plan::{Case, Change, Verb, Violation};
use crate::tenancy::view::{RolesView, View};
use crate::tenancy::{Row, World};

pub(super) fn role_before_invitation(case: &Case<'_>) -> Vec<Violation> {
    let invitations = &case.after.policy.invitations;
    if invitations.mode != InvitationMode::Invite || invitations.role_assignment != RoleAssignment::BeforeInvite {
        return Vec::new();
    }
    let invited = case.changes().filter(|(_, change)| change.key.kind == Kind::Member && change.verb == Verb::Create);
    let refuse = |change| Violation {
        change,
        because: "nobody is invited without a role".to_owned(),
        way_out: "give the member a role, in the organization or in an entry of projects or workspaces".to_owned(),
    };
    invited.filter(|(_, change)| !has_role(&case.after, &change.key.name)).map(|(number, _)| refuse(number)).collect()
}

fn has_role(world: &World<'_>, member: &str) -> bool {
    let Some((_, view)) = world.member(member) else { return false };
    world.roles_of(Level::Organization, &view.roles).next().is_some()
        || world.memberships(member).any(|(_, place, given)| world.roles_in(view, &place, given).next().is_some())
}

pub(super) fn pending_role(case: &Case<'_>) -> Vec<Violation> {
    if case.after.policy.invitations.pending_role_change != PendingRoleChange::Forbid {
        return Vec::new();
    }
    let changed = case
        .changes()
        .filter(|(_, change)| is_pending(case, change) && roles(change.before.as_deref()) != roles(change.after.as_deref()));
    let refuse = |change| Violation {
        change,
        because: "the invitation is open, and its role does not change until it is answered".to_owned(),
        way_out: "wait for the answer, or remove the member and invite again".to_owned(),
    };
    changed.filter(|(_, change)| change.was_live() && change.is_live()).map(|(number, _)| refuse(number)).collect()
}

fn is_pending(case: &Case<'_>, change: &Change) -> bool {
    let Some(before) = &change.before else { return false };
    let member = match before.key.member_and_place() {
        Some((member, _)) => member,
        None if before.key.kind == Kind::Member => before.key.name.as_str(),
        None => return false,
    };
    case.before.member(member).is_some_and(|(item, view)| case.before.standing(item, view).is_pending())
}

fn roles(row: Option<&Row>) -> Option<RolesView> {
    let row = row?;
    match View::read(row.key.kind, &row.spec) {
        View::Member(member) => Some(member.roles),
        View::Membership(membership) => Some(membership.roles),
        _ => None,
    }
}
