//! An organization is mirrored to 100ms, by both versions of its API, and goes on as if nothing had happened whatever happens.

use std::fmt::Write as _;
use std::sync::LazyLock;

use jiff::SignedDuration;
use muster::api::organization::AdoptionPolicy;
use muster::api::policy::DriftPolicy;
use muster::backend::hundredms::{Api, Hundredms as Backend, shape};
use muster::backend::{Stop, carry_out};
use serde_json::{Value, json};

use crate::hundredms::{Credentials, End, Hundredms, Switches};
use crate::mirrored::{Mirrored, Service, told};

pub const ORGANIZATION: &str = "
apiVersion: muster.dev/v1alpha1
kind: Organization
metadata: {name: acme}
spec: {}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: alice}
spec: {organizationRef: {name: acme}, email: alice@acme.example, role: Admin}
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {name: classroom}
spec: {organizationRef: {name: acme}, backendSecretRef: {name: acme-100ms, key: classroom}}
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {name: clinic}
spec: {organizationRef: {name: acme}, backendSecretRef: {name: acme-100ms, key: clinic}}
";

/// A template with everything, one with a bucket, and their roles.
pub const EVERYTHING: &[(&str, &str, &str)] = &[
    (
        "Template",
        "lesson",
        "{workspaceRef: {name: classroom}, settings: {region: eu, roomState: {enabled: true, messageInterval: 10}}, \
          destinations: {rtmpDestinations: {main: {width: 1280, height: 720, rtmpUrls: [{url: 'rtmp://live.acme.example/app'}, \
          {secretRef: {name: acme-streams, key: main}}]}}, hlsDestinations: {}, \
          transcriptions: {notes: {role: teacher, modes: [recorded, live], customVocabulary: [Muster]}}}, \
          recordings: [{name: default, role: teacher, trackRecording: {enabled: true}}], \
          plugins: {whiteboard: {permissions: {admin: [teacher], writer: [teacher, Student of 2026]}}}}",
    ),
    (
        "Template",
        "consultation",
        "{workspaceRef: {name: clinic}, settings: {region: us, recording: {enabled: true, upload: {type: s3, location: acme-bucket, \
          prefix: rooms, credentials: {name: acme-bucket}}}}}",
    ),
    (
        "Role",
        "teacher",
        "{templateRef: {name: lesson}, priority: 1, publishParams: {audio: {bitRate: 64}, video: {quality: 720p}, \
          simulcast: {video: {layers: [{rid: f, scaleResolutionDownBy: 1, maxFramerate: 25}]}}}, \
          subscribeParams: {subscribeToRoles: [teacher, Student of 2026]}, permissions: {mute: true, endRoom: true, hlsStreaming: false}}",
    ),
    (
        "Role",
        "student",
        "{templateRef: {name: lesson}, name: Student of 2026, maxPeerCount: 30, publishParams: {allowed: [audio]}, \
          subscribeParams: {subscribeToRoles: [], maxSubsBitRate: 800, subscribeDegradation: {packetLossThreshold: 50}}}",
    ),
    ("Role", "doctor", "{templateRef: {name: consultation}, publishParams: {allowed: []}}"),
];

pub fn documents(objects: &[(&str, &str, &str)]) -> String {
    let mut text = ORGANIZATION.to_owned();
    for (kind, name, spec) in objects {
        write!(text, "---\napiVersion: muster.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {spec}\n").unwrap();
    }
    text
}

/// The same for all worlds, so that their ends can be compared.
static FAKES: LazyLock<[String; 3]> = LazyLock::new(|| std::array::from_fn(|_| uuid::Uuid::new_v4().simple().to_string()));

/// The organization, and 100ms with its two workspaces.
pub struct World {
    pub double: Hundredms,
    pub mirrored: Mirrored,
    pub service: Service<Backend>,
}

impl World {
    pub async fn new(api: Api, switches: Switches) -> Self {
        let double = Hundredms::start(switches).await;
        let mut mirrored = Mirrored::new("acme");
        for label in ["classroom", "clinic"] {
            let keys = double.workspace(label);
            mirrored.knows("acme-100ms", label, &format!("{}:{}", keys.access_key, keys.secret));
        }
        let [key, secret, stream] = &*FAKES;
        mirrored.knows("acme-bucket", "key", key);
        mirrored.knows("acme-bucket", "secret", secret);
        mirrored.knows("acme-streams", "main", &format!("rtmps://live.acme.example/app/{stream}"));
        let url = if api == Api::V1 { double.v1() } else { double.v2() };
        let new: fn(_) -> _ =
            if api == Api::V1 { |connection| Backend::new(Api::V1, connection) } else { |it| Backend::new(Api::V2, it) };
        let client = mirrored.client(&url);
        let service = Service { capabilities: api.capabilities(), client, url, shape, new };
        Self { double, mirrored, service }
    }

    pub async fn v2() -> Self {
        Self::new(Api::V2, Switches::default()).await
    }

    pub async fn store(&self, objects: &[(&str, &str, &str)]) {
        self.mirrored.store(&documents(objects)).await;
    }

    /// Brings these objects into the store and then to the service.
    pub async fn settle(&self, objects: &[(&str, &str, &str)]) {
        self.store(objects).await;
        self.mirrored.settle(&self.service).await;
    }

    pub async fn plan(&self) -> Vec<String> {
        told(&self.mirrored.plan(&self.service).await.1)
    }

    /// What was written since it was asked last.
    pub fn writes(&self) -> Vec<String> {
        let writes = self.double.front().writes();
        self.double.front().forget();
        writes
    }

    pub fn end_state(&self) -> Value {
        json!([self.double.end_state("classroom"), self.double.end_state("clinic")])
    }
}

const LESSON: (&str, &str, &str) = ("Template", "lesson", "{workspaceRef: {name: classroom}}");

fn lesson(fields: &str) -> String {
    format!("{{workspaceRef: {{name: classroom}}, {fields}}}")
}

fn role(fields: &str) -> String {
    format!("{{templateRef: {{name: lesson}}, {fields}}}")
}

#[tokio::test]
async fn everything_is_made_once_and_the_second_plan_is_empty() {
    let world = World::v2().await;
    world.settle(EVERYTHING).await;
    let expected = [
        "clinic: template consultation created",
        "classroom: template lesson created",
        "clinic: template consultation role doctor",
        "classroom: template lesson role Student of 2026",
        "classroom: template lesson role teacher",
        "classroom: template lesson recordings",
    ];
    assert_eq!(world.writes(), expected);
    let made = world.double.templates("classroom")["lesson"].clone();
    assert_eq!(made.roles["teacher"]["publishParams"]["video"]["width"], 1280);
    assert_eq!(made.roles["teacher"]["permissions"]["hlsStreaming"], false);
    assert_eq!(made.roles["Student of 2026"]["publishParams"]["allowed"], json!(["audio"]));
    assert_eq!(made.recordings[0]["trackRecording"]["enabled"], true);
    let urls = &made.destinations["rtmpDestinations"]["main"]["rtmpUrls"];
    let stream = &world.mirrored.secrets.iter().find(|(name, _)| name.contains("STREAMS")).unwrap().1;
    assert_eq!(*urls, json!(["rtmp://live.acme.example/app", stream]));
    assert_eq!(world.double.tokens(), 4, "one for each workspace in each of two runs");
}

#[tokio::test]
async fn the_second_plan_is_empty_whatever_is_not_known_of_the_service() {
    for (api, end, fills_in, credentials) in [
        (Api::V2, End::Missing, false, Credentials::Masked),
        (Api::V2, End::NoLast, true, Credentials::Hidden),
        (Api::V1, End::Empty, true, Credentials::Clear),
        (Api::V1, End::NoLast, true, Credentials::Masked),
    ] {
        let switches = Switches { end, fills_in, credentials, captions_as_list: true, ..Switches::default() };
        let world = World::new(api, switches).await;
        world.settle(EVERYTHING).await;
        assert_eq!(world.writes().len(), if api == Api::V1 { 5 } else { 6 });
    }
}

#[tokio::test]
async fn what_v1_does_not_have_is_not_sent_to_it() {
    let world = World::new(Api::V1, Switches::default()).await;
    world.settle(EVERYTHING).await;
    let made = world.double.templates("classroom")["lesson"].clone();
    assert_eq!((made.destinations, made.plugins, made.recordings.len()), (json!({}), None, 0));
    assert_eq!(made.settings, Some(json!({"region": "eu"})));
    assert_eq!(made.roles["Student of 2026"].get("maxPeerCount"), None);
    let clinic = world.double.templates("clinic")["consultation"].clone();
    let credentials = clinic.settings.unwrap()["recording"]["upload"]["credentials"].clone();
    assert_eq!(credentials.as_object().unwrap().keys().collect::<Vec<_>>(), ["key", "secret"]);
}

#[tokio::test]
async fn what_somebody_changes_in_the_dashboard_is_drift_with_its_field_and_is_set_back() {
    let mut world = World::v2().await;
    world.settle(EVERYTHING).await;
    world.writes();
    world.double.edit("classroom", "lesson", |lesson| {
        lesson.roles["teacher"]["permissions"]["mute"] = false.into();
        lesson.roles["teacher"]["permissions"]["unmute"] = true.into();
        lesson.settings.as_mut().unwrap()["region"] = "in".into();
        lesson.settings.as_mut().unwrap()["roomState"]["stopRoomStateOnJoin"] = false.into();
        lesson.recordings[0]["role"] = "Student of 2026".into();
        lesson.destinations["hlsDestinations"] = json!({"extra": {"name": "extra"}});
    });
    let lesson = "template/lesson destinations.hlsDestinations: [\"extra\"] -> [] (drift), \
                  recordings.0.role: \"Student of 2026\" -> \"teacher\" (drift), settings.region: \"in\" -> \"eu\" (drift)";
    let teacher = "mrole/teacher permissions.mute: false -> true (drift), permissions.unmute: true -> false (drift)";
    assert_eq!(world.plan().await, [format!("update {lesson}"), format!("update {teacher}")]);

    world.mirrored.drift = DriftPolicy::Ignore;
    assert_eq!(world.plan().await, Vec::<String>::new());
    world.mirrored.drift = DriftPolicy::Correct;
    world.mirrored.settle(&world.service).await;
    let expected = [
        "classroom: template lesson settings",
        "classroom: template lesson destinations",
        "classroom: template lesson recordings",
        "classroom: template lesson role teacher",
    ];
    assert_eq!(world.writes(), expected, "each part by itself");
    let settings = world.double.templates("classroom")["lesson"].settings.clone().unwrap();
    assert_eq!(settings["roomState"]["stopRoomStateOnJoin"], false, "what nobody manages stays as it is");
}

#[tokio::test]
async fn writes_that_replace_the_whole_keep_what_nobody_manages() {
    for api in [Api::V1, Api::V2] {
        let world = World::new(api, Switches::default()).await;
        world.settle(&[LESSON, ("Role", "host", &role("priority: 2"))]).await;
        world.double.edit("classroom", "lesson", |lesson| {
            let mut theirs = lesson.roles["host"].clone();
            theirs["name"] = "theirs".into();
            theirs["publishParams"].as_object_mut().unwrap().remove("allowed");
            theirs["subscribeParams"].as_object_mut().unwrap().remove("subscribeToRoles");
            lesson.roles.insert("theirs".to_owned(), theirs);
            lesson.roles["host"]["publishParams"]["audio"]["bitRate"] = 77.into();
            let settings = lesson.settings.get_or_insert_with(|| json!({}));
            settings["region"] = "us".into();
            settings["recording"] = json!({"upload": {
                "type": "s3", "location": "theirs", "prefix": "rooms", "credentials": {"key": "a key", "secret": "a secret"},
            }});
            if api == Api::V2 {
                lesson.destinations = json!({"rtmpDestinations": {"x": {"name": "x", "rtmpUrls": ["rtmp://x.example/a-key"]}}});
            }
        });
        let before = world.double.end_state("classroom")["lesson"].clone();
        world.settle(&[("Template", "lesson", &lesson("name: Class")), ("Role", "host", &role("priority: 3"))]).await;
        let mut expected = before;
        expected["roles"]["host"]["priority"] = 3.into();
        assert_eq!(world.double.end_state("classroom"), json!({ "Class": expected }), "{api:?}");
    }
}

#[tokio::test]
async fn a_bucket_whose_secret_nobody_tells_is_not_lost_by_a_rename() {
    let world = World::new(Api::V2, Switches { credentials: Credentials::Masked, ..Switches::default() }).await;
    world.settle(&[LESSON]).await;
    let upload =
        json!({"type": "s3", "location": "theirs", "prefix": "rooms", "credentials": {"key": "a key", "secret": "a secret"}});
    world.double.edit("classroom", "lesson", |lesson| {
        lesson.settings.as_mut().unwrap()["recording"] = json!({ "upload": upload });
    });
    world.writes();
    world.store(&[("Template", "lesson", &lesson("name: Class"))]).await;
    let done = world.mirrored.run(&world.service).await;
    assert!(format!("{:?}", done.ends).contains("it does not tell the secret of the bucket"), "{:?}", done.ends);
    assert_eq!(world.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_recording_is_sent_once_the_role_that_it_names_is_there() {
    let world = World::v2().await;
    world.settle(&[LESSON]).await;
    let recorded = |name: &str| {
        lesson(&format!(
            "settings: {{region: eu}}, recordings: [{{name: default, role: {name}, streamRecording: {{enabled: true}}}}]"
        ))
    };
    world.writes();
    world.settle(&[("Template", "lesson", &recorded("host")), ("Role", "host", &role("priority: 2"))]).await;
    let expected =
        ["classroom: template lesson settings", "classroom: template lesson role host", "classroom: template lesson recordings"];
    assert_eq!(world.writes(), expected);
    world.settle(&[("Template", "lesson", &recorded("chair")), ("Role", "host", &role("priority: 2, name: chair"))]).await;
    assert_eq!(world.writes(), ["classroom: template lesson role host", "classroom: template lesson recordings"]);
}

#[tokio::test]
async fn a_secret_that_changes_is_sent_again_and_one_that_does_not_is_not() {
    let mut world = World::v2().await;
    world.settle(EVERYTHING).await;
    world.writes();
    world.mirrored.knows("acme-bucket", "secret", "another one");
    assert_eq!(world.plan().await, ["update template/consultation settings.recording.upload.credentials.secret: ? -> ?"]);
    world.mirrored.settle(&world.service).await;
    assert_eq!(world.writes(), ["clinic: template consultation settings"]);
    let settings = world.double.templates("clinic")["consultation"].settings.clone().unwrap();
    assert_eq!(settings["recording"]["upload"]["credentials"]["secret"], "another one");
    world.mirrored.knows("acme-streams", "main", "rtmps://live.acme.example/app/other");
    world.mirrored.settle(&world.service).await;
    assert_eq!(world.writes(), ["classroom: template lesson destinations"]);
}

#[tokio::test]
async fn a_template_that_is_there_already_is_never_overwritten_by_accident() {
    let mut world = World::v2().await;
    let id = world.double.make("classroom", &json!({"name": "lesson", "roles": {"host": {}}, "settings": {"region": "us"}}));
    world.store(&[("Template", "lesson", &lesson("settings: {region: eu}"))]).await;
    let refused = format!(
        "template/lesson refused: 100ms has a template called \"lesson\" already (id {id}), Muster did not make it, and it differs in \
         settings.region"
    );
    assert_eq!(world.plan().await, [refused]);
    world.mirrored.adoption = AdoptionPolicy::Adopt;
    assert_eq!(world.plan().await, ["adopt template/lesson settings.region: \"us\" -> \"eu\""]);
    world.mirrored.settle(&world.service).await;
    let lesson = world.double.templates("classroom")["lesson"].clone();
    assert_eq!((lesson.id, lesson.roles.len()), (id, 1));
}

#[tokio::test]
async fn a_template_that_appears_between_the_plan_and_the_call_is_not_overwritten() {
    let world = World::v2().await;
    let recorded = lesson("recordings: [{name: default, role: host, streamRecording: {enabled: true}}]");
    world.store(&[("Template", "lesson", &recorded), ("Role", "host", &role("priority: 2"))]).await;
    let (backend, mirror) = world.mirrored.plan(&world.service).await;
    assert_eq!(told(&mirror).len(), 3, "the recordings follow the role: {mirror:?}");
    world.double.make("classroom", &json!({"name": "lesson", "roles": {"theirs": {}}}));
    let revision = muster::store::Observe::observe(&world.mirrored.store, &"acme".into()).await.unwrap().revision;
    let now = jiff::Timestamp::now();
    let done = carry_out(&Stop::default(), &backend, &world.mirrored.store, (&"acme".into(), revision), (mirror, now)).await;
    assert!(format!("{:?}", done.ends).contains("appeared there since it was planned"), "{:?}", done.ends);
    assert_eq!(world.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_role_goes_with_its_object_and_a_template_stays() {
    let world = World::v2().await;
    let host = ("Role", "host", "{templateRef: {name: lesson}}");
    world.settle(&[LESSON, host]).await;
    world.writes();
    world.settle(&[LESSON]).await;
    assert_eq!(world.writes(), ["classroom: template lesson role host deleted"]);
    world.settle(&[LESSON, host]).await;
    assert_eq!(world.writes(), ["classroom: template lesson role host"], "with what the tombstone says");

    world.double.edit("classroom", "lesson", |lesson| drop(lesson.roles.remove("host")));
    world.store(&[LESSON]).await;
    let done = world.mirrored.run(&world.service).await;
    assert!(done.is_done(), "what is gone is gone: {:?}", done.ends);
    world.store(&[]).await;
    let stays = "template/lesson stays: 100ms has no call that deletes a template: delete it in the dashboard, if nobody uses it";
    assert_eq!(world.plan().await, [stays]);
    assert_eq!(world.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn names_change_there_without_a_new_id() {
    for api in [Api::V1, Api::V2] {
        let world = World::new(api, Switches::default()).await;
        world.settle(&[LESSON, ("Role", "host", &role("priority: 2"))]).await;
        let id = world.double.templates("classroom")["lesson"].id.clone();
        world.writes();
        world
            .settle(&[("Template", "lesson", &lesson("name: Class")), ("Role", "host", &role("priority: 2, name: chair"))])
            .await;
        assert_eq!(world.writes(), ["classroom: template Class replaced", "classroom: template Class role host"]);
        let class = world.double.templates("classroom")["Class"].clone();
        assert_eq!((class.id, class.roles.keys().cloned().collect::<Vec<_>>()), (id, vec!["chair".to_owned()]));
    }
}

#[tokio::test]
async fn a_name_that_a_template_gives_up_is_that_of_a_new_one_at_once() {
    for adoption in [AdoptionPolicy::Refuse, AdoptionPolicy::Adopt] {
        let mut world = World::v2().await;
        world.mirrored.adoption = adoption;
        world.settle(&[LESSON]).await;
        let id = world.double.templates("classroom")["lesson"].id.clone();
        world.writes();
        let (new, host) = (lesson("name: lesson"), "{templateRef: {name: a-new}}");
        world
            .settle(&[("Template", "lesson", &lesson("name: before")), ("Template", "a-new", &new), ("Role", "host", host)])
            .await;
        let expected =
            ["classroom: template before replaced", "classroom: template lesson created", "classroom: template lesson role host"];
        assert_eq!(world.writes(), expected);
        let there = world.double.templates("classroom");
        assert!(there["before"].id == id && there["lesson"].id != id, "{there:?}");
    }
}

#[tokio::test]
async fn a_role_whose_object_gets_another_name_without_a_word_is_not_deleted() {
    let world = World::v2().await;
    world.settle(&[LESSON, ("Role", "host", &role("priority: 2"))]).await;
    world.writes();
    world.settle(&[LESSON, ("Role", "chair", &role("priority: 2, name: host"))]).await;
    assert_eq!(world.writes(), Vec::<String>::new());
    world.settle(&[LESSON, ("Role", "lead", &role("priority: 3, name: host"))]).await;
    assert_eq!(world.writes(), ["classroom: template lesson role host"]);
    assert!(world.double.templates("classroom")["lesson"].roles.contains_key("host"));
}

#[tokio::test]
async fn a_name_that_somebody_took_meanwhile_is_refused_in_words_that_help() {
    let world = World::v2().await;
    world.settle(&[LESSON]).await;
    world.store(&[("Template", "lesson", &lesson("name: Class"))]).await;
    let (double, edit) = (world.double.clone(), crate::faults::Kind::Before);
    let make = std::sync::Arc::new(move || drop(double.make("classroom", &json!({"name": "Class"}))));
    world.double.front().plant(crate::faults::Fault::new(edit(make)).on(axum::http::Method::POST, "/templates/"));
    let done = world.mirrored.run(&world.service).await;
    assert!(format!("{:?}", done.ends).contains("another template has this name"), "{:?}", done.ends);
}

#[tokio::test]
async fn many_templates_are_seen_to_the_last_page_of_each_kind_of_end() {
    for end in [End::Empty, End::Missing, End::NoLast] {
        let world = World::new(Api::V1, Switches { end, ..Switches::default() }).await;
        for number in 0..40 {
            world.double.make("classroom", &json!({"name": format!("theirs-{number}")}));
        }
        world.store(&[LESSON]).await;
        let (_, mirror) = world.mirrored.plan(&world.service).await;
        assert_eq!((mirror.foreign.len(), mirror.is_blind(), mirror.calls.len()), (40, false, 1), "{end:?}");
    }
}

#[tokio::test]
async fn a_workspace_without_good_keys_is_unobservable_and_the_other_one_goes_on() {
    let mut world = World::v2().await;
    world.settle(EVERYTHING).await;
    world.writes();
    world.mirrored.knows("acme-100ms", "clinic", "wrong:keys");
    let lesson = ("Template", "lesson", &*lesson("settings: {region: us}"));
    world.store(&[lesson]).await;
    let told = world.plan().await;
    assert!(told.last().unwrap().starts_with("clinic unobservable: the service does not accept the credentials"), "{told:?}");
    assert!(told.iter().any(|told| told.starts_with("update template/lesson")), "{told:?}");
    assert!(!told.iter().any(|told| told.contains("consultation")), "nothing is said of what cannot be seen: {told:?}");
    world.mirrored.secrets.retain(|(name, _)| !name.ends_with("CLINIC"));
    let told = world.plan().await;
    assert!(told.last().unwrap().contains("there is no secret"), "{told:?}");
}

#[tokio::test]
async fn a_token_is_used_again_and_made_anew_when_it_expires_or_is_not_accepted() {
    let world = World::v2().await;
    world.store(&[LESSON, ("Role", "host", "{templateRef: {name: lesson}}")]).await;
    let (backend, mirror) = world.mirrored.plan(&world.service).await;
    assert_eq!(world.double.tokens(), 2, "one for each workspace");
    world.double.revoke();
    let revision = muster::store::Observe::observe(&world.mirrored.store, &"acme".into()).await.unwrap().revision;
    let now = jiff::Timestamp::now();
    let done = carry_out(&Stop::default(), &backend, &world.mirrored.store, (&"acme".into(), revision), (mirror, now)).await;
    assert!(done.is_done(), "{:?}", done.ends);
    assert_eq!((world.double.tokens(), world.writes().len()), (3, 2));

    world.double.pass(SignedDuration::from_hours(30));
    world.mirrored.clock.pass(SignedDuration::from_hours(30));
    let call = done.mirror.calls[0].clone();
    assert!(muster::backend::Backend::look(&backend, &call).await.unwrap().is_some());
    assert_eq!((world.double.tokens(), world.double.front().requests().len()), (4, 2), "nobody had to refuse the old one");
}

#[tokio::test]
async fn no_secret_and_no_stream_key_is_in_anything_that_could_be_printed() {
    let world = World::v2().await;
    world.double.make(
        "classroom",
        &json!({"name": "theirs", "destinations": {"rtmpDestinations": {"x": {"rtmpUrls": ["rtmp://x.example/CANARY-1"]}}}, "settings": {
            "recording": {"upload": {"type": "s3", "location": "x", "prefix": "x", "credentials": {"key": "k", "secretKey": "CANARY-2"}}},
        }}),
    );
    world.store(EVERYTHING).await;
    let done = world.mirrored.run(&world.service).await;
    assert!(done.is_done());
    world.double.edit("classroom", "lesson", |lesson| {
        lesson.destinations["rtmpDestinations"]["main"]["rtmpUrls"][0] = "rtmp://x.example/CANARY-3".into();
    });
    let (backend, mirror) = world.mirrored.plan(&world.service).await;
    let rows = muster::store::Observe::observe(&world.mirrored.store, &"acme".into()).await.unwrap().rows;
    let shape = shape(&muster::backend::State { rows: &rows, url: &world.service.url, secret_ref: None });
    let observed = muster::backend::Backend::observe(&backend, &shape).await;
    let journal = muster::store::Observe::journal(&world.mirrored.store, &"acme".into()).await.unwrap();
    let printed = format!("{done:?} {mirror:?} {backend:?} {observed:?} {journal:?} {}", serde_json::to_string(&mirror).unwrap());
    let mut secrets: Vec<&str> = world.mirrored.secrets.iter().map(|(_, value)| value.rsplit(':').next().unwrap()).collect();
    secrets.push("CANARY");
    for secret in secrets {
        assert!(!printed.contains(secret), "{secret}");
    }
    assert!(!printed.contains("eyJ"), "no token");
}
