use jiff::Timestamp;

use super::actor::Actor;
use super::effects::{Planned, effects};
use super::lines::{bounded, line_of};
use super::place::Found;
use super::request::{Operation, Request};
use crate::api::organization::DeletionPolicy;
use crate::api::policy::DeletionMode;
use crate::api::{Kind, OrganizationSpec};
use crate::engine::as_input;
use crate::plan::{Context, Tightened, plan};
use crate::source::ObjectRead;
use crate::tenancy::view::View;
use crate::tenancy::{HeldManifest, Input, Key, Manager, Policy, Snapshot, World, resolve};

/// How to judge.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name under which objects are managed.
    pub manager: Manager,
    /// What the API server puts before the names of users of an OIDC issuer.
    pub oidc_prefix: Option<String>,
    /// Users who are not judged.
    pub exempt: Vec<String>,
}

impl Settings {
    /// True for whoever keeps the cluster running: what the controllers of Kubernetes do, such as emptying a namespace, is never in
    /// the way of anybody.
    #[must_use]
    pub fn exempts(&self, request: &Request) -> bool {
        const OWN: [&str; 2] = ["system:kube-controller-manager", "system:apiserver"];
        let name = &request.user.name;
        name.starts_with("system:serviceaccount:kube-system:") || OWN.contains(&name.as_str()) || self.exempt.contains(name)
    }
}

/// What becomes of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Why it is denied; empty where it is not.
    pub denials: Vec<Denial>,
    /// What whoever asks should know.
    pub warnings: Vec<String>,
}

/// One reason to deny a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Denial {
    /// The id of the rule; `muster explain` tells about it.
    pub rule: &'static str,
    /// Why, and the way out, on one line.
    pub message: String,
}

impl Denial {
    /// A reason.
    #[must_use]
    pub fn new(rule: &'static str, subject: &Key, because: &str, way_out: &str) -> Self {
        Self { rule, message: line_of(&format!("{subject}: {because} ({rule}); {way_out}"), LONGEST_DENIAL) }
    }
}

const LONGEST_DENIAL: usize = 1024;

const WRONG: &str = "it is not as its definition says; `muster validate` shows what is wrong";

impl Verdict {
    fn denied(denials: Vec<Denial>) -> Self {
        Self { denials, warnings: Vec::new() }
    }

    /// Let through with a word on the way.
    #[must_use]
    pub fn warned(warning: &str) -> Self {
        Self { denials: Vec::new(), warnings: vec![warning.to_owned()] }
    }
}

/// What no other object of the same commit could make right: the rules that deny what they refuse. Those about who asks do, too.
const DENIED: [&str; 6] =
    ["residency-immutable", "hipaa-immutable", "scope-immutable", UNDELETABLE, PROTECTED, "foreign-manager"];
const UNDELETABLE: &str = "workspace-undeletable";
const PROTECTED: &str = "deletion-protected";
/// The rule about the rights of whoever asks.
pub const NOT_PERMITTED: &str = "not-permitted";

/// Judges a request by what is stored.
#[must_use]
pub fn judge(request: &Request, found: &Found, settings: &Settings, now: Timestamp) -> Verdict {
    let nothing = Input::default();
    let case = |snapshot| Case { request, snapshot, stored: &nothing, settings, now };
    match found {
        Found::Here(snapshot) => {
            let stored = as_input(snapshot, &settings.manager, &request.namespace);
            Case { stored: &stored, ..case(snapshot) }.verdict()
        }
        Found::Elsewhere(snapshot) if request.key.kind == Kind::Organization && request.operation != Operation::Delete => {
            case(snapshot).moved()
        }
        Found::Elsewhere(_) | Found::Nothing => Verdict::default(),
        Found::Unplaced(snapshots) => {
            let may = |snapshot| case(snapshot).decides(&case(snapshot).actor());
            match snapshots.first() {
                Some(first) if !snapshots.iter().any(may) => case(first).unplaced(),
                _ => Verdict::default(),
            }
        }
    }
}

/// A request, and the organization it is about.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    pub request: &'a Request,
    pub snapshot: &'a Snapshot,
    /// The organization as an input that wants what is stored.
    pub stored: &'a Input,
    pub settings: &'a Settings,
    pub now: Timestamp,
}

impl Case<'_> {
    fn verdict(&self) -> Verdict {
        let actor = self.actor();
        let mut denials = match &actor {
            Actor::Stranger => return Verdict::denied(vec![self.stranger()]),
            Actor::Automation => Vec::new(),
            Actor::Member(email) => self.beyond_rights(email),
        };
        denials.extend(self.organization_stays());
        let with = self.planned(&self.input(true));
        let more = self.refused(&with).into_iter().filter(|denial| denials.iter().all(|other| other.rule != denial.rule));
        denials.extend(more.collect::<Vec<_>>());
        if !denials.is_empty() {
            return Verdict::denied(denials);
        }
        if self.lets_go() {
            let warning = format!("{}: everything in it is kept in the store, and nobody manages it any more", self.request.key);
            return Verdict::warned(&warning);
        }
        let (lines, more) = effects(&with, || self.planned(self.stored));
        Verdict { denials, warnings: bounded(lines, more) }
    }

    pub fn actor(&self) -> Actor {
        Actor::of(&self.request.user, self.snapshot, self.settings.oidc_prefix.as_deref())
    }

    pub fn organization(&self) -> Key {
        Key::new(Kind::Organization, self.snapshot.organization.clone())
    }

    /// True for the object itself, and for the entries of a member.
    pub fn is_own(&self, subject: &Key) -> bool {
        let key = &self.request.key;
        *subject == *key || key.kind == Kind::Member && subject.member_and_place().is_some_and(|(member, _)| key.name == *member)
    }

    /// The organization with the object as it is afterwards, or as it was before.
    pub fn input(&self, afterwards: bool) -> Input {
        let mut input = self.stored.clone();
        let key = &self.request.key;
        input.manifests.retain(|manifest| manifest.spec.kind() != key.kind || manifest.name != key.name);
        input.held.retain(|held| held.kind != key.kind || held.name != key.name);
        match if afterwards { self.request.after() } else { self.request.before() } {
            Some(ObjectRead::Manifest(manifest)) => input.manifests.push(manifest),
            // What is wrong with it may be a value that is nobody's business.
            Some(ObjectRead::Held(held)) => input.held.push(HeldManifest { because: WRONG.into(), ..held }),
            None => {}
        }
        input
    }

    pub fn context(&self, asker: Option<&str>) -> Context {
        Context {
            now: self.now,
            observed_at: self.now,
            manager: self.settings.manager.clone(),
            actor: self.request.user.name.as_str().into(),
            asker: asker.map(Into::into),
            prune: true,
            allow_empty: true,
            approved: Vec::new(),
            tightened: Tightened::default(),
        }
    }

    /// What all rules say of an input, whoever asks.
    fn planned(&self, input: &Input) -> Planned {
        let resolved = resolve(input, std::slice::from_ref(self.snapshot), None);
        let tenancy = resolved.tenancies.iter().find(|tenancy| tenancy.organization == self.snapshot.organization);
        Planned { plan: tenancy.map(|tenancy| plan(tenancy, self.snapshot, &self.context(None))), findings: resolved.findings }
    }

    /// What the rules refuse of the object itself, whoever asks and whatever else is in the commit.
    fn refused(&self, with: &Planned) -> Vec<Denial> {
        let refusals = with.plan.iter().flat_map(|plan| &plan.refusals).filter(|refusal| self.is_own(&refusal.subject));
        let denials = refusals.filter_map(|refusal| {
            let rule = DENIED.into_iter().find(|rule| *rule == &*refusal.rule)?;
            Some(Denial::new(rule, &refusal.subject, &refusal.because, way_out(rule, &refusal.way_out)))
        });
        denials.collect()
    }

    fn stranger(&self) -> Denial {
        let organization = self.organization();
        let because = format!(
            "{} is neither listed in spec.administrators of {organization} nor the address of one of its members",
            self.request.user.name
        );
        Denial::new(NOT_PERMITTED, &self.request.key, &because, "ask one of its administrators")
    }

    fn stored_organization(&self) -> Option<OrganizationSpec> {
        let row = self.snapshot.row(&self.organization()).filter(|row| row.is_live())?;
        serde_json::from_str(&row.spec).ok()
    }

    fn deletes_an_organization(&self) -> bool {
        self.request.operation == Operation::Delete && self.request.key.kind == Kind::Organization
    }

    /// True for the deletion of an organization that does not delete what is in it.
    fn lets_go(&self) -> bool {
        self.deletes_an_organization()
            && self.stored_organization().is_none_or(|it| it.deletion_policy != Some(DeletionPolicy::SoftDelete))
    }

    /// An organization with workspaces that cannot be deleted goes only where going means letting go of it.
    fn organization_stays(&self) -> Vec<Denial> {
        let stored = self.stored_organization().filter(|_| self.deletes_an_organization());
        let Some(spec) = stored.filter(|spec| spec.deletion_policy != Some(DeletionPolicy::Orphan)) else { return Vec::new() };
        let key = &self.request.key;
        let world = World::new(&self.snapshot.rows, self.now);
        let workspaces = world.of_kind(Kind::Workspace);
        let is_protected = |view: &View| matches!(view, View::Workspace(workspace) if workspace.deletion_protection);
        let mut denials = Vec::new();
        if Policy::of(&spec).workspace_deletion == DeletionMode::Forbid && !workspaces.is_empty() {
            let because = "its policy does not allow workspaces to be deleted";
            denials.push(Denial::new(UNDELETABLE, key, because, LET_GO));
        }
        if let Some(item) = workspaces.iter().find(|item| is_protected(&item.view)) {
            let because = format!("{} in it is protected from deletion", item.row.key);
            denials.push(Denial::new(PROTECTED, key, &because, LET_GO));
        }
        denials
    }
}

const LET_GO: &str = "write deletionPolicy: Orphan to keep everything in the store and let go of it, wait until that is applied, and \
                      delete it then";

/// What a refusal says is about files; here the object is still there.
fn way_out<'r>(rule: &str, otherwise: &'r str) -> &'r str {
    match rule {
        UNDELETABLE => "keep it; or loosen workspaceDeletion.mode, wait until that is applied, and delete it then",
        PROTECTED => "set deletionProtection: false, wait until that is applied, and delete it then",
        _ => otherwise,
    }
}
