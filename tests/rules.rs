//! The typed checks say exactly what the schemas and their CEL rules say, on every document.

#[path = "api/mutate.rs"]
mod mutate;
#[path = "api/samples.rs"]
mod samples;
#[path = "api/structure.rs"]
mod structure;

use std::collections::BTreeSet;

use muster::api::{Cel, Kind, Problem, Spec, schema};
use muster::source::read_text;
use muster::tenancy::HeldManifest;
use proptest::prelude::*;
use proptest::sample::Index;
use samples::Sample;
use serde_json::{Value, json};

thread_local! {
    static CEL: Cel = Cel::new();
}

fn cel(kind: Kind, object: &Value, old: Option<&Value>) -> Vec<Problem> {
    CEL.with(|cel| cel.check(kind, object, old))
}

fn structure(sample: &Sample) -> Vec<String> {
    structure::problems(&schema(sample.kind)["properties"]["spec"], &sample.object["spec"])
}

fn sorted(mut problems: Vec<Problem>) -> Vec<Problem> {
    problems.sort();
    problems
}

/// What is wrong with a document: nothing, or what both sides agree on. An error says how they differ.
fn agreed(sample: &Sample) -> Result<Vec<Problem>, String> {
    let (read, structure) = (sample.read(), structure(sample));
    if !structure.is_empty() {
        return match read {
            Ok(_) => Err(format!("the types take what the schema refuses: {structure:?}")),
            Err(_) => Ok(Vec::new()),
        };
    }
    let rules = cel(sample.kind, &sample.object, None);
    match read {
        Ok(spec) if sorted(spec.check()) != rules => Err(format!("types: {:#?}\nCEL: {rules:#?}", sorted(spec.check()))),
        // The range of a period and the length of a key have no other place in a schema than a rule.
        Err(error) if rules.is_empty() => Err(format!("the types refuse what the schema takes: {error}")),
        _ => Ok(rules),
    }
}

/// That both sides agree on the change from one document to another; both can be read.
fn agreed_on_change(old: &Sample, new: &Sample) -> Result<(), String> {
    let (Ok(before), Ok(after)) = (old.read(), new.read()) else { return Ok(()) };
    let typed = sorted([after.check(), after.check_update(&before)].concat());
    let rules = cel(new.kind, &new.object, Some(&old.object));
    if typed == rules { Ok(()) } else { Err(format!("types: {typed:#?}\nCEL: {rules:#?}")) }
}

/// Every place of a document that holds a text, a key of a map included, with the same document that has a NUL there.
fn with_nul(value: &Value, whole: &Value, at: &str, found: &mut Vec<(String, Value)>) {
    let mut smuggle = |place: String, replace: &dyn Fn(&mut Value)| {
        let mut object = whole.clone();
        replace(object.pointer_mut(at).unwrap());
        found.push((place, object));
    };
    match value {
        Value::String(text) => smuggle(at.to_owned(), &|it| *it = json!(format!("{text}\0"))),
        Value::Object(fields) => {
            for name in fields.keys() {
                smuggle(format!("{at}/{name} (key)"), &|it| {
                    let fields = it.as_object_mut().unwrap();
                    let value = fields.remove(name).unwrap();
                    fields.insert(format!("{name}\0"), value);
                });
            }
            for (name, value) in fields {
                with_nul(value, whole, &format!("{at}/{}", name.replace('~', "~0").replace('/', "~1")), found);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(n, item)| with_nul(item, whole, &format!("{at}/{n}"), found));
        }
        _ => {}
    }
}

#[test]
fn no_text_name_key_or_annotation_smuggles_a_nul_into_the_store() {
    let mut places = 0;
    for sample in samples::all() {
        let mut object = sample.object.clone();
        object["metadata"] = json!({
            "name": sample.name, "namespace": "acme", "annotations": { "muster.dev/break-glass": "moved\n\tto the new team" },
        });
        let read = |object: &Value| read_text("acme.yaml", &object.to_string()).input;
        assert_eq!(read(&object).manifests.len(), 1, "{}: {:?}", sample.name, read(&object).findings);
        let mut hostile = Vec::new();
        with_nul(&object, &object, "", &mut hostile);
        for (place, object) in &hostile {
            let input = read(object);
            let clean = |text: &str| !text.contains('\0');
            let held = |held: &HeldManifest| {
                clean(&held.name) && clean(&held.namespace) && held.previous_names.iter().all(|it| clean(it))
            };
            let harmless = place.starts_with("/metadata") && input.manifests.iter().all(|it| it.annotations.is_empty());
            assert!(input.manifests.is_empty() || harmless, "{place} of {} is taken", sample.name);
            assert!(input.held.iter().all(held), "{place} of {}", sample.name);
        }
        places += hostile.len();
    }
    assert!(places > 500, "{places}");
}

#[test]
fn the_samples_are_good_and_have_every_field() {
    let mut written = BTreeSet::new();
    for sample in samples::all() {
        assert_eq!(structure(&sample), Vec::<String>::new(), "{}", sample.name);
        assert_eq!(agreed(&sample), Ok(Vec::new()), "{}", sample.name);
        let spec = sample.read().unwrap();
        assert_eq!(spec.kind(), sample.kind);
        note_fields(&schema(sample.kind)["properties"]["spec"], &sample.object["spec"], sample.kind.as_str(), &mut written);
    }
    let mut declared = BTreeSet::new();
    Kind::WRITTEN.into_iter().for_each(|kind| declare_fields(&schema(kind)["properties"]["spec"], kind.as_str(), &mut declared));
    let missing: Vec<_> = declared.difference(&written).collect();
    assert!(missing.is_empty(), "no sample has {missing:#?}");
}

fn declare_fields(schema: &Value, at: &str, declared: &mut BTreeSet<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        declared.insert(format!("{at}.{name}"));
        declare_fields(property, &format!("{at}.{name}"), declared);
    }
    for inner in ["items", "additionalProperties"].into_iter().filter(|inner| schema[*inner].is_object()) {
        declare_fields(&schema[inner], at, declared);
    }
}

fn note_fields(schema: &Value, value: &Value, at: &str, written: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| note_fields(&schema["items"], item, at, written)),
        Value::Object(fields) if schema["additionalProperties"].is_object() => {
            fields.values().for_each(|value| note_fields(&schema["additionalProperties"], value, at, written));
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                written.insert(format!("{at}.{name}"));
                note_fields(&schema["properties"][name], value, &format!("{at}.{name}"), written);
            }
        }
        _ => {}
    }
}

#[test]
fn what_is_read_is_written_back_and_means_the_same() {
    for sample in samples::all() {
        let spec = sample.read().unwrap();
        let written = sample.with(json!({ "spec": spec, "metadata": { "name": "x" } }));
        assert_eq!(written.read().unwrap(), spec, "{}", sample.name);
        assert_eq!(agreed(&written), Ok(Vec::new()), "{}", sample.name);
        let yaml = serde_yaml::to_string(&spec).unwrap();
        assert_eq!(Spec::deserialize(sample.kind, serde_yaml::Deserializer::from_str(&yaml)).unwrap(), spec, "{yaml}");
    }
}

#[test]
fn types_and_rules_agree_on_every_single_change_of_every_sample() {
    let (mut good, mut broken) = (0, BTreeSet::new());
    for sample in samples::all() {
        for mutation in mutate::mutations(schema(sample.kind), &sample.object) {
            let mutant = sample.with(mutation.apply(&sample.object));
            let problems = agreed(&mutant).unwrap_or_else(|error| panic!("{} with {mutation}: {error}", sample.name));
            good += usize::from(mutant.read().is_ok() && problems.is_empty());
            broken.extend(problems.into_iter().map(|problem| problem.message));
        }
    }
    assert!(good > 1000, "only {good} changes leave a document good");
    let never: Vec<String> = messages(false).into_iter().filter(|message| !broken.contains(message)).collect();
    assert!(never.is_empty(), "no change breaks {never:#?}");
}

#[test]
fn types_and_rules_agree_on_every_single_update_of_every_sample() {
    let mut broken = BTreeSet::new();
    for sample in samples::all() {
        if rules(&schema(sample.kind)["properties"]["spec"], true).is_empty() {
            continue;
        }
        for mutation in mutate::mutations(schema(sample.kind), &sample.object) {
            let mutant = sample.with(mutation.apply(&sample.object));
            for (old, new) in [(&sample, &mutant), (&mutant, &sample)] {
                agreed_on_change(old, new).unwrap_or_else(|error| panic!("{} with {mutation}: {error}", sample.name));
                if let (Ok(old), Ok(new)) = (old.read(), new.read()) {
                    broken.extend(new.check_update(&old).into_iter().map(|problem| problem.message));
                }
            }
        }
    }
    let never: Vec<String> = messages(true).into_iter().filter(|message| !broken.contains(message)).collect();
    assert!(never.is_empty(), "no update breaks {never:#?}");
}

/// The messages of all rules in the specs: those on a change, or those on one state.
fn messages(on_change: bool) -> BTreeSet<String> {
    Kind::WRITTEN.into_iter().flat_map(|kind| rules(&schema(kind)["properties"]["spec"], on_change)).collect()
}

fn rules(schema: &Value, on_change: bool) -> BTreeSet<String> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let here = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    let mut found: BTreeSet<String> =
        here.filter(|rule| text(&rule["rule"]).contains("oldSelf") == on_change).map(|rule| text(&rule["message"])).collect();
    let fields = schema["properties"].as_object().into_iter().flatten().map(|(_, field)| field);
    for inner in fields.chain([&schema["items"], &schema["additionalProperties"]]).filter(|inner| inner.is_object()) {
        found.extend(rules(inner, on_change));
    }
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn types_and_rules_agree_on_any_few_changes(which: Index, picks in prop::collection::vec(any::<Index>(), 1..6)) {
        let samples = samples();
        let first = &samples[which.index(samples.len())];
        let mut current = first.clone();
        for pick in picks {
            let all = mutate::mutations(schema(current.kind), &current.object);
            let next = current.with(all[pick.index(all.len())].apply(&current.object));
            prop_assert!(agreed(&next).is_ok(), "{}: {}", next.object, agreed(&next).unwrap_err());
            prop_assert!(agreed_on_change(first, &next).is_ok(), "{}: {}", next.object, agreed_on_change(first, &next).unwrap_err());
            // A document of the wrong shape has no places left to change.
            if next.read().is_ok() {
                current = next;
            }
        }
    }
}

fn samples() -> &'static [Sample] {
    static SAMPLES: std::sync::OnceLock<Vec<Sample>> = std::sync::OnceLock::new();
    SAMPLES.get_or_init(samples::all)
}

#[test]
fn a_name_that_references_cannot_hold_is_refused() {
    for (name, good) in [("production", true), ("a.b", false), (&"x".repeat(63), true), (&"x".repeat(64), false)] {
        let mut object = samples()[0].object.clone();
        object["metadata"]["name"] = json!(name);
        assert_eq!(cel(samples()[0].kind, &object, None).is_empty(), good, "{name}");
    }
}
