//! Lists, sets and maps with a bound.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, btree_map, btree_set};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Invalid;

fn entries(count: usize) -> String {
    if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") }
}

fn bounds(len: usize, min: usize, max: usize) -> Result<(), Invalid> {
    if len > max {
        return Err(Invalid(format!("must have at most {}, not {len}", entries(max))));
    }
    if len < min {
        return Err(Invalid(format!("must have at least {}, not {len}", entries(min))));
    }
    Ok(())
}

/// Reads a sequence and stops at the first entry beyond `max`, so that an endless list costs nothing.
struct Entries<T> {
    min: usize,
    max: usize,
    of: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {}", entries(self.max))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<T>, A::Error> {
        let mut read = Vec::new();
        while let Some(entry) = seq.next_element()? {
            if read.len() == self.max {
                return Err(A::Error::custom(format!("must have at most {}", entries(self.max))));
            }
            read.push(entry);
        }
        bounds(read.len(), self.min, self.max).map_err(A::Error::custom)?;
        Ok(read)
    }
}

/// A list of `MIN` to `MAX` entries in the order in which they were written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct List<T, const MAX: usize, const MIN: usize = 0>(Vec<T>);

impl<T, const MAX: usize, const MIN: usize> List<T, MAX, MIN> {
    /// The entries, if there are not too many or too few.
    ///
    /// # Errors
    /// The message names the bounds.
    pub fn new(entries: Vec<T>) -> Result<Self, Invalid> {
        bounds(entries.len(), MIN, MAX).map(|()| Self(entries))
    }

    /// The entries.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize, const MIN: usize> Deref for List<T, MAX, MIN> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T, const MAX: usize, const MIN: usize> IntoIterator for &'a List<T, MAX, MIN> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: Serialize, const MAX: usize, const MIN: usize> Serialize for List<T, MAX, MIN> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>, const MAX: usize, const MIN: usize> Deserialize<'de> for List<T, MAX, MIN> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Entries { min: MIN, max: MAX, of: PhantomData }).map(Self)
    }
}

fn array_schema<T: JsonSchema>(generator: &mut SchemaGenerator, min: usize, max: usize, list_type: &str) -> Schema {
    let items = generator.subschema_for::<T>();
    let mut schema = json_schema!({ "type": "array", "items": items, "maxItems": max, "x-kubernetes-list-type": list_type });
    if min > 0 {
        schema.insert("minItems".to_owned(), min.into());
    }
    schema
}

impl<T: JsonSchema, const MAX: usize, const MIN: usize> JsonSchema for List<T, MAX, MIN> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("ListOf{MAX}{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        array_schema::<T>(generator, MIN, MAX, "atomic")
    }
}

/// An entry of a [`NamedList`].
pub trait Named {
    /// The field that tells entries apart, as documents write it.
    const KEY: &'static str = "name";

    /// What tells this entry from the others.
    fn name(&self) -> &str;
}

/// A list of at most `MAX` entries, each with a name of its own, in the order in which they were written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NamedList<T, const MAX: usize>(Vec<T>);

impl<T: Named, const MAX: usize> NamedList<T, MAX> {
    /// The entries, if there are not too many and no name is there twice.
    ///
    /// # Errors
    /// The message names the bound or the name.
    pub fn new(entries: Vec<T>) -> Result<Self, Invalid> {
        bounds(entries.len(), 0, MAX)?;
        let mut names: Vec<&str> = entries.iter().map(T::name).collect();
        names.sort_unstable();
        if let Some((twice, _)) = names.iter().zip(names.iter().skip(1)).find(|(first, second)| first == second) {
            return Err(Invalid(format!("has two entries with the {} \"{twice}\"", T::KEY)));
        }
        Ok(Self(entries))
    }

    /// The entries.
    #[must_use]
    pub fn into_vec(self) -> Vec<T> {
        self.0
    }
}

impl<T, const MAX: usize> Deref for NamedList<T, MAX> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<'a, T, const MAX: usize> IntoIterator for &'a NamedList<T, MAX> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: Serialize, const MAX: usize> Serialize for NamedList<T, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de> + Named, const MAX: usize> Deserialize<'de> for NamedList<T, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = deserializer.deserialize_seq(Entries { min: 0, max: MAX, of: PhantomData })?;
        Self::new(entries).map_err(D::Error::custom)
    }
}

impl<T: JsonSchema + Named, const MAX: usize> JsonSchema for NamedList<T, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("NamedListOf{MAX}{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = array_schema::<T>(generator, 0, MAX, "map");
        schema.insert("x-kubernetes-list-map-keys".to_owned(), vec![T::KEY].into());
        schema
    }
}

/// A set of `MIN` to `MAX` values. Order means nothing, and no value may be written twice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Set<T: Ord, const MAX: usize, const MIN: usize = 0>(BTreeSet<T>);

impl<T: Ord, const MAX: usize, const MIN: usize> Set<T, MAX, MIN> {
    /// The values, if there are not too many or too few.
    ///
    /// # Errors
    /// The message names the bounds.
    pub fn new(values: BTreeSet<T>) -> Result<Self, Invalid> {
        bounds(values.len(), MIN, MAX).map(|()| Self(values))
    }

    /// The values.
    #[must_use]
    pub fn into_inner(self) -> BTreeSet<T> {
        self.0
    }
}

impl<T: Ord, const MAX: usize, const MIN: usize> Deref for Set<T, MAX, MIN> {
    type Target = BTreeSet<T>;

    fn deref(&self) -> &BTreeSet<T> {
        &self.0
    }
}

impl<'a, T: Ord, const MAX: usize, const MIN: usize> IntoIterator for &'a Set<T, MAX, MIN> {
    type Item = &'a T;
    type IntoIter = btree_set::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<T: Ord + Serialize, const MAX: usize, const MIN: usize> Serialize for Set<T, MAX, MIN> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl<'de, T: Ord + fmt::Display + Deserialize<'de>, const MAX: usize, const MIN: usize> Deserialize<'de> for Set<T, MAX, MIN> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut values = BTreeSet::new();
        for value in deserializer.deserialize_seq(Entries::<T> { min: MIN, max: MAX, of: PhantomData })? {
            if values.contains(&value) {
                return Err(D::Error::custom(format!("has \"{value}\" twice")));
            }
            values.insert(value);
        }
        Ok(Self(values))
    }
}

impl<T: Ord + JsonSchema, const MAX: usize, const MIN: usize> JsonSchema for Set<T, MAX, MIN> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("SetOf{MAX}{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        array_schema::<T>(generator, MIN, MAX, "set")
    }
}

/// A map of at most `MAX` entries whose keys have 1 to 63 printable ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Map<V, const MAX: usize>(BTreeMap<String, V>);

const KEY_MAX: usize = 63;

impl<V, const MAX: usize> Map<V, MAX> {
    /// The entries, if there are not too many and no key is too long.
    ///
    /// # Errors
    /// The message names the bound.
    pub fn new(entries: BTreeMap<String, V>) -> Result<Self, Invalid> {
        bounds(entries.len(), 0, MAX)?;
        if entries.keys().all(|key| (1..=KEY_MAX).contains(&key.len()) && key.bytes().all(|b| (b' '..=b'~').contains(&b))) {
            Ok(Self(entries))
        } else {
            Err(Invalid(key_range()))
        }
    }
}

fn key_range() -> String {
    format!("must have keys of 1 to {KEY_MAX} ASCII characters without control characters")
}

impl<V, const MAX: usize> Deref for Map<V, MAX> {
    type Target = BTreeMap<String, V>;

    fn deref(&self) -> &BTreeMap<String, V> {
        &self.0
    }
}

impl<'a, V, const MAX: usize> IntoIterator for &'a Map<V, MAX> {
    type Item = (&'a String, &'a V);
    type IntoIter = btree_map::Iter<'a, String, V>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<V: Serialize, const MAX: usize> Serialize for Map<V, MAX> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

struct MapEntries<V, const MAX: usize>(PhantomData<V>);

impl<'de, V: Deserialize<'de>, const MAX: usize> Visitor<'de> for MapEntries<V, MAX> {
    type Value = Map<V, MAX>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a map of at most {}", entries(MAX))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Map<V, MAX>, A::Error> {
        let mut read = BTreeMap::new();
        while let Some((key, value)) = map.next_entry::<String, V>()? {
            if read.contains_key(&key) {
                return Err(A::Error::custom(format!("has the key \"{key}\" twice")));
            }
            if read.len() == MAX {
                return Err(A::Error::custom(format!("must have at most {}", entries(MAX))));
            }
            read.insert(key, value);
        }
        Map::new(read).map_err(A::Error::custom)
    }
}

impl<'de, V: Deserialize<'de>, const MAX: usize> Deserialize<'de> for Map<V, MAX> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MapEntries(PhantomData))
    }
}

impl<V: JsonSchema, const MAX: usize> JsonSchema for Map<V, MAX> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("MapOf{MAX}{}", V::schema_name()).into()
    }

    // A structural schema cannot bound keys, so a CEL rule does.
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let values = generator.subschema_for::<V>();
        json_schema!({
            "type": "object",
            "additionalProperties": values,
            "maxProperties": MAX,
            "x-kubernetes-validations": [{
                "rule": format!("self.all(key, key.matches('^[ -~]{{1,{KEY_MAX}}}$'))"),
                "message": key_range(),
            }],
        })
    }
}
