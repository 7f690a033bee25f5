//! References to other objects and to Secrets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ObjectName, SecretKey, SecretName};

/// Names another object of the same namespace.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct Ref {
    /// The metadata.name of the object that is meant, in the same namespace. Example: acme.
    pub name: ObjectName,
}

/// Names one value inside a Secret.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct SecretKeyRef {
    /// The name of a Secret in the same namespace, or of a folder below `--secrets` where there is no cluster. Example: acme-webhook.
    pub name: SecretName,
    /// The key inside the Secret whose value is used, or the file inside the folder. Example: token.
    pub key: SecretKey,
}

/// Names a whole Secret, whose keys are fixed by the field that refers to it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct SecretRef {
    /// The name of a Secret in the same namespace, or of a folder below `--secrets` where there is no cluster. Example: acme-bucket.
    pub name: SecretName,
}
