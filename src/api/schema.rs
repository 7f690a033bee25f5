//! The custom resource definitions, and the schemas inside them.

use std::sync::OnceLock;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition, JSONSchemaProps,
};
use kube::CustomResourceExt;
use serde_json::{Map as Object, Value, json};

use super::{Kind, access_test, credential, member, membership_type, organization, project, role, template, workspace};

/// The definition of each written kind, in the order of creation, ready for `kubectl apply --server-side`.
#[must_use]
pub fn crds() -> Vec<CustomResourceDefinition> {
    Kind::WRITTEN.into_iter().filter_map(crd).collect()
}

/// The definition of one kind, or nothing for one that is never written.
#[must_use]
pub fn crd(kind: Kind) -> Option<CustomResourceDefinition> {
    derived(kind).map(|derived| complete(derived, kind))
}

fn derived(kind: Kind) -> Option<CustomResourceDefinition> {
    Some(match kind {
        Kind::Organization => organization::Organization::crd(),
        Kind::MembershipType => membership_type::MembershipType::crd(),
        Kind::Project => project::Project::crd(),
        Kind::Workspace => workspace::Workspace::crd(),
        Kind::Template => template::Template::crd(),
        Kind::Role => role::Role::crd(),
        Kind::Member => member::Member::crd(),
        Kind::Credential => credential::Credential::crd(),
        Kind::AccessTest => access_test::AccessTest::crd(),
        Kind::Membership => return None,
    })
}

/// The `openAPIV3Schema` of a written kind: the whole object, with `spec` and `status` among its properties. It has no `$ref`, `allOf`,
/// `anyOf`, `oneOf` or `not`, so a walk over `properties`, `items` and `additionalProperties` sees all of it. For
/// [`Kind::Membership`], which has no document, it is `null`.
#[must_use]
pub fn schema(kind: Kind) -> &'static Value {
    // Each is made when it is first asked for: all together take as long as planning thousands of objects.
    static SCHEMAS: [OnceLock<Value>; Kind::ALL.len()] = [const { OnceLock::new() }; Kind::ALL.len()];
    let at = Kind::ALL.iter().position(|other| *other == kind).unwrap_or_default();
    SCHEMAS[at].get_or_init(|| crd(kind).and_then(open_api).unwrap_or_default())
}

fn open_api(crd: CustomResourceDefinition) -> Option<Value> {
    let version = crd.spec.versions.into_iter().next()?;
    let mut schema = serde_json::to_value(version.schema?.open_api_v3_schema?).ok()?;
    whole_numbers(&mut schema);
    Some(schema)
}

/// Writes bounds such as 1.0 as 1, because readers print them in messages.
fn whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(whole) = number.as_f64().filter(|float| float.fract() == 0.0) {
                #[allow(clippy::cast_possible_truncation)] // Bounds fit, because they were written as i64.
                let whole = whole as i64;
                *value = whole.into();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(fields) => fields.values_mut().for_each(whole_numbers),
        _ => {}
    }
}

/// Adds what is the same for all kinds.
fn complete(mut crd: CustomResourceDefinition, kind: Kind) -> CustomResourceDefinition {
    crd.metadata.labels = Some([("app.kubernetes.io/part-of".to_owned(), "muster".to_owned())].into());
    for version in &mut crd.spec.versions {
        let own = version.additional_printer_columns.take().unwrap_or_default();
        version.additional_printer_columns = Some(columns(own));
        if let Some(validation) = &mut version.schema {
            validation.open_api_v3_schema = validation.open_api_v3_schema.take().map(|schema| complete_schema(schema, kind));
        }
    }
    crd
}

/// The columns that every kind has, around its own ones.
fn columns(own: Vec<CustomResourceColumnDefinition>) -> Vec<CustomResourceColumnDefinition> {
    let column = |name: &str, type_: &str, path: &str, priority| CustomResourceColumnDefinition {
        name: name.to_owned(),
        type_: type_.to_owned(),
        json_path: path.to_owned(),
        priority,
        ..CustomResourceColumnDefinition::default()
    };
    let ready = [
        column("Ready", "string", ".status.conditions[?(@.type==\"Ready\")].status", None),
        column("Status", "string", ".status.conditions[?(@.type==\"Ready\")].message", None),
        column("Age", "date", ".metadata.creationTimestamp", None),
    ];
    let wide = [
        column("External-Id", "string", ".status.externalId", Some(1)),
        column("Drift", "string", ".status.conditions[?(@.type==\"Drifted\")].status", Some(1)),
        column("Suspended", "string", ".status.conditions[?(@.type==\"Suspended\")].status", Some(1)),
        column("Last-Sync", "date", ".status.lastSyncTime", Some(1)),
    ];
    own.into_iter().chain(ready).chain(wide).collect()
}

fn complete_schema(schema: JSONSchemaProps, kind: Kind) -> JSONSchemaProps {
    let Ok(mut value) = serde_json::to_value(&schema) else { return schema };
    tidy(&mut value);
    if let Some(object) = value.as_object_mut() {
        describe(object, kind);
    }
    serde_json::from_value(value).unwrap_or(schema)
}

/// Describes what Kubernetes itself defines, and bounds the name, which references and labels must be able to hold.
fn describe(object: &mut Object<String, Value>, kind: Kind) {
    let message = "must have a name of at most 63 characters without dots, because references and labels hold it";
    object.insert(
        "x-kubernetes-validations".to_owned(),
        json!([{ "rule": "size(self.metadata.name) <= 63 && !self.metadata.name.contains('.')", "message": message }]),
    );
    let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) else { return };
    for (name, text) in [
        ("spec", format!("What is wanted: the {} as it should be. It is never changed by Muster.", kind.label())),
        ("status", "What was found: it is written by Muster only.".to_owned()),
    ] {
        if let Some(property) = properties.get_mut(name).and_then(Value::as_object_mut) {
            property.insert("description".to_owned(), text.into());
        }
    }
}

/// Takes out what a derived schema says and is not meant: that fields may be null, and formats that Kubernetes does not know.
fn tidy(value: &mut Value) {
    match value {
        Value::Object(object) => {
            object.remove("nullable");
            object.remove("title");
            if object.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
                object.remove("format");
            }
            if let Some(words) = object.get_mut("enum").and_then(Value::as_array_mut) {
                words.retain(|word| !word.is_null());
            }
            if let Some(Value::String(text)) = object.get_mut("description") {
                // Rust wraps documentation and marks addresses for its own readers.
                *text =
                    text.replace('\n', " ").replace("<http", "http").replace("<rtmp", "rtmp").replace(">.", ".").replace('`', "");
            }
            for (key, inner) in object.iter_mut() {
                if key == "properties" {
                    inner.as_object_mut().into_iter().flat_map(Object::values_mut).for_each(tidy);
                } else {
                    tidy(inner);
                }
            }
        }
        Value::Array(list) => list.iter_mut().for_each(tidy),
        _ => {}
    }
}
