//! The clock of a replica is set while it runs, as people and time servers do it. Time itself goes on as before.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::Method;
use jiff::{SignedDuration, Timestamp};
use muster::api::Kind;
use serde_json::{Value, json};
use sqlx::{Connection as _, SqliteConnection};

use super::control_plane::free_ports;
use super::process::Process;
use super::story::begin;
use super::world::{World, ask};

const HOUR: SignedDuration = SignedDuration::from_hours(1);
const NONE: SignedDuration = SignedDuration::ZERO;

/// How long after a moment that has come it may be noticed, whatever the clock did meanwhile: two of the intervals of the organization,
/// and as long again on a machine that is busy.
const NOTICED: Duration = Duration::from_secs(50);

/// The library that stands between a program and its clock, in Debian's package `libfaketime`.
fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let found = folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1")).find(|path| path.exists());
    if found.is_none() {
        // The test harness swallows what is printed, but not what is written.
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: no clock was set, because libfaketime is missing");
    }
    found
}

/// The clock of one replica.
struct Clock {
    library: PathBuf,
    file: PathBuf,
}

impl Clock {
    fn new(world: &World, library: &Path, name: &str) -> Self {
        let clock = Self { library: library.to_owned(), file: world.folder().join(name) };
        clock.set(NONE);
        clock
    }

    /// From now on it is ahead by so much.
    fn set(&self, ahead: SignedDuration) {
        let new = self.file.with_extension("new");
        fs::write(&new, format!("{:+}\n", ahead.as_secs())).unwrap();
        fs::rename(new, &self.file).unwrap();
    }

    /// What gives this clock to a program, and to no other.
    fn program(&self) -> Vec<String> {
        let program = ["env".to_owned(), format!("LD_PRELOAD={}", self.library.display())];
        let file = format!("FAKETIME_TIMESTAMP_FILE={}", self.file.display());
        let how = ["FAKETIME_NO_CACHE=1", "FAKETIME_DONT_FAKE_MONOTONIC=1", "NO_FAKE_STAT=1"].map(str::to_owned);
        program.into_iter().chain([file]).chain(how).collect()
    }
}

fn lease(world: &World) -> Value {
    let path = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases/muster", world.namespace);
    world.rig.try_call(Method::GET, &path, None).unwrap_or_default()["spec"].take()
}

fn leads(port: u16) -> bool {
    ask(port, "/metrics").is_some_and(|(_, text)| text.lines().any(|line| line == "muster_leader 1"))
}

/// Waits until the leader renews with a clock that is ahead by so much, so that it is known to have been set.
#[track_caller]
fn is_seen(world: &World, ahead: SignedDuration) {
    world.until("the leader's clock is set", |world| {
        let renewed: Option<Timestamp> = lease(world)["renewTime"].as_str().and_then(|time| time.parse().ok());
        renewed.is_some_and(|renewed| (renewed.duration_since(Timestamp::now()) - ahead).abs() < SignedDuration::from_mins(10))
    });
}

/// Asks for a look at the organization, and waits until it was done.
#[track_caller]
fn look(world: &World, request: &str) {
    let annotation = json!({ "metadata": { "annotations": { "muster.dev/reconcile-requested-at": request } } });
    world.edit(Kind::Organization, "acme", annotation);
    world.until("the question is answered", |world| {
        world.object(Kind::Organization, "acme")["status"]["lastHandledReconcileAt"] == request
    });
    world.settle();
}

/// Somebody with a place in staging that ends then, and somebody whose invitation does.
fn guests(world: &World, number: usize, end: Timestamp) {
    world.apply(&format!(
        "---\napiVersion: muster.dev/v1alpha1\nkind: Member\nmetadata: {{name: guest-{number}}}\nspec:\n  organizationRef: {{name: acme}}\n  \
         email: guest-{number}@acme.example\n  workspaces: [{{name: staging, role: Member, expiresAt: \"{end:.0}\"}}]\n\
         ---\napiVersion: muster.dev/v1alpha1\nkind: Member\nmetadata: {{name: invited-{number}}}\nspec:\n  \
         organizationRef: {{name: acme}}\n  email: invited-{number}@acme.example\n  role: Member\n"
    ));
    world.settle();
    assert_eq!(world.not_ready(), Vec::<String>::new(), "{}", world.describe());
    // An invitation holds for whole days: this one was sent so long ago that it ends then.
    let invited = end - SignedDuration::from_hours(24);
    let sql = format!("UPDATE objects SET invited_at = '{invited:.3}' WHERE kind = 'Member' AND name = 'invited-{number}'");
    world.rig.block_on(async {
        let mut connection = SqliteConnection::connect(&world.store).await.unwrap();
        let done = sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut connection).await.unwrap();
        assert_eq!(done.rows_affected(), 1);
        connection.close().await.unwrap();
    });
}

/// Whether these guests have no access any more, as the history and the status tell.
fn have_ended(world: &World, number: usize) -> (bool, bool) {
    let recorded = world.told("acme").counts().contains_key(&format!("Expired member/guest-{number} in workspace/staging"));
    let ready = world.condition(Kind::Member, &format!("invited-{number}"), "Ready");
    (recorded, ready.is_some_and(|(_, reason, _)| reason == "InvitationExpired"))
}

/// Whether two ever lead at the same time, as far as somebody sees who looks all the time.
fn watch_over<T>(ports: [u16; 2], meanwhile: impl FnOnce() -> T) -> T {
    let ends = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let watching = scope.spawn(|| {
            while !ends.load(Ordering::SeqCst) {
                // One that leads before and after leads in between.
                let both = leads(ports[0]) && leads(ports[1]) && leads(ports[0]);
                assert!(!both, "two lead");
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(meanwhile));
        ends.store(true, Ordering::SeqCst);
        watching.join().unwrap();
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

#[test]
fn clocks_that_are_set_make_no_second_leader_and_no_end_comes_early_or_is_lost() {
    let Some(library) = library() else { return };
    let Some(mut world) = World::new() else { return };
    let [own, others] = ["leader", "follower"].map(|name| Clock::new(&world, &library, name));
    world.through(own.program());
    begin(&world);
    let policy = json!({ "spec": { "interval": "10s", "policy": { "invitations": { "mode": "Invite", "expiryDays": 1 } } } });
    world.edit(Kind::Organization, "acme", policy);
    world.settle();
    world.through(others.program());
    let [port] = free_ports();
    let follower = Process::spawn(&world.command(port), &world.folder().join("second.log"));
    world.until("the follower is ready", |_| ask(port, "/readyz").is_some_and(|(status, _)| status == 200));
    let first = lease(&world);

    watch_over([world.port(), port], || {
        // Ends soon, ends in half an hour, and ends in two hours.
        let soon = Timestamp::now() + SignedDuration::from_secs(45);
        guests(&world, 1, soon);
        guests(&world, 2, Timestamp::now() + HOUR / 2);
        guests(&world, 3, Timestamp::now() + HOUR * 2);

        // The leader goes back, the follower goes ahead: what ends soon ends in an hour as the leader sees it.
        own.set(-HOUR);
        others.set(HOUR);
        is_seen(&world, -HOUR);
        let rest = soon.duration_since(Timestamp::now()).max(NONE) + SignedDuration::from_secs(1);
        std::thread::sleep(rest.unsigned_abs());
        look(&world, "an hour back");
        assert_eq!([1, 2, 3].map(|number| have_ended(&world, number)), [(false, false); 3], "none has come");

        // The clocks are right again: what has come meanwhile is noticed by itself.
        own.set(NONE);
        is_seen(&world, NONE);
        world.within(NOTICED, "the first end is noticed", |world| have_ended(world, 1) == (true, true));
        assert_eq!([2, 3].map(|number| have_ended(&world, number)), [(false, false); 2], "the others have not come");

        // The leader goes ahead: the second end has come as it sees it, the third one has not.
        others.set(-HOUR);
        own.set(HOUR);
        is_seen(&world, HOUR);
        world.within(NOTICED, "the second end is noticed", |world| have_ended(world, 2) == (true, true));
        look(&world, "an hour ahead");
        assert_eq!(have_ended(&world, 3), (false, false), "it has not come");

        // And back: the second one has not come after all.
        own.set(NONE);
        is_seen(&world, NONE);
        look(&world, "right again");
        assert_eq!([1, 2, 3].map(|number| have_ended(&world, number).1), [true, false, false]);
        let now = lease(&world);
        assert_eq!(now["holderIdentity"], first["holderIdentity"], "it has led all the time");
        assert_eq!(now["leaseTransitions"], first["leaseTransitions"], "it has led all the time");
        assert_eq!(world.log().matches("does not lead any more").count(), 0);
        assert!(!leads(port));

        // The leader is gone; the one that follows is an hour behind, and does what is to be done all the same.
        world.kill();
        world.within(Duration::from_mins(1), "the follower leads", |_| leads(port));
        world.edit(Kind::Member, "carol", json!({ "spec": { "displayName": "Carol" } }));
        world.settle();
        others.set(HOUR);
        is_seen(&world, HOUR);
        world.within(NOTICED, "the second end is noticed", |world| have_ended(world, 2).1);
        assert_eq!(have_ended(&world, 3), (false, false), "it has not come");
    });
    let counts = world.told("acme").counts();
    assert_eq!(counts["Updated member/carol"], 1);
    let expired: Vec<_> = counts.iter().filter(|(what, _)| what.starts_with("Expired member/guest")).collect();
    assert_eq!(expired.len(), 2, "{expired:?}");
    assert_eq!(world.not_ready(), ["members/invited-1", "members/invited-2"]);
    world.check();
    drop(follower);
}
