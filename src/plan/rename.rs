use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::api::Kind;
use crate::tenancy::reference::{references, retarget};
use crate::tenancy::{Desired, Digest, Key, Name, Row, Snapshot, Tenancy};

/// The snapshot as it is after all renames that the input asks for, and what they did.
///
/// A desired object takes over the row of the first of its previous names that the store knows, live or tombstone, unless
///
/// * its own row already carried that name: then the entry did its work and says nothing any more;
/// * the old name is still in the input and is not renamed itself: then the object waits (`WaitingForOldName`);
/// * its own name is taken by a tombstone: then the rename is refused;
/// * its own name is taken by a live object that stays where it is: then the entry says nothing.
///
/// Swaps and longer cycles are renames like any other.
#[derive(Debug, Default)]
pub struct Renamed<'a> {
    /// The rows under their new names, sorted by key.
    pub rows: Cow<'a, [Row]>,
    /// The rows that were touched, under their new key: how they were observed, and the object whose rename touched them.
    pub touched: BTreeMap<Key, Touched>,
    /// Objects that wait until their old name leaves the input.
    pub waiting: BTreeMap<Key, Name>,
    /// Objects whose new name is taken by a tombstone, with the old name.
    pub blocked: BTreeMap<Key, Name>,
}

/// A row that a rename touched.
#[derive(Debug, Clone)]
pub struct Touched {
    /// The row as observed.
    pub observed: Row,
    /// The renamed object, under its new name.
    pub root: Key,
}

impl Renamed<'_> {
    /// Stored objects that the input means, though it names them otherwise: they are not missing from it.
    #[must_use]
    pub fn spoken_for(&self) -> BTreeSet<Key> {
        let old = self.waiting.iter().chain(&self.blocked);
        old.map(|(key, from)| Key::new(key.kind, from.clone())).collect()
    }
}

/// Renames what the input asks to rename.
#[must_use]
pub fn rename<'a>(tenancy: &Tenancy, snapshot: &'a Snapshot) -> Renamed<'a> {
    let mut renamed = Renamed { rows: Cow::Borrowed(&snapshot.rows), ..Renamed::default() };
    let mut candidates = candidates(tenancy, snapshot);
    // A rename that cannot be done leaves its old name taken, which may stop another one.
    while let Some((key, obstacle)) = first_obstacle(&candidates, tenancy, snapshot) {
        if let Some(from) = candidates.remove(&key) {
            match obstacle {
                Obstacle::OldNameInInput => drop(renamed.waiting.insert(key, from)),
                Obstacle::Tombstone => drop(renamed.blocked.insert(key, from)),
                Obstacle::LiveObject => {}
            }
        }
    }
    if !candidates.is_empty() {
        let accepted = candidates.into_iter().map(|(key, from)| (Key::new(key.kind, from), key)).collect();
        let mut rows: Vec<Row> = snapshot.rows.iter().map(|row| renamed_row(row, &accepted, &mut renamed.touched)).collect();
        rows.sort_by(|a, b| a.key.cmp(&b.key));
        renamed.rows = Cow::Owned(rows);
    }
    renamed
}

/// What stands in the way of a rename.
enum Obstacle {
    OldNameInInput,
    Tombstone,
    LiveObject,
}

fn first_obstacle(candidates: &BTreeMap<Key, Name>, tenancy: &Tenancy, snapshot: &Snapshot) -> Option<(Key, Obstacle)> {
    let vacated: BTreeSet<Key> = candidates.iter().map(|(key, from)| Key::new(key.kind, from.clone())).collect();
    candidates.iter().find_map(|(key, from)| {
        let old = Key::new(key.kind, from.clone());
        let own = snapshot.row(key).filter(|_| !vacated.contains(key));
        let obstacle = match own {
            Some(row) if row.is_live() => Obstacle::LiveObject,
            _ if tenancy.mentions(&old) && !candidates.contains_key(&old) => Obstacle::OldNameInInput,
            Some(_) => Obstacle::Tombstone,
            None => return None,
        };
        Some((key.clone(), obstacle))
    })
}

/// The desired objects whose stored row may carry a previous name, with that name.
fn candidates(tenancy: &Tenancy, snapshot: &Snapshot) -> BTreeMap<Key, Name> {
    let candidate = |desired: &Desired| {
        let own = snapshot.row(&desired.key);
        let stored = |name: &&Name| snapshot.row(&Key::new(desired.key.kind, (*name).clone())).is_some();
        let from = desired.previous_names.iter().find(stored)?;
        let inert = own.is_some_and(|row| row.former_names.contains(from));
        (!inert).then(|| (desired.key.clone(), from.clone()))
    };
    let with_names = tenancy.objects.iter().filter(|desired| !desired.previous_names.is_empty());
    with_names.filter_map(candidate).collect()
}

fn renamed_row(row: &Row, accepted: &BTreeMap<Key, Key>, touched: &mut BTreeMap<Key, Touched>) -> Row {
    let mut after = row.clone();
    let mut root = None;
    if let Some(to) = accepted.get(&row.key) {
        after.key = to.clone();
        after.former_names.retain(|name| *name != row.key.name);
        after.former_names.push(row.key.name.clone());
        root = Some(to);
    } else if let Some((member, place)) = row.key.member_and_place() {
        let member_key = Key::new(Kind::Member, member);
        root = accepted.get(&member_key).or(accepted.get(&place));
        let member = accepted.get(&member_key).map_or(member, |to| &to.name);
        after.key = Key::membership(member, accepted.get(&place).unwrap_or(&place));
    }
    for (from, to) in accepted.iter().filter(|(from, _)| references(row.key.kind).iter().any(|to| to.target == from.kind)) {
        if let Some(spec) = retarget(row.key.kind, &row.spec, from, &to.name) {
            let applied =
                row.last_applied().map(|spec| retarget(row.key.kind, spec, from, &to.name).unwrap_or_else(|| spec.into()));
            after.digest = row.digest.and(applied.as_ref()).map(|applied| Digest::of(applied.as_bytes()));
            after.applied = applied.filter(|applied| *applied != spec || after.digest.is_none());
            after.spec = spec;
            root = root.or(Some(to));
        }
    }
    if let Some(root) = root {
        touched.insert(after.key.clone(), Touched { observed: row.clone(), root: root.clone() });
    }
    after
}
