//! Events: what happened, told once. They are sent in the background, and one that cannot be sent is dropped: the status says the same.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::sync::mpsc::{Sender, channel};
use tokio::time::timeout;

use super::object::Object;
use super::verdict::Told;
use crate::api::API_VERSION;

/// How many events may wait to be sent.
const WAITING: usize = 1000;

/// The longest note that the API server takes, in bytes.
const NOTE: usize = 1024;

/// Who reports.
const REPORTER: &str = "muster.dev/controller";

/// Sends events.
#[derive(Clone)]
pub struct Events {
    sender: Sender<Event>,
}

impl Events {
    /// Starts to send.
    #[must_use]
    pub fn start(client: Client, patience: Duration) -> Self {
        let (sender, mut events) = channel::<Event>(WAITING);
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                let namespace = event.metadata.namespace.clone().unwrap_or_default();
                let api: Api<Event> = Api::namespaced(client.clone(), &namespace);
                match timeout(patience, api.create(&PostParams::default(), &event)).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(error)) => tracing::debug!(%error, "an event could not be sent"),
                    Err(_) => tracing::debug!("an event could not be sent in time"),
                }
            }
        });
        Self { sender }
    }

    /// Tells something about an object.
    pub fn tell(&self, object: &Object, told: &Told) {
        let name = &object.id.key.name;
        let regarding = ObjectReference {
            api_version: Some(API_VERSION.to_owned()),
            kind: Some(object.id.key.kind.as_str().to_owned()),
            name: Some(name.to_string()),
            namespace: Some(object.id.namespace.to_string()),
            uid: Some(object.uid.to_string()),
            resource_version: Some(object.version.as_str().to_owned()),
            field_path: None,
        };
        let event = Event {
            metadata: ObjectMeta {
                name: Some(format!("{name}.{}", uuid::Uuid::new_v4().simple())),
                namespace: regarding.namespace.clone(),
                ..ObjectMeta::default()
            },
            action: Some("Reconcile".to_owned()),
            event_time: Some(MicroTime(Timestamp::now())),
            note: Some(cut(&told.note)),
            reason: Some(told.reason.to_owned()),
            regarding: Some(regarding),
            reporting_controller: Some(REPORTER.to_owned()),
            reporting_instance: Some(std::env::var("HOSTNAME").unwrap_or_else(|_| "muster".to_owned())),
            type_: Some(if told.warning { "Warning" } else { "Normal" }.to_owned()),
            ..Event::default()
        };
        if self.sender.try_send(event).is_err() {
            tracing::debug!("too many events wait: one is dropped");
        }
    }
}

fn cut(note: &str) -> String {
    let end = note.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= NOTE).last().unwrap_or_default();
    note[..end].to_owned()
}
