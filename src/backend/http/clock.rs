use std::fmt::Debug;
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::time::Instant;

/// Time and chance, as a client needs them to wait. Tests have one that lets no time pass.
pub trait Clock: Debug + Send + Sync {
    /// The time that waiting is measured with.
    fn now(&self) -> Instant;

    /// The date and time of day, which a service may say to come back at.
    fn today(&self) -> Timestamp;

    /// A number from 0 to 1, so that many who wait do not come back together.
    fn chance(&self) -> f64;

    /// Waits.
    fn sleep(&self, wait: Duration) -> BoxFuture<'_, ()>;
}

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn today(&self) -> Timestamp {
        Timestamp::now()
    }

    fn chance(&self) -> f64 {
        let (random, _) = uuid::Uuid::new_v4().as_u64_pair();
        (random >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'_, ()> {
        Box::pin(tokio::time::sleep(wait))
    }
}
