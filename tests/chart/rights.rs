//! What the chart's service accounts may do, and how that is compared with what they did.

use std::collections::BTreeMap;

use super::audit::{complaints, rights};
use super::helm::{Helm, file, list, root, strings, values};
use super::{for_all_values, of_kind};
use serde_json::{Value, json};

#[test]
fn no_role_has_a_wildcard_or_a_right_to_get_more() {
    for_all_values(|values, objects| {
        for role in [of_kind(objects, "Role"), of_kind(objects, "ClusterRole")].concat() {
            for rule in list(&role["rules"]) {
                let all = [strings(&rule["apiGroups"]), strings(&rule["resources"]), strings(&rule["verbs"])].concat();
                for word in ["*", "escalate", "bind", "impersonate", "delete", "deletecollection"] {
                    assert!(!all.contains(&word), "{values}: {rule}");
                }
                // Which Secrets are the credentials of services is said by documents; so they are those of the namespaces given.
                let mirrors = values == "backends" && role["kind"] == "Role" && role["metadata"]["namespace"] == "acme";
                let secret = all.contains(&"secrets") && !mirrors;
                assert!(!secret || list(&rule["resourceNames"]).len() == 1, "{values}: one Secret, by its name: {rule}");
            }
        }
    });
}

/// The rights in short: what is said of one of our kinds is said of all nine.
fn short(objects: &[Value], account: &str) -> Vec<String> {
    let all = rights(objects, "muster-system", account);
    let one_kind = |line: &String| !line.contains("muster.dev") || line.contains(" members.") || line.contains(" members/");
    all.iter().map(ToString::to_string).filter(one_kind).collect()
}

#[test]
fn the_controller_has_the_rights_that_it_uses_and_no_others() {
    let Some(mut helm) = Helm::start() else { return };
    let objects = helm.render(&values("cert-manager")).unwrap();
    let expected = [
        "ClusterRole/muster: get namespaces in the cluster",
        "ClusterRole/muster: get customresourcedefinitions.apiextensions.k8s.io members.muster.dev in the cluster",
        "ClusterRole/muster: create events.events.k8s.io in the cluster",
        "ClusterRole/muster: get members.muster.dev in the cluster",
        "ClusterRole/muster: list members.muster.dev in the cluster",
        "ClusterRole/muster: watch members.muster.dev in the cluster",
        "ClusterRole/muster: update members/status.muster.dev in the cluster",
        "Role/muster-lease: create leases.coordination.k8s.io in muster-system",
        "Role/muster-lease: get leases.coordination.k8s.io muster in muster-system",
        "Role/muster-lease: update leases.coordination.k8s.io muster in muster-system",
    ];
    assert_eq!(short(&objects, "muster"), expected);
    assert_eq!(rights(&objects, "muster-system", "muster").len(), 5 + 9 * 5, "every kind, and its definition");
    assert_eq!(short(&objects, "muster-webhook"), Vec::<String>::new(), "with a given certificate the webhook asks for nothing");
}

/// What the chart gives the controller where it looks after one namespace, without labels.
fn given(helm: &mut Helm, mirrors: bool) -> Vec<Value> {
    let set = json!({ "watchNamespaces": ["watched"], "webhook": { "enabled": false }, "backends": { "enabled": mirrors } });
    let objects = helm.render(&set).unwrap();
    let kinds = ["ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding"];
    let mut found: Vec<Value> = kinds.iter().flat_map(|kind| of_kind(&objects, kind)).cloned().collect();
    found.iter_mut().for_each(|object| drop(object["metadata"].as_object_mut().unwrap().remove("labels")));
    found
}

#[test]
fn the_controller_of_the_other_tests_has_the_rights_that_the_chart_gives() {
    const PATH: &str = "tests/support/rights.yaml";
    let Some(mut helm) = Helm::start() else { return };
    let all = BTreeMap::from([("plain", given(&mut helm, false)), ("mirrors", given(&mut helm, true))]);
    let rendered = serde_yaml::to_string(&all).unwrap();
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(root().join(PATH), &rendered).unwrap();
    }
    assert!(file(PATH) == rendered, "{PATH} is not what the chart makes; run BLESS=1 cargo test --test chart and commit it");
}

#[test]
fn with_namespaces_given_the_rights_end_there() {
    let Some(mut helm) = Helm::start() else { return };
    let objects = helm.render(&values("namespaced")).unwrap();
    let found = short(&objects, "muster");
    let about_objects: Vec<&String> = found
        .iter()
        .filter(|line| (line.contains(" members.") || line.contains(" members/")) && !line.contains("definitions"))
        .collect();
    assert_eq!(about_objects.len(), 8);
    assert!(about_objects.iter().all(|line| line.ends_with("in acme") || line.ends_with("in globex")), "{about_objects:?}");
    let everywhere: Vec<&String> = found.iter().filter(|line| line.ends_with("in the cluster")).collect();
    let expected = [
        "ClusterRole/muster: get namespaces acme in the cluster",
        "ClusterRole/muster: get namespaces globex in the cluster",
        "ClusterRole/muster: get namespaces kube-system in the cluster",
        "ClusterRole/muster: get customresourcedefinitions.apiextensions.k8s.io members.muster.dev in the cluster",
    ];
    assert_eq!(everywhere, expected.iter().collect::<Vec<_>>());
}

#[test]
fn secrets_are_read_and_written_only_where_services_are_mirrored_to_and_only_in_the_namespaces_given() {
    let Some(mut helm) = Helm::start() else { return };
    let secrets = |helm: &mut Helm, name: &str| -> Vec<String> {
        let objects = helm.render(&values(name)).unwrap();
        short(&objects, "muster").into_iter().filter(|line| line.contains("secrets")).collect()
    };
    assert_eq!(secrets(&mut helm, "cert-manager"), Vec::<String>::new());
    let found = secrets(&mut helm, "backends");
    assert_eq!(found.len(), 3);
    for verb in ["get", "create", "update"] {
        assert!(found.iter().any(|line| line.ends_with(&format!(": {verb} secrets in acme"))), "{found:?}");
    }
}

#[test]
fn a_webhook_that_signs_for_itself_reads_and_writes_two_objects() {
    let Some(mut helm) = Helm::start() else { return };
    let expected = [
        "ClusterRole/muster-webhook: get validatingwebhookconfigurations.admissionregistration.k8s.io muster-webhook in the cluster",
        "ClusterRole/muster-webhook: patch validatingwebhookconfigurations.admissionregistration.k8s.io muster-webhook in the cluster",
        "Role/muster-webhook: get secrets muster-webhook-tls in muster-system",
        "Role/muster-webhook: update secrets muster-webhook-tls in muster-system",
    ];
    assert_eq!(short(&helm.render(&values("namespaced")).unwrap(), "muster-webhook"), expected);
    let one_pod = short(&helm.render(&values("default")).unwrap(), "muster");
    assert!(expected.iter().all(|line| one_pod.contains(&(*line).to_owned())), "{one_pod:?}");
}

/// A line as kube-apiserver writes it at the level Metadata.
fn line(user: &str, verb: &str, object: Value, decision: &str, code: u16) -> String {
    let event = json!({
        "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "stage": "ResponseComplete", "verb": verb,
        "user": {"username": user, "groups": ["system:serviceaccounts"]}, "objectRef": object,
        "responseStatus": {"code": code}, "annotations": {"authorization.k8s.io/decision": decision},
    });
    format!("{event}\n")
}

#[test]
fn the_audit_log_tells_which_rights_were_never_used_and_what_was_denied() {
    let objects = [
        json!({"kind": "Role", "metadata": {"name": "r", "namespace": "ns"}, "rules": [
            {"apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "resourceNames": ["a", "b"], "verbs": ["get"]},
            {"apiGroups": ["muster.dev"], "resources": ["members", "members/status"], "verbs": ["update"]},
        ]}),
        json!({"kind": "RoleBinding", "metadata": {"name": "r", "namespace": "ns"}, "roleRef": {"kind": "Role", "name": "r"},
            "subjects": [{"kind": "ServiceAccount", "name": "sa", "namespace": "ns"}]}),
        json!({"kind": "Role", "metadata": {"name": "other", "namespace": "ns"}, "rules": [
            {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}]}),
        json!({"kind": "RoleBinding", "metadata": {"name": "other", "namespace": "ns"}, "roleRef": {"kind": "Role", "name": "other"},
            "subjects": [{"kind": "ServiceAccount", "name": "somebody-else", "namespace": "ns"}]}),
    ];
    let (sa, lease) = (
        "system:serviceaccount:ns:sa",
        |name: &str, namespace: &str| json!({"resource": "leases", "apiGroup": "coordination.k8s.io", "namespace": namespace, "name": name}),
    );
    let member = |more: &str| json!({"resource": "members", "subresource": more, "apiGroup": "muster.dev", "namespace": "ns", "name": "x"});
    let used = [
        line(sa, "get", lease("a", "ns"), "allow", 200),
        line(sa, "get", lease("b", "ns"), "allow", 404),
        line(sa, "update", member(""), "allow", 200),
        // An admission plugin says no, and the right was used.
        line(sa, "update", member("status"), "allow", 403),
        // What is about no resource, and what others do, does not count.
        line("system:serviceaccount:ns:somebody-else", "get", json!({"resource": "secrets"}), "forbid", 403),
        line(sa, "get", Value::Null, "forbid", 403),
    ];
    let all = used.concat();
    assert_eq!(complaints(&all, &objects, "ns", "sa"), Vec::<String>::new());

    let without =
        |index: usize| used.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, line)| line.as_str()).collect::<String>();
    assert_eq!(complaints(&without(1), &objects, "ns", "sa"), ["never used: Role/r: get leases.coordination.k8s.io b in ns"]);
    assert_eq!(complaints(&without(3), &objects, "ns", "sa"), ["never used: Role/r: update members/status.muster.dev in ns"]);
    let elsewhere = without(0) + &line(sa, "get", lease("a", "elsewhere"), "forbid", 403);
    assert_eq!(
        complaints(&elsewhere, &objects, "ns", "sa"),
        [
            r#"denied: get leases of "coordination.k8s.io" in "elsewhere", "a""#,
            "never used: Role/r: get leases.coordination.k8s.io a in ns"
        ]
    );
}
