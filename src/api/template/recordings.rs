//! How rooms are recorded.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Pixels, RoleName, Seconds};
use crate::api::types::{Int, Set, Text};

/// How rooms are recorded.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct Recording {
    /// A name for this way of recording. Required. Example: default.
    pub name: Text<128>,
    /// The mrole of the template whose view is recorded, by its name at the service. Required. Example: host.
    pub role: RoleName,
    /// For how many seconds a recording runs at most. Left out: left alone. Example: 1800.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_duration: Option<Seconds>,
    /// For how many seconds the links to a recording work. Left out: left alone. Example: 3600.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presign_duration: Option<Seconds>,
    /// The still pictures that go with a recording. Left out: left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumbnails: Option<Thumbnails>,
    /// Recording the room as one picture. Left out: left alone; the service does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub composite_recording: Option<CompositeRecording>,
    /// Recording each track into a file. Left out: left alone; the service does not. A HIPAA workspace refuses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub track_recording: Option<Switch>,
    /// Recording each participant into a file. Left out: left alone; the service does not. A HIPAA workspace refuses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_recording: Option<StreamRecording>,
}

/// A feature that is on or off.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct Switch {
    /// Whether it is on. Left out: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
}

/// Recording the room as one picture.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct CompositeRecording {
    /// Recording what a browser in the room shows. Left out: left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser_composite: Option<BrowserComposite>,
    /// Recording with a layout of your own. Left out: left alone; the service does not. A HIPAA workspace refuses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_composite: Option<Switch>,
}

/// Recording what a browser in the room shows.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct BrowserComposite {
    /// Whether recording starts when somebody joins. Left out: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_start: Option<bool>,
    /// How many seconds after the last one has left recording stops. Left out: left alone. Example: 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_stop_timeout: Option<Seconds>,
    /// The width of the picture in pixels. Left out: left alone. Example: 1920.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<Pixels>,
    /// The height of the picture in pixels. Left out: left alone. Example: 1080.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<Pixels>,
}

/// Recording each participant into a file.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct StreamRecording {
    /// Whether it is on. Left out: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The width of the picture in pixels. Left out: left alone. Example: 1280.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<Pixels>,
    /// The height of the picture in pixels. Left out: left alone. Example: 720.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<Pixels>,
}

/// The still pictures that go with a recording.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct Thumbnails {
    /// Whether there are any. Left out: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The width of a picture in pixels. Left out: left alone. Example: 1280.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<Pixels>,
    /// The height of a picture in pixels. Left out: left alone. Example: 720.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<Pixels>,
    /// At which seconds of the recording pictures are taken, at most 20. Left out: left alone. The list is owned whole. Example: [2, 30].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offsets: Option<Set<Seconds, 20>>,
    /// How many pictures are taken per second. Left out: left alone. Example: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fps: Option<Int<0, 60>>,
}
