//! A cluster of objects in memory, and passes over it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use jiff::Timestamp;
use kube::Client;
use kube::client::Body;
use kube::core::DynamicObject;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::api::Kind;
use crate::controller::cache::{Cache, Work};
use crate::controller::calls::Calls;
use crate::controller::claim::Attitude;
use crate::controller::gather::gather;
use crate::controller::object::{Object, ObjectKey, Version};
use crate::controller::pass::{Bench, Memory, Passed};
use crate::controller::presence::Presence;
use crate::controller::services::Services;
use crate::controller::status::status;
use crate::controller::watch::{Gone, Scope, Seen};
use crate::store::{AnyStore, Mode, Observe};
use crate::tenancy::{Key, Manager, Name};

/// A cluster with a store behind it.
pub struct World {
    pub cache: Cache,
    pub store: AnyStore,
    directory: tempfile::TempDir,
    memories: BTreeMap<Work, Memory>,
    /// What the API server says of a namespace and of the definitions.
    pub presence: Says,
    version: u64,
    /// The cluster.
    pub holder: &'static str,
    /// Whether its controller was told to take over.
    pub take_over: bool,
    /// The namespaces that it watches; none for all of them.
    pub namespaces: Arc<[Name]>,
    /// How it reaches services; `None` where it does not.
    pub services: Option<Services>,
}

/// What the API server says when it is asked whether something is there.
#[derive(Clone, Copy)]
pub enum Says {
    /// It is, for ever.
    There,
    /// It is being deleted.
    Terminating,
    /// It is not.
    Gone,
    /// It is, since just now.
    MadeAnew,
    /// It is, and so are the objects that no watch tells of.
    AfterAll,
}

impl World {
    pub async fn new() -> Self {
        let scopes = Kind::WRITTEN.map(|kind| Scope { kind, namespace: None });
        let mut cache = Cache::new(scopes.clone());
        for scope in scopes {
            cache.take(Seen::Listing(scope.clone()), Instant::now());
            cache.take(Seen::Listed(scope), Instant::now());
        }
        let directory = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", directory.path().join("muster.db").display());
        let store = AnyStore::open(&url, Mode::Write).await.unwrap();
        Self {
            cache,
            store,
            directory,
            memories: BTreeMap::new(),
            presence: Says::There,
            version: 1,
            holder: "cluster-1",
            take_over: false,
            namespaces: Arc::new([]),
            services: None,
        }
    }

    /// What `kubectl apply` of these documents leads to.
    pub fn apply(&mut self, yaml: &str) {
        for document in yaml.split("\n---\n") {
            let value: Value = serde_yaml::from_str(document).unwrap();
            let kind = Kind::WRITTEN.into_iter().find(|kind| value["kind"] == kind.as_str()).unwrap();
            let namespace = value["metadata"]["namespace"].as_str().unwrap_or("acme").to_owned();
            let id = ObjectKey {
                namespace: namespace.as_str().into(),
                key: Key::new(kind, value["metadata"]["name"].as_str().unwrap()),
            };
            self.version += 1;
            let known = self.cache.get(&id);
            let mut object = value.clone();
            object["metadata"]["namespace"] = namespace.into();
            object["metadata"]["uid"] =
                known.map_or_else(|| format!("uid-{}", self.version), |known| known.uid.to_string()).into();
            object["metadata"]["generation"] = (known.map_or(0, |known| known.generation) + 1).into();
            object["metadata"]["resourceVersion"] = self.version.to_string().into();
            object["metadata"]["creationTimestamp"] = "2026-03-01T09:00:00Z".into();
            if let Some(status) = known.and_then(|known| known.status()) {
                object["status"] = serde_json::from_str(status).unwrap();
            }
            let object: DynamicObject = serde_json::from_value(object).unwrap();
            let object = Object::read(kind, &object).unwrap();
            self.cache.take(Seen::Changed(Scope { kind, namespace: None }, Box::new(object)), Instant::now());
        }
    }

    /// What `kubectl delete` leads to.
    pub fn delete(&mut self, kind: Kind, name: &str) {
        let id = ObjectKey { namespace: "acme".into(), key: Key::new(kind, name) };
        self.version += 1;
        let uid = self.cache.get(&id).unwrap().uid.clone();
        let gone = Gone { id, uid, version: Version::new(&self.version.to_string()) };
        self.cache.take(Seen::Gone(Scope { kind, namespace: None }, gone), Instant::now());
    }

    /// What somebody does with SQL.
    pub async fn by_hand(&self, sql: &'static str) {
        let url = format!("sqlite://{}", self.directory.path().join("muster.db").display());
        let pool = sqlx::SqlitePool::connect(&url).await.unwrap();
        sqlx::raw_sql(sql).execute(&pool).await.unwrap();
        pool.close().await;
    }

    /// Another controller goes on: it knows the objects with their statuses, and the store.
    pub fn forget(&mut self) {
        self.memories.clear();
    }

    /// One pass over an organization.
    pub async fn pass(&mut self, organization: &str) -> Passed {
        self.look(Work::Organization(organization.into()), None).await
    }

    /// The part of a pass over acme that is at its service.
    pub async fn call(&mut self, calls: Calls) -> Passed {
        self.look(Work::Organization("acme".into()), Some(calls)).await
    }

    async fn look(&mut self, work: Work, calls: Option<Calls>) -> Passed {
        let presence = Presence::new(self.presence.client(), Duration::from_secs(5));
        let bench = Bench {
            store: self.store.clone(),
            manager: Manager::new("muster"),
            holder: self.holder.into(),
            namespaces: Arc::clone(&self.namespaces),
            presence,
            services: self.services.clone(),
            seats: Arc::new(tokio::sync::Semaphore::new(1)),
        };
        let known = self.store.organizations().await.unwrap();
        let known = known.into_iter().find(|known| work == Work::Organization(known.organization.clone()));
        let claimed = known.and_then(|known| known.claim).map(|claim| bench.claimed(&claim));
        let gathered = gather(&self.cache, &work, claimed.as_ref());
        let memory = self.memories.remove(&work).unwrap_or_default();
        let attitude = Attitude { fences: false, takes_over: self.take_over, moves: false };
        let mut passed = match calls {
            Some(calls) => bench.call(gathered, memory, attitude, calls).await,
            None => Box::pin(bench.pass(gathered, memory, attitude)).await,
        };
        self.memories.insert(work, std::mem::take(&mut passed.memory));
        passed
    }

    /// Passes until nothing more is to be said, and returns what every object says of itself.
    pub async fn settle(&mut self, organization: &str) -> Vec<String> {
        for _ in 0..5 {
            let passed = self.pass(organization).await;
            let mut written = self.write(&passed);
            let unplaced = self.look(Work::Unplaced("acme".into()), None).await;
            written += self.write(&unplaced);
            written += self.cache.place(&"acme".into(), unplaced.placed.as_ref().unwrap()).len();
            if written == 0 {
                return self.told();
            }
        }
        panic!("there is always something new to say: {:?}", self.told());
    }

    /// Writes what a pass says; returns how many statuses that were.
    pub fn write(&mut self, passed: &Passed) -> usize {
        let mut written = 0;
        for (object, verdict) in &passed.verdicts {
            let current = self.cache.get(&object.id).unwrap().clone();
            let overview = passed.overview.as_ref().filter(|_| object.id.key.kind == Kind::Organization && passed.is_own(object));
            if let Some(status) = status(&current, verdict, overview, Timestamp::now()) {
                self.cache.begin_status(&object.id, &object.uid, status);
                self.version += 1;
                let version = Version::new(&self.version.to_string());
                self.cache.end_status(&object.id, &object.uid, &version, true);
                written += 1;
            }
        }
        written
    }

    /// What each object says of itself, such as `member alice: Ready=True Succeeded`.
    pub fn told(&self) -> Vec<String> {
        let tell = |object: &Object| {
            let status: Value = object.status().map(|it| serde_json::from_str(it).unwrap()).unwrap_or_default();
            let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
            let tell = |it: &Value| {
                format!("{}={} {}", it["type"].as_str().unwrap(), it["status"].as_str().unwrap(), it["reason"].as_str().unwrap())
            };
            let conditions: Vec<String> = conditions.iter().map(tell).collect();
            format!("{}: {}", object.id.key, conditions.join(", "))
        };
        self.cache.all().map(|object| tell(object)).collect()
    }

    /// The status of an object.
    pub fn status(&self, kind: Kind, name: &str) -> Value {
        let id = ObjectKey { namespace: "acme".into(), key: Key::new(kind, name) };
        self.cache.get(&id).and_then(|object| serde_json::from_str(object.status()?).ok()).unwrap_or_default()
    }

    /// What the store has: each object, with a cross where it is deleted.
    pub async fn stored(&self, organization: &str) -> Vec<String> {
        let snapshot = self.store.observe(&Name::from(organization)).await.unwrap();
        let tell = |row: &crate::tenancy::Row| format!("{}{}", row.key, if row.is_live() { "" } else { " x" });
        snapshot.rows.iter().map(tell).collect()
    }
}

impl Says {
    fn client(self) -> Client {
        let answer = move |request: Request<Body>| async move {
            let name = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
            let created = if matches!(self, Self::MadeAnew) { Timestamp::now() } else { Timestamp::UNIX_EPOCH };
            let mut metadata = json!({ "name": name, "creationTimestamp": created.to_string() });
            if matches!(self, Self::Terminating) {
                metadata["deletionTimestamp"] = "2026-03-01T09:00:00Z".into();
            }
            let found = json!({ "apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": metadata });
            let missing = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "NotFound", "code": 404, "message": "not found" });
            let is_object = request.uri().path().contains("/apis/muster.dev/") && !matches!(self, Self::AfterAll);
            let (code, body) = if matches!(self, Self::Gone) || is_object { (404, missing) } else { (200, found) };
            let body = Body::from(body.to_string().into_bytes());
            Ok::<_, std::convert::Infallible>(Response::builder().status(code).body(body).unwrap())
        };
        Client::new(tower::service_fn(answer), "default")
    }
}
