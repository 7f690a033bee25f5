//! Names that pass from one object to another.

use super::*;

/// An object that has this name at the service, with this id.
fn called(world: World, object: &str, name: &str, external_id: &str) -> World {
    let named = format!("{}/{name}", key(object).kind.label());
    let world = world.has(&named, external_id, json!({"a": 1})).sent(object, Some(external_id), json!({"a": 1}));
    world.noted(|entry| drop(entry.sent.insert("name".into(), name.into())))
}

#[test]
fn a_name_that_one_object_gives_up_and_another_one_gets_is_not_taken_for_the_same_thing() {
    for adoption in [AdoptionPolicy::Refuse, AdoptionPolicy::Adopt] {
        for fields in [json!({"a": 1}), json!({"a": 2})] {
            // The newcomer comes first, in the order of the objects.
            let world = World::new().wants("template/a-new", fields).last(|it| it.name = "show".into());
            let world = world.wants("mrole/host", json!({})).last(|it| it.within = Some(id("template/a-new")));
            let world = world.wants("template/old", json!({"a": 1}));
            let world = World { adoption, ..called(world, "template/old", "show", "t1") };
            assert_eq!(world.says(), ["update template/old name", "create template/a-new a", "create mrole/host"]);
        }
    }
}

#[test]
fn a_name_that_another_object_keeps_there_is_waited_for() {
    let world = World::new().wants("template/a", json!({"a": 1})).last(|it| it.name = "show".into());
    let world = called(world.wants("template/old", json!({"a": 1})), "template/old", "show", "t1");
    let mut world = world.noted(|entry| drop(entry.sent.insert("name".into(), "old".into())));
    world.drift = DriftPolicy::Warn;
    let held = "template/a held: template/old has that name there, and does not get another one now";
    assert_eq!(world.says(), [held, "template/old drifted"]);
    world.drift = DriftPolicy::Correct;
    assert_eq!(world.says(), ["update template/old name (drift)", "create template/a a"]);
}

#[test]
fn names_move_on_one_after_the_other_and_two_that_swap_theirs_are_told_how() {
    let world = |last: &str| {
        let world = World::new().wants("template/a", json!({"a": 1})).last(|it| it.name = "two".into());
        let world = world.wants("template/b", json!({"a": 1})).last(|it| it.name = last.into());
        called(called(world, "template/a", "one", "t1"), "template/b", "two", "t2")
    };
    assert_eq!(world("three").says(), ["update template/b name", "update template/a name"]);
    let swapped = world("one");
    assert_eq!(swapped.says(), ["template/a refused by taken-at-service", "template/b refused by taken-at-service"]);
    let refusal = swapped.compared().refusals.remove(0);
    assert!(refusal.way_out.contains("that one is template/b: give it another name first"), "{}", refusal.way_out);
}

#[test]
fn what_an_object_that_is_gone_had_there_is_taken_over_with_its_name_and_not_removed() {
    for (fields, adopts) in [(json!({"a": 1}), "adopt silently mrole/chair"), (json!({"a": 2}), "adopt mrole/chair a")] {
        let world = World::new().wants("mrole/chair", fields).last(|it| it.name = "host".into());
        let mut world = called(world, "mrole/host", "host", "r1");
        world.purged.insert(id("mrole/host"));
        assert_eq!(world.says(), [adopts, "remove silently mrole/host"]);
        let notes: Vec<_> = world.compared().calls.into_iter().filter_map(|call| call.note).collect();
        let expected = ["it was there for mrole/host, which is gone here", "it stays there for mrole/chair"];
        assert_eq!(notes.iter().map(|note| &**note).collect::<Vec<_>>(), expected);
        // The other one may be soft-deleted as well, and the first of the two calls done.
        world.purged.clear();
        let world =
            world.wants("mrole/host", json!({})).last(|it| it.live = false).sent("mrole/chair", Some("r1"), json!({"a": 1}));
        let world = world.noted(|entry| drop(entry.sent.insert("name".into(), "host".into())));
        assert!(world.says().ends_with(&["remove silently mrole/host".to_owned()]), "{:?}", world.says());
    }
}

#[test]
fn a_template_is_taken_over_with_its_roles() {
    let world = World::new().wants("template/new", json!({"a": 1})).last(|it| it.name = "show".into());
    let world = world.wants("mrole/chair", json!({"a": 1}));
    let mut world = world.last(|it| (it.name, it.within) = ("host".into(), Some(id("template/new"))));
    world = called(called(world, "template/old", "show", "t1"), "mrole/host", "host", "r1");
    world = world.noted(|entry| entry.within = Some(id("template/old")));
    world.found[1].within = Some("t1".into());
    world.purged = [id("template/old"), id("mrole/host")].into();
    let forgets = ["remove silently mrole/host", "remove silently template/old"];
    assert_eq!(world.says(), [["adopt silently template/new", "adopt silently mrole/chair"], forgets].concat());
    let forgotten = world.compared().calls.into_iter().filter(|call| call.deed == Deed::Remove);
    assert!(forgotten.into_iter().all(|call| call.within.is_none()), "whatever became of the old template");
}

#[test]
fn what_waits_for_an_approval_to_be_taken_over_is_not_removed_meanwhile() {
    let mut world = called(host().sent("mrole/host", Some("r0"), json!({})), "mrole/former", "host", "r1");
    world.purged.insert(id("mrole/former"));
    assert_eq!(world.says(), ["mrole/host refused by other-id-at-service"]);
}

#[test]
fn what_is_soft_deleted_hands_its_thing_over_and_what_is_only_not_spoken_of_keeps_it() {
    let chair = || World::new().wants("mrole/chair", json!({"a": 1})).last(|it| it.name = "host".into());
    let deleted = called(chair().wants("mrole/host", json!({"a": 1})).last(|it| it.live = false), "mrole/host", "host", "r1");
    assert_eq!(deleted.says(), ["adopt silently mrole/chair", "remove silently mrole/host"]);
    let stored = called(chair(), "mrole/host", "host", "r1");
    assert_eq!(stored.says(), ["mrole/chair held: mrole/host has that name there, and does not get another one now"]);
}

#[test]
fn only_a_new_name_of_who_has_the_name_gives_it_up() {
    let world = World::new().wants("template/a", json!({"a": 1})).last(|it| it.name = "show".into());
    let world = called(world.wants("template/b", json!({"a": 1})), "template/b", "before", "t2");
    let world = called(world.wants("template/old", json!({"a": 2})), "template/old", "show", "t1");
    let mut world = world.noted(|entry| drop(entry.sent.insert("name".into(), "old".into())));
    world.drift = DriftPolicy::Warn;
    let held = "template/a held: template/old has that name there, and does not get another one now";
    assert_eq!(world.says(), ["update template/b name", "update template/old a", held, "template/old drifted"]);
}

#[test]
fn a_name_that_is_given_up_goes_to_what_vanished_as_the_policy_on_drift_says_and_to_what_is_new_in_any_case() {
    let world = World::new().wants("template/a", json!({"a": 1})).last(|it| it.name = "show".into());
    let mut world = called(world.wants("template/old", json!({"a": 1})), "template/old", "show", "t1");
    world.drift = DriftPolicy::Warn;
    assert_eq!(world.says(), ["update template/old name", "create template/a a"]);
    let world = world.sent("template/a", Some("t0"), json!({"a": 1}));
    assert_eq!(world.says(), ["update template/old name", "template/a drifted"]);
}

#[test]
fn what_has_its_own_name_waits_for_nobody() {
    let world = World::new().wants("mrole/a", json!({"r": 2})).wants("mrole/b", json!({"r": 1}));
    let world = called(called(world, "mrole/a", "a", "r1"), "mrole/b", "before", "r2");
    assert_eq!(world.says(), ["update mrole/a a r", "update mrole/b name a r"]);
}

#[test]
fn a_secret_of_the_service_is_told_by_its_id_and_not_by_a_name_that_others_have_too() {
    let key = |world: World, object: &str| world.wants(object, json!({})).last(|it| it.name = "api-key".into());
    let mut world = key(key(World::new(), "credential/a"), "credential/b").has("credential/a", "k1", json!({}));
    world.found[0].name = "api-key".into();
    let world = world.sent("credential/a", Some("k1"), json!({"generation": 0, "name": "api-key"}));
    let calls = world.compared().calls;
    let told: Vec<_> = calls.iter().map(|call| (call.word(), call.key.to_string(), call.note.as_deref())).collect();
    assert_eq!(told, [("adopt", "credential/b".to_owned(), Some("it was there already"))]);
}
