//! Everything that is wrong with a document, each with its place and in words.

use std::cell::RefCell;
use std::ops::Range;

use serde::de::DeserializeSeed;
use serde_json::Value as Schema;

use super::envelope::{ANNOTATIONS, Envelope, FIELDS, Of, PREFIX, is_printable};
use super::limits::MAX_FINDINGS;
use super::path::{first_line, written};
use super::scalar::kubectl_reads;
use super::tree::{Node, Tree, Twice, Value};
use super::typed::{Flaw, Place, Reader, Step, What, quoted, shown};
use crate::api::types::ObjectName;
use crate::api::{Kind, schema};
use crate::tenancy::{Severity, nearest};

/// Something to say about a document.
#[derive(Debug)]
pub(super) struct Trouble {
    pub severity: Severity,
    pub code: &'static str,
    pub path: String,
    pub message: String,
    pub help: Option<String>,
    /// Where in the text of the document.
    pub at: Range<usize>,
}

impl Trouble {
    pub(super) fn error(code: &'static str, path: impl Into<String>, message: impl Into<String>, at: Range<usize>) -> Self {
        Self { severity: Severity::Error, code, path: path.into(), message: message.into(), help: None, at }
    }

    pub(super) fn warning(self) -> Self {
        Self { severity: Severity::Warning, ..self }
    }

    pub(super) fn help(self, help: Option<String>) -> Self {
        Self { help, ..self }
    }
}

/// Reads a tree as an object of a kind. Everything that is wrong is found at once: what is wrong is set aside and the rest is read
/// again, until nothing is left to complain about. The object is there if it could be read with nothing set aside.
pub(super) fn read<'t>(tree: &'t Tree<'_>, kind: Kind, line: &dyn Fn(usize) -> u32) -> (Option<Envelope<'t>>, Vec<Trouble>) {
    let root = &tree.root;
    let mut troubles: Vec<Trouble> =
        tree.twice.iter().filter(|twice| counts(twice)).map(|twice| written_twice(twice, line)).collect();
    let ambiguous = RefCell::new(Vec::new());
    let mut envelope = None;
    while troubles.len() < MAX_FINDINGS {
        ambiguous.borrow_mut().clear();
        match Of(kind).deserialize(Reader { node: root, ambiguous: &ambiguous }) {
            Ok(read) => {
                envelope = Some(read);
                break;
            }
            Err(mut flaw) => {
                let at_root = flaw.place.is_none();
                flaw.blame(root);
                troubles.extend(tell(&flaw, root, kind));
                if at_root {
                    break;
                }
            }
        }
    }
    drop_misspelt(&mut troubles);
    troubles.extend(name_troubles(root));
    if let Some(envelope) = &envelope {
        troubles
            .extend(envelope.spec.check().into_iter().filter_map(|problem| inconsistent(&problem.path, &problem.message, root)));
        troubles.extend(ambiguous.into_inner().into_iter().filter_map(|span| read_otherwise(root, span)));
    }
    troubles.extend(annotations(root));
    troubles.sort_by_key(|trouble| trouble.at.start);
    troubles.dedup_by(|a, b| a.at == b.at && a.message == b.message);
    troubles.truncate(MAX_FINDINGS);
    let is_sound = troubles.iter().all(|trouble| trouble.severity != Severity::Error);
    (envelope.filter(|_| is_sound), troubles)
}

/// A field that is there under a misspelt name is not missing as well.
fn drop_misspelt(troubles: &mut Vec<Trouble>) {
    let parent = |path: &str| path.rfind('.').map_or(String::new(), |dot| path[..dot].to_owned());
    let unknown = troubles.iter().filter(|trouble| trouble.code == "unknown-field");
    let meant: Vec<(String, Option<String>)> = unknown.map(|trouble| (parent(&trouble.path), trouble.help.clone())).collect();
    troubles.retain(|trouble| {
        let field = trouble.path.rsplit('.').next().unwrap_or_default();
        trouble.code != "missing-field" || !meant.contains(&(parent(&trouble.path), Some(did_you_mean(field))))
    });
}

fn did_you_mean(meant: &str) -> String {
    format!("did you mean `{meant}`?")
}

/// What the API server keeps is not looked at, so a key may be in there twice.
fn counts(twice: &Twice) -> bool {
    let under: Vec<&str> = twice.under.iter().map(|key| &**key).collect();
    !matches!(under.as_slice(), ["status", ..] | ["metadata", "managedFields"])
}

fn written_twice(twice: &Twice, line: &dyn Fn(usize) -> u32) -> Trouble {
    let message = format!("the key `{}` is written twice", shown(&twice.key));
    Trouble::error("duplicate-key", "", message, twice.second.clone())
        .help(Some(format!("the first is on line {}; take one of them away", line(twice.first.start))))
}

fn tell(flaw: &Flaw, root: &Node<'_>, kind: Kind) -> Vec<Trouble> {
    let path = written(&flaw.path);
    let place = flaw.place.clone().unwrap_or(Place { span: first_line(root), key: None });
    let node = root.find_exact(&flaw.path);
    let here = if path.is_empty() { "the document".to_owned() } else { format!("`{path}`") };
    let at = match node.map(|node| &node.value) {
        _ if matches!(flaw.what, What::UnknownField { .. }) => place.span,
        Some(Value::Map(_) | Value::List(_) | Value::Null) => {
            place.key.clone().or_else(|| node.map(first_line)).unwrap_or(place.span)
        }
        _ => place.span,
    };
    let trouble = match &flaw.what {
        What::SetAside => return Vec::new(),
        What::Missing { field } => return missing(field, flaw, node.unwrap_or(root), kind, &at),
        What::UnknownField { field, known } => {
            Trouble::error("unknown-field", path.clone(), format!("unknown field `{path}`"), at)
                .help(Some(where_it_belongs(field, known, &flaw.path, kind)))
        }
        What::UnknownWord { word, known } => {
            let message = format!("{here} must be one of {}, not {}", known.join(", "), quoted(word));
            let help = nearest(word, known.iter().copied()).map(did_you_mean);
            Trouble::error("unknown-value", path, message, at).help(help)
        }
        What::Null => empty(path, &here, at),
        What::Type { found, .. } if found == "an empty value" => empty(path, &here, at),
        What::Type { found, expected, help } => {
            let help = help.clone().or_else(|| in_place_of(node?, expected));
            Trouble::error("wrong-type", path, format!("{here} must be {expected}, not {found}"), at).help(help)
        }
        What::Other(clause) => match node.and_then(second).filter(|_| clause.starts_with("has ")) {
            Some((index, second)) => {
                let path = format!("{path}[{index}]");
                Trouble::error("duplicate-entry", path, format!("{here} {clause}"), first_line(second))
            }
            None => Trouble::error("invalid-value", path, format!("{here} {clause}"), at),
        },
    };
    vec![trouble]
}

fn empty(path: String, here: &str, at: Range<usize>) -> Trouble {
    Trouble::error("empty-value", path, format!("{here} has no value"), at)
        .help(Some("give it a value or take the line away; an empty list is `[]`, an empty map `{}`".to_owned()))
}

/// All required fields that a map lacks, not only the first.
fn missing(field: &str, flaw: &Flaw, node: &Node<'_>, kind: Kind, at: &Range<usize>) -> Vec<Trouble> {
    let schema = schema_at(kind, &flaw.path);
    let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut names: Vec<&str> = required.iter().filter_map(Schema::as_str).filter(|name| node.entry(name).is_none()).collect();
    if flaw.path.is_empty() {
        names.extend(["metadata"].into_iter().filter(|name| node.entry(name).is_none()));
    }
    if !names.contains(&field) {
        names.push(field);
    }
    let troubles = names.into_iter().map(|name| {
        let mut steps = flaw.path.clone();
        steps.insert(0, Step::Key(name.to_owned()));
        let path = written(&steps);
        let example = example(&schema["properties"][name]);
        Trouble::error("missing-field", path.clone(), format!("`{path}` is missing"), at.clone())
            .help(example.map(|example| format!("for example `{name}: {example}`")))
    });
    troubles.collect()
}

/// The example that the docs of a field end with, or one that is made of those of the fields in it.
fn example(schema: &Schema) -> Option<String> {
    let own = schema["description"].as_str().and_then(|docs| docs.split("Example: ").nth(1));
    if let Some(own) = own {
        return Some(own.trim_end().trim_end_matches('.').to_owned()).filter(|example| !example.contains('\n'));
    }
    let fields = schema["required"].as_array()?.iter().map(|name| {
        let name = name.as_str()?;
        Some(format!("{name}: {}", example(&schema["properties"][name])?))
    });
    Some(format!("{{{}}}", fields.collect::<Option<Vec<String>>>()?.join(", ")))
}

/// The schema of the value that is reached by these steps, of which the last comes first.
fn schema_at(kind: Kind, steps: &[Step]) -> &'static Schema {
    steps.iter().rev().fold(schema(kind), |schema, step| match step {
        Step::Item(_) => &schema["items"],
        Step::Key(key) => schema["properties"].get(key).unwrap_or(&schema["additionalProperties"]),
    })
}

fn where_it_belongs(field: &str, known: &[&'static str], steps: &[Step], kind: Kind) -> String {
    let spec = &schema(kind)["properties"]["spec"]["properties"];
    if let Some(meant) = nearest(field, known.iter().copied()) {
        return did_you_mean(meant);
    }
    if steps.len() == 1 && spec.get(field).is_some() {
        return format!("indent it: `{field}` belongs under `spec`");
    }
    if steps.len() > 2 && spec.get(field).is_some() {
        return format!("`{field}` is a field of `spec`; the fields here are {}", known.join(", "));
    }
    if FIELDS.contains(&field) {
        return format!("`{field}` belongs at the left edge of the document");
    }
    format!("the fields here are {}", known.join(", "))
}

/// What to write where a value has the wrong type.
fn in_place_of(node: &Node<'_>, expected: &str) -> Option<String> {
    match &node.value {
        Value::Bool(_) | Value::Int(_) | Value::Float(_) if expected.contains("string") => {
            Some("put it in quotes to make it a string".to_owned())
        }
        Value::Text { plain: false, text } if expected.contains("true or false") && matches!(&**text, "true" | "false") => {
            Some(format!("write {text} without quotes"))
        }
        Value::Text { text, .. } if expected.contains("true or false") => {
            kubectl_reads(text).filter(|word| *word != "a number").map(|word| format!("write {word}"))
        }
        Value::Text { plain: false, text } if expected.contains("integer") && text.parse::<i64>().is_ok() => {
            Some(format!("write {text} without quotes"))
        }
        Value::Text { .. } | Value::Map(_) if expected.contains("list") => {
            Some("write each entry on a line of its own, with `- ` in front".to_owned())
        }
        _ => None,
    }
}

/// The second of two equal entries of a list: equal texts, or maps with the same `name`.
fn second<'t, 'a>(node: &'t Node<'a>) -> Option<(usize, &'t Node<'a>)> {
    let Value::List(items) = &node.value else { return None };
    let mut seen = std::collections::HashSet::new();
    let name = |item: &'t Node<'a>| match &item.value {
        Value::Text { text, .. } => Some(&**text),
        _ => item.text("name"),
    };
    items.iter().enumerate().find(|(_, item)| name(item).is_some_and(|name| !seen.insert(name)))
}

/// The name and the namespace must be such that an API server takes them.
fn name_troubles(root: &Node<'_>) -> Vec<Trouble> {
    let troubles = ["name", "namespace"].into_iter().filter_map(|field| {
        let entry = root.entry("metadata")?.node.entry(field)?;
        let Value::Text { text, .. } = &entry.node.value else { return None };
        if field == "namespace" && text.is_empty() {
            return None;
        }
        let error = ObjectName::parse(text).err()?;
        let meant: String = text.to_lowercase().chars().map(|c| if c == '_' || c == ' ' { '-' } else { c }).collect();
        let help = ObjectName::parse(&meant).ok().map(|meant| format!("write `{field}: {meant}`"));
        let path = format!("metadata.{field}");
        Some(Trouble::error("bad-name", path.clone(), format!("`{path}` {error}"), entry.node.span.clone()).help(help))
    });
    troubles.collect()
}

/// A rule that several fields break together; nothing if one of them was set aside.
fn inconsistent(path: &str, message: &str, root: &Node<'_>) -> Option<Trouble> {
    let found = root.find(path);
    let has_gaps = match &found.node.value {
        Value::Map(entries) => found.whole && entries.iter().any(|entry| entry.node.bad.get()),
        _ => false,
    };
    if found.bad || has_gaps {
        return None;
    }
    let path = if found.whole { found.path } else { path.to_owned() };
    let at = found.key_span.unwrap_or(found.span);
    Some(Trouble::error("inconsistent-fields", path.clone(), format!("`{path}` {message}"), at))
}

fn read_otherwise(root: &Node<'_>, span: Range<usize>) -> Option<Trouble> {
    let path = root.path_of(&span)?;
    let text = match &root.find(&path).node.value {
        Value::Text { text, .. } => text.clone(),
        _ => return None,
    };
    let reading = kubectl_reads(&text)?;
    let message = format!("`{path}` is the string {} here, but kubectl reads it as {reading}", quoted(&text));
    let trouble = Trouble::error("yaml-1.1", path, message, span).warning();
    Some(trouble.help(Some(format!("put it in quotes: {}", quoted(&text)))))
}

/// Annotations of Muster's group that it does not know, and values that nobody can read.
fn annotations(root: &Node<'_>) -> Vec<Trouble> {
    let annotations = root.entry("metadata").and_then(|metadata| metadata.node.entry("annotations"));
    let Some(Value::Map(entries)) = annotations.map(|entry| &entry.node.value) else { return Vec::new() };
    let ours = || entries.iter().filter(|entry| entry.key.starts_with(PREFIX));
    let bad_value = |value: &Value<'_>| matches!(value, Value::Text { text, .. } if !is_printable(text));
    let unreadable = ours().filter(|entry| !is_printable(&entry.key) || bad_value(&entry.node.value));
    let unreadable = unreadable.map(|entry| {
        let path = format!("metadata.annotations.{}", entry.key);
        let message = format!("`{}` must be free of control characters other than tabs and line breaks", shown(&path));
        Trouble::error("invalid-value", path, message, entry.node.span.clone())
    });
    let unknown = ours().filter(|entry| entry.key.strip_prefix(PREFIX).is_some_and(|name| !ANNOTATIONS.contains(&name)));
    let unknown = unknown.map(|entry| {
        let help = match nearest(&entry.key[PREFIX.len()..], ANNOTATIONS.iter().copied()) {
            Some(meant) => did_you_mean(&format!("{PREFIX}{meant}")),
            None => format!("the annotations of this group are {}", ANNOTATIONS.join(", ")),
        };
        let message = format!("Muster does not know the annotation `{}`", shown(&entry.key));
        let path = format!("metadata.annotations.{}", entry.key);
        Trouble::error("unknown-annotation", path, message, entry.key_span.clone()).warning().help(Some(help))
    });
    unreadable.chain(unknown).collect()
}
