//! A document and what the service answers about it are the same in normal form, however either was written.

use serde_json::{Value, json};

use super::*;

const NONE: Vec<String> = Vec::new();

#[test]
fn lists_whose_order_means_nothing_are_the_same_in_any_order() {
    let spec = json!({"publishParams": {"allowed": ["video", "audio"]}, "subscribeParams": {"subscribeToRoles": ["a", "b"]}});
    let answered = json!({"publishParams": {"allowed": ["audio", "video"]}, "subscribeParams": {"subscribeToRoles": ["b", "a"]}});
    assert_eq!(role_differs(Api::V2, spec, answered), NONE);
    let spec = json!({"publishParams": {"allowed": ["audio"]}});
    let answered = json!({"publishParams": {"allowed": ["audio", "screen"]}});
    assert_eq!(role_differs(Api::V1, spec, answered), [r#"publishParams.allowed: ["audio","screen"] -> ["audio"]"#]);
}

#[test]
fn the_order_of_layers_and_of_addresses_means_something() {
    let layers = |first: u32, second: u32| json!([{"width": first, "height": 720}, {"width": second, "height": 720}]);
    let streams = |layers: Value| json!({"destinations": {"hlsDestinations": {"main": {"layers": layers}}}});
    let differs = template_differs(Api::V2, streams(layers(1280, 960)), streams(layers(960, 1280)), None);
    assert_eq!(differs.len(), 1, "{differs:?}");
}

#[test]
fn what_is_false_is_the_same_as_what_is_left_out() {
    let spec = json!({"permissions": {"endRoom": true, "mute": false}});
    assert_eq!(role_differs(Api::V2, spec.clone(), json!({"permissions": {"endRoom": true}})), NONE);
    assert_eq!(role_differs(Api::V2, spec.clone(), json!({"permissions": {"endRoom": true, "sendRoomState": false}})), NONE);
    let differs = role_differs(Api::V2, spec, json!({"permissions": {"mute": true}}));
    assert_eq!(differs, ["permissions.endRoom: false -> true", "permissions.mute: true -> false"]);
}

#[test]
fn a_permission_that_a_document_leaves_out_is_not_given() {
    let differs = role_differs(Api::V2, json!({"permissions": {}}), json!({"permissions": {"endRoom": true}}));
    assert_eq!(differs, ["permissions.endRoom: true -> false"]);
    assert_eq!(role_differs(Api::V2, json!({}), json!({"permissions": {"endRoom": true}})), NONE, "nothing is said of any");
}

#[test]
fn streaming_is_allowed_in_v2_and_not_in_v1_where_nothing_is_said_of_it() {
    let spec = json!({"permissions": {"endRoom": true}});
    let answered = json!({"endRoom": true, "browserRecording": true, "rtmpStreaming": true, "hlsStreaming": true});
    assert_eq!(role_differs(Api::V2, spec.clone(), json!({"permissions": answered})), NONE);
    assert_eq!(role_differs(Api::V2, spec.clone(), json!({"permissions": {"endRoom": true}})), NONE);
    assert_eq!(role_differs(Api::V1, spec, json!({"permissions": {"endRoom": true}})), NONE);
    let spec = json!({"permissions": {"hlsStreaming": false}});
    assert_eq!(
        role_differs(Api::V2, spec, json!({"permissions": {"hlsStreaming": true}})),
        ["permissions.hlsStreaming: true -> false"]
    );
}

#[test]
fn a_list_that_is_not_answered_is_empty() {
    let spec = json!({"publishParams": {"allowed": []}, "subscribeParams": {"subscribeToRoles": []}});
    assert_eq!(role_differs(Api::V2, spec.clone(), json!({"publishParams": {}, "permissions": {}})), NONE);
    assert_eq!(role_differs(Api::V1, spec, json!({})), NONE);
    let differs = role_differs(Api::V2, json!({"publishParams": {"allowed": ["audio"]}}), json!({"publishParams": {}}));
    assert_eq!(differs, [r#"publishParams.allowed: [] -> ["audio"]"#]);
    let plugins = json!({"plugins": {"whiteboard": {"permissions": {"admin": ["host"], "reader": []}}}});
    let answered = json!({"plugins": {"whiteboard": {"permissions": {"admin": ["host"]}}}});
    assert_eq!(template_differs(Api::V2, plugins, answered, None), NONE);
}

#[test]
fn what_the_service_fills_in_is_not_compared() {
    let spec = json!({"publishParams": {"audio": {"bitRate": 64}}, "subscribeParams": {"maxSubsBitRate": 3200}});
    let answered = json!({
        "name": "host", "priority": 1, "maxPeerCount": 0,
        "publishParams": {
            "allowed": ["audio", "video", "screen"], "audio": {"bitRate": 64, "codec": "opus"},
            "video": {"bitRate": 300, "codec": "vp8", "frameRate": 30, "width": 480, "height": 360},
        },
        "subscribeParams": {
            "subscribeToRoles": ["guest"], "maxSubsBitRate": 3200, "subscribeDegradation": {"packetLossThreshold": 25},
        },
    });
    assert_eq!(role_differs(Api::V2, spec, answered), NONE);
    let settings = json!({"settings": {"region": "eu"}});
    let answered = json!({"settings": {"region": "eu", "recording": null, "roomState": {"messageInterval": 5}, "retry": {}}});
    assert_eq!(template_differs(Api::V2, settings, answered, None), NONE);
}

#[test]
fn what_is_documented_for_what_is_left_out_counts() {
    assert_eq!(role_differs(Api::V2, json!({}), json!({"maxPeerCount": 4})), ["maxPeerCount: 4 -> 0"]);
    assert_eq!(role_differs(Api::V1, json!({}), json!({"maxPeerCount": 4})), NONE, "V1 does not have it");
}

#[test]
fn numbers_are_the_same_however_they_are_written() {
    let spec = json!({"publishParams": {"simulcast": {"video": {"layers": [
        {"rid": "f", "scaleResolutionDownBy": 1, "maxFramerate": 25, "maxBitrate": 700},
        {"rid": "h", "scaleResolutionDownBy": 2.5, "maxFramerate": 25},
    ]}}}});
    let answered = json!({"publishParams": {"simulcast": {"video": {"layers": [
        {"rid": "f", "scaleResolutionDownBy": 1.0, "maxFramerate": 25.0, "maxBitrate": 700},
        {"rid": "h", "scaleResolutionDownBy": 2.5, "maxFramerate": 25, "maxBitrate": 0},
    ]}, "screen": {}}}});
    assert_eq!(role_differs(Api::V2, spec, answered), NONE);
}

#[test]
fn a_quality_is_a_width_and_a_height() {
    let spec = json!({"publishParams": {"video": {"quality": "720p"}, "screen": {"quality": "1080p"}}});
    let answered = json!({"publishParams": {"video": {"width": 1280, "height": 720}, "screen": {"width": 1920, "height": 1080}}});
    assert_eq!(role_differs(Api::V2, spec, answered), NONE);
}

#[test]
fn an_empty_degradation_is_something_else_than_none_in_v2() {
    let spec = json!({"subscribeParams": {"subscribeDegradation": {}}});
    assert_eq!(role_differs(Api::V2, spec.clone(), json!({"subscribeParams": {"subscribeDegradation": {}}})), NONE);
    let differs = role_differs(Api::V2, spec.clone(), json!({"subscribeParams": {}}));
    assert_eq!(differs, ["subscribeParams.subscribeDegradation.present: null -> true"]);
    assert_eq!(
        role_differs(Api::V1, json!({"subscribeParams": {}}), json!({"subscribeParams": {"subscribeDegradation": {}}})),
        NONE
    );
}

#[test]
fn a_map_that_is_owned_whole_has_nothing_beside_what_is_written() {
    let streams = |names: &[&str]| {
        let entries: Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), json!({"maxDuration": 60}))).collect();
        json!({"destinations": {"hlsDestinations": entries}})
    };
    assert_eq!(template_differs(Api::V2, streams(&["main"]), streams(&["main"]), None), NONE);
    let differs = template_differs(Api::V2, streams(&["main"]), streams(&["main", "spare"]), None);
    assert_eq!(differs, [r#"destinations.hlsDestinations.…: ["main","spare"] -> ["main"]"#]);
    assert_eq!(template_differs(Api::V2, streams(&[]), json!({}), None), NONE, "an empty map is none");
    assert_eq!(template_differs(Api::V2, json!({"destinations": {}}), streams(&["spare"]), None), NONE, "it is left alone");
}

#[test]
fn an_entry_has_the_name_of_its_key_where_it_has_none() {
    let spec = json!({"destinations": {"transcriptions": {"notes": {"role": "host", "modes": ["recorded"]}}}});
    let answered =
        json!({"destinations": {"transcriptions": {"notes": {"name": "notes", "role": "host", "modes": ["recorded"]}}}});
    assert_eq!(template_differs(Api::V2, spec, answered, None), NONE);
}

#[test]
fn only_addresses_that_a_document_has_in_clear_are_shown_in_clear() {
    let urls = |urls: Value| json!({"destinations": {"rtmpDestinations": {"main": {"rtmpUrls": urls}}}});
    let spec = urls(json!([{"url": "rtmp://live.acme.example/app"}]));
    assert_eq!(template_differs(Api::V2, spec.clone(), urls(json!(["rtmp://live.acme.example/app"])), None), NONE);
    let answered = urls(json!(["rtmps://user:word@else.example/app/stream-key?pass=word"]));
    let differs = template_differs(Api::V2, spec.clone(), answered, None).join("\n");
    assert!(differs.contains("rtmpUrls.0: \"rtmps://else.example/app/("), "{differs}");
    assert!(!["user", "word", "stream-key"].iter().any(|secret| differs.contains(secret)), "{differs}");
    let answered = urls(json!(["rtmp://live.acme.example/app", "rtmp://live.acme.example/key"]));
    assert_eq!(template_differs(Api::V2, spec, answered, None), ["destinations.rtmpDestinations.main.rtmpUrls.…: 2 -> 1"]);
}

#[test]
fn secrets_are_known_by_their_path_and_are_in_no_normal_form() {
    let upload = json!({"type": "s3", "location": "bucket", "prefix": "rooms", "credentials": {"name": "acme-bucket"}});
    let urls = json!([{"url": "rtmp://live.acme.example/app"}, {"secretRef": {"name": "acme-streams", "key": "main"}}]);
    let spec = json!({
        "settings": {"recording": {"upload": upload}},
        "destinations": {"rtmpDestinations": {"main": {"rtmpUrls": urls}}},
    });
    let fields = template(Api::V2, spec.clone());
    let secrets: Vec<String> = fields
        .secrets
        .iter()
        .map(|(path, secret)| format!("{path} = {}/{}", secret.name.as_str(), secret.key.as_str()))
        .collect();
    let expected = [
        "destinations.rtmpDestinations.main.rtmpUrls.1 = acme-streams/main",
        "settings.recording.upload.credentials.key = acme-bucket/key",
        "settings.recording.upload.credentials.secret = acme-bucket/secret",
    ];
    assert_eq!(secrets, expected);
    let answered = json!({
        "settings": {"recording": {"upload": {
            "type": "s3", "location": "bucket", "prefix": "rooms", "credentials": {"key": "a key", "secret": "a secret"},
        }}},
        "destinations": {"rtmpDestinations": {"main": {"rtmpUrls": ["rtmp://live.acme.example/app", "rtmp://x.example/a-secret"]}}},
    });
    assert_eq!(template_differs(Api::V2, spec, answered.clone(), None), NONE);
    let found = Value::from(template_found(&answered, None, &[], Api::V2)).to_string();
    assert!(!["a key", "a secret", "a-secret"].iter().any(|secret| found.contains(secret)), "{found}");
}

#[test]
fn recordings_are_compared_field_by_field() {
    let spec = json!({"recordings": [{"name": "default", "role": "host", "trackRecording": {"enabled": false}}]});
    let answered = json!({"name": "default", "role": "host", "trackRecording": {}, "streamRecording": {"width": 1280}});
    assert_eq!(template_differs(Api::V2, spec.clone(), json!({}), Some(&answered)), NONE);
    let answered = json!({"name": "default", "role": "host", "trackRecording": {"enabled": true}});
    let differs = template_differs(Api::V2, spec, json!({}), Some(&answered));
    assert_eq!(differs, ["recordings.0.trackRecording.enabled: true -> false"]);
}

#[test]
fn captions_may_be_answered_as_a_list() {
    let captions = json!({"permissions": {"admin": ["host"]}});
    let spec = json!({"plugins": {"transcriptions": captions}});
    for answered in [captions.clone(), json!([captions])] {
        assert_eq!(template_differs(Api::V2, spec.clone(), json!({"plugins": {"transcriptions": answered}}), None), NONE);
    }
}

#[test]
fn only_v1_knows_a_default_template() {
    assert_eq!(template_differs(Api::V1, json!({"default": true}), json!({}), None), ["default: false -> true"]);
    assert_eq!(template_differs(Api::V1, json!({}), json!({"default": true}), None), ["default: true -> false"]);
    assert_eq!(template_differs(Api::V2, json!({"default": true}), json!({}), None), NONE);
}

#[test]
fn what_is_no_template_at_all_has_no_fields_of_ours_and_breaks_nothing() {
    for odd in [json!(null), json!([1]), json!("x"), json!({"settings": 3, "destinations": [], "plugins": null})] {
        template_found(&odd, Some(&odd), &[], Api::V2);
        role_found(&odd, Api::V1);
    }
}
