//! Holding back objects that are in the input more than once.

use std::collections::HashMap;

use crate::api::Kind;
use crate::tenancy::{Finding, HeldManifest, Input, Manifest, Name, Origin, Severity};

/// One document of an object: whether it is held already, and its index.
type At = (bool, usize);

/// Holds every document whose namespace, kind and name another one has too, each with a finding that names the other.
pub(super) fn hold(input: &mut Input) {
    let twice = twice(input);
    if twice.is_empty() {
        return;
    }
    let mut reasons: HashMap<At, String> = HashMap::new();
    let mut findings = Vec::new();
    for mut same in twice {
        same.sort_by_key(|at| origin(input, *at));
        for (place, at) in same.iter().enumerate() {
            let other = origin(input, same[usize::from(place == 0)]);
            let more = if same.len() > 2 { format!(" and {} more", same.len() - 2) } else { String::new() };
            let message = format!("the same object is also in {other}{more}");
            findings.push(finding(identity(input, *at), message.clone(), origin(input, *at).clone()));
            reasons.insert(*at, message);
        }
    }
    findings.sort_by(|a: &Finding, b| a.origin.cmp(&b.origin));
    input.findings.extend(findings);
    for (index, manifest) in std::mem::take(&mut input.manifests).into_iter().enumerate() {
        match reasons.remove(&(false, index)) {
            Some(because) => input.held.push(held(manifest, because.into())),
            None => input.manifests.push(manifest),
        }
    }
}

fn twice(input: &Input) -> Vec<Vec<At>> {
    let mut first: HashMap<(&str, Kind, &str), At> = HashMap::with_capacity(input.manifests.len() + input.held.len());
    let mut groups: HashMap<At, Vec<At>> = HashMap::new();
    let manifests = input.manifests.iter().enumerate().map(|(i, it)| ((&*it.namespace, it.spec.kind(), &*it.name), (false, i)));
    let held = input.held.iter().enumerate().map(|(i, it)| ((&*it.namespace, it.kind, &*it.name), (true, i)));
    for (key, at) in manifests.chain(held) {
        if let Some(before) = first.get(&key) {
            groups.entry(*before).or_insert_with(|| vec![*before]).push(at);
        } else {
            first.insert(key, at);
        }
    }
    let mut groups: Vec<Vec<At>> = groups.into_values().collect();
    groups.sort_unstable();
    groups
}

fn origin(input: &Input, (held, index): At) -> &Origin {
    if held { &input.held[index].origin } else { &input.manifests[index].origin }
}

fn identity(input: &Input, (held, index): At) -> (Kind, Name) {
    if held {
        (input.held[index].kind, input.held[index].name.clone())
    } else {
        (input.manifests[index].spec.kind(), input.manifests[index].name.clone())
    }
}

fn finding(subject: (Kind, Name), message: String, origin: Origin) -> Finding {
    Finding {
        severity: Severity::Error,
        code: "duplicate-object",
        subject: Some(subject),
        path: "metadata.name".into(),
        message: message.into(),
        help: Some("take all but one away; until then neither counts".into()),
        origin,
        span: None,
    }
}

fn held(manifest: Manifest, because: Box<str>) -> HeldManifest {
    let previous_names = manifest.previous_names();
    let Manifest { name, namespace, annotations: _, spec, origin } = manifest;
    HeldManifest { kind: spec.kind(), name, namespace, previous_names, origin, because }
}
