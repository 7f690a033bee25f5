use serde_json::{Value, json};

use super::{address, count, end, line_and_column, sorted};
use crate::source::Sources;
use crate::tenancy::{Finding, Severity};

/// The findings as JSON, in the shape of `tofu validate -json` with more in it. `valid` says that there is no error.
#[must_use]
pub fn json(findings: &[Finding], sources: &Sources) -> Value {
    let diagnostics: Vec<Value> = sorted(findings).into_iter().map(|finding| diagnostic(finding, sources)).collect();
    let errors = count(findings, Severity::Error);
    json!({
        "format_version": "1.0",
        "valid": errors == 0,
        "error_count": errors,
        "warning_count": count(findings, Severity::Warning),
        "diagnostics": diagnostics,
    })
}

fn diagnostic(finding: &Finding, sources: &Sources) -> Value {
    let (line, column) = line_and_column(finding);
    let mut value = json!({
        "severity": finding.severity,
        "code": finding.code,
        "address": address(finding),
        "path": finding.path,
        "summary": finding.message,
        "detail": finding.help,
        "range": { "filename": finding.origin.file, "start": { "line": line, "column": column } },
    });
    if let (Some(span), Some((line, column))) = (finding.span, end(finding, sources)) {
        value["range"]["start"]["byte"] = span.start.into();
        value["range"]["end"] = json!({ "line": line, "column": column, "byte": span.end });
    }
    value
}
