//! A real API server with the definitions, and what a test does with it.

use std::process::Output;
use std::time::{Duration, Instant};

use muster::api::{Kind, crds};
use muster::controller::admission::policies;
use serde_json::{Value, json};

use crate::control_plane::{ControlPlane, Options};

pub struct Cluster {
    pub plane: ControlPlane,
}

/// Everything that was printed.
pub fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

impl Cluster {
    pub fn start(options: Options) -> Option<Self> {
        let cluster = Self { plane: ControlPlane::start_with(options)? };
        let all: Vec<String> = crds().iter().map(|crd| serde_yaml::to_string(crd).unwrap()).collect();
        cluster.apply(&all.join("---\n"));
        let names: Vec<String> = Kind::WRITTEN.iter().map(|kind| format!("crd/{}", kind.crd_name())).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let waited = cluster.plane.kubectl(&[&["wait", "--for=condition=Established", "--timeout=60s"], &names[..]].concat());
        assert!(waited.status.success(), "{}", text(&waited));
        // Whoever is authenticated may do everything with the kinds: the rest is for the layers that are tested.
        cluster.apply(
            &json!({
                "apiVersion": "v1", "kind": "List", "items": [
                    { "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": "tenants" },
                      "rules": [{ "apiGroups": ["muster.dev"], "resources": ["*"], "verbs": ["*"] }] },
                    { "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": { "name": "tenants" },
                      "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "tenants" },
                      "subjects": [{ "apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "system:authenticated" }] },
                ],
            })
            .to_string(),
        );
        Some(cluster)
    }

    #[track_caller]
    pub fn apply(&self, yaml: &str) {
        let output = self.plane.kubectl_with(&["apply", "--server-side"], yaml);
        assert!(output.status.success(), "{}", text(&output));
    }

    /// Installs the policies, and waits until they are in force.
    pub fn install_policies(&self) {
        let both = |(policy, binding)| [serde_yaml::to_string(&policy).unwrap(), serde_yaml::to_string(&binding).unwrap()];
        let all: Vec<String> = policies().into_iter().flat_map(both).collect();
        self.apply(&all.join("---\n"));
        let probe = |kind: &str, spec: Value| crate::acme::object(kind, "probe", spec);
        self.create(
            "probe",
            &[probe("Workspace", json!({ "deletionProtection": true })), probe("Organization", json!({ "preset": "fastpix" }))],
        );
        let mut free = probe("Workspace", json!({}));
        free["metadata"]["name"] = json!("free");
        free["spec"]["organizationRef"]["name"] = json!("probe");
        self.create("probe", &[free]);
        for what in ["mws/probe", "morg/probe", "mws/free"] {
            eventually(what, || !self.plane.kubectl(&["delete", what, "-n", "probe", "--dry-run=server"]).status.success());
        }
    }

    /// Creates objects in a namespace, which is created where it is not there.
    #[track_caller]
    pub fn create(&self, namespace: &str, objects: &[Value]) {
        let place = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": namespace } });
        self.apply(&place.to_string());
        let mut list: Vec<Value> = objects.to_vec();
        list.iter_mut().for_each(|it| it["metadata"]["namespace"] = json!(namespace));
        self.apply(&json!({ "apiVersion": "v1", "kind": "List", "items": list }).to_string());
    }

    /// Reports what is in force, as the controller does.
    #[track_caller]
    pub fn report(&self, namespace: &str, what: &str, effective: &Value) {
        let patch = json!({ "status": { "effective": effective } }).to_string();
        let args =
            ["patch", &what.replace('/', ".muster.dev/"), "-n", namespace, "--subresource=status", "--type=merge", "-p", &patch];
        let output = self.plane.kubectl(&args);
        assert!(output.status.success(), "{}", text(&output));
    }

    /// Runs kubectl as somebody, with a document where there is one.
    pub fn kubectl_as(&self, user: &str, args: &[&str], document: Option<&Value>) -> Output {
        let who = format!("--as={user}");
        let args = [&[who.as_str()], args].concat();
        match document {
            None => self.plane.kubectl(&args),
            Some(document) => self.plane.kubectl_with(&args, &document.to_string()),
        }
    }
}

#[track_caller]
pub fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_mins(1), "{what} never comes true");
        std::thread::sleep(Duration::from_millis(200));
    }
}
