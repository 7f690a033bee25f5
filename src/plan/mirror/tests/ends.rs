//! What is wanted no longer.

use super::*;

/// An object that is soft-deleted and was sent.
fn gone(object: &str) -> World {
    World::new().wants(object, json!({})).last(|it| it.live = false).sent(object, Some("x1"), json!({}))
}

#[test]
fn what_is_removed_and_is_not_there_is_forgotten_where_that_means_that_it_is_gone() {
    assert_eq!(gone("mrole/host").says(), ["remove silently mrole/host"]);
    assert_eq!(gone("template/demo").says(), ["remove silently template/demo"]);
    assert_eq!(gone("credential/key").says(), ["remove silently credential/key"]);
    let mut hidden = gone("workspace/live");
    assert_eq!(hidden.says(), Vec::<String>::new());
    hidden.wanted.clear();
    hidden.purged.insert(id("workspace/live"));
    assert_eq!(hidden.says(), ["remove silently workspace/live"]);
    assert_eq!(gone("workspace/live").has("workspace/live", "x1", json!({})).says(), ["remove workspace/live"]);
}

#[test]
fn a_removal_that_an_earlier_run_began_is_known_as_such() {
    let again = |deed| {
        let world = gone("mrole/host").has("mrole/host", "x1", json!({}));
        world.noted(|entry| entry.intent = Some(begun(deed, json!({})))).compared().calls.remove(0).again
    };
    assert!(again(Deed::Remove) && !again(Deed::Update));
}

#[test]
fn what_the_service_cannot_do_is_held_or_only_written_down() {
    let held = "member/ann held: Acme Cloud does not have it, and there is no call that makes it";
    assert_eq!(World::new().wants("member/ann", json!({})).says(), [held]);
    assert_eq!(gone("member/ann").has("member/ann", "x1", json!({})).says(), ["remove silently member/ann"]);
}

#[test]
fn a_part_stays_with_a_whole_that_is_removed_here_and_stays_there() {
    let with = |template: World| {
        let world = template.wants("mrole/host", json!({})).last(|it| (it.live, it.within) = (false, Some(id("template/demo"))));
        let world = world.sent("mrole/host", Some("r1"), json!({})).noted(|entry| entry.within = Some(id("template/demo")));
        world.has("template/demo", "x1", json!({})).has("mrole/host", "r1", json!({})).says()
    };
    assert_eq!(with(gone("template/demo")), ["template/demo stays: remove it in the dashboard"]);
    assert_eq!(with(gone("template/demo").last(|it| it.live = true)), ["remove mrole/host"]);
}

#[test]
fn what_was_approved_comes_after_what_needs_no_approval() {
    let mut world = World::new();
    for (object, external_id) in [("credential/a", "k1"), ("credential/b", "k2"), ("mrole/a", "r1"), ("mrole/b", "r2")] {
        world = world.has(object, external_id, json!({})).sent(object, Some(external_id), json!({}));
        world.purged.insert(id(object));
    }
    world.approved = vec![world.compared().approval.unwrap().digest];
    assert_eq!(world.says(), ["remove mrole/b", "remove mrole/a", "remove credential/a", "remove credential/b"]);
    let note = world.compared().calls.remove(2).note;
    assert_eq!(note.as_deref(), Some("every token signed with it dies"));
}

#[test]
fn the_removal_of_one_orphan_leaves_the_others_in_the_journal() {
    let world = World::new().wants("credential/key", json!({})).has("credential/key", "k", json!({}));
    let world = world.has("credential/a", "a", json!({})).has("credential/b", "b", json!({}));
    let world = world.sent("credential/key", Some("k"), json!({"generation": 0}));
    let mut world = world.noted(|entry| entry.orphans = vec!["a".into(), "b".into()]);
    world.approved = vec![world.compared().approval.unwrap().digest];
    let left: Vec<_> = world.compared().calls.into_iter().map(|call| (call.external_id, call.orphans)).collect();
    assert_eq!(left, [(Some("a".into()), vec!["b".into()]), (Some("b".into()), vec!["a".into()])]);
}
