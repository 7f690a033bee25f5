use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::absence::keep_unmentioned;
use super::access::{AccessDiff, access_diff};
use super::assertions::failures;
use super::diff::{Comparison, compare};
use super::draft::{Draft, Drifted};
use super::invite::{activate_first_admin, invite_again};
use super::mirror::Mirror;
use super::names::by_new_names;
use super::order::{in_order, steps};
use super::rename::rename;
use super::review::{Approval, Refusal, Reviewed, review};
use super::rules::{RULES, Rule};
use super::{Change, Context, Phase, Verb};
use crate::api::{Kind, OrganizationSpec};
use crate::tenancy::{BreakGlass, Digest, Held, Key, Loosened, Name, ObjectId, Policy, Revision, Row, Snapshot, Tenancy, World};

/// What will be done to one organization, what will not, and what follows for people.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The organization.
    pub organization: Name,
    /// The namespace it is read from; empty where there is none.
    pub namespace: Name,
    /// The revision the plan is made on.
    pub base: Revision,
    /// The changes, in the order in which they are done.
    pub changes: Vec<Change>,
    /// What is refused, sorted by object.
    pub refusals: Vec<Refusal>,
    /// What is in the input but not ready or not right yet. What the store has of it is left alone.
    #[serde(with = "pairs")]
    pub held: BTreeMap<Key, Held>,
    /// What another hand changed and is left alone.
    pub drift: Vec<Drifted>,
    /// What is managed but not in the input, and stays because nobody asked to prune.
    pub missing: Vec<Key>,
    /// The guards that become weaker with the next plan.
    pub loosened: Vec<Loosened>,
    /// Who gains and loses what.
    pub access: AccessDiff,
    /// The removals that wait for an approval.
    pub approval: Option<Approval>,
    /// How many objects are as they shall be.
    pub unchanged: usize,
    /// True when the whole input could be read.
    pub complete: bool,
    /// The emergency that is going on: rules that it may override did not refuse.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<BreakGlass>,
    /// What follows at the service behind the organization; `None` where there is none or nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mirror: Option<Mirror>,
}

/// Plans one organization.
///
/// Total and deterministic: there is no input for which it fails, and the same input gives the same plan.
#[must_use]
pub fn plan(tenancy: &Tenancy, snapshot: &Snapshot, context: &Context) -> Plan {
    plan_by(RULES, tenancy, snapshot, context)
}

/// Plans one organization by these rules. Their order makes no difference.
#[must_use]
pub fn plan_by(rules: &[Rule], tenancy: &Tenancy, snapshot: &Snapshot, context: &Context) -> Plan {
    let renamed = rename(tenancy, snapshot);
    let tenancy = &*by_new_names(tenancy, &renamed.names);
    let (in_force, wanted) = policies(tenancy, snapshot);
    let guard = in_force.as_ref().map_or_else(|| wanted.clone(), |policy| wanted.guarded_by(policy));
    let comparison = Comparison { tenancy, renamed: &renamed, revision: snapshot.revision, policy: &guard, context };
    let mut draft = compare(&comparison);
    let approval = keep_unmentioned(&mut draft, tenancy, snapshot, context);
    let mut plan = Plan {
        organization: tenancy.organization.clone(),
        namespace: tenancy.namespace.clone(),
        base: snapshot.revision,
        changes: Vec::new(),
        refusals: blocked(tenancy, &draft),
        held: held(tenancy, &draft),
        drift: std::mem::take(&mut draft.drift),
        missing: std::mem::take(&mut draft.missing),
        loosened: Vec::new(),
        access: AccessDiff::default(),
        approval,
        unchanged: draft.unchanged,
        complete: tenancy.complete,
        break_glass: tenancy.break_glass.clone().filter(|emergency| emergency.is_open(context.now)),
        mirror: None,
    };
    let tested = is_tested(snapshot, &draft);
    if draft.changes.is_empty() && context.observed_at == context.now && !tested {
        return plan;
    }
    let before = World::new(&snapshot.rows, context.now);
    activate_first_admin(&mut draft, &wanted, &before, context);
    invite_again(&mut draft, &wanted, snapshot, context);
    let reviewed = review(rules, tenancy, snapshot, (&draft, &before), (&guard, context));
    plan.settle(draft, reviewed, &before, context);
    plan.loosened = plan.loosened_guards(in_force.as_ref(), &wanted);
    if tested && plan.break_glass.is_none() {
        plan.assert(tenancy, &before);
    }
    plan
}

/// The policy in force in the store, and the one the input wants. An organization that is not in the input keeps its own.
fn policies(tenancy: &Tenancy, snapshot: &Snapshot) -> (Option<Policy>, Policy) {
    let key = Key::new(Kind::Organization, tenancy.organization.clone());
    let policy = |spec: &str| serde_json::from_str::<OrganizationSpec>(spec).ok().map(|spec| Policy::of(&spec));
    let in_force = snapshot.row(&key).filter(|row| row.is_live()).and_then(|row| policy(&row.spec));
    let wanted = tenancy.get(&key).and_then(|desired| policy(&desired.spec));
    let wanted = wanted.or_else(|| in_force.clone()).unwrap_or_else(Policy::standard);
    (in_force, wanted)
}

/// Objects whose new name is taken by something that was deleted.
fn blocked(tenancy: &Tenancy, draft: &Draft) -> Vec<Refusal> {
    let because = |key: &Key, from: &Name| {
        format!("{}/{from} cannot take this name, because a deleted object has it and could be restored", key.kind.label())
    };
    let refuse = |(key, from): (&Key, &Name)| Refusal {
        subject: key.clone(),
        rule: "name-taken".into(),
        verb: Some(Verb::Rename),
        because: because(key, from).into(),
        way_out: "choose another name; or take the previous name out, so that the deleted object comes back".into(),
        origin: tenancy.get(key).and_then(|desired| desired.origin.clone()),
    };
    draft.taken.iter().map(refuse).collect()
}

/// Whether there are access tests, stored or new.
fn is_tested(snapshot: &Snapshot, draft: &Draft) -> bool {
    snapshot.live(Kind::AccessTest).next().is_some() || draft.changes.iter().any(|change| change.key.kind == Kind::AccessTest)
}

/// The rows that changes replace, by their old and new keys.
fn replaced(changes: &[Change]) -> BTreeMap<&Key, Option<&Row>> {
    let mut replaced: BTreeMap<&Key, Option<&Row>> =
        changes.iter().filter_map(|change| Some((&change.before.as_ref()?.key, None))).collect();
    replaced.extend(changes.iter().map(|change| (&change.key, change.after.as_deref())));
    replaced
}

fn held(tenancy: &Tenancy, draft: &Draft) -> BTreeMap<Key, Held> {
    let waiting = draft.waiting.iter().map(|(key, from)| {
        let origin = tenancy.get(key).and_then(|desired| desired.origin.clone());
        let because = format!("WaitingForOldName: it takes over {}/{from}, which is still in the input", key.kind.label());
        (key.clone(), Held { because: because.into(), origin })
    });
    let alone = draft.alone.iter().map(|key| {
        let origin = tenancy.get(key).and_then(|desired| desired.origin.clone());
        let because = "in no project or workspace: the policy keeps nobody like that (members.withoutWorkspace: Remove)";
        (key.clone(), Held { because: because.into(), origin })
    });
    waiting.chain(alone).chain(tenancy.held.iter().map(|(key, held)| (key.clone(), held.clone()))).collect()
}

impl Plan {
    fn settle(&mut self, draft: Draft, reviewed: Reviewed, before: &World<'_>, context: &Context) {
        let changes = reviewed.changes(draft);
        let Reviewed { refusals, mut held, approval, .. } = reviewed;
        self.refusals.extend(refusals);
        self.refusals.sort();
        self.refusals.dedup();
        self.approval = approval;
        for refusal in &self.refusals {
            held.remove(&refusal.subject);
        }
        held.append(&mut self.held);
        self.held = held;
        let replaced = replaced(&changes);
        let after = before.with(&replaced);
        self.access = match context.observed_at == context.now {
            true => access_diff(&changes, before, &after),
            false => access_diff(&changes, &before.at(context.observed_at), &after),
        };
        let steps = steps(&changes, before, &after);
        self.changes = in_order(changes, steps);
    }

    /// Asks the access tests about the state that would result; where one fails, nothing changes.
    fn assert(&mut self, tenancy: &Tenancy, before: &World<'_>) {
        let failures = failures(&before.with(&replaced(&self.changes)));
        if failures.is_empty() {
            return;
        }
        self.refusals.extend(failures.into_iter().map(|failure| failure.refusal(tenancy)));
        self.refusals.sort();
        self.changes.clear();
        self.drift.iter_mut().for_each(|drifted| drifted.noted = None);
        self.loosened.clear();
        self.approval = None;
        self.access = AccessDiff::default();
    }

    fn loosened_guards(&self, in_force: Option<&Policy>, wanted: &Policy) -> Vec<Loosened> {
        let changes = self.changes.iter().any(|change| change.key.kind == Kind::Organization && change.is_live());
        in_force.filter(|_| changes).map(|policy| policy.loosened_by(wanted)).unwrap_or_default()
    }

    /// The organization itself, where it is not in the input and stays with everything in it.
    #[must_use]
    pub fn kept_whole(&self) -> Option<&Key> {
        self.missing.iter().find(|key| key.kind == Kind::Organization)
    }

    /// True when there is nothing to write.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let quiet = self.mirror.as_ref().is_none_or(Mirror::is_empty);
        self.changes.is_empty() && self.drift.iter().all(|drifted| drifted.noted.is_none()) && quiet
    }

    /// True when something changes or drifted. What is refused has an exit code of its own, and what is held or only missing from
    /// the input stays as it is.
    #[must_use]
    pub fn has_differences(&self) -> bool {
        !self.changes.is_empty() || !self.drift.is_empty() || self.mirror.as_ref().is_some_and(Mirror::has_differences)
    }

    /// The rows that the plan writes, step by step; `None` in the place of a row means that it is deleted. Renames are one step,
    /// because names may be swapped. Each prefix of the steps leaves a state that the rules allow.
    #[must_use]
    pub fn steps(&self) -> Vec<Vec<(ObjectId, Option<&Row>)>> {
        fn write(change: &Change) -> Option<(ObjectId, Option<&Row>)> {
            Some((change.id()?, change.after.as_deref()))
        }
        fn first(change: &Change) -> Option<(ObjectId, Option<&Row>)> {
            Some((change.id()?, change.between.as_deref()))
        }
        let of = |phase| self.changes.iter().filter(move |change| change.phase == phase);
        let betweens = |renames: bool| {
            self.changes.iter().filter(move |change| change.between.is_some() && change.moves_a_name() == renames)
        };
        let is_rename = |change: &&Change| change.moves_a_name();
        let names = of(Phase::Prepare).filter(is_rename).filter_map(write).chain(betweens(true).filter_map(first));
        let mut steps = vec![names.collect::<Vec<_>>()];
        let others = of(Phase::Prepare).filter(|change| !is_rename(change));
        steps.extend(others.filter_map(write).map(|step| vec![step]));
        steps.extend(self.gains().into_iter().map(|gains| gains.into_iter().filter_map(write).collect()));
        steps.extend(betweens(false).filter_map(first).map(|step| vec![step]));
        let rest = of(Phase::Neutral).chain(of(Phase::Loss)).chain(of(Phase::Last));
        steps.extend(rest.filter_map(write).map(|step| vec![step]));
        steps.retain(|step| !step.is_empty());
        steps
    }

    /// What gives access, step by step. New objects of a kind that have names which others of them had before are one step: the first
    /// of them alone would have the next plan wait for its name.
    fn gains(&self) -> Vec<Vec<&Change>> {
        let gains = || self.changes.iter().filter(|change| change.phase == Phase::Gain);
        let mut linked: BTreeSet<Key> = BTreeSet::new();
        for change in gains().filter(|change| change.verb == Verb::Create) {
            for name in change.after.iter().flat_map(|row| &row.former_names) {
                linked.extend([change.key.clone(), Key::new(change.key.kind, name.clone())]);
            }
        }
        let mut steps: Vec<Vec<&Change>> = Vec::new();
        let mut together: BTreeMap<Kind, usize> = BTreeMap::new();
        for change in gains() {
            if change.verb != Verb::Create || !linked.contains(&change.key) {
                steps.push(vec![change]);
            } else if let Some(step) = together.get(&change.key.kind) {
                steps[*step].push(change);
            } else {
                together.insert(change.key.kind, steps.len());
                steps.push(vec![change]);
            }
        }
        steps
    }

    /// How many changes there are of each verb.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<Verb, usize> {
        let mut counts = BTreeMap::new();
        for change in &self.changes {
            *counts.entry(change.verb).or_default() += 1;
        }
        counts
    }

    /// The digest of everything the plan would do and refuses to do, and of the revision it is made on.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(serde_json::to_string(self).unwrap_or_default().as_bytes())
    }
}

mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::tenancy::{Held, Key};

    pub fn serialize<S: Serializer>(held: &BTreeMap<Key, Held>, serializer: S) -> Result<S::Ok, S::Error> {
        held.iter().collect::<Vec<_>>().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Key, Held>, D::Error> {
        Ok(Vec::<(Key, Held)>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::render::fixture::{Fixture, of_everything};

    #[test]
    fn a_plan_is_read_back_as_it_was_saved() {
        let plan = of_everything();
        assert_eq!(serde_json::from_str::<Plan>(&serde_json::to_string(&plan).unwrap()).unwrap(), plan);
    }

    #[test]
    fn what_changes_and_what_drifted_are_differences_and_what_is_only_missing_is_none() {
        let named = |name: &str| json!({ "displayName": name });
        let differs = |fixture: Fixture| fixture.plan().has_differences();
        assert!(differs(Fixture::new().wanted("workspace/design", json!({}))));
        assert!(differs(Fixture::new().both("project/core", named("Core")).drifted("project/core", &named("Kern"))));
        assert!(!differs(Fixture::new().stored("workspace/old", json!({}))));
    }
}
