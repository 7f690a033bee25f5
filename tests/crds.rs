//! The generated definitions: that `crds/` holds them, and that Kubernetes and our users can live with them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use muster::api::{Kind, crd, crds, schema};
use serde_json::Value;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/crds"))
}

#[test]
fn the_folder_crds_holds_exactly_what_is_generated() {
    let bless = std::env::var_os("BLESS").is_some();
    let mut expected = BTreeSet::new();
    for crd in crds() {
        let name = format!("{}.yaml", crd.metadata.name.clone().unwrap());
        let path = folder().join(&name);
        let text = serde_yaml::to_string(&crd).unwrap();
        if bless {
            fs::create_dir_all(folder()).unwrap();
            fs::write(&path, &text).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(found == text, "crds/{name} is not what is generated; run BLESS=1 cargo test --test crds and commit it");
        expected.insert(name);
    }
    let found: BTreeSet<String> =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(found, expected);
}

/// Visits every schema below one, with its path; `is_field` says that it is the schema of a named field.
fn visit<'a>(schema: &'a Value, path: &str, is_field: bool, see: &mut impl FnMut(&'a Value, &str, bool)) {
    see(schema, path, is_field);
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        visit(property, &format!("{path}.{name}"), true, see);
    }
    if schema["items"].is_object() {
        visit(&schema["items"], &format!("{path}[]"), false, see);
    }
    if schema["additionalProperties"].is_object() {
        visit(&schema["additionalProperties"], &format!("{path}.*"), false, see);
    }
}

/// What `find` reports about any schema of any kind.
fn all(find: impl Fn(&Value, &str, bool) -> Option<String>) -> Vec<String> {
    let mut found = Vec::new();
    for kind in Kind::WRITTEN {
        visit(schema(kind), kind.as_str(), false, &mut |schema, path, is_field| {
            found.extend(find(schema, path, is_field).map(|what| format!("{path}: {what}")));
        });
    }
    found
}

#[track_caller]
fn assert_none(found: &[String]) {
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn every_list_map_and_string_has_an_upper_bound() {
    assert_none(&all(|schema, _, _| match schema["type"].as_str() {
        Some("array") if schema["maxItems"].is_null() => Some("a list without maxItems".to_owned()),
        Some("object") if schema["additionalProperties"].is_object() && schema["maxProperties"].is_null() => {
            Some("a map without maxProperties".to_owned())
        }
        Some("string") if schema["maxLength"].is_null() && schema["enum"].is_null() => {
            Some("a string without maxLength or enum".to_owned())
        }
        Some("string") if schema["enum"].as_array().is_some_and(Vec::is_empty) => Some("an enum without words".to_owned()),
        None if schema["x-kubernetes-int-or-string"].is_null() => Some("neither a type nor int-or-string".to_owned()),
        _ => None,
    }));
}

#[test]
fn every_integer_has_a_range_and_a_format_that_kubernetes_knows() {
    assert_none(&all(|schema, _, _| {
        let formats = ["int64", "double", "date-time"];
        let format = schema["format"].as_str();
        if format.is_some_and(|format| !formats.contains(&format)) {
            return Some(format!("has the format {}", schema["format"]));
        }
        let number = ["integer", "number"].contains(&schema["type"].as_str().unwrap_or_default());
        (number && schema["minimum"].is_null()).then(|| "a number without minimum".to_owned())
    }));
}

#[test]
fn no_schema_has_defaults_nulls_or_alternatives() {
    let unwanted = ["default", "nullable", "$ref", "allOf", "anyOf", "oneOf", "not", "title", "definitions", "uniqueItems"];
    assert_none(&all(|schema, _, _| unwanted.iter().find(|key| !schema[**key].is_null()).map(|key| format!("has {key}"))));
    assert_none(&all(|schema, _, _| {
        let words = schema["enum"].as_array()?;
        words.iter().any(Value::is_null).then(|| "has null among its words".to_owned())
    }));
}

#[test]
fn every_field_is_documented_with_substance() {
    assert_none(&all(|schema, _, is_field| {
        let text = schema["description"].as_str().unwrap_or_default();
        match (is_field, text.len()) {
            (false, _) => None,
            (true, 0) => Some("has no description".to_owned()),
            (true, len) if len < 20 => Some(format!("says too little: {text}")),
            (true, _) if !text.ends_with(['.', '}', ']']) => Some(format!("is not a sentence: {text}")),
            (true, _) if text.contains(['\n', '<', '>', '`']) => Some(format!("is marked up: {text}")),
            _ => None,
        }
    }));
}

#[test]
fn every_optional_field_of_a_spec_says_what_leaving_it_out_means() {
    assert_none(&all(|schema, path, _| {
        if !path.contains(".spec") {
            return None;
        }
        let required: Vec<&str> = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let fields = schema["properties"].as_object()?;
        let one_of = |text: &str| text.contains("xactly one of") || path.ends_with(".where");
        let silent: Vec<&String> = fields
            .iter()
            .filter(|(name, _)| !required.contains(&name.as_str()))
            .filter(|(_, field)| field["description"].as_str().is_none_or(|text| !text.contains("Left out:") && !one_of(text)))
            .map(|(name, _)| name)
            .collect();
        (!silent.is_empty()).then(|| format!("nothing about leaving out {silent:?}"))
    }));
}

#[test]
fn no_text_says_the_words_that_make_flux_recreate_an_object() {
    for crd in crds() {
        let text = serde_json::to_string(&crd).unwrap();
        assert!(!text.contains(concat!("is ", "immutable")), "{:?}", crd.metadata.name);
    }
}

#[test]
fn every_rule_has_a_message_of_one_line_and_a_field_that_exists() {
    assert_none(&all(|schema, _, _| {
        for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
            let message = rule["message"].as_str().unwrap_or_default();
            if message.len() < 10 || message.contains('\n') || rule["rule"].as_str().unwrap_or_default().contains('\n') {
                return Some(format!("a bad message or rule: {rule}"));
            }
            let field = rule["fieldPath"].as_str().map(|path| path.trim_start_matches('.'));
            if field.is_some_and(|field| schema["properties"][field].is_null()) {
                return Some(format!("no such field: {rule}"));
            }
        }
        None
    }));
}

#[test]
fn a_status_may_leave_out_what_is_not_known() {
    for kind in Kind::WRITTEN {
        let status = &schema(kind)["properties"]["status"];
        assert!(status["properties"].is_object() && status["required"].is_null(), "{kind}: {}", status["required"]);
    }
}

#[test]
fn names_columns_and_scope_follow_the_conventions() {
    let shorts = ["morg", "mmt", "mproj", "mws", "mtpl", "mrole", "mmb", "mcred", "mat"];
    for (kind, short) in Kind::WRITTEN.into_iter().zip(shorts) {
        let crd = crd(kind).unwrap();
        let (names, version) = (&crd.spec.names, &crd.spec.versions[0]);
        assert_eq!(crd.metadata.name, Some(kind.crd_name()));
        assert_eq!((kind.as_str(), kind.plural()), (names.kind.as_str(), names.plural.as_str()));
        assert_eq!((kind.short(), names.short_names.as_deref()), (short, Some(&[short.to_owned()][..])));
        assert_eq!(names.categories.as_deref(), Some(&["muster".to_owned()][..]));
        assert_eq!((crd.spec.scope.as_str(), version.name.as_str()), ("Namespaced", "v1alpha1"));
        assert!(version.subresources.as_ref().unwrap().status.is_some());
        let columns: Vec<&str> = version.additional_printer_columns.iter().flatten().map(|column| column.name.as_str()).collect();
        for column in ["Ready", "Status", "Age", "External-Id", "Drift", "Suspended", "Last-Sync"] {
            assert_eq!(columns.iter().filter(|name| **name == column).count(), 1, "{kind} {column}");
        }
    }
}

#[test]
fn the_reference_documentation_of_roles_never_calls_them_just_role() {
    let text = schema(Kind::Role)["description"].as_str().unwrap();
    assert!(text.contains("roles.muster.dev") && text.contains("mrole"));
}

#[test]
fn a_status_may_lack_any_field_of_its_own() {
    for kind in Kind::WRITTEN {
        let required = &schema(kind)["properties"]["status"]["required"];
        assert!(required.is_null(), "{kind} requires {required}, and of an object that is held nothing but the verdict is known");
    }
}
