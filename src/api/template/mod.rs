//! Templates: blueprints of rooms.

mod destinations;
mod recordings;
mod settings;

use kube::CustomResource;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rule::{Path, Problem, Rule, Rules, attach, check_field};
use super::status::ObjectStatus;
use super::types::{List, ObjectName, Ref, Set, TemplateName, Text, choice};

pub use destinations::{
    BrowserRecording, Destinations, HlsDestination, HlsLayer, HlsRecording, OutputMode, PlaylistType, RtmpDestination, RtmpUrl,
    Summary, SummaryFormat, SummarySection, Transcription, TranscriptionMode, Translation,
};
pub use recordings::{BrowserComposite, CompositeRecording, Recording, StreamRecording, Switch, Thumbnails};
pub use settings::{Region, RoomState, Settings, SettingsRecording, Upload, UploadOptions, UploadType};

/// The name of an mrole as the service knows it.
pub type RoleName = Text<128>;

/// Width or height in pixels.
pub type Pixels = super::types::Int<0, 7680>;

/// A length of time in seconds, up to a year.
pub type Seconds = super::types::Int<0, 31_536_000>;

/// What a template is.
#[derive(CustomResource, Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[kube(group = "muster.dev", version = "v1alpha1", kind = "Template", plural = "templates", shortname = "mtpl", namespaced)]
#[kube(category = "muster", status = "ObjectStatus", derive = "PartialEq")]
#[kube(
    doc = "The blueprint of a room: its settings, where it is streamed and recorded to, and (as roles.muster.dev) who may do what in it."
)]
#[kube(printcolumn = r#"{"name":"Workspace","type":"string","jsonPath":".spec.workspaceRef.name"}"#)]
#[kube(printcolumn = r#"{"name":"Name","type":"string","jsonPath":".spec.name"}"#)]
#[kube(printcolumn = r#"{"name":"Default","type":"boolean","jsonPath":".spec.default"}"#)]
#[kube(printcolumn = r#"{"name":"Region","type":"string","jsonPath":".spec.settings.region","priority":1}"#)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(transform = attach::<TemplateSpec>)]
pub struct TemplateSpec {
    /// The workspace that the template is in. Required. It changes only to follow a workspace that is renamed.
    pub workspace_ref: Ref,
    /// The name of the template at the service: letters, digits, spaces, '.', '-', ':' and '_' (V1 of its API: no spaces). Left out:
    /// metadata.name. It can change; no two templates of a workspace have the same. Example: Team Meeting.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<TemplateName>,
    /// Whether rooms that name no template use this one. Left out: false. It can change; at most one template of a workspace has it, and
    /// while there are others one keeps it. The service knows it in V1 of its API only; for V2 it is kept in the store. Example: true.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<bool>,
    /// How rooms behave. Left out: the service's settings are left alone. It can change; running sessions notice after joining again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub settings: Option<Settings>,
    /// Where rooms are streamed to and transcribed. Left out: left alone. It can change at any time. Not in V1 of the service's API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destinations: Option<Destinations>,
    /// How rooms are recorded: exactly one entry. Left out: left alone. It can change at any time. The list is owned whole. Not in V1 of
    /// the service's API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recordings: Option<List<Recording, 1, 1>>,
    /// Extra features of rooms. Left out: left alone. It can change at any time. Not in V1 of the service's API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub plugins: Option<Plugins>,
    /// Earlier values of metadata.name, which make a new name a rename and not a removal and a new template. Left out: the template is new
    /// or keeps its name. Once the rename is done the entry does nothing and may stay. Example: [meeting-old].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_names: Option<List<ObjectName, 10>>,
}

/// Extra features of rooms.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct Plugins {
    /// A board that everybody in the room can see. Left out: left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub whiteboard: Option<Whiteboard>,
    /// Live captions. Left out: left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcriptions: Option<Captions>,
    /// The filter that takes noise out of microphones. Left out: left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise_cancellation: Option<Switch>,
}

/// A board that everybody in the room can see.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct Whiteboard {
    /// Which roles may do what with the board. An mrole may be in several lists. Left out: left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<WhiteboardPermissions>,
}

/// Which roles may do what with the board.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct WhiteboardPermissions {
    /// The roles that may open and close the board, at most 50. Left out: left alone. The list is owned whole. Example: [host].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin: Option<Set<RoleName, 50>>,
    /// The roles that may draw on the board, at most 50. Left out: left alone. The list is owned whole. Example: [host, guest].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub writer: Option<Set<RoleName, 50>>,
    /// The roles that may see the board, at most 50. Left out: left alone. The list is owned whole. Example: [viewer].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reader: Option<Set<RoleName, 50>>,
}

choice! {
    /// What live transcription is for.
    pub enum CaptionMode {
        /// Captions in the room.
        Caption = "caption",
    }
}

/// Live captions.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct Captions {
    /// What live transcription is for: caption. Left out: caption.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mode: Option<CaptionMode>,
    /// Which roles may do what with captions. Left out: left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions: Option<CaptionPermissions>,
}

/// Which roles may do what with captions.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct CaptionPermissions {
    /// The roles that may switch captions on and off, at most 50. Left out: left alone. The list is owned whole. Example: [host].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin: Option<Set<RoleName, 50>>,
}

impl TemplateSpec {
    fn zips_recordings(&self) -> bool {
        let hls = self.destinations.as_ref().and_then(|destinations| destinations.hls_destinations.as_ref());
        let mut recordings = hls.into_iter().flat_map(|hls| hls.values()).filter_map(|hls| hls.recording.as_ref());
        recordings.any(|recording| recording.enable_zip_upload == Some(true))
    }

    fn has_own_bucket(&self) -> bool {
        let recording = self.settings.as_ref().and_then(|settings| settings.recording.as_ref());
        recording.is_some_and(|recording| recording.upload.is_some())
    }
}

// workspaceRef may change, because it has to follow a workspace that is renamed; the planner judges whether it is the same workspace.
impl Rules for TemplateSpec {
    const RULES: &'static [Rule<Self>] = &[Rule {
        field: "destinations",
        message: "cannot set enableZipUpload without a bucket of your own: write settings.recording.upload",
        cel: "!has(self.destinations) || !has(self.destinations.hlsDestinations) \
              || !self.destinations.hlsDestinations.exists(key, has(self.destinations.hlsDestinations[key].recording) \
              && has(self.destinations.hlsDestinations[key].recording.enableZipUpload) \
              && self.destinations.hlsDestinations[key].recording.enableZipUpload) \
              || (has(self.settings) && has(self.settings.recording) && has(self.settings.recording.upload))",
        holds: |spec| !spec.zips_recordings() || spec.has_own_bucket(),
    }];

    fn inside(&self, at: &Path<'_>, problems: &mut Vec<Problem>) {
        check_field(self.settings.as_ref(), at, "settings", problems);
        check_field(self.destinations.as_ref(), at, "destinations", problems);
    }
}
