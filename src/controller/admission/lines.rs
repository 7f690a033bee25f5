use crate::plan::render::safe;
use crate::tenancy::Key;

/// The most characters of one warning: an API server cuts what is longer.
pub const LONGEST: usize = 256;

/// The most warnings of one answer: an API server passes on 4096 characters and drops the rest.
pub const MOST: usize = 15;

/// As many lines as fit, each of them short enough; the last one says how many more there were.
#[must_use]
pub fn bounded(lines: Vec<String>, more: usize) -> Vec<String> {
    let all = lines.len() + more;
    let mut shown: Vec<String> = lines.into_iter().take(MOST).map(|line| line_of(&line, LONGEST)).collect();
    if all > shown.len() {
        shown.truncate(MOST - 1);
        shown.push(format!("and {} more; `muster plan` shows all of it", all - shown.len()));
    }
    shown
}

/// What is said of an object, which is named once.
pub fn sentence(subject: &Key, because: &str) -> String {
    let subject = subject.to_string();
    match because.strip_prefix(&subject) {
        Some(rest) if rest.starts_with(' ') => because.to_owned(),
        _ => format!("{subject}: {because}"),
    }
}

/// One line that acts on nobody's terminal, of at most so many characters. Flux deletes and creates again what an error calls
/// immutable, so a name that says so does not get through.
#[must_use]
pub fn line_of(text: &str, longest: usize) -> String {
    let text = mild(&safe(text));
    if text.chars().count() <= longest {
        return text;
    }
    let start: String = text.chars().take(longest.saturating_sub(3)).collect();
    format!("{start}...")
}

/// The word is left where it is part of the id of a rule.
fn mild(text: &str) -> String {
    const WORD: &str = "immutable";
    // Lower case has the same length here, because only ASCII changes.
    let lower = text.to_ascii_lowercase();
    let mut mild = String::with_capacity(text.len());
    let mut done = 0;
    for (at, _) in lower.match_indices(WORD).filter(|(at, _)| !lower[..*at].ends_with('-')) {
        mild.push_str(&text[done..at]);
        mild.push_str("fixed");
        done = at + WORD.len();
    }
    mild.push_str(&text[done..]);
    mild
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fifteen_lines_are_shown_and_the_last_counts_the_rest() {
        let many = |count: usize| (0..count).map(|n| format!("line {n}")).collect::<Vec<_>>();
        assert_eq!(bounded(many(15), 0), many(15));
        let shown = bounded(many(16), 0);
        assert_eq!((shown.len(), shown.last().unwrap().as_str()), (15, "and 2 more; `muster plan` shows all of it"));
        let shown = bounded(many(3), 7);
        assert_eq!((shown.len(), shown.last().unwrap().as_str()), (4, "and 7 more; `muster plan` shows all of it"));
        assert!(bounded(Vec::new(), 0).is_empty());
    }

    #[test]
    fn a_line_is_one_line_of_at_most_256_characters() {
        let line = line_of(&"ä".repeat(300), LONGEST);
        assert_eq!((line.chars().count(), line.ends_with("...")), (256, true));
        assert_eq!(line_of("a\nb\u{1b}[31m", LONGEST), "a\\u{a}b\\u{1b}[31m");
    }

    #[test]
    fn nothing_is_called_what_makes_flux_delete_it() {
        let word = ["is", "immutable"].join(" ");
        assert_eq!(line_of(&format!("the role Field {word} x"), LONGEST), "the role Field is fixed x");
        assert_eq!(line_of("an IMMUTABLE field", LONGEST), "an fixed field");
        assert_eq!(line_of("(residency-immutable)", LONGEST), "(residency-immutable)");
    }
}
