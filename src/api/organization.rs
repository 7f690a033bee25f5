//! Organizations: the roots, and the units of planning.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::policy::PolicySpec;
use super::rule::{Path, Problem, Rule, Rules, attach, check_field};
use super::status::OrganizationStatus;
use super::types::{Period, SecretKeyRef, Set, Text, Url, choice};

choice! {
    /// A complete policy by name.
    pub enum Preset {
        /// The safe middle.
        Standard = "standard",
        /// 100ms.
        Hundredms = "hundredms",
        /// `KeyRunner`.
        Keyrunner = "keyrunner",
        /// Ask A Question.
        Aaq = "aaq",
        /// `FastPix`.
        Fastpix = "fastpix",
    }
}

choice! {
    /// A service that mirrors part of an organization.
    pub enum BackendType {
        /// 100ms: templates and roles.
        Hundredms = "hundredms",
        /// Ask A Question: workspaces and members.
        Aaq = "aaq",
        /// `FastPix`: signing keys.
        Fastpix = "fastpix",
    }
}

choice! {
    /// What happens when an object exists already and another manager, or nobody, manages it.
    pub enum AdoptionPolicy {
        /// It is left alone, and the change is refused.
        Refuse = "Refuse",
        /// It is taken over if it is the same.
        AdoptIdentical = "AdoptIdentical",
        /// It is taken over and changed.
        Adopt = "Adopt",
    }
}

choice! {
    /// What happens when the Organization is taken away.
    pub enum DeletionPolicy {
        /// The organization and everything in it are soft-deleted.
        SoftDelete = "SoftDelete",
        /// The organization and everything in it are kept and no longer managed.
        Orphan = "Orphan",
    }
}

/// What an organization is.
#[derive(CustomResource, Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[kube(
    group = "muster.dev",
    version = "v1alpha1",
    kind = "Organization",
    plural = "organizations",
    shortname = "morg",
    namespaced
)]
#[kube(category = "muster", status = "OrganizationStatus", derive = "PartialEq")]
#[kube(
    doc = "The root of a tenancy: an account or tenant with its projects, workspaces and members, and the policy that guards them."
)]
#[kube(printcolumn = r#"{"name":"Admins","type":"integer","jsonPath":".status.counts.admins"}"#)]
#[kube(printcolumn = r#"{"name":"Members","type":"integer","jsonPath":".status.counts.members"}"#)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = attach::<OrganizationSpec>)]
pub struct OrganizationSpec {
    /// What people call the organization. Left out: metadata.name. It can change at any time. Example: Acme Inc.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Text<128>>,
    /// A complete policy by name; policy overrides single fields of it: standard, or that of a service: hundredms, keyrunner, aaq or
    /// fastpix. Left out: standard, the safe middle: soft delete with 30 days of retention, the last admin protected, members active at
    /// once, loss bounded. It can change; a guard that it loosens counts from the next plan on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// The answers that differ from the preset's. Left out: none do. It can change; a guard that is loosened counts from the next plan
    /// on, a tightened one at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicySpec>,
    /// The service that mirrors part of the organization: it is made to have what the store has, as far as its API can. Left out: none,
    /// the store is all there is. It can change at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<Backend>,
    /// What happens when an object of the input exists already and another manager, or nobody, manages it: Refuse leaves it alone, unless
    /// nobody manages it and it is the same; AdoptIdentical takes it over if it is the same, Adopt takes it over and changes it. Left out:
    /// Refuse. It can change at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adoption_policy: Option<AdoptionPolicy>,
    /// What happens when this document is taken away. SoftDelete, once applied, is remembered: the organization and everything in it are
    /// then soft-deleted. Orphan: they are kept and no longer managed. Left out: as Orphan, and removing needs an approval. It can change
    /// at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_policy: Option<DeletionPolicy>,
    /// Who may change this organization through the Kubernetes API, beside the members whose role allows it. Left out: whoever the API
    /// server's own authorization admits. Members whom it knows by their e-mail address are held to their roles either way, unless they are
    /// listed here. It can change at any time. It means nothing without the admission webhook.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub administrators: Option<Administrators>,
    /// How often the controller compares the organization with the store when nothing happens, from 10s to 24h. Left out: 10m. It can
    /// change at any time. Example: 1h30m.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Period<10, 86_400>>,
    /// Whether the controller leaves the organization alone: nothing is planned or applied until it is false again. Left out: false. It
    /// can change at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend: Option<bool>,
}

/// The service that mirrors part of an organization.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline, transform = attach::<Backend>)]
pub struct Backend {
    /// Which service: hundredms (templates and roles), aaq (workspaces, who is in them, and their API keys) or fastpix (signing keys).
    /// Required.
    #[serde(rename = "type")]
    pub type_: BackendType,
    /// The address of the service's API. Required; https, or http on this machine only. Where it is not on the public internet, whoever
    /// runs Muster has to allow it (--backend-allow). Example: <https://api.100ms.live/v2>.
    pub url: Url,
    /// The value that gives Muster access, written ID:SECRET (user and password, access key and secret, or token id and secret key). Left
    /// out: each workspace names its own in backendSecretRef; for aaq it has to be here. Example: {name: acme-aaq, key: login}.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeyRef>,
}

/// Who may change an organization through the Kubernetes API.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct Administrators {
    /// Users, as the API server knows them, at most 100. Left out: none. The list is owned whole. Example: [alice@acme.example].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<Set<Text<256>, 100>>,
    /// Groups, as the API server knows them, at most 100. Left out: none. The list is owned whole. Example: [platform-team].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<Set<Text<256>, 100>>,
    /// Service accounts as NAMESPACE:NAME, at most 100. Left out: none. The list is owned whole. Example: flux-system:acme.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_accounts: Option<Set<Text<317>, 100>>,
}

impl Rules for OrganizationSpec {
    fn inside(&self, at: &Path<'_>, problems: &mut Vec<Problem>) {
        check_field(self.policy.as_ref(), at, "policy", problems);
        check_field(self.backend.as_ref(), at, "backend", problems);
    }
}

impl Rules for Backend {
    const RULES: &'static [Rule<Self>] = &[Rule {
        field: "url",
        message: "must begin with https://, because secrets are sent to it; http:// is for localhost, 127.0.0.1 and [::1] only",
        cel: "self.url.startsWith('https://') || ['localhost', '127.0.0.1', '[::1]'].exists(host, \
              self.url == 'http://' + host || self.url.startsWith('http://' + host + ':') || self.url.startsWith('http://' + host + '/'))",
        holds: |backend| {
            let url = backend.url.as_str();
            let local = url
                .strip_prefix("http://")
                .and_then(|rest| ["localhost", "127.0.0.1", "[::1]"].iter().find_map(|host| rest.strip_prefix(host)));
            url.starts_with("https://") || local.is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
        },
    }];
}
