use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Map;

use super::super::State;
use crate::api::Kind;
use crate::api::credential::{CredentialSpec, CredentialType};
use crate::api::types::SecretKeyRef;
use crate::plan::mirror::{Issued, Lacking, Shape, Wanted};
use crate::tenancy::{Name, Row};

/// What matters here of a workspace.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reached {
    backend_secret_ref: Option<SecretKeyRef>,
}

/// What FastPix shall have: a signing key for each Credential of that type, in the workspace of the Credential.
///
/// A workspace is reached with its own access token, or else with that of the organization. Each of them is a place, also where
/// nothing is wanted any more: a key may still be there.
#[must_use]
pub fn shape(state: &State<'_>) -> Shape {
    let own = state.of(Kind::Workspace).filter_map(|row| Some((row, State::spec::<Reached>(row)?.backend_secret_ref?)));
    let own: BTreeMap<Name, Option<SecretKeyRef>> = own.map(|(row, at)| (row.key.name.clone(), Some(at))).collect();
    let shared = state.secret_ref.map(|at| (Name::default(), Some(at.clone())));
    let mut shape = Shape { places: own.into_iter().chain(shared).collect(), ..Shape::default() };
    for row in state.of(Kind::Credential) {
        let Some(spec) = State::spec::<CredentialSpec>(row) else { continue };
        shape.lacking.extend(lacking(row, &spec));
        if spec.type_ == CredentialType::SigningKey {
            let workspace = Name::from(spec.workspace_ref.name.as_str());
            let place = if shape.places.contains_key(&workspace) { workspace } else { Name::default() };
            shape.places.entry(place.clone()).or_insert(None);
            shape.wanted.push(wanted(row, &spec, place));
        }
    }
    shape
}

fn lacking(row: &Row, spec: &CredentialSpec) -> Option<Lacking> {
    let lacks = |path: &str, because: &str| Lacking { subject: row.key.clone(), path: path.into(), because: because.into() };
    let overlap = spec.rotation.as_ref().is_some_and(|rotation| rotation.overlap.is_some());
    match spec.type_ {
        _ if !row.is_live() => None,
        CredentialType::SigningKey if overlap => Some(lacks(
            "rotation.overlap",
            "a replaced key works until somebody approves that it goes, because every token signed with it goes with it",
        )),
        CredentialType::SigningKey => None,
        CredentialType::AccessKey | CredentialType::ApiKey | CredentialType::AccessToken | CredentialType::Sip => {
            Some(lacks("type", "FastPix has an API for signing keys alone; make it in the dashboard there"))
        }
    }
}

fn wanted(row: &Row, spec: &CredentialSpec, place: Name) -> Wanted {
    Wanted {
        key: row.key.clone(),
        id: row.id,
        place,
        name: "".into(),
        within: None,
        fields: Map::new(),
        secrets: BTreeMap::new(),
        digests: BTreeMap::new(),
        issued: Some(Issued {
            to: spec.write_secret_to_ref.as_ref().map(|to| to.name.as_str().into()),
            generation: spec.generation.map_or(0, |generation| generation.get()),
            every: spec.rotation.as_ref().map(|rotation| rotation.every.seconds()),
        }),
        weight: 0,
        live: row.is_live(),
        implied: false,
        origin: None,
    }
}
