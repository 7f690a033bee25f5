use std::cell::OnceCell;
use std::collections::BTreeMap;

use super::draft::Draft;
use super::{Change, Context};
use crate::tenancy::{AdminsByPlace, Held, Key, Policy, Snapshot, Tenancy, World};

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
    pub(super) numbers: &'a Numbers<'a>,
    pub(super) admins_before: &'a OnceCell<AdminsByPlace>,
    pub(super) admins_after: OnceCell<AdminsByPlace>,
}

/// The numbers of the changes of a draft by the names of their objects.
#[derive(Debug)]
pub(super) struct Numbers<'a> {
    new: BTreeMap<&'a Key, usize>,
    old: BTreeMap<&'a Key, usize>,
}

impl<'a> Numbers<'a> {
    pub(super) fn of(draft: &'a Draft) -> Self {
        let changes = || draft.changes.iter().enumerate();
        let new = changes().map(|(number, change)| (&change.key, number)).collect();
        let old = changes().filter_map(|(number, change)| Some((&change.before.as_ref()?.key, number))).collect();
        Self { new, old }
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

impl Case<'_> {
    /// The changes that are still allowed, with their numbers.
    pub fn changes(&self) -> impl Iterator<Item = (usize, &Change)> {
        self.draft.changes.iter().enumerate().filter(|(number, _)| self.allowed[*number])
    }

    /// Everything that would be taken away.
    pub fn removals(&self) -> impl Iterator<Item = (usize, &Change)> {
        self.changes().filter(|(_, change)| change.is_removal())
    }

    /// The allowed change of an object, under its new name.
    #[must_use]
    pub fn change_of(&self, key: &Key) -> Option<(usize, &Change)> {
        self.numbered(self.numbers.new.get(key))
    }

    /// The allowed change of an object, under its old name.
    #[must_use]
    pub fn change_from(&self, key: &Key) -> Option<(usize, &Change)> {
        self.numbered(self.numbers.old.get(key))
    }

    fn numbered(&self, number: Option<&usize>) -> Option<(usize, &Change)> {
        number.filter(|number| self.allowed[**number]).map(|number| (*number, &self.draft.changes[*number]))
    }

    /// What the object that has this name would be called after all changes, allowed or not.
    #[must_use]
    pub fn heir<'k>(&'k self, key: &'k Key) -> &'k Key {
        self.numbers.old.get(key).map_or(key, |number| &self.draft.changes[*number].key)
    }

    /// What the object that has this name after the allowed changes is called before them.
    #[must_use]
    pub fn former<'k>(&'k self, key: &'k Key) -> &'k Key {
        let before = self.change_of(key).and_then(|(_, change)| change.before.as_ref());
        before.map_or(key, |row| &row.key)
    }

    /// True when the change of this object is not allowed any more.
    #[must_use]
    pub fn is_stopped(&self, key: &Key) -> bool {
        self.draft.taken.contains_key(key) || self.numbers.new.get(key).is_some_and(|number| !self.allowed[*number])
    }

    /// The change that another one goes or comes with, or itself.
    #[must_use]
    pub fn root<'c>(&'c self, number: usize, change: &'c Change) -> (usize, &'c Change) {
        let mut roots = change.root.iter().chain(self.draft.shared.get(&change.key));
        roots.find_map(|root| self.change_of(root)).unwrap_or((number, change))
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
