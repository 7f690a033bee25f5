//! An API server in memory, as far as the loop and the lease need one, and what goes wrong with it.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use futures_util::StreamExt as _;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Bytes, Frame};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

use crate::api::Kind;

/// What becomes of a request.
pub enum Does {
    /// It is answered.
    Answer,
    /// It is never answered.
    Hang,
    /// Whoever asks crashes.
    Crash,
}

type Script = Box<dyn FnMut(&Method, &str, &mut BTreeMap<String, Value>) -> Does + Send>;

/// An API server. Its objects are kept by their paths.
#[derive(Clone)]
pub struct Server {
    objects: Arc<Mutex<BTreeMap<String, Value>>>,
    script: Arc<Mutex<Script>>,
}

impl Server {
    pub fn new() -> Self {
        let server = Self { objects: Arc::default(), script: Arc::new(Mutex::new(Box::new(|_, _, _| Does::Answer))) };
        server.put("/api/v1/namespaces/kube-system", json!({ "metadata": { "name": "kube-system", "uid": "cluster-1" } }));
        server
    }

    /// From now on, this says what becomes of a request, before it is looked at. It may change objects, as others do.
    pub fn script(&self, script: impl FnMut(&Method, &str, &mut BTreeMap<String, Value>) -> Does + Send + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
    }

    /// An object is there.
    pub fn put(&self, path: &str, mut object: Value) {
        let mut objects = self.objects.lock().unwrap();
        renew(&mut object, objects.get(path));
        objects.insert(path.to_owned(), object);
    }

    pub fn get(&self, path: &str) -> Value {
        self.objects.lock().unwrap().get(path).cloned().unwrap_or_default()
    }

    pub fn client(&self) -> Client {
        let server = self.clone();
        let answer = move |request: Request<Body>| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(server.answer(request).await) }
        };
        Client::new(tower::service_fn(answer), "default")
    }

    async fn answer(&self, request: Request<Body>) -> Response<http_body_util::combinators::UnsyncBoxBody<Bytes, Infallible>> {
        let (head, body) = request.into_parts();
        let path = head.uri.path().to_owned();
        let body: Value = serde_json::from_slice(&body.collect_bytes().await.unwrap()).unwrap_or_default();
        let does = (self.script.lock().unwrap())(&head.method, &path, &mut self.objects.lock().unwrap());
        match does {
            Does::Answer => {}
            Does::Hang => std::future::pending().await,
            Does::Crash => panic!("a planted crash"),
        }
        if head.uri.query().is_some_and(|query| query.contains("watch=true")) {
            let nothing = futures_util::stream::pending::<Result<Frame<Bytes>, Infallible>>();
            return Response::new(StreamBody::new(nothing.boxed()).boxed_unsync());
        }
        let (code, answer) = self.answered(&head.method, &path, body);
        let body = http_body_util::Full::new(Bytes::from(answer.to_string()));
        Response::builder().status(code).body(body.boxed_unsync()).unwrap()
    }

    fn answered(&self, method: &Method, path: &str, body: Value) -> (u16, Value) {
        let mut objects = self.objects.lock().unwrap();
        let failed = |code: u16, reason: &str| {
            let status = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code, "message": reason });
            (code, status)
        };
        match *method {
            Method::GET => match objects.get(path) {
                Some(object) => (200, object.clone()),
                None if Kind::WRITTEN.iter().any(|kind| path.ends_with(&format!("/{}", kind.plural()))) => {
                    let plural = path.rsplit('/').next().unwrap_or_default();
                    let is_one = |at: &String| at.contains(&format!("/{plural}/"));
                    let items: Vec<&Value> = objects.iter().filter(|(at, _)| is_one(at)).map(|(_, object)| object).collect();
                    (200, json!({ "metadata": { "resourceVersion": "1" }, "items": items }))
                }
                None => failed(404, "NotFound"),
            },
            Method::POST => {
                let path = format!("{path}/{}", body["metadata"]["name"].as_str().unwrap_or("generated"));
                if objects.contains_key(&path) {
                    return failed(409, "AlreadyExists");
                }
                let mut object = body;
                renew(&mut object, None);
                objects.insert(path, object.clone());
                (201, object)
            }
            Method::PUT => {
                let (path, status_only) = path.strip_suffix("/status").map_or((path, false), |path| (path, true));
                let Some(known) = objects.get(path) else { return failed(404, "NotFound") };
                if body["metadata"]["resourceVersion"] != known["metadata"]["resourceVersion"] {
                    return failed(409, "Conflict");
                }
                let mut object = if status_only { known.clone() } else { body.clone() };
                if status_only {
                    object["status"] = body["status"].clone();
                }
                renew(&mut object, Some(known));
                objects.insert(path.to_owned(), object.clone());
                (200, object)
            }
            _ => failed(405, "MethodNotAllowed"),
        }
    }
}

/// An object gets the version after the one that is known.
pub fn renew(object: &mut Value, known: Option<&Value>) {
    let version = known.and_then(|known| known["metadata"]["resourceVersion"].as_str()?.parse::<u64>().ok()).unwrap_or_default();
    object["metadata"]["resourceVersion"] = (version + 1).to_string().into();
}
