//! The controller against a real API server, in one run and as ratios: against a writer that does not think, and against a controller after
//! the book. `cargo bench --bench cluster -- 1000 10000` measures these sizes; the result is Markdown.

#[path = "../tests/support/control_plane.rs"]
mod control_plane;
#[path = "cluster/floor.rs"]
mod floor;
#[path = "cluster/meter.rs"]
mod meter;
#[path = "../tests/support/process.rs"]
mod process;
#[path = "../tests/support/rig.rs"]
mod rig;
#[path = "cluster/textbook.rs"]
mod textbook;

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, GroupVersionKind, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use muster::api::{GROUP, Kind, VERSION};
use serde_json::json;

use control_plane::{ControlPlane, MUSTER, OBSERVER, Options, TEXTBOOK, User, WRITER};
use meter::{Seen, all_ready, cpu, member, memory, writes};
use process::Process;
use rig::{Grant, Rig, client};

/// How many clients create objects side by side.
const CREATORS: usize = 8;

/// How often a ratio is measured.
const ROUNDS: usize = 3;

/// How many edits are timed, one a second: enough that the 99th percentile is not the slowest.
const EDITS: usize = 120;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if let [who @ ("floor" | "textbook"), kubeconfig, namespace] = &arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        return look_after(who, kubeconfig, namespace);
    }
    let sizes: Vec<usize> = arguments.iter().filter_map(|word| word.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![1_000] } else { sizes };
    let Some(rig) = Rig::start(Options { durable: true, ..Options::default() }) else { return };
    grant(&rig);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("Load before: {}", load.trim());
    // The first writes after a definition is new are slow.
    create_all(&rig, "Floor", 200).run();
    for size in sizes {
        measure(&rig, size);
    }
}

/// Runs one of the two that Muster is compared with, in a process of its own.
fn look_after(who: &str, kubeconfig: &str, namespace: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let kubeconfig = Kubeconfig::read_from(kubeconfig).expect("a kubeconfig");
        let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.expect("a kubeconfig");
        let client = Client::try_from(config).expect("a client");
        match who {
            "floor" => floor::run(client, namespace, members()).await,
            _ => textbook::run(client, namespace, members()).await,
        }
    });
}

fn members() -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, VERSION, "Member"), Kind::Member.plural())
}

/// Everybody who is measured may do everything, and none of them is exempt from the limits of the API server.
fn grant(rig: &Rig) {
    let subject = |user: &&User| json!({ "kind": "User", "apiGroup": "rbac.authorization.k8s.io", "name": user.name });
    let subjects: Vec<_> = [&WRITER, &TEXTBOOK, &OBSERVER].iter().map(subject).collect();
    rig.apply(&json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": { "name": "bench" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin" }, "subjects": subjects,
    }));
}

/// Who looks after a namespace.
struct Place<'r> {
    rig: &'r Rig,
    namespace: String,
    objects: usize,
    seen: Seen,
    controller: Option<Process>,
    command: Command,
    folder: tempfile::TempDir,
}

/// A namespace with an organization, and one of the three to look after it.
fn create_all<'r>(rig: &'r Rig, who: &str, objects: usize) -> Place<'r> {
    static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let namespace = format!("bench-{}", NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed));
    rig.namespace(&namespace);
    rig.grant(&Grant { user: &MUSTER, release: &namespace, watched: vec![&namespace], mirrors: false });
    rig.apply(&json!({
        "apiVersion": "muster.dev/v1alpha1", "kind": "Organization", "metadata": { "name": "acme", "namespace": namespace },
        "spec": { "displayName": "Acme" },
    }));
    let folder = tempfile::tempdir().expect("a directory");
    let command = command(&rig.plane, who, &namespace, folder.path());
    let seen = Seen::default();
    let observer = rig.block_on(client(&rig.plane, &OBSERVER, None));
    rig.runtime.spawn(meter::observe(observer, namespace.clone(), members(), seen.clone()));
    Place { rig, namespace, objects, seen, controller: None, command, folder }
}

fn command(plane: &ControlPlane, who: &str, namespace: &str, folder: &std::path::Path) -> Command {
    let user = if who == "Muster" { &MUSTER } else { &TEXTBOOK };
    let kubeconfig = plane.kubeconfig(user, None);
    if who != "Muster" {
        let mut command = Command::new(std::env::current_exe().expect("this program has a path"));
        command.arg(who.to_lowercase()).arg(kubeconfig).arg(namespace);
        return command;
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command.args(["controller", "--watch-namespace", namespace, "--listen", "127.0.0.1:0"]);
    command.arg("--lease").arg(format!("{namespace}/muster")).arg("--kubeconfig").arg(kubeconfig);
    command.arg("--store").arg(format!("sqlite://{}", folder.join("muster.db").display()));
    command
}

/// What one run took.
struct Took {
    time: Duration,
    own: Duration,
    control_plane: Duration,
    writes: u64,
}

impl Place<'_> {
    fn start(&mut self) -> Instant {
        let log: PathBuf = self.folder.path().join("log");
        self.controller = Some(Process::spawn(&self.command, &log));
        Instant::now()
    }

    fn stop(&mut self) {
        if let Some(controller) = self.controller.take() {
            controller.signal("TERM");
            controller.wait();
        }
    }

    fn pid(&self) -> u32 {
        self.controller.as_ref().map_or(0, Process::pid)
    }

    fn used_by_control_plane(&self) -> Duration {
        self.rig.plane.pids().into_iter().map(cpu).sum()
    }

    /// Creates all members, several at a time.
    fn create(&self) {
        let creator = |writer: usize| {
            let (namespace, objects) = (self.namespace.clone(), self.objects);
            async move {
                let client = client(&self.rig.plane, &WRITER, None).await;
                let api: Api<DynamicObject> = Api::namespaced_with(client, &namespace, &members());
                for number in (writer..objects).step_by(CREATORS) {
                    let object: DynamicObject = serde_json::from_value(member(number)).expect("an object");
                    api.create(&PostParams::default(), &object).await.expect("it is created");
                }
            }
        };
        self.rig.block_on(futures_util::stream::iter(0..CREATORS).for_each_concurrent(CREATORS, creator));
    }

    /// From the first object to the last one that is ready.
    fn run(&mut self) -> Took {
        self.start();
        std::thread::sleep(Duration::from_secs(2));
        let (written, used) = (writes(self.rig), self.used_by_control_plane());
        let (own, began) = (cpu(self.pid()), Instant::now());
        self.create();
        let time = all_ready(&self.seen, self.objects) - began;
        Took {
            time,
            own: cpu(self.pid()).saturating_sub(own),
            control_plane: self.used_by_control_plane().saturating_sub(used),
            writes: writes(self.rig) - written,
        }
    }

    /// From an edit to Ready, one edit a second by a clock that does not wait; in milliseconds, sorted.
    fn edits(&self) -> Vec<f64> {
        let began = Instant::now();
        let mut sent = Vec::new();
        for edit in 0..EDITS {
            let due = Duration::from_secs(edit as u64);
            std::thread::sleep(due.saturating_sub(began.elapsed()));
            let number = edit * 7 % self.objects;
            let patch = json!({ "spec": { "displayName": format!("Edit {edit}") } });
            let path = rig::path(Kind::Member, &self.namespace, &format!("m{number}"));
            let scheduled = began + due;
            let object = self.rig.call(hyper::Method::PATCH, &path, Some(&patch));
            let generation = object["metadata"]["generation"].as_i64().expect("a generation");
            sent.push((scheduled, (format!("m{number}"), generation)));
        }
        std::thread::sleep(Duration::from_secs(2));
        let seen = self.seen.lock().expect("no panic");
        let took = |(scheduled, what): &(Instant, (String, i64))| {
            seen.get(what).map_or(f64::INFINITY, |at| (*at - *scheduled).as_secs_f64() * 1e3)
        };
        let mut times: Vec<f64> = sent.iter().map(took).collect();
        times.sort_by(f64::total_cmp);
        times
    }
}

fn at(times: &[f64], part: f64) -> f64 {
    // The place in a short list.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let index = ((times.len() as f64 * part).ceil() as usize).clamp(1, times.len()) - 1;
    times[index]
}

fn measure(rig: &Rig, size: usize) {
    println!("\n## {size} members\n");
    println!(
        "| from the first create to the last Ready | time | of the floor | writes an object | own CPU | CPU of API server and etcd |"
    );
    println!("|---|---|---|---|---|---|");
    for round in 0..ROUNDS {
        let mut names = ["Floor", "Muster", "Textbook"];
        if round % 2 == 1 {
            names.reverse();
        }
        let runs: Vec<(&str, Took)> = names
            .iter()
            .map(|who| {
                let mut place = create_all(rig, who, size);
                let took = place.run();
                place.stop();
                (*who, took)
            })
            .collect();
        let floor = runs.iter().find(|(who, _)| *who == "Floor").expect("it ran").1.time;
        for (who, took) in &runs {
            let each = |total: f64| total / size as f64;
            println!(
                "| {who}, round {} | {:.2} s | {:.2} | {:.2} | {:.2} ms | {:.2} ms |",
                round + 1,
                took.time.as_secs_f64(),
                took.time.as_secs_f64() / floor.as_secs_f64(),
                each(took.writes as f64),
                each(took.own.as_secs_f64() * 1e3),
                each(took.control_plane.as_secs_f64() * 1e3),
            );
        }
    }
    steady(rig, size);
}

/// Everything that is measured once all is ready: edits, silence, a restart, memory.
fn steady(rig: &Rig, size: usize) {
    let mut floor = create_all(rig, "Floor", size);
    floor.run();
    let floor_edits = floor.edits();
    floor.stop();
    let mut place = create_all(rig, "Muster", size);
    place.run();
    std::thread::sleep(Duration::from_secs(5));
    let edits = place.edits();
    println!("\n| one edit a second, edit to Ready | p50 | p99 |\n|---|---|---|");
    for (who, times) in [("Floor", &floor_edits), ("Muster", &edits)] {
        println!("| {who} | {:.1} ms | {:.1} ms |", at(times, 0.5), at(times, 0.99));
    }
    let quiet = writes(rig);
    let used = cpu(place.pid());
    std::thread::sleep(Duration::from_secs(20));
    println!(
        "\nIn 20 s in which nothing happens: {} writes, {:?} of CPU.",
        writes(rig) - quiet,
        cpu(place.pid()).saturating_sub(used)
    );
    let [now, most] = memory(place.pid());
    println!("Memory: {} MB, {} MB at most.", now / 1024, most / 1024);
    let again = json!({ "metadata": { "annotations": { "muster.dev/reconcile-requested-at": "now" } } });
    let before = writes(rig);
    rig.call(hyper::Method::PATCH, &rig::path(Kind::Organization, &place.namespace, "acme"), Some(&again));
    std::thread::sleep(Duration::from_secs(10));
    println!(
        "A comparison of everything that is asked for: {} writes besides the question and its answer.",
        writes(rig) - before - 2
    );
    place.stop();
    let list = Instant::now();
    rig.call(hyper::Method::GET, &rig::path(Kind::Member, &place.namespace, ""), None);
    let (list, before) = (list.elapsed(), writes(rig));
    place.start();
    std::thread::sleep(Duration::from_secs(15));
    let [now, most] = memory(place.pid());
    println!(
        "A restart when all is in sync: {} writes, {:.2} s of CPU; a list of all takes {:.2} s. Memory then: {} MB, {} MB at most.",
        writes(rig) - before,
        cpu(place.pid()).as_secs_f64(),
        list.as_secs_f64(),
        now / 1024,
        most / 1024,
    );
    place.stop();
}
