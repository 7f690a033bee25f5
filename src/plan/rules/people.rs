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
    let refuse = |change, because: &str| Violation {
        change,
        because: because.to_owned(),
        way_out: "give the member a role, in the organization or in an entry of projects or workspaces".to_owned(),
    };
    let judge = |(number, change): (usize, &Change)| {
        let because = match is_invited(change) {
            true => "nobody is invited without a role",
            false if loses_role(case, change) => "nobody is left without a role where roles are given before the invitation",
            false => return None,
        };
        let member = change.key.member_and_place().map_or(&*change.key.name, |(member, _)| member);
        (!has_role(&case.after, member)).then(|| refuse(number, because))
    };
    case.changes().filter_map(judge).collect()
}

/// For the first time, or once more.
fn is_invited(change: &Change) -> bool {
    let invited_at = |row: &Option<Box<Row>>| row.as_ref().and_then(|row| row.invited_at);
    let again = change.is_live() && change.was_live() && invited_at(&change.before) != invited_at(&change.after);
    change.key.kind == Kind::Member && (change.verb == Verb::Create || again)
}

/// True where a change takes the roles of somebody who had one. An access that is removed as a whole may be the last one.
fn loses_role(case: &Case<'_>, change: &Change) -> bool {
    let Some(before) = change.before.as_ref().filter(|_| change.was_live() && change.is_live()) else { return false };
    let member = match before.key.member_and_place() {
        Some((member, _)) => member,
        None if before.key.kind == Kind::Member => before.key.name.as_str(),
        None => return false,
    };
    roles(Some(before)) != roles(change.after.as_deref()) && has_role(case.before, member)
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
