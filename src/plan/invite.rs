use super::draft::Draft;
use super::{Context, Verb};
use crate::api::Kind;
use crate::api::policy::InvitationMode;
use crate::tenancy::view::View;
use crate::tenancy::{AdminsByPlace, Key, Policy, Row, Snapshot, World};

/// Where people join by invitation, somebody has to be there to invite: the first admin of an organization that has none is
/// active at once (FastPix, Set up workspace: the first in an organization is its admin).
pub fn activate_first_admin(draft: &mut Draft, policy: &Policy, snapshot: &Snapshot, context: &Context) {
    if policy.invitations.mode == InvitationMode::Direct {
        return;
    }
    let Some(organization) = organization_of(draft, snapshot) else { return };
    let before = World::new(&snapshot.rows, context.now);
    let has_admin = AdminsByPlace::of(&before).get(&organization).is_some_and(|admins| !admins.lasting.is_empty());
    if has_admin {
        return;
    }
    let roles = roles_after(draft, snapshot, context);
    let is_admin = |row: &Row| match View::read(row.key.kind, &row.spec) {
        View::Member(member) => {
            member.roles.iter().any(|role| roles.get(role).is_some_and(super::super::tenancy::role::MembershipRole::is_admin))
        }
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

fn organization_of(draft: &Draft, snapshot: &Snapshot) -> Option<Key> {
    let stored = snapshot.rows.iter().map(|row| &row.key);
    draft.changes.iter().map(|change| &change.key).chain(stored).find(|key| key.kind == Kind::Organization).cloned()
}

fn roles_after(draft: &Draft, snapshot: &Snapshot, context: &Context) -> crate::tenancy::role::Roles {
    let mut rows: Vec<&Row> = draft.changes.iter().filter_map(|change| change.after.as_deref()).collect();
    rows.extend(&snapshot.rows);
    rows.retain(|row| row.key.kind == Kind::MembershipType);
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    rows.dedup_by(|a, b| a.key == b.key);
    (*World::new(rows, context.now).roles).clone()
}
