use std::collections::BTreeMap;

use super::Objection;
use super::checks::Scope;
use crate::api::Kind;
use crate::api::policy::Creators;
use crate::api::workspace::Scope as WorkspaceScope;
use crate::tenancy::view::View;
use crate::tenancy::{Key, Manifest, Name, Row, Snapshot};

/// Who owns the workspaces whose documents name nobody.
#[derive(Default)]
pub struct Owners {
    /// The one who first applied them: as stored, or else the one who asks now.
    pub implied: BTreeMap<Key, Name>,
    pub objections: Vec<Objection>,
}

/// Finds the owners of workspaces whose documents name nobody. Private and local ones have one (`KeyRunner`, Workspaces: the user
/// who creates a private workspace owns it); others do where every member may create them (AAQ: who creates a workspace is its
/// first admin). `own` are the workspaces that members have for themselves.
pub fn owners(scope: &Scope<'_>, snapshot: Option<&Snapshot>, asker: Option<&str>, own: &BTreeMap<Name, Name>) -> Owners {
    let mut owners = Owners::default();
    let mut asking = None;
    for &(manifest, spec) in &scope.workspaces {
        let required = matches!(spec.scope, Some(WorkspaceScope::Private | WorkspaceScope::Local));
        if spec.owner.is_some() || !required && scope.policy.creation.by != Creators::AnyMember {
            continue;
        }
        let key = Key::new(Kind::Workspace, manifest.name.clone());
        // A deleted workspace comes back with the owner that it had.
        if let Some(row) = snapshot.and_then(|snapshot| snapshot.row(&key)) {
            let owner = owner_of(row).filter(|_| required || owner_was_implied(row));
            owners.implied.extend(owner.map(|owner| (key, owner)));
            continue;
        }
        if let Some(member) = own.get(&manifest.name) {
            owners.implied.insert(key, member.clone());
            continue;
        }
        match asking.get_or_insert_with(|| asker.and_then(|email| member_with(email, scope, snapshot))) {
            Some(member) => drop(owners.implied.insert(key, member.clone())),
            None if required => owners.objections.push(without_owner(manifest, key, spec.scope, asker)),
            None => {}
        }
    }
    owners
}

fn owner_of(row: &Row) -> Option<Name> {
    match View::read(Kind::Workspace, &row.spec) {
        View::Workspace(workspace) => workspace.owner.map(|owner| Name::from(&*owner)),
        _ => None,
    }
}

/// True when no document ever wrote the owner: an owner who was written and is left out now owns nothing any more.
fn owner_was_implied(row: &Row) -> bool {
    row.last_applied().is_some_and(|applied| match View::read(Kind::Workspace, applied) {
        View::Workspace(workspace) => workspace.owner.is_none(),
        _ => false,
    })
}

fn member_with(email: &str, scope: &Scope<'_>, snapshot: Option<&Snapshot>) -> Option<Name> {
    let mut members = snapshot.into_iter().flat_map(|snapshot| snapshot.live(Kind::Member));
    let stored = members.find_map(|row| match View::read(Kind::Member, &row.spec) {
        View::Member(member) if member.email.eq_ignore_ascii_case(email) => Some(row.key.name.clone()),
        _ => None,
    });
    let written = || {
        let mut members = scope.members.iter();
        members.find(|(_, spec)| spec.email.as_str().eq_ignore_ascii_case(email)).map(|(manifest, _)| manifest.name.clone())
    };
    stored.or_else(written)
}

fn without_owner(manifest: &Manifest, key: Key, scope: Option<WorkspaceScope>, asker: Option<&str>) -> Objection {
    let scope = scope.map_or("", WorkspaceScope::as_str);
    let message = match asker {
        Some(email) => format!("is required with scope {scope}: {email}, who asks for it, is no member of the organization"),
        None => format!("is required with scope {scope}, because nobody is known to ask for it"),
    };
    let help = "write owner, the metadata.name of a Member; or say who asks with --as".to_owned();
    Objection::error(manifest, key, "owner-missing", "spec.owner".to_owned(), message).help(Some(help))
}
