//! What is sent is what was there with what changes, in the words of the service.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::*;
use crate::backend::hundredms::body;
use crate::backend::hundredms::token::mint;
use crate::backend::secrets::{Pair, Secret};

fn sent(raw: Value, edits: &[Edit]) -> Value {
    body::template(&raw, edits).into()
}

#[test]
fn a_template_keeps_what_nobody_manages_and_loses_what_only_the_service_sets() {
    let raw = json!({
        "id": "1", "_id": "1", "customerId": "2", "customer": "2", "createdAt": "now", "updatedAt": "now",
        "name": "lesson", "roles": {}, "settings": {"region": "in", "retry": {}}, "somethingNew": {"a": 1},
    });
    let edits = [edit(&["settings", "region"], Some(json!("eu")))];
    let expected = json!({"name": "lesson", "roles": {}, "settings": {"region": "eu", "retry": {}}, "somethingNew": {"a": 1}});
    assert_eq!(sent(raw, &edits), expected);
}

#[test]
fn a_role_that_may_send_nothing_says_so_because_nothing_said_means_everything() {
    let raw = json!({"name": "listener", "publishParams": {"audio": {"bitRate": 32}}, "subscribeParams": {}});
    let role = body::role(Some(&raw), &[edit(&["priority"], Some(json!(3)))]);
    assert_eq!((&role["publishParams"]["allowed"], &role["subscribeParams"]["subscribeToRoles"]), (&json!([]), &json!([])));
    assert_eq!((&role["priority"], &role["publishParams"]["audio"]["bitRate"]), (&json!(3), &json!(32)));
    let whole = sent(json!({"roles": {"listener": raw}}), &[]);
    assert_eq!(whole["roles"]["listener"]["publishParams"]["allowed"], json!([]));
    assert_eq!(body::role(None, &[]), Map::new(), "a new one gets what the service gives");
}

#[test]
fn a_field_that_is_managed_no_longer_is_left_out() {
    let raw = json!({"publishParams": {"allowed": ["audio"], "audio": {"bitRate": 64, "codec": "opus"}}});
    let role = body::role(Some(&raw), &[edit(&["publishParams", "audio", "bitRate"], None)]);
    assert_eq!(role["publishParams"]["audio"], json!({"codec": "opus"}));
    let degradation = json!({"subscribeParams": {"subscribeToRoles": [], "subscribeDegradation": {"packetLossThreshold": 3}}});
    let at = ["subscribeParams", "subscribeDegradation", "present"];
    let role = body::role(Some(&degradation), &[edit(&at, None)]);
    assert_eq!(role["subscribeParams"], json!({"subscribeToRoles": []}));
    let role = body::role(None, &[edit(&at, Some(json!(true)))]);
    assert_eq!(Value::from(role), json!({"subscribeParams": {"subscribeDegradation": {}}}));
}

#[test]
fn entries_that_are_too_many_go_and_the_others_stay() {
    let raw = json!({"destinations": {"hlsDestinations": {"main": {"layers": [1]}, "spare": {}}}});
    let edits = [edit(&["destinations", "hlsDestinations", "…"], Some(json!(["main"])))];
    assert_eq!(sent(raw.clone(), &edits)["destinations"], json!({"hlsDestinations": {"main": {"layers": [1]}}}));
    let edits = [edit(&["destinations", "hlsDestinations", "spare", "name"], None)];
    assert_eq!(sent(raw, &edits)["destinations"], json!({"hlsDestinations": {"main": {"layers": [1]}}}));
    let edits = [edit(&["destinations", "rtmpDestinations", "…"], Some(json!([])))];
    assert_eq!(sent(json!({}), &edits)["destinations"], json!({"rtmpDestinations": {}}));
}

#[test]
fn addresses_become_a_list_again() {
    let url = |number: &str| ["destinations", "rtmpDestinations", "main", "rtmpUrls", number].map(str::to_owned);
    let edit = |number: &str, to: Value| edit(&url(number).each_ref().map(String::as_str), Some(to));
    let mut body = body::template(&json!({}), &[edit("0", json!("rtmp://a.example/x")), edit("…", json!(2))]);
    body::secret_address(&mut body, "main", 1, "rtmp://b.example/y");
    let list = json!(["rtmp://a.example/x", "rtmp://b.example/y"]);
    assert_eq!(body["destinations"]["rtmpDestinations"]["main"]["rtmpUrls"], list);
    let fewer = sent(body.into(), &[edit("…", json!(1))]);
    assert_eq!(fewer["destinations"]["rtmpDestinations"]["main"]["rtmpUrls"], json!(["rtmp://a.example/x"]));
}

#[test]
fn a_bucket_that_nobody_names_any_more_is_none() {
    let upload = json!({"type": "s3", "location": "bucket", "prefix": "rooms", "credentials": {"key": "k", "secret": "s"}});
    let raw = json!({"settings": {"recording": {"enabled": true, "upload": upload}}});
    let at = |name| edit(&["settings", "recording", "upload", name], None);
    assert_eq!(sent(raw, &[at("location"), at("prefix"), at("type")])["settings"], json!({"recording": {"enabled": true}}));
}

#[test]
fn each_version_spells_credentials_in_its_own_way() {
    for (api, name) in [(Api::V1, "secret"), (Api::V2, "secretKey")] {
        let mut body = Map::new();
        body::set_credentials(&mut body, "a", "b", api);
        assert_eq!(body["settings"]["recording"]["upload"]["credentials"], json!({"key": "a", name: "b"}));
    }
}

#[test]
fn recordings_are_sent_as_one_entry_with_what_it_had() {
    let edits = [edit(&["recordings", "0", "role"], Some(json!("host"))), edit(&["settings", "region"], Some(json!("eu")))];
    let raw = json!({"name": "default", "role": "guest", "maxDuration": 60});
    assert_eq!(body::recording(Some(&raw), &edits), json!({"name": "default", "role": "host", "maxDuration": 60}));
    assert_eq!(body::template(&json!({}), &edits).get("recordings"), None, "they are beside the template");
}

#[test]
fn captions_are_sent_as_they_are_documented() {
    let raw = json!({"plugins": {"transcriptions": [{"mode": "caption"}]}});
    let edits = [edit(&["plugins", "transcriptions", "permissions", "admin"], Some(json!(["host"])))];
    let expected = json!({"transcriptions": {"mode": "caption", "permissions": {"admin": ["host"]}}});
    assert_eq!(sent(raw, &edits)["plugins"], expected);
}

#[test]
fn a_token_says_what_the_documentation_asks_for_and_is_good_for_a_day() {
    let keys = Pair { id: "an access key".into(), secret: Secret::from("a secret".to_owned()) };
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let token = mint(&keys, now);
    let parts: Vec<&str> = token.bearer.expose().split('.').collect();
    let part = |number: usize| serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(parts[number]).unwrap()).unwrap();
    assert_eq!((parts.len(), part(0)), (3, json!({"alg": "HS256", "typ": "JWT"})));
    let claims = part(1);
    assert_eq!(
        (&claims["access_key"], &claims["type"], &claims["version"]),
        (&json!("an access key"), &json!("management"), &json!(2))
    );
    let times = [&claims["iat"], &claims["nbf"], &claims["exp"]].map(|time| time.as_i64().unwrap() - now.as_second());
    assert_eq!(times, [-10, -10, 86_390]);
    assert_eq!(claims["jti"].as_str().unwrap().len(), 36);
    assert_ne!(token.bearer.expose(), mint(&keys, now).bearer.expose(), "no two are the same");
    assert!(token.is_good(now + SignedDuration::from_hours(23)) && !token.is_good(now + SignedDuration::from_hours(24)));
    assert!(!format!("{token:?}").contains(parts[1]));
}
