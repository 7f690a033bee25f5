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

/// What the controller may do, and where its Leases and Events go.
const RIGHTS: &str = r#"
- {apiVersion: v1, kind: Namespace, metadata: {name: muster-system}}
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRole
  metadata: {name: muster}
  rules:
  - {apiGroups: [muster.dev], resources: ["*"], verbs: [get, list, watch]}
  - {apiGroups: [muster.dev], resources: ["*/status"], verbs: [get, update, patch]}
  - {apiGroups: [""], resources: [namespaces], verbs: [get, list, watch]}
  - {apiGroups: [apiextensions.k8s.io], resources: [customresourcedefinitions], verbs: [get, list, watch]}
  - {apiGroups: ["", events.k8s.io], resources: [events], verbs: [create, patch, update]}
  - {apiGroups: [""], resources: [secrets], verbs: [get, create, update]}
  - {apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get, create, update, patch]}
- apiVersion: rbac.authorization.k8s.io/v1
  kind: ClusterRoleBinding
  metadata: {name: muster}
  roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: muster}
  subjects: [{kind: User, apiGroup: rbac.authorization.k8s.io, name: "system:serviceaccount:muster-system:muster"}]
"#;

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
        let rights: Vec<Value> = serde_yaml::from_str(RIGHTS).unwrap();
        rights.iter().for_each(|object| self.apply(object));
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
