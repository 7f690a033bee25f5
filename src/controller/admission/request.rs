use std::collections::BTreeMap;

use k8s_openapi::api::authentication::v1::UserInfo;
use kube::core::DynamicObject;
use kube::core::admission::{AdmissionRequest, Operation as Asked};
use serde_json::{Value, json};

use crate::api::{GROUP, Kind};
use crate::source::{ObjectRead, read_object};
use crate::tenancy::{Key, Name};

/// What an API server asks about one object.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is to be done with it.
    pub operation: Operation,
    /// Which object.
    pub key: Key,
    /// Where it is.
    pub namespace: Name,
    /// Who asks.
    pub user: User,
    new: Option<Said>,
    old: Option<Said>,
}

/// What is to be done with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// It is new.
    Create,
    /// It changes.
    Update,
    /// It goes.
    Delete,
}

impl Operation {
    /// The word for it, as a label of metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// Who asks, as the API server knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// The name.
    pub name: String,
    /// The groups.
    pub groups: Vec<String>,
}

impl From<UserInfo> for User {
    fn from(info: UserInfo) -> Self {
        Self { name: info.username.unwrap_or_default(), groups: info.groups.unwrap_or_default() }
    }
}

/// What an object says, as far as it means something to Muster.
#[derive(Clone, Debug, PartialEq)]
struct Said {
    spec: Value,
    annotations: BTreeMap<String, String>,
}

impl Said {
    fn of(object: DynamicObject) -> (Option<String>, Self) {
        let DynamicObject { metadata, mut data, .. } = object;
        let ours = |(key, _): &(String, String)| key.starts_with(GROUP);
        let annotations = metadata.annotations.unwrap_or_default().into_iter().filter(ours).collect();
        (metadata.name, Self { spec: data["spec"].take(), annotations })
    }
}

impl Request {
    /// What is asked; `None` where it is nothing that Muster has to say anything about.
    #[must_use]
    pub fn of(asked: AdmissionRequest<DynamicObject>) -> Option<Self> {
        let operation = match asked.operation {
            Asked::Create => Operation::Create,
            Asked::Update => Operation::Update,
            Asked::Delete => Operation::Delete,
            Asked::Connect => return None,
        };
        let kind = Kind::parse(&asked.kind.kind).filter(|kind| Kind::WRITTEN.contains(kind) && asked.kind.group == GROUP)?;
        if asked.sub_resource.is_some_and(|part| !part.is_empty()) {
            return None;
        }
        // Of an object that is being deleted nothing counts any more, whatever its finalizers are waiting for.
        if asked.old_object.as_ref().is_some_and(|old| old.metadata.deletion_timestamp.is_some()) {
            return None;
        }
        let (new, old) = (asked.object.map(Said::of), asked.old_object.map(Said::of));
        // A collection is deleted object by object, under the name of none.
        let name = [&new, &old].into_iter().flatten().find_map(|(name, _)| name.clone()).unwrap_or(asked.name);
        Some(Self {
            operation,
            key: Key::new(kind, name),
            namespace: asked.namespace.unwrap_or_default().into(),
            user: asked.user_info.into(),
            new: new.map(|(_, said)| said).filter(|_| operation != Operation::Delete),
            old: old.map(|(_, said)| said),
        })
    }

    /// True when nothing changes that means something to Muster.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.operation == Operation::Update && self.new == self.old
    }

    /// An object that is part of something else than before, as one that leaves there and one that comes here.
    #[must_use]
    pub fn moves(&self) -> Option<(Self, Self)> {
        let field = match self.key.kind {
            Kind::Organization => return None,
            Kind::Template | Kind::Credential => "workspaceRef",
            Kind::Role => "templateRef",
            _ => "organizationRef",
        };
        let parent = |said: &Option<Said>| said.as_ref()?.spec[field]["name"].as_str().map(str::to_owned);
        if self.operation != Operation::Update || parent(&self.old) == parent(&self.new) {
            return None;
        }
        let leaves = Self { operation: Operation::Delete, new: None, ..self.clone() };
        Some((leaves, Self { operation: Operation::Create, old: None, ..self.clone() }))
    }

    /// What the object says afterwards, and what is wrong with that.
    #[must_use]
    pub fn after(&self) -> Option<ObjectRead> {
        self.new.as_ref().map(|said| self.read(said))
    }

    /// What the object says before.
    #[must_use]
    pub fn before(&self) -> Option<ObjectRead> {
        self.old.as_ref().map(|said| self.read(said))
    }

    fn read(&self, said: &Said) -> ObjectRead {
        let object = json!({ "metadata": { "annotations": said.annotations }, "spec": said.spec });
        read_object(self.key.kind, &self.namespace, &self.key.name, &object).0
    }

    /// The object that this one names in `field`, such as `organizationRef`.
    #[must_use]
    pub fn reference(&self, field: &str) -> Option<Name> {
        let said = self.new.as_ref().or(self.old.as_ref())?;
        said.spec[field]["name"].as_str().map(Name::from)
    }

    /// The annotations of these that are set or changed.
    #[must_use]
    pub fn newly_annotated<'n>(&self, names: &[&'n str]) -> Vec<&'n str> {
        let value = |said: &Option<Said>, name: &str| said.as_ref()?.annotations.get(name).cloned();
        let is_new = |name: &str| value(&self.new, name).is_some_and(|new| value(&self.old, name) != Some(new));
        names.iter().copied().filter(|name| is_new(name)).collect()
    }
}
