use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::after::rows_after;
use super::outcome::{End, Outcome};
use super::planning::plan_input;
use crate::api::organization::{AdoptionPolicy, Backend as Address, BackendType};
use crate::api::{Kind, OrganizationSpec, Spec};
use crate::backend::{Backend, Reach, State, any, carry_out_until, nothing_done};
use crate::plan::mirror::{Lacking, Mirror, Observed, Shape, Terms, compare};
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
    let Some((spec, is_live)) = organization(&plan.organization, &rows) else { return Ok(()) };
    let address = spec.backend.clone().filter(|_| spec.suspend != Some(true));
    let journal = match address.is_some() || before.is_some() {
        true => store.journal(&plan.organization).await?,
        false => return Ok(()),
    };
    let Some(address) = address.filter(|_| is_live || !journal.is_empty()) else {
        plan.mirror = left_behind(&plan.organization, &spec, &journal);
        return Ok(());
    };
    let state = State { rows: &rows, url: address.url.as_str(), secret_ref: address.secret_ref.as_ref() };
    let mut shape = any::shape(address.type_, &state);
    let service = Mirror::new(any::capabilities(address.type_, state.url), state.url).address();
    let here: BTreeSet<_> = journal.iter().filter(|entry| entry.service == service).map(|entry| entry.id).collect();
    shape.known.retain(|id, _| here.contains(id));
    for wanted in &mut shape.wanted {
        wanted.origin = origins.get(&wanted.key).cloned();
        for (path, secret) in &wanted.secrets {
            if let Ok(value) = reach.secrets.read(secret.name.as_str(), secret.key.as_str()).await {
                let digest = value.digest(wanted.id.as_uuid().as_bytes()).to_string();
                wanted.digests.insert(path.clone(), digest.into());
            }
        }
    }
    let observed = observe(reach, &address, &shape).await;
    let stored: BTreeSet<_> = rows.iter().map(|row| row.id).collect();
    let terms = Terms {
        capabilities: any::capabilities(address.type_, address.url.as_str()),
        url: address.url.as_str(),
        adoption: spec.adoption_policy.unwrap_or(AdoptionPolicy::Refuse),
        drift: Policy::of(&spec).drift,
        approved,
        stored: &stored,
        now,
    };
    plan.mirror = Some(compare(&shape, &observed, &journal, &terms));
    Ok(())
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
        Ok(backend) => carry_out_until(&reach.stop, &backend, store, organization, (mirror, now)).await,
        Err(error) => nothing_done(mirror, error.to_string(), committed.revision),
    });
    outcome
}

/// The places that the calls of a mirror go to.
fn shape_of(mirror: &Mirror) -> Shape {
    Shape { places: mirror.places.clone(), ..Shape::default() }
}
