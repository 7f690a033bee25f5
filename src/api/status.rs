//! What the controller reports on an object.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map as Object, Value};

use super::types::{Int, List, Text, Time};

/// As far as every reader of JSON counts without rounding.
type Count = Int<0, 9_007_199_254_740_991>;
type Digest = Text<128>;

/// What the controller last found out about an object. It is written by Muster only.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct ObjectStatus {
    /// The metadata.generation that this status is about. While it is lower than metadata.generation, the status is out of date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<Count>,
    /// The verdicts, at most one per type: Ready, and Reconciling, Stalled, Drifted, ReferencesResolved, Suspended, ApprovalRequired or
    /// CredentialReady where they apply. kubectl wait --for=condition=Ready waits for the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Conditions")]
    pub conditions: Vec<Condition>,
    /// The id of the object in the store. It outlives renames, deletion and restore. Example: 0d9f2c1e-5a43-4a35-9d0f-3b8f2f1c7a66.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Text<64>>,
    /// The id of the object at the service behind the store, if there is one. Example: 6324661c4da877930beaecaa.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<Text<256>>,
    /// When the object was last found in agreement with the store. It is not updated while nothing else changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sync_time: Option<Time>,
    /// The value of the annotation muster.dev/reconcile-requested-at that was last acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<Text<256>>,
    /// The digest of the spec that was last applied. Example: sha256:9f86d081884c7d65.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_applied_digest: Option<Digest>,
    /// The values in force, defaults included: what the spec would be if nothing had been left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Effective>")]
    pub effective: Option<Object<String, Value>>,
    /// The latest changes of this object in the store, newest first, at most 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<List<HistoryEntry, 5>>,
    /// The fields that were changed behind Muster's back and not put right, at most 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<List<DriftEntry, 20>>,
}

/// One change of an object in the store.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct HistoryEntry {
    /// When the change was made.
    pub time: Time,
    /// What was done, in the past tense. Example: Updated.
    pub result: Text<32>,
    /// Who made the change. Example: muster, or alice@acme.example.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor: Option<Text<254>>,
    /// The git commit or other revision of the input that the change came from. Example: 3f2a1c9.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Text<256>>,
}

/// One field whose observed value is not the applied one.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct DriftEntry {
    /// The field. Example: spec.displayName.
    pub field: Text<256>,
    /// The value that was applied, shortened; left out where there was none or where it is secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub want: Option<Text<256>>,
    /// The value that was found, shortened; left out where there is none or where it is secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub have: Option<Text<256>>,
}

/// What the controller last found out about an organization and everything in it. It is written by Muster only.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct OrganizationStatus {
    /// The metadata.generation that this status is about. While it is lower than metadata.generation, the status is out of date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<Count>,
    /// The verdicts, at most one per type: Ready, and Reconciling, Stalled, Drifted, ReferencesResolved, Suspended or ApprovalRequired
    /// where they apply. kubectl wait --for=condition=Ready waits for the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Conditions")]
    pub conditions: Vec<Condition>,
    /// The id of the organization in the store. It outlives deletion and restore. Example: 0d9f2c1e-5a43-4a35-9d0f-3b8f2f1c7a66.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<Text<64>>,
    /// The id of the organization at the service behind the store, if there is one. Example: 627cda54ff688c037a39291b.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_id: Option<Text<256>>,
    /// When the organization was last found in agreement with the store. It is not updated while nothing else changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_sync_time: Option<Time>,
    /// The value of the annotation muster.dev/reconcile-requested-at that was last acted on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_handled_reconcile_at: Option<Text<256>>,
    /// The digest of the spec that was last applied. Example: sha256:9f86d081884c7d65.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_applied_digest: Option<Digest>,
    /// The values in force, the policy in full included: what the spec would be if nothing had been left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Effective>")]
    pub effective: Option<Object<String, Value>>,
    /// The latest changes of the organization itself in the store, newest first, at most 5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<List<HistoryEntry, 5>>,
    /// The fields of the organization itself that were changed behind Muster's back and not put right, at most 20.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drift: Option<List<DriftEntry, 20>>,
    /// The changes that a rule of the policy refuses, at most 20. Everything else was applied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusals: Option<List<RefusalEntry, 20>>,
    /// Objects that are kept in the store although nobody declares them any more, at most 50.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retained: Option<List<RetainedEntry, 50>>,
    /// What waits for approval: removals, else calls to the service. Setting the annotation muster.dev/approved-plan to a digest releases
    /// exactly what it is for; several are separated by commas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pending_plan: Option<PendingPlan>,
    /// How many people the organization has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub counts: Option<Counts>,
}

/// One refused change.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct RefusalEntry {
    /// The rule that refuses, as in docs/rules.md. Example: last-admin.
    pub rule: Text<63>,
    /// What was to be changed. Example: member/alice.
    pub subject: Text<256>,
    /// Why it is refused, in one sentence.
    pub because: Text<1024>,
    /// What can be done about it.
    pub way_out: Text<1024>,
}

/// One object that nobody declares any more and that is kept.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct RetainedEntry {
    /// The object. Example: workspace/production.
    pub subject: Text<256>,
    /// Why it is kept. Example: soft-deleted, or released.
    pub because: Text<1024>,
    /// When it will be purged; left out if never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purge_at: Option<Time>,
}

/// What waits for approval.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct PendingPlan {
    /// What an approval of all of it must name. It changes with what waits. Example: sha256:9f86d081884c7d65.
    pub digest: Digest,
    /// What waits in one line; at a service with a digest for each call. Example: removes 12 of 40 members.
    pub summary: Text<1024>,
}

/// How many people there are.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub struct Counts {
    /// Members who are admins of the whole organization.
    pub admins: Count,
    /// Members that are not soft-deleted.
    pub members: Count,
}

/// The schema of a list of conditions, as Kubernetes writes it and with bounds.
struct Conditions;

impl JsonSchema for Conditions {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Conditions".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "array",
            "maxItems": 16,
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["type"],
            "items": {
                "type": "object",
                "required": ["type", "status", "lastTransitionTime", "reason", "message"],
                "properties": {
                    "type": { "type": "string", "maxLength": 316, "description": "What the verdict is about. Example: Ready." },
                    "status": { "type": "string", "enum": ["True", "False", "Unknown"], "description": "The verdict: True, False or Unknown." },
                    "observedGeneration": {
                        "type": "integer", "format": "int64", "minimum": 0,
                        "description": "The metadata.generation that the verdict is about."
                    },
                    "lastTransitionTime": {
                        "type": "string", "format": "date-time", "maxLength": 64, "description": "When the status last changed."
                    },
                    "reason": { "type": "string", "maxLength": 1024, "description": "Why, as one word for programs. Example: GuardRefused." },
                    "message": { "type": "string", "maxLength": 32768, "description": "Why, for people: what happened, then what to do." }
                }
            }
        })
    }
}

/// The schema of an object with any fields.
struct Effective;

impl JsonSchema for Effective {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Effective".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
    }
}
