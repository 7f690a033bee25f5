use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The part of a path that stands for all entries of a map or a list: which there are, or how many.
pub const ENTRIES: &str = "…";

/// A field that changes at a service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Edit {
    /// The parts of its path.
    pub at: Vec<Box<str>>,
    /// The value there now; `None` where there is none.
    pub from: Option<Value>,
    /// The value afterwards; `None` where it goes back to what the service does when it is left out.
    pub to: Option<Value>,
    /// True when somebody changed it at the service, false when the store did.
    pub drift: bool,
    /// True for a secret: the values are digests.
    pub secret: bool,
}

impl Edit {
    /// The path as people write it: `publishParams.video.bitRate`. A part that has a dot stands in brackets; the part that stands for all
    /// entries of a map or list is left out.
    #[must_use]
    pub fn path(&self) -> String {
        self.at.iter().filter(|part| ***part != *ENTRIES).fold(String::new(), |mut path, part| {
            let plain = part.chars().all(|character| character.is_alphanumeric() || matches!(character, '_' | '-'));
            match (plain, path.is_empty()) {
                (true, true) => path.push_str(part),
                (true, false) => path.extend([".", part]),
                (false, _) => path.extend(["[\"", part, "\"]"]),
            }
            path
        })
    }
}

/// The value at a path; JSON null counts as none.
#[must_use]
pub fn leaf<'v>(fields: &'v Map<String, Value>, at: &[Box<str>]) -> Option<&'v Value> {
    let (first, rest) = at.split_first()?;
    let value = rest.iter().try_fold(fields.get(&**first)?, |value, part| value.get(&**part))?;
    (!value.is_null()).then_some(value)
}

/// Every field that is no object with fields of its own, by its path.
pub(super) fn leaves(fields: &Map<String, Value>) -> Vec<(Vec<Box<str>>, &Value)> {
    fn collect<'v>(at: &mut Vec<Box<str>>, fields: &'v Map<String, Value>, leaves: &mut Vec<(Vec<Box<str>>, &'v Value)>) {
        for (name, value) in fields {
            at.push(name.as_str().into());
            match value {
                Value::Object(inner) if !inner.is_empty() => collect(at, inner, leaves),
                value => leaves.push((at.clone(), value)),
            }
            at.pop();
        }
    }
    let mut found = Vec::new();
    collect(&mut Vec::new(), fields, &mut found);
    found
}

/// The fields after some edits.
#[must_use]
pub fn applied<'e>(fields: &Map<String, Value>, edits: impl IntoIterator<Item = &'e Edit>) -> Map<String, Value> {
    let mut fields = fields.clone();
    for edit in edits {
        put(&mut fields, &edit.at, edit.to.as_ref());
    }
    fields
}

fn put(fields: &mut Map<String, Value>, at: &[Box<str>], value: Option<&Value>) {
    let Some((first, rest)) = at.split_first() else { return };
    match (rest.is_empty(), value) {
        (true, Some(value)) => {
            fields.insert(first.to_string(), value.clone());
        }
        (true, None) => {
            fields.remove(&**first);
        }
        (false, value) => {
            if value.is_none() && !fields.contains_key(&**first) {
                return;
            }
            let inner = fields.entry(first.to_string()).or_insert_with(|| Value::Object(Map::new()));
            if !inner.is_object() {
                *inner = Value::Object(Map::new());
            }
            if let Value::Object(inner) = inner {
                put(inner, rest, value);
            }
        }
    }
}

/// What changes between what is wanted and what is there, given what was sent last: a field that was sent and is wanted no longer
/// goes back to what the service does when it is left out.
pub(super) fn edits(wanted: &Map<String, Value>, there: &Map<String, Value>, sent: &Map<String, Value>) -> Vec<Edit> {
    let edit = |(at, want): (Vec<Box<str>>, &Value)| {
        let (want, have) = (Some(want).filter(|want| !want.is_null()), leaf(there, &at));
        let same = want == have || is_nothing(want) && is_nothing(have);
        let drift = leaf(sent, &at) == want && want.is_some();
        (!same).then(|| Edit { from: have.cloned(), to: want.cloned(), drift, secret: false, at })
    };
    let mut edits: Vec<Edit> = leaves(wanted).into_iter().filter_map(edit).collect();
    let dropped = leaves(sent).into_iter().filter(|(at, _)| !speaks_of(wanted, at) && leaf(there, at).is_some());
    edits.extend(dropped.map(|(at, _)| Edit { from: leaf(there, &at).cloned(), to: None, drift: false, secret: false, at }));
    edits.sort_by(|a, b| a.at.cmp(&b.at));
    edits
}

/// True where the fields say anything about a path: about itself, about a part of it, or about a whole that it is a part of.
fn speaks_of(fields: &Map<String, Value>, at: &[Box<str>]) -> bool {
    let Some((first, rest)) = at.split_first() else { return true };
    match fields.get(&**first) {
        None => false,
        Some(Value::Object(inner)) if !rest.is_empty() && !inner.is_empty() => speaks_of(inner, rest),
        Some(_) => true,
    }
}

fn is_nothing(value: Option<&Value>) -> bool {
    match value {
        None => true,
        Some(Value::Object(fields)) => fields.values().all(Value::is_null),
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        match value {
            Value::Object(map) => map,
            other => panic!("{other} is no object"),
        }
    }

    fn told(wanted: Value, there: Value, sent: Value) -> Vec<String> {
        let tell = |edit: Edit| {
            let word = if edit.drift { "drift " } else { "" };
            let text = |value: Option<Value>| value.map_or("-".to_owned(), |value| value.to_string());
            format!("{word}{}: {} -> {}", edit.path(), text(edit.from), text(edit.to))
        };
        edits(&map(wanted), &map(there), &map(sent)).into_iter().map(tell).collect()
    }

    #[test]
    fn a_field_that_was_sent_and_is_another_there_was_changed_at_the_service() {
        assert_eq!(told(json!({"a": {"b": 1}}), json!({"a": {"b": 2}}), json!({"a": {"b": 1}})), ["drift a.b: 2 -> 1"]);
        assert_eq!(told(json!({"a": {"b": 1}}), json!({"a": {"b": 2}}), json!({"a": {"b": 2}})), ["a.b: 2 -> 1"]);
    }

    #[test]
    fn what_the_service_has_beside_it_is_left_alone_and_what_was_sent_and_is_wanted_no_longer_goes() {
        assert_eq!(told(json!({"a": 1}), json!({"a": 1, "b": 2}), json!({"a": 1})), Vec::<String>::new());
        assert_eq!(told(json!({"a": 1}), json!({"a": 1, "b": 2}), json!({"a": 1, "b": 2})), ["b: 2 -> -"]);
        assert_eq!(told(json!({}), json!({"a": {"b": 1, "c": 2}}), json!({"a": {"b": 1}})), ["a.b: 1 -> -"]);
    }

    #[test]
    fn null_and_an_object_without_fields_are_the_same_as_nothing() {
        assert_eq!(told(json!({"a": null, "b": {}}), json!({}), json!({})), Vec::<String>::new());
        assert_eq!(told(json!({"a": null}), json!({"a": 3}), json!({})), ["a: 3 -> -"]);
    }

    #[test]
    fn an_object_without_fields_speaks_of_all_its_fields_and_one_with_fields_of_those() {
        let there = json!({"a": {"b": 1, "c": 2}});
        assert_eq!(told(json!({"a": {}}), there.clone(), there.clone()), ["a: {\"b\":1,\"c\":2} -> {}"]);
        assert_eq!(told(json!({"a": {"c": 2}}), there.clone(), there), ["a.b: 1 -> -"]);
    }

    #[test]
    fn a_name_with_a_dot_stands_in_brackets() {
        assert_eq!(told(json!({"d": {"a.b": {"c": 1}}}), json!({}), json!({})), ["d[\"a.b\"].c: - -> 1"]);
    }

    #[test]
    fn edits_lead_from_what_is_there_to_what_is_wanted() {
        let (wanted, there) = (map(json!({"a": {"b": 1, "x": null}, "c": [2]})), map(json!({"a": {"b": 5, "x": 7}, "z": 1})));
        let edits = edits(&wanted, &there, &Map::new());
        assert_eq!(applied(&there, &edits), map(json!({"a": {"b": 1}, "c": [2], "z": 1})));
    }
}
