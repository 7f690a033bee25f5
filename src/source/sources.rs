//! The texts that were read, kept so that later stages can point into them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::split::Part;
use super::tree;
use crate::tenancy::{Finding, Origin, Span};

/// The texts of an input, by the name of the file.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    pub(super) files: BTreeMap<Arc<str>, Text>,
}

/// A file that was read.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub bytes: Arc<Vec<u8>>,
    pub parts: Arc<[Part]>,
}

impl Sources {
    /// The bytes of a file of the input, under the name that findings use for it.
    #[must_use]
    pub fn bytes(&self, file: &str) -> Option<&[u8]> {
        self.files.get(file).map(|text| text.bytes.as_slice())
    }

    /// Where in its file a field of a document stands; where the document has no such field, the closest one around it that it has.
    /// `None` if the document is not in the input or cannot be read.
    #[must_use]
    pub fn locate(&self, origin: &Origin, path: &str) -> Option<Span> {
        let Text { bytes, parts } = self.files.get(&origin.file)?;
        let (line, column) = (origin.line, origin.column);
        // A document begins with its first key, which stands behind the start of its part.
        let after = parts.partition_point(|part| (part.line, part.column) <= (line, column));
        let part = parts[..after].last()?;
        let document = part.bytes(bytes);
        let tree = tree::parse(std::str::from_utf8(&document).ok()?).ok()??;
        let found = tree.root.find(path);
        Some(span(bytes, *part, found.key_span.unwrap_or(found.span)))
    }

    /// Gives each finding that has none its span.
    pub fn locate_all(&self, findings: &mut [Finding]) {
        for finding in findings.iter_mut().filter(|finding| finding.span.is_none() && !finding.path.is_empty()) {
            finding.span = self.locate(&finding.origin, &finding.path);
        }
    }
}

/// The part of the file that a range of a document's text is.
pub(super) fn span(file: &[u8], part: Part, range: Range<usize>) -> Span {
    let start = (part.start + range.start).min(file.len());
    let end = (part.start + range.end).clamp(start, file.len());
    let before = &file[part.start..start];
    let line = before.split(|byte| *byte == b'\n').count() - 1;
    let column = match before.iter().rposition(|byte| *byte == b'\n') {
        Some(at) => characters(&before[at + 1..]) + 1,
        None => characters(before) + part.column as usize,
    };
    let small = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Span { start, end, line: part.line.saturating_add(small(line)), column: small(column) }
}

fn characters(bytes: &[u8]) -> usize {
    // Bytes that continue a character are not counted.
    bytes.iter().filter(|byte| **byte & 0xC0 != 0x80).count()
}
