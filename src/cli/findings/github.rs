use super::{address, end, line_and_column, sorted};
use crate::source::Sources;
use crate::tenancy::{Finding, Severity};

/// The findings as commands that GitHub Actions turns into annotations of the changed files, one on each line.
#[must_use]
pub fn github(findings: &[Finding], sources: &Sources) -> String {
    sorted(findings).into_iter().map(|finding| command(finding, sources)).collect()
}

fn command(finding: &Finding, sources: &Sources) -> String {
    let command = match finding.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let (line, column) = line_and_column(finding);
    // GitHub takes an end column only within one line.
    let end = end(finding, sources)
        .filter(|(end, _)| *end == line)
        .map_or_else(String::new, |(_, column)| format!(",endColumn={column}"));
    let subject = address(finding).map_or_else(String::new, |address| format!("{address}: "));
    let help = finding.help.as_ref().map_or_else(String::new, |help| format!("\n{help}"));
    let text = escape(&format!("{subject}{}{help}", finding.message));
    let (file, title) = (escape_property(&finding.origin.file), escape_property(finding.code));
    let place = if file.is_empty() { String::new() } else { format!("file={file},line={line},col={column}{end},") };
    format!("::{command} {place}title={title}::{text}\n")
}

fn escape(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn escape_property(text: &str) -> String {
    escape(text).replace(':', "%3A").replace(',', "%2C")
}
