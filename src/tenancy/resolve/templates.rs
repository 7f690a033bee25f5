use std::collections::BTreeMap;

use super::Objection;
use super::checks::Scope;
use crate::api::policy::Validation;
use crate::api::publish::Track;
use crate::api::template::{Region, Transcription, TranscriptionMode};
use crate::api::workspace::DataResidency;
use crate::api::{Kind, RoleSpec, Spec, TemplateSpec};
use crate::tenancy::view::View;
use crate::tenancy::{Key, Manifest, Severity, Snapshot};

/// What templates and roles.muster.dev are checked against: the workspaces they are in.
struct Rooms<'a> {
    scope: &'a Scope<'a>,
    workspaces: BTreeMap<&'a str, Workspace>,
}

#[derive(Clone, Copy, Default)]
struct Workspace {
    hipaa: bool,
    residency: Option<DataResidency>,
}

/// A check over the templates and roles.muster.dev of an organization.
type Check = fn(&Rooms<'_>) -> Vec<Objection>;

/// What must, or should, be true of templates and roles.muster.dev, as sentences.
const CHECKS: &[(&str, Check)] = &[
    ("a HIPAA workspace has no template that streams, or records elsewhere than into a bucket of its own", hipaa),
    ("rooms run where the data of the workspace is", regions),
    ("who has parameters for a track may share it", tracks),
    ("the state of a room is told where somebody receives it", room_state),
    ("who makes polls sees them, and who streams with recording may record", pairs),
    ("sizes are those that the service documents", sizes),
];

/// Makes every check.
pub fn check(scope: &Scope<'_>, snapshot: Option<&Snapshot>) -> Vec<Objection> {
    if !scope.manifests.iter().any(|manifest| matches!(manifest.spec.kind(), Kind::Template | Kind::Role)) {
        return Vec::new();
    }
    let rooms = Rooms { scope, workspaces: workspaces(scope, snapshot) };
    CHECKS.iter().flat_map(|(_, check)| check(&rooms)).collect()
}

fn workspaces<'a>(scope: &Scope<'a>, snapshot: Option<&'a Snapshot>) -> BTreeMap<&'a str, Workspace> {
    let rows = snapshot.into_iter().flat_map(|snapshot| snapshot.live(Kind::Workspace));
    let stored = rows.filter_map(|row| match View::read(Kind::Workspace, &row.spec) {
        View::Workspace(view) => {
            let workspace = Workspace { hipaa: view.hipaa == Some(true), residency: view.data_residency };
            Some((row.key.name.as_str(), workspace))
        }
        _ => None,
    });
    let mut all: BTreeMap<_, _> = stored.collect();
    for manifest in scope.manifests {
        if let Spec::Workspace(spec) = &*manifest.spec {
            let workspace = all
                .entry(manifest.name.as_str())
                .or_insert(Workspace { hipaa: false, residency: spec.data_residency.or(scope.policy.default_residency) });
            workspace.hipaa |= spec.hipaa == Some(true);
        }
    }
    all
}

impl Rooms<'_> {
    fn templates(&self) -> impl Iterator<Item = (&Manifest, &TemplateSpec, Workspace)> {
        self.scope.manifests.iter().filter_map(|manifest| match &*manifest.spec {
            Spec::Template(spec) => {
                let workspace = self.workspaces.get(spec.workspace_ref.name.as_str()).copied().unwrap_or_default();
                Some((*manifest, &**spec, workspace))
            }
            _ => None,
        })
    }

    fn roles(&self) -> impl Iterator<Item = (&Manifest, &RoleSpec)> {
        self.scope.manifests.iter().filter_map(|manifest| match &*manifest.spec {
            Spec::Role(spec) => Some((*manifest, &**spec)),
            _ => None,
        })
    }

    fn roles_of(&self, template: &Manifest) -> impl Iterator<Item = &RoleSpec> {
        let of = move |spec: &&RoleSpec| *spec.template_ref.name.as_str() == *template.name;
        self.roles().map(|(_, spec)| spec).filter(of)
    }
}

fn hipaa(rooms: &Rooms<'_>) -> Vec<Objection> {
    let mut objections = Vec::new();
    for (manifest, spec, _) in rooms.templates().filter(|(_, _, workspace)| workspace.hipaa) {
        let workspace = spec.workspace_ref.name.as_str();
        for (path, what) in forbidden_by_hipaa(spec) {
            let key = Key::new(Kind::Template, manifest.name.clone());
            let message = format!("{what}, and workspace/{workspace} obeys HIPAA");
            let help = Some("take it out, or put the template into another workspace".to_owned());
            objections.push(Objection::error(manifest, key, "hipaa-template", path.to_owned(), message).help(help));
        }
    }
    objections
}

/// What the service locks in a HIPAA workspace, as far as a template has it.
fn forbidden_by_hipaa(spec: &TemplateSpec) -> Vec<(&'static str, &'static str)> {
    let destinations = spec.destinations.as_ref();
    let recordings = || spec.recordings.iter().flat_map(|list| list.iter());
    let settings = spec.settings.as_ref().and_then(|settings| settings.recording.as_ref());
    let own_bucket = settings.is_some_and(|recording| recording.upload.is_some());
    let browser = destinations.is_some_and(|it| it.browser_recordings.as_ref().is_some_and(|map| !map.is_empty()));
    let records = settings.is_some_and(|it| it.enabled == Some(true)) || recordings().next().is_some() || browser;
    let on = |switch: Option<bool>| switch == Some(true);
    let live =
        |it: &Transcription| it.modes.as_ref().is_some_and(|modes| modes.iter().any(|mode| *mode == TranscriptionMode::Live));
    let found = [
        (
            destinations.is_some_and(|it| it.hls_destinations.as_ref().is_some_and(|map| !map.is_empty())),
            "spec.destinations.hlsDestinations",
            "streams by HLS",
        ),
        (
            destinations.is_some_and(|it| it.rtmp_destinations.as_ref().is_some_and(|map| !map.is_empty())),
            "spec.destinations.rtmpDestinations",
            "streams by RTMP",
        ),
        (
            destinations.is_some_and(|it| it.transcriptions.as_ref().is_some_and(|map| map.values().any(live))),
            "spec.destinations.transcriptions",
            "transcribes streams (mode live)",
        ),
        (
            recordings().any(|it| on(it.track_recording.as_ref().and_then(|switch| switch.enabled))),
            "spec.recordings[0].trackRecording",
            "records single tracks",
        ),
        (
            recordings().any(|it| on(it.stream_recording.as_ref().and_then(|switch| switch.enabled))),
            "spec.recordings[0].streamRecording",
            "records single streams",
        ),
        (
            recordings().filter_map(|it| it.composite_recording.as_ref()?.custom_composite.as_ref()).any(|it| on(it.enabled)),
            "spec.recordings[0].compositeRecording.customComposite",
            "records a composite of its own",
        ),
        (records && !own_bucket, "spec.settings.recording.upload", "records without a bucket of its own"),
    ];
    found.into_iter().filter(|(found, _, _)| *found).map(|(_, path, what)| (path, what)).collect()
}

fn warn(manifest: &Manifest, code: &'static str, path: &str, message: String) -> Objection {
    Objection::note(manifest, Severity::Warning, code, path.to_owned(), message)
}

fn regions(rooms: &Rooms<'_>) -> Vec<Objection> {
    let at_home = |residency| match residency {
        DataResidency::Usa => Region::Us,
        DataResidency::Europe => Region::Eu,
        DataResidency::India => Region::In,
    };
    let elsewhere = rooms.templates().filter_map(|(manifest, spec, workspace)| {
        let (region, residency) = (spec.settings.as_ref()?.region?, workspace.residency?);
        let message =
            format!("rooms run in {region}, and the data of workspace/{} stays in {residency}", spec.workspace_ref.name);
        (region != Region::Auto && region != at_home(residency))
            .then(|| warn(manifest, "region-elsewhere", "spec.settings.region", message))
    });
    elsewhere.collect()
}

fn tracks(rooms: &Rooms<'_>) -> Vec<Objection> {
    let mut objections = Vec::new();
    for (manifest, spec) in rooms.roles() {
        let Some(params) = &spec.publish_params else { continue };
        let Some(allowed) = &params.allowed else { continue };
        let written = [
            (Track::Audio, params.audio.is_some()),
            (Track::Video, params.video.is_some()),
            (Track::Screen, params.screen.is_some()),
        ];
        for (track, _) in written.into_iter().filter(|(track, written)| *written && !allowed.iter().any(|it| it == track)) {
            let message = format!("has no effect, because allowed does not have {track}");
            objections.push(warn(manifest, "track-not-allowed", &format!("spec.publishParams.{track}"), message));
        }
    }
    objections
}

fn room_state(rooms: &Rooms<'_>) -> Vec<Objection> {
    let enabled = |spec: &TemplateSpec| spec.settings.as_ref().and_then(|settings| settings.room_state.as_ref()?.enabled);
    let receives =
        |spec: &RoleSpec| spec.permissions.as_ref().is_some_and(|permissions| permissions.send_room_state == Some(true));
    let disagree = rooms.templates().filter_map(|(manifest, spec, _)| {
        let mut roles = rooms.roles_of(manifest).peekable();
        roles.peek()?;
        let told = roles.any(receives);
        let message = match (enabled(spec)?, told) {
            (true, false) => "is enabled, and no roles.muster.dev of the template has permissions.sendRoomState",
            (false, true) => "is not enabled, and a roles.muster.dev of the template has permissions.sendRoomState",
            _ => return None,
        };
        Some(warn(manifest, "room-state", "spec.settings.roomState.enabled", message.to_owned()))
    });
    disagree.collect()
}

fn pairs(rooms: &Rooms<'_>) -> Vec<Objection> {
    let records = |spec: &TemplateSpec| {
        let destinations = spec.destinations.as_ref().and_then(|it| it.rtmp_destinations.as_ref());
        destinations.is_some_and(|map| map.values().any(|it| it.recording_enabled == Some(true)))
    };
    let recorded: Vec<&str> =
        rooms.templates().filter(|(_, spec, _)| records(spec)).map(|(manifest, _, _)| manifest.name.as_str()).collect();
    let mut objections = Vec::new();
    for (manifest, spec) in rooms.roles() {
        let Some(permissions) = &spec.permissions else { continue };
        if permissions.poll_write == Some(true) && permissions.poll_read == Some(false) {
            let message = "is false, but pollWrite includes it".to_owned();
            objections.push(warn(manifest, "permission-pair", "spec.permissions.pollRead", message));
        }
        let streams = [permissions.rtmp_streaming, permissions.browser_recording];
        if recorded.contains(&spec.template_ref.name.as_str()) && streams.contains(&Some(true)) && streams.contains(&Some(false))
        {
            let message = "streaming by RTMP with recording needs rtmpStreaming and browserRecording".to_owned();
            objections.push(warn(manifest, "permission-pair", "spec.permissions", message));
        }
    }
    objections
}

fn sizes(rooms: &Rooms<'_>) -> Vec<Objection> {
    let lenient = rooms.scope.policy.templates_validation == Validation::Lenient;
    let mut objections = Vec::new();
    for (manifest, spec) in rooms.roles() {
        let Some(params) = &spec.publish_params else { continue };
        let (video, screen) = (params.video.as_ref(), params.screen.as_ref());
        let written = [
            ("video.width", video.and_then(|it| it.width).map(|it| it.get()), 50, 1920),
            ("video.height", video.and_then(|it| it.height).map(|it| it.get()), 50, 1080),
            ("screen.width", screen.and_then(|it| it.width).map(|it| it.get()), 480, 1920),
            ("screen.height", screen.and_then(|it| it.height).map(|it| it.get()), 270, 1080),
        ];
        for (field, value, from, to) in written {
            let Some(value) = value.filter(|value| !(from..=to).contains(value)) else { continue };
            let (path, message) =
                (format!("spec.publishParams.{field}"), format!("must be from {from} to {to}, as documented, and is {value}"));
            objections.push(if lenient {
                warn(manifest, "undocumented-size", &path, message)
            } else {
                let key = Key::new(Kind::Role, manifest.name.clone());
                let help = "choose another, or set policy.templates.validation: Lenient, because the service takes it".to_owned();
                Objection::error(manifest, key, "undocumented-size", path, message).help(Some(help))
            });
        }
    }
    objections
}
