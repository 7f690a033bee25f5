use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value};

use super::normal::{self, Side};
use super::{Api, lacking};
use crate::api::template::{Destinations, RtmpUrl, Upload};
use crate::api::types::SecretKeyRef;
use crate::api::{RoleSpec, TemplateSpec};

/// The fields that a document manages.
pub struct Fields {
    /// In normal form.
    pub plain: Map<String, Value>,
    /// Those whose values are elsewhere, by their path.
    pub secrets: BTreeMap<Box<str>, SecretKeyRef>,
}

/// What a template's document manages. What this version of the API does not have is left out.
pub fn template(spec: &TemplateSpec, api: Api) -> Fields {
    let mut fields = json(spec);
    for name in ["workspaceRef", "name", "previousNames"] {
        fields.remove(name);
    }
    let mut secrets = BTreeMap::new();
    let upload = spec.settings.as_ref().and_then(|settings| settings.recording.as_ref()?.upload.as_ref());
    if let Some(upload) = upload.filter(|_| api == Api::V2 || !lacking::other_bucket(spec)) {
        credentials(upload, &mut secrets);
    }
    if let Some(upload) = inside(&mut fields, &["settings", "recording", "upload"]) {
        upload.remove("credentials");
    }
    match api {
        Api::V1 => {
            for name in ["destinations", "recordings", "plugins"] {
                fields.remove(name);
            }
            inside(&mut fields, &["settings"]).map(|settings| settings.remove("roomState"));
            if lacking::other_bucket(spec) {
                inside(&mut fields, &["settings", "recording"]).map(|recording| recording.remove("upload"));
            }
            fields.entry("default").or_insert(false.into());
        }
        Api::V2 => {
            fields.remove("default");
            if let Some(destinations) = &spec.destinations {
                streams(destinations, &mut fields, &mut secrets);
            }
            normal::recordings(&mut fields);
        }
    }
    normal::template(&mut fields, Side::Wanted);
    Fields { plain: fields, secrets }
}

/// What a role's document manages. What this version of the API does not have is left out.
pub fn role(spec: &RoleSpec, api: Api) -> Map<String, Value> {
    let mut fields = json(spec);
    for name in ["templateRef", "name", "previousNames"] {
        fields.remove(name);
    }
    let publish = spec.publish_params.as_ref();
    let video = publish.and_then(|publish| publish.video.as_ref()?.quality).map(|quality| quality.size());
    let screen = publish.and_then(|publish| publish.screen.as_ref()?.quality).map(|quality| quality.size());
    for (track, size) in [("video", video), ("screen", screen)] {
        if let (Some(track), Some((width, height))) = (inside(&mut fields, &["publishParams", track]), size) {
            track.remove("quality");
            track.extend([("width".to_owned(), width.into()), ("height".to_owned(), height.into())]);
        }
    }
    match api {
        Api::V1 => {
            fields.remove("maxPeerCount");
            inside(&mut fields, &["publishParams"]).map(|publish| publish.remove("simulcast"));
            if let Some(permissions) = inside(&mut fields, &["permissions"]) {
                ["sendRoomState", "pollRead", "pollWrite"].iter().for_each(|name| drop(permissions.remove(*name)));
            }
        }
        Api::V2 => {
            fields.entry("maxPeerCount").or_insert(0.into());
            if lacking::has_low_priority(spec) {
                fields.remove("priority");
            }
        }
    }
    normal::role(&mut fields, api, Side::Wanted);
    fields
}

/// The key and the secret of a bucket, which a Secret has under these names.
fn credentials(upload: &Upload, secrets: &mut BTreeMap<Box<str>, SecretKeyRef>) {
    let Some(secret) = &upload.credentials else { return };
    for name in ["key", "secret"] {
        if let Ok(key) = name.parse() {
            let path = format!("settings.recording.upload.credentials.{name}").into();
            secrets.insert(path, SecretKeyRef { name: secret.name.clone(), key });
        }
    }
}

/// The places that streams go to become texts, and those that a Secret has become secrets.
fn streams(destinations: &Destinations, fields: &mut Map<String, Value>, secrets: &mut BTreeMap<Box<str>, SecretKeyRef>) {
    for (name, stream) in destinations.rtmp_destinations.iter().flat_map(|streams| streams.iter()) {
        let Some(urls) = &stream.rtmp_urls else { continue };
        let mut plain = Map::new();
        for (number, RtmpUrl { url, secret_ref }) in urls.iter().enumerate() {
            if let Some(url) = url {
                plain.insert(number.to_string(), url.as_str().into());
            }
            if let Some(secret) = secret_ref {
                secrets.insert(normal::url_path(name, number).into(), secret.clone());
            }
        }
        plain.insert(normal::ENTRIES.to_owned(), urls.len().into());
        if let Some(stream) = inside(fields, &["destinations", "rtmpDestinations", name]) {
            stream.insert("rtmpUrls".to_owned(), plain.into());
        }
    }
}

fn json(spec: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(spec) {
        Ok(Value::Object(fields)) => fields,
        // A document is always an object.
        _ => Map::new(),
    }
}

fn inside<'f>(fields: &'f mut Map<String, Value>, path: &[&str]) -> Option<&'f mut Map<String, Value>> {
    path.iter().try_fold(fields, |fields, part| fields.get_mut(*part)?.as_object_mut())
}
