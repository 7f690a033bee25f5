//! Objects that are gone, or seem to be. There are no finalizers: the store is the memory, and what is gone is found by comparing.

use std::time::Duration;

use hyper::Method;
use muster::api::Kind;
use muster::store::Happened;
use serde_json::{Value, json};

use super::control_plane::{Options, STRANGER};
use super::rig::{Rig, path};
use super::story::{ACME, begin, members};
use super::world::{Engine, World};

const MEMBER: Kind = Kind::Member;

fn removed(world: &World) -> usize {
    world.told("acme").count(Happened::SoftDeleted)
}

/// Everything that is in the store stays there, although nothing is to be seen of it, for longer than a removal waits.
fn nothing_goes(world: &World, before: &[String]) {
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(world.stored(), before);
    assert_eq!(removed(world), 0);
}

#[test]
fn an_object_deleted_before_anybody_looked_leaves_nothing_behind() {
    let Some(world) = World::new() else { return };
    begin(&world);
    for _ in 0..5 {
        world.apply(&members(0..1));
        world.delete(MEMBER, "m0");
    }
    world.until("nobody is left over", |world| !world.stored().contains(&"member/m0".to_owned()));
    std::thread::sleep(Duration::from_secs(2));
    assert!(!world.stored().contains(&"member/m0".to_owned()));
    world.check();
}

#[test]
fn an_object_deleted_while_the_controller_was_down_is_found_to_be_gone() {
    let Some(world) = World::new() else { return };
    begin(&world);
    world.kill();
    world.delete(MEMBER, "dave");
    assert_eq!(world.object(MEMBER, "dave"), Value::Null, "nothing hangs in Terminating");
    world.start();
    world.until("dave is gone from the store", |world| world.is_soft_deleted("member/dave"));
    world.settle();
    assert_eq!(world.told("acme").counts()["SoftDeleted member/dave"], 1);
    world.check();
}

/// Argo CD, Flux and kubectl delete one object after the other.
#[test]
fn a_folder_that_is_taken_away_object_by_object_is_too_much_as_a_whole() {
    let Some(world) = World::new() else { return };
    world.apply(&members(0..24));
    begin(&world);
    world.edit(Kind::Organization, "acme", json!({ "spec": { "policy": { "removalDelay": "10s" } } }));
    world.settle();
    for number in 0..24 {
        world.delete(MEMBER, &format!("m{number}"));
        world.until("it is seen that something is gone", |world| {
            world.condition(Kind::Organization, "acme", "Reconciling").is_some_and(|(status, ..)| status == "True")
        });
    }
    world.until("the removal waits", |world| {
        world.condition(Kind::Organization, "acme", "ApprovalRequired").is_some_and(|(status, ..)| status == "True")
    });
    assert_eq!(removed(&world), 0);
    world.check();
}

#[test]
fn an_object_that_comes_back_at_once_under_its_name_was_never_gone() {
    let Some(world) = World::new() else { return };
    begin(&world);
    // Deleting and creating may take kubectl a while.
    world.edit(Kind::Organization, "acme", json!({ "spec": { "policy": { "removalDelay": "1m" } } }));
    world.settle();
    let carol = world.documents(ACME).into_iter().find(|object| object["metadata"]["name"] == "carol").unwrap();
    let file = world.folder().join("carol.json");
    std::fs::write(&file, carol.to_string()).unwrap();
    let before = world.told("acme").counts();
    for _ in 0..3 {
        let uid = world.object(MEMBER, "carol")["metadata"]["uid"].clone();
        let replaced = world.rig.plane.kubectl(&["replace", "--force", "-f", file.to_str().unwrap()]);
        assert!(replaced.status.success(), "{}", String::from_utf8_lossy(&replaced.stderr));
        assert_ne!(world.object(MEMBER, "carol")["metadata"]["uid"], uid);
        world.settle();
    }
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(world.told("acme").counts(), before, "the store knows nothing of it");
    assert_eq!(world.not_ready(), Vec::<String>::new());
    world.check();
}

#[test]
fn a_finalizer_of_somebody_else_keeps_nobody_in_the_store() {
    let Some(world) = World::new() else { return };
    begin(&world);
    world.edit(MEMBER, "dave", json!({ "metadata": { "finalizers": ["example.org/theirs"] } }));
    world.delete(MEMBER, "dave");
    world.until("dave is gone from the store", |world| world.is_soft_deleted("member/dave"));
    world.edit(MEMBER, "dave", json!({ "metadata": { "finalizers": null } }));
    world.until("the object is gone", |world| world.object(MEMBER, "dave").is_null());
    world.check();
}

#[test]
fn a_namespace_goes_away_and_the_store_keeps_everything() {
    let Some(world) = World::new() else { return };
    begin(&world);
    let before = world.stored();
    let namespace = format!("/api/v1/namespaces/{}", world.namespace);
    world.rig.call(Method::DELETE, &namespace, None);
    world.until("the namespace is gone", |world| world.rig.try_call(Method::GET, &namespace, None).is_err());
    nothing_goes(&world, &before);
    assert_eq!(world.told("acme").offences(), Vec::<String>::new());
}

#[test]
fn a_deleted_definition_removes_nothing() {
    static RIG: std::sync::OnceLock<Option<Rig>> = std::sync::OnceLock::new();
    let Some(rig) = RIG.get_or_init(|| Rig::start(Options::default())) else { return };
    let Some(world) = World::on(rig, Engine::Sqlite) else { return };
    begin(&world);
    let before = world.stored();
    for kind in [MEMBER, Kind::Workspace] {
        let definition = format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{}", kind.crd_name());
        rig.call(Method::DELETE, &definition, None);
        world.until("the definition is gone", |_| rig.try_call(Method::GET, &definition, None).is_err());
    }
    nothing_goes(&world, &before);
    world.restart();
    nothing_goes(&world, &before);
    assert_eq!(world.told("acme").offences(), Vec::<String>::new());
}

fn binding(world: &World) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": { "name": format!("stranger-{}", world.namespace) },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "muster" },
        "subjects": [{ "kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": STRANGER.name }],
    })
}

#[test]
fn rights_that_are_taken_away_remove_nothing_also_after_a_restart() {
    let Some(mut world) = World::new() else { return };
    world.act_as(&STRANGER);
    world.rig.apply(&binding(&world));
    begin(&world);
    let before = world.stored();
    let path = format!("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/stranger-{}", world.namespace);
    world.rig.call(Method::DELETE, &path, None);
    world.proxy.inject(super::proxy::Injection::EndWith(format!("{}\n", super::proxy::Injection::gone())));
    nothing_goes(&world, &before);
    world.restart();
    nothing_goes(&world, &before);
    world.rig.apply(&binding(&world));
    world.kill();
    world.start();
    world.settle();
    assert_eq!(world.not_ready(), Vec::<String>::new());
    world.check();
}

#[test]
fn a_controller_that_watches_an_empty_namespace_removes_nothing() {
    let Some(world) = World::new() else { return };
    begin(&world);
    world.kill();
    let before = world.stored();
    let empty = format!("{}-empty", world.namespace);
    world.rig.namespace(&empty);
    let mut elsewhere = World::new().unwrap();
    elsewhere.store.clone_from(&world.store);
    elsewhere.start();
    elsewhere.until("its lists are complete", |it| it.log().contains("every first list is complete"));
    nothing_goes(&world, &before);
}

#[test]
fn a_missing_organization_removes_nothing() {
    let Some(world) = World::new() else { return };
    begin(&world);
    let before = world.stored();
    world.delete(Kind::Organization, "acme");
    std::thread::sleep(Duration::from_secs(4));
    assert_eq!(world.stored(), before);
    let all = path(MEMBER, &world.namespace, "");
    world.rig.call(Method::DELETE, &all, None);
    nothing_goes(&world, &before);
    world.check();
}
