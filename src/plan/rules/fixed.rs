use crate::api::Kind;
use crate::api::workspace::Scope;
use crate::plan::{Case, Verb, Violation};
use crate::tenancy::reference::owners;
use crate::tenancy::view::{View, WorkspaceView};
use crate::tenancy::{Key, Row};

pub(super) fn residency(case: &Case<'_>) -> Vec<Violation> {
    let way_out = "put the old value back; data moves to another region only through another workspace";
    kept(case, |workspace| workspace.data_residency.map(|residency| residency.as_str()), "its data stays in", way_out)
}

pub(super) fn hipaa(case: &Case<'_>) -> Vec<Violation> {
    let hipaa = |workspace: &WorkspaceView| workspace.hipaa.map(|hipaa| if hipaa { "true" } else { "false" });
    kept(case, hipaa, "it was created with hipaa:", "put the old value back, or create another workspace")
}

pub(super) fn scope(case: &Case<'_>) -> Vec<Violation> {
    let scope = |workspace: &WorkspaceView| workspace.scope.map(|scope| scope.as_str());
    kept(case, scope, "it was created with scope", "put the old value back, or create another workspace")
}

pub(super) fn owner_gone(case: &Case<'_>) -> Vec<Violation> {
    let restored = case.changes().filter(|(_, change)| change.key.kind == Kind::Workspace && change.verb == Verb::Restore);
    let others = restored.filter_map(|(number, change)| {
        let before = change.before.as_ref()?;
        let View::Workspace(workspace) = View::read(Kind::Workspace, &before.spec) else { return None };
        let closed = matches!(workspace.scope, Some(Scope::Private | Scope::Local));
        let owner = Key::new(Kind::Member, workspace.owner.as_deref().filter(|_| closed)?);
        let is_new = case.change_of(&owner).is_some_and(|(_, member)| member.verb == Verb::Create);
        let since = case.after.get(&owner)?.row.created_at;
        (is_new || since > before.tombstone.as_ref()?.at).then(|| Violation {
            change: number,
            because: format!("it was that of another {owner}, who is gone"),
            way_out: format!("give the new person another name than {}, or name the new workspace otherwise", owner.name),
        })
    });
    others.collect()
}

pub(super) fn parent(case: &Case<'_>) -> Vec<Violation> {
    let stays = |kind| matches!(kind, Kind::Template | Kind::Role | Kind::Credential);
    let renames = case.renames();
    let changes = case.changes().filter(|(_, change)| stays(change.key.kind) && change.is_live());
    let moved = changes.filter_map(|(number, change)| {
        let (before, after) = (change.before.as_ref()?, change.after.as_ref()?);
        let had = owners(&before.key, &before.spec).into_iter().next()?;
        let has = owners(&after.key, &after.spec).into_iter().next()?;
        let stays = renames.get(&had).map_or(&had, |renamed| *renamed);
        // Where the rename of the parent has to wait, this waits with it.
        let renamed = [&case.draft.taken, &case.draft.waiting].iter().any(|names| names.get(&has) == Some(&had.name));
        (*stays != has && !renamed).then(|| Violation {
            change: number,
            because: format!("it is part of {had} and stays there"),
            way_out: format!("name {stays} again, or create it under another name in {has} and remove this one"),
        })
    });
    moved.collect()
}

/// A value that a workspace had before the change and does not have any more.
fn kept(case: &Case<'_>, value: fn(&WorkspaceView) -> Option<&'static str>, had: &str, way_out: &str) -> Vec<Violation> {
    let of = |row: &Row| match View::read(Kind::Workspace, &row.spec) {
        View::Workspace(workspace) => value(&workspace),
        _ => None,
    };
    let workspaces = case.changes().filter(|(_, change)| change.key.kind == Kind::Workspace && change.is_live());
    let lost = workspaces.filter_map(|(number, change)| {
        let was = of(change.before.as_ref()?)?;
        let becomes = of(change.after.as_ref()?);
        (becomes != Some(was)).then(|| Violation { change: number, because: format!("{had} {was}"), way_out: way_out.to_owned() })
    });
    lost.collect()
}
