//! The webhook with a certificate of its own, asked by a real API server.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Secret;
use kube::{Api, Client};
use muster::controller::admission::{Certificates, Keeper, Known, RENEWED_AFTER, asked};
use muster::controller::connect;
use serde_json::{Value, json};

use crate::acme::{ACME, documents, object};
use crate::client::send;
use crate::cluster::{Cluster, eventually, text};
use crate::control_plane::{ADMIN, Options};
use crate::serving::{Running, fill};

/// The configuration as the chart has it, but for the address.
fn configuration(port: u16) -> Value {
    json!({
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": { "name": "muster" },
        "webhooks": [{
            "name": "validate.muster.dev",
            "admissionReviewVersions": ["v1"],
            "clientConfig": { "url": format!("https://localhost:{port}/validate") },
            "failurePolicy": "Ignore",
            "timeoutSeconds": 3,
            "sideEffects": "None",
            "matchPolicy": "Equivalent",
            "matchConditions": [{ "name": "asked-by-others", "expression": asked() }],
            "namespaceSelector": { "matchExpressions": [
                { "key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": ["kube-system", "muster-system"] },
            ] },
            "rules": [{
                "apiGroups": ["muster.dev"], "apiVersions": ["v1alpha1"], "operations": ["CREATE", "UPDATE", "DELETE"],
                "resources": ["organizations", "membershiptypes", "projects", "workspaces", "templates", "roles", "members", "credentials", "accesstests"],
                "scope": "Namespaced",
            }],
        }],
    })
}

struct Asked {
    cluster: Cluster,
    keeper: Keeper,
    runtime: tokio::runtime::Runtime,
    webhook: Running,
    /// Who signed the certificate that is to be renewed.
    first: String,
    _store: tempfile::TempDir,
}

const CI: &str = "system:serviceaccount:flux-system:acme";

impl Asked {
    fn start() -> Option<Self> {
        let cluster = Cluster::start(Options { controllers: true, ..Options::default() })?;
        cluster.create("acme", &documents(ACME));
        let folder = tempfile::tempdir().unwrap();
        let store = format!("sqlite://{}", folder.path().join("muster.db").display());
        fill(&store);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let config = cluster.plane.kubeconfig(&ADMIN, None);
        let client: Client = runtime.block_on(connect(Some(&config), None)).unwrap();
        let keeper = Keeper {
            client,
            namespace: "default".to_owned(),
            secret: "muster-webhook".to_owned(),
            service: "muster-webhook.muster-system".parse().unwrap(),
            configuration: "muster".to_owned(),
        };
        // A certificate that is to be renewed in a few seconds is there already.
        let soon = Timestamp::now() - RENEWED_AFTER + SignedDuration::from_secs(25);
        runtime.block_on(keeper.now(soon)).unwrap();
        let first = authority(&runtime.block_on(secrets(&keeper).get("muster-webhook")).unwrap());
        let webhook = Running::start(&store, Certificates::Own(keeper.clone()));
        cluster.apply(&configuration(webhook.port).to_string());
        let asked = Self { cluster, keeper, runtime, webhook, first, _store: folder };
        eventually("the webhook denies", || asked.denies());
        Some(asked)
    }

    /// Whether the webhook is asked: this is what only it denies.
    fn denies(&self) -> bool {
        let args = ["delete", "mws/production", "-n", "acme", "--dry-run=server"];
        text(&self.cluster.kubectl_as(CI, &args, None)).contains("validate.muster.dev")
    }

    fn secret(&self) -> Secret {
        self.runtime.block_on(secrets(&self.keeper).get("muster-webhook")).unwrap()
    }

    #[track_caller]
    fn says(&self, user: &str, args: &[&str], document: Option<&Value>, wanted: &str) {
        let output = self.cluster.kubectl_as(user, args, document);
        let said = text(&output);
        assert!(said.contains(wanted), "{user} {args:?}: {said}");
        assert_eq!(output.status.success(), !said.contains("denied the request"), "{said}");
    }
}

fn secrets(keeper: &Keeper) -> Api<Secret> {
    Api::namespaced(keeper.client.clone(), "default")
}

fn authority(secret: &Secret) -> String {
    String::from_utf8(secret.data.as_ref().unwrap()["ca.crt"].0.clone()).unwrap()
}

#[test]
fn a_real_api_server_asks_and_its_users_are_told() {
    let Some(mut asked) = Asked::start() else { return };
    renewed_without_a_gap(&asked);
    replicas_agree(&asked);
    users_are_told(&asked);
    one_commit_passes_in_either_order(&asked);
    a_namespace_goes_with_everything(&asked);
    without_it_the_cluster_works(&mut asked);
}

fn renewed_without_a_gap(asked: &Asked) {
    let start = Instant::now();
    let serves = |authority: &str| send(asked.webhook.port, authority, "POST /validate HTTP/1.1", b"{}").is_ok();
    // One answer may come too late on a busy machine; a gap would last.
    let assert_no_gap = || assert!((0..3).any(|_| asked.denies()), "there is a gap");
    while serves(&asked.first) {
        assert_no_gap();
        assert!(start.elapsed() < Duration::from_mins(2), "it is never renewed");
    }
    assert_no_gap();
    let new = authority(&asked.secret());
    assert!(new != asked.first && serves(&new));
    let secret = asked.secret();
    assert_eq!(String::from_utf8_lossy(&secret.data.unwrap()["previous-ca.crt"].0), asked.first);
    // Who wipes the authorities out has them written again.
    let wiped = ["patch", "validatingwebhookconfiguration/muster", "--type=json", "-p"];
    let patch = r#"[{"op":"remove","path":"/webhooks/0/clientConfig/caBundle"}]"#;
    asked.cluster.plane.kubectl(&[&wiped[..], &[patch]].concat());
    eventually("the authorities come back", || asked.denies());
}

fn replicas_agree(asked: &Asked) {
    let now = Timestamp::now();
    let other = Keeper { secret: "shared".to_owned(), ..asked.keeper.clone() };
    let all = asked.runtime.block_on(async {
        let (a, b, c) = tokio::join!(other.now(now), other.now(now), other.now(now));
        [a, b, c].map(|it| it.unwrap().0)
    });
    assert!(all.iter().all(|pair| *pair == all[0]));
    // One of them told the API server who signed it, and the others found that.
    let known = asked.runtime.block_on(async {
        let (a, b, c) = tokio::join!(other.now(now), other.now(now), other.now(now));
        [a, b, c].map(|it| it.unwrap().1)
    });
    assert!(!known.contains(&Known::No), "{known:?}");
    // An empty Secret, as a chart has it, is filled and keeps its labels.
    let empty = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "empty", "labels": { "a": "b" } }, "type": "Opaque" });
    asked.cluster.apply(&empty.to_string());
    let filled = Keeper { secret: "empty".to_owned(), ..asked.keeper.clone() };
    asked.runtime.block_on(filled.now(now)).unwrap();
    let secret = asked.runtime.block_on(secrets(&asked.keeper).get("empty")).unwrap();
    assert_eq!(secret.metadata.labels.unwrap()["a"], "b");
    assert!(secret.data.unwrap().contains_key("tls.key"));
    // Put the authorities of the running one back.
    eventually("the authorities come back", || asked.denies());
}

fn users_are_told(asked: &Asked) {
    let patch = |spec: &str| format!(r#"{{"spec":{spec}}}"#);
    let (typed, same, policy) = (patch(r#"{"type":"QA"}"#), patch("{}"), patch(r#"{"policy":{"maxRemovals":{"percent":90}}}"#));
    let design = |patch| ["patch", "mws/design", "-n", "acme", "--type=merge", "--dry-run=server", "-p", patch];
    asked.says("alice@acme.example", &design(typed.as_str()), None, "patched");
    let denied = "workspace/design: carol@acme.example does not hold workspace:update in workspace/design (not-permitted)";
    asked.says("carol@acme.example", &design(typed.as_str()), None, denied);
    asked.says("carol@acme.example", &design(same.as_str()), None, "patched");
    asked.says("carol@acme.example", &["label", "mws/design", "-n", "acme", "color=blue"], None, "labeled");
    let organization = ["patch", "morg/acme", "-n", "acme", "--type=merge", "--dry-run=server", "-p", policy.as_str()];
    asked.says("alice@acme.example", &organization, None, "Warning: policy.maxRemovals.percent becomes weaker: 25 -> 90");
    asked.says("bob@acme.example", &organization, None, "Forbidden");
    let delete = ["delete", "mws/production", "-n", "acme"];
    asked.says(
        CI,
        &delete,
        None,
        "workspace/production: it is protected from deletion (deletion-protected); set deletionProtection: false",
    );
    asked.says(CI, &["delete", "mws", "--all", "-n", "acme", "--dry-run=server"], None, "workspace/production: it is protected");
    let mut again = object("Workspace", "production", json!({ "projectRef": { "name": "classroom" } }));
    asked.says(CI, &["replace", "--force"], Some(&again), "workspace/production: it is protected from deletion");
    again["spec"]["dataResidency"] = json!("USA");
    let glass =
        ["annotate", "morg/acme", "-n", "acme", "muster.dev/break-glass=INC-42 until 2027-01-01T00:00:00Z", "--dry-run=server"];
    asked.says("bob@acme.example", &glass, None, "does not hold organization:write");
    asked.says("alice@acme.example", &glass, None, "annotated");
    let mut nameless = object("Template", "x", json!({ "workspaceRef": { "name": "design" } }));
    nameless["metadata"] = json!({ "generateName": "talk-", "namespace": "acme" });
    asked.says("bob@acme.example", &["create", "--dry-run=server"], Some(&nameless), "template.muster.dev/talk-");
    asked.says("carol@acme.example", &["create", "--dry-run=server"], Some(&nameless), "template/talk-");
    // A status is the controller's own business.
    asked.cluster.report("acme", "workspaces/production", &json!({ "deletionProtection": true }));
}

fn one_commit_passes_in_either_order(asked: &Asked) {
    let member =
        |name: &str, role: &str| object("Member", name, json!({ "email": format!("{name}@acme.example"), "role": role }));
    let (demoted, promoted) = (member("alice", "Member"), member("bob", "Admin"));
    for items in [[&demoted, &promoted], [&promoted, &demoted]] {
        let list = json!({ "apiVersion": "v1", "kind": "List", "items": items });
        for how in [
            &["apply", "--server-side", "--force-conflicts", "--dry-run=server"][..],
            &["apply", "--server-side", "--force-conflicts"],
        ] {
            let output = asked.cluster.kubectl_as(CI, how, Some(&list));
            let said = text(&output);
            assert!(output.status.success() && said.contains("Warning: member/alice is the last lasting admin"), "{said}");
            assert!(said.contains("Warning: bob@acme.example becomes admin of organization/acme"), "{said}");
        }
        // Once more from the start: what the store has did not change.
        asked.cluster.create("acme", &documents(ACME));
    }
}

fn a_namespace_goes_with_everything(asked: &Asked) {
    asked.cluster.install_policies();
    let gone = asked.cluster.plane.kubectl(&["delete", "namespace", "acme", "--timeout=90s"]);
    assert!(gone.status.success(), "{}", text(&gone));
}

fn without_it_the_cluster_works(asked: &mut Asked) {
    asked.webhook.stop().unwrap().unwrap();
    asked.cluster.create("acme", &documents(ACME));
    let typed = ["patch", "mws/design", "-n", "acme", "--type=merge", "-p", r#"{"spec":{"type":"QA"}}"#];
    asked.says("carol@acme.example", &typed, None, "patched");
    // Where failures are denials, nobody writes; and what keeps the cluster running goes on.
    let fail = |policy: &str| format!(r#"[{{"op":"replace","path":"/webhooks/0/failurePolicy","value":"{policy}"}}]"#);
    let set = |policy: &str| {
        let patch = fail(policy);
        let args = ["patch", "validatingwebhookconfiguration/muster", "--type=json", "-p", &patch];
        assert!(asked.cluster.plane.kubectl(&args).status.success());
    };
    set("Fail");
    let renamed = ["patch", "mws/design", "-n", "acme", "--type=merge", "-p", r#"{"spec":{"displayName":"Other"}}"#];
    let is_denied = || text(&asked.cluster.kubectl_as(CI, &renamed, None)).contains("failed calling webhook");
    eventually("failures are denials", is_denied);
    let gone = asked.cluster.plane.kubectl(&["delete", "namespace", "acme", "--timeout=90s"]);
    assert!(gone.status.success(), "{}", text(&gone));
    set("Ignore");
    eventually("failures are let through", || !is_denied());
    asked.cluster.create("acme", &documents(ACME));
    // The policies hold all the same.
    let output = asked.cluster.kubectl_as(CI, &["delete", "mws/production", "-n", "acme"], None);
    assert!(text(&output).contains("ValidatingAdmissionPolicy 'workspace-deletion-protected.muster.dev'"), "{}", text(&output));
}
