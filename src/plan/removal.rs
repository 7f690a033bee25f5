use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan;

use super::diff::Comparison;
use super::draft::{Draft, Drifted};
use super::{Cause, Change, Phase, Verb};
use crate::api::policy::{DeletionMode, DriftPolicy, RemovalMode};
use crate::api::{Kind, OrganizationSpec, organization::DeletionPolicy};
use crate::tenancy::reference::owners;
use crate::tenancy::{Key, Manager, ObjectId, Row, Tombstone};

/// Plans what happens to the stored objects that are not in the input.
pub(super) fn remove(comparison: &Comparison<'_>, absent: &[&Row], draft: &mut Draft) {
    let removal = Removal { comparison };
    for row in absent.iter().filter(|row| !row.is_live()) {
        draft.changes.extend(removal.purge_when_due(row));
    }
    let live: Vec<&Row> = absent.iter().copied().filter(|row| row.is_live()).collect();
    let roots = removal.roots(&live);
    let gone = if comparison.context.prune {
        removal.take_away(&roots, draft)
    } else {
        draft.missing.extend(roots.into_iter().map(|row| row.key.clone()));
        BTreeSet::new()
    };
    for row in live.into_iter().filter(|row| row.key.kind == Kind::Membership && !gone.contains(&row.key)) {
        removal.entry(row, draft);
    }
}

struct Removal<'a> {
    comparison: &'a Comparison<'a>,
}

impl Removal<'_> {
    fn is_ours(&self, row: &Row) -> bool {
        row.manager.as_ref() == Some(&self.comparison.context.manager)
    }

    /// The objects that are missing from the input, but not as a part of something else that is missing. While the
    /// organization itself is missing, it is the only one.
    fn roots<'r>(&self, live: &[&'r Row]) -> Vec<&'r Row> {
        let spoken_for = self.comparison.renamed.spoken_for();
        let tenancy = self.comparison.tenancy;
        let is_missing = |row: &&&Row| {
            self.is_ours(row) && row.key.kind != Kind::Membership && !tenancy.holds(&row.key) && !spoken_for.contains(&row.key)
        };
        let missing: Vec<&Row> = live.iter().filter(is_missing).copied().collect();
        if !tenancy.present {
            return missing.into_iter().filter(|row| row.key.kind == Kind::Organization).collect();
        }
        let keys: BTreeSet<&Key> = missing.iter().map(|row| &row.key).collect();
        missing.iter().filter(|row| !owners(&row.key, &row.spec).iter().any(|owner| keys.contains(owner))).copied().collect()
    }

    /// Removes these with everything that is part of them, and returns what is gone then.
    fn take_away(&self, roots: &[&Row], draft: &mut Draft) -> BTreeSet<Key> {
        let mut gone = BTreeSet::new();
        if roots.is_empty() {
            return gone;
        }
        let parts = self.parts_by_owner();
        for root in roots {
            let released = root.key.kind == Kind::Organization && deletion_policy(root) == Some(DeletionPolicy::Orphan);
            let tombstone = self.comparison.new_id(&Key::new(root.key.kind, format!("tombstone of {}", root.key.name)));
            for row in subtree(root, &parts) {
                if !gone.insert(row.key.clone()) {
                    continue;
                }
                if self.comparison.tenancy.get(&row.key).is_some_and(|desired| desired.implied_by.is_none()) {
                    draft.still_wanted.entry(root.key.clone()).or_insert_with(|| row.key.clone());
                } else if released {
                    draft.changes.extend(self.release(row, &root.key));
                } else {
                    draft.changes.push(self.delete(row, tombstone, Cause::Git, Some(&root.key).filter(|key| **key != row.key)));
                }
            }
        }
        gone
    }

    /// All live rows by what they are part of; everything is part of the organization.
    fn parts_by_owner(&self) -> BTreeMap<Key, Vec<&Row>> {
        let rows = &self.comparison.renamed.rows;
        let organization = rows.iter().find(|row| row.key.kind == Kind::Organization).map(|row| row.key.clone());
        let mut parts: BTreeMap<Key, Vec<&Row>> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.is_live() && row.key.kind != Kind::Organization) {
            for owner in owners(&row.key, &row.spec).into_iter().chain(organization.clone()) {
                parts.entry(owner).or_default().push(row);
            }
        }
        parts
    }

    /// A live membership that is not in the input, while its member and its place stay.
    fn entry(&self, row: &Row, draft: &mut Draft) {
        let Some((member, place)) = row.key.member_and_place() else { return };
        let tenancy = self.comparison.tenancy;
        let own = Key::new(Kind::Member, member);
        if tenancy.holds(&row.key) || tenancy.holds(&own) {
            return;
        }
        if row.manager.as_ref().is_some_and(Manager::is_policy) {
            if tenancy.get(&place).is_some() {
                draft.changes.push(self.delete(row, self.comparison.new_id(&row.key), Cause::Implied("owner".into()), None));
            }
            return;
        }
        let Some(desired) = tenancy.get(&own) else { return };
        let list_is_written = if place.kind == Kind::Project { desired.owns.projects } else { desired.owns.workspaces };
        if self.is_ours(row) {
            draft.changes.push(self.delete(row, self.comparison.new_id(&row.key), Cause::Git, None));
        } else if list_is_written && row.manager.is_none() {
            match self.comparison.policy.drift {
                DriftPolicy::Correct => {
                    draft.changes.push(self.delete(row, self.comparison.new_id(&row.key), Cause::Drift, None));
                }
                DriftPolicy::Warn => {
                    let origin = desired.origin.clone();
                    draft.drift.push(Drifted { key: row.key.clone(), fields: Vec::new(), origin, noted: None });
                }
                DriftPolicy::Ignore => {}
            }
        }
    }

    /// Soft-deletes a row, or purges it at once where the policy keeps nothing.
    fn delete(&self, row: &Row, tombstone: ObjectId, cause: Cause, root: Option<&Key>) -> Change {
        let context = self.comparison.context;
        let policy = self.comparison.policy;
        let hard = match row.key.kind {
            Kind::Member | Kind::Membership => policy.member_removal == RemovalMode::Hard,
            Kind::Workspace => policy.workspace_deletion == DeletionMode::Hard,
            _ => false,
        };
        let purged = hard || policy.retention_days == Some(0);
        let purge_at = policy.retention_days.and_then(|days| context.now.checked_add((24 * days).hours()).ok());
        let after = (!purged).then(|| {
            let tombstone = Tombstone { id: tombstone, at: context.now, by: context.actor.clone(), purge_at };
            Box::new(Row { tombstone: Some(tombstone), ..row.clone() })
        });
        let note = match purge_at {
            _ if purged => "for good: the policy keeps nothing".to_owned(),
            Some(date) => format!("can be restored until {date}"),
            None => "can be restored".to_owned(),
        };
        let verb = if purged { Verb::Purge } else { Verb::SoftDelete };
        Change { note: Some(note.into()), ..self.change(verb, row, after, cause, root) }
    }

    fn release(&self, row: &Row, root: &Key) -> Option<Change> {
        let after = Box::new(Row { manager: None, ..row.clone() });
        let root = Some(root).filter(|root| **root != row.key);
        self.is_ours(row).then(|| self.change(Verb::Release, row, Some(after), Cause::Git, root))
    }

    fn purge_when_due(&self, row: &Row) -> Option<Change> {
        let tombstone = row.tombstone.as_ref()?;
        let due = tombstone.purge_at.is_some_and(|date| date <= self.comparison.context.now);
        let foreign =
            row.manager.as_ref().is_some_and(|manager| *manager != self.comparison.context.manager && !manager.is_policy());
        if !due || foreign || self.comparison.tenancy.holds(&row.key) || self.comparison.renamed.spoken_for().contains(&row.key) {
            return None;
        }
        let note = format!("deleted {} by {}", tombstone.at, tombstone.by);
        Some(Change { note: Some(note.into()), ..self.change(Verb::Purge, row, None, Cause::Time, None) })
    }

    fn change(&self, verb: Verb, row: &Row, after: Option<Box<Row>>, cause: Cause, root: Option<&Key>) -> Change {
        let observed = self.comparison.renamed.touched.get(&row.key).map_or(row, |touched| &touched.observed);
        Change {
            verb,
            key: row.key.clone(),
            from: (observed.key != row.key).then(|| observed.key.name.clone()),
            cause,
            fields: Vec::new(),
            before: Some(Box::new(observed.clone())),
            after,
            between: None,
            origin: None,
            root: root.cloned(),
            phase: Phase::Loss,
            note: None,
        }
    }
}

/// What an organization's stored spec says about its removal.
pub(super) fn deletion_policy(organization: &Row) -> Option<DeletionPolicy> {
    serde_json::from_str::<OrganizationSpec>(&organization.spec).ok()?.deletion_policy
}

/// A row and all that is part of it, each once, the row first.
fn subtree<'r>(root: &'r Row, parts: &BTreeMap<Key, Vec<&'r Row>>) -> Vec<&'r Row> {
    let mut seen = BTreeSet::from([&root.key]);
    let mut all = vec![root];
    let mut next = 0;
    while let Some(row) = all.get(next) {
        next += 1;
        let parts = parts.get(&row.key).map(Vec::as_slice).unwrap_or_default();
        all.extend(parts.iter().copied().filter(|part| seen.insert(&part.key)));
    }
    all
}
