//! What waits for somebody to approve exactly it.

use super::super::waiting::{Wait, sort_out};
use super::*;

/// Two purged keys and a role whose name belongs to another id.
fn waiting() -> World {
    let mut world = host().has("mrole/host", "r2", json!({"priority": 1})).sent("mrole/host", Some("r1"), json!({"priority": 1}));
    for (object, external_id) in [("credential/a", "k1"), ("credential/b", "k2")] {
        world = world.has(object, external_id, json!({})).sent(object, Some(external_id), json!({}));
        world.purged.insert(id(object));
    }
    world
}

fn approval(world: &World) -> ServiceApproval {
    world.compared().approval.unwrap()
}

/// The digest of what would be done to this object.
fn digest_of(world: &World, object: &str) -> Digest {
    approval(world).calls.into_iter().find(|waiting| waiting.key == key(object)).unwrap().digest
}

#[test]
fn an_approval_releases_the_call_that_it_was_shown_for_and_no_other() {
    let mut world = waiting();
    let digests = ["credential/a", "credential/b", "mrole/host"].map(|object| digest_of(&world, object));
    assert_eq!(BTreeSet::from(digests).len(), 3);
    let done = ["remove credential/a", "remove credential/b", "adopt mrole/host"];
    for (digest, done) in digests.into_iter().zip(done) {
        world.approved = vec![digest];
        assert_eq!(world.says()[0], done);
        assert_eq!((world.compared().calls.len(), approval(&world).calls.len()), (1, 2));
    }
    world.approved = digests.to_vec();
    assert_eq!((world.compared().calls.len(), world.compared().approval), (3, None));
}

#[test]
fn one_digest_approves_all_that_wait_and_are_not_refused() {
    let mut world = waiting();
    world.approved = approval(&world).all.into_iter().collect();
    assert_eq!(world.says(), ["remove credential/a", "remove credential/b", "mrole/host refused by other-id-at-service"]);
    let refused = approval(&world);
    assert!(matches!(refused.calls.as_slice(), [host] if host.refused) && refused.all.is_none(), "{refused:?}");
    world.found.retain(|found| &*found.external_id != "k2");
    assert_eq!(
        world.says(),
        ["remove silently credential/b", "mrole/host refused by other-id-at-service"],
        "the list is another one"
    );
}

#[test]
fn an_approval_ends_with_every_change_of_what_the_call_would_do() {
    let adopting = |change: fn(&mut World)| {
        let mut world = waiting();
        change(&mut world);
        digest_of(&world, "mrole/host")
    };
    let same = adopting(|_| {});
    assert_eq!(same, adopting(|world| world.found.truncate(1)), "whatever else there is");
    let changes: [fn(&mut World); 4] = [
        |world| world.found[0].external_id = "r3".into(),
        |world| world.wanted[0].fields = map(json!({"priority": 2})),
        |world| world.found[0].fields = map(json!({"priority": 3})),
        |world| drop(world.wanted[0].digests.insert("upload.secret".into(), "sha256:b".into())),
    ];
    let digests: BTreeSet<Digest> = changes.into_iter().map(adopting).chain([same]).collect();
    assert_eq!(digests.len(), 5);
}

#[test]
fn an_approval_to_replace_a_key_replaces_no_later_one_and_ends_where_its_secret_goes_elsewhere() {
    let gone = |external_id: &str, to: &str| {
        let world = World::new().wants("credential/key", json!({})).last(|it| it.issued.as_mut().unwrap().to = Some(to.into()));
        digest_of(&world.sent("credential/key", Some(external_id), json!({"generation": 0})), "credential/key")
    };
    assert_eq!(gone("k1", "keys"), gone("k1", "keys"));
    assert_ne!(gone("k1", "keys"), gone("k2", "keys"));
    assert_ne!(gone("k1", "keys"), gone("k1", "others"));
    let moved = |service: &str| {
        let world = World::new().wants("credential/key", json!({})).sent("credential/key", Some("k1"), json!({"generation": 0}));
        digest_of(&world.noted(|entry| entry.service = service.into()), "credential/key")
    };
    assert_ne!(moved("hundredms https://a.example"), moved("hundredms https://b.example"));
}

#[test]
fn a_digest_covers_everything_that_the_call_would_do_and_where() {
    let digest = |address: &str, replaces: Option<&Mirrored>, change: fn(&mut Call)| {
        let mut call = host().compared().calls.remove(0);
        change(&mut call);
        let sorted = sort_out(vec![Wait { call, because: "".into(), replaces }], address, &[]);
        sorted.approval.unwrap().calls[0].digest
    };
    let changes: [fn(&mut Call); 10] = [
        |_| {},
        |call| call.deed = Deed::Remove,
        |call| call.id = id("mrole/guest"),
        |call| call.place = "before".into(),
        |call| call.name = "guest".into(),
        |call| call.external_id = Some("r1".into()),
        |call| call.edits.clear(),
        |call| {
            let secret = serde_json::from_value(json!({"name": "bucket", "key": "secret"})).unwrap();
            call.secrets.insert("upload.secret".into(), secret);
        },
        |call| call.issued = Some(Issued { to: Some("keys".into()), generation: 0, every: None }),
        |call| call.recorded_only = true,
    ];
    let here: BTreeSet<Digest> = changes.into_iter().map(|change| digest("here", None, change)).collect();
    assert_eq!(here.len(), changes.len());
    let entries = World::new().sent("mrole/host", Some("r1"), json!({})).sent("mrole/host", Some("r2"), json!({}));
    let entries = entries.sent("mrole/host", Some("r1"), json!({})).noted(|entry| entry.service = "elsewhere".into()).journal;
    let others = entries.iter().map(|entry| digest("here", Some(entry), |_| {})).chain([digest("there", None, |_| {})]);
    assert_eq!(here.into_iter().chain(others).collect::<BTreeSet<_>>().len(), changes.len() + 4);
}

#[test]
fn what_waits_is_sorted_by_object_and_then_by_id() {
    let mut world = World::new().wants("credential/key", json!({})).has("credential/key", "k", json!({}));
    world = world.has("credential/any", "b", json!({})).has("credential/any", "a", json!({}));
    world = world.sent("credential/key", Some("k"), json!({"generation": 0}));
    world = world.noted(|entry| entry.orphans = vec!["b".into(), "a".into()]);
    for object in ["credential/z", "credential/b"] {
        world = world.has(object, object, json!({})).sent(object, Some(object), json!({}));
        world.purged.insert(id(object));
    }
    world.approved = approval(&world).all.into_iter().collect();
    let ids: Vec<_> = world.compared().calls.into_iter().filter_map(|call| call.external_id).collect();
    assert_eq!(ids.iter().map(|id| &**id).collect::<Vec<_>>(), ["credential/b", "a", "b", "credential/z"]);
}

#[test]
fn one_call_that_waits_has_one_digest() {
    let mut world = waiting();
    world.purged.remove(&id("credential/b"));
    let world = world.wants("credential/b", json!({})).last(|it| it.live = false);
    assert!(approval(&world).calls.iter().filter(|waiting| !waiting.refused).count() == 1 && approval(&world).all.is_none());
}
