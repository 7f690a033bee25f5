use super::Api;
use crate::api::template::UploadType;
use crate::api::{RoleSpec, TemplateSpec};
use crate::plan::mirror::Lacking;
use crate::tenancy::Key;

const V2_ONLY: &str = "V1 of the API of 100ms does not have it: it stays in the store; use the address of V2";

/// What a template asks for and this version does not have.
pub fn template(spec: &TemplateSpec, api: Api, key: &Key, lacking: &mut Vec<Lacking>) {
    let TemplateSpec { workspace_ref: _, name: _, default, settings, destinations, recordings, plugins, previous_names: _ } =
        spec;
    let mut lacks = lacks(key, lacking);
    match api {
        Api::V1 => {
            let settings = settings.as_ref();
            lacks(destinations.is_some(), "destinations", V2_ONLY);
            lacks(recordings.is_some(), "recordings", V2_ONLY);
            lacks(plugins.is_some(), "plugins", V2_ONLY);
            lacks(settings.is_some_and(|settings| settings.room_state.is_some()), "settings.roomState", V2_ONLY);
            lacks(other_bucket(spec), "settings.recording.upload", "V1 of the API of 100ms takes s3 only: it stays in the store");
        }
        Api::V2 => {
            let because =
                "V2 of the API of 100ms has no default template: it is kept in the store, and set in the dashboard or with V1";
            lacks(*default == Some(true), "default", because);
        }
    }
}

/// What a role asks for and this version does not have.
pub fn role(spec: &RoleSpec, api: Api, key: &Key, lacking: &mut Vec<Lacking>) {
    let RoleSpec {
        template_ref: _,
        name: _,
        priority: _,
        max_peer_count,
        publish_params,
        subscribe_params: _,
        permissions,
        previous_names: _,
    } = spec;
    let mut lacks = lacks(key, lacking);
    match api {
        Api::V1 => {
            let permissions = permissions.clone().unwrap_or_default();
            let simulcast = publish_params.as_ref().is_some_and(|publish| publish.simulcast.is_some());
            lacks(max_peer_count.is_some(), "maxPeerCount", V2_ONLY);
            lacks(simulcast, "publishParams.simulcast", V2_ONLY);
            lacks(permissions.send_room_state == Some(true), "permissions.sendRoomState", V2_ONLY);
            lacks(permissions.poll_read == Some(true), "permissions.pollRead", V2_ONLY);
            lacks(permissions.poll_write == Some(true), "permissions.pollWrite", V2_ONLY);
        }
        Api::V2 => {
            let because = "V2 of the API of 100ms takes 1 to 5: it stays in the store; write at most 5, or use the address of V1";
            lacks(has_low_priority(spec), "priority", because);
        }
    }
}

/// Whether recordings go to a bucket that V1 does not know.
pub fn other_bucket(spec: &TemplateSpec) -> bool {
    let recording = spec.settings.as_ref().and_then(|settings| settings.recording.as_ref());
    recording.and_then(|recording| recording.upload.as_ref()).is_some_and(|upload| upload.type_ != UploadType::S3)
}

/// Whether a priority is one of V1 only.
pub fn has_low_priority(spec: &RoleSpec) -> bool {
    spec.priority.is_some_and(|priority| priority.get() > 5)
}

fn lacks(key: &Key, lacking: &mut Vec<Lacking>) -> impl FnMut(bool, &str, &str) {
    move |lacks, path, because| {
        if lacks {
            lacking.push(Lacking { subject: key.clone(), path: path.into(), because: because.into() });
        }
    }
}
