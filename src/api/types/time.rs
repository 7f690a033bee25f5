//! Points in time and lengths of time.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use jiff::Timestamp;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Invalid;

/// A point in time, written as in RFC 3339 with an offset: `2027-01-31T12:00:00Z`. It is printed in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub Timestamp);

impl Time {
    /// The point in time.
    #[must_use]
    pub const fn get(self) -> Timestamp {
        self.0
    }
}

impl From<Timestamp> for Time {
    fn from(time: Timestamp) -> Self {
        Self(time)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

const TIME: &str =
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,9})?(Z|[-+]([01][0-9]|2[0-3]):[0-5][0-9])$";

impl FromStr for Time {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let parsed = if is_rfc3339(text.as_bytes()) { text.parse().ok() } else { None };
        parsed.map(Self).ok_or_else(|| {
            let shown: String = text.chars().take(80).flat_map(char::escape_debug).collect();
            Invalid(format!("must be a time with an offset such as 2027-01-31T12:00:00Z, not \"{shown}\""))
        })
    }
}

/// The same as [`TIME`]; jiff alone also takes a space for the `T`, named zones and leap seconds, which the API server refuses.
fn is_rfc3339(text: &[u8]) -> bool {
    let Some((date_time, rest)) = text.split_at_checked(19) else { return false };
    let shape = date_time
        .iter()
        .zip(b"0000-00-00T00:00:00")
        .all(|(b, model)| if *model == b'0' { b.is_ascii_digit() } else { b == model });
    let digits = rest.iter().skip(1).take_while(|b| b.is_ascii_digit()).count();
    let offset = match rest.first() {
        Some(b'.') if (1..=9).contains(&digits) => &rest[1 + digits..],
        Some(b'.') => return false,
        _ => rest,
    };
    let offset_is_right = match offset {
        b"Z" => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => is_clock(&[*h1, *h2], 23) && is_clock(&[*m1, *m2], 59),
        _ => false,
    };
    shape
        && offset_is_right
        && is_clock(&date_time[11..13], 23)
        && is_clock(&date_time[14..16], 59)
        && is_clock(&date_time[17..19], 59)
}

fn is_clock(digits: &[u8], max: u8) -> bool {
    matches!(digits, [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] if (tens - b'0') * 10 + (ones - b'0') <= max)
}

/// A length of time from `MIN` to `MAX` seconds, written as `30s`, `10m` or `1h30m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Period<const MIN: i64, const MAX: i64>(i64);

impl<const MIN: i64, const MAX: i64> Period<MIN, MAX> {
    /// A period of so many seconds, if it is in the range.
    ///
    /// # Errors
    /// The message names the range.
    pub fn from_seconds(seconds: i64) -> Result<Self, Invalid> {
        if (MIN..=MAX).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(Invalid(format!("{}, not {}", Self::range(), written(seconds))))
        }
    }

    /// How many seconds it has.
    #[must_use]
    pub const fn seconds(self) -> i64 {
        self.0
    }

    fn range() -> String {
        format!("must be between {} and {}", written(MIN), written(MAX))
    }
}

impl<const MIN: i64, const MAX: i64> fmt::Display for Period<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&written(self.0))
    }
}

impl<const MIN: i64, const MAX: i64> FromStr for Period<MIN, MAX> {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let Some(seconds) = seconds(text) else {
            let shown: String = text.chars().take(80).flat_map(char::escape_debug).collect();
            return Err(Invalid(format!("must be a length of time such as 30s, 10m or 1h30m, not \"{shown}\"")));
        };
        Self::from_seconds(seconds)
    }
}

const PERIOD: &str = "^([0-9]{1,6}h)?([0-9]{1,6}m)?([0-9]{1,6}s)?$";

/// The same as [`PERIOD`], and the value.
fn seconds(text: &str) -> Option<i64> {
    let (mut rest, mut total) = (text, 0);
    for (unit, factor) in [('h', 3600), ('m', 60), ('s', 1)] {
        if let Some((digits, after)) = rest.split_once(unit) {
            if !(1..=6).contains(&digits.len()) || !digits.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            total += digits.parse::<i64>().ok()? * factor;
            rest = after;
        }
    }
    (rest.is_empty() && !text.is_empty()).then_some(total)
}

fn written(seconds: i64) -> String {
    let mut text = String::new();
    for (unit, amount) in [('h', seconds / 3600), ('m', seconds / 60 % 60), ('s', seconds % 60)] {
        if amount != 0 {
            text.push_str(&amount.to_string());
            text.push(unit);
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

/// Reads a string and parses it.
struct Parsed<T>(std::marker::PhantomData<T>);

impl<T: FromStr<Err = Invalid>> Visitor<'_> for Parsed<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Parsed(std::marker::PhantomData))
    }
}

impl JsonSchema for Time {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Time".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": "date-time", "maxLength": 35, "pattern": TIME })
    }
}

impl<const MIN: i64, const MAX: i64> Serialize for Period<MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de, const MIN: i64, const MAX: i64> Deserialize<'de> for Period<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Parsed(std::marker::PhantomData))
    }
}

impl<const MIN: i64, const MAX: i64> JsonSchema for Period<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("PeriodFrom{MIN}To{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let rule = format!("duration(self) >= duration('{}') && duration(self) <= duration('{}')", written(MIN), written(MAX));
        json_schema!({
            "type": "string",
            "minLength": 2,
            "maxLength": 21,
            "pattern": PERIOD,
            "x-kubernetes-validations": [{ "rule": rule, "message": Self::range() }],
        })
    }
}
