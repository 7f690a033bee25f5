use std::collections::BTreeMap;

use super::Unplaced;
use super::implied::{is_meant, renamed};
use super::local::personal_workspace;
use crate::api::policy::PersonalWorkspaces;
use crate::api::{Kind, Spec};
use crate::tenancy::desired::previous_names_of;
use crate::tenancy::{Input, Key, Manifest, Name, Policy, Snapshot, nearest};

/// Finds objects by namespace, kind and name, in the input and in what is stored.
pub struct Index<'a> {
    /// By kind, and sorted by namespace and name.
    manifests: BTreeMap<Kind, Vec<(&'a Name, &'a Name, &'a Manifest)>>,
    /// Manifests by each of their previous names.
    former: Vec<(&'a Name, Kind, &'a str, &'a Manifest)>,
    held: Vec<(&'a Name, Kind, &'a Name)>,
    stored: BTreeMap<(Kind, &'a Name), Vec<&'a Snapshot>>,
    /// The workspaces that the policies of organizations of the input imply, with their namespace and organization, sorted.
    implied: Vec<(&'a Name, Name, &'a Name)>,
    snapshots: &'a [Snapshot],
}

/// Where something was found.
#[derive(Clone, Copy)]
pub enum Found<'a> {
    /// In the input.
    Input(&'a Manifest),
    /// In the input, but held back.
    Held,
    /// Implied by the policy of this organization.
    Implied(&'a Name),
    /// Only in the store.
    Stored(&'a Snapshot),
    /// Only in the store, in several organizations.
    Several,
}

/// The kinds that others refer to across documents.
const TARGETS: [Kind; 5] = [Kind::Organization, Kind::Project, Kind::Workspace, Kind::Template, Kind::Member];

impl<'a> Index<'a> {
    pub fn new(input: &'a Input, snapshots: &'a [Snapshot]) -> Self {
        let mut manifests: BTreeMap<Kind, Vec<(&Name, &Name, &Manifest)>> = BTreeMap::new();
        for manifest in input.manifests.iter().filter(|manifest| TARGETS.contains(&manifest.spec.kind())) {
            manifests.entry(manifest.spec.kind()).or_default().push((&manifest.namespace, &manifest.name, manifest));
        }
        for of_kind in manifests.values_mut() {
            of_kind.sort_by_key(|(namespace, name, _)| (*namespace, *name));
        }
        let mut former: Vec<_> = input.manifests.iter().flat_map(by_previous_names).collect();
        former.sort_by_key(|(namespace, kind, name, manifest)| (*namespace, *kind, *name, &manifest.name));
        let mut held: Vec<_> = input.held.iter().map(|held| (&held.namespace, held.kind, &held.name)).collect();
        held.sort();
        // Members are many and rarely referred to: they are looked up in their snapshot instead.
        let mut stored: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for snapshot in snapshots {
            let targets = snapshot
                .rows
                .iter()
                .filter(|row| row.is_live() && row.key.kind != Kind::Member && TARGETS.contains(&row.key.kind));
            for row in targets {
                stored.entry((row.key.kind, &row.key.name)).or_default().push(snapshot);
            }
        }
        Self { manifests, former, held, stored, implied: implied_workspaces(input, snapshots), snapshots }
    }

    /// Looks for an object of a namespace; in the store, only among the objects of `organization` where that is known.
    pub fn find(&self, namespace: &Name, key: &Key, organization: Option<&Name>) -> Option<Found<'a>> {
        let of_kind = self.manifests(key.kind);
        if let Ok(at) = of_kind.binary_search_by(|(other, name, _)| (*other, *name).cmp(&(namespace, &key.name))) {
            return Some(Found::Input(of_kind[at].2));
        }
        if self.held.binary_search(&(namespace, key.kind, &key.name)).is_ok() {
            return Some(Found::Held);
        }
        let start = self.implied.partition_point(|(of, name, _)| (*of, name) < (namespace, &key.name));
        let same = self.implied[start..].iter().take_while(|(of, name, _)| (*of, name) == (namespace, &key.name));
        let mut implied = same.filter(|(_, _, in_organization)| {
            key.kind == Kind::Workspace && organization.is_none_or(|it| it == *in_organization)
        });
        match (implied.next(), implied.next()) {
            (None, _) => self.find_stored(namespace, key, organization),
            (Some((_, _, organization)), None) => Some(Found::Implied(organization)),
            (Some(_), Some(_)) => Some(Found::Several),
        }
    }

    fn manifests(&self, kind: Kind) -> &[(&'a Name, &'a Name, &'a Manifest)] {
        self.manifests.get(&kind).map(Vec::as_slice).unwrap_or_default()
    }

    fn find_stored(&self, namespace: &Name, key: &Key, organization: Option<&Name>) -> Option<Found<'a>> {
        let fits = |snapshot: &&'a Snapshot| {
            let same = snapshot.claim.as_ref().is_none_or(|claim| *claim.namespace == **namespace);
            same && organization.is_none_or(|organization| snapshot.organization == *organization)
        };
        if key.kind == Kind::Member {
            let has = |snapshot: &&Snapshot| snapshot.row(key).is_some_and(super::super::Row::is_live);
            return self.snapshots.iter().filter(fits).find(has).map(Found::Stored);
        }
        let mut stored = self.stored.get(&(key.kind, &key.name))?.iter().copied().filter(fits);
        let first = stored.next()?;
        Some(if stored.next().is_none() { Found::Stored(first) } else { Found::Several })
    }

    /// True for a document that is held back.
    pub fn is_held(&self, namespace: &Name, kind: Kind, name: &str) -> bool {
        self.held.binary_search_by(|(other, of, held)| (*other, *of, held.as_str()).cmp(&(namespace, kind, name))).is_ok()
    }

    /// True when a document of this kind is held back.
    pub fn holds_some(&self, namespace: &Name, kind: Kind) -> bool {
        self.held.iter().any(|(other, of, _)| *other == namespace && *of == kind)
    }

    /// The object of the input that a name means which only the store knows, or knew: the input renames it, or did so before.
    pub fn renamed(&self, namespace: &Name, old: &Key) -> Option<&'a Manifest> {
        let wanted = (namespace, old.kind, &*old.name);
        let start = self.former.partition_point(|(namespace, kind, name, _)| (*namespace, *kind, *name) < wanted);
        let claimants = self.former[start..].iter().take_while(|(namespace, kind, name, _)| (*namespace, *kind, *name) == wanted);
        claimants.map(|(_, _, _, manifest)| *manifest).find(|manifest| {
            let new = Key::new(old.kind, manifest.name.clone());
            let fits = |snapshot: &&Snapshot| snapshot.claim.as_ref().is_none_or(|claim| *claim.namespace == **namespace);
            self.snapshots.iter().filter(fits).any(|snapshot| match (snapshot.row(old), snapshot.row(&new)) {
                (Some(_), None) => true,
                (None, Some(row)) => row.former_names.contains(&old.name),
                _ => false,
            })
        })
    }

    /// The organization that an object is part of.
    pub fn organization_of(&self, manifest: &'a Manifest) -> Result<Name, Unplaced> {
        let (path, target) = match &*manifest.spec {
            Spec::Organization(_) => return Ok(manifest.name.clone()),
            Spec::Project(spec) => ("spec.organizationRef", organization(&spec.organization_ref)),
            Spec::MembershipType(spec) => ("spec.organizationRef", organization(&spec.organization_ref)),
            Spec::Workspace(spec) => ("spec.organizationRef", organization(&spec.organization_ref)),
            Spec::Member(spec) => ("spec.organizationRef", organization(&spec.organization_ref)),
            Spec::AccessTest(spec) => ("spec.organizationRef", organization(&spec.organization_ref)),
            Spec::Template(spec) => ("spec.workspaceRef", Key::new(Kind::Workspace, spec.workspace_ref.name.as_str())),
            Spec::Credential(spec) => ("spec.workspaceRef", Key::new(Kind::Workspace, spec.workspace_ref.name.as_str())),
            Spec::Role(spec) => ("spec.templateRef", Key::new(Kind::Template, spec.template_ref.name.as_str())),
        };
        match self.find(&manifest.namespace, &target, None) {
            Some(Found::Input(parent)) => self.organization_of(parent).map_err(|_| Unplaced::Waiting { path, target }),
            Some(Found::Stored(snapshot)) => Ok(snapshot.organization.clone()),
            Some(Found::Implied(organization)) => Ok(organization.clone()),
            Some(Found::Several) => Err(Unplaced::Ambiguous { path, target }),
            Some(Found::Held) if target.kind == Kind::Organization => Ok(target.name),
            Some(Found::Held) => self.organization_of_held(&target).ok_or(Unplaced::Waiting { path, target }),
            None => {
                if let Some(parent) = self.renamed(&manifest.namespace, &target) {
                    return self.organization_of(parent).map_err(|_| Unplaced::Waiting { path, target });
                }
                let nearest = self.nearest(&manifest.namespace, &target);
                Err(Unplaced::Dangling { path, target, nearest })
            }
        }
    }

    /// What is held cannot say where it belongs; the store may know.
    fn organization_of_held(&self, key: &Key) -> Option<Name> {
        match self.stored.get(&(key.kind, &key.name))?.as_slice() {
            [only] => Some(only.organization.clone()),
            _ => None,
        }
    }

    /// The name in the input that was probably meant.
    pub fn nearest(&self, namespace: &Name, target: &Key) -> Option<String> {
        let of_kind = self.manifests(target.kind).iter().filter(|(other, _, _)| *other == namespace);
        let stored = self.stored.keys().filter(|(kind, _)| *kind == target.kind).map(|(_, name)| name.as_str());
        nearest(&target.name, of_kind.map(|(_, name, _)| name.as_str()).chain(stored)).map(str::to_owned)
    }
}

fn by_previous_names(manifest: &Manifest) -> impl Iterator<Item = (&Name, Kind, &str, &Manifest)> {
    let names = previous_names_of(&manifest.spec).unwrap_or_default().iter();
    names.map(move |name| (&manifest.namespace, manifest.spec.kind(), name.as_str(), manifest))
}

/// The workspaces that the policies of the organizations of an input imply.
fn implied_workspaces<'a>(input: &'a Input, snapshots: &[Snapshot]) -> Vec<(&'a Name, Name, &'a Name)> {
    let mut implied = Vec::new();
    for organization in &input.manifests {
        let Spec::Organization(spec) = &*organization.spec else { continue };
        let policy = Policy::of(spec);
        let own = |reference: &crate::api::types::Ref| reference.name.as_str() == organization.name.as_str();
        let parts = input.manifests.iter().filter(|manifest| manifest.namespace == organization.namespace);
        let workspaces =
            parts.clone().filter(|manifest| matches!(&*manifest.spec, Spec::Workspace(spec) if own(&spec.organization_ref)));
        let renamed = renamed(workspaces.clone());
        let snapshot = snapshots.iter().find(|snapshot| snapshot.organization == organization.name);
        let meant = policy.default_workspaces.iter().filter(|it| is_meant(it, workspaces.clone(), snapshot));
        let names = meant.map(|it| Name::from(it.name.as_str()));
        let members = parts.filter(|manifest| matches!(&*manifest.spec, Spec::Member(spec) if own(&spec.organization_ref)));
        let personal = members
            .filter(|_| policy.personal_workspaces == PersonalWorkspaces::Local)
            .filter_map(|member| personal_workspace(&member.name));
        let kept = names.chain(personal).filter(|name| !renamed.contains(name.as_str()));
        implied.extend(kept.map(|name| (&organization.namespace, name, &organization.name)));
    }
    implied.sort();
    implied
}

fn organization(reference: &crate::api::types::Ref) -> Key {
    Key::new(Kind::Organization, reference.name.as_str())
}
