//! A double of the part of FastPix that has an API for what Muster keeps: signing keys. Several workspaces that see nothing of each
//! other, each reached with access tokens of its own, and codes, bodies and pages as they were captured and documented.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use serde_json::{Value, json};
use url::form_urlencoded::parse;
use uuid::Uuid;

use super::faults::Front;

/// What is not known of the service.
#[derive(Clone, Copy, Debug)]
pub struct Switches {
    /// The status for an access token that is unknown or has another secret.
    pub bad_credentials: u16,
    /// Whether a list also says in which workspace each key is, as older answers did.
    pub says_workspace: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self { bad_credentials: 403, says_workspace: false }
    }
}

/// An access token, made up for each test.
#[derive(Clone)]
pub struct Token {
    pub id: String,
    pub secret: String,
}

/// A signing key as the service keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub id: String,
    pub public: String,
    pub created_at: String,
    private: String,
}

impl Key {
    fn shown(&self) -> String {
        BASE64.encode(format!("-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----\n", self.private))
    }
}

struct Access {
    secret: String,
    workspace: String,
    writes: bool,
}

#[derive(Default)]
struct Workspace {
    id: String,
    keys: Vec<Key>,
}

#[derive(Default)]
struct Service {
    switches: Switches,
    workspaces: BTreeMap<String, Workspace>,
    tokens: BTreeMap<String, Access>,
    made: i64,
}

impl Service {
    fn make(&mut self, workspace: &str) -> Key {
        self.made += 1;
        let (random, shown) = (|| Uuid::new_v4().simple().to_string(), Timestamp::from_second(1_700_000_000 + self.made));
        let key = Key {
            id: Uuid::new_v4().to_string(),
            public: format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", random() + &random()),
            // What is inside is of no use to anybody; the service sends a key of RSA, as PEM in base64.
            private: random() + &random() + &random(),
            created_at: shown.expect("a time").to_string(),
        };
        self.workspaces.get_mut(workspace).expect("there is such a workspace").keys.push(key.clone());
        key
    }
}

#[derive(Clone)]
struct Shared {
    service: Arc<Mutex<Service>>,
    front: Front,
}

/// A running double; it ends with the runtime that it runs on. Copies are the same double.
#[derive(Clone)]
pub struct FastPix {
    shared: Shared,
    url: String,
}

impl FastPix {
    /// Starts one without any workspace.
    pub async fn start() -> Self {
        let shared = Shared { service: Arc::default(), front: Front::default() };
        let keys = Router::new()
            .route("/v1/iam/signing-keys", get(list).post(create))
            .route("/v1/iam/signing-keys/{id}", get(one).delete(remove))
            .method_not_allowed_fallback(|| async { refusal(405, "Method Not Allowed", "The method is not supported.", &[]) })
            .fallback(|| async { refusal(404, "Not Found", "There is no such path.", &[]) })
            .with_state(shared.clone());
        let url = shared.front.serve(keys).await;
        Self { shared, url }
    }

    /// What stands before it.
    pub fn front(&self) -> &Front {
        &self.shared.front
    }

    /// Where its API is.
    pub fn url(&self) -> String {
        format!("{}/v1/", self.url)
    }

    /// Changes what is not known of it.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.shared.service.lock().unwrap().switches);
    }

    /// Makes a workspace, and an access token that may do everything there.
    pub fn workspace(&self, label: &str) -> Token {
        let workspace = Workspace { id: Uuid::new_v4().to_string(), keys: Vec::new() };
        self.shared.service.lock().unwrap().workspaces.insert(label.to_owned(), workspace);
        self.token(label, true)
    }

    /// Makes one more access token of a workspace.
    pub fn token(&self, label: &str, writes: bool) -> Token {
        let token = Token { id: Uuid::new_v4().to_string(), secret: Uuid::new_v4().to_string() };
        let access = Access { secret: token.secret.clone(), workspace: label.to_owned(), writes };
        self.shared.service.lock().unwrap().tokens.insert(token.id.clone(), access);
        token
    }

    /// Somebody revokes an access token in the dashboard.
    pub fn revoke(&self, token: &Token) {
        self.shared.service.lock().unwrap().tokens.remove(&token.id);
    }

    /// What a user of the dashboard sees: the ids of the keys of a workspace, oldest first.
    pub fn keys(&self, label: &str) -> Vec<String> {
        self.shared.service.lock().unwrap().workspaces[label].keys.iter().map(|key| key.id.clone()).collect()
    }

    /// The private key that was shown once, to compare with what was kept.
    pub fn private_key(&self, label: &str, id: &str) -> Option<String> {
        let service = self.shared.service.lock().unwrap();
        service.workspaces[label].keys.iter().find(|key| key.id == id).map(Key::shown)
    }

    /// A user of the dashboard makes a key.
    pub fn make(&self, label: &str) -> String {
        self.shared.service.lock().unwrap().make(label).id
    }

    /// A user of the dashboard deletes a key.
    pub fn delete(&self, label: &str, id: &str) {
        let mut service = self.shared.service.lock().unwrap();
        service.workspaces.get_mut(label).expect("there is such a workspace").keys.retain(|key| key.id != id);
    }
}

fn answer(status: u16, body: &Value) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    (status, [(CONTENT_TYPE, "application/json;charset=UTF-8")], Body::from(body.to_string())).into_response()
}

fn refusal(status: u16, message: &str, description: &str, fields: &[(&str, &str)]) -> Response {
    let mut error = json!({"code": status, "message": message, "description": description});
    if !fields.is_empty() {
        error["fields"] = fields.iter().map(|(field, message)| json!({"field": field, "message": message})).collect();
    }
    answer(status, &json!({"success": false, "error": error}))
}

fn not_found() -> Response {
    refusal(404, "Signing key Not Found", "The requested signing key does not exist in this workspace.", &[])
}

impl Shared {
    /// The workspace that a request is for, by its access token.
    fn admit(&self, headers: &HeaderMap, writes: bool) -> Result<String, Box<Response>> {
        let denied = || Box::new(refusal(403, "InvalidPermission", DENIED, &[]));
        let unauthorized = || Box::new(refusal(401, "unauthorized", "The request has no valid credentials.", &[]));
        let (id, secret) = basic(headers).ok_or_else(unauthorized)?;
        let service = self.service.lock().unwrap();
        match service.tokens.get(&id).filter(|access| access.secret == secret) {
            None if service.switches.bad_credentials == 401 => Err(unauthorized()),
            None => Err(denied()),
            Some(access) if writes && !access.writes => Err(denied()),
            Some(access) => Ok(access.workspace.clone()),
        }
    }
}

const DENIED: &str =
    "1) mismatch between access token and secret key 2) mismatch between access token and workspace 3) no valid access token";

/// The id and the secret of an access token.
fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let coded = headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Basic ")?;
    let text = String::from_utf8(BASE64.decode(coded).ok()?).ok()?;
    text.split_once(':').map(|(id, secret)| (id.to_owned(), secret.to_owned()))
}

async fn create(State(shared): State<Shared>, request: Request) -> Response {
    let workspace = match shared.admit(request.headers(), true) {
        Ok(workspace) => workspace,
        Err(refused) => return *refused,
    };
    let key = shared.service.lock().unwrap().make(&workspace);
    shared.front.applied(format!("create a key in {workspace}"));
    let data = json!({"id": key.id, "privateKey": key.shown(), "createdAt": key.created_at});
    answer(201, &json!({"success": true, "data": data}))
}

async fn list(State(shared): State<Shared>, headers: HeaderMap, uri: Uri) -> Response {
    let workspace = match shared.admit(&headers, false) {
        Ok(workspace) => workspace,
        Err(refused) => return *refused,
    };
    let query: BTreeMap<String, String> = parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let number = |name: &str, usual: usize, fits: fn(usize) -> bool| match query.get(name).map(|text| text.parse()) {
        None => Ok(usual),
        Some(Ok(number)) if fits(number) => Ok(number),
        Some(_) => Err(name.to_owned()),
    };
    let limit = number("limit", 10, |limit| (1..=50).contains(&limit));
    let page = number("offset", 1, |page| page >= 1);
    let (limit, page) = match (limit, page) {
        (Ok(limit), Ok(page)) => (limit, page),
        (Err(field), _) | (_, Err(field)) => {
            let fields = [(&*field, "the value is out of range")];
            return refusal(422, "payload validation failed", "One or more fields are not valid.", &fields);
        }
    };
    let service = shared.service.lock().unwrap();
    let Workspace { id, keys } = &service.workspaces[&workspace];
    let shown = keys.iter().rev().skip((page - 1) * limit).take(limit).map(|key| {
        let mut item = json!({"id": key.id, "createdAt": key.created_at});
        if service.switches.says_workspace {
            item["workspace"] = json!([{"id": id, "name": workspace, "workspaceType": "production"}]);
        }
        item
    });
    let data: Vec<Value> = shown.collect();
    let pages = keys.len().div_ceil(limit);
    let pagination = json!({"totalRecords": keys.len(), "currentOffset": page, "offsetCount": pages});
    answer(200, &json!({"success": true, "data": data, "pagination": pagination}))
}

async fn one(State(shared): State<Shared>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    let workspace = match shared.admit(&headers, false) {
        Ok(workspace) => workspace,
        Err(refused) => return *refused,
    };
    let service = shared.service.lock().unwrap();
    let workspace = &service.workspaces[&workspace];
    match workspace.keys.iter().find(|key| key.id == id) {
        None => not_found(),
        Some(key) => {
            let data = json!({"workspaceId": workspace.id, "signingKeyId": key.id, "publicKey": key.public});
            answer(200, &json!({"success": true, "data": data}))
        }
    }
}

async fn remove(State(shared): State<Shared>, headers: HeaderMap, Path(id): Path<String>) -> Response {
    let label = match shared.admit(&headers, true) {
        Ok(workspace) => workspace,
        Err(refused) => return *refused,
    };
    let mut service = shared.service.lock().unwrap();
    let keys = &mut service.workspaces.get_mut(&label).expect("there is such a workspace").keys;
    let before = keys.len();
    keys.retain(|key| key.id != id);
    if keys.len() == before {
        return not_found();
    }
    shared.front.applied(format!("delete a key in {label}"));
    answer(200, &json!({"success": true, "data": {"message": "signing key deleted successfully"}}))
}
