//! A faithful AAQ (Ask A Question): the 20 operations on logins, users and workspaces over HTTP, on a free port of this machine, with
//! the answers and the traps of the real server, in the order in which it checks.
//!
//! `Aaq` is what a test holds: it starts the service, edits it as another hand would, and tells what was asked and what is in it.

#![allow(dead_code, reason = "each test uses a part of it")]

#[path = "aaq/answer.rs"]
mod answer;
#[path = "aaq/body.rs"]
mod body;
#[path = "aaq/database.rs"]
mod database;
#[path = "aaq/logins.rs"]
mod logins;
#[path = "aaq/routes.rs"]
mod routes;
#[path = "aaq/token.rs"]
mod token;
#[path = "aaq/users.rs"]
mod users;
#[path = "aaq/workspaces.rs"]
mod workspaces;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;

pub use database::{Database, Role};

use super::faults::Front;

/// What the service does wrong on purpose, once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Crash {
    /// It fails after a workspace was created and before its creator is in it.
    AfterWorkspace,
    /// It fails after an account was created and before it is in a workspace.
    AfterAccount,
}

/// The service: its tables and its switches.
pub struct Service {
    database: Database,
    /// Signs the tokens. Another one makes all tokens invalid.
    key: String,
    strict: bool,
    crash: Option<Crash>,
    /// Which Google credentials there are, and whose.
    google: BTreeMap<String, String>,
    /// Everything secret that was ever handed out or taken.
    secrets: Vec<String>,
    front: Front,
}

/// A running AAQ.
pub struct Aaq {
    url: String,
    service: Arc<Mutex<Service>>,
    /// The way to it: what goes wrong there, and what was asked and written.
    pub front: Front,
}

impl Aaq {
    /// A service without users and workspaces.
    pub async fn start() -> Self {
        let front = Front::default();
        let service = Arc::new(Mutex::new(Service {
            database: Database::default(),
            key: token::random(32),
            strict: false,
            crash: None,
            google: BTreeMap::new(),
            secrets: Vec::new(),
            front: front.clone(),
        }));
        let url = front.serve(Router::new().fallback(handle).with_state(service.clone())).await;
        Self { url, service, front }
    }

    /// A service whose first user has this name; also the user's password, which is new each time.
    pub async fn with_first_user(username: &str) -> (Self, String) {
        let aaq = Self::start().await;
        let password = token::random(20);
        aaq.edit(|database| {
            let workspace = database.create_workspace(&format!("{username}'s Workspace"), None, None);
            let user = database.create_user(username, &password, Vec::new());
            database.join(user, workspace, Role::Admin, true);
        });
        aaq.service().secrets.push(password.clone());
        (aaq, password)
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Lets another hand edit what is there.
    pub fn edit<T>(&self, edit: impl FnOnce(&mut Database) -> T) -> T {
        edit(&mut self.service().database)
    }

    /// The whole state, to compare: what `Database::summary` says.
    pub fn summary(&self) -> Vec<String> {
        self.service().database.summary()
    }

    /// Whether it refuses to demote the last admin, which the real one does not.
    pub fn strict(&self, strict: bool) {
        self.service().strict = strict;
    }

    /// Fails in the middle of the next call that comes to this point.
    pub fn crash(&self, crash: Crash) {
        self.service().crash = Some(crash);
    }

    /// Makes all tokens invalid that were issued until now.
    pub fn forget_tokens(&self) {
        self.service().key = token::random(32);
    }

    /// The same, to be done at a moment of somebody's choice.
    pub fn forgetting(&self) -> Arc<dyn Fn() + Send + Sync> {
        let service = self.service.clone();
        Arc::new(move || service.lock().expect("no test failed while it held this").key = token::random(32))
    }

    /// A credential with which Google vouches for this address.
    pub fn google_credential(&self, gmail: &str) -> String {
        let credential = token::random(40);
        self.service().google.insert(credential.clone(), gmail.to_owned());
        credential
    }

    /// The workspace that an API key opens, if any.
    pub fn opened_by(&self, api_key: &str) -> Option<String> {
        self.service().database.workspace_of_key(api_key).map(|workspace| workspace.name.clone())
    }

    /// All passwords, recovery codes, keys and tokens that it ever took or handed out.
    pub fn secrets(&self) -> Vec<String> {
        self.service().secrets.clone()
    }

    fn service(&self) -> MutexGuard<'_, Service> {
        self.service.lock().expect("no test failed while it held this")
    }
}

async fn handle(
    State(service): State<Arc<Mutex<Service>>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let request = routes::Request::new(method, &uri, headers, body);
    let mut service = service.lock().expect("no test failed while it held this");
    routes::answer(&mut service, request)
}
