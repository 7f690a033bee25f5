use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::draft::Draft;
use super::rules::{Rule, Stage};
use super::{Change, Context, Verb};
use crate::tenancy::{AdminsByPlace, Digest, Held, Key, ObjectId, Origin, Policy, Row, Snapshot, Tenancy, World};

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

/// What a rule judges: the state before, and the state that would result from the changes that are still allowed.
pub struct Case<'a> {
    /// What shall be.
    pub tenancy: &'a Tenancy,
    /// What is.
    pub snapshot: &'a Snapshot,
    /// The comparison of the two.
    pub draft: &'a Draft,
    /// For each change of the draft, whether it is still allowed.
    pub allowed: &'a [bool],
    /// What is held back so far.
    pub held: &'a BTreeMap<Key, Held>,
    /// The state before.
    pub before: &'a World<'a>,
    /// The state that would result.
    pub after: World<'a>,
    /// The policy in force and the desired one, of each guard the stricter.
    pub guard: &'a Policy,
    /// The rest.
    pub context: &'a Context,
    pub(super) admins_before: &'a OnceCell<AdminsByPlace>,
    pub(super) admins_after: OnceCell<AdminsByPlace>,
}

impl Case<'_> {
    /// The changes that are still allowed, with their numbers.
    pub fn changes(&self) -> impl Iterator<Item = (usize, &Change)> {
        self.draft.changes.iter().enumerate().filter(|(number, _)| self.allowed[*number])
    }

    /// Everything that would be taken away.
    pub fn removals(&self) -> impl Iterator<Item = (usize, &Change)> {
        self.changes().filter(|(_, change)| change.is_removal())
    }

    /// The change of an object, if it is still allowed.
    #[must_use]
    pub fn change_of(&self, key: &Key) -> Option<(usize, &Change)> {
        self.changes().find(|(_, change)| change.key == *key)
    }

    /// The keys that the allowed changes move, old to new.
    #[must_use]
    pub fn renames(&self) -> BTreeMap<&Key, &Key> {
        let moved = |change: &'_ Change| change.before.as_ref().is_some_and(|row| row.key != change.key);
        let moved = self.changes().map(|(_, change)| change).filter(|change| moved(change));
        moved.filter_map(|change| Some((&change.before.as_ref()?.key, &change.key))).collect()
    }

    /// The admins of every place before.
    #[must_use]
    pub fn admins_before(&self) -> &AdminsByPlace {
        self.admins_before.get_or_init(|| AdminsByPlace::of(self.before))
    }

    /// The admins of every place afterwards.
    #[must_use]
    pub fn admins_after(&self) -> &AdminsByPlace {
        self.admins_after.get_or_init(|| AdminsByPlace::of(&self.after))
    }
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
    fn of(case: &Case<'_>, changes: &BTreeSet<usize>) -> Option<Self> {
        let rows: BTreeSet<(&Key, ObjectId)> = changes
            .iter()
            .filter_map(|number| {
                let row = case.draft.changes[*number].before.as_ref()?;
                Some((&row.key, row.id))
            })
            .collect();
        let pieces = rows.iter().flat_map(|(key, id)| {
            [key.kind.as_str().as_bytes().to_vec(), key.name.as_bytes().to_vec(), id.as_uuid().as_bytes().to_vec()]
        });
        let pieces: Vec<Vec<u8>> = std::iter::once(case.tenancy.organization.as_bytes().to_vec()).chain(pieces).collect();
        let roots: BTreeSet<Key> = changes
            .iter()
            .map(|number| {
                let change = &case.draft.changes[*number];
                change.root.clone().unwrap_or_else(|| change.key.clone())
            })
            .collect();
        (!rows.is_empty())
            .then(|| Self { digest: Digest::of_all(pieces.iter().map(Vec::as_slice)), removals: roots.into_iter().collect() })
    }

    fn is_given(&self, case: &Case<'_>) -> bool {
        case.context.approved.contains(&self.digest) || case.tenancy.approved.contains(&self.digest)
    }
}

/// What a rule says about one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The number of the change to blame.
    pub change: usize,
    /// Why, in one sentence.
    pub because: String,
    /// What to do instead. Where it is empty, the change is held rather than refused: what is missing is not wrong, only not
    /// there yet.
    pub way_out: String,
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
/// again, until no rule objects. Refusals only grow, and all rules judge the same state, so their order does not matter. The
/// rules that bound the loss as a whole are asked when the others are content.
#[must_use]
pub fn review(
    rules: &[Rule],
    tenancy: &Tenancy,
    snapshot: &Snapshot,
    draft: &Draft,
    (guard, context): (&Policy, &Context),
) -> Reviewed {
    let before = World::new(&snapshot.rows, context.now);
    let admins_before = OnceCell::new();
    let mut reviewed = Reviewed { allowed: vec![true; draft.changes.len()], ..Reviewed::default() };
    loop {
        let (allowed, held) = (reviewed.allowed.clone(), reviewed.held.clone());
        let replaced = replaced(draft, &allowed);
        let after = before.with(&replaced);
        let admins_after = OnceCell::new();
        let case = Case {
            tenancy,
            snapshot,
            draft,
            allowed: &allowed,
            held: &held,
            before: &before,
            after,
            guard,
            context,
            admins_before: &admins_before,
            admins_after,
        };
        let judged = [Stage::EachChange, Stage::Loss]
            .into_iter()
            .any(|stage| reviewed.judge(&case, rules.iter().filter(|rule| rule.stage == stage)));
        if !judged {
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
        if let Some(approval) = Approval::of(case, &approvable) {
            if approval.is_given(case) {
                objections.retain(|(rule, _)| !rule.approvable);
            } else {
                self.approval = Some(approval);
            }
        }
        for (rule, violation) in &objections {
            self.object(case.draft, rule, violation.clone());
        }
        self.take_parts_along(case.draft);
        !objections.is_empty()
    }

    fn object(&mut self, draft: &Draft, rule: &Rule, violation: Violation) {
        let Violation { change: number, because, way_out } = violation;
        let change = &draft.changes[number];
        self.allowed[number] = false;
        if way_out.is_empty() {
            let held = Held { because: because.into(), origin: change.origin.clone() };
            let first = self.held.entry(change.key.clone()).or_insert_with(|| held.clone());
            *first = held.min(first.clone());
            return;
        }
        let (subject, because) = match &change.root {
            Some(root) => (root.clone(), format!("{} is part of it, and {because}", change.key)),
            None => (change.key.clone(), because),
        };
        self.refusals.push(Refusal {
            subject,
            rule: rule.id.into(),
            verb: Some(change.verb),
            because: because.into(),
            way_out: way_out.into(),
            origin: change.origin.clone(),
        });
    }

    /// A subtree goes or comes whole or not at all: where one of it is stopped, the root and all other parts are.
    fn take_parts_along(&mut self, draft: &Draft) {
        let roots: BTreeSet<&Key> = draft.changes.iter().filter_map(|change| change.root.as_ref()).collect();
        let root = |change: &'_ Change| change.root.clone().or_else(|| roots.get(&change.key).map(|key| (*key).clone()));
        let numbered = || draft.changes.iter().enumerate().filter_map(|(number, change)| Some((number, root(change)?)));
        let stopped: BTreeSet<Key> = numbered().filter(|(number, _)| !self.allowed[*number]).map(|(_, root)| root).collect();
        for (number, root) in numbered() {
            self.allowed[number] &= !stopped.contains(&root);
        }
    }
}
