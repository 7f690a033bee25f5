//! Reading whole inputs, through the front door.

mod agreement;
mod documents;
mod inputs;
mod locating;

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::tenancy::Severity;

/// A member of acme.
fn member(name: &str) -> String {
    format!(
        "apiVersion: muster.dev/v1alpha1\nkind: Member\nmetadata:\n  name: {name}\nspec:\n  organizationRef: {{name: acme}}\n  email: {name}@acme.example\n"
    )
}

/// A directory with these files.
fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = directory.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    directory
}

fn read_paths(paths: &[PathBuf], recursive: bool) -> Reading {
    read(&Request { paths: paths.to_vec(), recursive, allow_empty: false }, &mut std::io::empty())
}

fn names(reading: &Reading) -> Vec<&str> {
    reading.input.manifests.iter().map(|manifest| manifest.name.as_str()).collect()
}

fn held(reading: &Reading) -> Vec<&str> {
    reading.input.held.iter().map(|held| held.name.as_str()).collect()
}

/// The errors as `code line:column`.
fn errors(reading: &Reading) -> Vec<String> {
    let errors = reading.input.findings.iter().filter(|finding| finding.severity == Severity::Error);
    let place =
        |finding: &Finding| finding.span.map_or((finding.origin.line, finding.origin.column), |span| (span.line, span.column));
    errors.map(|finding| format!("{} {}:{}", finding.code, place(finding).0, place(finding).1)).collect()
}
