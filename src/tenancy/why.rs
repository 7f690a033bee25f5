use super::access::reaches;
use super::role::MembershipRole;
use super::world::level_of;
use super::{Access, Key, Standing, World, access};
use crate::api::membership_type::Level;
use crate::api::workspace::Scope;
use crate::api::{Kind, Verb};

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
    Some(ended.or_else(|| cut_off(world, member, place, verb)).unwrap_or_else(|| without(&can, member, place, verb)))
}

/// What somebody would have from above, and does not have in this place: it is private or local, or admins do not reach what is below.
fn cut_off(world: &World<'_>, member: &str, place: &Key, verb: Verb) -> Option<String> {
    let (_, view) = world.member(member)?;
    let workspace = (place.kind == Kind::Workspace).then(|| world.workspace(&place.name)).flatten();
    let organization = world.of_kind(Kind::Organization).first().filter(|item| item.row.key != *place);
    let own = world.roles_of(Level::Organization, &view.roles).filter(|(_, role)| role.is_admin());
    let from_organization = own.filter_map(|role| Some((organization?.row.key.clone(), role)));
    let project = workspace.and_then(World::project_of);
    let memberships = world
        .memberships(member)
        .filter(|(_, at, given)| Some(at) == project.as_ref() && given.expires_at.is_none_or(|end| end > world.now));
    let from_project = memberships.flat_map(|(_, at, given)| {
        let roles: Vec<_> = world.roles_in(view, &at, given).collect();
        roles.into_iter().map(move |role| (at.clone(), role))
    });
    let above: Vec<_> = from_organization.chain(from_project).filter(|(_, (_, role))| role.permissions.contains(&verb)).collect();
    let admin = above.iter().any(|(_, (_, role))| role.is_admin());
    let given: Vec<String> = above.iter().map(|(at, (name, _))| format!("{name} of {at}")).collect();
    let given = (!given.is_empty()).then(|| given.join(" and "))?;
    let because = match workspace.and_then(|workspace| workspace.scope) {
        Some(Scope::Local) => format!("{place} is Local"),
        Some(Scope::Private) if admin && world.policy.implicit_admins => {
            format!("{place} is Private (access.privateWorkspaces: {})", world.policy.private_workspaces)
        }
        Some(Scope::Private) => format!("{place} is Private"),
        _ => "admins do not reach what is below (access.implicitAdmins: false)".to_owned(),
    };
    Some(format!("{given} does not give {verb} there, because {because}"))
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

/// The names of the roles that allow something in a place, given there or above it. Nobody is given a role in a local workspace.
#[must_use]
pub fn roles_with<'w>(world: &'w World<'_>, verb: Verb, place: &Key) -> Vec<&'w str> {
    let workspace = (place.kind == Kind::Workspace).then(|| world.workspace(&place.name)).flatten();
    if workspace.is_some_and(|workspace| workspace.scope == Some(Scope::Local)) {
        return Vec::new();
    }
    let level = level_of(place.kind);
    let below = reaches(world.reach_from_above(place), verb);
    let (project, open) = (workspace.and_then(World::project_of), workspace.and_then(World::open_project));
    // Where no role is for the level, whoever is added has the role of the organization there.
    let is_assigned = !world.roles.values().any(|role| role.levels.contains(&level));
    let counts = |role: &MembershipRole| {
        let at = |level: Level| role.levels.contains(&level);
        at(level)
            || at(Level::Organization) && (is_assigned || below && role.is_admin())
            || at(Level::Project) && (open.is_some() || project.is_some() && below && role.is_admin())
    };
    let fit = world.roles.iter().filter(|(_, role)| role.permissions.contains(&verb) && counts(role));
    fit.map(|(name, _)| &**name).collect()
}
