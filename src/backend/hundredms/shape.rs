use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Map;

use super::{Api, lacking, wanted};
use crate::api::types::SecretKeyRef;
use crate::api::{Kind, RoleSpec, TemplateSpec};
use crate::backend::State;
use crate::plan::mirror::{Lacking, Shape, Wanted};
use crate::tenancy::{Name, Row};

/// What matters of a workspace here.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Keys {
    backend_secret_ref: Option<SecretKeyRef>,
}

/// What 100ms shall have of an organization: its templates, then the roles in them.
#[must_use]
pub fn shape(state: &State<'_>) -> Shape {
    let api = Api::of(state.url);
    let mut shape = Shape::default();
    for row in state.of(Kind::Template) {
        let Some(spec) = State::spec::<TemplateSpec>(row) else { continue };
        let place = Name::from(spec.workspace_ref.name.as_str());
        let name = spec.name.as_ref().map_or(&*row.key.name, |name| name.as_str());
        let fields = wanted::template(&spec, api);
        if row.is_live() {
            lacking::template(&spec, api, &row.key, &mut shape.lacking);
        }
        shape.wanted.push(Wanted { fields: fields.plain, secrets: fields.secrets, ..thing(row, place, name) });
    }
    for row in state.of(Kind::Role) {
        let Some(spec) = State::spec::<RoleSpec>(row) else { continue };
        let Some(template) = state.row(Kind::Template, spec.template_ref.name.as_str()) else { continue };
        let Some(TemplateSpec { workspace_ref, .. }) = State::spec(template) else { continue };
        let name = spec.name.as_ref().map_or(&*row.key.name, |name| name.as_str());
        if row.is_live() {
            lacking::role(&spec, api, &row.key, &mut shape.lacking);
        }
        let thing = thing(row, Name::from(workspace_ref.name.as_str()), name);
        shape.wanted.push(Wanted { fields: wanted::role(&spec, api), within: Some(template.id), ..thing });
    }
    for row in state.of(Kind::Credential).filter(|row| row.is_live()) {
        let because = "100ms has no call that makes or replaces keys: it stays in the store, and keys are made in the dashboard";
        shape.lacking.push(Lacking { subject: row.key.clone(), path: "".into(), because: because.into() });
    }
    for row in state.of(Kind::Workspace).filter(|row| row.is_live()) {
        let Some(Keys { backend_secret_ref }) = State::spec(row) else { continue };
        let keys = backend_secret_ref.or_else(|| state.secret_ref.cloned());
        let is_used = shape.wanted.iter().any(|wanted| wanted.live && wanted.place == row.key.name);
        if keys.is_some() || is_used {
            shape.places.insert(row.key.name.clone(), keys);
        }
    }
    shape
}

fn thing(row: &Row, place: Name, name: &str) -> Wanted {
    Wanted {
        key: row.key.clone(),
        id: row.id,
        place,
        name: name.into(),
        within: None,
        fields: Map::new(),
        secrets: BTreeMap::new(),
        digests: BTreeMap::new(),
        issued: None,
        weight: 0,
        live: row.is_live(),
        implied: false,
        origin: None,
    }
}
