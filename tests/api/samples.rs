//! Good objects of every kind, the first of each file with every field that it can have at once.

use std::fs;
use std::path::Path;

use muster::api::{Kind, Spec};
use serde::Deserialize;
use serde_json::Value;

/// One good object.
#[derive(Clone, Debug)]
pub struct Sample {
    pub kind: Kind,
    pub name: String,
    pub object: Value,
}

impl Sample {
    /// The same object with another document, which need not be good any more.
    pub fn with(&self, object: Value) -> Self {
        Self { object, ..self.clone() }
    }

    /// What reading it as a document of its kind gives.
    pub fn read(&self) -> Result<Spec, String> {
        Spec::deserialize(self.kind, &self.object["spec"]).map_err(|error| error.to_string())
    }
}

/// All good objects, in the order of creation.
pub fn all() -> Vec<Sample> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/api/samples"));
    let mut samples = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        for document in serde_yaml::Deserializer::from_str(&text) {
            let object = Value::deserialize(document).unwrap();
            let kind = Kind::parse(object["kind"].as_str().unwrap()).unwrap();
            let name = object["metadata"]["name"].as_str().unwrap().to_owned();
            samples.push(Sample { kind, name, object });
        }
    }
    samples.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
    samples
}
