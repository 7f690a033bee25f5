//! Cutting a file into documents by looking at its lines only, so that a broken document does not take its neighbours along.

use std::borrow::Cow;
use std::fmt;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::limits::{MAX_DOCUMENT, MAX_DOCUMENTS};
use super::sniff;
use super::tree::{self, Value};

/// Where a document stands in its file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Part {
    pub start: usize,
    pub end: usize,
    /// The line of `start`, from 1.
    pub line: u32,
    /// The column of `start`, from 1, in characters.
    pub column: u32,
    /// How many bytes at the start belong to something else: the dash of a list. They count as spaces.
    pub blank: u32,
}

impl Part {
    /// The bytes of the document. Their offsets are those of the file less `start`.
    pub(super) fn bytes<'a>(&self, file: &'a [u8]) -> Cow<'a, [u8]> {
        let bytes = &file[self.start..self.end];
        if self.blank == 0 {
            return Cow::Borrowed(bytes);
        }
        let mut bytes = bytes.to_vec();
        bytes.iter_mut().take(self.blank as usize).for_each(|byte| *byte = b' ');
        Cow::Owned(bytes)
    }
}

/// The file has more documents than one file may have.
#[derive(Debug, PartialEq)]
pub(super) struct TooMany;

/// The documents of a file that have something in them, with the items of Lists as documents of their own.
pub(super) fn split(file: &[u8]) -> Result<Vec<Part>, TooMany> {
    let mut parts = Parts { file, parts: Vec::new() };
    let start = if file.starts_with(b"\xEF\xBB\xBF") { 3 } else { 0 };
    let mut open = Part { start, end: start, line: 1, column: 1, blank: 0 };
    for (line, range) in lines(file, start, 1) {
        let marker = file.get(range.start..range.start + 3).filter(|_| ends_word(file, range.start + 3));
        match marker {
            Some(b"---") => {
                parts.push(Part { end: range.start, ..open })?;
                open = Part { start: range.start + 3, end: 0, line, column: 4, blank: 0 };
            }
            Some(b"...") => {
                parts.push(Part { end: range.start, ..open })?;
                open = Part { start: range.end, end: 0, line: line + 1, column: 1, blank: 0 };
            }
            _ => {}
        }
    }
    parts.push(Part { end: file.len(), ..open })?;
    Ok(parts.parts)
}

/// The lines from an offset on with their numbers; each ends behind its line feed.
fn lines(file: &[u8], start: usize, first: u32) -> impl Iterator<Item = (u32, std::ops::Range<usize>)> {
    let mut at = start;
    let pieces = file[start..].split_inclusive(|byte| *byte == b'\n');
    (first..).zip(pieces.map(move |piece| {
        at += piece.len();
        at - piece.len()..at
    }))
}

fn ends_word(file: &[u8], at: usize) -> bool {
    file.get(at).is_none_or(u8::is_ascii_whitespace)
}

struct Parts<'a> {
    file: &'a [u8],
    parts: Vec<Part>,
}

impl Parts<'_> {
    fn push(&mut self, part: Part) -> Result<(), TooMany> {
        let bytes = &self.file[part.start..part.end];
        if is_empty(bytes) {
            return Ok(());
        }
        match items(bytes, part)? {
            Some(items) => self.parts.extend(items),
            None => self.parts.push(part),
        }
        if self.parts.len() > MAX_DOCUMENTS { Err(TooMany) } else { Ok(()) }
    }
}

/// Whether there is nothing but blank lines, comments and directives.
fn is_empty(bytes: &[u8]) -> bool {
    bytes.split(|byte| *byte == b'\n').all(|line| {
        let content = line.trim_ascii();
        content.is_empty()
            || content[0] == b'#'
            || line.starts_with(b"%YAML ")
            || line.starts_with(b"%TAG ")
            || matches!(content, b"null" | b"~")
    })
}

/// The items of a `List` as `kubectl get -o yaml` and `-o json` print it, `None` if the document is none or not readable as one.
fn items(bytes: &[u8], part: Part) -> Result<Option<Vec<Part>>, TooMany> {
    // Cheap enough to ask of every document.
    if bytes.starts_with(b"apiVersion: muster.dev/") || bytes.starts_with(b"\napiVersion: muster.dev/") {
        return Ok(None);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return Ok(None) };
    let items = if text.trim_start().starts_with('{') {
        json_documents(text)?
    } else {
        let head = sniff::head(text);
        if head.kind != Some("List") || head.api_version != Some("v1") || !head.single {
            return Ok(None);
        }
        match block_items(text)? {
            Some(items) => Some(items),
            None => tree_items(text),
        }
    };
    Ok(items.map(|items| placed(text, part, items)))
}

/// An item of a List: its first and last byte in the text of the List, and how many of them are a dash and what stands before it.
struct Item {
    start: usize,
    end: usize,
    blank: u32,
}

/// Gives the items their places in the file, with lines and columns counted on from one to the next.
fn placed(text: &str, list: Part, items: Vec<Item>) -> Vec<Part> {
    let (mut at, mut line, mut column) = (0, list.line, list.column);
    let mut parts = Vec::with_capacity(items.len());
    for Item { start, end, blank } in items {
        for c in text[at..start].chars() {
            (line, column) = if c == '\n' { (line + 1, 1) } else { (line, column + 1) };
        }
        at = start;
        parts.push(Part { start: list.start + start, end: list.start + end, line, column, blank });
    }
    parts
}

#[derive(Deserialize)]
struct JsonList<'a> {
    #[serde(rename = "apiVersion")]
    api_version: &'a str,
    kind: &'a str,
    #[serde(borrow)]
    items: Bounded<'a>,
}

/// The items of a List, and whether there are more than may be.
struct Bounded<'a>(Vec<&'a RawValue>, bool);

impl<'de: 'a, 'a> Deserialize<'de> for Bounded<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Items;
        impl<'de> Visitor<'de> for Items {
            type Value = Bounded<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of objects")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Bounded<'de>, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    if items.len() == MAX_DOCUMENTS {
                        while seq.next_element::<IgnoredAny>()?.is_some() {}
                        return Ok(Bounded(items, true));
                    }
                    items.push(item);
                }
                Ok(Bounded(items, false))
            }
        }
        deserializer.deserialize_seq(Items)
    }
}

/// The objects of a JSON text: one behind the other, or in Lists. `None` if it is simply one object.
fn json_documents(text: &str) -> Result<Option<Vec<Item>>, TooMany> {
    let values = serde_json::Deserializer::from_str(text).into_iter().take(MAX_DOCUMENTS + 1);
    let Ok(values) = values.collect::<Result<Vec<&RawValue>, _>>() else { return Ok(None) };
    if values.len() > MAX_DOCUMENTS {
        return Err(TooMany);
    }
    let offset = |value: &RawValue| value.get().as_ptr().addr() - text.as_ptr().addr();
    let mut objects = Vec::new();
    let mut is_one = values.len() == 1;
    for value in values {
        match value.get().contains("\"items\"").then(|| serde_json::from_str::<JsonList<'_>>(value.get())) {
            Some(Ok(JsonList { api_version: "v1", kind: "List", items: Bounded(items, more) })) => {
                if more {
                    return Err(TooMany);
                }
                is_one = false;
                objects.extend(items);
            }
            _ => objects.push(value),
        }
    }
    let item = |value: &RawValue| Item { start: offset(value), end: offset(value) + value.get().len(), blank: 0 };
    Ok((!is_one).then(|| objects.into_iter().map(item).collect()))
}

/// The items below a line `items:`, each behind a dash at the same indentation, as long as there is no doubt about them.
fn block_items(text: &str) -> Result<Option<Vec<Item>>, TooMany> {
    let mut items: Vec<Item> = Vec::new();
    let mut state = State::Before;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let start = at;
        at += line.len();
        let content = line.trim_start_matches(' ');
        let indent = line.len() - content.len();
        let content = content.trim_end();
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let dash = content == "-" || content.starts_with("- ");
        state = match state {
            State::Before if line.trim_end() == "items:" => State::First,
            State::Before if line.trim_end() == "items: []" => State::After,
            State::Before => State::Before,
            State::First if dash => State::Items(indent),
            State::Items(edge) if indent > edge || (indent == edge && dash) => State::Items(edge),
            State::Items(_) | State::After if indent == 0 && is_list_field(content) => State::After,
            State::After if indent > 0 && !dash => State::After,
            _ => return Ok(None),
        };
        if let State::Items(edge) = state {
            if indent > edge {
                items.iter_mut().last().into_iter().for_each(|item| item.end = at);
            } else if items.len() == MAX_DOCUMENTS {
                return Err(TooMany);
            } else {
                items.push(Item { start, end: at, blank: u32::try_from(indent + 1).unwrap_or(u32::MAX) });
            }
        }
    }
    Ok(matches!(state, State::Items(_) | State::After).then_some(items))
}

enum State {
    Before,
    First,
    Items(usize),
    After,
}

fn is_list_field(content: &str) -> bool {
    ["apiVersion:", "kind:", "metadata:"].iter().any(|key| content.starts_with(key))
}

/// The items of a List that is written in another way.
fn tree_items(text: &str) -> Option<Vec<Item>> {
    let tree = if text.len() > MAX_DOCUMENT { None } else { tree::parse(text).ok()? }?;
    let Value::Map(fields) = &tree.root.value else { return None };
    if !fields.iter().all(|entry| ["apiVersion", "kind", "metadata", "items"].contains(&&*entry.key)) || !tree.twice.is_empty() {
        return None;
    }
    let Value::List(nodes) = &tree.root.entry("items")?.node.value else { return None };
    let items = nodes.iter().map(|node| {
        let line = text[..node.span.start].rfind('\n').map_or(0, |at| at + 1);
        match text[line..node.span.start].trim_start_matches([' ', '-']) {
            "" => Some(Item { start: line, end: node.span.end, blank: u32::try_from(node.span.start - line).ok()? }),
            _ => Some(Item { start: node.span.start, end: node.span.end, blank: 0 }),
        }
    });
    items.collect()
}
