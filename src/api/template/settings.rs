//! How rooms behave.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::api::rule::{Path, Problem, Rule, Rules, attach, check_field};
use crate::api::types::{Int, SecretRef, Text, choice};

choice! {
    /// Where a room runs.
    pub enum Region {
        /// In India.
        In = "in",
        /// In the United States.
        Us = "us",
        /// In the European Union.
        Eu = "eu",
        /// Near those who are in it.
        Auto = "auto",
    }
}

choice! {
    /// Which service keeps a bucket.
    pub enum UploadType {
        /// Amazon S3.
        S3 = "s3",
        /// Google Cloud Storage.
        Gs = "gs",
        /// Alibaba Cloud OSS.
        Oss = "oss",
        /// Azure Blob Storage.
        Azure = "azure",
    }
}

/// How rooms behave.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct Settings {
    /// Where rooms run unless they say otherwise: in, us, eu or auto. Left out: left alone; the service chooses in. Where it is not the
    /// region of the workspace's dataResidency, a plan warns. Example: eu.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// Where recordings go. Left out: left alone; the service keeps recordings itself for 15 days.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<SettingsRecording>,
    /// What is told about a room to those who have not joined yet. Left out: left alone; the service tells nothing. Not in V1 of the
    /// service's API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_state: Option<RoomState>,
}

/// Where recordings go.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct SettingsRecording {
    /// Whether the rooms are recorded by the server. Left out: false. The service's API V2 calls this deprecated: write recordings instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The bucket that recordings are put into. Left out: the service keeps them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upload: Option<Upload>,
}

/// The bucket that recordings are put into.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct Upload {
    /// Which service keeps the bucket: s3, gs, oss or azure (V1 of the service's API: s3 only). Required.
    #[serde(rename = "type")]
    pub type_: UploadType,
    /// The name of the bucket. Required. Example: acme-recordings.
    pub location: Text<255>,
    /// The folder inside the bucket. Required. Example: rooms/production.
    pub prefix: Text<1024>,
    /// More about the bucket. Left out: nothing more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub options: Option<UploadOptions>,
    /// The Secret with the credentials for the bucket, under the keys key (the access key) and secret (the secret key). Left out: none are
    /// sent. Credentials are compared with what was last sent, never read back. Example: {name: acme-bucket}.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<SecretRef>,
}

/// More about a bucket.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct UploadOptions {
    /// The region of the bucket. Left out: the service's, which for V1 of its API is ap-south-1. Example: eu-central-1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<Text<63>>,
}

/// What is told about a room to those who have not joined yet.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline, transform = attach::<RoomState>)]
pub struct RoomState {
    /// Whether anything is told. Left out: false. A role is told only if its permission sendRoomState is true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// Every how many seconds it is told: a multiple of 5 from 5 to 3600. Left out: left alone; the service takes 5. Example: 30.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message_interval: Option<Int<5, 3600>>,
    /// Whether names are told, and not only how many people there are. Left out: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send_peer_list: Option<bool>,
    /// Whether it stops for those who have joined. Left out: left alone; the service takes true. The service does not document it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_room_state_on_join: Option<bool>,
}

impl Rules for Settings {
    fn inside(&self, at: &Path<'_>, problems: &mut Vec<Problem>) {
        check_field(self.room_state.as_ref(), at, "roomState", problems);
    }
}

impl Rules for RoomState {
    const RULES: &'static [Rule<Self>] = &[Rule {
        field: "messageInterval",
        message: "must be a multiple of 5",
        cel: "!has(self.messageInterval) || self.messageInterval % 5 == 0",
        holds: |state| state.message_interval.is_none_or(|seconds| seconds.get() % 5 == 0),
    }];
}
