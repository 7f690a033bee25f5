//! Single objects that are not as they should be, and what others write to them.

use std::time::Duration;

use hyper::Method;
use muster::api::Kind;
use muster::store::Happened;
use serde_json::{Value, json};

use super::rig::path;
use super::story::{ACME, begin, members};
use super::world::World;

const MEMBER: Kind = Kind::Member;

/// Who writes to one object at once, and how often each.
const WRITERS: usize = 8;
const EDITS: usize = 5;

#[test]
fn an_object_that_is_wrong_holds_up_nobody_and_is_taken_at_once_when_it_is_right() {
    let Some(world) = World::new() else { return };
    begin(&world);
    let lab = "{apiVersion: muster.dev/v1alpha1, kind: Workspace, metadata: {name: lab}, \
                spec: {organizationRef: {name: acme}, displayName: Lab, projectRef: {name: research}}}";
    world.apply(lab);
    world.apply(&members(0..3));
    world.settle();
    assert_eq!(world.not_ready(), ["workspaces/lab"]);
    // How many people there are is told some seconds later when much happens.
    std::thread::sleep(Duration::from_secs(6));
    world.is_silent_for(Duration::from_secs(3));
    let research = "{apiVersion: muster.dev/v1alpha1, kind: Project, metadata: {name: research}, \
                     spec: {organizationRef: {name: acme}, displayName: Research}}";
    world.apply(research);
    world.within(Duration::from_secs(20), "the lab is ready", |world| world.not_ready().is_empty());
    world.check();
}

#[test]
fn each_kind_of_edit_leads_to_as_many_writes_as_a_table_says() {
    let Some(world) = World::new() else { return };
    begin(&world);
    let annotation = json!({ "metadata": { "annotations": { "muster.dev/reconcile-requested-at": "noon" } } });
    let table: [(&str, Value, usize); 5] = [
        ("a label", json!({ "metadata": { "labels": { "team": "blue" } } }), 0),
        ("an annotation of somebody else", json!({ "metadata": { "annotations": { "example.org/note": "hello" } } }), 0),
        ("a finalizer of somebody else", json!({ "metadata": { "finalizers": ["example.org/theirs"] } }), 0),
        ("the same spec again", json!({ "spec": { "email": "carol@acme.example" } }), 0),
        ("another spec", json!({ "spec": { "displayName": "Carol" } }), 1),
    ];
    for (what, patch, writes) in table {
        world.proxy.forget();
        world.edit(MEMBER, "carol", patch);
        std::thread::sleep(Duration::from_millis(500));
        world.settle();
        let written = world.proxy.writes();
        assert_eq!(written.get("PUT members/carol/status").copied().unwrap_or_default(), writes, "{what}: {written:?}");
    }
    world.proxy.forget();
    world.edit(MEMBER, "carol", annotation);
    world.until("the question is answered", |world| world.object(MEMBER, "carol")["status"]["lastHandledReconcileAt"] == "noon");
    world.settle();
    assert_eq!(world.proxy.writes(), [("PUT members/carol/status".to_owned(), 1)].into());
    world.edit(MEMBER, "carol", json!({ "metadata": { "finalizers": null } }));
    world.check();
}

#[test]
fn somebody_else_writes_a_status_and_it_is_put_right_once() {
    let Some(world) = World::new() else { return };
    begin(&world);
    world.proxy.forget();
    let status = format!("{}/status", path(MEMBER, &world.namespace, "carol"));
    let lie = json!({ "status": { "conditions": [{
        "type": "Ready", "status": "False", "reason": "Failed", "message": "a lie", "lastTransitionTime": "2026-01-01T00:00:00Z",
    }] } });
    world.rig.call(Method::PATCH, &status, Some(&lie));
    world.until("the status is right again", |world| world.not_ready().is_empty());
    world.settle();
    assert_eq!(world.proxy.writes(), [("PUT members/carol/status".to_owned(), 1)].into());
    world.check();
}

#[test]
fn nothing_is_written_when_nothing_changes_also_after_a_restart() {
    let Some(world) = World::new() else { return };
    begin(&world);
    world.is_silent_for(Duration::from_secs(12));
    let history = world.told("acme").entries.len();
    world.restart();
    world.until("its lists are complete", |world| world.log().matches("every first list is complete").count() == 2);
    world.is_silent_for(Duration::from_secs(12));
    assert_eq!(world.told("acme").entries.len(), history);
    world.check();
}

#[test]
fn many_writers_of_one_object_lose_nothing_and_are_not_answered_more_often_than_they_ask() {
    let Some(world) = World::new() else { return };
    begin(&world);
    world.proxy.forget();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let world = &world;
            scope.spawn(move || {
                for edit in 0..EDITS {
                    let name = format!("{writer}-{edit}");
                    world.edit(
                        MEMBER,
                        "carol",
                        json!({ "spec": { "displayName": name }, "metadata": { "labels": { format!("w{writer}"): name } } }),
                    );
                }
            });
        }
    });
    world.settle();
    let carol = world.object(MEMBER, "carol");
    for writer in 0..WRITERS {
        assert_eq!(carol["metadata"]["labels"][format!("w{writer}")], format!("{writer}-{}", EDITS - 1));
    }
    let row = world.told("acme").rows.into_iter().find(|row| row.key.to_string() == "member/carol").unwrap();
    assert!(row.spec.contains(carol["spec"]["displayName"].as_str().unwrap()), "{}", row.spec);
    let attempts = world.proxy.written().iter().filter(|written| written.what == "PUT members/carol/status").count();
    assert!(attempts <= 2 * WRITERS * EDITS, "{attempts} attempts");
    assert_eq!(world.proxy.writes().keys().collect::<Vec<_>>(), ["PUT members/carol/status"]);
    world.check();
}

#[test]
fn two_namespaces_want_one_organization_and_the_first_keeps_it() {
    let Some(mut world) = World::new() else { return };
    let other = format!("{}-other", world.namespace);
    world.rig.namespace(&other);
    world.arguments(&["--watch-namespace", &other]);
    begin(&world);
    let before = world.told("acme").counts();
    let second: Vec<Value> = world
        .documents(ACME)
        .into_iter()
        .map(|mut object| {
            object["metadata"]["namespace"] = other.clone().into();
            object["spec"]["displayName"] = "Taken over".into();
            object
        })
        .filter(|object| object["kind"] == "Organization")
        .collect();
    second.iter().for_each(|object| world.rig.apply(object));
    let verdict = |world: &World| world.rig.objects(&other)["organizations/acme"]["status"]["conditions"].clone();
    for _ in 0..2 {
        world.until("the second is told", |world| verdict(world).to_string().contains(&world.namespace));
        world.settle();
        assert!(verdict(&world).to_string().contains("\"False\""), "{}", verdict(&world));
        assert_eq!(world.not_ready(), Vec::<String>::new(), "the first keeps it");
        world.restart();
        world.settle();
    }
    // The first one is away for a moment.
    let organization = world.documents(ACME).into_iter().find(|object| object["kind"] == "Organization").unwrap();
    let file = world.folder().join("acme.json");
    std::fs::write(&file, organization.to_string()).unwrap();
    world.delete(Kind::Organization, "acme");
    world.settle();
    let replaced = world.rig.plane.kubectl(&["create", "-f", file.to_str().unwrap()]);
    assert!(replaced.status.success(), "{}", String::from_utf8_lossy(&replaced.stderr));
    world.until("the first goes on", |world| world.not_ready().is_empty());
    world.settle();
    assert!(verdict(&world).to_string().contains("\"False\""), "{}", verdict(&world));
    assert_eq!(world.told("acme").counts(), before);
    world.check();
}

#[test]
fn the_last_admin_stays_whatever_is_deleted() {
    let Some(world) = World::new() else { return };
    begin(&world);
    world.delete(MEMBER, "alice");
    world.delete(MEMBER, "bob");
    world.delete(Kind::Workspace, "production");
    world.until("one of two is gone", |world| {
        world.told("acme").count(Happened::SoftDeleted) > 0
            || world.object(Kind::Organization, "acme")["status"]["refusals"].is_array()
    });
    std::thread::sleep(Duration::from_secs(3));
    world.settle();
    let stored = world.stored();
    assert!(stored.contains(&"member/alice".to_owned()) || stored.contains(&"member/bob".to_owned()), "{stored:?}");
    assert!(stored.contains(&"workspace/production".to_owned()), "{stored:?}");
    let refusals = world.object(Kind::Organization, "acme")["status"]["refusals"].to_string();
    assert!(refusals.contains("last-admin") && refusals.contains("workspace/production"), "{refusals}");
    world.check();
}
