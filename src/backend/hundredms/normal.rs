use serde_json::{Map, Value, json};

use super::Api;
use crate::tenancy::Digest;

/// Stands among the entries of a map or list that is owned whole, and says which there are: nothing else that is said of it could
/// tell that one is too many. A name at 100ms never is this.
pub use crate::plan::mirror::ENTRIES;

/// Stands in an object whose presence alone means something.
pub const PRESENT: &str = "present";

/// The only way of recording that a template can have.
pub const RECORDING: &str = "0";

/// Whose fields are brought into normal form.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A document's, which manages only what it writes: within an object that is written, what is left out has the value that is
    /// documented, and what has none is left alone.
    Wanted,
    /// The service's, which leaves out what is false, empty or as usual: that is filled in, wherever a document could name it.
    Found,
}

/// What a field is when it is left out.
#[derive(Clone, Copy)]
enum Otherwise {
    False,
    True,
    Zero,
    /// The key of the entry that it is in.
    Key,
    /// Only an answer leaves it out, for that nothing is in it; a document leaves it alone.
    Nothing,
}

/// `*` stands for each entry.
const ROLE: &[(&str, Otherwise)] = &[
    ("publishParams.allowed", Otherwise::Nothing),
    ("publishParams.simulcast.video.layers", Otherwise::Nothing),
    ("publishParams.simulcast.video.layers.*.maxBitrate", Otherwise::Zero),
    ("publishParams.simulcast.screen.layers", Otherwise::Nothing),
    ("publishParams.simulcast.screen.layers.*.maxBitrate", Otherwise::Zero),
    ("subscribeParams.subscribeToRoles", Otherwise::Nothing),
    ("permissions.endRoom", Otherwise::False),
    ("permissions.removeOthers", Otherwise::False),
    ("permissions.mute", Otherwise::False),
    ("permissions.unmute", Otherwise::False),
    ("permissions.changeRole", Otherwise::False),
];

const ROLE_V1: &[(&str, Otherwise)] = &[
    ("permissions.browserRecording", Otherwise::False),
    ("permissions.rtmpStreaming", Otherwise::False),
    ("permissions.hlsStreaming", Otherwise::False),
];

const ROLE_V2: &[(&str, Otherwise)] = &[
    ("maxPeerCount", Otherwise::Zero),
    ("permissions.sendRoomState", Otherwise::False),
    ("permissions.pollRead", Otherwise::False),
    ("permissions.pollWrite", Otherwise::False),
    ("permissions.browserRecording", Otherwise::True),
    ("permissions.rtmpStreaming", Otherwise::True),
    ("permissions.hlsStreaming", Otherwise::True),
];

const TEMPLATE: &[(&str, Otherwise)] = &[
    ("settings.recording.enabled", Otherwise::False),
    ("settings.roomState.enabled", Otherwise::False),
    ("settings.roomState.sendPeerList", Otherwise::False),
    ("destinations.browserRecordings.*.name", Otherwise::Key),
    ("destinations.browserRecordings.*.autoStart", Otherwise::False),
    ("destinations.browserRecordings.*.thumbnails.enabled", Otherwise::False),
    ("destinations.browserRecordings.*.thumbnails.offsets", Otherwise::Nothing),
    ("destinations.rtmpDestinations.*.name", Otherwise::Key),
    ("destinations.rtmpDestinations.*.recordingEnabled", Otherwise::False),
    ("destinations.hlsDestinations.*.name", Otherwise::Key),
    ("destinations.hlsDestinations.*.layers", Otherwise::Nothing),
    ("destinations.hlsDestinations.*.enableMetadataInsertion", Otherwise::False),
    ("destinations.hlsDestinations.*.enableStaticUrl", Otherwise::False),
    ("destinations.hlsDestinations.*.recording.hlsVod", Otherwise::False),
    ("destinations.hlsDestinations.*.recording.singleFilePerLayer", Otherwise::False),
    ("destinations.hlsDestinations.*.recording.enableZipUpload", Otherwise::False),
    ("destinations.hlsDestinations.*.recording.layers", Otherwise::Nothing),
    ("destinations.hlsDestinations.*.recording.thumbnails.enabled", Otherwise::False),
    ("destinations.hlsDestinations.*.recording.thumbnails.offsets", Otherwise::Nothing),
    ("destinations.transcriptions.*.name", Otherwise::Key),
    ("destinations.transcriptions.*.modes", Otherwise::Nothing),
    ("destinations.transcriptions.*.outputModes", Otherwise::Nothing),
    ("destinations.transcriptions.*.customVocabulary", Otherwise::Nothing),
    ("destinations.transcriptions.*.summary.enabled", Otherwise::False),
    ("destinations.transcriptions.*.summary.sections", Otherwise::Nothing),
    ("destinations.transcriptions.*.translation.enabled", Otherwise::False),
    ("recordings.*.thumbnails.enabled", Otherwise::False),
    ("recordings.*.thumbnails.offsets", Otherwise::Nothing),
    ("recordings.*.compositeRecording.browserComposite.autoStart", Otherwise::False),
    ("recordings.*.compositeRecording.customComposite.enabled", Otherwise::False),
    ("recordings.*.trackRecording.enabled", Otherwise::False),
    ("recordings.*.streamRecording.enabled", Otherwise::False),
    ("plugins.whiteboard.permissions.admin", Otherwise::Nothing),
    ("plugins.whiteboard.permissions.writer", Otherwise::Nothing),
    ("plugins.whiteboard.permissions.reader", Otherwise::Nothing),
    ("plugins.transcriptions.permissions.admin", Otherwise::Nothing),
    ("plugins.noiseCancellation.enabled", Otherwise::False),
];

/// The maps that a document owns whole. The entries of `rtmpUrls` are its numbers.
const WHOLE: &[&str] = &[
    "destinations.browserRecordings",
    "destinations.rtmpDestinations",
    "destinations.hlsDestinations",
    "destinations.transcriptions",
    "destinations.transcriptions.*.translation.roleLanguages",
];

/// The lists whose order means nothing.
const SETS: &[&str] =
    &["admin", "allowed", "customVocabulary", "modes", "offsets", "outputModes", "reader", "subscribeToRoles", "writer"];

/// Brings the fields of a role into normal form.
pub fn role(fields: &mut Map<String, Value>, api: Api, side: Side) {
    tidy(fields);
    let more = if api == Api::V1 { ROLE_V1 } else { ROLE_V2 };
    fill(fields, &[ROLE, more].concat(), side);
    let degradation = fields.get_mut("subscribeParams").and_then(|params| params.get_mut("subscribeDegradation"));
    // V1 answers with an empty one whether it is there or not.
    if let (Some(Value::Object(degradation)), Api::V2) = (degradation, api) {
        degradation.insert(PRESENT.to_owned(), true.into());
    }
}

/// Brings the fields of a template into normal form. Lists of recordings and of stream addresses must be maps already.
pub fn template(fields: &mut Map<String, Value>, side: Side) {
    tidy(fields);
    fill(fields, TEMPLATE, side);
    for path in WHOLE {
        let path: Vec<&str> = path.split('.').collect();
        each(fields, &path, "", side == Side::Found, &mut |parent, name, _| {
            if side == Side::Found {
                parent.entry(name).or_insert_with(|| json!({}));
            }
            if let Some(entries) = parent.get_mut(name).and_then(Value::as_object_mut) {
                entries.remove(ENTRIES);
                let names: Vec<&String> = entries.keys().collect();
                let names = json!(names);
                entries.insert(ENTRIES.to_owned(), names);
            }
        });
    }
}

/// The fields of a role as the service answers them.
pub fn role_found(raw: &Value, api: Api) -> Map<String, Value> {
    let mut fields = raw.as_object().cloned().unwrap_or_default();
    fields.remove("name");
    if api == Api::V1 && fields.get("maxPeerCount") == Some(&json!(0)) {
        fields.remove("maxPeerCount");
    }
    role(&mut fields, api, Side::Found);
    fields
}

/// The fields of a template as the service answers them, without its roles, without its credentials, and with no address of a stream
/// in clear but those in `ours`.
pub fn template_found(raw: &Value, recording: Option<&Value>, ours: &[&str], api: Api) -> Map<String, Value> {
    let managed = ["default", "settings", "destinations", "plugins"];
    let managed = managed.iter().filter_map(|name| Some(((*name).to_owned(), raw.get(*name)?.clone())));
    let mut fields: Map<String, Value> = managed.collect();
    let upload = fields.get_mut("settings").and_then(|settings| settings.pointer_mut("/recording/upload"));
    if let Some(upload) = upload.and_then(Value::as_object_mut) {
        upload.remove("credentials");
    }
    let streams = fields.get_mut("destinations").and_then(|destinations| destinations.get_mut("rtmpDestinations"));
    for stream in streams.and_then(Value::as_object_mut).into_iter().flat_map(|streams| streams.values_mut()) {
        let urls = stream.get("rtmpUrls").and_then(Value::as_array).cloned().unwrap_or_default();
        let shown = urls.iter().map(|url| url.as_str().unwrap_or_default()).map(|url| match ours.contains(&url) {
            true => url.to_owned(),
            false => masked(url),
        });
        let mut shown: Map<String, Value> = shown.enumerate().map(|(number, url)| (number.to_string(), url.into())).collect();
        shown.insert(ENTRIES.to_owned(), urls.len().into());
        if let Some(stream) = stream.as_object_mut() {
            stream.insert("rtmpUrls".to_owned(), shown.into());
        }
    }
    as_documented(&mut fields);
    if let Some(recording) = recording {
        fields.insert("recordings".to_owned(), json!({ RECORDING: recording }));
    }
    match api {
        Api::V1 => drop(fields.entry("default").or_insert(false.into())),
        Api::V2 => drop(fields.remove("default")),
    }
    template(&mut fields, Side::Found);
    fields
}

/// Captions are an object in the documentation, and a list of one in some answers.
pub fn as_documented(template: &mut Map<String, Value>) {
    let captions = template.get_mut("plugins").and_then(|plugins| plugins.get_mut("transcriptions"));
    if let Some(captions) = captions
        && let Some(list) = captions.as_array_mut()
    {
        *captions = if list.is_empty() { json!({}) } else { list.swap_remove(0) };
    }
}

/// A list of recordings, which has one entry, becomes a map, so that what the service fills in does not make it another.
pub fn recordings(fields: &mut Map<String, Value>) {
    if let Some(Value::Array(list)) = fields.get_mut("recordings") {
        let entry = list.drain(..).next().map(|entry| (RECORDING.to_owned(), entry));
        let entries: Map<String, Value> = entry.into_iter().collect();
        fields.insert("recordings".to_owned(), entries.into());
    }
}

/// The path of an address that a stream goes to.
pub fn url_path(stream: &str, number: usize) -> String {
    format!("destinations.rtmpDestinations.{stream}.rtmpUrls.{number}")
}

/// An address without what may be a stream key or a password: it is still told apart from others.
fn masked(url: &str) -> String {
    let place = url.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = place.split_once("://").unwrap_or(("", place));
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let before = rest.rsplit_once('/').map_or("", |(before, _)| before);
    let digest = Digest::of(url.as_bytes()).to_string();
    format!("{scheme}://{before}/({})", &digest["sha256:".len()..][..8])
}

/// Null is nothing, numbers are whole where they can be, and lists whose order means nothing are sorted.
fn tidy(fields: &mut Map<String, Value>) {
    fields.retain(|_, value| !value.is_null());
    for (name, value) in fields {
        tidy_value(value);
        if let Value::Array(items) = value
            && SETS.contains(&name.as_str())
        {
            items.sort_by_key(Value::to_string);
            items.dedup();
        }
    }
}

fn tidy_value(value: &mut Value) {
    match value {
        Value::Object(fields) => tidy(fields),
        Value::Array(items) => items.iter_mut().for_each(tidy_value),
        Value::Number(number) => {
            // Only a whole number prints without a point.
            let whole =
                number.as_f64().filter(|value| number.is_f64() && value.fract() == 0.0).map(|value| format!("{value:.0}"));
            if let Some(whole) = whole.and_then(|whole| whole.parse::<i64>().ok()) {
                *value = whole.into();
            }
        }
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

fn fill(fields: &mut Map<String, Value>, table: &[(&str, Otherwise)], side: Side) {
    for (path, otherwise) in table {
        let path: Vec<&str> = path.split('.').collect();
        each(fields, &path, "", side == Side::Found, &mut |parent, name, key| {
            let value = match otherwise {
                Otherwise::False => false.into(),
                Otherwise::True => true.into(),
                Otherwise::Zero => 0.into(),
                Otherwise::Key => key.into(),
                Otherwise::Nothing if side == Side::Found => json!([]),
                Otherwise::Nothing => return,
            };
            parent.entry(name).or_insert(value);
        });
    }
}

/// What is done with an object, the name of one of its fields, and the key of the entry that it is in.
type Then<'t> = dyn FnMut(&mut Map<String, Value>, &str, &str) + 't;

/// Calls for every object that the path leads to but its last part, with that part and the key of the entry that it is in. What is
/// missing on the way is made, or ends the way.
fn each(fields: &mut Map<String, Value>, path: &[&str], key: &str, make: bool, then: &mut Then<'_>) {
    match path {
        [] => {}
        [last] => then(fields, last, key),
        ["*", rest @ ..] => {
            for (name, value) in fields.iter_mut().filter(|(name, _)| *name != ENTRIES) {
                if let Value::Object(entry) = value {
                    each(entry, rest, name, make, then);
                }
            }
        }
        [first, rest @ ..] => {
            if make && !fields.contains_key(*first) {
                fields.insert((*first).to_owned(), json!({}));
            }
            match fields.get_mut(*first) {
                Some(Value::Object(inner)) => each(inner, rest, key, make, then),
                Some(Value::Array(items)) if rest.first() == Some(&"*") => {
                    for entry in items.iter_mut().filter_map(Value::as_object_mut) {
                        each(entry, &rest[1..], key, make, then);
                    }
                }
                _ => {}
            }
        }
    }
}
