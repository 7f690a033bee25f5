use std::sync::Arc;

use super::cache::{Cache, Work};
use super::object::{Object, SharedObject};
use crate::source::ObjectRead;
use crate::tenancy::{Claim, Input, Name};

/// What a pass looks at.
#[derive(Clone, Debug)]
pub struct Gathered {
    /// What it is about.
    pub work: Work,
    /// The namespace that speaks for the organization.
    pub namespace: Name,
    /// The objects of the namespace that are part of it, and those of which nobody knows yet what they are part of; sorted.
    pub objects: Vec<SharedObject>,
    /// What names the same organization in other namespaces.
    pub elsewhere: Vec<SharedObject>,
    /// What is wrong with the watches: then nothing is removed.
    pub trouble: Option<String>,
}

/// Collects what one pass has to look at. Where several namespaces have an organization of the same name, the one that applied last
/// speaks for it, else the oldest.
#[must_use]
pub fn gather(cache: &Cache, work: &Work, claim: Option<&Claim>) -> Gathered {
    let organization = match work {
        Work::Organization(organization) => organization,
        Work::Unplaced(namespace) => {
            let unplaced = |object: &&SharedObject| cache.organization_of(object).is_none();
            let objects = cache.in_namespace(namespace).filter(unplaced).cloned().collect();
            return Gathered {
                work: work.clone(),
                namespace: namespace.clone(),
                objects,
                elsewhere: Vec::new(),
                trouble: cache.trouble(),
            };
        }
    };
    let namespaces: Vec<(&Name, Option<&SharedObject>)> = cache.namespaces_of(organization).collect();
    let candidates = || namespaces.iter().filter_map(|(_, own)| *own);
    let claimed = claim.map(|claim| Name::from(&*claim.namespace));
    let eldest = candidates().min_by_key(|own| (own.created, &own.uid)).map(|own| own.id.namespace.clone());
    let may_speak = |namespace: &Name| candidates().next().is_none() || candidates().any(|own| own.id.namespace == *namespace);
    let namespace = claimed.filter(may_speak).or(eldest).or_else(|| namespaces.first().map(|(name, _)| (*name).clone()));
    let namespace = namespace.unwrap_or_default();
    let belongs = |object: &&SharedObject| cache.organization_of(object).is_none_or(|of| of == *organization);
    let own = |object: &&SharedObject| cache.organization_of(object).as_ref() == Some(organization);
    let elsewhere = namespaces.iter().filter(|(other, _)| **other != namespace);
    Gathered {
        work: work.clone(),
        objects: cache.in_namespace(&namespace).filter(belongs).cloned().collect(),
        elsewhere: elsewhere.flat_map(|(other, _)| cache.in_namespace(other)).filter(own).cloned().collect(),
        trouble: cache.trouble(),
        namespace,
    }
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

    /// The organization itself, as the cluster has it.
    #[must_use]
    pub fn organization(&self) -> Option<&Arc<Object>> {
        self.objects.iter().find(|object| object.id.key.kind == crate::api::Kind::Organization)
    }
}
