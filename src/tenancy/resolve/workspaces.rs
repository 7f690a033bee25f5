use std::collections::BTreeMap;

use super::Objection;
use super::checks::{Scope, unique};
use crate::api::Kind;
use crate::api::policy::{Presence, Uniqueness};
use crate::tenancy::{Key, Manifest};

/// A check over the workspaces of an organization.
type Check = fn(&Scope<'_>) -> Vec<Objection>;

/// What must be true of workspaces, as sentences.
const CHECKS: &[(&str, Check)] = &[
    ("a workspace says its type where the policy requires it", types),
    ("no two workspaces have the same display name where the policy says so", display_names),
    ("an account has one first workspace at most", first_workspaces),
];

/// Makes every check.
pub fn check(scope: &Scope<'_>) -> Vec<Objection> {
    CHECKS.iter().flat_map(|(_, check)| check(scope)).collect()
}

fn types(scope: &Scope<'_>) -> Vec<Objection> {
    let untyped = scope.workspaces.iter().filter(|(_, spec)| spec.type_.is_none());
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
    for &(manifest, spec) in &scope.workspaces {
        let name = spec.display_name.as_ref().map_or(manifest.name.as_str(), |name| name.as_str());
        groups.entry(name).or_default().push(manifest);
    }
    unique(groups, "duplicate-name", "spec.displayName", |name| format!("is called {name}"))
}

fn first_workspaces(scope: &Scope<'_>) -> Vec<Objection> {
    let first = scope.workspaces.iter().filter(|(_, spec)| spec.default == Some(true)).map(|(manifest, _)| *manifest);
    let groups = BTreeMap::from([((), first.collect())]);
    unique(groups, "several-defaults", "spec.default", |()| "is the first workspace of the account".to_owned())
}
