//! What the systems' documents say of single objects, and of those that belong together: the values they allow are taken, the next ones
//! to them are not, and what only makes no sense is a warning.

use muster::source::read_text;
use muster::tenancy::resolve;
use serde_json::{Value, json};

/// A document.
fn object(kind: &str, name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "muster.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec})
}

/// What is found in documents, each as `code kind/name path`.
fn found_in(documents: &[Value]) -> Vec<String> {
    let text: String = documents.iter().map(|document| format!("---\n{document}\n")).collect();
    let input = read_text("acme.yaml", &text).input;
    let resolved = resolve(&input, &[], None);
    let told = |finding: &muster::tenancy::Finding| {
        let subject = finding.subject.as_ref().map(|(kind, name)| format!("{}/{name}", kind.label())).unwrap_or_default();
        let level = if finding.severity.to_string() == "error" { "" } else { "warning " };
        format!("{level}{} {subject} {}", finding.code, finding.path)
    };
    input.findings.iter().chain(&resolved.findings).map(told).collect()
}

/// What is found in an organization of a preset with a workspace `design`, its template `meeting` and the mrole `host`, when a part of
/// one of them is written otherwise.
fn found(preset: &str, kind: &str, path: &str, value: &Value) -> Vec<String> {
    let mut specs = [
        ("Organization", "acme", json!({"preset": preset})),
        ("Workspace", "design", json!({"organizationRef": {"name": "acme"}, "type": "Production"})),
        ("Template", "meeting", json!({"workspaceRef": {"name": "design"}})),
        ("Role", "host", json!({"templateRef": {"name": "meeting"}})),
    ];
    let (_, _, spec) = specs.iter_mut().find(|(other, ..)| *other == kind).unwrap();
    set(spec, path, value);
    let documents: Vec<Value> = specs.iter().map(|(kind, name, spec)| object(kind, name, spec)).collect();
    found_in(&documents)
}

/// Writes a value at a path such as `publishParams.audio.bitRate`.
fn set(spec: &mut Value, path: &str, value: &Value) {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    match rest {
        Some(rest) => set(&mut spec[first], rest, value),
        None => spec[first] = value.clone(),
    }
}

fn clean(kind: &str, path: &str, value: &Value) {
    assert_eq!(found("standard", kind, path, value), Vec::<String>::new(), "{path}: {value}");
}

fn refused(kind: &str, path: &str, value: &Value, code: &str) {
    let found = found("standard", kind, path, value);
    assert!(found.iter().any(|finding| finding.starts_with(code)), "{path}: {value}: {found:?}");
}

/// 100ms, Templates and Roles: the numbers, from and to.
const RANGES: &[(&str, &str, i64, Option<i64>)] = &[
    ("Role", "publishParams.audio.bitRate", 16, Some(128)),
    ("Role", "publishParams.video.bitRate", 30, Some(2000)),
    ("Role", "publishParams.video.frameRate", 1, Some(30)),
    ("Role", "publishParams.screen.bitRate", 500, None),
    ("Role", "publishParams.screen.frameRate", 1, Some(30)),
    ("Role", "subscribeParams.subscribeDegradation.packetLossThreshold", 1, Some(100)),
    ("Role", "subscribeParams.subscribeDegradation.degradeGracePeriodSeconds", 1, Some(10)),
    ("Role", "subscribeParams.subscribeDegradation.recoverGracePeriodSeconds", 1, Some(10)),
    ("Template", "settings.roomState.messageInterval", 5, Some(3600)),
];

/// The sizes, which the service takes beyond what its document says.
const SIZES: &[(&str, i64, i64)] = &[
    ("publishParams.video.width", 50, 1920),
    ("publishParams.video.height", 50, 1080),
    ("publishParams.screen.width", 480, 1920),
    ("publishParams.screen.height", 270, 1080),
];

/// The words.
const WORDS: &[(&str, &str, &[&str], &str)] = &[
    ("Role", "publishParams.audio.codec", &["opus"], "aac"),
    ("Role", "publishParams.video.codec", &["vp8"], "h264"),
    ("Role", "publishParams.screen.codec", &["vp8"], "h264"),
    ("Role", "publishParams.video.quality", &["1080p", "720p", "480p", "360p", "240p", "120p"], "144p"),
    ("Role", "publishParams.screen.quality", &["720p", "1080p"], "480p"),
    ("Template", "settings.region", &["in", "us", "eu", "auto"], "asia"),
    ("Workspace", "dataResidency", &["USA", "Europe", "India"], "Japan"),
    ("Workspace", "type", &["Development", "Production", "QA", "Staging"], "Test"),
    ("Workspace", "language", &["ENGLISH", "FRENCH", "SPANISH", "HINDI", "SWAHILI"], "GERMAN"),
];

#[test]
fn numbers_are_taken_from_the_smallest_to_the_largest_of_the_document() {
    for (kind, path, low, high) in RANGES {
        clean(kind, path, &json!(low));
        refused(kind, path, &json!(low - 1), "invalid-value");
        if let Some(high) = high {
            clean(kind, path, &json!(high));
            refused(kind, path, &json!(high + 1), "invalid-value");
        }
    }
    refused("Template", "settings.roomState.messageInterval", &json!(12), "inconsistent-fields");
}

#[test]
fn sizes_beyond_the_document_are_refused_or_where_the_policy_is_lenient_a_warning() {
    let lenient = |path: &str, value: i64| {
        let policy = json!({"policy": {"templates": {"validation": "Lenient"}}});
        let mut role = json!({"templateRef": {"name": "meeting"}});
        set(&mut role, path, &json!(value));
        let organization = object("Organization", "acme", &policy);
        let workspace = object("Workspace", "design", &json!({"organizationRef": {"name": "acme"}}));
        let template = object("Template", "meeting", &json!({"workspaceRef": {"name": "design"}}));
        found_in(&[organization, workspace, template, object("Role", "host", &role)])
    };
    for (path, low, high) in SIZES {
        for value in [*low, *high] {
            clean("Role", path, &json!(value));
        }
        for value in [low - 1, high + 1] {
            refused("Role", path, &json!(value), "undocumented-size mrole/host");
            assert_eq!(lenient(path, value), [format!("warning undocumented-size mrole/host spec.{path}")]);
        }
    }
}

#[test]
fn words_are_those_of_the_document() {
    for (kind, path, words, other) in WORDS {
        for word in *words {
            clean(kind, path, &json!(word));
        }
        refused(kind, path, &json!(other), "unknown-value");
    }
    clean("Role", "publishParams.allowed", &json!(["audio", "video", "screen"]));
    refused("Role", "publishParams.allowed", &json!(["audio", "files"]), "unknown-value");
}

#[test]
fn a_lower_priority_goes_to_ten_in_the_first_version_of_the_api_and_to_five_in_the_second() {
    clean("Role", "priority", &json!(1));
    clean("Role", "priority", &json!(5));
    refused("Role", "priority", &json!(0), "invalid-value");
    refused("Role", "priority", &json!(6), "priority-range mrole/host spec.priority");
    refused("Role", "priority", &json!(11), "invalid-value");
    let first_version = |priority: i64| {
        found_in(&[
            object("Organization", "acme", &json!({"policy": {"templates": {"api": "V1"}}})),
            object("Workspace", "design", &json!({"organizationRef": {"name": "acme"}})),
            object("Template", "meeting", &json!({"workspaceRef": {"name": "design"}})),
            object("Role", "host", &json!({"templateRef": {"name": "meeting"}, "priority": priority})),
        ])
    };
    assert_eq!(first_version(10), Vec::<String>::new());
    assert!(first_version(11)[0].starts_with("invalid-value"), "{:?}", first_version(11));
}

#[test]
fn an_upload_names_a_type_a_bucket_and_a_folder() {
    let upload = json!({"type": "s3", "location": "acme", "prefix": "rooms", "options": {"region": "ap-south-1"}, "credentials": {"name": "bucket"}});
    let path = "settings.recording.upload";
    clean("Template", path, &upload);
    clean("Template", "settings.recording.enabled", &json!(true));
    for field in ["type", "location", "prefix"] {
        let mut without = upload.clone();
        without.as_object_mut().unwrap().remove(field);
        refused("Template", path, &without, "missing-field");
    }
    let mut clear = upload.clone();
    clear["credentials"] = json!({"key": "id", "secret": "clear"});
    refused("Template", path, &clear, "unknown-field");
}

#[test]
fn a_name_of_a_template_has_the_characters_that_the_service_takes() {
    clean("Template", "name", &json!("Team-Meeting_2.0: a"));
    refused("Template", "name", &json!("Team/Meeting"), "invalid-value");
}

#[test]
fn a_quality_stands_for_a_size_and_not_beside_one() {
    clean("Role", "publishParams.video", &json!({"quality": "720p", "bitRate": 300}));
    refused("Role", "publishParams.video", &json!({"quality": "720p", "width": 1280}), "inconsistent-fields");
    refused("Role", "publishParams.screen", &json!({"quality": "720p", "height": 720}), "inconsistent-fields");
}

#[test]
fn parameters_of_a_track_that_may_not_be_shared_are_a_warning() {
    let found = |params: Value| found("hundredms", "Role", "publishParams", &params);
    assert_eq!(found(json!({"allowed": ["video"], "video": {"quality": "720p"}})), Vec::<String>::new());
    let without = |track: &str| {
        let mut params = json!({"allowed": []});
        params[track] = json!({});
        found(params)
    };
    for track in ["audio", "video", "screen"] {
        assert_eq!(without(track), [format!("warning track-not-allowed mrole/host spec.publishParams.{track}")]);
    }
}

#[test]
fn layers_of_simulcast_begin_with_the_full_size_and_become_smaller() {
    let layers = |layers: Value| json!({"video": {"layers": layers}});
    let layer = |rid: &str, scale: f64| json!({"rid": rid, "scaleResolutionDownBy": scale, "maxFramerate": 25});
    let path = "publishParams.simulcast";
    clean("Role", path, &layers(json!([layer("f", 1.0), layer("h", 2.0), layer("q", 12.0)])));
    for wrong in [
        json!([layer("h", 1.0)]),
        json!([layer("f", 2.0)]),
        json!([layer("f", 1.0), layer("q", 2.0), layer("h", 4.0)]),
        json!([layer("f", 1.0), layer("h", 1.0)]),
    ] {
        refused("Role", path, &layers(wrong), "inconsistent-fields");
    }
    refused("Role", path, &layers(json!([layer("f", 1.0), layer("h", 12.5)])), "invalid-value");
    refused("Role", path, &layers(json!([{"rid": "f", "scaleResolutionDownBy": 1}])), "missing-field");
    let with = |field: &str, value: i64| {
        let mut layer = layer("f", 1.0);
        layer[field] = json!(value);
        layers(json!([layer]))
    };
    for (field, low, high) in [("maxFramerate", 1, 30), ("maxBitrate", 0, 2000)] {
        clean("Role", path, &with(field, low));
        clean("Role", path, &with(field, high));
        refused("Role", path, &with(field, low - 1), "invalid-value");
        refused("Role", path, &with(field, high + 1), "invalid-value");
    }
}

#[test]
fn streams_by_hls_have_even_layers_from_large_to_small_and_record_only_what_they_stream() {
    let path = "destinations.hlsDestinations.wide";
    let layers = |layers: Value| json!({"layers": layers});
    let size = |width: i64, height: i64| json!({"width": width, "height": height});
    clean("Template", path, &layers(json!([size(1280, 720), size(640, 360)])));
    refused("Template", path, &layers(json!([size(640, 360), size(1280, 720)])), "inconsistent-fields");
    refused("Template", path, &layers(json!([size(1281, 720)])), "inconsistent-fields");
    refused("Template", path, &layers(json!([size(1280, 142)])), "invalid-value");
    refused("Template", path, &layers(json!([size(1922, 720)])), "invalid-value");
    refused("Template", path, &layers(json!([size(1920, 1200)])), "inconsistent-fields");
    let recorded = json!({"layers": [size(1280, 720)], "recording": {"layers": [size(640, 360)]}});
    refused("Template", path, &recorded, "inconsistent-fields");
    refused("Template", path, &json!({"numPlaylistSegments": 2}), "invalid-value");
    refused("Template", path, &json!({"recording": {"enableZipUpload": true}}), "inconsistent-fields");
    let urls: Vec<Value> = (0..4).map(|it| json!({"url": format!("rtmps://live.acme.example/{it}")})).collect();
    clean("Template", "destinations.rtmpDestinations.live.rtmpUrls", &json!(urls[..3]));
    refused("Template", "destinations.rtmpDestinations.live.rtmpUrls", &json!(urls), "invalid-value");
}

#[test]
fn there_is_one_way_of_recording_and_it_names_an_mrole() {
    let one = json!({"name": "default", "role": "host"});
    clean("Template", "recordings", &json!([one]));
    refused("Template", "recordings", &json!([]), "invalid-value");
    refused("Template", "recordings", &json!([one, one]), "invalid-value");
    for field in ["name", "role"] {
        let mut without = one.clone();
        without.as_object_mut().unwrap().remove(field);
        refused("Template", "recordings", &json!([without]), "missing-field");
    }
}

#[test]
fn a_transcription_says_what_it_is_for_and_what_comes_of_it() {
    let path = "destinations.transcriptions.notes";
    let with = |field: &str, value: Value| {
        let mut all = json!({"role": "host", "modes": ["recorded", "caption"]});
        all[field] = value;
        all
    };
    clean("Template", path, &with("outputModes", json!(["txt", "srt", "json"])));
    refused("Template", path, &json!({"modes": ["recorded"]}), "missing-field");
    refused("Template", path, &with("modes", json!(["always"])), "unknown-value");
    refused("Template", path, &with("outputModes", json!(["pdf"])), "unknown-value");
    refused("Template", path, &json!({"role": "host", "modes": ["live"], "outputModes": ["txt"]}), "inconsistent-fields");
    refused(
        "Template",
        path,
        &json!({"role": "host", "modes": ["recorded"], "translation": {"enabled": true}}),
        "inconsistent-fields",
    );
    let summary = |field: &str, value: Value| with("summary", json!({ field: value }));
    clean("Template", path, &summary("temperature", json!(0.1)));
    clean("Template", path, &summary("temperature", json!(1.0)));
    refused("Template", path, &summary("temperature", json!(1.1)), "invalid-value");
    refused("Template", path, &summary("context", json!("c".repeat(301))), "invalid-value");
    let sections = |many: usize, title: usize| {
        let section = |it: usize| json!({"title": format!("{it}{}", "t".repeat(title - 1)), "format": "bullets"});
        summary("sections", json!((0..many).map(section).collect::<Vec<_>>()))
    };
    clean("Template", path, &sections(6, 100));
    refused("Template", path, &sections(7, 100), "invalid-value");
    refused("Template", path, &sections(6, 101), "invalid-value");
    refused("Template", path, &summary("sections", json!([{"title": "t", "format": "table"}])), "unknown-value");
}

#[test]
fn permissions_that_need_each_other_come_together() {
    let warned = |permissions: Value| found("hundredms", "Role", "permissions", &permissions);
    assert_eq!(warned(json!({"pollRead": true, "pollWrite": true})), Vec::<String>::new());
    assert_eq!(
        warned(json!({"pollRead": false, "pollWrite": true})),
        ["warning permission-pair mrole/host spec.permissions.pollRead"]
    );
}

#[test]
fn the_state_of_a_room_is_told_where_an_mrole_receives_it() {
    let found = |enabled: bool, receives: bool| {
        let room_state = json!({"enabled": enabled, "messageInterval": 30, "sendPeerList": true});
        found_in(&[
            object("Organization", "acme", &json!({"preset": "hundredms"})),
            object("Workspace", "design", &json!({"organizationRef": {"name": "acme"}})),
            object("Template", "meeting", &json!({"workspaceRef": {"name": "design"}, "settings": {"roomState": room_state}})),
            object("Role", "host", &json!({"templateRef": {"name": "meeting"}, "permissions": {"sendRoomState": receives}})),
        ])
    };
    for agree in [true, false] {
        assert_eq!(found(agree, agree), Vec::<String>::new());
        assert_eq!(found(agree, !agree), ["warning room-state template/meeting spec.settings.roomState.enabled"]);
    }
}

/// What is found in a template of a workspace that is kept in Europe, and may obey HIPAA.
fn in_europe(hipaa: bool, path: &str, value: &Value) -> Vec<String> {
    let mut template = json!({"workspaceRef": {"name": "clinic"}});
    set(&mut template, path, value);
    let workspace = json!({"organizationRef": {"name": "acme"}, "hipaa": hipaa, "dataResidency": "Europe"});
    found_in(&[
        object("Organization", "acme", &json!({"preset": "hundredms"})),
        object("Workspace", "clinic", &workspace),
        object("Template", "visit", &template),
    ])
}

#[test]
fn rooms_that_run_elsewhere_than_the_data_is_are_a_warning() {
    for region in ["eu", "auto"] {
        assert_eq!(in_europe(false, "settings.region", &json!(region)), Vec::<String>::new());
    }
    let warning = ["warning region-elsewhere template/visit spec.settings.region"];
    assert_eq!(in_europe(false, "settings.region", &json!("us")), warning);
}

#[test]
fn a_template_of_a_hipaa_workspace_neither_streams_nor_records_elsewhere_than_into_its_own_bucket() {
    let recording = |field: &str, value: Value| {
        let mut one = json!({"name": "default", "role": "host"});
        one[field] = value;
        json!([one])
    };
    let on = || json!({"enabled": true});
    for (path, value, at) in [
        ("destinations.hlsDestinations.wide", json!({}), "spec.destinations.hlsDestinations"),
        ("destinations.rtmpDestinations.live", json!({}), "spec.destinations.rtmpDestinations"),
        ("destinations.transcriptions.notes", json!({"role": "host", "modes": ["live"]}), "spec.destinations.transcriptions"),
        ("recordings", recording("trackRecording", on()), "spec.recordings[0].trackRecording"),
        ("recordings", recording("streamRecording", on()), "spec.recordings[0].streamRecording"),
        (
            "recordings",
            recording("compositeRecording", json!({"customComposite": on()})),
            "spec.recordings[0].compositeRecording.customComposite",
        ),
        ("settings.recording.enabled", json!(true), "spec.settings.recording.upload"),
    ] {
        let finding = format!("hipaa-template template/visit {at}");
        assert!(in_europe(true, path, &value).contains(&finding), "{path}: {:?}", in_europe(true, path, &value));
        assert!(!in_europe(false, path, &value).contains(&finding), "{path}");
    }
    let upload = json!({"type": "s3", "location": "acme", "prefix": "rooms"});
    assert_eq!(in_europe(true, "settings.recording", &json!({"enabled": true, "upload": upload})), Vec::<String>::new());
}

#[test]
fn a_webhook_is_https_where_hipaa_counts_and_keeps_its_secrets_elsewhere() {
    clean("Workspace", "webhook", &json!({"url": "http://hooks.acme.example/", "headers": [{"name": "X-Stage", "value": "qa"}]}));
    let secret = json!({"url": "https://hooks.acme.example/", "headers": [{"name": "X-Api-Key", "value": "clear"}]});
    refused("Workspace", "webhook", &secret, "inconsistent-fields");
    let workspace = json!({"organizationRef": {"name": "acme"}, "hipaa": true, "webhook": {"url": "http://hooks.acme.example/"}});
    let found = found_in(&[object("Organization", "acme", &json!({})), object("Workspace", "design", &workspace)]);
    assert_eq!(found, ["inconsistent-fields workspace/design spec.webhook"]);
}

#[test]
fn quotas_are_numbers_or_unlimited() {
    for value in [json!(0), json!(100), json!("Unlimited")] {
        clean("Workspace", "quotas", &json!({"apiDaily": value, "content": value}));
    }
    refused("Workspace", "quotas.apiDaily", &json!(-1), "invalid-value");
    refused("Workspace", "quotas.content", &json!("many"), "invalid-value");
}

/// What is found in an organization of a preset with one more object.
fn beside(preset: &str, kind: &str, spec: &Value) -> Vec<String> {
    let mut spec = spec.clone();
    spec["organizationRef"] = json!({"name": "acme"});
    found_in(&[object("Organization", "acme", &json!({"preset": preset})), object(kind, "other", &spec)])
}

#[test]
fn a_workspace_of_fastpix_has_a_type_and_others_need_none() {
    assert_eq!(beside("fastpix", "Workspace", &json!({})), ["type-missing workspace/other spec.type"]);
    assert_eq!(beside("fastpix", "Workspace", &json!({"type": "QA"})), Vec::<String>::new());
    assert_eq!(beside("hundredms", "Workspace", &json!({})), Vec::<String>::new());
}

#[test]
fn a_private_workspace_has_an_owner_and_one_of_a_project_a_project() {
    assert_eq!(beside("keyrunner", "Workspace", &json!({"scope": "Private"})), ["owner-missing workspace/other spec.owner"]);
    assert_eq!(beside("keyrunner", "Workspace", &json!({"scope": "Local"})), ["owner-missing workspace/other spec.owner"]);
    assert_eq!(
        beside("keyrunner", "Workspace", &json!({"scope": "Project"})),
        ["inconsistent-fields workspace/other spec.projectRef"]
    );
}

/// The roles that each system knows, by the level they are for.
const ROLES: &[(&str, &[&str], &[&str])] = &[
    ("hundredms", &["OrganizationOwner"], &["Admin", "Member", "ReadOnly"]),
    ("keyrunner", &["TenantAdmin"], &["Owner", "Admin", "Editor", "Viewer"]),
    ("aaq", &[], &["Admin", "ReadOnly"]),
    ("fastpix", &["Admin", "Member"], &[]),
];

#[test]
fn each_system_has_the_roles_of_its_document_at_the_level_they_are_for() {
    for (preset, organization, workspace) in ROLES {
        let given = |role: Option<&str>, in_workspace: Option<&str>| {
            let mut member = json!({"organizationRef": {"name": "acme"}, "email": "ann@acme.example"});
            if let Some(role) = role {
                member["role"] = json!(role);
            }
            if let Some(role) = in_workspace {
                member["workspaces"] = json!([{"name": "design", "role": role}]);
            }
            let workspace = json!({"organizationRef": {"name": "acme"}, "type": "QA"});
            found_in(&[
                object("Organization", "acme", &json!({"preset": preset})),
                object("Workspace", "design", &workspace),
                object("Member", "ann", &member),
            ])
        };
        for role in *organization {
            assert_eq!(given(Some(role), None), Vec::<String>::new(), "{preset} {role}");
        }
        for role in *workspace {
            assert_eq!(given(None, Some(role)), Vec::<String>::new(), "{preset} {role}");
        }
        let wrong = |found: Vec<String>| found.iter().any(|it| it.starts_with("role-level") || it.starts_with("unknown-role"));
        assert!(workspace.iter().all(|role| organization.contains(role) || wrong(given(Some(role), None))), "{preset}");
        assert!(organization.iter().all(|role| workspace.contains(role) || wrong(given(None, Some(role)))), "{preset}");
        assert!(wrong(given(Some("Superuser"), None)), "{preset}");
    }
}

#[test]
fn only_keyrunner_gives_somebody_several_roles_in_one_place() {
    let several = |preset: &str, roles: Value| beside(preset, "Member", &json!({"email": "ann@acme.example", "roles": roles}));
    assert_eq!(several("fastpix", json!(["Admin", "Member"])), ["role-cardinality member/other spec.roles"]);
    assert_eq!(several("standard", json!(["Admin", "Member"])), ["role-cardinality member/other spec.roles"]);
    assert_eq!(several("keyrunner", json!(["TenantAdmin"])), Vec::<String>::new());
}

#[test]
fn names_of_workspaces_are_unique_in_aaq() {
    let two = |preset: &str| {
        let workspace = json!({"organizationRef": {"name": "acme"}, "displayName": "Health"});
        let organization = object("Organization", "acme", &json!({"preset": preset}));
        found_in(&[organization, object("Workspace", "one", &workspace), object("Workspace", "two", &workspace)])
    };
    assert_eq!(two("standard"), Vec::<String>::new());
    let both = ["duplicate-name workspace/one spec.displayName", "duplicate-name workspace/two spec.displayName"];
    assert_eq!(two("aaq"), both);
}
