use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use serde_json::Value;
use tokio::time::Instant;

use super::metrics::Gauges;
use super::object::{Object, ObjectKey, SharedObject, Status, Version};
use super::watch::{Gone, Scope, Seen};
use crate::api::Kind;
use crate::tenancy::{Key, Name};

/// What has to be looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Work {
    /// An organization, with everything in it.
    Organization(Name),
    /// The service behind an organization: what it has is compared with what the store has, and calls are made there.
    Service(Name),
    /// The objects of a namespace that say of no organization that they are part of it.
    Unplaced(Name),
}

impl Work {
    /// The organization that it is about.
    #[must_use]
    pub fn organization(&self) -> Option<&Name> {
        match self {
            Self::Organization(name) | Self::Service(name) => Some(name),
            Self::Unplaced(_) => None,
        }
    }
}

impl fmt::Display for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Organization(name) => write!(f, "organization/{name}"),
            Self::Service(name) => write!(f, "service of organization/{name}"),
            Self::Unplaced(namespace) => write!(f, "namespace/{namespace}"),
        }
    }
}

/// The objects of a cluster as the watches tell of them.
///
/// While a list is read again, what was seen before counts. It is only given up when the new list is complete, so a list that fails
/// half-way never looks as if something were gone.
#[derive(Debug)]
pub struct Cache {
    objects: BTreeMap<ObjectKey, SharedObject>,
    /// The namespaces that have objects of an organization, or itself, with how many.
    namespaces: BTreeMap<Name, BTreeMap<Name, usize>>,
    watches: BTreeMap<Scope, Watch>,
    /// What objects are part of whose own chain of references leaves the cluster: to a workspace that a policy implies, or that only
    /// the store has.
    placed: BTreeMap<ObjectKey, Name>,
    /// Since when all watches are well.
    well_since: Option<Instant>,
}

#[derive(Debug)]
struct Watch {
    /// The list that is being read.
    listing: Option<BTreeMap<ObjectKey, Object>>,
    /// True once a list was complete.
    listed: bool,
    /// Why it cannot be followed for the moment.
    broken: Option<String>,
    /// When the API server was last heard of.
    heard: Option<Instant>,
}

impl Cache {
    /// A cache that waits for these watches.
    #[must_use]
    pub fn new(scopes: impl IntoIterator<Item = Scope>) -> Self {
        let watch = || Watch { listing: None, listed: false, broken: None, heard: None };
        let watches = scopes.into_iter().map(|scope| (scope, watch())).collect();
        Self { objects: BTreeMap::new(), namespaces: BTreeMap::new(), watches, placed: BTreeMap::new(), well_since: None }
    }

    /// True when every first list is complete.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.watches.values().all(|watch| watch.listed)
    }

    /// What is wrong with the watches; `None` when all of them are well.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.watches.iter().find_map(|(scope, watch)| match &watch.broken {
            Some(error) => Some(format!("{} cannot be watched: {error}", scope.kind.plural())),
            None if watch.listing.is_some() || !watch.listed => Some(format!("{} are being listed", scope.kind.plural())),
            None => None,
        })
    }

    /// Each watch with the moment at which the API server was last heard of.
    pub fn heard(&self) -> impl Iterator<Item = (&Scope, Option<Instant>)> {
        self.watches.iter().map(|(scope, watch)| (scope, watch.heard))
    }

    /// Since when all watches are well; `None` while one is not.
    #[must_use]
    pub fn well_since(&self) -> Option<Instant> {
        self.well_since
    }

    /// Takes note of something and returns what has to be looked at because of it.
    pub fn take(&mut self, seen: Seen, now: Instant) -> BTreeSet<Work> {
        let work = self.note(seen, now);
        self.well_since = match self.trouble() {
            Some(_) => None,
            None => self.well_since.or(Some(now)),
        };
        work
    }

    fn note(&mut self, seen: Seen, now: Instant) -> BTreeSet<Work> {
        let (Seen::Listing(scope)
        | Seen::Page(scope, _)
        | Seen::Listed(scope)
        | Seen::Changed(scope, _)
        | Seen::Gone(scope, _)
        | Seen::Alive(scope)
        | Seen::Broken(scope, _)) = &seen;
        let Some(watch) = self.watches.get_mut(scope) else { return BTreeSet::new() };
        if !matches!(seen, Seen::Broken(..) | Seen::Listing(_)) {
            (watch.heard, watch.broken) = (Some(now), None);
        }
        match seen {
            Seen::Listing(_) => watch.listing = Some(BTreeMap::new()),
            Seen::Page(_, objects) => {
                let listing = watch.listing.get_or_insert_default();
                listing.extend(objects.into_iter().map(|object| (object.id.clone(), object)));
            }
            Seen::Listed(scope) => {
                watch.listed = true;
                let listed = watch.listing.take().unwrap_or_default();
                return self.replace(&scope, listed);
            }
            Seen::Changed(_, object) => return self.put(*object),
            Seen::Gone(_, gone) => return self.gone(&gone),
            Seen::Alive(_) => {}
            Seen::Broken(_, error) => {
                watch.broken = Some(error);
                watch.listing = None;
            }
        }
        BTreeSet::new()
    }

    fn replace(&mut self, scope: &Scope, listed: BTreeMap<ObjectKey, Object>) -> BTreeSet<Work> {
        let of_scope = |id: &&ObjectKey| {
            id.key.kind == scope.kind && scope.namespace.as_ref().is_none_or(|namespace| *namespace == id.namespace)
        };
        let gone: Vec<ObjectKey> = self.objects.keys().filter(of_scope).filter(|id| !listed.contains_key(id)).cloned().collect();
        let mut work: BTreeSet<Work> = gone.iter().filter_map(|id| self.remove(id)).collect();
        work.extend(listed.into_values().flat_map(|object| self.put(object)));
        work
    }

    fn put(&mut self, mut object: Object) -> BTreeSet<Work> {
        let known = self.objects.get(&object.id).cloned();
        if let Some(known) = known.as_ref().filter(|known| known.uid == object.uid) {
            if object.version.is_older_than(&known.version) {
                return BTreeSet::new();
            }
            object.writing.clone_from(&known.writing);
            if object.says_the_same(known) {
                let written_by_another = object.writing.is_none() && object.seen != known.seen;
                let work = written_by_another.then(|| self.work_of(&object));
                self.objects.insert(object.id.clone(), Arc::new(object));
                return work.into_iter().collect();
            }
            if let Some(writing) = &mut object.writing {
                writing.is_settled = false;
            }
        }
        // It may have been part of something else before.
        let mut work: BTreeSet<Work> = known.iter().map(|known| self.work_of(known)).collect();
        if let Some(known) = known {
            self.count(&known, usize::wrapping_sub);
            if known.parent != object.parent {
                self.placed.remove(&object.id);
            }
        }
        self.count(&object, usize::wrapping_add);
        work.insert(self.work_of(&object));
        self.objects.insert(object.id.clone(), Arc::new(object));
        work
    }

    /// An object is gone, unless another one of its name, or a later state of it, was seen since.
    fn gone(&mut self, gone: &Gone) -> BTreeSet<Work> {
        let known = self.objects.get(&gone.id);
        let is_meant = known.is_some_and(|known| known.uid == gone.uid && !gone.version.is_older_than(&known.version));
        if is_meant { self.remove(&gone.id).into_iter().collect() } else { BTreeSet::new() }
    }

    fn remove(&mut self, id: &ObjectKey) -> Option<Work> {
        let object = self.objects.get(id).cloned()?;
        let work = self.work_of(&object);
        self.objects.remove(id);
        self.placed.remove(id);
        self.count(&object, usize::wrapping_sub);
        Some(work)
    }

    /// Takes note of what the objects of a namespace are part of whose references leave the cluster, and returns what has to be looked at
    /// because of that.
    pub fn place(&mut self, namespace: &Name, placed: &BTreeMap<ObjectKey, Name>) -> BTreeSet<Work> {
        let before: Vec<(ObjectKey, Name)> = self.placed.iter().map(|(id, name)| (id.clone(), name.clone())).collect();
        let before = before.into_iter().filter(|(id, _)| id.namespace == *namespace);
        let mut work = BTreeSet::new();
        for (id, organization) in before.filter(|(id, organization)| placed.get(id) != Some(organization)) {
            self.placed.remove(&id);
            work.insert(Work::Organization(organization));
        }
        for (id, organization) in placed.iter().filter(|(id, _)| self.objects.contains_key(id)) {
            if self.placed.insert(id.clone(), organization.clone()).as_ref() != Some(organization) {
                work.insert(Work::Organization(organization.clone()));
            }
        }
        work
    }

    /// True for an object whose references leave the cluster, so that the cluster alone does not say what it is part of.
    #[must_use]
    pub fn is_leaving(&self, object: &Object) -> bool {
        self.chain(object).is_none()
    }

    /// Counts an object that names its organization.
    fn count(&mut self, object: &Object, add: fn(usize, usize) -> usize) {
        let Some(parent) = object.parent.as_ref().filter(|parent| parent.kind == Kind::Organization) else { return };
        let namespaces = self.namespaces.entry(parent.name.clone()).or_default();
        let count = namespaces.entry(object.id.namespace.clone()).or_default();
        *count = add(*count, 1);
        namespaces.retain(|_, count| *count > 0);
        if namespaces.is_empty() {
            self.namespaces.remove(&parent.name);
        }
    }

    /// Takes note of a status that is about to be written.
    pub fn begin_status(&mut self, id: &ObjectKey, uid: &str, status: Status) {
        if let Some(object) = self.known(id, uid) {
            object.writing = Some(status);
        }
    }

    /// Takes note that the API server took a status: what is older than this version is no news. It is the one that is seen now, unless
    /// another one is on its way, or was seen meanwhile.
    pub fn end_status(&mut self, id: &ObjectKey, uid: &str, version: &Version, is_last: bool) -> Option<Work> {
        let object = self.known(id, uid)?;
        let written = if is_last { object.writing.take() } else { None };
        let is_news = object.version.is_older_than(version);
        if is_news {
            object.version = version.clone();
        }
        let was_overwritten = !is_news && written.is_some() && object.seen != written;
        if is_news && written.is_some() {
            object.seen = written;
        }
        let object = self.objects.get(id).filter(|_| was_overwritten)?;
        Some(self.work_of(object))
    }

    /// Takes note that a status could not be written, and returns what has to be looked at for that.
    pub fn fail_status(&mut self, id: &ObjectKey, uid: &str, is_last: bool) -> Option<Work> {
        let object = self.known(id, uid)?;
        if is_last {
            object.writing = None;
        }
        let object = self.objects.get(id)?;
        Some(self.work_of(object))
    }

    /// Nothing is on its way any more.
    pub fn forget_writing(&mut self) {
        for object in self.objects.values_mut().filter(|object| object.writing.is_some()) {
            Arc::make_mut(object).writing = None;
        }
    }

    fn known(&mut self, id: &ObjectKey, uid: &str) -> Option<&mut Object> {
        self.objects.get_mut(id).filter(|known| *known.uid == *uid).map(Arc::make_mut)
    }

    /// An object.
    #[must_use]
    pub fn get(&self, id: &ObjectKey) -> Option<&SharedObject> {
        self.objects.get(id)
    }

    /// All objects, sorted.
    pub fn all(&self) -> impl Iterator<Item = &SharedObject> {
        self.objects.values()
    }

    /// The namespaces that have objects of this organization, each with the Organization itself where it is there.
    pub fn namespaces_of<'c>(&'c self, organization: &'c Name) -> impl Iterator<Item = (&'c Name, Option<&'c SharedObject>)> {
        let namespaces = self.namespaces.get(organization).into_iter().flat_map(BTreeMap::keys);
        let id = |namespace: &Name| ObjectKey {
            namespace: namespace.clone(),
            key: Key { kind: Kind::Organization, name: organization.clone() },
        };
        namespaces.map(move |namespace| (namespace, self.objects.get(&id(namespace))))
    }

    /// Everything there is to look at.
    #[must_use]
    pub fn all_work(&self) -> BTreeSet<Work> {
        self.objects.values().map(|object| self.work_of(object)).collect()
    }

    /// The objects of a namespace, sorted by kind and name.
    pub fn in_namespace<'c>(&'c self, namespace: &'c Name) -> impl Iterator<Item = &'c SharedObject> {
        let first = ObjectKey { namespace: namespace.clone(), key: Key { kind: Kind::Organization, name: Name::default() } };
        let from = self.objects.range((Bound::Included(first), Bound::Unbounded));
        from.take_while(move |(id, _)| id.namespace == *namespace).map(|(_, object)| object)
    }

    /// The organization that an object is part of, as far as is known.
    #[must_use]
    pub fn organization_of(&self, object: &Object) -> Option<Name> {
        self.chain(object).or_else(|| self.placed.get(&object.id).cloned())
    }

    /// The organization at the end of the references of an object, where they stay in the cluster.
    fn chain(&self, object: &Object) -> Option<Name> {
        let parent = object.parent.as_ref()?;
        if parent.kind == Kind::Organization {
            return Some(parent.name.clone());
        }
        let id = ObjectKey { namespace: object.id.namespace.clone(), key: parent.clone() };
        self.chain(self.objects.get(&id)?)
    }

    /// What an object concerns.
    pub fn work_of(&self, object: &Object) -> Work {
        self.organization_of(object).map_or_else(|| Work::Unplaced(object.id.namespace.clone()), Work::Organization)
    }

    /// What can be counted from the objects and the watches, as metrics.
    pub fn describe(&self, gauges: &mut Gauges, now: f64) {
        gauges.begin("resource_info", "Each object with how it is");
        let mut drifted: BTreeMap<Kind, usize> = Kind::WRITTEN.into_iter().map(|kind| (kind, 0)).collect();
        for object in self.all() {
            let id = &object.id;
            let status = object.status().filter(|_| !object.is_settled()).and_then(|it| serde_json::from_str(it).ok());
            let status: Value = status.unwrap_or_default();
            let says = |type_: &str| {
                let mut all = status["conditions"].as_array().into_iter().flatten();
                all.find(|it| it["type"] == type_).and_then(|it| it["status"].as_str()).unwrap_or("Unknown").to_owned()
            };
            let ready = if object.is_settled() { "True".to_owned() } else { says("Ready") };
            let suspended = if says("Suspended") == "True" { "true" } else { "false" };
            let labels = [
                ("kind", id.key.kind.as_str()),
                ("namespace", &id.namespace),
                ("name", &id.key.name),
                ("ready", &ready),
                ("suspended", suspended),
            ];
            gauges.value("resource_info", &labels, 1.0);
            *drifted.entry(id.key.kind).or_default() += usize::from(says("Drifted") == "True");
        }
        gauges.begin("drift", "Objects that another hand changed in the store");
        for (kind, count) in drifted {
            gauges.value("drift", &[("kind", kind.as_str())], count as f64);
        }
        gauges.begin("watch_last_event_timestamp_seconds", "When the API server was last heard of");
        for (scope, watch) in &self.watches {
            let namespace = scope.namespace.as_deref().unwrap_or_default();
            let heard = watch.heard.map_or(0.0, |heard| now - heard.elapsed().as_secs_f64());
            gauges.value("watch_last_event_timestamp_seconds", &[("kind", scope.kind.as_str()), ("namespace", namespace)], heard);
        }
    }
}
