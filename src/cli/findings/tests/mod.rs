//! What a person is told about a broken file, word by word.

mod machines;
mod objects;
mod values;

use super::*;
use crate::source::read_text;

/// A document of a kind, with these lines as its spec.
fn document(kind: &str, name: &str, spec: &str) -> String {
    format!("apiVersion: muster.dev/v1alpha1\nkind: {kind}\nmetadata:\n  name: {name}\nspec:{spec}")
}

/// The member alice of acme, with these lines added to her spec.
fn alice(more: &str) -> String {
    document("Member", "alice", &format!("\n  organizationRef: {{name: acme}}\n  email: alice@acme.example{more}"))
}

#[track_caller]
fn assert_shown(text: &str, expected: &str) {
    let reading = read_text("acme.yaml", text.trim_start_matches('\n'));
    let shown = people(&reading.input.findings, &reading.sources, Style::default());
    assert!(shown == expected[1..], "shown:\n{shown}\nexpected:{expected}");
}
