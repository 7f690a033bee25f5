//! A plain reading of a structural schema, as the API server reads it with strict field validation. It is stricter in one thing: an
//! integer is not written as 5.0, which the API server takes where no rule looks at it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::Value;

/// What the schema finds wrong with a value.
pub fn problems(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(schema, value, "", &mut found);
    found
}

fn walk(schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let right_type = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        _ => schema["x-kubernetes-int-or-string"] == true && (value.is_i64() || value.is_u64() || value.is_string()),
    };
    if !right_type {
        found.push(format!("{at}: has the wrong type"));
        return;
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        found.push(format!("{at}: is not one of the words"));
    }
    match value {
        Value::Number(number) => walk_number(schema, number.as_f64().unwrap(), at, found),
        Value::String(text) => walk_string(schema, text, at, found),
        Value::Array(items) => walk_array(schema, items, at, found),
        Value::Object(fields) => walk_object(schema, fields, at, found),
        Value::Null | Value::Bool(_) => {}
    }
}

fn walk_number(schema: &Value, number: f64, at: &str, found: &mut Vec<String>) {
    let below = schema["minimum"].as_f64().is_some_and(|min| number < min);
    let above = schema["maximum"].as_f64().is_some_and(|max| number > max);
    if below || above {
        found.push(format!("{at}: is out of range"));
    }
}

fn walk_string(schema: &Value, text: &str, at: &str, found: &mut Vec<String>) {
    let count = text.chars().count() as u64;
    if schema["maxLength"].as_u64().is_some_and(|max| count > max) || schema["minLength"].as_u64().is_some_and(|min| count < min)
    {
        found.push(format!("{at}: has the wrong length"));
    }
    if schema["pattern"].as_str().is_some_and(|pattern| !matches(pattern, text)) {
        found.push(format!("{at}: does not match the pattern"));
    }
    let date = text.get(..10).and_then(|date| date.parse::<jiff::civil::Date>().ok());
    if schema["format"] == "date-time" && date.is_none() {
        found.push(format!("{at}: is not a date"));
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    thread_local! {
        static COMPILED: RefCell<BTreeMap<String, Regex>> = const { RefCell::new(BTreeMap::new()) };
    }
    COMPILED.with_borrow_mut(|compiled| {
        compiled.entry(pattern.to_owned()).or_insert_with(|| Regex::new(pattern).unwrap()).is_match(text)
    })
}

fn walk_array(schema: &Value, items: &[Value], at: &str, found: &mut Vec<String>) {
    let count = items.len() as u64;
    if schema["maxItems"].as_u64().is_some_and(|max| count > max) || schema["minItems"].as_u64().is_some_and(|min| count < min) {
        found.push(format!("{at}: has the wrong number of items"));
    }
    let keys: Vec<String> = match schema["x-kubernetes-list-type"].as_str() {
        Some("set") => items.iter().map(Value::to_string).collect(),
        Some("map") => {
            items.iter().map(|item| item[schema["x-kubernetes-list-map-keys"][0].as_str().unwrap()].to_string()).collect()
        }
        _ => Vec::new(),
    };
    if keys.iter().collect::<BTreeSet<_>>().len() < keys.len() {
        found.push(format!("{at}: has an item twice"));
    }
    for (index, item) in items.iter().enumerate() {
        walk(&schema["items"], item, &format!("{at}[{index}]"), found);
    }
}

fn walk_object(schema: &Value, fields: &serde_json::Map<String, Value>, at: &str, found: &mut Vec<String>) {
    if schema["maxProperties"].as_u64().is_some_and(|max| fields.len() as u64 > max) {
        found.push(format!("{at}: has too many fields"));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if fields.get(name).is_none_or(Value::is_null) {
            found.push(format!("{at}: lacks {name}"));
        }
    }
    for (name, value) in fields {
        let at = format!("{at}.{name}");
        if schema["properties"][name].is_object() {
            // The API server takes a null field for one that is not there.
            if !value.is_null() {
                walk(&schema["properties"][name], value, &at, found);
            }
        } else if schema["additionalProperties"].is_object() {
            walk(&schema["additionalProperties"], value, &at, found);
        } else if schema["x-kubernetes-preserve-unknown-fields"] != true {
            found.push(format!("{at}: is unknown"));
        }
    }
}
