//! A clock on which waiting takes no time, so that a test of a service that is slow or busy is not.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use muster::backend::http::Clock;
use tokio::time::Instant;

/// The clock; it knows how long was waited.
#[derive(Debug)]
pub struct Hasty {
    start: Instant,
    waited: Mutex<Duration>,
}

impl Hasty {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { start: Instant::now(), waited: Mutex::default() })
    }

    /// How long was waited in all.
    pub fn waited(&self) -> Duration {
        *self.waited.lock().unwrap()
    }
}

impl Clock for Hasty {
    fn now(&self) -> Instant {
        self.start + self.waited()
    }

    fn today(&self) -> Timestamp {
        Timestamp::UNIX_EPOCH + self.waited()
    }

    fn chance(&self) -> f64 {
        0.5
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'_, ()> {
        *self.waited.lock().unwrap() += wait;
        Box::pin(std::future::ready(()))
    }
}
