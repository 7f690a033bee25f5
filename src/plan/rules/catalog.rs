use crate::api::{Kind, OrganizationSpec};
use crate::plan::{Case, Violation};
use crate::tenancy::{Key, Policy};

pub(super) fn policy_refused(case: &Case<'_>) -> Vec<Violation> {
    let organization = Key::new(Kind::Organization, case.tenancy.organization.clone());
    let wanted = case.tenancy.get(&organization).and_then(|it| serde_json::from_str::<OrganizationSpec>(&it.spec).ok());
    let Some(wanted) = wanted.filter(|_| case.is_stopped(&organization)) else { return Vec::new() };
    if case.before.organization().is_none() || Policy::of(&wanted).catalog == case.before.policy.catalog {
        return Vec::new();
    }
    let roles = case.changes().filter(|(_, change)| matches!(change.key.kind, Kind::Member | Kind::Membership));
    let because = "it goes with other built-in roles, and that change of the organization is refused";
    let hold = |change| Violation { change, because: because.to_owned(), way_out: String::new() };
    roles.map(|(number, _)| hold(number)).collect()
}
