//! The double of FastPix answers as FastPix does.

use axum::body::Bytes;
use axum::http::Request;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::fastpix::{FastPix, Token};
use crate::faults::{Answer, Fault, Kind};

/// Asks by hand: the status and the document.
async fn ask(double: &FastPix, method: &str, path: &str, token: Option<&Token>) -> (u16, Value) {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let mut request = Request::builder().method(method).uri(format!("{}iam/signing-keys{path}", double.url()));
    if let Some(token) = token {
        request = request.header(AUTHORIZATION, format!("Basic {}", BASE64.encode(format!("{}:{}", token.id, token.secret))));
    }
    let response = client.request(request.body(Full::default()).unwrap()).await.unwrap();
    assert_eq!(response.headers()[CONTENT_TYPE], "application/json;charset=UTF-8");
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap())
}

async fn start() -> (FastPix, Token) {
    let double = FastPix::start().await;
    let token = double.workspace("production");
    (double, token)
}

#[tokio::test]
async fn a_private_key_is_shown_once_and_its_public_key_afterwards() {
    let (double, token) = start().await;
    let (status, made) = ask(&double, "POST", "", Some(&token)).await;
    let id = made["data"]["id"].as_str().unwrap();
    assert_eq!((status, &made["success"]), (201, &json!(true)));
    let pem = BASE64.decode(made["data"]["privateKey"].as_str().unwrap()).unwrap();
    assert!(pem.starts_with(b"-----BEGIN RSA PRIVATE KEY-----\n"));
    assert_eq!(made["data"]["privateKey"], json!(double.private_key("production", id)));
    let (status, read) = ask(&double, "GET", &format!("/{id}"), Some(&token)).await;
    assert_eq!((status, &read["data"]["signingKeyId"]), (200, &json!(id)));
    assert!(read["data"]["publicKey"].as_str().unwrap().starts_with("-----BEGIN PUBLIC KEY-----"));
    let fields: Vec<&String> = read["data"].as_object().unwrap().keys().collect();
    assert_eq!(fields, ["publicKey", "signingKeyId", "workspaceId"]);
    assert_eq!(double.front().writes(), ["create a key in production"]);
}

#[tokio::test]
async fn a_list_has_numbered_pages_with_the_newest_first() {
    let (double, token) = start().await;
    let made: Vec<String> = (0..12).map(|_| double.make("production")).collect();
    let newest: Vec<&String> = made.iter().rev().collect();
    let ids = |page: &Value| page["data"].as_array().unwrap().iter().map(|key| key["id"].clone()).collect::<Vec<_>>();
    let (status, first) = ask(&double, "GET", "", Some(&token)).await;
    assert_eq!((status, json!(ids(&first))), (200, json!(newest[..10])));
    assert_eq!(first["pagination"], json!({"totalRecords": 12, "currentOffset": 1, "offsetCount": 2}));
    let (_, second) = ask(&double, "GET", "?limit=5&offset=2", Some(&token)).await;
    assert_eq!(json!(ids(&second)), json!(newest[5..10]), "an offset is the number of a page");
    let (status, beyond) = ask(&double, "GET", "?limit=5&offset=9", Some(&token)).await;
    assert_eq!((status, &beyond["data"]), (200, &json!([])));
    assert_eq!(first["data"][0].as_object().unwrap().len(), 2);
    double.switch(|switches| switches.says_workspace = true);
    let (_, older) = ask(&double, "GET", "", Some(&token)).await;
    assert_eq!(older["data"][0]["workspace"][0]["workspaceType"], "production");
}

#[tokio::test]
async fn a_page_that_cannot_be_is_refused_with_the_field() {
    let (double, token) = start().await;
    for (query, field) in [("?limit=51", "limit"), ("?limit=0", "limit"), ("?limit=x", "limit"), ("?offset=0", "offset")] {
        let (status, refused) = ask(&double, "GET", query, Some(&token)).await;
        assert_eq!((status, &refused["error"]["message"]), (422, &json!("payload validation failed")), "{query}");
        assert_eq!(refused["error"]["fields"][0]["field"], field, "{query}");
    }
}

#[tokio::test]
async fn a_key_is_deleted_with_a_message_and_is_not_found_afterwards() {
    let (double, token) = start().await;
    let path = format!("/{}", double.make("production"));
    let (status, deleted) = ask(&double, "DELETE", &path, Some(&token)).await;
    assert_eq!((status, &deleted["data"]["message"]), (200, &json!("signing key deleted successfully")));
    for method in ["DELETE", "GET"] {
        let (status, missing) = ask(&double, method, &path, Some(&token)).await;
        assert_eq!((status, &missing["error"]["message"]), (404, &json!("Signing key Not Found")));
        assert_eq!((&missing["success"], &missing["error"]["code"]), (&json!(false), &json!(404)));
    }
    assert_eq!(double.front().writes(), ["delete a key in production"]);
    assert_eq!(ask(&double, "PUT", &path, Some(&token)).await.0, 405);
}

#[tokio::test]
async fn a_token_reaches_its_own_workspace_and_no_other() {
    let (double, production) = start().await;
    let staging = double.workspace("staging");
    let key = double.make("production");
    let (_, list) = ask(&double, "GET", "", Some(&staging)).await;
    assert_eq!(list["pagination"]["totalRecords"], 0);
    for method in ["GET", "DELETE"] {
        assert_eq!(ask(&double, method, &format!("/{key}"), Some(&staging)).await.0, 404);
    }
    assert_eq!(ask(&double, "GET", &format!("/{key}"), Some(&production)).await.0, 200);
}

#[tokio::test]
async fn whoever_has_no_right_is_told_so() {
    let (double, token) = start().await;
    let (status, refused) = ask(&double, "GET", "", None).await;
    assert_eq!((status, &refused["error"]["message"]), (401, &json!("unauthorized")));
    let wrong = Token { id: token.id.clone(), secret: "another".to_owned() };
    let (status, refused) = ask(&double, "GET", "", Some(&wrong)).await;
    assert_eq!((status, &refused["error"]["message"]), (403, &json!("InvalidPermission")));
    double.switch(|switches| switches.bad_credentials = 401);
    assert_eq!(ask(&double, "GET", "", Some(&wrong)).await.0, 401);
    let reader = double.token("production", false);
    assert_eq!(ask(&double, "GET", "", Some(&reader)).await.0, 200);
    assert_eq!(ask(&double, "POST", "", Some(&reader)).await.0, 403);
    double.revoke(&token);
    assert_eq!(ask(&double, "GET", "", Some(&token)).await.0, 401);
    assert!(double.keys("production").is_empty());
}

#[tokio::test]
async fn a_key_whose_answer_gets_lost_is_there() {
    let (double, token) = start().await;
    double.front().plant(Fault::new(Kind::Instead(Answer::json(503, &json!({"success": false})))));
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let request = Request::post(format!("{}iam/signing-keys", double.url()));
    let credentials = BASE64.encode(format!("{}:{}", token.id, token.secret));
    let request = request.header(AUTHORIZATION, format!("Basic {credentials}")).body(Full::default()).unwrap();
    assert_eq!(client.request(request).await.unwrap().status(), 503);
    assert_eq!(double.keys("production").len(), 1);
    double.delete("production", &double.keys("production")[0]);
    assert!(double.keys("production").is_empty());
}
