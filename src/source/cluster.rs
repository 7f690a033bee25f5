//! Reading objects as an API server has them, by the same rules as documents in files.

use serde_json::{Map, Value, json};

use super::document::{self, Batch};
use super::envelope::PREFIX;
use super::split::Part;
use crate::api::{API_VERSION, Kind};
use crate::tenancy::{Finding, HeldManifest, Manifest, Name, Origin};

/// What an object of the cluster says.
#[derive(Clone, Debug)]
pub enum ObjectRead {
    /// It can be used.
    Manifest(Manifest),
    /// It cannot be used as it is; what the store has of it is left alone.
    Held(HeldManifest),
}

/// Reads an object of a kind: what it says, and what is wrong with it or worth knowing. It is called `namespace/name` wherever a
/// file would be named. What an API server keeps for itself is not looked at, and neither are the annotations of others.
#[must_use]
pub fn read_object(kind: Kind, namespace: &str, name: &str, object: &Value) -> (ObjectRead, Vec<Finding>) {
    let annotations = object["metadata"]["annotations"].as_object();
    let own: Map<String, Value> = annotations
        .into_iter()
        .flatten()
        .filter(|(key, _)| key.starts_with(PREFIX))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    let document = json!({
        "apiVersion": API_VERSION,
        "kind": kind.as_str(),
        "metadata": { "name": name, "namespace": namespace, "annotations": own },
        "spec": object["spec"],
    });
    let text = document.to_string();
    let mut batch = Batch::default();
    let file = format!("{namespace}/{name}").into();
    document::read(&file, text.as_bytes(), Part { start: 0, end: text.len(), line: 1, column: 1, blank: 0 }, &mut batch);
    let origin = Origin { file, line: 0, column: 0 };
    let read = match (batch.manifests.pop(), batch.held.pop()) {
        (Some(manifest), _) => ObjectRead::Manifest(Manifest { origin: origin.clone(), ..manifest }),
        (None, Some(held)) => ObjectRead::Held(HeldManifest { origin: origin.clone(), ..held }),
        (None, None) => ObjectRead::Held(unreadable(kind, namespace, name, &batch.findings, origin.clone())),
    };
    let placed = |finding: Finding| Finding { origin: origin.clone(), span: None, ..finding };
    (read, batch.findings.into_iter().map(placed).collect())
}

/// An object that could not even be read as a document is known by name all the same.
fn unreadable(kind: Kind, namespace: &str, name: &str, findings: &[Finding], origin: Origin) -> HeldManifest {
    let because = findings.first().map_or("it cannot be read", |finding| &*finding.message);
    HeldManifest {
        kind,
        name: Name::from(name),
        namespace: Name::from(namespace),
        previous_names: Vec::new(),
        origin,
        because: because.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(kind: Kind, spec: Value) -> (ObjectRead, Vec<Finding>) {
        let object = json!({
            "metadata": {
                "name": "production", "namespace": "acme", "uid": "1", "generation": 3,
                "annotations": { "kubectl.kubernetes.io/last-applied-configuration": "{}", "muster.dev/reconcile-requested-at": "now" },
            },
            "spec": spec,
            "status": { "observedGeneration": 2 },
        });
        read_object(kind, "acme", "production", &object)
    }

    #[test]
    fn an_object_is_read_with_the_annotations_that_are_meant_for_muster() {
        let (read, findings) =
            read(Kind::Workspace, json!({ "organizationRef": { "name": "acme" }, "displayName": "Production" }));
        let ObjectRead::Manifest(manifest) = read else { panic!("{read:?}") };
        assert_eq!((&*manifest.name, &*manifest.namespace), ("production", "acme"));
        assert_eq!(manifest.annotations.into_iter().collect::<Vec<_>>(), [("reconcile-requested-at".into(), "now".into())]);
        assert_eq!(manifest.origin.to_string(), "acme/production");
        assert!(findings.is_empty(), "{findings:?}");
    }

    #[test]
    fn an_object_that_is_wrong_is_held_by_its_name() {
        let (read, findings) = read(Kind::Workspace, json!({ "organizationRef": { "name": "acme" }, "color": "blue" }));
        let ObjectRead::Held(held) = read else { panic!("{read:?}") };
        assert_eq!((held.kind, &*held.name), (Kind::Workspace, "production"));
        assert!(held.because.contains("color"), "{}", held.because);
        assert_eq!(findings[0].origin.to_string(), "acme/production");
    }

    #[test]
    fn an_object_without_a_spec_is_held() {
        let (read, _) = read(Kind::Member, Value::Null);
        assert!(matches!(read, ObjectRead::Held(_)), "{read:?}");
    }
}
