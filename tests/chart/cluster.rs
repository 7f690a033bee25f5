//! What a real API server says to the chart, and what a real installation leaves behind.

use std::process::Output;

use super::control_plane::ControlPlane;
use super::helm::{Helm, all_values, file, name, of_kind, values};
use muster::api::Kind;
use serde_json::{Value, json};

pub const NAMESPACES: &str = "\
apiVersion: v1
kind: Namespace
metadata:
  name: muster-system
  labels:
    pod-security.kubernetes.io/enforce: restricted
    pod-security.kubernetes.io/warn: restricted
---
{apiVersion: v1, kind: Namespace, metadata: {name: acme}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: globex}}
";

/// Kinds of other projects, as far as the API server must know them to take an object.
const FOREIGN: [(&str, &str, &str, &str); 4] = [
    ("monitoring.coreos.com", "v1", "servicemonitors", "ServiceMonitor"),
    ("monitoring.coreos.com", "v1", "prometheusrules", "PrometheusRule"),
    ("cert-manager.io", "v1", "certificates", "Certificate"),
    ("cert-manager.io", "v1", "issuers", "Issuer"),
];

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
pub fn succeeds(output: &Output) -> String {
    assert!(output.status.success() && output.stderr.is_empty(), "{}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

fn documents(objects: &[Value]) -> String {
    objects.iter().map(|object| format!("---\n{object}\n")).collect()
}

fn foreign_definition((group, version, plural, kind): (&str, &str, &str, &str)) -> Value {
    let schema = json!({"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}});
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("{plural}.{group}")},
        "spec": {
            "group": group, "scope": "Namespaced", "names": {"plural": plural, "kind": kind},
            "versions": [{"name": version, "served": true, "storage": true, "schema": schema}],
        },
    })
}

/// A pod as a Deployment would make it: PodSecurity judges pods only.
fn pod_of(deployment: &Value) -> Value {
    let template = &deployment["spec"]["template"];
    let mut metadata = template["metadata"].clone();
    metadata["name"] = json!(format!("{}-0", deployment["metadata"]["name"].as_str().unwrap()));
    metadata["namespace"] = deployment["metadata"]["namespace"].clone();
    json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]})
}

#[test]
fn a_real_api_server_takes_whatever_the_chart_makes() {
    let Some(mut helm) = Helm::start() else { return };
    let Some(plane) = ControlPlane::start() else { return };
    succeeds(&plane.kubectl_with(&["create"], NAMESPACES));
    succeeds(&plane.kubectl_with(&["create"], &documents(&FOREIGN.map(foreign_definition))));
    succeeds(&plane.kubectl(&["wait", "crd", "--all", "--for=condition=Established", "--timeout=60s"]));

    let ask = ["apply", "--server-side", "--dry-run=server", "--validate=strict"];
    for values_name in all_values() {
        let objects = helm.render(&values(&values_name)).unwrap();
        let taken = succeeds(&plane.kubectl_with(&ask, &documents(&objects)));
        assert_eq!(taken.lines().count(), objects.len(), "{values_name}: {taken}");
        let pods: Vec<Value> = of_kind(&objects, "Deployment").into_iter().map(pod_of).collect();
        succeeds(&plane.kubectl_with(&ask, &documents(&pods)));
        refuses_a_pod_with_more_rights(&plane, &pods[0]);
    }
}

/// The namespace does enforce the restricted standard, and each part of the security context is there for it.
fn refuses_a_pod_with_more_rights(plane: &ControlPlane, pod: &Value) {
    let weaker = [
        ("/spec/securityContext/runAsNonRoot", json!(false)),
        ("/spec/securityContext/seccompProfile", json!({"type": "Unconfined"})),
        ("/spec/containers/0/securityContext/allowPrivilegeEscalation", json!(true)),
        ("/spec/containers/0/securityContext/capabilities", json!({})),
    ];
    for (path, value) in weaker {
        let mut pod = pod.clone();
        *pod.pointer_mut(path).unwrap() = value;
        let output = plane.kubectl_with(&["create", "--dry-run=server"], &pod.to_string());
        assert!(text(&output.stderr).contains("violates PodSecurity"), "{path}: {}", text(&output.stderr));
    }
}

/// What is in the cluster of the release, by kind and name.
fn installed(plane: &ControlPlane) -> Vec<String> {
    let kinds = "deployments,services,serviceaccounts,roles.rbac.authorization.k8s.io,rolebindings,clusterroles,clusterrolebindings,\
                 networkpolicies,poddisruptionbudgets,persistentvolumeclaims,secrets,configmaps,validatingwebhookconfigurations,\
                 validatingadmissionpolicies,validatingadmissionpolicybindings";
    let labelled = ["-l", "app.kubernetes.io/managed-by=Helm", "-n", "muster-system", "-o", "name"];
    let said = succeeds(&plane.kubectl(&[&["get", kinds], &labelled[..]].concat()));
    said.lines().map(str::to_owned).collect()
}

fn get(plane: &ControlPlane, what: &[&str], path: &str) -> String {
    let path = format!("jsonpath={path}");
    succeeds(&plane.kubectl(&[&["get"], what, &["-o", &path]].concat()))
}

#[test]
fn uninstalling_the_chart_deletes_nothing_that_anybody_wrote() {
    let Some(mut helm) = Helm::start() else { return };
    let Some(plane) = ControlPlane::start() else { return };
    let kubeconfig = succeeds(&plane.kubectl(&["config", "view", "--raw"]));
    succeeds(&plane.kubectl_with(&["create"], NAMESPACES));

    helm.change("install", &kubeconfig, &values("default"));
    let rendered = helm.render(&values("default")).unwrap();
    let definitions = of_kind(&rendered, "CustomResourceDefinition").len();
    assert_eq!(definitions, Kind::WRITTEN.len());
    assert_eq!(installed(&plane).len(), rendered.len() - definitions, "{:?}", rendered.iter().map(name).collect::<Vec<_>>());
    succeeds(&plane.kubectl(&["wait", "crd", "--all", "--for=condition=Established", "--timeout=60s"]));
    // The webhook is down, as nothing runs here, and the cluster works.
    succeeds(&plane.kubectl_with(&["create", "-n", "acme"], &file("examples/quickstart/organization.yaml")));

    upgrading_keeps_what_the_webhook_wrote(&mut helm, &plane, &kubeconfig);

    helm.change("uninstall", &kubeconfig, &Value::Null);
    assert_eq!(installed(&plane), ["persistentvolumeclaim/muster-store"]);
    assert_eq!(succeeds(&plane.kubectl(&["get", "crd", "-o", "name"])).lines().count(), definitions);
    assert_eq!(get(&plane, &["morg", "-n", "acme"], "{.items[*].metadata.name}"), "acme");

    helm.change("install", &kubeconfig, &values("default"));
    assert_eq!(installed(&plane).len(), rendered.len() - definitions, "it can be installed again");
}

fn upgrading_keeps_what_the_webhook_wrote(helm: &mut Helm, plane: &ControlPlane, kubeconfig: &str) {
    let secret = ["secret", "muster-webhook-tls", "-n", "muster-system"];
    let configuration = ["validatingwebhookconfiguration", "muster-webhook"];
    let certificate = r#"{"data": {"tls.crt": "Y2VydA==", "tls.key": "a2V5"}}"#;
    let authority = r#"[{"op": "add", "path": "/webhooks/0/clientConfig/caBundle", "value": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCk1BPT0KLS0tLS1FTkQgQ0VSVElGSUNBVEUtLS0tLQo="}]"#;
    succeeds(&plane.kubectl(&[&["patch"], &secret[..], &["-p", certificate]].concat()));
    succeeds(&plane.kubectl(&[&["patch"], &configuration[..], &["--type=json", "-p", authority]].concat()));

    let mut changed = values("default");
    changed["controller"] = json!({"concurrency": 3});
    changed["webhook"] = json!({"timeoutSeconds": 2});
    helm.change("upgrade", kubeconfig, &changed);
    let arguments = get(plane, &["deployment", "muster", "-n", "muster-system"], "{.spec.template.spec.containers[0].args}");
    assert!(arguments.contains("--concurrency=3"), "{arguments}");
    assert_eq!(get(plane, &secret, "{.data.tls\\.crt}"), "Y2VydA==");
    assert_eq!(get(plane, &configuration, "{.webhooks[0].timeoutSeconds}"), "2");
    assert!(!get(plane, &configuration, "{.webhooks[0].clientConfig.caBundle}").is_empty());
}
