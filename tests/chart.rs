//! The chart: what the real Helm makes of it, what a real API server says to that, and what it promises about rights, pods and alerts.

#[path = "support/audit.rs"]
mod audit;
#[path = "chart/cluster.rs"]
mod cluster;
#[path = "support/control_plane.rs"]
mod control_plane;
#[path = "chart/helm.rs"]
mod helm;
#[path = "chart/live.rs"]
mod live;
#[path = "chart/monitoring.rs"]
mod monitoring;
#[path = "support/process.rs"]
mod process;
#[path = "chart/rights.rs"]
mod rights;

use std::collections::BTreeSet;
use std::fs;

use helm::{Helm, all_values, file, list, name, of_kind, root, strings, values};
use muster::api::Kind;
use muster::controller::admission::policies;
use serde_json::{Value, json};

/// What follows a value that holds for every set of values.
fn for_all_values(mut check: impl FnMut(&str, &[Value])) {
    let Some(mut helm) = Helm::start() else { return };
    for values_name in all_values() {
        check(&values_name, &helm.render(&values(&values_name)).unwrap());
    }
}

/// The template of every pod, with the name of its Deployment.
fn pods(objects: &[Value]) -> Vec<(String, &Value)> {
    of_kind(objects, "Deployment").into_iter().map(|object| (name(object), &object["spec"]["template"])).collect()
}

fn labels_match(selector: &Value, labels: &Value) -> bool {
    let wanted = selector.as_object().expect("a selector is a map");
    !wanted.is_empty() && wanted.iter().all(|(key, value)| labels[key] == *value)
}

#[test]
fn the_chart_carries_the_definitions_that_are_generated() {
    let bless = std::env::var_os("BLESS").is_some();
    let names = |folder: &str| {
        let files = fs::read_dir(root().join(folder)).unwrap();
        files.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect::<BTreeSet<_>>()
    };
    for name in names("crds") {
        let (from, to) = (format!("crds/{name}"), format!("charts/muster/files/crds/{name}"));
        if bless {
            fs::copy(root().join(&from), root().join(&to)).unwrap();
        }
        assert!(file(&from) == file(&to), "{to} is not {from}; run BLESS=1 cargo test --test chart and commit it");
    }
    assert_eq!(names("crds"), names("charts/muster/files/crds"));
}

#[test]
fn the_chart_carries_the_admission_policies_that_are_generated() {
    let written = |(policy, binding)| [serde_yaml::to_string(&policy).unwrap(), serde_yaml::to_string(&binding).unwrap()];
    let generated = policies().into_iter().flat_map(written).collect::<Vec<String>>().join("---\n");
    let path = "charts/muster/files/policies.yaml";
    if std::env::var_os("BLESS").is_some() {
        fs::write(root().join(path), &generated).unwrap();
    }
    assert!(file(path) == generated, "{path} is not what is generated; run BLESS=1 cargo test --test chart and commit it");
    for_all_values(|values_name, objects| {
        let found = of_kind(objects, "ValidatingAdmissionPolicy").len();
        assert_eq!(found, if values_name == "bare" { 0 } else { policies().len() }, "{values_name}");
    });
}

#[test]
fn the_chart_has_the_version_of_the_program() {
    let chart: Value = serde_yaml::from_str(&file("charts/muster/Chart.yaml")).unwrap();
    assert_eq!([&chart["version"], &chart["appVersion"]], [env!("CARGO_PKG_VERSION"); 2]);
}

#[test]
fn the_linter_of_helm_finds_nothing_but_the_missing_icon() {
    let Some(mut helm) = Helm::start() else { return };
    for values_name in all_values() {
        let said = helm.lint(&values(&values_name));
        let messages: Vec<&str> = list(&said["messages"]).iter().map(|message| message["error"].as_str().unwrap()).collect();
        assert_eq!((messages, list(&said["errors"])), (vec!["icon is recommended"], &[][..]), "{values_name}");
    }
}

#[test]
fn a_wrong_value_is_refused_and_named() {
    let Some(mut helm) = Helm::start() else { return };
    let table = [
        (json!({"stor": {}}), "stor"),
        (json!({"store": {"url": "postgres://muster:secret@db.example/muster"}}), "url"),
        (json!({"store": {"engine": "mysql"}}), "/store/engine"),
        (json!({"store": {"sqlite": {"size": "plenty"}}}), "/store/sqlite/size"),
        (json!({"store": {"sqlite": {"accessMode": "ReadWriteMany"}}}), "/store/sqlite/accessMode"),
        (json!({"watchNamespaces": ["Acme"]}), "/watchNamespaces/0"),
        (json!({"watchNamespaces": ["acme", "acme"]}), "/watchNamespaces"),
        (json!({"watchNamespaces": "acme"}), "/watchNamespaces"),
        (json!({"manager": ""}), "/manager"),
        (json!({"image": {"digest": "latest"}}), "/image/digest"),
        (json!({"image": {"pullPolicy": "Sometimes"}}), "/image/pullPolicy"),
        (json!({"log": {"format": "xml"}}), "/log/format"),
        (json!({"tracing": {"otlpEndpoint": "collector:4318"}}), "/tracing/otlpEndpoint"),
        (json!({"controller": {"replicas": 0}}), "/controller/replicas"),
        (json!({"controller": {"leaseDuration": "15"}}), "/controller/leaseDuration"),
        (json!({"controller": {"requestTimeout": 15}}), "/controller/requestTimeout"),
        (json!({"controller": {"concurrency": 0}}), "/controller/concurrency"),
        (json!({"controller": {"extraArgs": ["controller"]}}), "/controller/extraArgs/0"),
        (json!({"controller": {"terminationGracePeriodSeconds": 1}}), "/controller/terminationGracePeriodSeconds"),
        (json!({"controller": {"resources": {"limit": {}}}}), "limit"),
        (json!({"webhook": {"failurePolicy": "Maybe"}}), "/webhook/failurePolicy"),
        (json!({"webhook": {"timeoutSeconds": 30}}), "/webhook/timeoutSeconds"),
        (json!({"webhook": {"certificate": {"source": "vault"}}}), "/webhook/certificate/source"),
        (json!({"webhook": {"exemptUsers": [""]}}), "/webhook/exemptUsers/0"),
        (json!({"networkPolicy": {"apiServer": {"cidrs": ["10.0.0.1"]}}}), "/networkPolicy/apiServer/cidrs/0"),
        (json!({"networkPolicy": {"store": {"port": 70000}}}), "/networkPolicy/store/port"),
        (json!({"podDisruptionBudget": {"maxUnavailable": 0}}), "/podDisruptionBudget/maxUnavailable"),
        (json!({"metrics": {"serviceMonitor": {"enabled": "yes"}}}), "/metrics/serviceMonitor/enabled"),
        // What no schema can say.
        (json!({"controller": {"replicas": 2}}), "an SQLite store has one controller"),
        (json!({"store": {"engine": "postgres"}}), "store.secret.name"),
        (json!({"webhook": {"certificate": {"source": "secret", "caBundle": "AAAA"}}}), "webhook.certificate.secretName"),
        (json!({"webhook": {"certificate": {"source": "secret", "secretName": "own"}}}), "webhook.certificate.caBundle"),
    ];
    for (values, named) in table {
        let refused = helm.render(&values).expect_err(&values.to_string());
        assert!(refused.contains(named), "{values} is refused, but not for {named}: {refused}");
    }
}

#[test]
fn every_value_is_in_the_schema_and_every_word_of_the_schema_is_a_value() {
    fn compare(values: &Value, schema: &Value, path: &str) {
        let Some(properties) = schema["properties"].as_object() else { return };
        assert_eq!(schema["additionalProperties"], false, "{path}");
        let known: BTreeSet<&String> = properties.keys().filter(|key| *key != "global").collect();
        // These may be left out, with all that is in them.
        let optional = |key: &&String| ["limits", "requests", "claims"].contains(&key.as_str());
        let there: BTreeSet<&String> = values.as_object().unwrap_or_else(|| panic!("{path}")).keys().collect();
        let missing: Vec<_> = known.difference(&there).filter(|key| !optional(key)).collect();
        assert!(missing.is_empty() && there.is_subset(&known), "{path}: {missing:?} of {known:?}");
        for (key, value) in values.as_object().unwrap() {
            compare(value, &properties[key], &format!("{path}.{key}"));
        }
    }
    let schema: Value = serde_json::from_str(&file("charts/muster/values.schema.json")).unwrap();
    let values: Value = serde_yaml::from_str(&file("charts/muster/values.yaml")).unwrap();
    compare(&values, &schema, "");
}

#[test]
fn a_pod_holds_no_more_than_it_needs() {
    for_all_values(|values, objects| {
        for (pod, template) in pods(objects) {
            let spec = &template["spec"];
            let selfsigned = json!(list(&spec["containers"])).to_string().contains("--self-signed");
            let calls = selfsigned || pod.ends_with("/muster") || pod.ends_with("/tenancy");
            assert_eq!(spec["automountServiceAccountToken"], calls, "{values}: {pod} holds a token only to use it");
            assert_eq!(spec["securityContext"]["runAsNonRoot"], true, "{values}: {pod}");
            for container in list(&spec["containers"]) {
                assert_eq!(container["securityContext"]["readOnlyRootFilesystem"], true, "{values}: {pod}");
                assert!(container["resources"]["limits"]["memory"].is_string(), "{values}: {pod}");
                for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
                    assert!(container[probe]["httpGet"]["path"].is_string(), "{values}: {pod} has no {probe}");
                }
            }
        }
        for account in of_kind(objects, "ServiceAccount") {
            assert_eq!(account["automountServiceAccountToken"], false, "{values}: {}", name(account));
        }
    });
}

#[test]
fn the_url_of_postgres_comes_from_a_secret_and_that_of_sqlite_is_on_the_volume() {
    for_all_values(|values_name, objects| {
        let given = values(values_name);
        for (pod, template) in pods(objects) {
            for container in list(&template["spec"]["containers"]) {
                let store = list(&container["env"]).iter().find(|variable| variable["name"] == "MUSTER_STORE").unwrap();
                if given["store"]["engine"] == "postgres" {
                    let own = &given["webhook"]["storeSecret"]["name"];
                    let readers = container["name"] == "webhook" && own.is_string();
                    let expected = if readers { own } else { &given["store"]["secret"]["name"] };
                    assert_eq!(&store["valueFrom"]["secretKeyRef"]["name"], expected, "{values_name}: {pod}");
                    assert!(store["value"].is_null(), "{values_name}: {pod}");
                } else {
                    let path = store["value"].as_str().unwrap().strip_prefix("sqlite://").unwrap();
                    let mounts = list(&container["volumeMounts"]).iter();
                    let mounted = mounts.map(|mount| mount["mountPath"].as_str().unwrap()).any(|mount| path.starts_with(mount));
                    assert!(mounted, "{values_name}: {pod} has no volume for {path}");
                }
            }
        }
    });
}

#[test]
fn there_is_one_writer_of_sqlite_and_a_second_controller_only_with_postgres() {
    for_all_values(|values_name, objects| {
        let sqlite = values(values_name)["store"]["engine"] != "postgres";
        let deployments = of_kind(objects, "Deployment");
        assert_eq!(
            deployments.len(),
            if sqlite { 1 } else { 2 },
            "{values_name}: what reads SQLite is in the pod that writes it"
        );
        for deployment in deployments {
            let (replicas, strategy) =
                (deployment["spec"]["replicas"].as_u64().unwrap(), &deployment["spec"]["strategy"]["type"]);
            assert_eq!((replicas == 1, strategy == "Recreate"), (sqlite, sqlite), "{values_name}: {}", name(deployment));
        }
        let budgets = of_kind(objects, "PodDisruptionBudget").len();
        assert_eq!(budgets, if sqlite { 0 } else { 2 }, "{values_name}: a budget for a single pod would stop every drain");
    });
}

#[test]
fn whatever_selects_pods_finds_them_with_the_ports_that_it_names() {
    for_all_values(|values, objects| {
        let pods = pods(objects);
        let found = |selector: &Value| {
            pods.iter().filter(|(_, pod)| labels_match(selector, &pod["metadata"]["labels"])).map(|(_, pod)| *pod).collect()
        };
        for service in of_kind(objects, "Service") {
            let selected: Vec<&Value> = found(&service["spec"]["selector"]);
            assert_eq!(selected.len(), 1, "{values}: {}", name(service));
            let containers = list(&selected[0]["spec"]["containers"]);
            for port in list(&service["spec"]["ports"]) {
                let has = |container: &Value| list(&container["ports"]).iter().any(|own| own["name"] == port["targetPort"]);
                assert!(containers.iter().any(has), "{values}: {} {port}", name(service));
            }
        }
        for (kind, selector) in
            [("PodDisruptionBudget", "/spec/selector/matchLabels"), ("NetworkPolicy", "/spec/podSelector/matchLabels")]
        {
            for object in of_kind(objects, kind) {
                let selected: Vec<&Value> = found(object.pointer(selector).unwrap());
                assert_eq!(selected.len(), 1, "{values}: {}", name(object));
            }
        }
        for deployment in of_kind(objects, "Deployment") {
            let selector = &deployment["spec"]["selector"]["matchLabels"];
            assert!(labels_match(selector, &deployment["spec"]["template"]["metadata"]["labels"]), "{values}");
        }
    });
}

#[test]
fn nothing_reaches_a_pod_or_is_reached_by_it_but_what_is_listed() {
    for_all_values(|values_name, objects| {
        let policies = of_kind(objects, "NetworkPolicy");
        let expected = if values_name == "bare" { 0 } else { pods(objects).len() };
        assert_eq!(policies.len(), expected, "{values_name}");
        for policy in policies {
            let (spec, policy) = (&policy["spec"], name(policy));
            assert_eq!(spec["policyTypes"], json!(["Ingress", "Egress"]), "{values_name}: {policy}");
            let rules = [list(&spec["ingress"]), list(&spec["egress"])].concat();
            assert!(rules.iter().all(|rule| !list(&rule["ports"]).is_empty()), "{values_name}: {policy} names ports");
            let ports: Vec<&Value> =
                list(&spec["egress"]).iter().flat_map(|rule| list(&rule["ports"])).map(|port| &port["port"]).collect();
            let postgres = values(values_name)["store"]["engine"] == "postgres";
            let reached = ports.iter().any(|port| **port == 5432 || **port == 6432);
            assert_eq!(reached, postgres, "{values_name}: {policy} reaches the store where that is elsewhere");
            let own_certificate = values(values_name)["webhook"]["certificate"].is_object();
            let silent = policy.ends_with("-webhook") && own_certificate;
            assert_eq!(
                ports.iter().any(|port| **port == 6443),
                !silent,
                "{values_name}: {policy} reaches the API server to use it"
            );
        }
    });
}

#[test]
fn the_webhook_judges_every_kind_and_never_stops_the_cluster() {
    for_all_values(|values_name, objects| {
        let kinds: BTreeSet<String> = Kind::WRITTEN.iter().map(|kind| kind.plural().to_owned()).collect();
        for configuration in of_kind(objects, "ValidatingWebhookConfiguration") {
            let webhook = &configuration["webhooks"][0];
            let rule = &webhook["rules"][0];
            assert_eq!(strings(&rule["resources"]).into_iter().map(str::to_owned).collect::<BTreeSet<_>>(), kinds);
            assert_eq!(strings(&rule["apiGroups"]), ["muster.dev"]);
            assert_eq!(webhook["failurePolicy"], if values_name == "everything" { "Fail" } else { "Ignore" });
            assert_eq!((&webhook["timeoutSeconds"], &webhook["sideEffects"]), (&json!(3), &json!("None")));
            let excluded = &webhook["namespaceSelector"]["matchExpressions"][0];
            assert_eq!(excluded["operator"], "NotIn");
            assert!(strings(&excluded["values"]).starts_with(&["kube-system", "muster-system"]), "{values_name}");
        }
        let expected = usize::from(values_name != "bare");
        assert_eq!(of_kind(objects, "ValidatingWebhookConfiguration").len(), expected, "{values_name}");
    });
}

#[test]
fn what_helm_keeps_argo_does_not_prune() {
    for_all_values(|values_name, objects| {
        for object in objects {
            let annotations = &object["metadata"]["annotations"];
            let kept = annotations["helm.sh/resource-policy"] == "keep";
            let pruned = annotations["argocd.argoproj.io/sync-options"] != "Prune=false";
            assert_eq!(kept, !pruned, "{values_name}: {}", name(object));
            let kind = object["kind"].as_str().unwrap();
            assert_eq!(
                kept,
                ["CustomResourceDefinition", "PersistentVolumeClaim"].contains(&kind),
                "{values_name}: {}",
                name(object)
            );
        }
    });
}

#[test]
fn the_notes_say_that_uninstalling_deletes_nothing_and_what_holds_the_store() {
    let Some(mut helm) = Helm::start() else { return };
    let notes = helm.notes(&values("default"));
    assert!(notes.contains("Uninstalling deletes nothing") && notes.contains("volume muster-store"), "{notes}");
    assert!(!helm.notes(&values("namespaced")).contains("SQLite"));
}

#[test]
fn the_image_is_built_from_what_is_there_and_runs_as_the_user_of_the_chart() {
    let recipe = file("Dockerfile");
    let user = recipe.lines().find_map(|line| line.strip_prefix("USER ")).unwrap();
    for_all_values(|values, objects| {
        for (pod, template) in pods(objects) {
            let security = &template["spec"]["securityContext"];
            assert_eq!(user, format!("{}:{}", security["runAsUser"], security["runAsGroup"]), "{values}: {pod}");
        }
    });
    let manifest = file("Cargo.toml");
    let field =
        |name: &str| manifest.lines().find_map(|line| line.strip_prefix(&format!("{name} = "))).unwrap().trim_matches('"');
    let number = |version: &str| version.split('.').nth(1).unwrap().split('-').next().unwrap().parse::<u32>().unwrap();
    let rust = recipe.lines().find_map(|line| line.strip_prefix("FROM rust:")).unwrap();
    assert!(number(rust) >= number(field("rust-version")), "{rust}");
    assert!(recipe.contains(&format!("COPY --from=build /build/target/release/{} ", field("name").trim_matches('"'))));
    assert!(recipe.contains(&format!("docker build -t {}:{} .", field("name"), env!("CARGO_PKG_VERSION"))));
    for kept in file(".dockerignore").lines().filter_map(|line| line.strip_prefix('!')) {
        assert!(root().join(kept).exists(), "{kept}");
    }
}
