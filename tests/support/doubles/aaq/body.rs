//! Reading what was sent as pydantic does: everything that is wrong is listed, with the input.

use serde_json::{Value, json};

use super::answer::Failure;
use super::database::Role;

/// An object that was sent, and what is wrong with it.
pub struct Fields<'a> {
    value: &'a Value,
    at: Vec<Value>,
    problems: Vec<Value>,
}

impl<'a> Fields<'a> {
    /// The fields of what was sent as the body.
    pub fn of(value: &'a Value) -> Self {
        Self::at(value, &[])
    }

    /// The same, for what stands at this place of the body.
    pub fn at(value: &'a Value, place: &[Value]) -> Self {
        let at: Vec<Value> = std::iter::once(json!("body")).chain(place.iter().cloned()).collect();
        let mut fields = Self { value, at, problems: Vec::new() };
        if !value.is_object() {
            let (type_, msg) = if value.is_null() {
                ("missing", "Field required")
            } else {
                ("model_attributes_type", "Input should be a valid dictionary or object to extract fields from")
            };
            fields.problems.push(json!({"type": type_, "loc": fields.at, "msg": msg, "input": value}));
        }
        fields
    }

    /// A text that must be there.
    pub fn text(&mut self, name: &str) -> String {
        match self.value.get(name) {
            Some(Value::String(text)) => return text.clone(),
            Some(other) => self.wrong(name, "string_type", "Input should be a valid string", other),
            None if self.value.is_object() => self.wrong(name, "missing", "Field required", self.value),
            None => {}
        }
        String::new()
    }

    /// A text that may be left out, or be null.
    pub fn optional_text(&mut self, name: &str) -> Option<String> {
        self.given(name)?;
        Some(self.text(name))
    }

    /// A text that may be left out and may not be null.
    pub fn text_or(&mut self, name: &str, default: &str) -> String {
        if self.value.get(name).is_some() { self.text(name) } else { default.to_owned() }
    }

    /// A truth value that may be left out, or be null.
    pub fn optional_bool(&mut self, name: &str) -> Option<bool> {
        let given = self.given(name)?;
        if given.as_bool().is_none() {
            self.wrong(name, "bool_parsing", "Input should be a valid boolean, unable to interpret input", given);
        }
        given.as_bool()
    }

    /// A number that may be left out, in place of which the default counts; null stays null.
    pub fn number_or(&mut self, name: &str, default: i64) -> Option<i64> {
        match self.value.get(name) {
            None => Some(default),
            Some(Value::Null) => None,
            Some(given) => {
                if given.as_i64().is_none() {
                    self.wrong(name, "int_type", "Input should be a valid integer", given);
                }
                given.as_i64()
            }
        }
    }

    /// A role that may be left out, or be null.
    pub fn optional_role(&mut self, name: &str) -> Option<Role> {
        let given = self.given(name)?;
        let role = given.as_str().and_then(Role::from_json);
        if role.is_none() {
            self.wrong(name, "enum", "Input should be 'admin' or 'read_only'", given);
        }
        role
    }

    /// What is wrong, if anything is.
    pub fn finish(self) -> Result<(), Failure> {
        if self.problems.is_empty() { Ok(()) } else { Err(Failure::Invalid(self.problems)) }
    }

    fn given(&self, name: &str) -> Option<&'a Value> {
        self.value.get(name).filter(|value| !value.is_null())
    }

    fn wrong(&mut self, name: &str, type_: &str, msg: &str, input: &Value) {
        let loc: Vec<Value> = self.at.iter().cloned().chain(std::iter::once(json!(name))).collect();
        self.problems.push(json!({"type": type_, "loc": loc, "msg": msg, "input": input}));
    }
}

/// A number in a path.
pub fn path_number(name: &str, text: &str) -> Result<i64, Failure> {
    text.parse().map_err(|_| {
        let msg = "Input should be a valid integer, unable to parse string as an integer";
        Failure::Invalid(vec![json!({"type": "int_parsing", "loc": ["path", name], "msg": msg, "input": text})])
    })
}
