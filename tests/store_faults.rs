//! What can go wrong with a database, and what Muster makes of it: a clear error, and nothing written.

#[path = "support/postgres.rs"]
mod postgres;
#[path = "support/subject.rs"]
mod subject;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use muster::api::Kind;
use muster::store::{Address, AnyStore, Committed, Mode, Observe as _, Store as _, StoreError};
use muster::tenancy::{Revision, Row};
use sqlx::{Connection as _, Executor as _, PgConnection, SqliteConnection};
use subject::{ACME, Subject, alice, batch, by_hand, change, on_postgres, on_sqlite, put, row, runtime};

/// The message of an error with everything behind it, as the command line prints it.
fn message(error: &StoreError) -> String {
    let mut message = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    message
}

async fn with_patience(subject: &Subject, patience: Duration) -> AnyStore {
    let address: Address = subject.url().parse().unwrap();
    AnyStore::open_with(&address, Mode::Write, patience).await.unwrap()
}

/// Waits until a session of Muster waits for a lock.
async fn until_muster_waits(hand: &mut PgConnection) {
    let waits = "SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'muster' AND wait_event_type = 'Lock'
                                AND datname = current_database())";
    let began = Instant::now();
    while !sqlx::query_scalar::<_, bool>(waits).fetch_one(&mut *hand).await.unwrap() {
        assert!(began.elapsed() < Duration::from_secs(30), "Muster never waited");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn assert_stale(result: &Result<Committed, StoreError>) {
    assert!(matches!(result, Err(StoreError::Stale { .. })), "{result:?}");
}

#[test]
fn an_edit_by_hand_before_an_apply_makes_it_stale() {
    on_postgres(|subject| async move {
        let base = subject.commit(Revision::default(), [put(&alice())]).await;
        let mut hand = PgConnection::connect(&subject.url()).await.unwrap();
        hand.execute("BEGIN").await.unwrap();
        hand.execute(r#"UPDATE objects SET spec = '{"role":"Owner"}'"#).await.unwrap();
        let store = subject.store.clone();
        let apply = tokio::spawn(async move { store.commit(&change(base)).await });
        let mut watch = PgConnection::connect(&subject.url()).await.unwrap();
        until_muster_waits(&mut watch).await;
        hand.execute("COMMIT").await.unwrap();
        assert_stale(&apply.await.unwrap());
        assert_eq!(&*subject.observe().await.rows[0].spec, r#"{"role":"Owner"}"#);
    });
}

#[test]
fn an_edit_by_hand_in_the_middle_of_an_apply_neither_deadlocks_nor_is_lost() {
    on_postgres(|subject| async move {
        let base = subject.commit(Revision::default(), [put(&alice())]).await;
        // PostgreSQL shall not come to the rescue: it would find the deadlock and fail one of the two.
        subject.sql(&for_everyone("deadlock_timeout = '10min'")).await;
        let store = with_patience(&subject, LONG).await;
        let mut hand = PgConnection::connect(&subject.url()).await.unwrap();
        let mut watch = PgConnection::connect(&subject.url()).await.unwrap();
        // The hand has the row, the apply has the revision, and each now needs what the other has.
        hand.execute("SET lock_timeout = '20s'; BEGIN; SELECT FROM objects FOR UPDATE").await.unwrap();
        let apply = tokio::spawn(async move { store.commit(&change(base)).await });
        until_muster_waits(&mut watch).await;
        hand.execute(r#"UPDATE objects SET spec = '{"role":"Owner"}'"#).await.expect("the apply steps back, not the hand");
        hand.execute("COMMIT").await.unwrap();
        assert_stale(&apply.await.unwrap());
        assert_eq!(&*subject.observe().await.rows[0].spec, r#"{"role":"Owner"}"#);
        assert_eq!(subject.verify().await, 0);
    });
}

#[test]
fn an_edit_by_hand_in_a_sqlite_file_makes_a_waiting_apply_stale() {
    on_sqlite(|subject| async move {
        let base = subject.commit(Revision::default(), [put(&alice())]).await;
        let mut hand = SqliteConnection::connect(&subject.url()).await.unwrap();
        hand.execute("BEGIN IMMEDIATE").await.unwrap();
        let store = subject.store.clone();
        let apply = tokio::spawn(async move { store.commit(&change(base)).await });
        hand.execute(r#"UPDATE objects SET spec = '{"role":"Owner"}'"#).await.unwrap();
        hand.execute("COMMIT").await.unwrap();
        assert_stale(&apply.await.unwrap());
        assert_eq!(&*subject.observe().await.rows[0].spec, r#"{"role":"Owner"}"#);
    });
}

#[test]
fn two_writers_are_told_apart_under_every_isolation_level() {
    for level in ["read committed", "repeatable read", "serializable"] {
        on_postgres(|subject| async move {
            let base = subject.commit(Revision::default(), [put(&alice())]).await;
            subject.sql(&for_everyone(&format!("default_transaction_isolation = '{level}'"))).await;
            let stores = [with_patience(&subject, LONG).await, with_patience(&subject, LONG).await];
            let batch = change(base);
            let (first, second) = tokio::join!(stores[0].commit(&batch), stores[1].commit(&batch));
            assert_ne!(first.is_ok(), second.is_ok(), "{level}: {first:?} {second:?}");
            assert_stale(if first.is_ok() { &second } else { &first });
            assert_eq!(subject.verify().await, 1);
        });
    }
}

#[test]
fn serialization_failures_deadlocks_and_lock_timeouts_are_tried_again() {
    for state in ["40001", "40P01", "55P03"] {
        on_postgres(|subject| async move {
            let base = subject.commit(Revision::default(), [put(&alice())]).await;
            // A sequence does not roll back, so the third attempt goes through.
            subject.sql(&failing(state, "nextval('attempts') < 3")).await;
            subject.store.commit(&change(base)).await.unwrap();
            assert_eq!(subject.verify().await, 1);
        });
    }
}

#[test]
fn what_never_goes_through_ends_with_patience() {
    on_postgres(|subject| async move {
        let base = subject.commit(Revision::default(), [put(&alice())]).await;
        let store = with_patience(&subject, SHORT).await;
        subject.sql(&failing("40001", "true")).await;
        let error = store.commit(&change(base)).await.unwrap_err();
        assert!(message(&error).contains("other sessions kept writing"), "{}", message(&error));
        subject.sql("DROP TRIGGER failing ON history").await;
        subject.assert_untouched(base).await;
    });
}

#[test]
fn a_full_disk_of_the_server_is_named_and_nothing_is_written() {
    on_postgres(|subject| async move {
        let base = subject.commit(Revision::default(), [put(&alice())]).await;
        subject.sql(&failing("53100", "true")).await;
        let error = subject.store.commit(&change(base)).await.unwrap_err();
        assert!(message(&error).contains("nothing was written: the server's disk is full"), "{}", message(&error));
        subject.sql("DROP TRIGGER failing ON history").await;
        subject.assert_untouched(base).await;
    });
}

#[test]
fn a_database_locked_by_another_process_is_named_and_nothing_is_written() {
    on_sqlite(|subject| async move {
        let base = subject.commit(Revision::default(), [put(&alice())]).await;
        let store = with_patience(&subject, SHORT).await;
        let mut hand = SqliteConnection::connect(&subject.url()).await.unwrap();
        hand.execute("BEGIN IMMEDIATE").await.unwrap();
        let error = store.commit(&change(base)).await.unwrap_err();
        assert!(message(&error).contains("nothing was written: another process is writing"), "{}", message(&error));
        assert_eq!(store.observe(&ACME.into()).await.unwrap().rows.len(), 1, "reading goes on");
        hand.execute("ROLLBACK").await.unwrap();
        subject.assert_untouched(base).await;
    });
    on_postgres(|subject| async move {
        let base = subject.commit(Revision::default(), [put(&alice())]).await;
        let store = with_patience(&subject, SHORT).await;
        let mut hand = PgConnection::connect(&subject.url()).await.unwrap();
        hand.execute("BEGIN; UPDATE objects SET external_id = 'x'").await.unwrap();
        let error = store.commit(&change(base)).await.unwrap_err();
        assert!(message(&error).contains("nothing was written: another session holds a lock"), "{}", message(&error));
        hand.execute("ROLLBACK").await.unwrap();
        subject.assert_untouched(base).await;
    });
}

#[test]
fn a_connection_cut_in_the_middle_of_an_apply_leaves_nothing_behind() {
    on_postgres(|subject| async move {
        let base = subject.commit(Revision::default(), [put(&alice())]).await;
        subject.sql(&slow("CREATE TRIGGER slow AFTER INSERT ON history FOR EACH STATEMENT EXECUTE FUNCTION slow()")).await;
        let error = cut_off(&subject, base).await;
        assert!(matches!(error, StoreError::Database { .. }), "{error:?}");
        assert!(message(&error).contains("cut the connection"), "{}", message(&error));
        subject.sql("DROP TRIGGER slow ON history").await;
        subject.assert_untouched(base).await;
    });
}

#[test]
fn a_connection_cut_during_the_commit_leaves_it_unknown_what_happened() {
    on_postgres(|subject| async move {
        let base = subject.commit(Revision::default(), [put(&alice())]).await;
        let at_commit = "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON history DEFERRABLE INITIALLY DEFERRED
                         FOR EACH ROW EXECUTE FUNCTION slow()";
        subject.sql(&slow(at_commit)).await;
        let error = cut_off(&subject, base).await;
        assert!(matches!(error, StoreError::Unknown { .. }), "{error:?}");
        assert!(!message(&error).contains("nothing was written"), "{}", message(&error));
        subject.sql("DROP TRIGGER slow ON history").await;
        subject.assert_untouched(base).await;
    });
}

#[test]
fn no_message_shows_a_password() {
    let shown = |error: &StoreError| {
        let shown = format!("{} {error:?}", message(error));
        assert!(!shown.contains("hunter2"), "{shown}");
    };
    runtime().block_on(async {
        for url in [
            "postgres://alice:hunter2@127.0.0.1:1/muster",
            "postgres://alice:hunter2@nowhere.invalid/muster",
            "pg://a:hunter2@b/c",
        ] {
            shown(&AnyStore::open(url, Mode::Write).await.unwrap_err());
        }
        let Some(url) = postgres::database() else { return };
        let url = url.replace("postgres@", "postgres:hunter2@");
        shown(&AnyStore::open(&url, Mode::Read).await.unwrap_err());
        shown(&AnyStore::open(&url.replace("/test_", "/no_such_database_"), Mode::Write).await.unwrap_err());
        shown(&AnyStore::open(&url.replace("postgres:", "nobody:"), Mode::Write).await.unwrap_err());
        let store = AnyStore::open(&url, Mode::Write).await.unwrap();
        assert!(!format!("{store:?}").contains("hunter2"), "{store:?}");
        shown(&store.commit(&change(Revision { number: 7, stamp: 7 })).await.unwrap_err());
        by_hand(&url, &failing("53100", "true")).await.unwrap();
        shown(&store.commit(&change(Revision::default())).await.unwrap_err());
        by_hand(&url, "DROP TABLE muster_migrations").await.unwrap();
        shown(&store.observe(&ACME.into()).await.unwrap_err());
    });
}

#[test]
fn a_value_that_cannot_be_read_is_named() {
    on_sqlite(|subject| async move {
        let base = subject.commit(Revision::default(), [put(&alice())]).await;
        for (column, value, said) in [
            ("created_at", "'yesterday'", "member/alice: column created_at: `yesterday` is not a time"),
            ("former_names", "'{}'", "member/alice: column former_names: `{}` is not a list of names"),
            ("id", "'7'", "member/alice: column id: `7` is not a UUID"),
            ("manager", "CAST(x'4e6fff' AS TEXT)", "\"Member\",\"alice\""),
            ("digest", "x'00'", "member/alice: column digest: a digest has 32 bytes"),
        ] {
            let mut hand = SqliteConnection::connect(&subject.url()).await.unwrap();
            hand.execute("PRAGMA ignore_check_constraints = ON").await.unwrap();
            hand.execute("CREATE TABLE before AS SELECT * FROM objects").await.unwrap();
            sqlx::raw_sql(sqlx::AssertSqlSafe(format!("UPDATE objects SET {column} = {value}")))
                .execute(&mut hand)
                .await
                .unwrap();
            let error = subject.store.observe(&ACME.into()).await.unwrap_err();
            assert!(matches!(error, StoreError::Unreadable { .. }), "{error:?}");
            assert!(error.to_string().contains(said), "{error}");
            let restore = format!("UPDATE objects SET {column} = (SELECT {column} FROM before); DROP TABLE before");
            sqlx::raw_sql(sqlx::AssertSqlSafe(restore)).execute(&mut hand).await.unwrap();
        }
        assert_eq!(subject.observe().await.rows, [alice()]);
        assert!(subject.observe().await.revision.number > base.number);
    });
}

#[test]
fn a_limit_on_the_size_of_files_is_named_and_nothing_is_written() {
    on_sqlite(|subject| async move {
        let base = subject.commit(Revision::default(), [put(&alice())]).await;
        subject.store.close().await;
        // In blocks of 512 bytes; the signal that goes with the limit is ignored, so that the write fails instead.
        run_as_child("fills_the_disk", "trap '' 25; ulimit -f 2048; exec", &subject.url());
        let reopened = subject.opened().await;
        reopened.assert_untouched(base).await;
    });
}

#[test]
#[ignore = "runs as the child of a_limit_on_the_size_of_files_is_named_and_nothing_is_written"]
fn fills_the_disk() {
    let Ok(url) = std::env::var(URL_OF_CHILD) else { return };
    runtime().block_on(async {
        let store = AnyStore::open(&url, Mode::Write).await.unwrap();
        let base = store.observe(&ACME.into()).await.unwrap().revision;
        let much = serde_json::json!({ "displayName": "x".repeat(100_000) }).to_string();
        let rows: Vec<Row> = (0..50).map(|n| row(Kind::Member, &format!("member-{n}"), &much)).collect();
        let error = store.commit(&batch(base, rows.iter().map(put), [])).await.unwrap_err();
        assert!(message(&error).contains("nothing was written: the file could not be read or written"), "{}", message(&error));
        assert_eq!(store.observe(&ACME.into()).await.unwrap().rows, [alice()], "the store goes on as it was");
    });
}

#[test]
fn a_read_only_file_can_be_read_and_says_why_it_cannot_be_written() {
    on_sqlite(|subject| async move {
        let base = subject.commit(Revision::default(), [put(&alice())]).await;
        let path = subject.url().trim_start_matches("sqlite://").to_owned();
        let set_mode = |path: &Path, mode| {
            use std::os::unix::fs::PermissionsExt as _;
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        let directory = Path::new(&path).parent().unwrap();
        set_mode(Path::new(&path), 0o444);
        set_mode(directory, 0o555);
        run_as_child("reads_what_it_cannot_write", AS_NOBODY, &subject.url());
        subject.store.close().await;
        for folder in [0o777, 0o555] {
            set_mode(directory, folder);
            run_as_child("reads_what_it_cannot_write", AS_NOBODY, &subject.url());
        }
        set_mode(directory, 0o755);
        set_mode(Path::new(&path), 0o644);
        let reopened = subject.opened().await;
        reopened.assert_untouched(base).await;
    });
}

#[test]
#[ignore = "runs as the child of a_read_only_file_can_be_read_and_says_why_it_cannot_be_written"]
fn reads_what_it_cannot_write() {
    let Ok(url) = std::env::var(URL_OF_CHILD) else { return };
    runtime().block_on(async {
        let store = AnyStore::open(&url, Mode::Read).await.unwrap();
        assert_eq!(store.observe(&ACME.into()).await.unwrap().rows, [alice()]);
        store.close().await;
        let error = match AnyStore::open(&url, Mode::Write).await {
            Ok(store) => store.commit(&change(store.observe(&ACME.into()).await.unwrap().revision)).await.unwrap_err(),
            Err(error) => error,
        };
        assert!(message(&error).contains("make both writable for this user"), "{}", message(&error));
    });
}

const LONG: Duration = Duration::from_secs(10);
const SHORT: Duration = Duration::from_millis(400);
const URL_OF_CHILD: &str = "MUSTER_TEST_URL_OF_CHILD";

/// Gives up root, to whom permissions mean nothing.
const AS_NOBODY: &str = r#"if [ "$(id -u)" = 0 ]; then set -- setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; fi; exec"#;

/// Runs another test of this file in a process that the prelude prepares.
fn run_as_child(test: &str, prelude: &str, url: &str) {
    let program = tempfile::Builder::new().permissions(readable()).tempfile().unwrap().into_temp_path();
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let output = Command::new("sh")
        .args(["-c", &format!(r#"{prelude} "$@""#), "sh"])
        .arg(&program)
        .args(["--ignored", "--exact", test, "--nocapture"])
        .env(URL_OF_CHILD, url)
        .current_dir("/")
        .output()
        .unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

fn readable() -> std::fs::Permissions {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::Permissions::from_mode(0o755)
}

/// A setting for all sessions that begin later.
fn for_everyone(setting: &str) -> String {
    format!("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET ', current_database()) || $set${setting}$set$; END $$")
}

/// A trigger that fails an apply in its middle, with this SQLSTATE, where the condition holds.
fn failing(state: &str, condition: &str) -> String {
    format!(
        "CREATE SEQUENCE attempts;
         CREATE FUNCTION failing() RETURNS trigger LANGUAGE plpgsql AS $$
         BEGIN IF {condition} THEN RAISE EXCEPTION 'planted' USING ERRCODE = '{state}'; END IF; RETURN NULL; END $$;
         CREATE TRIGGER failing AFTER INSERT ON history FOR EACH STATEMENT EXECUTE FUNCTION failing();"
    )
}

/// A trigger that keeps an apply waiting.
fn slow(trigger: &str) -> String {
    format!(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NULL; END $$; {trigger};"
    )
}

/// Starts an apply, cuts its connection while it sleeps, and returns what the apply says.
async fn cut_off(subject: &Subject, base: Revision) -> StoreError {
    let store = subject.store.clone();
    let apply = tokio::spawn(async move { store.commit(&change(base)).await });
    let mut hand = PgConnection::connect(&subject.url()).await.unwrap();
    let cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
               WHERE application_name = 'muster' AND wait_event = 'PgSleep' AND datname = current_database()";
    let began = Instant::now();
    while sqlx::query_scalar::<_, i64>(cut).fetch_one(&mut hand).await.unwrap() == 0 {
        assert!(began.elapsed() < Duration::from_secs(30), "the apply never slept");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    apply.await.unwrap().unwrap_err()
}
