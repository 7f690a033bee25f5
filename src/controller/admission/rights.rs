use std::cell::OnceCell;
use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::actor::Actor;
use super::judge::{Case, Denial, NOT_PERMITTED, Verdict};
use super::request::Operation;
use crate::api::Verb;
use crate::plan::rules::{Class, RULES, Rule, rule};
use crate::plan::{Plan, Refusal, plan_by};
use crate::source::ObjectRead;
use crate::tenancy::reference::owners;
use crate::tenancy::{Desired, Input, Key, Manifest, Name, Tenancy, World, access, members_with_email, resolve};

/// The rules about who asks.
static ACTOR_RULES: LazyLock<Vec<Rule>> =
    LazyLock::new(|| RULES.iter().filter(|rule| rule.class == Class::Actor).copied().collect());

/// Annotations that let something through that a rule refuses.
const GUARDED: [&str; 2] = ["muster.dev/approved-plan", "muster.dev/break-glass"];

/// What the rules about who asks say of an input.
struct Asked {
    plan: Plan,
    /// Objects of the request that refer to what is not there.
    unfounded: Vec<Key>,
}

impl Case<'_> {
    /// What a member has no right to. Whoever changes something that was not applied yet needs the right to that, too: both what the
    /// object says and, where it is not what is stored, what it said before are compared with that.
    pub fn beyond_rights(&self, email: &str) -> Vec<Denial> {
        let guarded: Vec<Denial> = self.guarded(email).into_iter().collect();
        if !guarded.is_empty() {
            return guarded;
        }
        let is_stored = self.snapshot.row(&self.request.key).is_some();
        let states: &[bool] = match self.request.operation {
            Operation::Create => &[true],
            Operation::Update if self.waits() => &[true, false],
            Operation::Update => &[true],
            Operation::Delete if is_stored => &[true],
            Operation::Delete => &[false],
        };
        let before = OnceCell::new();
        for afterwards in states {
            let Some(asked) = self.asked(&self.input(*afterwards), email) else { continue };
            let mut denials = self.not_permitted(&asked.plan, || {
                before.get_or_init(|| self.asked(&self.wanted.input, email).map(|asked| asked.plan.refusals).unwrap_or_default())
            });
            denials.extend(self.not_judged(&asked, email));
            let mut seen = BTreeSet::new();
            denials.retain(|denial| seen.insert(denial.clone()));
            if !denials.is_empty() {
                return denials;
            }
        }
        Vec::new()
    }

    /// True for an object that says something which is not applied yet.
    fn waits(&self) -> bool {
        let said = |manifest: &Manifest| -> Vec<Desired> {
            Desired::from_manifest(manifest).into_iter().map(|it| Desired { origin: None, ..it }).collect()
        };
        let key = &self.request.key;
        let stored = self.wanted.input.manifests.iter().find(|it| it.spec.kind() == key.kind && it.name == key.name);
        match (self.request.before(), stored) {
            (Some(ObjectRead::Manifest(before)), Some(stored)) => said(&before) != said(stored),
            _ => true,
        }
    }

    /// Setting or changing an annotation that releases something.
    fn guarded(&self, email: &str) -> Option<Denial> {
        let guarded = self.request.newly_annotated(&GUARDED);
        if guarded.is_empty() || self.decides(&Actor::Member(email.into())) {
            return None;
        }
        let (verb, organization) = (Verb::OrganizationWrite, self.organization());
        let because = format!("{email} does not hold {verb} in {organization}, which {} takes", guarded.join(" and "));
        Some(Denial::new(NOT_PERMITTED, &self.request.key, &because, "ask somebody who holds it to set it"))
    }

    /// Asks the rules about who asks. What is held back because of something else is judged by them all the same: it would be applied by
    /// the automation later.
    fn asked(&self, input: &Input, email: &str) -> Option<Asked> {
        if self.progress.is_over() {
            return None;
        }
        self.progress.plan();
        let resolved = resolve(input, std::slice::from_ref(self.snapshot), Some(email));
        let mut tenancies = resolved.tenancies.into_iter();
        let mut tenancy = tenancies.find(|tenancy| tenancy.organization == self.snapshot.organization)?;
        // An emergency is declared for what is applied, and gives nobody rights.
        tenancy.break_glass = None;
        let unfounded = self.let_in(&mut tenancy, input);
        Some(Asked { plan: plan_by(&ACTOR_RULES, &tenancy, self.snapshot, &self.context(Some(email), self.now)), unfounded })
    }

    /// Takes what is held back of the request in, but for what refers to something that is not there, which is returned.
    fn let_in(&self, tenancy: &mut Tenancy, input: &Input) -> Vec<Key> {
        let key = &self.request.key;
        let manifest = input.manifests.iter().find(|it| it.spec.kind() == key.kind && it.name == key.name);
        let own = manifest.map(Desired::from_manifest).unwrap_or_default();
        let held = own.into_iter().filter(|it| tenancy.holds(&it.key));
        let is_there = |owner: &Key| self.is_own(owner) || self.snapshot.row(owner).is_some();
        let is_founded = |it: &Desired| owners(&it.key, &it.spec).iter().all(is_there);
        let (founded, unfounded): (Vec<Desired>, Vec<Desired>) = held.partition(is_founded);
        for it in &founded {
            tenancy.held.remove(&it.key);
        }
        tenancy.objects.extend(founded);
        tenancy.objects.sort_by(|a, b| a.key.cmp(&b.key));
        unfounded.into_iter().map(|it| it.key).collect()
    }

    /// What is refused of the object itself, and of others what is not refused without the request.
    fn not_permitted<'r>(&self, plan: &Plan, before: impl Fn() -> &'r Vec<Refusal>) -> Vec<Denial> {
        let by_whom = plan.refusals.iter().filter_map(|it| Some((rule(&it.rule)?, it)));
        let by_whom = by_whom.filter(|(rule, _)| rule.class == Class::Actor);
        let refused = by_whom.filter(|(_, it)| self.is_own(&it.subject) || !before().contains(it));
        refused.map(|(rule, it)| Denial::new(rule.id, &it.subject, &it.because, &it.way_out)).collect()
    }

    /// What never came as far as the rules about who asks, because a name or what it is part of is not there yet. It is for those who
    /// decide about everything.
    fn not_judged(&self, asked: &Asked, email: &str) -> Option<Denial> {
        if self.decides(&Actor::Member(email.into())) {
            return None;
        }
        let Asked { plan, unfounded } = asked;
        let waiting = plan.held.keys().filter(|key| self.is_own(key));
        let taken = plan.refusals.iter().filter(|it| &*it.rule == "name-taken").map(|it| &it.subject);
        let key = unfounded.iter().chain(waiting).chain(taken.filter(|key| self.is_own(key))).next()?;
        let because = format!("what it needs is not there yet, so nobody can tell whether {email} may do that");
        Some(Denial::new(NOT_PERMITTED, key, &because, "apply it again when that is there, or ask an admin of the organization"))
    }

    /// An object of a namespace whose organization nobody can tell.
    pub fn unplaced(&self) -> Verdict {
        let because = "what it refers to is not there yet, so nobody can tell whether you may do that";
        let denial = Denial::new(NOT_PERMITTED, &self.request.key, because, "apply it again when that is there");
        Verdict { denials: vec![denial], warnings: Vec::new() }
    }

    /// An organization that comes to this namespace from another one: whoever brings it must decide about it.
    pub fn moved(&self) -> Verdict {
        if self.decides(&self.actor()) {
            return Verdict::warned(&format!("{} was last applied from another namespace", self.request.key));
        }
        let because = "it was last applied from another namespace, and you do not decide about it";
        let denial = Denial::new(NOT_PERMITTED, &self.request.key, because, "ask one of its administrators");
        Verdict { denials: vec![denial], warnings: Vec::new() }
    }

    /// Whether somebody may change the organization itself, and so everything in it.
    pub fn decides(&self, actor: &Actor) -> bool {
        match actor {
            Actor::Automation => true,
            Actor::Stranger => false,
            Actor::Member(email) => {
                let world = World::new(&self.snapshot.rows, self.now);
                let organization = self.organization();
                let holds = |name: &Name| access(&world, name, &organization).contains_key(&Verb::OrganizationWrite);
                members_with_email(&world, email).any(holds)
            }
        }
    }
}
