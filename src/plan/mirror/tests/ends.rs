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
    world.approved = world.compared().approval.unwrap().all.into_iter().collect();
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
    world.approved = world.compared().approval.unwrap().all.into_iter().collect();
    let left: Vec<_> = world.compared().calls.into_iter().map(|call| (call.external_id, call.orphans)).collect();
    assert_eq!(left, [(Some("a".into()), vec!["b".into()]), (Some("b".into()), vec!["a".into()])]);
}

/// A purged object that was sent, and is in a place that nothing leads to any more.
fn unreachable(object: &str) -> World {
    let world = World::new().sent(object, Some("x1"), json!({})).noted(|entry| entry.place = "nowhere".into());
    World { purged: [id(object)].into(), ..world }
}

#[test]
fn what_was_purged_and_cannot_be_reached_is_told_until_somebody_says_that_it_is_known() {
    let mut world = unreachable("credential/key").noted(|entry| entry.orphans = vec!["x0".into()]);
    assert_eq!(world.says(), Vec::<String>::new());
    let waiting = world.compared().approval.unwrap().calls.remove(0);
    let because = "it was purged here and stays at Acme Cloud (id x1, x0): nothing says how to reach it there any more; remove it there \
                   by hand, then approve this, which removes nothing and ends this notice";
    assert_eq!(&*waiting.because, because);
    world.approved = vec![waiting.digest];
    assert_eq!(world.says(), ["remove silently credential/key"]);
    let forgotten = world.compared().calls.remove(0);
    assert_eq!((forgotten.word(), forgotten.past(), forgotten.orphans), ("forget", "forgotten", Vec::new()));
    let removed = gone("mrole/host").has("mrole/host", "x1", json!({})).compared().calls.remove(0);
    assert_eq!((removed.word(), removed.past()), ("remove", "removed"));
    let mut part = unreachable("mrole/host").noted(|entry| entry.within = Some(id("template/demo")));
    part.approved = vec![part.compared().approval.unwrap().calls[0].digest];
    assert_eq!(part.compared().calls[0].within, None, "it does not wait for what it is a part of");
}

#[test]
fn what_was_purged_in_a_place_that_is_wanted_and_cannot_be_read_now_is_told_as_not_compared() {
    let mut world = World::new().sent("credential/key", Some("x1"), json!({}));
    world.purged.insert(id("credential/key"));
    world.unobservable.insert("live".into(), "status 503".into());
    let mirror = world.compared();
    assert_eq!((mirror.uncompared, mirror.approval), (vec![key("credential/key")], None));
}

#[test]
fn what_was_purged_goes_by_the_credentials_that_the_journal_remembers_as_long_as_they_let_in() {
    let former = |world: World| World { former: ["nowhere".into()].into(), ..world };
    let mut shut = former(unreachable("credential/key"));
    shut.unobservable.insert("nowhere".into(), "status 401".into());
    let mirror = shut.compared();
    assert!(!mirror.is_blind() && mirror.uncompared.is_empty(), "nothing that is wanted is there: {mirror:#?}");
    assert!(mirror.approval.unwrap().calls[0].because.contains("(id x1): status 401; remove it there by hand"));
    shut.wanted = host().wanted;
    shut.wanted[0].place = "nowhere".into();
    shut.former.clear();
    assert!(shut.compared().is_blind(), "something that is wanted is there");
}

#[test]
fn what_the_service_cannot_remove_is_told_with_the_purge_and_then_forgotten_with_its_parts() {
    let mut world = World::new().has("template/demo", "x1", json!({})).has("mrole/host", "r1", json!({}));
    world = world.sent("template/demo", Some("x1"), json!({})).noted(|entry| entry.orphans = vec!["x0".into()]);
    world = world.sent("mrole/host", Some("r1"), json!({})).noted(|entry| entry.within = Some(id("template/demo")));
    world.purged = [id("template/demo"), id("mrole/host")].into();
    let forgets = ["remove silently mrole/host", "remove silently template/demo"];
    assert_eq!(world.says(), forgets);
    let calls = world.compared().calls;
    assert!(
        calls.iter().all(|call| call.within.is_none() && call.orphans.is_empty()),
        "it does not wait for what it is a part of"
    );
    let notes: Vec<_> = calls.into_iter().filter_map(|call| call.note).collect();
    let expected = ["stays there: with what it is a part of", "stays there: remove it in the dashboard"];
    assert_eq!(notes.iter().map(|note| &**note).collect::<Vec<_>>(), expected);
    world.purged.remove(&id("template/demo"));
    let world = world.wants("template/demo", json!({})).last(|it| it.live = false);
    assert_eq!(world.says(), ["template/demo stays: remove it in the dashboard"], "restored, it would be without that part");
    assert_eq!(unreachable("template/demo").says(), [forgets[1]]);
    let soft_deleted = World { purged: BTreeSet::new(), ..unreachable("template/demo") };
    let soft_deleted = soft_deleted.wants("template/demo", json!({})).last(|it| (it.live, it.place) = (false, "nowhere".into()));
    assert_eq!(soft_deleted.says(), ["template/demo stays: remove it in the dashboard"]);
}

#[test]
fn a_key_remembers_how_its_place_is_reached() {
    let reached: SecretKeyRef = serde_json::from_value(json!({"name": "acme", "key": "live"})).unwrap();
    let calls = |object: &str, known: Option<&SecretKeyRef>| {
        let world =
            World::new().wants(object, json!({})).has(object, "k1", json!({})).sent(object, Some("k1"), json!({"generation": 0}));
        let world = world.noted(|entry| entry.reached = known.cloned());
        let places = BTreeMap::from([("live".into(), Some(reached.clone()))]);
        let observed = Observed { found: world.found.clone(), read: ["live".into()].into(), ..Observed::default() };
        let calls = world.compared_in(&observed, places).calls;
        calls.iter().map(|call| call.recorded_only).collect::<Vec<_>>()
    };
    assert_eq!(calls("credential/key", None), [true]);
    assert_eq!(calls("credential/key", Some(&reached)), Vec::<bool>::new());
}

#[test]
fn what_was_never_begun_there_is_not_removed_by_its_name() {
    let world = World::new().wants("mrole/host", json!({})).last(|it| it.live = false).sent("mrole/host", None, json!({}));
    assert_eq!(world.has("mrole/host", "r1", json!({})).says(), ["mrole r1 is foreign"]);
}
