//! Values that carry their range: a type per rule that a single value must obey.
//!
//! Each refuses what its JSON schema refuses, with a message that names the range. The checks are written by hand because they run once
//! per value of every document; no regular expression is compiled or run.

mod address;
mod collection;
mod number;
mod reference;
mod text;
mod time;

pub(crate) use address::internal;
pub use address::is_internal;
pub use collection::{List, Map, Named, NamedList, Set};
pub use number::{Expiry, Int, Number, Quota, Retention};
pub use reference::{Ref, SecretKeyRef, SecretRef};
pub use text::{Email, HeaderName, ObjectName, SecretKey, SecretName, StreamUrl, TemplateName, Text, Url};
pub use time::{Period, Time};

/// A value is outside of the range of its type. The message names the range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub(crate) String);

/// Declares an enum whose variants are written as the given words, with the schema and messages that list them.
macro_rules! choice {
    ($(#[$meta:meta])* $vis:vis enum $name:ident { $($(#[$doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        $vis enum $name { $($(#[$doc])* $variant),+ }

        impl $name {
            /// Every value, in order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The words as documents write them, in the same order.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word as documents write it.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $word),+ }
            }

            /// The value that documents write with this word.
            #[must_use]
            pub fn parse(word: &str) -> Option<Self> {
                match word { $($word => Some(Self::$variant),)+ _ => None }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Word;
                impl serde::de::Visitor<'_> for Word {
                    type Value = $name;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        write!(f, "one of {}", $name::WORDS.join(", "))
                    }

                    fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<$name, E> {
                        $name::parse(word).ok_or_else(|| E::unknown_variant(word, $name::WORDS))
                    }
                }
                deserializer.deserialize_str(Word)
            }
        }

        impl schemars::JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string", "enum": $name::WORDS })
            }
        }
    };
}
pub(crate) use choice;

#[cfg(test)]
mod tests;
