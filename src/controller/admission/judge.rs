use jiff::Timestamp;

use super::actor::Actor;
use super::effects::{Planned, effects};
use super::lines::{LONGEST, bounded, line_of, sentence};
use super::place::Found;
use super::progress::{Progress, Step};
use super::request::{Operation, Request};
use super::stored::Wanted;
use crate::api::organization::DeletionPolicy;
use crate::api::policy::DeletionMode;
use crate::api::{Kind, OrganizationSpec};
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

const KUBE_SYSTEM: &str = "system:serviceaccount:kube-system:";
const CONTROL_PLANE: [&str; 2] = ["system:kube-controller-manager", "system:apiserver"];

/// Whether an API server has to ask about a request, as CEL for the `matchConditions` of a `ValidatingWebhookConfiguration`: what keeps the
/// cluster running goes on also where the webhook is away and failures are denials.
#[must_use]
pub fn asked() -> String {
    let [manager, server] = CONTROL_PLANE;
    let name = "request.userInfo.username";
    format!("!({name}.startsWith('{KUBE_SYSTEM}') || {name} in ['{manager}', '{server}'])")
}

impl Settings {
    /// True for whoever keeps the cluster running: what the controllers of Kubernetes do, such as emptying a namespace, is never in
    /// the way of anybody.
    #[must_use]
    pub fn exempts(&self, request: &Request) -> bool {
        let name = &request.user.name;
        name.starts_with(KUBE_SYSTEM) || CONTROL_PLANE.contains(&name.as_str()) || self.exempt.contains(name)
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
        Self { rule, message: line_of(&format!("{} ({rule}); {way_out}", sentence(subject, because)), LONGEST_DENIAL) }
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
        Self { denials: Vec::new(), warnings: vec![line_of(warning, LONGEST)] }
    }

    /// This verdict on one half of a request, with that on the other half. Who is denied one learns nothing of the other.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.denials.extend(other.denials);
        self.warnings.extend(other.warnings);
        let warnings = std::mem::take(&mut self.warnings);
        self.warnings = if self.denials.is_empty() { bounded(warnings, 0) } else { Vec::new() };
        self
    }
}

/// What no other object of the same commit could make right: the rules that deny what they refuse. Those about who asks do, too.
const DENIED: [&str; 6] = ["residency-immutable", "hipaa-immutable", "scope-immutable", UNDELETABLE, PROTECTED, FOREIGN];
const UNDELETABLE: &str = "workspace-undeletable";
const PROTECTED: &str = "deletion-protected";
const FOREIGN: &str = "foreign-manager";
/// The rule about the rights of whoever asks.
pub const NOT_PERMITTED: &str = "not-permitted";

/// Judges a request by what is stored.
#[must_use]
pub fn judge(request: &Request, found: &Found, settings: &Settings, now: Timestamp, progress: &Progress) -> Verdict {
    progress.reach(Step::Rights);
    let nothing = Wanted::new(&settings.manager, &request.namespace, Input::default());
    let case = |snapshot| Case { request, snapshot, wanted: &nothing, settings, now, progress };
    match found {
        Found::Here(stored) => {
            let wanted = stored.wanted(&settings.manager, &request.namespace);
            Case { wanted: &wanted, ..case(&stored.snapshot) }.verdict()
        }
        Found::Elsewhere(stored) if request.key.kind == Kind::Organization && request.operation != Operation::Delete => {
            case(&stored.snapshot).moved()
        }
        Found::Elsewhere(_) | Found::Nothing => Verdict::default(),
        Found::Unplaced(all) => {
            let may = |snapshot| case(snapshot).decides(&case(snapshot).actor());
            match all.first() {
                Some(first) if !all.iter().any(|stored| may(&stored.snapshot)) => case(&first.snapshot).unplaced(),
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
    pub wanted: &'a Wanted,
    pub settings: &'a Settings,
    pub now: Timestamp,
    pub progress: &'a Progress,
}

impl Case<'_> {
    /// Whoever is denied by what costs little is not told what it would take to look further.
    fn verdict(&self) -> Verdict {
        let mut denials = match &self.actor() {
            Actor::Stranger => vec![self.stranger()],
            Actor::Automation => Vec::new(),
            Actor::Member(email) => self.beyond_rights(email),
        };
        if denials.is_empty() {
            denials = self.organization_stays();
        }
        if !denials.is_empty() || self.progress.is_over() {
            return Verdict::denied(denials);
        }
        if self.lets_go() {
            let warning = format!("{}: everything in it is kept in the store, and nobody manages it any more", self.request.key);
            return Verdict::warned(&warning);
        }
        self.progress.reach(Step::Effects);
        let at = self.wanted.moment(self.now);
        let with = self.planned(&self.input(true), at);
        let denials = self.refused(&with);
        if !denials.is_empty() || self.progress.is_over() {
            return Verdict::denied(denials);
        }
        let without = || self.wanted.planned(at, || self.planned(&self.wanted.input, at));
        let (lines, more) = effects(&self.request.key, &with, without);
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
        let mut input = self.wanted.input.clone();
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

    pub fn context(&self, asker: Option<&str>, now: Timestamp) -> Context {
        Context {
            now,
            observed_at: now,
            manager: self.settings.manager.clone(),
            actor: self.request.user.name.as_str().into(),
            asker: asker.map(Into::into),
            prune: true,
            allow_empty: true,
            approved: Vec::new(),
            tightened: Tightened::default(),
        }
    }

    /// What all rules say of an input at a moment, whoever asks.
    fn planned(&self, input: &Input, at: Timestamp) -> Planned {
        self.progress.plan();
        let resolved = resolve(input, std::slice::from_ref(self.snapshot), None);
        let tenancy = resolved.tenancies.iter().find(|tenancy| tenancy.organization == self.snapshot.organization);
        Planned {
            plan: tenancy.map(|tenancy| plan(tenancy, self.snapshot, &self.context(None, at))),
            findings: resolved.findings,
        }
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
        FOREIGN => {
            "write adoptionPolicy: Adopt in the Organization to take it over, or delete this object, which removes nothing from the store"
        }
        _ => otherwise,
    }
}
