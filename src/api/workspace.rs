//! Workspaces: isolated environments.

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::project::FIXED_ORGANIZATION;
use super::rule::{Change, Path, Problem, Rule, Rules, attach, check_field, check_items, fixed, set_once};
use super::status::ObjectStatus;
use super::types::{
    HeaderName, List, Named, NamedList, ObjectName, Quota, Ref, SecretKeyRef, Text, Url, choice, internal, is_internal,
};

choice! {
    /// What a workspace is used for.
    pub enum WorkspaceType {
        /// For building.
        Development = "Development",
        /// For customers.
        Production = "Production",
        /// For rehearsing a release.
        Staging = "Staging",
        /// For testing.
        Qa = "QA",
    }
}

choice! {
    /// Who reaches a workspace without being added to it.
    pub enum Scope {
        /// Nobody.
        Private = "Private",
        /// Everybody in its project.
        Project = "Project",
        /// Nobody, and nobody can be added: it belongs to its owner.
        Local = "Local",
    }
}

choice! {
    /// Where the data of a workspace is kept.
    pub enum DataResidency {
        /// In the United States.
        Usa = "USA",
        /// In the European Union.
        Europe = "Europe",
        /// In India.
        India = "India",
    }
}

choice! {
    /// The language of the documents in a workspace.
    pub enum Language {
        /// English.
        English = "ENGLISH",
        /// French.
        French = "FRENCH",
        /// Spanish.
        Spanish = "SPANISH",
        /// Hindi.
        Hindi = "HINDI",
        /// Swahili.
        Swahili = "SWAHILI",
    }
}

/// What a workspace is.
#[derive(CustomResource, Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[kube(group = "muster.dev", version = "v1alpha1", kind = "Workspace", plural = "workspaces", shortname = "mws", namespaced)]
#[kube(category = "muster", status = "ObjectStatus", derive = "PartialEq")]
#[kube(doc = "An isolated environment inside an organization: it has members, templates and credentials of its own.")]
#[kube(printcolumn = r#"{"name":"Org","type":"string","jsonPath":".spec.organizationRef.name"}"#)]
#[kube(printcolumn = r#"{"name":"Type","type":"string","jsonPath":".spec.type"}"#)]
#[kube(printcolumn = r#"{"name":"Scope","type":"string","jsonPath":".spec.scope"}"#)]
#[kube(printcolumn = r#"{"name":"Residency","type":"string","jsonPath":".spec.dataResidency"}"#)]
#[kube(printcolumn = r#"{"name":"HIPAA","type":"boolean","jsonPath":".spec.hipaa"}"#)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = attach::<WorkspaceSpec>)]
pub struct WorkspaceSpec {
    /// The organization that the workspace is in. Required, and never changes.
    pub organization_ref: Ref,
    /// The project that the workspace is in. Left out: it is in none. Required where scope is Project. It can change; with scope Project
    /// that changes who reaches the workspace, and the plan shows it. Example: {name: design-tools}.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project_ref: Option<Ref>,
    /// What people and the service call the workspace. Left out: metadata.name. It can change at any time; some services want it to be
    /// unique. Example: Acme Production.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Text<128>>,
    /// What the workspace is used for: Development, Production, Staging or QA. Left out: not said, and left alone. It can change at any
    /// time. Example: Production.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub type_: Option<WorkspaceType>,
    /// Who reaches the workspace without being added to it. Private: nobody but the admins above it, as far as
    /// policy.access.privateWorkspaces lets them. Project: everybody in its project, with their role there, and the admins above it.
    /// Local: nobody, and nobody can be added; it belongs to its owner. Left out: as Project where projectRef is written, and otherwise
    /// the admins of the organization. It is chosen once: it cannot be changed or removed. Example: Project.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scope: Option<Scope>,
    /// The metadata.name of the Member who owns the workspace: an Admin of it, unless the entry for it in the member's own workspaces says
    /// another role. Left out: nobody. It can change. Example: alice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<ObjectName>,
    /// Where the data is kept: USA, Europe or India. Left out: policy.defaultDataResidency of the organization when the workspace is
    /// created. It is chosen once: it cannot be changed or removed. Example: Europe.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_residency: Option<DataResidency>,
    /// Whether the workspace obeys HIPAA, which switches off HLS, RTMP, track and stream recording, and asks for https webhooks and a
    /// bucket of your own. Left out: false. It is chosen once: it cannot be changed or removed. Example: true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hipaa: Option<bool>,
    /// Whether this is the first workspace of the account, which some services create by themselves. Left out: false. It can change; at
    /// most one workspace of an organization has it. Example: true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<bool>,
    /// Whether deleting the workspace is refused. Left out: false. The store remembers it, so taking the document away does not help: set
    /// it to false in one apply and delete in the next. Example: true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deletion_protection: Option<bool>,
    /// How much may be used. Left out: left alone. It can change, where the service lets anybody change it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quotas: Option<Quotas>,
    /// The language of the documents in the workspace: ENGLISH, FRENCH, SPANISH, HINDI or SWAHILI. Left out: left alone. It can change at
    /// any time. Example: FRENCH.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// Where the service reports what happens in the workspace. Left out: left alone; once applied and then left out: no webhook. It can
    /// change at any time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub webhook: Option<Webhook>,
    /// The value that gives Muster access to this workspace at the service, written ID:SECRET (access key and secret, or token id and
    /// secret key). Left out: that of the organization's backend, which is the only one that aaq takes. It can change at any time. Example:
    /// {name: acme-100ms, key: production}.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend_secret_ref: Option<SecretKeyRef>,
    /// Earlier values of metadata.name, which make a new name a rename and not a removal and a new workspace. Left out: the workspace is
    /// new or keeps its name. Once the rename is done the entry does nothing and may stay. Example: [prod].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_names: Option<List<ObjectName, 10>>,
}

/// How much of a workspace may be used.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct Quotas {
    /// How many calls the API takes per day, or Unlimited. Left out: left alone. Example: 100.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub api_daily: Option<Quota>,
    /// How many pieces of content there may be, or Unlimited. Left out: left alone. Example: Unlimited.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<Quota>,
}

/// Where the service reports what happens.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline, transform = attach::<Webhook>)]
pub struct Webhook {
    /// The address that is called. Required; https where hipaa is true, and on the public network. Example: <https://hooks.acme.example/rooms>.
    pub url: Url,
    /// Headers that are sent along, at most 20, each name once. Left out: none. The list is owned whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<NamedList<Header, 20>>,
}

/// A header that is sent along.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline, transform = attach::<Header>)]
pub struct Header {
    /// The name of the header. Example: X-Environment.
    pub name: HeaderName,
    /// The value, in clear. Exactly one of value and secretRef is written; headers whose name has authorization, token, key, secret or
    /// password in it take only secretRef. Example: production.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Text<1024>>,
    /// The value, from a Secret. Exactly one of value and secretRef is written. Example: {name: acme-webhook, key: token}.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeyRef>,
}

impl Named for Header {
    fn name(&self) -> &str {
        self.name.as_str()
    }
}

impl Header {
    fn looks_secret(&self) -> bool {
        let name = self.name.as_str().to_ascii_lowercase();
        ["authorization", "token", "key", "secret", "password"].iter().any(|word| name.contains(word))
    }
}

impl Rules for WorkspaceSpec {
    const RULES: &'static [Rule<Self>] = &[
        Rule {
            field: "projectRef",
            message: "is required with scope Project: name the project whose people reach the workspace",
            cel: "!has(self.scope) || self.scope != 'Project' || has(self.projectRef)",
            holds: |spec| spec.scope != Some(Scope::Project) || spec.project_ref.is_some(),
        },
        Rule {
            field: "webhook",
            message: "must have an https url, because the workspace obeys HIPAA",
            cel: "!has(self.hipaa) || !self.hipaa || !has(self.webhook) || self.webhook.url.startsWith('https://')",
            holds: |spec| {
                spec.hipaa != Some(true)
                    || spec.webhook.as_ref().is_none_or(|webhook| webhook.url.as_str().starts_with("https://"))
            },
        },
    ];

    const CHANGES: &'static [Change<Self>] = &[
        fixed!("organizationRef", organization_ref, FIXED_ORGANIZATION),
        set_once!(
            "dataResidency",
            data_residency,
            "is chosen once and cannot be changed or removed: create another workspace where the data shall be"
        ),
        set_once!("hipaa", hipaa, "is chosen once and cannot be changed or removed: create another workspace"),
        set_once!("scope", scope, "is chosen once and cannot be changed or removed: create another workspace"),
    ];

    fn inside(&self, at: &Path<'_>, problems: &mut Vec<Problem>) {
        check_field(self.webhook.as_ref(), at, "webhook", problems);
    }
}

impl Rules for Webhook {
    const RULES: &'static [Rule<Self>] = &[Rule {
        field: "url",
        message: "must lead to the public network, and not to this machine, a private network or the metadata of a cloud",
        cel: concat!("!self.url.matches('", internal!(), "')"),
        holds: |webhook| !is_internal(webhook.url.as_str()),
    }];

    fn inside(&self, at: &Path<'_>, problems: &mut Vec<Problem>) {
        check_items(self.headers.as_deref(), at, "headers", problems);
    }
}

impl Rules for Header {
    const RULES: &'static [Rule<Self>] = &[
        Rule {
            field: "",
            message: "must have exactly one of value and secretRef",
            cel: "has(self.value) != has(self.secretRef)",
            holds: |header| header.value.is_some() != header.secret_ref.is_some(),
        },
        Rule {
            field: "value",
            message: "must be a secretRef, because the name of the header says that it is a secret",
            cel: "!has(self.value) || !['authorization', 'token', 'key', 'secret', 'password']\
                  .exists(word, self.name.lowerAscii().contains(word))",
            holds: |header| header.value.is_none() || !header.looks_secret(),
        },
    ];
}
