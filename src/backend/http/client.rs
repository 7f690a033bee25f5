use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use reqwest::Url;
use reqwest::redirect::Policy;

use super::super::fault::Fault;
use super::allow::AllowList;
use super::clock::{Clock, SystemClock};
use super::learned::{Learned, host_of};
use super::pace::{Pace, Rate};
use super::request::Request;
use super::resolve::{Guard, Lookup, system};
use super::response::Response;
use super::retry::{asked_for, backoff};
use super::tls::{tls, trusting_nobody};
use super::transport::{Ended, Meter, Unmetered, attempt, metered};

/// What a client never exceeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a connection may take.
    pub connect: Duration,
    /// How long one attempt may take, from the connection to the last byte.
    pub attempt: Duration,
    /// How long a call may take with all its attempts and what is waited between them.
    pub total: Duration,
    /// How often a call is attempted.
    pub attempts: u32,
    /// How many bytes of an answer are read.
    pub body: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            attempt: Duration::from_secs(30),
            total: Duration::from_mins(2),
            attempts: 5,
            body: 8 * 1024 * 1024,
        }
    }
}

/// How a client calls.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name of the service in metrics.
    pub backend: &'static str,
    /// Where services may be.
    pub allow: Arc<AllowList>,
    /// How often it may be called.
    pub rate: Rate,
    /// What is never exceeded.
    pub limits: Limits,
    /// How it waits.
    pub clock: Arc<dyn Clock>,
    /// What counts the calls.
    pub meter: Arc<dyn Meter>,
    /// What the run that it calls for learned of addresses.
    pub learned: Learned,
}

impl Settings {
    /// Calls of this service at this rate, with everything else as usual.
    #[must_use]
    pub fn new(backend: &'static str, rate: Rate) -> Self {
        Self {
            backend,
            allow: Arc::default(),
            rate,
            limits: Limits::default(),
            clock: Arc::new(SystemClock),
            meter: Arc::new(Unmetered),
            learned: Learned::default(),
        }
    }
}

/// Why the address of a service cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the address of the service cannot be used: {why}; write it as https://HOST, https://HOST:PORT or https://HOST/PATH")]
pub struct AddressError {
    why: &'static str,
}

/// Calls one service. A clone shares connections and the rate.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    guard: Guard,
    pace: Arc<Pace>,
    settings: Settings,
    /// What it is called where faults are remembered.
    place: Box<str>,
}

impl Client {
    /// A client of the service at this address. Nothing is connected to yet.
    ///
    /// # Errors
    ///
    /// When the address cannot be read, or is not one of HTTP.
    pub fn new(base: &str, settings: Settings) -> Result<Self, AddressError> {
        Self::with_lookup(base, settings, system())
    }

    pub(super) fn with_lookup(base: &str, settings: Settings, lookup: Lookup) -> Result<Self, AddressError> {
        let (base, port) = checked(base)?;
        let guard = Guard { allow: settings.allow.clone(), port, tls: base.scheme() == "https", lookup };
        let trust = if guard.tls { tls() } else { trusting_nobody() };
        let trust = trust.map_err(|_| AddressError { why: "TLS cannot be prepared" })?;
        let http = reqwest::Client::builder()
            .user_agent(concat!("muster/", env!("CARGO_PKG_VERSION")))
            .tls_backend_preconfigured(trust)
            .redirect(Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .referer(false)
            .connect_timeout(settings.limits.connect)
            .timeout(settings.limits.attempt)
            .pool_idle_timeout(IDLE)
            .dns_resolver(guard.clone())
            .build()
            .map_err(|_| AddressError { why: "no connection can be prepared" })?;
        let pace = Arc::new(Pace::new(settings.rate));
        let place = host_of(base.as_str());
        Ok(Self { http, base, guard, pace, settings, place })
    }

    /// The same client in another run, which has learned nothing yet.
    #[cfg(test)]
    pub(super) fn anew(&self) -> Self {
        let settings = Settings { learned: Learned::default(), ..self.settings.clone() };
        Self { settings, ..self.clone() }
    }

    /// Calls the service. The answer is a success.
    ///
    /// # Errors
    ///
    /// Whatever the service does not do, as [`Fault`] says.
    pub async fn send(&self, request: Request) -> Result<Response, Fault> {
        self.exchange(request).await?.or_fault()
    }

    /// Calls the service, where also an answer from 300 to 499 means something that the caller knows how to read.
    ///
    /// # Errors
    ///
    /// When there is no answer, the service fails, or it goes on asking for fewer requests. After [`Fault::Unreachable`], nothing is sent any
    /// more.
    pub async fn exchange(&self, request: Request) -> Result<Response, Fault> {
        let ended = self.attempts(request).await;
        if let Err(fault) = &ended {
            self.settings.learned.note(&self.place, fault);
        }
        ended
    }

    async fn attempts(&self, request: Request) -> Result<Response, Fault> {
        let url = request.url(&self.base)?;
        let host = self.host();
        if let Some(address) = written_out(&url) {
            self.guard.judge(host, address).map_err(|why| Ended::Forbidden(why).fault(host, true))?;
        }
        let (clock, limits) = (&*self.settings.clock, &self.settings.limits);
        let only_reads = request.only_reads();
        let mut started = None;
        for attempts in 1.. {
            if let Some(given_up) = self.settings.learned.given_up(&self.place) {
                return Err(given_up);
            }
            self.pace.turn(clock).await;
            if let Some(given_up) = self.settings.learned.given_up(&self.place) {
                return Err(given_up);
            }
            let started = *started.get_or_insert_with(|| clock.now());
            let ended = attempt(&self.http, url.clone(), &request, limits.body);
            let ended = match metered(&*self.settings.meter, self.settings.backend, &request, ended).await {
                Ended::Answered(response, _) if is_final(response.status()) => return Ok(response),
                ended => ended,
            };
            let Some(wait) = again(&ended, only_reads, attempts, clock) else {
                return Err(ended.fault(host, only_reads));
            };
            if ended.asks_for_fewer() {
                self.pace.hold(clock, wait.min(limits.total));
            }
            if attempts >= limits.attempts || clock.now() - started + wait > limits.total {
                return Err(ended.fault(host, only_reads));
            }
            clock.sleep(wait).await;
        }
        Err(Fault::unavailable("it was asked too often"))
    }

    /// The date and time of day, by the clock that it waits with.
    #[must_use]
    pub fn today(&self) -> Timestamp {
        self.settings.clock.today()
    }

    /// The address of the service.
    #[must_use]
    pub fn address(&self) -> &str {
        self.base.as_str()
    }

    /// The host that is called.
    #[must_use]
    pub fn host(&self) -> &str {
        self.base.host_str().unwrap_or_default()
    }
}

/// How long a connection is kept that nobody uses: less than servers do, so that few calls meet one that is being closed.
const IDLE: Duration = Duration::from_secs(15);

fn checked(base: &str) -> Result<(Url, u16), AddressError> {
    let error = |why| AddressError { why };
    let url = Url::parse(base).map_err(|_| error("it is no URL"))?;
    if !matches!(url.scheme(), "https" | "http") {
        return Err(error("it begins neither with https:// nor with http://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(error("it holds a user or a password, which belong into a Secret"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(error("it has a ? or a #"));
    }
    match (url.host_str(), url.port_or_known_default()) {
        (Some(_), Some(port)) if port > 0 => Ok((url, port)),
        _ => Err(error("it has no host")),
    }
}

/// The address, where the host is one and not a name.
fn written_out(url: &Url) -> Option<std::net::IpAddr> {
    let host = url.host_str()?;
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host).parse().ok()
}

/// Whether a status means the same when the call is made again: 408 and 429 do not, and of those that a service fails with
/// only that it does not know the operation.
fn is_final(status: u16) -> bool {
    !matches!(status, 408 | 429 | 500 | 502..)
}

/// How long to wait until the call is made again; `None` where that does not help or is not safe.
fn again(ended: &Ended, only_reads: bool, attempts: u32, clock: &dyn Clock) -> Option<Duration> {
    match ended {
        Ended::Answered(response, after) if response.status() == 429 || only_reads => {
            let asked = asked_for(after.as_deref(), response.body(), clock.today());
            Some(asked.unwrap_or_default().max(backoff(attempts, clock)))
        }
        Ended::NotSent(_) => Some(backoff(attempts, clock)),
        Ended::Lost(_) if only_reads => Some(backoff(attempts, clock)),
        Ended::Answered(..) | Ended::Lost(_) | Ended::TooLong | Ended::Forbidden(_) | Ended::Impossible(_) => None,
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.base.as_str()).field("settings", &self.settings).finish_non_exhaustive()
    }
}
