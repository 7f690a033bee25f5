//! The two ways of reading a document come to the same verdict, and nothing makes them panic.

use proptest::prelude::*;

use super::super::document::{self, Batch};
use super::super::split::split;
use super::*;
use crate::api::Spec;

/// The object that a text holds, read in the usual way and in the slow one.
fn both(text: &str) -> [Option<Spec>; 2] {
    [text.to_owned(), slow(text)].map(|text| {
        let mut batch = Batch::default();
        for part in split(text.as_bytes()).unwrap_or_default() {
            document::read(&"a".into(), text.as_bytes(), part, &mut batch);
        }
        let warned = batch.findings.iter().any(|finding| finding.severity == Severity::Error);
        batch.manifests.pop().filter(|_| !warned).map(|manifest| (*manifest.spec).clone())
    })
}

/// The same document with a tab in a comment, on which the fast way gives up.
fn slow(text: &str) -> String {
    text.replacen('\n', "\n#\tx\n", 1)
}

const KINDS: [(&str, &str); 5] = [
    (
        "Member",
        "spec:\n  organizationRef: {name: acme}\n  email: a@acme.example\n  username: \"12\"\n  role: Admin\n  disabled: false\n  invitation: 3\n  workspaces:\n  - name: design\n    role: Member\n    expiresAt: 2027-01-31T00:00:00Z\n  - name: lab\n  displayName: 'Žofie ''A'''\n",
    ),
    (
        "Workspace",
        "spec:\n  organizationRef: {name: acme}\n  displayName: >-\n    Design\n    tools\n  type: QA\n  hipaa: true\n  quotas: {apiDaily: Unlimited, content: 10}\n",
    ),
    ("Organization", "spec:\n  displayName: Acme\n  preset: standard\n  policy:\n    maxRemovals: {percent: 25, from: 10}\n"),
    ("Role", "spec:\n  templateRef: {name: room}\n  name: host\n  priority: 1\n  maxPeerCount: 10\n"),
    ("Project", "spec:\n  organizationRef: {name: acme}\n  displayName: \"P \\u00e9\"\n"),
];

fn good(index: usize) -> String {
    let (kind, spec) = KINDS[index];
    format!("apiVersion: muster.dev/v1alpha1\nkind: {kind}\nmetadata:\n  name: a\n  labels: {{a: b}}\n{spec}")
}

#[test]
fn the_good_documents_of_these_tests_are_good() {
    for index in 0..KINDS.len() {
        let reading = read_text("a", &good(index));
        assert_eq!(errors(&reading), [] as [&str; 0], "{}", good(index));
        let [fast, slow] = both(&good(index));
        assert!(fast.is_some() && fast == slow);
    }
}

#[test]
fn scalars_on_which_yaml_versions_differ_are_judged_alike() {
    let values = "NO no on y true True null ~ 0755 0o755 0x1F 1_000 1e3 1.0 .5 12:30 2027-01-31 +1 -0 '1' \"true\" !!str,1 !!int,\"1\" [] {} [1] a:b";
    for value in values.split(' ').map(|value| value.replace(',', " ")) {
        for field in ["displayName", "disabled", "invitation", "username", "workspaces", "role", "organizationRef"] {
            let text = format!("{}  {field}: {value}\n", member("a"));
            let [fast, slow] = both(&text);
            assert_eq!(fast, slow, "{field}: {value}");
        }
    }
}

#[test]
fn null_strings_and_numbers_are_not_taken_for_text() {
    for value in ["1", "true", "~", "null", "", "1.5", "0x10", "[]"] {
        let reading = read_text("a", &format!("{}  displayName: {value}\n", member("a")));
        assert_eq!((names(&reading), held(&reading)), (vec![], vec!["a"]), "{value}");
    }
    for value in ["'1'", "\"true\"", "'~'", "0755", "1:30", "NO"] {
        let reading = read_text("a", &format!("{}  displayName: {value}\n", member("a")));
        assert_eq!(names(&reading), ["a"], "{value}");
    }
}

/// What a mutation puts into a document.
fn splinter() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~\n]{0,6}",
        any::<char>().prop_map(String::from),
        prop::sample::select(vec![
            "\n",
            "  ",
            "---\n",
            "...\n",
            "- ",
            ": ",
            "{",
            "}",
            "[",
            "]",
            "\"",
            "'",
            "|",
            ">",
            "&a ",
            "*a",
            "<<: ",
            "!!str ",
            "# ",
            "\t",
            "\r",
            "~",
            "1",
            "true",
            "0",
            "_",
            "%",
            "? ",
            "null",
            "\\",
            "\u{85}",
            "\u{2028}",
            "\u{feff}",
            "spec:",
            "name: ",
            "\n  role: x",
            "apiVersion: v1\n",
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn mutations_of_good_documents_are_judged_alike(index in 0..KINDS.len(), edits in prop::collection::vec((any::<prop::sample::Index>(), 0..4_usize, splinter()), 1..4)) {
        let mut text = good(index);
        for (at, cut, splinter) in edits {
            // The end of the first line is where the other reading is made different.
            let first = text.find('\n').unwrap_or_default() + 1;
            let start = text.ceil_char_boundary(first + at.index(text.len() + 1 - first));
            let end = text.ceil_char_boundary((start + cut).min(text.len()));
            text.replace_range(start..end, &splinter);
        }
        let [fast, slow] = both(&text);
        prop_assert_eq!(fast, slow);
    }

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let directory = directory(&[]);
        fs::write(directory.path().join("a.yaml"), &bytes).unwrap();
        let reading = read_paths(&[directory.path().to_owned()], false);
        prop_assert!(reading.input.manifests.is_empty());
    }

    #[test]
    fn random_yaml_never_panics_and_always_has_a_place(pieces in prop::collection::vec(splinter(), 0..60)) {
        let text = pieces.concat();
        let reading = read_text("a", &text);
        for finding in &reading.input.findings {
            let span = finding.span.unwrap_or(crate::tenancy::Span { start: 0, end: 0, line: 1, column: 1 });
            prop_assert!(span.start <= span.end && span.end <= text.len());
        }
        prop_assert!(reading.input.complete || !reading.input.findings.is_empty());
    }
}
