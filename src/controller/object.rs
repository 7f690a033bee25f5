use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use kube::core::DynamicObject;
use serde_json::Value;

use super::conditions;
use crate::api::Kind;
use crate::source::{ObjectRead, read_object};
use crate::tenancy::{Finding, Key, Name};

/// What identifies an object in a cluster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectKey {
    /// Its namespace.
    pub namespace: Name,
    /// Its kind and name.
    pub key: Key,
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.key.kind.label(), self.namespace, self.key.name)
    }
}

/// An object of the cluster, as far as Muster needs it.
#[derive(Clone, Debug)]
pub struct Object {
    /// Where it is.
    pub id: ObjectKey,
    /// The identity that ends with the object: another one of the same name has another.
    pub uid: Box<str>,
    /// Grows with every change of the object.
    pub version: Version,
    /// Grows with every change of the spec.
    pub generation: i64,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// What it says it is part of.
    pub parent: Option<Key>,
    /// True for an Organization that is to be left alone, whatever else it says.
    pub is_suspended: bool,
    /// What it says.
    pub read: ObjectRead,
    /// What is wrong with it, or worth knowing.
    pub findings: Box<[Finding]>,
    /// The annotations that ask for something to be done again.
    pub requested: Option<Box<str>>,
    /// The status that was seen.
    pub seen: Option<Status>,
    /// The status that is being written.
    pub writing: Option<Status>,
}

/// A status of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Status {
    /// As JSON.
    pub text: Box<str>,
    /// True when it says that the object as it is agrees with the store, and nothing else.
    pub is_settled: bool,
}

/// The version of an object. The API server promises that they can be compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    number: Option<u64>,
    text: Box<str>,
}

impl Version {
    /// Reads what the API server calls a resource version.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self { number: text.parse().ok(), text: text.into() }
    }

    /// As the API server wrote it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True when this is known to be older.
    #[must_use]
    pub fn is_older_than(&self, other: &Self) -> bool {
        self.number.zip(other.number).is_some_and(|(own, other)| own < other)
    }
}

/// The annotation with which people and tools ask for a reconciliation now.
const REQUESTED: &str = "muster.dev/reconcile-requested-at";

impl Object {
    /// Reads an object of a kind; `None` for one that is being deleted, which is as good as gone.
    #[must_use]
    pub fn read(kind: Kind, object: &DynamicObject) -> Option<Self> {
        let metadata = &object.metadata;
        if metadata.deletion_timestamp.is_some() {
            return None;
        }
        let id = Self::identify(kind, object);
        let annotations = metadata.annotations.as_ref();
        let value = serde_json::json!({ "metadata": { "annotations": annotations }, "spec": object.data.get("spec") });
        let (read, findings) = read_object(kind, &id.namespace, &id.key.name, &value);
        let generation = metadata.generation.unwrap_or_default();
        let requested: Option<Box<str>> = annotations.and_then(|all| all.get(REQUESTED)).map(|at| at.as_str().into());
        let status = object.data.get("status");
        Some(Self {
            uid: metadata.uid.as_deref().unwrap_or_default().into(),
            version: Version::new(metadata.resource_version.as_deref().unwrap_or_default()),
            generation,
            created: metadata.creation_timestamp.as_ref().map(|at| at.0),
            parent: parent(kind, &id.key.name, object.data.get("spec")),
            is_suspended: kind == Kind::Organization && object.data["spec"]["suspend"] == true,
            read,
            findings: findings.into(),
            seen: status.map(|status| Status {
                text: status.to_string().into(),
                is_settled: conditions::is_settled(status, generation, requested.as_deref()),
            }),
            writing: None,
            requested,
            id,
        })
    }

    /// The status as JSON: the one that is being written, else the one that was seen.
    #[must_use]
    pub fn status(&self) -> Option<&str> {
        self.writing.as_ref().or(self.seen.as_ref()).map(|status| &*status.text)
    }

    /// True when the status is about the object as it is now.
    #[must_use]
    pub fn is_observed(&self) -> bool {
        let status: Option<Value> = self.status().and_then(|status| serde_json::from_str(status).ok());
        status.is_some_and(|status| status["observedGeneration"] == self.generation)
    }

    /// True when the status says that all is well, and nothing else.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.writing.as_ref().or(self.seen.as_ref()).is_some_and(|status| status.is_settled)
    }

    /// True when the status speaks of the object as it is, whatever it says.
    #[must_use]
    pub fn is_told(&self) -> bool {
        let status: Value = self.status().and_then(|status| serde_json::from_str(status).ok()).unwrap_or_default();
        status["observedGeneration"] == self.generation && status["lastHandledReconcileAt"].as_str() == self.requested.as_deref()
    }

    /// Where an object is.
    #[must_use]
    pub fn identify(kind: Kind, object: &DynamicObject) -> ObjectKey {
        let text = |text: &Option<String>| Name::from(text.as_deref().unwrap_or_default());
        ObjectKey { namespace: text(&object.metadata.namespace), key: Key { kind, name: text(&object.metadata.name) } }
    }

    /// True when nothing that counts differs from an earlier state of the same object: its identity, its generation and the annotations
    /// of Muster.
    #[must_use]
    pub fn says_the_same(&self, earlier: &Self) -> bool {
        let annotations = |object: &Self| match &object.read {
            ObjectRead::Manifest(manifest) => Some(manifest.annotations.clone()),
            ObjectRead::Held(_) => None,
        };
        self.uid == earlier.uid
            && self.generation == earlier.generation
            && self.requested == earlier.requested
            && annotations(self) == annotations(earlier)
    }
}

/// What an object says it is part of, also where nothing else can be read of it.
fn parent(kind: Kind, name: &Name, spec: Option<&Value>) -> Option<Key> {
    let (field, of) = match kind {
        Kind::Organization => return Some(Key { kind, name: name.clone() }),
        Kind::Template | Kind::Credential => ("workspaceRef", Kind::Workspace),
        Kind::Role => ("templateRef", Kind::Template),
        _ => ("organizationRef", Kind::Organization),
    };
    Some(Key::new(of, spec?.get(field)?.get("name")?.as_str()?))
}

/// The objects of a cluster, shared between the watch that reads them and whoever looks at them.
pub type SharedObject = Arc<Object>;
