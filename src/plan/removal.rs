use std::collections::{BTreeMap, BTreeSet};

use jiff::ToSpan;

use super::diff::Comparison;
use super::draft::{Draft, Drifted};
use super::{Cause, Change, Phase, Verb};
use crate::api::policy::{DeletionMode, DriftPolicy, PersonalWorkspaces, RemovalMode};
use crate::api::{Kind, OrganizationSpec, organization::DeletionPolicy};
use crate::tenancy::reference::owners;
use crate::tenancy::{Key, Manager, ObjectId, Row, Tombstone};

/// Plans what happens to the stored objects that are not in the input.
pub(super) fn remove(comparison: &Comparison<'_>, absent: &[&Row], draft: &mut Draft) {
    let reserved = &comparison.renamed.spoken_for() | &comparison.tenancy.reserved;
    let removal = Removal { comparison, reserved };
    let (live, dead): (Vec<&Row>, Vec<&Row>) = absent.iter().partition(|row| row.is_live());
    draft.changes.extend(removal.purges(&dead));
    let roots = removal.roots(&live);
    let gone = if comparison.context.prune {
        removal.take_away(&roots, draft)
    } else {
        draft.missing.extend(roots.into_iter().map(|row| row.key.clone()));
        BTreeSet::new()
    };
    for row in live.into_iter().filter(|row| !gone.contains(&row.key)) {
        match row.key.kind {
            Kind::Membership => removal.entry(row, draft),
            Kind::Member => removal.stranger(row, draft),
            _ => {}
        }
    }
}

/// The removal of a member whom the policy does not keep.
pub(super) fn leave(comparison: &Comparison<'_>, row: &Row) -> Change {
    let tombstone = comparison.new_id(&Key::new(row.key.kind, format!("tombstone of {}", row.key.name)));
    let removal = Removal { comparison, reserved: BTreeSet::new() };
    removal.delete(row, &Root { key: &row.key, tombstone }, Cause::Implied("members.withoutWorkspace".into()))
}

struct Removal<'a> {
    comparison: &'a Comparison<'a>,
    /// Objects that the input means by another name.
    reserved: BTreeSet<Key>,
}

/// A removal that others go with.
struct Root<'a> {
    key: &'a Key,
    tombstone: ObjectId,
}

impl Removal<'_> {
    fn is_ours(&self, row: &Row) -> bool {
        row.manager.as_ref() == Some(&self.comparison.context.manager)
    }

    /// A workspace that a policy implied and does not imply any more. Only the document of the organization can tell. One that a member
    /// has for itself is part of its member, who may be managed by somebody else.
    fn is_left_over(&self, row: &Row) -> bool {
        let Comparison { tenancy, policy, renamed, .. } = self.comparison;
        let organization = Key::new(Kind::Organization, tenancy.organization.clone());
        if row.key.kind != Kind::Workspace
            || !row.manager.as_ref().is_some_and(Manager::is_policy)
            || tenancy.get(&organization).is_none()
        {
            return false;
        }
        let is_live = |owner: &Key| renamed.row(owner).is_some_and(Row::is_live);
        policy.personal_workspaces == PersonalWorkspaces::None
            || !owners(&row.key, &row.spec).iter().any(|owner| owner.kind == Kind::Member && is_live(owner))
    }

    /// The objects that are missing from the input, but not as a part of something else that is missing. While the
    /// organization itself is missing, it is the only one.
    fn roots<'r>(&self, live: &[&'r Row]) -> Vec<&'r Row> {
        let tenancy = self.comparison.tenancy;
        let is_missing = |row: &&&Row| {
            let managed = self.is_ours(row) && row.key.kind != Kind::Membership || self.is_left_over(row);
            managed && !tenancy.holds(&row.key) && !self.reserved.contains(&row.key)
        };
        let missing: Vec<&Row> = live.iter().filter(is_missing).copied().collect();
        if !tenancy.present {
            return missing.into_iter().filter(|row| row.key.kind == Kind::Organization).collect();
        }
        let keys: BTreeSet<&Key> = missing.iter().map(|row| &row.key).collect();
        missing.iter().filter(|row| !owners(&row.key, &row.spec).iter().any(|owner| keys.contains(owner))).copied().collect()
    }

    /// Removes these with everything that is part of them, and returns what is gone then. What the input mentions stays; a
    /// rule refuses the removal of what it is part of.
    fn take_away(&self, roots: &[&Row], draft: &mut Draft) -> BTreeSet<Key> {
        let mut gone = BTreeSet::new();
        if roots.is_empty() {
            return gone;
        }
        let parts = self.parts_by_owner();
        for row in roots {
            let released = row.key.kind == Kind::Organization && deletion_policy(row) == Some(DeletionPolicy::Orphan);
            let tombstone = self.comparison.new_id(&Key::new(row.key.kind, format!("tombstone of {}", row.key.name)));
            let root = Root { key: &row.key, tombstone };
            for part in self.subtree(row, &parts) {
                if !gone.insert(part.key.clone()) {
                    draft.shared.insert(part.key.clone(), row.key.clone());
                } else if released {
                    draft.changes.extend(self.release(part, &root));
                } else {
                    draft.changes.push(self.delete(part, &root, Cause::Git));
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

    /// A row and all that is part of it, each once, the row first; without what the input mentions and its parts.
    fn subtree<'r>(&self, root: &'r Row, parts: &BTreeMap<Key, Vec<&'r Row>>) -> Vec<&'r Row> {
        let mut seen = BTreeSet::from([&root.key]);
        let mut all = vec![root];
        let mut next = 0;
        while let Some(row) = all.get(next) {
            next += 1;
            let parts = parts.get(&row.key).map(Vec::as_slice).unwrap_or_default().iter().copied();
            all.extend(parts.filter(|part| !self.comparison.tenancy.mentions(&part.key) && seen.insert(&part.key)));
        }
        all
    }

    /// A live membership that is not in the input, while its member and its place stay.
    fn entry(&self, row: &Row, draft: &mut Draft) {
        let Some((member, place)) = row.key.member_and_place() else { return };
        let tenancy = self.comparison.tenancy;
        let own = Key::new(Kind::Member, member);
        if tenancy.holds(&row.key) || [&own, &place].into_iter().any(|key| self.reserved.contains(key)) {
            return;
        }
        // An entry that is held may be this one, misspelt.
        if tenancy.held.keys().any(|held| held.member_and_place().is_some_and(|(other, _)| other == member)) {
            return;
        }
        let tombstone = self.comparison.new_id(&row.key);
        let origin = tenancy.get(&own).and_then(|desired| desired.origin.clone());
        let end = |cause| Change { origin: origin.clone(), ..self.delete(row, &Root { key: &row.key, tombstone }, cause) };
        if row.manager.as_ref().is_some_and(Manager::is_policy) {
            if tenancy.get(&place).is_some() {
                draft.changes.push(end(Cause::Implied("owner".into())));
            }
            return;
        }
        let Some(desired) = tenancy.get(&own) else { return };
        let list_is_written = if place.kind == Kind::Project { desired.owns.projects } else { desired.owns.workspaces };
        if self.is_ours(row) {
            draft.changes.push(end(Cause::Git));
        } else if list_is_written && row.manager.is_none() {
            match self.comparison.policy.drift {
                DriftPolicy::Correct => draft.changes.push(end(Cause::Drift)),
                DriftPolicy::Warn => {
                    draft.drift.push(Drifted { key: row.key.clone(), fields: Vec::new(), origin, noted: None });
                }
                DriftPolicy::Ignore => {}
            }
        }
    }

    /// A person or membership that nobody manages and nobody ever applied: another hand gave somebody access.
    fn stranger(&self, row: &Row, draft: &mut Draft) {
        let added = row.manager.is_none() && row.last_applied().is_none();
        if added && self.comparison.policy.drift != DriftPolicy::Ignore {
            draft.drift.push(Drifted { key: row.key.clone(), fields: Vec::new(), origin: None, noted: None });
        }
    }

    /// Soft-deletes a row, or purges it at once where the policy keeps nothing.
    fn delete(&self, row: &Row, root: &Root<'_>, cause: Cause) -> Change {
        let context = self.comparison.context;
        let retention = self.comparison.policy.retention_days;
        let purged = retention == Some(0) || self.is_hard(row, root);
        let purge_at = retention.and_then(|days| context.now.checked_add((24 * days).hours()).ok());
        let after = (!purged).then(|| {
            let tombstone = Tombstone { id: root.tombstone, at: context.now, by: context.actor.clone(), purge_at };
            Box::new(Row { tombstone: Some(tombstone), ..row.clone() })
        });
        let note = match purge_at {
            _ if purged => "for good: the policy keeps nothing".to_owned(),
            Some(date) => format!("can be restored until {date}"),
            None => "can be restored".to_owned(),
        };
        let verb = if purged { Verb::Purge } else { Verb::SoftDelete };
        Change { note: Some(note.into()), ..self.change(verb, row, after, cause, root.key) }
    }

    /// Whether a row is purged without a tombstone. An organization always leaves one, with everything in it.
    fn is_hard(&self, row: &Row, root: &Root<'_>) -> bool {
        let policy = self.comparison.policy;
        let in_workspace = match (row.key.kind, row.key.member_and_place()) {
            (Kind::Workspace, _) => true,
            (Kind::Template | Kind::Role | Kind::Credential, _) => matches!(root.key.kind, Kind::Project | Kind::Workspace),
            (_, Some((_, place))) => place.kind == Kind::Workspace && matches!(root.key.kind, Kind::Project | Kind::Workspace),
            _ => false,
        };
        let person = matches!(row.key.kind, Kind::Member | Kind::Membership);
        root.key.kind != Kind::Organization
            && (in_workspace && policy.workspace_deletion == DeletionMode::Hard
                || person && policy.member_removal == RemovalMode::Hard)
    }

    fn release(&self, row: &Row, root: &Root<'_>) -> Option<Change> {
        let after = Box::new(Row { manager: None, ..row.clone() });
        let note = Some("kept, and managed by nobody from now on".into());
        self.is_ours(row).then(|| Change { note, ..self.change(Verb::Release, row, Some(after), Cause::Git, root.key) })
    }

    /// What was deleted and is purged now. While the organization is missing, nothing is.
    fn purges(&self, dead: &[&Row]) -> Vec<Change> {
        let tenancy = self.comparison.tenancy;
        if self.comparison.organization_is_missing() {
            return Vec::new();
        }
        let is_due = |row: &&&Row| {
            let date = row.tombstone.as_ref().and_then(|tombstone| tombstone.purge_at);
            date.is_some_and(|date| date <= self.comparison.context.now)
        };
        let may_go = |row: &&&Row| {
            let ours = row.manager.as_ref().is_none_or(|manager| self.is_ours(row) || manager.is_policy());
            ours && !tenancy.holds(&row.key) && !self.reserved.contains(&row.key)
        };
        let due: BTreeMap<&Key, &Row> = dead.iter().filter(is_due).filter(may_go).map(|row| (&row.key, *row)).collect();
        let purge = |row: &&Row| {
            let tombstone = row.tombstone.as_ref()?;
            let note = format!("deleted {} by {}", tombstone.at, tombstone.by);
            Some(Change { note: Some(note.into()), ..self.change(Verb::Purge, row, None, Cause::Time, root_of(row, &due)) })
        };
        due.values().filter_map(purge).collect()
    }

    fn change(&self, verb: Verb, row: &Row, after: Option<Box<Row>>, cause: Cause, root: &Key) -> Change {
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
            root: Some(root).filter(|root| **root != row.key).cloned(),
            phase: Phase::Loss,
            note: None,
        }
    }
}

/// What an organization's stored spec says about its removal.
pub(super) fn deletion_policy(organization: &Row) -> Option<DeletionPolicy> {
    serde_json::from_str::<OrganizationSpec>(&organization.spec).ok()?.deletion_policy
}

/// Among rows that are purged, the one that a row was deleted with.
fn root_of<'r>(row: &'r Row, due: &BTreeMap<&'r Key, &'r Row>) -> &'r Key {
    let together = |other: &&&Row| {
        let id = |row: &Row| row.tombstone.as_ref().map(|tombstone| tombstone.id);
        id(other) == id(row)
    };
    let organization = due.values().next().filter(|other| other.key.kind == Kind::Organization).filter(together);
    let mut root = row;
    while let Some(owner) = owners(&root.key, &root.spec).iter().find_map(|owner| due.get(owner).filter(together)) {
        root = owner;
    }
    organization.map_or(&root.key, |organization| &organization.key)
}
