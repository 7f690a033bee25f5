//! The webhook as a server: its certificate, its answers to what is no question, and what it does without a store.

use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::Timestamp;
use muster::controller::admission::{
    Certificates, Kept, Listeners, Pace, Reader, Service, Settings, Webhook, WebhookError, issue, serve,
};
use muster::engine::{apply, plan_input};
use muster::store::{AnyStore, Mode};
use muster::tenancy::Manager;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::acme::{ACME, documents, object, review};
use crate::client::{get, send};
use crate::control_plane::free_ports;
use crate::process::Process;
use crate::scenario::{Step, input, steps};

/// A webhook that runs until it is told to stop.
pub struct Running {
    pub port: u16,
    pub health: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<(), WebhookError>>>,
}

impl Running {
    pub fn start(store: &str, certificates: Certificates) -> Self {
        Self::lingering(store, certificates, Duration::from_millis(200))
    }

    fn lingering(store: &str, certificates: Certificates, linger: Duration) -> Self {
        let any = "127.0.0.1:0".parse().unwrap();
        let listeners = Listeners::bind(any, any).unwrap();
        let [port, health] = [&listeners.admission, &listeners.health].map(|it| it.local_addr().unwrap().port());
        let settings = Settings { manager: Manager::new("muster"), oidc_prefix: None, exempt: Vec::new() };
        let webhook = Webhook::new(Reader::new(store.parse().unwrap(), Duration::from_secs(1)), settings);
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            let stopped = async { drop(stopped.await) };
            let pace = Pace { look: Duration::from_millis(300), linger };
            runtime.block_on(serve(webhook, certificates, listeners, pace, stopped))
        });
        Self { port, health, stop: Some(stop), thread: Some(thread) }
    }

    pub fn stop(&mut self) -> Option<Result<(), WebhookError>> {
        drop(self.stop.take());
        self.thread.take().map(|thread| thread.join().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(ended) = self.stop() {
            ended.unwrap();
        }
    }
}

/// Applies the usual organization to a store.
pub fn fill(store: &str) {
    fill_with(store, ACME);
}

/// Applies an organization to a store.
pub fn fill_with(store: &str, documents: &str) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let Some(Step::Apply(options, text)) = steps(&format!("#! apply\n{documents}")).into_iter().next() else {
            unreachable!()
        };
        let store = AnyStore::open(store, Mode::Write).await.unwrap();
        let plans = plan_input(&store, &input("acme.yaml", &text), "files", &options.context()).await.unwrap().plans;
        apply(&store, plans, &options.apply()).await.unwrap();
        store.close().await;
    });
}

fn certificate() -> Kept {
    let service: Service = "muster-webhook.muster".parse().unwrap();
    issue(&service, Timestamp::now(), None).unwrap()
}

fn write(directory: &Path, kept: &Kept) {
    std::fs::write(directory.join("tls.crt"), &kept.certificate).unwrap();
    std::fs::write(directory.join("tls.key"), &kept.key).unwrap();
}

/// A webhook with a certificate in a directory, and a store that is not there yet.
struct Place {
    directory: TempDir,
    kept: Kept,
    running: Running,
}

impl Place {
    fn new() -> Self {
        let (directory, kept) = (tempfile::tempdir().unwrap(), certificate());
        write(directory.path(), &kept);
        let store = format!("sqlite://{}", directory.path().join("muster.db").display());
        let place =
            Self { running: Running::start(&store, Certificates::Directory(directory.path().to_owned())), directory, kept };
        eventually(|| get(place.running.health, "/readyz").0 == 200);
        place
    }

    fn store(&self) -> String {
        format!("sqlite://{}", self.directory.path().join("muster.db").display())
    }

    fn post(&self, body: &[u8]) -> (u16, String) {
        send(self.running.port, &self.kept.authority, "POST /validate HTTP/1.1", body).unwrap()
    }

    fn ask(&self, review: &Value) -> Value {
        let (code, body) = self.post(review.to_string().as_bytes());
        assert_eq!(code, 200, "{body}");
        let answer: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((&answer["kind"], &answer["apiVersion"]), (&json!("AdmissionReview"), &json!("admission.k8s.io/v1")));
        assert_eq!(answer["response"]["uid"], review["request"]["uid"]);
        answer["response"].clone()
    }
}

fn eventually(is_so: impl Fn() -> bool) {
    let start = std::time::Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(30));
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn stored(kind: &str, name: &str) -> Value {
    documents(ACME).into_iter().find(|it| it["kind"] == kind && it["metadata"]["name"] == name).unwrap()
}

#[test]
fn a_store_is_judged_by_as_soon_as_it_is_there_and_the_answer_is_a_403() {
    let place = Place::new();
    let delete = review("DELETE", &Value::Null, &stored("Workspace", "production"), ("ci", &[]));
    let answer = place.ask(&delete);
    assert_eq!((answer["allowed"].as_bool(), &answer["warnings"]), (Some(true), &Value::Null));
    fill(&place.store());
    let answer = place.ask(&delete);
    assert_eq!(answer["allowed"], false);
    let status = &answer["status"];
    assert_eq!((&status["code"], &status["reason"], &status["status"]), (&json!(403), &json!("Forbidden"), &json!("Failure")));
    assert!(status["message"].as_str().unwrap().starts_with("workspace/production: it is protected from deletion"), "{status}");
    // Asked for a dry run, it answers the same.
    let mut dry = delete.clone();
    dry["request"]["dryRun"] = json!(true);
    assert_eq!(place.ask(&dry), answer);
    let new = review(
        "CREATE",
        &object("Member", "erin", json!({ "email": "erin@acme.example", "role": "Admin" })),
        &Value::Null,
        ("ci", &[]),
    );
    let warned = place.ask(&new);
    assert_eq!(warned["allowed"], true);
    assert_eq!(warned["warnings"], json!(["erin@acme.example becomes admin of organization/acme (no access -> Admin)"]));
    // What is no business of ours goes through.
    let mut status = delete.clone();
    status["request"]["subResource"] = json!("status");
    let mut foreign = delete;
    foreign["request"]["kind"]["group"] = json!("example.com");
    for other in [status, foreign] {
        assert_eq!((place.ask(&other)["allowed"].as_bool(), place.ask(&other)["warnings"].clone()), (Some(true), Value::Null));
    }
    let (_, metrics) = get(place.running.health, "/metrics");
    assert!(metrics.contains(r#"muster_admission_denials_total{guard="deletion-protected"} 2"#), "{metrics}");
    assert!(metrics.contains(r#"verdict="warned"} 1"#), "{metrics}");
    assert_eq!(get(place.running.health, "/healthz").0, 200);
}

#[test]
fn what_is_no_question_is_told_so() {
    let place = Place::new();
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let no_request = json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview" }).to_string();
    let mut strange = review("CREATE", &object("Workspace", "w", json!({})), &Value::Null, ("ci", &[]));
    strange["request"]["operation"] = json!("EXPLODE");
    let strange = strange.to_string();
    for body in ["", "{}", "[]", "null", "\u{0}", "{\"kind\":", &deep, &no_request, &strange] {
        assert_eq!(place.post(body.as_bytes()).0, 400, "{}", body.chars().take(80).collect::<String>());
    }
    assert_eq!(place.post(&[0xff; 100]).0, 400);
    let large = "POST /validate HTTP/1.1\r\ncontent-length: 9000000";
    assert_eq!(send(place.running.port, &place.kept.authority, large, b"").unwrap().0, 413);
    // An object of 3 MiB, as it is and as it was, is a question.
    let mut large = review("UPDATE", &stored("Workspace", "design"), &stored("Workspace", "design"), ("ci", &[]));
    for side in ["object", "oldObject"] {
        large["request"][side]["metadata"]["annotations"] = json!({ "example.com/much": "x".repeat(3 << 20) });
    }
    assert_eq!(place.ask(&large)["allowed"], true);
    let mut older = review("DELETE", &Value::Null, &stored("Workspace", "production"), ("ci", &[]));
    older["apiVersion"] = json!("admission.k8s.io/v1beta1");
    let answer = place.post(older.to_string().as_bytes());
    assert_eq!(answer, (400, "only the AdmissionReview of admission.k8s.io/v1 is understood\n".to_owned()));
    let plain = "POST /validate HTTP/1.1\r\ncontent-type: text/plain";
    assert_eq!(send(place.running.port, &place.kept.authority, plain, b"{}").unwrap().0, 415);
    let send = |head: &str| send(place.running.port, &place.kept.authority, head, b"").unwrap().0;
    assert_eq!((send("GET /validate HTTP/1.1"), send("POST /other HTTP/1.1")), (405, 404));
    // An object that is no object is somebody else's to refuse.
    for spec in [Value::Null, json!([]), json!("text"), json!({ "organizationRef": [] })] {
        let mut new = review("CREATE", &object("Workspace", "w", json!({})), &Value::Null, ("ci", &[]));
        new["request"]["object"]["spec"] = spec;
        assert_eq!(place.ask(&new)["allowed"], true);
    }
}

#[test]
fn without_a_store_everything_goes_through_with_a_warning() {
    let (directory, kept) = (tempfile::tempdir().unwrap(), certificate());
    write(directory.path(), &kept);
    let store = "postgres://muster:hush-hush@127.0.0.1:1/muster";
    let running = Running::start(store, Certificates::Directory(directory.path().to_owned()));
    let place = Place { directory, kept, running };
    eventually(|| get(place.running.health, "/readyz").0 == 200);
    let start = std::time::Instant::now();
    let answer = place.ask(&review("DELETE", &Value::Null, &stored("Workspace", "production"), ("ci", &[])));
    assert!(start.elapsed() < Duration::from_millis(2900));
    assert_eq!(
        answer["warnings"],
        json!([
            "workspace/production: the store gave no answer, so neither your rights nor what it does were checked; the controller refuses \
             what the rules refuse"
        ])
    );
    assert_eq!(answer["allowed"], true);
    let (_, metrics) = get(place.running.health, "/metrics");
    assert!(metrics.contains("muster_admission_not_judged_total 1") && !metrics.contains("hush"), "{metrics}");
}

#[test]
fn a_store_that_never_answers_lets_everything_through_before_the_api_server_stops_waiting() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let (directory, kept) = (tempfile::tempdir().unwrap(), certificate());
    write(directory.path(), &kept);
    let store = format!("postgres://muster@127.0.0.1:{}/muster", silent.local_addr().unwrap().port());
    let running = Running::start(&store, Certificates::Directory(directory.path().to_owned()));
    let delete = review("DELETE", &Value::Null, &stored("Workspace", "production"), ("ci", &[]));
    // A denial would come from what is known without the store.
    let head = "POST /validate?timeout=600ms HTTP/1.1";
    eventually(|| get(running.health, "/readyz").0 == 200);
    let (code, body) = send(running.port, &kept.authority, head, delete.to_string().as_bytes()).unwrap();
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((code, &answer["response"]["allowed"]), (200, &json!(true)), "{body}");
    assert!(answer["response"]["warnings"][0].as_str().unwrap().contains("the store gave no answer"), "{body}");
}

#[test]
fn another_certificate_in_the_directory_is_served_without_a_restart() {
    let place = Place::new();
    let other = certificate();
    let ask = |kept: &Kept| send(place.running.port, &kept.authority, "POST /validate HTTP/1.1", b"{}").map(|(code, _)| code);
    assert_eq!(ask(&place.kept), Ok(400));
    assert!(ask(&other).is_err());
    // Half of it, or nonsense, changes nothing.
    std::fs::write(place.directory.path().join("tls.crt"), &other.certificate).unwrap();
    std::thread::sleep(Duration::from_millis(800));
    assert_eq!(ask(&place.kept), Ok(400));
    std::fs::write(place.directory.path().join("tls.key"), &other.key).unwrap();
    eventually(|| ask(&other) == Ok(400));
    assert!(ask(&place.kept).is_err());
    std::fs::remove_file(place.directory.path().join("tls.crt")).unwrap();
    std::thread::sleep(Duration::from_millis(800));
    assert_eq!(ask(&other), Ok(400));
}

#[test]
fn the_program_serves_and_ends_by_sigterm() {
    let (directory, kept) = (tempfile::tempdir().unwrap(), certificate());
    write(directory.path(), &kept);
    let at = |name: &str| directory.path().join(name).display().to_string();
    fill(&format!("sqlite://{}", at("muster.db")));
    let [port, health] = free_ports();
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    command.args(["webhook", "--store", &format!("sqlite://{}", at("muster.db")), "--cert-dir", &at(""), "--manager", "muster"]);
    command.args(["--listen", &format!("127.0.0.1:{port}"), "--metrics-listen", &format!("127.0.0.1:{health}")]);
    command.args(["--oidc-prefix", "oidc:", "--exempt-user", "root", "--exempt-user", "ops"]);
    let program = Process::spawn(&command, &directory.path().join("log"));
    eventually(|| TcpStream::connect(("127.0.0.1", health)).is_ok() && get(health, "/readyz").0 == 200);
    let ask = |user| {
        let delete = review("DELETE", &Value::Null, &stored("Workspace", "production"), (user, &[]));
        let (_, body) = send(port, &kept.authority, "POST /validate HTTP/1.1", delete.to_string().as_bytes()).unwrap();
        serde_json::from_str::<Value>(&body).unwrap()["response"]["allowed"].clone()
    };
    assert_eq!([ask("ops"), ask("ci"), ask("oidc:carol@acme.example")], [true, false, false]);
    program.signal("TERM");
    let log = std::fs::read_to_string(directory.path().join("log")).unwrap();
    assert_eq!(program.wait(), 0, "{log}");
    assert!(log.contains("muster webhook") && log.contains("deletion-protected") && !log.contains("carol@"), "{log}");
    // It takes one of two ways to a certificate.
    for args in [&["webhook"][..], &["webhook", "--self-signed"], &["webhook", "--self-signed", "--cert-dir", "x"]] {
        let output = Command::new(env!("CARGO_BIN_EXE_muster")).args(args).output().unwrap();
        assert_eq!(output.status.code(), Some(64), "{args:?}");
    }
}

#[test]
fn told_to_stop_it_is_not_ready_and_answers_those_who_did_not_hear_of_it_yet() {
    let (directory, kept) = (tempfile::tempdir().unwrap(), certificate());
    write(directory.path(), &kept);
    let store = format!("sqlite://{}", directory.path().join("muster.db").display());
    let certificates = Certificates::Directory(directory.path().to_owned());
    let mut running = Running::lingering(&store, certificates, Duration::from_mins(10));
    eventually(|| get(running.health, "/readyz").0 == 200);
    drop(running.stop.take());
    eventually(|| get(running.health, "/readyz").0 == 503);
    assert_eq!(send(running.port, &kept.authority, "POST /validate HTTP/1.1", b"{}").unwrap().0, 400);
    // It would go on for minutes: it ends with this program.
    drop(running.thread.take());
}

#[test]
fn it_ends_when_it_is_told_to_and_does_not_begin_without_a_certificate() {
    let mut place = Place::new();
    assert!(place.running.stop().unwrap().is_ok());
    let empty = tempfile::tempdir().unwrap();
    let mut running = Running::start(&place.store(), Certificates::Directory(empty.path().to_owned()));
    let ended = running.thread.take().unwrap().join().unwrap();
    assert!(matches!(ended, Err(WebhookError::Certificate(_))), "{ended:?}");
}
