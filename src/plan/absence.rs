use super::Context;
use super::draft::Draft;
use super::removal::deletion_policy;
use super::review::Approval;
use crate::api::Kind;
use crate::api::organization::DeletionPolicy;
use crate::tenancy::{Snapshot, Tenancy};

/// Leaves an organization alone that the input never mentions, unless its removal was asked for: by `deletionPolicy: SoftDelete`
/// in an earlier apply, or by an approval of exactly this removal. It may be another input's business. Returns the approval that
/// would remove it.
pub fn keep_unmentioned(draft: &mut Draft, tenancy: &Tenancy, snapshot: &Snapshot, context: &Context) -> Option<Approval> {
    let suspicious = tenancy.input_is_empty && !context.allow_empty;
    if suspicious || is_mentioned(tenancy, snapshot) {
        return None;
    }
    let removal = draft.changes.iter().find(|change| change.key.kind == Kind::Organization && change.is_removal())?;
    let key = removal.key.clone();
    let meant = removal.before.as_deref().is_some_and(|row| deletion_policy(row) == Some(DeletionPolicy::SoftDelete));
    let approval = Approval::of(&tenancy.organization, draft.changes.iter(), [key.clone()].into());
    let approval = approval.filter(|approval| !meant && !approval.is_given(tenancy, context))?;
    draft.changes.clear();
    draft.missing.push(key);
    Some(approval)
}

/// True when anything of the input is about this organization.
fn is_mentioned(tenancy: &Tenancy, snapshot: &Snapshot) -> bool {
    let held = || tenancy.held.keys().any(|key| snapshot.row(key).is_some());
    tenancy.present || !tenancy.objects.is_empty() || held()
}
