use crate::api::Kind;
use crate::api::organization::AdoptionPolicy;
use crate::plan::{Case, Change, Violation};
use crate::tenancy::Key;

pub(super) fn foreign_manager(case: &Case<'_>) -> Vec<Violation> {
    let adoption =
        case.after.organization().and_then(|organization| organization.adoption_policy).unwrap_or(AdoptionPolicy::Refuse);
    case.changes().filter_map(|(number, change)| refuse(case, adoption, number, change)).collect()
}

fn refuse(case: &Case<'_>, adoption: AdoptionPolicy, number: usize, change: &Change) -> Option<Violation> {
    let before = change.before.as_ref()?;
    let ours = &case.context.manager;
    let allowed = match &before.manager {
        Some(manager) if manager == ours || manager.is_policy() => true,
        Some(_) if change.is_live() => adopts(adoption, change),
        Some(_) => false,
        None if change.is_live() => change.fields.is_empty() || is_entry_of_ours(case, change) || adopts(adoption, change),
        None => true,
    };
    if allowed {
        return None;
    }
    let because = match &before.manager {
        Some(manager) => format!("it is managed by {manager}, not by {ours}"),
        None => "nobody manages it, and the input differs from it".to_owned(),
    };
    let way_out = match change.is_live() {
        true => "write adoptionPolicy: Adopt in the organization to take it over, or take it out of the input",
        false => "have its manager remove or release it first",
    };
    Some(Violation { change: number, because, way_out: way_out.to_owned() })
}

/// A list of ours is owned whole: what another hand added to it is ours to change.
fn is_entry_of_ours(case: &Case<'_>, change: &Change) -> bool {
    let member = change.key.member_and_place().and_then(|(member, _)| case.after.get(&Key::new(Kind::Member, member)));
    member.is_some_and(|item| item.row.manager.as_ref() == Some(&case.context.manager))
}

fn adopts(adoption: AdoptionPolicy, change: &Change) -> bool {
    match adoption {
        AdoptionPolicy::Refuse => false,
        AdoptionPolicy::AdoptIdentical => change.fields.is_empty(),
        AdoptionPolicy::Adopt => true,
    }
}

pub(super) fn suspended(case: &Case<'_>) -> Vec<Violation> {
    let suspended = case.after.organization().is_some_and(|organization| organization.suspend == Some(true));
    let others = case.changes().filter(|(_, change)| suspended && change.key.kind != Kind::Organization);
    let hold = |(change, _)| Violation { change, because: "the organization is suspended".to_owned(), way_out: String::new() };
    others.map(hold).collect()
}
