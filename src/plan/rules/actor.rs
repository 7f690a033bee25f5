use std::collections::BTreeSet;

use crate::api::membership_type::Level;
use crate::api::policy::Creators;
use crate::api::workspace::Scope;
use crate::api::{CredentialSpec, Kind, Verb as Permission, credential::CredentialType};
use crate::plan::{Case, Cause, Change, Verb, Violation};
use crate::tenancy::reference::owners;
use crate::tenancy::view::{MemberView, View, WorkspaceView};
use crate::tenancy::{Item, Key, Row, Standing, World, access, may_or_might, members_with_email};

/// Whoever asks for a plan. The rights are those of the observed state: nobody grants himself the right that he needs.
struct Asker<'c> {
    world: &'c World<'c>,
    email: &'c str,
    /// The active members with the address.
    members: Vec<&'c str>,
}

impl<'c> Asker<'c> {
    /// `None` for the organization's automation, and for whoever creates an organization: nobody has rights in it yet. A deleted
    /// one is not new.
    fn of(case: &'c Case<'_>) -> Option<Self> {
        let (world, email) = (case.before, case.context.asker.as_deref()?);
        case.snapshot.rows.iter().find(|row| row.key.kind == Kind::Organization)?;
        let active = |name: &&str| world.member(name).is_some_and(|(item, view)| world.standing(item, view) == Standing::Active);
        let members = members_with_email(world, email).map(|name| name.as_str()).filter(active).collect();
        Some(Self { world, email, members })
    }

    fn may(&self, verb: Permission, place: &Key) -> bool {
        self.members.iter().any(|member| access(self.world, member, place).contains_key(&verb))
    }

    /// Whether a role in the organization or in a workspace gives it anywhere. What a project gives counts in the project.
    fn may_outside_projects(&self, verb: Permission) -> bool {
        let places = [Kind::Organization, Kind::Workspace].into_iter().flat_map(|kind| self.world.of_kind(kind));
        let grants = |place: &Key| {
            let of = |member: &&str| access(self.world, member, place).remove(&verb).unwrap_or_default();
            self.members.iter().flat_map(of).any(|grant| grant.place.kind != Kind::Project)
        };
        places.map(|item| &item.row.key).any(grants)
    }

    /// Whether the asker has any access to a place: others are not named.
    fn sees(&self, place: &Key) -> bool {
        place.kind == Kind::Organization || self.members.iter().any(|member| !access(self.world, member, place).is_empty())
    }

    fn is(&self, member: &str) -> bool {
        self.members.contains(&member)
    }
}

pub(super) fn workspace_creation(case: &Case<'_>) -> Vec<Violation> {
    let Some(asker) = Asker::of(case) else { return Vec::new() };
    let new = written(case).filter(|(_, change)| change.key.kind == Kind::Workspace && change.verb == Verb::Create);
    let refused = new.filter_map(|(change, it)| {
        let because = may_not_create(case, &asker, it.after.as_deref()?)?;
        Some(Violation { change, because, way_out: "ask somebody who may create it to apply this".to_owned() })
    });
    refused.collect()
}

/// Why somebody may not create a workspace; `None` where nothing is against it.
fn may_not_create(case: &Case<'_>, asker: &Asker<'_>, row: &Row) -> Option<String> {
    let View::Workspace(workspace) = View::read(Kind::Workspace, &row.spec) else { return None };
    let (creation, email) = (case.before.policy.creation, asker.email);
    if asker.members.is_empty() {
        return Some(format!("{email} is no active member of the organization"));
    }
    let opens_first = |name: &&str| {
        let named = case.before.member(name).and_then(|(_, view)| view.default_workspace.as_deref());
        named.is_some_and(|workspace| !access(case.before, name, &Key::new(Kind::Workspace, workspace)).is_empty())
    };
    if creation.require_default_workspace && !asker.members.iter().any(opens_first) {
        return Some(format!("{email} has no default workspace yet"));
    }
    if creators(case, &workspace) == Creators::AnyMember {
        return None;
    }
    let project = World::project_of(&workspace);
    let allowed = match &project {
        Some(project) => asker.may(Permission::WorkspaceCreate, case.former(project)),
        None => asker.may_outside_projects(Permission::WorkspaceCreate),
    };
    let place = project.map_or_else(|| "the organization".to_owned(), |project| project.to_string());
    (!allowed).then(|| format!("{email} does not hold {} in {place}", Permission::WorkspaceCreate))
}

/// Who may create a workspace like this.
fn creators(case: &Case<'_>, workspace: &WorkspaceView) -> Creators {
    let creation = case.before.policy.creation;
    if workspace.scope == Some(Scope::Private) { creation.private_by } else { creation.by }
}

pub(super) fn not_permitted(case: &Case<'_>) -> Vec<Violation> {
    let Some(asker) = Asker::of(case) else { return Vec::new() };
    let others = written(case).filter(|(_, change)| change.key.kind != Kind::Workspace || change.verb != Verb::Create);
    let refused = others.filter_map(|(number, change)| {
        let email = asker.email;
        if asker.members.is_empty() {
            let because = format!("{email} is no active member of the organization");
            return Some(Violation { change: number, because, way_out: "ask somebody who is to apply this".to_owned() });
        }
        if is_somebody_else(change) {
            let because =
                "another address is another person, and the one that was deleted under this name had another".to_owned();
            return Some(Violation { change: number, because, way_out: "give the new person another name".to_owned() });
        }
        let because = match missing(case, &asker, change)? {
            // Where somebody is may be nothing that the asker knows of.
            (verb, place) if change.key.kind != Kind::Member || asker.sees(&place) => {
                format!("{email} does not hold {verb} in {place}")
            }
            (verb, _) => format!("{email} does not hold {verb} in every place that this is about"),
        };
        Some(Violation { change: number, because, way_out: "ask somebody who holds it to apply this".to_owned() })
    });
    refused.collect()
}

/// True where a deleted person would come back with the address of somebody else, who would get what that person had.
fn is_somebody_else(change: &Change) -> bool {
    let address = |row: &Option<Box<Row>>| match View::read(Kind::Member, &row.as_ref()?.spec) {
        View::Member(member) => Some(member.email.to_ascii_lowercase()),
        _ => None,
    };
    change.key.kind == Kind::Member && change.verb == Verb::Restore && address(&change.before) != address(&change.after)
}

/// The changes that somebody asked for: neither what a policy implies, nor what time does. What falls back to what is implied,
/// because its document or entry was taken away, was asked for too. What only goes with a removal or follows a rename is judged
/// with that; whatever git says beside it is judged by itself.
fn written<'c>(case: &'c Case<'_>) -> impl Iterator<Item = (usize, &'c Change)> {
    let ours = |change: &Change| change.before.as_ref().is_some_and(|row| row.manager.as_ref() == Some(&case.context.manager));
    let asked = move |change: &Change| match change.cause {
        Cause::Git | Cause::Drift => true,
        Cause::Implied(_) => change.verb == Verb::Update && ours(change),
        Cause::Time => false,
    };
    case.changes().filter(move |(_, change)| asked(change) && !goes_along(case, change))
}

/// True for a part of a removal that is judged itself, and for what follows a rename without a change of its own.
fn goes_along(case: &Case<'_>, change: &Change) -> bool {
    let Some(root) = &change.root else { return false };
    let is_asked = |(_, root): (usize, &Change)| matches!(root.cause, Cause::Git | Cause::Drift) && !root.is_live();
    match change.verb {
        Verb::SoftDelete | Verb::Purge | Verb::Release => case.change_of(root).is_some_and(is_asked),
        Verb::Create | Verb::Restore | Verb::Adopt => false,
        Verb::Update | Verb::Rename => change.fields.is_empty(),
    }
}

/// The permission that the asker lacks for a change, and where.
fn missing(case: &Case<'_>, asker: &Asker<'_>, change: &Change) -> Option<(Permission, Key)> {
    let organization = Key::new(Kind::Organization, case.tenancy.organization.clone());
    let mut needs = match change.key.kind {
        Kind::Organization | Kind::Project | Kind::MembershipType | Kind::AccessTest => {
            vec![(Permission::OrganizationWrite, organization.clone())]
        }
        Kind::Workspace => workspace_needs(case, asker, change),
        Kind::Template | Kind::Role => {
            let verb = if change.is_removal() { Permission::TemplatesDelete } else { Permission::TemplatesWrite };
            workspace_of(case, change).map(|place| (verb, place)).into_iter().collect()
        }
        Kind::Credential => workspace_of(case, change).map(|place| (credential_verb(change), place)).into_iter().collect(),
        Kind::Membership => {
            let place = change.key.member_and_place().map(|(_, place)| place);
            let leaves = change.is_removal() && old_key(change).member_and_place().is_some_and(|(member, _)| asker.is(member));
            place.filter(|_| !leaves).map(|place| (Permission::MembersWrite, case.former(&place).clone())).into_iter().collect()
        }
        Kind::Member if old_key(change) == change.key => return missing_for_member(case, asker, change, organization),
        Kind::Member => missing_for_member(case, asker, change, organization.clone()).into_iter().collect(),
    };
    // Names are what all rights are looked up by, so moving them around is for the admins of the whole.
    if old_key(change) != change.key {
        needs.push((Permission::MembersWrite, organization));
    }
    // What is part of something new comes with the right to create it.
    let known = |place: &Key| case.before.get(place).is_some() || case.snapshot.row(place).is_some();
    needs
        .into_iter()
        .find(|(verb, place)| known(place) && !may_or_might(asker.world, case.snapshot, &asker.members, *verb, place))
}

/// Whoever owns a workspace is an admin of it, and the project decides who reaches it, so another one of either is a matter of its admins; a
/// workspace that comes into a project is as good as created there; and a local workspace is its owner's own business.
fn workspace_needs(case: &Case<'_>, asker: &Asker<'_>, change: &Change) -> Vec<(Permission, Key)> {
    let view = |row: &Row| match View::read(Kind::Workspace, &row.spec) {
        View::Workspace(view) => Some(view),
        _ => None,
    };
    let [before, after] = [&change.before, &change.after].map(|row| row.as_deref().and_then(view));
    let mut needs = Vec::new();
    if let (Some(before), Some(after)) = (&before, &after) {
        let heir = |kind: Kind, name: &str| {
            let key = Key::new(kind, name);
            case.change_from(&key).map_or(key, |(_, change)| change.key.clone())
        };
        let owners = [
            before.owner.as_deref().map(|it| heir(Kind::Member, it)),
            after.owner.as_deref().map(|it| Key::new(Kind::Member, it)),
        ];
        if owners[0] != owners[1] {
            needs.push((Permission::MembersWrite, old_key(change)));
        }
        let projects = [World::project_of(before).map(|it| heir(Kind::Project, &it.name)), World::project_of(after)];
        let restricted = creators(case, after) == Creators::Permitted;
        if projects[0] != projects[1] {
            needs.push((Permission::MembersWrite, old_key(change)));
            let into = projects[1].clone().filter(|_| restricted);
            needs.extend(into.map(|project| (Permission::WorkspaceCreate, case.former(&project).clone())));
        }
        let own = before.scope == Some(Scope::Local) && before.owner.as_deref().is_some_and(|owner| asker.is(owner));
        if change.is_live() && own {
            return needs;
        }
    }
    needs.extend(workspace_verbs(change).into_iter().map(|verb| (verb, old_key(change))));
    needs
}

/// People are managed by the admins of the organization; who is only in projects and workspaces, by the admins of these; and
/// everybody may leave, and say how he wants to be called.
fn missing_for_member(case: &Case<'_>, asker: &Asker<'_>, change: &Change, organization: Key) -> Option<(Permission, Key)> {
    const OWN: [&str; 2] = ["defaultWorkspace", "displayName"];
    let verb = Permission::MembersWrite;
    let former = old_key(change);
    let before_in: BTreeSet<Key> = case.before.memberships(&former.name).map(|(_, place, _)| place).collect();
    let owned_by = |item: &&Item<'_>| matches!(&*item.view, View::Workspace(workspace) if workspace.owner.as_deref() == Some(former.name.as_str()));
    let lacking = |places: &mut dyn Iterator<Item = &Key>| {
        places.filter(|place| case.before.get(place).is_some()).find(|place| !asker.may(verb, place)).cloned()
    };
    let own = asker.is(&former.name);
    let personal = || change.verb == Verb::Update && change.fields.iter().all(|field| OWN.contains(&&*field.path));
    if own && (change.is_removal() || personal()) {
        return None;
    }
    let view = |row: &Row| match View::read(Kind::Member, &row.spec) {
        View::Member(view) => Some(view),
        _ => None,
    };
    let sides = [change.before.as_deref().filter(|row| row.is_live()), change.after.as_deref().filter(|row| row.is_live())];
    let [before, after] = sides.map(|row| row.and_then(view));
    // Another address is another person, who gets in wherever the first one was.
    let address = |view: &Option<MemberView>| view.as_ref().map(|view| view.email.to_ascii_lowercase());
    let is_swapped = before.is_some() && after.is_some() && address(&before) != address(&after);
    if is_swapped {
        let owned = case.before.of_kind(Kind::Workspace).iter().filter(owned_by).map(|item| &item.row.key);
        if let Some(place) = lacking(&mut before_in.iter().chain(owned)) {
            return Some((verb, place));
        }
    }
    if asker.may(verb, &organization) {
        return None;
    }
    let (had, has) = (central(case.before, before.as_ref()), central(&case.after, after.as_ref()));
    if had != has || is_swapped && had != central(case.before, None) {
        return Some((verb, organization));
    }
    if let Some(place) = first_workspace(case, change) {
        return Some((verb, place)).filter(|(verb, place)| !asker.may(*verb, place));
    }
    let new_in = || case.after.memberships(&change.key.name).map(|(_, place, _)| case.former(&place).clone()).collect();
    let places = if before.is_some() { before_in } else { new_in() };
    if places.is_empty() {
        return Some((verb, organization));
    }
    // What somebody has alone is a matter of the organization.
    lacking(&mut places.iter()).map(|place| (verb, if is_local(case.before, &place) { organization } else { place }))
}

/// What is local is its owner's alone, and comes and goes with the owner.
fn is_local(world: &World<'_>, place: &Key) -> bool {
    place.kind == Kind::Workspace && world.workspace(&place.name).is_some_and(|it| it.scope == Some(Scope::Local))
}

/// Where nothing changes about a person but which workspace opens first: the one that did, or else the one that will.
fn first_workspace(case: &Case<'_>, change: &Change) -> Option<Key> {
    let field = match (change.verb, change.fields.as_slice()) {
        (Verb::Update, [field]) if &*field.path == "defaultWorkspace" => field,
        _ => return None,
    };
    let workspace = |value: &Option<serde_json::Value>| Some(Key::new(Kind::Workspace, value.as_ref()?.as_str()?));
    [&field.from, &field.to].into_iter().filter_map(workspace).find(|place| case.before.get(place).is_some())
}

/// What only the admins of the organization decide about a person: the roles in it, those that the policy gives included. Who is in
/// no organization-wide role, and is not disabled, is the same to them whether there or not.
fn central(world: &World<'_>, member: Option<&MemberView>) -> (Vec<String>, bool) {
    let roles = member.into_iter().flat_map(|view| world.roles_of(Level::Organization, &view.roles));
    (roles.map(|(name, _)| name.to_owned()).collect(), member.is_some_and(|view| view.disabled))
}

fn workspace_verbs(change: &Change) -> BTreeSet<Permission> {
    let whole = match change.verb {
        Verb::SoftDelete | Verb::Purge => Some(Permission::WorkspaceDelete),
        Verb::Restore => Some(Permission::WorkspaceRestore),
        Verb::Update => None,
        _ => Some(Permission::WorkspaceUpdate),
    };
    let fields = change.fields.iter().filter(|_| !change.is_removal());
    whole.into_iter().chain(fields.filter_map(|field| field_verb(&field.path))).collect()
}

/// 100ms counts webhooks to the developer configuration. Who owns a workspace and which project it is in is judged apart.
fn field_verb(path: &str) -> Option<Permission> {
    match path.split('.').next() {
        Some("owner" | "projectRef") => None,
        Some("scope") => Some(Permission::MembersWrite),
        Some("webhook" | "backendSecretRef") => Some(Permission::DeveloperWrite),
        _ => Some(Permission::WorkspaceUpdate),
    }
}

fn credential_verb(change: &Change) -> Permission {
    let spec = change.after.as_ref().or(change.before.as_ref()).map(|row| serde_json::from_str::<CredentialSpec>(&row.spec));
    match (spec.and_then(Result::ok).map(|spec| spec.type_), change.is_removal()) {
        (Some(CredentialType::SigningKey), false) => Permission::SigningKeysCreate,
        (Some(CredentialType::SigningKey), true) => Permission::SigningKeysDelete,
        (Some(CredentialType::AccessToken), false) => Permission::AccessTokensCreate,
        (Some(CredentialType::AccessToken), true) => Permission::AccessTokensRevoke,
        (Some(CredentialType::ApiKey), _) => Permission::ApiKeyRotate,
        _ => Permission::DeveloperWrite,
    }
}

fn old_key(change: &Change) -> Key {
    change.before.as_ref().map_or_else(|| change.key.clone(), |row| row.key.clone())
}

/// The workspace that a template, credential or roles.muster.dev is in, as it is called before.
fn workspace_of(case: &Case<'_>, change: &Change) -> Option<Key> {
    let first_owner = |row: &Row| owners(&row.key, &row.spec).into_iter().next();
    let of_row = |world: &World<'_>, row: &Row| {
        let owner = first_owner(row)?;
        if owner.kind == Kind::Workspace { Some(owner) } else { first_owner(world.get(&owner)?.row) }
    };
    match (&change.before, &change.after) {
        (Some(before), _) if before.is_live() => of_row(case.before, before),
        (_, Some(after)) => of_row(&case.after, after).map(|owner| case.former(&owner).clone()),
        (Some(before), None) => of_row(case.before, before),
        (None, None) => None,
    }
}
