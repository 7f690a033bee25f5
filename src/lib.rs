//! Muster keeps the people, workspaces and permissions of a platform as its git repository says.
//!
//! ```text
//! source        files                       ->  Input      as written, with its origin (file:line:column)
//! tenancy       resolve                     ->  Tenancy    what it means; findings for what is held back
//! store         observe                     ->  Snapshot   what is there, tombstones included, with a revision
//! plan          rename, diff, review, order ->  Plan       changes, refusals, held objects, access changes, digest
//! backend       observe, carry_out        ->  Mirroring  what a service behind the store was made to have
//! engine        apply                       ->  Outcome    what became of each change, in the past tense
//! cli           report                      ->  text, JSON, Markdown
//! controller    report                      ->  status, events, metrics
//! ```
//!
//! Each folder answers one question, and dependencies run one way: `api` is what users write, `tenancy` what it means, `plan` what
//! will change, `source` where the desired state comes from, `store` where the observed state lives, `backend` what is mirrored to
//! services, `engine` what strings them together, and `cli` and `controller` the two front doors. `api`, `tenancy` and `plan` are
//! pure: no I/O, no clock, no async.

#![warn(clippy::unwrap_used, clippy::panic, clippy::print_stdout)]

pub mod api;
pub mod backend;
pub mod cli;
pub mod controller;
pub mod engine;
pub mod plan;
pub mod source;
pub mod store;
pub mod tenancy;
