//! The program as the chart starts it: with the arguments and the rights of its pods, on a real API server.

use std::collections::BTreeMap;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, io::Read as _, io::Write as _};

use super::audit::complaints;
use super::cluster::{NAMESPACES, succeeds};
use super::control_plane::{ControlPlane, MUSTER, Options, free_ports};
use super::helm::{Helm, documents, file, list, of_kind, strings, values};
use super::process::Process;
use muster::api::Kind;
use serde_json::Value;

/// Every kind once, and an organization that removes without waiting.
const ALL_KINDS: &str = "\
{apiVersion: muster.dev/v1alpha1, kind: Organization, metadata: {name: acme}, spec: {policy: {removalDelay: 1s}}}
---
{apiVersion: muster.dev/v1alpha1, kind: Project, metadata: {name: classroom}, spec: {organizationRef: {name: acme}}}
---
{apiVersion: muster.dev/v1alpha1, kind: Workspace, metadata: {name: design}, spec: {organizationRef: {name: acme}}}
---
{apiVersion: muster.dev/v1alpha1, kind: MembershipType, metadata: {name: support}, spec: {organizationRef: {name: acme}, levels: [Workspace], permissions: ['content:read']}}
---
{apiVersion: muster.dev/v1alpha1, kind: Member, metadata: {name: alice}, spec: {organizationRef: {name: acme}, email: alice@acme.example, role: Admin}}
---
{apiVersion: muster.dev/v1alpha1, kind: Member, metadata: {name: bob}, spec: {organizationRef: {name: acme}, email: bob@acme.example}}
---
{apiVersion: muster.dev/v1alpha1, kind: Template, metadata: {name: lesson}, spec: {workspaceRef: {name: design}, default: true}}
---
{apiVersion: muster.dev/v1alpha1, kind: Role, metadata: {name: teacher}, spec: {templateRef: {name: lesson}}}
---
{apiVersion: muster.dev/v1alpha1, kind: Credential, metadata: {name: ci}, spec: {workspaceRef: {name: design}, type: ApiKey}}
---
{apiVersion: muster.dev/v1alpha1, kind: AccessTest, metadata: {name: readers}, spec: {organizationRef: {name: acme}, subject: bob@acme.example, where: {workspace: design}, deny: ['content:write']}}
";

/// One program of a pod, with its arguments but for where it listens and how it reaches the API server.
fn start(plane: &ControlPlane, container: &Value, store: &str, ports: &BTreeMap<&str, u16>) -> Process {
    let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
    for argument in strings(&container["args"]) {
        match argument.split_once("=0.0.0.0:") {
            Some((flag, port)) => command.arg(format!("{flag}=127.0.0.1:{}", ports[port])),
            None => command.arg(argument),
        };
    }
    for variable in list(&container["env"]) {
        command.env(variable["name"].as_str().unwrap(), variable["value"].as_str().unwrap());
    }
    command.arg("--kubeconfig").arg(plane.kubeconfig(&MUSTER, None)).env("MUSTER_STORE", store);
    Process::spawn(&command, &plane.path().join(format!("{}.log", container["name"].as_str().unwrap())))
}

/// The status and the body of an answer.
fn ask(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

fn wait_until(plane: &ControlPlane, what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        let logs = || ["controller.log", "webhook.log"].map(|log| fs::read_to_string(plane.path().join(log)).unwrap_or_default());
        assert!(start.elapsed() < Duration::from_mins(1), "{what} takes too long\n{}", logs().join("\n"));
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn the_pods_of_the_chart_do_their_work_with_exactly_the_rights_that_they_have() {
    let Some(mut helm) = Helm::start() else { return };
    let Some(plane) = ControlPlane::start_with(Options { audit: true, ..Options::default() }) else { return };
    let kubeconfig = succeeds(&plane.kubectl(&["config", "view", "--raw"]));
    succeeds(&plane.kubectl_with(&["create"], NAMESPACES));
    helm.change("install", &kubeconfig, &values("default"));
    succeeds(&plane.kubectl(&["wait", "crd", "--all", "--for=condition=Established", "--timeout=60s"]));

    let rendered = helm.render(&values("default")).unwrap();
    let containers = list(&of_kind(&rendered, "Deployment")[0]["spec"]["template"]["spec"]["containers"]);
    let [http, tls, webhook_http] = free_ports();
    let ports = BTreeMap::from([("8080", http), ("9443", tls), ("8081", webhook_http)]);
    let store = format!("sqlite://{}", plane.path().join("muster.db").display());
    let pods: Vec<Process> = containers.iter().map(|container| start(&plane, container, &store, &ports)).collect();
    assert_eq!(pods.len(), 2);
    for (container, port) in containers.iter().zip([http, webhook_http]) {
        for probe in ["livenessProbe", "readinessProbe"] {
            let path = container[probe]["httpGet"]["path"].as_str().unwrap();
            wait_until(&plane, path, || ask(port, path).is_some_and(|(status, _)| status == 200));
        }
    }
    works_on_every_kind(&plane);
    exposes_what_is_documented(&[http, webhook_http]);
    let wrong = || complaints(&plane.audit_log(), &rendered, "muster-system", "muster");
    let deadline = Instant::now() + Duration::from_secs(20);
    while !wrong().is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(500));
    }

    let began = Instant::now();
    pods.iter().for_each(|pod| pod.signal("TERM"));
    let ended: Vec<i32> = pods.iter().map(Process::wait).collect();
    assert_eq!(ended, [0, 0]);
    assert!(began.elapsed() < Duration::from_secs(5), "a pod ends within its grace period: {:?}", began.elapsed());
    assert_eq!(wrong(), Vec::<String>::new());
}

/// Creates one object of each kind, waits until all are ready, and deletes all of them.
fn works_on_every_kind(plane: &ControlPlane) {
    let objects = documents("ALL_KINDS", ALL_KINDS);
    let all: String = objects.iter().map(|object| format!("---\n{object}\n")).collect();
    succeeds(&plane.kubectl_with(&["create", "-n", "acme"], &all));
    for kind in Kind::WRITTEN {
        assert!(objects.iter().any(|object| object["kind"] == kind.as_str()), "{kind}");
        succeeds(&plane.kubectl(&["wait", "-n", "acme", kind.short(), "--all", "--for=condition=Ready", "--timeout=60s"]));
    }
    // What others refer to goes last.
    for kind in ["mat", "mcred", "mrole", "mtpl", "mws", "mproj", "mmt"] {
        succeeds(&plane.kubectl(&["delete", "-n", "acme", kind, "--all"]));
        let retained = || {
            let path = "jsonpath={.status.retained[*].subject}";
            succeeds(&plane.kubectl(&["get", "-n", "acme", "morg", "acme", "-o", path]))
        };
        let label = Kind::WRITTEN.into_iter().find(|of| of.short() == kind).unwrap().label();
        wait_until(plane, &format!("the removal of every {kind}"), || retained().contains(&format!("{label}/")));
    }
    succeeds(&plane.kubectl(&["delete", "-n", "acme", "mmb", "bob"]));
    succeeds(&plane.kubectl(&["delete", "-n", "acme", "morg", "acme"]));
}

/// What `/metrics` says is in the list that alerts and dashboard are checked against.
fn exposes_what_is_documented(ports: &[u16]) {
    let known = file("tests/chart/metrics.tsv");
    let lines: Vec<Vec<&str>> = known.lines().skip(1).map(|line| line.split('\t').collect()).collect();
    let mut exposed = 0;
    for port in ports {
        let (status, text) = ask(*port, "/metrics").unwrap();
        assert_eq!(status, 200);
        for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let (name, kind) = line.split_once(' ').unwrap();
            let full = if kind == "counter" { format!("{name}_total") } else { name.to_owned() };
            let of_name = lines.iter().find(|line| line[0] == full).unwrap_or_else(|| panic!("{full} is not in the list"));
            assert_eq!(of_name[1], kind, "{full}");
            let sample = text.lines().find(|line| line.starts_with(name) && line.contains('{')).unwrap_or_default();
            let labels = sample.split_once('{').map(|(_, rest)| rest.split_once('}').unwrap().0).unwrap_or_default();
            let mut labels: Vec<&str> = labels.split("\",").filter_map(|pair| Some(pair.split_once('=')?.0)).collect();
            labels.retain(|label| *label != "le");
            let documented: Vec<&str> = of_name[2].split(',').filter(|label| !label.is_empty()).collect();
            assert!(sample.is_empty() || labels == documented, "{full}: {sample}");
            exposed += 1;
        }
    }
    assert!(exposed > 8, "{exposed}");
}

#[test]
fn the_list_of_metrics_is_complete() {
    let begun = regex::Regex::new(r#"(?:register(?:_with_unit)?\(\s*|begin\()"(\w+)""#).unwrap();
    let mut found = std::collections::BTreeSet::new();
    let mut open = vec![super::helm::root().join("src/controller")];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
        } else if Path::new(&path).extension().is_some_and(|end| end == "rs") {
            found.extend(begun.captures_iter(&fs::read_to_string(path).unwrap()).map(|name| format!("muster_{}", &name[1])));
        }
    }
    let known = file("tests/chart/metrics.tsv");
    let short = |line: &str| {
        let [name, kind, _] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let unit = if kind == "histogram" { "_seconds" } else { "_total" };
        name.strip_suffix(unit).filter(|_| kind != "gauge").unwrap_or(name).to_owned()
    };
    let known: std::collections::BTreeSet<String> = known.lines().skip(1).map(short).collect();
    assert_eq!(found, known);
}
