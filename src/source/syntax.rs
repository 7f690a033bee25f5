//! What a YAML parser's complaint means to the person who wrote the file.

use std::ops::Range;

use serde_saphyr::granit_parser::{ErrorKind, ScanError};

use super::tree::{Unreadable, too_deep};

/// Says what is wrong with the text, where, and what to do.
pub(super) fn explain(text: &str, error: &ScanError) -> Unreadable {
    let offset = error.marker().byte_offset().unwrap_or(text.len());
    let at = at(
        text,
        if is_tab(error.kind()) {
            text[text.floor_char_boundary(offset)..].find('\t').map_or(offset, |tab| offset + tab)
        } else {
            offset
        },
    );
    let (message, help) = match error.kind() {
        ErrorKind::RecursionLimitExceeded => return too_deep(at),
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidMappingValueWhitespace | ErrorKind::InvalidColonPlacement => {
            return colon(text, at);
        }
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::InvalidIndentation | ErrorKind::MappingKeyNotAllowed => (
            "this line fits neither the map above it nor one around it".to_owned(),
            "indent the keys of one map alike, and put a text that begins with a quote or bracket in quotes as a whole",
        ),
        ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::BlockSequenceEntryNotAllowed
        | ErrorKind::BlockEntryInFlowCollection
        | ErrorKind::InvalidBlockEntryWhitespace => (
            "there is a `-` or a value where no entry of a list can be".to_owned(),
            "indent the entries of one list alike, each with `- ` in front",
        ),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => {
            ("this is a key without a `:` behind it".to_owned(), "write `key: value` with a space behind the colon")
        }
        kind if is_tab(kind) => ("there is a tab where YAML wants spaces".to_owned(), "indent with spaces"),
        ErrorKind::UnclosedQuotedScalar | ErrorKind::DocumentIndicatorInQuotedScalar => {
            ("a quote is opened and never closed".to_owned(), "close the quote at the end of the text")
        }
        ErrorKind::InvalidQuotedScalarIndent => {
            ("a quote is opened above and not closed before this line".to_owned(), "close the quote at the end of the text")
        }
        ErrorKind::InvalidTrailingSingleQuotedScalar | ErrorKind::InvalidTrailingDoubleQuotedScalar => (
            "there is something behind the closing quote".to_owned(),
            "put the whole text in quotes; inside '...' a quote is written ''",
        ),
        ErrorKind::UnknownQuotedScalarEscape => (
            "this backslash sequence means nothing inside \"...\"".to_owned(),
            "write \\\\ for a backslash, or use '...', where a backslash is a backslash",
        ),
        ErrorKind::UnclosedFlowCollection { open } => (format!("`{open}` is opened and never closed"), "close it"),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            (format!("`{open}` is closed by `{close}`"), "close it by its partner")
        }
        ErrorKind::MisplacedFlowCollectionEnd => ("this closes something that was never opened".to_owned(), "take it away"),
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator => (
            "there is a `,` or a closing bracket missing before this".to_owned(),
            "close the bracket, or separate the entries by commas",
        ),
        ErrorKind::UnexpectedCharacter { character } if character.is_control() => {
            (format!("the control character `{}` cannot stand in YAML", character.escape_debug()), "take it away")
        }
        ErrorKind::UnexpectedCharacter { character } => {
            (format!("the character `{}` cannot begin a value", character.escape_debug()), "put the text in quotes")
        }
        ErrorKind::UnknownAnchor => {
            ("this alias refers to no anchor of its document".to_owned(), "define the anchor above, in the same document")
        }
        other => return Unreadable::new("yaml-syntax", format!("this is not YAML: {other}"), at),
    };
    Unreadable::new("yaml-syntax", message, at).help(help)
}

/// A colon that is not possible: a second one in its line, or one behind a key that is not where the keys above it are.
fn colon(text: &str, at: Range<usize>) -> Unreadable {
    let start = text[..at.start].rfind('\n').map_or(0, |before| before + 1);
    let key = text[start..at.start].trim_start_matches([' ', '-']);
    if key.contains(": ") {
        let message = "there is a second `: ` in this line";
        Unreadable::new("yaml-syntax", message, at).help("put the text behind the first one in quotes")
    } else {
        let message = "this key is not indented like the ones above it";
        Unreadable::new("yaml-syntax", message, at.start - key.len()..at.start).help("indent the keys of one map alike")
    }
}

/// The character at an offset, or the last one of the text.
fn at(text: &str, offset: usize) -> Range<usize> {
    let start = text.floor_char_boundary(offset.min(text.trim_end().len()));
    let len = text[start..].chars().next().map_or(0, char::len_utf8);
    start..start + len
}

fn is_tab(kind: &ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::TabNotAllowed
            | ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabInPlainScalar
            | ErrorKind::TabAtBlockScalarStart
    )
}
