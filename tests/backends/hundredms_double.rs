//! The double of 100ms does what the documentation of 100ms shows.

use axum::http::header::{ALLOW, CONTENT_TYPE};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::asking::{Answered, ask};
use crate::hundredms::{Claims, Credentials, End, Hundredms, Keys, Switches, sign};

/// Somebody with a good token for one workspace.
struct Caller {
    double: Hundredms,
    keys: Keys,
    token: String,
}

fn token(keys: &Keys) -> String {
    sign(&Claims::management(&keys.access_key, Timestamp::now()), &keys.secret)
}

impl Caller {
    async fn new(switches: Switches) -> Self {
        let double = Hundredms::start(switches).await;
        Self::of(double, "classroom")
    }

    fn of(double: Hundredms, label: &str) -> Self {
        let keys = double.workspace(label);
        Self { double, token: token(&keys), keys }
    }

    async fn v1(&self, method: &str, path: &str, body: Value) -> Answered {
        let body = (!body.is_null()).then_some(&body);
        ask(method, &format!("{}{path}", self.double.v1()), &self.token, body).await.unwrap()
    }

    async fn v2(&self, method: &str, path: &str, body: Value) -> Answered {
        let body = (!body.is_null()).then_some(&body);
        ask(method, &format!("{}{path}", self.double.v2()), &self.token, body).await.unwrap()
    }

    async fn get(&self, path: &str) -> Value {
        let answered = self.v2("GET", path, Value::Null).await;
        assert_eq!(answered.status, 200, "{path}");
        answered.json()
    }

    /// The id of a new template.
    async fn create(&self, body: Value) -> String {
        let answered = self.v2("POST", "/templates", body).await;
        assert_eq!(answered.status, 200);
        answered.json()["id"].as_str().unwrap().to_owned()
    }

    fn writes(&self) -> Vec<String> {
        self.double.front().writes()
    }
}

async fn caller() -> Caller {
    Caller::new(Switches::default()).await
}

fn names(list: &Value) -> Vec<&str> {
    list["data"].as_array().map(|data| data.iter().map(|one| one["name"].as_str().unwrap()).collect()).unwrap_or_default()
}

#[tokio::test]
async fn only_a_fresh_management_token_signed_with_the_secret_of_its_workspace_is_let_in() {
    let caller = caller().await;
    let now = Timestamp::now();
    let url = format!("{}/templates", caller.double.v2());
    let good = Claims::management(&caller.keys.access_key, now);
    let status =
        async |claims: &Claims, secret: &str| ask("GET", &url, &sign(claims, secret), None).await.unwrap().status.as_u16();
    assert_eq!(status(&good, &caller.keys.secret).await, 200);
    assert_eq!(status(&good, "another secret").await, 401);
    let later = Claims { nbf: good.nbf + 3600, ..good.clone() };
    assert_eq!(status(&later, &caller.keys.secret).await, 401);
    let stranger = Claims { access_key: "nobody".to_owned(), ..good.clone() };
    assert_eq!(status(&stranger, &caller.keys.secret).await, 401);
    let app = Claims { type_: "app".to_owned(), ..good.clone() };
    assert_eq!(status(&app, &caller.keys.secret).await, 403);

    let none = ask("GET", &url, "", None).await.unwrap();
    let words = json!({"code": 401, "message": "Token validation error", "details": ["not found"]});
    assert_eq!((none.status.as_u16(), none.json()), (401, words));

    caller.double.pass(SignedDuration::from_hours(25));
    assert_eq!(status(&good, &caller.keys.secret).await, 401, "it is too old");
    assert!(caller.writes().is_empty());
}

#[tokio::test]
async fn a_token_that_was_revoked_is_let_in_no_more_and_a_new_one_is() {
    let caller = caller().await;
    caller.get("/templates").await;
    caller.double.revoke();
    assert_eq!(caller.v2("GET", "/templates", Value::Null).await.status, 401);
    let caller = Caller { token: token(&caller.keys), ..caller };
    caller.get("/templates").await;
    assert_eq!(caller.double.tokens(), 2);
}

#[tokio::test]
async fn workspaces_see_nothing_of_each_other() {
    let one = caller().await;
    let other = Caller::of(one.double.clone(), "clinic");
    let id = one.create(json!({"name": "lesson"})).await;
    assert_eq!(other.v2("GET", &format!("/templates/{id}"), Value::Null).await.status, 404);
    assert!(names(&other.get("/templates").await).is_empty());
    let same = other.create(json!({"name": "lesson"})).await;
    assert_ne!(same, id, "a name is taken in one workspace only");
}

#[tokio::test]
async fn both_versions_show_the_same_templates_in_their_own_words() {
    let caller = caller().await;
    let id = caller.create(json!({"name": "lesson", "roles": {"host": {}}})).await;
    let one = caller.v1("GET", &format!("/templates?id={id}"), Value::Null).await.json();
    assert_eq!((&one["limit"], &one["last"]), (&json!(10), &json!(id)), "also one template comes as a list");
    let v1 = &one["data"][0];
    assert_eq!((&v1["_id"], &v1["id"], &v1["destinations"]), (&json!(id), &Value::Null, &Value::Null));
    let v2 = caller.get(&format!("/templates/{id}")).await;
    assert_eq!((&v2["id"], &v2["_id"]), (&json!(id), &json!(id)));
    assert_eq!(v2["customer"], v2["customerId"]);
    assert_eq!(v1["roles"], v2["roles"]);
    assert_eq!(names(&caller.v1("GET", "/templates?name=lesson", Value::Null).await.json()), ["lesson"]);
    assert!(names(&caller.v1("GET", "/templates?name=other", Value::Null).await.json()).is_empty());
}

#[tokio::test]
async fn a_list_begins_with_the_newest_and_goes_on_where_it_is_told_to() {
    let caller = caller().await;
    for number in 0..23 {
        caller.create(json!({"name": format!("t{number:02}")})).await;
    }
    let first = caller.get("/templates?limit=3").await;
    assert_eq!((&first["limit"], names(&first).len(), names(&first)[0]), (&json!(10), 10, "t22"), "at least 10 on V2");
    let second = caller.get(&format!("/templates?limit=12&start={}", first["last"].as_str().unwrap())).await;
    assert_eq!((names(&second)[0], names(&second)[11]), ("t12", "t01"));
    let v1 = caller.v1("GET", "/templates?limit=100", Value::Null).await.json();
    assert_eq!((&v1["limit"], names(&v1).len()), (&json!(20), 20), "at most 20 on V1");
    assert_eq!(names(&caller.v1("GET", "/templates?limit=2", Value::Null).await.json()), ["t22", "t21"]);
}

#[tokio::test]
async fn a_list_ends_in_one_of_three_ways() {
    let caller = caller().await;
    let id = caller.create(json!({"name": "lesson"})).await;
    let after = format!("/templates?start={id}");
    assert_eq!(caller.get(&after).await, json!({"limit": 10, "data": [], "last": ""}));
    caller.double.switch(|switches| switches.end = End::Missing);
    assert_eq!(caller.get(&after).await, json!({"limit": 10, "last": ""}));
    caller.double.switch(|switches| switches.end = End::NoLast);
    assert_eq!(caller.get("/templates").await["last"], Value::Null);
}

#[tokio::test]
async fn a_template_of_the_same_name_is_overwritten_whole() {
    let caller = caller().await;
    let id = caller.create(json!({"name": "lesson", "roles": {"host": {}}, "destinations": {"rtmpDestinations": {}}})).await;
    let again = caller.create(json!({"name": "lesson", "roles": {"guest": {}}})).await;
    assert_eq!(id, again);
    let now = caller.get(&format!("/templates/{id}")).await;
    assert_eq!(now["roles"].as_object().unwrap().keys().collect::<Vec<_>>(), ["guest"]);
    assert_eq!(now["destinations"], json!({}));
    assert_eq!(caller.writes(), ["classroom: template lesson created", "classroom: template lesson overwritten"]);
}

#[tokio::test]
async fn a_template_without_a_name_is_given_one() {
    let caller = caller().await;
    let made = caller.v2("POST", "/templates", json!({})).await.json();
    assert!(made["name"].as_str().unwrap().starts_with("default_videoconf_"), "{made}");
    assert_eq!(caller.v2("POST", "/templates", Value::Null).await.status, 400, "there must be a document");
}

#[tokio::test]
async fn v2_fills_in_what_a_role_and_the_settings_leave_out() {
    let caller = caller().await;
    let id = caller.create(json!({"name": "lesson", "roles": {"host": {"permissions": {"mute": false, "endRoom": true}}}})).await;
    let made = caller.get(&format!("/templates/{id}")).await;
    let host = &made["roles"]["host"];
    assert_eq!(host["publishParams"]["allowed"], json!(["video", "screen", "audio"]));
    let video = json!({"bitRate": 300, "codec": "vp8", "frameRate": 30, "width": 480, "height": 360});
    assert_eq!(host["publishParams"]["video"], video);
    assert_eq!(host["publishParams"]["screen"], json!({"codec": "vp8", "frameRate": 10, "width": 1920, "height": 1080}));
    assert_eq!(host["publishParams"]["simulcast"]["video"]["layers"][2]["maxBitrate"], 100);
    assert_eq!(host["subscribeParams"]["subscribeDegradation"]["packetLossThreshold"], 25);
    let permissions = json!({
        "endRoom": true, "sendRoomState": false, "browserRecording": true, "rtmpStreaming": true, "hlsStreaming": true,
    });
    assert_eq!(host["permissions"], permissions, "what is false is dropped, streaming is allowed");
    assert_eq!((&host["priority"], &host["maxPeerCount"]), (&json!(1), &json!(0)));
    let state = json!({"messageInterval": 5, "sendPeerList": false, "stopRoomStateOnJoin": true, "enabled": false});
    assert_eq!(made["settings"], json!({"region": "in", "recording": null, "roomState": state, "retry": {}}));
}

#[tokio::test]
async fn v2_may_fill_in_nothing_but_the_streaming_permissions() {
    let caller = Caller::new(Switches { fills_in: false, ..Switches::default() }).await;
    let id = caller.create(json!({"name": "lesson", "roles": {"host": {"priority": 2}}})).await;
    let made = caller.get(&format!("/templates/{id}")).await;
    let permissions = json!({"browserRecording": true, "rtmpStreaming": true, "hlsStreaming": true});
    assert_eq!(made["roles"]["host"], json!({"name": "host", "priority": 2, "permissions": permissions}));
    assert_eq!(made["settings"], json!({"retry": {}}));
}

#[tokio::test]
async fn v1_fills_in_less_and_knows_the_default_template() {
    let caller = caller().await;
    let body = json!({"name": "lesson", "default": true, "roles": {"host": {"permissions": {"mute": true, "unmute": false}}}});
    let made = caller.v1("POST", "/templates", body).await.json();
    let host = &made["roles"]["host"];
    assert_eq!(host["publishParams"]["video"]["height"], 270);
    assert_eq!(
        host["subscribeParams"],
        json!({"subscribeToRoles": ["guest"], "maxSubsBitRate": 3200, "subscribeDegradation": {}})
    );
    assert_eq!((&host["permissions"], &host["priority"]), (&json!({"mute": true}), &Value::Null));
    assert_eq!((&made["default"], &made["settings"]), (&json!(true), &Value::Null));

    caller.v1("POST", "/templates", json!({"name": "lecture", "default": true})).await;
    let defaults = caller.v1("GET", "/templates?default=true", Value::Null).await.json();
    assert_eq!(names(&defaults), ["lecture"], "one template at most is the default");
}

#[tokio::test]
async fn an_empty_list_is_not_shown() {
    let caller = caller().await;
    let role = json!({"publishParams": {"allowed": []}, "subscribeParams": {"subscribeToRoles": []}});
    let id = caller.create(json!({"name": "lecture", "roles": {"listener": role}})).await;
    let listener = caller.get(&format!("/templates/{id}/roles/listener")).await;
    assert_eq!(listener["publishParams"].get("allowed"), None);
    assert_eq!(listener["subscribeParams"].get("subscribeToRoles"), None);
}

#[tokio::test]
async fn an_update_loses_what_it_does_not_say_and_its_answer_has_no_times() {
    let caller = caller().await;
    let id = caller.create(json!({"name": "lesson", "roles": {"host": {}}, "settings": {"region": "eu"}})).await;
    let path = format!("/templates/{id}");
    let answered = caller.v2("POST", &path, json!({})).await.json();
    assert_eq!(
        (&answered["name"], &answered["roles"], &answered["settings"]["region"]),
        (&json!("lesson"), &json!({}), &json!("in"))
    );
    assert_eq!(answered["updatedAt"], "0001-01-01T00:00:00Z");
    assert_ne!(caller.get(&path).await["updatedAt"], "0001-01-01T00:00:00Z");
    assert_eq!(caller.v2("POST", "/templates/0123", json!({})).await.status, 404);
    assert_eq!(caller.v1("POST", "/templates?name=lesson", json!({"name": "class"})).await.json()["name"], "class");
}

#[tokio::test]
async fn a_template_cannot_take_the_name_of_another() {
    let caller = caller().await;
    caller.create(json!({"name": "lesson"})).await;
    let id = caller.create(json!({"name": "lecture"})).await;
    let refused = caller.v2("POST", &format!("/templates/{id}"), json!({"name": "lesson"})).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["message"]), (400, &json!("overwrite error")));
    caller.double.switch(|switches| switches.overwrite = 409);
    let refused = caller.v1("POST", "/templates?name=lecture", json!({"name": "lesson"})).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["code"]), (409, &json!(409)));
}

#[tokio::test]
async fn a_role_is_made_changed_renamed_and_deleted_at_its_path() {
    let caller = caller().await;
    let id = caller.create(json!({"name": "lesson", "roles": {"host": {}}})).await;
    let role = |name: &str| format!("/templates/{id}/roles/{name}");
    let subscriber = json!({"subscribeParams": {"subscribeToRoles": ["host"]}});
    assert_eq!(caller.v2("POST", &role("stage%20guest"), subscriber).await.json()["name"], "stage guest");
    assert_eq!(caller.v2("POST", &role("host"), json!({"name": "speaker", "priority": 3})).await.json()["priority"], 3);
    assert_eq!(caller.v2("GET", &role("host"), Value::Null).await.status, 404);
    let refused = caller.v2("POST", &role("speaker"), json!({"name": "stage guest"})).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["message"]), (400, &json!("overwrite error")));

    let deleted = caller.v2("DELETE", &role("speaker"), Value::Null).await;
    assert_eq!((deleted.status.as_u16(), deleted.body.len()), (204, 0));
    let again = caller.v2("DELETE", &role("speaker"), Value::Null).await;
    assert_eq!((again.status.as_u16(), &again.json()["code"]), (404, &json!(404)));
    let left = caller.v1("GET", &role("stage%20guest"), Value::Null).await.json();
    assert_eq!(left["subscribeParams"]["subscribeToRoles"], json!(["host"]), "nobody tidies up");
}

#[tokio::test]
async fn settings_destinations_and_recordings_replace_only_themselves() {
    let caller = caller().await;
    let id = caller.create(json!({"name": "lesson", "roles": {"host": {}}})).await;
    let part = |name: &str| format!("/templates/{id}/{name}");
    let before = caller.get(&format!("/templates/{id}")).await;
    assert_eq!(caller.v2("POST", &part("settings"), json!({"region": "us"})).await.json()["region"], "us");
    let streams = json!({"hlsDestinations": {"main": {"name": "main", "maxDuration": 60}}});
    let answered = caller.v2("POST", &part("destinations"), streams).await.json();
    assert_eq!(answered["hlsDestinations"]["main"]["role"], "__internal_recorder");
    assert_eq!(answered["hlsDestinations"]["main"]["layers"].as_array().unwrap().len(), 4);
    let recording =
        json!({"name": "default", "role": "host", "trackRecording": {"enabled": false}, "streamRecording": {"enabled": true}});
    let answered = caller.v2("POST", &part("recordings"), json!([recording])).await.json();
    let kept = json!([{"name": "default", "role": "host", "trackRecording": {}, "streamRecording": {"enabled": true}}]);
    assert_eq!((&answered, &caller.get(&part("recordings")).await), (&kept, &kept));
    let by_nobody = json!({"name": "default", "role": "nobody", "streamRecording": {"enabled": true}});
    for wrong in [json!([]), json!([recording, recording]), recording.clone(), json!([by_nobody])] {
        assert_eq!(caller.v2("POST", &part("recordings"), wrong).await.status, 400);
    }
    let after = caller.get(&format!("/templates/{id}")).await;
    assert_eq!((&after["roles"], &after["name"]), (&before["roles"], &before["name"]));
    assert_eq!(caller.v1("POST", &part("settings"), json!({"region": "eu"})).await.json(), json!({"region": "eu"}));
    assert_eq!(caller.v1("GET", &part("destinations"), Value::Null).await.status, 405, "V1 has none");
}

#[tokio::test]
async fn credentials_are_answered_in_clear_or_masked_or_not_at_all() {
    let caller = caller().await;
    let secret = uuid::Uuid::new_v4().to_string();
    let upload = json!({"type": "s3", "location": "bucket", "prefix": "rooms", "credentials": {"key": "k", "secretKey": secret}});
    let id = caller.create(json!({"name": "lesson", "settings": {"recording": {"enabled": false, "upload": upload}}})).await;
    let path = format!("/templates/{id}/settings");
    let recording = caller.get(&path).await["recording"].clone();
    assert_eq!(recording.get("enabled"), None);
    assert_eq!(recording["upload"]["credentials"], json!({"key": "k", "secret": secret}));
    caller.double.switch(|switches| switches.credentials = Credentials::Masked);
    assert_eq!(caller.get(&path).await["recording"]["upload"]["credentials"]["secret"], "*****");
    caller.double.switch(|switches| switches.credentials = Credentials::Hidden);
    assert_eq!(caller.get(&path).await["recording"]["upload"].get("credentials"), None);
}

#[tokio::test]
async fn plugins_are_kept_and_captions_may_come_as_a_list() {
    let caller = caller().await;
    let plugins = json!({"transcriptions": {"mode": "caption", "permissions": {"admin": ["host"]}}});
    let id = caller.create(json!({"name": "lesson", "plugins": plugins})).await;
    assert_eq!(caller.get(&format!("/templates/{id}")).await["plugins"], plugins);
    caller.double.switch(|switches| switches.captions_as_list = true);
    assert_eq!(caller.get(&format!("/templates/{id}")).await["plugins"]["transcriptions"], json!([plugins["transcriptions"]]));
}

#[tokio::test]
async fn a_template_cannot_be_deleted_unless_it_is_2021() {
    let caller = caller().await;
    let id = caller.create(json!({"name": "lesson"})).await;
    let refused = caller.v2("DELETE", &format!("/templates/{id}"), Value::Null).await;
    assert_eq!((refused.status.as_u16(), refused.header(ALLOW)), (405, "GET, POST"));
    assert_eq!(caller.v1("DELETE", "/templates?name=lesson", Value::Null).await.status, 405);
    caller.double.switch(|switches| switches.deletes_templates = true);
    assert_eq!(caller.v1("DELETE", "/templates?name=lesson", Value::Null).await.status, 204);
    assert_eq!(caller.v1("DELETE", &format!("/templates?id={id}"), Value::Null).await.status, 404);
}

#[tokio::test]
async fn a_user_of_the_dashboard_changes_things_behind_the_api() {
    let caller = caller().await;
    let id = caller.double.make("classroom", &json!({"name": "lesson", "roles": {"host": {}}}));
    caller.double.edit("classroom", "lesson", |lesson| lesson.roles["host"]["priority"] = json!(4));
    assert_eq!(caller.get(&format!("/templates/{id}/roles/host")).await["priority"], 4);
    caller.double.remove("classroom", "lesson");
    let gone = caller.v2("GET", &format!("/templates/{id}"), Value::Null).await;
    assert_eq!((gone.status.as_u16(), gone.header(CONTENT_TYPE)), (404, "application/json"));
    assert!(caller.writes().is_empty(), "these are not writes of whoever uses the API");
}
