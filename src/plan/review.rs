use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::case::{Case, Numbers, Violation};
use super::draft::Draft;
use super::rules::{Rule, Stage};
use super::{Change, Context, Verb};
use crate::tenancy::{Digest, Held, Key, Name, ObjectId, Origin, Policy, Row, Snapshot, Tenancy, Tombstone, World};

/// A change that must not happen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Refusal {
    /// The object whose change is refused.
    pub subject: Key,
    /// The id of the rule that refuses it; `muster explain` tells about it.
    pub rule: Box<str>,
    /// What would have been done.
    pub verb: Option<Verb>,
    /// Why not, in one sentence.
    pub because: Box<str>,
    /// What to do instead.
    pub way_out: Box<str>,
    /// Where the object is written.
    pub origin: Option<Origin>,
}

/// Removals that wait for somebody to approve exactly them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// What to approve: `--approve` with it releases the removals, and lapses when the list changes.
    pub digest: Digest,
    /// The removals, parts of a subtree left out.
    pub removals: Vec<Key>,
}

impl Approval {
    /// The approval that would release these removals, given with all that goes with them.
    pub(super) fn of<'c>(
        organization: &Name,
        changes: impl Iterator<Item = &'c Change>,
        removals: BTreeSet<Key>,
    ) -> Option<Self> {
        let rows: BTreeSet<(&Key, ObjectId)> =
            changes.filter_map(|change| change.before.as_ref()).map(|row| (&row.key, row.id)).collect();
        let pieces = rows.iter().flat_map(|(key, id)| {
            [key.kind.as_str().as_bytes().to_vec(), key.name.as_bytes().to_vec(), id.as_uuid().as_bytes().to_vec()]
        });
        let pieces: Vec<Vec<u8>> = std::iter::once(organization.as_bytes().to_vec()).chain(pieces).collect();
        (!rows.is_empty())
            .then(|| Self { digest: Digest::of_all(pieces.iter().map(Vec::as_slice)), removals: removals.into_iter().collect() })
    }

    /// The approval that would release the changes to blame.
    fn of_blamed(case: &Case<'_>, blamed: &BTreeSet<usize>) -> Option<Self> {
        let goes_along =
            |(number, change): &(usize, &Change)| blamed.contains(number) || blamed.contains(&case.root(*number, change).0);
        let all = case.changes().filter(|_| !blamed.is_empty()).filter(goes_along);
        let removals = blamed.iter().map(|number| case.draft.changes[*number].key.clone()).collect();
        Self::of(&case.tenancy.organization, all.map(|(_, change)| change), removals)
    }

    pub(super) fn is_given(&self, tenancy: &Tenancy, context: &Context) -> bool {
        context.approved.contains(&self.digest) || tenancy.approved.contains(&self.digest)
    }
}

/// What is left of a draft after all rules were asked.
#[derive(Debug, Default)]
pub struct Reviewed {
    /// For each change of the draft, whether it is allowed.
    pub allowed: Vec<bool>,
    /// What is refused.
    pub refusals: Vec<Refusal>,
    /// What is held back.
    pub held: BTreeMap<Key, Held>,
    /// What an approval would release.
    pub approval: Option<Approval>,
}

/// Asks every rule about the state that would result, takes out the changes to blame with all that hangs on them, and asks
/// again, until no rule objects. Refusals only grow, and all rules of a stage judge the same state, so their order does not
/// matter. A stage is asked when those before it are content.
#[must_use]
pub fn review(
    rules: &[Rule],
    tenancy: &Tenancy,
    snapshot: &Snapshot,
    (draft, before): (&Draft, &World<'_>),
    (guard, context): (&Policy, &Context),
) -> Reviewed {
    let open = tenancy.break_glass.as_ref().is_some_and(|emergency| emergency.is_open(context.now));
    let (numbers, admins_before) = (Numbers::of(draft), OnceCell::new());
    let mut reviewed = Reviewed { allowed: vec![true; draft.changes.len()], ..Reviewed::default() };
    loop {
        let (allowed, held) = (reviewed.allowed.clone(), reviewed.held.clone());
        let replaced = replaced(draft, &allowed);
        let case = Case {
            tenancy,
            snapshot,
            draft,
            allowed: &allowed,
            held: &held,
            before,
            after: before.with(&replaced),
            guard,
            context,
            numbers: &numbers,
            admins_before: &admins_before,
            admins_after: OnceCell::new(),
        };
        let mut stages = Stage::OF_CHANGES.into_iter();
        if !stages
            .any(|stage| reviewed.judge(&case, rules.iter().filter(|rule| rule.stage == stage && !(rule.breakable && open))))
        {
            return reviewed;
        }
    }
}

/// The rows that the allowed changes replace, by their old and new keys.
fn replaced<'d>(draft: &'d Draft, allowed: &[bool]) -> BTreeMap<&'d Key, Option<&'d Row>> {
    let changes = || draft.changes.iter().zip(allowed).filter(|(_, allowed)| **allowed).map(|(change, _)| change);
    let mut replaced: BTreeMap<&Key, Option<&Row>> =
        changes().filter_map(|change| Some((&change.before.as_ref()?.key, None))).collect();
    replaced.extend(changes().map(|change| (&change.key, change.after.as_deref())));
    replaced
}

impl Reviewed {
    /// Asks the rules of one stage; true when any of them objected to what was not approved.
    fn judge<'r>(&mut self, case: &Case<'_>, rules: impl Iterator<Item = &'r Rule>) -> bool {
        let mut objections: Vec<(&Rule, Violation)> =
            rules.flat_map(|rule| (rule.check)(case).into_iter().map(move |violation| (rule, violation))).collect();
        let approvable = objections.iter().filter(|(rule, _)| rule.approvable).map(|(_, violation)| violation.change).collect();
        if let Some(approval) = Approval::of_blamed(case, &approvable) {
            if approval.is_given(case.tenancy, case.context) {
                objections.retain(|(rule, _)| !rule.approvable);
            } else {
                self.approval = Some(approval);
            }
        }
        let objected = !objections.is_empty();
        let mut by_root: BTreeMap<(&str, usize), Vec<Violation>> = BTreeMap::new();
        for (rule, violation) in objections {
            self.allowed[violation.change] = false;
            let (root, _) = case.root(violation.change, &case.draft.changes[violation.change]);
            by_root.entry((rule.id, root)).or_default().push(violation);
        }
        for ((rule, root), violations) in by_root {
            self.object(case, rule, root, violations);
        }
        if objected {
            self.take_parts_along(case.draft);
        }
        objected
    }

    /// Holds or refuses what a rule objects to in a root and its parts: one row, whatever the number of parts.
    fn object(&mut self, case: &Case<'_>, rule: &str, root_number: usize, violations: Vec<Violation>) {
        let key = |number: usize| &case.draft.changes[number].key;
        let (waiting, wrong): (Vec<Violation>, Vec<Violation>) =
            violations.into_iter().partition(|violation| violation.way_out.is_empty());
        let root = &case.draft.changes[root_number];
        for violations in [waiting, wrong] {
            let others = violations.iter().map(|violation| violation.change).collect::<BTreeSet<_>>().len().saturating_sub(1);
            let first = violations.into_iter().min_by_key(|violation| (violation.change != root_number, key(violation.change)));
            let Some(Violation { change, because, way_out }) = first else { continue };
            let because = match change == root_number {
                true => because,
                false => format!("{} is part of it, and {because}", key(change)),
            };
            if way_out.is_empty() {
                let held = Held { because: because.into(), origin: root.origin.clone() };
                let first = self.held.entry(root.key.clone()).or_insert_with(|| held.clone());
                *first = held.min(first.clone());
                continue;
            }
            let more = match (others, change == root_number) {
                (0, _) => String::new(),
                (1, true) => " (and so for 1 part of it)".to_owned(),
                (_, true) => format!(" (and so for {others} parts of it)"),
                (1, false) => " (and so for 1 more part)".to_owned(),
                (_, false) => format!(" (and so for {others} more parts)"),
            };
            self.refusals.push(Refusal {
                subject: root.key.clone(),
                rule: rule.into(),
                verb: Some(root.verb),
                because: format!("{because}{more}").into(),
                way_out: way_out.into(),
                origin: root.origin.clone(),
            });
        }
    }

    /// A subtree goes or comes whole or not at all: where one of it is stopped, the root and all other parts are. What is part
    /// of two goes with either.
    fn take_parts_along(&mut self, draft: &Draft) {
        let root = |change: &'_ Change| change.root.clone().unwrap_or_else(|| change.key.clone());
        let stopped: BTreeSet<Key> = draft
            .changes
            .iter()
            .zip(&self.allowed)
            .filter(|(_, allowed)| !**allowed)
            .flat_map(|(change, _)| std::iter::once(root(change)).chain(draft.shared.get(&change.key).cloned()))
            .collect();
        for (change, allowed) in draft.changes.iter().zip(&mut self.allowed) {
            let other = draft.shared.get(&change.key);
            *allowed &= !stopped.contains(&root(change)) || other.is_some_and(|other| !stopped.contains(other));
        }
    }

    /// The changes that are allowed. What is part of two goes with the one that goes.
    #[must_use]
    pub fn changes(&self, draft: Draft) -> Vec<Change> {
        let Draft { changes, shared, moved, .. } = draft;
        let mut allowed: Vec<Change> =
            changes.into_iter().zip(&self.allowed).filter(|(_, allowed)| **allowed).map(|(change, _)| change).collect();
        stay(&mut allowed, &moved);
        if shared.is_empty() {
            return allowed;
        }
        let tombstone = |change: &Change| change.after.as_ref().and_then(|row| row.tombstone.clone());
        let roots: BTreeMap<Key, Option<Tombstone>> =
            allowed.iter().filter(|change| change.root.is_none()).map(|change| (change.key.clone(), tombstone(change))).collect();
        let lost = |change: &&mut Change| change.root.as_ref().is_some_and(|root| !roots.contains_key(root));
        for change in allowed.iter_mut().filter(|change| shared.contains_key(&change.key)).filter(lost) {
            change.root = shared.get(&change.key).cloned();
            let with = change.root.as_ref().and_then(|root| roots.get(root)).cloned().flatten();
            if let (Some(row), Some(_)) = (&mut change.after, &with) {
                row.tombstone = with;
            }
        }
        allowed
    }
}

/// Lets what is removed go by the name that it has, where the rename that would move it does not happen.
fn stay(allowed: &mut [Change], moved: &BTreeMap<Key, Key>) {
    if moved.is_empty() {
        return;
    }
    let renamed: BTreeSet<Key> = allowed.iter().map(|change| change.key.clone()).collect();
    let stays = |change: &&mut Change| moved.get(&change.key).is_some_and(|root| !renamed.contains(root));
    for change in allowed.iter_mut().filter(stays) {
        let Some(before) = &change.before else { continue };
        change.key = before.key.clone();
        change.from = None;
        if let Some(after) = &mut change.after {
            let tombstone = after.tombstone.take();
            **after = Row { tombstone, manager: after.manager.take(), ..(**before).clone() };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;

    use crate::plan::render::fixture::{Fixture, key};
    use crate::plan::rules::{RULES, Rule};
    use crate::plan::{Approval, Case, Plan, Verb, Violation, plan_by};
    use crate::tenancy::Digest;

    fn many(stored: std::ops::Range<usize>, wanted: std::ops::Range<usize>) -> Fixture {
        let name = |at| format!("workspace/w{at:02}");
        let fixture = stored.fold(Fixture::new(), |fixture, at| fixture.stored(&name(at), json!({})));
        wanted.fold(fixture, |fixture, at| fixture.wanted(&name(at), json!({}))).prune()
    }

    fn digest(plan: &Plan) -> Digest {
        plan.approval.as_ref().unwrap().digest
    }

    #[test]
    fn an_approval_covers_the_parts_of_what_is_removed() {
        let plan = many(0..10, 0..7).plan();
        let with_part = many(0..10, 0..7).stored("template/meeting", json!({ "workspaceRef": { "name": "w08" } })).plan();
        assert_eq!(plan.approval.as_ref().unwrap().removals, ["w07", "w08", "w09"].map(|name| key(&format!("workspace/{name}"))));
        assert_eq!(with_part.approval.as_ref().unwrap().removals, plan.approval.as_ref().unwrap().removals);
        assert_ne!(digest(&with_part), digest(&plan));
    }

    #[test]
    fn an_approval_does_not_depend_on_what_else_is_planned() {
        let plan = many(0..10, 0..7).plan();
        let with_more = many(0..10, 0..7).wanted("project/core", json!({})).plan();
        assert_eq!(digest(&with_more), digest(&plan));
    }

    #[test]
    fn an_approval_releases_the_removals_and_nothing_is_left_to_approve() {
        let mut fixture = many(0..10, 0..7);
        fixture.context.approved.push(digest(&fixture.plan()));
        let plan = fixture.plan();
        assert_eq!((plan.changes.len(), plan.refusals.len(), plan.approval), (3, 0, None::<Approval>));
    }

    #[test]
    fn a_membership_that_is_part_of_two_removals_carries_the_tombstone_of_the_one_that_happens() {
        let plan = Fixture::new()
            .stored("workspace/design", json!({ "deletionProtection": true }))
            .stored("member/bob", json!({ "email": "bob@acme.example" }))
            .stored("membership/bob/workspace/design", json!({ "role": "Member" }))
            .prune()
            .plan();
        let of = |name: &str| plan.changes.iter().find(|change| change.key == key(name)).unwrap();
        let (membership, member) = (of("membership/bob/workspace/design"), of("member/bob"));
        let tombstone = |change: &crate::plan::Change| change.after.as_ref().unwrap().tombstone.clone().unwrap().id;
        assert_eq!(tombstone(membership), tombstone(member));
        assert_eq!((membership.root.as_ref(), membership.verb), (Some(&member.key), Verb::SoftDelete));
        assert_eq!(plan.refusals.len(), 1);
    }

    #[test]
    fn a_chain_of_renames_that_is_stopped_at_its_end_stops_whole_in_one_round() {
        static ROUNDS: AtomicUsize = AtomicUsize::new(0);
        fn count(_: &Case<'_>) -> Vec<Violation> {
            ROUNDS.fetch_add(1, Ordering::Relaxed);
            Vec::new()
        }
        let region = |region: &str| json!({ "dataResidency": region });
        let name = |at: usize| format!("workspace/w{at:02}");
        let mut fixture = Fixture::new();
        for at in 0..50 {
            let wanted = region(if at == 49 { "USA" } else { "India" });
            fixture = fixture.stored(&name(at), region("India"));
            fixture = fixture.wanted(&name(at + 1), wanted).renamed(&name(at + 1), &format!("w{at:02}"));
        }
        let rules = [RULES, &[Rule { check: count, ..RULES[0] }]].concat();
        let plan = plan_by(&rules, &fixture.tenancy, &fixture.snapshot, &fixture.context);
        assert_eq!((plan.changes.len(), plan.refusals.len()), (0, 50));
        assert_eq!(ROUNDS.load(Ordering::Relaxed), 3, "the end, the chain, and nothing more");
    }

    #[test]
    fn a_refusal_takes_with_it_what_needs_the_change() {
        let plan = Fixture::new()
            .stored("workspace/design", json!({ "dataResidency": "Europe" }))
            .wanted("workspace/drawing", json!({ "dataResidency": "India" }))
            .renamed("workspace/drawing", "design")
            .wanted("template/meeting", json!({ "workspaceRef": { "name": "drawing" } }))
            .plan();
        let refused: Vec<_> = plan.refusals.iter().map(|refusal| (refusal.subject.clone(), &*refusal.rule)).collect();
        assert_eq!(refused, [(key("workspace/drawing"), "residency-immutable"), (key("template/meeting"), "reference-missing")]);
        assert!(plan.changes.is_empty());
    }

    #[test]
    fn what_stops_before_it_begins_is_not_blamed_for_more() {
        let mut fixture = Fixture::new().stored("member/bob", json!({ "email": "bob@acme.example", "role": "Admin" })).prune();
        fixture.tenancy.complete = false;
        let plan = fixture.plan();
        let rules: Vec<_> = plan.refusals.iter().map(|refusal| &*refusal.rule).collect();
        assert_eq!(rules, ["incomplete-input"]);
    }
}
