//! What users write: one kind per file with its spec, its documentation (which is what `kubectl explain` prints), its columns and the
//! rules that one object can prove by itself. It knows nothing of other objects, of stores or of files, does no I/O, reads no clock,
//! and imports nothing else of this crate.

// The documentation of fields is what `kubectl explain` prints, where backticks are noise.
#![allow(clippy::doc_markdown)]

pub mod access_test;
mod cel;
pub mod credential;
pub mod kind;
pub mod member;
pub mod membership_type;
pub mod organization;
pub mod policy;
pub mod project;
pub mod publish;
pub mod role;
mod rule;
mod schema;
mod spec;
pub mod status;
pub mod template;
pub mod types;
pub mod verb;
pub mod workspace;

pub use access_test::AccessTestSpec;
pub use cel::Cel;
pub use credential::CredentialSpec;
pub use kind::{API_VERSION, GROUP, Kind, VERSION};
pub use member::MemberSpec;
pub use membership_type::MembershipTypeSpec;
pub use organization::OrganizationSpec;
pub use policy::PolicySpec;
pub use project::ProjectSpec;
pub use role::RoleSpec;
pub use rule::Problem;
pub use schema::{crd, crds, schema};
pub use spec::Spec;
pub use template::TemplateSpec;
pub use verb::Verb;
pub use workspace::WorkspaceSpec;
