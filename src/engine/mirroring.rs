use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::after::rows_after;
use super::outcome::{End, Outcome};
use super::planning::plan_input;
use crate::api::organization::{AdoptionPolicy, Backend as Address, BackendType};
use crate::api::policy::DriftPolicy;
use crate::api::{Kind, OrganizationSpec, Spec};
use crate::backend::{Backend, Reach, State, any, carry_out, nothing_done};
use crate::plan::mirror::{self, Lacking, Mirror, Observed, Shape, Terms, compare};
use crate::plan::{Context, Plan};
use crate::store::{Memory, Observe, Store, StoreError};
use crate::tenancy::{Digest, Finding, Input, Key, Mirrored, Name, Origin, Policy, Row, Severity, Snapshot};

/// Compares what the service behind an organization has with what the store will have once a plan is applied, and puts what follows
/// into the plan. An organization without a service, and one that is suspended, is left as it is.
///
/// Only reads, at the service too. What cannot be read there is said in the mirror, and is no error.
///
/// # Errors
///
/// When the journal cannot be read from the store.
pub async fn plan_mirror(
    store: &impl Observe,
    reach: &Reach,
    (plan, before): (&mut Plan, Option<&Snapshot>),
    origins: &BTreeMap<Key, Origin>,
    (approved, now): (&[Digest], Timestamp),
) -> Result<(), StoreError> {
    // What the input does not mention may be another repository's, with secrets that are not here.
    if plan.kept_whole().is_some() {
        return Ok(());
    }
    let rows = rows_after(before.map(|before| before.rows.clone()).unwrap_or_default(), plan);
    let Some((spec, is_live)) = organization(&plan.organization, &rows) else {
        if let Some((spec, _)) = before.and_then(|before| organization(&plan.organization, &before.rows)) {
            plan.mirror = purged(&plan.organization, &spec, &store.journal(&plan.organization).await?);
        }
        return Ok(());
    };
    let address = spec.backend.clone().filter(|_| spec.suspend != Some(true));
    let journal = match address.is_some() || before.is_some() {
        true => store.journal(&plan.organization).await?,
        false => return Ok(()),
    };
    let Some(address) = address.filter(|_| is_live || !journal.is_empty()) else {
        plan.mirror = left_behind(&plan.organization, &spec, &journal);
        return Ok(());
    };
    let drift = Policy::of(&spec).drift;
    let how = How { spec: &spec, address: &address, drift, origins, approved, now };
    plan.mirror = Some(compared(store, reach, (&plan.organization, &rows), &journal, &how).await?);
    Ok(())
}

/// What another hand changed at the service behind an organization since Muster sent it, whatever the policy does about that. `None` where
/// there is no service, or it is not to be looked at.
///
/// # Errors
///
/// When the store cannot be read. What cannot be read at the service is said in the mirror.
pub async fn drift_at_service(
    store: &impl Observe,
    reach: &Reach,
    organization: &Name,
    now: Timestamp,
) -> Result<Option<Mirror>, StoreError> {
    let snapshot = store.observe(organization).await?;
    let found = self::organization(organization, &snapshot.rows).filter(|(spec, is_live)| *is_live && spec.suspend != Some(true));
    let Some((spec, address)) = found.and_then(|(spec, _)| Some((spec.clone(), spec.backend?))) else { return Ok(None) };
    let journal = store.journal(organization).await?;
    let origins = BTreeMap::new();
    let how = How { spec: &spec, address: &address, drift: DriftPolicy::Warn, origins: &origins, approved: &[], now };
    compared(store, reach, (organization, &snapshot.rows), &journal, &how).await.map(Some)
}

/// How a service is compared.
struct How<'h> {
    spec: &'h OrganizationSpec,
    address: &'h Address,
    drift: DriftPolicy,
    origins: &'h BTreeMap<Key, Origin>,
    approved: &'h [Digest],
    now: Timestamp,
}

/// Compares these rows with what the service has.
async fn compared(
    store: &impl Observe,
    reach: &Reach,
    (organization, rows): (&Name, &[Row]),
    journal: &[Mirrored],
    how: &How<'_>,
) -> Result<Mirror, StoreError> {
    let How { spec, address, drift, origins, approved, now } = *how;
    let state = State { rows, url: address.url.as_str(), secret_ref: address.secret_ref.as_ref() };
    let mut shape = any::shape(address.type_, &state);
    let service = mirror::address(address.type_, state.url);
    let here: BTreeSet<_> = journal.iter().filter(|entry| entry.service == service).map(|entry| entry.id).collect();
    shape.known.retain(|id, _| here.contains(id));
    let stored: BTreeSet<_> = rows.iter().map(|row| row.id).collect();
    for entry in journal.iter().filter(|entry| entry.service == service && !stored.contains(&entry.id)) {
        if entry.reached.is_some() && !shape.places.contains_key(&entry.place) {
            shape.places.insert(entry.place.clone(), entry.reached.clone());
            shape.former.insert(entry.place.clone());
        }
    }
    for wanted in &mut shape.wanted {
        wanted.origin = origins.get(&wanted.key).cloned();
        for (path, secret) in &wanted.secrets {
            if let Ok(value) = reach.secrets.read(secret.name.as_str(), secret.key.as_str()).await {
                let digest = value.digest(wanted.id.as_uuid().as_bytes()).to_string();
                wanted.digests.insert(path.clone(), digest.into());
            }
        }
    }
    let observed = observe(reach, address, &shape).await;
    let others = others(store, organization, &service, journal).await?;
    let terms = Terms {
        capabilities: any::capabilities(address.type_, address.url.as_str()),
        url: address.url.as_str(),
        adoption: spec.adoption_policy.unwrap_or(AdoptionPolicy::Refuse),
        drift,
        approved,
        stored: &stored,
        others: &others,
        now,
    };
    Ok(compare(&shape, &observed, journal, &terms))
}

/// What the services behind organizations cannot do of an input, as far as that is known without asking them or a store.
pub async fn capability_findings(input: &Input, context: &Context) -> Vec<Finding> {
    let has_backend = |spec: &Spec| matches!(spec, Spec::Organization(spec) if spec.backend.is_some());
    if !input.manifests.iter().any(|manifest| has_backend(&manifest.spec)) {
        return Vec::new();
    }
    let store = Memory::new();
    // A store in memory does not fail.
    let Ok(planned) = plan_input(&store, input, "", context).await else { return Vec::new() };
    let origins = origins(input);
    planned.plans.iter().flat_map(|plan| lacking(plan, &origins)).collect()
}

fn lacking(plan: &Plan, origins: &BTreeMap<Key, Origin>) -> Vec<Finding> {
    let rows = rows_after(Vec::new(), plan);
    let Some(address) = organization(&plan.organization, &rows).and_then(|(spec, _)| spec.backend) else { return Vec::new() };
    let state = State { rows: &rows, url: address.url.as_str(), secret_ref: address.secret_ref.as_ref() };
    let shape = any::shape(address.type_, &state);
    let capabilities = any::capabilities(address.type_, address.url.as_str());
    let wrong_names = shape.wanted.iter().filter_map(|wanted| {
        let wrong = capabilities.of(wanted.key.kind)?.wrong_name(&wanted.name)?;
        let because = format!("its name {:?} {wrong} at {}", wanted.name, capabilities.title);
        Some(Lacking { subject: wanted.key.clone(), path: "".into(), because: because.into() })
    });
    let mut lacking: Vec<Lacking> = shape.lacking.iter().cloned().chain(wrong_names).collect();
    lacking.sort();
    let finding = |lacking: Lacking| {
        // A membership is written in the document of its member.
        let written = match lacking.subject.member_and_place() {
            Some((member, _)) => Key::new(Kind::Member, member),
            None => lacking.subject.clone(),
        };
        let path = if lacking.path.is_empty() { String::new() } else { format!("spec.{}", lacking.path) };
        Some(Finding {
            severity: Severity::Warning,
            code: "capability-missing",
            subject: Some((written.kind, written.name.clone())),
            path: path.into(),
            message: lacking.because,
            help: None,
            origin: origins.get(&written)?.clone(),
            span: None,
        })
    };
    lacking.into_iter().filter_map(finding).collect()
}

/// What an organization says, and whether it is there: what was soft-deleted ends at its service, too.
fn organization(organization: &Name, rows: &[Row]) -> Option<(OrganizationSpec, bool)> {
    let key = Key::new(Kind::Organization, organization.clone());
    let at = rows.binary_search_by(|row| row.key.cmp(&key)).ok()?;
    let row = rows.get(at)?;
    Some((serde_json::from_str(&row.spec).ok()?, row.is_live()))
}

/// The ids that other organizations have at the same service, where something was begun here whose id is not known: it is none of those.
async fn others(
    store: &impl Observe,
    organization: &Name,
    service: &str,
    journal: &[Mirrored],
) -> Result<BTreeSet<Box<str>>, StoreError> {
    let mut ids = BTreeSet::new();
    if !journal.iter().any(|entry| entry.intent.is_some() && entry.key.kind == Kind::Credential) {
        return Ok(ids);
    }
    for other in store.organizations().await?.into_iter().filter(|other| other.organization != *organization) {
        let journal = store.journal(&other.organization).await?;
        let there = journal.into_iter().filter(|entry| &*entry.service == service);
        there.for_each(|entry| ids.extend(entry.ids().map(Box::from)));
    }
    Ok(ids)
}

/// What stays at a service when the organization is purged. After that nobody looks there any more.
fn purged(organization: &Name, spec: &OrganizationSpec, journal: &[Mirrored]) -> Option<Mirror> {
    let address = spec.backend.as_ref().filter(|_| !journal.is_empty())?;
    let url = address.url.as_str();
    let service = mirror::address(address.type_, url);
    let ids = |entry: &Mirrored| entry.ids().collect::<Vec<_>>().join(", ");
    let there = journal.iter().filter(|entry| entry.service == service).map(|entry| format!("{} (id {})", entry.key, ids(entry)));
    let there: Vec<String> = there.collect();
    if there.is_empty() {
        return None;
    }
    let because = format!(
        "the organization is purged here, and {} stays there as it is; remove it there by hand, where it is of no use any more",
        there.join(", ")
    );
    let retained = vec![(Key::new(Kind::Organization, organization.clone()), because.into())];
    Some(Mirror { retained, ..Mirror::new(any::capabilities(address.type_, url), url) })
}

/// What stays at a service that is not named any more.
fn left_behind(organization: &Name, spec: &OrganizationSpec, journal: &[Mirrored]) -> Option<Mirror> {
    let entry = journal.first().filter(|_| spec.backend.is_none())?;
    let (service, url) = entry.service.split_once(' ')?;
    let service = BackendType::parse(service)?;
    let because = format!(
        "spec.backend was taken out: {} things stay there as they are, and people keep their access there",
        journal.len()
    );
    let retained = vec![(Key::new(Kind::Organization, organization.clone()), because.into())];
    Some(Mirror { retained, ..Mirror::new(any::capabilities(service, url), url) })
}

async fn observe(reach: &Reach, address: &Address, shape: &Shape) -> Observed {
    match any::connect(reach, address.type_, address.url.as_str(), shape).await {
        Ok(backend) => backend.observe(shape).await,
        Err(error) => {
            let because: Box<str> = error.to_string().into();
            let unobservable = shape.places.keys().map(|place| (place.clone(), because.clone())).collect();
            Observed { unobservable, ..Observed::default() }
        }
    }
}

/// The places where the objects of an input are written.
#[must_use]
pub fn origins(input: &Input) -> BTreeMap<Key, Origin> {
    input
        .manifests
        .iter()
        .map(|manifest| (Key::new(manifest.spec.kind(), manifest.name.clone()), manifest.origin.clone()))
        .collect()
}

/// Makes the calls of a plan that was carried out. What goes wrong at the service is said in the outcome, and does not undo what the
/// store has.
pub async fn mirror_out(store: &impl Store, reach: &Reach, mut outcome: Outcome, now: Timestamp) -> Outcome {
    let End::Committed(committed) = &outcome.end else { return outcome };
    let Some(mirror) = outcome.plan.mirror.clone().filter(|mirror| !mirror.is_empty()) else { return outcome };
    let organization = (&outcome.plan.organization, committed.revision);
    outcome.mirroring = Some(match any::connect(reach, mirror.service, &mirror.url, &shape_of(&mirror)).await {
        Ok(backend) => carry_out(&reach.stop, &backend, store, organization, (mirror, now)).await,
        Err(error) => nothing_done(mirror, error.to_string(), committed.revision),
    });
    outcome
}

/// The places that the calls of a mirror go to.
fn shape_of(mirror: &Mirror) -> Shape {
    Shape { places: mirror.places.clone(), ..Shape::default() }
}
