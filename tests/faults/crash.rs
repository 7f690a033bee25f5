//! The plug is pulled at every point at which something becomes visible to others: each write to the API server, each commit of the store.

use muster::api::Kind;
use muster::store::{AnyStore, Mode};
use serde_json::json;

use super::lock::Lock;
use super::proxy::{Call, Fault};
use super::story::{ACME, Ending, begin, go_on, undisturbed};
use super::world::{Engine, World, kill};

/// Tells the story while the plug is pulled once, at this write.
fn killed_at(number: usize, fault: impl Fn(Box<dyn FnOnce() + Send>) -> Fault + Send + 'static) -> Ending {
    let world = World::new().expect("the reference ran");
    let running = world.running();
    let mut pulled = false;
    world.proxy.script(move |call: &Call| {
        if pulled || !call.is_numbered() || call.number != number {
            return Fault::Pass;
        }
        pulled = true;
        let running = running.clone();
        fault(Box::new(move || kill(&running)))
    });
    world.revive();
    begin(&world);
    go_on(&world);
    Ending::of(&world)
}

#[test]
fn killed_before_any_write_to_the_api_server_it_ends_as_if_nothing_had_happened() {
    let Some((ending, writes)) = undisturbed() else { return };
    for number in 1..=*writes {
        let before = |pull: Box<dyn FnOnce() + Send>| {
            tokio::task::block_in_place(pull);
            Fault::Refuse
        };
        killed_at(number, before).is_that_of(ending, &format!("killed before write {number}"));
    }
}

#[test]
fn killed_after_any_write_to_the_api_server_it_ends_as_if_nothing_had_happened() {
    let Some((ending, writes)) = undisturbed() else { return };
    for number in 1..=*writes {
        killed_at(number, Fault::Then).is_that_of(ending, &format!("killed after write {number}"));
    }
}

#[test]
fn the_answer_to_any_write_is_lost_and_it_is_not_done_twice() {
    let Some((ending, writes)) = undisturbed() else { return };
    for number in (1..=*writes).step_by(3) {
        let lose = |_| Fault::Lose;
        let told = killed_at(number, lose);
        told.ends_like(ending, &format!("the answer to write {number} was lost"));
        assert_eq!(told.history, ending.history, "the answer to write {number} was lost");
        // A status of which nobody knows whether it arrived may be written once more.
        let more = |what: &String, count: usize| count - ending.writes.get(what).copied().unwrap_or_default();
        let again: usize = told.writes.iter().map(|(what, count)| more(what, *count)).sum();
        assert!(again <= 1, "the answer to write {number} was lost: {:?}", told.writes);
    }
}

/// Kills the controller while it waits to commit what it was started for, and starts it again when the way is free.
fn killed_before_the_commit(world: &World) {
    world.kill();
    let lock = world.rig.block_on(Lock::take(&world.store));
    world.start();
    world.until("its lists are complete", |world| world.log().matches("every first list is complete").count() > 0);
    // However long this takes, it cannot commit.
    std::thread::sleep(std::time::Duration::from_millis(700));
    world.kill();
    drop(lock);
    let before = world.told("acme").entries.len();
    world.start();
    world.until("what was to be done is done", |world| world.told("acme").entries.len() > before);
    world.settle();
}

fn before_each_commit(engine: Engine) {
    let Some((ending, _)) = undisturbed() else { return };
    let Some(world) = World::with(engine) else { return };
    world.rig.block_on(async { AnyStore::open(&world.store, Mode::Write).await.unwrap().close().await });
    world.apply(ACME);
    killed_before_the_commit(&world);
    world.kill();
    world.edit(Kind::Member, "carol", json!({ "spec": { "role": "Admin" } }));
    world.edit(Kind::Workspace, "staging", json!({ "spec": { "displayName": "Stage" } }));
    killed_before_the_commit(&world);
    world.kill();
    world.delete(Kind::Member, "dave");
    killed_before_the_commit(&world);
    let told = Ending::of(&world);
    assert_eq!(told.history, ending.history);
    told.ends_like(ending, "killed before each commit");
}

#[test]
fn killed_before_each_commit_to_sqlite_everything_is_done_once() {
    before_each_commit(Engine::Sqlite);
}

#[test]
fn killed_before_each_commit_to_postgresql_everything_is_done_once() {
    before_each_commit(Engine::Postgres);
}
