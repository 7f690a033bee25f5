use std::collections::{BTreeMap, BTreeSet};

use crate::api::Spec;
use crate::plan::{Context, Plan, plan};
use crate::store::{Observe, Registered, StoreError};
use crate::tenancy::{Digest, Finding, Input, Name, Snapshot, resolve};

/// The plans for an input.
#[derive(Debug)]
pub struct Planned {
    /// One for each organization that the input or the store has something to say about, sorted by name.
    pub plans: Vec<Plan>,
    /// What was found while resolving the input, beside the input's own findings.
    pub findings: Vec<Finding>,
    /// What was approved in the input, by organization.
    pub approved: BTreeMap<Name, Vec<Digest>>,
    /// What the store has, as far as it was read for the plans.
    pub snapshots: Vec<Snapshot>,
}

/// Plans an input against a store: observes every organization that the input names, and every other one that was applied by
/// the same manager from the same holder, so that one that went missing from the input is noticed.
///
/// # Errors
///
/// When the store cannot be read.
pub async fn plan_input(store: &impl Observe, input: &Input, holder: &str, context: &Context) -> Result<Planned, StoreError> {
    let named = organizations(input);
    let registered = store.organizations().await?;
    let ours = |known: &&Registered| {
        known.claim.as_ref().is_some_and(|claim| claim.manager == context.manager && &*claim.holder == holder)
    };
    let relevant = registered.iter().filter(|known| named.contains(&known.organization) || ours(known));
    let mut snapshots = Vec::new();
    for known in relevant {
        snapshots.push(store.observe(&known.organization).await?);
    }
    let planned = plan_snapshots(input, &snapshots, context);
    Ok(Planned { snapshots, ..planned })
}

/// Plans an input against what was observed.
#[must_use]
pub fn plan_snapshots(input: &Input, snapshots: &[Snapshot], context: &Context) -> Planned {
    let resolved = resolve(input, snapshots, context.asker.as_deref());
    let plans = resolved.tenancies.iter().map(|tenancy| {
        let observed = snapshots.iter().find(|snapshot| snapshot.organization == tenancy.organization);
        match observed {
            Some(snapshot) => plan(tenancy, snapshot, context),
            None => plan(tenancy, &Snapshot::empty(&tenancy.organization), context),
        }
    });
    let plans = plans.collect();
    let approved = resolved.tenancies.iter().map(|it| (it.organization.clone(), it.approved.clone())).collect();
    Planned { plans, findings: resolved.findings, approved, snapshots: Vec::new() }
}

/// The organizations that the input names.
fn organizations(input: &Input) -> BTreeSet<Name> {
    let held = input.held.iter().filter(|held| held.kind == crate::api::Kind::Organization).map(|held| held.name.clone());
    let mut named: BTreeSet<Name> = held.collect();
    for manifest in &input.manifests {
        let organization = match &*manifest.spec {
            Spec::Organization(_) => manifest.name.as_str(),
            Spec::Project(spec) => spec.organization_ref.name.as_str(),
            Spec::MembershipType(spec) => spec.organization_ref.name.as_str(),
            Spec::Workspace(spec) => spec.organization_ref.name.as_str(),
            Spec::Member(spec) => spec.organization_ref.name.as_str(),
            Spec::AccessTest(spec) => spec.organization_ref.name.as_str(),
            Spec::Template(_) | Spec::Role(_) | Spec::Credential(_) => continue,
        };
        if !named.contains(organization) {
            named.insert(organization.into());
        }
    }
    named
}
