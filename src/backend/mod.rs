//! What is mirrored: services behind the store that have a part of an organization, reached over HTTP.
//!
//! The store is the system of record. A service is made to have what the store has, as far as it can, and what somebody changes
//! there is seen as drift. What all services share is elsewhere: `plan::mirror` compares, [`carry_out`] makes the calls, and the
//! journal of the store remembers what was begun. A service is a folder here with four parts:
//!
//! ```text
//! capabilities   what it can do                                       a constant
//! shape          the rows of the store as the service has them        pure
//! observe        everything that it has                               reads
//! look, send     one thing, before every change; and one change       reads, writes
//! ```
//!
//! [`http`] is the one client of all services and [`secrets`] where their credentials come from. To add a service: give it a value
//! of `BackendType`, write the folder, and name it where the others are named in `any.rs`.
//!
//! This folder knows `plan` and `store`; it must not import `engine` or a front door.

pub mod aaq;
/// Whichever service it is.
pub mod any;
mod carry_out;
pub mod fastpix;
pub mod fault;
pub mod http;
pub mod hundredms;
mod keeping;
mod reach;
pub mod secrets;
mod state;
mod stop;

use std::future::Future;

pub use carry_out::{CallEnd, Mirroring, carry_out, nothing_done};
pub use fault::Fault;
pub use reach::{Connection, Reach};
pub use state::State;
pub use stop::Stop;

use crate::plan::mirror::{Call, Found, Observed, Shape};

/// A service that is reached with the credentials of one organization.
pub trait Backend: Send + Sync {
    /// Reads everything that the service has of the kinds that it mirrors, in all places of a shape. Nothing is changed. A place that
    /// was read to its end is named as read, and any other one as unobservable, with the reason: nothing is planned for it.
    fn observe(&self, shape: &Shape) -> impl Future<Output = Observed> + Send;

    /// Reads the one thing that a call is about, as it is now: under its id, or under its name where it is still to be made. Asked
    /// before every change, and after every one whose answer was lost.
    ///
    /// # Errors
    ///
    /// When the service cannot be asked. A thing that is not there is `None`.
    fn look(&self, call: &Call) -> impl Future<Output = Result<Option<Found>, Fault>> + Send;

    /// Makes one change. `current` is what [`look`](Self::look) just saw. Sends nothing a second time by itself where the first
    /// may have been carried out.
    ///
    /// # Errors
    ///
    /// [`Fault::Unknown`] where the change may have been made; with any other error it was not.
    fn send(&self, call: &Call, current: Option<&Found>) -> impl Future<Output = Result<Sent, Fault>> + Send;
}

/// What came of a change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// The thing's id at the service; `None` for a removal.
    pub external_id: Option<Box<str>>,
    /// Ids that this change left behind for nobody, such as that of a replaced key.
    pub orphans: Vec<Box<str>>,
}
