use std::collections::BTreeMap;

use serde_json::json;

use super::apply::Apply;
use super::export::{Document, documents};
use super::record::Record;
use crate::api::credential::CredentialType;
use crate::api::{Kind, Verb};
use crate::store::{Batch, Happened, Store, StoreError, Write};
use crate::tenancy::reference::owners;
use crate::tenancy::view::View;
use crate::tenancy::{Exclusive, Key, Name, Row, Snapshot, Standing, World, may_or_might, members_with_email};

/// What a restore brought back.
#[derive(Debug)]
pub struct Restored {
    /// The objects, under no manager: nothing removes them until the input has them again.
    pub objects: Vec<Key>,
    /// What to commit, so that they are managed again. The entries of members that were deleted with them are in it.
    pub documents: Vec<Document>,
    /// Who had access and gets none by this: the memberships that stay deleted until the input has them.
    pub without_access: Vec<Key>,
}

/// Why nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// There is no such object, deleted or not.
    #[error("{organization} has no {key}, deleted or not: `muster history {organization}` shows what there was")]
    Unknown {
        /// The organization.
        organization: Name,
        /// The object.
        key: Key,
    },
    /// The object is not deleted.
    #[error("{0} is not deleted")]
    Live(Key),
    /// What the object is part of is deleted.
    #[error("{key} is part of {owner}, which is deleted: restore {owner} first")]
    WithoutOwner {
        /// The object.
        key: Key,
        /// What it is part of.
        owner: Key,
    },
    /// What the object alone may have belongs to another one by now.
    #[error("{key} cannot come back, because {other} {exclusive}, too: remove or change {other} first")]
    Taken {
        /// The object.
        key: Key,
        /// The other one.
        other: Key,
        /// What both would have.
        exclusive: Exclusive,
    },
    /// Who asks may not bring it back.
    #[error("{asker} does not hold {verb} in {place}, so {key} stays deleted: ask somebody who does")]
    NotPermitted {
        /// The e-mail address of who asks.
        asker: Box<str>,
        /// The permission it takes.
        verb: Verb,
        /// Where.
        place: Key,
        /// The object.
        key: Key,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Brings back a deleted object with everything that was deleted together with it. Memberships come back only when they are
/// asked for: restoring a workspace gives nobody access. `asker` is the e-mail address of who asks, whose rights then count; without
/// one it is the organization's automation.
///
/// # Errors
///
/// When there is nothing to restore or the store fails; nothing was written then.
pub async fn restore(
    store: &impl Store,
    organization: &Name,
    key: &Key,
    asker: Option<&str>,
    how: &Apply,
) -> Result<Restored, RestoreError> {
    let snapshot = store.observe(organization).await?;
    let root = snapshot.row(key).ok_or_else(|| RestoreError::Unknown { organization: organization.clone(), key: key.clone() })?;
    let Some(tombstone) = &root.tombstone else { return Err(RestoreError::Live(key.clone())) };
    let together = |row: &&Row| row.tombstone.as_ref().is_some_and(|other| other.id == tombstone.id);
    let (memberships, objects): (Vec<&Row>, Vec<&Row>) =
        snapshot.rows.iter().filter(together).partition(|row| row.key.kind == Kind::Membership && row.key != *key);
    // What somebody has alone comes with the person.
    let comes_along = |row: &Row| {
        let owner = owners(&row.key, &row.spec).into_iter().find(|owner| owner.kind == Kind::Member);
        row.key.kind == Kind::Workspace && owner.is_some_and(|owner| objects.iter().any(|row| row.key == owner))
    };
    let mut judged = objects.iter().filter(|row| !comes_along(row));
    if let Some(denied) = asker.and_then(|asker| judged.find_map(|row| not_permitted(&snapshot, &row.key, asker, how))) {
        return Err(denied);
    }
    if let Some(missing) = without_owner(&snapshot, &objects) {
        return Err(missing);
    }
    if let Some(taken) = taken(&snapshot, &objects) {
        return Err(taken);
    }
    let batch = batch(&snapshot, &objects, how);
    store.commit(&batch).await?;
    let live = snapshot.rows.iter().filter(|row| row.is_live() && row.key.kind == Kind::Membership);
    let documents =
        documents(&snapshot, objects.iter().chain(&memberships).copied().chain(live).chain(member_of(&snapshot, key)));
    Ok(Restored {
        objects: objects.iter().map(|row| row.key.clone()).collect(),
        without_access: memberships.iter().map(|row| row.key.clone()).collect(),
        documents,
    })
}

/// The member of a membership, whose document has to carry the entry.
fn member_of<'s>(snapshot: &'s Snapshot, key: &Key) -> Option<&'s Row> {
    let (member, _) = key.member_and_place()?;
    snapshot.row(&Key::new(Kind::Member, member)).filter(|row| row.is_live())
}

/// Bringing something back takes what deleting it takes (`KeyRunner`, Workspaces: recovery is for those who may delete).
fn not_permitted(snapshot: &Snapshot, key: &Key, asker: &str, how: &Apply) -> Option<RestoreError> {
    let world = World::new(&snapshot.rows, how.now);
    let row = snapshot.row(key)?;
    let workspace = || owners(key, &row.spec).into_iter().next();
    let (verb, place) = match key.kind {
        Kind::Workspace => (Verb::WorkspaceRestore, Some(key.clone())),
        Kind::Membership => (Verb::MembersWrite, key.member_and_place().map(|(_, place)| place)),
        Kind::Member => (Verb::MembersWrite, None),
        Kind::Template => (Verb::TemplatesWrite, workspace()),
        Kind::Role => {
            let template = workspace().and_then(|template| snapshot.row(&template));
            (Verb::TemplatesWrite, template.and_then(|row| owners(&row.key, &row.spec).into_iter().next()))
        }
        Kind::Credential => (credential_verb(&row.spec), workspace()),
        Kind::Organization | Kind::Project | Kind::MembershipType | Kind::AccessTest => (Verb::OrganizationWrite, None),
    };
    let organization = || Key::new(Kind::Organization, snapshot.organization.clone());
    let place = place.unwrap_or_else(organization);
    let active = |name: &&str| world.member(name).is_some_and(|(item, view)| world.standing(item, view) == Standing::Active);
    let members: Vec<&str> = members_with_email(&world, asker).map(|name| name.as_str()).filter(active).collect();
    (!may_or_might(&world, snapshot, &members, verb, &place)).then(|| RestoreError::NotPermitted {
        asker: asker.into(),
        verb,
        place,
        key: key.clone(),
    })
}

/// Bringing a credential back takes what making it takes.
fn credential_verb(spec: &str) -> Verb {
    let spec = serde_json::from_str::<serde_json::Value>(spec).unwrap_or_default();
    match spec["type"].as_str().and_then(CredentialType::parse) {
        Some(CredentialType::SigningKey) => Verb::SigningKeysCreate,
        Some(CredentialType::AccessToken) => Verb::AccessTokensCreate,
        Some(CredentialType::ApiKey) => Verb::ApiKeyRotate,
        _ => Verb::DeveloperWrite,
    }
}

fn without_owner(snapshot: &Snapshot, objects: &[&Row]) -> Option<RestoreError> {
    let there = |owner: &Key| objects.iter().any(|row| row.key == *owner) || snapshot.row(owner).is_some_and(Row::is_live);
    objects.iter().find_map(|row| {
        let owner = owners(&row.key, &row.spec).into_iter().find(|owner| !there(owner))?;
        Some(RestoreError::WithoutOwner { key: row.key.clone(), owner })
    })
}

fn taken(snapshot: &Snapshot, objects: &[&Row]) -> Option<RestoreError> {
    let of = |row: &Row| Exclusive::of(&row.key, &View::read(row.key.kind, &row.spec));
    let mut wanted = BTreeMap::new();
    for row in objects {
        wanted.extend(of(row).into_iter().map(|exclusive| (exclusive, &row.key)));
    }
    let live = snapshot.rows.iter().filter(|row| row.is_live() && !wanted.is_empty());
    live.flat_map(|row| of(row).into_iter().map(|exclusive| (&row.key, exclusive))).find_map(|(other, exclusive)| {
        let key = (*wanted.get(&exclusive)?).clone();
        Some(RestoreError::Taken { key, other: other.clone(), exclusive })
    })
}

fn batch(snapshot: &Snapshot, objects: &[&Row], how: &Apply) -> Batch {
    let mut record = Record::new(how, &snapshot.organization, None);
    for row in objects {
        record.push(row.key.clone(), row.id, Happened::Restored, &json!({ "cause": "muster restore" }));
    }
    let released = objects.iter().map(|row| Row { tombstone: None, manager: None, ..(*row).clone() });
    record.batch(snapshot, released.map(|row| Write::Put(Box::new(row))).collect())
}
