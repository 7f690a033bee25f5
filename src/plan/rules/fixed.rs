use crate::api::Kind;
use crate::plan::review::{Case, Violation};
use crate::tenancy::Row;
use crate::tenancy::view::{View, WorkspaceView};

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
