use super::value::{cut, safe};
use crate::api::Verb as Permission;
use crate::plan::{AccessChange, AccessDiff};

/// How many people are shown who do not become admins, before the rest is counted.
const SHOWN: usize = 20;

/// What happens to somebody's access, as it is shown.
pub struct Sentence {
    /// `+` for a gain, `-` for a loss, `~` for both.
    pub symbol: &'static str,
    /// `bob@acme.example becomes admin of workspace/design (ReadOnly -> Admin)`.
    pub text: String,
    /// True when the person becomes an admin.
    pub new_admin: bool,
}

/// The sentences of an access diff, and how many more there are.
pub fn sentences(diff: &AccessDiff, full: bool) -> (Vec<Sentence>, usize) {
    let admins = diff.changes.iter().filter(|change| change.makes_admin()).count();
    let shown = if full { diff.changes.len() } else { diff.changes.len().min(admins + SHOWN) };
    let sentences = diff.changes.iter().take(shown).map(sentence).collect();
    (sentences, diff.changes.len() - shown + diff.more_people)
}

/// The whole of an access diff as plain sentences, new admins first.
#[must_use]
pub fn access_sentences(diff: &AccessDiff) -> Vec<String> {
    diff.changes.iter().map(|change| sentence(change).text).collect()
}

fn sentence(change: &AccessChange) -> Sentence {
    let (symbol, text) = match (change.gains.is_empty(), change.loses.is_empty()) {
        (false, true) => ("+", gains(change)),
        (true, _) => ("-", loses(change)),
        (false, false) if change.makes_admin() => ("~", gains(change)),
        (false, false) => ("~", format!("{}, {}", gains(change), loses_only(change))),
    };
    let why = change.why.replace(&format!(" of {}", change.place), "");
    let text = format!("{} {text} ({})", change.email, why);
    Sentence { symbol, text: safe(&text).into_owned(), new_admin: change.makes_admin() }
}

fn gains(change: &AccessChange) -> String {
    let place = &change.place;
    if change.makes_admin() {
        format!("becomes admin of {place}")
    } else if change.why.starts_with("no access ") {
        format!("gains access to {place}")
    } else {
        format!("gains {} in {place}", permissions(&change.gains))
    }
}

fn loses(change: &AccessChange) -> String {
    let place = &change.place;
    if change.why.ends_with("-> no access") {
        format!("loses access to {place}")
    } else if change.loses.contains(&Permission::MembersWrite) {
        format!("is no longer admin of {place}")
    } else {
        format!("loses {} in {place}", permissions(&change.loses))
    }
}

fn loses_only(change: &AccessChange) -> String {
    format!("loses {}", permissions(&change.loses))
}

fn permissions(verbs: &[Permission]) -> String {
    let words: Vec<&str> = verbs.iter().take(4).map(|verb| verb.as_str()).collect();
    let text = words.join(", ");
    match verbs.len() - words.len() {
        0 => text,
        more => cut(&format!("{text} and {more} more"), 160),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::Fixture;
    use super::*;

    #[test]
    fn people_who_are_left_out_count_with_those_who_are_not_shown() {
        let person = |n: usize| json!({ "email": format!("m{n}@acme.example"), "role": "Member" });
        let fixture = (0..SHOWN + 5).fold(Fixture::new(), |fixture, n| fixture.wanted(&format!("member/m{n}"), person(n)));
        let diff = AccessDiff { more_people: 3, ..fixture.plan().access };
        assert_eq!((sentences(&diff, false).1, sentences(&diff, true).1), (8, 3));
    }
}
