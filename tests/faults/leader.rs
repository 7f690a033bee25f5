//! Two replicas, of which one is active; what happens while the other takes over.

use std::time::{Duration, Instant};

use hyper::Method;
use muster::api::Kind;
use serde_json::{Value, json};

use super::control_plane::free_ports;
use super::lock::Lock;
use super::process::Process;
use super::story::{ACME, begin, members};
use super::world::{Engine, World, ask};

fn lease(world: &World) -> String {
    format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases/muster", world.namespace)
}

fn holder(world: &World) -> String {
    let lease = world.rig.try_call(Method::GET, &lease(world), None).unwrap_or_default();
    lease["spec"]["holderIdentity"].as_str().unwrap_or_default().to_owned()
}

/// A second replica.
fn second(world: &World) -> (Process, u16) {
    let [port] = free_ports();
    (Process::spawn(&world.command(port), &world.folder().join("second.log")), port)
}

fn leads(port: u16) -> bool {
    ask(port, "/metrics").is_some_and(|(_, text)| text.lines().any(|line| line == "muster_leader 1"))
}

fn sleeper(engine: Engine) {
    let Some(mut world) = World::with(engine) else { return };
    world.arguments(&["--lease-duration", "2s"]);
    begin(&world);
    let first = holder(&world);
    // The first replica wants to commit and cannot; then it falls asleep.
    let locked = world.rig.block_on(Lock::take(&world.store));
    world.edit(Kind::Member, "carol", json!({ "spec": { "displayName": "Carol" } }));
    std::thread::sleep(Duration::from_millis(700));
    world.signal("STOP");
    drop(locked);
    let (other, port) = second(&world);
    world.until("the second leads", |_| leads(port));
    world.edit(Kind::Member, "carol", json!({ "spec": { "displayName": "Carol the Second" } }));
    world.delete(Kind::Member, "dave");
    world.until("the second has done what is to be done", |world| world.is_soft_deleted("member/dave"));
    world.settle();
    world.signal("CONT");
    std::thread::sleep(Duration::from_secs(4));
    world.settle();
    assert_ne!(holder(&world), first, "the first does not lead any more");
    let counts = world.told("acme").counts();
    assert_eq!(counts["SoftDeleted member/dave"], 1);
    let carol = world.told("acme").rows.into_iter().find(|row| row.key.to_string() == "member/carol").unwrap();
    assert!(carol.spec.contains("Carol the Second"), "{}", carol.spec);
    assert_eq!(world.not_ready(), Vec::<String>::new());
    world.check();
    drop(other);
}

#[test]
fn a_sleeper_that_wakes_up_past_its_lease_changes_nothing_on_sqlite() {
    sleeper(Engine::Sqlite);
}

#[test]
fn a_sleeper_that_wakes_up_past_its_lease_changes_nothing_on_postgresql() {
    sleeper(Engine::Postgres);
}

#[test]
fn a_killed_leader_is_followed_when_its_lease_is_over_and_not_before() {
    let Some(mut world) = World::new() else { return };
    world.arguments(&["--lease-duration", "4s"]);
    begin(&world);
    let (_other, port) = second(&world);
    std::thread::sleep(Duration::from_secs(2));
    assert!(!leads(port), "there is one leader");
    let before = world.told("acme").counts();
    let began = Instant::now();
    world.kill();
    world.until("the second leads", |_| leads(port));
    assert!(began.elapsed() > Duration::from_millis(2500), "the lease still held");
    world.apply(&members(0..2));
    world.settle();
    assert_eq!(world.not_ready(), Vec::<String>::new());
    assert_eq!(world.told("acme").counts().len(), before.len() + 2);
    world.check();
}

#[test]
fn a_clock_that_is_off_by_an_hour_makes_no_second_leader() {
    let Some(mut world) = World::new() else { return };
    world.arguments(&["--lease-duration", "4s"]);
    begin(&world);
    let first = holder(&world);
    let (_other, port) = second(&world);
    std::thread::sleep(Duration::from_secs(2));
    for renewed in ["2020-01-01T00:00:00.000000Z", "2040-01-01T00:00:00.000000Z"] {
        // What a leader with such a clock would write; the real one renews right after it.
        let patch = json!({ "spec": { "renewTime": renewed, "acquireTime": renewed } });
        for _ in 0..4 {
            world.rig.call(Method::PATCH, &lease(&world), Some(&patch));
            std::thread::sleep(Duration::from_millis(700));
            assert!(!leads(port), "renewed at {renewed}");
        }
    }
    assert_eq!(holder(&world), first);
    assert_eq!(world.log().matches("does not lead any more").count(), 0, "whoever writes to the lease does not take it");
    // A leader whose clock is an hour ahead is gone all the same when it does not renew.
    world.signal("STOP");
    world.rig.call(Method::PATCH, &lease(&world), Some(&json!({ "spec": { "renewTime": "2040-01-01T00:00:00.000000Z" } })));
    world.within(Duration::from_secs(30), "the second leads", |_| leads(port));
    world.check();
}

#[test]
fn told_to_stop_in_the_middle_of_work_it_ends_well_and_lets_another_go_on_at_once() {
    let Some(mut world) = World::new() else { return };
    world.arguments(&["--lease-duration", "60s"]);
    begin(&world);
    world.apply(&members(0..40));
    std::thread::sleep(Duration::from_millis(100));
    let began = Instant::now();
    assert_eq!(world.terminate(), 0);
    assert!(began.elapsed() < Duration::from_secs(8), "it took {:?}", began.elapsed());
    assert_eq!(holder(&world), "", "the lease is released");
    let (_other, port) = second(&world);
    world.within(Duration::from_secs(30), "the second leads", |_| leads(port));
    world.settle();
    assert_eq!(world.not_ready(), Vec::<String>::new());
    let counts = world.told("acme").counts();
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
    assert_eq!(world.stored().iter().filter(|key| key.starts_with("member/m")).count(), 40);
    world.check();
}

#[test]
fn a_replica_that_waits_writes_nothing() {
    let Some(world) = World::new() else { return };
    world.apply(ACME);
    let taken: Value = json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": { "name": "muster", "namespace": world.namespace },
        "spec": { "holderIdentity": "somebody", "leaseDurationSeconds": 3600, "renewTime": "2026-01-01T00:00:00.000000Z" },
    });
    let (waits, port) = {
        world.rig.apply(&taken);
        second(&world)
    };
    world.until("it is ready", |_| ask(port, "/readyz").is_some_and(|(status, _)| status == 200));
    std::thread::sleep(Duration::from_secs(3));
    assert!(!leads(port));
    assert_eq!(world.proxy.writes().len(), 0);
    assert_eq!(world.told("acme").rows.len(), 0);
    drop(waits);
}
