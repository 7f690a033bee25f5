use std::collections::BTreeSet;

use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::Detail;
use super::value::{cut, inline, is_short, lines, safe, shortened, without_secrets};
use crate::plan::{ENDED, FieldChange};

/// How many fields of one object are shown before the rest is counted.
const FIELDS: usize = 20;
/// How many lines of one text are shown before the rest is counted.
const LINES: usize = 20;
/// The longest line of a text.
const WIDTH: usize = 160;

/// A field that changes, as it is shown.
#[derive(Debug, PartialEq)]
pub enum Line {
    /// On one line: `quotas.apiDaily: 100 -> 200`.
    One(String),
    /// The name of the field, and below it the lines of its value that are taken away or added.
    Block(String, Vec<(Sign, String)>),
}

/// What becomes of a line of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Sign {
    Kept,
    Removed,
    Added,
}

impl Sign {
    /// The sign in front of the line.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Kept => " ",
            Self::Removed => "-",
            Self::Added => "+",
        }
    }
}

/// The fields of a change as they are shown.
pub fn field_lines(fields: &[FieldChange], detail: Detail) -> Vec<Line> {
    if detail == Detail::Concise {
        return Vec::new();
    }
    let shown = if detail == Detail::Full { fields.len() } else { FIELDS };
    let mut all: Vec<Line> = fields.iter().take(shown).map(|field| field_line(field, detail)).collect();
    if fields.len() > shown {
        all.push(Line::One(format!("and {} more fields", fields.len() - shown)));
    }
    all
}

/// The fields of an object that another hand changed.
pub fn drift_lines(fields: &[FieldChange], detail: Detail) -> Vec<Line> {
    let plain = |field: &FieldChange| FieldChange { drift: false, ..field.clone() };
    field_lines(&fields.iter().map(plain).collect::<Vec<_>>(), detail)
}

/// Fields on one line, long values cut: `role: Admin, quotas.apiDaily: 100 -> 200`.
#[must_use]
pub fn fields_on_one_line(fields: &[FieldChange]) -> String {
    let text = |line: &Line| match line {
        Line::One(text) => text.clone(),
        Line::Block(head, _) => format!("{head} changed"),
    };
    drift_lines(fields, Detail::Normal).iter().map(text).collect::<Vec<_>>().join(", ")
}

fn field_line(field: &FieldChange, detail: Detail) -> Line {
    let hide = |value: &Option<Value>| value.as_ref().map(|value| without_secrets(value).into_owned());
    let (from, to) = (hide(&field.from), hide(&field.to));
    let drift = if field.drift { " (drift)" } else { "" };
    let path = safe(&field.path);
    let one = |text: String| Line::One(format!("{path}: {text}{drift}"));
    let show = |value: &Value| if detail == Detail::Full { inline(value) } else { shortened(value) };
    match (&from, &to) {
        (_, Some(Value::String(end))) if &*field.path == ENDED => Line::One(format!("access ended {}", safe(end))),
        (_, None) if &*field.path == ENDED => Line::One("access is open again".to_owned()),
        (None, Some(to)) => one(show(to)),
        (Some(from), None) => one(format!("{} -> {}", show(from), if field.unset { "(none)" } else { "(default)" })),
        (Some(from), Some(to)) if is_short(from) && is_short(to) => one(format!("{} -> {}", inline(from), inline(to))),
        (Some(from), Some(to)) => match entries(from, to) {
            Some(text) => one(text),
            None => Line::Block(format!("{path}:{drift}"), diff(from, to, detail)),
        },
        (None, None) => one("changed".to_owned()),
    }
}

/// The difference of two lists of plain values as sets; `None` where it is another one.
fn entries(from: &Value, to: &Value) -> Option<String> {
    let set = |value: &Value| -> Option<BTreeSet<String>> {
        let items = value.as_array()?;
        let plain = items.iter().all(|item| !item.is_array() && !item.is_object());
        plain.then(|| items.iter().map(inline).collect())
    };
    let (from, to) = (set(from)?, set(to)?);
    let words = |word: &str, set: &BTreeSet<String>, other: &BTreeSet<String>| {
        let items: Vec<&str> = set.difference(other).map(String::as_str).collect();
        (!items.is_empty()).then(|| format!("{word} [{}]", cut(&items.join(", "), WIDTH)))
    };
    let parts: Vec<String> = [words("removed", &from, &to), words("added", &to, &from)].into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

fn diff(from: &Value, to: &Value, detail: Detail) -> Vec<(Sign, String)> {
    let (from, to) = around_difference(lines(Some(from)), lines(Some(to)));
    let text = TextDiff::from_lines(from.as_str(), to.as_str());
    let mut all = Vec::new();
    for group in text.grouped_ops(1) {
        for change in group.iter().flat_map(|op| text.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Equal => Sign::Kept,
                ChangeTag::Delete => Sign::Removed,
                ChangeTag::Insert => Sign::Added,
            };
            let line = safe(change.value().trim_end_matches(['\n', '\r'])).into_owned();
            all.push((sign, if detail == Detail::Full { line } else { cut(&line, WIDTH) }));
        }
    }
    if detail != Detail::Full && all.len() > LINES {
        let more = all.len() - LINES;
        all.truncate(LINES);
        all.push((Sign::Kept, format!("... and {more} more lines")));
    }
    all
}

/// Two long lines that begin alike are shown from where they differ, so that cutting them does not hide the difference.
fn around_difference(from: String, to: String) -> (String, String) {
    let same = from.chars().zip(to.chars()).take_while(|(a, b)| a == b).count();
    if from.trim_end().contains('\n') || to.trim_end().contains('\n') || same < WIDTH / 2 {
        return (from, to);
    }
    let rest = |text: String| format!("...{}", text.chars().skip(same - WIDTH / 4).collect::<String>());
    (rest(from), rest(to))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn line(path: &str, from: Value, to: Value) -> Line {
        let some = |value: Value| Some(value).filter(|value| !value.is_null());
        field_line(&FieldChange { path: path.into(), from: some(from), to: some(to), drift: false, unset: false }, Detail::Normal)
    }

    fn one(text: &str) -> Line {
        Line::One(text.to_owned())
    }

    #[test]
    fn a_short_field_stands_on_one_line() {
        assert_eq!(line("quotas.apiDaily", json!(100), json!(200)), one("quotas.apiDaily: 100 -> 200"));
        assert_eq!(line("role", Value::Null, json!("Admin")), one("role: Admin"));
        assert_eq!(line("role", json!("Admin"), Value::Null), one("role: Admin -> (default)"));
        assert_eq!(line("limit", json!("200"), json!(200)), one("limit: \"200\" -> 200"));
        assert_eq!(line(ENDED, Value::Null, json!("2027-01-31T00:00:00Z")), one("access ended 2027-01-31T00:00:00Z"));
        assert_eq!(line(ENDED, json!("2027-01-31T00:00:00Z"), Value::Null), one("access is open again"));
    }

    #[test]
    fn a_corrected_field_says_that_it_drifted() {
        let field =
            FieldChange { path: "hipaa".into(), from: Some(json!(false)), to: Some(json!(true)), drift: true, unset: false };
        assert_eq!(field_line(&field, Detail::Normal), one("hipaa: false -> true (drift)"));
    }

    #[test]
    fn a_text_of_several_lines_shows_the_lines_that_change() {
        let shown = line("description", json!("one\ntwo\nthree\nfour\n"), json!("one\ntwo\n3\nfour\n"));
        let lines = [(Sign::Kept, "two"), (Sign::Removed, "three"), (Sign::Added, "3"), (Sign::Kept, "four")];
        let lines = lines.into_iter().map(|(sign, text)| (sign, text.to_owned())).collect();
        assert_eq!(shown, Line::Block("description:".to_owned(), lines));
    }

    #[test]
    fn a_long_list_shows_what_goes_and_what_comes() {
        let many = |extra: &str| json!((0..20).map(|n| format!("permission-{n}")).chain([extra.to_owned()]).collect::<Vec<_>>());
        assert_eq!(line("permissions", many("old"), many("new")), one("permissions: removed [old], added [new]"));
    }

    #[test]
    fn two_long_lines_are_shown_where_they_differ() {
        let text = |end: &str| json!(format!("{}{end}", "x".repeat(300)));
        let Line::Block(_, lines) = line("note", text("old"), text("new")) else { panic!("should be a block") };
        assert_eq!(lines.len(), 2);
        assert!(lines[0].1.ends_with("xold") && lines[1].1.ends_with("xnew"), "{lines:?}");
    }

    #[test]
    fn many_fields_and_many_lines_are_counted() {
        let field =
            |n: usize| FieldChange { path: format!("f{n}").into(), from: None, to: Some(json!(n)), drift: false, unset: false };
        let fields: Vec<FieldChange> = (0..25).map(field).collect();
        assert_eq!(field_lines(&fields, Detail::Normal).last(), Some(&one("and 5 more fields")));
        assert_eq!(field_lines(&fields, Detail::Full).len(), 25);
        assert_eq!(field_lines(&fields, Detail::Concise), []);
        let text = |word: &str| json!((0..30).map(|n| format!("{word} {n}\n")).collect::<String>());
        let Line::Block(_, lines) = line("note", text("old"), text("new")) else { panic!("should be a block") };
        assert_eq!(lines.last().map(|(_, text)| text.as_str()), Some("... and 40 more lines"));
    }

    #[test]
    fn a_long_value_stands_whole_only_with_full() {
        let long = "x".repeat(200);
        let field = FieldChange { path: "note".into(), from: None, to: Some(json!(long)), drift: false, unset: false };
        assert_eq!(field_line(&field, Detail::Full), one(&format!("note: {long}")));
        assert_eq!(field_line(&field, Detail::Normal), one(&format!("note: {}...", "x".repeat(57))));
        let field = FieldChange { from: Some(json!("y")), ..field };
        let added = |detail| match field_line(&field, detail) {
            Line::Block(_, lines) => lines.last().map(|(_, text)| text.chars().count()),
            Line::One(_) => None,
        };
        assert_eq!((added(Detail::Full), added(Detail::Normal)), (Some(200), Some(WIDTH)));
    }

    #[test]
    fn as_many_lines_as_are_shown_are_not_counted() {
        let text = |word: &str| json!((0..LINES / 2).map(|n| format!("{word} {n}\n")).collect::<String>());
        let Line::Block(_, lines) = line("note", text("old"), text("new")) else { panic!("should be a block") };
        assert_eq!((lines.len(), lines.last().unwrap()), (LINES, &(Sign::Added, "new 9".to_owned())));
    }

    #[test]
    fn only_lists_of_plain_values_are_compared_as_sets() {
        assert_eq!(entries(&json!(["a", "b"]), &json!(["b"])), Some("removed [a]".to_owned()));
        assert_eq!(entries(&json!([{ "name": "a" }]), &json!([])), None);
        assert_eq!(entries(&json!([["a"]]), &json!([])), None);
    }

    #[test]
    fn one_long_line_is_shown_from_shortly_before_the_difference() {
        let around = |same: usize, tail: &str| {
            let text = |end: &str| format!("{}{end}", "x".repeat(same));
            around_difference(text("old"), text(tail))
        };
        let shown = |end: &str| format!("...{}{end}", "x".repeat(WIDTH / 4));
        assert_eq!(around(WIDTH / 2, "new"), (shown("old"), shown("new")));
        assert_eq!(around(WIDTH / 2 - 1, "new").0.len(), WIDTH / 2 + 2);
        assert_eq!(around(WIDTH, "new\nline").0.len(), WIDTH + 3);
        let (from, to) = around_difference(format!("{}\nold", "x".repeat(WIDTH)), "x".repeat(WIDTH));
        assert_eq!((from.len(), to.len()), (WIDTH + 4, WIDTH));
    }
}
