use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::time::Instant;

use super::cache::{Cache, Work};
use super::object::{Object, SharedObject};
use crate::api::Kind;
use crate::source::ObjectRead;
use crate::tenancy::{Input, Key, Name};

/// What a pass looks at.
#[derive(Clone, Debug)]
pub struct Gathered {
    /// What it is about.
    pub work: Work,
    /// The namespace that speaks for the organization.
    pub namespace: Name,
    /// The objects of the namespace that are part of it; of a namespace, those that its references lead out of the cluster, with
    /// whatever they may lead to. Sorted.
    pub objects: Vec<SharedObject>,
    /// Objects of the namespace of which it is not known yet what they are part of.
    pub unplaced: BTreeSet<Key>,
    /// What names the same organization in other namespaces.
    pub elsewhere: Vec<SharedObject>,
    /// What is wrong with the watches: then nothing is removed.
    pub trouble: Option<String>,
    /// Since when nothing is.
    pub well_since: Option<Instant>,
}

/// The namespace that applied last to an organization.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// The namespace.
    pub namespace: Name,
    /// True where it is one of this cluster.
    pub is_ours: bool,
}

/// Collects what one pass has to look at. Where several namespaces have an organization of the same name, the one that applied last
/// speaks for it, else the oldest. It does so also without the Organization, which may be about to come back, while it has other objects
/// of it.
#[must_use]
pub fn gather(cache: &Cache, work: &Work, claimed: Option<&Claimed>) -> Gathered {
    let (namespace, objects, elsewhere) = match work {
        Work::Organization(organization) | Work::Service(organization) => of_organization(cache, organization, claimed),
        Work::Unplaced(namespace) => {
            let is_target = |object: &&SharedObject| {
                matches!(object.id.key.kind, Kind::Organization | Kind::Workspace | Kind::Template) || cache.is_leaving(object)
            };
            (namespace.clone(), cache.in_namespace(namespace).filter(is_target).cloned().collect(), Vec::new())
        }
    };
    let (trouble, well_since) = (cache.trouble(), cache.well_since());
    let unplaced = cache.in_namespace(&namespace).filter(|object| cache.organization_of(object).is_none());
    let unplaced = unplaced.map(|object| object.id.key.clone()).collect();
    Gathered { work: work.clone(), namespace, objects, unplaced, elsewhere, trouble, well_since }
}

fn of_organization(
    cache: &Cache,
    organization: &Name,
    claimed: Option<&Claimed>,
) -> (Name, Vec<SharedObject>, Vec<SharedObject>) {
    let namespaces: Vec<(&Name, Option<&SharedObject>)> = cache.namespaces_of(organization).collect();
    let candidates = || namespaces.iter().filter_map(|(_, own)| *own);
    let eldest = candidates().min_by_key(|own| (own.created, &own.uid)).map(|own| own.id.namespace.clone());
    let may_speak = |claimed: &&Claimed| {
        let has_any = namespaces.iter().any(|(namespace, _)| **namespace == claimed.namespace);
        let has_it = candidates().any(|own| own.id.namespace == claimed.namespace);
        candidates().next().is_none() || has_it || claimed.is_ours && has_any
    };
    let namespace = claimed.filter(may_speak).map(|claimed| claimed.namespace.clone()).or(eldest);
    let namespace = namespace.or_else(|| namespaces.first().map(|(name, _)| (*name).clone())).unwrap_or_default();
    let own = |object: &&SharedObject| cache.organization_of(object).as_ref() == Some(organization);
    let elsewhere = namespaces.iter().filter(|(other, _)| **other != namespace);
    let elsewhere = elsewhere.flat_map(|(other, _)| cache.in_namespace(other)).filter(own).cloned().collect();
    let objects = cache.in_namespace(&namespace).filter(own).cloned().collect();
    (namespace, objects, elsewhere)
}

impl Gathered {
    /// The objects as an input to plan.
    #[must_use]
    pub fn input(&self) -> Input {
        let mut input = Input { complete: true, ..Input::default() };
        for object in &self.objects {
            match &object.read {
                ObjectRead::Manifest(manifest) => input.manifests.push(manifest.clone()),
                ObjectRead::Held(held) => input.held.push(held.clone()),
            }
            input.findings.extend(object.findings.iter().cloned());
        }
        input
    }

    /// True for an object whose references lead to nothing of this pass: of those that it looks at, to neither a workspace nor a template.
    #[must_use]
    pub fn is_leaving(&self, object: &Object) -> bool {
        let Some(parent) = object.parent.as_ref() else { return true };
        if parent.kind == Kind::Organization {
            return false;
        }
        let found = self.objects.iter().find(|other| other.id.key == *parent);
        found.is_none_or(|parent| self.is_leaving(parent))
    }

    /// The organization itself, as the cluster has it.
    #[must_use]
    pub fn organization(&self) -> Option<&Arc<Object>> {
        self.objects.iter().find(|object| object.id.key.kind == Kind::Organization)
    }
}
