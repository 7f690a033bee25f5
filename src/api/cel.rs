//! The CEL rules of the definitions, evaluated here, so that a pull request is told what the API server would say.

use std::borrow::Cow;

use kube::core::cel::{CompiledSchema, Validator, compile_schema};
use serde_json::Value;

use super::{Kind, Problem, schema};

/// Evaluates CEL rules. Compiling them takes a while, so one evaluator is made and used for many objects; it can be moved to another
/// thread and not be shared between threads.
pub struct Cel {
    validator: Validator,
    schemas: Vec<(Kind, CompiledSchema)>,
}

impl Cel {
    /// Compiles the rules of all kinds.
    #[must_use]
    pub fn new() -> Self {
        let schemas = Kind::WRITTEN.into_iter().map(|kind| (kind, compile_schema(schema(kind)))).collect();
        Self { validator: Validator::new(), schemas }
    }

    /// What the rules of the kind say about an object (the whole document, with its `metadata`), and about the change from `old` to it.
    /// As in the API server, a field that is null is not there. The object should have the right structure; a rule that cannot be
    /// evaluated is a problem too.
    #[must_use]
    pub fn check(&self, kind: Kind, object: &Value, old: Option<&Value>) -> Vec<Problem> {
        let Some((_, compiled)) = self.schemas.iter().find(|(other, _)| *other == kind) else { return Vec::new() };
        let (object, old) = (without_nulls(object), old.map(without_nulls));
        let Err(errors) = self.validator.validate_compiled(compiled, &object, old.as_deref()) else { return Vec::new() };
        let mut problems: Vec<Problem> =
            errors.into_vec().into_iter().map(|error| Problem { path: error.field_path, message: error.message }).collect();
        problems.sort();
        problems
    }
}

/// The value without the fields that are null.
fn without_nulls(value: &Value) -> Cow<'_, Value> {
    if !has_nulls(value) {
        return Cow::Borrowed(value);
    }
    Cow::Owned(match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(_, value)| !value.is_null());
            kept.map(|(name, value)| (name.clone(), without_nulls(value).into_owned())).collect()
        }
        Value::Array(items) => items.iter().map(|item| without_nulls(item).into_owned()).collect(),
        other => other.clone(),
    })
}

fn has_nulls(value: &Value) -> bool {
    match value {
        Value::Object(fields) => fields.values().any(|value| value.is_null() || has_nulls(value)),
        Value::Array(items) => items.iter().any(has_nulls),
        _ => false,
    }
}

impl Default for Cel {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Cel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cel").finish_non_exhaustive()
    }
}
