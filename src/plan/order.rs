use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Change, Phase, Verb};
use crate::api::membership_type::Level;
use crate::api::{Kind, Verb as Permission};
use crate::tenancy::view::View;
use crate::tenancy::{Row, World, level_of};

/// When a change is done, and the row in between where it is done in two steps.
pub type Step = (Phase, Option<Box<Row>>);

/// Says for each change when it is done, and splits those that both give and take access.
///
/// Names move first, and with them what refers to them. Then comes what gives access, then what does neither, then what takes:
/// so there is an admin at every step of a swap. What a thing needs is created before it and removed after it. A change that
/// gives and takes, or takes and moves a name, is done in two steps: first the union of both sides, then what is left. The
/// organization comes last, so that a run that goes on from here judges by the policy that this one judged by.
#[must_use]
pub fn steps(changes: &[Change], before: &World<'_>, after: &World<'_>) -> Vec<Step> {
    changes.iter().map(|change| step(change, before, after)).collect()
}

fn step(change: &Change, before: &World<'_>, after: &World<'_>) -> Step {
    match change.verb {
        Verb::SoftDelete | Verb::Purge | Verb::Release => (Phase::Loss, None),
        Verb::Create | Verb::Restore => (Phase::Gain, None),
        _ if change.key.kind == Kind::Organization => {
            let reach_changes = before.policy.implicit_admins != after.policy.implicit_admins;
            (Phase::Last, reach_changes.then(|| with_implicit_admins(change)).flatten())
        }
        _ if clears_default(change) => (Phase::Prepare, None),
        _ => {
            let had = Rights::of(change.before.as_deref(), before);
            let has = Rights::of(change.after.as_deref(), after);
            let (gains, loses) = (has.exceed(&had), had.exceed(&has) || has.ends_sooner_than(&had));
            if loses {
                (Phase::Loss, (gains || change.moves_a_name()).then(|| between(change)).flatten())
            } else if change.moves_a_name() {
                (Phase::Prepare, None)
            } else if gains || change.verb == Verb::Adopt {
                (Phase::Gain, None)
            } else {
                (Phase::Neutral, None)
            }
        }
    }
}

/// The changes in the order in which they are done.
#[must_use]
pub fn in_order(changes: Vec<Change>, steps: Vec<Step>) -> Vec<Change> {
    let place_in = |(change, (phase, between)): (Change, Step)| Change { between, phase, ..change };
    let mut changes: Vec<Change> = changes.into_iter().zip(steps).map(place_in).collect();
    changes.sort_by(|a, b| place(a).cmp(&place(b)));
    changes
}

/// Where a change stands in the order: removals go backwards, parts before what they are part of.
fn place(change: &Change) -> impl Ord {
    let kind = change.key.kind;
    let forwards = (!change.verb.removes()).then_some(kind);
    (change.phase, change.verb.removes(), forwards, Reverse(kind), change.key.name.clone())
}

/// What a row gives to its holder, as far as that depends on this row alone.
#[derive(Default)]
struct Rights {
    permissions: BTreeSet<Permission>,
    disabled: bool,
    ends: Option<Timestamp>,
}

impl Rights {
    fn of(row: Option<&Row>, world: &World<'_>) -> Self {
        let Some(row) = row.filter(|row| row.is_live()) else { return Self::default() };
        match View::read(row.key.kind, &row.spec) {
            View::Member(member) if member.disabled => Self { disabled: true, ..Self::default() },
            View::Member(member) => {
                Self { permissions: world.permissions_of(Level::Organization, &member.roles), ..Self::default() }
            }
            View::Membership(membership) => {
                let ends = membership.expires_at;
                let ended = ends.is_some_and(|end| end <= world.now);
                let level = row.key.member_and_place().map_or(Level::Workspace, |(_, place)| level_of(place.kind));
                let permissions = if ended { BTreeSet::new() } else { world.permissions_of(level, &membership.roles) };
                Self { permissions, ends, disabled: false }
            }
            View::MembershipType(view) => Self { permissions: view.permissions, ..Self::default() },
            _ => Self::default(),
        }
    }

    /// True when these rights go beyond the other ones.
    fn exceed(&self, other: &Self) -> bool {
        !self.permissions.is_subset(&other.permissions) || other.disabled && !self.disabled
    }

    fn ends_sooner_than(&self, other: &Self) -> bool {
        is_sooner(self.ends, other.ends)
    }
}

/// Whether an end comes before another one, which may be never.
fn is_sooner(end: Option<Timestamp>, other: Option<Timestamp>) -> bool {
    end.is_some_and(|end| other.is_none_or(|other| end < other))
}

fn clears_default(change: &Change) -> bool {
    let default = |row: Option<&Row>| {
        row.is_some_and(|row| matches!(View::read(Kind::Template, &row.spec), View::Template(view) if view.default))
    };
    change.key.kind == Kind::Template && default(change.before.as_deref()) && !default(change.after.as_deref())
}

/// The row that allows what the old one allowed and what the new one allows, for as long as either does.
fn between(change: &Change) -> Option<Box<Row>> {
    let (before, after) = (change.before.as_ref()?, change.after.as_ref()?);
    let mut ended_at = after.ended_at;
    let (old, mut union) = (super::diff::parsed(&before.spec), super::diff::parsed(&after.spec));
    let fields = union.as_object_mut()?;
    match change.key.kind {
        Kind::Member | Kind::Membership => {
            let roles: BTreeSet<String> = [&old, &Value::Object(fields.clone())].into_iter().flat_map(role_names).collect();
            fields.remove("role");
            fields.insert("roles".to_owned(), roles.into_iter().map(Value::from).collect());
            if old["disabled"] != true {
                fields.remove("disabled");
            }
            if is_sooner(end(&after.spec), end(&before.spec)) {
                fields.remove("expiresAt");
                fields.extend(old.get("expiresAt").map(|end| ("expiresAt".to_owned(), end.clone())));
                ended_at = before.ended_at;
            }
        }
        Kind::MembershipType => {
            let verbs: BTreeSet<String> = [&old["permissions"], &fields["permissions"]].into_iter().flat_map(words).collect();
            fields.insert("permissions".to_owned(), verbs.into_iter().map(Value::from).collect());
        }
        _ => {}
    }
    // What was applied is the union too, so that a run that goes on from here takes away what is in it and not in the input.
    let spec: Box<str> = union.to_string().into();
    Some(Box::new(Row { applied: Some(spec.clone()), spec, digest: None, ended_at, ..(**after).clone() }))
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

fn end(membership: &str) -> Option<Timestamp> {
    match View::read(Kind::Membership, membership) {
        View::Membership(membership) => membership.expires_at,
        _ => None,
    }
}

fn role_names(spec: &Value) -> Vec<String> {
    words(&spec["roles"]).into_iter().chain(spec["role"].as_str().map(str::to_owned)).collect()
}

fn words(list: &Value) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::plan::render::fixture::Fixture;
    use crate::plan::{Phase, Plan};

    fn order(plan: &Plan) -> Vec<String> {
        plan.changes.iter().map(|change| format!("{} {}", change.verb.symbol(), change.key)).collect()
    }

    fn member(role: &str) -> Value {
        json!({ "email": format!("{role}@acme.example"), "role": role })
    }

    #[test]
    fn what_a_thing_needs_comes_before_it_and_goes_after_it() {
        let tree = |fixture: Fixture, add: fn(Fixture, &str, Value) -> Fixture| {
            let fixture = add(fixture, "project/core", json!({}));
            let fixture = add(fixture, "workspace/design", json!({ "projectRef": { "name": "core" } }));
            let fixture = add(fixture, "template/meeting", json!({ "workspaceRef": { "name": "design" } }));
            add(fixture, "membership/root/workspace/design", json!({ "role": "Member" }))
        };
        let created = ["project/core", "workspace/design", "template/meeting", "member/root in workspace/design"];
        let plan = tree(Fixture::new(), Fixture::wanted).plan();
        assert_eq!(order(&plan), created.map(|key| format!("+ {key}")));
        let plan = tree(Fixture::new(), Fixture::stored).prune().plan();
        let removed: Vec<String> = created.iter().rev().map(|key| format!("- {key}")).collect();
        assert_eq!(order(&plan), removed);
    }

    #[test]
    fn who_gains_comes_before_who_loses() {
        let fixture = Fixture::new().stored("member/a", member("Admin")).stored("member/z", member("Member"));
        let swapped = |role: &str, email: &str| json!({ "email": format!("{email}@acme.example"), "role": role });
        let plan = fixture.wanted("member/a", swapped("Member", "Admin")).wanted("member/z", swapped("Admin", "Member")).plan();
        assert_eq!(order(&plan), ["~ member/z", "~ member/a"]);
        assert_eq!(plan.changes.iter().map(|change| change.phase).collect::<Vec<_>>(), [Phase::Gain, Phase::Loss]);
    }

    #[test]
    fn a_change_that_gives_and_takes_is_the_union_first() {
        let types = |allows: &str| json!({ "levels": ["Organization"], "permissions": [allows] });
        let plan = Fixture::new()
            .both("membership type/editor", types("content:write"))
            .both("membership type/keeper", types("media:create"))
            .stored("member/bob", json!({ "email": "bob@acme.example", "role": "editor" }))
            .wanted("member/bob", json!({ "email": "bob@acme.example", "role": "keeper" }))
            .plan();
        let between = plan.changes[0].between.as_ref().unwrap();
        assert_eq!(&*between.spec, r#"{"email":"bob@acme.example","roles":["editor","keeper"]}"#);
        assert_eq!(plan.steps().len(), 2);
    }

    #[test]
    fn who_is_renamed_and_disabled_is_disabled_after_the_names_have_moved() {
        let bob = |disabled: bool| json!({ "disabled": disabled, "email": "bob@acme.example", "role": "Member" });
        let fixture = Fixture::new().stored("member/bob", bob(false)).wanted("member/robert", bob(true));
        let plan = fixture.renamed("member/robert", "bob").plan();
        let between = plan.changes[0].between.as_ref().unwrap();
        assert_eq!(&*between.spec, r#"{"email":"bob@acme.example","roles":["Member"]}"#);
        assert_eq!(plan.steps().len(), 2);
    }

    #[test]
    fn an_end_that_comes_sooner_counts_after_the_names_have_moved() {
        let between = |was: Value, is: Value| {
            let fixture = Fixture::new().both("member/bob", json!({ "email": "bob@acme.example" }));
            let fixture = fixture.stored("workspace/design", json!({})).wanted("workspace/drawing", json!({}));
            let fixture = fixture.stored("membership/bob/workspace/design", was).wanted("membership/bob/workspace/drawing", is);
            let plan = fixture.renamed("workspace/drawing", "design").plan();
            plan.changes.iter().find_map(|change| change.between.clone()).unwrap().spec
        };
        let until = |end: &str| json!({ "expiresAt": format!("2027-{end}-01T00:00:00Z"), "role": "Member" });
        assert_eq!(&*between(json!({ "role": "Member" }), until("06")), r#"{"roles":["Member"]}"#);
        assert_eq!(&*between(until("06"), until("01")), r#"{"expiresAt":"2027-06-01T00:00:00Z","roles":["Member"]}"#);
    }

    #[test]
    fn names_and_all_that_refer_to_them_move_in_one_step() {
        let plan = Fixture::new()
            .stored("workspace/design", json!({}))
            .wanted("workspace/drawing", json!({}))
            .renamed("workspace/drawing", "design")
            .stored("template/meeting", json!({ "workspaceRef": { "name": "design" } }))
            .wanted("template/meeting", json!({ "workspaceRef": { "name": "drawing" } }))
            .both("workspace/other", json!({}))
            .wanted("workspace/new", json!({}))
            .plan();
        assert_eq!(order(&plan), ["> workspace/drawing", "~ template/meeting", "+ workspace/new"]);
        assert_eq!(plan.steps().iter().map(Vec::len).collect::<Vec<_>>(), [2, 1]);
    }

    #[test]
    fn new_objects_that_have_names_which_others_had_before_are_one_step() {
        let fixture =
            ["a", "b", "c", "d"].iter().fold(Fixture::new(), |it, name| it.wanted(&format!("workspace/{name}"), json!({})));
        let plan = fixture.renamed("workspace/b", "a").renamed("workspace/d", "b").wanted("project/core", json!({})).plan();
        assert_eq!(order(&plan), ["+ project/core", "+ workspace/a", "+ workspace/b", "+ workspace/c", "+ workspace/d"]);
        assert_eq!(plan.steps().iter().map(Vec::len).collect::<Vec<_>>(), [1, 3, 1]);
    }

    #[test]
    fn the_flag_of_the_default_template_is_cleared_before_it_is_set() {
        let template = |default: bool| json!({ "default": default, "workspaceRef": { "name": "design" } });
        let plan = Fixture::new()
            .both("workspace/design", json!({}))
            .stored("template/a", template(false))
            .wanted("template/a", template(true))
            .stored("template/b", template(true))
            .wanted("template/b", template(false))
            .plan();
        assert_eq!(order(&plan), ["~ template/b", "~ template/a"]);
        let ids: Vec<_> = plan.changes.iter().filter_map(|change| change.id()).collect();
        assert_eq!(plan.steps().iter().map(|step| step[0].0).collect::<Vec<_>>(), ids);
    }

    #[test]
    fn the_organization_changes_last_and_reaches_as_far_as_before_or_afterwards_until_then() {
        let plan = Fixture::new()
            .policy(&json!({ "policy": { "access": { "implicitAdmins": false } } }))
            .stored("membership/root/workspace/design", json!({ "role": "Admin" }))
            .wanted("membership/root/workspace/design", json!({ "role": "Admin" }))
            .both("workspace/design", json!({ "displayName": "Design" }))
            .wanted("project/core", json!({}))
            .wanted("membership/root/project/core", json!({ "role": "Admin" }))
            .plan();
        assert_eq!(order(&plan).last().map(String::as_str), Some("~ organization/acme"));
        let between = plan.changes.last().unwrap().between.as_ref().unwrap();
        assert_eq!(&*between.spec, r#"{"policy":{"access":{"implicitAdmins":true}}}"#);
        assert_eq!((between.last_applied(), between.digest), (Some("{}"), None));
    }

    #[test]
    fn a_membership_type_that_gives_and_takes_allows_both_first() {
        let types = |allows: &str| json!({ "levels": ["Workspace"], "permissions": [allows] });
        let fixture = Fixture::new().stored("membership type/editor", types("content:write"));
        let plan = fixture.wanted("membership type/editor", types("media:create")).plan();
        let between = plan.changes[0].between.as_ref().unwrap();
        assert_eq!(&*between.spec, r#"{"levels":["Workspace"],"permissions":["content:write","media:create"]}"#);
        assert_eq!((between.last_applied(), between.digest), (Some(&*between.spec), None));
    }

    #[test]
    fn an_end_that_comes_sooner_is_a_loss_and_one_that_comes_later_is_none() {
        let phase = |(was, until): (&str, &str), (is, then): (&str, &str)| {
            let entry = |role: &str, end: &str| json!({ "expiresAt": format!("2027-{end}-01T00:00:00Z"), "role": role });
            let fixture =
                Fixture::new().both("workspace/design", json!({})).both("member/bob", json!({ "email": "bob@acme.example" }));
            let fixture = fixture.stored("membership/bob/workspace/design", entry(was, until));
            fixture.wanted("membership/bob/workspace/design", entry(is, then)).plan().changes[0].phase
        };
        assert_eq!(phase(("Member", "06"), ("Member", "01")), Phase::Loss);
        assert_eq!(phase(("Member", "01"), ("Member", "06")), Phase::Neutral);
        assert_eq!(phase(("ReadOnly", "06"), ("Member", "06")), Phase::Gain);
    }

    #[test]
    fn a_template_that_keeps_its_flag_needs_no_room() {
        let template = |name: &str| json!({ "name": name, "workspaceRef": { "name": "design" } });
        let fixture = Fixture::new().both("workspace/design", json!({})).stored("template/a", template("a"));
        let plan = fixture.wanted("template/a", template("b")).plan();
        assert_eq!(plan.changes[0].phase, Phase::Neutral);
    }
}
