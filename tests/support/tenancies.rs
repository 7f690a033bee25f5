//! Random tenancies and histories of edits, written as YAML like anybody would write them.

use std::collections::BTreeMap;
use std::fmt::Write;

use proptest::prelude::*;

/// What one organization's files say.
#[derive(Clone, Debug, Default)]
pub struct Files {
    pub policy: PolicyModel,
    pub members: BTreeMap<u8, MemberModel>,
    pub projects: BTreeMap<u8, ()>,
    pub workspaces: BTreeMap<u8, WorkspaceModel>,
    pub templates: BTreeMap<u8, TemplateModel>,
    pub types: BTreeMap<u8, Vec<&'static str>>,
}

#[derive(Clone, Debug)]
pub struct PolicyModel {
    pub deletion: &'static str,
    pub drift: &'static str,
    pub members: &'static str,
    pub implicit: bool,
    /// What is implied, as fields of the policy.
    pub implied: &'static str,
    /// What admins may do in private workspaces.
    pub private: &'static str,
}

impl Default for PolicyModel {
    fn default() -> Self {
        Self { deletion: "Soft", drift: "Warn", members: "Soft", implicit: true, implied: IMPLIED[0], private: "Full" }
    }
}

/// Nothing; a workspace for each member; the oldest workspace as the default, and nobody without one; default workspaces.
const IMPLIED: [&str; 4] = [
    "workspaces: {personal: None}",
    "workspaces: {personal: Local}",
    "members: {defaultWorkspace: Oldest, withoutWorkspace: Remove}",
    "defaultWorkspaces: [{name: first, default: true}, {name: second}]",
];

#[derive(Clone, Debug, Default)]
pub struct MemberModel {
    pub role: Option<Role>,
    pub disabled: bool,
    pub workspaces: BTreeMap<u8, Role>,
    pub projects: BTreeMap<u8, Role>,
    pub expires: bool,
    pub previous: Option<u8>,
}

#[derive(Clone, Debug, Default)]
pub struct WorkspaceModel {
    pub project: Option<u8>,
    pub protection: bool,
    pub residency: Option<&'static str>,
    /// The owner of a private workspace.
    pub private: Option<u8>,
    pub name: &'static str,
    pub previous: Option<u8>,
}

#[derive(Clone, Debug)]
pub struct TemplateModel {
    pub workspace: u8,
    pub default: bool,
}

/// A built-in role, or a membership type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Admin,
    Member,
    ReadOnly,
    Type(u8),
}

impl Role {
    fn name(self) -> String {
        match self {
            Self::Admin => "Admin".into(),
            Self::Member => "Member".into(),
            Self::ReadOnly => "ReadOnly".into(),
            Self::Type(number) => format!("type-{number}"),
        }
    }
}

/// One thing that somebody changes in the files.
#[derive(Clone, Debug)]
pub enum Edit {
    Member(u8, Option<Role>),
    RemoveMember(u8),
    Disable(u8, bool),
    Grant(u8, u8, Role),
    Revoke(u8, u8),
    GrantProject(u8, u8, Role),
    Expire(u8, bool),
    Project(u8),
    RemoveProject(u8),
    Workspace(u8, Option<u8>),
    RemoveWorkspace(u8),
    Protect(u8, bool),
    Residency(u8, &'static str),
    Private(u8, u8),
    Display(u8, &'static str),
    Template(u8, u8, bool),
    RemoveTemplate(u8),
    Type(u8, Vec<&'static str>),
    RemoveType(u8),
    RenameMember(u8, u8),
    RenameWorkspace(u8, u8),
    SwapWorkspaces(u8, u8),
    Policy(PolicyModel),
}

pub fn role() -> impl Strategy<Value = Role> {
    prop_oneof![3 => Just(Role::Admin), 2 => Just(Role::Member), 1 => Just(Role::ReadOnly), 1 => (0..2u8).prop_map(Role::Type)]
}

fn verbs() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::subsequence(vec!["members:write", "members:read", "content:write", "rooms:read"], 1..4)
}

pub fn edit() -> impl Strategy<Value = Edit> {
    let (m, w, p) = (0..5u8, 0..4u8, 0..2u8);
    prop_oneof![
        4 => (m.clone(), prop::option::of(role())).prop_map(|(m, r)| Edit::Member(m, r)),
        3 => m.clone().prop_map(Edit::RemoveMember),
        2 => (m.clone(), any::<bool>()).prop_map(|(m, d)| Edit::Disable(m, d)),
        5 => (m.clone(), w.clone(), role()).prop_map(|(m, w, r)| Edit::Grant(m, w, r)),
        2 => (m.clone(), w.clone()).prop_map(|(m, w)| Edit::Revoke(m, w)),
        2 => (m.clone(), p.clone(), role()).prop_map(|(m, p, r)| Edit::GrantProject(m, p, r)),
        1 => (m.clone(), any::<bool>()).prop_map(|(m, e)| Edit::Expire(m, e)),
        2 => p.clone().prop_map(Edit::Project),
        1 => p.clone().prop_map(Edit::RemoveProject),
        4 => (w.clone(), prop::option::of(p)).prop_map(|(w, p)| Edit::Workspace(w, p)),
        3 => w.clone().prop_map(Edit::RemoveWorkspace),
        2 => (w.clone(), any::<bool>()).prop_map(|(w, on)| Edit::Protect(w, on)),
        1 => (w.clone(), prop::sample::select(vec!["USA", "Europe"])).prop_map(|(w, r)| Edit::Residency(w, r)),
        1 => (w.clone(), m.clone()).prop_map(|(w, m)| Edit::Private(w, m)),
        2 => (w.clone(), prop::sample::select(vec!["One", "Two"])).prop_map(|(w, n)| Edit::Display(w, n)),
        3 => (0..4u8, w.clone(), any::<bool>()).prop_map(|(t, w, d)| Edit::Template(t, w, d)),
        1 => (0..4u8).prop_map(Edit::RemoveTemplate),
        2 => (0..2u8, verbs()).prop_map(|(t, v)| Edit::Type(t, v)),
        1 => (0..2u8).prop_map(Edit::RemoveType),
        1 => (m.clone(), m).prop_map(|(a, b)| Edit::RenameMember(a, b)),
        1 => (w.clone(), w.clone()).prop_map(|(a, b)| Edit::RenameWorkspace(a, b)),
        1 => (w.clone(), w).prop_map(|(a, b)| Edit::SwapWorkspaces(a, b)),
        1 => policy().prop_map(Edit::Policy),
    ]
}

fn policy() -> impl Strategy<Value = PolicyModel> {
    let deletion = prop::sample::select(vec!["Soft", "Soft", "Forbid", "Hard"]);
    let drift = prop::sample::select(vec!["Warn", "Correct", "Ignore"]);
    let members = prop::sample::select(vec!["Soft", "Hard"]);
    let implied = prop::sample::select(IMPLIED.to_vec());
    let private = prop::sample::select(vec!["None", "DeleteOnly", "Manage", "Full"]);
    (deletion, drift, members, any::<bool>(), implied, private).prop_map(
        |(deletion, drift, members, implicit, implied, private)| PolicyModel {
            deletion,
            drift,
            members,
            implicit,
            implied,
            private,
        },
    )
}

pub fn edits(count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Edit>> {
    prop::collection::vec(edit(), count)
}

impl Files {
    /// An organization with one admin.
    pub fn first() -> Self {
        let admin = MemberModel { role: Some(Role::Admin), ..MemberModel::default() };
        Self { members: [(0, admin)].into(), ..Self::default() }
    }

    pub fn edited(mut self, edits: &[Edit]) -> Self {
        edits.iter().for_each(|edit| self.edit(edit));
        self
    }

    pub fn edit(&mut self, edit: &Edit) {
        match edit.clone() {
            Edit::Member(m, role) => self.members.entry(m).or_default().role = role,
            Edit::RemoveMember(m) => drop(self.members.remove(&m)),
            Edit::Disable(m, disabled) => self.member(m, |member| member.disabled = disabled),
            Edit::Grant(m, w, role) => self.member(m, |member| {
                member.workspaces.insert(w, role);
            }),
            Edit::Revoke(m, w) => self.member(m, |member| {
                member.workspaces.remove(&w);
            }),
            Edit::GrantProject(m, p, role) => self.member(m, |member| {
                member.projects.insert(p, role);
            }),
            Edit::Expire(m, expires) => self.member(m, |member| member.expires = expires),
            Edit::Project(p) => drop(self.projects.insert(p, ())),
            Edit::RemoveProject(p) => drop(self.projects.remove(&p)),
            Edit::Workspace(w, project) => self.workspaces.entry(w).or_default().project = project,
            Edit::RemoveWorkspace(w) => {
                self.workspaces.remove(&w);
                self.templates.retain(|_, template| template.workspace != w);
                for member in self.members.values_mut() {
                    member.workspaces.remove(&w);
                }
            }
            Edit::Protect(w, on) => self.workspace(w, |workspace| workspace.protection = on),
            Edit::Residency(w, residency) => self.workspace(w, |workspace| workspace.residency = Some(residency)),
            Edit::Private(w, owner) => self.workspace(w, |workspace| workspace.private = Some(owner)),
            Edit::Display(w, name) => self.workspace(w, |workspace| workspace.name = name),
            Edit::Template(t, workspace, default) => drop(self.templates.insert(t, TemplateModel { workspace, default })),
            Edit::RemoveTemplate(t) => drop(self.templates.remove(&t)),
            Edit::Type(t, verbs) => drop(self.types.insert(t, verbs)),
            Edit::RemoveType(t) => drop(self.types.remove(&t)),
            Edit::RenameMember(from, to) => {
                if !self.members.contains_key(&to)
                    && let Some(member) = self.members.remove(&from)
                {
                    self.members.insert(to, MemberModel { previous: Some(from), ..member });
                }
            }
            Edit::RenameWorkspace(from, to) => {
                if !self.workspaces.contains_key(&to)
                    && let Some(workspace) = self.workspaces.remove(&from)
                {
                    self.workspaces.insert(to, WorkspaceModel { previous: Some(from), ..workspace });
                    self.follow(&|w| if w == from { to } else { w });
                }
            }
            Edit::SwapWorkspaces(a, b) => {
                if a != b && self.workspaces.contains_key(&a) && self.workspaces.contains_key(&b) {
                    let (first, second) = (self.workspaces[&a].clone(), self.workspaces[&b].clone());
                    self.workspaces.insert(b, WorkspaceModel { previous: Some(a), ..first });
                    self.workspaces.insert(a, WorkspaceModel { previous: Some(b), ..second });
                    self.follow(&|w| {
                        if w == a {
                            b
                        } else if w == b {
                            a
                        } else {
                            w
                        }
                    });
                }
            }
            Edit::Policy(policy) => self.policy = policy,
        }
    }

    /// The files with everything taken out that cannot be meant: entries that lead nowhere and second default templates. The first
    /// member is an admin.
    pub fn tidy(mut self) -> Self {
        let Self { policy: _, members, projects, workspaces, templates, types } = &mut self;
        let known = |role: Role| !matches!(role, Role::Type(number) if !types.contains_key(&number));
        members.insert(0, MemberModel { role: Some(Role::Admin), ..MemberModel::default() });
        for member in members.values_mut() {
            member.role = member.role.filter(|role| known(*role));
            member.workspaces.retain(|w, role| workspaces.contains_key(w) && known(*role));
            member.projects.retain(|p, role| projects.contains_key(p) && known(*role));
        }
        workspaces.values_mut().for_each(|workspace| workspace.private = workspace.private.filter(|m| members.contains_key(m)));
        workspaces.values_mut().for_each(|workspace| workspace.project = workspace.project.filter(|p| projects.contains_key(p)));
        let mut defaults = std::collections::BTreeSet::new();
        templates.retain(|_, template| workspaces.contains_key(&template.workspace));
        templates.values_mut().for_each(|template| template.default &= defaults.insert(template.workspace));
        self
    }

    fn member(&mut self, m: u8, change: impl FnMut(&mut MemberModel)) {
        self.members.get_mut(&m).into_iter().for_each(change);
    }

    fn workspace(&mut self, w: u8, change: impl FnMut(&mut WorkspaceModel)) {
        self.workspaces.get_mut(&w).into_iter().for_each(change);
    }

    fn follow(&mut self, renamed: &dyn Fn(u8) -> u8) {
        self.templates.values_mut().for_each(|template| template.workspace = renamed(template.workspace));
        for member in self.members.values_mut() {
            member.workspaces = member.workspaces.iter().map(|(w, role)| (renamed(*w), *role)).collect();
        }
    }

    /// The files as YAML, one document after the other.
    pub fn yaml(&self) -> String {
        self.documents().join("---\n")
    }

    /// The documents. A member's lists are always written, so that they are owned.
    pub fn documents(&self) -> Vec<String> {
        let PolicyModel { deletion, drift, members, implicit, implied, private } = &self.policy;
        let mut documents = vec![document(
            "Organization",
            "acme",
            &format!(
                "{{policy: {{workspaceDeletion: {{mode: {deletion}}}, drift: {drift}, memberRemoval: {members}, access: {{implicitAdmins: {implicit}, privateWorkspaces: {private}}}, {implied}, maxRemovals: {{percent: 100}}}}}}"
            ),
        )];
        for (t, verbs) in &self.types {
            let spec = format!(
                "{{organizationRef: {{name: acme}}, levels: [Organization, Project, Workspace], permissions: [{}]}}",
                quoted(verbs)
            );
            documents.push(document("MembershipType", &format!("type-{t}"), &spec));
        }
        for p in self.projects.keys() {
            documents.push(document("Project", &format!("p{p}"), "{organizationRef: {name: acme}}"));
        }
        for (w, workspace) in &self.workspaces {
            documents.push(document("Workspace", &format!("w{w}"), &workspace.spec()));
        }
        for (t, TemplateModel { workspace, default }) in &self.templates {
            let spec = format!("{{workspaceRef: {{name: w{workspace}}}, default: {default}}}");
            documents.push(document("Template", &format!("t{t}"), &spec));
        }
        for (m, member) in &self.members {
            documents.push(document("Member", &format!("m{m}"), &member.spec(*m)));
        }
        documents
    }
}

fn document(kind: &str, name: &str, spec: &str) -> String {
    format!("apiVersion: muster.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n")
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

impl WorkspaceModel {
    fn spec(&self) -> String {
        let Self { project, protection, residency, private, name, previous } = self;
        let mut spec = format!("{{organizationRef: {{name: acme}}, deletionProtection: {protection}");
        project.iter().for_each(|p| write!(spec, ", projectRef: {{name: p{p}}}").unwrap());
        residency.iter().for_each(|residency| write!(spec, ", dataResidency: {residency}").unwrap());
        private.iter().for_each(|m| write!(spec, ", scope: Private, owner: m{m}").unwrap());
        previous.iter().for_each(|w| write!(spec, ", previousNames: [w{w}]").unwrap());
        if !name.is_empty() {
            write!(spec, ", displayName: {name}").unwrap();
        }
        spec + "}"
    }
}

impl MemberModel {
    fn spec(&self, number: u8) -> String {
        let Self { role, disabled, workspaces, projects, expires, previous } = self;
        let mut spec = format!("{{organizationRef: {{name: acme}}, email: m{number}@acme.example, disabled: {disabled}");
        role.iter().for_each(|role| write!(spec, ", role: {}", role.name()).unwrap());
        previous.iter().for_each(|m| write!(spec, ", previousNames: [m{m}]").unwrap());
        let expires = if *expires { ", expiresAt: \"2026-03-20T00:00:00Z\"" } else { "" };
        let entries = |prefix: &str, places: &BTreeMap<u8, Role>| {
            let entry = |(place, role): (&u8, &Role)| format!("{{name: {prefix}{place}, role: {}{expires}}}", role.name());
            places.iter().map(entry).collect::<Vec<_>>().join(", ")
        };
        write!(spec, ", workspaces: [{}], projects: [{}]}}", entries("w", workspaces), entries("p", projects)).unwrap();
        spec
    }
}
