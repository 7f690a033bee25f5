//! What one scenario consists of: a namespace, a store, a proxy, a controller; and what is to be said about it at the end.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hyper::Method;
use muster::api::Kind;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::control_plane::{MUSTER, User, free_ports};
use super::history::{Told, told};
use super::postgres;
use super::process::Process;
use super::proxy::{Class, Proxy};
use super::rig::{self, Grant, Rig};

/// Where the store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// A running program that may be killed from anywhere.
pub type Running = Arc<Mutex<Option<Process>>>;

/// What one scenario consists of.
pub struct World {
    pub rig: &'static Rig,
    pub namespace: String,
    pub proxy: Proxy,
    /// The address of the store, with a secret in it where one fits.
    pub store: String,
    /// What must be found nowhere.
    secrets: Vec<String>,
    user: &'static User,
    listen: u16,
    arguments: Vec<String>,
    patience: &'static str,
    through: Vec<String>,
    running: Running,
    revives: AtomicBool,
    /// True once rights were taken away.
    is_deprived: AtomicBool,
    folder: TempDir,
}

impl World {
    /// A world on SQLite in which no controller runs yet; `None` where the programs are missing.
    pub fn new() -> Option<Self> {
        Self::on(rig::shared()?, Engine::Sqlite)
    }

    /// The same on this engine.
    pub fn with(engine: Engine) -> Option<Self> {
        Self::on(rig::shared()?, engine)
    }

    /// The same with this API server.
    pub fn on(rig: &'static Rig, engine: Engine) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let namespace = format!("world-{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let folder = tempfile::tempdir().unwrap();
        let secret = uuid::Uuid::new_v4().to_string();
        let store = match engine {
            Engine::Sqlite => format!("sqlite://{}", folder.path().join("muster.db").display()),
            Engine::Postgres => postgres::database()?.replace("postgres@", &format!("postgres:{secret}@")),
        };
        rig.namespace(&namespace);
        let value = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "webhook", "namespace": namespace }, "stringData": { "token": secret } });
        rig.apply(&value);
        let proxy = rig.block_on(Proxy::start(&rig.plane.url()));
        let [listen] = free_ports();
        let mut world = Self {
            rig,
            proxy,
            store,
            secrets: vec![secret],
            user: &MUSTER,
            listen,
            arguments: vec!["--watch-namespace".to_owned(), namespace.clone()],
            namespace,
            patience: "3s",
            through: Vec::new(),
            running: Arc::default(),
            revives: AtomicBool::new(false),
            is_deprived: AtomicBool::new(false),
            folder,
        };
        world.act_as(&MUSTER);
        Some(world)
    }

    /// From the next start on, the controller is this user, who gets the rights to be one.
    pub fn act_as(&mut self, user: &'static User) {
        self.user = user;
        self.secrets.push(self.rig.plane.token(user));
        self.grant();
    }

    fn rights(&self) -> Grant<'_> {
        let flags = self.arguments.iter().zip(self.arguments.iter().skip(1));
        let watched = flags.filter(|(flag, _)| *flag == "--watch-namespace").map(|(_, namespace)| namespace.as_str()).collect();
        let mirrors = self.arguments.iter().any(|argument| argument == "--backends");
        Grant { user: self.user, release: &self.namespace, watched, mirrors }
    }

    /// Gives the controller the rights that the chart gives it with these arguments.
    pub fn grant(&self) {
        self.rig.grant(&self.rights());
    }

    /// Takes all rights from the controller.
    pub fn revoke(&self) {
        self.is_deprived.store(true, Ordering::SeqCst);
        self.rig.revoke(&self.rights());
    }

    /// From now on, this must be found nowhere.
    pub fn is_nowhere(&mut self, secret: &str) {
        self.secrets.push(secret.to_owned());
    }

    /// From the next start on, the controller gets these arguments as well.
    pub fn arguments(&mut self, arguments: &[&str]) {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self.grant();
    }

    /// From the next start on, the controller waits so long for an answer of the API server.
    pub fn patience(&mut self, patience: &'static str) {
        self.patience = patience;
    }

    /// From the next start on, the controller is started by another program, which has to become the controller, as `env` does.
    pub fn through(&mut self, program: Vec<String>) {
        self.through = program;
    }

    /// A controller like that of this world, which is not started.
    pub fn command(&self, listen: u16) -> Command {
        let mut words = self.through.iter().map(String::as_str).chain([env!("CARGO_BIN_EXE_muster")]);
        let mut command = Command::new(words.next().unwrap());
        command.args(words).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("RUST_LOG", "debug");
        command.env("RUST_BACKTRACE", "1").current_dir(self.folder.path());
        command.args(["controller", "--store", &self.store, "--log-format", "json"]);
        command.args(["--listen", &format!("127.0.0.1:{listen}"), "--request-timeout", self.patience]);
        command.args(["--lease", &format!("{}/muster", self.namespace)]);
        command.arg("--kubeconfig").arg(self.rig.plane.kubeconfig(self.user, Some(&self.proxy.url())));
        command.args(&self.arguments);
        command
    }

    /// Starts the controller, which may lead at once.
    pub fn start(&self) {
        self.drop_lease();
        *self.running.lock().unwrap() = Some(Process::spawn(&self.command(self.listen), &self.log_path()));
    }

    /// From now on, whoever waits for something starts the controller again when it has ended, as a kubelet does.
    pub fn revive(&self) {
        self.revives.store(true, Ordering::SeqCst);
    }

    fn revive_if_dead(&self) {
        if self.revives.load(Ordering::SeqCst) && !self.is_running() {
            self.start();
        }
    }

    /// Kills the controller if it runs.
    pub fn kill(&self) {
        kill(&self.running);
    }

    /// Kills it and starts it again.
    pub fn restart(&self) {
        self.kill();
        self.start();
    }

    /// The program, to be killed from elsewhere.
    pub fn running(&self) -> Running {
        self.running.clone()
    }

    /// Asks the controller to stop, and returns its exit code.
    pub fn terminate(&self) -> i32 {
        let process = self.running.lock().unwrap().take().expect("a controller runs");
        process.signal("TERM");
        process.wait()
    }

    /// Sends a signal to the controller.
    pub fn signal(&self, signal: &str) {
        self.running.lock().unwrap().as_ref().expect("a controller runs").signal(signal);
    }

    /// Where the controller tells how it is.
    pub fn port(&self) -> u16 {
        self.listen
    }

    /// The process id of the controller, which is another one after each start.
    pub fn pid(&self) -> u32 {
        self.running.lock().unwrap().as_ref().expect("a controller runs").pid()
    }

    pub fn is_running(&self) -> bool {
        self.running.lock().unwrap().as_ref().is_some_and(Process::is_running)
    }

    /// Whoever was killed holds its lease until it ends; nobody waits for that here.
    fn drop_lease(&self) {
        let path = format!("/apis/coordination.k8s.io/v1/namespaces/{}/leases/muster", self.namespace);
        let _ = self.rig.try_call(Method::DELETE, &path, None);
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("controller.log")
    }

    /// Everything that the controller said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// What the controller answers when it is asked for `/readyz` or `/metrics`, with the status; `None` when it does not.
    pub fn ask(&self, path: &str) -> Option<(u16, String)> {
        ask(self.listen, path)
    }

    /// Creates or changes the objects in a text of YAML documents.
    #[track_caller]
    pub fn apply(&self, text: &str) {
        self.documents(text).iter().for_each(|object| self.rig.apply(object));
    }

    /// The objects in a text of YAML documents, in the namespace of this world.
    pub fn documents(&self, text: &str) -> Vec<Value> {
        let documents = serde_yaml::Deserializer::from_str(text);
        documents
            .filter_map(|document| {
                let mut object: Value = serde::Deserialize::deserialize(document).unwrap();
                object.is_object().then(|| {
                    object["metadata"]["namespace"] = self.namespace.clone().into();
                    object
                })
            })
            .collect()
    }

    /// Changes some fields of an object.
    #[track_caller]
    pub fn edit(&self, kind: Kind, name: &str, patch: Value) {
        self.rig.call(Method::PATCH, &rig::path(kind, &self.namespace, name), Some(&patch));
    }

    #[track_caller]
    pub fn delete(&self, kind: Kind, name: &str) {
        self.rig.call(Method::DELETE, &rig::path(kind, &self.namespace, name), None);
    }

    pub fn objects(&self) -> BTreeMap<String, Value> {
        self.rig.objects(&self.namespace)
    }

    pub fn object(&self, kind: Kind, name: &str) -> Value {
        self.rig.try_call(Method::GET, &rig::path(kind, &self.namespace, name), None).unwrap_or_default()
    }

    /// A condition of an object: its status, its reason and its message.
    pub fn condition(&self, kind: Kind, name: &str, condition: &str) -> Option<(String, String, String)> {
        let object = self.object(kind, name);
        let found = object["status"]["conditions"].as_array()?.iter().find(|found| found["type"] == condition)?;
        let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
        Some((text("status"), text("reason"), text("message")))
    }

    /// Waits until this holds.
    #[track_caller]
    pub fn until(&self, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        self.within(Duration::from_secs(90), what, &mut holds);
    }

    #[track_caller]
    pub fn within(&self, time: Duration, what: &str, mut holds: impl FnMut(&Self) -> bool) {
        let start = Instant::now();
        while !holds(self) {
            assert!(start.elapsed() < time, "it never came to pass: {what}\n{}", self.describe());
            self.revive_if_dead();
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Waits until the controller has told its verdict on every object as it is, and has nothing more to say.
    #[track_caller]
    pub fn settle(&self) {
        self.until("every object has a verdict", |world| world.unsettled().is_empty());
        self.be_quiet();
    }

    /// Waits until nothing was written for a while.
    pub fn be_quiet(&self) {
        let count = || self.proxy.written().iter().filter(|written| written.class != Class::Lease).count();
        let (mut written, mut since, start) = (count(), Instant::now(), Instant::now());
        while since.elapsed() < Duration::from_millis(600) {
            assert!(start.elapsed() < Duration::from_mins(2), "it never stops to write\n{}", self.describe());
            self.revive_if_dead();
            std::thread::sleep(Duration::from_millis(50));
            let now = count();
            if now != written {
                (written, since) = (now, Instant::now());
            }
        }
    }

    /// The objects on which there is no verdict yet.
    pub fn unsettled(&self) -> Vec<String> {
        self.objects().into_iter().filter(|(_, object)| !has_verdict(object)).map(|(name, _)| name).collect()
    }

    /// The objects that are not ready.
    pub fn not_ready(&self) -> Vec<String> {
        self.objects().into_iter().filter(|(_, object)| !is_ready(object)).map(|(name, _)| name).collect()
    }

    /// Runs another command of Muster's on the store, and returns the exit code and what it printed.
    pub fn muster(&self, arguments: &[&str]) -> (i32, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        command.env_clear().current_dir(self.folder.path()).args(arguments).args(["--store", &self.store]);
        let output = command.output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code().unwrap_or(-1), String::from_utf8(text).unwrap())
    }

    /// What the store holds of an organization, and how it came to be; its history verifies.
    pub fn told(&self, organization: &str) -> Told {
        self.rig.block_on(told(&self.store, organization))
    }

    /// What the store holds of acme and was not deleted, such as `member/alice`.
    pub fn stored(&self) -> Vec<String> {
        let Told { rows, .. } = self.told("acme");
        rows.into_iter().filter(|row| row.is_live() && row.key.kind != Kind::Membership).map(|row| row.key.to_string()).collect()
    }

    /// True when something of acme, such as `member/dave`, is in the store with a tombstone.
    pub fn is_soft_deleted(&self, key: &str) -> bool {
        self.told("acme").rows.iter().any(|row| row.key.to_string() == key && !row.is_live())
    }

    /// What holds in every scenario: the history is whole and tells of nothing forbidden, no secret is anywhere, and the rights that the
    /// chart gives were enough.
    #[track_caller]
    pub fn check(&self) {
        let log = self.log();
        let denied: Vec<&str> = log.lines().filter(|line| line.contains("is forbidden: User")).take(3).collect();
        assert!(denied.is_empty() || self.is_deprived.load(Ordering::SeqCst), "the chart gives too little: {denied:#?}");
        assert_eq!(self.told("acme").offences(), Vec::<String>::new());
        assert_eq!(self.leaks(), Vec::<String>::new(), "a secret leaked");
    }

    /// From now on until the end nothing may be written.
    #[track_caller]
    pub fn is_silent_for(&self, time: Duration) {
        self.proxy.forget();
        std::thread::sleep(time);
        let written: Vec<String> =
            self.proxy.written().into_iter().filter(|it| it.class != Class::Lease).map(|it| it.what).collect();
        assert_eq!(written, Vec::<String>::new());
    }

    /// What stands at the end: the store as YAML, and every object with its status, without what differs from run to run.
    pub fn end_state(&self) -> String {
        let (code, mut state) = self.muster(&["export"]);
        assert_eq!(code, 0, "{state}");
        for (name, object) in self.objects() {
            let mut seen = json!({ "spec": object["spec"], "status": timeless(&object["status"]) });
            // In how many applies it was done depends on what arrived when.
            seen["status"]["history"] = Value::Null;
            writeln!(state, "{name}: {seen:#}").unwrap();
        }
        without_ids(&state).replace(&self.namespace, "NAMESPACE")
    }

    /// For whoever has to find out why a test failed.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        for (name, object) in self.objects() {
            if !is_ready(&object) {
                writeln!(text, "{name} generation {}: {}", object["metadata"]["generation"], object["status"]).unwrap();
            }
        }
        let mut written = self.proxy.written();
        written.retain(|written| written.class != Class::Lease);
        for written in &written[written.len().saturating_sub(20)..] {
            writeln!(text, "{} {:?} committed {}", written.what, written.status, written.committed).unwrap();
        }
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        let tail: Vec<String> =
            lines[lines.len().saturating_sub(40)..].iter().map(|line| line.chars().take(400).collect()).collect();
        text + &tail.join("\n")
    }

    /// Where a secret turned up.
    pub fn leaks(&self) -> Vec<String> {
        let events = self.rig.call(Method::GET, &format!("/apis/events.k8s.io/v1/namespaces/{}/events", self.namespace), None);
        let bodies = self.proxy.written().iter().map(|written| String::from_utf8_lossy(&written.body).into_owned()).collect();
        let objects = self.objects().values().map(Value::to_string).collect();
        let metrics = self.ask("/metrics").map(|(_, text)| text).unwrap_or_default();
        let ready = self.ask("/readyz").map(|(_, text)| text).unwrap_or_default();
        let places: [(&str, String); 6] = [
            ("the log", self.log()),
            ("an event", events.to_string()),
            ("what was written", bodies),
            ("an object", objects),
            ("the metrics", metrics),
            ("readyz", ready),
        ];
        let found = places.iter().filter(|(_, text)| self.secrets.iter().any(|secret| text.contains(secret.as_str())));
        found.map(|(place, _)| (*place).to_owned()).collect()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Kills a program, and waits until it is gone.
pub fn kill(running: &Running) {
    if let Some(process) = running.lock().unwrap().take() {
        process.kill();
    }
}

/// Asks whoever listens on a port of this machine.
pub fn ask(port: u16, path: &str) -> Option<(u16, String)> {
    use std::io::{Read as _, Write as _};
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let status = text.split_whitespace().nth(1)?.parse().ok()?;
    Some((status, text.split_once("\r\n\r\n")?.1.to_owned()))
}

/// True when the last verdict is about the object as it is.
pub fn has_verdict(object: &Value) -> bool {
    let (generation, status) = (&object["metadata"]["generation"], &object["status"]);
    let ready = status["conditions"].as_array().into_iter().flatten().find(|condition| condition["type"] == "Ready");
    status["observedGeneration"] == *generation && ready.is_some_and(|ready| ready["observedGeneration"] == *generation)
}

/// True when that verdict is that all is well.
pub fn is_ready(object: &Value) -> bool {
    let ready = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
    has_verdict(object) && object["status"]["conditions"].as_array().unwrap().iter().any(ready)
}

/// A value without times, which differ from run to run.
fn timeless(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let is_time = |name: &str| matches!(name, "lastTransitionTime" | "lastSyncTime" | "time" | "purgeAt");
            fields.iter().filter(|(name, _)| !is_time(name)).map(|(name, value)| (name.clone(), timeless(value))).collect()
        }
        Value::Array(items) => items.iter().map(timeless).collect(),
        Value::String(text) => without_times(text).into(),
        other => other.clone(),
    }
}

fn without_times(text: &str) -> String {
    let time = regex::Regex::new(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?)?").unwrap();
    time.replace_all(text, "TIME").into_owned()
}

fn without_ids(text: &str) -> String {
    let id = regex::Regex::new(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}").unwrap();
    id.replace_all(text, "ID").into_owned()
}
