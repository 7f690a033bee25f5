//! A proxy between Muster and an API server that counts what is written, and does by a script what networks and API servers
//! do by chance: lose answers, refuse, hang, stop a watch without a word.
//!
//! Each scenario has a proxy of its own, so what it counts was done by one controller.

#![allow(dead_code, reason = "each test binary uses a part of it")]

#[path = "proxy/call.rs"]
mod call;
#[path = "proxy/serve.rs"]
mod serve;
#[path = "proxy/watch.rs"]
mod watch;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use hyper::StatusCode;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch as state};

pub use call::{Call, Class, Written};
pub use watch::{Deliver, Event, Injection};

/// What becomes of a request.
pub enum Fault {
    /// It goes through.
    Pass,
    /// The API server gets it and its answer gets lost: the connection ends.
    Lose,
    /// The API server never gets it: the connection ends.
    Refuse,
    /// It is never answered, and the API server never gets it.
    Hang,
    /// The API server never gets it, and this is answered.
    Answer(Answer),
    /// The API server gets it, and this is answered in place of what it said.
    AnswerAfter(Answer),
    /// The API server gets it, and what it answers is changed on the way.
    Change(Box<dyn FnOnce(&mut Value) + Send>),
    /// The API server gets it, then something is done, and then the answer is passed on, if anybody is still there.
    Then(Box<dyn FnOnce() + Send>),
}

/// An answer that the API server did not give.
#[derive(Clone)]
pub struct Answer {
    pub status: StatusCode,
    pub retry_after: Option<u32>,
    pub body: String,
}

impl Answer {
    /// An error as the API server words it.
    pub fn error(status: u16, reason: &str) -> Self {
        let body = serde_json::json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": format!("a planted error: {reason}"), "reason": reason, "code": status,
        });
        let status = StatusCode::from_u16(status).expect("a status code");
        Self { status, retry_after: None, body: body.to_string() }
    }

    /// The same, with the number of seconds to wait.
    pub fn after(mut self, seconds: u32) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// A good answer with this content.
    pub fn ok(body: String) -> Self {
        Self { status: StatusCode::OK, retry_after: None, body }
    }
}

type Script = Box<dyn FnMut(&Call) -> Fault + Send>;
type Frames = Box<dyn FnMut(&Event) -> Deliver + Send>;

/// What the connections share.
struct Shared {
    upstream: serve::Upstream,
    script: Mutex<Script>,
    frames: Mutex<Frames>,
    written: Mutex<Vec<Written>>,
    calls: Mutex<BTreeMap<String, usize>>,
    lists: Mutex<BTreeMap<String, String>>,
    page: Mutex<Option<u32>>,
    /// How many writes of objects go on, and how many did at most.
    at_once: Mutex<(usize, usize)>,
    idle: broadcast::Sender<()>,
    injections: broadcast::Sender<Injection>,
    held: state::Sender<bool>,
    away: state::Sender<bool>,
}

/// A running proxy; it ends with the runtime that it runs on.
#[derive(Clone)]
pub struct Proxy {
    shared: Arc<Shared>,
    port: u16,
}

impl Proxy {
    /// Starts one in front of an API server.
    pub async fn start(api_server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let shared = Arc::new(Shared {
            upstream: serve::upstream(api_server),
            script: Mutex::new(Box::new(|_| Fault::Pass)),
            frames: Mutex::new(Box::new(|_| Deliver::Pass)),
            written: Mutex::default(),
            calls: Mutex::default(),
            lists: Mutex::default(),
            page: Mutex::default(),
            at_once: Mutex::default(),
            idle: broadcast::Sender::new(4),
            injections: broadcast::Sender::new(64),
            held: state::Sender::new(false),
            away: state::Sender::new(false),
        });
        tokio::spawn(serve::accept(shared.clone(), listener));
        Self { shared, port }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// From now on, this says what becomes of each request.
    pub fn script(&self, script: impl FnMut(&Call) -> Fault + Send + 'static) {
        *self.shared.script.lock().unwrap() = Box::new(script);
    }

    /// From now on, this says what becomes of each event of a watch.
    pub fn frames(&self, frames: impl FnMut(&Event) -> Deliver + Send + 'static) {
        *self.shared.frames.lock().unwrap() = Box::new(frames);
    }

    /// From now on, a page of a list has so many objects, whatever was asked for.
    pub fn pages_of(&self, objects: u32) {
        *self.shared.page.lock().unwrap() = Some(objects);
    }

    /// From now on, everything goes through, and what was held back is passed on.
    pub fn calm(&self) {
        self.script(|_| Fault::Pass);
        self.frames(|_| Deliver::Pass);
        self.release();
        self.come_back();
    }

    /// Passes on what was held back by [`Deliver::Hold`].
    pub fn release(&self) {
        // Whoever holds back waits for the next change.
        self.shared.held.send_modify(|number| *number = !*number);
    }

    /// Does something to all watches that are open now.
    pub fn inject(&self, injection: Injection) {
        let _ = self.shared.injections.send(injection);
    }

    /// Ends all connections, and takes no new one.
    pub fn go_away(&self) {
        self.shared.away.send_replace(true);
    }

    /// Takes connections again.
    pub fn come_back(&self) {
        self.shared.away.send_replace(false);
    }

    /// Ends the connections on which nothing goes on, as an API server does after a while.
    pub fn end_what_is_idle(&self) {
        let _ = self.shared.idle.send(());
    }

    /// How many objects were written at the same time, at most.
    pub fn most_at_once(&self) -> usize {
        self.shared.at_once.lock().unwrap().1
    }

    /// Everything that was written so far, in the order of arrival, with what became of it.
    pub fn written(&self) -> Vec<Written> {
        self.shared.written.lock().unwrap().clone()
    }

    /// Forgets what was written so far.
    pub fn forget(&self) {
        self.shared.written.lock().unwrap().clear();
        self.shared.calls.lock().unwrap().clear();
    }

    /// How often each object was written, by verb, as far as the API server took it; leases and events are not among them.
    pub fn writes(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        let taken = |written: &&Written| written.class == Class::Write && written.committed;
        for written in self.written().iter().filter(taken) {
            *counts.entry(written.what.clone()).or_default() += 1;
        }
        counts
    }

    /// How many writes of this class the API server took.
    pub fn count(&self, class: Class) -> usize {
        self.written().iter().filter(|written| written.class == class && written.committed).count()
    }

    /// How many requests of a verb and a path without query were made, such as `GET members` or `WATCH members`.
    pub fn calls(&self) -> BTreeMap<String, usize> {
        self.shared.calls.lock().unwrap().clone()
    }

    /// The last whole list of a kind that went through, as the API server gave it.
    pub fn recorded_list(&self, plural: &str) -> Option<String> {
        self.shared.lists.lock().unwrap().get(plural).cloned()
    }
}
