//! The client against servers that do as they like.

mod allow;
mod bounds;
mod calls;
mod retries;
mod safety;
mod server;

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio::time::Instant;

use super::resolve::Lookup;
use super::{AllowList, Attempt, Client, Clock, Limits, Meter, Rate, Settings};

/// A clock on which waiting takes no time, and remembers how long it was.
#[derive(Debug)]
pub struct Hasty {
    start: Instant,
    slept: Mutex<Vec<Duration>>,
}

impl Hasty {
    pub fn new() -> Arc<Self> {
        Arc::new(Self { start: Instant::now(), slept: Mutex::default() })
    }

    /// How long was waited, each time, in milliseconds.
    pub fn slept(&self) -> Vec<u128> {
        self.slept.lock().unwrap().iter().map(Duration::as_millis).collect()
    }
}

/// What the calendar says on this clock.
pub const TODAY: &str = "2026-11-26T12:00:00Z";

impl Clock for Hasty {
    fn now(&self) -> Instant {
        self.start + self.slept.lock().unwrap().iter().sum::<Duration>()
    }

    fn today(&self) -> Timestamp {
        TODAY.parse().unwrap()
    }

    fn chance(&self) -> f64 {
        1.0
    }

    fn sleep(&self, wait: Duration) -> BoxFuture<'_, ()> {
        self.slept.lock().unwrap().push(wait);
        Box::pin(std::future::ready(()))
    }
}

/// Remembers what was counted.
#[derive(Debug, Default)]
pub struct Counted(pub Mutex<Vec<(&'static str, Option<u16>)>>);

impl Meter for Counted {
    fn attempted(&self, attempt: Attempt) {
        assert_eq!(attempt.backend, "a service");
        self.0.lock().unwrap().push((attempt.op, attempt.status));
    }
}

pub fn allowed(entries: &[&str]) -> Arc<AllowList> {
    Arc::new(entries.iter().map(|entry| entry.parse().unwrap()).collect())
}

/// As a client usually is, but that loopback is allowed and nobody waits.
pub fn settings(clock: &Arc<Hasty>) -> Settings {
    let mut settings = Settings::new("a service", Rate::per_second(1000, 1000));
    settings.allow = allowed(&["127.0.0.1"]);
    settings.clock = clock.clone();
    settings
}

pub fn client(base: &str) -> Client {
    Client::new(base, settings(&Hasty::new())).unwrap()
}

/// A client that reads little and is not patient.
pub fn strict(base: &str) -> Client {
    let mut settings = settings(&Hasty::new());
    settings.limits = Limits { body: 1000, attempts: 1, attempt: Duration::from_millis(200), ..Limits::default() };
    Client::new(base, settings).unwrap()
}

/// Names as a test wants them to be resolved.
pub fn lookup(addresses: &[&str]) -> Lookup {
    let addresses: Vec<IpAddr> = addresses.iter().map(|address| address.parse().unwrap()).collect();
    Arc::new(move |_| Box::pin(std::future::ready(Ok(addresses.clone()))))
}
