//! The second front door: the same engine for `kubectl`, Argo CD and Flux.
//!
//! It watches the objects of a cluster, feeds them to `engine`, and reports to the API server what the command line prints. It makes no
//! decision of its own. Nothing imports it but `cli`.

pub mod admission;
mod connect;

pub use connect::{ConnectError, connect};
