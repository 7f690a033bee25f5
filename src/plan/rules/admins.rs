use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::api::Kind;
use crate::api::membership_type::Level;
use crate::api::policy::AdminLoss;
use crate::plan::{Case, Change, Verb, Violation};
use crate::tenancy::role::MembershipRole;
use crate::tenancy::view::{MembershipView, RolesView, View};
use crate::tenancy::{Admins, AdminsByPlace, Key, Name, Row, World, level_of, standing};

pub(super) fn last_admin(case: &Case<'_>) -> Vec<Violation> {
    let min = usize::try_from(case.guard.min_admins).unwrap_or(0);
    let (before, after) = (case.admins_before(), case.admins_after());
    let renames = case.renames();
    let renamed =
        |name: &Name| renames.get(&Key::new(Kind::Member, name.clone())).map_or_else(|| name.clone(), |key| key.name.clone());
    let (from_above, unmoved) = (OnceCell::new(), OnceCell::new());
    let mut losses = BTreeMap::new();
    let mut violations = BTreeMap::new();
    for place in before.places() {
        let now = renames.get(place).copied().unwrap_or(place);
        if after.lasting_from_organization(now) >= min || !can_have(case, place.kind) {
            continue;
        }
        let (Some(had_from), Some(has_from)) = (before.reached_from(place), after.reached_from(now)) else { continue };
        // Places that have their admins from the same places lose the same ones: most have them from the organization.
        let loss = losses.entry((had_from, has_from)).or_insert_with(|| {
            let (had, has) = (before.get(place).unwrap_or_default(), after.get(now).unwrap_or_default());
            let lost = lost(&had, &has, min, &renamed);
            let last = Last { place, lost: &lost, invited: had.lasting.is_empty(), min };
            let mut from_afar = false;
            for member in &lost {
                let own = blamed(case, place, member);
                from_afar |= own.is_empty() || {
                    let unmoved = unmoved.get_or_init(|| if_people_stayed(case, AdminsByPlace::of));
                    let admins = unmoved.get(now).unwrap_or_default();
                    let kept = if had.lasting.is_empty() { admins.pending } else { admins.lasting };
                    !kept.contains(&renamed(member))
                };
                for (number, change) in own.into_iter().filter(|(_, change)| is_guarded(case, change)) {
                    violations.entry(number).or_insert_with(|| last.refuse(number, change));
                }
            }
            (lost, had.lasting.is_empty(), from_afar)
        });
        let (lost, invited, true) = &*loss else { continue };
        let last = Last { place, lost, invited: *invited, min };
        let above: &Vec<_> = from_above.get_or_init(|| from_afar(case, MembershipRole::is_admin));
        for (number, change) in shut_off(case, place, &renames).into_iter().chain(above.iter().copied()) {
            if is_guarded(case, change) {
                violations.entry(number).or_insert_with(|| last.refuse(number, change));
            }
        }
    }
    violations.into_values().collect()
}

/// Reads the state that would result if the plan changed everything but people and what they are given. Who is no admin there is lost by
/// the rest of the plan as well.
fn if_people_stayed<T>(case: &Case<'_>, read: impl FnOnce(&World<'_>) -> T) -> T {
    let changes = || case.changes().map(|(_, change)| change).filter(|it| matches!(it.key.kind, Kind::Member | Kind::Membership));
    let as_before = |change: &Change| Some(Row { key: change.key.clone(), ..(**change.before.as_ref()?).clone() });
    let people: Vec<Row> = changes().filter_map(as_before).collect();
    let mut replaced: BTreeMap<&Key, Option<&Row>> = changes().map(|change| (&change.key, None)).collect();
    replaced.extend(people.iter().map(|row| (&row.key, Some(row))));
    read(&case.after.with(&replaced))
}

/// Whether the policy protects admins from being lost by such a change.
fn is_guarded(case: &Case<'_>, change: &Change) -> bool {
    case.guard.admins_protected_from.contains(&loss_by(change))
}

/// The admins whose loss a place cannot bear. Where nobody is active, the invited ones count.
fn lost(before: &Admins, after: &Admins, min: usize, renamed: &dyn Fn(&Name) -> Name) -> Vec<Name> {
    let (before, after) = match (before.lasting.is_empty(), after.lasting.is_empty()) {
        (true, true) => (&before.pending, &after.pending),
        (true, false) => return Vec::new(),
        (false, _) => (&before.lasting, &after.lasting),
    };
    let lost: Vec<Name> = before.iter().filter(|name| !after.contains(&renamed(name))).cloned().collect();
    if after.len() < min && after.len() < before.len() { lost } else { Vec::new() }
}

/// The changes of a member, and of the memberships it came from, that cost the member the administration of a place.
fn blamed<'c>(case: &'c Case<'_>, place: &Key, member: &str) -> Vec<(usize, &'c Change)> {
    let mut own = vec![Key::new(Kind::Member, member), Key::membership(member, place)];
    own.extend(project_of(case.before, place).map(|project| Key::membership(member, &project)));
    let direct = own.iter().filter_map(|key| case.change_from(key));
    direct.filter(|(_, change)| costs(case, place, change, MembershipRole::is_admin)).collect()
}

/// Whether a role makes its holder what must not be lost: an admin, or an owner.
type Makes = fn(&MembershipRole) -> bool;

/// Whether a change of a member, or of one of the memberships, takes what a role makes of its holder in a place. What the holder had is
/// judged by the roles as they are before; a role that comes with the plan may make the same of its holder.
fn costs(case: &Case<'_>, place: &Key, change: &Change, makes: Makes) -> bool {
    let world = case.before;
    let Some(before) = &change.before else { return false };
    let after = change.after.as_ref().filter(|row| row.is_live());
    let given = before.key.member_and_place().map_or(Level::Organization, |(_, place)| level_of(place.kind));
    let made = |world: &World<'_>, roles: &RolesView| world.roles_of(given, roles).any(|(_, role)| makes(role));
    let had = |roles: &RolesView| made(world, roles);
    let has = |roles: &RolesView| made(world, roles) || made(&case.after, roles);
    let lasted = |membership: &MembershipView| membership.expires_at.is_none() && had(&membership.roles);
    let lasts = |membership: &MembershipView| membership.expires_at.is_none() && has(&membership.roles);
    match (View::read(before.key.kind, &before.spec), after.map(|after| (after, View::read(after.key.kind, &after.spec)))) {
        (View::Membership(old), Some((_, View::Membership(new)))) => lasted(&old) && !lasts(&new),
        (View::Membership(old), None) => lasted(&old) || old.roles.is_empty() && old.expires_at.is_none(),
        (View::Member(old), Some((after, View::Member(new)))) => {
            let stands = |row, member| standing(row, member, &world.policy, world.now);
            let reaches = place.kind == Kind::Organization || world.policy.implicit_admins;
            stands(before, &old) != stands(after, &new) || reaches && had(&old.roles) && !has(&new.roles)
        }
        _ => true,
    }
}

/// The change of a place by which it loses those who reached it from above: it moves to another project, or its scope shuts them out.
fn shut_off<'c>(case: &'c Case<'_>, place: &Key, renames: &BTreeMap<&Key, &Key>) -> Option<(usize, &'c Change)> {
    let (number, change) = case.change_from(place).filter(|(_, change)| change.key.kind == Kind::Workspace)?;
    let (was, is) = (case.before.workspace(&place.name)?, case.after.workspace(&change.key.name)?);
    let project = World::project_of(was);
    let same = project.as_ref().map(|project| renames.get(project).copied().unwrap_or(project)).cloned();
    (same != World::project_of(is) || was.scope != is.scope).then_some((number, change))
}

/// The changes by which places lose admins though nothing of theirs changes: a membership type loses the permission, or the
/// policy reaches less far.
fn from_afar<'c>(case: &'c Case<'_>, makes: Makes) -> Vec<(usize, &'c Change)> {
    let policy = |world: &World<'_>| {
        let policy = &world.policy;
        (policy.implicit_admins, policy.private_workspaces, policy.catalog, policy.default_role.clone(), policy.invitations.mode)
    };
    let lost = |name: &str| {
        let has = |world: &World<'_>| world.roles.get(name).is_some_and(makes);
        has(case.before) && !has(&case.after)
    };
    let types = case.before.of_kind(Kind::MembershipType).iter().filter(|item| match &*item.view {
        View::MembershipType(view) => lost(view.name.as_deref().unwrap_or(&item.row.key.name)),
        _ => false,
    });
    let organization = Key::new(Kind::Organization, case.tenancy.organization.clone());
    let reaches_less = policy(case.before) != policy(&case.after);
    let types = types.filter_map(|item| case.change_from(&item.row.key));
    let organization = case.change_from(&organization).filter(|_| reaches_less);
    types.chain(organization).collect()
}

/// The project from which a workspace is reached.
fn project_of(world: &World<'_>, place: &Key) -> Option<Key> {
    let workspace = (place.kind == Kind::Workspace).then(|| world.workspace(&place.name)).flatten()?;
    World::project_of(workspace)
}

/// How a change makes somebody stop being a lasting admin.
fn loss_by(change: &Change) -> AdminLoss {
    let (Some(before), Some(after)) = (&change.before, change.after.as_ref().filter(|row| row.is_live())) else {
        return AdminLoss::Remove;
    };
    match (View::read(before.key.kind, &before.spec), View::read(after.key.kind, &after.spec)) {
        (View::Member(old), View::Member(new)) if !old.email.eq_ignore_ascii_case(&new.email) => AdminLoss::Remove,
        (View::Member(old), View::Member(new)) if new.disabled && !old.disabled => AdminLoss::Disable,
        (View::Membership(old), View::Membership(new)) if new.expires_at.is_some() && old.expires_at.is_none() => {
            AdminLoss::Expire
        }
        _ => AdminLoss::Demote,
    }
}

/// Admins whom a place cannot do without.
struct Last<'a> {
    place: &'a Key,
    lost: &'a [Name],
    invited: bool,
    min: usize,
}

impl Last<'_> {
    fn refuse(&self, change: usize, blamed: &Change) -> Violation {
        let Self { place, lost, invited, min } = self;
        let by = match loss_by(blamed) {
            _ if !matches!(blamed.key.kind, Kind::Member | Kind::Membership) => "cease to be one",
            AdminLoss::Remove => "be removed",
            AdminLoss::Demote => "lose the role",
            AdminLoss::Disable => "be disabled",
            AdminLoss::Expire => "be limited in time",
        };
        let kind = if *invited { "invited" } else { "lasting" };
        let because = match (lost, min) {
            ([member], 1) => format!("member/{member} is the last {kind} admin of {place} and cannot {by}"),
            ([member], _) => format!("{place} keeps at least {min} {kind} admins, so member/{member} cannot {by}"),
            (_, 1) => format!("{} are the last {kind} admins of {place} and cannot cease to be so together", names(lost)),
            (_, _) => format!("{place} keeps at least {min} {kind} admins, so {} cannot cease to be so together", names(lost)),
        };
        let way_out = format!("make another active member admin of {place}; both may be in the same commit");
        Violation { change, because, way_out }
    }
}

/// The most members that a reason names.
const NAMED: usize = 3;

/// `member/alice and member/bob`, or `member/alice, member/bob, member/carol and 4 others`.
fn names(members: &[Name]) -> String {
    let named = |members: &[Name]| members.iter().map(|name| format!("member/{name}")).collect::<Vec<_>>().join(", ");
    match members {
        [first, last] => format!("member/{first} and member/{last}"),
        _ if members.len() > NAMED => format!("{} and {} others", named(&members[..NAMED]), members.len() - NAMED),
        _ => named(members),
    }
}

pub(super) fn last_owner(case: &Case<'_>) -> Vec<Violation> {
    let kept = || case.after.owners().next().is_some();
    if !case.guard.last_owner || case.before.owners().next().is_none() || kept() {
        return Vec::new();
    }
    let organization = Key::new(Kind::Organization, case.tenancy.organization.clone());
    let still = if_people_stayed(case, |world| world.owners().map(|item| item.row.key.clone()).collect::<BTreeSet<Key>>());
    let renames = case.renames();
    let mut blamed: BTreeMap<usize, &Name> = BTreeMap::new();
    for owner in case.before.owners().map(|item| &item.row.key) {
        let own = case.change_from(owner).filter(|(_, change)| costs(case, &organization, change, MembershipRole::is_owner));
        let is_lost_from_afar = own.is_none() || !still.contains(renames.get(owner).copied().unwrap_or(owner));
        let afar = if is_lost_from_afar { from_afar(case, MembershipRole::is_owner) } else { Vec::new() };
        blamed.extend(own.into_iter().chain(afar).map(|(number, _)| (number, &owner.name)));
    }
    let refuse = |(change, owner): (usize, &Name)| Violation {
        change,
        because: format!("member/{owner} is the last owner of the organization (organization:write)"),
        way_out: "make another active member an owner; both may be in the same commit".to_owned(),
    };
    let guarded =
        |(number, _): &(usize, &Name)| case.guard.admins_protected_from.contains(&loss_by(&case.draft.changes[*number]));
    blamed.into_iter().filter(guarded).map(refuse).collect()
}

/// Whether any role makes somebody an admin of places of this kind: AAQ has none for the organization and its projects, so nobody
/// is missing there.
fn can_have(case: &Case<'_>, kind: Kind) -> bool {
    case.after.roles.values().any(|role| role.is_admin() && role.levels.contains(&level_of(kind)))
}

pub(super) fn admin_missing(case: &Case<'_>) -> Vec<Violation> {
    if case.guard.min_admins == 0 {
        return Vec::new();
    }
    let is_place = |kind| matches!(kind, Kind::Organization | Kind::Project | Kind::Workspace) && can_have(case, kind);
    let new =
        case.changes().filter(|(_, change)| is_place(change.key.kind) && matches!(change.verb, Verb::Create | Verb::Restore));
    let without = new.filter(|(_, change)| {
        let admins = case.admins_after().get(&change.key);
        admins.is_some_and(|admins| admins.lasting.is_empty() && admins.pending.is_empty())
    });
    let hold = |change| Violation { change, because: "nobody is a lasting admin of it yet".to_owned(), way_out: String::new() };
    without.map(|(number, _)| hold(number)).collect()
}
