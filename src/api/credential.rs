//! Credentials: keys and tokens of workspaces.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rule::{Change, Path, Problem, Rule, Rules, attach, check_field, fixed};
use super::status::ObjectStatus;
use super::types::{Int, List, ObjectName, Period, Ref, SecretRef, choice};

choice! {
    /// What a credential is.
    pub enum CredentialType {
        /// An access key with its secret.
        AccessKey = "AccessKey",
        /// An API key.
        ApiKey = "ApiKey",
        /// A pair of keys that signs tokens.
        SigningKey = "SigningKey",
        /// A token id with its secret key.
        AccessToken = "AccessToken",
        /// A user and password for SIP.
        Sip = "Sip",
    }
}

/// What a credential is for and where it is kept.
#[derive(CustomResource, Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[kube(group = "muster.dev", version = "v1alpha1", kind = "Credential", plural = "credentials", shortname = "mcred", namespaced)]
#[kube(category = "muster", status = "ObjectStatus", derive = "PartialEq")]
#[kube(
    doc = "An access key, API key, signing key, access token or SIP credential of a workspace. Its secret goes to a Secret once and is \
              kept nowhere else."
)]
#[kube(printcolumn = r#"{"name":"Workspace","type":"string","jsonPath":".spec.workspaceRef.name"}"#)]
#[kube(printcolumn = r#"{"name":"Type","type":"string","jsonPath":".spec.type"}"#)]
#[kube(printcolumn = r#"{"name":"Rotates","type":"string","jsonPath":".status.effective.rotatesAt"}"#)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = attach::<CredentialSpec>)]
pub struct CredentialSpec {
    /// The workspace that the credential is for. Required. It changes only to follow a workspace that is renamed.
    pub workspace_ref: Ref,
    /// What it is: AccessKey, ApiKey, SigningKey, AccessToken or Sip. FastPix is asked to make a SigningKey and AAQ an ApiKey; all others
    /// stay in the store. Required, and never changes.
    #[serde(rename = "type")]
    pub type_: CredentialType,
    /// The Secret that Muster writes it to, under id and privateKey (a SigningKey) or apiKey (an ApiKey); one that somebody else made is left
    /// as it is. Left out: nothing is made or replaced at the service, because the secret would be lost. Example: {name: acme-signing-key}.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write_secret_to_ref: Option<SecretRef>,
    /// A counter: raising it replaces the secret once. Left out: 0. Lowering it does nothing. Example: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub generation: Option<Int<0, 1_000_000>>,
    /// Replacing the secret from time to time, where the service makes it; status.effective.rotatesAt says when. Left out: only generation
    /// does. It can change at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation: Option<Rotation>,
    /// Earlier values of metadata.name, which make a new name a rename and not a removal and a new credential. Left out: the credential is
    /// new or keeps its name. Once the rename is done the entry does nothing and may stay. Example: [key-old].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_names: Option<List<ObjectName, 10>>,
}

/// Replacing a secret from time to time.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline, transform = attach::<Rotation>)]
pub struct Rotation {
    /// How long a secret is used before there is a new one, from 1h to 87600h. Required. Example: 2160h, which is 90 days.
    pub every: Period<3600, 315_360_000>,
    /// How long the old secret still works beside the new one, from 0s to 8760h and less than every. Left out: 0s. No service has a call for
    /// it, and a plan says so: AAQ has one key at a time, and a key of FastPix works until its removal is approved. Example: 24h.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlap: Option<Period<0, 31_536_000>>,
}

// workspaceRef may change, because it has to follow a workspace that is renamed; the planner judges whether it is the same workspace.
impl Rules for CredentialSpec {
    const CHANGES: &'static [Change<Self>] =
        &[fixed!("type", type_, "cannot change: a credential is what it was created as; create another one and remove this one")];

    fn inside(&self, at: &Path<'_>, problems: &mut Vec<Problem>) {
        check_field(self.rotation.as_ref(), at, "rotation", problems);
    }
}

impl Rules for Rotation {
    const RULES: &'static [Rule<Self>] = &[Rule {
        field: "overlap",
        message: "must be less than every",
        cel: "!has(self.overlap) || duration(self.overlap) < duration(self.every)",
        holds: |rotation| rotation.overlap.is_none_or(|overlap| overlap.seconds() < rotation.every.seconds()),
    }];
}
