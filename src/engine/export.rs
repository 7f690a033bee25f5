use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::api::{API_VERSION, Kind, Spec};
use crate::tenancy::{HeldManifest, Input, Key, Manager, Manifest, Name, Origin, Row, Snapshot};

/// An object as it would be written in YAML.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Document {
    api_version: &'static str,
    kind: &'static str,
    metadata: Metadata,
    spec: Value,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
struct Metadata {
    name: Name,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<Box<str>>,
}

/// The objects of an organization as documents whose plan against the same store is empty, in the order of creation. What a
/// policy implies is left out, and so is what was deleted.
#[must_use]
pub fn export(snapshot: &Snapshot) -> Vec<Document> {
    let live = |row: &&Row| row.is_live() && !row.manager.as_ref().is_some_and(Manager::is_policy);
    documents(snapshot, snapshot.rows.iter().filter(live))
}

/// These rows as documents; memberships become entries of their members.
pub(super) fn documents<'r>(snapshot: &Snapshot, rows: impl Iterator<Item = &'r Row>) -> Vec<Document> {
    let namespace = snapshot.claim.as_ref().map(|claim| claim.namespace.clone()).filter(|namespace| !namespace.is_empty());
    let mut memberships: BTreeMap<Name, Vec<(Key, &Row)>> = BTreeMap::new();
    let mut objects = Vec::new();
    for row in rows {
        match row.key.member_and_place() {
            Some((member, place)) => memberships.entry(member.into()).or_default().push((place, row)),
            None => objects.push(row),
        }
    }
    let document = |row: &Row| Document {
        api_version: API_VERSION,
        kind: row.key.kind.as_str(),
        metadata: Metadata { name: row.key.name.clone(), namespace: namespace.clone() },
        spec: written(row, &snapshot.organization, memberships.get(&row.key.name).map(Vec::as_slice).unwrap_or_default()),
    };
    objects.into_iter().map(document).collect()
}

/// What is stored of an organization as an input that wants it as it is, read from this namespace: the organization itself, and the
/// objects of this manager.
#[must_use]
pub fn as_input(snapshot: &Snapshot, manager: &Manager, namespace: &Name) -> Input {
    let wanted = |row: &&Row| row.is_live() && (row.key.kind == Kind::Organization || row.manager.as_ref() == Some(manager));
    let mut input = Input { complete: true, ..Input::default() };
    for Document { kind, metadata, spec, .. } in documents(snapshot, snapshot.rows.iter().filter(wanted)) {
        let Some(kind) = Kind::parse(kind) else { continue };
        let name = metadata.name;
        let origin = Origin { file: format!("{namespace}/{name}").into(), line: 0, column: 0 };
        let namespace = namespace.clone();
        match Spec::deserialize(kind, spec) {
            Ok(spec) => {
                let (annotations, spec) = (BTreeMap::new(), Arc::new(spec));
                input.manifests.push(Manifest { name, namespace, annotations, spec, origin });
            }
            Err(error) => {
                let (previous_names, because) = (Vec::new(), error.to_string().into());
                input.held.push(HeldManifest { kind, name, namespace, previous_names, origin, because });
            }
        }
    }
    input
}

/// A stored spec as it is written.
fn written(row: &Row, organization: &Name, memberships: &[(Key, &Row)]) -> Value {
    let mut spec = object(&row.spec);
    let refers_itself = matches!(row.key.kind, Kind::Organization | Kind::Template | Kind::Role | Kind::Credential);
    if !refers_itself {
        spec.insert("organizationRef".to_owned(), json!({ "name": organization }));
    }
    if row.key.kind == Kind::Member {
        for (kind, field) in [(Kind::Project, "projects"), (Kind::Workspace, "workspaces")] {
            let entries: Vec<Value> =
                memberships.iter().filter(|(place, _)| place.kind == kind).map(|(place, row)| entry(place, row)).collect();
            if !entries.is_empty() {
                spec.insert(field.to_owned(), entries.into());
            }
        }
    }
    Value::Object(spec)
}

fn entry(place: &Key, membership: &Row) -> Value {
    let mut entry = object(&membership.spec);
    entry.insert("name".to_owned(), place.name.as_str().into());
    Value::Object(entry)
}

fn object(spec: &str) -> Map<String, Value> {
    serde_json::from_str(spec).unwrap_or_default()
}

/// Documents as one YAML text.
///
/// # Errors
///
/// When a stored value has no form in YAML.
pub fn to_yaml(documents: &[Document]) -> Result<String, serde_yaml::Error> {
    let texts = documents.iter().map(serde_yaml::to_string).collect::<Result<Vec<_>, _>>()?;
    Ok(texts.join("---\n"))
}
