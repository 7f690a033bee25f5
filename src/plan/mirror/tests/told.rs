//! What a mirror tells beside its calls, and in which order.

use super::*;

#[test]
fn a_name_that_another_thing_has_is_not_given_to_what_is_there() {
    let world = host().has("mrole/old", "r1", json!({"priority": 1})).has("mrole/host", "r2", json!({"priority": 1}));
    let world = world.sent("mrole/host", Some("r1"), json!({"priority": 1}));
    assert_eq!(world.says(), ["mrole/host refused by taken-at-service", "mrole r2 is foreign"]);
    let because = "it shall be called \"host\" there, and Acme Cloud has another mrole of that name, with the id r2";
    assert_eq!(&*world.compared().refusals[0].because, because);
}

#[test]
fn what_its_workspace_takes_along_to_another_name_is_nobody_elses() {
    let world = host().has("mrole/host", "r1", json!({"priority": 1})).sent("mrole/host", Some("r1"), json!({"priority": 1}));
    assert_eq!(world.noted(|entry| entry.place = "before".into()).says(), ["update silently mrole/host"]);
}

#[test]
fn what_is_refused_held_or_stays_is_sorted_by_object() {
    let held = World::new().wants("mrole/b_b", json!({})).wants("mrole/a_a", json!({})).compared().held;
    assert_eq!(held.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(), [key("mrole/a_a"), key("mrole/b_b")]);
    let refused = ["mrole/b", "mrole/a"].into_iter().fold(World::new(), |world, object| {
        world.wants(object, json!({"priority": 1})).has(object, object, json!({"priority": 2}))
    });
    assert_eq!(refused.says(), ["mrole/a", "mrole/b"].map(|object| format!("{object} refused by taken-at-service")));
    let stays = ["template/b", "template/a"].into_iter().fold(World::new(), |world, object| {
        let world = world.wants(object, json!({})).last(|it| it.live = false).has(object, object, json!({}));
        world.sent(object, Some(object), json!({}))
    });
    assert_eq!(stays.says(), ["template/a", "template/b"].map(|object| format!("{object} stays: remove it in the dashboard")));
}

#[test]
fn of_two_objects_of_one_kind_that_go_the_last_goes_first() {
    let purged = ["mrole/c", "mrole/a", "mrole/b"].into_iter().fold(World::new(), |world, object| {
        let mut world = world.has(object, object, json!({})).sent(object, Some(object), json!({}));
        world.purged.insert(id(object));
        world
    });
    assert_eq!(purged.says(), ["remove mrole/c", "remove mrole/b", "remove mrole/a"]);
}

#[test]
fn what_is_foreign_is_sorted() {
    let world = World::new().has("mrole/b", "r2", json!({})).has("mrole/a", "r1", json!({}));
    assert_eq!(world.says(), ["mrole r1 is foreign", "mrole r2 is foreign"]);
}

#[test]
fn a_refusal_names_five_fields_that_differ_at_most() {
    let differing = |fields: &[&str]| {
        let of = |value: i64| Value::Object(fields.iter().map(|name| ((*name).to_owned(), value.into())).collect());
        let mirror = World::new().wants("mrole/host", of(1)).has("mrole/host", "r1", of(2)).compared();
        mirror.refusals[0].because.to_string()
    };
    assert!(differing(&["a", "b", "c", "d", "e"]).ends_with(" it differs in a, b, c, d, e"));
    assert!(differing(&["a", "b", "c", "d", "e", "f"]).ends_with(" it differs in a, b, c, d, e"));
}

#[test]
fn what_is_made_again_says_why() {
    let note = |world: World| world.compared().calls.remove(0).note;
    let again = host().sent("mrole/host", Some("r1"), json!({"priority": 1}));
    assert_eq!(note(again).as_deref(), Some("it was removed at the service"));
    assert_eq!(note(host()), None);
}

#[test]
fn what_is_only_written_down_takes_no_requests() {
    let mirror = host().has("mrole/host", "r1", json!({"priority": 1})).compared();
    assert_eq!((mirror.calls.len(), mirror.requests, mirror.seconds), (1, 0, 0));
}

#[test]
fn what_is_known_of_live_things_is_told_with_the_time_of_the_next_secret() {
    let mut world = World::new().wants("credential/key", json!({})).has("credential/key", "k1", json!({}));
    world = world.last(|it| it.issued.as_mut().unwrap().every = Some(60)).sent("credential/key", Some("k1"), json!({}));
    world = world.wants("mrole/host", json!({})).sent("mrole/host", Some("r1"), json!({}));
    world = world.wants("mrole/gone", json!({})).last(|it| it.live = false).sent("mrole/gone", Some("r2"), json!({}));
    world = world.wants("mrole/new", json!({}));
    let known = |external_id: &str, renews_at: Option<&str>| Known {
        external_id: external_id.into(),
        renews_at: renews_at.map(|at| at.parse().unwrap()),
    };
    let expected = [(key("credential/key"), known("k1", Some("1970-01-01T00:01:00Z"))), (key("mrole/host"), known("r1", None))];
    assert_eq!(world.compared().known, expected);
}

#[test]
fn what_the_service_lacks_and_how_its_places_are_reached_are_told_with_the_calls() {
    let reached: SecretKeyRef = serde_json::from_value(json!({"name": "acme", "key": "live"})).unwrap();
    let lacking = Lacking { subject: key("mrole/host"), path: "priority".into(), because: "it has none".into() };
    let places = BTreeMap::from([("live".into(), Some(reached))]);
    let shape = Shape { lacking: vec![lacking.clone()], places: places.clone(), ..Shape::default() };
    let mirror = World::new().compared_as(&shape, &Observed::default());
    assert_eq!((mirror.lacking, mirror.places), (vec![lacking], places));
}
