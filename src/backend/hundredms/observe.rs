use futures_util::future::join_all;
use serde_json::Value;

use super::Api;
use super::normal::{ENTRIES, role_found, template_found};
use super::service::{Service, id, name};
use crate::api::Kind;
use crate::backend::Fault;
use crate::backend::http::Request;
use crate::plan::mirror::{Call, Found, Observed, Shape, Wanted};
use crate::tenancy::{Deed, Name};

/// All templates of all workspaces, with their roles.
pub async fn all(service: &Service, shape: &Shape) -> Observed {
    let places = shape.places.keys().map(async |place| (place, workspace(service, shape, place).await));
    let mut observed = Observed::default();
    for (place, found) in join_all(places).await {
        match found {
            Ok(found) => {
                observed.found.extend(found);
                observed.read.insert(place.clone());
            }
            Err(fault) => drop(observed.unobservable.insert(place.clone(), fault.to_string().into())),
        }
    }
    observed
}

async fn workspace(service: &Service, shape: &Shape, place: &Name) -> Result<Vec<Found>, Fault> {
    let templates = service.list(place, None).await?;
    let wanted =
        || shape.wanted.iter().filter(|wanted| wanted.live && wanted.place == *place && wanted.key.kind == Kind::Template);
    let ours: Vec<&str> = wanted().flat_map(|wanted| addresses(&wanted.fields)).collect();
    let recorded: Vec<&Wanted> = wanted().filter(|wanted| wanted.fields.contains_key("recordings")).collect();
    let names: Vec<&str> = templates.iter().filter_map(name).collect();
    // One that has another name there may be any of those that nobody has a name for.
    let renamed = recorded.iter().any(|wanted| !names.contains(&&*wanted.name));
    let is_asked = |template: &str| {
        recorded.iter().any(|wanted| &*wanted.name == template) || renamed && !wanted().any(|wanted| &*wanted.name == template)
    };
    let mut found = Vec::new();
    for raw in &templates {
        let thing = template(place, raw, None, &ours, service.api)?;
        let recording = match is_asked(&thing.name) {
            true => service.recording(place, &thing.external_id).await?,
            false => None,
        };
        for (name, raw) in raw.get("roles").and_then(Value::as_object).into_iter().flatten() {
            found.push(role(place, &thing.external_id, name, raw, service.api));
        }
        found.push(if recording.is_some() { template(place, raw, recording.as_ref(), &ours, service.api)? } else { thing });
    }
    Ok(found)
}

/// The template or role that a call is about.
pub async fn one(service: &Service, call: &Call) -> Result<Option<Found>, Fault> {
    match call.key.kind {
        Kind::Template => one_template(service, call).await,
        Kind::Role => one_role(service, call).await,
        _ => Ok(None),
    }
}

async fn one_template(service: &Service, call: &Call) -> Result<Option<Found>, Fault> {
    let place = &call.place;
    let raw = match &call.external_id {
        Some(id) => service.template(place, id).await?,
        None => {
            let filter = (service.api == Api::V1).then_some(("name", &*call.name));
            service.list(place, filter).await?.into_iter().find(|template| name(template) == Some(&*call.name))
        }
    };
    let Some(raw) = raw else { return Ok(None) };
    let concerns = |edit: &crate::plan::mirror::Edit| edit.at.first().is_some_and(|first| &**first == "recordings");
    let recording = match id(&raw) {
        Some(id) if call.edits.iter().any(concerns) => service.recording(place, id).await?,
        _ => None,
    };
    let ours: Vec<&str> = addresses(&call.sent).collect();
    template(place, &raw, recording.as_ref(), &ours, service.api).map(Some)
}

/// A role that is renamed may have its new name already.
async fn one_role(service: &Service, call: &Call) -> Result<Option<Found>, Fault> {
    let Some(template) = call.within_id.as_deref().or_else(|| call.external_id.as_deref().map(|id| split(id).0)) else {
        return Ok(None);
    };
    let before = call.external_id.as_deref().map(|id| split(id).1);
    let after = Some(&*call.name).filter(|after| call.deed != Deed::Remove && before != Some(*after));
    for name in before.into_iter().chain(after) {
        let request = Request::get("get role", "/templates").part(template).then("/roles").part(name);
        if let Some(raw) = service.get(&call.place, request).await? {
            return Ok(Some(role(&call.place, template, name, &raw, service.api)));
        }
    }
    Ok(None)
}

fn template(place: &Name, raw: &Value, recording: Option<&Value>, ours: &[&str], api: Api) -> Result<Found, Fault> {
    let (Some(id), Some(name)) = (id(raw), name(raw)) else {
        return Err(Fault::unreadable("a template has no id or no name"));
    };
    Ok(Found {
        kind: Kind::Template,
        place: place.clone(),
        within: None,
        name: name.into(),
        external_id: id.into(),
        fields: template_found(raw, recording, ours, api),
        // It holds credentials and stream keys: whoever writes reads it again.
        raw: Value::Null,
        weight: 0,
    })
}

fn role(place: &Name, template: &str, name: &str, raw: &Value, api: Api) -> Found {
    Found {
        kind: Kind::Role,
        place: place.clone(),
        within: Some(template.into()),
        name: name.into(),
        external_id: joined(template, name),
        fields: role_found(raw, api),
        raw: raw.clone(),
        weight: 0,
    }
}

/// A role has no id: it is told by that of its template and its name.
pub fn joined(template: &str, role: &str) -> Box<str> {
    format!("{template}/{role}").into()
}

/// The template and the name of a role.
pub fn split(role: &str) -> (&str, &str) {
    role.split_once('/').unwrap_or((role, ""))
}

/// The addresses of streams that a document has in clear.
fn addresses(fields: &serde_json::Map<String, Value>) -> impl Iterator<Item = &str> {
    let streams = fields.get("destinations").and_then(|destinations| destinations.get("rtmpDestinations"));
    let streams = streams.and_then(Value::as_object).into_iter().flat_map(|streams| streams.values());
    let urls = streams.filter_map(|stream| stream.get("rtmpUrls")?.as_object());
    urls.flat_map(|urls| urls.iter().filter(|(number, _)| *number != ENTRIES).filter_map(|(_, url)| url.as_str()))
}
