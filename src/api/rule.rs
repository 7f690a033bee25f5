//! Rules that join several values of one object, each said twice side by side: in CEL for the API server and in Rust for the planner.
//!
//! CEL is too slow to run on every object of a large input. A test generates objects and finds no difference between the two.

use std::collections::BTreeMap;
use std::fmt;

use schemars::Schema;
use serde_json::{Value, json};

/// What is wrong with one object, and where in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Problem {
    /// The field, for example `spec.publishParams.video.width` or `spec.workspaces[2]`.
    pub path: String,
    /// What is wrong and what is expected, as a clause that follows the path: `must be ...`.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.message)
    }
}

/// A rule on one state of a `T`.
pub(crate) struct Rule<T: ?Sized> {
    /// The field of `T` that is at fault, or nothing for the whole of it.
    pub field: &'static str,
    pub message: &'static str,
    pub cel: &'static str,
    pub holds: fn(&T) -> bool,
}

/// A rule on two states of a `T`, the old one first.
pub(crate) struct Change<T: ?Sized> {
    pub field: &'static str,
    pub message: &'static str,
    pub cel: &'static str,
    pub holds: fn(&T, &T) -> bool,
}

/// Declares that an optional field, once it has a value, keeps it.
macro_rules! set_once {
    ($field:literal, $get:ident, $message:expr) => {
        crate::api::rule::Change {
            field: $field,
            message: $message,
            cel: concat!("!has(oldSelf.", $field, ") || (has(self.", $field, ") && self.", $field, " == oldSelf.", $field, ")"),
            holds: |old, new| old.$get.is_none() || old.$get == new.$get,
        }
    };
}
pub(crate) use set_once;

/// Declares that a required field keeps its value.
macro_rules! fixed {
    ($field:literal, $get:ident, $message:expr) => {
        crate::api::rule::Change {
            field: $field,
            message: $message,
            cel: concat!("self.", $field, " == oldSelf.", $field),
            holds: |old, new| old.$get == new.$get,
        }
    };
}
pub(crate) use fixed;

/// A value with rules of its own or inside.
pub(crate) trait Rules: 'static {
    const RULES: &'static [Rule<Self>] = &[];
    const CHANGES: &'static [Change<Self>] = &[];

    /// Checks the values inside that have rules.
    fn inside(&self, _at: &Path<'_>, _problems: &mut Vec<Problem>) {}
}

/// Where a value is; it becomes text only when there is something to report.
pub(crate) enum Path<'a> {
    Root(&'static str),
    Field(&'a Path<'a>, &'static str),
    Key(&'a Path<'a>, &'a str),
    Item(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root(name) => f.write_str(name),
            Path::Field(parent, name) => write!(f, "{parent}.{name}"),
            Path::Key(parent, key) => write!(f, "{parent}.{key}"),
            Path::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

impl Path<'_> {
    fn problem(&self, field: &'static str, message: &str) -> Problem {
        let path = if field.is_empty() { self.to_string() } else { Path::Field(self, field).to_string() };
        Problem { path, message: message.to_owned() }
    }
}

/// Reports the rules that a value and the values inside it break.
pub(crate) fn check<T: Rules>(value: &T, at: &Path<'_>, problems: &mut Vec<Problem>) {
    for rule in T::RULES {
        if !(rule.holds)(value) {
            problems.push(at.problem(rule.field, rule.message));
        }
    }
    value.inside(at, problems);
}

/// Reports the rules that a field breaks, if it is there.
pub(crate) fn check_field<T: Rules>(value: Option<&T>, parent: &Path<'_>, name: &'static str, problems: &mut Vec<Problem>) {
    if let Some(value) = value {
        check(value, &Path::Field(parent, name), problems);
    }
}

/// Reports the rules that the entries of a list break, if it is there.
pub(crate) fn check_items<T: Rules>(items: Option<&[T]>, parent: &Path<'_>, name: &'static str, problems: &mut Vec<Problem>) {
    let at = Path::Field(parent, name);
    for (index, item) in items.unwrap_or_default().iter().enumerate() {
        check(item, &Path::Item(&at, index), problems);
    }
}

/// Reports the rules that the values of a map break, if it is there.
pub(crate) fn check_map<T: Rules>(
    map: Option<&BTreeMap<String, T>>,
    parent: &Path<'_>,
    name: &'static str,
    problems: &mut Vec<Problem>,
) {
    let at = Path::Field(parent, name);
    for (key, value) in map.into_iter().flatten() {
        check(value, &Path::Key(&at, key), problems);
    }
}

/// Reports the rules that a change from `old` to `new` breaks.
pub(crate) fn check_change<T: Rules>(old: &T, new: &T, at: &Path<'_>) -> Vec<Problem> {
    let broken = T::CHANGES.iter().filter(|change| !(change.holds)(old, new));
    broken.map(|change| at.problem(change.field, change.message)).collect()
}

/// Writes the rules of `T` into its schema, for `#[schemars(transform = attach::<T>)]`.
pub(crate) fn attach<T: Rules>(schema: &mut Schema) {
    let rules = T::RULES.iter().map(|rule| cel(rule.field, rule.cel, rule.message));
    let changes = T::CHANGES.iter().map(|change| cel(change.field, change.cel, change.message));
    let all: Vec<Value> = rules.chain(changes).collect();
    if !all.is_empty() {
        schema.insert("x-kubernetes-validations".to_owned(), all.into());
    }
}

fn cel(field: &str, rule: &str, message: &str) -> Value {
    if field.is_empty() {
        json!({ "rule": rule, "message": message })
    } else {
        json!({ "rule": rule, "message": message, "fieldPath": format!(".{field}") })
    }
}
