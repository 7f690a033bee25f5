//! One API server with Muster's definitions and rights, shared by all tests of a binary.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use hyper::{Method, Request};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use muster::api::{GROUP, Kind, VERSION, crds};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::control_plane::{ADMIN, ControlPlane, Options, User};

/// What the chart gives the controller's ServiceAccount where it looks after one namespace; `tests/chart` renders it with Helm. The
/// namespaces in it are those of [`RELEASE`] and [`WATCHED`].
const RIGHTS: &str = include_str!("rights.yaml");
const RELEASE: &str = "muster-system";
const WATCHED: &str = "watched";

/// What somebody may do who runs the controller: exactly what the chart gives him.
pub struct Grant<'a> {
    pub user: &'a User,
    /// The namespace of the release, where its Lease is.
    pub release: &'a str,
    /// The namespaces that it looks after.
    pub watched: Vec<&'a str>,
    /// Whether it mirrors to services.
    pub mirrors: bool,
}

impl Grant<'_> {
    /// The account of the user, which is the last part of its name.
    fn account(&self) -> &str {
        self.user.name.rsplit(':').next().unwrap()
    }

    fn objects(&self) -> Vec<Value> {
        let all: BTreeMap<String, Vec<Value>> = serde_yaml::from_str(RIGHTS).unwrap();
        let objects = &all[if self.mirrors { "mirrors" } else { "plain" }];
        let of = |watched: &&str| objects.iter().map(|object| self.placed(object, watched)).collect::<Vec<_>>();
        self.watched.iter().flat_map(of).collect()
    }

    /// A rendered object for this user, this release and this namespace.
    fn placed(&self, object: &Value, watched: &str) -> Value {
        let mut object: Value =
            serde_json::from_str(&object.to_string().replace(&format!("\"{WATCHED}\""), &format!("\"{watched}\""))).unwrap();
        if object["metadata"]["namespace"] == RELEASE {
            object["metadata"]["namespace"] = self.release.into();
        }
        // What is in no namespace is there once for each of them.
        let own = |name: &Value| format!("{}-{}-{watched}", name.as_str().unwrap(), self.release);
        if object["metadata"]["namespace"].is_null() {
            object["metadata"]["name"] = own(&object["metadata"]["name"]).into();
        }
        if object["roleRef"]["kind"] == "ClusterRole" {
            object["roleRef"]["name"] = own(&object["roleRef"]["name"]).into();
        }
        if let Some(subject) = object.get_mut("subjects").map(|subjects| &mut subjects[0]) {
            subject["name"] = self.account().into();
            let name = format!("{}-of-{}", object["metadata"]["name"].as_str().unwrap(), self.account());
            object["metadata"]["name"] = name.into();
        }
        object
    }
}

/// An API server, and a client that may do everything.
pub struct Rig {
    pub plane: ControlPlane,
    pub runtime: Runtime,
    pub client: Client,
}

/// The one that all tests of this binary share; `None`, with a loud line, where the programs are missing.
pub fn shared() -> Option<&'static Rig> {
    static RIG: OnceLock<Option<Rig>> = OnceLock::new();
    RIG.get_or_init(|| Rig::start(Options { controllers: true, ..Options::default() })).as_ref()
}

impl Rig {
    /// One of its own, for a test that breaks what others need.
    pub fn start(options: Options) -> Option<Self> {
        let plane = ControlPlane::start_with(options)?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).enable_all().build().unwrap();
        let client = runtime.block_on(client(&plane, &ADMIN, None));
        let rig = Self { plane, runtime, client };
        rig.install();
        Some(rig)
    }

    fn install(&self) {
        let definitions: Vec<Value> = crds().iter().map(|crd| serde_json::to_value(crd).unwrap()).collect();
        definitions.iter().for_each(|definition| self.apply(definition));
        for kind in Kind::WRITTEN {
            Self::until(&format!("{kind} is served"), || self.try_call(Method::GET, &path(kind, "default", ""), None).is_ok());
        }
    }

    /// Waits for something to happen.
    #[track_caller]
    fn until(what: &str, mut holds: impl FnMut() -> bool) {
        let start = Instant::now();
        while !holds() {
            assert!(start.elapsed() < Duration::from_mins(2), "it never came to pass: {what}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn block_on<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Asks the API server as an admin.
    pub fn try_call(&self, method: Method, path: &str, body: Option<&Value>) -> kube::Result<Value> {
        let content = match method {
            Method::PATCH if path.contains("fieldManager=") => "application/apply-patch+yaml",
            Method::PATCH => "application/merge-patch+json",
            _ => "application/json",
        };
        let body = body.map(|body| body.to_string().into_bytes()).unwrap_or_default();
        let request = Request::builder().method(method).uri(path).header("content-type", content).body(body).unwrap();
        self.block_on(self.client.request(request))
    }

    /// The same, and it has to go well.
    #[track_caller]
    pub fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let answer = self.try_call(method.clone(), path, body);
        answer.unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", body.map(Value::to_string).unwrap_or_default()))
    }

    /// Creates or changes an object, whatever its kind.
    #[track_caller]
    pub fn apply(&self, object: &Value) {
        let name = object["metadata"]["name"].as_str().unwrap();
        let path = format!("{}/{name}?fieldManager=test&force=true", collection(object));
        self.call(Method::PATCH, &path, Some(object));
    }

    /// Gives rights, and waits until they are in force.
    pub fn grant(&self, grant: &Grant<'_>) {
        grant.objects().iter().for_each(|object| self.apply(object));
        self.until_it_may(grant, true);
    }

    /// Takes rights away, and waits until that is in force.
    pub fn revoke(&self, grant: &Grant<'_>) {
        for object in grant.objects().iter().filter(|object| object.get("subjects").is_some()) {
            let path = format!("{}/{}", collection(object), object["metadata"]["name"].as_str().unwrap());
            self.call(Method::DELETE, &path, None);
        }
        self.until_it_may(grant, false);
    }

    /// Waits until one right of each binding is there, or gone.
    fn until_it_may(&self, grant: &Grant<'_>, wanted: bool) {
        let ask = |namespace: Option<&str>, [verb, group, resource, name]: [&str; 4]| {
            let question = json!({
                "apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview",
                "spec": { "user": grant.user.name, "resourceAttributes": {
                    "namespace": namespace, "verb": verb, "group": group, "resource": resource, "name": name,
                } },
            });
            let path = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
            self.call(Method::POST, path, Some(&question))["status"]["allowed"] == true
        };
        let lease = ["update", "coordination.k8s.io", "leases", "muster"];
        Self::until("rights to the Lease", || ask(Some(grant.release), lease) == wanted);
        for watched in &grant.watched {
            let list = ["list", GROUP, "members", ""];
            let secrets = ["get", "", "secrets", "any"];
            Self::until("rights to objects", || ask(Some(watched), list) == wanted);
            Self::until("rights to Secrets", || ask(Some(watched), secrets) == (wanted && grant.mirrors));
            Self::until("rights to the namespace", || ask(None, ["get", "", "namespaces", watched]) == wanted);
        }
    }

    /// Creates a namespace.
    pub fn namespace(&self, name: &str) {
        self.apply(&json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } }));
    }

    /// All of Muster's objects in a namespace, by plural and name.
    pub fn objects(&self, namespace: &str) -> BTreeMap<String, Value> {
        let mut objects = BTreeMap::new();
        for kind in Kind::WRITTEN {
            let Ok(mut list) = self.try_call(Method::GET, &path(kind, namespace, ""), None) else { continue };
            for object in list["items"].as_array_mut().into_iter().flatten() {
                let name = object["metadata"]["name"].as_str().unwrap_or_default();
                objects.insert(format!("{}/{name}", kind.plural()), object.take());
            }
        }
        objects
    }
}

/// A client of this user, of the API server itself or of a proxy.
pub async fn client(plane: &ControlPlane, user: &User, server: Option<&str>) -> Client {
    let kubeconfig = Kubeconfig::read_from(plane.kubeconfig(user, server)).unwrap();
    let mut config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    config.default_retry = false;
    Client::try_from(config).unwrap()
}

/// Where an object of Muster's is, or all of a kind where the name is empty.
pub fn path(kind: Kind, namespace: &str, name: &str) -> String {
    let all = format!("/apis/{GROUP}/{VERSION}/namespaces/{namespace}/{}", kind.plural());
    if name.is_empty() { all } else { format!("{all}/{name}") }
}

/// Where the objects of the same kind are.
fn collection(object: &Value) -> String {
    let version = object["apiVersion"].as_str().unwrap();
    let root = if version.contains('/') { "apis" } else { "api" };
    let kind = object["kind"].as_str().unwrap();
    let plural = Kind::parse(kind)
        .filter(|_| version.starts_with(GROUP))
        .map_or_else(|| format!("{}s", kind.to_lowercase()), |kind| kind.plural().to_owned());
    match object["metadata"]["namespace"].as_str() {
        Some(namespace) => format!("/{root}/{version}/namespaces/{namespace}/{plural}"),
        None => format!("/{root}/{version}/{plural}"),
    }
}
