use std::collections::{BTreeMap, BTreeSet};

use super::Objection;
use super::checks::Scope;
use super::index::{Found, Index};
use super::local::personal_workspace;
use crate::api::membership_type::Level;
use crate::api::policy::PrivateWorkspaces;
use crate::api::workspace::Scope as WorkspaceScope;
use crate::api::{AccessTestSpec, Kind, MemberSpec, Spec};
use crate::tenancy::view::View;
use crate::tenancy::{Key, Manager, Manifest, Name, Row, Severity, Snapshot, nearest};

/// What these doubts depend on.
pub struct Known<'a> {
    pub scope: &'a Scope<'a>,
    pub index: &'a Index<'a>,
    pub snapshot: Option<&'a Snapshot>,
    /// Who owns the workspaces whose documents name nobody.
    pub owners: &'a BTreeMap<Key, Name>,
    /// The workspaces that members have for themselves, each with its member.
    pub own: &'a BTreeMap<Name, Name>,
}

/// What is legal and hardly meant: it is told, and nothing is held for it.
pub fn check(known: &Known<'_>) -> Vec<Objection> {
    let defaults = known.scope.members.iter().filter_map(|(manifest, spec)| foreign_default(known, manifest, spec));
    defaults.chain(unknown_subjects(known)).collect()
}

/// A default workspace that the member is not in and does not reach.
fn foreign_default(known: &Known<'_>, manifest: &Manifest, spec: &MemberSpec) -> Option<Objection> {
    let name = spec.default_workspace.as_ref()?.as_str();
    let place = Key::new(Kind::Workspace, name);
    let is_named = spec.workspaces.iter().flat_map(|list| list.iter()).any(|entry| entry.name.as_str() == name);
    if is_named
        || known.is_reached_from_above(spec, &place)
        || known.stays_in(manifest, spec, &place)
        || !known.is_closed(manifest, spec, &place)
    {
        return None;
    }
    let message = format!("names {place}, which the member has no access to");
    let help = match known.scope_of(&place) {
        Some(WorkspaceScope::Local) => "name another workspace: nobody is added to a local one beside its owner".to_owned(),
        _ => format!("add {name} to workspaces, or name a workspace that is there"),
    };
    let path = "spec.defaultWorkspace".to_owned();
    Some(Objection::note(manifest, Severity::Warning, "default-workspace", path, message).help(Some(help)))
}

impl Known<'_> {
    /// The scope of a workspace that is written, or that a member has for itself.
    fn scope_of(&self, place: &Key) -> Option<WorkspaceScope> {
        match self.scope.workspace(&place.name) {
            Some(workspace) => workspace.scope,
            None => self.own.contains_key(&place.name).then_some(WorkspaceScope::Local),
        }
    }

    /// Whether anybody who was not added to a workspace may reach it.
    fn is_open(&self, place: &Key) -> bool {
        let policy = self.scope.policy;
        match self.scope_of(place) {
            Some(WorkspaceScope::Local) => false,
            Some(WorkspaceScope::Private) => policy.implicit_admins && policy.private_workspaces != PrivateWorkspaces::None,
            Some(WorkspaceScope::Project) | None => true,
        }
    }

    /// Whether a role in the organization reaches a workspace below.
    fn is_reached_from_above(&self, spec: &MemberSpec, place: &Key) -> bool {
        let policy = self.scope.policy;
        let roles = spec.roles.iter().flat_map(|roles| roles.iter());
        let mut own = spec.role.iter().chain(roles).map(|role| role.as_str()).peekable();
        let default = policy.default_role.as_deref().filter(|_| own.peek().is_none());
        let reaches =
            |role: &str| self.scope.role(role).is_none_or(|role| role.is_admin() && role.levels.contains(&Level::Organization));
        policy.implicit_admins && self.is_open(place) && own.chain(default).any(reaches)
    }

    /// Whether the member was added to a place by somebody else and stays there, because nobody writes the list. What was in a list
    /// that is written no more ends, and so does what came with owning a workspace. A rename takes the rest along.
    fn stays_in(&self, manifest: &Manifest, spec: &MemberSpec, place: &Key) -> bool {
        let is_written = if place.kind == Kind::Project { spec.projects.is_some() } else { spec.workspaces.is_some() };
        let Some(snapshot) = self.snapshot.filter(|_| !is_written) else { return false };
        let ends =
            |manager: &Manager| manager.is_policy() || snapshot.claim.as_ref().is_some_and(|claim| claim.manager == *manager);
        let stays = |row: &Row| row.is_live() && !row.manager.as_ref().is_some_and(ends);
        let mut names = std::iter::once(&*manifest.name).chain(former_names(spec));
        names.any(|member| snapshot.row(&Key::membership(member, place)).is_some_and(stays))
    }

    /// Whether neither its owner nor its project lets the member into a workspace; `false` for one that is only stored.
    fn is_closed(&self, manifest: &Manifest, spec: &MemberSpec, place: &Key) -> bool {
        let Some(workspace) = self.scope.workspace(&place.name) else {
            let own = personal_workspace(&manifest.name).is_some_and(|own| own == place.name);
            let found = self.index.find(&manifest.namespace, place, Some(self.scope.organization));
            return !own && matches!(found, Some(Found::Implied(_)));
        };
        let owner = workspace.owner.as_ref().map(|owner| owner.as_str());
        let owner = owner.or_else(|| self.owners.get(place).map(|owner| &**owner));
        let owns = owner.is_some_and(|owner| *owner == *manifest.name || former_names(spec).any(|name| name == owner));
        let in_project = workspace.project_ref.as_ref().filter(|_| self.is_open(place)).is_some_and(|project| {
            let name = project.name.as_str();
            spec.projects.iter().flat_map(|list| list.iter()).any(|entry| entry.name.as_str() == name)
                || self.stays_in(manifest, spec, &Key::new(Kind::Project, name))
        });
        !owns && !in_project
    }
}

fn former_names(spec: &MemberSpec) -> impl Iterator<Item = &str> {
    spec.previous_names.iter().flat_map(|names| names.iter()).map(|name| name.as_str())
}

/// A test that somebody may not do something holds for whoever is nobody: a misspelt address protects nothing.
fn unknown_subjects(known: &Known<'_>) -> Vec<Objection> {
    let Known { scope, index, snapshot, .. } = known;
    let tests = scope.manifests.iter().filter_map(|manifest| match &*manifest.spec {
        Spec::AccessTest(spec) if spec.allow.is_none() => Some((*manifest, &**spec)),
        _ => None,
    });
    let tests: Vec<(&Manifest, &AccessTestSpec)> = tests.collect();
    // A member whose document is held back may have the address.
    if tests.is_empty() || tests.iter().any(|(manifest, _)| index.holds_some(&manifest.namespace, Kind::Member)) {
        return Vec::new();
    }
    let mut addresses: BTreeSet<String> = scope.members.iter().map(|(_, spec)| spec.email.key().into_owned()).collect();
    let stored = snapshot.iter().flat_map(|snapshot| snapshot.live(Kind::Member));
    addresses.extend(stored.filter_map(|row| match View::read(row.key.kind, &row.spec) {
        View::Member(view) => Some(view.email.to_ascii_lowercase()),
        _ => None,
    }));
    let unknown = tests.iter().filter(|(_, spec)| !addresses.contains(&*spec.subject.key()));
    let objection = |(manifest, spec): &(&Manifest, &AccessTestSpec)| {
        let message = format!("nobody has the address {}, so that nothing is tested", spec.subject);
        let meant = nearest(spec.subject.as_str(), addresses.iter().map(String::as_str));
        let help = meant.map(|address| format!("did you mean {address}?"));
        Objection::note(manifest, Severity::Warning, "unknown-subject", "spec.subject".to_owned(), message).help(help)
    };
    unknown.map(objection).collect()
}
