use std::collections::{BTreeMap, BTreeSet};

use super::super::{Found, Wanted};
use super::Comparison;
use crate::api::Kind;
use crate::tenancy::{Key, Mirrored, Name, ObjectId};

/// Whose the things are that the journal knows, by the kind, place and id of each.
pub(super) fn owners<'c>(
    journal: &BTreeMap<ObjectId, &'c Mirrored>,
    wanted: &BTreeMap<ObjectId, &'c Wanted>,
) -> BTreeMap<(Kind, &'c str, &'c str), Vec<&'c Mirrored>> {
    let mut owners: BTreeMap<(Kind, &str, &str), Vec<&Mirrored>> = BTreeMap::new();
    for entry in journal.values().copied() {
        let Some(id) = entry.external_id.as_deref() else { continue };
        owners.entry((entry.key.kind, place_of(entry, wanted), id)).or_default().push(entry);
    }
    owners
}

/// Where an entry of the journal is: the place may have another name by now.
pub(super) fn place_of<'c>(entry: &'c Mirrored, wanted: &BTreeMap<ObjectId, &'c Wanted>) -> &'c Name {
    wanted.get(&entry.id).map_or(&entry.place, |wanted| &wanted.place)
}

/// Names that pass from one object to another.
impl<'c> Comparison<'c> {
    /// What has the name of a wanted thing there.
    pub(super) fn named(&self, wanted: &Wanted) -> Option<&'c Found> {
        match wanted.within {
            None => self.by_name(wanted, None),
            Some(whole) => self.by_name(wanted, self.standing.get(&whole)?.as_deref()),
        }
    }

    /// Whether something is looked at after all others: it may get a name that one of them gives up.
    pub(super) fn comes_later(&self, wanted: &Wanted, later: &BTreeSet<ObjectId>) -> bool {
        let is_held = |found| self.holder(wanted, found).is_some();
        wanted.within.is_some_and(|whole| later.contains(&whole)) || self.named(wanted).is_some_and(is_held)
    }

    /// The other object that a thing belongs to.
    pub(super) fn holder(&self, wanted: &Wanted, found: &Found) -> Option<&'c Mirrored> {
        // A secret that the service makes has a name that tells nothing.
        self.other(wanted, found, |entry| wanted.issued.is_none() && !self.is_over(entry))
    }

    /// The other object that a thing belonged to, and that is gone.
    pub(super) fn former(&self, wanted: &Wanted, found: &Found) -> Option<&'c Mirrored> {
        self.other(wanted, found, |entry| self.is_over(entry))
    }

    fn other(&self, wanted: &Wanted, found: &Found, is_it: impl Fn(&Mirrored) -> bool) -> Option<&'c Mirrored> {
        let owners = self.owners.get(&(found.kind, &*found.place, &*found.external_id))?;
        owners.iter().copied().find(|entry| entry.id != wanted.id && is_it(entry))
    }

    fn is_over(&self, entry: &Mirrored) -> bool {
        self.wanted.get(&entry.id).map_or_else(|| !self.terms.stored.contains(&entry.id), |wanted| !wanted.live)
    }

    /// Whether a call that is planned gives an object another name.
    pub(super) fn gives_its_name_up(&self, holder: &Mirrored) -> bool {
        self.calls.iter().any(|(_, call)| call.id == holder.id && call.value(&["name"]).is_some())
    }

    /// A thing is spoken about: an object stands for it, or that is not decided.
    pub(super) fn uses(&mut self, found: &'c Found, by: Option<&'c Key>) {
        self.taken.insert((found.kind, &found.place, &found.external_id));
        self.in_use.insert((found.kind, &found.place, &found.external_id), by);
    }
}
