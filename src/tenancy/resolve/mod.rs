//! From manifests to one tenancy for each organization: which organization an object belongs to, whether its references lead
//! anywhere, and whether the objects of an organization fit together.
//!
//! Nothing here fails: an object, or an entry of one, that cannot be meant as it is written is held, with a finding that says
//! why, and the rest goes on.

mod assignments;
mod checks;
mod doubts;
mod implied;
mod index;
mod links;
mod local;
mod owners;
mod subscriptions;
mod templates;
mod workspaces;

use std::collections::{BTreeMap, BTreeSet};

pub use implied::{DEFAULT_WORKSPACES, PERSONAL_WORKSPACES};
use implied::{Implications, first_workspaces};
use index::Index;

use super::spread::spread;
use super::{BreakGlass, Desired, Digest, Finding, Held, Input, Key, Manifest, Name, Policy, Severity, Snapshot, Tenancy};
use crate::api::{Kind, Spec};

/// What the input means.
#[derive(Debug, Default)]
pub struct Resolved {
    /// One for each organization of the input and of the snapshots, sorted by name.
    pub tenancies: Vec<Tenancy>,
    /// What was found on the way, beside the findings of the input.
    pub findings: Vec<Finding>,
}

/// Resolves an input against what is stored. The snapshots are those of the organizations that this run is about: references
/// lead to their live objects, too. `asker` is the e-mail address of whoever asks for it, who owns what has no other owner.
#[must_use]
pub fn resolve(input: &Input, snapshots: &[Snapshot], asker: Option<&str>) -> Resolved {
    let index = Index::new(input, snapshots);
    let mut resolver = Resolver { input, snapshots, index: &index, asker, findings: Vec::new() };
    let groups = resolver.group();
    let tenancies = groups.into_iter().map(|(organization, group)| resolver.tenancy(organization, &group)).collect();
    let mut findings = resolver.findings;
    findings.sort_by(|a, b| (&a.origin, &a.path, a.code).cmp(&(&b.origin, &b.path, b.code)));
    Resolved { tenancies, findings }
}

struct Resolver<'a> {
    input: &'a Input,
    snapshots: &'a [Snapshot],
    index: &'a Index<'a>,
    asker: Option<&'a str>,
    findings: Vec<Finding>,
}

/// The manifests of one organization.
#[derive(Default)]
struct Group<'a> {
    namespace: Option<Name>,
    manifests: Vec<&'a Manifest>,
    /// Objects of the organization's namespace that are in the input without being part of any organization.
    unplaced: BTreeMap<Key, Held>,
    /// What these may still be called in the store.
    reserved: BTreeSet<Key>,
}

impl<'a> Resolver<'a> {
    fn group(&mut self) -> BTreeMap<Name, Group<'a>> {
        let mut groups: BTreeMap<Name, Group<'a>> = BTreeMap::new();
        for snapshot in self.snapshots {
            let namespace = snapshot.claim.as_ref().map(|claim| Name::from(&*claim.namespace));
            groups.entry(snapshot.organization.clone()).or_default().namespace = namespace;
        }
        for held in self.input.held.iter().filter(|held| held.kind == Kind::Organization) {
            groups.entry(held.name.clone()).or_default().namespace = Some(held.namespace.clone());
        }
        let mut unplaced = Vec::new();
        for manifest in &self.input.manifests {
            match self.index.organization_of(manifest) {
                Ok(organization) => {
                    let group = groups.entry(organization).or_default();
                    group.manifests.push(manifest);
                    if manifest.spec.kind() == Kind::Organization || group.namespace.is_none() {
                        group.namespace = Some(manifest.namespace.clone());
                    }
                }
                Err(problem) => {
                    let held = Held { because: problem.because(), origin: Some(manifest.origin.clone()) };
                    let key = Key::new(manifest.spec.kind(), manifest.name.clone());
                    unplaced.push((&manifest.namespace, key, held, manifest.previous_names()));
                    self.findings.push(problem.finding(manifest));
                }
            }
        }
        let documents = self.input.held.iter().map(|held| {
            let because = Held { because: held.because.clone(), origin: Some(held.origin.clone()) };
            (&held.namespace, Key::new(held.kind, held.name.clone()), because, held.previous_names.clone())
        });
        for (namespace, key, held, previous_names) in unplaced.into_iter().chain(documents) {
            for (organization, group) in &mut groups {
                let elsewhere = group.namespace.as_ref().is_some_and(|own| own != namespace);
                let another = key.kind == Kind::Organization && key.name != *organization;
                if !elsewhere && !another {
                    group.unplaced.insert(key.clone(), held.clone());
                    group.reserved.extend(previous_names.iter().map(|name| Key::new(key.kind, name.clone())));
                }
            }
        }
        groups
    }

    fn tenancy(&mut self, organization: Name, group: &Group<'a>) -> Tenancy {
        let key = Key::new(Kind::Organization, organization.clone());
        let manifest = group.manifests.iter().find(|manifest| manifest.spec.kind() == Kind::Organization);
        let snapshot = self.snapshots.iter().find(|snapshot| snapshot.organization == organization);
        let mut tenancy = Tenancy {
            namespace: group.namespace.clone().unwrap_or_default(),
            present: manifest.is_some() || group.unplaced.contains_key(&key),
            held: group.unplaced.clone(),
            reserved: group.reserved.clone(),
            complete: self.input.complete,
            input_is_empty: self.input.manifests.is_empty() && self.input.held.is_empty(),
            approved: manifest.map(|manifest| approvals(manifest)).unwrap_or_default(),
            break_glass: None,
            objects: Vec::new(),
            owners: BTreeMap::new(),
            organization,
        };
        if let Some(written) = manifest.and_then(|manifest| Some((*manifest, &**manifest.annotations.get("break-glass")?))) {
            self.break_glass(written, &mut tenancy);
        }
        let policy = policy_of(manifest, snapshot);
        let scope = checks::Scope::new(&tenancy.organization, &group.manifests, snapshot, &policy);
        let mut objections = checks::check(&scope);
        objections.extend(links::check(&scope, self.index));
        objections.extend(workspaces::check(&scope));
        objections.extend(assignments::check(&scope));
        objections.extend(templates::check(&scope, snapshot));
        let own = local::personal_owners(&scope, snapshot);
        objections.extend(local::check(&scope, snapshot, &own));
        let owners = owners::owners(&scope, snapshot, self.asker, &own);
        objections.extend(owners.objections);
        tenancy.owners = owners.implied;
        objections.extend(subscriptions::check(&scope, self.index, snapshot));
        let known = doubts::Known { scope: &scope, index: self.index, snapshot, owners: &tenancy.owners, own: &own };
        objections.extend(doubts::check(&known));
        for objection in objections {
            let (held, finding) = objection.into_parts();
            if let Some((key, held)) = held {
                tenancy.held.insert(key, held);
            }
            self.findings.push(finding);
        }
        // Writing canonical JSON and taking its digest is most of the work.
        tenancy.objects = sorted(spread(&group.manifests, |manifest| Desired::from_manifest(manifest)));
        if !tenancy.held.is_empty() {
            let (held, ready) = std::mem::take(&mut tenancy.objects).into_iter().partition(|it| tenancy.holds(&it.key));
            tenancy.objects = ready;
            let former = |it: Desired| it.previous_names.into_iter().map(move |name| Key::new(it.key.kind, name));
            tenancy.reserved.extend(Vec::into_iter(held).flat_map(former));
        }
        let implications = Implications { tenancy: &tenancy, manifests: &group.manifests, policy: &policy, snapshot };
        let implied = implications.all();
        if !implied.is_empty() {
            tenancy.objects.extend(implied);
            tenancy.objects.sort_by(|a, b| a.key.cmp(&b.key));
        }
        first_workspaces(&mut tenancy.objects, snapshot, &policy);
        tenancy
    }

    /// The emergency that an Organization declares; one that cannot be read is none, and told.
    fn break_glass(&mut self, (manifest, written): (&Manifest, &str), tenancy: &mut Tenancy) {
        tenancy.break_glass = BreakGlass::parse(written);
        if tenancy.break_glass.is_none() {
            let message = "the annotation muster.dev/break-glass has no ticket or no end, so it does nothing".to_owned();
            let path = "metadata.annotations".to_owned();
            let help = Some("write TICKET until TIME, such as `INC-42 until 2026-03-01T12:00:00Z`".to_owned());
            let objection = Objection::note(manifest, Severity::Warning, "break-glass", path, message).help(help);
            self.findings.push(objection.finding);
        }
    }
}

/// The digests in `muster.dev/approved-plan`, separated by commas.
fn approvals(manifest: &Manifest) -> Vec<Digest> {
    let digests = manifest.annotations.get("approved-plan").map(|digests| &**digests).unwrap_or_default();
    digests.split(',').filter_map(|digest| Digest::parse(digest.trim())).collect()
}

/// The policy that the input wants, else the one in force.
fn policy_of(manifest: Option<&&Manifest>, snapshot: Option<&Snapshot>) -> Policy {
    if let Some(Spec::Organization(spec)) = manifest.map(|manifest| &*manifest.spec) {
        return Policy::of(spec);
    }
    let stored = snapshot.and_then(|snapshot| snapshot.row(&Key::new(Kind::Organization, snapshot.organization.clone())));
    let spec = stored.filter(|row| row.is_live()).and_then(|row| serde_json::from_str(&row.spec).ok());
    spec.map_or_else(Policy::standard, |spec| Policy::of(&spec))
}

/// By key. Within a kind, most inputs are sorted already, but members and their memberships take turns.
fn sorted(objects: Vec<Vec<Desired>>) -> Vec<Desired> {
    let mut kinds: BTreeMap<Kind, Vec<Desired>> = BTreeMap::new();
    for desired in objects.into_iter().flatten() {
        kinds.entry(desired.key.kind).or_default().push(desired);
    }
    let sort = |mut objects: Vec<Desired>| {
        objects.sort_by(|a, b| a.key.cmp(&b.key));
        objects
    };
    kinds.into_values().flat_map(sort).collect()
}

/// A reason to hold something, or just to say something about it.
struct Objection {
    subject: Option<Key>,
    finding: Finding,
}

impl Objection {
    /// An error on a manifest, or on one entry of it (`subject`), which is held for it.
    fn error(manifest: &Manifest, subject: Key, code: &'static str, path: String, message: String) -> Self {
        let own = (manifest.spec.kind(), manifest.name.clone());
        Self {
            subject: Some(subject),
            finding: Finding {
                severity: Severity::Error,
                code,
                subject: Some(own),
                path: path.into(),
                message: message.into(),
                help: None,
                origin: manifest.origin.clone(),
                span: None,
            },
        }
    }

    fn note(manifest: &Manifest, severity: Severity, code: &'static str, path: String, message: String) -> Self {
        let mut objection = Self::error(manifest, Key::new(manifest.spec.kind(), manifest.name.clone()), code, path, message);
        objection.subject = None;
        objection.finding.severity = severity;
        objection
    }

    fn help(mut self, help: Option<String>) -> Self {
        self.finding.help = help.map(Into::into);
        self
    }

    fn into_parts(self) -> (Option<(Key, Held)>, Finding) {
        let held = self.subject.map(|key| {
            let because = with_help(&self.finding.message, self.finding.help.as_deref());
            (key, Held { because, origin: Some(self.finding.origin.clone()) })
        });
        (held, self.finding)
    }
}

fn with_help(message: &str, help: Option<&str>) -> Box<str> {
    help.map_or_else(|| message.into(), |help| format!("{message}; {help}").into())
}

/// Why an object is part of no organization.
enum Unplaced {
    /// What it refers to is nowhere.
    Dangling { path: &'static str, target: Key, nearest: Option<String> },
    /// What it refers to is not in the input, and stored in several organizations.
    Ambiguous { path: &'static str, target: Key },
    /// What it refers to is in the input, but part of no organization itself.
    Waiting { path: &'static str, target: Key },
}

impl Unplaced {
    fn message(&self) -> String {
        match self {
            Self::Dangling { target, .. } => format!("refers to {target}, which is neither in the input nor stored"),
            Self::Ambiguous { target, .. } => format!("refers to {target}, and several organizations have one"),
            Self::Waiting { target, .. } => format!("refers to {target}, which is held back"),
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Dangling { nearest, .. } => nearest.as_ref().map(|name| format!("did you mean {name}?")),
            Self::Ambiguous { .. } => {
                Some("put the one that is meant into the input, or the organizations into namespaces".to_owned())
            }
            Self::Waiting { .. } => None,
        }
    }

    fn because(&self) -> Box<str> {
        with_help(&self.message(), self.help().as_deref())
    }

    fn finding(&self, manifest: &Manifest) -> Finding {
        let (severity, code, path) = match self {
            Self::Dangling { path, .. } => (Severity::Error, "dangling-reference", *path),
            Self::Ambiguous { path, .. } => (Severity::Error, "ambiguous-reference", *path),
            Self::Waiting { path, .. } => (Severity::Note, "reference-held", *path),
        };
        Finding {
            severity,
            code,
            subject: Some((manifest.spec.kind(), manifest.name.clone())),
            path: format!("{path}.name").into(),
            message: self.message().into(),
            help: self.help().map(Into::into),
            origin: manifest.origin.clone(),
            span: None,
        }
    }
}
