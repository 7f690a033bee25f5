//! Strings with a length and an alphabet.

use std::borrow::{Borrow, Cow};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Invalid;

/// What the impls of all string types share; the type must be a tuple struct over `Arc<str>` with a `parse` function.
macro_rules! string_impls {
    ([$($generics:tt)*] $name:ty, $expects:expr) => {
        impl<$($generics)*> $name {
            /// The text as it was written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl<$($generics)*> fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl<$($generics)*> AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl<$($generics)*> Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl<$($generics)*> PartialEq<str> for $name {
            fn eq(&self, other: &str) -> bool {
                &*self.0 == other
            }
        }

        impl<$($generics)*> PartialEq<&str> for $name {
            fn eq(&self, other: &&str) -> bool {
                &*self.0 == *other
            }
        }

        impl<$($generics)*> FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Invalid> {
                Self::parse(text)
            }
        }

        impl<$($generics)*> Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de, $($generics)*> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Str;
                impl Visitor<'_> for Str {
                    type Value = Arc<str>;

                    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                        f.write_str("a string")
                    }

                    fn visit_str<E: Error>(self, text: &str) -> Result<Arc<str>, E> {
                        Ok(text.into())
                    }
                }
                let text = deserializer.deserialize_str(Str)?;
                Self::validate(&text).map_err(D::Error::custom)?;
                Ok(Self(text))
            }
        }
    };
}

/// Declares a string type: its longest length, its pattern for the schema, the check that means the same, and the words for it.
macro_rules! string_type {
    ($(#[$meta:meta])* $name:ident: $max:literal, $pattern:expr, $check:expr, $expects:literal) => {
        $(#[$meta])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The most characters it may have.
            pub const MAX: usize = $max;

            /// Takes the text if it is one.
            ///
            /// # Errors
            /// The message names what is allowed.
            pub fn parse(text: &str) -> Result<Self, Invalid> {
                Self::validate(text).map(|()| Self(text.into()))
            }

            fn validate(text: &str) -> Result<(), Invalid> {
                length(text, $max)?;
                let check: fn(&str) -> bool = $check;
                if check(text) { Ok(()) } else { Err(refuse($expects, text)) }
            }
        }

        string_impls!([] $name, $expects);

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "minLength": 1, "maxLength": $max, "pattern": $pattern })
            }
        }
    };
}

fn refuse(expects: &str, text: &str) -> Invalid {
    let shown: String = text.chars().take(80).flat_map(char::escape_debug).collect();
    Invalid(format!("must be {expects}, not \"{shown}\""))
}

fn length(text: &str, max: usize) -> Result<(), Invalid> {
    if text.is_empty() {
        return Err(Invalid("must not be empty".to_owned()));
    }
    // A string has at most as many characters as bytes, so most are never counted.
    if text.len() > max {
        let count = text.chars().count();
        if count > max {
            return Err(Invalid(format!("must have at most {max} characters, not {count}")));
        }
    }
    Ok(())
}

/// Free text of 1 to `MAX` characters without control characters, so that it fits on one line everywhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<const MAX: usize>(Arc<str>);

impl<const MAX: usize> Text<MAX> {
    /// Takes the text if it is neither empty nor too long and has no control characters.
    ///
    /// # Errors
    /// The message names what is allowed.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        Self::validate(text).map(|()| Self(text.into()))
    }

    fn validate(text: &str) -> Result<(), Invalid> {
        length(text, MAX)?;
        if text.chars().any(char::is_control) {
            Err(refuse("free of control characters such as tabs and line breaks", text))
        } else {
            Ok(())
        }
    }
}

string_impls!([const MAX: usize] Text<MAX>, "text");

impl<const MAX: usize> JsonSchema for Text<MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Text{MAX}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1, "maxLength": MAX, "pattern": r"^\P{Cc}*$" })
    }
}

string_type! {
    /// The name of an object: a DNS label, because it becomes part of references, labels and addresses.
    ObjectName: 63, "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", is_label,
    "lower-case letters, digits and '-', with a letter or digit at both ends"
}

string_type! {
    /// The name of a Secret: a DNS subdomain.
    SecretName: 253, r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$", |text| text.split('.').all(is_label),
    "the name of a Secret: lower-case letters, digits, '-' and '.', with a letter or digit at both ends of each part"
}

string_type! {
    /// A key inside a Secret.
    SecretKey: 253, "^[-._a-zA-Z0-9]+$", |text| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b)),
    "a key of a Secret: letters, digits, '-', '_' and '.'"
}

string_type! {
    /// The name of a template at the service.
    TemplateName: 128, "^[-A-Za-z0-9 .:_]+$", |text| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"- .:_".contains(&b)),
    "letters, digits, spaces, '.', '-', ':' and '_'"
}

string_type! {
    /// The name of an HTTP header.
    HeaderName: 128, "^[-!#$%&'*+.^_`|~0-9A-Za-z]+$", |text| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-!#$%&'*+.^_`|~".contains(&b)),
    "the name of an HTTP header, such as X-Environment"
}

string_type! {
    /// An address of a web service. It has no user and password in it, because those belong in a Secret.
    Url: 2048, r"^https?://[-.:\[\]A-Za-z0-9_]+([/?#][!-~]*)?$", |text| is_url(text, &["https://", "http://"]),
    "an address such as https://hooks.acme.example/rooms, without a user, password or space"
}

string_type! {
    /// An address of a streaming service. Where it ends in a stream key it belongs in a Secret.
    StreamUrl: 2048, r"^rtmps?://[-.:\[\]A-Za-z0-9_]+([/?#][!-~]*)?$", |text| is_url(text, &["rtmps://", "rtmp://"]),
    "an address such as rtmps://live.acme.example/app, without a user, password or space"
}

string_type! {
    /// An e-mail address, kept as it was written. Two are the same when their [`key`](Email::key) is.
    Email: 254, EMAIL, is_email,
    "an e-mail address such as alice@acme.example, with ASCII characters only"
}

impl Email {
    /// The address in lower case: what identifies a person.
    #[must_use]
    pub fn key(&self) -> Cow<'_, str> {
        if self.0.bytes().any(|b| b.is_ascii_uppercase()) {
            Cow::Owned(self.0.to_ascii_lowercase())
        } else {
            Cow::Borrowed(&self.0)
        }
    }
}

const EMAIL: &str =
    r"^[-a-zA-Z0-9.!#$%&'*+/=?^_`{|}~]+@[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?(\.[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?)*$";

fn is_label(text: &str) -> bool {
    is_host_label(text) && !text.bytes().any(|b| b.is_ascii_uppercase())
}

fn is_host_label(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
        && bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    !local.is_empty()
        && local.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.!#$%&'*+/=?^_`{|}~".contains(&b))
        && domain.split('.').all(is_host_label)
}

fn is_url(text: &str, schemes: &[&str]) -> bool {
    let Some(rest) = schemes.iter().find_map(|scheme| text.strip_prefix(scheme)) else { return false };
    let host = rest.find(['/', '?', '#']).map_or(rest, |end| &rest[..end]);
    !host.is_empty()
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:[]_".contains(&b))
        && rest.bytes().all(|b| b.is_ascii_graphic())
}
