use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::Objection;
use crate::api::membership_type::Level;
use crate::api::policy::{Cardinality, TemplatesApi};
use crate::api::types::{Set, Text};
use crate::api::{Kind, MemberSpec, Spec, WorkspaceSpec};
use crate::tenancy::role::{MembershipRole, Roles, built_in_roles};
use crate::tenancy::view::View;
use crate::tenancy::{Key, Manifest, Name, Policy, Severity, Snapshot, nearest};

/// The manifests of one organization and what their checks depend on.
pub struct Scope<'a> {
    pub organization: &'a Name,
    pub manifests: &'a [&'a Manifest],
    pub members: Vec<(&'a Manifest, &'a MemberSpec)>,
    pub workspaces: Vec<(&'a Manifest, &'a WorkspaceSpec)>,
    pub policy: &'a Policy,
    roles: Roles,
    projects: BTreeSet<&'a str>,
    workspaces_by_name: BTreeMap<&'a str, &'a WorkspaceSpec>,
}

impl<'a> Scope<'a> {
    pub fn new(organization: &'a Name, manifests: &'a [&'a Manifest], snapshot: Option<&Snapshot>, policy: &'a Policy) -> Self {
        let (mut members, mut workspaces, mut projects) = (Vec::new(), Vec::new(), BTreeSet::new());
        for manifest in manifests {
            match &*manifest.spec {
                Spec::Member(spec) => members.push((*manifest, &**spec)),
                Spec::Workspace(spec) => workspaces.push((*manifest, &**spec)),
                Spec::Project(_) => drop(projects.insert(manifest.name.as_str())),
                _ => {}
            }
        }
        let workspaces_by_name = workspaces.iter().rev().map(|(manifest, spec)| (manifest.name.as_str(), *spec)).collect();
        let roles = roles(manifests, snapshot, policy);
        Self { organization, manifests, members, workspaces, policy, roles, projects, workspaces_by_name }
    }

    /// What a role name stands for.
    pub fn role(&self, name: &str) -> Option<&MembershipRole> {
        self.roles.get(name)
    }

    /// True for a project or workspace of these manifests.
    pub fn knows(&self, kind: Kind, name: &str) -> bool {
        match kind {
            Kind::Project => self.projects.contains(name),
            Kind::Workspace => self.workspaces_by_name.contains_key(name),
            _ => false,
        }
    }

    /// A workspace of these manifests.
    pub fn workspace(&self, name: &str) -> Option<&'a WorkspaceSpec> {
        self.workspaces_by_name.get(name).copied()
    }
}

fn key(manifest: &Manifest) -> Key {
    Key::new(manifest.spec.kind(), manifest.name.clone())
}

/// The built-in roles, those of the input and those that are stored.
fn roles(manifests: &[&Manifest], snapshot: Option<&Snapshot>, policy: &Policy) -> Roles {
    let mut roles = built_in_roles(policy);
    for manifest in manifests {
        if let Spec::MembershipType(spec) = &*manifest.spec {
            let name = spec.name.as_ref().map_or(manifest.name.as_str(), |name| name.as_str());
            let role = MembershipRole {
                levels: spec.levels.iter().copied().collect(),
                permissions: spec.permissions.iter().copied().collect(),
                built_in: false,
            };
            roles.entry(name.into()).or_insert(role);
        }
    }
    for row in snapshot.into_iter().flat_map(|snapshot| snapshot.live(Kind::MembershipType)) {
        if let View::MembershipType(view) = View::read(row.key.kind, &row.spec) {
            let name = view.name.unwrap_or_else(|| row.key.name.as_str().into());
            roles.entry(name).or_insert(MembershipRole { levels: view.levels, permissions: view.permissions, built_in: false });
        }
    }
    roles
}

/// A check over all objects of an organization.
type Check = fn(&Scope<'_>) -> Vec<Objection>;

/// What must fit together, as sentences.
const CHECKS: &[(&str, Check)] = &[
    ("no two members have the same e-mail address", emails),
    ("no two members have the same username", usernames),
    ("members only have roles that exist, at a level they are for, and as many as the policy allows", member_roles),
    ("the default role of the policy exists", default_role),
    ("no two membership types have the same name, and none has the name of a built-in role", type_names),
    ("a workspace has one default template at most", default_templates),
    ("no two templates of a workspace have the same name", template_names),
    ("no two roles.muster.dev of a template have the same name", role_names),
    ("the priority of a roles.muster.dev is in the range of the service's API", priorities),
    ("no two objects take over the same previous name, and none its own", previous_names),
];

/// Makes every check.
pub fn check(scope: &Scope<'_>) -> Vec<Objection> {
    CHECKS.iter().flat_map(|(_, check)| check(scope)).collect()
}

/// Objects that claim what only one of them may have: all of them are held, and each names another.
pub fn unique<K: Ord>(
    groups: BTreeMap<K, Vec<&Manifest>>,
    code: &'static str,
    path: &str,
    claims: impl Fn(&K) -> String,
) -> Vec<Objection> {
    let clashes = groups.into_iter().filter(|(_, manifests)| manifests.len() > 1).map(|(shared, mut manifests)| {
        manifests.sort_by_key(|manifest| (manifest.spec.kind(), &manifest.name));
        (shared, manifests)
    });
    let objection = |shared: &K, manifest: &Manifest, others: &[&Manifest]| {
        let other = others.iter().find(|other| other.name != manifest.name).unwrap_or(&manifest);
        let message = format!("{} ({}) {} too", key(other), other.origin, claims(shared));
        Objection::error(manifest, key(manifest), code, path.to_owned(), message)
    };
    clashes.flat_map(|(shared, all)| all.iter().map(|manifest| objection(&shared, manifest, &all)).collect::<Vec<_>>()).collect()
}

fn emails(scope: &Scope<'_>) -> Vec<Objection> {
    let claims = |email: &String| format!("has the e-mail address {email}");
    unique(shared(scope, |spec| Some(spec.email.key())), "duplicate-email", "spec.email", claims)
}

fn usernames(scope: &Scope<'_>) -> Vec<Objection> {
    let claims = |username: &String| format!("has the username {username}");
    let groups = shared(scope, |spec| Some(Cow::Borrowed(spec.username.as_ref()?.as_str())));
    unique(groups, "duplicate-username", "spec.username", claims)
}

/// The members by a text that several of them have.
fn shared<'s>(scope: &Scope<'s>, text: fn(&MemberSpec) -> Option<Cow<'_, str>>) -> BTreeMap<String, Vec<&'s Manifest>> {
    // Most runs find no clash at all, so the texts are only compared where their hashes are the same.
    let hash = |text: &str| {
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        hasher.finish()
    };
    let members = || scope.members.iter().filter_map(|(manifest, spec)| Some((*manifest, text(spec)?)));
    let mut hashes: Vec<u64> = members().map(|(_, text)| hash(&text)).collect();
    hashes.sort_unstable();
    let twice: BTreeSet<u64> = hashes.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    let mut groups: BTreeMap<String, Vec<&Manifest>> = BTreeMap::new();
    if twice.is_empty() {
        return groups;
    }
    for (manifest, text) in members().filter(|(_, text)| twice.contains(&hash(text))) {
        groups.entry(text.into_owned()).or_default().push(manifest);
    }
    groups
}

/// `role` and `roles` as one entry has them.
struct Entry<'m> {
    role: Option<&'m Text<63>>,
    roles: Option<&'m Set<Text<63>, 10>>,
    level: Level,
}

fn member_roles(scope: &Scope<'_>) -> Vec<Objection> {
    let mut objections = Vec::new();
    for &(manifest, spec) in &scope.members {
        let own = Entry { role: spec.role.as_ref(), roles: spec.roles.as_ref(), level: Level::Organization };
        own.check(scope, manifest, &|| ("spec".to_owned(), key(manifest)), &mut objections);
        let place = |kind, name: &str| Key::membership(&manifest.name, &Key::new(kind, name));
        for (at, entry) in spec.projects.iter().flat_map(|list| list.iter()).enumerate() {
            let subject = || (format!("spec.projects[{at}]"), place(Kind::Project, entry.name.as_str()));
            let entry = Entry { role: entry.role.as_ref(), roles: entry.roles.as_ref(), level: Level::Project };
            entry.check(scope, manifest, &subject, &mut objections);
        }
        for (at, entry) in spec.workspaces.iter().flat_map(|list| list.iter()).enumerate() {
            let subject = || (format!("spec.workspaces[{at}]"), place(Kind::Workspace, entry.name.as_str()));
            let entry = Entry { role: entry.role.as_ref(), roles: entry.roles.as_ref(), level: Level::Workspace };
            entry.check(scope, manifest, &subject, &mut objections);
        }
    }
    objections
}

impl Entry<'_> {
    fn check(
        &self,
        scope: &Scope<'_>,
        manifest: &Manifest,
        subject: &dyn Fn() -> (String, Key),
        objections: &mut Vec<Objection>,
    ) {
        let mut object = |code, field: &str, message: String, help: Option<String>| {
            let (path, subject) = subject();
            objections.push(Objection::error(manifest, subject, code, format!("{path}.{field}"), message).help(help));
        };
        if self.roles.is_some_and(|roles| roles.len() > 1) && scope.policy.role_cardinality == Cardinality::One {
            let message = "names several roles, but the policy of the organization allows one in each place";
            object(
                "role-cardinality",
                "roles",
                message.to_owned(),
                Some("write one, or set policy.roles.cardinality: Many".to_owned()),
            );
        }
        let single = self.role.iter().map(|role| ("role", role.as_str()));
        for (field, role) in
            single.chain(self.roles.into_iter().flat_map(|roles| roles.iter()).map(|role| ("roles", role.as_str())))
        {
            match scope.roles.get(role) {
                None => {
                    let (message, help) = unknown_role(scope, role);
                    object("unknown-role", field, message, help);
                }
                Some(known) if !known.levels.contains(&self.level) => {
                    let levels = known.levels.iter().map(|level| level.as_str()).collect::<Vec<_>>().join(", ");
                    let message = format!("names the role {role}, which is for the level {levels} and not for {}", self.level);
                    object("role-level", field, message, None);
                }
                Some(_) => {}
            }
        }
    }
}

/// What is said of a role that there is not, and the one that may be meant.
fn unknown_role(scope: &Scope<'_>, role: &str) -> (String, Option<String>) {
    let known = || scope.roles.keys().map(|name| &**name);
    let help = nearest(role, known()).map(|name| format!("did you mean {name}?"));
    (format!("names the role {role}, but there is only {}", known().collect::<Vec<_>>().join(", ")), help)
}

fn default_role(scope: &Scope<'_>) -> Vec<Objection> {
    let organization = scope.manifests.iter().find(|manifest| manifest.spec.kind() == Kind::Organization);
    let unknown = scope.policy.default_role.as_deref().filter(|role| scope.role(role).is_none());
    let objection = |(manifest, role): (&&Manifest, &str)| {
        let (message, help) = unknown_role(scope, role);
        let help = help.or_else(|| Some("write one of these, or None for no role".to_owned()));
        Objection::error(manifest, key(manifest), "unknown-role", "spec.policy.roles.default".to_owned(), message).help(help)
    };
    organization.zip(unknown).map(objection).into_iter().collect()
}

fn type_names(scope: &Scope<'_>) -> Vec<Objection> {
    let mut groups: BTreeMap<&str, Vec<&Manifest>> = BTreeMap::new();
    let mut objections = Vec::new();
    let built_in = built_in_roles(scope.policy);
    for manifest in scope.manifests {
        if let Spec::MembershipType(spec) = &*manifest.spec {
            let name = spec.name.as_ref().map_or(manifest.name.as_str(), |name| name.as_str());
            groups.entry(name).or_default().push(manifest);
            if built_in.contains_key(name) {
                let message = format!("{name} is a built-in role and cannot be defined again");
                objections.push(Objection::error(manifest, key(manifest), "duplicate-name", "spec.name".to_owned(), message));
            }
        }
    }
    objections.extend(unique(groups, "duplicate-name", "spec.name", |name| format!("has the name {name}")));
    objections
}

fn default_templates(scope: &Scope<'_>) -> Vec<Objection> {
    let mut groups: BTreeMap<&str, Vec<&Manifest>> = BTreeMap::new();
    for manifest in scope.manifests {
        if let Spec::Template(spec) = &*manifest.spec
            && spec.default == Some(true)
        {
            groups.entry(spec.workspace_ref.name.as_str()).or_default().push(manifest);
        }
    }
    unique(groups, "several-defaults", "spec.default", |workspace| format!("is the default template of workspace/{workspace}"))
}

fn template_names(scope: &Scope<'_>) -> Vec<Objection> {
    let mut groups: BTreeMap<(&str, &str), Vec<&Manifest>> = BTreeMap::new();
    for manifest in scope.manifests {
        if let Spec::Template(spec) = &*manifest.spec {
            let name = spec.name.as_ref().map_or(manifest.name.as_str(), |name| name.as_str());
            groups.entry((spec.workspace_ref.name.as_str(), name)).or_default().push(manifest);
        }
    }
    unique(groups, "duplicate-name", "spec.name", |(workspace, name)| format!("has the name {name} in workspace/{workspace}"))
}

fn role_names(scope: &Scope<'_>) -> Vec<Objection> {
    let mut groups: BTreeMap<(&str, &str), Vec<&Manifest>> = BTreeMap::new();
    for manifest in scope.manifests {
        if let Spec::Role(spec) = &*manifest.spec {
            let name = spec.name.as_ref().map_or(manifest.name.as_str(), |name| name.as_str());
            groups.entry((spec.template_ref.name.as_str(), name)).or_default().push(manifest);
        }
    }
    unique(groups, "duplicate-name", "spec.name", |(template, name)| format!("has the name {name} in template/{template}"))
}

fn priorities(scope: &Scope<'_>) -> Vec<Objection> {
    let too_low = |spec: &crate::api::RoleSpec| spec.priority.is_some_and(|priority| priority.get() > 5);
    let of = |manifest: &&&Manifest| matches!(&*manifest.spec, Spec::Role(spec) if too_low(spec));
    let strict = scope.policy.templates_api == TemplatesApi::V2;
    let roles = scope.manifests.iter().filter(|_| strict).filter(of);
    let objection = |manifest: &&Manifest| {
        let message = "must be from 1 to 5: only the first version of the service's API goes to 10";
        let help = Some("choose a smaller number, or set policy.templates.api: V1".to_owned());
        Objection::error(manifest, key(manifest), "priority-range", "spec.priority".to_owned(), message.to_owned()).help(help)
    };
    roles.map(objection).collect()
}

fn previous_names(scope: &Scope<'_>) -> Vec<Objection> {
    let mut groups: BTreeMap<(Kind, &str), Vec<&Manifest>> = BTreeMap::new();
    let mut objections = Vec::new();
    for manifest in scope.manifests {
        for name in names_before(&manifest.spec) {
            if *name == *manifest.name {
                let message = format!("{name} is the name it has now");
                let path = "spec.previousNames".to_owned();
                objections.push(Objection::note(manifest, Severity::Warning, "own-previous-name", path, message));
            } else {
                groups.entry((manifest.spec.kind(), name)).or_default().push(manifest);
            }
        }
    }
    objections.extend(unique(groups, "duplicate-previous-name", "spec.previousNames", |(_, name)| {
        format!("has the previous name {name}")
    }));
    objections
}

fn names_before(spec: &Spec) -> impl Iterator<Item = &str> {
    crate::tenancy::desired::previous_names_of(spec).unwrap_or_default().iter().map(|name| name.as_str())
}
