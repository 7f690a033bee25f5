//! A double of the policy API of 100ms: V1 and V2 over the same templates, several workspaces that see nothing of each other, and
//! what its documentation shows of codes, bodies, pages, overwriting and defaults. What is not known of it is a switch.

#![allow(dead_code, unused_imports, reason = "each test binary uses a part of it")]

#[path = "hundredms/defaults.rs"]
mod defaults;
#[path = "hundredms/routes.rs"]
mod routes;
#[path = "hundredms/store.rs"]
mod store;
#[path = "hundredms/token.rs"]
mod token;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use uuid::Uuid;

use super::faults::Front;
pub use store::Template;
use store::Workspace;
pub use token::{Claims, sign};

/// How a list says that there is nothing more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// After the last page comes one with `data: []` and `last: ""`.
    Empty,
    /// After the last page comes one without `data`.
    Missing,
    /// The last page has `last: null`.
    NoLast,
}

/// What the service answers of a bucket's credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// The key and, as `secret`, the secret in clear.
    Clear,
    /// The key, and asterisks in place of the secret.
    Masked,
    /// Nothing.
    Hidden,
}

/// What is not known of the service.
#[derive(Clone, Copy, Debug)]
#[allow(clippy::struct_excessive_bools, reason = "they are switches")]
pub struct Switches {
    /// How a list ends.
    pub end: End,
    /// Whether V2 fills in what a role or the settings leave out, beyond the three streaming permissions.
    pub fills_in: bool,
    /// The status for taking the name of another template or role.
    pub overwrite: u16,
    /// Whether templates can be deleted in V1, as was documented in 2021.
    pub deletes_templates: bool,
    /// What is answered of credentials.
    pub credentials: Credentials,
    /// Whether `plugins.transcriptions` comes as a list.
    pub captions_as_list: bool,
    /// Whether a recording has to name a role that is there.
    pub needs_role: bool,
}

impl Default for Switches {
    fn default() -> Self {
        Self {
            end: End::Empty,
            fills_in: true,
            overwrite: 400,
            deletes_templates: false,
            credentials: Credentials::Clear,
            captions_as_list: false,
            needs_role: true,
        }
    }
}

/// The keys of a workspace, made up for each test.
#[derive(Clone)]
pub struct Keys {
    pub access_key: String,
    pub secret: String,
}

#[derive(Default)]
struct State {
    switches: Switches,
    workspaces: BTreeMap<String, Workspace>,
    /// What the next id and the next time are made of.
    made: u64,
    /// How far the service's clock is ahead.
    ahead: SignedDuration,
    tokens: BTreeSet<String>,
    revoked: BTreeSet<String>,
}

impl State {
    /// The next id, larger than all before, and a time that goes with it.
    fn next(&mut self) -> (String, Timestamp) {
        self.made += 1;
        let at = Timestamp::from_second(1_700_000_000 + i64::try_from(self.made).expect("few")).expect("a time");
        (format!("{:08x}{:016x}", at.as_second(), self.made), at)
    }
}

/// A running double; it ends with the runtime that it runs on. Copies are the same double.
#[derive(Clone)]
pub struct Hundredms {
    front: Front,
    state: Arc<Mutex<State>>,
    url: String,
}

impl Hundredms {
    /// Starts one without any workspace.
    pub async fn start(switches: Switches) -> Self {
        let front = Front::default();
        let state = Arc::new(Mutex::new(State { switches, ..State::default() }));
        let (told, shared) = (front.clone(), state.clone());
        let routes = Router::new().fallback(move |request: Request<Body>| {
            let (shared, told) = (shared.clone(), told.clone());
            async move { routes::answer(&shared, &told, request).await }
        });
        let url = front.serve(routes).await;
        Self { front, state, url }
    }

    /// What stands before it.
    pub fn front(&self) -> &Front {
        &self.front
    }

    /// Where its V1 is.
    pub fn v1(&self) -> String {
        format!("{}/policy/v1", self.url)
    }

    /// Where its V2 is.
    pub fn v2(&self) -> String {
        format!("{}/v2", self.url)
    }

    /// Makes a workspace, which is reached with these keys alone.
    pub fn workspace(&self, label: &str) -> Keys {
        let random = || Uuid::new_v4().simple().to_string();
        let keys = Keys { access_key: random()[..24].to_owned(), secret: random() + &random() };
        let workspace = Workspace::new(label, keys.clone());
        self.state.lock().unwrap().workspaces.insert(keys.access_key.clone(), workspace);
        keys
    }

    /// Changes what is not known of it.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        change(&mut self.state.lock().unwrap().switches);
    }

    /// What a user of the dashboard sees: the templates of a workspace by name.
    pub fn templates(&self, label: &str) -> BTreeMap<String, Template> {
        self.in_workspace(label, |workspace| {
            workspace.templates.values().map(|template| (template.name.clone(), template.clone())).collect()
        })
    }

    /// All that is kept of a workspace, without ids and times, to compare the ends of two runs with.
    pub fn end_state(&self, label: &str) -> Value {
        self.templates(label).into_iter().map(|(name, template)| (name, template.content())).collect()
    }

    /// What a user of the dashboard does to a template.
    pub fn edit(&self, label: &str, template: &str, change: impl FnOnce(&mut Template)) {
        self.in_workspace(label, |workspace| change(workspace.by_name(template).expect("there is such a template")));
    }

    /// A user of the dashboard makes a template, of what one would send to V2.
    pub fn make(&self, label: &str, body: &Value) -> String {
        let mut state = self.state.lock().unwrap();
        let (id, at) = state.next();
        let fills_in = state.switches.fills_in;
        let workspace = state.workspaces.values_mut().find(|workspace| workspace.label == label).expect("a workspace");
        let template = Template::new(id.clone(), at, body, defaults::Profile::V2 { fills_in });
        workspace.templates.insert(id.clone(), template);
        id
    }

    /// A user of the dashboard deletes a template.
    pub fn remove(&self, label: &str, template: &str) {
        self.in_workspace(label, |workspace| workspace.templates.retain(|_, other| other.name != template));
    }

    /// So much time goes by at the service.
    pub fn pass(&self, time: SignedDuration) {
        self.state.lock().unwrap().ahead += time;
    }

    /// No token that was used so far is good any more.
    pub fn revoke(&self) {
        let mut state = self.state.lock().unwrap();
        let used = state.tokens.clone();
        state.revoked.extend(used);
    }

    /// How many different tokens were used.
    pub fn tokens(&self) -> usize {
        self.state.lock().unwrap().tokens.len()
    }

    fn in_workspace<T>(&self, label: &str, look: impl FnOnce(&mut Workspace) -> T) -> T {
        let mut state = self.state.lock().unwrap();
        look(state.workspaces.values_mut().find(|workspace| workspace.label == label).expect("there is such a workspace"))
    }
}
