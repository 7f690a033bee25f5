//! The alerts fire when they should, and alerts and dashboard ask for nothing but metrics that there are.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::helm::{Helm, file, list, of_kind, root, values};
use regex::Regex;
use serde_json::Value;

/// The metrics of the program: their names as a query writes them, with their labels.
fn metrics() -> BTreeMap<String, BTreeSet<String>> {
    let mut found = BTreeMap::new();
    for line in file("tests/chart/metrics.tsv").lines().skip(1) {
        let [name, kind, labels] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let labels: BTreeSet<String> = labels.split(',').filter(|label| !label.is_empty()).map(str::to_owned).collect();
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
        let suffixes: &[&str] = if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
        for suffix in suffixes {
            let more = (*suffix == "_bucket").then(|| "le".to_owned());
            found.insert(format!("{name}{suffix}"), labels.iter().cloned().chain(more).collect());
        }
    }
    assert!(found.len() > 10, "{found:?}");
    found
}

/// What this query asks for that there is not.
fn unknown(query: &str, metrics: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let named = Regex::new(r"\bmuster_\w+").unwrap();
    let names: Vec<&str> = named.find_iter(query).map(|found| found.as_str()).collect();
    assert!(!names.is_empty(), "{query} asks for nothing");
    let missing = names.iter().filter(|name| !metrics.contains_key(**name)).map(|name| (*name).to_owned());
    let known: BTreeSet<&String> = names.iter().filter_map(|name| metrics.get(*name)).flatten().collect();
    let lists = Regex::new(r"by \(([\w, ]+)\)").unwrap();
    let matchers = Regex::new(r#"(\w+)\s*(?:=|!=|=~|!~)\s*""#).unwrap();
    let grouped = lists.captures_iter(query).flat_map(|found| found[1].split(", ").map(str::to_owned).collect::<Vec<_>>());
    let labels: Vec<String> = grouped.chain(matchers.captures_iter(query).map(|found| found[1].to_owned())).collect();
    missing.chain(labels.into_iter().filter(|label| !known.contains(label))).collect()
}

#[test]
fn alerts_and_dashboard_ask_only_for_metrics_and_labels_that_there_are() {
    let metrics = metrics();
    let alerts: Value = serde_yaml::from_str(&file("charts/muster/files/alerts.yaml")).unwrap();
    let dashboard: Value = serde_json::from_str(&file("charts/muster/files/dashboard.json")).unwrap();
    let alerts: Vec<&Value> = list(&alerts["groups"][0]["rules"]).iter().map(|rule| &rule["expr"]).collect();
    let panels = list(&dashboard["panels"]).iter().flat_map(|panel| list(&panel["targets"])).map(|target| &target["expr"]);
    let queries: Vec<&str> = alerts.into_iter().chain(panels).map(|query| query.as_str().unwrap()).collect();
    assert!(queries.len() > 20, "{queries:?}");
    for query in queries {
        assert_eq!(unknown(query, &metrics), Vec::<String>::new(), "{query}");
    }
    assert_eq!(unknown("sum by (verb) (muster_drifts{kind=\"Member\"})", &metrics), ["muster_drifts", "verb", "kind"]);
}

#[test]
fn no_panel_of_the_dashboard_covers_another() {
    let dashboard: Value = serde_json::from_str(&file("charts/muster/files/dashboard.json")).unwrap();
    let mut taken = BTreeSet::new();
    for panel in list(&dashboard["panels"]) {
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        assert!(x + w <= 24, "{}", panel["title"]);
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "{} covers another at {cell:?}", panel["title"]);
        }
    }
}

#[test]
fn the_chart_hands_on_alerts_and_dashboard_as_they_are() {
    let Some(mut helm) = Helm::start() else { return };
    let objects = helm.render(&values("everything")).unwrap();
    let alerts: Value = serde_yaml::from_str(&file("charts/muster/files/alerts.yaml")).unwrap();
    assert_eq!(of_kind(&objects, "PrometheusRule")[0]["spec"], alerts);
    let dashboard: Value = serde_json::from_str(&file("charts/muster/files/dashboard.json")).unwrap();
    let carried = of_kind(&objects, "ConfigMap")[0]["data"]["muster.json"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(carried).unwrap(), dashboard);
    let monitor = &of_kind(&objects, "ServiceMonitor")[0]["spec"];
    for service in of_kind(&objects, "Service") {
        let wanted = monitor["selector"]["matchLabels"].as_object().unwrap();
        assert!(wanted.iter().all(|(key, value)| service["metadata"]["labels"][key] == *value), "{service}");
        assert!(list(&service["spec"]["ports"]).iter().any(|port| port["name"] == monitor["endpoints"][0]["port"]), "{service}");
    }
}

#[test]
fn every_alert_fires_when_it_should_and_not_before() {
    let ours = root().join("target/tools/usr/bin/promtool");
    let promtool = std::env::var_os("PROMTOOL").map_or(ours, PathBuf::from);
    let promtool = if promtool.exists() { promtool } else { "promtool".into() };
    let run = |args: &[&str]| Command::new(&promtool).args(args).current_dir(root()).stdin(Stdio::null()).output();
    if run(&["--version"]).is_err() {
        let why = "there is no promtool (PROMTOOL names one; .ci/run brings one)";
        let _ = writeln!(std::io::stderr(), "SKIPPED: no alert was tried, because {why}");
        return;
    }
    for args in [["check", "rules", "charts/muster/files/alerts.yaml"], ["test", "rules", "tests/chart/alerts.yaml"]] {
        let output = run(&args).unwrap();
        assert!(
            output.status.success(),
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let tried = file("tests/chart/alerts.yaml");
    for line in file("charts/muster/files/alerts.yaml").lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        let fires = Regex::new(&format!("alertname: {line}\n +exp_alerts: *(&.*)?\n +- exp_labels")).unwrap();
        assert!(fires.is_match(&tried), "{line} never fires in tests/chart/alerts.yaml");
        assert!(tried.contains(&format!("alertname: {line}, exp_alerts: []")), "{line} always fires in tests/chart/alerts.yaml");
    }
}
