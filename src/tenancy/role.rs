use std::collections::{BTreeMap, BTreeSet};

use crate::api::Verb;
use crate::api::membership_type::Level;

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
}

/// The roles of an organization by the name they are given by: those of the preset and its membership types.
pub type Roles = BTreeMap<Box<str>, MembershipRole>;

/// The roles of the preset `standard`: `Admin`, `Member` and `ReadOnly`, each at any level.
#[must_use]
pub fn standard_roles() -> Roles {
    let role = |name: &str, allows: fn(Verb) -> bool| {
        let permissions = Verb::ALL.iter().copied().filter(|verb| allows(*verb)).collect();
        (name.into(), MembershipRole { levels: Level::ALL.iter().copied().collect(), permissions, built_in: true })
    };
    BTreeMap::from([role("Admin", |_| true), role("Member", member_may), role("ReadOnly", read_only_may)])
}

/// A `Member` works with what a workspace holds, and sees, but does not change, who is in it and how it is set up.
fn member_may(verb: Verb) -> bool {
    match verb.resource() {
        "templates" | "rooms" | "sessions" | "content" | "media" | "liveStreams" => true,
        _ => read_only_may(verb),
    }
}

/// `ReadOnly` sees everything but keys, tokens and webhooks.
fn read_only_may(verb: Verb) -> bool {
    verb.action() == "read" && !matches!(verb.resource(), "developer" | "signingKeys" | "accessTokens")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_standard_admin_manages_members_and_nobody_else_sees_keys() {
        let roles = standard_roles();
        let admins: Vec<_> = roles.iter().filter(|(_, role)| role.is_admin()).map(|(name, _)| &**name).collect();
        assert_eq!(admins, ["Admin"]);
        for name in ["Member", "ReadOnly"] {
            let secret = roles[name]
                .permissions
                .iter()
                .find(|verb| matches!(verb.resource(), "developer" | "signingKeys" | "accessTokens"));
            assert_eq!(secret, None, "{name}");
        }
    }

    #[test]
    fn a_standard_member_may_do_all_that_a_read_only_member_may() {
        let roles = standard_roles();
        assert!(roles["Member"].permissions.is_superset(&roles["ReadOnly"].permissions));
        assert!(roles["Member"].permissions.contains(&Verb::ContentWrite));
        assert!(!roles["ReadOnly"].permissions.contains(&Verb::ContentWrite));
    }
}
