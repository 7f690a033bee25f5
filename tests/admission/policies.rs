//! The admission policies as they are printed, and on a real API server with no webhook running.

use std::process::Output;

use muster::controller::admission::policies;
use serde_json::{Value, json};

use crate::acme::object;
use crate::cluster::{Cluster, text};
use crate::control_plane::Options;

#[test]
fn the_policies_say_what_they_are_about() {
    let all = policies();
    let names: Vec<&str> = all.iter().filter_map(|(policy, _)| policy.metadata.name.as_deref()).collect();
    assert_eq!(
        names,
        ["workspace-deletion-protected.muster.dev", "workspace-undeletable.muster.dev", "organization-undeletable.muster.dev"]
    );
    for (policy, binding) in &all {
        assert_eq!(Some(&binding.spec.policy_name), policy.metadata.name.as_ref());
        assert_eq!(binding.spec.validation_actions, ["Deny"]);
        let spec = policy.spec.as_ref().unwrap();
        assert!(spec.validations.iter().flatten().all(|it| it.reason.as_deref() == Some("Forbidden")));
        let yaml = serde_yaml::to_string(policy).unwrap();
        assert!(
            yaml.contains("namespaceObject.metadata.deletionTimestamp") && yaml.contains("kind: ValidatingAdmissionPolicy"),
            "{yaml}"
        );
    }
    let strict = format!("{:?}", all[1].0);
    assert!(strict.contains("['hundredms', 'fastpix']"), "{strict}");
}

/// A row of the table: the organization, the workspace, and what is deleted; then what the API server says.
struct Row {
    organization: Value,
    effective: Value,
    workspace: Value,
    delete: &'static str,
    says: Option<&'static str>,
}

fn forbid() -> Value {
    json!({ "policy": { "workspaceDeletion": { "mode": "Forbid" } } })
}

fn rows() -> Vec<Row> {
    let row = |organization: Value, effective: Value, workspace: Value, delete, says| Row {
        organization,
        effective,
        workspace,
        delete,
        says,
    };
    let soft = json!({ "policy": { "workspaceDeletion": { "mode": "Soft" } } });
    let with = |mut spec: Value, policy: &str| {
        spec["deletionPolicy"] = json!(policy);
        spec
    };
    let undeletable = Some("does not allow workspaces to be deleted (workspace-undeletable)");
    let protected = Some("workspace/w is protected from deletion (deletion-protected); set deletionProtection: false");
    vec![
        row(json!({}), json!(null), json!({}), "mws/w", None),
        row(json!({}), soft.clone(), json!({}), "mws/w", None),
        row(json!({}), json!(null), json!({ "deletionProtection": true }), "mws/w", protected),
        // In force, or as it is written: of the two the stricter one counts.
        row(forbid(), json!(null), json!({}), "mws/w", undeletable),
        row(json!({}), forbid(), json!({}), "mws/w", undeletable),
        row(soft.clone(), forbid(), json!({}), "mws/w", undeletable),
        row(forbid(), soft.clone(), json!({}), "mws/w", undeletable),
        row(json!({ "preset": "fastpix" }), json!(null), json!({ "type": "QA" }), "mws/w", undeletable),
        row(json!({ "preset": "hundredms" }), json!(null), json!({}), "mws/w", undeletable),
        row(json!({ "preset": "aaq" }), json!(null), json!({}), "mws/w", None),
        row(with(soft.clone(), "SoftDelete"), soft.clone(), json!({}), "morg/acme", None),
        row(json!({}), json!(null), json!({}), "morg/acme", None),
        row(forbid(), json!(null), json!({}), "morg/acme", Some("write deletionPolicy: Orphan to keep everything")),
        row(with(forbid(), "SoftDelete"), forbid(), json!({}), "morg/acme", undeletable),
        row(with(forbid(), "Orphan"), with(forbid(), "SoftDelete"), json!({}), "morg/acme", undeletable),
        row(with(forbid(), "Orphan"), forbid(), json!({}), "morg/acme", None),
        row(with(forbid(), "Orphan"), with(forbid(), "Orphan"), json!({}), "morg/acme", None),
    ]
}

#[test]
fn a_real_api_server_refuses_to_delete_what_is_protected_with_no_webhook_running() {
    let Some(cluster) = Cluster::start(Options { controllers: true, ..Options::default() }) else { return };
    cluster.install_policies();
    for (number, row) in rows().iter().enumerate() {
        let namespace = format!("row-{number}");
        let workspace = object("Workspace", "w", row.workspace.clone());
        cluster.create(&namespace, &[object("Organization", "acme", row.organization.clone()), workspace]);
        // Another organization of the namespace has nothing to say about it.
        cluster.create(&namespace, &[object("Organization", "other", json!({ "preset": "aaq" }))]);
        if !row.effective.is_null() {
            cluster.report(&namespace, "organizations/acme", &row.effective);
        }
        let said = cluster.plane.kubectl(&["delete", row.delete, "-n", &namespace, "--wait=false", "--dry-run=server"]);
        assert_said(&said, row.says, number);
        let said = cluster.plane.kubectl(&["delete", row.delete, "-n", &namespace, "--wait=false"]);
        assert_said(&said, row.says, number);
    }
    others(&cluster);
    // Whatever is protected, a namespace goes with everything in it.
    let namespaces: Vec<String> = (0..rows().len()).map(|number| format!("row-{number}")).collect();
    let names: Vec<&str> = namespaces.iter().map(String::as_str).collect();
    let gone = cluster.plane.kubectl(&[&["delete", "namespace", "--timeout=90s"], &names[..]].concat());
    assert!(gone.status.success(), "{}", text(&gone));
}

/// Ways to delete that are no plain deletion, and what the policies have nothing to do with.
fn others(cluster: &Cluster) {
    let namespace = "others";
    let protected = object("Workspace", "w", json!({ "deletionProtection": true }));
    cluster.create(
        namespace,
        &[object("Organization", "acme", json!({})), protected.clone(), object("Workspace", "free", json!({}))],
    );
    let mut placed = protected.clone();
    placed["metadata"]["namespace"] = json!(namespace);
    let forced = cluster.plane.kubectl_with(&["replace", "--force"], &placed.to_string());
    assert!(!forced.status.success() && text(&forced).contains("is protected from deletion"), "{}", text(&forced));
    let all = cluster.plane.kubectl(&["delete", "mws", "--all", "-n", namespace]);
    assert!(text(&all).contains("\"free\" deleted") && text(&all).contains("workspace/w is protected"), "{}", text(&all));
    let collection = format!("/apis/muster.dev/v1alpha1/namespaces/{namespace}/workspaces");
    let raw = cluster.plane.kubectl(&["delete", "--raw", &collection]);
    assert!(text(&raw).contains("workspace/w is protected"), "{}", text(&raw));
    // What the store still protects is not free because its document says so.
    cluster.report(namespace, "workspaces/w", &json!({ "deletionProtection": true }));
    let unlocked = cluster.plane.kubectl(&[
        "patch",
        "mws/w",
        "-n",
        namespace,
        "--type=merge",
        "-p",
        r#"{"spec":{"deletionProtection":false}}"#,
    ]);
    assert!(unlocked.status.success(), "{}", text(&unlocked));
    let early = cluster.plane.kubectl(&["delete", "mws/w", "-n", namespace]);
    assert!(!early.status.success() && text(&early).contains("is protected from deletion"), "{}", text(&early));
    cluster.report(namespace, "workspaces/w", &json!({ "deletionProtection": false }));
    let then = cluster.plane.kubectl(&["delete", "mws/w", "-n", namespace]);
    assert!(then.status.success(), "{}", text(&then));
}

#[track_caller]
fn assert_said(output: &Output, says: Option<&str>, number: usize) {
    let said = text(output);
    match says {
        None => assert!(output.status.success(), "row {number}: {said}"),
        Some(says) => {
            assert!(!output.status.success() && said.contains(says) && said.contains("Forbidden"), "row {number}: {said}");
        }
    }
}
