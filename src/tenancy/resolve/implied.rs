use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::local::personal_workspace;
use crate::api::policy::{DefaultWorkspace, FirstWorkspace, PersonalWorkspaces};
use crate::api::workspace::Scope;
use crate::api::{Kind, Spec};
use crate::tenancy::desired::previous_names_of;
use crate::tenancy::role::owner_role;
use crate::tenancy::view::View;
use crate::tenancy::{Desired, Digest, Key, Manifest, Name, Policy, Row, Snapshot, Tenancy};

/// The rule that implies the default workspaces of an organization.
pub const DEFAULT_WORKSPACES: &str = "default-workspaces";

/// The rule that implies the workspaces that members have for themselves.
pub const PERSONAL_WORKSPACES: &str = "personal-workspaces";

/// What a policy implies beside what is written depends on these.
pub struct Implications<'a> {
    /// With its objects sorted.
    pub tenancy: &'a Tenancy,
    pub manifests: &'a [&'a Manifest],
    pub policy: &'a Policy,
    pub snapshot: Option<&'a Snapshot>,
}

impl Implications<'_> {
    /// Default workspaces, those that members have for themselves, and the memberships of owners. What is held implies nothing
    /// new, and a document takes over what would be implied.
    pub fn all(&self) -> Vec<Desired> {
        let renamed = renamed(self.manifests.iter().copied());
        let is_renamed = |key: &Key| key.kind == Kind::Workspace && renamed.contains(key.name.as_str());
        let place = |key: &Key| key.member_and_place().map_or_else(|| key.clone(), |(_, place)| place);
        let implied = self.default_workspaces().into_iter().chain(self.personal_workspaces());
        let implied = implied.filter(|desired| renamed.is_empty() || !is_renamed(&place(&desired.key))).chain(self.ownerships());
        implied.filter(|desired| !self.tenancy.mentions(&desired.key)).collect()
    }

    fn default_workspaces(&self) -> Vec<Desired> {
        let organization = self.manifests.iter().any(|manifest| manifest.spec.kind() == Kind::Organization);
        let meant = |it: &&DefaultWorkspace| is_meant(it, self.manifests.iter().copied(), self.snapshot);
        self.policy.default_workspaces.iter().filter(|_| organization).filter(meant).map(default_workspace).collect()
    }

    /// A document that takes one over says itself who owns it.
    fn personal_workspaces(&self) -> Vec<Desired> {
        if self.policy.personal_workspaces == PersonalWorkspaces::None {
            return Vec::new();
        }
        let members = self.tenancy.objects.iter().filter(|desired| desired.key.kind == Kind::Member);
        let own = members.filter_map(|member| Some((member, personal_workspace(&member.key.name)?)));
        let written = self.manifests.iter().filter(|manifest| manifest.spec.kind() == Kind::Workspace);
        let written: BTreeSet<&str> = written.map(|manifest| manifest.name.as_str()).collect();
        let is_written = |name: &Name| written.contains(name.as_str());
        let own = own.filter(|(_, name)| !is_written(name));
        own.flat_map(|(member, name)| {
            let (owner, key) = (&member.key.name, Key::new(Kind::Workspace, name));
            let spec = json!({ "owner": owner, "scope": Scope::Local.as_str() }).to_string();
            let membership = self.ownership(&key, owner, PERSONAL_WORKSPACES);
            let mut workspace = Desired { implied_by: Some(PERSONAL_WORKSPACES), ..Desired::new(key, spec, None) };
            // It follows its member, unless a document still has the old name.
            let former = member.previous_names.iter().filter(|name| self.is_renamed_from(owner, name));
            let former = former.filter_map(|name| personal_workspace(name));
            workspace.previous_names = former.filter(|name| !is_written(name)).collect();
            [workspace, membership]
        })
        .collect()
    }

    /// True where a member takes the name over from a live one, who has a local workspace by that name.
    fn is_renamed_from(&self, member: &str, former: &str) -> bool {
        let live = |key: &Key| self.snapshot.and_then(|snapshot| snapshot.row(key)).filter(|row| row.is_live());
        let own = |row: &Row| match View::read(Kind::Workspace, &row.spec) {
            View::Workspace(view) => view.scope == Some(Scope::Local) && view.owner.as_deref() == Some(former),
            _ => false,
        };
        let workspace = personal_workspace(former).and_then(|name| live(&Key::new(Kind::Workspace, name)));
        live(&Key::new(Kind::Member, member)).is_none()
            && live(&Key::new(Kind::Member, former)).is_some()
            && workspace.is_some_and(own)
    }

    /// The memberships of those who own a workspace.
    fn ownerships(&self) -> Vec<Desired> {
        let owned = self.manifests.iter().filter_map(|manifest| match &*manifest.spec {
            Spec::Workspace(spec) => {
                let key = Key::new(Kind::Workspace, manifest.name.clone());
                let owner = spec.owner.as_ref().map(|owner| Name::from(owner.as_str()));
                let owner = owner.or_else(|| self.tenancy.owners.get(&key).cloned())?;
                Some((key, owner))
            }
            _ => None,
        });
        let free = owned.filter(|(workspace, _)| !self.tenancy.holds(workspace));
        free.map(|(workspace, owner)| self.ownership(&workspace, &owner, "owner")).collect()
    }

    fn ownership(&self, workspace: &Key, owner: &str, rule: &'static str) -> Desired {
        Desired::implied_membership(owner, workspace, owner_role(self.policy.catalog), rule)
    }
}

/// The names that documents have given up for workspaces, so that nothing of these names is implied any more.
pub fn renamed<'m>(manifests: impl Iterator<Item = &'m Manifest>) -> BTreeSet<&'m str> {
    let workspaces = manifests.filter(|manifest| manifest.spec.kind() == Kind::Workspace);
    let names = workspaces.filter_map(|manifest| previous_names_of(&manifest.spec)).flat_map(|names| names.iter());
    names.map(|name| name.as_str()).collect()
}

/// The workspace that documents say is the first of the account.
fn first_of_account<'m>(mut manifests: impl Iterator<Item = &'m Manifest>) -> Option<&'m Name> {
    let is_first = |manifest: &&Manifest| matches!(&*manifest.spec, Spec::Workspace(spec) if spec.default == Some(true));
    manifests.find(is_first).map(|manifest| &manifest.name)
}

/// A default workspace is not implied once it has another name. One that is the first of the account is not implied where another
/// one is the first: because a document says so, or because it is stored and no document says otherwise.
pub fn is_meant<'m>(
    workspace: &DefaultWorkspace,
    manifests: impl Iterator<Item = &'m Manifest> + Clone,
    snapshot: Option<&Snapshot>,
) -> bool {
    let key = Key::new(Kind::Workspace, workspace.name.as_str());
    let is_first = workspace.default == Some(true);
    if is_first && first_of_account(manifests.clone()).is_some_and(|first| *first != key.name) {
        return false;
    }
    let mut stored = snapshot.into_iter().flat_map(|snapshot| snapshot.live(Kind::Workspace)).peekable();
    if stored.peek().is_none() || snapshot.and_then(|snapshot| snapshot.row(&key)).is_some_and(Row::is_live) {
        return true;
    }
    let renamed = renamed(manifests.clone());
    let is_written =
        |name: &str| renamed.contains(name) || manifests.clone().any(|it| it.spec.kind() == Kind::Workspace && *it.name == *name);
    let stays_first = |row: &Row| {
        let says_so = |spec: &str| matches!(View::read(Kind::Workspace, spec), View::Workspace(view) if view.default);
        // A document without the flag takes it away from where a document gave it.
        let is_taken_away = || row.last_applied().is_some_and(says_so) && is_written(&row.key.name);
        says_so(&row.spec) && !is_taken_away()
    };
    !stored.any(|row| row.former_names.contains(&key.name) || is_first && stays_first(row))
}

fn default_workspace(workspace: &DefaultWorkspace) -> Desired {
    let DefaultWorkspace { name, type_, default } = workspace;
    let mut spec = Map::new();
    spec.extend(default.map(|default| ("default".to_owned(), default.into())));
    spec.extend(type_.map(|type_| ("type".to_owned(), type_.as_str().into())));
    let key = Key::new(Kind::Workspace, name.as_str());
    Desired { implied_by: Some(DEFAULT_WORKSPACES), ..Desired::new(key, Value::Object(spec).to_string(), None) }
}

/// Where the policy says so, whoever names no default workspace has the one that is the default already, or else the one that the
/// member has been in for the longest time. The objects must be sorted.
pub fn first_workspaces(objects: &mut [Desired], snapshot: Option<&Snapshot>, policy: &Policy) {
    if policy.first_workspace == FirstWorkspace::Written {
        return;
    }
    let former = Former::of(objects, snapshot);
    let mut places: BTreeMap<Name, Vec<(Timestamp, Name)>> = BTreeMap::new();
    for desired in objects.iter() {
        if let Some((member, place)) = desired.key.member_and_place()
            && place.kind == Kind::Workspace
        {
            let since = former.membership(member, &place).map_or(Timestamp::MAX, |row| row.created_at);
            places.entry(member.into()).or_default().push((since, place.name));
        }
    }
    for member in objects.iter_mut().filter(|desired| desired.key.kind == Kind::Member) {
        let Some(places) = places.get(&member.key.name) else { continue };
        let Ok(Value::Object(mut spec)) = serde_json::from_str::<Value>(&member.spec) else { continue };
        if spec.contains_key("defaultWorkspace") {
            continue;
        }
        let current = former.row(&member.key).and_then(default_of).map(|name| former.heir(&Key::new(Kind::Workspace, name)).name);
        let current = current.filter(|name| places.iter().any(|(_, place)| place == name));
        let Some(first) = current.or_else(|| places.iter().min().map(|(_, place)| place.clone())) else { continue };
        spec.insert("defaultWorkspace".to_owned(), first.as_str().into());
        member.spec = Value::Object(spec).to_string().into();
        member.digest = Digest::of(member.spec.as_bytes());
    }
}

/// The stored rows of objects, also of those that are about to be renamed.
struct Former<'s> {
    snapshot: Option<&'s Snapshot>,
    /// What is stored of people and workspaces under another name than it will have, new to old.
    old: BTreeMap<Key, Key>,
}

impl<'s> Former<'s> {
    fn of(objects: &[Desired], snapshot: Option<&'s Snapshot>) -> Self {
        let live = |key: &Key| snapshot.and_then(|snapshot| snapshot.row(key)).is_some_and(Row::is_live);
        let renamed = objects.iter().filter(|it| !it.previous_names.is_empty() && !live(&it.key)).filter_map(|it| {
            let mut names = it.previous_names.iter().map(|name| Key::new(it.key.kind, name.clone()));
            Some((it.key.clone(), names.find(|key| live(key))?))
        });
        Self { snapshot, old: renamed.collect() }
    }

    fn row(&self, key: &Key) -> Option<&'s Row> {
        self.snapshot?.row(self.old.get(key).unwrap_or(key)).filter(|row| row.is_live())
    }

    fn membership(&self, member: &str, place: &Key) -> Option<&'s Row> {
        let member = Key::new(Kind::Member, member);
        let member = self.old.get(&member).unwrap_or(&member);
        let key = Key::membership(&member.name, self.old.get(place).unwrap_or(place));
        self.snapshot?.row(&key).filter(|row| row.is_live())
    }

    fn heir(&self, old: &Key) -> Key {
        self.old.iter().find(|(_, it)| *it == old).map_or_else(|| old.clone(), |(new, _)| new.clone())
    }
}

fn default_of(row: &Row) -> Option<Name> {
    match View::read(Kind::Member, &row.spec) {
        View::Member(member) => member.default_workspace.map(|name| Name::from(&*name)),
        _ => None,
    }
}
