use std::sync::LazyLock;

use jiff::Timestamp;

use super::actor::Actor;
use super::effects::{Planned, effects};
use super::lines::{bounded, line_of};
use super::place::Found;
use super::request::{Operation, Request};
use crate::api::organization::DeletionPolicy;
use crate::api::policy::DeletionMode;
use crate::api::{Kind, OrganizationSpec, Verb};
use crate::engine::as_input;
use crate::plan::rules::{Class, RULES, Rule, rule};
use crate::plan::{Context, Tightened, plan_by};
use crate::source::ObjectRead;
use crate::tenancy::view::View;
use crate::tenancy::{Input, Key, Manager, Policy, Snapshot, World, access, members_with_email, resolve};

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
        let name = &request.user.name;
        name.starts_with("system:serviceaccount:kube-system:") || self.exempt.contains(name)
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
    fn new(rule: &'static str, subject: &Key, because: &str, way_out: &str) -> Self {
        Self { rule, message: line_of(&format!("{subject}: {because} ({rule}); {way_out}"), LONGEST_DENIAL) }
    }
}

const LONGEST_DENIAL: usize = 1024;

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
const NOT_PERMITTED: &str = "not-permitted";

static ACTOR_RULES: LazyLock<Vec<Rule>> =
    LazyLock::new(|| RULES.iter().filter(|rule| rule.class == Class::Actor).copied().collect());

/// Judges a request by what is stored.
#[must_use]
pub fn judge(request: &Request, found: &Found, settings: &Settings, now: Timestamp) -> Verdict {
    let case = |snapshot| Case { request, snapshot, settings, now };
    match found {
        Found::Here(snapshot) => case(snapshot).verdict(),
        Found::Elsewhere(snapshot) if request.key.kind == Kind::Organization => case(snapshot).moved(),
        Found::Elsewhere(_) | Found::Nothing => Verdict::default(),
        Found::Unplaced(snapshots) => {
            let may = |snapshot| case(snapshot).decides(&case(snapshot).actor());
            if snapshots.iter().any(may) { Verdict::default() } else { Verdict::denied(vec![case(&snapshots[0]).unplaced()]) }
        }
    }
}

/// A request, and the organization it is about.
#[derive(Clone, Copy)]
struct Case<'a> {
    request: &'a Request,
    snapshot: &'a Snapshot,
    settings: &'a Settings,
    now: Timestamp,
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
        let (with, without) = (self.planned(&self.input(true), RULES, None), self.planned(&self.stored(), RULES, None));
        let more = self.refused(&with).into_iter().filter(|denial| denials.iter().all(|other| other.rule != denial.rule));
        denials.extend(more.collect::<Vec<_>>());
        denials.sort();
        denials.dedup();
        if !denials.is_empty() {
            return Verdict::denied(denials);
        }
        if self.lets_go() {
            let warning = format!("{}: everything in it is kept in the store, and nobody manages it any more", self.request.key);
            return Verdict::warned(&warning);
        }
        let (lines, more) = effects(&with, &without);
        Verdict { denials, warnings: bounded(lines, more) }
    }

    fn actor(&self) -> Actor {
        Actor::of(&self.request.user, self.snapshot, self.settings.oidc_prefix.as_deref())
    }

    fn organization(&self) -> Key {
        Key::new(Kind::Organization, self.snapshot.organization.clone())
    }

    /// True for the object itself, and for the entries of a member.
    fn is_own(&self, subject: &Key) -> bool {
        let key = &self.request.key;
        *subject == *key
            || key.kind == Kind::Member && subject.member_and_place().is_some_and(|(member, _)| key.name == *member)
    }

    /// The organization as it is stored.
    fn stored(&self) -> Input {
        as_input(self.snapshot, &self.settings.manager, &self.request.namespace)
    }

    /// The organization with the object as it is afterwards, or as it was before.
    fn input(&self, afterwards: bool) -> Input {
        let mut input = self.stored();
        let key = &self.request.key;
        input.manifests.retain(|manifest| manifest.spec.kind() != key.kind || manifest.name != key.name);
        input.held.retain(|held| held.kind != key.kind || held.name != key.name);
        match if afterwards { self.request.new() } else { self.request.old() } {
            Some(ObjectRead::Manifest(manifest)) => input.manifests.push(manifest),
            Some(ObjectRead::Held(held)) => input.held.push(held),
            None => {}
        }
        input
    }

    fn planned(&self, input: &Input, rules: &[Rule], asker: Option<&str>) -> Planned {
        let context = Context {
            now: self.now,
            observed_at: self.now,
            manager: self.settings.manager.clone(),
            actor: self.request.user.name.as_str().into(),
            asker: asker.map(Into::into),
            prune: true,
            allow_empty: true,
            approved: Vec::new(),
            tightened: Tightened::default(),
        };
        let resolved = resolve(input, std::slice::from_ref(self.snapshot), asker);
        let tenancy = resolved.tenancies.iter().find(|tenancy| tenancy.organization == self.snapshot.organization);
        Planned {
            plan: tenancy.map(|tenancy| plan_by(rules, tenancy, self.snapshot, &context)),
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

    /// What a member has no right to. Whoever changes something that was not applied yet needs the right to that, too: both what the
    /// object says and what it said before are compared with what is stored.
    fn beyond_rights(&self, email: &str) -> Vec<Denial> {
        const GUARDED: [&str; 2] = ["muster.dev/approved-plan", "muster.dev/break-glass"];
        let mut denials = Vec::new();
        let guarded = self.request.newly_annotated(&GUARDED);
        if !guarded.is_empty() && !self.decides(&Actor::Member(email.into())) {
            let because = format!("{email} does not hold {} in {}, which {} takes", Verb::OrganizationWrite, self.organization(), guarded.join(" and "));
            denials.push(Denial::new(NOT_PERMITTED, &self.request.key, &because, "ask somebody who holds it to set it"));
        }
        let before = self.planned(&self.stored(), &ACTOR_RULES, Some(email));
        let is_stored = self.snapshot.row(&self.request.key).is_some();
        let states: &[bool] = match self.request.operation {
            Operation::Create => &[true],
            Operation::Update => &[true, false],
            Operation::Delete if is_stored => &[true],
            Operation::Delete => &[false],
        };
        for afterwards in states {
            let planned = self.planned(&self.input(*afterwards), &ACTOR_RULES, Some(email));
            denials.extend(self.not_permitted(&planned, &before));
            denials.extend(self.not_judged(&planned, &before, email));
        }
        denials
    }

    fn not_permitted(&self, planned: &Planned, before: &Planned) -> Vec<Denial> {
        let known = |refusal| before.plan.as_ref().is_some_and(|plan| plan.refusals.contains(refusal));
        let refusals = planned.plan.iter().flat_map(|plan| &plan.refusals);
        let refusals = refusals.filter(|refusal| self.is_own(&refusal.subject) || !known(refusal));
        let by_whom = refusals.filter_map(|refusal| Some((rule(&refusal.rule)?, refusal)));
        let by_whom = by_whom.filter(|(rule, _)| rule.class == Class::Actor);
        by_whom.map(|(rule, it)| Denial::new(rule.id, &it.subject, &it.because, &it.way_out)).collect()
    }

    /// What waits for something else never came as far as the rules about who asks, and would be applied by the automation later. It
    /// is for those who decide about everything.
    fn not_judged(&self, planned: &Planned, before: &Planned, email: &str) -> Option<Denial> {
        let plan = planned.plan.as_ref()?;
        if self.decides(&Actor::Member(email.into())) {
            return None;
        }
        let known = |key: &Key| before.plan.as_ref().is_some_and(|plan| plan.held.contains_key(key));
        let mut held = plan.held.iter().filter(|(key, _)| self.is_own(key) && !known(key));
        let mut taken = plan.refusals.iter().filter(|it| self.is_own(&it.subject) && &*it.rule == "name-taken");
        let why = held.next().map(|(key, held)| (key, &held.because)).or_else(|| taken.next().map(|it| (&it.subject, &it.because)))?;
        let because = format!("whether {email} may do that cannot be told, because it is held back: {}", why.1);
        Some(Denial::new(NOT_PERMITTED, why.0, &because, "mend that first, or ask an admin of the organization to do it"))
    }

    fn stranger(&self) -> Denial {
        let organization = self.organization();
        let because = format!(
            "{} is neither listed in spec.administrators of {organization} nor the address of one of its members",
            self.request.user.name
        );
        Denial::new(NOT_PERMITTED, &self.request.key, &because, "ask one of its administrators")
    }

    fn unplaced(&self) -> Denial {
        let because = "what it refers to is not there yet, so nobody can tell whether you may do that";
        Denial::new(NOT_PERMITTED, &self.request.key, because, "apply it again when that is there")
    }

    /// An organization that comes to this namespace from another one: whoever brings it must decide about it.
    fn moved(&self) -> Verdict {
        let actor = self.actor();
        if self.decides(&actor) {
            return Verdict::warned(&format!("{} was last applied from another namespace", self.request.key));
        }
        let because = "it was last applied from another namespace, and you do not decide about it";
        Verdict::denied(vec![Denial::new(NOT_PERMITTED, &self.request.key, because, "ask one of its administrators")])
    }

    /// Whether somebody may change the organization itself, and so everything in it.
    fn decides(&self, actor: &Actor) -> bool {
        match actor {
            Actor::Automation => true,
            Actor::Stranger => false,
            Actor::Member(email) => {
                let world = World::new(&self.snapshot.rows, self.now);
                let organization = self.organization();
                let holds = |name: &crate::tenancy::Name| access(&world, name, &organization).contains_key(&Verb::OrganizationWrite);
                members_with_email(&world, email).any(holds)
            }
        }
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
