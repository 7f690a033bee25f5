//! Muster.
pub mod api;
