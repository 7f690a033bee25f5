//! Reading a tree into the types, with errors that keep apart what is wrong and know which value it is about.

use std::cell::{Cell, RefCell};
use std::fmt::{self, Display};
use std::ops::Range;

use serde::de::value::BorrowedStrDeserializer;
use serde::de::{self, Expected, IntoDeserializer, Unexpected, Visitor};
use serde::{Deserializer, forward_to_deserialize_any};

use super::scalar::kubectl_reads;
use super::tree::{Entry, Node, Value};

/// Something that is wrong with one value.
#[derive(Debug)]
pub(super) struct Flaw {
    pub what: What,
    /// The way from the root to the value, the last step first.
    pub path: Vec<Step>,
    pub place: Option<Place>,
}

/// One step into a tree.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Key(String),
    Item(usize),
}

/// Which part of the document to point at.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The value, or the key if it is the key that is wrong.
    pub span: Range<usize>,
    /// The key that leads to the value.
    pub key: Option<Range<usize>>,
}

/// What is wrong.
#[derive(Debug)]
pub(super) enum What {
    UnknownField {
        field: String,
        known: &'static [&'static str],
    },
    Missing {
        field: &'static str,
    },
    /// The field is there but was set aside because of another flaw.
    SetAside,
    UnknownWord {
        word: String,
        known: &'static [&'static str],
    },
    Type {
        found: String,
        expected: String,
        help: Option<String>,
    },
    Null,
    /// A clause that follows the path: `must be ...`.
    Other(String),
}

impl Flaw {
    fn new(what: What) -> Self {
        Self { what, path: Vec::new(), place: None }
    }

    /// Adds the step from a parent. The first parent knows the value itself: it sets it aside, so that the next reading finds the next
    /// flaw.
    fn beneath(mut self, step: Step, node: &Node<'_>, key: Option<Range<usize>>, bad: &Cell<bool>) -> Self {
        if self.place.is_none() {
            self.blame(node);
            self.place = Some(Place { span: node.span.clone(), key });
            bad.set(true);
        }
        self.path.push(step);
        self
    }

    /// A field that was set aside is not missing.
    pub(super) fn blame(&mut self, node: &Node<'_>) {
        if let What::Missing { field } = self.what
            && node.entry(field).is_some()
        {
            self.what = What::SetAside;
        }
    }
}

impl Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.what)
    }
}

impl std::error::Error for Flaw {}

impl de::Error for Flaw {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(What::Other(message.to_string()))
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(What::Type { found: describe(found), expected: name(expected), help: None })
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Str(text) => quoted(text),
            other => describe(other).trim_start_matches("the number ").to_owned(),
        };
        Self::new(What::Other(format!("must be {}, not {found}", name(expected))))
    }

    fn invalid_length(len: usize, expected: &dyn Expected) -> Self {
        Self::new(What::Other(format!("must be {}, not a list of {len}", name(expected))))
    }

    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        Self::new(What::UnknownWord { word: word.to_owned(), known })
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        Self::new(What::UnknownField { field: field.to_owned(), known })
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(What::Missing { field })
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::custom(format_args!("has the field `{field}` twice"))
    }
}

fn describe(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(it) => format!("the boolean {it}"),
        Unexpected::Unsigned(it) => format!("the number {it}"),
        Unexpected::Signed(it) => format!("the number {it}"),
        Unexpected::Float(it) => format!("the number {it}"),
        Unexpected::Str(it) => format!("the string {}", quoted(it)),
        Unexpected::Unit | Unexpected::Option => "an empty value".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a map".to_owned(),
        other => other.to_string(),
    }
}

/// A text of the input without control characters and not endless.
pub(super) fn shown(text: &str) -> String {
    let more = if text.chars().nth(80).is_some() { "..." } else { "" };
    text.chars().take(80).flat_map(char::escape_debug).chain(more.chars()).collect()
}

/// The same in quotes.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", shown(text))
}

fn name(expected: &dyn Expected) -> String {
    let name = expected.to_string();
    match name.as_str() {
        "a sequence" => "a list".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "i32" | "i64" | "u32" | "u64" => "an integer".to_owned(),
        "f64" => "a number".to_owned(),
        _ if name.starts_with("struct ") => "a map of fields".to_owned(),
        _ => name,
    }
}

/// Reads from a node; what was set aside counts as absent.
#[derive(Clone, Copy)]
pub(super) struct Reader<'t, 'a, 'c> {
    pub node: &'t Node<'a>,
    /// Unquoted texts that kubectl reads as something else.
    pub ambiguous: &'c RefCell<Vec<Range<usize>>>,
}

impl<'t, 'a> Reader<'t, 'a, '_> {
    fn to(self, node: &'t Node<'a>) -> Self {
        Self { node, ..self }
    }
}

impl<'t> Deserializer<'t> for Reader<'t, '_, '_> {
    type Error = Flaw;

    fn deserialize_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Flaw> {
        match &self.node.value {
            Value::Null => visitor.visit_unit(),
            Value::Bool(it) => visitor.visit_bool(*it),
            Value::Int(it) => match (i64::try_from(*it), u64::try_from(*it)) {
                (Ok(it), _) => visitor.visit_i64(it),
                (_, Ok(it)) => visitor.visit_u64(it),
                _ => Err(de::Error::invalid_value(Unexpected::Other(&format!("the number {it}")), &visitor)),
            },
            Value::Float(it) => visitor.visit_f64(*it),
            Value::Text { text, plain } => {
                if *plain && kubectl_reads(text).is_some() {
                    self.ambiguous.borrow_mut().push(self.node.span.clone());
                }
                visitor.visit_borrowed_str(text)
            }
            Value::List(items) => visitor.visit_seq(Items { of: self, items: items.iter().enumerate() }),
            Value::Map(entries) => visitor.visit_map(Entries { of: self, rest: entries.iter(), current: None }),
        }
    }

    fn deserialize_option<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Flaw> {
        match self.node.value {
            Value::Null => Err(Flaw::new(What::Null)),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'t>>(self, _: &'static str, visitor: V) -> Result<V::Value, Flaw> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_struct<V: Visitor<'t>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Flaw> {
        let mut result = self.deserialize_any(visitor);
        if let (Err(Flaw { what: What::Type { help, .. }, place: None, .. }), Value::Text { text, .. }) =
            (&mut result, &self.node.value)
            && fields.contains(&"name")
        {
            *help = Some(format!("write `{{name: {}}}`", shown(text)));
        }
        result
    }

    fn deserialize_enum<V: Visitor<'t>>(self, _: &'static str, _: &'static [&'static str], visitor: V) -> Result<V::Value, Flaw> {
        match &self.node.value {
            Value::Text { text, .. } => visitor.visit_enum(text.as_ref().into_deserializer()),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Flaw> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        <W: Visitor<'t>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct
        map identifier
    }
}

struct Items<'t, 'a, 'c> {
    of: Reader<'t, 'a, 'c>,
    items: std::iter::Enumerate<std::slice::Iter<'t, Node<'a>>>,
}

impl<'t> de::SeqAccess<'t> for Items<'t, '_, '_> {
    type Error = Flaw;

    fn next_element_seed<T: de::DeserializeSeed<'t>>(&mut self, seed: T) -> Result<Option<T::Value>, Flaw> {
        let Some((index, node)) = self.items.find(|(_, node)| !node.bad.get()) else { return Ok(None) };
        match seed.deserialize(self.of.to(node)) {
            Ok(value) => Ok(Some(value)),
            Err(flaw) => Err(flaw.beneath(Step::Item(index), node, None, &node.bad)),
        }
    }
}

struct Entries<'t, 'a, 'c> {
    of: Reader<'t, 'a, 'c>,
    rest: std::slice::Iter<'t, Entry<'a>>,
    current: Option<&'t Entry<'a>>,
}

impl<'t> de::MapAccess<'t> for Entries<'t, '_, '_> {
    type Error = Flaw;

    fn next_key_seed<K: de::DeserializeSeed<'t>>(&mut self, seed: K) -> Result<Option<K::Value>, Flaw> {
        let Some(entry) = self.rest.find(|entry| !entry.node.bad.get()) else { return Ok(None) };
        self.current = Some(entry);
        match seed.deserialize(BorrowedStrDeserializer::<Flaw>::new(&entry.key)) {
            Ok(key) => Ok(Some(key)),
            Err(mut flaw) => {
                entry.node.bad.set(true);
                flaw.place = Some(Place { span: entry.key_span.clone(), key: None });
                flaw.path.push(Step::Key(entry.key.to_string()));
                Err(flaw)
            }
        }
    }

    fn next_value_seed<V: de::DeserializeSeed<'t>>(&mut self, seed: V) -> Result<V::Value, Flaw> {
        let Some(entry) = self.current.take() else { return Err(de::Error::custom("has a value without a key")) };
        seed.deserialize(self.of.to(&entry.node)).map_err(|flaw| {
            flaw.beneath(Step::Key(entry.key.to_string()), &entry.node, Some(entry.key_span.clone()), &entry.node.bad)
        })
    }
}
