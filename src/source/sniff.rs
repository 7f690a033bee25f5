//! What a document says about itself, seen without parsing it.

use super::limits::MAX_BRACKETS;

/// The head of a document.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Head<'a> {
    pub api_version: Option<&'a str>,
    pub kind: Option<&'a str>,
    /// True unless a second object may be hidden in the text, because a `---` is missing.
    pub single: bool,
}

/// Reads the lines at the left edge of the document.
pub(super) fn head(text: &str) -> Head<'_> {
    let (mut edge, mut head) = (None, Head { single: true, ..Head::default() });
    for line in text.lines() {
        let content = line.trim_start_matches(' ');
        if content.is_empty() || content.starts_with('#') {
            continue;
        }
        let indent = line.len() - content.len();
        if indent > *edge.get_or_insert(indent) {
            continue;
        }
        let (field, value) = if let Some(rest) = content.strip_prefix("kind:") {
            (&mut head.kind, rest)
        } else if let Some(rest) = content.strip_prefix("apiVersion:") {
            (&mut head.api_version, rest)
        } else {
            continue;
        };
        head.single &= field.is_none();
        *field = word(value);
    }
    head
}

/// The name and namespace of a document that is no YAML from some line on. `None` unless the text has exactly one head and
/// one `metadata`, so that no second object can be hidden in what cannot be read.
pub(super) fn name(text: &str) -> Option<(&str, &str)> {
    if ["apiVersion", "metadata:"].iter().any(|word| text.matches(word).count() != 1) || !head(text).single {
        return None;
    }
    let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let from = || text.lines().skip_while(|line| line.trim() != "metadata:");
    let outer = indent(from().next()?);
    let below = || from().skip(1).filter(|line| !line.trim().is_empty());
    let inner = indent(below().next()?);
    let value = |key: &str| {
        let block = below().take_while(|line| indent(line) >= inner).filter(|line| indent(line) == inner);
        let mut values = block.filter_map(|line| line.trim_start().strip_prefix(key));
        let value = values.next().and_then(word);
        if values.next().is_some() { None } else { value }
    };
    (inner > outer).then(|| Some((value("name:")?, value("namespace:").unwrap_or_default())))?
}

/// What stands behind `previousNames`, as far as it can be told from the text alone.
pub(super) fn previous_names(text: &str) -> Vec<&str> {
    let value = || text.split_once("previousNames")?.1.trim_start_matches(['"', '\'']).trim_start().strip_prefix(':');
    let Some(value) = value().map(str::trim_start) else { return Vec::new() };
    match value.strip_prefix('[') {
        Some(list) => {
            list.split(']').next().unwrap_or_default().split(',').map(without_quotes).filter(|word| !word.is_empty()).collect()
        }
        None => value.lines().map_while(|line| line.trim_start().strip_prefix('-')).map(without_quotes).collect(),
    }
}

fn without_quotes(word: &str) -> &str {
    word.trim_matches(|c: char| c.is_whitespace() || c == '"' || c == '\'')
}

/// The only word of a value, without quotes and comment.
fn word(value: &str) -> Option<&str> {
    if !value.starts_with([' ', '\t']) {
        return None;
    }
    let value = value.split(" #").next()?.trim();
    let inner = ['"', '\''].into_iter().find_map(|quote| value.strip_prefix(quote)?.strip_suffix(quote));
    let word = inner.unwrap_or(value);
    let is_word = !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"./-_".contains(&b));
    is_word.then_some(word)
}

/// Whether there is nothing in the text on which two parsers may differ and nothing that can grow: no anchors, aliases, merge keys,
/// tags, directives or complex keys, no quotes that go on in the next line, no tabs or control characters, no line breaks but LF and
/// CRLF, and few brackets.
pub(super) fn is_plain(text: &str) -> bool {
    let bytes = text.as_bytes();
    let (mut brackets, mut quotes, mut apostrophes) = (0, 0, 0);
    // What stands before, blanks aside.
    let mut before = b'\n';
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b' ' => continue,
            // A quote may still be open if they do not come in pairs or cannot be told apart.
            b'\n' if (quotes | apostrophes) & 1 != 0 || (quotes > 0 && apostrophes > 0) => return false,
            b'\n' => (quotes, apostrophes) = (0, 0),
            b'"' if bytes[at.saturating_sub(1)] == b'\\' => return false,
            b'"' => quotes += 1,
            b'\'' => apostrophes += 1,
            b'\r' if bytes.get(at + 1) == Some(&b'\n') => continue,
            b'&' | b'*' | b'!' | b'%' | b'?' | b'<' | b'@' | b'`' if b"\n:-?,[{".contains(&before) => return false,
            // A comment that no blank separates from what stands before it.
            b'#' if at > 0 && b"]}[{,\"'".contains(&bytes[at - 1]) => return false,
            b'[' | b'{' => brackets += 1,
            0..=9 | 11..=31 | 127 => return false,
            // U+0080 to U+009F, U+2028, U+2029, U+FEFF.
            0xC2 if bytes.get(at + 1).is_some_and(|next| *next < 0xA0) => return false,
            0xE2 if bytes.get(at + 1) == Some(&0x80) && matches!(bytes.get(at + 2), Some(0xA8 | 0xA9)) => return false,
            0xEF if bytes.get(at + 1) == Some(&0xBB) && bytes.get(at + 2) == Some(&0xBF) => return false,
            _ => {}
        }
        before = byte;
    }
    brackets <= MAX_BRACKETS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_head_is_read_at_the_left_edge_only() {
        let text = "# a comment\n  apiVersion: muster.dev/v1alpha1 # of Muster\n  kind: 'Member'\n  spec:\n    kind: Other\n";
        assert_eq!(head(text), Head { api_version: Some("muster.dev/v1alpha1"), kind: Some("Member"), single: true });
    }

    #[test]
    fn two_heads_in_one_document_are_noticed() {
        assert!(!head("apiVersion: a\nkind: B\nspec: {}\napiVersion: a\nkind: C\n").single);
    }

    #[test]
    fn the_name_of_a_broken_document_is_found_when_there_can_be_no_other() {
        let text =
            "apiVersion: a\nkind: B\nmetadata:\n  labels:\n    name: no\n  name: \"alice\" # her\n  namespace: acme\nspec: [\n";
        assert_eq!(name(text), Some(("alice", "acme")));
        assert_eq!(name(&format!("{text}-- -\nkind: C\n")), None);
        let indented = format!("  {}", text.replace('\n', "\n  "));
        assert_eq!(name(&indented), Some(("alice", "acme")));
        assert_eq!(name("apiVersion: a\nkind: B\nmetadata: {name: alice}\n"), None);
        assert_eq!(name("apiVersion: a\nkind: B\nmetadata:\nname: alice\n"), None);
        assert_eq!(name("apiVersion: a\nkind: B\nmetadata:\n  name: alice\n  name: bob\n"), None);
    }

    #[test]
    fn previous_names_are_found_in_any_style() {
        for text in [
            "spec: {previousNames: [a, 'b'], x: [",
            "spec:\n  previousNames:\n    - a\n    - \"b\"\n  x: [",
            "{\"spec\": {\"previousNames\": [\"a\", \"b\"]",
            "spec:\n  previousNames:\n  - a\n  - b\nstatus: {}",
        ] {
            assert_eq!(previous_names(text), ["a", "b"], "{text}");
        }
        assert_eq!(previous_names("spec: {previousNames: []}"), Vec::<&str>::new());
        assert_eq!(previous_names("spec: {}"), Vec::<&str>::new());
    }

    #[test]
    fn text_with_anything_unusual_is_not_plain() {
        for text in [
            "a: &b c",
            "a: *b",
            "<<: *a",
            "a: !b c",
            "%YAML 1.2",
            "? a",
            "a:\tb",
            "a: \u{1}",
            "a: \u{85}",
            "a: \u{2028}b",
            "a\rb: c",
        ] {
            assert!(!is_plain(text), "{text:?}");
        }
        for text in ["a: R & D", "a: b\r\n", "a: \"50 % *\"", "a: Žofie", "a: [b, c]", "a: b<c", "a: “x”"] {
            assert!(is_plain(text), "{text:?}");
        }
        assert!(!is_plain(&"[".repeat(1000)));
    }
}
