use std::fmt::Write;

use clap::Args;
use serde_json::Value;

use super::names::kind;
use super::{Console, Exit, Failure};
use crate::api::{self, API_VERSION, Kind};
use crate::plan::render::Paint;
use crate::plan::rules::{RULES, Rule, rule};
use crate::tenancy::nearest;

#[derive(Args, Debug)]
pub struct Arguments {
    /// A rule such as last-admin, a kind or a field such as workspace.spec.quotas; `list` lists the rules
    #[arg(value_name = "RULE|KIND|FIELD", default_value = "list")]
    subject: String,
}

/// The width of prose.
const WIDTH: usize = 96;

/// `muster explain`.
pub fn run(arguments: &Arguments, console: &Console) -> Result<Exit, Failure> {
    let subject = arguments.subject.as_str();
    let text = match rule(subject) {
        Some(rule) => one_rule(rule, console),
        None if subject == "list" => list(console),
        None => field(subject, console)?,
    };
    console.print(&text)?;
    Ok(Exit::Done)
}

fn list(console: &Console) -> String {
    let width = RULES.iter().map(|rule| rule.id.len()).max().unwrap_or_default();
    let mut rules: Vec<&Rule> = RULES.iter().collect();
    rules.sort_by_key(|rule| rule.id);
    let mut text = String::new();
    for rule in rules {
        let id = console.out.paint(Paint::Heading, &format!("{:<width$}", rule.id));
        let _ = writeln!(text, "{id}  {}", rule.title);
    }
    text
}

fn one_rule(rule: &Rule, console: &Console) -> String {
    let heading = console.out.paint(Paint::Heading, rule.id);
    format!(
        "{heading}\n{}\n\n  From\n{}\n  Looks at\n{}\n  Way out\n{}\n  Overridden by\n{}\n",
        wrapped(rule.title, 2),
        wrapped(rule.source, 4),
        wrapped(rule.class.looks_at(), 4),
        wrapped(rule.way_out, 4),
        wrapped(rule.overridden_by, 4)
    )
}

/// A kind or one of its fields, after `kubectl explain`.
fn field(subject: &str, console: &Console) -> Result<String, Failure> {
    let mut names = subject.split('.');
    let first = names.next().unwrap_or_default();
    let kind = kind(first).map_err(|problem| unknown(subject, &problem))?;
    if kind == Kind::Membership {
        return Err(Failure::Usage(
            "a membership has no document: it is an entry of member.spec.projects or member.spec.workspaces".to_owned(),
        ));
    }
    let mut schema = api::schema(kind);
    let mut path = kind.label().replace(' ', "");
    // What stands beside the spec is the same for every kind, and nobody has to write `spec` to get at its fields.
    let mut names: Vec<&str> = names.map(|name| name.trim_end_matches("[]")).collect();
    if !names.first().is_some_and(|name| ["spec", "status", "metadata", "apiVersion", "kind"].contains(name)) {
        names.insert(0, "spec");
    }
    for name in names {
        let fields = fields(schema);
        let Some((found, below)) = fields.iter().find(|(field, _)| *field == name) else {
            return Err(no_such_field(name, &path, &fields));
        };
        path = format!("{path}.{found}");
        schema = below;
    }
    Ok(described(kind, &path, schema, console))
}

fn unknown(subject: &str, problem: &str) -> Failure {
    match nearest(subject, RULES.iter().map(|rule| rule.id)) {
        Some(meant) => Failure::Usage(format!("{subject} is no rule; did you mean {meant}?")),
        None if problem.ends_with('?') => Failure::Usage(problem.to_owned()),
        None => Failure::Usage(format!("{problem}; `muster explain list` lists the rules")),
    }
}

fn no_such_field(name: &str, path: &str, fields: &[(&str, &Value)]) -> Failure {
    let names = || fields.iter().map(|(name, _)| *name);
    Failure::Usage(match nearest(name, names()) {
        Some(meant) => format!("{path} has no field {name}; did you mean {meant}?"),
        None if fields.is_empty() => format!("{path} is a plain value and has no field {name}"),
        None => format!("{path} has no field {name}; it has {}", names().collect::<Vec<_>>().join(", ")),
    })
}

/// The fields of an object, of the items of a list, or of the values of a map.
fn fields(schema: &Value) -> Vec<(&str, &Value)> {
    let inner = [schema, &schema["items"], &schema["additionalProperties"]];
    let object = inner.into_iter().find_map(|schema| schema["properties"].as_object());
    object.into_iter().flatten().map(|(name, schema)| (name.as_str(), schema)).collect()
}

fn described(kind: Kind, path: &str, schema: &Value, console: &Console) -> String {
    let heading = |text: &str| console.out.paint(Paint::Heading, text);
    let mut text = format!("{}  {API_VERSION} {kind} ({})\n", heading("KIND   "), kind.short());
    let _ = writeln!(text, "{}  {path} <{}>", heading("FIELD  "), type_of(schema));
    if let Some(limits) = limits(schema) {
        let _ = writeln!(text, "{}  {limits}", heading("VALUES "));
    }
    let of_kind = api::schema(kind)["description"].as_str().filter(|_| path.split('.').skip(1).eq(["spec"]));
    let description = of_kind.or(schema["description"].as_str()).unwrap_or("Of Kubernetes.");
    let _ = writeln!(text, "\n{}", wrapped(description, 2));
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        let field = rule["fieldPath"].as_str().unwrap_or_default().trim_start_matches('.');
        let message = rule["message"].as_str().unwrap_or_default();
        let _ = writeln!(text, "{}", wrapped(format!("Rule: {field} {message}.").replace("  ", " ").trim(), 2));
    }
    let fields = fields(schema);
    if !fields.is_empty() {
        let _ = writeln!(text, "\n{}", heading("FIELDS"));
    }
    for (name, below) in fields {
        let required = if is_required(schema, name) { ", required" } else { "" };
        let _ = writeln!(text, "  {} <{}>{required}", heading(name), type_of(below));
        if let Some(description) = below["description"].as_str() {
            let _ = writeln!(text, "{}", wrapped(description, 6));
        }
    }
    text
}

fn is_required(schema: &Value, name: &str) -> bool {
    let inner = [schema, &schema["items"], &schema["additionalProperties"]];
    inner.into_iter().any(|schema| schema["required"].as_array().is_some_and(|names| names.iter().any(|other| other == name)))
}

fn type_of(schema: &Value) -> String {
    let own = schema["type"].as_str().unwrap_or("integer or string");
    match own {
        "array" => format!("list of {}", type_of(&schema["items"])),
        "object" if schema["additionalProperties"].is_object() => format!("map of {}", type_of(&schema["additionalProperties"])),
        own => own.to_owned(),
    }
}

fn limits(schema: &Value) -> Option<String> {
    if let Some(words) = schema["enum"].as_array().or_else(|| schema["items"]["enum"].as_array()) {
        let words: Vec<String> = words.iter().map(|word| word.as_str().map_or_else(|| word.to_string(), str::to_owned)).collect();
        return Some(words.join(", "));
    }
    let limit = |name: &str, words: &str| schema.get(name).map(|value| format!("{words} {value}"));
    let limits: Vec<String> = [
        limit("minimum", "at least"),
        limit("maximum", "at most"),
        limit("maxLength", "characters, at most"),
        limit("maxItems", "items, at most"),
        limit("maxProperties", "entries, at most"),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!limits.is_empty()).then(|| limits.join(", "))
}

/// Prose in lines of a readable width.
fn wrapped(text: &str, indent: usize) -> String {
    let space = " ".repeat(indent);
    let mut lines = vec![space.clone()];
    for word in text.split_whitespace() {
        let Some(line) = lines.last_mut() else { break };
        if line.len() > indent && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(format!("{space}{word}"));
        } else {
            let gap = if line.len() > indent { " " } else { "" };
            line.push_str(gap);
            line.push_str(word);
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_is_wrapped_between_words() {
        let text = wrapped(&"word ".repeat(40), 4);
        assert!(text.lines().all(|line| line.starts_with("    word") && line.len() <= WIDTH));
        assert_eq!(text.split_whitespace().count(), 40);
    }

    #[test]
    fn every_field_of_every_kind_can_be_explained() {
        fn visit(schema: &Value, path: &str, seen: &mut usize) {
            for (name, below) in fields(schema) {
                assert!(below["description"].is_string() || path.is_empty() || !path.contains("spec"), "{path}.{name}");
                *seen += 1;
                visit(below, &format!("{path}.{name}"), seen);
            }
        }
        let mut seen = 0;
        for kind in Kind::WRITTEN {
            visit(api::schema(kind), "", &mut seen);
        }
        assert!(seen > 200, "{seen}");
    }
}
