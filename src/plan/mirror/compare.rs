mod ends;
mod names;

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::at::{At, is_due, without_ours};
use super::edits::edits;
use super::parts::after_parts;
use super::waiting::{SortedOut, Wait, sort_out};
use super::{Absence, Call, Capabilities, Differs, Edit, End, Found, Known, Mirror, Observed, Shape, Wanted, applied};
use crate::api::Kind;
use crate::api::organization::AdoptionPolicy;
use crate::api::policy::DriftPolicy;
use crate::plan::rules::TAKEN_AT_SERVICE;
use crate::plan::{Refusal, Verb};
use crate::tenancy::{Deed, Digest, Key, Mirrored, ObjectId};

/// Where the journal keeps the name of what has one.
const NAME: &str = "name";

/// What comparing depends on beside the two states and the journal.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'t> {
    /// What the service can do.
    pub capabilities: &'static Capabilities,
    /// The address of its API.
    pub url: &'t str,
    /// What happens with things that are there already.
    pub adoption: AdoptionPolicy,
    /// What happens with things that another hand changed.
    pub drift: DriftPolicy,
    /// Digests of calls that were approved.
    pub approved: &'t [Digest],
    /// The ids of everything that the store has, tombstones included. What has another id was purged.
    pub stored: &'t BTreeSet<ObjectId>,
    /// Ids that other organizations have at the same service.
    pub others: &'t BTreeSet<Box<str>>,
    /// The moment.
    pub now: Timestamp,
}

/// Compares what a service shall have with what it has.
///
/// | wanted | journal | there | then |
/// |---|---|---|---|
/// | yes | id | that id | nothing, `Update`, or drift; `Rotate` when its time has come |
/// | yes | id | another id under its name | refused, or `Adopt` with an approval |
/// | yes | id | nothing | `Create` again, as the policy on drift says; hidden things are left alone |
/// | yes | begun | what the call would have made | written down, nothing is sent |
/// | yes | - | something of its name | `Adopt`, as `adoptionPolicy` says |
/// | yes | - | what an object that is gone had there, under its name | `Adopt`, and the journal forgets the other one |
/// | yes | - | what another wanted object has there, under its name | `Create`, once that one has given the name up |
/// | yes | - | nothing | `Create` |
/// | no | id | that id | `Remove`, `Remove` with an approval, or retained, as the service can |
/// | no | - | anything | left alone and listed |
///
/// Total and deterministic. In a place that could not be read whole, nothing is planned.
#[must_use]
pub fn compare(shape: &Shape, observed: &Observed, journal: &[Mirrored], terms: &Terms<'_>) -> Mirror {
    let mut comparison = Comparison::new(shape, observed, journal, terms);
    let (mut later, mut ids) = (Vec::new(), BTreeSet::new());
    for wanted in shape.wanted.iter().filter(|wanted| wanted.live) {
        match comparison.comes_later(wanted, &ids) {
            true => {
                ids.insert(wanted.id);
                later.push(wanted);
            }
            false => comparison.wanted(wanted),
        }
    }
    for wanted in later {
        comparison.wanted(wanted);
    }
    comparison.gone();
    comparison.orphans();
    comparison.foreign();
    comparison.finish()
}

struct Comparison<'c> {
    shape: &'c Shape,
    observed: &'c Observed,
    terms: &'c Terms<'c>,
    journal: BTreeMap<ObjectId, &'c Mirrored>,
    wanted: BTreeMap<ObjectId, &'c Wanted>,
    /// What the journal knows at another service.
    elsewhere: BTreeMap<ObjectId, &'c Mirrored>,
    by_id: BTreeMap<(Kind, &'c str, &'c str), &'c Found>,
    /// The name of a thing is unique among the parts of the same whole.
    by_name: BTreeMap<(Kind, &'c str, Option<&'c str>, &'c str), &'c Found>,
    /// The things that belong to an object or were spoken about, by the kind, place and id of each.
    taken: BTreeSet<(Kind, &'c str, &'c str)>,
    /// Whose the things are that the journal knows.
    owners: BTreeMap<(Kind, &'c str, &'c str), Vec<&'c Mirrored>>,
    /// The things that an object stands for which is wanted, with that object; `None` where that is not decided.
    in_use: BTreeMap<(Kind, &'c str, &'c str), Option<&'c Key>>,
    /// The ids that the journal knows of things without a name. An id is all that tells those, whoever's credentials show them.
    nameless: BTreeSet<(Kind, &'c str)>,
    /// What each wanted thing is there, once it was looked at; `None` where it is still to be made.
    standing: BTreeMap<ObjectId, Option<Box<str>>>,
    calls: Vec<(Rank, Call)>,
    waiting: Vec<Wait<'c>>,
    mirror: Mirror,
}

/// When a call is made: what gives, then what changes, then what takes away; parts after and before the whole.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank(pub u8, pub usize);

impl<'c> Comparison<'c> {
    fn new(shape: &'c Shape, observed: &'c Observed, journal: &'c [Mirrored], terms: &'c Terms<'c>) -> Self {
        let unobservable = observed.unobservable.iter().filter(|(place, _)| !shape.former.contains(*place));
        let mirror = Mirror {
            lacking: shape.lacking.clone(),
            places: shape.places.clone(),
            unobservable: unobservable.map(|(place, because)| (place.clone(), because.clone())).collect(),
            ..Mirror::new(terms.capabilities, terms.url)
        };
        let service = mirror.address();
        let (journal, elsewhere): (Vec<&Mirrored>, Vec<&Mirrored>) = journal.iter().partition(|entry| entry.service == service);
        let journal: BTreeMap<ObjectId, &Mirrored> = journal.into_iter().map(|entry| (entry.id, entry)).collect();
        let nameless = journal.values().copied().filter(|entry| !entry.sent.contains_key(NAME));
        let nameless = nameless.flat_map(|entry| entry.ids().map(|id| (entry.key.kind, id))).collect();
        let taken = journal.values().filter_map(|entry| Some((entry.key.kind, &*entry.place, entry.external_id.as_deref()?)));
        let wanted: BTreeMap<ObjectId, &Wanted> = shape.wanted.iter().map(|wanted| (wanted.id, wanted)).collect();
        Self {
            shape,
            observed,
            terms,
            by_id: observed.found.iter().map(|it| ((it.kind, &*it.place, &*it.external_id), it)).collect(),
            by_name: observed.found.iter().map(|it| ((it.kind, &*it.place, it.within.as_deref(), &*it.name), it)).collect(),
            taken: taken.collect(),
            owners: names::owners(&journal, &wanted),
            in_use: BTreeMap::new(),
            nameless,
            journal,
            wanted,
            elsewhere: elsewhere.into_iter().map(|entry| (entry.id, entry)).collect(),
            standing: BTreeMap::new(),
            calls: Vec::new(),
            waiting: Vec::new(),
            mirror,
        }
    }

    fn by_id(&self, kind: Kind, place: &str, id: &str) -> Option<&'c Found> {
        self.by_id.get(&(kind, place, id)).copied()
    }

    fn by_name(&self, wanted: &Wanted, within: Option<&str>) -> Option<&'c Found> {
        let key = (wanted.key.kind, &*wanted.place, within, &*wanted.name);
        self.by_name.get(&key).copied().filter(|_| !wanted.name.is_empty())
    }

    fn wanted(&mut self, wanted: &'c Wanted) {
        let Some(ability) = self.terms.capabilities.of(wanted.key.kind) else { return };
        if !self.observed.read.contains(&wanted.place) {
            return self.mirror.uncompared.push(wanted.key.clone());
        }
        if self.observed.reserved.contains(&(wanted.key.kind, wanted.name.clone())) {
            return self.hold(wanted, &format!("{:?} is the account that Muster itself uses there", wanted.name));
        }
        let within = match wanted.within.map(|whole| self.standing.get(&whole)) {
            None => None,
            Some(Some(whole)) => Some(whole.clone()),
            Some(None) => return self.hold(wanted, "what it is a part of is not there, and is not made now"),
        };
        if let Some(wrong) = ability.wrong_name(&wanted.name) {
            return self.hold(wanted, &format!("its name {:?} {wrong} at {}", wanted.name, self.terms.capabilities.title));
        }
        if let Some((path, secret)) = wanted.secrets.iter().find(|(path, _)| !wanted.digests.contains_key(*path)) {
            let because =
                format!("{path} is in the Secret {} under {}, which cannot be read", secret.name.as_str(), secret.key.as_str());
            return self.hold(wanted, &because);
        }
        let entry = self.journal.get(&wanted.id).copied();
        let is_elsewhere = self.elsewhere.contains_key(&wanted.id);
        let known = entry.and_then(|entry| entry.external_id.as_deref());
        let found = known.and_then(|id| self.by_id(wanted.key.kind, &wanted.place, id));
        let named = self.named(wanted);
        let holder = named.and_then(|found| self.holder(wanted, found));
        let at = At { wanted, ability, entry, within: within.flatten() };
        match (known, found, named) {
            (_, None, Some(found)) if at.lost_a_secret() => self.renew(&at, found),
            (_, Some(found), other) => {
                let other = other.filter(|other| other.external_id != found.external_id);
                let is_free = holder.is_some_and(|holder| self.gives_its_name_up(holder));
                self.there(&at, found, other.filter(|_| !is_free));
            }
            (known, None, Some(_)) if let Some(holder) = holder => match (self.gives_its_name_up(holder), known) {
                (false, _) => self.hold(wanted, &format!("{} has that name there, and does not get another one now", holder.key)),
                (true, Some(_)) => self.vanished(&at),
                (true, None) => self.create(&at, None),
            },
            (Some(known), None, Some(other)) => self.another(&at, known, other),
            (Some(_), None, None) => self.vanished(&at),
            (None, None, Some(found)) => self.exists(&at, found),
            (None, None, None) if is_elsewhere && wanted.issued.is_some() => {
                self.replace(&at, "there was one at another address of the service, and its secret would be replaced");
            }
            (None, None, None) => self.create(&at, None),
        }
    }

    fn hold(&mut self, wanted: &Wanted, because: &str) {
        self.mirror.held.push((wanted.key.clone(), because.into()));
    }

    /// A secret that the service made and nobody has is of no use, and is replaced only where somebody says so.
    fn unkept(&mut self, wanted: &Wanted) {
        let Some(secret) = self.observed.unkept.get(&wanted.id) else { return };
        let way_out = match self.unkeepable(wanted) {
            None => "raise spec.generation to make a new one".to_owned(),
            Some(because) => format!("to make a new one, see to this first: {because}"),
        };
        self.hold(wanted, &format!("it is there, and the Secret {secret} does not have it; {way_out}"));
    }

    /// Why nothing is made whose secret the service would show once: it could not be kept.
    fn unkeepable(&self, wanted: &Wanted) -> Option<&str> {
        match &wanted.issued {
            Some(issued) if issued.to.is_none() => {
                Some("its secret would be shown once and lost: name a Secret for it in spec.writeSecretToRef")
            }
            _ => self.observed.unkeepable.get(&wanted.id).map(|because| &**because),
        }
    }

    fn refuse(&mut self, wanted: &Wanted, rule: &str, because: String, way_out: &str) {
        self.mirror.refusals.push(Refusal {
            subject: wanted.key.clone(),
            rule: rule.into(),
            verb: Some(Verb::Update),
            because: because.into(),
            way_out: way_out.into(),
            origin: wanted.origin.clone(),
        });
    }

    /// It is there under the id that the journal has.
    fn there(&mut self, at: &At<'c>, found: &'c Found, other: Option<&Found>) {
        let At { wanted, entry, .. } = *at;
        self.standing.insert(wanted.id, Some(found.external_id.clone()));
        self.uses(found, Some(&wanted.key));
        if let Some(other) = other {
            let because = format!(
                "it shall be called {:?} there, and {} has another {} of that name, with the id {}",
                wanted.name,
                self.terms.capabilities.title,
                wanted.key.kind.label(),
                other.external_id
            );
            let way_out = match self.holder(wanted, other) {
                Some(holder) => format!(
                    "that one is {}: give it another name first; two that swap their names need a third name in between",
                    holder.key
                ),
                None => "rename or remove that one at the service, or choose another name here".to_owned(),
            };
            return self.refuse(wanted, TAKEN_AT_SERVICE, because, &way_out);
        }
        let empty = Map::new();
        let sent = entry.map_or(&empty, |entry| &entry.sent);
        let (kept, corrected): (Vec<Edit>, Vec<Edit>) =
            at.edits(found, sent).into_iter().partition(|edit| edit.drift && self.terms.drift != DriftPolicy::Correct);
        if !kept.is_empty() && self.terms.drift == DriftPolicy::Warn {
            self.mirror.drift.push(Differs { key: wanted.key.clone(), edits: kept });
        }
        let begun = entry.and_then(|entry| entry.intent.as_ref());
        let rotate = wanted.issued.as_ref().is_some_and(|issued| {
            entry.is_some_and(|entry| is_due(issued, entry, self.terms.now)) || begun.is_some_and(|it| it.deed == Deed::Rotate)
        });
        match self.unkeepable(wanted).filter(|_| rotate).map(|because| format!("a new one is due, and {because}")) {
            Some(because) => return self.hold(wanted, &because),
            None if rotate => {}
            None => self.unkept(wanted),
        }
        let deed = if rotate { Deed::Rotate } else { Deed::Update };
        let sent = applied(sent, &corrected);
        if corrected.is_empty() && !rotate {
            let orphans = self.still_there(at);
            // What goes only when its object is purged has to be reached then, too.
            let reached = self.shape.places.get(&wanted.place).and_then(Option::as_ref);
            let is_reached =
                |entry: &Mirrored| entry.reached.as_ref() == reached || !matches!(at.ability.end, End::WhenPurged(_));
            let is_as_known = |entry: &Mirrored| {
                let is_same = entry.key == wanted.key && entry.place == wanted.place && entry.orphans.len() == orphans.len();
                is_same && is_reached(entry)
            };
            self.mirror.unchanged += 1;
            if begun.is_some() || !entry.is_some_and(is_as_known) {
                let call = at.call(Deed::Update, Some(found), Vec::new(), sent);
                self.push(at, Call { recorded_only: true, orphans, ..call }, found.weight);
            }
            return;
        }
        self.call(at, at.call(deed, Some(found), corrected, sent), found.weight);
    }

    /// Its name belongs to another id than the journal has, and that id is gone.
    fn another(&mut self, at: &At<'c>, known: &str, other: &'c Found) {
        let At { wanted, .. } = *at;
        // Where a name is a part of the id, a call that renames makes it another one.
        let begun = at.begun().filter(|intent| intent.deed == Deed::Update);
        if begun.is_some_and(|intent| is_as_sent(&intent.sends, other)) {
            return self.there(at, other, None);
        }
        self.uses(other, None);
        let title = self.terms.capabilities.title;
        let because = format!(
            "at {title} it had the id {known}, which is gone, and {:?} there is now {}, which Muster did not make",
            wanted.name, other.external_id
        );
        let call = at.call(Deed::Adopt, Some(other), at.edits(other, &Map::new()), at.sent());
        self.wait(call, because);
    }

    /// A secret was made whose answer was lost. There is one of that name, so there is another one in its place.
    fn renew(&mut self, at: &At<'c>, found: &'c Found) {
        self.standing.insert(at.wanted.id, Some(found.external_id.clone()));
        self.uses(found, Some(&at.wanted.key));
        let note = "an earlier run had one made and lost it";
        if let Some(because) = self.unkeepable(at.wanted).map(|because| format!("{note}, and {because}")) {
            return self.hold(at.wanted, &because);
        }
        let call = at.call(Deed::Rotate, Some(found), Vec::new(), at.sent());
        self.call(at, Call { note: Some(note.into()), ..call }, found.weight);
    }

    /// It was there and is not any more.
    fn vanished(&mut self, at: &At<'c>) {
        let At { wanted, ability, .. } = *at;
        if let Absence::Hidden(why) = ability.absence {
            self.standing.insert(wanted.id, at.entry.and_then(|entry| entry.external_id.clone()));
            return self.hold(wanted, why);
        }
        match self.terms.drift {
            DriftPolicy::Correct if wanted.issued.is_some() => {
                self.replace(at, "it is not there any more, and another one would replace its secret");
            }
            DriftPolicy::Correct => self.create(at, Some("it was removed at the service")),
            DriftPolicy::Warn => self.mirror.drift.push(Differs { key: wanted.key.clone(), edits: Vec::new() }),
            DriftPolicy::Ignore => {}
        }
    }

    /// Something of its name is there, and the journal knows of none.
    fn exists(&mut self, at: &At<'c>, found: &'c Found) {
        let At { wanted, .. } = *at;
        self.uses(found, None);
        let begun = at.begun().filter(|intent| intent.deed == Deed::Create);
        let made_by_us = begun.is_some_and(|intent| {
            at.ability.in_steps || edits(&without_ours(&intent.sends), &found.fields, &Map::new()).is_empty()
        });
        // What a call made has its secrets, too.
        let sent = begun.filter(|_| made_by_us).map(|intent| At::secrets_of(&intent.sends)).unwrap_or_default();
        let edits = at.edits(found, &sent);
        let differ = edits.iter().any(|edit| !edit.secret);
        let adopts = match self.terms.adoption {
            AdoptionPolicy::Adopt => true,
            AdoptionPolicy::AdoptIdentical | AdoptionPolicy::Refuse => !differ,
        };
        let former = self.former(wanted, found);
        if made_by_us || adopts || wanted.implied || former.is_some() {
            self.standing.insert(wanted.id, Some(found.external_id.clone()));
            self.uses(found, Some(&wanted.key));
            self.unkept(wanted);
            let recorded_only = edits.is_empty();
            let note: Box<str> = match former {
                _ if made_by_us => "an earlier run made it and did not hear back".into(),
                Some(former) => format!("it was there for {}, which is gone here", former.key).into(),
                None => "it was there already".into(),
            };
            let call = at.call(Deed::Adopt, Some(found), edits, at.sent());
            return self.call(at, Call { recorded_only, note: Some(note), ..call }, found.weight);
        }
        let paths: Vec<String> = edits.iter().map(Edit::path).take(5).collect();
        let because = format!(
            "{} has a {} called {:?} already (id {}), Muster did not make it, and it differs in {}",
            self.terms.capabilities.title,
            wanted.key.kind.label(),
            wanted.name,
            found.external_id,
            paths.join(", ")
        );
        let way_out =
            "choose another name; or set spec.adoptionPolicy: Adopt on the Organization, which takes it over and changes it";
        self.refuse(wanted, TAKEN_AT_SERVICE, because, way_out);
    }

    fn create(&mut self, at: &At<'c>, note: Option<&str>) {
        let At { wanted, ability, .. } = *at;
        if !ability.can(Deed::Create) {
            let title = self.terms.capabilities.title;
            return self.hold(wanted, &format!("{title} does not have it, and there is no call that makes it"));
        }
        if let Some(because) = self.unkeepable(wanted).map(str::to_owned) {
            return self.hold(wanted, &because);
        }
        self.standing.insert(wanted.id, None);
        let mut call = at.call(Deed::Create, None, at.edits_from_nothing(), at.sent());
        call.note = note.map(Into::into);
        self.call(at, call, i64::MIN);
    }

    /// Making it anew would replace a secret that may be the only copy: that waits for an approval.
    fn replace(&mut self, at: &At<'c>, because: &str) {
        if self.unkeepable(at.wanted).is_some() {
            return self.create(at, None);
        }
        let mut call = at.call(Deed::Create, None, at.edits_from_nothing(), at.sent());
        call.listed = self.listed(&call);
        call.orphans = self.lost(at, &call);
        let replaces = at.entry.or_else(|| self.elsewhere.get(&at.wanted.id).copied());
        self.waiting.push(Wait { call, because: because.into(), replaces });
    }

    fn wait(&mut self, call: Call, because: impl Into<Box<str>>) {
        self.waiting.push(Wait { call, because: because.into(), replaces: None });
    }

    /// The ids that nobody needs any more and that the service still lists.
    fn still_there(&self, at: &At<'c>) -> Vec<Box<str>> {
        let orphans = at.entry.map(|entry| entry.orphans.as_slice()).unwrap_or_default();
        orphans.iter().filter(|id| self.by_id(at.wanted.key.kind, &at.wanted.place, id).is_some()).cloned().collect()
    }

    fn call(&mut self, at: &At<'c>, mut call: Call, weight_there: i64) {
        if call.issued.is_some() {
            call.listed = self.listed(&call);
            call.orphans = self.lost(at, &call);
        }
        self.push(at, call, weight_there);
    }

    fn push(&mut self, at: &At<'c>, call: Call, weight_there: i64) {
        let number = self.calls.len();
        let gives = at.wanted.weight >= weight_there;
        let rank = Rank(u8::from(!gives), number);
        self.calls.push((rank, call));
    }

    /// The ids that the service lists, of the kind and in the place of a call.
    fn listed(&self, call: &Call) -> Vec<Box<str>> {
        let same = |found: &&Found| found.kind == call.key.kind && found.place == call.place;
        let mut listed: Vec<Box<str>> = self.observed.found.iter().filter(same).map(|found| found.external_id.clone()).collect();
        listed.sort();
        listed
    }

    /// Ids that a call which was begun has made and whose secret got lost: they are listed now, were not listed before, and nobody's.
    fn lost(&self, at: &At<'c>, call: &Call) -> Vec<Box<str>> {
        let known = at.entry.map(|entry| entry.orphans.clone()).unwrap_or_default();
        let begun = at.entry.and_then(|entry| entry.intent.as_ref()).filter(|it| matches!(it.deed, Deed::Create | Deed::Rotate));
        let lost = call.listed.iter().filter(|id| {
            let is_new = begun.is_some_and(|intent| !intent.listed.contains(id));
            is_new && !self.is_taken(call.key.kind, &call.place, &call.name, id)
        });
        let mut all: Vec<Box<str>> = known.into_iter().chain(lost.cloned()).collect();
        all.sort();
        all.dedup();
        all
    }

    /// True for what belongs to an object, or did, or was spoken about.
    fn is_taken(&self, kind: Kind, place: &str, name: &str, id: &str) -> bool {
        let anywhere = name.is_empty() && (self.nameless.contains(&(kind, id)) || self.terms.others.contains(id));
        anywhere || self.taken.contains(&(kind, place, id))
    }

    fn finish(mut self) -> Mirror {
        self.approve();
        after_parts(&mut self.calls, self.terms.capabilities, &self.journal);
        let mut mirror = self.mirror;
        self.calls.sort_by(|(a, _), (b, _)| a.cmp(b));
        mirror.calls = self.calls.into_iter().map(|(_, call)| call).collect();
        for call in &mut mirror.calls {
            let requests = self.terms.capabilities.of(call.key.kind).map_or(0, |ability| (ability.requests)(call.deed));
            call.requests = if call.recorded_only { 0 } else { requests };
        }
        mirror.requests = mirror.calls.iter().map(|call| call.requests).sum();
        let waits = mirror.requests.saturating_sub(self.terms.capabilities.burst);
        mirror.seconds = waits.div_ceil(self.terms.capabilities.per_second.max(1));
        let live = self.shape.wanted.iter().filter(|wanted| wanted.live);
        let known = |wanted: &Wanted| Known::of(self.journal.get(&wanted.id)?, wanted.issued.as_ref());
        mirror.known = live.filter_map(|wanted| Some((wanted.key.clone(), known(wanted)?))).collect();
        mirror.refusals.sort();
        mirror.held.sort();
        mirror.retained.sort();
        debug_assert!(self.shape.wanted.len() >= self.standing.len());
        mirror
    }

    /// What takes away comes last, in the order in which it is said.
    fn at_last(&mut self, call: Call) {
        self.calls.push((Rank(2, self.calls.len()), call));
    }

    fn approve(&mut self) {
        let waiting = std::mem::take(&mut self.waiting);
        let SortedOut { released, refusals, approval } = sort_out(waiting, &self.mirror.address(), self.terms.approved);
        released.into_iter().for_each(|call| self.at_last(call));
        self.mirror.refusals.extend(refusals);
        self.mirror.approval = approval;
    }
}

/// Whether a thing has the name and every field that a call sends.
fn is_as_sent(sends: &Map<String, Value>, found: &Found) -> bool {
    sends.get("name").and_then(Value::as_str) == Some(&*found.name)
        && edits(&without_ours(sends), &found.fields, &Map::new()).is_empty()
}
