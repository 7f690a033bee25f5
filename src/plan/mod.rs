//! What will change: from the desired tenancy and the observed snapshot to a plan.
//!
//! ```text
//! rename    the store under the names of the input            Renamed
//!   names   what the input still calls by an old name         Tenancy
//! diff      desired against stored, a merge of two lists      Draft
//!   merge     one object: last applied, desired, observed
//!   removal   what is not in the input
//!   absence an organization that the input never mentions
//! review    every rule judges the state that would result     Reviewed
//! order     what comes first                                  Plan
//! access    who gains and loses what
//! ```
//!
//! Everything here is pure, total and clock-free: it must not import a store, a source, a clock, an async runtime or a
//! `HashMap`. Given the same input it gives the same bytes.

mod absence;
mod access;
mod assertions;
mod case;
mod change;
mod context;
mod diff;
mod draft;
mod invite;
mod leaving;
mod merge;
pub mod mirror;
mod names;
mod order;
#[allow(clippy::module_inception)]
mod plan;
mod removal;
mod rename;
pub mod render;
mod review;
pub mod rules;
mod verb;

pub use access::{AccessChange, AccessDiff};
pub use case::{Case, Violation};
pub use change::{Cause, Change, FieldChange, Phase};
pub use context::{Context, Tightened};
pub use diff::ENDED;
pub use draft::Drifted;
pub use merge::drifted_fields;
pub use plan::{Plan, plan, plan_by};
pub use review::{Approval, Refusal};
pub use verb::Verb;
