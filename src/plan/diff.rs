use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::draft::{Draft, Drifted};
use super::leaving::leave_without_workspace;
use super::merge::{Merged, all_fields, merge};
use super::removal::remove;
use super::rename::{Renamed, Touched};
use super::{Cause, Change, Context, FieldChange, Phase, Verb};
use crate::api::Kind;
use crate::api::policy::InvitationMode;
use crate::tenancy::view::{MemberView, View};
use crate::tenancy::{Desired, Key, Manager, Name, ObjectId, Policy, Revision, Row, Tenancy};

/// Everything the comparison of one organization depends on.
#[derive(Debug)]
pub struct Comparison<'a> {
    /// What shall be.
    pub tenancy: &'a Tenancy,
    /// What is, under the new names.
    pub renamed: &'a Renamed<'a>,
    /// The revision that the observed rows belong to.
    pub revision: Revision,
    /// The policy in force and the desired one, of each guard the stricter.
    pub policy: &'a Policy,
    /// The rest.
    pub context: &'a Context,
}

/// Compares the desired objects with the observed rows: a merge of two sorted lists.
///
/// | desired | stored | then |
/// |---|---|---|
/// | yes | nothing | Create |
/// | yes | ours, the same | nothing |
/// | yes | ours, git changed it | Update |
/// | yes | ours, another hand changed it | Update, or a drift row, as the policy says |
/// | yes | ours, under a previous name | Rename |
/// | yes | ours, soft-deleted | Restore, with the old id |
/// | yes | of another manager, or of none | Adopt, as `adoptionPolicy` says |
/// | held, or waiting for its name | anything | nothing |
/// | no | ours | `SoftDelete` with `--prune`, otherwise listed as missing |
/// | no | a workspace that a policy implied | as ours |
/// | no | ours, an entry that its member does not list any more | `SoftDelete` |
/// | no | by hand, an entry of a list that is written | drift |
/// | no | of another manager, or of none | nothing |
/// | no | soft-deleted, purge date reached | Purge |
#[must_use]
pub fn compare(comparison: &Comparison<'_>) -> Draft {
    let mut draft =
        Draft { taken: comparison.renamed.blocked.clone(), waiting: comparison.renamed.waiting.clone(), ..Draft::default() };
    let mut absent = Vec::new();
    let mut rows = comparison.renamed.rows.iter().peekable();
    for desired in &comparison.tenancy.objects {
        while let Some(row) = rows.next_if(|row| row.key < desired.key) {
            absent.push(row);
        }
        match rows.next_if(|row| row.key == desired.key) {
            row if draft.waiting.contains_key(&desired.key) || draft.taken.contains_key(&desired.key) => absent.extend(row),
            Some(row) => comparison.both(desired, row, &mut draft),
            None => draft.changes.push(comparison.create(desired)),
        }
    }
    absent.extend(rows);
    remove(comparison, &absent, &mut draft);
    let removed = draft.changes.iter().filter(|change| !change.is_live());
    let touched =
        removed.filter_map(|change| Some((change.key.clone(), comparison.renamed.touched.get(&change.key)?.root.clone())));
    draft.moved = touched.collect();
    comparison.follow_renames(&mut draft);
    leave_without_workspace(comparison, &mut draft);
    bind_owners(&mut draft);
    suggest_renames(&mut draft);
    draft
}

/// Says of a new member whose address a removed one had that it may be the same person.
fn suggest_renames(draft: &mut Draft) {
    let address = |row: &Row| member(&row.spec).map(|member| member.email.to_ascii_lowercase());
    let people = draft.changes.iter().filter(|change| change.key.kind == Kind::Member && change.is_removal());
    let gone: BTreeMap<String, Name> =
        people.filter_map(|change| Some((address(change.before.as_ref()?)?, change.key.name.clone()))).collect();
    let new = |change: &&mut Change| change.key.kind == Kind::Member && change.verb == Verb::Create && !gone.is_empty();
    for change in draft.changes.iter_mut().filter(new) {
        if let Some(old) = change.after.as_deref().and_then(address).and_then(|address| gone.get(&address)) {
            let same = format!("has the address of member/{old}, which is removed: previousNames: [{old}] would rename it");
            change.note = Some(change.note.take().map_or_else(|| same.clone(), |note| format!("{note}; {same}")).into());
        }
    }
}

/// The membership of a workspace's owner goes and comes with the change of the workspace.
fn bind_owners(draft: &mut Draft) {
    let is_implied = |change: &Change| change.key.kind == Kind::Membership && matches!(change.cause, Cause::Implied(_));
    if !draft.changes.iter().any(is_implied) {
        return;
    }
    let workspaces = draft.changes.iter().filter(|change| change.key.kind == Kind::Workspace && change.is_live());
    let roots: BTreeMap<Key, Key> =
        workspaces.map(|change| (change.key.clone(), change.root.clone().unwrap_or_else(|| change.key.clone()))).collect();
    for change in draft.changes.iter_mut().filter(|change| change.root.is_none() && is_implied(change)) {
        change.root = change.key.member_and_place().and_then(|(_, place)| roots.get(&place).cloned());
    }
}

impl Comparison<'_> {
    /// True when the organization is stored, but not in the input.
    pub(super) fn organization_is_missing(&self) -> bool {
        let is_stored = || self.renamed.rows.iter().any(|row| row.key.kind == Kind::Organization && row.is_live());
        !self.tenancy.present && is_stored()
    }

    fn both(&self, desired: &Desired, row: &Row, draft: &mut Draft) {
        let touched = self.renamed.touched.get(&row.key);
        if touched.is_none() && self.is_settled(desired, row) || self.is_left_to_another(desired, row) {
            draft.unchanged += 1;
            return;
        }
        let merged = self.merged(desired, row);
        let after = self.row_after(desired, row, &merged);
        let mut fields = with_state(merged.fields, row, &after);
        self.mark_unset(row.key.kind, &mut fields);
        let verb = self.verb(desired, row, touched, &fields);
        if !merged.drift.is_empty() {
            let noted = (verb.is_none() && row.digest.is_none()).then(|| Box::new(after.clone()));
            draft.drift.push(Drifted { key: row.key.clone(), fields: merged.drift, origin: desired.origin.clone(), noted });
        }
        let Some(verb) = verb else {
            draft.unchanged += 1;
            return;
        };
        let before = touched.map_or(row, |touched| &touched.observed);
        draft.changes.push(Change {
            verb,
            key: row.key.clone(),
            from: (before.key != row.key).then(|| before.key.name.clone()),
            cause: cause(desired, &fields),
            note: note(verb, row, &after),
            fields,
            before: Some(Box::new(before.clone())),
            after: Some(Box::new(after)),
            between: None,
            origin: desired.origin.clone(),
            root: touched.map(|touched| touched.root.clone()).filter(|root| *root != row.key),
            phase: Phase::Neutral,
        });
    }

    /// Who has no role any more has none at all where the policy gives none by default.
    fn mark_unset(&self, kind: Kind, fields: &mut [FieldChange]) {
        let is_role = |path: &str| matches!(kind, Kind::Member | Kind::Membership) && matches!(path, "role" | "roles");
        if self.policy.default_role.is_none() && !fields.iter().any(|field| is_role(&field.path) && field.to.is_some()) {
            fields.iter_mut().filter(|field| is_role(&field.path)).for_each(|field| field.unset = true);
        }
    }

    /// True when one look at the digest is enough.
    fn is_settled(&self, desired: &Desired, row: &Row) -> bool {
        row.digest == Some(desired.digest)
            && row.applied.is_none()
            && row.is_live()
            && self.has_right_manager(desired, row)
            && !self.ends_now(desired, row)
    }

    /// What a policy implies may be there already by another manager.
    fn is_left_to_another(&self, desired: &Desired, row: &Row) -> bool {
        let fits = |manager: &Manager| manager.is_policy() || *manager == self.context.manager;
        desired.implied_by.is_some() && !row.manager.as_ref().is_none_or(fits)
    }

    fn verb(&self, desired: &Desired, row: &Row, touched: Option<&Touched>, fields: &[FieldChange]) -> Option<Verb> {
        match touched {
            _ if !row.is_live() => Some(Verb::Restore),
            Some(touched) if touched.observed.key != row.key => Some(Verb::Rename),
            _ if !self.has_right_manager(desired, row) => Some(Verb::Adopt),
            _ if touched.is_some() || !fields.is_empty() => Some(Verb::Update),
            _ => None,
        }
    }

    /// What is part of a renamed object, or refers to it, follows the rename even when the input does not speak of it.
    fn follow_renames(&self, draft: &mut Draft) {
        if self.renamed.touched.is_empty() {
            return;
        }
        let changed: BTreeSet<Key> = draft.changes.iter().map(|change| change.key.clone()).collect();
        let rest = self.renamed.rows.iter().filter(|row| !changed.contains(&row.key));
        draft.changes.extend(rest.filter_map(|row| Some(follow(row, self.renamed.touched.get(&row.key)?))));
    }

    /// An implied object may be managed by the policy, or by us since the input named it once.
    fn has_right_manager(&self, desired: &Desired, row: &Row) -> bool {
        let ours = row.manager.as_ref() == Some(&self.context.manager);
        ours || (desired.implied_by.is_some() && row.manager.as_ref().is_some_and(Manager::is_policy))
    }

    fn ends_now(&self, desired: &Desired, row: &Row) -> bool {
        row.key.kind == Kind::Membership && row.ended_at != self.end_of(&desired.spec)
    }

    /// The end of a membership that has come. Few memberships have one.
    fn end_of(&self, spec: &str) -> Option<Timestamp> {
        if !spec.contains("expiresAt") {
            return None;
        }
        match View::read(Kind::Membership, spec) {
            View::Membership(membership) => membership.expires_at.filter(|end| *end <= self.context.now),
            _ => None,
        }
    }

    fn merged(&self, desired: &Desired, row: &Row) -> Merged {
        let last = row.last_applied().map(parsed);
        let mut wanted = parsed(&desired.spec);
        self.own(&desired.key, &mut wanted);
        merge(row.key.kind, last.as_ref(), &wanted, &parsed(&row.spec), self.policy.drift)
    }

    /// A workspace whose document names no owner has the one who first applied it.
    fn own(&self, key: &Key, spec: &mut Value) {
        if let (Some(owner), Value::Object(fields)) = (self.tenancy.owners.get(key), spec) {
            fields.entry("owner").or_insert_with(|| owner.as_str().into());
        }
    }

    fn row_after(&self, desired: &Desired, row: &Row, merged: &Merged) -> Row {
        let spec: Box<str> = merged.spec.to_string().into();
        let mut after = Row {
            digest: Some(desired.digest),
            applied: (spec != desired.spec).then(|| desired.spec.clone()),
            manager: Some(self.manager_of(desired)),
            tombstone: None,
            spec,
            ..row.clone()
        };
        if desired.implied_by.is_some() && row.manager.as_ref() == Some(&self.context.manager) {
            after.manager.clone_from(&row.manager);
        }
        match row.key.kind {
            Kind::Membership => after.ended_at = self.end_of(&after.spec),
            Kind::Member => self.answer_to_invitation(row, &mut after),
            _ => {}
        }
        after
    }

    /// Another address is another person, and a raised `spec.invitation` asks again: both have to answer anew.
    fn answer_to_invitation(&self, row: &Row, after: &mut Row) {
        let (Some(old), Some(new)) = (member(&row.spec), member(&after.spec)) else { return };
        let another_person = !old.email.eq_ignore_ascii_case(&new.email);
        if another_person || asks_again(row, &old, &new) {
            let direct = self.policy.invitations.mode == InvitationMode::Direct;
            after.invited_at = Some(self.context.now);
            after.accepted_at = direct.then_some(self.context.now);
            after.declined_at = None;
        }
    }

    fn manager_of(&self, desired: &Desired) -> Manager {
        if desired.implied_by.is_some() { Manager::new(Manager::POLICY) } else { self.context.manager.clone() }
    }

    fn create(&self, desired: &Desired) -> Change {
        let mut spec = parsed(&desired.spec);
        if let (Kind::Workspace, Some(residency), Value::Object(fields)) =
            (desired.key.kind, self.policy.default_residency, &mut spec)
        {
            fields.entry("dataResidency").or_insert_with(|| residency.as_str().into());
        }
        self.own(&desired.key, &mut spec);
        let fields = all_fields(&spec);
        let spec: Box<str> = spec.to_string().into();
        let is_member = desired.key.kind == Kind::Member;
        let direct = self.policy.invitations.mode == InvitationMode::Direct;
        let after = Row {
            id: self.new_id(&desired.key),
            key: desired.key.clone(),
            digest: Some(desired.digest),
            applied: (spec != desired.spec).then(|| desired.spec.clone()),
            manager: Some(self.manager_of(desired)),
            tombstone: None,
            external_id: None,
            former_names: self.names_of_others(desired),
            created_at: self.context.now,
            invited_at: is_member.then_some(self.context.now),
            accepted_at: (is_member && direct).then_some(self.context.now),
            declined_at: None,
            ended_at: (desired.key.kind == Kind::Membership).then(|| self.end_of(&desired.spec)).flatten(),
            spec,
        };
        Change {
            verb: Verb::Create,
            key: desired.key.clone(),
            from: None,
            cause: desired.implied_by.map_or(Cause::Git, |rule| Cause::Implied(rule.into())),
            fields,
            before: None,
            note: (is_member && !direct).then(|| "invited; has access once the invitation is accepted".into()),
            after: Some(Box::new(after)),
            between: None,
            origin: desired.origin.clone(),
            root: None,
            phase: Phase::Gain,
        }
    }

    /// The previous names of a new object that the input has for others. They are behind it from the beginning, or the next plan
    /// would take two new objects that name each other for a swap.
    fn names_of_others(&self, desired: &Desired) -> Vec<Name> {
        let is_of_another =
            |name: &&Name| **name != desired.key.name && self.tenancy.mentions(&Key::new(desired.key.kind, (*name).clone()));
        desired.previous_names.iter().filter(is_of_another).cloned().collect()
    }

    /// The id of something new. It follows from the organization, the revision and what it is for.
    pub(super) fn new_id(&self, key: &Key) -> ObjectId {
        let Revision { number, stamp } = self.revision;
        ObjectId::derived([
            self.tenancy.organization.as_bytes(),
            &number.to_be_bytes(),
            &stamp.to_be_bytes(),
            key.kind.as_str().as_bytes(),
            key.name.as_bytes(),
        ])
    }
}

/// The path under which a plan shows that a limited membership has ended.
pub const ENDED: &str = "(ended)";

/// Adds what changes beside the spec: the recorded end of a membership.
fn with_state(mut fields: Vec<FieldChange>, before: &Row, after: &Row) -> Vec<FieldChange> {
    if before.ended_at != after.ended_at {
        let text = |time: Option<Timestamp>| time.map(|time| Value::from(time.to_string()));
        fields.push(FieldChange {
            path: ENDED.into(),
            from: text(before.ended_at),
            to: text(after.ended_at),
            drift: false,
            unset: false,
        });
    }
    fields
}

fn cause(desired: &Desired, fields: &[FieldChange]) -> Cause {
    match desired.implied_by {
        Some(rule) => Cause::Implied(rule.into()),
        None if !fields.is_empty() && fields.iter().all(|field| field.drift) => Cause::Drift,
        None if !fields.is_empty() && fields.iter().all(|field| &*field.path == ENDED) => Cause::Time,
        None => Cause::Git,
    }
}

/// The change of a row that only follows the rename of another.
fn follow(row: &Row, touched: &Touched) -> Change {
    let moved = touched.observed.key != row.key;
    Change {
        verb: if moved { Verb::Rename } else { Verb::Update },
        key: row.key.clone(),
        from: moved.then(|| touched.observed.key.name.clone()),
        cause: Cause::Git,
        fields: Vec::new(),
        before: Some(Box::new(touched.observed.clone())),
        after: Some(Box::new(row.clone())),
        between: None,
        origin: None,
        root: Some(touched.root.clone()),
        phase: Phase::Prepare,
        note: (!row.is_live()).then(|| "stays deleted".into()),
    }
}

fn note(verb: Verb, row: &Row, after: &Row) -> Option<Box<str>> {
    if let Some(tombstone) = &row.tombstone {
        return Some(format!("deleted {} by {}", tombstone.at, tombstone.by).into());
    }
    if verb == Verb::Adopt {
        return Some(match &row.manager {
            None => "was managed by nobody".into(),
            Some(manager) => format!("was managed by {manager}").into(),
        });
    }
    let (old, new) = (row.key.kind == Kind::Member).then(|| member(&row.spec).zip(member(&after.spec)))??;
    if !old.email.eq_ignore_ascii_case(&new.email) {
        return Some("another address is another person".into());
    }
    asks_again(row, &old, &new).then(|| "invited again".into())
}

/// A raised `spec.invitation` asks whoever has not accepted once more.
fn asks_again(row: &Row, old: &MemberView, new: &MemberView) -> bool {
    new.invitation > old.invitation && row.accepted_at.is_none()
}

fn member(spec: &str) -> Option<MemberView> {
    match View::read(Kind::Member, spec) {
        View::Member(member) => Some(member),
        _ => None,
    }
}

/// A stored spec as a value. What another hand left unreadable counts as empty, so that everything desired is written.
pub fn parsed(spec: &str) -> Value {
    serde_json::from_str(spec).ok().filter(Value::is_object).unwrap_or_else(|| Value::Object(Map::new()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::plan::render::fixture::{Fixture, key};

    #[test]
    fn drift_is_noted_once_and_not_beside_a_change_of_the_object() {
        let spec = |name: &str| json!({ "displayName": name, "language": "ENGLISH" });
        let mut fixture = Fixture::new().both("workspace/design", spec("Design"));
        fixture = fixture.drifted("workspace/design", &json!({ "displayName": "Design", "language": "HINDI" }));
        let noted = fixture.plan().drift.remove(0).noted.unwrap();
        let at = fixture.snapshot.rows.iter().position(|row| row.key == key("workspace/design")).unwrap();
        let found = std::mem::replace(&mut fixture.snapshot.rows[at], *noted);
        let plan = fixture.plan();
        assert_eq!((plan.drift.len(), plan.is_empty()), (1, true));
        fixture.snapshot.rows[at] = found;
        fixture.tenancy.objects.retain(|desired| desired.key != key("workspace/design"));
        let plan = fixture.wanted("workspace/design", spec("Drawing")).plan();
        assert_eq!((plan.changes.len(), plan.drift.len(), plan.drift[0].noted.is_some()), (1, 1, false));
    }
    #[test]
    fn of_its_previous_names_a_new_object_begins_with_those_that_others_of_the_input_have() {
        let fixture = Fixture::new().wanted("workspace/a", json!({})).wanted("workspace/b", json!({}));
        let fixture = fixture.renamed("workspace/a", "gone").renamed("workspace/a", "b").renamed("workspace/a", "a");
        let change = fixture.plan().changes.into_iter().find(|change| change.key == key("workspace/a")).unwrap();
        assert_eq!(change.after.unwrap().former_names, ["b"]);
    }
}
