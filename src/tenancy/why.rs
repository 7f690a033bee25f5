use super::role::MembershipRole;
use super::{Access, Key, Standing, World, access};
use crate::api::Verb;

/// Why a member may not do something in a place, in words; `None` where nothing stands against it.
#[must_use]
pub fn obstacle(world: &World<'_>, member: &str, place: &Key, verb: Verb) -> Option<String> {
    let can = access(world, member, place);
    if can.contains_key(&verb) {
        return None;
    }
    let Some((item, view)) = world.member(member) else { return Some(format!("there is no member/{member}")) };
    if world.get(place).is_none() {
        return Some(format!("there is no {place}"));
    }
    let standing = world.standing(item, view);
    if standing != Standing::Active {
        return Some(format!("member/{member} is {standing}, not Active"));
    }
    let ended = world.memberships(member).find_map(|(_, at, given)| {
        given
            .expires_at
            .filter(|end| *end <= world.now && at == *place)
            .map(|end| format!("the access of member/{member} ended {end}"))
    });
    Some(ended.unwrap_or_else(|| without(&can, member, place, verb)))
}

fn without(can: &Access, member: &str, place: &Key, verb: Verb) -> String {
    let mut roles: Vec<String> = can.values().flatten().map(ToString::to_string).collect();
    roles.sort();
    roles.dedup();
    match roles.as_slice() {
        [] => format!("member/{member} has no role that counts in {place}"),
        roles => format!("{} does not give {verb} in {place}", roles.join(" and ")),
    }
}

/// The roles that allow something, by their names.
pub fn roles_with<'w>(world: &'w World<'_>, verb: Verb) -> impl Iterator<Item = (&'w str, &'w MembershipRole)> {
    world.roles.iter().filter(move |(_, role)| role.permissions.contains(&verb)).map(|(name, role)| (&**name, role))
}
