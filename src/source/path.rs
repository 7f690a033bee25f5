//! Finding a value of a document by a path such as `spec.workspaces[2].name`.

use std::ops::Range;

use super::tree::{Node, Value};
use super::typed::{Step, shown};

/// What stands at a path.
pub(super) struct Found<'t, 'a> {
    pub node: &'t Node<'a>,
    pub span: Range<usize>,
    /// The key to point at instead of the value: of a list or map, because those are long, and of a value above the one that was
    /// looked for.
    pub key_span: Option<Range<usize>>,
    /// The path as far as the document has it, in which entries that were set aside are counted too.
    pub path: String,
    /// Whether the document has all of the path.
    pub whole: bool,
    /// Whether it leads through something that was set aside.
    pub bad: bool,
}

impl<'a> Node<'a> {
    /// What stands at the path. Entries of lists that were set aside are not counted, because whoever made the path did not see them.
    pub(super) fn find(&self, path: &str) -> Found<'_, 'a> {
        let mut found =
            Found { node: self, span: first_line(self), key_span: None, path: String::new(), whole: true, bad: false };
        let mut rest = path;
        while !rest.is_empty() {
            let Some((node, key_span, step, after)) = step(found.node, rest) else {
                found.whole = false;
                return found;
            };
            found.bad |= node.bad.get();
            found.key_span = match node.value {
                Value::List(_) | Value::Map(_) => key_span,
                _ => None,
            };
            found.span = if found.key_span.is_some() { node.span.clone() } else { first_line(node) };
            found.path = join(&found.path, &step);
            found.node = node;
            rest = after;
        }
        found
    }

    /// The value that is reached by these steps, of which the last comes first.
    pub(super) fn find_exact(&self, steps: &[Step]) -> Option<&Node<'a>> {
        steps.iter().rev().try_fold(self, |node, step| match (&node.value, step) {
            (Value::List(items), Step::Item(index)) => items.get(*index),
            (_, Step::Key(key)) => node.entry(key).map(|entry| &entry.node),
            _ => None,
        })
    }

    /// The path of the value with this span.
    pub(super) fn path_of(&self, span: &Range<usize>) -> Option<String> {
        if self.span == *span {
            return Some(String::new());
        }
        let below = |step: Step, node: &Node<'_>| node.path_of(span).map(|rest| lead(&step, &rest));
        match &self.value {
            Value::List(items) => items.iter().enumerate().find_map(|(index, node)| below(Step::Item(index), node)),
            Value::Map(entries) => entries.iter().find_map(|entry| below(Step::Key(entry.key.to_string()), &entry.node)),
            _ => None,
        }
    }
}

type Next<'t, 'a, 'p> = (&'t Node<'a>, Option<Range<usize>>, Step, &'p str);

fn step<'t, 'a, 'p>(node: &'t Node<'a>, path: &'p str) -> Option<Next<'t, 'a, 'p>> {
    match &node.value {
        Value::List(items) => {
            let (index, after) = path.strip_prefix('[')?.split_once(']')?;
            let index: usize = index.parse().ok()?;
            let (real, node) = items.iter().enumerate().filter(|(_, item)| !item.bad.get()).nth(index)?;
            Some((node, None, Step::Item(real), after.strip_prefix('.').unwrap_or(after)))
        }
        Value::Map(entries) => {
            // A key may have dots in it, so the longest that fits is meant.
            let fits = |key: &str| {
                let after = path.strip_prefix(key)?;
                if after.starts_with('[') {
                    Some(after)
                } else if after.is_empty() {
                    Some("")
                } else {
                    after.strip_prefix('.')
                }
            };
            let fitting = entries.iter().filter_map(|entry| Some((entry, fits(&entry.key)?)));
            let (entry, after) = fitting.max_by_key(|(entry, _)| entry.key.len())?;
            Some((&entry.node, Some(entry.key_span.clone()), Step::Key(entry.key.to_string()), after))
        }
        _ => None,
    }
}

/// The value itself, or the first key of a map.
pub(super) fn first_line(node: &Node<'_>) -> Range<usize> {
    match &node.value {
        Value::Map(entries) => entries.first().map_or(node.span.clone(), |entry| entry.key_span.clone()),
        Value::List(items) => items.first().map_or(node.span.clone(), first_line),
        _ => node.span.clone(),
    }
}

fn join(path: &str, step: &Step) -> String {
    match step {
        Step::Item(index) => format!("{path}[{index}]"),
        Step::Key(key) if path.is_empty() => shown(key),
        Step::Key(key) => format!("{path}.{}", shown(key)),
    }
}

fn lead(step: &Step, rest: &str) -> String {
    let mut path = join("", step);
    if !rest.is_empty() && !rest.starts_with('[') {
        path.push('.');
    }
    path.push_str(rest);
    path
}

/// The path of steps of which the last comes first.
pub(super) fn written(steps: &[Step]) -> String {
    steps.iter().rev().fold(String::new(), |path, step| join(&path, step))
}
