//! The spec of any kind in one type.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::rule::{Path, Problem, check, check_change};
use super::{
    AccessTestSpec, CredentialSpec, Kind, MemberSpec, MembershipTypeSpec, OrganizationSpec, ProjectSpec, RoleSpec, TemplateSpec,
    WorkspaceSpec,
};

/// Declares [`Spec`] over the written kinds, so that no kind is forgotten anywhere.
macro_rules! specs {
    ($($kind:ident($spec:ident)),+ $(,)?) => {
        /// The spec of an object of any kind that users write.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Spec {
            $(#[doc = concat!("The spec of a kind: [`", stringify!($spec), "`].")] $kind(Box<$spec>)),+
        }

        impl Spec {
            /// The kind of object that the spec is for.
            #[must_use]
            pub const fn kind(&self) -> Kind {
                match self { $(Self::$kind(_) => Kind::$kind),+ }
            }

            /// Reads the spec of an object of the given kind.
            ///
            /// # Errors
            /// The spec has an unknown field, lacks a required one, or a value is outside of its range; or the kind is never written.
            pub fn deserialize<'de, D: Deserializer<'de>>(kind: Kind, deserializer: D) -> Result<Self, D::Error> {
                match kind {
                    $(Kind::$kind => Box::deserialize(deserializer).map(Self::$kind),)+
                    Kind::Membership => Err(serde::de::Error::custom(
                        "a membership has no document of its own: write it as an entry of projects or workspaces of a Member",
                    )),
                }
            }

            /// What is wrong with the spec by itself: exactly what the CEL rules of its CRD say, without the cost of CEL.
            #[must_use]
            pub fn check(&self) -> Vec<Problem> {
                let mut problems = Vec::new();
                match self { $(Self::$kind(spec) => check(&**spec, &Path::Root("spec"), &mut problems)),+ }
                problems
            }

            /// What is wrong with a change from `old` to this spec: exactly what the CEL transition rules of its CRD say. Specs of two
            /// kinds have nothing to say to each other.
            #[must_use]
            pub fn check_update(&self, old: &Self) -> Vec<Problem> {
                match (old, self) {
                    $((Self::$kind(old), Self::$kind(new)) => check_change(&**old, &**new, &Path::Root("spec")),)+
                    _ => Vec::new(),
                }
            }
        }

        impl Serialize for Spec {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self { $(Self::$kind(spec) => spec.serialize(serializer)),+ }
            }
        }

        $(
            impl From<$spec> for Spec {
                fn from(spec: $spec) -> Self {
                    Self::$kind(Box::new(spec))
                }
            }

            impl $spec {
                /// What is wrong with the spec by itself; see [`Spec::check`].
                #[must_use]
                pub fn check(&self) -> Vec<Problem> {
                    let mut problems = Vec::new();
                    check(self, &Path::Root("spec"), &mut problems);
                    problems
                }

                /// What is wrong with a change from `old` to this spec; see [`Spec::check_update`].
                #[must_use]
                pub fn check_update(&self, old: &Self) -> Vec<Problem> {
                    check_change(old, self, &Path::Root("spec"))
                }
            }
        )+
    };
}

specs! {
    Organization(OrganizationSpec),
    MembershipType(MembershipTypeSpec),
    Project(ProjectSpec),
    Workspace(WorkspaceSpec),
    Template(TemplateSpec),
    Role(RoleSpec),
    Member(MemberSpec),
    Credential(CredentialSpec),
    AccessTest(AccessTestSpec),
}
