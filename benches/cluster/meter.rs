//! What is measured: when objects become ready, as a neutral watch sees it; what processes use; how much the API server was asked to write.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use hyper::Method;
use kube::Client;
use kube::api::{Api, ApiResource, DynamicObject, ListParams, WatchEvent, WatchParams};
use serde_json::{Value, json};

use super::rig::Rig;

/// When the status of each object was first seen to be about a generation of it.
pub type Seen = Arc<Mutex<BTreeMap<(String, i64), Instant>>>;

/// Watches until the program ends.
pub async fn observe(client: Client, namespace: String, resource: ApiResource, seen: Seen) {
    let api: Api<DynamicObject> = Api::namespaced_with(client, &namespace, &resource);
    let mut version =
        api.list(&ListParams::default().limit(1)).await.expect("a list").metadata.resource_version.expect("a version");
    loop {
        let parameters = WatchParams::default().timeout(290);
        // At the end, the API server goes first.
        let Ok(events) = api.watch(&parameters, &version).await else { return };
        let mut events = events.boxed();
        while let Some(event) = events.next().await {
            let Ok(WatchEvent::Added(object) | WatchEvent::Modified(object)) = event else { continue };
            version = object.metadata.resource_version.clone().expect("a version");
            if let Some(generation) = ready(&object) {
                let name = object.metadata.name.expect("a name");
                seen.lock().expect("no panic").entry((name, generation)).or_insert_with(Instant::now);
            }
        }
    }
}

/// The generation about which an object is ready.
fn ready(object: &DynamicObject) -> Option<i64> {
    let status = &object.data["status"];
    let is_ready = |condition: &Value| condition["type"] == "Ready" && condition["status"] == "True";
    let observed = status["observedGeneration"].as_i64()?;
    status["conditions"].as_array()?.iter().any(is_ready).then_some(observed)
}

/// Waits until so many objects were ready, and returns when the last one was.
pub fn all_ready(seen: &Seen, objects: usize) -> Instant {
    let start = Instant::now();
    loop {
        {
            let seen = seen.lock().expect("no panic");
            if seen.len() >= objects {
                return seen.values().max().copied().unwrap_or(start);
            }
            assert!(start.elapsed() < Duration::from_mins(30), "{} of {objects} are ready", seen.len());
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The CPU time that a process has used.
pub fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok()).unwrap_or_default();
    Duration::from_millis((ticks(11) + ticks(12)) * 10)
}

/// The memory of a process in KB: now, and at most.
pub fn memory(pid: u32) -> [u64; 2] {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    ["VmRSS:", "VmHWM:"].map(|name| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|value| value.parse().ok()).unwrap_or_default()
    })
}

/// How many writes of Muster's objects and of events the API server has answered.
pub fn writes(rig: &Rig) -> u64 {
    let request = hyper::Request::builder().method(Method::GET).uri("/metrics").body(Vec::new()).expect("a request");
    let text = rig.block_on(rig.client.request_text(request)).expect("the API server tells");
    let is_write = |line: &&str| {
        line.starts_with("apiserver_request_total{")
            && (line.contains("group=\"muster.dev\"") || line.contains("resource=\"events\""))
            && ["POST", "PUT", "PATCH", "APPLY"].iter().any(|verb| line.contains(&format!("verb=\"{verb}\"")))
    };
    let value = |line: &str| line.rsplit(' ').next().and_then(|value| value.parse::<f64>().ok()).unwrap_or_default();
    // Counts are whole numbers.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let total = text.lines().filter(is_write).map(value).sum::<f64>() as u64;
    total
}

/// A member as the writer creates it.
pub fn member(number: usize) -> Value {
    json!({
        "apiVersion": "muster.dev/v1alpha1", "kind": "Member", "metadata": { "name": format!("m{number}") },
        "spec": {
            "organizationRef": { "name": "acme" }, "email": format!("m{number}@acme.example"),
            "displayName": format!("Member Number {number}"), "role": if number == 0 { "Admin" } else { "Member" },
        },
    })
}
