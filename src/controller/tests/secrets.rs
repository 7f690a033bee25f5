use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use crate::backend::Stop;
use crate::backend::http::Unmetered;
use crate::backend::secrets::{Secret, SecretError, Secrets, Values};
use crate::controller::services::Services;

/// An API server that has at most one Secret.
#[derive(Default)]
pub struct Server {
    pub secret: Mutex<Option<Value>>,
    /// What was asked of it, in this order.
    asked: Mutex<Vec<String>>,
    /// What it does not let anybody do.
    denies: Option<&'static str>,
}

impl Server {
    fn answer(&self, method: &str, query: &str, body: &[u8]) -> (u16, Value) {
        let rehearsed = query.contains("dryRun=All");
        self.asked.lock().unwrap().push(if rehearsed { format!("{method} rehearsed") } else { method.to_owned() });
        let status = |code, message| {
            let reason = if code == 404 { "NotFound" } else { "Invalid" };
            let answer = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message});
            (code, answer)
        };
        let mut secret = self.secret.lock().unwrap();
        if self.denies == Some(method) {
            return status(403, "secrets is forbidden");
        }
        match (method, &mut *secret) {
            ("GET", Some(there)) => (200, there.clone()),
            ("GET", None) => status(404, "not found"),
            ("PUT", Some(there)) if there["immutable"] == true => status(422, "the field may not change when `immutable` is set"),
            ("PUT" | "POST", there) => {
                let sent: Value = serde_json::from_slice(body).unwrap();
                if !rehearsed {
                    *there = Some(sent.clone());
                }
                (200, sent)
            }
            _ => status(405, "not allowed"),
        }
    }

    pub fn client(self: &Arc<Self>) -> Client {
        let server = Arc::clone(self);
        let answer = move |request: Request<Body>| {
            let server = Arc::clone(&server);
            async move {
                let (head, body) = request.into_parts();
                let body = body.collect_bytes().await.unwrap();
                let (code, answer) = server.answer(head.method.as_str(), head.uri.query().unwrap_or_default(), &body);
                let body = Body::from(answer.to_string().into_bytes());
                Ok::<_, std::convert::Infallible>(Response::builder().status(code).body(body).unwrap())
            }
        };
        Client::new(tower::service_fn(answer), "default")
    }

    fn secrets(self: &Arc<Self>) -> Arc<dyn Secrets> {
        let (client, allow, meter) = (self.client(), Arc::default(), Arc::new(Unmetered));
        Services { client, patience: Duration::from_mins(1), allow, meter }.reach(&"acme".into(), &Stop::default()).secrets
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

fn with(data: &Value, more: &Value) -> Arc<Server> {
    let metadata = json!({"name": "key", "namespace": "acme", "annotations": {"muster.dev/written-for": "me"}});
    let mut secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data});
    secret.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    Arc::new(Server { secret: Mutex::new(Some(secret)), ..Server::default() })
}

#[tokio::test]
async fn that_a_secret_can_be_written_is_rehearsed_and_what_is_there_stays() {
    let server = Arc::new(Server::default());
    let secrets = server.secrets();
    secrets.may_write("me", "key").await.unwrap();
    assert_eq!(server.asked(), ["GET", "POST", "PUT rehearsed"]);
    assert!(!secrets.kept("me", "key", "token").await.unwrap());
    secrets.write("me", "key", &Values::from([("token".to_owned(), Secret::from("new".to_owned()))])).await.unwrap();
    assert!(secrets.kept("me", "key", "token").await.unwrap());
    server.asked();
    secrets.may_write("me", "key").await.unwrap();
    assert_eq!(server.asked(), ["GET", "PUT rehearsed"]);
    assert_eq!(secrets.read("key", "token").await.unwrap().expose(), "new");
    let foreign = secrets.may_write("you", "key").await.unwrap_err();
    assert!(matches!(foreign, SecretError::Foreign { .. }), "{foreign}");
    assert!(matches!(secrets.kept("you", "key", "token").await, Err(SecretError::Foreign { .. })));
}

#[tokio::test]
async fn a_secret_that_will_not_take_a_value_is_known_before_there_is_one() {
    let immutable = with(&json!({"token": "b2xk"}), &json!({"immutable": true}));
    let error = immutable.secrets().may_write("me", "key").await.unwrap_err().to_string();
    assert_eq!(error, "cannot write Secret acme/key: the field may not change when `immutable` is set");
    for denies in ["POST", "PUT"] {
        let server = Arc::new(Server { denies: Some(denies), ..Server::default() });
        let error = server.secrets().may_write("me", "key").await.unwrap_err().to_string();
        assert_eq!(error, "cannot write Secret acme/key: secrets is forbidden", "{denies}");
    }
}

#[tokio::test]
async fn the_line_break_at_the_end_of_a_value_is_no_part_of_it() {
    for (data, value) in [("eDp5Cg==", "x:y"), ("eDp5DQo=", "x:y"), ("eDp5", "x:y"), ("eDp5Cgo=", "x:y\n")] {
        let server = with(&json!({"login": data}), &json!({}));
        assert_eq!(server.secrets().read("key", "login").await.unwrap().expose(), value);
    }
    for (data, why) in [("", "it is empty"), ("Cg==", "it is empty"), ("//4=", "it is no text in UTF-8")] {
        let error = with(&json!({"login": data}), &json!({})).secrets().read("key", "login").await.unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}
