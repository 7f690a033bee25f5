//! How findings are shown: to people with the lines they are about, and to machines.

mod github;
mod json;
mod people;
mod sarif;

pub use github::github;
pub use json::json;
pub use people::{Style, people};
pub use sarif::sarif;

use crate::source::Sources;
use crate::tenancy::{Finding, Key, Severity};

/// The findings with the worst first, then by file and place.
fn sorted(findings: &[Finding]) -> Vec<&Finding> {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| (finding.severity, &finding.origin.file, line_and_column(finding)));
    sorted
}

fn line_and_column(finding: &Finding) -> (u32, u32) {
    finding.span.map_or((finding.origin.line, finding.origin.column), |span| (span.line, span.column))
}

/// Where the finding ends, if it is known where it begins.
fn end(finding: &Finding, sources: &Sources) -> Option<(u32, u32)> {
    let span = finding.span?;
    let text = String::from_utf8_lossy(sources.bytes(&finding.origin.file)?.get(span.start..span.end)?);
    let mut lines = text.split('\n');
    let last = lines.next_back()?;
    let (before, width) = (u32::try_from(lines.count()).ok()?, u32::try_from(last.chars().count()).ok()?);
    Some((span.line + before, if before == 0 { span.column + width } else { width + 1 }))
}

/// The object that the finding is about, as the plan names it.
fn address(finding: &Finding) -> Option<String> {
    finding.subject.as_ref().map(|(kind, name)| Key::new(*kind, name.clone()).to_string())
}

fn count(findings: &[Finding], severity: Severity) -> usize {
    findings.iter().filter(|finding| finding.severity == severity).count()
}

#[cfg(test)]
mod tests;
