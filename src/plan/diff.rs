use jiff::Timestamp;
use serde_json::{Map, Value};

use super::draft::{Draft, Drifted};
use super::merge::{Merged, all_fields, merge};
use super::removal::remove;
use super::rename::Renamed;
use super::{Cause, Change, Context, FieldChange, Phase, Verb};
use crate::api::Kind;
use crate::api::policy::InvitationMode;
use crate::tenancy::{Desired, Key, Manager, ObjectId, Policy, Revision, Row, Tenancy, view};

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
/// | held | anything | nothing |
/// | no | ours | `SoftDelete` with `--prune`, otherwise listed as missing |
/// | no | ours, an entry of a list that is written | `SoftDelete` |
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
            _ if draft.waiting.contains_key(&desired.key) || draft.taken.contains_key(&desired.key) => {}
            Some(row) => comparison.both(desired, row, &mut draft),
            None => draft.changes.push(comparison.create(desired)),
        }
    }
    absent.extend(rows);
    remove(comparison, &absent, &mut draft);
    draft
}

impl Comparison<'_> {
    fn both(&self, desired: &Desired, row: &Row, draft: &mut Draft) {
        let touched = self.renamed.touched.get(&row.key);
        let settled = row.digest == Some(desired.digest) && row.applied.is_none() && row.is_live();
        if settled && touched.is_none() && self.has_right_manager(desired, row) && !self.ends_now(desired, row) {
            draft.unchanged += 1;
            return;
        }
        if desired.implied_by.is_some()
            && !row.manager.as_ref().is_none_or(|manager| manager.is_policy() || *manager == self.context.manager)
        {
            draft.unchanged += 1;
            return;
        }
        let merged = self.merged(desired, row);
        let after = self.row_after(desired, row, &merged);
        let fields = with_state(merged.fields, row, &after);
        let verb = match touched {
            _ if !row.is_live() => Verb::Restore,
            Some(touched) if touched.root == row.key || touched.observed.key != row.key => Verb::Rename,
            _ if !self.has_right_manager(desired, row) => Verb::Adopt,
            _ if touched.is_some() || !fields.is_empty() => Verb::Update,
            _ => {
                draft.unchanged += 1;
                if !merged.drift.is_empty() {
                    let noted = row.digest.is_none().then(|| Box::new(after));
                    draft.drift.push(Drifted {
                        key: row.key.clone(),
                        fields: merged.drift,
                        origin: desired.origin.clone(),
                        noted,
                    });
                }
                return;
            }
        };
        let before = touched.map_or(row, |touched| &touched.observed);
        draft.changes.push(Change {
            verb,
            key: row.key.clone(),
            from: (before.key != row.key).then(|| before.key.name.clone()),
            cause: self.cause(desired, row, &fields),
            note: note(row, &after),
            fields,
            before: Some(Box::new(before.clone())),
            after: Some(Box::new(after)),
            between: None,
            origin: desired.origin.clone(),
            root: touched.map(|touched| touched.root.clone()).filter(|root| *root != row.key),
            phase: Phase::Neutral,
        });
    }

    /// An implied object may be managed by the policy, or by us since the input named it once.
    fn has_right_manager(&self, desired: &Desired, row: &Row) -> bool {
        let ours = row.manager.as_ref() == Some(&self.context.manager);
        ours || (desired.implied_by.is_some() && row.manager.as_ref().is_some_and(Manager::is_policy))
    }

    fn ends_now(&self, desired: &Desired, row: &Row) -> bool {
        row.key.kind == Kind::Membership && row.ended_at != self.end_of(&desired.spec)
    }

    /// The end of a membership that has come.
    fn end_of(&self, spec: &str) -> Option<Timestamp> {
        let view: view::MembershipView = serde_json::from_str(spec).ok()?;
        view.expires_at.filter(|end| *end <= self.context.now)
    }

    fn merged(&self, desired: &Desired, row: &Row) -> Merged {
        let last = row.last_applied().map(parsed);
        merge(row.key.kind, last.as_ref(), &parsed(&desired.spec), &parsed(&row.spec), self.policy.drift)
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
        let asked_again = new.invitation > old.invitation && row.accepted_at.is_none();
        if another_person || asked_again {
            let direct = self.policy.invitations.mode == InvitationMode::Direct;
            after.invited_at = Some(self.context.now);
            after.accepted_at = direct.then_some(self.context.now);
            after.declined_at = None;
        }
    }

    fn cause(&self, desired: &Desired, row: &Row, fields: &[FieldChange]) -> Cause {
        match desired.implied_by {
            Some(rule) => Cause::Implied(rule.into()),
            None if fields.is_empty() && self.ends_now(desired, row) => Cause::Time,
            None if !fields.is_empty() && fields.iter().all(|field| field.drift) => Cause::Drift,
            None if !fields.is_empty() && fields.iter().all(|field| &*field.path == ENDED) => Cause::Time,
            None => Cause::Git,
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
            former_names: Vec::new(),
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
        fields.push(FieldChange { path: ENDED.into(), from: text(before.ended_at), to: text(after.ended_at), drift: false });
    }
    fields
}

fn note(row: &Row, after: &Row) -> Option<Box<str>> {
    if let Some(tombstone) = &row.tombstone {
        return Some(format!("deleted {} by {}", tombstone.at, tombstone.by).into());
    }
    let (old, new) = (member(&row.spec), member(&after.spec));
    let another_person =
        row.key.kind == Kind::Member && old.zip(new).is_some_and(|(old, new)| !old.email.eq_ignore_ascii_case(&new.email));
    another_person.then(|| "another address is another person".into())
}

fn member(spec: &str) -> Option<view::MemberView> {
    serde_json::from_str(spec).ok()
}

/// A stored spec as a value. What another hand left unreadable counts as empty, so that everything desired is written.
pub fn parsed(spec: &str) -> Value {
    serde_json::from_str(spec).ok().filter(Value::is_object).unwrap_or_else(|| Value::Object(Map::new()))
}
