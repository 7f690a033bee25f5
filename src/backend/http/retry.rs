use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimeParser;

use super::clock::Clock;

/// The first wait and the longest one.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(16));

/// How long to wait after this many attempts: doubled each time, between half of that and all of it.
pub(super) fn backoff(attempts: u32, clock: &dyn Clock) -> Duration {
    let doubled = BACKOFF.0.saturating_mul(2_u32.saturating_pow(attempts.saturating_sub(1)));
    doubled.min(BACKOFF.1).mul_f64(0.5 + clock.chance().clamp(0.0, 1.0) / 2.0)
}

/// The wait that a service asks for: in a header `Retry-After` as seconds or as a date, or, as 100ms does, in a sentence.
pub(super) fn asked_for(header: Option<&str>, body: &[u8], now: Timestamp) -> Option<Duration> {
    header.and_then(|value| seconds(value).or_else(|| until(value, now))).or_else(|| sentence(body))
}

fn seconds(value: &str) -> Option<Duration> {
    let value = value.trim();
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    // More digits than fit are a very long time, not none.
    digits.then(|| Duration::from_secs(value.parse().unwrap_or(u64::from(u32::MAX))))
}

fn until(value: &str, now: Timestamp) -> Option<Duration> {
    let then = DateTimeParser::new().parse_timestamp(value.trim()).ok()?;
    Some(Duration::try_from(now.duration_until(then)).unwrap_or_default())
}

fn sentence(body: &[u8]) -> Option<Duration> {
    let text = String::from_utf8_lossy(&body[..body.len().min(1024)]);
    let (_, rest) = text.split_once("retry after ")?;
    let (number, unit) = rest.split_once(' ')?;
    unit.starts_with("second").then(|| seconds(number)).flatten()
}
