//! The plug is pulled: `kill -9` before, between and after the commits of an apply. Nothing is lost, nothing is half done, and
//! the next apply goes on.

#[path = "support/postgres.rs"]
mod postgres;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use muster::store::{AnyStore, Mode, Observe};
use muster::tenancy::{Name, Snapshot};
use sqlx::{Connection, Executor, Row};

const ORGANIZATIONS: [&str; 3] = ["acme", "globex", "initech"];

/// Three organizations with so many members each.
fn write_files(directory: &Path, members: usize) {
    for organization in ORGANIZATIONS {
        let mut text = document("Organization", organization, "{}");
        let spec = |who: &str, role: &str| {
            format!("{{organizationRef: {{name: {organization}}}, email: {who}@{organization}.example, role: {role}}}")
        };
        text += &document("Member", &format!("{organization}-admin"), &spec("admin", "Admin"));
        for member in 0..members {
            text += &document("Member", &format!("{organization}-{member}"), &spec(&format!("m{member}"), "Member"));
        }
        std::fs::write(directory.join(format!("{organization}.yaml")), text).unwrap();
    }
}

fn document(kind: &str, name: &str, spec: &str) -> String {
    format!("---\napiVersion: muster.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n")
}

fn apply(url: &str, files: &Path) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command.args(["apply", "--auto-approve", "--store", url, "-f"]).arg(files);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn finish(url: &str, files: &Path) {
    assert!(apply(url, files).wait().unwrap().success());
}

/// What every organization looks like: all of it or nothing, and a history that verifies and tells of each object once.
async fn check(url: &str, members: usize) -> Vec<&'static str> {
    let store = AnyStore::open(url, Mode::Read).await.unwrap();
    let mut there = Vec::new();
    for organization in ORGANIZATIONS {
        let name = Name::from(organization);
        let Snapshot { rows, .. } = store.observe(&name).await.unwrap();
        let history = store.history(&name, 0, u32::MAX).await.unwrap();
        assert!(rows.is_empty() || rows.len() == members + 2, "{organization} has {} objects", rows.len());
        assert_eq!(rows.len(), history.len(), "{organization}: each object has one entry");
        muster::engine::verify(&store, &name).await.unwrap();
        if !rows.is_empty() {
            there.push(organization);
        }
    }
    store.close().await;
    there
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Waits until a condition holds; a condition that never holds fails the test.
async fn until(mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..2_000 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("what the test waits for never came");
}

/// The empty schema, so that a lock can be taken on what is in it.
async fn create_schema(url: &str) {
    AnyStore::open(url, Mode::Write).await.unwrap().close().await;
}

#[test]
fn killed_before_the_first_commit_on_sqlite_nothing_is_there() {
    run(async {
        let directory = tempfile::tempdir().unwrap();
        write_files(directory.path(), 20);
        let file = directory.path().join("muster.db");
        let url = format!("sqlite://{}", file.display());
        create_schema(&url).await;
        let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
        other.execute("BEGIN IMMEDIATE").await.unwrap();
        let mut child = apply(&url, directory.path());
        // The write lock is taken, so however long this takes, no commit can happen before the kill.
        tokio::time::sleep(Duration::from_millis(200)).await;
        child.kill().unwrap();
        child.wait().unwrap();
        other.execute("ROLLBACK").await.unwrap();
        other.close().await.unwrap();
        assert_eq!(check(&url, 20).await, Vec::<&str>::new());
        finish(&url, directory.path());
        assert_eq!(check(&url, 20).await, ORGANIZATIONS);
    });
}

#[test]
fn killed_right_after_the_first_commit_on_sqlite_each_organization_is_whole_or_absent() {
    run(async {
        let directory = tempfile::tempdir().unwrap();
        write_files(directory.path(), 400);
        let url = format!("sqlite://{}", directory.path().join("muster.db").display());
        create_schema(&url).await;
        let mut child = apply(&url, directory.path());
        let mut reader = sqlx::SqliteConnection::connect(&url).await.unwrap();
        until(async || sqlx::query("SELECT 1 FROM objects LIMIT 1").fetch_optional(&mut reader).await.unwrap().is_some()).await;
        child.kill().unwrap();
        child.wait().unwrap();
        reader.close().await.unwrap();
        assert_eq!(check(&url, 400).await.first(), Some(&"acme"));
        finish(&url, directory.path());
        assert_eq!(check(&url, 400).await, ORGANIZATIONS);
    });
}

#[test]
fn killed_at_any_moment_on_sqlite_each_organization_is_whole_or_absent() {
    run(async {
        let directory = tempfile::tempdir().unwrap();
        write_files(directory.path(), 200);
        for moment in 0..12_u64 {
            let file = directory.path().join(format!("{moment}.db"));
            let url = format!("sqlite://{}", file.display());
            create_schema(&url).await;
            let mut child = apply(&url, directory.path());
            tokio::time::sleep(Duration::from_millis(moment * moment * 6)).await;
            child.kill().ok();
            child.wait().unwrap();
            check(&url, 200).await;
            finish(&url, directory.path());
            assert_eq!(check(&url, 200).await, ORGANIZATIONS);
        }
    });
}

/// Keeps an organization locked in PostgreSQL, as another apply would.
async fn lock(url: &str, organization: &str) -> sqlx::PgConnection {
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    connection.execute("BEGIN").await.unwrap();
    let insert = "INSERT INTO revisions (organization, number, stamp) VALUES ($1, 0, 0)";
    sqlx::query(insert).bind(organization).execute(&mut connection).await.unwrap();
    connection
}

/// Waits until some session of this database waits for a lock.
async fn until_somebody_waits(url: &str) {
    let mut watcher = sqlx::PgConnection::connect(url).await.unwrap();
    let waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until(async || sqlx::query(waiting).fetch_one(&mut watcher).await.unwrap().get::<i64, _>(0) > 0).await;
    watcher.close().await.unwrap();
}

#[test]
fn killed_before_and_between_the_commits_on_postgresql_what_was_committed_stays_and_the_rest_is_absent() {
    run(async {
        let directory = tempfile::tempdir().unwrap();
        write_files(directory.path(), 20);
        for (locked, there) in [("acme", vec![]), ("globex", vec!["acme"]), ("initech", vec!["acme", "globex"])] {
            let Some(url) = postgres::database() else { return };
            create_schema(&url).await;
            let mut other = lock(&url, locked).await;
            let mut child = apply(&url, directory.path());
            until_somebody_waits(&url).await;
            child.kill().unwrap();
            child.wait().unwrap();
            other.execute("ROLLBACK").await.unwrap();
            other.close().await.unwrap();
            assert_eq!(check(&url, 20).await, there, "killed while it waits for {locked}");
            finish(&url, directory.path());
            assert_eq!(check(&url, 20).await, ORGANIZATIONS);
        }
    });
}

#[test]
fn killed_right_after_the_last_commit_on_postgresql_everything_is_there_and_the_next_apply_writes_nothing() {
    run(async {
        let Some(url) = postgres::database() else { return };
        let directory = tempfile::tempdir().unwrap();
        write_files(directory.path(), 20);
        create_schema(&url).await;
        let mut child = apply(&url, directory.path());
        let mut reader = sqlx::PgConnection::connect(&url).await.unwrap();
        let last = "SELECT 1 FROM objects WHERE organization = 'initech' LIMIT 1";
        until(async || sqlx::query(last).fetch_optional(&mut reader).await.unwrap().is_some()).await;
        child.kill().ok();
        child.wait().unwrap();
        assert_eq!(check(&url, 20).await, ORGANIZATIONS);
        let revision = "SELECT max(number) FROM revisions";
        let before: i64 = sqlx::query(revision).fetch_one(&mut reader).await.unwrap().get(0);
        finish(&url, directory.path());
        let after: i64 = sqlx::query(revision).fetch_one(&mut reader).await.unwrap().get(0);
        assert_eq!(before, after);
        reader.close().await.unwrap();
    });
}
