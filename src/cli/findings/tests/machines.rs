//! What machines are told, and the bounds of what people are told.

use serde_json::json;

use super::{Style, alice, document, github, json as as_json, people, read_text, sarif};

const BROKEN: &str = "\n  rolle: Ädmin # 100 %\n";

#[test]
fn json_has_the_shape_of_tofu_validate() {
    let reading = read_text("a b.yaml", &alice(BROKEN));
    let expected = json!({
        "format_version": "1.0",
        "valid": false,
        "error_count": 1,
        "warning_count": 0,
        "diagnostics": [{
            "severity": "error",
            "code": "unknown-field",
            "address": "member/alice",
            "path": "spec.rolle",
            "summary": "unknown field `spec.rolle`",
            "detail": "did you mean `role`?",
            "range": {
                "filename": "a b.yaml",
                "start": { "line": 8, "column": 3, "byte": 137 },
                "end": { "line": 8, "column": 8, "byte": 142 },
            },
        }],
    });
    assert_eq!(as_json(&reading.input.findings, &reading.sources), expected);
}

#[test]
fn json_without_errors_is_valid() {
    let reading = read_text("a.yaml", &alice("\n  displayName: NO\n"));
    let json = as_json(&reading.input.findings, &reading.sources);
    assert_eq!((&json["valid"], &json["warning_count"]), (&json!(true), &json!(1)));
}

#[test]
fn sarif_names_rules_and_regions() {
    let reading = read_text("a b.yaml", &alice(BROKEN));
    let sarif = sarif(&reading.input.findings, &reading.sources);
    let run = &sarif["runs"][0];
    assert_eq!(sarif["version"], "2.1.0");
    assert_eq!(
        run["tool"]["driver"]["rules"],
        json!([{ "id": "unknown-field", "shortDescription": { "text": "unknown field" } }])
    );
    let expected = json!([{
        "ruleId": "unknown-field",
        "level": "error",
        "message": { "text": "member/alice: unknown field `spec.rolle` (did you mean `role`?)" },
        "locations": [{ "physicalLocation": {
            "artifactLocation": { "uri": "a%20b.yaml" },
            "region": { "startLine": 8, "startColumn": 3, "endLine": 8, "endColumn": 8 },
        } }],
    }]);
    assert_eq!(run["results"], expected);
}

#[test]
fn github_commands_cannot_be_forged_by_the_input() {
    let text = document("Member", "alice", "\n  organizationRef: {name: acme}\n  email: \"a\\n::error::%0A\"\n");
    let reading = read_text("a,b:c.yaml", &text);
    let expected = "::error file=a%2Cb%3Ac.yaml,line=7,col=10,endColumn=27,title=invalid-value::member/alice: `spec.email` must be an \
                    e-mail address such as alice@acme.example, with ASCII characters only, not \"a\\n::error::%250A\"\n";
    assert_eq!(github(&reading.input.findings, &reading.sources), expected);
}

#[test]
fn findings_beyond_the_bound_are_counted() {
    let text: String =
        (0..7).map(|n| document("Member", &format!("m{n}"), "\n  organizationRef: {name: acme}\n") + "---\n").collect();
    let reading = read_text("a.yaml", &text);
    let shown = people(&reading.input.findings, &reading.sources, Style { max: 5, ..Style::default() });
    assert!(shown.ends_with("\n\n... and 2 more\n\n7 errors\n"), "{shown}");
    assert_eq!(shown.matches("`spec.email` is missing").count(), 5);
}

#[test]
fn an_endless_line_is_named_and_not_shown() {
    let reading = read_text("a.yaml", &alice(&format!("\n  rolle: {}\n", "x".repeat(2000))));
    let shown = people(&reading.input.findings, &reading.sources, Style::default());
    assert_eq!(
        shown,
        "error[unknown-field]: member/alice: unknown field `spec.rolle`\n--> a.yaml:8:3\n = help: did you mean `role`?\n\n1 error\n"
    );
}

#[test]
fn nothing_is_said_about_nothing() {
    let reading = read_text("a.yaml", &alice("\n"));
    assert_eq!(people(&reading.input.findings, &reading.sources, Style::default()), "");
    assert_eq!(github(&reading.input.findings, &reading.sources), "");
}

#[test]
fn colours_are_used_when_wanted() {
    let reading = read_text("a.yaml", &alice(BROKEN));
    let shown = people(&reading.input.findings, &reading.sources, Style { color: true, ..Style::default() });
    assert!(shown.contains("\u{1b}["), "{shown:?}");
}
