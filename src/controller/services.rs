//! The services behind organizations, as a controller reaches them: with the Secrets of the namespace that the organization is in.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret as Object;
use kube::Client;
use kube::api::{Api, ObjectMeta, PostParams};
use serde_json::Value;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::conditions::to_seconds;
use super::connect::reason;
use super::object::Object as Declared;
use super::verdict::{speaker, told};
use crate::api::Kind;
use crate::backend::http::{AllowList, Learned, Meter};
use crate::backend::secrets::{Secret, SecretError, Secrets, Values, without_line_end};
use crate::backend::{CallEnd, Mirroring, Reach, Stop};
use crate::plan::FieldChange;
use crate::plan::mirror::{Known, Mirror, ServiceApproval};
use crate::plan::render::fields_found_at_service;
use crate::tenancy::{Deed, Digest, Key, Name};

/// How services are reached.
#[derive(Clone)]
pub struct Services {
    /// The API server, for Secrets.
    pub client: Client,
    /// How long an answer of it may take.
    pub patience: Duration,
    /// Where services may be.
    pub allow: Arc<AllowList>,
    /// What counts the requests.
    pub meter: Arc<dyn Meter>,
}

impl Services {
    /// How the service of an organization in this namespace is reached in one pass, which may be asked for an end.
    #[must_use]
    pub fn reach(&self, namespace: &Name, stop: &Stop) -> Reach {
        let secrets = InNamespace {
            api: Api::namespaced(self.client.clone(), namespace),
            namespace: namespace.clone(),
            patience: self.patience,
        };
        let (allow, meter) = (Arc::clone(&self.allow), Arc::clone(&self.meter));
        Reach { allow, secrets: Arc::new(secrets), meter, learned: Learned::default(), stop: stop.clone() }
    }
}

/// The Secrets of a namespace.
struct InNamespace {
    api: Api<Object>,
    namespace: Name,
    patience: Duration,
}

impl std::fmt::Debug for InNamespace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "InNamespace({})", self.namespace)
    }
}

/// Secrets that remember what was read.
#[derive(Debug)]
pub(super) struct Noted {
    secrets: Arc<dyn Secrets>,
    read: Mutex<AskedWith>,
}

/// What was read of Secrets, as digests; `None` for what could not be.
#[derive(Clone, Debug)]
pub(super) struct AskedWith {
    salt: [u8; 16],
    values: BTreeMap<(String, String), Option<Digest>>,
}

impl AskedWith {
    /// Whether it is the same now.
    pub async fn is_the_same(&self, secrets: &dyn Secrets) -> bool {
        for ((name, key), before) in &self.values {
            if secrets.read(name, key).await.ok().map(|value| value.digest(&self.salt)) != *before {
                return false;
            }
        }
        true
    }
}

impl Noted {
    pub fn new(secrets: Arc<dyn Secrets>) -> Self {
        let nothing = AskedWith { salt: uuid::Uuid::new_v4().into_bytes(), values: BTreeMap::new() };
        Self { secrets, read: Mutex::new(nothing) }
    }

    /// What was read until now.
    pub fn asked_with(&self) -> AskedWith {
        self.read.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Secrets for Noted {
    fn read<'a>(&'a self, name: &'a str, key: &'a str) -> BoxFuture<'a, Result<Secret, SecretError>> {
        async move {
            let value = self.secrets.read(name, key).await;
            let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
            let digest = value.as_ref().ok().map(|value| value.digest(&read.salt));
            read.values.insert((name.to_owned(), key.to_owned()), digest);
            value
        }
        .boxed()
    }

    fn may_write<'a>(&'a self, owner: &'a str, name: &'a str) -> BoxFuture<'a, Result<(), SecretError>> {
        self.secrets.may_write(owner, name)
    }

    fn write<'a>(&'a self, owner: &'a str, name: &'a str, values: &'a Values) -> BoxFuture<'a, Result<(), SecretError>> {
        self.secrets.write(owner, name, values)
    }

    fn kept<'a>(&'a self, owner: &'a str, name: &'a str, key: &'a str) -> BoxFuture<'a, Result<bool, SecretError>> {
        self.secrets.kept(owner, name, key)
    }

    fn exists<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<bool, SecretError>> {
        self.secrets.exists(name)
    }
}

/// Says on a Secret for which object Muster wrote it.
const OWNER: &str = "muster.dev/written-for";

impl InNamespace {
    fn place(&self, name: &str) -> String {
        format!("Secret {}/{name}", self.namespace)
    }

    async fn in_time<T>(
        &self,
        what: &'static str,
        name: &str,
        call: impl Future<Output = kube::Result<T>>,
    ) -> Result<T, SecretError> {
        let why = match timeout(self.patience, call).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => reason(&error),
            Err(_) => "the API server does not answer".to_owned(),
        };
        Err(SecretError::Failed { what, place: self.place(name), why })
    }

    async fn get(&self, name: &str) -> Result<Option<Object>, SecretError> {
        self.in_time("read", name, self.api.get_opt(name)).await
    }

    async fn mine(&self, owner: &str, name: &str) -> Result<Option<Object>, SecretError> {
        let found = self.get(name).await?;
        let written_for = |object: &Object| object.metadata.annotations.as_ref().and_then(|all| all.get(OWNER)).cloned();
        match &found {
            Some(object) if written_for(object).as_deref() != Some(owner) => {
                Err(SecretError::Foreign { place: self.place(name), owner: owner.to_owned() })
            }
            _ => Ok(found),
        }
    }

    async fn put(&self, owner: &str, name: &str, values: &Values) -> Result<(), SecretError> {
        let found = self.mine(owner, name).await?;
        let data = values.iter().map(|(key, value)| (key.clone(), ByteString(value.expose().as_bytes().to_vec())));
        let data: BTreeMap<String, ByteString> = data.collect();
        let how = PostParams::default();
        if let Some(old) = found {
            let new = Object { data: Some(data), ..old };
            return self.in_time("write", name, self.api.replace(name, &how, &new)).await.map(drop);
        }
        self.create(owner, name, data).await.map(drop)
    }

    async fn create(&self, owner: &str, name: &str, data: BTreeMap<String, ByteString>) -> Result<Object, SecretError> {
        let annotations = BTreeMap::from([(OWNER.to_owned(), owner.to_owned())]);
        let labels = BTreeMap::from([("app.kubernetes.io/managed-by".to_owned(), "muster".to_owned())]);
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            annotations: Some(annotations),
            labels: Some(labels),
            ..ObjectMeta::default()
        };
        let new = Object { metadata, data: Some(data), type_: Some("Opaque".to_owned()), ..Object::default() };
        self.in_time("write", name, self.api.create(&PostParams::default(), &new)).await
    }

    /// Makes the Secret without values, if there is none, so that quotas and rights are known to allow it; and has the API server
    /// rehearse what will be written, so that a Secret that never changes, rights and webhooks say no before a service makes anything.
    async fn rehearse(&self, owner: &str, name: &str) -> Result<(), SecretError> {
        let found = match self.mine(owner, name).await? {
            Some(found) => found,
            None => self.create(owner, name, BTreeMap::new()).await?,
        };
        let mut data = found.data.clone().unwrap_or_default();
        data.insert("rehearsal".to_owned(), ByteString(b"rehearsal".to_vec()));
        let (how, new) = (PostParams { dry_run: true, ..PostParams::default() }, Object { data: Some(data), ..found });
        self.in_time("write", name, self.api.replace(name, &how, &new)).await.map(drop)
    }
}

impl Secrets for InNamespace {
    fn read<'a>(&'a self, name: &'a str, key: &'a str) -> BoxFuture<'a, Result<Secret, SecretError>> {
        async move {
            let found = self.get(name).await?;
            let missing = || SecretError::Missing { place: format!("{} under {key}", self.place(name)) };
            let value = found.and_then(|object| object.data?.remove(key)).ok_or_else(missing)?;
            let unusable = |why| SecretError::Unusable { place: format!("{} under {key}", self.place(name)), why };
            let value = Zeroizing::new(value.0);
            match std::str::from_utf8(&value).map(without_line_end) {
                Err(_) => Err(unusable("it is no text in UTF-8")),
                Ok("") => Err(unusable("it is empty")),
                Ok(text) => Ok(Secret::from(text.to_owned())),
            }
        }
        .boxed()
    }

    fn may_write<'a>(&'a self, owner: &'a str, name: &'a str) -> BoxFuture<'a, Result<(), SecretError>> {
        self.rehearse(owner, name).boxed()
    }

    fn write<'a>(&'a self, owner: &'a str, name: &'a str, values: &'a Values) -> BoxFuture<'a, Result<(), SecretError>> {
        self.put(owner, name, values).boxed()
    }

    fn kept<'a>(&'a self, owner: &'a str, name: &'a str, key: &'a str) -> BoxFuture<'a, Result<bool, SecretError>> {
        async move {
            let found = self.mine(owner, name).await?;
            Ok(found.and_then(|object| object.data).is_some_and(|data| data.contains_key(key)))
        }
        .boxed()
    }

    fn exists<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<bool, SecretError>> {
        async move { Ok(self.get(name).await?.is_some()) }.boxed()
    }
}

/// What the last look at the service of an organization said about single objects, each by the object that speaks for it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AtService {
    /// What a rule refuses.
    pub refused: BTreeMap<Key, String>,
    /// What the service cannot do.
    pub lacking: BTreeMap<Key, String>,
    /// What waits for something else.
    pub waiting: BTreeMap<Key, String>,
    /// What failed.
    pub failed: BTreeMap<Key, String>,
    /// What another hand changed there.
    pub drift: BTreeMap<Key, Vec<FieldChange>>,
    /// What waits for an approval, at the service of this title.
    pub approval: Option<(Box<str>, ServiceApproval)>,
    /// What is known of the things there, by their objects.
    pub known: BTreeMap<Key, Known>,
    /// Why it has to be tried again; `None` where nothing would come of that.
    pub trouble: Option<String>,
    /// Whether that may pass by itself, as far as calls tell.
    pub passes: bool,
}

impl AtService {
    /// What a mirror says, and what became of its calls.
    #[must_use]
    pub fn of(organization: &Name, mirror: &Mirror, mirroring: Option<&Mirroring>) -> Self {
        let mut said = Self::default();
        said.planned(organization, mirror);
        if let Some(mirroring) = mirroring {
            said.made(mirroring);
        }
        said
    }

    fn planned(&mut self, organization: &Name, mirror: &Mirror) {
        let title = &mirror.title;
        let refusals = mirror.refusals.iter().map(|refusal| (&refusal.subject, told(refusal)));
        add(&mut self.refused, refusals);
        let lacking = mirror.lacking.iter().map(|lacking| {
            let path = if lacking.path.is_empty() { String::new() } else { format!("{}: ", lacking.path) };
            (&lacking.subject, format!("{path}{}", lacking.because))
        });
        add(&mut self.lacking, lacking);
        add(&mut self.waiting, mirror.held.iter().map(|(key, because)| (key, format!("at {title}: {because}"))));
        for (place, because) in &mirror.unobservable {
            let because = format!("{title} could not be compared: {because}");
            let about = match place.is_empty() {
                true => Key::new(Kind::Organization, organization.clone()),
                false => Key::new(Kind::Workspace, place.clone()),
            };
            self.trouble.get_or_insert_with(|| because.clone());
            self.failed.insert(about, because);
        }
        let uncompared = format!("{title} could not be compared: see the status of the workspace, or of the organization");
        add(&mut self.failed, mirror.uncompared.iter().map(|key| (key, uncompared.clone())));
        self.known = mirror.known.iter().filter(|(key, _)| speaker(key) == *key).cloned().collect();
        self.approval = mirror.approval.clone().map(|approval| (title.clone(), approval));
        for differs in &mirror.drift {
            self.drift.entry(speaker(&differs.key)).or_default().extend(fields_found_at_service(&differs.edits));
        }
    }

    fn made(&mut self, mirroring: &Mirroring) {
        let title = &mirroring.mirror.title;
        for (call, end) in mirroring.mirror.calls.iter().zip(&mirroring.ends) {
            let because = match end {
                CallEnd::Done => {
                    let known = mirroring.entries.get(&call.id).and_then(|entry| Known::of(entry, call.issued.as_ref()));
                    if let Some(known) = known.filter(|_| call.deed != Deed::Remove && speaker(&call.key) == call.key) {
                        self.known.insert(call.key.clone(), known);
                    }
                    continue;
                }
                CallEnd::Refused(because) => because.clone(),
                CallEnd::Failed(fault) => fault.to_string(),
                CallEnd::Skipped(because) => (*because).to_owned(),
            };
            let because = format!("{} at {title}: {because}", call.deed.word());
            if !matches!(end, CallEnd::Skipped(_)) {
                self.trouble.get_or_insert_with(|| because.clone());
            }
            self.passes |= matches!(end, CallEnd::Failed(fault) if fault.retryable()) || matches!(end, CallEnd::Refused(_));
            add(&mut self.failed, [(&call.key, because)]);
        }
        let moved = || "the organization was changed while calls were made".to_owned();
        let stopped = mirroring.stopped.clone().or_else(|| mirroring.revision.is_none().then(moved));
        self.passes |= stopped.is_some();
        self.trouble = self.trouble.take().or(stopped);
    }

    /// What there is to say where services are not called.
    #[must_use]
    pub fn without(organization: &Key) -> Self {
        let because = "spec.backend is not obeyed: this controller mirrors nothing to services; start it with --backends, or leave spec.backend out";
        Self { lacking: BTreeMap::from([(organization.clone(), because.to_owned())]), ..Self::default() }
    }

    /// When the secrets that it made are made anew.
    pub fn renewals(&self) -> impl Iterator<Item = Timestamp> {
        self.known.values().filter_map(|known| known.renews_at)
    }

    /// True where there is something to say about an object that its status does not say yet.
    #[must_use]
    pub fn is_about(&self, object: &Declared) -> bool {
        let key = &object.id.key;
        let has = |all: &&BTreeMap<Key, String>| all.contains_key(key);
        [&self.refused, &self.lacking, &self.waiting, &self.failed].iter().any(has)
            || self.drift.contains_key(key)
            || self.known.get(key).is_some_and(|known| !is_told(known, object))
    }
}

/// Whether the status of an object says what is known of its thing.
fn is_told(known: &Known, object: &Declared) -> bool {
    let status: Value = object.status().and_then(|status| serde_json::from_str(status).ok()).unwrap_or_default();
    let renews_at = known.renews_at.map(|at| to_seconds(at).to_string());
    status["externalId"].as_str() == Some(&*known.external_id) && status["effective"][ROTATES_AT].as_str() == renews_at.as_deref()
}

/// The field of the values in force that says when a secret is made anew.
pub const ROTATES_AT: &str = "rotatesAt";

/// Adds what is said of each key to the object that speaks for it; what was said first stays.
fn add<'k>(all: &mut BTreeMap<Key, String>, said: impl IntoIterator<Item = (&'k Key, String)>) {
    for (key, text) in said {
        let place = key.member_and_place().map_or_else(String::new, |(_, place)| format!("{place}: "));
        all.entry(speaker(key)).or_insert_with(|| format!("{place}{text}"));
    }
}
