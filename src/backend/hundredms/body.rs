use serde_json::{Map, Value, json};

use super::Api;
use super::normal::{ENTRIES, PRESENT, as_documented};
use crate::plan::mirror::Edit;

/// What the service sets by itself, and does not want to be sent.
const READ_ONLY: [&str; 7] = ["_id", "appId", "createdAt", "customer", "customerId", "id", "updatedAt"];

/// A template as it is sent: everything that it had, but what changes.
pub fn template(raw: &Value, edits: &[Edit]) -> Map<String, Value> {
    let mut body = raw.as_object().cloned().unwrap_or_default();
    body.retain(|name, _| !READ_ONLY.contains(&name.as_str()));
    as_documented(&mut body);
    for role in body.get_mut("roles").and_then(Value::as_object_mut).into_iter().flat_map(|roles| roles.values_mut()) {
        role.as_object_mut().map(say_nothing);
    }
    for edit in edits.iter().filter(|edit| !edit.secret && edit.at.first().is_some_and(|first| &**first != "recordings")) {
        apply(&mut body, edit);
    }
    let upload = body.get_mut("settings").and_then(|settings| settings.get_mut("recording"));
    if let Some(recording) = upload.and_then(Value::as_object_mut) {
        // A bucket that nobody names any more is none, whatever else was said of it.
        if recording.get("upload").is_some_and(|upload| upload.get("location").is_none()) {
            recording.remove("upload");
        }
    }
    body
}

/// How a template is recorded, as it is sent.
pub fn recording(raw: Option<&Value>, edits: &[Edit]) -> Value {
    let mut body = raw.and_then(Value::as_object).cloned().unwrap_or_default();
    for edit in edits {
        if let [first, _, rest @ ..] = &*edit.at
            && &**first == "recordings"
        {
            apply(&mut body, &Edit { at: rest.to_vec(), ..edit.clone() });
        }
    }
    body.into()
}

/// A role as it is sent: everything that it had, but what changes.
pub fn role(raw: Option<&Value>, edits: &[Edit]) -> Map<String, Value> {
    let mut body = raw.and_then(Value::as_object).cloned().unwrap_or_default();
    if raw.is_some() {
        say_nothing(&mut body);
    }
    edits.iter().for_each(|edit| apply(&mut body, edit));
    body
}

/// A role that is answered without these lists may do nothing; sent without them, it would get everything.
fn say_nothing(role: &mut Map<String, Value>) {
    for (part, list) in [("publishParams", "allowed"), ("subscribeParams", "subscribeToRoles")] {
        if let Value::Object(part) = role.entry(part).or_insert_with(|| json!({})) {
            part.entry(list).or_insert_with(|| json!([]));
        }
    }
}

fn apply(body: &mut Map<String, Value>, edit: &Edit) {
    let at: Vec<&str> = edit.at.iter().map(|part| &**part).collect();
    match at.as_slice() {
        ["destinations", "rtmpDestinations", stream, "rtmpUrls", number] => {
            edit.to.iter().for_each(|value| address(body, stream, number, value));
        }
        // An entry without its name is none.
        ["destinations", map, entry, "name"] if edit.to.is_none() => remove(body, &["destinations", map, entry]),
        [whole @ .., ENTRIES] => only(body, whole, edit.to.as_ref()),
        [whole @ .., PRESENT] => match edit.to {
            Some(_) => put(body, whole, |there| there.is_object(), json!({})),
            None => remove(body, whole),
        },
        path => match &edit.to {
            Some(value) => put(body, path, |_| false, value.clone()),
            None => remove(body, path),
        },
    }
}

/// Sets an address of a stream; `number` may also say how many there are.
fn address(body: &mut Map<String, Value>, stream: &str, number: &str, value: &Value) {
    let path = ["destinations", "rtmpDestinations", stream, "rtmpUrls"];
    put(body, &path, |there| there.is_array(), json!([]));
    let Some(list) = leaf(body, &path).and_then(Value::as_array_mut) else { return };
    match (number, number.parse::<usize>(), value) {
        (ENTRIES, _, count) => {
            let count = count.as_u64().and_then(|count| usize::try_from(count).ok());
            list.resize(count.unwrap_or(list.len()).min(MOST), Value::Null);
        }
        (_, Ok(number), value) if number < MOST => {
            list.resize(list.len().max(number + 1), Value::Null);
            list[number] = value.clone();
        }
        _ => {}
    }
}

/// More addresses than a stream can have.
const MOST: usize = 16;

/// Sets an address of a stream that a Secret has.
pub fn secret_address(body: &mut Map<String, Value>, stream: &str, number: usize, url: &str) {
    address(body, stream, &number.to_string(), &url.into());
}

/// Sets the credentials of a bucket, which each version spells in its own way.
pub fn set_credentials(body: &mut Map<String, Value>, key: &str, secret: &str, api: Api) {
    let secret_name = if api == Api::V1 { "secret" } else { "secretKey" };
    let credentials = json!({"key": key, secret_name: secret});
    put(body, &["settings", "recording", "upload", "credentials"], |_| false, credentials);
}

/// Takes away the entries of a map that are not among these.
fn only(body: &mut Map<String, Value>, whole: &[&str], names: Option<&Value>) {
    let Some(names) = names.and_then(Value::as_array) else { return };
    put(body, whole, |there| there.is_object(), json!({}));
    if let Some(Value::Object(entries)) = leaf(body, whole) {
        entries.retain(|name, _| names.iter().any(|wanted| wanted.as_str() == Some(name)));
    }
}

fn leaf<'b>(body: &'b mut Map<String, Value>, path: &[&str]) -> Option<&'b mut Value> {
    let (last, whole) = path.split_last()?;
    whole.iter().try_fold(body, |fields, part| fields.get_mut(*part)?.as_object_mut())?.get_mut(*last)
}

/// Puts a value where none is that will do, and makes what leads to it.
fn put(body: &mut Map<String, Value>, path: &[&str], will_do: impl Fn(&Value) -> bool, value: Value) {
    let Some((last, whole)) = path.split_last() else { return };
    let mut fields = body;
    for part in whole {
        let inner = fields.entry(*part).or_insert_with(|| json!({}));
        if !inner.is_object() {
            *inner = json!({});
        }
        let Value::Object(inner) = inner else { return };
        fields = inner;
    }
    if !fields.get(*last).is_some_and(will_do) {
        fields.insert((*last).to_owned(), value);
    }
}

fn remove(body: &mut Map<String, Value>, path: &[&str]) {
    if let Some((last, whole)) = path.split_last()
        && let Some(fields) = whole.iter().try_fold(body, |fields, part| fields.get_mut(*part)?.as_object_mut())
    {
        fields.remove(*last);
    }
}
