//! What the participants of an mrole may send, and how.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::rule::{Path, Problem, Rule, Rules, attach, check_field};
use super::types::{Int, List, Number, Set, choice};

choice! {
    /// Something that can be sent.
    pub enum Track {
        /// The microphone.
        Audio = "audio",
        /// The camera.
        Video = "video",
        /// The screen.
        Screen = "screen",
    }
}

choice! {
    /// How sound is encoded.
    pub enum AudioCodec {
        /// Opus.
        Opus = "opus",
    }
}

choice! {
    /// How pictures are encoded.
    pub enum VideoCodec {
        /// VP8.
        Vp8 = "vp8",
    }
}

choice! {
    /// A width and height for the camera by name.
    pub enum VideoQuality {
        /// 1920 x 1080.
        P1080 = "1080p",
        /// 1280 x 720.
        P720 = "720p",
        /// 854 x 480.
        P480 = "480p",
        /// 640 x 360.
        P360 = "360p",
        /// 426 x 240.
        P240 = "240p",
        /// 214 x 120.
        P120 = "120p",
    }
}

impl VideoQuality {
    /// The width and height that the name stands for.
    #[must_use]
    pub const fn size(self) -> (i64, i64) {
        match self {
            Self::P1080 => (1920, 1080),
            Self::P720 => (1280, 720),
            Self::P480 => (854, 480),
            Self::P360 => (640, 360),
            Self::P240 => (426, 240),
            Self::P120 => (214, 120),
        }
    }
}

choice! {
    /// A width and height for the screen by name.
    pub enum ScreenQuality {
        /// 1920 x 1080.
        P1080 = "1080p",
        /// 1280 x 720.
        P720 = "720p",
    }
}

impl ScreenQuality {
    /// The width and height that the name stands for.
    #[must_use]
    pub const fn size(self) -> (i64, i64) {
        match self {
            Self::P1080 => (1920, 1080),
            Self::P720 => (1280, 720),
        }
    }
}

choice! {
    /// The name of a layer, from the largest to the smallest.
    pub enum Rid {
        /// Full.
        Full = "f",
        /// Half.
        Half = "h",
        /// Quarter.
        Quarter = "q",
    }
}

/// What participants may send, and how.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct PublishParams {
    /// What can be sent: audio, video, screen. Left out: left alone; the service allows all three. An empty list: nothing. The list is
    /// owned whole. Example: [audio, video].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Set<Track, 3>>,
    /// How the microphone is sent. Left out: left alone. It counts only where audio is allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio: Option<Audio>,
    /// How the camera is sent. Left out: left alone. It counts only where video is allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video: Option<Video>,
    /// How the screen is sent. Left out: left alone. It counts only where screen is allowed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screen: Option<Screen>,
    /// Sending the same picture in several sizes. Left out: left alone. Not in V1 of the service's API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub simulcast: Option<Simulcast>,
}

/// How the microphone is sent.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct Audio {
    /// The highest bit rate in kilobits per second, 16 to 128. Left out: left alone; the service takes 32.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_rate: Option<Int<16, 128>>,
    /// How sound is encoded: opus. Left out: opus.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec: Option<AudioCodec>,
}

/// How the camera is sent.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline, transform = attach::<Video>)]
pub struct Video {
    /// The highest bit rate in kilobits per second, 30 to 2000. Left out: left alone; the service documents 256 and takes 300 (V1 of its
    /// API: 250).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_rate: Option<Int<30, 2000>>,
    /// How pictures are encoded: vp8. Left out: vp8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec: Option<VideoCodec>,
    /// How many pictures per second at most, 1 to 30. Left out: left alone; the service documents 25 and takes 30.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_rate: Option<Int<1, 30>>,
    /// The width in pixels, 50 to 1920, or what policy.templates.validation: Lenient lets pass. Left out: left alone; the service documents 320 and takes 480. Not beside quality.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<Int<1, 4096>>,
    /// The height in pixels, 50 to 1080, or what policy.templates.validation: Lenient lets pass. Left out: left alone; the service documents 180 and takes 360 (V1 of its API: 270). Not beside
    /// quality.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<Int<1, 4096>>,
    /// Width and height by name: 1080p (1920 x 1080), 720p (1280 x 720), 480p (854 x 480), 360p (640 x 360), 240p (426 x 240) or 120p (214
    /// x 120). Left out: width and height count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<VideoQuality>,
}

/// How the screen is sent.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline, transform = attach::<Screen>)]
pub struct Screen {
    /// The highest bit rate in kilobits per second, 500 or more. Left out: left alone; the service documents 1024.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bit_rate: Option<Int<500, 1_000_000>>,
    /// How pictures are encoded: vp8. Left out: vp8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub codec: Option<VideoCodec>,
    /// How many pictures per second at most, 1 to 30. Left out: left alone; the service takes 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frame_rate: Option<Int<1, 30>>,
    /// The width in pixels, 480 to 1920, or what policy.templates.validation: Lenient lets pass. Left out: left alone; the service documents 1280 and takes 1920. Not beside quality.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<Int<1, 4096>>,
    /// The height in pixels, 270 to 1080, or what policy.templates.validation: Lenient lets pass. Left out: left alone; the service documents 720 and takes 1080. Not beside quality.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<Int<1, 4096>>,
    /// Width and height by name: 1080p (1920 x 1080) or 720p (1280 x 720). Left out: width and height count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<ScreenQuality>,
}

/// Sending the same picture in several sizes.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct Simulcast {
    /// The sizes of the camera. Left out: left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub video: Option<SimulcastTrack>,
    /// The sizes of the screen. Left out: left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screen: Option<SimulcastTrack>,
}

/// The sizes of one track.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline, transform = attach::<SimulcastTrack>)]
pub struct SimulcastTrack {
    /// The sizes, at most 3, the largest first. The first is f with a scaleResolutionDownBy of 1. Left out: left alone. The list is owned
    /// whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<List<SimulcastLayer, 3>>,
}

/// One size of a track.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(inline)]
pub struct SimulcastLayer {
    /// The name of the size: f, h or q, in this order. Required.
    pub rid: Rid,
    /// By how much width and height are divided, 1 to 12, more from each layer to the next. Required. Example: 2.
    pub scale_resolution_down_by: Number<1000, 12_000>,
    /// How many pictures per second at most, 1 to 30. Required. Example: 25.
    pub max_framerate: Int<1, 30>,
    /// The highest bit rate in kilobits per second, 0 to 2000. Left out: 0. Example: 350.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_bitrate: Option<Int<0, 2000>>,
}

impl Rules for PublishParams {
    fn inside(&self, at: &Path<'_>, problems: &mut Vec<Problem>) {
        check_field(self.video.as_ref(), at, "video", problems);
        check_field(self.screen.as_ref(), at, "screen", problems);
        check_field(self.simulcast.as_ref(), at, "simulcast", problems);
    }
}

const QUALITY: &str = "!has(self.quality) || (!has(self.width) && !has(self.height))";
const QUALITY_MESSAGE: &str = "stands for a width and a height, so it cannot stand beside one of them";

impl Rules for Video {
    const RULES: &'static [Rule<Self>] = &[Rule {
        field: "quality",
        message: QUALITY_MESSAGE,
        cel: QUALITY,
        holds: |video| video.quality.is_none() || (video.width.is_none() && video.height.is_none()),
    }];
}

impl Rules for Screen {
    const RULES: &'static [Rule<Self>] = &[Rule {
        field: "quality",
        message: QUALITY_MESSAGE,
        cel: QUALITY,
        holds: |screen| screen.quality.is_none() || (screen.width.is_none() && screen.height.is_none()),
    }];
}

impl Rules for Simulcast {
    fn inside(&self, at: &Path<'_>, problems: &mut Vec<Problem>) {
        check_field(self.video.as_ref(), at, "video", problems);
        check_field(self.screen.as_ref(), at, "screen", problems);
    }
}

impl SimulcastTrack {
    fn steps(&self, each: impl Fn(&SimulcastLayer, &SimulcastLayer) -> bool) -> bool {
        self.layers.as_deref().unwrap_or_default().windows(2).all(|pair| each(&pair[0], &pair[1]))
    }
}

impl Rules for SimulcastTrack {
    const RULES: &'static [Rule<Self>] = &[
        Rule {
            field: "layers",
            message: "must begin with rid f and scaleResolutionDownBy 1",
            cel: "!has(self.layers) || size(self.layers) == 0 \
                  || (self.layers[0].rid == 'f' && double(self.layers[0].scaleResolutionDownBy) == 1.0)",
            holds: |track| {
                let first = track.layers.as_deref().and_then(<[_]>::first);
                first.is_none_or(|layer| layer.rid == Rid::Full && layer.scale_resolution_down_by.get() <= 1.0)
            },
        },
        Rule {
            field: "layers",
            message: "must have rids in the order f, h, q, each at most once",
            cel: "!has(self.layers) || [0, 1].all(i, i + 1 >= size(self.layers) || self.layers[i].rid < self.layers[i + 1].rid)",
            holds: |track| track.steps(|first, second| first.rid < second.rid),
        },
        Rule {
            field: "layers",
            message: "must have a larger scaleResolutionDownBy from each layer to the next",
            cel: "!has(self.layers) || [0, 1].all(i, i + 1 >= size(self.layers) \
                  || double(self.layers[i].scaleResolutionDownBy) < double(self.layers[i + 1].scaleResolutionDownBy))",
            holds: |track| track.steps(|first, second| first.scale_resolution_down_by < second.scale_resolution_down_by),
        },
    ];
}
