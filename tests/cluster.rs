//! A real API server takes the definitions, and says the same about objects as the typed checks do.

#[path = "support/control_plane.rs"]
mod control_plane;
#[path = "api/mutate.rs"]
mod mutate;
#[path = "support/process.rs"]
mod process;
#[path = "api/samples.rs"]
mod samples;
#[path = "api/structure.rs"]
mod structure;

use std::collections::{BTreeMap, BTreeSet};
use std::process::Output;

use control_plane::ControlPlane;
use muster::api::{Kind, crds, schema};
use samples::Sample;
use serde_json::{Value, json};

/// How many documents kubectl is given at once.
const BATCH: usize = 400;

#[test]
fn a_real_api_server_takes_the_definitions_and_agrees_with_the_typed_checks() {
    let Some(plane) = ControlPlane::start() else { return };
    install(&plane);
    takes_every_good_object(&plane);
    agrees_on_new_objects(&plane);
    agrees_on_changes(&plane);
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn succeeds(output: &Output) {
    assert!(output.status.success() && output.stderr.is_empty(), "{}{}", text(&output.stdout), text(&output.stderr));
}

fn install(plane: &ControlPlane) {
    let all: Vec<String> = crds().iter().map(|crd| serde_yaml::to_string(crd).unwrap()).collect();
    succeeds(&plane.kubectl_with(&["apply", "--server-side"], &all.join("---\n")));
    let names: Vec<String> = Kind::WRITTEN.iter().map(|kind| format!("crd/{}", kind.crd_name())).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    succeeds(&plane.kubectl(&[&["wait", "--for=condition=Established", "--timeout=60s"], &names[..]].concat()));
    for kind in Kind::WRITTEN {
        let explained = plane.kubectl(&["explain", &format!("{}.spec", kind.crd_name())]);
        assert!(text(&explained.stdout).contains("What is wanted"), "{kind}");
    }
}

/// JSON is YAML but for one character, which is a line break there and would not arrive as it is.
fn documents<'a>(objects: impl IntoIterator<Item = &'a Value>) -> String {
    objects.into_iter().map(|object| format!("---\n{object}\n").replace('\u{85}', "\\u0085")).collect()
}

fn takes_every_good_object(plane: &ControlPlane) {
    let samples = samples::all();
    succeeds(&plane.kubectl_with(&["create", "--validate=strict"], &documents(samples.iter().map(|sample| &sample.object))));
    for kind in Kind::WRITTEN {
        let listed = plane.kubectl(&["get", kind.short(), "-o", "name"]);
        let expected = samples.iter().filter(|sample| sample.kind == kind).count();
        assert_eq!(text(&listed.stdout).lines().count(), expected, "{kind}");
    }
    let all = plane.kubectl(&["get", "muster", "-o", "wide"]);
    assert!(text(&all.stdout).contains("workspace.muster.dev/production"), "{}", text(&all.stderr));
}

/// Documents by a name of their own, with whether the typed checks take them.
#[derive(Default)]
struct Asked {
    objects: BTreeMap<String, (Sample, bool)>,
}

impl Asked {
    fn add(&mut self, mut sample: Sample, good: bool) {
        let name = format!("{}-{}", sample.kind.short(), self.objects.len());
        sample.object["metadata"]["name"] = json!(name);
        self.objects.insert(name, (sample, good));
    }

    /// Gives all of them to kubectl, and compares what the API server takes. Returns everything it said against the others.
    fn ask(&self, plane: &ControlPlane, args: &[&str]) -> String {
        let (mut taken, mut said) = (BTreeSet::new(), String::new());
        let objects: Vec<&Value> = self.objects.values().map(|(sample, _)| &sample.object).collect();
        for batch in objects.chunks(BATCH) {
            let output = plane.kubectl_with(args, &documents(batch.iter().copied()));
            let names = text(&output.stdout);
            taken.extend(names.lines().filter_map(|line| Some(line.split_once('/')?.1.split_once(' ')?.0.to_owned())));
            said.push_str(&text(&output.stderr));
        }
        for (name, (sample, good)) in &self.objects {
            assert_eq!(
                taken.contains(name),
                *good,
                "{}\n{:?}\n{}",
                sample.object,
                sample.read().map(|spec| spec.check()),
                about(&said, name)
            );
        }
        said
    }
}

/// What was said about one object.
fn about(said: &str, name: &str) -> String {
    let start = said.find(&format!("\"{name}\"")).unwrap_or(0);
    said[start..].chars().take(600).collect()
}

/// The rules that no answer names.
fn never_named(said: &str, on_change: bool) -> Vec<String> {
    let all = Kind::WRITTEN.into_iter().flat_map(|kind| messages(&schema(kind)["properties"]["spec"], on_change));
    all.filter(|message| !said.contains(message.as_str())).collect()
}

fn messages(schema: &Value, on_change: bool) -> Vec<String> {
    let rules = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    let mut found: Vec<String> = rules
        .filter(|rule| rule["rule"].as_str().unwrap().contains("oldSelf") == on_change)
        .map(|rule| rule["message"].as_str().unwrap().to_owned())
        .collect();
    let fields = schema["properties"].as_object().into_iter().flatten().map(|(_, field)| field);
    for inner in fields.chain([&schema["items"], &schema["additionalProperties"]]).filter(|inner| inner.is_object()) {
        found.extend(messages(inner, on_change));
    }
    found
}

/// The objects that break a rule of their own, and every twentieth of the others.
fn agrees_on_new_objects(plane: &ControlPlane) {
    let mut asked = Asked::default();
    for sample in samples::all() {
        for (index, mutation) in mutate::mutations(schema(sample.kind), &sample.object).iter().enumerate() {
            let mutant = sample.with(mutation.apply(&sample.object));
            let breaks_a_rule = structure::problems(&schema(sample.kind)["properties"]["spec"], &mutant.object["spec"])
                .is_empty()
                && !mutant.read().is_ok_and(|spec| spec.check().is_empty());
            if breaks_a_rule || index % 20 == 0 {
                let good = mutant.read().is_ok_and(|spec| spec.check().is_empty());
                asked.add(mutant, good);
            }
        }
    }
    let said = asked.ask(plane, &["create", "--dry-run=server", "--validate=strict"]);
    assert_eq!(never_named(&said, false), Vec::<String>::new());
}

/// The changes that break a rule on changes, and a few that do not.
fn agrees_on_changes(plane: &ControlPlane) {
    let (mut before, mut after) = (Asked::default(), Asked::default());
    for sample in samples::all() {
        let old = sample.read().unwrap();
        for (index, mutation) in mutate::mutations(schema(sample.kind), &sample.object).iter().enumerate() {
            let mutant = sample.with(mutation.apply(&sample.object));
            let Ok(new) = mutant.read() else { continue };
            let allowed = new.check_update(&old).is_empty();
            if new.check().is_empty() && (!allowed || index % 60 == 0) {
                before.add(sample.clone(), true);
                after.add(mutant, allowed);
            }
        }
    }
    before.ask(plane, &["create", "--validate=strict"]);
    let said = after.ask(plane, &["replace", "--dry-run=server", "--validate=strict"]);
    assert_eq!(never_named(&said, true), Vec::<String>::new());
}
