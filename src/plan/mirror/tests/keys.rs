//! Secrets that the service makes and shows once.

use super::*;

#[test]
fn a_secret_that_was_lost_is_made_again_where_the_service_has_one_under_its_name() {
    for (deed, known) in [(Deed::Create, None), (Deed::Rotate, Some("k1"))] {
        let mut world = World::new().wants("credential/key", json!({})).last(|it| it.name = "api-key".into());
        world = world.sent("credential/key", known, json!({})).has("credential/key", "k2", json!({}));
        world.found[0].name = "api-key".into();
        let intent = Intent { deed, sends: Map::new(), since: Timestamp::UNIX_EPOCH, listed: Vec::new() };
        let world = world.noted(|entry| entry.intent = Some(intent));
        assert_eq!(world.says(), ["rotate credential/key"]);
        assert!(world.compared().calls[0].orphans.is_empty());
    }
}

#[test]
fn a_key_that_vanished_is_made_anew_only_when_that_is_approved() {
    let mut world = World::new().wants("credential/key", json!({})).sent("credential/key", Some("k1"), json!({"generation": 0}));
    assert_eq!(world.says(), Vec::<String>::new());
    world.approved = vec![world.compared().approval.unwrap().calls[0].digest];
    let call = world.compared().calls.remove(0);
    assert_eq!(call.deed, Deed::Create);
}

#[test]
fn an_orphan_that_is_gone_is_forgotten_once() {
    let there = World::new().wants("credential/key", json!({})).has("credential/key", "k1", json!({}));
    let there =
        there.sent("credential/key", Some("k1"), json!({"generation": 0})).noted(|entry| entry.orphans = vec!["k0".into()]);
    let calls = there.compared().calls;
    assert!(calls.len() == 1 && calls[0].recorded_only && calls[0].orphans.is_empty(), "{calls:?}");
    let mut purged = World::new().sent("credential/key", None, json!({})).noted(|entry| entry.orphans = vec!["k0".into()]);
    purged.purged.insert(id("credential/key"));
    assert_eq!(purged.says(), Vec::<String>::new());
}

#[test]
fn a_key_that_was_purged_goes_when_that_is_approved() {
    let mut world = World::new().has("credential/key", "k1", json!({})).sent("credential/key", Some("k1"), json!({}));
    world.purged.insert(id("credential/key"));
    assert_eq!(world.says(), Vec::<String>::new());
    world.approved = vec![world.compared().approval.unwrap().calls[0].digest];
    assert_eq!(world.says(), ["remove credential/key"]);
}

#[test]
fn a_secret_that_is_shown_once_needs_a_place_and_is_made_anew_when_its_time_has_come() {
    let key = || World::new().wants("credential/key", json!({}));
    assert_eq!(key().says(), ["create credential/key"]);
    let homeless = key().last(|it| it.issued.as_mut().unwrap().to = None).says();
    assert_eq!(
        homeless,
        ["credential/key held: its secret would be shown once and lost: name a Secret for it in spec.writeSecretToRef"]
    );
    let there = || key().has("credential/key", "k1", json!({})).sent("credential/key", Some("k1"), json!({"generation": 0}));
    assert_eq!(there().says(), Vec::<String>::new());
    assert_eq!(there().last(|it| it.issued.as_mut().unwrap().generation = 1).says(), ["rotate credential/key"]);
    assert_eq!(there().last(|it| it.issued.as_mut().unwrap().every = Some(0)).says(), ["rotate credential/key"]);
}

#[test]
fn a_key_whose_secret_got_lost_is_an_orphan_and_goes_when_that_is_approved() {
    let intent = Intent { deed: Deed::Create, sends: Map::new(), since: Timestamp::UNIX_EPOCH, listed: vec!["old".into()] };
    let world = World::new().wants("credential/key", json!({})).has("credential/old", "old", json!({})).has(
        "credential/lost",
        "lost",
        json!({}),
    );
    let world = world.sent("credential/key", None, json!({})).noted(|entry| entry.intent = Some(intent));
    let call = world.compared().calls.remove(0);
    assert_eq!((call.deed, call.orphans), (Deed::Create, vec!["lost".into()]));

    let mut later = World::new().wants("credential/key", json!({})).has("credential/key", "new", json!({})).has(
        "credential/lost",
        "lost",
        json!({}),
    );
    later =
        later.sent("credential/key", Some("new"), json!({"generation": 0})).noted(|entry| entry.orphans = vec!["lost".into()]);
    assert_eq!(later.says(), Vec::<String>::new());
    let waiting = later.compared().approval.unwrap().calls.remove(0);
    let because = "lost was replaced, or made by a call whose answer was lost: every token signed with it dies";
    assert_eq!(&*waiting.because, because);
    later.approved = vec![waiting.digest];
    let calls = later.compared().calls;
    assert_eq!(
        calls.iter().map(|call| (call.deed, call.external_id.as_deref())).collect::<Vec<_>>(),
        [(Deed::Remove, Some("lost"))]
    );
}

#[test]
fn a_secret_that_was_begun_to_be_replaced_is_replaced() {
    let after = |deed| {
        let world = World::new().wants("credential/key", json!({})).has("credential/key", "k1", json!({}));
        let world = world.sent("credential/key", Some("k1"), json!({"generation": 0}));
        world.noted(|entry| entry.intent = Some(begun(deed, json!({})))).says()
    };
    assert_eq!(after(Deed::Rotate), ["rotate credential/key"]);
    assert_eq!(after(Deed::Update), ["update silently credential/key"]);
}

#[test]
fn before_a_secret_is_made_the_ids_of_its_kind_in_its_place_are_listed() {
    let world = World::new().wants("credential/key", json!({})).has("mrole/theirs", "r1", json!({}));
    let mut world = world.has("credential/b", "k2", json!({})).has("credential/a", "k1", json!({}));
    world = world.has("credential/c", "k3", json!({}));
    world.found[3].place = "other".into();
    assert_eq!(world.compared().calls[0].listed, ["k1".into(), "k2".into()]);
}

/// A key that is there under this id.
fn kept(external_id: &str) -> World {
    let world = World::new().wants("credential/key", json!({})).has("credential/key", external_id, json!({}));
    world.sent("credential/key", Some(external_id), json!({"generation": 0}))
}

#[test]
fn a_key_that_is_due_and_could_not_be_kept_is_held_and_stays_as_it_is() {
    let due = |every| kept("k1").last(|it| it.issued.as_mut().unwrap().every = every);
    let homeless = |every| due(every).last(|it| it.issued.as_mut().unwrap().to = None).says();
    let because = "its secret would be shown once and lost: name a Secret for it in spec.writeSecretToRef";
    assert_eq!(homeless(Some(0)), [format!("credential/key held: a new one is due, and {because}")]);
    assert_eq!(homeless(None), Vec::<String>::new(), "as long as none is due, nothing is lost");
    let rotating = begun(Deed::Rotate, json!({}));
    let mut begun = due(None).noted(|entry| entry.intent = Some(rotating));
    begun.wanted[0].issued.as_mut().unwrap().to = None;
    assert_eq!(
        begun.says(),
        [format!("credential/key held: a new one is due, and {because}")],
        "what was begun is not forgotten"
    );
}

#[test]
fn where_a_secret_is_in_the_way_nothing_is_made_and_the_plan_says_it() {
    let in_the_way = |world: World| World { unkeepable: "somebody else made it".into(), ..world };
    assert_eq!(
        in_the_way(World::new().wants("credential/key", json!({}))).says(),
        ["credential/key held: somebody else made it"]
    );
    let due = kept("k1").last(|it| it.issued.as_mut().unwrap().generation = 1);
    assert_eq!(in_the_way(due).says(), ["credential/key held: a new one is due, and somebody else made it"]);
    assert_eq!(in_the_way(kept("k1")).says(), Vec::<String>::new());
    let gone = World::new().wants("credential/key", json!({})).sent("credential/key", Some("k1"), json!({"generation": 0}));
    let gone = in_the_way(gone);
    assert_eq!((gone.says(), gone.compared().approval), (vec!["credential/key held: somebody else made it".to_owned()], None));
    let mut lost = World::new().wants("credential/key", json!({})).last(|it| it.name = "api-key".into());
    lost = lost.sent("credential/key", None, json!({})).has("credential/key", "k2", json!({}));
    lost.found[0].name = "api-key".into();
    let lost = in_the_way(lost.noted(|entry| entry.intent = Some(begun(Deed::Create, json!({})))));
    assert_eq!(lost.says(), ["credential/key held: an earlier run had one made and lost it, and somebody else made it"]);
}

#[test]
fn a_key_whose_secret_does_not_have_it_is_told_with_what_comes_first() {
    let unkept = |world: World| World { unkept: true, ..world };
    let there = "credential/key held: it is there, and the Secret keys does not have it";
    assert_eq!(unkept(kept("k1")).says(), [format!("{there}; raise spec.generation to make a new one")]);
    let both = World { unkeepable: "somebody else made it".into(), ..unkept(kept("k1")) };
    assert_eq!(both.says(), [format!("{there}; to make a new one, see to this first: somebody else made it")]);
    let due = unkept(kept("k1").last(|it| it.issued.as_mut().unwrap().generation = 1));
    assert_eq!(due.says(), ["rotate credential/key"], "there is a new one already");
    let mut named = World::new().wants("credential/key", json!({})).has("credential/key", "k1", json!({}));
    named.wanted[0].name = "api-key".into();
    named.found[0].name = "api-key".into();
    let taken_over = ["adopt silently credential/key".to_owned(), format!("{there}; raise spec.generation to make a new one")];
    assert_eq!(unkept(named).says(), taken_over);
}

/// Two keys in two places that see the same account; the answer of the one that is wanted got lost, and the other has this id.
fn seen_twice(ours: &str) -> World {
    let begun = Intent { listed: vec!["old".into()], ..begun(Deed::Create, json!({})) };
    let mut world = World::new().wants("credential/key", json!({})).sent("credential/key", None, json!({}));
    world = world.noted(|entry| entry.intent = Some(begun));
    world = world.wants("credential/other", json!({})).last(|it| it.place = "before".into());
    world = world.sent("credential/other", Some(ours), json!({"generation": 0})).noted(|entry| entry.place = "before".into());
    for (place, id) in
        [("live", "old"), ("live", ours), ("live", "lost"), ("before", "old"), ("before", ours), ("before", "lost")]
    {
        world = world.has("credential/any", id, json!({}));
        world.found.last_mut().unwrap().place = place.into();
    }
    world
}

#[test]
fn a_key_of_another_object_is_nobodys_orphan_whoevers_credentials_show_it() {
    let world = seen_twice("theirs");
    let call = world.compared().calls.remove(0);
    assert_eq!((call.key, call.orphans), (key("credential/key"), vec!["lost".into()]));
    assert_eq!(world.says()[1..], ["credential lost is foreign", "credential old is foreign"]);
    let elsewhere = World { others: ["lost".into()].into(), ..seen_twice("theirs") };
    assert_eq!(elsewhere.compared().calls.remove(0).orphans, Vec::<Box<str>>::new(), "another organization has it");
}

#[test]
fn an_orphan_that_two_places_show_is_told_once_and_never_while_it_is_of_use() {
    let lost_by_both = |world: World| {
        let mut world = world;
        for entry in &mut world.journal {
            entry.orphans = vec!["lost".into()];
        }
        world
    };
    let waiting = |world: World| world.compared().approval.map_or(0, |approval| approval.calls.len());
    assert_eq!(waiting(lost_by_both(seen_twice("theirs"))), 1);
    assert_eq!(waiting(lost_by_both(seen_twice("lost"))), 0);
}

#[test]
fn an_orphan_of_another_object_is_not_taken_for_what_a_call_lost() {
    let mut world = seen_twice("theirs");
    world.journal[1].orphans = vec!["lost".into()];
    assert_eq!(world.compared().calls.remove(0).orphans, Vec::<Box<str>>::new());
}

#[test]
fn what_a_rotation_lost_and_what_was_lost_before_are_orphans_each_once() {
    let mut world = World::new().wants("credential/key", json!({})).last(|it| it.name = "api-key".into());
    world = world.has("credential/key", "k1", json!({})).has("credential/any", "z", json!({}));
    world = world.has("credential/any", "y", json!({})).has("credential/any", "a", json!({}));
    world.found[0].name = "api-key".into();
    world = world.sent("credential/key", Some("k1"), json!({"generation": 0, "name": "api-key"}));
    let rotating = Intent { listed: vec!["k1".into(), "z".into()], ..begun(Deed::Rotate, json!({})) };
    let world = world.noted(|entry| (entry.intent, entry.orphans) = (Some(rotating), vec!["z".into(), "y".into()]));
    assert!(world.compared().foreign.iter().all(|foreign| &*foreign.external_id == "a"), "orphans are told as such");
    let call = world.compared().calls.remove(0);
    assert_eq!((call.deed, call.orphans), (Deed::Rotate, vec!["a".into(), "y".into(), "z".into()]));
    let updating = Intent { listed: vec!["k1".into()], ..begun(Deed::Update, json!({})) };
    let world = world.noted(|entry| (entry.intent, entry.orphans) = (Some(updating), Vec::new()));
    let due = world.last(|it| it.issued.as_mut().unwrap().generation = 1);
    assert_eq!(due.compared().calls[0].orphans, Vec::<Box<str>>::new(), "an update makes no secret");
}

#[test]
fn what_would_be_made_in_place_of_a_key_that_vanished_knows_what_is_listed_and_what_got_lost() {
    let world = World::new().wants("credential/key", json!({})).sent("credential/key", Some("k1"), json!({"generation": 0}));
    let world = world.noted(|entry| entry.intent = Some(begun(Deed::Rotate, json!({}))));
    let mut world = world.has("credential/any", "lost", json!({}));
    world.approved = vec![world.compared().approval.unwrap().calls[0].digest];
    let call = world.compared().calls.remove(0);
    assert_eq!((call.deed, call.listed, call.orphans), (Deed::Create, vec!["lost".into()], vec!["lost".into()]));
}

#[test]
fn only_what_has_a_secret_lists_ids_before_it_is_made() {
    let call = host().has("mrole/theirs", "r1", json!({})).compared().calls.remove(0);
    assert_eq!((call.listed, call.orphans), (Vec::new(), Vec::new()));
}

#[test]
fn an_orphan_is_found_where_its_workspace_is_by_now_and_only_what_can_be_removed_waits_for_that() {
    let mut moved = kept("k1").noted(|entry| (entry.place, entry.orphans) = ("before".into(), vec!["k0".into()]));
    moved = moved.has("credential/any", "k0", json!({}));
    moved.approved = vec![moved.compared().approval.unwrap().calls[0].digest];
    let removed = moved.compared().calls.into_iter().find(|call| call.deed == Deed::Remove).unwrap();
    assert_eq!((removed.external_id, &*removed.place), (Some("k0".into()), "live"));
    let member =
        World::new().wants("member/ann", json!({})).has("member/ann", "m1", json!({})).has("member/any", "m0", json!({}));
    let member = member.sent("member/ann", Some("m1"), json!({})).noted(|entry| entry.orphans = vec!["m0".into()]);
    assert_eq!((member.says(), member.compared().approval), (Vec::new(), None));
}
