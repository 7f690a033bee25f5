//! Muster: a declarative reconciler for tenancy.

pub mod api;
pub mod cli;
pub mod source;
pub mod store;
pub mod tenancy;
