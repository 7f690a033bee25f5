//! Refusing early: what the webhook judges, who asks, how it serves, and what a real API server makes of it and of the policies, each
//! layer alone.

#[path = "../support/control_plane.rs"]
mod control_plane;
#[path = "../support/process.rs"]
mod process;
#[path = "../support/scenario.rs"]
mod scenario;

mod acme;
mod actors;
mod answers;
mod bounds;
mod client;
mod cluster;
mod denials;
mod policies;
mod serving;
mod warnings;
