use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::api::Kind;
use crate::tenancy::reference::{references, retarget};
use crate::tenancy::{Desired, Digest, Held, Key, Tenancy};

/// The tenancy with every reference to a renamed object by the name that it has from now on. An entry or a reference of the
/// input that still writes the old name means the same object, as long as the input has no other one of that name.
#[must_use]
pub fn by_new_names<'t>(tenancy: &'t Tenancy, renames: &BTreeMap<Key, Key>) -> Cow<'t, Tenancy> {
    let to: BTreeMap<Key, Key> =
        renames.iter().filter(|(old, _)| !tenancy.mentions(old)).map(|(old, new)| (old.clone(), new.clone())).collect();
    if to.is_empty() {
        return Cow::Borrowed(tenancy);
    }
    let names = Names { kinds: to.keys().map(|key| key.kind).collect(), to };
    let mut tenancy = tenancy.clone();
    let all = std::mem::take(&mut tenancy.objects);
    let (late, others): (Vec<Desired>, Vec<Desired>) = all.into_iter().partition(|desired| names.key(&desired.key).is_some());
    let (memberships, mut objects): (Vec<Desired>, Vec<Desired>) =
        others.into_iter().partition(|desired| desired.key.kind == Kind::Membership);
    for desired in &mut objects {
        names.retarget(desired);
    }
    let mut memberships = memberships.into_iter().map(|desired| (desired.key.clone(), desired)).collect();
    for entry in late {
        names.add(entry, &mut memberships, &mut tenancy);
    }
    objects.extend(memberships.into_values());
    objects.sort_by(|a, b| a.key.cmp(&b.key));
    tenancy.objects = objects;
    Cow::Owned(tenancy)
}

/// What the input still calls by an old name.
struct Names {
    /// The new key by the old key.
    to: BTreeMap<Key, Key>,
    kinds: BTreeSet<Kind>,
}

impl Names {
    /// The key of a membership whose member or place has another name now.
    fn key(&self, key: &Key) -> Option<Key> {
        let (member, place) = key.member_and_place()?;
        let (new_member, new_place) = (self.to.get(&Key::new(Kind::Member, member)), self.to.get(&place));
        new_member.or(new_place)?;
        Some(Key::membership(new_member.map_or(member, |key| &key.name), new_place.unwrap_or(&place)))
    }

    fn retarget(&self, desired: &mut Desired) {
        if !references(desired.key.kind).iter().any(|reference| self.kinds.contains(&reference.target)) {
            return;
        }
        if let Some(spec) = retarget(desired.key.kind, &desired.spec, &self.to) {
            desired.digest = Digest::of(spec.as_bytes());
            desired.spec = spec;
        }
    }

    /// Adds an entry under its new key, unless there is an entry for it that writes the new name.
    fn add(&self, entry: Desired, memberships: &mut BTreeMap<Key, Desired>, tenancy: &mut Tenancy) {
        let Some(key) = self.key(&entry.key) else { return };
        let is_free = !tenancy.holds(&key) && memberships.get(&key).is_none_or(|other| other.implied_by.is_some());
        if is_free {
            memberships.insert(key.clone(), Desired { key, ..entry });
        } else if entry.implied_by.is_none() {
            let because = format!("it is {key} now, which has an entry, too: take this one out");
            tenancy.held.insert(entry.key, Held { because: because.into(), origin: entry.origin });
        }
    }
}
