//! What it means: the desired tenancy, the observed snapshot and what follows from them (policy, people, access).
//!
//! Everything here is pure. It must not import a store, a source, a clock, an async runtime or a `HashMap`: given the same
//! input, it gives the same bytes.

mod access;
mod admins;
mod break_glass;
mod desired;
mod digest;
mod exclusive;
mod input;
mod key;
mod mirrored;
mod nearest;
mod people;
mod policy;
mod preset;
/// Which fields of a stored spec name other objects.
pub mod reference;
mod resolve;
/// What role names stand for.
pub mod role;
mod snapshot;
mod spread;
/// Stored specs as the rules read them.
pub mod view;
mod visibility;
mod why;
mod world;

pub use access::{Access, Grant, Person, access, may_or_might, members_with_email, places_of};
pub use admins::{Admins, AdminsByPlace};
pub use break_glass::BreakGlass;
pub use desired::{Desired, Held, Lists, Tenancy};
pub use digest::Digest;
pub use exclusive::Exclusive;
pub use input::{Finding, HeldManifest, Input, Manifest, Origin, Severity, Span};
pub use key::{Key, Name, ObjectId};
pub use mirrored::{Deed, Intent, Mirrored};
pub use nearest::nearest;
pub use people::{Standing, invitation_ends, standing};
pub use policy::{CreationPolicy, InvitationsPolicy, Loosened, Policy};
pub use preset::preset;
pub use resolve::{DEFAULT_WORKSPACES, PERSONAL_WORKSPACES, Resolved, resolve};
pub use snapshot::{Claim, Manager, Revision, Row, Snapshot, Tombstone};
pub use visibility::Viewer;
pub use why::{obstacle, roles_with};
pub use world::{Item, World, level_of};
