use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::api::Kind;
use crate::tenancy::reference::{references, retarget, targets};
use crate::tenancy::{Desired, Digest, Key, Name, Row, Snapshot, Tenancy};

/// The snapshot as it is after all renames that the input asks for, and what they did.
///
/// A desired object takes over the row of the first of its previous names that the store knows, live or tombstone, unless
///
/// * its own row already carried one of these names: then the entry did its work and says nothing any more; the same holds of
///   what was created when the input had these names for others;
/// * its own name is taken by a live object that stays where it is: then the entry says nothing;
/// * the old name is still in the input and is not renamed itself: then the object waits (`WaitingForOldName`);
/// * its own name is taken by a tombstone: then the rename is refused.
///
/// Swaps and longer cycles are renames like any other. Names that the input uses for something else are passed over while
/// there is another one.
#[derive(Debug, Default)]
pub struct Renamed<'a> {
    /// The rows under their new names, sorted by key.
    pub rows: Cow<'a, [Row]>,
    /// What the input may still call by an old name, renamed now or by an earlier plan: the new key by the old key.
    pub names: BTreeMap<Key, Key>,
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
    /// The row of a key, under its new name.
    #[must_use]
    pub fn row(&self, key: &Key) -> Option<&Row> {
        self.rows.binary_search_by(|row| row.key.cmp(key)).ok().map(|at| &self.rows[at])
    }

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
    let mut wishes = Wishes::new(tenancy, snapshot);
    // A rename that cannot be done leaves its old name taken and its new one unclaimed, which may stop two others.
    let mut unsure: BTreeSet<Key> = wishes.from.keys().cloned().collect();
    while let Some(key) = unsure.pop_first() {
        if let Some((from, obstacle)) = wishes.obstacle(&key) {
            unsure.extend(wishes.give_up(&key));
            match obstacle {
                Obstacle::OldNameInInput => drop(renamed.waiting.insert(key, from)),
                Obstacle::Tombstone => drop(renamed.blocked.insert(key, from)),
                Obstacle::LiveObject => {}
            }
        }
    }
    if !wishes.to.is_empty() {
        let accepted = Accepted { kinds: wishes.to.keys().map(|key| key.kind).collect(), to: wishes.to };
        let mut rows: Vec<Row> = snapshot.rows.iter().map(|row| accepted.applied_to(row, &mut renamed.touched)).collect();
        rows.sort_by(|a, b| a.key.cmp(&b.key));
        renamed.rows = Cow::Owned(rows);
        renamed.names = accepted.to;
    }
    renamed.names.extend(renamed_before(tenancy, snapshot));
    renamed
}

/// What earlier plans renamed, by previous names that the input still has and nothing else took since.
fn renamed_before(tenancy: &Tenancy, snapshot: &Snapshot) -> Vec<(Key, Key)> {
    let with_names = tenancy.objects.iter().filter(|desired| !desired.previous_names.is_empty());
    let old = |desired: &Desired| -> Vec<(Key, Key)> {
        let Some(row) = snapshot.row(&desired.key) else { return Vec::new() };
        let carried = desired.previous_names.iter().filter(|name| row.former_names.contains(name));
        let keys = carried.map(|name| Key::new(row.key.kind, name.clone())).filter(|old| snapshot.row(old).is_none());
        keys.map(|old| (old, row.key.clone())).collect()
    };
    with_names.flat_map(old).collect()
}

/// What stands in the way of a rename.
enum Obstacle {
    OldNameInInput,
    Tombstone,
    LiveObject,
}

/// The renames that the input asks for.
struct Wishes<'a> {
    tenancy: &'a Tenancy,
    snapshot: &'a Snapshot,
    /// The old name by the new key.
    from: BTreeMap<Key, Name>,
    /// The new key by the old key.
    to: BTreeMap<Key, Key>,
}

impl<'a> Wishes<'a> {
    fn new(tenancy: &'a Tenancy, snapshot: &'a Snapshot) -> Self {
        let with_names = tenancy.objects.iter().filter(|desired| !desired.previous_names.is_empty());
        let wish = |desired: &Desired| Some((desired.key.clone(), previous_name(desired, tenancy, snapshot)?));
        let from: BTreeMap<Key, Name> = with_names.filter_map(wish).collect();
        let to = from.iter().map(|(key, from)| (Key::new(key.kind, from.clone()), key.clone())).collect();
        Self { tenancy, snapshot, from, to }
    }

    fn obstacle(&self, key: &Key) -> Option<(Name, Obstacle)> {
        let from = self.from.get(key)?;
        let old = Key::new(key.kind, from.clone());
        let own = self.snapshot.row(key).filter(|_| !self.to.contains_key(key));
        let obstacle = match own {
            Some(row) if row.is_live() => Obstacle::LiveObject,
            _ if self.tenancy.mentions(&old) && !self.from.contains_key(&old) => Obstacle::OldNameInInput,
            Some(_) => Obstacle::Tombstone,
            None => return None,
        };
        Some((from.clone(), obstacle))
    }

    /// Takes a rename out, and returns those that it may stop.
    fn give_up(&mut self, key: &Key) -> Vec<Key> {
        let Some(from) = self.from.remove(key) else { return Vec::new() };
        let old = Key::new(key.kind, from);
        self.to.remove(&old);
        let after_it = self.to.get(key).cloned();
        after_it.into_iter().chain(self.from.contains_key(&old).then_some(old)).collect()
    }
}

/// The previous name under which the store knows a desired object.
fn previous_name(desired: &Desired, tenancy: &Tenancy, snapshot: &Snapshot) -> Option<Name> {
    let own = snapshot.row(&desired.key);
    if own.is_some_and(|row| desired.previous_names.iter().any(|name| row.former_names.contains(name))) {
        return None;
    }
    let key = |name: &Name| Key::new(desired.key.kind, name.clone());
    let others = || desired.previous_names.iter().filter(|name| **name != desired.key.name);
    let stored = || others().filter(|name| snapshot.row(&key(name)).is_some());
    stored().find(|name| !tenancy.mentions(&key(name))).or_else(|| stored().next()).cloned()
}

/// The renames that are done.
struct Accepted {
    /// The new key by the old key.
    to: BTreeMap<Key, Key>,
    kinds: BTreeSet<Kind>,
}

impl Accepted {
    fn applied_to(&self, row: &Row, touched: &mut BTreeMap<Key, Touched>) -> Row {
        let mut after = row.clone();
        let mut root = None;
        if let Some(to) = self.to.get(&row.key) {
            after.key = to.clone();
            after.former_names.retain(|name| *name != row.key.name);
            after.former_names.push(row.key.name.clone());
            root = Some(to);
        } else if let Some((member, place)) = row.key.member_and_place() {
            let member_key = Key::new(Kind::Member, member);
            root = self.to.get(&member_key).or(self.to.get(&place));
            let member = self.to.get(&member_key).map_or(member, |to| &to.name);
            after.key = Key::membership(member, self.to.get(&place).unwrap_or(&place));
        }
        if let Some(target) = self.target_of(row) {
            self.follow(&mut after, row);
            root = root.or(Some(target));
        }
        if let Some(root) = root {
            touched.insert(after.key.clone(), Touched { observed: row.clone(), root: root.clone() });
        }
        after
    }

    /// The first renamed object that the spec of a row refers to, under its new name.
    fn target_of(&self, row: &Row) -> Option<&Key> {
        if !references(row.key.kind).iter().any(|reference| self.kinds.contains(&reference.target)) {
            return None;
        }
        targets(&row.key, &row.spec).iter().find_map(|(target, _)| self.to.get(target))
    }

    /// Lets the spec of a row, and what was last applied to it, name everything as it is called now.
    fn follow(&self, after: &mut Row, row: &Row) {
        let renamed = |spec: &str| retarget(row.key.kind, spec, &self.to).unwrap_or_else(|| spec.into());
        let spec = renamed(&row.spec);
        let applied = row.last_applied().map(renamed);
        after.digest = row.digest.and(applied.as_ref()).map(|applied| Digest::of(applied.as_bytes()));
        after.applied = applied.filter(|applied| *applied != spec || after.digest.is_none());
        after.spec = spec;
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::plan::render::fixture::{Fixture, key};

    fn workspaces(stored: &[&str], wanted: &[(&str, &[&str])]) -> Fixture {
        let fixture = stored.iter().fold(Fixture::new(), |fixture, name| fixture.stored(name, json!({ "was": name })));
        wanted.iter().fold(fixture, |fixture, (name, previous)| {
            let fixture = fixture.wanted(name, json!({}));
            previous.iter().fold(fixture, |fixture, from| fixture.renamed(name, from))
        })
    }

    fn renamed(fixture: &Fixture) -> Renamed<'_> {
        rename(&fixture.tenancy, &fixture.snapshot)
    }

    /// Where each stored workspace is afterwards: `design -> drawing`.
    fn moves(renamed: &Renamed<'_>) -> Vec<String> {
        renamed.touched.iter().map(|(key, touched)| format!("{} -> {}", touched.observed.key.name, key.name)).collect()
    }

    #[test]
    fn the_first_previous_name_that_the_store_knows_is_taken_over() {
        let fixture = workspaces(&["workspace/b", "workspace/c"], &[("workspace/d", &["a", "b", "c"])]);
        let renamed = renamed(&fixture);
        assert_eq!(moves(&renamed), ["b -> d"]);
        let row = renamed.rows.iter().find(|row| row.key == key("workspace/d")).unwrap();
        assert_eq!(row.former_names, [Name::from("b")]);
        assert_eq!(row.id, fixture.snapshot.row(&key("workspace/b")).unwrap().id);
    }

    #[test]
    fn a_name_that_the_input_uses_for_something_else_is_passed_over_while_there_is_another() {
        let both = workspaces(&["workspace/a", "workspace/b"], &[("workspace/a", &[]), ("workspace/c", &["a", "b"])]);
        assert_eq!(moves(&renamed(&both)), ["b -> c"]);
        let one = workspaces(&["workspace/a"], &[("workspace/a", &[]), ("workspace/c", &["a", "b"])]);
        assert_eq!(renamed(&one).waiting, BTreeMap::from([(key("workspace/c"), Name::from("a"))]));
    }

    #[test]
    fn an_id_that_carried_one_of_the_names_already_is_not_renamed_again() {
        let mut fixture = workspaces(&["workspace/a", "workspace/c"], &[("workspace/c", &["a", "b"])]);
        for row in fixture.snapshot.rows.iter_mut().filter(|row| row.key == key("workspace/c")) {
            row.former_names.push("b".into());
        }
        let fixture = fixture.deleted("workspace/c");
        assert!(renamed(&fixture).touched.is_empty() && renamed(&fixture).blocked.is_empty());
    }

    #[test]
    fn a_live_object_under_the_new_name_silences_the_entry_and_a_deleted_one_blocks_it() {
        let live = workspaces(&["workspace/a", "workspace/b"], &[("workspace/b", &["a"])]);
        assert!(renamed(&live).touched.is_empty() && renamed(&live).spoken_for().is_empty());
        let dead = live.deleted("workspace/b");
        assert_eq!(renamed(&dead).blocked, BTreeMap::from([(key("workspace/b"), Name::from("a"))]));
        assert_eq!(renamed(&dead).spoken_for(), BTreeSet::from([key("workspace/a")]));
    }

    #[test]
    fn a_deleted_object_can_be_taken_over_under_its_old_name() {
        let fixture = workspaces(&["workspace/a"], &[("workspace/b", &["a"])]).deleted("workspace/a");
        assert_eq!(moves(&renamed(&fixture)), ["a -> b"]);
    }

    #[test]
    fn a_rename_that_is_blocked_blocks_the_one_that_wants_its_name() {
        let chain =
            workspaces(&["workspace/a", "workspace/b", "workspace/c"], &[("workspace/b", &["a"]), ("workspace/c", &["b"])]);
        assert_eq!(moves(&renamed(&chain)), Vec::<String>::new(), "c stays where it is, so b does, and so does a");
        let free = workspaces(&["workspace/a", "workspace/b"], &[("workspace/b", &["a"]), ("workspace/c", &["b"])]);
        assert_eq!(moves(&renamed(&free)), ["a -> b", "b -> c"]);
        let waiting = workspaces(
            &["workspace/a", "workspace/b"],
            &[("workspace/a", &[]), ("workspace/b", &["a"]), ("workspace/c", &["b"])],
        );
        let both = [("workspace/b", "a"), ("workspace/c", "b")].map(|(name, from)| (key(name), Name::from(from)));
        assert_eq!(renamed(&waiting).waiting, BTreeMap::from(both));
    }

    #[test]
    fn a_long_chain_that_is_blocked_at_its_end_is_given_up_whole() {
        let name = |at: usize| format!("workspace/w{at:04}");
        let mut fixture = (0..1000).fold(Fixture::new(), |fixture, at| fixture.stored(&name(at), json!({})));
        for at in 1..1000 {
            fixture = fixture.wanted(&name(at), json!({})).renamed(&name(at), &format!("w{:04}", at - 1));
        }
        assert!(renamed(&fixture).touched.is_empty());
    }

    #[test]
    fn whatever_names_a_renamed_object_follows_it_deleted_or_not() {
        let fixture = workspaces(&["workspace/a"], &[("workspace/b", &["a"])])
            .stored("membership/root/workspace/a", json!({ "role": "Member" }))
            .stored("template/meeting", json!({ "workspaceRef": { "name": "a" } }))
            .deleted("template/meeting")
            .stored("template/other", json!({ "workspaceRef": { "name": "c" } }));
        let renamed = renamed(&fixture);
        assert_eq!(moves(&renamed), ["a -> b", "meeting -> meeting", "root/workspace/a -> root/workspace/b"]);
        let template = renamed.rows.iter().find(|row| row.key == key("template/meeting")).unwrap();
        assert_eq!((&*template.spec, template.is_live()), (r#"{"workspaceRef":{"name":"b"}}"#, false));
        assert_eq!(template.digest, Some(Digest::of(template.spec.as_bytes())));
    }

    #[test]
    fn a_row_remembers_each_of_its_names_once() {
        let mut fixture = workspaces(&["workspace/b"], &[("workspace/d", &["b"])]);
        let row = fixture.snapshot.rows.iter_mut().find(|row| row.key == key("workspace/b")).unwrap();
        row.former_names = vec!["b".into(), "a".into()];
        let renamed = renamed(&fixture);
        let row = renamed.rows.iter().find(|row| row.key == key("workspace/d")).unwrap();
        assert_eq!(row.former_names, [Name::from("a"), Name::from("b")]);
    }

    #[test]
    fn what_was_last_applied_follows_a_rename_and_only_what_differs_is_kept_beside_the_spec() {
        let refers = |to: &str, more: &str| json!({ "name": more, "workspaceRef": { "name": to } });
        let was = |more: &str| refers("b", more);
        let mut fixture = workspaces(&["workspace/b"], &[("workspace/d", &["b"])]);
        for name in ["template/drifted", "template/noted", "template/same", "template/unread"] {
            fixture = fixture.stored(name, was("ours"));
        }
        fixture = fixture.drifted("template/drifted", &was("theirs")).drifted("template/noted", &was("theirs"));
        fixture = fixture.drifted("template/unread", &was("ours"));
        for row in fixture.snapshot.rows.iter_mut().filter(|row| row.key == key("template/noted")) {
            row.digest = Some(Digest::of(was("ours").to_string().as_bytes()));
        }
        let renamed = renamed(&fixture);
        let row = |name: &str| renamed.rows.iter().find(|row| row.key == key(name)).unwrap();
        let applied = |name: &str| row(name).applied.as_deref().map(str::to_owned);
        let ours = refers("d", "ours").to_string();
        assert_eq!(applied("template/same"), None);
        assert_eq!(row("template/same").digest, Some(Digest::of(ours.as_bytes())));
        assert_eq!(["template/drifted", "template/noted", "template/unread"].map(applied), [(); 3].map(|()| Some(ours.clone())));
        assert_eq!(row("template/drifted").digest, None);
    }

    #[test]
    fn what_follows_a_rename_while_it_is_deleted_says_that_it_stays_so() {
        let of = |workspace: &str| json!({ "workspaceRef": { "name": workspace } });
        let fixture = workspaces(&["workspace/b"], &[("workspace/d", &["b"])]);
        let fixture = fixture.stored("template/dead", of("b")).deleted("template/dead");
        let plan =
            fixture.stored("template/live", of("b")).wanted("template/live", of("d")).stored("template/quiet", of("b")).plan();
        let note = |name: &str| plan.changes.iter().find(|change| change.key == key(name)).unwrap().note.as_deref();
        assert_eq!((note("template/dead"), note("template/quiet")), (Some("stays deleted"), None));
    }
}
