//! Refusing early: what an API server asks before it stores an object.
//!
//! ```text
//! policies   CEL that an API server evaluates itself     no webhook needs to run
//! request    what is asked                            -> Request
//! actor      who asks                                 -> Actor
//! place      the organization it is about             -> Found
//! judge      what the object proves by itself         -> Verdict
//! rights     what a member may do                     -> Denial
//! effects    what it would do                         -> lines
//! lines      at most 15 of at most 256 characters
//! server     HTTP around it, certificates beside it
//! ```
//!
//! Only the store is read, and nothing is written but the webhook's own certificate. Whatever is let through here is judged again by
//! the engine, so that a webhook that is down, or cannot reach the store, weakens nothing but the moment of the refusal.

mod actor;
mod certificate;
mod effects;
mod issued;
mod judge;
mod keeper;
mod lines;
mod metrics;
mod place;
mod policies;
mod request;
mod rights;
mod server;

pub use actor::Actor;
pub use certificate::{CertificateError, Certificates, Pair};
pub use issued::{Kept, Previous, RENEWED_AFTER, Service, VALID_FOR, issue};
pub use judge::{Denial, Settings, Verdict, judge};
pub use keeper::Keeper;
pub use lines::{LONGEST, MOST};
pub use place::{Found, Reader};
pub use policies::policies;
pub use request::{Operation, Request, User};
pub use server::{Listeners, Webhook, WebhookError, serve};
