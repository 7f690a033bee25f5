//! Many small faults, of which nothing is left afterwards: not in what is stored and told, and not in the process.

use std::fmt;
use std::fs;
use std::time::{Duration, Instant};

use muster::api::Kind;
use muster::store::Happened;
use serde_json::{Value, json};

use super::proxy::{Answer, Class, Fault, Injection};
use super::story::begin;
use super::world::World;

const MEMBER: Kind = Kind::Member;
const MEMBERS: [&str; 4] = ["alice", "bob", "carol", "dave"];

/// How much more memory may be resident after the faults, in KiB: about a twentieth. What an allocator keeps for later differs by 1 MiB
/// from run to run.
const MORE: u64 = 4 * 1024;

/// A seed that is told, so that a run can be repeated.
fn seed() -> u64 {
    let seed = std::env::var("MUSTER_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
    eprintln!("MUSTER_SEED={seed}");
    seed
}

/// Numbers that are the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

/// From now on, one call in ten goes wrong.
fn plant(world: &World, seed: u64) {
    let mut random = Random(seed);
    world.proxy.script(move |call| match random.below(40) {
        0 => Fault::Refuse,
        1 => Fault::Lose,
        2 if call.class == Class::Write => Fault::Answer(Answer::error(409, "Conflict")),
        3 => Fault::Answer(Answer::error(503, "ServiceUnavailable")),
        _ => Fault::Pass,
    });
}

fn edit(world: &World, random: &mut Random, name: &str) {
    world.edit(MEMBER, MEMBERS[random.below(4)], json!({ "spec": { "displayName": name } }));
}

/// Does something to all watches, or nothing.
fn disturb(world: &World, random: &mut Random) {
    match random.below(8) {
        0 => world.proxy.inject(Injection::End),
        1 => world.proxy.inject(Injection::Break),
        2 => world.proxy.inject(Injection::EndWith(format!("{}\n", Injection::gone()))),
        _ => {}
    }
}

/// The faults are over: everything is as if nothing had happened.
fn ends_well(world: &World, seed: u64) {
    world.proxy.calm();
    world.settle();
    assert_eq!(world.not_ready(), Vec::<String>::new(), "MUSTER_SEED={seed}");
    let told = world.told("acme");
    assert!(told.counts().iter().all(|(what, count)| !what.starts_with("Created") || *count == 1), "MUSTER_SEED={seed}");
    assert_eq!(told.count(Happened::SoftDeleted), 0, "MUSTER_SEED={seed}");
    world.check();
    for name in MEMBERS {
        let object = world.object(MEMBER, name);
        let row = told.rows.iter().find(|row| row.key.to_string() == format!("member/{name}")).unwrap();
        let stored: Value = serde_json::from_str(&row.spec).unwrap();
        assert_eq!(stored["displayName"], object["spec"]["displayName"], "MUSTER_SEED={seed}");
    }
    world.is_silent_for(Duration::from_secs(5));
}

#[test]
fn an_hour_of_small_faults_in_half_a_minute_ends_as_if_nothing_had_happened() {
    let seed = seed();
    let Some(world) = World::new() else { return };
    begin(&world);
    // One that cannot find out where it is at the start ends, and is started again.
    world.revive();
    plant(&world, seed);
    let mut random = Random(seed ^ 1);
    for round in 0..30 {
        edit(&world, &mut random, &round.to_string());
        match random.below(8) {
            0 => world.restart(),
            _ => disturb(&world, &mut random),
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    ends_well(&world, seed);
}

/// What a process holds.
#[derive(Clone, Copy)]
struct Footprint {
    threads: usize,
    files: usize,
    sockets: usize,
    /// In KiB.
    resident: u64,
}

impl Footprint {
    fn of(pid: u32) -> Self {
        let names = |folder: &str| fs::read_dir(format!("/proc/{pid}/{folder}")).expect("it runs").flatten().map(|it| it.path());
        let open: Vec<_> = names("fd").filter_map(|path| fs::read_link(path).ok()).collect();
        let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it runs");
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.trim().strip_suffix(" kB")?.parse().ok());
        Self {
            threads: names("task").count(),
            files: open.len(),
            sockets: open.iter().filter(|link| link.to_string_lossy().starts_with("socket:")).count(),
            resident: resident.expect("it has memory"),
        }
    }

    /// What a controller holds while nothing goes on: what is seen most of the time, for longer than a runtime keeps idle threads. A watch
    /// may end and begin meanwhile; a leak is there all the time.
    fn at_rest(world: &World) -> Self {
        world.be_quiet();
        world.proxy.end_what_is_idle();
        let (pid, began) = (world.pid(), Instant::now());
        let mut seen = Vec::new();
        while began.elapsed() < Duration::from_secs(30) {
            std::thread::sleep(Duration::from_millis(250));
            seen.push(Self::of(pid));
        }
        Self {
            threads: median(&seen, |it| it.threads),
            files: median(&seen, |it| it.files),
            sockets: median(&seen, |it| it.sockets),
            resident: median(&seen, |it| it.resident),
        }
    }

    /// True when it is no more than this was, up to a connection that is just being made.
    fn is_back_at(self, before: Self) -> bool {
        self.threads <= before.threads + 1
            && self.files <= before.files + 1
            && self.sockets <= before.sockets + 1
            && self.resident <= before.resident + MORE
    }
}

fn median<T: Ord + Copy>(seen: &[Footprint], of: impl Fn(&Footprint) -> T) -> T {
    let mut all: Vec<T> = seen.iter().map(of).collect();
    all.sort_unstable();
    all[all.len() / 2]
}

impl fmt::Display for Footprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { threads, files, sockets, resident } = self;
        write!(f, "{threads} threads, {files} open files of which {sockets} are sockets, {resident} KiB resident")
    }
}

#[test]
fn many_small_faults_leave_no_thread_no_connection_and_no_memory_behind() {
    let seed = seed();
    let Some(world) = World::new() else { return };
    begin(&world);
    let pid = world.pid();
    let mut random = Random(seed ^ 1);
    // As busy as later on, so that what is only made when it is needed is there.
    for round in 0..40 {
        edit(&world, &mut random, &format!("before {round}"));
        std::thread::sleep(Duration::from_millis(100));
    }
    world.settle();
    let before = Footprint::at_rest(&world);
    plant(&world, seed);
    for round in 0..100 {
        edit(&world, &mut random, &round.to_string());
        disturb(&world, &mut random);
        std::thread::sleep(Duration::from_millis(300));
    }
    ends_well(&world, seed);
    assert_eq!(world.pid(), pid);
    let mut after = Footprint::at_rest(&world);
    // What ends late is no leak.
    for _ in 0..4 {
        if !after.is_back_at(before) {
            after = Footprint::at_rest(&world);
        }
    }
    eprintln!("before: {before}; after: {after}");
    assert!(after.is_back_at(before), "MUSTER_SEED={seed}\nbefore: {before}\nafter:  {after}");
    assert!(world.is_running() && world.pid() == pid, "it never ended");
}
