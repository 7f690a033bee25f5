use std::collections::BTreeMap;

use super::{Detail, Options};
use crate::api::Kind;
use crate::plan::{Cause, Change, Plan, Refusal, Verb};
use crate::tenancy::{Held, Key};

/// How many rows of one verb and kind are shown before the rest is counted.
const ROWS: usize = 100;

/// The rows of a plan as they are shown: parts folded into what they go or come with, long lists cut with a count.
pub struct Page<'a> {
    /// The changes, in the order in which they are done.
    pub rows: Vec<Row<'a>>,
    /// How many rows more there are of a verb and kind.
    pub more: BTreeMap<(Verb, Kind), usize>,
    /// What is refused, grouped by the reason.
    pub refusals: Vec<Group<'a>>,
    /// What is held.
    pub held: Vec<(&'a Key, &'a Held)>,
    /// What is managed but not in the input, by kind.
    pub missing: BTreeMap<Kind, Vec<&'a Key>>,
}

/// A change, and how many parts of each kind go with it.
pub struct Row<'a> {
    /// The change.
    pub change: &'a Change,
    /// The parts that are not shown by themselves.
    pub parts: BTreeMap<Kind, usize>,
}

/// Refusals with the same rule, reason and way out.
pub struct Group<'a> {
    /// The refusals; never empty.
    pub refusals: Vec<&'a Refusal>,
}

impl<'a> Page<'a> {
    /// The page of a plan.
    pub fn of(plan: &'a Plan, options: &Options) -> Self {
        let (rows, more) = rows(plan, options);
        let held = plan.held.iter().filter(|(key, _)| options.shows(key, None)).collect();
        let mut missing: BTreeMap<Kind, Vec<&Key>> = BTreeMap::new();
        for key in plan.missing.iter().filter(|key| options.shows(key, None)) {
            missing.entry(key.kind).or_default().push(key);
        }
        Self { rows, more, refusals: groups(plan, options), held, missing }
    }
}

fn rows<'a>(plan: &'a Plan, options: &Options) -> (Vec<Row<'a>>, BTreeMap<(Verb, Kind), usize>) {
    let roots: BTreeMap<&Key, &Change> =
        plan.changes.iter().filter(|change| change.root.is_none()).map(|change| (&change.key, change)).collect();
    // What happens to a part is said with the root only where it is the same, or follows the root's new name.
    let folds = |change: &&Change| {
        let root = change.root.as_ref().and_then(|root| roots.get(root));
        let alike = |root: &&Change| root.verb == change.verb && root.cause == change.cause || root.verb == Verb::Rename;
        root.is_some_and(alike) && change.fields.is_empty() && !change.invites() && options.detail != Detail::Full
    };
    let shown = || plan.changes.iter().filter(|change| options.shows(&change.key, change.root.as_ref()));
    let mut parts: BTreeMap<&Key, BTreeMap<Kind, usize>> = BTreeMap::new();
    for change in shown().filter(folds) {
        if let Some(root) = &change.root {
            *parts.entry(root).or_default().entry(change.key.kind).or_default() += 1;
        }
    }
    let mut counts: BTreeMap<(Verb, Kind), usize> = BTreeMap::new();
    let mut rows = Vec::new();
    for change in shown().filter(|change| !folds(change)) {
        let count = counts.entry((change.verb, change.key.kind)).or_default();
        *count += 1;
        if *count <= ROWS || options.detail == Detail::Full {
            rows.push(Row { change, parts: parts.remove(&change.key).unwrap_or_default() });
        }
    }
    counts.retain(|_, count| *count > ROWS && options.detail != Detail::Full);
    for count in counts.values_mut() {
        *count -= ROWS;
    }
    (rows, counts)
}

fn groups<'a>(plan: &'a Plan, options: &Options) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut found: BTreeMap<(&str, &str, &str), usize> = BTreeMap::new();
    for refusal in plan.refusals.iter().filter(|refusal| options.shows(&refusal.subject, None)) {
        let at = *found.entry((&refusal.rule, &refusal.because, &refusal.way_out)).or_insert(groups.len());
        match groups.get_mut(at) {
            Some(group) => group.refusals.push(refusal),
            None => groups.push(Group { refusals: vec![refusal] }),
        }
    }
    groups
}

impl Row<'_> {
    /// What there is to say about the row beside its fields.
    pub fn notes(&self) -> Vec<String> {
        let change = self.change;
        let mut notes = Vec::new();
        if let Some(from) = &change.from {
            notes.push(format!("was {}", Key::new(change.key.kind, from.clone())));
        }
        let count: usize = self.parts.values().sum();
        match count {
            0 => {}
            1 => notes.push(format!("and 1 part: {}", super::summary::plurals(&self.parts))),
            _ => notes.push(format!("and {count} parts: {}", super::summary::plurals(&self.parts))),
        }
        match &change.cause {
            Cause::Git => {}
            Cause::Drift => notes.push("changed by another hand, and set back".to_owned()),
            Cause::Time => notes.push("its time has come".to_owned()),
            cause @ Cause::Implied(_) => notes.push(cause.to_string()),
        }
        notes.extend(change.note.as_deref().map(str::to_owned));
        notes
    }
}
