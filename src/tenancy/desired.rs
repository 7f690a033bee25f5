use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::{BreakGlass, Digest, Key, Manifest, Name, Origin};
use crate::api::types::{Email, Int, ObjectName, Set, Text, Time};
use crate::api::{Kind, MemberSpec, Spec};

/// What one organization shall be.
#[derive(Clone, Debug, Default)]
pub struct Tenancy {
    /// The organization's name.
    pub organization: Name,
    /// The namespace it was read from; empty where there is none.
    pub namespace: Name,
    /// True when the organization itself is in the input, held or not.
    pub present: bool,
    /// The objects, memberships among them, sorted by key.
    pub objects: Vec<Desired>,
    /// Objects and memberships that are in the input but held back, with the reason: what is stored of them is left alone.
    pub held: BTreeMap<Key, Held>,
    /// The owners of private and local workspaces whose documents name none: the one who first applied them.
    pub owners: BTreeMap<Key, Name>,
    /// What held objects may still be called in the store: it is left alone like what they are called now.
    pub reserved: BTreeSet<Key>,
    /// False when a part of the input could not be read far enough to know what it is about.
    pub complete: bool,
    /// True when the whole input has no object, of any organization.
    pub input_is_empty: bool,
    /// The digests of removals that were approved in the input (`muster.dev/approved-plan`).
    pub approved: Vec<Digest>,
    /// The emergency that the input declares (`muster.dev/break-glass`).
    pub break_glass: Option<BreakGlass>,
}

impl Tenancy {
    /// The desired object of a key.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&Desired> {
        self.objects.binary_search_by(|desired| desired.key.cmp(key)).ok().map(|at| &self.objects[at])
    }

    /// True when something of the input speaks about this key, held or not. A membership is also spoken about by a held member.
    #[must_use]
    pub fn mentions(&self, key: &Key) -> bool {
        self.get(key).is_some() || self.holds(key)
    }

    /// True when the input holds this key back, by itself or with its member.
    #[must_use]
    pub fn holds(&self, key: &Key) -> bool {
        self.held.contains_key(key)
            || key.member_and_place().is_some_and(|(member, _)| self.held.contains_key(&Key::new(Kind::Member, member)))
    }
}

/// An object that shall exist.
#[derive(Clone, Debug, PartialEq)]
pub struct Desired {
    /// Kind and name.
    pub key: Key,
    /// What it shall be, as canonical JSON: what a store keeps as its spec.
    pub spec: Box<str>,
    /// The digest of `spec`.
    pub digest: Digest,
    /// Names that it may still have in the store.
    pub previous_names: Vec<Name>,
    /// For a member: whether the list of its projects and the list of its workspaces are written. A list that is written is
    /// owned whole.
    pub owns: Lists,
    /// Where it is written; `None` for an implied object.
    pub origin: Option<Origin>,
    /// The rule that implies it; `None` for what the input says.
    pub implied_by: Option<&'static str>,
}

/// Which lists of a member are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    /// `spec.projects`.
    pub projects: bool,
    /// `spec.workspaces`.
    pub workspaces: bool,
}

impl Desired {
    /// An object of this canonical spec.
    #[must_use]
    pub fn new(key: Key, spec: String, origin: Option<Origin>) -> Self {
        let digest = Digest::of(spec.as_bytes());
        let (previous_names, owns) = (Vec::new(), Lists::default());
        Self { key, spec: spec.into(), digest, previous_names, owns, origin, implied_by: None }
    }

    /// The objects that a manifest stands for: itself and, for a member, one for each of its memberships.
    #[must_use]
    pub fn from_manifest(manifest: &Manifest) -> Vec<Self> {
        let Manifest { name, namespace: _, annotations: _, spec, origin } = manifest;
        let key = Key::new(spec.kind(), name.clone());
        let mut own = match &**spec {
            Spec::Member(member) => return Self::from_member(key, member, manifest),
            spec => Self::new(key, canonical(spec), Some(origin.clone())),
        };
        own.previous_names = manifest.previous_names();
        vec![own]
    }

    fn from_member(key: Key, spec: &MemberSpec, manifest: &Manifest) -> Vec<Self> {
        let origin = &manifest.origin;
        let MemberSpec {
            organization_ref: _,
            email,
            username,
            display_name,
            role,
            roles,
            disabled,
            invitation,
            projects,
            workspaces,
            default_workspace,
            previous_names: _,
        } = spec;
        let stored = StoredMember {
            default_workspace: default_workspace.as_ref(),
            disabled: *disabled,
            display_name: display_name.as_ref(),
            email,
            invitation: *invitation,
            role: role.as_ref(),
            roles: roles.as_ref(),
            username: username.as_ref(),
        };
        let mut member = Self::new(key, json(&stored), Some(origin.clone()));
        member.owns = Lists { projects: projects.is_some(), workspaces: workspaces.is_some() };
        member.previous_names = manifest.previous_names();
        let name = member.key.name.clone();
        let mut all = vec![member];
        let mut add = |kind, place: &ObjectName, stored: &StoredMembership<'_>| {
            let key = Key::membership(&name, &Key::new(kind, place.as_str()));
            all.push(Self::new(key, json(stored), Some(origin.clone())));
        };
        for entry in projects.iter().flat_map(|list| list.iter()) {
            let stored =
                StoredMembership { expires_at: entry.expires_at, role: entry.role.as_ref(), roles: entry.roles.as_ref() };
            add(Kind::Project, &entry.name, &stored);
        }
        for entry in workspaces.iter().flat_map(|list| list.iter()) {
            let stored =
                StoredMembership { expires_at: entry.expires_at, role: entry.role.as_ref(), roles: entry.roles.as_ref() };
            add(Kind::Workspace, &entry.name, &stored);
        }
        all
    }

    /// A membership that a rule implies.
    #[must_use]
    pub fn implied_membership(member: &str, place: &Key, role: Option<&str>, rule: &'static str) -> Self {
        let spec = role.map_or_else(|| serde_json::json!({}), |role| serde_json::json!({ "role": role })).to_string();
        Self { implied_by: Some(rule), ..Self::new(Key::membership(member, place), spec, None) }
    }
}

/// A member as stored. The fields stand in alphabetical order, as in every canonical spec.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StoredMember<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    default_workspace: Option<&'a ObjectName>,
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<&'a Text<128>>,
    email: &'a Email,
    #[serde(skip_serializing_if = "Option::is_none")]
    invitation: Option<Int<0, 1_000_000>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a Text<63>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<&'a Set<Text<63>, 10>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<&'a Text<128>>,
}

/// A membership as stored.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StoredMembership<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a Text<63>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    roles: Option<&'a Set<Text<63>, 10>>,
}

/// The fields of a written spec that a store does not keep in the spec: the organization is a column, and former names are what
/// the id carried.
pub(super) const NOT_STORED: [&str; 2] = ["organizationRef", "previousNames"];

fn canonical(spec: &Spec) -> String {
    let mut value = serde_json::to_value(spec).unwrap_or_default();
    if let Value::Object(fields) = &mut value {
        fields.retain(|field, _| !NOT_STORED.contains(&field.as_str()));
    }
    value.to_string()
}

fn json(stored: &impl Serialize) -> String {
    serde_json::to_string(stored).unwrap_or_default()
}

/// The names that an object may still have in the store, as written.
pub(super) fn previous_names_of(spec: &Spec) -> Option<&[ObjectName]> {
    let list = match spec {
        Spec::MembershipType(spec) => &spec.previous_names,
        Spec::Project(spec) => &spec.previous_names,
        Spec::Workspace(spec) => &spec.previous_names,
        Spec::Member(spec) => &spec.previous_names,
        Spec::Template(spec) => &spec.previous_names,
        Spec::Role(spec) => &spec.previous_names,
        Spec::Credential(spec) => &spec.previous_names,
        Spec::AccessTest(spec) => &spec.previous_names,
        Spec::Organization(_) => return None,
    };
    list.as_deref()
}

/// An object, or one entry of a member, that is in the input but held back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Held {
    /// Why, in one sentence.
    pub because: Box<str>,
    /// Where it is written.
    pub origin: Option<Origin>,
}
