use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::edits::{edits, leaves};
use super::{Ability, Call, Edit, Found, Issued, Wanted, applied, leaf};
use crate::tenancy::{Deed, Intent, Mirrored};

/// One wanted thing, with what is known about it.
pub(super) struct At<'c> {
    pub wanted: &'c Wanted,
    pub ability: &'static Ability,
    pub entry: Option<&'c Mirrored>,
    /// The id of what it is a part of, where that is there.
    pub within: Option<Box<str>>,
}

/// Where the journal keeps the digests of secrets, and the generation of those that the service makes.
const SECRETS: &str = "secrets";
const GENERATION: &str = "generation";

impl At<'_> {
    /// A call that was begun, and whose end is not known.
    pub fn begun(&self) -> Option<&Intent> {
        self.entry.and_then(|entry| entry.intent.as_ref())
    }

    /// Whether a secret was begun to be made, and got lost with the answer.
    pub fn lost_a_secret(&self) -> bool {
        let begun = self.begun().is_some_and(|intent| matches!(intent.deed, Deed::Create | Deed::Rotate));
        begun && self.wanted.issued.is_some()
    }

    pub fn edits(&self, found: &Found, sent: &Map<String, Value>) -> Vec<Edit> {
        let plain = without_ours(sent);
        let mut edits = edits(&self.wanted.fields, &found.fields, &plain);
        if self.wanted.name != found.name {
            let drift = sent.get("name").and_then(Value::as_str) == Some(&*self.wanted.name);
            let (from, to) = (Some(found.name.as_ref().into()), Some(self.wanted.name.as_ref().into()));
            edits.insert(0, Edit { at: vec!["name".into()], from, to, drift, secret: false });
        }
        let digests = sent.get(SECRETS);
        for (path, digest) in &self.wanted.digests {
            let before = digests.and_then(|digests| digests.get(&**path)).cloned();
            let after = Some(Value::from(&**digest));
            if before != after {
                let at = path.split('.').map(Into::into).collect();
                edits.push(Edit { at, from: before, to: after, drift: false, secret: true });
            }
        }
        edits
    }

    pub fn edits_from_nothing(&self) -> Vec<Edit> {
        let mut edits = edits(&self.wanted.fields, &Map::new(), &Map::new());
        for (path, digest) in &self.wanted.digests {
            let at = path.split('.').map(Into::into).collect();
            edits.push(Edit { at, from: None, to: Some(Value::from(&**digest)), drift: false, secret: true });
        }
        edits
    }

    /// Of what was sent, the digests of secrets alone.
    pub fn secrets_of(sent: &Map<String, Value>) -> Map<String, Value> {
        sent.iter().filter(|(name, _)| name.as_str() == SECRETS).map(|(name, value)| (name.clone(), value.clone())).collect()
    }

    /// What the journal keeps once everything is as it is wanted.
    pub fn sent(&self) -> Map<String, Value> {
        self.with_ours(self.wanted.fields.clone())
    }

    fn with_ours(&self, mut sent: Map<String, Value>) -> Map<String, Value> {
        if !self.wanted.name.is_empty() {
            sent.insert("name".into(), Value::from(&*self.wanted.name));
        }
        if !self.wanted.digests.is_empty() {
            let digests = self.wanted.digests.iter().map(|(path, digest)| (path.to_string(), Value::from(&**digest)));
            sent.insert(SECRETS.into(), digests.collect());
        }
        if let Some(issued) = &self.wanted.issued {
            sent.insert(GENERATION.into(), issued.generation.into());
        }
        sent
    }

    pub fn call(&self, deed: Deed, found: Option<&Found>, edits: Vec<Edit>, sent: Map<String, Value>) -> Call {
        let wanted = self.wanted;
        let sent = match deed {
            Deed::Create | Deed::Adopt => sent,
            _ => self.with_ours(kept(&sent, &wanted.fields)),
        };
        Call {
            deed,
            key: wanted.key.clone(),
            id: wanted.id,
            place: wanted.place.clone(),
            name: wanted.name.clone(),
            within: wanted.within,
            within_id: self.within.clone(),
            external_id: found.map(|found| found.external_id.clone()),
            edits,
            sent,
            secrets: wanted.secrets.clone(),
            issued: wanted.issued.clone(),
            again: self.begun().is_some_and(|intent| intent.deed == deed),
            in_steps: self.ability.in_steps,
            listed: Vec::new(),
            orphans: self.entry.map(|entry| entry.orphans.clone()).unwrap_or_default(),
            recorded_only: false,
            requests: 0,
            note: None,
            origin: wanted.origin.clone(),
        }
    }
}

pub(super) fn without_ours(sent: &Map<String, Value>) -> Map<String, Value> {
    let ours = ["name", SECRETS, GENERATION];
    sent.iter().filter(|(name, _)| !ours.contains(&name.as_str())).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Of what was sent, the fields that are still wanted: those that are not are no longer Muster's.
fn kept(sent: &Map<String, Value>, wanted: &Map<String, Value>) -> Map<String, Value> {
    let mut kept = Map::new();
    for (at, value) in leaves(&without_ours(sent)) {
        if leaf(wanted, &at).is_some() {
            let edit = Edit { at, from: None, to: Some(value.clone()), drift: false, secret: false };
            kept = applied(&kept, [&edit]);
        }
    }
    kept
}

pub(super) fn removal(entry: &Mirrored, found: Option<&Found>, ability: &Ability) -> Call {
    Call {
        deed: Deed::Remove,
        key: entry.key.clone(),
        id: entry.id,
        place: entry.place.clone(),
        name: found.map_or_else(|| "".into(), |found| found.name.clone()),
        within: entry.within,
        within_id: found.and_then(|found| found.within.clone()),
        external_id: found.map(|found| found.external_id.clone()).or_else(|| entry.external_id.clone()),
        edits: Vec::new(),
        sent: entry.sent.clone(),
        secrets: BTreeMap::new(),
        issued: None,
        again: entry.intent.as_ref().is_some_and(|intent| intent.deed == Deed::Remove),
        in_steps: ability.in_steps,
        listed: Vec::new(),
        orphans: entry.orphans.clone(),
        recorded_only: found.is_none() || !ability.can(Deed::Remove),
        requests: 0,
        note: None,
        origin: None,
    }
}

/// Whether a secret is to be made anew.
pub(super) fn is_due(issued: &Issued, entry: &Mirrored, now: Timestamp) -> bool {
    let last = entry.sent.get(GENERATION).and_then(Value::as_i64).unwrap_or_default();
    issued.generation > last || issued.renews_at(entry.sent_at).is_some_and(|end| end <= now)
}
