use std::collections::{BTreeMap, BTreeSet};

use super::Objection;
use super::checks::Scope;
use crate::api::policy::PersonalWorkspaces;
use crate::api::types::ObjectName;
use crate::api::workspace::Scope as WorkspaceScope;
use crate::api::{Kind, MemberSpec, WorkspaceSpec};
use crate::tenancy::view::View;
use crate::tenancy::{Key, Manifest, Name, Snapshot};

/// The name of the workspace that a member has for itself; `None` where it would be too long.
pub fn personal_workspace(member: &str) -> Option<Name> {
    let name = format!("local-{member}");
    ObjectName::parse(&name).ok().map(|name| name.as_str().into())
}

/// Whose the workspaces are that members have for themselves, where the policy says that they do. A member who is renamed takes
/// the workspace along.
pub fn personal_owners(scope: &Scope<'_>, snapshot: Option<&Snapshot>) -> BTreeMap<Name, Name> {
    if scope.policy.personal_workspaces == PersonalWorkspaces::None {
        return BTreeMap::new();
    }
    let written = scope.members.iter().map(|(manifest, _)| manifest.name.as_str());
    let former: BTreeSet<&str> = scope.members.iter().flat_map(|(_, spec)| former_names(spec)).collect();
    let stored = snapshot.into_iter().flat_map(|snapshot| snapshot.live(Kind::Member)).map(|row| row.key.name.as_str());
    let all = stored.filter(|name| !former.contains(name)).chain(written);
    all.filter_map(|member| Some((personal_workspace(member)?, Name::from(member)))).collect()
}

/// A workspace that a member has for itself is nobody else's, and nobody is added to a local workspace.
pub fn check(scope: &Scope<'_>, snapshot: Option<&Snapshot>, own: &BTreeMap<Name, Name>) -> Vec<Objection> {
    let foreign = scope.workspaces.iter();
    let foreign = foreign.filter_map(|(manifest, spec)| foreign_document(manifest, spec, own.get(&manifest.name)?));
    foreign.chain(foreign_entries(scope, snapshot, own)).collect()
}

fn foreign_document(manifest: &Manifest, spec: &WorkspaceSpec, member: &Name) -> Option<Objection> {
    let field = match (spec.scope, &spec.owner) {
        (Some(WorkspaceScope::Local), Some(owner)) if owner.as_str() != member.as_str() => "spec.owner",
        (Some(WorkspaceScope::Local), _) => return None,
        _ => "spec.scope",
    };
    let key = Key::new(Kind::Workspace, manifest.name.clone());
    let message = format!("{} is the workspace that member/{member} has for itself", manifest.name);
    let help = format!("write scope: Local and owner: {member}, or choose another name for the workspace");
    Some(Objection::error(manifest, key, "personal-workspace", field.to_owned(), message).help(Some(help)))
}

fn foreign_entries(scope: &Scope<'_>, snapshot: Option<&Snapshot>, own: &BTreeMap<Name, Name>) -> Vec<Objection> {
    let local = local_workspaces(scope, snapshot, own);
    let mut objections = Vec::new();
    for &(manifest, spec) in scope.members.iter().filter(|_| !local.is_empty()) {
        for (at, entry) in spec.workspaces.iter().flat_map(|list| list.iter()).enumerate() {
            let Some(owner) = local.get(entry.name.as_str()) else { continue };
            let is_own = |owner: &Name| *owner == manifest.name || former_names(spec).any(|name| *name == **owner);
            if owner.as_ref().is_some_and(is_own) {
                continue;
            }
            let key = Key::membership(&manifest.name, &Key::new(Kind::Workspace, entry.name.as_str()));
            let message = format!("workspace/{} is local: nobody is added to it beside its owner", entry.name);
            let help = Some("take the entry away, or share a workspace with scope Private".to_owned());
            let path = format!("spec.workspaces[{at}].name");
            objections.push(Objection::error(manifest, key, "local-workspace", path, message).help(help));
        }
    }
    objections
}

/// The local workspaces with their owners, as far as these are known: those that are stored, those of the policy, and those that are
/// written.
fn local_workspaces(scope: &Scope<'_>, snapshot: Option<&Snapshot>, own: &BTreeMap<Name, Name>) -> BTreeMap<Name, Option<Name>> {
    let stored = snapshot.into_iter().flat_map(|snapshot| snapshot.live(Kind::Workspace));
    let stored = stored.filter(|row| row.spec.contains("Local")).filter_map(|row| match View::read(row.key.kind, &row.spec) {
        View::Workspace(view) if view.scope == Some(WorkspaceScope::Local) => {
            Some((row.key.name.clone(), view.owner.map(|owner| Name::from(&*owner))))
        }
        _ => None,
    });
    let mut local: BTreeMap<Name, Option<Name>> = stored.collect();
    local.extend(own.iter().map(|(name, owner)| (name.clone(), Some(owner.clone()))));
    for &(manifest, spec) in &scope.workspaces {
        if spec.scope != Some(WorkspaceScope::Local) {
            local.remove(&manifest.name);
        } else if let Some(owner) = &spec.owner {
            local.insert(manifest.name.clone(), Some(owner.as_str().into()));
        } else {
            local.entry(manifest.name.clone()).or_default();
        }
    }
    local
}

fn former_names(spec: &MemberSpec) -> impl Iterator<Item = &str> {
    spec.previous_names.iter().flat_map(|names| names.iter()).map(|name| name.as_str())
}
