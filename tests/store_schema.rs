//! Which schema a store reads and writes, and who creates it.

#[path = "support/postgres.rs"]
mod postgres;
#[path = "support/subject.rs"]
mod subject;

use std::path::Path;

use muster::store::{AnyStore, Mode, Observe as _, Store as _, StoreError};
use muster::tenancy::Revision;
use sqlx::{Connection as _, SqliteConnection};
use subject::{ACME, Subject, alice, change, on_both, on_sqlite, put, runtime};

#[test]
fn a_newer_schema_is_neither_read_nor_written() {
    on_both(refuses_a_newer_schema);
}

async fn refuses_a_newer_schema(subject: Subject) {
    let base = subject.commit(Revision::default(), [put(&alice())]).await;
    subject
        .sql("INSERT INTO muster_migrations (version, description, success, checksum, execution_time) VALUES (999, '', TRUE, '', 0)")
        .await;
    let newer = |error: StoreError| assert!(matches!(error, StoreError::Newer { found: 999, .. }), "{error:?}");
    for mode in [Mode::Read, Mode::Write] {
        newer(AnyStore::open(&subject.url(), mode).await.unwrap_err());
    }
    newer(subject.store.observe(&ACME.into()).await.unwrap_err());
    newer(subject.store.commit(&change(base)).await.unwrap_err());
    subject.sql("DELETE FROM muster_migrations WHERE version = 999").await;
    subject.assert_untouched(base).await;
}

#[test]
fn an_older_schema_is_not_read_before_it_is_migrated() {
    on_both(refuses_an_older_schema);
}

async fn refuses_an_older_schema(subject: Subject) {
    subject.sql("CREATE TABLE kept AS SELECT * FROM muster_migrations; DELETE FROM muster_migrations WHERE version > 1").await;
    let error = AnyStore::open(&subject.url(), Mode::Read).await.unwrap_err();
    assert!(matches!(error, StoreError::Older { found: 1, .. }), "{error:?}");
    assert!(error.to_string().contains("`muster apply` migrates it"), "{error}");
}

#[test]
fn an_empty_database_is_not_taken_for_an_empty_store() {
    let missing = |error: StoreError| assert!(matches!(error, StoreError::Missing { .. }), "{error:?}");
    if let Some(url) = postgres::database() {
        runtime().block_on(async { missing(AnyStore::open(&url, Mode::Read).await.unwrap_err()) });
    }
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/other.db", directory.path().display());
    runtime().block_on(async {
        let create = SqliteConnection::connect(&format!("{url}?mode=rwc")).await.unwrap();
        create.close().await.unwrap();
        missing(AnyStore::open(&url, Mode::Read).await.unwrap_err());
    });
}

#[test]
fn a_file_that_does_not_exist_reads_as_an_empty_store_and_is_not_created() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/muster.db", directory.path().display());
    runtime().block_on(async {
        let store = AnyStore::open(&url, Mode::Read).await.unwrap();
        assert_eq!(store.organizations().await.unwrap(), []);
        store.close().await;
    });
    assert_eq!(files(directory.path()), [""; 0]);
}

#[test]
fn a_closed_sqlite_store_leaves_one_file() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/muster.db", directory.path().display());
    runtime().block_on(async {
        for mode in [Mode::Write, Mode::Read] {
            let store = AnyStore::open(&url, mode).await.unwrap();
            store.observe(&ACME.into()).await.unwrap();
            store.close().await;
            assert_eq!(files(directory.path()), ["muster.db"], "{mode:?}");
        }
    });
}

#[test]
fn reading_does_not_change_the_file() {
    on_sqlite(|subject| async move {
        subject.commit(Revision::default(), [put(&alice())]).await;
        subject.store.close().await;
        let path = subject.url().trim_start_matches("sqlite://").to_owned();
        let before = std::fs::read(&path).unwrap();
        let store = AnyStore::open(&subject.url(), Mode::Read).await.unwrap();
        assert_eq!(store.observe(&ACME.into()).await.unwrap().rows, [alice()]);
        let refused = store.commit(&change(store.observe(&ACME.into()).await.unwrap().revision)).await;
        assert!(refused.is_err(), "a store that was opened for reading does not write");
        store.close().await;
        assert!(std::fs::read(&path).unwrap() == before);
    });
}

#[test]
fn many_may_create_the_store_at_once() {
    let at_once = |url: String| async move {
        let opened = (0..8).map(|_| {
            tokio::spawn({
                let url = url.clone();
                async move { AnyStore::open(&url, Mode::Write).await }
            })
        });
        for opened in opened.collect::<Vec<_>>() {
            opened.await.unwrap().unwrap();
        }
    };
    let directory = tempfile::tempdir().unwrap();
    for n in 0..5 {
        runtime().block_on(at_once(format!("sqlite://{}/{n}.db", directory.path().display())));
    }
    if let Some(url) = postgres::database() {
        runtime().block_on(at_once(url));
    }
}

fn files(directory: &Path) -> Vec<String> {
    let names = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}
