use super::Refusal;
use crate::api::{Kind, Verb as Permission};
use crate::tenancy::view::{TestView, View};
use crate::tenancy::{Key, Tenancy, World, members_with_email, obstacle};

/// An access test that does not hold.
pub struct Failure {
    test: Key,
    because: String,
}

/// The access tests that do not hold in a world, with the first thing that is wrong.
pub fn failures(world: &World<'_>) -> Vec<Failure> {
    let tests = world.of_kind(Kind::AccessTest).iter().filter_map(|item| match &*item.view {
        View::AccessTest(test) => Some((&item.row.key, test)),
        _ => None,
    });
    tests.filter_map(|(key, test)| Some(Failure { test: key.clone(), because: broken(world, test)? })).collect()
}

/// What is wrong with what a test says; `None` where it holds.
fn broken(world: &World<'_>, test: &TestView) -> Option<String> {
    let then = test.at.map(|at| world.at(at));
    let world = then.as_ref().unwrap_or(world);
    let place = test.place.key(world)?;
    let subject = &test.subject;
    let at = test.at.map(|at| format!(" at {at}")).unwrap_or_default();
    let may = |verb: Permission| members_with_email(world, subject).any(|member| obstacle(world, member, &place, verb).is_none());
    let missing = test.allow.iter().find(|verb| !may(**verb)).map(|verb| {
        let member = members_with_email(world, subject).next();
        let why = member.and_then(|member| obstacle(world, member, &place, *verb));
        let why = why.unwrap_or_else(|| "nobody in the organization has this address".to_owned());
        format!("{subject} must be allowed {verb} in {place}{at}, and is not: {why}")
    });
    let too_much = || {
        let verb = test.deny.iter().find(|verb| may(**verb))?;
        let grants = members_with_email(world, subject)
            .filter_map(|member| crate::tenancy::access(world, member, &place).remove(verb))
            .flatten()
            .map(|grant| grant.to_string())
            .collect::<Vec<_>>();
        Some(format!("{subject} must not be allowed {verb} in {place}{at}, and is, as {}", grants.join(" and ")))
    };
    missing.or_else(too_much)
}

impl Failure {
    /// The refusal of the whole plan.
    pub fn refusal(self, tenancy: &Tenancy) -> Refusal {
        Refusal {
            subject: self.test.clone(),
            rule: "access-test".into(),
            verb: None,
            because: self.because.into(),
            way_out: "change the roles so that the test holds, or the test; until then nothing changes".into(),
            origin: tenancy.get(&self.test).and_then(|desired| desired.origin.clone()),
        }
    }
}
