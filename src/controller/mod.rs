//! The second front door: the same engine for `kubectl`, Argo CD and Flux.
//!
//! ```text
//! watch      follow each kind                    -> Seen       what the API server tells
//! cache      what there is, and what it concerns -> Work       an organization to look at
//! gather     its objects                         -> Gathered
//! pass       observe, plan, apply                -> Passed     an Outcome, and a Verdict on each object
//! status     compare with what is there          -> Status     written only where it says something new
//! ```
//!
//! `admission` is what an API server asks before it stores an object, in a process of its own or beside the controller.
//!
//! It makes no decision of its own: it feeds the engine and reports to the API server what the command line prints. Nothing imports
//! it but `cli`.

mod absence;
pub mod admission;
mod cache;
mod calls;
mod claim;
mod conditions;
mod connect;
mod events;
mod gather;
mod gone;
mod lease;
mod metrics;
mod object;
mod overview;
mod pass;
mod presence;
mod recent;
mod report;
mod run;
mod schedule;
mod server;
mod services;
mod slots;
mod slow;
mod status;
mod verdict;
mod watch;
mod writer;

#[cfg(test)]
mod tests;

pub use connect::{ConnectError, connect};
pub use run::{Options, RunError, run};
pub use server::bind;
