//! Where rooms are streamed to and transcribed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::recordings::Thumbnails;
use super::{Pixels, RoleName, Seconds};
use crate::api::rule::{Path, Problem, Rule, Rules, attach, check_field, check_items, check_map};
use crate::api::types::{Int, List, Map, Number, SecretKeyRef, Set, StreamUrl, Text, choice};

/// A bit rate in kilobits per second.
type Kbps = Int<0, 100_000>;

/// Where rooms are streamed to and transcribed. The key of each entry is the name that the service knows it by, unless it has a name.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct Destinations {
    /// Recording what a browser in the room shows, at most 10. Left out: left alone. The map is owned whole. The service calls this
    /// deprecated: write recordings instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub browser_recordings: Option<Map<BrowserRecording, 10>>,
    /// Streaming to services such as YouTube, at most 10. Left out: left alone. The map is owned whole. A HIPAA workspace refuses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtmp_destinations: Option<Map<RtmpDestination, 10>>,
    /// Streaming to many viewers with HLS, at most 10. Left out: left alone. The map is owned whole. A HIPAA workspace refuses it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hls_destinations: Option<Map<HlsDestination, 10>>,
    /// Writing down what is said, at most 10. Left out: left alone. The map is owned whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transcriptions: Option<Map<Transcription, 10>>,
}

/// Recording what a browser in the room shows.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct BrowserRecording {
    /// The name of the recording. Left out: the key of the entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<128>>,
    /// The mrole of the template whose view is recorded, by its name at the service. Required. Example: host.
    pub role: RoleName,
    /// The width of the picture in pixels. Left out: left alone. Example: 1920.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<Pixels>,
    /// The height of the picture in pixels. Left out: left alone. Example: 1080.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<Pixels>,
    /// For how many seconds a recording runs at most. Left out: left alone. Example: 1800.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_duration: Option<Seconds>,
    /// For how many seconds the links to a recording work. Left out: left alone. Example: 3600.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presign_duration: Option<Seconds>,
    /// The still pictures that go with a recording. Left out: left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumbnails: Option<Thumbnails>,
    /// Whether recording starts when somebody joins. Left out: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_start: Option<bool>,
    /// How many seconds after the last one has left recording stops. Left out: left alone. Example: 500.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_stop_timeout: Option<Seconds>,
}

/// Streaming to services such as `YouTube`.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct RtmpDestination {
    /// The name of the destination. Left out: the key of the entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<128>>,
    /// The width of the picture in pixels. Left out: left alone. Example: 1280.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<Pixels>,
    /// The height of the picture in pixels. Left out: left alone. Example: 720.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<Pixels>,
    /// For how many seconds a stream runs at most. Left out: left alone. Example: 1800.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_duration: Option<Seconds>,
    /// Where the stream goes, at most 3 places. Left out: left alone. The list is owned whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtmp_urls: Option<List<RtmpUrl, 3>>,
    /// Whether the stream is recorded too. Left out: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording_enabled: Option<bool>,
    /// How many seconds after the last one has left the stream stops. Left out: left alone. Example: 300.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_stop_timeout: Option<Seconds>,
}

/// Where a stream goes.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline, transform = attach::<RtmpUrl>)]
pub struct RtmpUrl {
    /// The address, in clear. Exactly one of url and secretRef is written. Example: <rtmps://live.acme.example/app>.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub url: Option<StreamUrl>,
    /// The address, from a Secret, as it should be where it ends in a stream key. Exactly one of url and secretRef is written. Example:
    /// {name: acme-streams, key: main}.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_ref: Option<SecretKeyRef>,
}

choice! {
    /// What a viewer can go back to.
    pub enum PlaylistType {
        /// The beginning.
        Event = "event",
        /// The latest segments.
        Live = "live",
    }
}

/// Streaming to many viewers with HLS.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline, transform = attach::<HlsDestination>)]
pub struct HlsDestination {
    /// The name of the destination. Left out: the key of the entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<128>>,
    /// The mrole of the template whose view is streamed, by its name at the service. Left out: left alone; the service takes one of its
    /// own. Example: host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<RoleName>,
    /// For how many seconds a stream runs at most. Left out: left alone. Example: 28800.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_duration: Option<Seconds>,
    /// The sizes that are streamed, at most 6, the largest first. Left out: left alone. The list is owned whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<List<HlsLayer, 6>>,
    /// What viewers can go back to: event (the beginning) or live (the latest segments). Left out: left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub playlist_type: Option<PlaylistType>,
    /// How many segments of 2 seconds viewers can go back, 3 to 150. Left out: left alone; the service takes 5. It counts only with
    /// playlistType live. Example: 12.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub num_playlist_segments: Option<Int<3, 150>>,
    /// How many frames per second are streamed. Left out: left alone. Example: 25.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_frame_rate: Option<Int<1, 60>>,
    /// Whether applications can put data into the stream. Left out: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_metadata_insertion: Option<bool>,
    /// Whether every stream has the same address. Left out: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_static_url: Option<bool>,
    /// How many seconds after the last one has left the stream stops. Left out: left alone. Example: 300.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auto_stop_timeout: Option<Seconds>,
    /// Recording the stream. Left out: left alone; the service does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recording: Option<HlsRecording>,
}

/// A size that is streamed.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline, transform = attach::<HlsLayer>)]
pub struct HlsLayer {
    /// The width in pixels, an even number from 144 to 1920. The larger of the two sides has at least 192, the smaller at most 1080. Left
    /// out: the service's. Example: 1280.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<Int<144, 1920>>,
    /// The height in pixels, an even number from 144 to 1920. The larger of the two sides has at least 192, the smaller at most 1080. Left
    /// out: the service's. Example: 720.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<Int<144, 1920>>,
    /// The bit rate of the picture in kilobits per second. Left out: the service's. Example: 2048.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video_bitrate: Option<Kbps>,
    /// The bit rate of the sound in kilobits per second. Left out: the service's. Example: 64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_bitrate: Option<Kbps>,
}

/// Recording a stream.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline, transform = attach::<HlsRecording>)]
pub struct HlsRecording {
    /// Whether the stream can be watched again as it was. Left out: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hls_vod: Option<bool>,
    /// Whether each size is recorded into a file. Left out: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub single_file_per_layer: Option<bool>,
    /// Whether the recording is uploaded as one archive. Left out: false. It needs settings.recording.upload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enable_zip_upload: Option<bool>,
    /// The sizes that are recorded, at most 6, the largest first, each of them one of the sizes that are streamed. Left out: all that are
    /// streamed. The list is owned whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<List<HlsLayer, 6>>,
    /// The still pictures that go with the recording. Left out: left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thumbnails: Option<Thumbnails>,
    /// For how many seconds the links to the recording work. Left out: left alone. Example: 604800.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presign_duration: Option<Seconds>,
}

choice! {
    /// When what is said is written down.
    pub enum TranscriptionMode {
        /// After the call.
        Recorded = "recorded",
        /// For those who watch the stream. A HIPAA workspace refuses it.
        Live = "live",
        /// For those who are in the room.
        Caption = "caption",
    }
}

choice! {
    /// In which form it is written down.
    pub enum OutputMode {
        /// Plain text.
        Txt = "txt",
        /// Subtitles.
        Srt = "srt",
        /// Words with their times.
        Json = "json",
    }
}

choice! {
    /// How a section of a summary is written.
    pub enum SummaryFormat {
        /// As a list.
        Bullets = "bullets",
        /// As prose.
        Paragraph = "paragraph",
    }
}

/// Writing down what is said.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline, transform = attach::<Transcription>)]
pub struct Transcription {
    /// The name of the transcription. Left out: the key of the entry.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<Text<128>>,
    /// The mrole of the template, by its name at the service, that hears those who are written down. Required. Example: host.
    pub role: RoleName,
    /// When it is written down: recorded (after the call), live (for those who watch the stream), caption (for those in the room). Left
    /// out: left alone. The list is owned whole. Example: [recorded].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modes: Option<Set<TranscriptionMode, 3>>,
    /// In which form: txt, srt, json. Left out: left alone. Where modes is written it needs recorded. The list is owned whole.
    /// Example: [txt, srt].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_modes: Option<Set<OutputMode, 3>>,
    /// Words that are in no dictionary, at most 200. Left out: left alone. The list is owned whole. Example: [Muster].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub custom_vocabulary: Option<Set<Text<128>, 200>>,
    /// A summary of what was said. Left out: left alone. Where modes is written it needs recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub summary: Option<Summary>,
    /// Translating captions. Left out: left alone. Where modes is written it needs caption.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub translation: Option<Translation>,
}

/// A summary of what was said.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct Summary {
    /// Whether there is one. Left out: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// What the meetings are about, in at most 300 characters. Left out: left alone. Example: weekly meeting of the design team.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Text<300>>,
    /// How freely the summary is worded, 0.1 to 1.0. Left out: left alone; the service takes 0.5.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<Number<100, 1000>>,
    /// The sections of the summary, at most 6. Left out: left alone. The list is owned whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sections: Option<List<SummarySection, 6>>,
}

/// A section of a summary.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct SummarySection {
    /// The heading, in at most 100 characters. Required. Example: Action Items.
    pub title: Text<100>,
    /// How it is written: bullets or paragraph. Required.
    pub format: SummaryFormat,
}

/// Translating captions.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct Translation {
    /// Whether captions are translated. Left out: false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The language of the captions for each mrole, by its name at the service, at most 50. Left out: left alone. The map is owned whole.
    /// Example: {guest: fr}.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role_languages: Option<Map<Text<35>, 50>>,
}

impl Rules for Destinations {
    fn inside(&self, at: &Path<'_>, problems: &mut Vec<Problem>) {
        check_map(self.rtmp_destinations.as_deref(), at, "rtmpDestinations", problems);
        check_map(self.hls_destinations.as_deref(), at, "hlsDestinations", problems);
        check_map(self.transcriptions.as_deref(), at, "transcriptions", problems);
    }
}

impl Rules for RtmpDestination {
    fn inside(&self, at: &Path<'_>, problems: &mut Vec<Problem>) {
        check_items(self.rtmp_urls.as_deref(), at, "rtmpUrls", problems);
    }
}

impl Rules for RtmpUrl {
    const RULES: &'static [Rule<Self>] = &[Rule {
        field: "",
        message: "must have exactly one of url and secretRef",
        cel: "has(self.url) != has(self.secretRef)",
        holds: |place| place.url.is_some() != place.secret_ref.is_some(),
    }];
}

fn descending(layers: Option<&[HlsLayer]>) -> bool {
    let pixels = |layer: &HlsLayer| layer.width.zip(layer.height).map(|(width, height)| width.get() * height.get());
    layers.unwrap_or_default().windows(2).all(|pair| {
        let smaller = pixels(&pair[0]).zip(pixels(&pair[1])).is_none_or(|(first, second)| first >= second);
        smaller && pair[0].video_bitrate.zip(pair[1].video_bitrate).is_none_or(|(first, second)| first >= second)
    })
}

const DESCENDING_MESSAGE: &str =
    "must have the largest size first: neither pixels nor videoBitrate may grow from one layer to the next";
const DESCENDING_CEL: &str = "!has(self.layers) || [0, 1, 2, 3, 4].all(i, i + 1 >= size(self.layers) || \
    ((!has(self.layers[i].width) || !has(self.layers[i].height) || !has(self.layers[i + 1].width) || !has(self.layers[i + 1].height) \
    || self.layers[i].width * self.layers[i].height >= self.layers[i + 1].width * self.layers[i + 1].height) \
    && (!has(self.layers[i].videoBitrate) || !has(self.layers[i + 1].videoBitrate) \
    || self.layers[i].videoBitrate >= self.layers[i + 1].videoBitrate)))";

// Kubernetes gives the two lists different types, so that neither == nor in applies to their entries.
const RECORDED_CEL: &str = "!has(self.layers) || !has(self.recording) || !has(self.recording.layers) \
    || self.recording.layers.all(one, self.layers.exists(other, \
    has(one.width) == has(other.width) && (!has(one.width) || one.width == other.width) \
    && has(one.height) == has(other.height) && (!has(one.height) || one.height == other.height) \
    && has(one.videoBitrate) == has(other.videoBitrate) && (!has(one.videoBitrate) || one.videoBitrate == other.videoBitrate) \
    && has(one.audioBitrate) == has(other.audioBitrate) && (!has(one.audioBitrate) || one.audioBitrate == other.audioBitrate)))";

impl Rules for HlsDestination {
    const RULES: &'static [Rule<Self>] = &[
        Rule {
            field: "layers",
            message: DESCENDING_MESSAGE,
            cel: DESCENDING_CEL,
            holds: |hls| descending(hls.layers.as_deref()),
        },
        Rule {
            field: "recording",
            message: "can only record layers that are streamed: each of recording.layers must be one of layers, with the same values",
            cel: RECORDED_CEL,
            holds: |hls| {
                let recorded = hls.recording.as_ref().and_then(|recording| recording.layers.as_ref());
                hls.layers.as_ref().zip(recorded).is_none_or(|(all, some)| some.iter().all(|layer| all.contains(layer)))
            },
        },
    ];

    fn inside(&self, at: &Path<'_>, problems: &mut Vec<Problem>) {
        check_items(self.layers.as_deref(), at, "layers", problems);
        check_field(self.recording.as_ref(), at, "recording", problems);
    }
}

impl Rules for HlsRecording {
    const RULES: &'static [Rule<Self>] = &[Rule {
        field: "layers",
        message: DESCENDING_MESSAGE,
        cel: DESCENDING_CEL,
        holds: |recording| descending(recording.layers.as_deref()),
    }];

    fn inside(&self, at: &Path<'_>, problems: &mut Vec<Problem>) {
        check_items(self.layers.as_deref(), at, "layers", problems);
    }
}

impl Rules for HlsLayer {
    const RULES: &'static [Rule<Self>] = &[
        Rule {
            field: "",
            message: "must have an even width and height",
            cel: "(!has(self.width) || self.width % 2 == 0) && (!has(self.height) || self.height % 2 == 0)",
            holds: |layer| [layer.width, layer.height].into_iter().flatten().all(|side| side.get() % 2 == 0),
        },
        Rule {
            field: "",
            message: "must have a larger side of at least 192 and a smaller side of at most 1080 pixels",
            cel: "!has(self.width) || !has(self.height) \
                  || ((self.width >= 192 || self.height >= 192) && (self.width <= 1080 || self.height <= 1080))",
            holds: |layer| {
                layer
                    .width
                    .zip(layer.height)
                    .is_none_or(|(width, height)| width.max(height).get() >= 192 && width.min(height).get() <= 1080)
            },
        },
    ];
}

impl Transcription {
    fn has_mode(&self, mode: TranscriptionMode) -> bool {
        self.modes.as_ref().is_none_or(|modes| modes.contains(&mode))
    }
}

impl Rules for Transcription {
    const RULES: &'static [Rule<Self>] = &[
        Rule {
            field: "modes",
            message: "must contain recorded, because outputModes or summary is written",
            cel: "!has(self.modes) || 'recorded' in self.modes || (!has(self.outputModes) && !has(self.summary))",
            holds: |it| it.has_mode(TranscriptionMode::Recorded) || (it.output_modes.is_none() && it.summary.is_none()),
        },
        Rule {
            field: "modes",
            message: "must contain caption, because translation is written",
            cel: "!has(self.modes) || 'caption' in self.modes || !has(self.translation)",
            holds: |it| it.has_mode(TranscriptionMode::Caption) || it.translation.is_none(),
        },
    ];
}
