use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::super::State;
use crate::api::credential::CredentialType;
use crate::api::policy::InvitationMode;
use crate::api::types::SecretKeyRef;
use crate::api::workspace::{Language, Quotas};
use crate::api::{CredentialSpec, Kind, OrganizationSpec};
use crate::plan::mirror::{Issued, Lacking, Shape, Wanted};
use crate::tenancy::{Key, Policy, Row, Standing, World};

/// The field of a workspace that says in which language its documents are.
pub(super) const LANGUAGE: &str = "language";
/// The field of a membership that says what the member may do.
pub(super) const ROLE: &str = "role";
/// The field of a membership that says whether the member lands there.
pub(super) const LANDS: &str = "defaultWorkspace";
/// What the API key of a workspace is called: AAQ gives it no name, and there is one.
pub(super) const API_KEY: &str = "API key";

/// A role, as it is called on both sides.
#[derive(Clone, Copy)]
pub(super) struct Role {
    pub here: &'static str,
    pub there: &'static str,
}

pub(super) const ADMIN: Role = Role { here: "Admin", there: "admin" };
pub(super) const READ_ONLY: Role = Role { here: "ReadOnly", there: "read_only" };

/// How much access a role gives.
pub(super) fn weight(role: &str) -> i64 {
    i64::from(role == READ_ONLY.here) + 2 * i64::from(role == ADMIN.here)
}

/// What AAQ shall have of an organization: its workspaces, the memberships in them, and API keys.
///
/// An account is no thing of its own: AAQ makes it with its first membership and deletes it with its last one. So its name is that of
/// each of its memberships, and where it lands is a field of them.
#[must_use]
pub fn shape(state: &State<'_>) -> Shape {
    // Time only ends invitations, and whoever was invited is not there either way.
    let world = World::new(state.rows, Timestamp::UNIX_EPOCH);
    let mut shape = Shape::default();
    shape.places.insert("".into(), state.secret_ref.cloned());
    for row in state.of(Kind::Organization).filter(|row| row.is_live()) {
        organization(row, &mut shape);
    }
    for row in state.of(Kind::Workspace) {
        workspace(row, &mut shape);
    }
    for row in state.of(Kind::Member).filter(|row| row.is_live()) {
        member(row, &world, &mut shape);
    }
    for row in state.of(Kind::Membership) {
        membership(row, state, &world, &mut shape);
    }
    for row in state.of(Kind::Credential) {
        credential(row, state, &mut shape);
    }
    shape
}

fn organization(row: &Row, shape: &mut Shape) {
    let Some(spec) = State::spec::<OrganizationSpec>(row) else { return };
    if Policy::of(&spec).invitations.mode == InvitationMode::Invite {
        let because =
            "AAQ invites nobody: whoever was invited is put into their workspaces there once they accept here (muster accept)";
        lack(shape, &row.key, "policy.invitations", because);
    }
}

/// A workspace as stored, as far as AAQ has it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stored {
    display_name: Option<Box<str>>,
    language: Option<Language>,
    quotas: Option<Quotas>,
    backend_secret_ref: Option<SecretKeyRef>,
}

fn workspace(row: &Row, shape: &mut Shape) {
    let Some(Stored { display_name, language, quotas, backend_secret_ref }) = State::spec(row) else { return };
    let name = display_name.filter(|name| !name.is_empty()).unwrap_or_else(|| row.key.name.as_str().into());
    shape.known.extend(row.external_id.clone().map(|id| (row.id, id)));
    if row.is_live() && backend_secret_ref.is_some() {
        let because = "AAQ is reached with one account for the whole organization, that of spec.backend.secretRef";
        lack(shape, &row.key, "backendSecretRef", because);
    }
    if quotas.is_some() && row.is_live() {
        let because = "AAQ has no call that sets quotas: a new workspace gets those of the installation, and whoever runs it changes \
                       them in its database; these stay in the store";
        lack(shape, &row.key, "quotas", because);
    }
    let language = language.and_then(|language| serde_json::to_value(language).ok());
    let fields = language.map(|language| (LANGUAGE.to_owned(), language)).into_iter().collect();
    shape.wanted.push(Wanted { name, fields, ..wanted(row) });
}

fn member(row: &Row, world: &World<'_>, shape: &mut Shape) {
    let Some((_, member)) = world.member(&row.key.name) else { return };
    if !member.roles.is_empty() {
        lack(shape, &row.key, "role", "AAQ has roles in workspaces only; this one counts in the store alone");
    }
    if member.disabled {
        let because = "AAQ cannot lock an account out: it is taken out of its workspaces there instead, which deletes an account that \
                       is in no other";
        lack(shape, &row.key, "disabled", because);
    }
}

fn membership(row: &Row, state: &State<'_>, world: &World<'_>, shape: &mut Shape) {
    let Some((member, place)) = row.key.member_and_place() else { return };
    if place.kind != Kind::Workspace {
        if row.is_live() {
            lack(shape, &row.key, "", "AAQ has no projects; this membership stays in the store");
        }
        return;
    }
    let (Some(whole), Some(person)) = (state.row(Kind::Workspace, &place.name), state.row(Kind::Member, member)) else { return };
    let Some(account) = State::spec::<Account>(person) else { return };
    let base = Wanted {
        name: account.username.unwrap_or(account.email),
        place: place.name.clone(),
        within: Some(whole.id),
        live: false,
        ..wanted(row)
    };
    let active = world.member(member).filter(|(item, view)| world.standing(item, view) == Standing::Active);
    let in_force = world.memberships(member).find(|(item, ..)| item.row.id == row.id && row.ended_at.is_none());
    let (Some((_, view)), Some((_, _, membership))) = (active, in_force) else { return shape.wanted.push(base) };
    let roles: Vec<&str> = world.roles_in(view, &place, membership).map(|(name, _)| name).collect();
    let Some(role) = [ADMIN, READ_ONLY].into_iter().find(|role| roles.contains(&role.here)) else {
        let because =
            "AAQ has the roles Admin and ReadOnly only; with none of them, the member is not put into the workspace there";
        lack(shape, &row.key, "role", because);
        return shape.wanted.push(base);
    };
    let mut fields = Map::from_iter([(ROLE.to_owned(), Value::from(role.here))]);
    if let Some(lands) = &view.default_workspace {
        fields.insert(LANDS.to_owned(), (**lands == *place.name).into());
    }
    shape.wanted.push(Wanted { fields, weight: weight(role.here), live: true, ..base });
}

/// A member as stored, tombstones included, as far as AAQ knows accounts.
#[derive(Deserialize)]
struct Account {
    email: Box<str>,
    username: Option<Box<str>>,
}

fn credential(row: &Row, state: &State<'_>, shape: &mut Shape) {
    let Some(spec) = State::spec::<CredentialSpec>(row) else { return };
    if spec.type_ != CredentialType::ApiKey {
        if row.is_live() {
            lack(shape, &row.key, "type", "AAQ has API keys only; this credential stays in the store");
        }
        return;
    }
    let Some(whole) = state.row(Kind::Workspace, spec.workspace_ref.name.as_str()) else { return };
    let other = shape.wanted.iter().find(|other| other.issued.is_some() && other.live && other.within == Some(whole.id));
    if let Some(other) = other.filter(|_| row.is_live()) {
        let because = format!("AAQ has one API key for each workspace, and {} is it; this one stays in the store", other.key);
        return lack(shape, &row.key, "", &because);
    }
    if row.is_live()
        && spec.rotation.as_ref().is_some_and(|rotation| rotation.overlap.is_some_and(|overlap| overlap.seconds() > 0))
    {
        let because = "AAQ has one API key at a time: the old one stops working as soon as there is a new one";
        lack(shape, &row.key, "rotation.overlap", because);
    }
    let issued = Issued {
        to: spec.write_secret_to_ref.as_ref().map(|to| to.name.as_str().into()),
        generation: spec.generation.map_or(0, |generation| generation.get()),
        every: spec.rotation.as_ref().map(|rotation| rotation.every.seconds()),
    };
    shape.wanted.push(Wanted {
        name: API_KEY.into(),
        place: whole.key.name.clone(),
        within: Some(whole.id),
        issued: Some(issued),
        ..wanted(row)
    });
}

fn wanted(row: &Row) -> Wanted {
    Wanted {
        key: row.key.clone(),
        id: row.id,
        place: "".into(),
        name: "".into(),
        within: None,
        fields: Map::new(),
        secrets: std::collections::BTreeMap::new(),
        digests: std::collections::BTreeMap::new(),
        issued: None,
        weight: 0,
        live: row.is_live(),
        implied: row.manager.as_ref().is_some_and(|manager| manager.is_policy()),
        origin: None,
    }
}

fn lack(shape: &mut Shape, subject: &Key, path: &str, because: &str) {
    shape.lacking.push(Lacking { subject: subject.clone(), path: path.into(), because: because.into() });
}
