use crate::api::Kind;
use crate::api::organization::DeletionPolicy;
use crate::api::policy::DeletionMode;
use crate::plan::removal::deletion_policy;
use crate::plan::{Case, Change, Verb, Violation};
use crate::tenancy::view::View;

pub(super) fn workspace_undeletable(case: &Case<'_>) -> Vec<Violation> {
    if case.guard.workspace_deletion != DeletionMode::Forbid {
        return Vec::new();
    }
    let gone = case
        .changes()
        .filter(|(_, change)| change.key.kind == Kind::Workspace && (change.is_removal() || change.verb == Verb::Purge));
    let refuse = |change| Violation {
        change,
        because: "the policy of the organization does not allow workspaces to be deleted".to_owned(),
        way_out: "put the workspace back into the input; or loosen workspaceDeletion.mode in one apply and remove it in the next"
            .to_owned(),
    };
    gone.map(|(number, _)| refuse(number)).collect()
}

pub(super) fn deletion_protected(case: &Case<'_>) -> Vec<Violation> {
    let protected = |change: &Change| {
        let observed = change.before.as_ref().and_then(|row| case.before.get(&row.key));
        observed.is_some_and(|item| matches!(&*item.view, View::Workspace(workspace) if workspace.deletion_protection))
    };
    let refuse = |change| Violation {
        change,
        because: "it is protected from deletion".to_owned(),
        way_out: "put it back into the input with deletionProtection: false, apply that, and remove it then".to_owned(),
    };
    case.removals().filter(|(_, change)| protected(change)).map(|(number, _)| refuse(number)).collect()
}

pub(super) fn organization_removal(case: &Case<'_>) -> Vec<Violation> {
    let removal = case.removals().find(|(_, change)| change.key.kind == Kind::Organization);
    let Some((number, change)) = removal else { return Vec::new() };
    let meant = change.before.as_ref().is_some_and(|row| deletion_policy(row) == Some(DeletionPolicy::SoftDelete));
    if meant {
        return Vec::new();
    }
    vec![Violation {
        change: number,
        because: "removing an organization takes everything in it away, and it did not say deletionPolicy: SoftDelete".to_owned(),
        way_out: "put the organization back into the input; or approve the removal".to_owned(),
    }]
}
