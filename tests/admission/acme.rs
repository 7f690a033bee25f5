//! An organization that is stored, and questions about it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use kube::core::DynamicObject;
use kube::core::admission::{AdmissionRequest, AdmissionReview};
use muster::api::Kind;
use muster::controller::admission::{Denial, Found, Progress, Request, Settings, Stored, Verdict, judge};
use muster::store::Observe;
use muster::tenancy::{Manager, Snapshot};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::scenario::{BEGIN, told};

/// What is stored in most tests.
pub const ACME: &str = "
apiVersion: muster.dev/v1alpha1
kind: Organization
metadata: {name: acme, namespace: acme}
spec: {}
---
apiVersion: muster.dev/v1alpha1
kind: Project
metadata: {name: classroom, namespace: acme}
spec: {organizationRef: {name: acme}}
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {name: design, namespace: acme}
spec: {organizationRef: {name: acme}, dataResidency: Europe, hipaa: false, scope: Private, owner: bob}
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {name: production, namespace: acme}
spec: {organizationRef: {name: acme}, projectRef: {name: classroom}, deletionProtection: true}
---
apiVersion: muster.dev/v1alpha1
kind: Template
metadata: {name: lesson, namespace: acme}
spec: {workspaceRef: {name: design}, default: true}
---
apiVersion: muster.dev/v1alpha1
kind: Template
metadata: {name: webinar, namespace: acme}
spec: {workspaceRef: {name: design}}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: alice, namespace: acme}
spec: {organizationRef: {name: acme}, email: alice@acme.example, role: Admin}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: bob, namespace: acme}
spec: {organizationRef: {name: acme}, email: bob@acme.example}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: carol, namespace: acme}
spec: {organizationRef: {name: acme}, email: carol@acme.example, workspaces: [{name: production, role: Member}]}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: dave, namespace: acme}
spec: {organizationRef: {name: acme}, email: dave@acme.example, disabled: true, role: Admin}
";

/// An organization as it is stored, with the objects of the cluster.
pub struct Acme {
    pub found: Found,
    pub objects: BTreeMap<String, Value>,
    pub settings: Settings,
}

fn address(object: &Value) -> String {
    let kind = Kind::parse(object["kind"].as_str().unwrap()).unwrap();
    format!("{}/{}", kind.label(), object["metadata"]["name"].as_str().unwrap())
}

pub fn documents(yaml: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(yaml).map(|it| Value::deserialize(it).unwrap()).filter(|it| !it.is_null()).collect()
}

impl Acme {
    /// The usual one, after some changes: `kind/name` and what is laid over its spec.
    pub fn with(changes: &[(&str, Value)]) -> Self {
        let mut objects: BTreeMap<String, Value> = documents(ACME).into_iter().map(|it| (address(&it), it)).collect();
        for (name, change) in changes {
            merge(&mut objects.get_mut(*name).unwrap()["spec"], change);
        }
        Self::of(objects, "")
    }

    /// The usual one, with more steps of its story after it.
    pub fn after(story: &str) -> Self {
        Self::of(documents(ACME).into_iter().map(|it| (address(&it), it)).collect(), story)
    }

    pub fn of(objects: BTreeMap<String, Value>, story: &str) -> Self {
        let all: Vec<String> = objects.values().map(|it| serde_yaml::to_string(it).unwrap()).collect();
        let snapshot = stored(&format!("#! apply\n{}{story}", all.join("---\n")));
        let settings = Settings { manager: Manager::new("muster"), oidc_prefix: Some("oidc:".to_owned()), exempt: Vec::new() };
        Self { found: Found::Here(Arc::new(Stored::new(snapshot))), objects, settings }
    }

    /// Creates an object.
    pub fn create(&self, kind: &str, name: &str, spec: Value) -> Asked<'_> {
        Asked { acme: self, operation: "CREATE", new: object(kind, name, spec), old: Value::Null }
    }

    /// Lays something over the spec of an object.
    pub fn update(&self, name: &str, change: Value) -> Asked<'_> {
        let old = self.objects[name].clone();
        let mut new = old.clone();
        merge(&mut new["spec"], &change);
        Asked { acme: self, operation: "UPDATE", new, old }
    }

    /// Deletes an object.
    pub fn delete(&self, name: &str) -> Asked<'_> {
        Asked { acme: self, operation: "DELETE", new: Value::Null, old: self.objects[name].clone() }
    }
}

/// What a story leaves in the store of the organization acme.
pub fn stored(story: &str) -> Snapshot {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async { told(story).await.observe(&"acme".into()).await.unwrap() })
}

pub fn object(kind: &str, name: &str, mut spec: Value) -> Value {
    let refers_itself = ["Organization", "Template", "Role", "Credential"].contains(&kind);
    if !refers_itself {
        spec["organizationRef"] = json!({ "name": "acme" });
    }
    json!({ "apiVersion": "muster.dev/v1alpha1", "kind": kind, "metadata": { "name": name, "namespace": "acme" }, "spec": spec })
}

/// A merge patch.
fn merge(value: &mut Value, patch: &Value) {
    for (field, change) in patch.as_object().unwrap() {
        match change {
            Value::Null => drop(value.as_object_mut().unwrap().remove(field)),
            Value::Object(_) if value[field].is_object() => merge(&mut value[field], change),
            _ => value[field] = change.clone(),
        }
    }
}

/// A question that somebody asks.
#[derive(Clone)]
pub struct Asked<'a> {
    acme: &'a Acme,
    operation: &'static str,
    new: Value,
    old: Value,
}

impl Asked<'_> {
    /// Sets an annotation of the new object.
    pub fn annotated(mut self, name: &str, value: &str) -> Self {
        self.new["metadata"]["annotations"][name] = json!(value);
        self
    }

    /// Sets an annotation of both the new object and the old one.
    pub fn annotated_before(mut self, name: &str, value: &str) -> Self {
        self.old["metadata"]["annotations"][name] = json!(value);
        self.annotated(name, value)
    }

    /// Says that the object was something else before.
    pub fn before(mut self, change: Value) -> Self {
        merge(&mut self.old["spec"], &change);
        self
    }

    /// What the API server asks when this user does.
    pub fn request(&self, user: &str, groups: &[&str]) -> Request {
        read(&review(self.operation, &self.new, &self.old, (user, groups))).unwrap()
    }

    pub fn by(&self, user: &str) -> Verdict {
        self.by_member_of(user, &[])
    }

    pub fn by_member_of(&self, user: &str, groups: &[&str]) -> Verdict {
        self.judged(user, groups, &Progress::default())
    }

    pub fn judged(&self, user: &str, groups: &[&str], progress: &Progress) -> Verdict {
        let now: Timestamp = BEGIN.parse().unwrap();
        judge(&self.request(user, groups), &self.acme.found, &self.acme.settings, now, progress)
    }

    /// How many times the organization is planned to judge it.
    pub fn plans(&self, user: &str) -> usize {
        let progress = Progress::default();
        self.judged(user, &[], &progress);
        progress.plans()
    }
}

/// What an API server sends.
pub fn review(operation: &str, new: &Value, old: &Value, (user, groups): (&str, &[&str])) -> Value {
    let object = if new.is_null() { old } else { new };
    let kind = Kind::parse(object["kind"].as_str().unwrap()).unwrap();
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "0c9a8d74-9cb7-44dd-b98e-09fd62def2f4",
            "kind": { "group": "muster.dev", "version": "v1alpha1", "kind": kind.as_str() },
            "resource": { "group": "muster.dev", "version": "v1alpha1", "resource": kind.plural() },
            "name": object["metadata"]["name"],
            "namespace": object["metadata"]["namespace"],
            "operation": operation,
            "userInfo": { "username": user, "groups": groups },
            "object": new,
            "oldObject": old,
            "dryRun": false,
        },
    })
}

pub fn read(review: &Value) -> Option<Request> {
    let review: AdmissionReview<DynamicObject> = serde_json::from_value(review.clone()).unwrap();
    let asked: AdmissionRequest<DynamicObject> = review.try_into().unwrap();
    Request::of(asked)
}

/// The rules that deny, with what they say.
#[track_caller]
pub fn denied(verdict: &Verdict) -> Vec<(&'static str, &str)> {
    assert!(verdict.warnings.is_empty(), "who is denied learns nothing else: {verdict:?}");
    verdict.denials.iter().map(|Denial { rule, message }| (*rule, message.as_str())).collect()
}

/// The warnings of a request that goes through.
#[track_caller]
pub fn warned(verdict: &Verdict) -> Vec<&str> {
    assert_eq!(verdict.denials, []);
    verdict.warnings.iter().map(String::as_str).collect()
}
