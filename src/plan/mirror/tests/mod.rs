mod approvals;
mod ends;
mod keys;
mod names;
mod parts;
mod told;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::*;
use crate::api::organization::AdoptionPolicy;
use crate::api::policy::DriftPolicy;
use crate::tenancy::{Intent, Mirrored};

const fn everything(kind: Kind, end: End, absence: Absence) -> Ability {
    Ability {
        kind,
        deeds: &[Deed::Create, Deed::Adopt, Deed::Update, Deed::Rotate, Deed::Remove],
        end,
        absence,
        in_steps: matches!(kind, Kind::Workspace),
        after_parts: &["uses"],
        longest_name: 20,
        characters: "letters, digits and hyphens",
        allows: |character| character.is_ascii_alphanumeric() || character == '-',
        requests: |_| 2,
    }
}

/// A service with one kind of each sort.
static SERVICE: Capabilities = Capabilities {
    service: BackendType::Hundredms,
    title: "Acme Cloud",
    kinds: &[
        everything(Kind::Template, End::Never("remove it in the dashboard"), Absence::Gone),
        everything(Kind::Role, End::WithObject, Absence::Gone),
        everything(Kind::Workspace, End::WithObject, Absence::Hidden("Muster's account is no admin of it")),
        everything(Kind::Credential, End::WhenPurged("every token signed with it dies"), Absence::Gone),
        Ability { deeds: &[Deed::Adopt, Deed::Update], ..everything(Kind::Member, End::WithObject, Absence::Gone) },
    ],
    page: 10,
    per_second: 2,
    burst: 3,
};

fn map(value: Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

fn id(name: &str) -> ObjectId {
    ObjectId::derived([name.as_bytes()])
}

fn key(text: &str) -> Key {
    let (kind, name) = text.split_once('/').unwrap();
    Key::new(Kind::ALL.into_iter().find(|it| it.label() == kind).unwrap(), name)
}

struct World {
    wanted: Vec<Wanted>,
    found: Vec<Found>,
    journal: Vec<Mirrored>,
    purged: BTreeSet<ObjectId>,
    unobservable: BTreeMap<Name, Box<str>>,
    adoption: AdoptionPolicy,
    drift: DriftPolicy,
    approved: Vec<Digest>,
    others: BTreeSet<Box<str>>,
    former: BTreeSet<Name>,
    /// Whether no Secret has what was made.
    unkept: bool,
    /// Why nothing new could be kept; empty where it could.
    unkeepable: Box<str>,
}

impl World {
    fn new() -> Self {
        Self {
            wanted: Vec::new(),
            found: Vec::new(),
            journal: Vec::new(),
            purged: BTreeSet::new(),
            unobservable: BTreeMap::new(),
            adoption: AdoptionPolicy::Refuse,
            drift: DriftPolicy::Correct,
            approved: Vec::new(),
            others: BTreeSet::new(),
            former: BTreeSet::new(),
            unkept: false,
            unkeepable: "".into(),
        }
    }

    fn wants(mut self, object: &str, fields: Value) -> Self {
        let key = key(object);
        let issued = (key.kind == Kind::Credential).then(|| Issued { to: Some("keys".into()), generation: 0, every: None });
        let name = if issued.is_some() { "".into() } else { key.name.as_str().into() };
        self.wanted.push(Wanted {
            id: id(object),
            place: "live".into(),
            name,
            within: None,
            fields: map(fields),
            secrets: BTreeMap::new(),
            digests: BTreeMap::new(),
            issued,
            weight: 0,
            live: true,
            implied: false,
            origin: None,
            key,
        });
        self
    }

    fn last(mut self, change: impl FnOnce(&mut Wanted)) -> Self {
        change(self.wanted.last_mut().unwrap());
        self
    }

    fn has(mut self, object: &str, external_id: &str, fields: Value) -> Self {
        let key = key(object);
        let name = if key.kind == Kind::Credential { "".into() } else { key.name.as_str().into() };
        let fields = map(fields);
        let raw = Value::Object(fields.clone());
        let external_id = external_id.into();
        self.found.push(Found { kind: key.kind, place: "live".into(), within: None, name, external_id, fields, raw, weight: 0 });
        self
    }

    fn sent(mut self, object: &str, external_id: Option<&str>, fields: Value) -> Self {
        let key = key(object);
        let mut sent = map(fields);
        if key.kind != Kind::Credential {
            sent.insert("name".into(), key.name.as_str().into());
        }
        self.journal.push(Mirrored {
            id: id(object),
            service: "hundredms https://acme.example".into(),
            place: "live".into(),
            reached: None,
            external_id: external_id.map(Into::into),
            sent,
            sent_at: Timestamp::UNIX_EPOCH,
            within: None,
            orphans: Vec::new(),
            intent: None,
            key,
        });
        self
    }

    fn noted(mut self, change: impl FnOnce(&mut Mirrored)) -> Self {
        change(self.journal.last_mut().unwrap());
        self
    }

    fn compared(&self) -> Mirror {
        let places = ["live", "before"].map(Name::from).into_iter().filter(|place| !self.unobservable.contains_key(place));
        let (found, unobservable) = (self.found.clone(), self.unobservable.clone());
        let of_all = |text: &str| self.wanted.iter().map(|it| (it.id, text.into())).collect::<BTreeMap<_, Box<str>>>();
        let unkept = if self.unkept { of_all("keys") } else { BTreeMap::new() };
        let unkeepable = if self.unkeepable.is_empty() { BTreeMap::new() } else { of_all(&self.unkeepable) };
        let read = places.collect();
        self.compared_with(&Observed { found, read, unobservable, unkept, unkeepable, ..Observed::default() })
    }

    fn compared_with(&self, observed: &Observed) -> Mirror {
        self.compared_in(observed, BTreeMap::new())
    }

    fn compared_in(&self, observed: &Observed, places: BTreeMap<Name, Option<SecretKeyRef>>) -> Mirror {
        let shape = Shape { wanted: self.wanted.clone(), former: self.former.clone(), places, ..Shape::default() };
        self.compared_as(&shape, observed)
    }

    fn compared_as(&self, shape: &Shape, observed: &Observed) -> Mirror {
        let stored: BTreeSet<ObjectId> = self.wanted.iter().map(|it| it.id).chain(self.journal.iter().map(|it| it.id)).collect();
        let terms = Terms {
            capabilities: &SERVICE,
            url: "https://acme.example",
            adoption: self.adoption,
            drift: self.drift,
            approved: &self.approved,
            stored: &stored.difference(&self.purged).copied().collect(),
            others: &self.others,
            now: Timestamp::UNIX_EPOCH,
        };
        compare(shape, observed, &self.journal, &terms)
    }

    /// What is said about each object, in the order in which it is done.
    fn says(&self) -> Vec<String> {
        let mirror = self.compared();
        let call = |call: &Call| {
            let fields: Vec<String> =
                call.edits.iter().map(|edit| format!(" {}{}", edit.path(), if edit.drift { " (drift)" } else { "" })).collect();
            let quiet = if call.recorded_only { " silently" } else { "" };
            format!("{}{quiet} {}{}", call.deed.word(), call.key, fields.concat())
        };
        let mut says: Vec<String> = mirror.calls.iter().map(call).collect();
        says.extend(mirror.refusals.iter().map(|it| format!("{} refused by {}", it.subject, it.rule)));
        says.extend(mirror.held.iter().map(|(key, because)| format!("{key} held: {because}")));
        says.extend(mirror.retained.iter().map(|(key, because)| format!("{key} stays: {because}")));
        says.extend(mirror.drift.iter().map(|it| format!("{} drifted", it.key)));
        says.extend(mirror.foreign.iter().map(|it| format!("{} {} is foreign", it.kind, it.external_id)));
        says
    }
}

fn host() -> World {
    World::new().wants("mrole/host", json!({"priority": 1}))
}

#[test]
fn what_is_not_there_is_made_and_what_is_there_as_wanted_is_left_alone() {
    assert_eq!(host().says(), ["create mrole/host priority"]);
    let settled = host().has("mrole/host", "r1", json!({"priority": 1})).sent("mrole/host", Some("r1"), json!({"priority": 1}));
    assert_eq!(settled.says(), Vec::<String>::new());
    assert_eq!(settled.compared().unchanged, 1);
}

#[test]
fn what_was_changed_at_the_service_is_set_back_or_told_as_the_policy_says() {
    let mut world = host().has("mrole/host", "r1", json!({"priority": 5})).sent("mrole/host", Some("r1"), json!({"priority": 1}));
    assert_eq!(world.says(), ["update mrole/host priority (drift)"]);
    world.drift = DriftPolicy::Warn;
    assert_eq!(world.says(), ["mrole/host drifted"]);
    world.drift = DriftPolicy::Ignore;
    assert_eq!(world.says(), Vec::<String>::new());
}

#[test]
fn a_change_of_the_input_is_sent_whatever_the_policy_says_about_drift() {
    let mut world = host().has("mrole/host", "r1", json!({"priority": 5})).sent("mrole/host", Some("r1"), json!({"priority": 5}));
    world.drift = DriftPolicy::Ignore;
    assert_eq!(world.says(), ["update mrole/host priority"]);
}

#[test]
fn what_is_there_already_is_taken_over_only_where_it_is_the_same_or_the_policy_says_so() {
    let same = host().has("mrole/host", "r1", json!({"priority": 1}));
    assert_eq!(same.says(), ["adopt silently mrole/host"]);
    let mut other = host().has("mrole/host", "r1", json!({"priority": 2}));
    assert_eq!(other.says(), ["mrole/host refused by taken-at-service"]);
    other.adoption = AdoptionPolicy::AdoptIdentical;
    assert_eq!(other.says(), ["mrole/host refused by taken-at-service"]);
    other.adoption = AdoptionPolicy::Adopt;
    assert_eq!(other.says(), ["adopt mrole/host priority"]);
    other.adoption = AdoptionPolicy::Refuse;
    assert_eq!(other.last(|host| host.implied = true).says(), ["adopt mrole/host priority"]);
}

#[test]
fn what_a_call_made_that_did_not_hear_back_is_ours() {
    let intent = |sends| Intent { deed: Deed::Create, sends: map(sends), since: Timestamp::UNIX_EPOCH, listed: Vec::new() };
    let begun = |there: Value| {
        let world = host().has("mrole/host", "r1", there).sent("mrole/host", None, json!({}));
        world.noted(|entry| entry.intent = Some(intent(json!({"priority": 7, "name": "host"}))))
    };
    assert_eq!(begun(json!({"priority": 7})).says(), ["adopt mrole/host priority"]);
    assert_eq!(begun(json!({"priority": 3})).says(), ["mrole/host refused by taken-at-service"]);
}

#[test]
fn what_was_renamed_by_a_call_that_did_not_hear_back_is_ours_also_where_its_name_is_its_id() {
    let intent = |name: &str| {
        let sends = map(json!({"priority": 1, "name": name}));
        Intent { deed: Deed::Update, sends, since: Timestamp::UNIX_EPOCH, listed: Vec::new() }
    };
    let begun = |name: &str| {
        let world = host().has("mrole/host", "t/host", json!({"priority": 1}));
        world.sent("mrole/host", Some("t/old"), json!({"priority": 1})).noted(|entry| entry.intent = Some(intent(name)))
    };
    assert_eq!(begun("host").says(), ["update silently mrole/host"]);
    assert_eq!(begun("else").says(), ["mrole/host refused by other-id-at-service"]);
}

#[test]
fn what_is_made_in_steps_and_is_half_made_is_finished() {
    let intent = |sends| Intent { deed: Deed::Create, sends: map(sends), since: Timestamp::UNIX_EPOCH, listed: Vec::new() };
    let live = || World::new().wants("workspace/live", json!({"language": "FRENCH"})).sent("workspace/live", None, json!({}));
    let begun = live().noted(|entry| entry.intent = Some(intent(json!({"language": "FRENCH", "name": "live"}))));
    assert_eq!(begun.says(), ["create workspace/live language"]);
    assert!(begun.compared().calls[0].again && begun.compared().calls[0].in_steps);
    let half = begun.has("workspace/live", "w1", json!({"language": "ENGLISH"}));
    assert_eq!(half.says(), ["adopt workspace/live language"]);
}

#[test]
fn a_name_that_belongs_to_another_id_is_refused_until_exactly_that_is_approved() {
    let mut world = host().has("mrole/host", "r2", json!({"priority": 1})).sent("mrole/host", Some("r1"), json!({"priority": 1}));
    assert_eq!(world.says(), ["mrole/host refused by other-id-at-service"]);
    world.approved = vec![world.compared().approval.unwrap().calls[0].digest];
    assert_eq!(world.says(), ["adopt mrole/host"]);
    world.found[0].external_id = "r3".into();
    assert_eq!(world.says(), ["mrole/host refused by other-id-at-service"]);
}

#[test]
fn what_was_removed_at_the_service_is_made_again_and_what_is_hidden_is_left_alone() {
    assert_eq!(host().sent("mrole/host", Some("r1"), json!({"priority": 1})).says(), ["create mrole/host priority"]);
    let hidden = World::new().wants("workspace/live", json!({})).sent("workspace/live", Some("w1"), json!({}));
    assert_eq!(hidden.says(), ["workspace/live held: Muster's account is no admin of it"]);
}

#[test]
fn what_is_soft_deleted_goes_stays_or_waits_as_the_service_can() {
    let gone = |object: &str| {
        World::new().wants(object, json!({})).last(|it| it.live = false).has(object, "x1", json!({})).sent(
            object,
            Some("x1"),
            json!({}),
        )
    };
    assert_eq!(gone("mrole/host").says(), ["remove mrole/host"]);
    assert_eq!(gone("template/demo").says(), ["template/demo stays: remove it in the dashboard"]);
    assert_eq!(
        gone("credential/key").says(),
        ["credential/key stays: it goes when it is purged: every token signed with it dies"]
    );
}

#[test]
fn what_a_call_made_that_did_not_hear_back_goes_with_its_object() {
    let world = World::new().wants("mrole/host", json!({})).last(|it| it.live = false).has("mrole/host", "r1", json!({}));
    let intent = Intent { deed: Deed::Create, sends: Map::new(), since: Timestamp::UNIX_EPOCH, listed: Vec::new() };
    let world = world.sent("mrole/host", None, json!({})).noted(|entry| entry.intent = Some(intent));
    assert_eq!(world.says(), ["remove mrole/host"]);
    assert_eq!(world.compared().calls[0].external_id.as_deref(), Some("r1"));
}

#[test]
fn what_is_removed_while_its_workspace_gets_another_name_goes_too() {
    let world = World::new().wants("mrole/host", json!({})).last(|it| it.live = false).has("mrole/host", "r1", json!({}));
    let world = world.sent("mrole/host", Some("r1"), json!({})).noted(|entry| entry.place = "before".into());
    assert_eq!(world.says(), ["remove mrole/host"]);
    let call = world.compared().calls.remove(0);
    assert!(!call.recorded_only);
    assert_eq!(call.place, "live");
}

#[test]
fn an_id_of_another_address_means_nothing_here() {
    let moved = |there: Value| {
        let world = host().has("mrole/host", "1", there).sent("mrole/host", Some("1"), json!({"priority": 1}));
        world.noted(|entry| entry.service = "hundredms https://before.example".into())
    };
    assert_eq!(moved(json!({"priority": 1})).says(), ["adopt silently mrole/host"]);
    assert_eq!(moved(json!({"priority": 3})).says(), ["mrole/host refused by taken-at-service"]);

    let mut key = World::new().wants("credential/key", json!({})).sent("credential/key", Some("k1"), json!({"generation": 0}));
    key.journal[0].service = "hundredms https://before.example".into();
    assert_eq!(key.says(), Vec::<String>::new(), "its secret is not replaced unasked");
    key.approved = vec![key.compared().approval.unwrap().calls[0].digest];
    assert_eq!(key.says(), ["create credential/key"]);
}

#[test]
fn what_is_in_no_place_that_was_read_is_not_removed_and_not_forgotten() {
    let world = World::new().wants("mrole/host", json!({})).last(|it| it.live = false).sent("mrole/host", Some("r1"), json!({}));
    let unreachable = world.last(|it| it.place = "nowhere".into());
    assert_eq!(unreachable.says(), ["mrole/host stays: it is not removed: nothing says how to reach it there any more"]);
}

#[test]
fn a_name_that_is_reserved_at_the_service_is_held() {
    let world = host();
    let reserved = BTreeSet::from([(Kind::Role, "host".into())]);
    let observed = Observed { read: BTreeSet::from(["live".into()]), reserved, ..Observed::default() };
    let mirror = world.compared_with(&observed);
    assert_eq!(mirror.held.len(), 1, "{mirror:?}");
    assert!(mirror.calls.is_empty());
}

#[test]
fn what_the_journal_does_not_know_is_never_touched() {
    assert_eq!(World::new().has("mrole/theirs", "r9", json!({})).says(), ["mrole r9 is foreign"]);
}

#[test]
fn in_a_place_that_could_not_be_read_nothing_is_planned() {
    let mut world = host().wants("mrole/guest", json!({})).last(|it| it.live = false).sent("mrole/guest", Some("r2"), json!({}));
    world.unobservable.insert("live".into(), "status 503".into());
    assert_eq!(world.says(), Vec::<String>::new());
    assert_eq!(world.compared().uncompared, [key("mrole/host"), key("mrole/guest")]);
}

#[test]
fn what_gives_access_comes_before_what_takes_it() {
    let world = World::new().wants("mrole/a", json!({"r": 1})).wants("mrole/b", json!({"r": 2})).last(|it| it.weight = 1);
    let mut world = world.has("mrole/a", "r1", json!({"r": 2})).has("mrole/b", "r2", json!({"r": 1}));
    world.found[0].weight = 1;
    let world = world.sent("mrole/a", Some("r1"), json!({"r": 2})).sent("mrole/b", Some("r2"), json!({"r": 1}));
    assert_eq!(world.says(), ["update mrole/b r", "update mrole/a r"]);
}

#[test]
fn a_name_that_the_service_does_not_take_is_held() {
    assert_eq!(
        World::new().wants("mrole/a_b", json!({})).says(),
        ["mrole/a_b held: its name \"a_b\" has '_', and only letters, digits and hyphens are allowed at Acme Cloud"]
    );
}

#[test]
fn a_secret_is_sent_when_its_digest_changes() {
    let with = |digest: &str| {
        let secret = serde_json::from_value(json!({"name": "bucket", "key": "secret"})).unwrap();
        host().last(|it| {
            it.secrets.insert("upload.secret".into(), secret);
            it.digests.insert("upload.secret".into(), digest.into());
        })
    };
    let sent = json!({"priority": 1, "secrets": {"upload.secret": "sha256:a"}});
    let there =
        |digest: &str| with(digest).has("mrole/host", "r1", json!({"priority": 1})).sent("mrole/host", Some("r1"), sent.clone());
    assert_eq!(there("sha256:a").says(), Vec::<String>::new());
    assert_eq!(there("sha256:b").says(), ["update mrole/host upload.secret"]);
    let unreadable = there("sha256:a").last(|it| it.digests.clear()).says();
    assert_eq!(unreadable, ["mrole/host held: upload.secret is in the Secret bucket under secret, which cannot be read"]);
}

#[test]
fn the_requests_and_the_time_that_they_take_are_told() {
    let mirror = host().wants("mrole/guest", json!({})).wants("mrole/other", json!({})).compared();
    assert_eq!((mirror.requests, mirror.seconds), (6, 2));
}

#[test]
fn a_name_that_is_too_long_is_held() {
    let named = |length: usize| World::new().wants(&format!("mrole/{}", "a".repeat(length)), json!({})).says();
    assert_eq!(named(20), [format!("create mrole/{}", "a".repeat(20))]);
    let long = "a".repeat(21);
    assert_eq!(named(21), [format!("mrole/{long} held: its name {long:?} has 21 characters, and 20 are allowed at Acme Cloud")]);
}

#[test]
fn a_name_that_was_changed_at_the_service_is_drift_and_one_that_changes_here_is_none() {
    let renamed = |sent: &str| {
        let mut world = host().has("mrole/host", "r1", json!({"priority": 1})).sent("mrole/host", Some("r1"), json!({}));
        world.found[0].name = "other".into();
        world.noted(|entry| entry.sent = map(json!({"priority": 1, "name": sent}))).says()
    };
    assert_eq!(renamed("host"), ["update mrole/host name (drift)"]);
    assert_eq!(renamed("other"), ["update mrole/host name"]);
}

#[test]
fn the_journal_keeps_what_the_service_has_afterwards() {
    let sent = |world: World| Value::Object(world.compared().calls.remove(0).sent);
    let secret = |it: &mut Wanted| {
        it.digests.insert("upload.secret".into(), "sha256:a".into());
    };
    let made = || World::new().wants("mrole/host", json!({"priority": 1, "color": null}));
    assert_eq!(sent(made()), json!({"priority": 1, "color": null, "name": "host"}));
    let all = json!({"priority": 1, "color": null, "name": "host", "secrets": {"upload.secret": "sha256:a"}});
    assert_eq!(sent(made().last(secret)), all);
    assert_eq!(sent(World::new().wants("credential/key", json!({}))), json!({"generation": 0}));

    let world = World::new().wants("mrole/host", json!({"priority": 2, "color": "red"}));
    let world = world.has("mrole/host", "r1", json!({"priority": 1, "color": "red"}));
    let world = world.sent("mrole/host", Some("r1"), json!({"priority": 1, "color": "red", "gone": true}));
    assert_eq!(sent(world), json!({"priority": 2, "color": "red", "name": "host"}));
}

#[test]
fn what_a_call_made_that_did_not_hear_back_has_its_secrets_too() {
    let sends = json!({"priority": 1, "name": "host", "secrets": {"upload.secret": "sha256:a"}});
    let with = |digest: &str| {
        let world = host().last(|it| drop(it.digests.insert("upload.secret".into(), digest.into())));
        let world = world.has("mrole/host", "r1", json!({"priority": 1})).sent("mrole/host", None, json!({}));
        world.noted(|entry| entry.intent = Some(begun(Deed::Create, sends.clone())))
    };
    assert_eq!(with("sha256:a").says(), ["adopt silently mrole/host"]);
    assert_eq!(with("sha256:b").says(), ["adopt mrole/host upload.secret"]);
    let mut by_others = with("sha256:a");
    by_others.found[0].fields = map(json!({"priority": 3}));
    by_others.adoption = AdoptionPolicy::Adopt;
    assert_eq!(by_others.says(), ["adopt mrole/host priority upload.secret"]);
}

#[test]
fn a_call_says_what_an_earlier_run_did() {
    let note = |world: &World| world.compared().calls.remove(0).note.unwrap();
    let there = || host().has("mrole/host", "r1", json!({"priority": 1}));
    assert_eq!(&*note(&there()), "it was there already");
    let made = begun(Deed::Create, json!({"priority": 1, "name": "host"}));
    let made = there().sent("mrole/host", None, json!({})).noted(|entry| entry.intent = Some(made));
    assert_eq!(&*note(&made), "an earlier run made it and did not hear back");
    let mut lost = World::new().wants("credential/key", json!({})).last(|it| it.name = "api-key".into());
    lost = lost.sent("credential/key", None, json!({})).has("credential/key", "k1", json!({}));
    lost.found[0].name = "api-key".into();
    let lost = lost.noted(|entry| entry.intent = Some(begun(Deed::Create, json!({}))));
    assert_eq!(&*note(&lost), "an earlier run had one made and lost it");
}

/// A call that was begun.
fn begun(deed: Deed, sends: Value) -> Intent {
    Intent { deed, sends: map(sends), since: Timestamp::UNIX_EPOCH, listed: Vec::new() }
}

#[test]
fn a_mirror_and_its_calls_answer_for_themselves() {
    let is = |world: &World| {
        let mirror = world.compared();
        [mirror.is_empty(), mirror.has_differences(), mirror.refuses(), mirror.is_blind()]
    };
    assert_eq!(is(&World::new()), [true, false, false, false]);
    assert_eq!(is(&host()), [false, true, false, false]);
    let mut drifted = host().sent("mrole/host", Some("r1"), json!({"priority": 1}));
    drifted.drift = DriftPolicy::Warn;
    assert_eq!(is(&drifted), [true, true, false, false]);
    assert_eq!(is(&host().has("mrole/host", "r1", json!({"priority": 2}))), [true, false, true, false]);
    let mut blind = host();
    blind.unobservable.insert("live".into(), "status 503".into());
    assert_eq!(is(&blind), [true, false, false, true]);

    let call = World::new().wants("mrole/host", json!({"a": {"b": 1}, "c": 2})).compared().calls.remove(0);
    assert_eq!(["a", "c", "d"].map(|name| call.value(&[name])), [None, Some(&json!(2)), None]);
    assert_eq!(call.value(&["a", "b"]), Some(&json!(1)));
}

#[test]
fn a_slash_at_its_end_makes_no_other_service_of_an_address() {
    let addresses = ["https://acme.example", "https://acme.example/"].map(|url| Mirror::new(&SERVICE, url).address());
    assert_eq!(addresses, ["hundredms https://acme.example".into(), "hundredms https://acme.example".into()]);
}
