//! The kinds of objects, in the order in which they are created.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The API group of every kind.
pub const GROUP: &str = "muster.dev";

/// The only version of the group.
pub const VERSION: &str = "v1alpha1";

/// What users write as `apiVersion`.
pub const API_VERSION: &str = "muster.dev/v1alpha1";

/// A kind of object.
///
/// The order is the order of creation: an object only ever refers to objects of a kind that comes earlier (or to another one of its own
/// kind). Objects are removed in the opposite order. The store sorts by it, so a variant must never be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// The root: an account or tenant.
    Organization,
    /// A named set of permissions beside the built-in ones.
    MembershipType,
    /// A group of workspaces.
    Project,
    /// An isolated environment.
    Workspace,
    /// The blueprint of a room.
    Template,
    /// What a participant may do in a room (`roles.muster.dev`, short name `mrole`).
    Role,
    /// A person in an organization.
    Member,
    /// One person in one project or workspace. It is stored but never written as a document: it is an entry of a [`Kind::Member`].
    Membership,
    /// A key or token of a workspace.
    Credential,
    /// An assertion on who may do what.
    AccessTest,
}

impl Kind {
    /// Every kind, in the order of creation.
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

    /// The kinds that users write, each of which has a CRD, in the order of creation.
    pub const WRITTEN: [Self; 9] = [
        Self::Organization,
        Self::MembershipType,
        Self::Project,
        Self::Workspace,
        Self::Template,
        Self::Role,
        Self::Member,
        Self::Credential,
        Self::AccessTest,
    ];

    /// The name as users write it after `kind:`.
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

    /// The plural, as in the name of the CRD.
    #[must_use]
    pub const fn plural(self) -> &'static str {
        match self {
            Self::Organization => "organizations",
            Self::MembershipType => "membershiptypes",
            Self::Project => "projects",
            Self::Workspace => "workspaces",
            Self::Template => "templates",
            Self::Role => "roles",
            Self::Member => "members",
            Self::Membership => "memberships",
            Self::Credential => "credentials",
            Self::AccessTest => "accesstests",
        }
    }

    /// The short name for `kubectl get`.
    #[must_use]
    pub const fn short(self) -> &'static str {
        match self {
            Self::Organization => "morg",
            Self::MembershipType => "mmt",
            Self::Project => "mproj",
            Self::Workspace => "mws",
            Self::Template => "mtpl",
            Self::Role => "mrole",
            Self::Member => "mmb",
            Self::Membership => "membership",
            Self::Credential => "mcred",
            Self::AccessTest => "mat",
        }
    }

    /// How messages write the kind: `workspace`, `membership type`, and `mrole` because Kubernetes has a Role of its own.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Organization => "organization",
            Self::MembershipType => "membership type",
            Self::Project => "project",
            Self::Workspace => "workspace",
            Self::Template => "template",
            Self::Role => "mrole",
            Self::Member => "member",
            Self::Membership => "membership",
            Self::Credential => "credential",
            Self::AccessTest => "access test",
        }
    }

    /// The name of the CRD, for example `workspaces.muster.dev`.
    #[must_use]
    pub fn crd_name(self) -> String {
        format!("{}.{GROUP}", self.plural())
    }

    /// The kind with exactly this name (`Workspace`), written or stored.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text is not the name of a kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "unknown kind {0:?}; the kinds are Organization, MembershipType, Project, Workspace, Template, Role, Member, Credential and AccessTest"
)]
pub struct UnknownKind(pub String);

impl FromStr for Kind {
    type Err = UnknownKind;

    fn from_str(text: &str) -> Result<Self, UnknownKind> {
        Self::parse(text).ok_or_else(|| UnknownKind(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_kinds_is_the_order_of_the_list() {
        assert!(Kind::ALL.is_sorted());
        assert!(Kind::WRITTEN.is_sorted());
        assert!(Kind::Workspace < Kind::Template && Kind::Template < Kind::Role && Kind::Role < Kind::Member);
    }

    #[test]
    fn only_membership_is_stored_without_being_written() {
        let stored: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| !Kind::WRITTEN.contains(kind)).collect();
        assert_eq!(stored, [Kind::Membership]);
    }

    #[test]
    fn every_kind_is_found_by_its_name_and_by_nothing_else() {
        for kind in Kind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(kind));
        }
        assert_eq!(Kind::parse("workspace"), None);
        assert!("Workspce".parse::<Kind>().unwrap_err().to_string().contains("AccessTest"));
    }

    #[test]
    fn the_kind_role_is_an_mrole_in_messages() {
        assert_eq!(Kind::Role.label(), "mrole");
        assert_eq!(Kind::Role.crd_name(), "roles.muster.dev");
    }
}
