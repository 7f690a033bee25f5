use std::collections::BTreeSet;

use super::diff::Comparison;
use super::draft::Draft;
use super::removal::leave;
use crate::api::Kind;
use crate::api::policy::WithoutWorkspace;
use crate::tenancy::view::View;
use crate::tenancy::{Desired, Key};

/// Where the policy says so (`members.withoutWorkspace: Remove`; AAQ, Introducing Workspaces: a user exists in workspaces), a member
/// who has no role in the organization goes with the last membership, and one who never had any waits.
pub(super) fn leave_without_workspace(comparison: &Comparison<'_>, draft: &mut Draft) {
    if comparison.policy.without_workspace == WithoutWorkspace::Keep {
        return;
    }
    let placed = placed(comparison, draft);
    let tenancy = comparison.tenancy;
    let may_have_one = |member: &str| tenancy.held.keys().any(|held| held.member_and_place().is_some_and(|(it, _)| it == member));
    let is_bare =
        |desired: &Desired| matches!(View::read(Kind::Member, &desired.spec), View::Member(view) if view.roles.is_empty());
    let is_alone = |desired: &&Desired| {
        desired.key.kind == Kind::Member
            && !placed.contains(desired.key.name.as_str())
            && is_bare(desired)
            && !may_have_one(&desired.key.name)
    };
    let alone: Vec<&Key> = tenancy.objects.iter().filter(is_alone).map(|desired| &desired.key).collect();
    for key in alone {
        draft.changes.retain(|change| change.key != *key);
        match comparison.renamed.row(key).filter(|row| row.is_live()) {
            Some(row) => {
                draft.changes.push(leave(comparison, row));
                let own = draft.changes.iter_mut().filter(|change| change.is_removal() && change.root.is_none());
                for change in own.filter(|it| it.key.member_and_place().is_some_and(|(member, _)| *member == *key.name)) {
                    change.root = Some(key.clone());
                }
            }
            None => drop(draft.alone.insert(key.clone())),
        }
    }
}

/// The members who are in a project or workspace afterwards.
fn placed(comparison: &Comparison<'_>, draft: &Draft) -> BTreeSet<String> {
    let gone: BTreeSet<&Key> = draft.changes.iter().filter(|change| change.is_removal()).map(|change| &change.key).collect();
    let stay = comparison.renamed.rows.iter().filter(|row| row.is_live() && !gone.contains(&row.key)).map(|row| &row.key);
    let come = draft.changes.iter().filter(|change| change.is_live()).map(|change| &change.key);
    stay.chain(come).filter_map(|key| Some(key.member_and_place()?.0.to_owned())).collect()
}
