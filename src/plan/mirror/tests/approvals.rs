//! What waits for somebody to approve exactly it.

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
