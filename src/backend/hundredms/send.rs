use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::observe::{joined, split};
use super::service::{Service, id};
use super::{Api, body};
use crate::api::Kind;
use crate::backend::http::Request;
use crate::backend::secrets::Secret;
use crate::backend::{Fault, Sent};
use crate::plan::mirror::{Call, Edit, Found, leaf};
use crate::tenancy::Deed;

/// Makes one change.
pub async fn send(service: &Service, call: &Call, current: Option<&Found>) -> Result<Sent, Fault> {
    match (call.key.kind, call.deed, current) {
        (Kind::Template, Deed::Create, None) => create(service, call).await,
        (Kind::Template, Deed::Create | Deed::Adopt | Deed::Update, Some(current)) => {
            update(service, &missing(call, current), current).await
        }
        (Kind::Role, Deed::Create | Deed::Adopt | Deed::Update, current) => put_role(service, call, current).await,
        (Kind::Role, Deed::Remove, _) => delete_role(service, call).await,
        _ => Err(Fault::refused(405, "100ms has no such operation")),
    }
}

/// What is left of a call that was made in part.
fn missing(call: &Call, current: &Found) -> Call {
    let is_missing = |edit: &&Edit| match (edit.secret, &edit.to) {
        // What cannot be seen is in the request that makes a template.
        (true, _) => call.deed != Deed::Create,
        (false, to) if edit.at.len() == 1 && &*edit.at[0] == "name" => {
            to.as_ref().and_then(Value::as_str) != Some(&*current.name)
        }
        (false, Some(value)) => leaf(&current.fields, &edit.at) != Some(value),
        (false, None) => leaf(&current.fields, &edit.at) == edit.from.as_ref(),
    };
    Call { edits: call.edits.iter().filter(is_missing).cloned().collect(), ..call.clone() }
}

async fn create(service: &Service, call: &Call) -> Result<Sent, Fault> {
    let secrets = secrets(service, call).await?;
    let mut body = body::template(&json!({"roles": {}}), &call.edits);
    body.insert("name".to_owned(), (*call.name).into());
    expose(&mut body, call, &secrets, service.api);
    let request = Request::post("create template", "/templates").json(&body);
    let made = service.json(&call.place, request).await?;
    let made = id(&made).ok_or_else(|| Fault::unknown("its answer has no id"))?;
    if concerns(call, "recordings") {
        record(service, call, made, None).await.map_err(half_done)?;
    }
    Ok(Sent { external_id: Some(made.into()), orphans: Vec::new() })
}

/// Writes the parts that change. The name, the default flag and the plugins can only be written with everything else.
async fn update(service: &Service, call: &Call, current: &Found) -> Result<Sent, Fault> {
    let (place, template) = (&call.place, &*current.external_id);
    let secrets = secrets(service, call).await?;
    let raw = service.template(place, template).await?.ok_or(Fault::Missing)?;
    let mut body = body::template(&raw, &call.edits);
    let whole = ["name", "default", "plugins"].iter().any(|part| concerns(call, part));
    if whole || concerns(call, "settings") {
        keep_credentials(&mut body, call, service)?;
    }
    expose(&mut body, call, &secrets, service.api);
    let mut begun = false;
    if whole {
        let request = match service.api {
            Api::V1 => Request::post("replace template", "/templates").query("id", template),
            Api::V2 => Request::post("replace template", "/templates").part(template),
        };
        let answered = service.call(place, request.json(&body)).await?;
        if matches!(answered.status(), 400 | 409) && concerns(call, "name") {
            let why = "another template has this name, or it does not accept these values";
            return Err(Fault::refused(answered.status(), why));
        }
        answered.or_fault()?;
        begun = true;
    }
    for (part, operation, path) in
        [("settings", "update settings", "/settings"), ("destinations", "update destinations", "/destinations")]
    {
        if !whole && concerns(call, part) {
            let value = body.get(part).cloned().unwrap_or_else(|| json!({}));
            let request = Request::post(operation, "/templates").part(template).then(path).json(&value);
            let written = service.call(place, request).await.and_then(|answered| answered.or_fault());
            written.map_err(|fault| if begun { half_done(fault) } else { fault })?;
            begun = true;
        }
    }
    if concerns(call, "recordings") {
        let raw = service.recording(place, template).await;
        let written = match raw {
            Ok(raw) => record(service, call, template, raw.as_ref()).await,
            Err(fault) => Err(fault),
        };
        written.map_err(|fault| if begun { half_done(fault) } else { fault })?;
    }
    Ok(Sent { external_id: Some(template.into()), orphans: Vec::new() })
}

async fn record(service: &Service, call: &Call, template: &str, raw: Option<&Value>) -> Result<(), Fault> {
    let list = [body::recording(raw, &call.edits)];
    let request = Request::post("update recordings", "/templates").part(template).then("/recordings").json(&list);
    service.call(&call.place, request).await?.or_fault().map(drop)
}

/// After the first of several writes, the others may be missing: one has to look.
fn half_done(fault: Fault) -> Fault {
    Fault::unknown(format!("a part of it was written, and then: {fault}"))
}

async fn put_role(service: &Service, call: &Call, current: Option<&Found>) -> Result<Sent, Fault> {
    let template = call.within_id.as_deref().or_else(|| current.and_then(|current| current.within.as_deref()));
    let Some(template) = template else { return Err(Fault::Missing) };
    let path = current.map_or(&*call.name, |current| &*current.name);
    let mut body = body::role(current.map(|current| &current.raw), &call.edits);
    // A name that is not that of the path renames the role.
    body.insert("name".to_owned(), (*call.name).into());
    let request = Request::post("write role", "/templates").part(template).then("/roles").part(path).json(&body);
    let answered = service.call(&call.place, request).await?;
    if matches!(answered.status(), 400 | 409) && path != &*call.name {
        let before = Request::get("get role", "/templates").part(template).then("/roles").part(path);
        return Err(match service.get(&call.place, before).await {
            // Whatever carries requests may have delivered this one twice.
            Ok(None) => Fault::unknown("it was renamed, by this or by somebody"),
            _ => Fault::refused(
                answered.status(),
                "another role of the template has this name, or it does not accept these values",
            ),
        });
    }
    answered.or_fault()?;
    Ok(Sent { external_id: Some(joined(template, &call.name)), orphans: Vec::new() })
}

/// A role that is not there is deleted.
async fn delete_role(service: &Service, call: &Call) -> Result<Sent, Fault> {
    let Some(external_id) = call.external_id.as_deref() else { return Ok(Sent::default()) };
    let (template, name) = split(external_id);
    let request = Request::delete("delete role", "/templates").part(template).then("/roles").part(name);
    match service.call(&call.place, request).await?.or_fault() {
        Ok(_) | Err(Fault::Missing) => Ok(Sent::default()),
        Err(fault) => Err(fault),
    }
}

fn concerns(call: &Call, part: &str) -> bool {
    call.edits.iter().any(|edit: &Edit| edit.at.first().is_some_and(|first| &**first == part))
}

/// The values of the secret fields, by their path.
async fn secrets<'c>(service: &Service, call: &'c Call) -> Result<BTreeMap<&'c str, Secret>, Fault> {
    let mut values = BTreeMap::new();
    for (path, reference) in &call.secrets {
        values.insert(&**path, service.secret(reference).await?);
    }
    Ok(values)
}

const CREDENTIALS: &str = "settings.recording.upload.credentials";
const STREAMS: &str = "destinations.rtmpDestinations.";

/// Puts the secret values into what is sent.
fn expose(body: &mut Map<String, Value>, call: &Call, secrets: &BTreeMap<&str, Secret>, api: Api) {
    let of = |name: &str| secrets.get(format!("{CREDENTIALS}.{name}").as_str());
    if let (Some(key), Some(secret)) = (of("key"), of("secret")) {
        body::set_credentials(body, key.expose(), secret.expose(), api);
    }
    for (path, url) in secrets {
        let number = path.strip_prefix(STREAMS).and_then(|rest| rest.rsplit_once(".rtmpUrls."));
        if let Some((stream, number)) = number.and_then(|(stream, number)| Some((stream, number.parse().ok()?))) {
            body::secret_address(body, stream, number, url.expose());
        }
    }
    debug_assert!(call.secrets.len() == secrets.len());
}

/// Credentials that Muster does not have are sent back as they were answered, if they were.
fn keep_credentials(body: &mut Map<String, Value>, call: &Call, service: &Service) -> Result<(), Fault> {
    if call.secrets.contains_key(format!("{CREDENTIALS}.key").as_str()) {
        return Ok(());
    }
    let there = body.get("settings").and_then(|settings| settings.pointer("/recording/upload/credentials"));
    let Some(there) = there.and_then(Value::as_object) else { return Ok(()) };
    let text = |names: &[&str]| names.iter().find_map(|name| there.get(*name)?.as_str()).unwrap_or_default().to_owned();
    let (key, secret) = (text(&["key"]), text(&["secret", "secretKey"]));
    if secret.is_empty() || secret.contains("**") {
        let why = "it does not tell the secret of the bucket, which would be lost by this change; name a Secret that has it in \
                   spec.settings.recording.upload.credentials";
        return Err(Fault::withheld(why));
    }
    body::set_credentials(body, &key, &secret, service.api);
    Ok(())
}
