//! A document around its spec: what every object of Kubernetes has, kept as far as Muster needs it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::api::{Kind, Spec};

/// A document whose kind is known beforehand.
pub(super) struct Envelope<'a> {
    pub api_version: Cow<'a, str>,
    pub kind: Cow<'a, str>,
    pub metadata: Metadata<'a>,
    pub spec: Spec,
}

/// The part of `metadata` that counts. The rest, which an API server adds, is accepted and left alone.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct Metadata<'a> {
    #[serde(borrow)]
    pub name: Text<'a>,
    #[serde(borrow, default)]
    pub namespace: Text<'a>,
    #[serde(default)]
    pub annotations: Annotations,
    #[serde(default, rename = "labels")]
    _labels: Labels,
    #[serde(default, rename = "creationTimestamp")]
    _creation_timestamp: Left,
    #[serde(default, rename = "deletionGracePeriodSeconds")]
    _deletion_grace_period_seconds: Left,
    #[serde(default, rename = "deletionTimestamp")]
    _deletion_timestamp: Left,
    #[serde(default, rename = "finalizers")]
    _finalizers: Left,
    #[serde(default, rename = "generateName")]
    _generate_name: Left,
    #[serde(default, rename = "generation")]
    _generation: Left,
    #[serde(default, rename = "managedFields")]
    _managed_fields: Left,
    #[serde(default, rename = "ownerReferences")]
    _owner_references: Left,
    #[serde(default, rename = "resourceVersion")]
    _resource_version: Left,
    #[serde(default, rename = "selfLink")]
    _self_link: Left,
    #[serde(default, rename = "uid")]
    _uid: Left,
}

/// The fields of a document.
pub(super) const FIELDS: &[&str] = &["apiVersion", "kind", "metadata", "spec", "status"];

#[derive(Deserialize)]
#[serde(field_identifier, rename_all = "camelCase")]
enum Field {
    ApiVersion,
    Kind,
    Metadata,
    Spec,
    Status,
}

/// Reads a document of a kind.
pub(super) struct Of(pub Kind);

impl<'de> DeserializeSeed<'de> for Of {
    type Value = Envelope<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Envelope<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Of {
    type Value = Envelope<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of fields")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Envelope<'de>, A::Error> {
        let (mut api_version, mut kind, mut metadata, mut spec, mut status) = (None, None, None, None, None);
        while let Some(field) = map.next_key()? {
            match field {
                Field::ApiVersion => once(&mut api_version, "apiVersion", map.next_value::<Text<'de>>()?)?,
                Field::Kind => once(&mut kind, "kind", map.next_value::<Text<'de>>()?)?,
                Field::Metadata => once(&mut metadata, "metadata", map.next_value()?)?,
                Field::Spec => once(&mut spec, "spec", map.next_value_seed(SpecOf(self.0))?)?,
                Field::Status => once(&mut status, "status", map.next_value::<IgnoredAny>()?)?,
            }
        }
        Ok(Envelope {
            api_version: api_version.ok_or_else(|| A::Error::missing_field("apiVersion"))?.0,
            kind: kind.ok_or_else(|| A::Error::missing_field("kind"))?.0,
            metadata: metadata.ok_or_else(|| A::Error::missing_field("metadata"))?,
            spec: spec.ok_or_else(|| A::Error::missing_field("spec"))?,
        })
    }
}

fn once<T, E: Error>(field: &mut Option<T>, name: &'static str, value: T) -> Result<(), E> {
    if field.replace(value).is_some() { Err(E::duplicate_field(name)) } else { Ok(()) }
}

struct SpecOf(Kind);

impl<'de> DeserializeSeed<'de> for SpecOf {
    type Value = Spec;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Spec, D::Error> {
        Spec::deserialize(self.0, deserializer)
    }
}

/// A string that is borrowed from the text where it can be.
#[derive(Default)]
pub(super) struct Text<'a>(pub Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Str;
        impl<'de> Visitor<'de> for Str {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(Str)
    }
}

/// A value that is accepted whatever it is.
#[derive(Default)]
struct Left;

impl<'de> Deserialize<'de> for Left {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_ignored_any(IgnoredAny).map(|_| Self)
    }
}

/// The group of Muster's annotations, with the slash.
pub(super) const PREFIX: &str = "muster.dev/";

/// The annotations that mean something to Muster, without the group.
pub(super) const ANNOTATIONS: &[&str] = &["approved-plan", "break-glass", "reconcile-requested-at"];

/// True for a value of an annotation that can be stored and printed: of the control characters, only tabs and line breaks.
pub(super) fn is_printable(value: &str) -> bool {
    !value.chars().any(|c| c.is_control() && c != '\t' && c != '\n')
}

/// The annotations of Muster's group, without the group.
#[derive(Default)]
pub(super) struct Annotations(pub BTreeMap<Box<str>, Box<str>>);

impl<'de> Deserialize<'de> for Annotations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut kept = BTreeMap::new();
        deserializer.deserialize_any(Pairs(|key: &str, value: &str| {
            if let Some(name) = key.strip_prefix(PREFIX) {
                kept.insert(name.into(), value.into());
            }
        }))?;
        Ok(Self(kept))
    }
}

/// Labels, which must be strings and mean nothing to Muster.
#[derive(Default)]
struct Labels;

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Pairs(|_: &str, _: &str| {})).map(|()| Self)
    }
}

/// Reads a map of strings, or nothing, which is what templates often leave behind `annotations:`.
struct Pairs<F>(F);

impl<'de, F: FnMut(&str, &str)> Visitor<'de> for Pairs<F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of strings")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        let mut seen: Vec<Cow<'de, str>> = Vec::new();
        while let Some((key, value)) = map.next_entry::<Text<'de>, Text<'de>>()? {
            (self.0)(&key.0, &value.0);
            seen.push(key.0);
        }
        seen.sort_unstable();
        match seen.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(A::Error::custom(format_args!("has the key \"{}\" twice", pair[0].escape_debug()))),
            None => Ok(()),
        }
    }
}
