use std::collections::BTreeMap;

use crate::api::Kind;
use crate::plan::mirror::Mirror;
use crate::plan::{Plan, Verb};
use crate::tenancy::Deed;

/// What a verb is called once it is done.
#[must_use]
pub const fn past(verb: Verb) -> &'static str {
    match verb {
        Verb::Create => "created",
        Verb::Update => "updated",
        Verb::Rename => "renamed",
        Verb::SoftDelete => "soft-deleted",
        Verb::Restore => "restored",
        Verb::Purge => "purged",
        Verb::Adopt => "adopted",
        Verb::Release => "released",
    }
}

/// `1 workspace`, `4 workspaces`.
#[must_use]
pub fn plural(count: usize, kind: Kind) -> String {
    let ending = if count == 1 { "" } else { "s" };
    format!("{count} {}{ending}", kind.label())
}

/// `8 memberships, 4 templates`.
pub fn plurals(counts: &BTreeMap<Kind, usize>) -> String {
    counts.iter().map(|(kind, count)| plural(*count, *kind)).collect::<Vec<_>>().join(", ")
}

/// The last line: `Plan: 3 to create, 1 refused.` or `No changes. 214 objects are as the input says.`
#[must_use]
pub fn summary(plans: &[&Plan]) -> String {
    let changes = changes(plans, |verb| format!("to {verb}"));
    let there = services(plans);
    if changes.is_empty() {
        return format!("No changes. {}.{there}", [vec![unchanged(plans)], others(plans)].concat().join(", "));
    }
    format!("Plan: {}.{there}", [changes, others(plans)].concat().join(", "))
}

/// The same of plans that were applied: `Applied: 3 created, 1 refused.`
#[must_use]
pub fn summary_of_applied(plans: &[&Plan]) -> String {
    let changes = changes(plans, |verb| past(verb).to_owned());
    if changes.is_empty() {
        return format!("Nothing to apply. {}.", [vec![unchanged(plans)], others(plans)].concat().join(", "));
    }
    format!("Applied: {}.", [changes, others(plans)].concat().join(", "))
}

/// What is done at services: ` At 100ms: 2 to create, 1 refused.` Empty where nothing is.
fn services(plans: &[&Plan]) -> String {
    let mut titles: Vec<&str> = plans.iter().filter_map(|plan| Some(&*plan.mirror.as_ref()?.title)).collect();
    titles.sort_unstable();
    titles.dedup();
    let mut text = String::new();
    for title in titles {
        let mirrors = || plans.iter().filter_map(|plan| plan.mirror.as_ref()).filter(|mirror| &*mirror.title == title);
        let total = |count: fn(&Mirror) -> usize| mirrors().map(count).sum::<usize>();
        let calls = |word| mirrors().flat_map(|mirror| &mirror.calls).filter(|call| call.word() == word).count();
        let words = Deed::ALL.into_iter().map(Deed::word).chain(["forget"]);
        let deeds = words.map(|word| (calls(word), format!("to {word}")));
        let others = [
            (total(|mirror| mirror.refusals.len()), "refused".to_owned()),
            (total(|mirror| mirror.held.len()), "held".to_owned()),
            (total(|mirror| mirror.drift.len()), "drifted".to_owned()),
            (total(|mirror| mirror.unobservable.len()), "could not be compared".to_owned()),
        ];
        let counts = counted(deeds.chain(others));
        if !counts.is_empty() {
            text.extend([" At ", title, ": ", &counts.join(", "), "."]);
        }
    }
    text
}

fn changes(plans: &[&Plan], word: impl Fn(Verb) -> String) -> Vec<String> {
    let count = |verb| plans.iter().flat_map(|plan| &plan.changes).filter(|change| change.verb == verb).count();
    counted(Verb::ALL.into_iter().map(|verb| (count(verb), word(verb))))
}

fn others(plans: &[&Plan]) -> Vec<String> {
    let total = |count: fn(&Plan) -> usize| plans.iter().map(|plan| count(plan)).sum::<usize>();
    let others = [
        (total(|plan| plan.refusals.len()), "refused".to_owned()),
        (total(|plan| plan.held.len()), "held".to_owned()),
        (total(|plan| plan.drift.len()), "drifted".to_owned()),
    ];
    counted(others.into_iter())
}

fn counted(counts: impl Iterator<Item = (usize, String)>) -> Vec<String> {
    counts.filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")).collect()
}

fn unchanged(plans: &[&Plan]) -> String {
    match plans.iter().map(|plan| plan.unchanged).sum::<usize>() {
        1 => "1 object is as the input says".to_owned(),
        many => format!("{many} objects are as the input says"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixture::{Fixture, call, quiet_service};
    use super::*;
    use crate::plan::mirror::Call;

    #[test]
    fn each_service_is_told_once_with_what_is_only_forgotten_there() {
        let at = |title: &str, deed: Deed, recorded_only: bool| {
            let calls = vec![Call { recorded_only, ..call(deed, "mrole/host", Vec::new()) }];
            Plan { mirror: Some(Mirror { title: title.into(), calls, ..quiet_service() }), ..Fixture::new().plan() }
        };
        let plans =
            [at("Beta Cloud", Deed::Create, false), at("Acme Cloud", Deed::Remove, false), at("Beta Cloud", Deed::Remove, true)];
        let told = summary(&plans.iter().collect::<Vec<_>>());
        let at_services = told.split_once(" At ").unwrap().1;
        assert_eq!(at_services, "Acme Cloud: 1 to remove. At Beta Cloud: 1 to create, 1 to forget.");
    }
}
