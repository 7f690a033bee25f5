use std::fmt;

use serde::{Deserialize, Serialize};

/// The kinds of objects, in the order in which they are created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs)]
pub enum Kind {
    Organization,
    MembershipType,
    Project,
    Workspace,
    Template,
    Role,
    Member,
    Membership,
    Credential,
    AccessTest,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 10] = [
        Self::Organization,
        Self::MembershipType,
        Self::Project,
        Self::Workspace,
        Self::Template,
        Self::Role,
        Self::Member,
        Self::Membership,
        Self::Credential,
        Self::AccessTest,
    ];
    /// As written in YAML and in the store.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Organization => "Organization",
            Self::MembershipType => "MembershipType",
            Self::Project => "Project",
            Self::Workspace => "Workspace",
            Self::Template => "Template",
            Self::Role => "Role",
            Self::Member => "Member",
            Self::Membership => "Membership",
            Self::Credential => "Credential",
            Self::AccessTest => "AccessTest",
        }
    }
    /// As written in messages.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::MembershipType => "membershiptype",
            Self::Project => "project",
            Self::Workspace => "workspace",
            Self::Template => "template",
            Self::Role => "mrole",
            Self::Member => "member",
            Self::Membership => "membership",
            Self::Credential => "credential",
            Self::AccessTest => "accesstest",
        }
    }
    /// Reads `as_str`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
