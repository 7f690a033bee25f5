//! The rules: what must never happen, and what is not ready yet. One table, one function for each rule.
//!
//! A rule is asked about the state that would result from a plan and names the changes to blame. It never looks at how the
//! plan came about, and it does not know of the other rules.

mod actor;
mod admins;
mod catalog;
mod exclusive;
mod fixed;
mod loss;
mod ownership;
mod people;
mod protection;
mod references;
mod subscriptions;
mod templates;

use super::{Case, Violation};

/// One rule.
#[derive(Clone, Copy)]
pub struct Rule {
    /// Its stable id.
    pub id: &'static str,
    /// What it says, as a sentence.
    pub title: &'static str,
    /// Where it comes from: the system and the document, or why Muster has it.
    pub source: &'static str,
    /// What to do instead, in general; a refusal says it for the object that it is about.
    pub way_out: &'static str,
    /// What lets a change pass that the rule objects to.
    pub overridden_by: &'static str,
    /// What it depends on.
    pub class: Class,
    /// True when approving the removals lets them pass.
    pub approvable: bool,
    /// True when an emergency (`muster.dev/break-glass`) lets pass what it objects to.
    pub breakable: bool,
    /// When it is asked.
    pub stage: Stage,
    /// The check.
    pub check: fn(&Case<'_>) -> Vec<Violation>,
}

/// What a rule depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Only the state that would result.
    State,
    /// The state before and the state that would result.
    Change,
    /// Who asks, or from where, and what the state before lets them do. It holds only where that is known.
    Actor,
    /// The service that mirrors the organization, what the store has for it, and the journal.
    Service,
}

impl Class {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Change => "change",
            Self::Actor => "actor",
            Self::Service => "service",
        }
    }

    /// What a rule of this class looks at.
    #[must_use]
    pub const fn looks_at(self) -> &'static str {
        match self {
            Self::State => "the state that would result",
            Self::Change => "the state before and the state that would result",
            Self::Actor => "who asks, and from where, and what the state before lets them do",
            Self::Service => "what the service has, what the store will have, and what the journal remembers",
        }
    }
}

/// When a rule is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// First, because it says whether what is absent from the input is meant to go, and may go, at all.
    Absence,
    /// With all others that judge changes by themselves.
    EachChange,
    /// Last, because it counts what is left.
    Loss,
    /// When all others are content, about the plan as a whole: what fails here refuses everything.
    Whole,
}

impl Stage {
    /// The stages that judge changes, in order.
    pub const OF_CHANGES: [Self; 3] = [Self::Absence, Self::EachChange, Self::Loss];
}

/// What overrides a rule that is `approvable`.
const APPROVAL: &str = "approving the removals: `--approve sha256:...`, with the digest that the plan prints; or an emergency, by `muster.dev/break-glass`";

/// What overrides a rule that is only `breakable`.
const EMERGENCY: &str = "an emergency: the annotation `muster.dev/break-glass: TICKET until TIME` on the Organization";

/// The rule that keeps two places from applying to one organization. It says nothing about a plan: applying asks it.
pub const CLAIMED_ELSEWHERE: &str = "claimed-elsewhere";

/// The rule that keeps Muster from taking over what it did not make at a service. It is asked when a service is compared.
pub const TAKEN_AT_SERVICE: &str = "taken-at-service";

/// The rule that keeps Muster from changing what took the place of something at a service. It is asked when a service is compared,
/// and again before each call.
pub const OTHER_ID_AT_SERVICE: &str = "other-id-at-service";

const RULE: Rule = Rule {
    id: "",
    title: "",
    source: "",
    way_out: "",
    overridden_by: "nothing",
    class: Class::Change,
    approvable: false,
    breakable: false,
    stage: Stage::EachChange,
    check: |_| Vec::new(),
};

/// All rules. Their order does not matter.
pub const RULES: &[Rule] = &[
    Rule {
        id: "workspace-undeletable",
        title: "Where the policy says `workspaceDeletion.mode: Forbid`, no workspace is deleted or purged.",
        source: "100ms, Workspaces: they cannot be deleted. FastPix, Set up workspace: once created, one cannot be deleted. AAQ has no way to delete one.",
        way_out: "Put the workspace back; or loosen `workspaceDeletion.mode` in one apply and remove it in the next.",
        stage: Stage::Absence,
        check: protection::workspace_undeletable,
        ..RULE
    },
    Rule {
        id: "deletion-protected",
        title: "A workspace with `deletionProtection: true` in the store is not deleted. It is unlocked in one apply and deleted in the next.",
        source: "Muster: protection that disappears together with the YAML protects nothing.",
        way_out: "Put it back with `deletionProtection: false`, apply that, and remove it then.",
        stage: Stage::Absence,
        check: protection::deletion_protected,
        ..RULE
    },
    Rule {
        id: "organization-removal",
        title: "An organization is removed only when `deletionPolicy: SoftDelete` was applied before, or the removal is approved.",
        source: "Muster: a missing organization is never a removal, because a missing folder or a failed read look the same.",
        way_out: "Put the organization back; or approve the removal; or apply `deletionPolicy: SoftDelete` first.",
        approvable: true,
        breakable: true,
        overridden_by: APPROVAL,
        stage: Stage::Loss,
        check: protection::organization_removal,
        ..RULE
    },
    Rule {
        id: "last-admin",
        title: "A place that has admins keeps as many lasting ones as `lastAdmin.minAdmins` says, at every step of a plan.",
        source: "AAQ, Introducing Workspaces: at least one admin at all times. FastPix, Set up workspace: an admin leaves by making another one admin.",
        way_out: "Make another active member admin of the place; both may be in the same commit.",
        check: admins::last_admin,
        ..RULE
    },
    Rule {
        id: "last-owner",
        title: "Where the policy says `lastAdmin.lastOwner: true`, an organization that has an active owner keeps one.",
        source: "100ms, Workspaces: only the Organization Owner manages the organization's settings.",
        way_out: "Make another active member an owner; both may be in the same commit.",
        check: admins::last_owner,
        ..RULE
    },
    Rule {
        id: "workspace-creation",
        title: "A workspace is created by those whom `workspaceCreation` names: who holds workspace:create, or every active member.",
        source: "KeyRunner, Workspaces: private ones by anyone in the tenant, others by its admins or those of the project. AAQ, Introducing Workspaces: every user. FastPix, Set up workspace: admins.",
        way_out: "Ask somebody who may create it to apply this.",
        class: Class::Actor,
        stage: Stage::Absence,
        check: actor::workspace_creation,
        ..RULE
    },
    Rule {
        id: "not-permitted",
        title: "Who asks with `--as` holds the permission for each change in the place it is about, before the plan.",
        source: "The tables of permissions of 100ms, KeyRunner, AAQ and FastPix. FastPix: the list of access is the same for the API and the dashboard.",
        way_out: "Ask somebody who holds the permission to apply this.",
        class: Class::Actor,
        stage: Stage::Absence,
        check: actor::not_permitted,
        breakable: true,
        overridden_by: EMERGENCY,
        ..RULE
    },
    Rule {
        id: "admin-missing",
        title: "A new organization, project or workspace waits until somebody is admin of it.",
        source: "AAQ, Introducing Workspaces: at least one admin at all times. YAML arrives one object at a time, so it waits rather than fails.",
        way_out: "Add an admin; what is held back goes on with the next plan.",
        class: Class::State,
        check: admins::admin_missing,
        ..RULE
    },
    Rule {
        id: "residency-immutable",
        title: "The data residency of a workspace is chosen once and never changes.",
        source: "100ms, Workspaces: data residency is chosen when the workspace is created.",
        way_out: "Put the old value back; data moves to another region only through another workspace.",
        check: fixed::residency,
        ..RULE
    },
    Rule {
        id: "hipaa-immutable",
        title: "Whether a workspace obeys HIPAA is chosen once and never changes.",
        source: "100ms, Workspaces: HIPAA is chosen when the workspace is created and cannot be undone.",
        way_out: "Put the old value back, or create another workspace.",
        check: fixed::hipaa,
        ..RULE
    },
    Rule {
        id: "scope-immutable",
        title: "The scope of a workspace is chosen once and never changes.",
        source: "KeyRunner, Workspaces: private, project and local workspaces differ in who may create them and who reaches them.",
        way_out: "Put the old value back, or create another workspace.",
        check: fixed::scope,
        ..RULE
    },
    Rule {
        id: "owner-gone",
        title: "A private or local workspace that was deleted comes back only for the person who owned it, not for another one of that name.",
        source: "KeyRunner, Workspaces: private workspaces are for those who were added, and local ones are a user's own.",
        way_out: "Give the new person another name, or name the new workspace otherwise.",
        check: fixed::owner_gone,
        ..RULE
    },
    Rule {
        id: "parent-immutable",
        title: "A template or credential stays in its workspace, and a roles.muster.dev in its template.",
        source: "100ms, Templates and Roles: a role belongs to one template, and a template to one workspace. The references only follow renames.",
        way_out: "Name the old one again; or create another under a new name and remove this one.",
        check: fixed::parent,
        ..RULE
    },
    Rule {
        id: "one-default-template",
        title: "A workspace has at most one default template.",
        source: "100ms, Templates and Roles: rooms without a template get the default one.",
        way_out: "Write `default: false` in the other template; both may be in the same commit.",
        class: Class::State,
        check: templates::one_default,
        ..RULE
    },
    Rule {
        id: "default-template-kept",
        title: "A workspace that has a default template keeps one while it has templates.",
        source: "100ms, Templates and Roles: rooms without a template get the default one.",
        way_out: "Make another template of the workspace the default one; both may be in the same commit.",
        check: templates::default_kept,
        ..RULE
    },
    Rule {
        id: "still-wanted",
        title: "Nothing is removed while a part of it stays.",
        source: "Muster: a subtree goes whole or not at all.",
        stage: Stage::Absence,
        way_out: "Remove the parts from the input too, or put back what they are part of.",
        check: references::still_wanted,
        ..RULE
    },
    Rule {
        id: "in-use",
        title: "Nothing is removed while something that stays refers to it, no roles.muster.dev loses a name that another one subscribes to, and no membership type a name or a level that somebody has.",
        source: "Muster: references resolve at all times.",
        stage: Stage::Absence,
        way_out: "Change what refers to it first; both may be in the same commit.",
        check: references::in_use,
        ..RULE
    },
    Rule {
        id: "reference-missing",
        title: "Nothing is stored that refers to what is not there.",
        source: "Muster: references resolve at all times.",
        way_out: "Put what is missing into the input, or see why it is refused or held back.",
        class: Class::State,
        check: references::reference_missing,
        ..RULE
    },
    Rule {
        id: "name-taken",
        title: "An object takes a name only when nothing else has it: swaps and chains of renames happen whole or not at all.",
        source: "Muster: a name means one object.",
        way_out: "See what is refused of the object that has the name.",
        class: Class::State,
        check: references::name_taken,
        ..RULE
    },
    Rule {
        id: "max-removals",
        title: "One plan removes at most the share of a kind that `maxRemovals` says, unless the removals are approved.",
        source: "Muster: a missing folder, a skipped file or an emptied list must not take a tenant down.",
        way_out: "Put them back, remove them in smaller steps, or approve the removals.",
        approvable: true,
        breakable: true,
        overridden_by: APPROVAL,
        stage: Stage::Loss,
        check: loss::max_removals,
        ..RULE
    },
    Rule {
        id: "incomplete-input",
        title: "Nothing is removed while a part of the input cannot be read.",
        source: "Muster: what cannot be read is not absent.",
        stage: Stage::Absence,
        way_out: "Mend what cannot be read; `muster validate` names it.",
        check: loss::incomplete_input,
        ..RULE
    },
    Rule {
        id: "incomplete-observation",
        title: "Nothing is removed while the store or the service behind it cannot be read whole.",
        source: "Muster: an empty answer is not an empty tenant.",
        stage: Stage::Absence,
        way_out: "Plan again when it can be read.",
        check: loss::incomplete_observation,
        ..RULE
    },
    Rule {
        id: "organization-missing",
        title: "While an organization is not in the input, nothing in it is removed but by the removal of the whole.",
        source: "Muster: a missing organization is never a removal, because a missing folder or a failed read look the same.",
        way_out: "Put the organization into the input.",
        stage: Stage::Absence,
        check: loss::organization_missing,
        ..RULE
    },
    Rule {
        id: "empty-input",
        title: "An input without any object, of any organization, removes nothing, unless `--allow-empty` says that it is meant.",
        source: "Muster: an empty checkout looks like an empty tenant.",
        stage: Stage::Absence,
        way_out: "Check the path; or say `--allow-empty`.",
        overridden_by: "`--allow-empty`",
        check: loss::empty_input,
        ..RULE
    },
    Rule {
        id: "foreign-manager",
        title: "An object of another manager, or of none, is taken over only as `adoptionPolicy` says; one of none also where the input says the same of it.",
        source: "100ms, Templates and Roles: creating a template under a name that exists overwrites it.",
        way_out: "Write `adoptionPolicy: Adopt` to take it over; or have its manager release it first.",
        check: ownership::foreign_manager,
        ..RULE
    },
    Rule {
        id: "address-taken",
        title: "No two members of an organization have the same e-mail address or the same username.",
        source: "AAQ, Introducing Workspaces: each user has a unique username. The address identifies the person.",
        way_out: "Write `previousNames` if it is the same person; or remove the other one first.",
        class: Class::State,
        check: exclusive::address_taken,
        ..RULE
    },
    Rule {
        id: "spec-name-taken",
        title: "No two templates of a workspace, no two roles.muster.dev of a template and no two membership types are called the same by `spec.name`.",
        source: "100ms, Templates and Roles: a service knows a role by its name in a template, and a template by its name.",
        way_out: "Write `previousNames` if it is the same one; give it another `spec.name`; or remove the other one first.",
        class: Class::State,
        check: exclusive::spec_name_taken,
        ..RULE
    },
    Rule {
        id: "display-name-taken",
        title: "Where the policy says `workspaces.names: Unique`, no two workspaces are called the same by `displayName`.",
        source: "AAQ knows a workspace by its name.",
        way_out: "Write `previousNames` if it is the same one; give it another `displayName`; or remove the other one first.",
        class: Class::State,
        check: exclusive::display_name_taken,
        ..RULE
    },
    Rule {
        id: "role-before-invitation",
        title: "Where the policy says `invitations.roleAssignment: BeforeInvite`, nobody is invited, invited again or left without a role.",
        source: "FastPix, Set up workspace: each team member gets a role before the invitation.",
        way_out: "Give the member a role, in the organization or in an entry of `projects` or `workspaces`.",
        check: people::role_before_invitation,
        ..RULE
    },
    Rule {
        id: "pending-role",
        title: "Where the policy says `invitations.pendingRoleChange: Forbid`, the role of a pending member does not change.",
        source: "FastPix, Set up workspace: while an invitation is open, its role cannot be changed; the invited member can be removed.",
        way_out: "Wait for the answer, or remove the member and invite again.",
        check: people::pending_role,
        ..RULE
    },
    Rule {
        id: "access-test",
        title: "Every access test holds in the state that would result; where one fails, nothing of the organization changes.",
        source: "Muster: what must never be possible for a person is written down once, and every plan is asked.",
        way_out: "Change the roles so that the test holds, or the test.",
        class: Class::State,
        stage: Stage::Whole,
        breakable: true,
        overridden_by: EMERGENCY,
        ..RULE
    },
    Rule {
        id: "policy-refused",
        title: "While a change to other built-in roles (`preset`, `roles.catalog`) is refused, nobody's roles change with it.",
        source: "Muster: the input means roles that would not be there.",
        way_out: "See why the change of the organization is refused.",
        class: Class::State,
        check: catalog::policy_refused,
        ..RULE
    },
    Rule {
        id: "suspended",
        title: "While an organization is suspended, only the organization itself changes.",
        source: "Muster: `spec.suspend` stops everything else, and the plan says so.",
        way_out: "Write `suspend: false`; what is held back goes on with the next plan.",
        class: Class::State,
        check: ownership::suspended,
        ..RULE
    },
    Rule {
        id: CLAIMED_ELSEWHERE,
        title: "An organization that was applied from one place within the last hour is not applied from another.",
        source: "Muster: two repositories, or a repository and a cluster, would undo each other's changes.",
        way_out: "Apply from where it was applied last; or wait an hour.",
        overridden_by: "`muster apply --take-over`, where the other place is gone",
        class: Class::Actor,
        ..RULE
    },
    Rule {
        id: TAKEN_AT_SERVICE,
        title: "What a service has already and Muster did not make is taken over as `adoptionPolicy` says, never by accident.",
        source: "100ms, Templates and Roles: creating a template of a name that exists overwrites it. AAQ: creating a workspace that exists answers with success and nothing.",
        way_out: "Choose another name; or set `spec.adoptionPolicy: Adopt` on the Organization.",
        overridden_by: "`spec.adoptionPolicy: Adopt`",
        class: Class::Service,
        ..RULE
    },
    Rule {
        id: OTHER_ID_AT_SERVICE,
        title: "What has another id at a service than the journal remembers is another thing, whatever its name is.",
        source: "100ms and AAQ find things by their names: a name that was given away means something else now.",
        way_out: "Look at it at the service; then approve taking it over, or give it another name there.",
        overridden_by: "approving it: `--approve sha256:...`, with the digest that the plan prints",
        class: Class::Service,
        ..RULE
    },
];

/// The rule of an id.
#[must_use]
pub fn rule(id: &str) -> Option<&'static Rule> {
    RULES.iter().find(|rule| rule.id == id)
}
