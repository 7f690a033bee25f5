//! What users write.
mod kind;
pub use kind::Kind;
/// The spec of any kind.
#[derive(Clone, Debug, PartialEq)]
pub enum Spec {}
