//! Finding fields again for findings that later stages make.

use super::*;
use crate::tenancy::Origin;

fn at(reading: &Reading, origin: &Origin, path: &str) -> Option<String> {
    let span = reading.sources.locate(origin, path)?;
    let bytes = reading.sources.bytes(&origin.file)?;
    Some(format!("{}:{} {}", span.line, span.column, String::from_utf8_lossy(&bytes[span.start..span.end])))
}

#[test]
fn a_field_is_found_by_its_path() {
    let list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: muster.dev/v1alpha1\n  kind: Member\n  metadata:\n    name: b\n  spec:\n    organizationRef: {name: acme}\n    email: b@acme.example\n";
    let text = format!("{}  workspaces:\n  - name: design\n  - name: lab\n---\n# b\n{list}", member("a"));
    let reading = read_text("a.yaml", &text);
    let (a, b) = (&reading.input.manifests[0].origin, &reading.input.manifests[1].origin);
    for (origin, path, expected) in [
        (a, "spec.workspaces[1].name", "10:11 lab"),
        (a, "spec.workspaces[1]", "10:5 name"),
        (a, "spec.workspaces", "8:3 workspaces"),
        (a, "spec.workspaces[7].name", "8:3 workspaces"),
        (a, "spec.role", "5:1 spec"),
        (a, "spec.organizationRef.name", "6:27 acme"),
        (a, "", "1:1 apiVersion"),
        (b, "spec.email", "22:12 b@acme.example"),
        (b, "metadata.name", "19:11 b"),
    ] {
        assert_eq!(at(&reading, origin, path).as_deref(), Some(expected), "{path}");
    }
    assert_eq!(at(&reading, &Origin { file: "b.yaml".into(), line: 1, column: 1 }, "spec"), None);
}

#[test]
fn keys_with_dots_and_slashes_are_found() {
    let text = member("a").replace("name: a\n", "name: a\n  annotations:\n    muster.dev/paused: \"true\"\n    muster.dev: x\n");
    let reading = read_text("a.yaml", &text);
    let origin = &reading.input.manifests[0].origin;
    assert_eq!(at(&reading, origin, "metadata.annotations.muster.dev/paused").as_deref(), Some("6:24 \"true\""));
    assert_eq!(at(&reading, origin, "metadata.annotations.muster.dev").as_deref(), Some("7:17 x"));
}

#[test]
fn findings_get_their_places_all_at_once() {
    let mut reading = read_text("a.yaml", &member("a"));
    let finding = Finding {
        severity: Severity::Error,
        code: "dangling-reference",
        subject: None,
        path: "spec.organizationRef.name".into(),
        message: "there is no organization acme".into(),
        help: None,
        origin: reading.input.manifests[0].origin.clone(),
        span: None,
    };
    reading.input.findings.push(finding);
    reading.sources.locate_all(&mut reading.input.findings);
    assert_eq!(errors(&reading), ["dangling-reference 6:27"]);
}
