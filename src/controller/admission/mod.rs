//! Refusing early: what an API server asks before it stores an object.
//!
//! ```text
//! policies   CEL that an API server evaluates itself     no webhook needs to run
//! door       a question of the API server by HTTP, and the answer to it
//! request    what is asked                            -> Request
//! actor      who asks                                 -> Actor
//! place      the organization it is about             -> Found
//! kept       what was read of it before               -> Stored
//! judge      what the object proves by itself         -> Verdict
//! rights     what a member may do                     -> Denial
//! effects    what it would do                         -> lines
//! lines      at most 15 of at most 256 characters
//! webhook    all of it in a bounded time, some requests at once
//! server     TLS around it, certificates beside it
//! ```
//!
//! Only the store is read, and nothing is written but the webhook's own certificate. What was read is kept for as long as the store says
//! that it is at the same revision. Whatever is let through here is judged again by
//! the engine, so that a webhook that is down, or cannot reach the store, weakens nothing but the moment of the refusal.

mod actor;
mod certificate;
mod door;
mod effects;
mod issued;
mod judge;
mod keeper;
mod kept;
mod lines;
mod metrics;
mod place;
mod policies;
mod progress;
mod request;
mod rights;
mod server;
mod stored;
mod webhook;

pub use actor::Actor;
pub use certificate::{CertificateError, Certificates, Known, Pair};
pub use issued::{Kept, Previous, RENEWED_AFTER, Service, VALID_FOR, issue};
pub use judge::{Denial, Settings, Verdict, asked, judge};
pub use keeper::Keeper;
pub use kept::ReadError;
pub use lines::{LONGEST, MOST};
pub use place::{Found, Reader};
pub use policies::policies;
pub use progress::{Progress, Step};
pub use request::{Operation, Request, User};
pub use server::{Listeners, Pace, WebhookError, serve};
pub use stored::Stored;
pub use webhook::Webhook;
