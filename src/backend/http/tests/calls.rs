use std::sync::Arc;

use serde_json::{Value, json};

use super::super::{Auth, Client, Request};
use super::server::{Act, Server, answer, json as says};
use super::{Counted, Hasty, client, settings};
use crate::backend::Fault;
use crate::backend::secrets::Secret;

/// What a server got, in lower case up to the body.
async fn sent(request: Request) -> String {
    let server = Server::start(&[says(200, "{}")]).await;
    client(&format!("{}/root/", server.url)).send(request).await.unwrap();
    server.requests()[0].clone()
}

#[tokio::test]
async fn a_call_says_who_calls_and_what() {
    let got = sent(Request::get("list", "/things/").query("limit", 10).query("name", "a b&c")).await;
    assert!(got.starts_with("GET /root/things/?limit=10&name=a+b%26c HTTP/1.1\r\n"), "{got}");
    assert!(got.contains(&format!("user-agent: muster/{}\r\n", env!("CARGO_PKG_VERSION"))), "{got}");
    assert!(!got.contains("accept-encoding") && !got.contains("authorization"), "{got}");
}

#[tokio::test]
async fn a_path_goes_on_after_a_name() {
    let got = sent(Request::put("write", "/things").part("one").then("/parts").part("two")).await;
    assert!(got.starts_with("PUT /root/things/one/parts/two HTTP/1.1\r\n"), "{got}");
}

#[tokio::test]
async fn credentials_are_a_token_or_an_id_with_a_secret() {
    let secret = || Secret::from("open sesame".to_owned());
    let got = sent(Request::get("list", "/things").auth(Auth::Bearer(secret()))).await;
    assert!(got.contains("authorization: Bearer open sesame\r\n"), "{got}");
    let got = sent(Request::get("list", "/things").auth(Auth::Basic("Aladdin".into(), secret()))).await;
    assert!(got.contains("authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"), "{got}");
}

#[tokio::test]
async fn a_body_is_json_or_a_form() {
    let got = sent(Request::post("create", "/things").json(&json!({"name": "ü"}))).await;
    assert!(got.contains("content-type: application/json\r\n") && got.ends_with("\r\n\r\n{\"name\":\"ü\"}"), "{got}");
    let got = sent(Request::post("log in", "/login").form(&[("username", "a@b"), ("password", "x&y=z ")])).await;
    assert!(got.contains("content-type: application/x-www-form-urlencoded\r\n"), "{got}");
    assert!(got.ends_with("\r\n\r\nusername=a%40b&password=x%26y%3Dz+"), "{got}");
}

#[tokio::test]
async fn an_answer_is_read_as_json_when_it_says_that_it_is() {
    for (content_type, is_json) in [
        ("application/json", true),
        ("Application/JSON; charset=utf-8", true),
        ("application/problem+json", true),
        ("text/html", false),
        ("text/json+html", false),
        ("application/jsonp", false),
    ] {
        let header = format!("Content-Type: {content_type}\r\n");
        let server = Server::start(&[answer(200, &header, "{\"a\": 1}")]).await;
        let response = client(&server.url).send(Request::get("list", "/things")).await.unwrap();
        assert_eq!(response.json::<Value>().is_ok(), is_json, "{content_type}");
    }
    let server = Server::start(&[answer(200, "", "{}")]).await;
    let response = client(&server.url).send(Request::get("list", "/things")).await.unwrap();
    assert_eq!(response.json::<Value>(), Err(Fault::unreadable("it is not JSON")));
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_leaves_a_doubt_only_after_a_change() {
    for body in ["", "{", "[1]", "\"text\"", "{\"id\": {}}"] {
        let server = Server::start(&[says(200, body)]).await;
        let of =
            |request| async { client(&server.url).send(request).await.unwrap().json::<std::collections::BTreeMap<String, u8>>() };
        assert_eq!(of(Request::get("list", "/things")).await.unwrap_err().category(), "unreadable", "{body}");
        assert_eq!(of(Request::post("create", "/things")).await.unwrap_err().category(), "unknown", "{body}");
    }
}

#[tokio::test]
async fn an_answer_that_says_no_can_be_read_by_who_knows_how() {
    let server = Server::start(&[says(400, "{\"detail\": \"Username already exists.\"}")]).await;
    let response = client(&server.url).exchange(Request::post("create", "/user/")).await.unwrap();
    assert_eq!((response.status(), response.succeeded()), (400, false));
    assert_eq!(response.json::<Value>().unwrap()["detail"], "Username already exists.");
    assert_eq!(response.or_fault().unwrap_err().category(), "refused");
}

#[tokio::test]
async fn each_attempt_is_counted_with_its_status() {
    let server = Server::start(&[says(503, "{}"), Act::Cut(""), says(200, "{}")]).await;
    let counted = Arc::new(Counted::default());
    let mut settings = settings(&Hasty::new());
    settings.meter = counted.clone();
    Client::new(&server.url, settings).unwrap().send(Request::get("list things", "/things")).await.unwrap();
    assert_eq!(*counted.0.lock().unwrap(), [("list things", Some(503)), ("list things", None), ("list things", Some(200))]);
}
