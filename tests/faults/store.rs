//! The store fails, is slow, is not writable, or is an older one. No success is reported that is not in it.

use std::time::Duration;

use muster::api::Kind;
use muster::store::Happened;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqliteConnection};

use super::story::{ACME, begin, members};
use super::world::{Engine, World};

const MEMBER: Kind = Kind::Member;

/// Something that somebody with the password does to the store.
fn by_hand(world: &World, sql: &str) {
    let sql = sql.to_owned();
    world.rig.block_on(async {
        if world.store.starts_with("sqlite") {
            let mut connection = SqliteConnection::connect(&world.store).await.unwrap();
            connection.execute(AssertSqlSafe(sql)).await.unwrap();
            connection.close().await.unwrap();
        } else {
            let mut connection = PgConnection::connect(&world.store).await.unwrap();
            connection.execute(AssertSqlSafe(sql)).await.unwrap();
        }
    });
}

/// While the store cannot be written, nothing is reported as done; afterwards everything is, once.
fn cannot_write(world: &World, breaks: &str, mends: &str) {
    begin(world);
    by_hand(world, breaks);
    world.edit(MEMBER, "carol", json!({ "spec": { "displayName": "Carol" } }));
    world.until("it says why", |world| {
        let ready = world.condition(Kind::Organization, "acme", "Ready");
        ready.is_some_and(|(status, _, message)| status != "True" && !message.is_empty())
    });
    world.until("carol is not reported as done", |world| world.not_ready().contains(&"members/carol".to_owned()));
    std::thread::sleep(Duration::from_secs(2));
    assert!(world.not_ready().contains(&"members/carol".to_owned()));
    by_hand(world, mends);
    world.until("everything is done", |world| world.not_ready().is_empty());
    world.settle();
    assert_eq!(world.told("acme").counts()["Updated member/carol"], 1);
    world.check();
}

#[test]
fn a_full_disk_is_told_and_nothing_is_reported_as_done_before_it_is() {
    let Some(world) = World::new() else { return };
    let full = "CREATE TRIGGER failing BEFORE INSERT ON history BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END";
    cannot_write(&world, full, "DROP TRIGGER failing");
}

/// A trigger that fails every entry of the history with this state.
fn failing(state: &str) -> String {
    format!(
        "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'planted' USING ERRCODE = '{state}'; END $$;
         CREATE TRIGGER failing BEFORE INSERT ON history FOR EACH STATEMENT EXECUTE FUNCTION fail()"
    )
}

#[test]
fn a_full_disk_of_the_database_server_is_told_and_nothing_is_reported_as_done() {
    let Some(world) = World::with(Engine::Postgres) else { return };
    cannot_write(&world, &failing("53100"), "DROP TRIGGER failing ON history; DROP FUNCTION fail");
}

#[test]
fn serialization_failures_and_deadlocks_that_do_not_end_are_told() {
    for state in ["40001", "40P01"] {
        let Some(world) = World::with(Engine::Postgres) else { return };
        cannot_write(&world, &failing(state), "DROP TRIGGER failing ON history; DROP FUNCTION fail");
    }
}

#[test]
fn a_failover_to_a_server_that_only_reads_is_told() {
    let Some(world) = World::with(Engine::Postgres) else { return };
    cannot_write(&world, &failing("25006"), "DROP TRIGGER failing ON history; DROP FUNCTION fail");
}

#[test]
fn connections_that_are_cut_again_and_again_lose_nothing_and_double_nothing() {
    let Some(world) = World::with(Engine::Postgres) else { return };
    begin(&world);
    let cut =
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for round in 0..10 {
        world.apply(&members(round..round + 1));
        std::thread::sleep(Duration::from_millis(20 * u64::try_from(round).unwrap()));
        by_hand(&world, cut);
    }
    world.until("everybody is there", |world| world.not_ready().is_empty());
    world.settle();
    let counts = world.told("acme").counts();
    assert!(counts.values().all(|count| *count == 1), "{counts:?}");
    world.check();
}

#[test]
fn a_store_that_somebody_else_locks_for_long_is_told_and_holds_up_nothing_for_ever() {
    let Some(world) = World::new() else { return };
    begin(&world);
    let lock = world.rig.block_on(async {
        let mut connection = SqliteConnection::connect(&world.store).await.unwrap();
        connection.execute("BEGIN IMMEDIATE").await.unwrap();
        connection
    });
    world.edit(MEMBER, "carol", json!({ "spec": { "displayName": "Carol" } }));
    world.until("it says why", |world| {
        world.condition(Kind::Organization, "acme", "Ready").is_some_and(|(status, ..)| status != "True")
    });
    drop(lock);
    world.until("everything is done", |world| world.not_ready().is_empty());
    world.settle();
    assert_eq!(world.told("acme").counts()["Updated member/carol"], 1);
    world.check();
}

#[test]
fn two_organizations_and_one_of_them_is_locked() {
    let Some(world) = World::with(Engine::Postgres) else { return };
    begin(&world);
    let lock = world.rig.block_on(async {
        let mut connection = PgConnection::connect(&world.store).await.unwrap();
        connection.execute("BEGIN; SELECT FROM revisions WHERE organization = 'acme' FOR UPDATE").await.unwrap();
        connection
    });
    world.edit(MEMBER, "carol", json!({ "spec": { "displayName": "Carol" } }));
    std::thread::sleep(Duration::from_millis(300));
    world.apply(
        "{apiVersion: muster.dev/v1alpha1, kind: Organization, metadata: {name: globex}, spec: {displayName: Globex}}\n---\n\
         {apiVersion: muster.dev/v1alpha1, kind: Member, metadata: {name: homer}, \
          spec: {organizationRef: {name: globex}, email: homer@globex.example, role: Admin}}",
    );
    world.until("the other one goes on", |world| {
        let waiting = world.not_ready();
        !waiting.contains(&"organizations/globex".to_owned()) && !waiting.contains(&"members/homer".to_owned())
    });
    drop(lock);
    world.until("everything is done", |world| world.not_ready().is_empty());
    world.check();
}

#[test]
fn the_store_is_an_older_one_and_what_git_says_is_done_again() {
    let Some(world) = World::new() else { return };
    begin(&world);
    let file = world.folder().join("muster.db");
    world.terminate();
    std::fs::copy(&file, world.folder().join("backup.db")).unwrap();
    world.start();
    world.apply(&members(0..3));
    world.edit(MEMBER, "carol", json!({ "spec": { "displayName": "Carol" } }));
    world.delete(MEMBER, "dave");
    world.until("dave is gone from the store", |world| world.is_soft_deleted("member/dave"));
    world.settle();
    let after = world.end_state();
    world.terminate();
    std::fs::copy(world.folder().join("backup.db"), &file).unwrap();
    world.start();
    world.until("dave is gone from the store", |world| world.is_soft_deleted("member/dave"));
    world.settle();
    assert_eq!(world.not_ready(), Vec::<String>::new());
    assert_eq!(world.stored().len(), 12);
    let store = |state: &str| state.split("\nmembers/").next().unwrap().to_owned();
    assert_eq!(store(&world.end_state()), store(&after));
    world.check();
}

#[test]
fn the_store_is_an_older_one_with_many_who_left_since_and_their_removal_waits_for_approval() {
    let Some(world) = World::new() else { return };
    world.apply(&members(0..24));
    begin(&world);
    let file = world.folder().join("muster.db");
    world.terminate();
    std::fs::copy(&file, world.folder().join("backup.db")).unwrap();
    world.start();
    for half in [0..6, 6..11] {
        half.clone().for_each(|number| world.delete(MEMBER, &format!("m{number}")));
        world.until("they are gone", |world| half.clone().all(|number| world.is_soft_deleted(&format!("member/m{number}"))));
    }
    world.settle();
    world.terminate();
    std::fs::copy(world.folder().join("backup.db"), &file).unwrap();
    world.start();
    world.until("the removal waits", |world| {
        world.condition(Kind::Organization, "acme", "ApprovalRequired").is_some_and(|(status, ..)| status == "True")
    });
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(world.told("acme").count(Happened::SoftDeleted), 0);
    world.check();
}

#[test]
fn an_empty_store_is_filled_again_with_everything_that_git_says() {
    let Some(world) = World::new() else { return };
    begin(&world);
    let state = world.muster(&["export"]);
    world.terminate();
    for file in ["muster.db", "muster.db-wal", "muster.db-shm"] {
        std::fs::remove_file(world.folder().join(file)).ok();
    }
    world.start();
    world.until("the store is filled", |world| world.muster(&["export"]) == state);
    world.settle();
    assert_eq!(world.not_ready(), Vec::<String>::new());
    world.apply(ACME);
    world.check();
}
