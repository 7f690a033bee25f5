//! How a service is called: one bounded client for all of them.
//!
//! A [`Client`] calls one service at one address. It connects only where the [`AllowList`] of the operator lets it, keeps to a
//! [`Rate`], waits and asks again where that is safe, cuts off what is too long or too slow, and hands out a [`Response`] or a
//! [`Fault`](super::Fault), which holds no text of the service. Nothing here knows a service; it must not import one.

mod address;
mod allow;
mod client;
mod clock;
mod learned;
mod pace;
mod request;
mod resolve;
mod response;
mod retry;
#[cfg(test)]
mod tests;
mod tls;
mod transport;

pub use allow::{AllowEntry, AllowList};
pub use client::{AddressError, Client, Limits, Settings};
pub use clock::{Clock, SystemClock};
pub use learned::{Learned, host_of};
pub use pace::Rate;
pub use request::{Auth, Body, Method, Request};
pub use response::Response;
pub use tls::tls;
pub use transport::{Attempt, Meter, Unmetered};
