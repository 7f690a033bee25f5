//! Small changes of a document, found by walking it beside its schema: some keep it good, most do not.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::{Map, Value, json};

use crate::structure;

/// One change: a place, and the value that is put there, or nothing to remove what is there.
#[derive(Clone, Debug)]
pub struct Mutation {
    place: String,
    value: Option<Value>,
}

impl Mutation {
    /// The document after the change.
    pub fn apply(&self, object: &Value) -> Value {
        let mut object = object.clone();
        let (parent, last) = self.place.rsplit_once('/').unwrap();
        match (object.pointer_mut(parent).unwrap(), &self.value) {
            (Value::Object(fields), Some(value)) => drop(fields.insert(unescape(last), value.clone())),
            (Value::Object(fields), None) => drop(fields.remove(&unescape(last))),
            (Value::Array(items), value) => {
                let index: usize = last.parse().unwrap();
                items.splice(index..=index, value.clone());
            }
            _ => unreachable!("only objects and lists have places inside"),
        }
        object
    }
}

impl fmt::Display for Mutation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{} = {value:.200}", self.place),
            None => write!(f, "{} removed", self.place),
        }
    }
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn unescape(name: &str) -> String {
    name.replace("~1", "/").replace("~0", "~")
}

/// Texts that are good somewhere and bad elsewhere, apart by bars.
const TEXTS: &str = "|a b|a|A|a-b|-a|a.b|a\u{1}b|a\u{0}b|a\tb|zürich|a\u{85}b|Unlimited|Forever|Never|5|0s|9s|10m|24h|24h0m1s|1h|1h30m|90m10s\
    |10|m|1d|9000h|999999h|2027-01-31T12:00:00Z|2027-02-30T12:00:00Z|2027-01-31 12:00:00Z|2027-01-31T12:00:00.123456789-05:30\
    |2027-01-31T24:00:00Z|2027-01-31T12:00:60Z|2027-01-31T12:00:00.Z|2027-01-31T12:00:00+24:00|alice@acme.example|alice@@acme\
    |alice@-acme|https://a.example/x?y#z|http://a.example|http://localhost:8080|http://localhost.a.example/|http://[::1]\
    |https://user:pw@a.example|https://a b|ftp://a|rtmps://a/b|rtmp://|Authorization|x-my-API-KEY|X:Y";

/// All changes of a document that this module knows.
pub fn mutations(schema: &Value, object: &Value) -> Vec<Mutation> {
    let mut walk = Walk::default();
    walk.visit(&schema["properties"]["spec"], &object["spec"], "/spec");
    walk.found
}

#[derive(Default)]
struct Walk {
    found: Vec<Mutation>,
    /// The types that were tried in full already; trying all of it in another field of the same type finds nothing new.
    tried: BTreeSet<String>,
}

impl Walk {
    fn set(&mut self, place: &str, values: impl IntoIterator<Item = Value>) {
        let place = place.to_owned();
        self.found.extend(values.into_iter().map(|value| Mutation { place: place.clone(), value: Some(value) }));
    }

    fn is_new(&mut self, schema: &Value) -> bool {
        let mut schema = schema.clone();
        schema["description"] = Value::Null;
        self.tried.insert(schema.to_string())
    }

    fn visit(&mut self, schema: &Value, value: &Value, at: &str) {
        match value {
            Value::Null => {}
            Value::Bool(yes) => self.set(at, [json!(!yes), json!("true")]),
            Value::Number(number) => self.visit_number(schema, number.as_i64(), at),
            Value::String(_) => self.visit_string(schema, at),
            Value::Array(items) => self.visit_array(schema, items, at),
            Value::Object(fields) => self.visit_object(schema, fields, at),
        }
    }

    fn visit_number(&mut self, schema: &Value, number: Option<i64>, at: &str) {
        self.set(at, number.into_iter().flat_map(|n| [n - 1, n + 1, n + 5]).map(Value::from));
        if self.is_new(schema) {
            let bounds = ["minimum", "maximum"].into_iter().filter_map(|bound| schema[bound].as_i64());
            self.set(at, bounds.flat_map(|n| [n - 1, n, n + 1]).map(Value::from));
            self.set(at, [json!("1"), json!("Unlimited"), json!("unlimited"), json!(u64::MAX), json!(true), json!({})]);
        }
    }

    fn visit_string(&mut self, schema: &Value, at: &str) {
        if !self.is_new(schema) {
            return self.set(at, TEXTS.split('|').take(2).map(Value::from));
        }
        let max = usize::try_from(schema["maxLength"].as_u64().unwrap_or(10)).unwrap();
        self.set(at, TEXTS.split('|').map(Value::from));
        self.set(at, schema["enum"].as_array().into_iter().flatten().cloned());
        self.set(at, ["a", "ü"].into_iter().flat_map(|c| [c.repeat(max), c.repeat(max + 1)]).map(Value::from));
        self.set(at, [json!(1), json!(-1), json!([])]);
    }

    fn visit_array(&mut self, schema: &Value, items: &[Value], at: &str) {
        let max = usize::try_from(schema["maxItems"].as_u64().unwrap()).unwrap();
        self.set(
            at,
            [json!([]), json!({}), items.iter().rev().cloned().collect(), items.iter().chain(items.first()).cloned().collect()],
        );
        if max <= 20 && !items.is_empty() {
            self.set(at, [max, max + 1].map(|count| items.iter().cycle().take(count).cloned().collect()));
        }
        for (index, item) in items.iter().enumerate() {
            self.found.push(Mutation { place: format!("{at}/{index}"), value: None });
            self.visit(&schema["items"], item, &format!("{at}/{index}"));
        }
    }

    fn visit_object(&mut self, schema: &Value, fields: &Map<String, Value>, at: &str) {
        if at != "/spec" {
            self.set(at, [json!([]), json!({})]);
        }
        if schema["additionalProperties"].is_object() {
            let any = fields.values().next().cloned().unwrap_or_else(|| sample(&schema["additionalProperties"]));
            for key in ["", "a", "ü b", "a\u{0}b", "a\u{85}b", &"k".repeat(63), &"ü".repeat(63), &"k".repeat(64)] {
                self.set(&format!("{at}/{key}"), [any.clone()]);
            }
        } else {
            self.set(&format!("{at}/unknown"), [json!(1)]);
        }
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let value = if fields.contains_key(name) { None } else { Some(sample(property)) };
            self.found.push(Mutation { place: format!("{at}/{name}"), value });
            self.set(&format!("{at}/{name}"), [Value::Null]);
        }
        for (name, value) in fields {
            let property = &schema["properties"][name];
            let schema = if property.is_object() { property } else { &schema["additionalProperties"] };
            self.visit(schema, value, &format!("{at}/{}", escape(name)));
        }
    }
}

/// A small value of the right structure.
fn sample(schema: &Value) -> Value {
    let fits = |text: &Value| structure::problems(schema, text).is_empty();
    match schema["type"].as_str() {
        Some("object") => {
            let required = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
            required.map(|name| (name.to_owned(), sample(&schema["properties"][name]))).collect()
        }
        Some("array") => json!([sample(&schema["items"])]),
        Some("boolean") => json!(true),
        Some("integer" | "number") => schema["minimum"].clone(),
        _ if schema["enum"].is_array() => schema["enum"][0].clone(),
        _ => TEXTS.split('|').map(Value::from).find(fits).unwrap(),
    }
}
