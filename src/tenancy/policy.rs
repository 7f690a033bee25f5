use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::preset::preset;
use crate::api::organization::Preset;
use crate::api::policy::{
    AdminLoss, Cardinality, Catalog, Creators, DefaultWorkspace, DeletionMode, DriftPolicy, FirstWorkspace, InvitationMode,
    MemberVisibility, PendingRoleChange, PersonalWorkspaces, Presence, PrivateWorkspaces, RemovalMode, RoleAssignment,
    TemplatesApi, Uniqueness, Validation, WithoutWorkspace,
};
use crate::api::workspace::DataResidency;
use crate::api::{OrganizationSpec, PolicySpec};

/// A complete policy: every question has an answer. A preset gives all of them, `spec.policy` overrides single ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// What to do about values that another hand changed.
    pub drift: DriftPolicy,
    /// The share of a kind, in percent, that one plan may remove without approval.
    pub max_removal_percent: i64,
    /// How many objects of a kind there must be for the share to count.
    pub max_removal_from: i64,
    /// How long an object must be absent from a cluster before it is removed, in seconds.
    pub removal_delay: i64,
    /// The ways of losing an admin that are guarded.
    pub admins_protected_from: BTreeSet<AdminLoss>,
    /// How many admins a place keeps.
    pub min_admins: i64,
    /// Whether an organization that has an owner keeps one.
    pub last_owner: bool,
    /// Whether workspaces can be deleted, and how.
    pub workspace_deletion: DeletionMode,
    /// How many days something that was soft-deleted is kept; `None` for ever.
    pub retention_days: Option<i64>,
    /// Whether removed members leave a tombstone.
    pub member_removal: RemovalMode,
    /// How people join.
    pub invitations: InvitationsPolicy,
    /// Whether admins of an organization or project are admins of every workspace below.
    pub implicit_admins: bool,
    /// What those admins may do in private workspaces.
    pub private_workspaces: PrivateWorkspaces,
    /// Whose built-in membership types there are.
    pub catalog: Catalog,
    /// Whether the built-in role Member may change the settings of a workspace.
    pub members_edit_workspaces: bool,
    /// Whether a member may have several roles in one place.
    pub role_cardinality: Cardinality,
    /// The role of an entry that names none.
    pub default_role: Option<Box<str>>,
    /// Which generation of the template service the ranges of templates follow.
    pub templates_api: TemplatesApi,
    /// What happens to values that the service's documents forbid and the service takes.
    pub templates_validation: Validation,
    /// Who may create workspaces.
    pub creation: CreationPolicy,
    /// Whether a workspace must say its type.
    pub workspace_type: Presence,
    /// Whether several workspaces may have the same display name.
    pub workspace_names: Uniqueness,
    /// The workspaces that members have for themselves.
    pub personal_workspaces: PersonalWorkspaces,
    /// Who sees who is a member.
    pub member_visibility: MemberVisibility,
    /// Which workspace opens first for a member who names none.
    pub first_workspace: FirstWorkspace,
    /// What becomes of a member who is in no workspace any more.
    pub without_workspace: WithoutWorkspace,
    /// Where the data of a workspace is that does not say.
    pub default_residency: Option<DataResidency>,
    /// Workspaces that exist in every organization with this policy.
    pub default_workspaces: Vec<DefaultWorkspace>,
}

/// How people join.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvitationsPolicy {
    /// Whether a member is active at once or has to accept.
    pub mode: InvitationMode,
    /// After how many days an invitation ends; `None` for never.
    pub expiry_days: Option<i64>,
    /// What happens when the role of a pending member changes.
    pub pending_role_change: PendingRoleChange,
    /// Whether an invitation must carry a role.
    pub role_assignment: RoleAssignment,
}

/// Who may create workspaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreationPolicy {
    /// Those that are not private.
    pub by: Creators,
    /// Private ones.
    pub private_by: Creators,
    /// Whether only those may who have a default workspace already.
    pub require_default_workspace: bool,
}

impl Policy {
    /// The preset `standard`.
    #[must_use]
    pub fn standard() -> Self {
        preset(Preset::Standard)
    }

    /// The policy of an organization: its preset with its own overrides.
    #[must_use]
    pub fn of(organization: &OrganizationSpec) -> Self {
        let mut policy = preset(organization.preset.unwrap_or(Preset::Standard));
        if let Some(overrides) = &organization.policy {
            policy.override_with(overrides);
        }
        policy
    }

    fn override_with(&mut self, spec: &PolicySpec) {
        let PolicySpec {
            drift,
            max_removals,
            removal_delay,
            last_admin,
            workspace_deletion,
            member_removal,
            invitations,
            access,
            roles,
            templates,
            workspace_creation,
            workspaces,
            visibility,
            members,
            default_data_residency,
            default_workspaces,
        } = spec;
        set(&mut self.drift, *drift);
        if let Some(max) = max_removals {
            set(&mut self.max_removal_percent, max.percent.map(|percent| percent.get()));
            set(&mut self.max_removal_from, max.from.map(|from| from.get()));
        }
        set(&mut self.removal_delay, removal_delay.map(|delay| delay.seconds()));
        if let Some(last_admin) = last_admin {
            set(&mut self.admins_protected_from, last_admin.protect.as_ref().map(|losses| losses.iter().copied().collect()));
            set(&mut self.min_admins, last_admin.min_admins.map(|min| min.get()));
            set(&mut self.last_owner, last_admin.last_owner);
        }
        if let Some(deletion) = workspace_deletion {
            set(&mut self.workspace_deletion, deletion.mode);
            set(&mut self.retention_days, deletion.retention_days.map(|days| days.get()));
        }
        set(&mut self.member_removal, *member_removal);
        if let Some(spec) = invitations {
            set(&mut self.invitations.mode, spec.mode);
            set(&mut self.invitations.expiry_days, spec.expiry_days.map(|days| days.get()));
            set(&mut self.invitations.pending_role_change, spec.pending_role_change);
            set(&mut self.invitations.role_assignment, spec.role_assignment);
        }
        if let Some(access) = access {
            set(&mut self.implicit_admins, access.implicit_admins);
            set(&mut self.private_workspaces, access.private_workspaces);
        }
        if let Some(roles) = roles {
            set(&mut self.role_cardinality, roles.cardinality);
            set(&mut self.default_role, roles.default.as_ref().map(|role| default_role(role.as_str())));
            set(&mut self.catalog, roles.catalog);
            set(&mut self.members_edit_workspaces, roles.members_edit_workspaces);
        }
        if let Some(templates) = templates {
            set(&mut self.templates_api, templates.api);
            set(&mut self.templates_validation, templates.validation);
        }
        if let Some(creation) = workspace_creation {
            set(&mut self.creation.by, creation.by);
            set(&mut self.creation.private_by, creation.private_by);
            set(&mut self.creation.require_default_workspace, creation.require_default_workspace);
        }
        if let Some(workspaces) = workspaces {
            set(&mut self.workspace_type, workspaces.type_);
            set(&mut self.workspace_names, workspaces.names);
            set(&mut self.personal_workspaces, workspaces.personal);
        }
        set(&mut self.member_visibility, visibility.as_ref().and_then(|visibility| visibility.members));
        if let Some(members) = members {
            set(&mut self.first_workspace, members.default_workspace);
            set(&mut self.without_workspace, members.without_workspace);
        }
        set(&mut self.default_residency, default_data_residency.map(Some));
        set(&mut self.default_workspaces, default_workspaces.as_ref().map(|workspaces| workspaces.to_vec()));
    }

    /// The whole policy as `spec.policy` would say it. What means nothing where it is left out is left out.
    #[must_use]
    pub fn effective(&self) -> Value {
        let Self {
            drift,
            max_removal_percent,
            max_removal_from,
            removal_delay,
            admins_protected_from,
            min_admins,
            last_owner,
            workspace_deletion,
            retention_days,
            member_removal,
            invitations,
            implicit_admins,
            private_workspaces,
            catalog,
            members_edit_workspaces,
            role_cardinality,
            default_role,
            templates_api,
            templates_validation,
            creation,
            workspace_type,
            workspace_names,
            personal_workspaces,
            member_visibility,
            first_workspace,
            without_workspace,
            default_residency,
            default_workspaces,
        } = self;
        let InvitationsPolicy { mode, expiry_days, pending_role_change, role_assignment } = invitations;
        let CreationPolicy { by, private_by, require_default_workspace } = creation;
        let or = |days: &Option<i64>, word: &str| days.map_or_else(|| json!(word), |days| json!(days));
        let mut policy = json!({
            "drift": drift,
            "maxRemovals": { "percent": max_removal_percent, "from": max_removal_from },
            "removalDelay": format!("{removal_delay}s"),
            "lastAdmin": { "protect": admins_protected_from, "minAdmins": min_admins, "lastOwner": last_owner },
            "workspaceDeletion": { "mode": workspace_deletion, "retentionDays": or(retention_days, "Forever") },
            "memberRemoval": member_removal,
            "invitations": {
                "mode": mode,
                "expiryDays": or(expiry_days, "Never"),
                "pendingRoleChange": pending_role_change,
                "roleAssignment": role_assignment,
            },
            "access": { "implicitAdmins": implicit_admins, "privateWorkspaces": private_workspaces },
            "roles": {
                "cardinality": role_cardinality,
                "default": default_role.as_deref().unwrap_or(NO_ROLE),
                "catalog": catalog,
                "membersEditWorkspaces": members_edit_workspaces,
            },
            "templates": { "api": templates_api, "validation": templates_validation },
            "workspaceCreation": { "by": by, "privateBy": private_by, "requireDefaultWorkspace": require_default_workspace },
            "workspaces": { "type": workspace_type, "names": workspace_names, "personal": personal_workspaces },
            "visibility": { "members": member_visibility },
            "members": { "defaultWorkspace": first_workspace, "withoutWorkspace": without_workspace },
            "defaultWorkspaces": default_workspaces,
        });
        if let Some(residency) = default_residency {
            policy["defaultDataResidency"] = json!(residency);
        }
        policy
    }

    /// This policy with each guard as strict as the stricter of the two: what a change must be allowed by while the policy
    /// itself changes.
    #[must_use]
    pub fn guarded_by(&self, other: &Self) -> Self {
        let longer = |a: Option<i64>, b: Option<i64>| a.zip(b).map(|(a, b)| a.max(b));
        Self {
            max_removal_percent: self.max_removal_percent.min(other.max_removal_percent),
            max_removal_from: self.max_removal_from.min(other.max_removal_from),
            admins_protected_from: &self.admins_protected_from | &other.admins_protected_from,
            min_admins: self.min_admins.max(other.min_admins),
            last_owner: self.last_owner || other.last_owner,
            workspace_deletion: self.workspace_deletion.min(other.workspace_deletion),
            retention_days: longer(self.retention_days, other.retention_days),
            member_removal: self.member_removal.min(other.member_removal),
            ..self.clone()
        }
    }

    /// The guards that `next` would loosen, each as the field that does it with its value before and after.
    #[must_use]
    pub fn loosened_by(&self, next: &Self) -> Vec<Loosened> {
        let mut loosened = Vec::new();
        let mut compare = |field: &str, looser: bool, from: String, to: String| {
            if looser {
                loosened.push(Loosened { field: field.into(), from, to });
            }
        };
        let percent = |policy: &Self| policy.max_removal_percent.to_string();
        compare("maxRemovals.percent", next.max_removal_percent > self.max_removal_percent, percent(self), percent(next));
        let from = |policy: &Self| policy.max_removal_from.to_string();
        compare("maxRemovals.from", next.max_removal_from > self.max_removal_from, from(self), from(next));
        let protect = |policy: &Self| words(policy.admins_protected_from.iter().map(|loss| loss.as_str()));
        let unprotected = !next.admins_protected_from.is_superset(&self.admins_protected_from);
        compare("lastAdmin.protect", unprotected, protect(self), protect(next));
        compare(
            "lastAdmin.minAdmins",
            next.min_admins < self.min_admins,
            self.min_admins.to_string(),
            next.min_admins.to_string(),
        );
        let owner = |policy: &Self| policy.last_owner.to_string();
        compare("lastAdmin.lastOwner", self.last_owner && !next.last_owner, owner(self), owner(next));
        let mode = |policy: &Self| policy.workspace_deletion.to_string();
        compare("workspaceDeletion.mode", next.workspace_deletion > self.workspace_deletion, mode(self), mode(next));
        let shorter = next.retention_days.unwrap_or(i64::MAX) < self.retention_days.unwrap_or(i64::MAX);
        compare(
            "workspaceDeletion.retentionDays",
            shorter,
            days(self.retention_days, "Forever"),
            days(next.retention_days, "Forever"),
        );
        let removal = |policy: &Self| policy.member_removal.to_string();
        compare("memberRemoval", next.member_removal > self.member_removal, removal(self), removal(next));
        loosened
    }
}

/// A guard of a policy that becomes weaker.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Loosened {
    /// The field below `spec.policy`.
    pub field: Box<str>,
    /// Its value in force.
    pub from: String,
    /// Its value with the next plan.
    pub to: String,
}

fn set<T>(value: &mut T, spec: Option<T>) {
    if let Some(spec) = spec {
        *value = spec;
    }
}

/// The word for no role, over a preset that has a default one.
const NO_ROLE: &str = "None";

fn default_role(role: &str) -> Option<Box<str>> {
    (role != NO_ROLE).then(|| role.into())
}

fn words<'a>(words: impl Iterator<Item = &'a str>) -> String {
    format!("[{}]", words.collect::<Vec<_>>().join(", "))
}

fn days(days: Option<i64>, word: &str) -> String {
    days.map_or_else(|| word.to_owned(), |days| days.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(yaml: &str) -> Policy {
        Policy::of(&serde_yaml::from_str(yaml).unwrap())
    }

    #[test]
    fn an_organization_without_a_policy_has_the_standard_one() {
        assert_eq!(policy("{}"), Policy::standard());
        assert_eq!(policy("policy: {maxRemovals: {}, lastAdmin: {}, invitations: {}}"), Policy::standard());
    }

    #[test]
    fn the_effective_policy_means_the_same_over_any_preset() {
        for preset in Preset::ALL {
            let own = policy(&format!("{{preset: {preset}, policy: {{defaultDataResidency: India}}}}"));
            for other in Preset::ALL {
                let spec: PolicySpec = serde_json::from_value(own.effective()).unwrap();
                let organization = OrganizationSpec { preset: Some(*other), policy: Some(spec), ..OrganizationSpec::default() };
                assert_eq!(Policy::of(&organization), own, "{preset} over {other}");
            }
        }
        assert_eq!(policy("preset: fastpix").effective()["workspaceDeletion"]["mode"], "Forbid");
    }

    #[test]
    fn the_word_none_takes_the_default_role_of_a_preset_away() {
        assert_eq!(policy("preset: aaq").default_role.as_deref(), Some("ReadOnly"));
        assert_eq!(policy("{preset: aaq, policy: {roles: {default: None}}}").default_role, None);
        assert_eq!(policy("{preset: aaq, policy: {roles: {default: Admin}}}").default_role.as_deref(), Some("Admin"));
    }

    #[test]
    fn every_override_takes_effect_and_leaves_the_rest_alone() {
        let policy =
            policy("policy: {maxRemovals: {percent: 10}, workspaceDeletion: {retentionDays: Forever}, memberRemoval: Hard}");
        let expected =
            Policy { max_removal_percent: 10, retention_days: None, member_removal: RemovalMode::Hard, ..Policy::standard() };
        assert_eq!(policy, expected);
    }

    #[test]
    fn while_a_policy_changes_the_stricter_of_each_guard_holds() {
        let strict = policy(
            "policy: {maxRemovals: {percent: 5, from: 2}, lastAdmin: {minAdmins: 2}, workspaceDeletion: {mode: Forbid, retentionDays: Forever}}",
        );
        let loose = policy(
            "policy: {lastAdmin: {protect: [], minAdmins: 0}, workspaceDeletion: {mode: Hard, retentionDays: 0}, memberRemoval: Hard}",
        );
        let guard = Policy { admins_protected_from: Policy::standard().admins_protected_from, ..strict.clone() };
        assert_eq!(strict.guarded_by(&loose), guard);
        assert_eq!(loose.guarded_by(&strict), Policy { drift: loose.drift, ..guard });
        assert_eq!(loose.guarded_by(&loose), loose);
    }

    #[test]
    fn loosening_is_told_field_by_field_and_tightening_is_not() {
        let loosened = |before, after| -> Vec<_> {
            policy(before)
                .loosened_by(&policy(after))
                .into_iter()
                .map(|l| format!("{} {} -> {}", l.field, l.from, l.to))
                .collect()
        };
        assert_eq!(loosened("{}", "policy: {maxRemovals: {percent: 26, from: 9}}"), ["maxRemovals.percent 25 -> 26"]);
        assert_eq!(loosened("{}", "policy: {maxRemovals: {from: 11}}"), ["maxRemovals.from 10 -> 11"]);
        assert_eq!(
            loosened("{}", "policy: {lastAdmin: {protect: [Remove, Demote], minAdmins: 0}}"),
            ["lastAdmin.protect [Remove, Demote, Disable, Expire] -> [Remove, Demote]", "lastAdmin.minAdmins 1 -> 0"]
        );
        assert_eq!(
            loosened("policy: {workspaceDeletion: {mode: Forbid, retentionDays: Forever}}", "{}"),
            ["workspaceDeletion.mode Forbid -> Soft", "workspaceDeletion.retentionDays Forever -> 30"]
        );
        assert_eq!(loosened("{}", "policy: {memberRemoval: Hard}"), ["memberRemoval Soft -> Hard"]);
        assert_eq!(loosened("policy: {memberRemoval: Hard, maxRemovals: {percent: 90}}", "{}"), Vec::<String>::new());
        assert_eq!(loosened("{}", "{}"), Vec::<String>::new());
    }
}
