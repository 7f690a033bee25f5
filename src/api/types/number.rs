//! Integers and decimals with a range, and integers that may be a word instead.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Invalid;

/// An integer from `MIN` to `MAX`, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Int<const MIN: i64, const MAX: i64>(i64);

impl<const MIN: i64, const MAX: i64> Int<MIN, MAX> {
    /// The number, if it is in the range.
    ///
    /// # Errors
    /// The message names the range.
    pub fn new(value: i64) -> Result<Self, Invalid> {
        if (MIN..=MAX).contains(&value) {
            Ok(Self(value))
        } else {
            Err(Invalid(format!("must be between {MIN} and {MAX}, not {value}")))
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

impl<const MIN: i64, const MAX: i64> fmt::Display for Int<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const MIN: i64, const MAX: i64> Serialize for Int<MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

impl<'de, const MIN: i64, const MAX: i64> Deserialize<'de> for Int<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_i64(IntVisitor { min: MIN, max: MAX, word: None }).map(|value| Self(value.unwrap_or(MIN)))
    }
}

impl<const MIN: i64, const MAX: i64> JsonSchema for Int<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("IntFrom{MIN}To{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "integer", "format": "int64", "minimum": MIN, "maximum": MAX })
    }
}

/// Reads an integer in a range, or `None` for the word, where there is one.
struct IntVisitor {
    min: i64,
    max: i64,
    word: Option<&'static str>,
}

impl Visitor<'_> for IntVisitor {
    type Value = Option<i64>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an integer between {} and {}", self.min, self.max)?;
        self.word.map_or(Ok(()), |word| write!(f, ", or the word {word}"))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Option<i64>, E> {
        if (self.min..=self.max).contains(&value) {
            Ok(Some(value))
        } else {
            Err(E::invalid_value(Unexpected::Signed(value), &self))
        }
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Option<i64>, E> {
        match i64::try_from(value) {
            Ok(value) => self.visit_i64(value),
            Err(_) => Err(E::invalid_value(Unexpected::Unsigned(value), &self)),
        }
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Option<i64>, E> {
        if self.word == Some(value) {
            Ok(None)
        } else if self.word.is_some() {
            Err(E::invalid_value(Unexpected::Str(value), &self))
        } else {
            Err(E::invalid_type(Unexpected::Str(value), &self))
        }
    }
}

/// A decimal from `MIN` to `MAX` thousandths, both included.
#[derive(Clone, Copy, Debug)]
pub struct Number<const MIN: i64, const MAX: i64>(f64);

impl<const MIN: i64, const MAX: i64> Number<MIN, MAX> {
    /// The number, if it is in the range.
    ///
    /// # Errors
    /// The message names the range.
    pub fn new(value: f64) -> Result<Self, Invalid> {
        if (thousandths(MIN)..=thousandths(MAX)).contains(&value) {
            Ok(Self(value))
        } else {
            Err(Invalid(format!("must be between {} and {}, not {value}", thousandths(MIN), thousandths(MAX))))
        }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> f64 {
        self.0
    }
}

#[allow(clippy::cast_precision_loss)] // Bounds are literals of a few digits.
fn thousandths(value: i64) -> f64 {
    value as f64 / 1000.0
}

impl<const MIN: i64, const MAX: i64> PartialEq for Number<MIN, MAX> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<const MIN: i64, const MAX: i64> Eq for Number<MIN, MAX> {}

impl<const MIN: i64, const MAX: i64> PartialOrd for Number<MIN, MAX> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<const MIN: i64, const MAX: i64> Ord for Number<MIN, MAX> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl<const MIN: i64, const MAX: i64> fmt::Display for Number<MIN, MAX> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<const MIN: i64, const MAX: i64> Serialize for Number<MIN, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}

impl<'de, const MIN: i64, const MAX: i64> Deserialize<'de> for Number<MIN, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(f64::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl<const MIN: i64, const MAX: i64> JsonSchema for Number<MIN, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("NumberFrom{MIN}To{MAX}Thousandths").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "format": "double", "minimum": thousandths(MIN), "maximum": thousandths(MAX) })
    }
}

/// Declares a type that is an integer in a range or one word.
macro_rules! int_or_word {
    ($(#[$meta:meta])* $name:ident { $(#[$int_doc:meta])* $int:ident($min:literal, $max:literal), $(#[$word_doc:meta])* $variant:ident = $word:literal }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $(#[$int_doc])*
            $int(Int<$min, $max>),
            $(#[$word_doc])*
            $variant,
        }

        impl $name {
            /// The number, if it is in the range.
            ///
            /// # Errors
            /// The message names the range.
            pub fn new(value: i64) -> Result<Self, Invalid> {
                Int::new(value).map(Self::$int)
            }

            /// The number, or `None` for the word.
            #[must_use]
            pub const fn get(self) -> Option<i64> {
                match self {
                    Self::$int(value) => Some(value.get()),
                    Self::$variant => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self {
                    Self::$int(value) => value.fmt(f),
                    Self::$variant => f.pad($word),
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                match self {
                    Self::$int(value) => value.serialize(serializer),
                    Self::$variant => serializer.serialize_str($word),
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let read = deserializer.deserialize_any(IntVisitor { min: $min, max: $max, word: Some($word) })?;
                Ok(read.map_or(Self::$variant, |value| Self::$int(Int(value))))
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            // A minimum judges only numbers and a pattern only strings, so together they describe both.
            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                let (min, max): (i64, i64) = ($min, $max);
                json_schema!({
                    "x-kubernetes-int-or-string": true,
                    "minimum": min,
                    "maximum": max,
                    "pattern": concat!("^", $word, "$"),
                    "maxLength": $word.len(),
                })
            }
        }
    };
}

int_or_word! {
    /// An amount, or no limit at all.
    Quota {
        /// At most so many.
        Limit(0, 1_000_000_000_000),
        /// No limit.
        Unlimited = "Unlimited"
    }
}

int_or_word! {
    /// How long something that was soft-deleted is kept.
    Retention {
        /// For so many days; 0 means that it is purged by the plan that deletes it.
        Days(0, 36_500),
        /// It is never purged because of its age.
        Forever = "Forever"
    }
}

int_or_word! {
    /// How long an invitation stays open.
    Expiry {
        /// For so many days.
        Days(1, 3_650),
        /// Until it is answered.
        Never = "Never"
    }
}
