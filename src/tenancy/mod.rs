//! What it means: the desired tenancy, the observed snapshot and what follows from them (policy, people, access).
//!
//! Everything here is pure. It must not import a store, a source, a clock, an async runtime or a `HashMap`: given the same
//! input, it gives the same bytes.

mod digest;
mod input;
mod key;
mod nearest;
mod snapshot;

pub use digest::Digest;
pub use input::{Finding, HeldManifest, Input, Manifest, Origin, Severity, Span};
pub use key::{Key, Name, ObjectId};
pub use nearest::nearest;
pub use snapshot::{Claim, Manager, Revision, Row, Snapshot, Tombstone};
