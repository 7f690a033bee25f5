//! What will change: from the desired tenancy and the observed snapshot to a plan.
//!
//! Everything here is pure, total and clock-free: it must not import a store, a source, a clock, an async runtime or a
//! `HashMap`. Given the same input it gives the same bytes.

mod change;
mod context;
mod diff;
mod draft;
mod merge;
mod removal;
mod rename;
mod verb;

pub use change::{Cause, Change, FieldChange, Phase};
pub use context::{Context, Tightened};
pub use verb::Verb;
