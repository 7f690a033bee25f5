use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::clock::Clock;

/// How often a service may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    every: Duration,
    burst: u32,
}

impl Rate {
    /// So many calls in a second, after `burst` calls at once. At least one each.
    #[must_use]
    pub const fn per_second(calls: u32, burst: u32) -> Self {
        let calls = if calls == 0 { 1 } else { calls };
        Self { every: Duration::from_nanos(1_000_000_000 / calls as u64), burst: if burst == 0 { 1 } else { burst } }
    }

    /// One call in each such time, after `burst` calls at once.
    #[must_use]
    pub const fn one_every(every: Duration, burst: u32) -> Self {
        Self { every, burst: if burst == 0 { 1 } else { burst } }
    }

    /// How long so many calls take, beginning with a full budget.
    #[must_use]
    pub fn time_for(self, calls: u64) -> Duration {
        let waiting = calls.saturating_sub(u64::from(self.burst));
        self.every.saturating_mul(u32::try_from(waiting).unwrap_or(u32::MAX))
    }
}

/// Keeps to a rate. A client and its clones share one; another client of the same service has its own.
#[derive(Debug)]
pub(super) struct Pace {
    rate: Rate,
    /// When the budget is full again.
    full: Mutex<Option<Instant>>,
}

impl Pace {
    pub fn new(rate: Rate) -> Self {
        Self { rate, full: Mutex::new(None) }
    }

    /// Waits until one more call may be made.
    pub async fn turn(&self, clock: &dyn Clock) {
        let wait = self.reserve(clock.now());
        if !wait.is_zero() {
            clock.sleep(wait).await;
        }
    }

    fn reserve(&self, now: Instant) -> Duration {
        let mut full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        let then = full.map_or(now, |full| full.max(now)) + self.rate.every;
        *full = Some(then);
        (then - now).saturating_sub(self.rate.every.saturating_mul(self.rate.burst))
    }

    /// Nobody calls for this long: the service said that it is too much.
    pub fn hold(&self, clock: &dyn Clock, wait: Duration) {
        let until = clock.now() + wait + self.rate.every.saturating_mul(self.rate.burst.saturating_sub(1));
        let mut full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        *full = Some(full.map_or(until, |full| full.max(until)));
    }
}
