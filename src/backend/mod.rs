//! What is mirrored to a service over HTTP, and how the service is reached.
//!
//! [`http`] is the one client of all services, [`secrets`] where credentials come from and where those go that a service shows once,
//! and [`Fault`] what a call can end with. Nothing here decides what is wanted; it must not import a front door.

pub mod fault;
pub mod http;
pub mod secrets;

pub use fault::Fault;
