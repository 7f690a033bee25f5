//! What the service makes of what it is sent: it fills in what is left out, drops what is false, and drops empty lists.

use serde_json::{Map, Value, json};

/// Who fills in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    V1,
    V2 { fills_in: bool },
}

/// The permissions that are left out when they are false.
const OMITTED: [&str; 7] = ["endRoom", "removeOthers", "mute", "unmute", "changeRole", "pollRead", "pollWrite"];
const STREAMING: [&str; 3] = ["browserRecording", "rtmpStreaming", "hlsStreaming"];

/// A role as it is kept.
pub fn role(name: &str, sent: &Value, profile: Profile) -> Value {
    let mut role = object(sent);
    role.insert("name".to_owned(), name.into());
    if profile != (Profile::V2 { fills_in: false }) {
        fill(&mut role, &missing(profile));
    }
    let permissions = role.entry("permissions").or_insert_with(|| json!({}));
    if let Some(permissions) = permissions.as_object_mut() {
        match profile {
            Profile::V1 => permissions.retain(|_, value| *value != false),
            Profile::V2 { .. } => {
                permissions.retain(|name, value| !OMITTED.contains(&name.as_str()) || *value != false);
                for name in STREAMING {
                    permissions.entry(name).or_insert(true.into());
                }
            }
        }
    }
    drop_empty(&mut role, "publishParams", "allowed");
    drop_empty(&mut role, "subscribeParams", "subscribeToRoles");
    role.into()
}

fn missing(profile: Profile) -> Value {
    let tracks = |video: Value| {
        json!({
            "allowed": ["video", "screen", "audio"],
            "audio": {"bitRate": 32, "codec": "opus"},
            "video": video,
            "screen": {"codec": "vp8", "frameRate": 10, "width": 1920, "height": 1080},
        })
    };
    let layer = |rid, down, most| json!({"rid": rid, "scaleResolutionDownBy": down, "maxBitrate": most, "maxFramerate": 25});
    if profile == Profile::V1 {
        return json!({
            "publishParams": tracks(json!({"bitRate": 250, "codec": "vp8", "frameRate": 30, "width": 480, "height": 270})),
            "subscribeParams": {"subscribeToRoles": ["guest"], "maxSubsBitRate": 3200, "subscribeDegradation": {}},
        });
    }
    let mut publish = tracks(json!({"bitRate": 300, "codec": "vp8", "frameRate": 30, "width": 480, "height": 360}));
    publish["simulcast"] =
        json!({"video": {"layers": [layer("f", 1, 700), layer("h", 2, 350), layer("q", 4, 100)]}, "screen": {}});
    let degradation = json!({"packetLossThreshold": 25, "degradeGracePeriodSeconds": 1, "recoverGracePeriodSeconds": 4});
    json!({
        "publishParams": publish,
        "subscribeParams": {"subscribeToRoles": ["guest"], "maxSubsBitRate": 3200, "subscribeDegradation": degradation},
        "permissions": {"sendRoomState": false},
        "priority": 1,
        "maxPeerCount": 0,
    })
}

/// Settings as they are kept; V1 fills nothing in.
pub fn settings(sent: Option<&Value>, profile: Profile) -> Option<Value> {
    if profile == Profile::V1 && sent.is_none() {
        return None;
    }
    let mut settings = sent.map(object).unwrap_or_default();
    if let Some(recording) = settings.get_mut("recording").and_then(Value::as_object_mut) {
        recording.retain(|name, value| name != "enabled" || *value != false);
        if let Some(credentials) = recording.get_mut("upload").and_then(|upload| upload.get_mut("credentials")) {
            rename_secret(credentials);
        }
    }
    if profile == (Profile::V2 { fills_in: true }) {
        let state = json!({"messageInterval": 5, "sendPeerList": false, "stopRoomStateOnJoin": true, "enabled": false});
        fill(&mut settings, &json!({"region": "in", "recording": null, "roomState": state}));
    }
    if profile != Profile::V1 {
        settings.insert("retry".to_owned(), json!({}));
    }
    Some(settings.into())
}

/// V1 calls it `secret` and V2 `secretKey`; what is answered is `secret`.
fn rename_secret(credentials: &mut Value) {
    if let Some(credentials) = credentials.as_object_mut()
        && let Some(secret) = credentials.remove("secretKey")
    {
        credentials.insert("secret".to_owned(), secret);
    }
}

/// Destinations as they are kept.
pub fn destinations(sent: Option<&Value>, profile: Profile) -> Value {
    let mut destinations: Value = sent.map(object).unwrap_or_default().into();
    drop_disabled(&mut destinations);
    if profile == (Profile::V2 { fills_in: true })
        && let Some(streams) = destinations.get_mut("hlsDestinations").and_then(Value::as_object_mut)
    {
        let layer = |(width, height, most)| json!({"width": width, "height": height, "videoBitrate": most, "audioBitrate": 64});
        let layers: Value =
            [(1280, 720, 2048), (960, 540, 1228), (852, 480, 850), (640, 360, 500)].map(layer).into_iter().collect();
        for stream in streams.values_mut().filter_map(Value::as_object_mut) {
            fill(stream, &json!({"role": "__internal_recorder", "layers": layers}));
        }
    }
    destinations
}

/// One way of recording as it is kept: what is false is dropped.
pub fn recording(sent: &Value) -> Value {
    let mut kept = sent.clone();
    drop_false(&mut kept);
    kept
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn fill(there: &mut Map<String, Value>, missing: &Value) {
    for (name, value) in missing.as_object().into_iter().flatten() {
        match there.get_mut(name) {
            None => drop(there.insert(name.clone(), value.clone())),
            Some(Value::Object(there)) if value.is_object() => fill(there, value),
            Some(_) => {}
        }
    }
}

fn drop_empty(role: &mut Map<String, Value>, part: &str, list: &str) {
    if let Some(part) = role.get_mut(part).and_then(Value::as_object_mut) {
        part.retain(|name, value| name != list || value.as_array().is_none_or(|items| !items.is_empty()));
    }
}

fn drop_false(value: &mut Value) {
    if let Some(object) = value.as_object_mut() {
        object.retain(|_, value| *value != false);
        object.values_mut().for_each(drop_false);
    }
}

fn drop_disabled(value: &mut Value) {
    if let Some(object) = value.as_object_mut() {
        object.retain(|name, value| name != "enabled" || *value != false);
        object.values_mut().for_each(drop_disabled);
    }
}
