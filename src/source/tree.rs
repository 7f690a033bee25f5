//! A document as a tree in which every value knows where it was written.

use std::borrow::Cow;
use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::ops::Range;

use serde_saphyr::granit_parser::{self as granit, Event, ScalarStyle};

use super::limits::{MAX_ALIASES, MAX_DEPTH, MAX_FINDINGS, MAX_NODES};
use super::scalar::{Plain, plain};
use super::syntax::explain;

/// A value of a document.
#[derive(Clone, Debug)]
pub(super) struct Node<'a> {
    /// Its bytes in the text of the document.
    pub span: Range<usize>,
    pub value: Value<'a>,
    /// Set once something was found to be wrong with it: the rest of the document is then read without it.
    pub bad: Cell<bool>,
}

#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    /// A text; `plain` when it was written without quotes and on one line.
    Text {
        text: Cow<'a, str>,
        plain: bool,
    },
    List(Vec<Node<'a>>),
    Map(Vec<Entry<'a>>),
}

/// A key and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry<'a> {
    pub key: Cow<'a, str>,
    pub key_span: Range<usize>,
    pub node: Node<'a>,
}

impl<'a> Node<'a> {
    /// The entry with this key, if this is a map that has one.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry<'a>> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// The text behind this key.
    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match &self.entry(key)?.node.value {
            Value::Text { text, .. } => Some(text),
            _ => None,
        }
    }

    fn size(&self) -> usize {
        1 + match &self.value {
            Value::List(items) => items.iter().map(Self::size).sum(),
            Value::Map(entries) => entries.iter().map(|entry| entry.node.size()).sum(),
            _ => 0,
        }
    }
}

/// A key that is written twice in one map.
#[derive(Clone, Debug)]
pub(super) struct Twice {
    pub key: Box<str>,
    pub first: Range<usize>,
    pub second: Range<usize>,
    /// The keys that lead to the map, at most two; none for the document itself.
    pub under: Vec<Box<str>>,
}

/// A document as a tree.
pub(super) struct Tree<'a> {
    pub root: Node<'a>,
    pub twice: Vec<Twice>,
}

/// Why a text is not a document.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub code: &'static str,
    pub message: String,
    pub help: Option<String>,
    /// Where in the text.
    pub at: Range<usize>,
}

impl Unreadable {
    pub(super) fn new(code: &'static str, message: impl Into<String>, at: Range<usize>) -> Self {
        Self { code, message: message.into(), help: None, at }
    }

    pub(super) fn help(mut self, help: &str) -> Self {
        self.help = Some(help.to_owned());
        self
    }
}

/// Reads one document of YAML, or of JSON, which is YAML as well. `None` if there is nothing in it.
pub(super) fn parse(text: &str) -> Result<Option<Tree<'_>>, Unreadable> {
    let mut options = granit::Options::default();
    options.set_emit_comments(false);
    options.flow_nesting_limit = MAX_DEPTH;
    options.block_nesting_limit = MAX_DEPTH;
    let mut builder = Builder { text, ..Builder::default() };
    for event in granit::Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| explain(text, &error))?;
        let span = span.byte_range().unwrap_or(0..0);
        builder.event(event, span)?;
    }
    Ok(builder.root.map(|root| Tree { root, twice: builder.twice }))
}

#[derive(Default)]
struct Builder<'a> {
    text: &'a str,
    open: Vec<Open<'a>>,
    root: Option<Node<'a>>,
    twice: Vec<Twice>,
    anchors: HashMap<usize, (Node<'a>, usize)>,
    aliases: usize,
    nodes: usize,
}

/// A list or map whose end has not been read.
struct Open<'a> {
    start: usize,
    anchor: usize,
    what: Shape<'a>,
}

enum Shape<'a> {
    List(Vec<Node<'a>>),
    Map { entries: Vec<Entry<'a>>, key: Option<Key<'a>>, merged: Vec<Node<'a>> },
}

/// A key whose value has not been read.
struct Key<'a> {
    text: Cow<'a, str>,
    span: Range<usize>,
    is_merge: bool,
}

impl<'a> Builder<'a> {
    fn event(&mut self, event: Event<'a>, span: Range<usize>) -> Result<(), Unreadable> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let is_text = is_text(tag.as_deref(), &span)?;
                let node = scalar(text, style, is_text, span);
                self.remember(anchor, &node)?;
                self.add(node)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.open(Shape::List(Vec::new()), anchor, is_text(tag.as_deref(), &span)?, span)
            }
            Event::MappingStart(_, anchor, tag) => {
                let map = Shape::Map { entries: Vec::new(), key: None, merged: Vec::new() };
                self.open(map, anchor, is_text(tag.as_deref(), &span)?, span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(&span),
            Event::Alias(id) => self.alias(id, span),
            Event::DocumentStart(..) if self.root.is_some() => {
                Err(Unreadable::new("yaml-syntax", "a second document begins here", span)
                    .help("end every line with a line feed, so that `---` stands on a line of its own"))
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, what: Shape<'a>, anchor: usize, is_text: bool, span: Range<usize>) -> Result<(), Unreadable> {
        if is_text {
            return Err(Unreadable::new("yaml-syntax", "the tag `!!str` stands before a list or map", span));
        }
        if self.open.len() == MAX_DEPTH {
            return Err(too_deep(span));
        }
        self.open.push(Open { start: span.start, anchor, what });
        Ok(())
    }

    fn close(&mut self, end: &Range<usize>) -> Result<(), Unreadable> {
        let Some(Open { start, anchor, what }) = self.open.pop() else { return Ok(()) };
        let value = match what {
            Shape::List(items) => Value::List(items),
            Shape::Map { entries, merged, .. } => Value::Map(merge(self.distinct(entries), merged)?),
        };
        let node = Node { span: start..self.trimmed(start, end.end), value, bad: Cell::new(false) };
        self.remember(anchor, &node)?;
        self.add(node)
    }

    /// A block ends where its last line ends, not where the next one begins.
    fn trimmed(&self, start: usize, end: usize) -> usize {
        self.text.get(start..end).map_or(end, |text| start + text.trim_end().len())
    }

    /// The entries without those whose key was there before, which are noted.
    fn distinct(&mut self, mut entries: Vec<Entry<'a>>) -> Vec<Entry<'a>> {
        let mut order: Vec<usize> = (0..entries.len()).collect();
        order.sort_by(|a, b| entries[*a].key.cmp(&entries[*b].key).then(a.cmp(b)));
        let mut keep = vec![true; entries.len()];
        for same in order.chunk_by(|a, b| entries[*a].key == entries[*b].key) {
            for second in &same[1..] {
                keep[*second] = false;
                if self.twice.len() < MAX_FINDINGS {
                    let under = self.open.iter().take(2).filter_map(Open::key).collect();
                    let (first, second) = (&entries[same[0]], &entries[*second]);
                    let key = first.key.as_ref().into();
                    self.twice.push(Twice { key, first: first.key_span.clone(), second: second.key_span.clone(), under });
                }
            }
        }
        let mut keep = keep.into_iter();
        entries.retain(|_| keep.next().unwrap_or(true));
        entries
    }

    fn alias(&mut self, id: usize, span: Range<usize>) -> Result<(), Unreadable> {
        self.aliases += 1;
        if self.aliases > MAX_ALIASES {
            let message = format!("the document has more than {MAX_ALIASES} aliases");
            return Err(Unreadable::new("too-many-aliases", message, span).help("write the values out"));
        }
        let Some((node, size)) = self.anchors.get(&id) else {
            return Err(Unreadable::new("yaml-syntax", "this alias stands inside the value that it refers to", span));
        };
        self.nodes += size - 1;
        if self.nodes > MAX_NODES {
            return Err(too_many(span));
        }
        let node = node.clone();
        self.add(Node { span, ..node })
    }

    fn remember(&mut self, anchor: usize, node: &Node<'a>) -> Result<(), Unreadable> {
        if anchor == 0 {
            return Ok(());
        }
        let size = node.size();
        // The copy that is kept counts too: anchors around anchors would cost the square of their number.
        self.nodes += size;
        if self.nodes > MAX_NODES {
            return Err(too_many(node.span.clone()));
        }
        self.anchors.insert(anchor, (node.clone(), size));
        Ok(())
    }

    fn add(&mut self, node: Node<'a>) -> Result<(), Unreadable> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(too_many(node.span));
        }
        match self.open.last_mut().map(|open| &mut open.what) {
            None => self.root = Some(node),
            Some(Shape::List(items)) => items.push(node),
            Some(Shape::Map { entries, key, merged }) => match key.take() {
                None => *key = Some(self::key(self.text, node)?),
                Some(Key { is_merge: true, .. }) => merged.push(node),
                Some(Key { text, span, .. }) => entries.push(Entry { key: text, key_span: span, node }),
            },
        }
        Ok(())
    }
}

impl Open<'_> {
    fn key(&self) -> Option<Box<str>> {
        match &self.what {
            Shape::Map { key: Some(key), .. } => Some(key.text.as_ref().into()),
            _ => None,
        }
    }
}

fn key<'a>(source: &'a str, node: Node<'a>) -> Result<Key<'a>, Unreadable> {
    let text = match node.value {
        Value::Text { text, plain } => return Ok(Key { is_merge: plain && text == "<<", text, span: node.span }),
        Value::List(_) | Value::Map(_) => {
            return Err(Unreadable::new("yaml-syntax", "a key must be a text, not a list or map", node.span));
        }
        // A key such as `1` or `true` is the text that was written, as it is in JSON.
        _ => source.get(node.span.clone()).unwrap_or_default(),
    };
    Ok(Key { text: text.into(), span: node.span, is_merge: false })
}

/// Adds what `<<` brings in; what is written in the map itself wins, and then what is named first.
fn merge<'a>(mut entries: Vec<Entry<'a>>, merged: Vec<Node<'a>>) -> Result<Vec<Entry<'a>>, Unreadable> {
    if merged.is_empty() {
        return Ok(entries);
    }
    let mut seen: HashSet<String> = entries.iter().map(|entry| entry.key.to_string()).collect();
    for node in merged {
        let maps = match node.value {
            Value::List(items) => items,
            _ => vec![node],
        };
        for map in maps {
            let Value::Map(more) = map.value else {
                return Err(Unreadable::new("yaml-syntax", "`<<` must be followed by an alias of a map", map.span));
            };
            entries.extend(more.into_iter().filter(|entry| seen.insert(entry.key.to_string())));
        }
    }
    Ok(entries)
}

fn scalar(text: Cow<'_, str>, style: ScalarStyle, is_text: bool, span: Range<usize>) -> Node<'_> {
    let value = if style == ScalarStyle::Plain && !is_text {
        match plain(&text) {
            Plain::Null => Value::Null,
            Plain::Bool(it) => Value::Bool(it),
            Plain::Int(it) => Value::Int(it),
            Plain::Float(it) => Value::Float(it),
            Plain::Text => Value::Text { text, plain: true },
        }
    } else {
        Value::Text { text, plain: false }
    };
    Node { span, value, bad: Cell::new(false) }
}

/// Whether a tag says that the value is a text.
fn is_text(tag: Option<&granit::Tag>, span: &Range<usize>) -> Result<bool, Unreadable> {
    match tag {
        None => Ok(false),
        Some(tag) if tag.is_yaml_core_schema_tag("str") || tag.original() == "!" => Ok(true),
        Some(tag) if tag.is_yaml_core_schema() => Ok(false),
        Some(tag) => {
            let message = format!("the tag `{}` means nothing here", tag.original().escape_debug());
            Err(Unreadable::new("yaml-syntax", message, span.clone()).help("take it away; values need no tags"))
        }
    }
}

pub(super) fn too_deep(at: Range<usize>) -> Unreadable {
    Unreadable::new("too-deep", format!("the document is nested deeper than {MAX_DEPTH} levels"), at)
}

fn too_many(at: Range<usize>) -> Unreadable {
    Unreadable::new("too-many-values", format!("the document has more than {MAX_NODES} values, aliases written out"), at)
}
