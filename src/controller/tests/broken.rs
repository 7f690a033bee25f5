//! Passes that do not come to an end, in the loop that starts them.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::ACME;
use super::server::{Does, Server};
use super::world::World;
use crate::api::Kind;
use crate::controller::run::{Options, RunError, run};
use crate::controller::server::bind;
use crate::tenancy::Manager;

/// What a pass over acme asks once somebody is gone: whether the namespace is.
const NAMESPACE: &str = "/api/v1/namespaces/acme";

/// A controller between an API server and a store.
struct Running {
    server: Server,
    world: World,
    port: u16,
    stop: watch::Sender<bool>,
    ended: JoinHandle<Result<(), RunError>>,
}

fn put(server: &Server, documents: &str, namespace: &str) {
    for document in documents.split("\n---\n") {
        let mut object: Value = serde_yaml::from_str(document).unwrap();
        let kind = Kind::WRITTEN.into_iter().find(|kind| object["kind"] == kind.as_str()).unwrap();
        let name = object["metadata"]["name"].as_str().unwrap().to_owned();
        object["metadata"]["namespace"] = namespace.into();
        object["metadata"]["uid"] = format!("uid-{namespace}-{name}").into();
        object["metadata"]["generation"] = 1.into();
        server.put(&path(kind, namespace, &name), object);
    }
}

fn path(kind: Kind, namespace: &str, name: &str) -> String {
    format!("/apis/muster.dev/v1alpha1/namespaces/{namespace}/{}/{name}", kind.plural())
}

impl Running {
    /// A controller that starts when bob is gone from acme, and finds another organization, which it does not know yet. Every look at acme
    /// ends like this.
    async fn start(does: fn() -> Does) -> Self {
        let mut world = World::new().await;
        world.apply(ACME);
        world.settle("acme").await;
        let server = Server::new();
        put(&server, ACME.rsplit_once("\n---\n").unwrap().0, "acme");
        put(&server, &ACME.replace("acme", "other"), "other");
        let made = json!({ "metadata": { "creationTimestamp": "1970-01-01T00:00:00Z" } });
        server.put(NAMESPACE, made.clone());
        for kind in Kind::WRITTEN {
            server.put(&format!("/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{}", kind.crd_name()), made.clone());
        }
        server.script(move |_, path, _| if path == NAMESPACE { does() } else { Does::Answer });
        let options = Options {
            manager: Manager::new("muster"),
            namespaces: Vec::new(),
            lease: ("muster-system".to_owned(), "muster".to_owned()),
            lease_duration: Duration::from_secs(15),
            // What hangs is ended by nothing but the limit of the pass.
            request_timeout: Duration::from_hours(1),
            pass_limit: Duration::from_secs(3),
            concurrency: 4,
            backends: None,
            take_over: false,
        };
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (stop, told) = watch::channel(false);
        let ended = tokio::spawn(run(server.client(), world.store.clone(), options, listener, told));
        Self { server, world, port, stop, ended }
    }

    /// The conditions of an object, such as `Ready=True Succeeded`.
    fn says(&self, kind: Kind, namespace: &str, name: &str) -> String {
        let object = self.server.get(&path(kind, namespace, name));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let conditions = object["status"]["conditions"].as_array().cloned().unwrap_or_default();
        let says = |it: &Value| {
            format!("{}={} {}: {}", text(&it["type"]), text(&it["status"]), text(&it["reason"]), text(&it["message"]))
        };
        conditions.iter().map(says).collect::<Vec<_>>().join(", ")
    }

    async fn until(&self, what: &str, holds: impl AsyncFn(&Self) -> bool) {
        let began = std::time::Instant::now();
        while !holds(self).await {
            let says = || self.says(Kind::Organization, "acme", "acme");
            assert!(began.elapsed() < Duration::from_mins(1), "it never came to pass: {what}; acme says {}", says());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn metric(&self, line: &str) -> Option<f64> {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        text.lines().find_map(|it| it.strip_prefix(line)?.trim().parse().ok())
    }

    /// What the loop makes of passes that end like this, and that it goes on when they do not any more.
    async fn survives(self, result: &str, message: &str) {
        let counted = format!("muster_reconcile_total{{kind=\"Organization\",result=\"{result}\"}}");
        self.until("it is tried again", async |it| it.metric(&counted).await.is_some_and(|count| count >= 2.0)).await;
        self.until("it is told", async |it| {
            let says = it.says(Kind::Organization, "acme", "acme");
            says.contains("Ready=False Failed")
                && says.contains("Reconciling=True ProgressingWithRetry")
                && says.contains(message)
        })
        .await;
        self.until("its neighbour is ready", async |it| {
            it.says(Kind::Member, "other", "bob").contains("Ready=True")
                && it.says(Kind::Organization, "other", "other").contains("Ready=True")
        })
        .await;
        assert!(self.world.stored("acme").await.contains(&"member/bob".to_owned()), "nothing was done by halves");
        self.server.script(|_, _, _| Does::Answer);
        self.until("acme is ready", async |it| it.says(Kind::Organization, "acme", "acme").starts_with("Ready=True Succeeded"))
            .await;
        self.until("bob is gone", async |it| it.world.stored("acme").await.contains(&"member/bob x".to_owned())).await;
        self.stop.send(true).unwrap();
        self.ended.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_crashes_is_told_and_counted_and_takes_nothing_else_with_it() {
    Running::start(|| Does::Crash).await.survives("crash", "crashed, which is a defect of muster").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_never_returns_is_broken_off_and_told_and_counted() {
    Running::start(|| Does::Hang).await.survives("timeout", "took too long and was broken off").await;
}
