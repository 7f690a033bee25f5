//! Muster: a declarative reconciler for tenancy.

pub mod api;
pub mod source;
pub mod store;
pub mod tenancy;
