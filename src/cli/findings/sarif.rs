use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{address, end, line_and_column, sorted};
use crate::source::Sources;
use crate::tenancy::{Finding, Severity};

/// The findings as SARIF 2.1.0, for code scanning.
#[must_use]
pub fn sarif(findings: &[Finding], sources: &Sources) -> Value {
    let codes: BTreeSet<&str> = findings.iter().map(|finding| finding.code).collect();
    let rules: Vec<Value> =
        codes.iter().map(|code| json!({ "id": code, "shortDescription": { "text": code.replace('-', " ") } })).collect();
    let results: Vec<Value> = sorted(findings).into_iter().map(|finding| result(finding, sources)).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "muster", "version": env!("CARGO_PKG_VERSION"), "rules": rules } },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(finding: &Finding, sources: &Sources) -> Value {
    let level = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "note",
    };
    let subject = address(finding).map_or_else(String::new, |address| format!("{address}: "));
    let help = finding.help.as_ref().map_or_else(String::new, |help| format!(" ({help})"));
    let (line, column) = line_and_column(finding);
    let mut region = json!({ "startLine": line, "startColumn": column });
    if let Some((line, column)) = end(finding, sources) {
        region["endLine"] = line.into();
        region["endColumn"] = column.into();
    }
    json!({
        "ruleId": finding.code,
        "level": level,
        "message": { "text": format!("{subject}{}{help}", finding.message) },
        "locations": [{ "physicalLocation": { "artifactLocation": { "uri": uri(&finding.origin.file) }, "region": region } }],
    })
}

/// A path as the reference of a URI: what is no part of a plain path is written in percent.
fn uri(path: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
    let written = |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    let uri: String = path.bytes().map(written).collect();
    if uri.starts_with('/') { format!("file://{uri}") } else { uri }
}
