use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan};

use super::lower::lower;
use super::outcome::{End, Outcome};
use crate::plan::Plan;
use crate::plan::mirror::Mirror;
use crate::store::{Registered, Store, StoreError, in_one_line};
use crate::tenancy::{Claim, Manager, Name, Revision};

/// How plans are applied, and by whom.
#[derive(Clone, Debug)]
pub struct Apply {
    /// Now.
    pub now: Timestamp,
    /// The manager.
    pub manager: Manager,
    /// Where it applies from: the uid of a cluster's `kube-system` namespace, or `files`.
    pub holder: Box<str>,
    /// Who asked for it.
    pub actor: Box<str>,
    /// The revision of the input, such as a git commit.
    pub source: Option<Box<str>>,
    /// Whether to apply although another holder applied within the last hour.
    pub take_over: bool,
    /// Whether anything that is refused, held, wrong or unreadable keeps everything else from being applied.
    pub all_or_nothing: bool,
    /// Whether something is wrong with the input that the plans were made from.
    pub errored: bool,
    /// Random bytes, drawn once for each run: the salts of the history come from them.
    pub seed: [u8; 16],
}

impl Apply {
    /// What stops this apply before anything is tried; `None` where nothing does.
    #[must_use]
    pub fn stopped_by(&self, plans: &[Plan]) -> Option<&'static str> {
        let any = |stops: fn(&Plan) -> bool| plans.iter().any(stops);
        match self.all_or_nothing {
            false => None,
            _ if self.errored || any(|plan| !plan.complete) => Some("a part of the input is wrong or cannot be read"),
            _ if any(|plan| !plan.refusals.is_empty() || at_service(plan, Mirror::refuses)) => Some("something is refused"),
            _ if any(|plan| !plan.held.is_empty() || at_service(plan, Mirror::holds)) => Some("something is held"),
            _ if any(|plan| at_service(plan, Mirror::is_blind)) => Some("a service could not be compared"),
            _ => None,
        }
    }
}

fn at_service(plan: &Plan, asks: fn(&Mirror) -> bool) -> bool {
    plan.mirror.as_ref().is_some_and(asks)
}

/// Applies plans in the order of their organizations' names, each in one transaction.
///
/// All revisions are compared before the first commit: if any organization changed since its plan was made, nothing at all is
/// written. After a failure, the organizations that come later are skipped.
///
/// # Errors
///
/// When the store cannot even be asked for the revisions; nothing was written then. What happens to a single organization is
/// in its outcome.
pub async fn apply(store: &impl Store, mut plans: Vec<Plan>, how: &Apply) -> Result<Vec<Outcome>, StoreError> {
    plans.sort_by(|a, b| a.organization.cmp(&b.organization));
    if let Some(why) = how.stopped_by(&plans) {
        return Ok(plans.into_iter().map(|plan| Outcome { plan, end: End::AllOrNothing(why), mirroring: None }).collect());
    }
    let known: BTreeMap<Name, Registered> =
        store.organizations().await?.into_iter().map(|known| (known.organization.clone(), known)).collect();
    if plans.iter().any(|plan| obstacle(plan, known.get(&plan.organization), how).is_some_and(|end| matches!(end, End::Stale(_))))
    {
        let end = |plan: &Plan| obstacle(plan, known.get(&plan.organization), how).unwrap_or(End::Skipped);
        return Ok(plans.into_iter().map(|plan| Outcome { end: end(&plan), plan, mirroring: None }).collect());
    }
    let mut outcomes = Vec::new();
    let mut failed = false;
    for plan in plans {
        let end = match obstacle(&plan, known.get(&plan.organization), how) {
            _ if failed => End::Skipped,
            Some(end) => end,
            None => carry_out(store, &plan, how).await,
        };
        failed |= matches!(end, End::Stale(_) | End::Failed(_));
        outcomes.push(Outcome { plan, end, mirroring: None });
    }
    Ok(outcomes)
}

/// What keeps a plan from being carried out, before anything is tried.
fn obstacle(plan: &Plan, known: Option<&Registered>, how: &Apply) -> Option<End> {
    let found = known.map(|known| known.revision).unwrap_or_default();
    if plan.base != found {
        return Some(End::Stale(stale(plan, found).to_string()));
    }
    if plan.is_empty() {
        return Some(End::NothingToDo);
    }
    let claim = known.and_then(|known| known.claim.as_ref())?;
    claimed_elsewhere(plan, claim, how).map(End::ClaimedElsewhere)
}

fn stale(plan: &Plan, found: Revision) -> StoreError {
    StoreError::Stale { organization: plan.organization.clone(), planned: plan.base, found }
}

/// How long a claim holds after the last apply.
const CLAIM_MINUTES: i64 = 60;

/// Why a plan is not applied from here: somebody applied from another place within the last hour, and is not to be taken over.
#[must_use]
pub fn claimed_elsewhere(plan: &Plan, claim: &Claim, how: &Apply) -> Option<String> {
    let Claim { manager, holder, namespace, seen_at } = claim;
    let same = *manager == how.manager && *holder == how.holder && **namespace == *plan.namespace;
    let ends = seen_at.checked_add(CLAIM_MINUTES.minutes()).unwrap_or(*seen_at);
    if same || how.take_over || ends <= how.now {
        return None;
    }
    let namespace = if namespace.is_empty() { String::new() } else { format!(" (namespace {namespace})") };
    Some(format!(
        "organization {} was last applied at {seen_at} by manager {manager} from {holder}{namespace}; \
         apply from there, wait until {ends}, or use --take-over if that one is gone",
        plan.organization
    ))
}

async fn carry_out(store: &impl Store, plan: &Plan, how: &Apply) -> End {
    match store.commit(&lower(plan, how)).await {
        Ok(committed) => End::Committed(committed),
        Err(error @ StoreError::Stale { .. }) => End::Stale(error.to_string()),
        Err(error) => End::Failed(in_one_line(&error)),
    }
}
