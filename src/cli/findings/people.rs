use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::{address, count, line_and_column, sorted};
use crate::source::Sources;
use crate::tenancy::{Finding, Severity, Span};

/// How findings look.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Whether to use colours.
    pub color: bool,
    /// How many columns a line has.
    pub width: usize,
    /// How many findings are shown; the rest is counted.
    pub max: usize,
}

impl Default for Style {
    fn default() -> Self {
        Self { color: false, width: 140, max: 20 }
    }
}

/// Lines longer than this are not shown; a file without line breaks would fill the screen.
const LONGEST: usize = 1000;

/// The findings for people, each with the lines it is about, and at the end how many there are. Empty if there are none.
#[must_use]
pub fn people(findings: &[Finding], sources: &Sources, style: Style) -> String {
    let renderer = if style.color { Renderer::styled() } else { Renderer::plain() }.term_width(style.width);
    let (foreign, shown): (Vec<&Finding>, Vec<&Finding>) =
        sorted(findings).into_iter().partition(|finding| finding.code == "foreign");
    let mut blocks: Vec<String> = shown.iter().take(style.max).map(|finding| one(finding, sources, &renderer) + "\n\n").collect();
    if shown.len() > style.max {
        blocks.push(format!("... and {} more\n\n", shown.len() - style.max));
    }
    blocks.extend(foreign.first().map(|first| others(first, foreign.len(), &renderer)));
    if !shown.is_empty() {
        blocks.push(summary(findings));
    }
    blocks.concat()
}

fn one(finding: &Finding, sources: &Sources, renderer: &Renderer) -> String {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = match address(finding) {
        Some(address) => format!("{address}: {}", finding.message),
        None => finding.message.to_string(),
    };
    let mut group = Group::with_title(level.primary_title(title).id(finding.code));
    let frame = finding.span.and_then(|span| Frame::around(sources.bytes(&finding.origin.file)?, span));
    group = if let Some(frame) = &frame {
        group.element(frame.snippet(escaped(&finding.origin.file)))
    } else {
        let (line, column) = line_and_column(finding);
        group.element(Origin::path(escaped(&finding.origin.file)).line(line as usize).char_column(column as usize))
    };
    if let Some(help) = &finding.help {
        group = group.element(Level::HELP.message(&**help));
    }
    renderer.render(&[group])
}

/// A name without control characters.
fn escaped(file: &str) -> String {
    file.chars().flat_map(|c| if c.is_control() { c.escape_debug().collect() } else { vec![c] }).collect()
}

/// False for a line of a file that is no text at all: showing it helps nobody.
fn is_text(line: &[u8]) -> bool {
    let line = String::from_utf8_lossy(line);
    let strange = line.chars().filter(|c| *c == char::REPLACEMENT_CHARACTER || c.is_control() && *c != '\t').count();
    strange <= 2 || strange * 5 <= line.chars().count()
}

/// A few lines of a file.
struct Frame {
    text: String,
    first: usize,
    at: std::ops::Range<usize>,
}

impl Frame {
    /// The line of the span and the one above it.
    fn around(file: &[u8], span: Span) -> Option<Self> {
        let start_of_line = |at: usize| file[..at].iter().rposition(|byte| *byte == b'\n').map_or(0, |before| before + 1);
        let here = start_of_line(file.get(..span.start)?.len());
        let length = file[here..].iter().position(|byte| *byte == b'\n').unwrap_or(file.len() - here);
        let above = if here == 0 { here } else { start_of_line(here - 1) };
        if here - above > LONGEST || length > LONGEST {
            return None;
        }
        let line_end = here + file[here..here + length].trim_ascii_end().len();
        let lossy = |from: usize, to: usize| String::from_utf8_lossy(&file[from..to.max(from)]).into_owned();
        let before = lossy(above, span.start);
        let marked = lossy(span.start, span.end.min(line_end));
        let at = before.len()..before.len() + marked.len();
        if !is_text(&file[here..line_end]) {
            return None;
        }
        let text = before + &marked + &lossy(span.end.min(line_end).max(span.start), line_end);
        Some(Self { text: text.replace('\r', " "), first: span.line as usize - usize::from(above < here), at })
    }

    fn snippet(&self, file: String) -> Snippet<'_, annotate_snippets::Annotation<'_>> {
        let snippet = Snippet::source(self.text.as_str()).path(file).line_start(self.first).fold(false);
        snippet.annotation(AnnotationKind::Primary.span(self.at.clone()))
    }
}

/// One line for everything that is about other things.
fn others(first: &Finding, count: usize, renderer: &Renderer) -> String {
    let title = if count == 1 {
        format!("{}: {}", first.origin, first.message)
    } else {
        format!("{count} documents are no objects of Muster and were left alone, the first at {}", first.origin)
    };
    renderer.render(&[Group::with_title(Level::NOTE.primary_title(title))]) + "\n"
}

fn summary(findings: &[Finding]) -> String {
    let number = |severity: Severity| match count(findings, severity) {
        0 => None,
        1 => Some(format!("1 {severity}")),
        many => Some(format!("{many} {severity}s")),
    };
    let numbers: Vec<String> = [Severity::Error, Severity::Warning].into_iter().filter_map(number).collect();
    if numbers.is_empty() { String::new() } else { format!("{}\n", numbers.join(", ")) }
}
