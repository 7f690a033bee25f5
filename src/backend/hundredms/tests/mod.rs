mod sent;
mod shaped;
mod told;

use serde_json::{Map, Value};

use super::normal::{role_found, template_found};
use super::{Api, wanted};
use crate::plan::mirror::Edit;

/// What a role's document manages; it is written without what every document has.
fn role(api: Api, mut spec: Value) -> Map<String, Value> {
    spec["templateRef"] = serde_json::json!({"name": "lesson"});
    wanted::role(&serde_json::from_value(spec).unwrap(), api)
}

/// What a template's document manages.
fn template(api: Api, mut spec: Value) -> wanted::Fields {
    spec["workspaceRef"] = serde_json::json!({"name": "classroom"});
    wanted::template(&serde_json::from_value(spec).unwrap(), api)
}

/// The fields that are another there than they are wanted, as `path: there -> wanted`.
fn differing(wanted: &Map<String, Value>, there: &Map<String, Value>) -> Vec<String> {
    fn collect(at: &str, wanted: &Value, there: Option<&Value>, found: &mut Vec<String>) {
        match wanted {
            Value::Object(fields) => fields.iter().for_each(|(name, value)| {
                collect(&format!("{at}.{name}"), value, there.and_then(|there| there.get(name)), found);
            }),
            value if Some(value) == there => {}
            value => found.push(format!("{}: {} -> {value}", &at[1..], there.unwrap_or(&Value::Null))),
        }
    }
    let mut found = Vec::new();
    collect("", &wanted.clone().into(), Some(&there.clone().into()), &mut found);
    found
}

fn role_differs(api: Api, spec: Value, answered: Value) -> Vec<String> {
    differing(&role(api, spec), &role_found(&answered, api))
}

fn template_differs(api: Api, spec: Value, answered: Value, recording: Option<&Value>) -> Vec<String> {
    let ours = ["rtmp://live.acme.example/app"];
    differing(&template(api, spec).plain, &template_found(&answered, recording, &ours, api))
}

/// The change of one field, by its path.
fn edit(path: &[&str], to: Option<Value>) -> Edit {
    Edit { at: path.iter().map(|part| (*part).into()).collect(), from: None, to, drift: false, secret: false }
}
