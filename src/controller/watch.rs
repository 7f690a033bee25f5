//! Following the objects of one kind: a list in pages, then a watch from where the list ended, and a new list when the watch cannot go
//! on. Every step says something, so that a watch which is silently dead is noticed.

use std::time::Duration;

use futures_util::{Stream, StreamExt, pin_mut};
use kube::api::{ListParams, WatchParams};
use kube::core::{ApiResource, DynamicObject, GroupVersionKind, WatchEvent};
use kube::{Api, Client};
use tokio::sync::mpsc::Sender;
use tokio::time::{Instant, timeout};

use super::connect::reason;
use super::object::{Object, ObjectKey, Version};
use crate::api::{GROUP, Kind, VERSION};
use crate::tenancy::Name;

/// What following a kind in a namespace, or in all of them, brings to light.
#[derive(Debug)]
pub enum Seen {
    /// A new list begins. What was seen before counts until it is complete.
    Listing(Scope),
    /// A page of the list.
    Page(Scope, Vec<Object>),
    /// The list is complete: what was in none of its pages is gone.
    Listed(Scope),
    /// An object is new, or was changed.
    Changed(Scope, Box<Object>),
    /// An object is gone.
    Gone(Scope, Gone),
    /// The API server was heard of.
    Alive(Scope),
    /// It cannot be followed for the moment.
    Broken(Scope, String),
}

/// An object that is gone.
#[derive(Clone, Debug)]
pub struct Gone {
    /// Where it was.
    pub id: ObjectKey,
    /// Its uid: another one of the same name stays.
    pub uid: Box<str>,
    /// The version that it was gone with.
    pub version: Version,
}

impl Gone {
    fn read(kind: Kind, object: &DynamicObject) -> Self {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        Self {
            id: Object::identify(kind, object),
            uid: text(&object.metadata.uid).into(),
            version: Version::new(&text(&object.metadata.resource_version)),
        }
    }
}

/// What one watch follows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Scope {
    /// The kind.
    pub kind: Kind,
    /// The namespace; `None` for all of them.
    pub namespace: Option<Name>,
}

/// How long the API server keeps a watch open. It ends each one after that, so a watch that lives longer is dead.
const WATCH: Duration = Duration::from_mins(1);

/// How long after that its end may arrive.
const MARGIN: Duration = Duration::from_secs(10);

/// How many objects are asked for at a time.
const PAGE: u32 = 500;

/// How long to wait before the next list, at first and, where one comes soon after the other, at most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(20));

/// The API of a kind.
#[must_use]
pub fn api(client: &Client, kind: Kind, namespace: Option<&str>) -> Api<DynamicObject> {
    let gvk = GroupVersionKind::gvk(GROUP, VERSION, kind.as_str());
    let resource = ApiResource::from_gvk_with_plural(&gvk, kind.plural());
    match namespace {
        Some(namespace) => Api::namespaced_with(client.clone(), namespace, &resource),
        None => Api::all_with(client.clone(), &resource),
    }
}

/// Follows a kind for as long as somebody listens.
async fn follow(client: Client, scope: Scope, patience: Duration, seen: Sender<Seen>) {
    let follower = Follower { api: api(&client, scope.kind, scope.namespace.as_deref()), scope, patience, seen };
    let mut wait = BACKOFF.0;
    while !follower.seen.is_closed() {
        let began = Instant::now();
        let ended = follower.once().await;
        if began.elapsed() > BACKOFF.1 {
            wait = BACKOFF.0;
        }
        // Until the next list is complete, what was seen before may be out of date.
        let told = match ended {
            Ok(()) => Seen::Listing(follower.scope.clone()),
            Err(failed) => Seen::Broken(follower.scope.clone(), failed),
        };
        if follower.seen.send(told).await.is_err() {
            return;
        }
        tokio::time::sleep(jittered(wait)).await;
        wait = (wait * 2).min(BACKOFF.1);
    }
}

/// Between half of a time and all of it, so that many who wait do not come back together.
#[must_use]
pub fn jittered(wait: Duration) -> Duration {
    wait.mul_f64(0.5 + random() / 2.0)
}

/// A number from 0 to 1.
#[must_use]
pub fn random() -> f64 {
    let (random, _) = uuid::Uuid::new_v4().as_u64_pair();
    (random >> 11) as f64 / (1u64 << 53) as f64
}

/// Follows a kind for as long as somebody listens, also past an object that crashes the reader.
pub async fn follow_on(client: Client, scope: Scope, patience: Duration, seen: Sender<Seen>) {
    while !seen.is_closed() {
        let following = tokio::spawn(follow(client.clone(), scope.clone(), patience, seen.clone()));
        let _aborts = AbortOnDrop(following.abort_handle());
        if let Err(error) = following.await {
            tracing::error!(%error, kind = scope.kind.plural(), "a watch crashed; this is a defect of muster, please report it");
            let told = seen.send(Seen::Broken(scope.clone(), "the watch crashed".to_owned())).await;
            if told.is_err() {
                return;
            }
            tokio::time::sleep(BACKOFF.1).await;
        }
    }
}

/// Ends a task with whoever waits for it.
struct AbortOnDrop(tokio::task::AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

struct Follower {
    api: Api<DynamicObject>,
    scope: Scope,
    patience: Duration,
    seen: Sender<Seen>,
}

/// How a watch ended.
enum Ended {
    /// As it should: the next one goes on from here.
    At(String),
    /// What came after this point is not kept any more.
    TooOld,
}

impl Follower {
    /// Lists, and watches until a new list is needed.
    async fn once(&self) -> Result<(), String> {
        let mut version = self.list().await?;
        loop {
            let began = Instant::now();
            version = match self.watch(&version).await? {
                Ended::At(version) => version,
                Ended::TooOld => return Ok(()),
            };
            if began.elapsed() < BACKOFF.0 {
                tokio::time::sleep(jittered(BACKOFF.0)).await;
            }
        }
    }

    async fn list(&self) -> Result<String, String> {
        self.tell(Seen::Listing(self.scope.clone())).await?;
        let mut parameters = ListParams::default().limit(PAGE);
        loop {
            let page = timeout(self.patience, self.api.list(&parameters)).await;
            let page = page
                .map_err(|_| "the list was not answered in time".to_owned())?
                .map_err(|error| why(self.scope.kind, &error))?;
            let objects = page.items.iter().filter_map(|object| Object::read(self.scope.kind, object)).collect();
            self.tell(Seen::Page(self.scope.clone(), objects)).await?;
            if let Some(next) = page.metadata.continue_.filter(|next| !next.is_empty()) {
                parameters.continue_token = Some(next);
                continue;
            }
            self.tell(Seen::Listed(self.scope.clone())).await?;
            return page.metadata.resource_version.ok_or_else(|| "the list has no resource version".to_owned());
        }
    }

    async fn watch(&self, version: &str) -> Result<Ended, String> {
        let seconds = u32::try_from(WATCH.as_secs()).unwrap_or(u32::MAX);
        let parameters = WatchParams { bookmarks: true, ..WatchParams::default().timeout(seconds) };
        let opened = timeout(self.patience, self.api.watch(&parameters, version)).await;
        let stream = match opened.map_err(|_| "the watch was not answered in time".to_owned())? {
            Ok(stream) => stream,
            Err(kube::Error::Api(status)) if status.code == 410 => return Ok(Ended::TooOld),
            Err(error) => return Err(why(self.scope.kind, &error)),
        };
        self.tell(Seen::Alive(self.scope.clone())).await?;
        let watched = timeout(WATCH + MARGIN, self.events(stream, version.to_owned())).await;
        watched.unwrap_or_else(|_| Err("the watch did not end when it should have: the connection is dead".to_owned()))
    }

    async fn events(
        &self,
        stream: impl Stream<Item = kube::Result<WatchEvent<DynamicObject>>>,
        mut version: String,
    ) -> Result<Ended, String> {
        pin_mut!(stream);
        while let Some(event) = stream.next().await {
            let scope = self.scope.clone();
            let seen = match event {
                Ok(WatchEvent::Added(object) | WatchEvent::Modified(object)) => {
                    version = object.metadata.resource_version.clone().unwrap_or(version);
                    match Object::read(scope.kind, &object) {
                        Some(object) => Seen::Changed(scope, Box::new(object)),
                        None => Seen::Gone(scope.clone(), Gone::read(scope.kind, &object)),
                    }
                }
                Ok(WatchEvent::Deleted(object)) => {
                    version = object.metadata.resource_version.clone().unwrap_or(version);
                    Seen::Gone(scope.clone(), Gone::read(scope.kind, &object))
                }
                Ok(WatchEvent::Bookmark(bookmark)) => {
                    version = bookmark.metadata.resource_version;
                    Seen::Alive(scope)
                }
                Ok(WatchEvent::Error(status)) if status.code == 410 => return Ok(Ended::TooOld),
                Ok(WatchEvent::Error(status)) => return Err(status.message),
                // Half a frame, or one in a form of its own: what it said is found by a new list.
                Err(error) => {
                    tracing::debug!(%error, "the watch ended in the middle");
                    return Ok(Ended::TooOld);
                }
            };
            self.tell(seen).await?;
        }
        Ok(Ended::At(version))
    }

    async fn tell(&self, seen: Seen) -> Result<(), String> {
        self.seen.send(seen).await.map_err(|_| "nobody listens any more".to_owned())
    }
}

/// Why a kind cannot be followed.
fn why(kind: Kind, error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) if status.code == 404 => format!(
            "the API server does not know {}.muster.dev: wait for whoever installs the definitions, or apply `crds/`",
            kind.plural()
        ),
        error => reason(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definition_that_is_missing_is_told_with_what_to_do() {
        let said = |message: &str, code| {
            let status = kube::core::Status::failure(message, "").with_code(code);
            why(Kind::Member, &kube::Error::Api(Box::new(status)))
        };
        assert_eq!(
            said("404 page not found", 404),
            "the API server does not know members.muster.dev: wait for whoever installs the definitions, or apply `crds/`"
        );
        assert_eq!(said("etcdserver: leader changed", 500), "etcdserver: leader changed");
    }
}
