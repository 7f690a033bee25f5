use std::cmp::Reverse;
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Change, Phase, Verb};
use crate::api::{Kind, Verb as Permission};
use crate::tenancy::view::View;
use crate::tenancy::{Row, World};

/// Puts the changes into the order in which they are done, and splits those that both give and take access.
///
/// Names move first. Then comes what gives access, then what does neither, then what takes: so there is an admin at every step
/// of a swap. What a thing needs is created before it and removed after it. A change that gives and takes, or takes and moves a
/// name, is done in two steps: first the union of both sides, then what is left. The organization comes last, so that a run
/// that goes on from here judges by the policy that this one judged by.
pub fn order(changes: &mut [Change], before: &World<'_>, after: &World<'_>) {
    for change in changes.iter_mut() {
        let (gains, loses) = (gains(change, before, after), loses(change, before, after));
        change.phase = match change.verb {
            Verb::SoftDelete | Verb::Purge | Verb::Release => Phase::Loss,
            Verb::Create | Verb::Restore => Phase::Gain,
            _ if change.key.kind == Kind::Organization => Phase::Last,
            _ if clears_default(change) => Phase::Prepare,
            _ if loses => Phase::Loss,
            Verb::Rename => Phase::Prepare,
            Verb::Adopt => Phase::Gain,
            Verb::Update if gains => Phase::Gain,
            Verb::Update => Phase::Neutral,
        };
        if change.phase == Phase::Last && before.policy.implicit_admins != after.policy.implicit_admins {
            change.between = with_implicit_admins(change);
        }
        if change.phase == Phase::Loss && change.was_live() && change.is_live() && (gains || change.verb == Verb::Rename) {
            change.between = between(change);
        }
    }
    changes.sort_by(|a, b| place(a).cmp(&place(b)));
}

/// Where a change stands in the order: removals go backwards, parts before what they are part of.
fn place(change: &Change) -> impl Ord {
    let kind = change.key.kind;
    let forwards = (!change.verb.removes()).then_some(kind);
    (change.phase, change.verb.removes(), forwards, Reverse(kind), change.key.name.clone())
}

/// The permissions that a row gives to its holder, as far as they depend on this row alone.
fn permissions(row: Option<&Row>, world: &World<'_>) -> BTreeSet<Permission> {
    let Some(row) = row.filter(|row| row.is_live()) else { return BTreeSet::new() };
    match View::read(row.key.kind, &row.spec) {
        View::Member(member) if member.disabled => BTreeSet::new(),
        View::Member(member) => world.permissions_of(&member.roles),
        View::Membership(membership) if membership.expires_at.is_some_and(|end| end <= world.now) => BTreeSet::new(),
        View::Membership(membership) => world.permissions_of(&membership.roles),
        View::MembershipType(view) => view.permissions,
        _ => BTreeSet::new(),
    }
}

fn gains(change: &Change, before: &World<'_>, after: &World<'_>) -> bool {
    let (had, has) = (permissions(change.before.as_deref(), before), permissions(change.after.as_deref(), after));
    !has.is_subset(&had) || is_disabled(change.before.as_deref()) && !is_disabled(change.after.as_deref())
}

fn loses(change: &Change, before: &World<'_>, after: &World<'_>) -> bool {
    let (had, has) = (permissions(change.before.as_deref(), before), permissions(change.after.as_deref(), after));
    let disabled = !is_disabled(change.before.as_deref()) && is_disabled(change.after.as_deref());
    !had.is_subset(&has) || disabled || ends_sooner(change)
}

fn is_disabled(row: Option<&Row>) -> bool {
    row.is_some_and(|row| matches!(View::read(row.key.kind, &row.spec), View::Member(member) if member.disabled))
}

fn ends_sooner(change: &Change) -> bool {
    let end = |row: Option<&Row>| match row.map(|row| View::read(row.key.kind, &row.spec)) {
        Some(View::Membership(membership)) => membership.expires_at,
        _ => None,
    };
    match (end(change.before.as_deref()), end(change.after.as_deref())) {
        (_, None) => false,
        (None, Some(_)) => change.was_live(),
        (Some(was), Some(is)) => is < was,
    }
}

fn clears_default(change: &Change) -> bool {
    let default = |row: Option<&Row>| {
        row.is_some_and(|row| matches!(View::read(Kind::Template, &row.spec), View::Template(view) if view.default))
    };
    change.key.kind == Kind::Template
        && change.was_live()
        && change.is_live()
        && default(change.before.as_deref())
        && !default(change.after.as_deref())
}

/// The row that allows what the old one allowed and what the new one allows.
fn between(change: &Change) -> Option<Box<Row>> {
    let (before, after) = (change.before.as_ref()?, change.after.as_ref()?);
    let (old, mut union) = (super::diff::parsed(&before.spec), super::diff::parsed(&after.spec));
    let fields = union.as_object_mut()?;
    match change.key.kind {
        Kind::Member | Kind::Membership => {
            let roles: BTreeSet<String> = [&old, &Value::Object(fields.clone())].into_iter().flat_map(role_names).collect();
            fields.remove("role");
            fields.insert("roles".to_owned(), roles.into_iter().map(Value::from).collect());
        }
        Kind::MembershipType => {
            let verbs: BTreeSet<String> = [&old["permissions"], &fields["permissions"]].into_iter().flat_map(words).collect();
            fields.insert("permissions".to_owned(), verbs.into_iter().map(Value::from).collect());
        }
        _ => {}
    }
    // What was applied is the union too, so that a run that goes on from here takes away what is in it and not in the input.
    let spec: Box<str> = union.to_string().into();
    Some(Box::new(Row { applied: Some(spec.clone()), spec, digest: None, ..(**after).clone() }))
}

/// The organization as it was, but with admins that reach everywhere, when they did so before or will do so afterwards.
fn with_implicit_admins(change: &Change) -> Option<Box<Row>> {
    let before = change.before.as_ref()?;
    let mut spec = super::diff::parsed(&before.spec);
    let policy = spec.as_object_mut()?.entry("policy").or_insert_with(|| json!({}));
    let access = policy.as_object_mut()?.entry("access").or_insert_with(|| json!({}));
    access.as_object_mut()?.insert("implicitAdmins".to_owned(), true.into());
    let applied = before.last_applied().map(Into::into);
    Some(Box::new(Row { spec: spec.to_string().into(), applied, digest: None, ..(**before).clone() }))
}

fn role_names(spec: &Value) -> Vec<String> {
    words(&spec["roles"]).into_iter().chain(spec["role"].as_str().map(str::to_owned)).collect()
}

fn words(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}
