//! Writing statuses: several at a time, of each object one at a time and only the latest, and none once this replica does not lead any more.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kube::api::PostParams;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use kube::{Api, Client};
use tokio::sync::{Notify, mpsc::UnboundedSender};
use tokio::time::timeout;

use super::connect::reason;
use super::lease::Leading;
use super::object::{ObjectKey, Version};
use crate::api::{GROUP, VERSION};

/// A status to write.
#[derive(Clone, Debug)]
pub struct Write {
    /// Of which object.
    pub id: ObjectKey,
    /// The object's uid.
    pub uid: Box<str>,
    /// The version of the object that it is about: the API server refuses it where there is a later one.
    pub version: Version,
    /// The status, as JSON.
    pub text: Box<str>,
}

/// What became of a status.
#[derive(Debug)]
pub struct Wrote {
    /// Of which object.
    pub id: ObjectKey,
    /// The object's uid.
    pub uid: Box<str>,
    /// How it ended.
    pub end: End,
}

/// How writing a status ended.
#[derive(Debug)]
pub enum End {
    /// The API server took it.
    Taken(Version),
    /// The object is another one by now: it will be looked at again.
    Conflict,
    /// The object is gone.
    Gone,
    /// It failed.
    Failed(String),
}

/// Writes statuses in the background.
#[derive(Clone)]
pub struct Writer {
    queue: Arc<Queue>,
}

#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    more: Notify,
}

#[derive(Default)]
struct State {
    order: VecDeque<ObjectKey>,
    pending: BTreeMap<ObjectKey, Write>,
    in_flight: BTreeSet<ObjectKey>,
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next status to write, of an object of which none is being written.
    fn take(&self) -> Option<Write> {
        let mut state = self.lock();
        let at = state.order.iter().position(|id| !state.in_flight.contains(id))?;
        let id = state.order.remove(at)?;
        let write = state.pending.remove(&id)?;
        state.in_flight.insert(id);
        Some(write)
    }

    /// A status was written; the next one of the same object is about the version that this led to.
    fn done(&self, id: &ObjectKey, end: &End) {
        let mut state = self.lock();
        state.in_flight.remove(id);
        if let (End::Taken(version), Some(next)) = (end, state.pending.get_mut(id)) {
            next.version = version.clone();
        }
        if !state.order.is_empty() {
            self.more.notify_one();
        }
    }
}

impl Writer {
    /// Starts so many at a time. What became of each is told to `wrote`.
    #[must_use]
    pub fn start(client: &Client, leading: &Leading, at_once: usize, patience: Duration, wrote: &UnboundedSender<Wrote>) -> Self {
        let queue = Arc::new(Queue::default());
        for _ in 0..at_once {
            let worker =
                Worker { client: client.clone(), leading: leading.clone(), patience, wrote: wrote.clone(), queue: queue.clone() };
            tokio::spawn(worker.run());
        }
        Self { queue }
    }

    /// Writes a status soon, in place of one of the same object that was not written yet.
    pub fn write(&self, write: Write) {
        let mut state = self.queue.lock();
        let id = write.id.clone();
        if state.pending.insert(id.clone(), write).is_none() {
            state.order.push_back(id);
        }
        drop(state);
        self.queue.more.notify_one();
    }

    /// Forgets what was not written yet.
    pub fn clear(&self) {
        let mut state = self.queue.lock();
        state.order.clear();
        state.pending.clear();
    }

    /// True when a status of this object waits or is being written.
    #[must_use]
    pub fn has(&self, id: &ObjectKey) -> bool {
        let state = self.queue.lock();
        state.pending.contains_key(id) || state.in_flight.contains(id)
    }

    /// True when there is nothing left to write.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let state = self.queue.lock();
        state.pending.is_empty() && state.in_flight.is_empty()
    }
}

struct Worker {
    client: Client,
    leading: Leading,
    patience: Duration,
    wrote: UnboundedSender<Wrote>,
    queue: Arc<Queue>,
}

impl Worker {
    async fn run(self) {
        loop {
            let more = self.queue.more.notified();
            let Some(write) = self.queue.take() else {
                more.await;
                continue;
            };
            // One who waits may not have been woken for what is still there.
            self.queue.more.notify_one();
            let end = match self.leading.now() {
                true => self.put(&write).await,
                false => End::Failed("this replica does not lead any more".to_owned()),
            };
            self.queue.done(&write.id, &end);
            let wrote = Wrote { id: write.id, uid: write.uid, end };
            if self.wrote.send(wrote).is_err() {
                return;
            }
        }
    }

    async fn put(&self, write: &Write) -> End {
        let kind = write.id.key.kind;
        let resource = ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, VERSION, kind.as_str()), kind.plural());
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &write.id.namespace, &resource);
        let mut object = DynamicObject::new(&write.id.key.name, &resource).within(&write.id.namespace);
        object.metadata.resource_version = Some(write.version.as_str().to_owned());
        object.metadata.uid = Some(write.uid.to_string());
        object.data = serde_json::json!({ "status": serde_json::from_str::<serde_json::Value>(&write.text).unwrap_or_default() });
        let parameters = PostParams::default();
        match timeout(self.patience, api.replace_status(&write.id.key.name, &parameters, &object)).await {
            Ok(Ok(object)) => End::Taken(Version::new(object.metadata.resource_version.as_deref().unwrap_or_default())),
            Ok(Err(kube::Error::Api(status))) if status.code == 404 => End::Gone,
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => End::Conflict,
            Ok(Err(error)) => End::Failed(reason(&error)),
            Err(_) => End::Failed("the API server did not answer in time".to_owned()),
        }
    }
}
