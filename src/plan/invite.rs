use std::collections::BTreeMap;

use super::draft::Draft;
use super::{Cause, Change, Context, Phase, Verb};
use crate::api::Kind;
use crate::api::policy::{InvitationMode, PendingRoleChange};
use crate::tenancy::role::{MembershipRole, Roles};
use crate::tenancy::view::{RolesView, View};
use crate::tenancy::{AdminsByPlace, Key, Policy, Row, Snapshot, World, standing};

/// Where people join by invitation, somebody has to be there to invite: the first admin of an organization that has none is
/// active at once (FastPix, Set up workspace: the first in an organization is its admin).
pub fn activate_first_admin(draft: &mut Draft, policy: &Policy, before: &World<'_>, context: &Context) {
    if policy.invitations.mode == InvitationMode::Direct {
        return;
    }
    let Some(organization) = organization_of(draft, before) else { return };
    let has_admin = AdminsByPlace::of(before).get(&organization).is_some_and(|admins| !admins.lasting.is_empty());
    if has_admin {
        return;
    }
    let roles = roles_after(draft, before);
    let is_admin = |row: &Row| match View::read(row.key.kind, &row.spec) {
        View::Member(member) => member.roles.iter().any(|role| roles.get(role).is_some_and(MembershipRole::is_admin)),
        _ => false,
    };
    let first = draft.changes.iter_mut().find(|change| {
        change.key.kind == Kind::Member && change.verb == Verb::Create && change.after.as_deref().is_some_and(is_admin)
    });
    if let Some(change) = first {
        change.note = Some("the first admin of the organization is active at once".into());
        if let Some(row) = &mut change.after {
            row.accepted_at = Some(context.now);
        }
    }
}

/// Where the policy says so, another role invites a pending member again: the member's row is written with it.
pub fn invite_again(draft: &mut Draft, policy: &Policy, snapshot: &Snapshot, context: &Context) {
    if policy.invitations.mode == InvitationMode::Direct || policy.invitations.pending_role_change != PendingRoleChange::Reinvite
    {
        return;
    }
    let is_pending = |row: &Row| match View::read(row.key.kind, &row.spec) {
        View::Member(member) => standing(row, &member, policy, context.now).is_pending(),
        _ => false,
    };
    let others = draft.changes.iter().filter(|change| role_changes(change));
    let pending = others.filter_map(|change| {
        let member = change
            .before
            .as_ref()?
            .key
            .member_and_place()
            .map_or_else(|| change.key.clone(), |(member, _)| Key::new(Kind::Member, member));
        let row = snapshot.row(&member).filter(|row| is_pending(row))?;
        Some((row.id, (row, change.key.clone())))
    });
    let mut pending: BTreeMap<_, _> = pending.collect();
    for change in &mut draft.changes {
        if change.is_live() && change.id().is_some_and(|id| pending.remove(&id).is_some()) {
            change.note = Some(AGAIN.into());
            if let Some(row) = &mut change.after {
                row.invited_at = Some(context.now);
            }
        }
    }
    draft.changes.extend(pending.into_values().map(|(row, with)| invitation(row, with, context)));
}

const AGAIN: &str = "invited again, because the role is another one";

/// The change of a member who is invited again without being changed otherwise.
fn invitation(row: &Row, with: Key, context: &Context) -> Change {
    Change {
        verb: Verb::Update,
        key: row.key.clone(),
        from: None,
        cause: Cause::Git,
        fields: Vec::new(),
        before: Some(Box::new(row.clone())),
        after: Some(Box::new(Row { invited_at: Some(context.now), ..row.clone() })),
        between: None,
        origin: None,
        root: Some(with),
        phase: Phase::Neutral,
        note: Some(AGAIN.into()),
    }
}

/// True when somebody has another role in a place afterwards.
fn role_changes(change: &Change) -> bool {
    let roles = |row: &Row| -> Option<RolesView> {
        match View::read(row.key.kind, &row.spec) {
            View::Member(member) => Some(member.roles),
            View::Membership(membership) => Some(membership.roles),
            _ => None,
        }
    };
    let sides = change.before.as_deref().and_then(roles).zip(change.after.as_deref().and_then(roles));
    change.was_live() && change.is_live() && sides.is_some_and(|(old, new)| old != new)
}

fn organization_of(draft: &Draft, before: &World<'_>) -> Option<Key> {
    let stored = before.of_kind(Kind::Organization).iter().map(|item| &item.row.key);
    draft.changes.iter().map(|change| &change.key).chain(stored).find(|key| key.kind == Kind::Organization).cloned()
}

/// The roles there will be: those of the preset and policy that the organization will have, and its membership types.
fn roles_after(draft: &Draft, before: &World<'_>) -> Roles {
    let mut rows: Vec<&Row> = draft.changes.iter().filter_map(|change| change.after.as_deref()).collect();
    let stored = [Kind::Organization, Kind::MembershipType].into_iter().flat_map(|kind| before.of_kind(kind));
    rows.extend(stored.map(|item| item.row));
    rows.retain(|row| matches!(row.key.kind, Kind::Organization | Kind::MembershipType));
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    rows.dedup_by(|a, b| a.key == b.key);
    (*World::new(rows, before.now).roles).clone()
}
