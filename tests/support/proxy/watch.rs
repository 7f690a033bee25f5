use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use http_body_util::channel::{Channel, Sender};
use hyper::body::{Bytes, Incoming};
use serde_json::Value;
use tokio::sync::broadcast;

use super::Shared;
use super::serve::Failure;

/// An event of a watch on its way to Muster.
pub struct Event {
    pub plural: String,
    /// `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK` or `ERROR`.
    pub kind: String,
    pub name: String,
    pub object: Value,
}

/// What becomes of it.
pub enum Deliver {
    Pass,
    /// It never arrives.
    Drop,
    Twice,
    /// It and everything behind it arrive so much later.
    Later(Duration),
    /// It and everything behind it wait for [`Proxy::release`](super::Proxy::release).
    Hold,
    /// It arrives, and after it everything that this watch delivered before.
    Replay,
    /// The watch ends before it.
    End,
    /// This arrives in its place, and the watch ends.
    EndWith(String),
}

/// What is done to all watches that are open.
#[derive(Clone)]
pub enum Injection {
    /// They end, as they do when their time is over.
    End,
    /// Something arrives, and they end.
    EndWith(String),
    /// Nothing arrives any more, and they do not end.
    Silence,
    /// The same for one kind, by its plural.
    SilenceOf(String),
    /// The connection breaks in the middle of a line.
    Break,
}

impl Injection {
    /// What an API server says, within a stream, to a watch that asks for what it has forgotten.
    pub fn gone() -> Value {
        serde_json::json!({
            "type": "ERROR",
            "object": {
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": "too old resource version: 1 (2)", "reason": "Expired", "code": 410,
            },
        })
    }
}

/// Passes a watch on, line by line, as far as the script wants.
pub async fn pass_on(shared: Arc<Shared>, plural: String, mut from: Incoming, to: Sender<Bytes, Failure>) {
    let mut injections = shared.injections.subscribe();
    let mut stream = Stream { shared, plural, to, seen: Vec::new() };
    let mut rest = Vec::new();
    loop {
        let frame = tokio::select! {
            frame = from.frame() => frame,
            injection = injections.recv() => match stream.inject(injection).await {
                Next::GoOn => continue,
                Next::End => return,
                Next::Break => return stream.to.abort("broken".into()),
            },
        };
        let Some(Ok(frame)) = frame else { return };
        let Ok(data) = frame.into_data() else { continue };
        rest.extend_from_slice(&data);
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            if !matches!(stream.deliver(line.into()).await, Next::GoOn) {
                return;
            }
        }
    }
}

enum Next {
    GoOn,
    End,
    /// The connection ends in the middle of the answer.
    Break,
}

struct Stream {
    shared: Arc<Shared>,
    plural: String,
    to: Sender<Bytes, Failure>,
    seen: Vec<Bytes>,
}

impl Stream {
    async fn send(&mut self, line: Bytes) -> Next {
        if self.to.send_data(line).await.is_ok() { Next::GoOn } else { Next::End }
    }

    async fn inject(&mut self, injection: Result<Injection, broadcast::error::RecvError>) -> Next {
        match injection {
            Ok(Injection::End) => Next::End,
            Ok(Injection::EndWith(text)) => {
                self.send(text.into()).await;
                Next::End
            }
            Ok(Injection::SilenceOf(plural)) if plural != self.plural => Next::GoOn,
            Ok(Injection::Silence | Injection::SilenceOf(_)) => self.be_silent().await,
            Ok(Injection::Break) => {
                self.send(Bytes::from_static(b"{\"type\":\"MODIFIED\",\"object\":{\"kind\"")).await;
                Next::Break
            }
            Err(_) => Next::GoOn,
        }
    }

    /// Does nothing for as long as the other side stays.
    async fn be_silent(&mut self) -> Next {
        self.shared.away.subscribe().wait_for(|away| *away).await.ok();
        Next::End
    }

    async fn deliver(&mut self, line: Bytes) -> Next {
        let event = read(&self.plural, &line);
        let deliver = (self.shared.frames.lock().unwrap())(&event);
        self.seen.push(line.clone());
        match deliver {
            Deliver::Pass => self.send(line).await,
            Deliver::Drop => Next::GoOn,
            Deliver::Twice => {
                self.send(line.clone()).await;
                self.send(line).await
            }
            Deliver::Later(time) => {
                tokio::time::sleep(time).await;
                self.send(line).await
            }
            Deliver::Hold => {
                self.shared.held.subscribe().changed().await.ok();
                self.send(line).await
            }
            Deliver::Replay => {
                self.send(line).await;
                for line in self.seen.clone() {
                    self.send(line).await;
                }
                Next::GoOn
            }
            Deliver::End => Next::End,
            Deliver::EndWith(text) => {
                self.send(text.into()).await;
                Next::End
            }
        }
    }
}

fn read(plural: &str, line: &[u8]) -> Event {
    let mut event: Value = serde_json::from_slice(line).unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Event {
        plural: plural.to_owned(),
        kind: text(&event["type"]),
        name: text(&event["object"]["metadata"]["name"]),
        object: event["object"].take(),
    }
}

/// A body for a watch, and where it is filled.
pub fn body() -> (Sender<Bytes, Failure>, Channel<Bytes, Failure>) {
    Channel::new(16)
}
