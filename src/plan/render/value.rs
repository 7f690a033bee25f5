use std::borrow::Cow;

use serde_json::Value;

/// The longest value that stands on the line of its field.
const LONGEST: usize = 60;

/// Text that cannot act on a terminal: control characters, and those that turn the direction of writing, are written as
/// `\u{1b}`.
#[must_use]
pub fn safe(text: &str) -> Cow<'_, str> {
    if !text.chars().any(acts) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if acts(character) {
            safe.extend(character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

fn acts(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A value on one line, as YAML would write it inside of braces: strings are quoted only where they have to be.
#[must_use]
pub fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => string(text),
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| format!("{}: {}", string(name), inline(value));
            format!("{{{}}}", fields.iter().map(field).collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn string(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { safe(&Value::from(text).to_string()).into_owned() }
}

/// True when nobody could take the text for something else.
fn is_plain(text: &str) -> bool {
    let begins_well = text.starts_with(|first: char| first.is_alphanumeric() || first == '/');
    let is_word = matches!(text, "true" | "false" | "null" | "yes" | "no" | "on" | "off");
    let is_number = text.parse::<f64>().is_ok();
    let has_sign = text.contains([',', '[', ']', '{', '}', '"', '\'', '#', '\\', '`']);
    let has_arrow = text.contains(": ") || text.contains(" -> ") || text.ends_with([':', ' ']);
    begins_well && !is_word && !is_number && !has_sign && !has_arrow && !text.chars().any(acts)
}

/// True when the value fits on the line of its field.
#[must_use]
pub fn is_short(value: &Value) -> bool {
    !matches!(value, Value::String(text) if text.trim_end().contains('\n')) && inline(value).chars().count() <= LONGEST
}

/// A value on one line, cut where it is too long.
#[must_use]
pub fn shortened(value: &Value) -> String {
    cut(&inline(value), LONGEST)
}

/// The first characters of a text.
#[must_use]
pub fn cut(text: &str, longest: usize) -> String {
    if text.chars().count() <= longest {
        return text.to_owned();
    }
    let start: String = text.chars().take(longest.saturating_sub(3)).collect();
    format!("{start}...")
}

/// A value as lines: text as it is written, anything else as YAML.
#[must_use]
pub fn lines(value: Option<&Value>) -> String {
    match value {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => serde_yaml::to_string(value).unwrap_or_else(|_| value.to_string()),
    }
}

/// The value with everything taken out that only a secret may hold: the values of headers whose name says so. They should
/// never be there in clear, but another hand may have written them into the store.
#[must_use]
pub fn without_secrets(value: &Value) -> Cow<'_, Value> {
    if !has_secret(value) {
        return Cow::Borrowed(value);
    }
    Cow::Owned(match value {
        Value::Array(items) => items.iter().map(|item| without_secrets(item).into_owned()).collect(),
        Value::Object(fields) => {
            let hidden = names_secret(value);
            let field = |(name, value): (&String, &Value)| {
                let value = if hidden && name == "value" { "(secret)".into() } else { without_secrets(value).into_owned() };
                (name.clone(), value)
            };
            Value::Object(fields.iter().map(field).collect())
        }
        other => other.clone(),
    })
}

fn has_secret(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(has_secret),
        Value::Object(fields) => names_secret(value) || fields.values().any(has_secret),
        _ => false,
    }
}

fn names_secret(value: &Value) -> bool {
    let name = value.get("name").and_then(Value::as_str).unwrap_or_default().to_ascii_lowercase();
    value.get("value").is_some() && ["authorization", "token", "key", "secret", "password"].iter().any(|word| name.contains(word))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn strings_are_quoted_only_where_they_could_be_taken_for_something_else() {
        let plain = ["Design studio", "alice@acme.example", "members:write", "/data", "2027-01-31T00:00:00Z", "30d"];
        for text in plain {
            assert_eq!(inline(&json!(text)), text);
        }
        let quoted = ["", " a", "a ", "12", "1.5", "true", "no", "a, b", "a: b", "[a]", "a -> b", "#1", "- a", "(default)"];
        for text in quoted {
            assert_eq!(inline(&json!(text)), format!("\"{text}\""));
        }
    }

    #[test]
    fn lists_and_maps_stand_on_one_line() {
        let value = json!({ "name": "design", "roles": ["Admin", "ReadOnly"], "limit": 3, "on": true, "none": null });
        assert_eq!(inline(&value), "{limit: 3, name: design, none: null, \"on\": true, roles: [Admin, ReadOnly]}");
    }

    #[test]
    fn no_text_acts_on_the_terminal_or_turns_its_direction() {
        assert_eq!(safe("a\x1b[2Jb\nc\u{202e}d"), "a\\u{1b}[2Jb\\u{a}c\\u{202e}d");
        assert_eq!(inline(&json!("a\x1b]0;b\u{7}")), "\"a\\u001b]0;b\\u0007\"");
        assert_eq!(inline(&json!("a\u{202e}b")), "\"a\\u{202e}b\"");
        assert_eq!(safe("Zoë Ångström"), "Zoë Ångström");
    }

    #[test]
    fn a_long_value_is_cut_by_characters() {
        let text = "ä".repeat(70);
        assert!(!is_short(&json!(text)));
        assert_eq!(shortened(&json!(text)), format!("{}...", "ä".repeat(57)));
        assert!(is_short(&json!("ä".repeat(60))));
        assert!(!is_short(&json!("one\ntwo")));
    }

    #[test]
    fn the_value_of_a_header_that_sounds_secret_is_never_shown() {
        let headers = json!([{ "name": "X-Api-Key", "value": "hunter2" }, { "name": "X-Environment", "value": "production" }]);
        let shown = inline(&without_secrets(&headers));
        assert_eq!(shown, "[{name: X-Api-Key, value: \"(secret)\"}, {name: X-Environment, value: production}]");
        assert_eq!(
            *without_secrets(&json!({ "webhook": { "headers": headers } })).pointer("/webhook/headers/0/value").unwrap(),
            json!("(secret)")
        );
    }
}
