/// The candidate that was probably meant by a misspelt word, if there is one that is close: for `did you mean`.
#[must_use]
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    // No name is this long, and comparing takes time with the square of the length.
    if word.is_empty() || word.len() > 128 {
        return None;
    }
    let word = word.to_lowercase();
    let distance = |candidate: &str| {
        if word.len() > 2 && candidate.to_lowercase().starts_with(&word) {
            return Some(1);
        }
        let distance = strsim::osa_distance(&word, &candidate.to_lowercase());
        let allowed = word.chars().count().min(candidate.chars().count()) / 3;
        (distance <= allowed.max(1) && distance < candidate.len()).then_some(distance)
    };
    let close = candidates.into_iter().filter(|candidate| candidate.len() <= 128);
    close.filter_map(|candidate| Some((distance(candidate)?, candidate))).min().map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_misspelt_word_finds_the_one_that_was_meant() {
        let fields = ["organizationRef", "displayName", "role", "roles", "workspaces"];
        for (word, meant) in [
            ("organisationRef", Some("organizationRef")),
            ("displayname", Some("displayName")),
            ("dispalyName", Some("displayName")),
            ("workspace", Some("workspaces")),
            ("rolle", Some("role")),
            ("display", Some("displayName")),
            ("organsiatoinRef", Some("organizationRef")),
            ("email", None),
            ("di", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, fields), meant, "{word}");
        }
        assert_eq!(nearest("y", ["x"]), None);
        let long = "a".repeat(128);
        assert_eq!(nearest(&long.replacen('a', "b", 1), [&*long]), Some(&*long));
        assert_eq!(nearest(&format!("{long}a"), [&*long]), None);
    }
}
