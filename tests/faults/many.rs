//! Ten thousand objects at once, one of which cannot be read, and a controller that gets no more memory than it may need.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use hyper::Method;
use muster::api::Kind;
use muster::tenancy::Row;
use serde_json::{Value, json};

use super::proxy::{Class, Deliver, Fault};
use super::rig::path;
use super::story::ACME;
use super::world::World;

const MEMBER: Kind = Kind::Member;
const MANY: usize = 10_000;

/// How many objects are created at a time.
const AT_ONCE: usize = 12;

/// How many statuses the controller writes at a time when nobody says otherwise.
const CONCURRENCY: usize = 12;

/// What the controller may have in memory of its own, in KiB: 30 MB, 6 KB for each object at the first list, and a third more.
const BUDGET: u64 = 128 << 10;

/// What it is given, in bytes: the stacks of its threads and what the allocator sets aside count, used or not.
const LIMIT: u64 = 160 << 20;

/// Creates members, many at a time.
fn create(world: &World, count: usize) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(number) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|number| *number < count) {
                    let member = json!({
                        "apiVersion": "muster.dev/v1alpha1", "kind": "Member",
                        "metadata": { "name": format!("m{number}"), "namespace": world.namespace },
                        "spec": { "organizationRef": { "name": "acme" }, "email": format!("m{number}@acme.example") },
                    });
                    world.rig.call(Method::POST, &path(MEMBER, &world.namespace, ""), Some(&member));
                }
            });
        }
    });
}

/// What a process has of this, in KiB.
fn memory(pid: u32, what: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let found = status.lines().find_map(|line| line.strip_prefix(what)?.trim().strip_suffix(" kB")?.parse().ok());
    found.unwrap_or_default()
}

/// From now on, an object is read as if its definition had been another one.
fn spoil(world: &World, name: &'static str) {
    world.proxy.script(move |call| match call.is_list() && call.plural == "members" {
        true => Fault::Change(Box::new(move |list| {
            let mut items = list["items"].as_array_mut().into_iter().flatten();
            if let Some(item) = items.find(|item| item["metadata"]["name"] == name) {
                item["spec"]["email"] = Value::Null;
            }
        })),
        false => Fault::Pass,
    });
    // And it stays as it was read.
    world.proxy.frames(move |event| if event.name == name { Deliver::Drop } else { Deliver::Pass });
}

#[test]
fn one_object_among_ten_thousand_cannot_be_read_and_the_others_go_on_in_little_memory() {
    let Some(mut world) = World::new() else { return };
    let began = Instant::now();
    world.apply(ACME);
    create(&world, MANY);
    let created = began.elapsed();
    spoil(&world, "m5000");
    if std::path::Path::new("/usr/bin/prlimit").exists() {
        // The stack of each thread counts, so there are as many as on two processors.
        world.through(["env", "TOKIO_WORKER_THREADS=2", "prlimit", &format!("--data={LIMIT}")].map(str::to_owned).into());
    } else {
        let _ = writeln!(std::io::stderr(), "SKIPPED: the limit of memory, because prlimit (util-linux) is missing");
    }
    // On a machine that is busy, an answer may take its time; one that is late would be asked for twice.
    world.patience("60s");
    world.start();
    let pid = world.pid();
    let wanted = MANY + world.documents(ACME).len();
    let (mut most, mut used) = (0, 0);
    world.within(Duration::from_mins(10), "every object was told", |world| {
        assert!(world.is_running(), "it ended:\n{}", world.describe());
        most = most.max(memory(pid, "VmData:"));
        used = used.max(memory(pid, "RssAnon:"));
        world.proxy.count(Class::Write) >= wanted
    });
    world.be_quiet();
    eprintln!("created in {created:?}, told after {:?}; {most} KiB were set aside, {used} KiB used", began.elapsed());

    assert!(used <= BUDGET, "{used} KiB were used");
    assert_eq!(world.not_ready(), ["members/m5000"]);
    let (status, _, message) = world.condition(MEMBER, "m5000", "Ready").unwrap();
    assert_eq!(status, "False");
    assert!(message.contains("email"), "{message}");
    let stored = world.told("acme");
    let is_many = |row: &&Row| row.is_live() && row.key.to_string().starts_with("member/m");
    assert_eq!(stored.rows.iter().filter(is_many).count(), MANY - 1);
    assert_eq!(stored.offences(), Vec::<String>::new());
    let told = world.proxy.writes();
    let of_members = |(what, _): &(&String, &usize)| what.starts_with("PUT members/m");
    let twice: BTreeMap<_, _> = told.iter().filter(of_members).filter(|(_, count)| **count != 1).collect();
    assert_eq!(twice, BTreeMap::new(), "each is told once");
    assert!(world.proxy.most_at_once() <= CONCURRENCY, "{} statuses were written at a time", world.proxy.most_at_once());
    assert!(world.is_running() && world.pid() == pid, "it never ended");
    assert_eq!(world.log().matches("muster controller 0").count(), 1, "it was started once");
    assert_eq!(world.leaks(), Vec::<String>::new(), "a secret leaked");
}
