use std::collections::{BTreeMap, BTreeSet};

use super::Policy;
use crate::api::Verb;
use crate::api::membership_type::Level;
use crate::api::policy::Catalog;

/// What a role name stands for: the levels it may be given at and what it allows there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembershipRole {
    /// Where it may be given.
    pub levels: BTreeSet<Level>,
    /// What it allows.
    pub permissions: BTreeSet<Verb>,
    /// True for the roles that come with the preset.
    pub built_in: bool,
}

impl MembershipRole {
    /// True for a role that makes its holder an admin of the place it is given in (`members:write`).
    #[must_use]
    pub fn is_admin(&self) -> bool {
        self.permissions.contains(&Verb::MembersWrite)
    }

    /// True for a role that makes its holder an owner of the organization (`organization:write`).
    #[must_use]
    pub fn is_owner(&self) -> bool {
        self.permissions.contains(&Verb::OrganizationWrite)
    }
}

/// The roles of an organization by the name they are given by: those of the policy's catalog and its membership types.
pub type Roles = BTreeMap<Box<str>, MembershipRole>;

/// The roles that a policy has built in.
#[must_use]
pub fn built_in_roles(policy: &Policy) -> Roles {
    let roles: &[(&str, &[Level], Allows)] = match policy.catalog {
        Catalog::Standard => STANDARD,
        Catalog::Hundredms => HUNDREDMS,
        Catalog::KeyRunner => KEYRUNNER,
        Catalog::Aaq => AAQ,
        Catalog::FastPix => FASTPIX,
    };
    let role = |(name, levels, allows): &(&str, &[Level], Allows)| {
        let edits = *name == "Member" && policy.members_edit_workspaces;
        let allowed = |verb: &Verb| allows(*verb) || edits && *verb == Verb::WorkspaceUpdate;
        let permissions = Verb::ALL.iter().copied().filter(allowed).collect();
        ((*name).into(), MembershipRole { levels: levels.iter().copied().collect(), permissions, built_in: true })
    };
    roles.iter().map(role).collect()
}

/// The built-in role of whoever owns a workspace; `None` where a role in the organization reaches it.
#[must_use]
pub const fn owner_role(catalog: Catalog) -> Option<&'static str> {
    match catalog {
        Catalog::Standard | Catalog::Hundredms | Catalog::Aaq => Some("Admin"),
        Catalog::KeyRunner => Some("Owner"),
        Catalog::FastPix => None,
    }
}

type Allows = fn(Verb) -> bool;
type Catalogued = &'static [(&'static str, &'static [Level], Allows)];

const STANDARD: Catalogued = &[("Admin", Level::ALL, |_| true), ("Member", Level::ALL, works), ("ReadOnly", Level::ALL, sees)];

/// Who works with what a workspace holds sees, but does not change, who is in it and how it is set up.
fn works(verb: Verb) -> bool {
    match verb.resource() {
        "templates" | "rooms" | "sessions" | "content" | "media" | "liveStreams" => true,
        _ => sees(verb),
    }
}

/// Who only sees sees everything but keys, tokens and webhooks.
fn sees(verb: Verb) -> bool {
    verb.action() == "read" && !matches!(verb.resource(), "developer" | "signingKeys" | "accessTokens")
}

/// 100ms, Workspaces, the table of membership types.
const HUNDREDMS: Catalogued = &[
    ("OrganizationOwner", &[Level::Organization], |_| true),
    ("Admin", &[Level::Workspace], |verb| verb != Verb::OrganizationWrite),
    ("Member", &[Level::Workspace], |verb| matches!(verb.resource(), "templates" | "rooms") || views(verb)),
    ("ReadOnly", &[Level::Workspace], views),
];

/// "Only view templates, rooms, and sessions."
fn views(verb: Verb) -> bool {
    matches!(verb, Verb::WorkspaceRead | Verb::TemplatesRead | Verb::RoomsRead | Verb::SessionsRead)
}

/// `KeyRunner`, Workspaces, the scopes and the seven actions.
const KEYRUNNER: Catalogued = &[
    ("TenantAdmin", &[Level::Organization], |_| true),
    ("ProjectAdmin", &[Level::Project], |verb| verb != Verb::OrganizationWrite),
    ("ProjectUser", &[Level::Project], edits),
    ("Owner", &[Level::Workspace], manages_people),
    ("Admin", &[Level::Workspace], manages_people),
    ("Editor", &[Level::Workspace], edits),
    ("Viewer", &[Level::Workspace], |verb| matches!(verb, Verb::WorkspaceRead | Verb::ContentRead)),
];

fn edits(verb: Verb) -> bool {
    matches!(verb, Verb::WorkspaceRead | Verb::ContentRead | Verb::ContentWrite)
}

/// "Owners/Admins can add or remove users and assign roles within the workspace"; creating, updating and deleting one is for the
/// admins of the tenant and of the project.
fn manages_people(verb: Verb) -> bool {
    matches!(verb, Verb::MembersRead | Verb::MembersWrite | Verb::DeveloperRead | Verb::DeveloperWrite) || edits(verb)
}

/// AAQ, Introducing Workspaces, the two user types.
const AAQ: Catalogued = &[
    ("Admin", &[Level::Workspace], |verb| {
        matches!(verb.resource(), "members" | "workspace" | "content" | "apiKey" | "developer" | "costly")
    }),
    ("ReadOnly", &[Level::Workspace], |verb| matches!(verb, Verb::WorkspaceCreate | Verb::WorkspaceRead | Verb::ContentRead)),
];

/// `FastPix`, Set up workspace, the tables of the admin and of the member role.
const FASTPIX: Catalogued = &[
    ("Admin", &[Level::Organization], |verb| match verb.resource() {
        "organization" | "members" | "workspace" | "signingKeys" | "accessTokens" | "media" | "liveStreams" => true,
        resource => resource == "developer",
    }),
    ("Member", &[Level::Organization], |verb| {
        matches!(verb, Verb::OrganizationRead | Verb::MembersRead | Verb::WorkspaceRead | Verb::MediaRead | Verb::LiveStreamsRead)
    }),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn with(catalog: Catalog) -> Policy {
        Policy { catalog, ..Policy::standard() }
    }

    #[test]
    fn only_the_standard_admin_manages_members_and_nobody_else_sees_keys() {
        let roles = built_in_roles(&Policy::standard());
        let admins: Vec<_> = roles.iter().filter(|(_, role)| role.is_admin()).map(|(name, _)| &**name).collect();
        assert_eq!(admins, ["Admin"]);
        let secret = |verb: &&Verb| matches!(verb.resource(), "developer" | "signingKeys" | "accessTokens");
        for name in ["Member", "ReadOnly"] {
            assert_eq!(roles[name].permissions.iter().find(secret), None, "{name}");
        }
        assert!(roles["Member"].permissions.is_superset(&roles["ReadOnly"].permissions));
        assert!(
            roles["Member"].permissions.contains(&Verb::ContentWrite)
                && !roles["ReadOnly"].permissions.contains(&Verb::ContentWrite)
        );
    }

    #[test]
    fn every_catalog_has_a_role_that_manages_members_and_gives_owners_one_of_its_own() {
        for catalog in Catalog::ALL {
            let roles = built_in_roles(&with(*catalog));
            assert!(roles.values().any(MembershipRole::is_admin), "{catalog}");
            let owner = owner_role(*catalog).map(|name| &roles[name]);
            assert!(owner.is_none_or(|role| role.is_admin() && role.levels.contains(&Level::Workspace)), "{catalog}");
        }
    }

    #[test]
    fn a_policy_lets_members_edit_workspaces_and_changes_nothing_else() {
        let policy = with(Catalog::FastPix);
        let (without, editing) =
            (built_in_roles(&policy), built_in_roles(&Policy { members_edit_workspaces: true, ..policy.clone() }));
        let more: Vec<_> = editing["Member"].permissions.difference(&without["Member"].permissions).collect();
        assert_eq!(more, [&Verb::WorkspaceUpdate]);
        assert_eq!(editing["Admin"], without["Admin"]);
    }
}
