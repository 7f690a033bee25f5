use std::collections::BTreeMap;

use super::Objection;
use super::checks::{Scope, unique};
use super::implied::personal_workspace;
use crate::api::policy::{PersonalWorkspaces, Presence, Uniqueness};
use crate::api::workspace::Scope::Local;
use crate::api::{Kind, Spec, WorkspaceSpec};
use crate::tenancy::view::View;
use crate::tenancy::{Key, Manifest, Name, Snapshot};

/// A check over the workspaces of an organization.
type Check = fn(&Scope<'_>) -> Vec<Objection>;

/// What must be true of workspaces, as sentences.
const CHECKS: &[(&str, Check)] = &[
    ("a workspace says its type where the policy requires it", types),
    ("no two workspaces have the same display name where the policy says so", display_names),
    ("an account has one first workspace at most", first_workspaces),
];

/// Makes every check.
pub fn check(scope: &Scope<'_>, snapshot: Option<&Snapshot>) -> Vec<Objection> {
    CHECKS.iter().flat_map(|(_, check)| check(scope)).chain(strangers(scope, snapshot)).collect()
}

/// A workspace with scope Local is its owner's alone (`KeyRunner`, Workspaces): nobody else is added to it.
fn strangers(scope: &Scope<'_>, snapshot: Option<&Snapshot>) -> Vec<Objection> {
    let owners = local_workspaces(scope, snapshot);
    let mut objections = Vec::new();
    for manifest in scope.manifests.iter().filter(|_| !owners.is_empty()) {
        let Spec::Member(spec) = &*manifest.spec else { continue };
        for (at, entry) in spec.workspaces.iter().flat_map(|list| list.iter()).enumerate() {
            let Some(owner) = owners.get(entry.name.as_str()).filter(|owner| ***owner != *manifest.name) else { continue };
            let place = Key::new(Kind::Workspace, entry.name.as_str());
            let message = format!("{place} has the scope Local and is that of member/{owner} alone");
            let subject = Key::membership(&manifest.name, &place);
            let help = Some("take the entry out, or share a workspace with another scope".to_owned());
            let path = format!("spec.workspaces[{at}].name");
            objections.push(Objection::error(manifest, subject, "local-workspace", path, message).help(help));
        }
    }
    objections
}

/// The owners of local workspaces: those that are written or stored, and those that the policy implies.
fn local_workspaces(scope: &Scope<'_>, snapshot: Option<&Snapshot>) -> BTreeMap<Name, Name> {
    let rows = snapshot.into_iter().flat_map(|snapshot| &snapshot.rows).filter(|row| row.is_live());
    let stored = rows.filter(|row| row.key.kind == Kind::Workspace).filter_map(|row| match View::read(row.key.kind, &row.spec) {
        View::Workspace(view) if view.scope == Some(Local) => Some((row.key.name.clone(), Name::from(&*view.owner?))),
        _ => None,
    });
    let written = workspaces(scope).filter(|(_, spec)| spec.scope == Some(Local)).filter_map(|(manifest, spec)| {
        let owner = spec.owner.as_ref()?;
        Some((manifest.name.clone(), Name::from(owner.as_str())))
    });
    let members = scope.manifests.iter().filter(|manifest| manifest.spec.kind() == Kind::Member);
    let implied = members
        .filter(|_| scope.policy.personal_workspaces == PersonalWorkspaces::Local)
        .filter_map(|member| Some((personal_workspace(&member.name)?, member.name.clone())));
    implied.chain(stored).chain(written).collect()
}

fn workspaces<'s>(scope: &Scope<'s>) -> impl Iterator<Item = (&'s Manifest, &'s WorkspaceSpec)> {
    scope.manifests.iter().filter_map(|manifest| match &*manifest.spec {
        Spec::Workspace(spec) => Some((*manifest, &**spec)),
        _ => None,
    })
}

fn types(scope: &Scope<'_>) -> Vec<Objection> {
    let untyped = workspaces(scope).filter(|(_, spec)| spec.type_.is_none());
    let objection = |manifest: &Manifest| {
        let key = Key::new(Kind::Workspace, manifest.name.clone());
        let message = "is required by the policy of the organization";
        let help = Some("write Development, Production, Staging or QA; or set policy.workspaces.type: Optional".to_owned());
        Objection::error(manifest, key, "type-missing", "spec.type".to_owned(), message.to_owned()).help(help)
    };
    let required = scope.policy.workspace_type == Presence::Required;
    untyped.filter(|_| required).map(|(manifest, _)| objection(manifest)).collect()
}

fn display_names(scope: &Scope<'_>) -> Vec<Objection> {
    if scope.policy.workspace_names == Uniqueness::Free {
        return Vec::new();
    }
    let mut groups: BTreeMap<&str, Vec<&Manifest>> = BTreeMap::new();
    for (manifest, spec) in workspaces(scope) {
        let name = spec.display_name.as_ref().map_or(manifest.name.as_str(), |name| name.as_str());
        groups.entry(name).or_default().push(manifest);
    }
    unique(groups, "duplicate-name", "spec.displayName", |name| format!("is called {name}"))
}

fn first_workspaces(scope: &Scope<'_>) -> Vec<Objection> {
    let first = workspaces(scope).filter(|(_, spec)| spec.default == Some(true)).map(|(manifest, _)| manifest);
    let groups = BTreeMap::from([((), first.collect())]);
    unique(groups, "several-defaults", "spec.default", |()| "is the first workspace of the account".to_owned())
}
