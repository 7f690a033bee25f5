//! Muster: a declarative reconciler for tenancy.

pub mod api;
pub mod engine;
pub mod plan;
pub mod source;
pub mod store;
pub mod tenancy;
