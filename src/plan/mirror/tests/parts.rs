//! What is a part of something else there.

use super::*;

/// A template with these fields and the roles that are parts of it.
fn demo(fields: Value, roles: &[&str]) -> World {
    let world = World::new().wants("template/demo", fields);
    roles.iter().fold(world, |world, role| {
        world.wants(&format!("mrole/{role}"), json!({"priority": 1})).last(|it| it.within = Some(id("template/demo")))
    })
}

/// A role that is a part of this one there.
fn part(world: World, role: &str, external_id: &str, whole: &str) -> World {
    let mut world = world.has(role, external_id, json!({"priority": 1}));
    world.found.last_mut().unwrap().within = Some(whole.into());
    world
}

#[test]
fn what_names_parts_is_sent_once_they_are_there_and_before_anything_is_removed() {
    let mut world = demo(json!({"color": "red", "uses": "host"}), &["host", "guest"]);
    world = world.has("mrole/gone", "r9", json!({})).sent("mrole/gone", Some("r9"), json!({}));
    world.purged.insert(id("mrole/gone"));
    let in_two = [
        "create template/demo color",
        "create mrole/host priority",
        "create mrole/guest priority",
        "update template/demo uses",
        "remove mrole/gone",
    ];
    assert_eq!(world.says(), in_two);
    let calls = world.compared().calls;
    assert_eq!(calls[3].note.as_deref(), Some("once its parts are there"));
    assert_eq!(Value::Object(calls[0].sent.clone()), json!({"color": "red", "name": "demo"}), "it is not known to be sent yet");
    assert_eq!(Value::Object(calls[3].sent.clone()), json!({"color": "red", "name": "demo", "uses": "host"}));
    let made = |fields: Value| demo(fields, &["host"]).says();
    assert_eq!(made(json!({"color": "red"})), ["create template/demo color", "create mrole/host priority"]);
    let nothing_else = ["create template/demo", "create mrole/host priority", "update template/demo uses"];
    assert_eq!(made(json!({"uses": "host"})), nothing_else);
}

#[test]
fn what_is_there_and_names_a_part_that_is_made_changes_after_it() {
    let there = |color: &str| {
        let world = demo(json!({"color": color, "uses": "host"}), &["host"]);
        let before = json!({"color": "red", "uses": "guest"});
        let world = world.has("template/demo", "t1", before.clone()).sent("template/demo", Some("t1"), before);
        world.noted(|entry| entry.intent = Some(begun(Deed::Update, json!({}))))
    };
    assert_eq!(there("red").says(), ["create mrole/host priority", "update template/demo uses"]);
    assert_eq!(there("red").compared().calls[0].within_id.as_deref(), Some("t1"));
    let in_two = ["update template/demo color", "create mrole/host priority", "update template/demo uses"];
    assert_eq!(there("blue").says(), in_two);
    let calls = there("blue").compared().calls;
    assert_eq!(Value::Object(calls[0].sent.clone()), json!({"color": "blue", "uses": "guest", "name": "demo"}));
    assert!(calls[0].again && !calls[2].again, "what was begun was not the second of them");
}

#[test]
fn what_is_taken_over_and_names_a_part_that_is_made_changes_after_it() {
    let taken_over = |color: &str| {
        let world = demo(json!({"color": color, "uses": "host"}), &["host"]);
        let world = world.has("template/demo", "t1", json!({"color": "red", "uses": "guest"}));
        World { adoption: AdoptionPolicy::Adopt, ..world }.says()
    };
    let then = ["create mrole/host priority", "update template/demo uses"];
    assert_eq!(taken_over("red"), [&["adopt silently template/demo"][..], &then].concat());
    assert_eq!(taken_over("blue"), [&["adopt template/demo color"][..], &then].concat());
}

#[test]
fn what_names_a_part_waits_for_its_name_and_for_no_other_change_of_it() {
    let with = |name: &str, priority: i64| {
        let before = json!({"uses": "guest"});
        let world = demo(json!({"uses": "host"}), &["host"]);
        let world = world.has("template/demo", "t1", before.clone()).sent("template/demo", Some("t1"), before);
        let mut world = part(world, "mrole/host", "r1", "t1").sent("mrole/host", Some("r1"), json!({"priority": 1}));
        world.found[1].name = name.into();
        world.wanted[1].fields = map(json!({"priority": priority}));
        world.says()
    };
    assert_eq!(with("guest", 1), ["update mrole/host name (drift)", "update template/demo uses"]);
    assert_eq!(with("host", 2), ["update template/demo uses", "update mrole/host priority"]);
}

#[test]
fn a_part_of_what_is_not_there_is_held_and_a_part_of_what_is_hidden_is_compared() {
    let mut gone = demo(json!({}), &["host"]).sent("template/demo", Some("t1"), json!({}));
    gone.drift = DriftPolicy::Warn;
    let held = "mrole/host held: what it is a part of is not there, and is not made now";
    assert_eq!(gone.says(), [held, "template/demo drifted"]);

    let world = World::new().wants("workspace/live", json!({})).sent("workspace/live", Some("w1"), json!({}));
    let world = world.wants("mrole/host", json!({"priority": 1})).last(|it| it.within = Some(id("workspace/live")));
    let hidden = part(world, "mrole/host", "r1", "w1");
    let whole = "workspace/live held: Muster's account is no admin of it";
    assert_eq!(hidden.says(), ["adopt silently mrole/host", whole]);
}

#[test]
fn a_part_is_looked_for_in_the_whole_that_is_there_or_taken_over_or_renewed() {
    let adopted = part(demo(json!({}), &["host"]).has("template/demo", "t1", json!({})), "mrole/host", "r1", "t1");
    assert_eq!(adopted.says(), ["adopt silently template/demo", "adopt silently mrole/host"]);
    let known = |whole: &str| {
        let world = demo(json!({}), &["host"]).has("template/demo", "t1", json!({}));
        part(world.sent("template/demo", Some("t1"), json!({})), "mrole/host", "r1", whole).says()
    };
    assert_eq!(known("t1"), ["adopt silently mrole/host"]);
    assert_eq!(known("t2"), ["create mrole/host priority", "mrole r1 is foreign"], "another template has one of that name");
    let world = World::new().wants("credential/key", json!({})).last(|it| it.name = "key".into());
    let mut world = world.sent("credential/key", None, json!({})).has("credential/key", "k1", json!({}));
    world.found[0].name = "key".into();
    let world = world.noted(|entry| entry.intent = Some(begun(Deed::Create, json!({}))));
    let world = world.wants("mrole/host", json!({"priority": 1})).last(|it| it.within = Some(id("credential/key")));
    let renewed = part(world, "mrole/host", "r1", "k1");
    assert_eq!(renewed.says(), ["rotate credential/key", "adopt silently mrole/host"]);
}

#[test]
fn a_part_that_a_call_made_which_did_not_hear_back_goes_with_its_object() {
    let lost = |whole: &str| {
        let world = World::new().wants("workspace/live", json!({})).has("workspace/live", "w1", json!({}));
        let world = world.sent("workspace/live", Some("w1"), json!({})).wants("mrole/host", json!({}));
        let world = world.last(|it| (it.live, it.within) = (false, Some(id("workspace/live"))));
        let world = world.sent("mrole/host", None, json!({}));
        let world = world.noted(|entry| entry.intent = Some(begun(Deed::Create, json!({}))));
        part(world, "mrole/host", "r1", whole).says()
    };
    assert_eq!(lost("w1"), ["remove mrole/host"]);
    assert_eq!(lost("w2"), ["remove silently mrole/host", "mrole r1 is foreign"]);
}

#[test]
fn what_changes_after_its_parts_keeps_its_order() {
    let mut world = World::new();
    for (template, role, color) in [("template/a", "mrole/a", "blue"), ("template/b", "mrole/b", "red")] {
        let before = json!({"color": "red", "uses": "before"});
        world = world.wants(template, json!({"color": color, "uses": role})).has(template, template, before.clone());
        world = world.sent(template, Some(template), before).wants(role, json!({}));
        world = world.last(|it| it.within = Some(id(template)));
    }
    let expected =
        ["update template/a color", "create mrole/a", "create mrole/b", "update template/a uses", "update template/b uses"];
    assert_eq!(world.says(), expected);
}
