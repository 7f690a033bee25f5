use std::collections::{BTreeMap, BTreeSet};

use super::compare::Rank;
use super::{Call, Capabilities, Edit};
use crate::tenancy::{Deed, Mirrored, ObjectId};

/// Fields that name parts of a thing are sent after those parts, where one of them is still to be made or gets its name.
///
/// They go in a call of their own, so that a run which ends between the two leaves a thing whose last fields differ, and nothing else.
pub(super) fn after_parts(calls: &mut Vec<(Rank, Call)>, capabilities: &Capabilities, journal: &BTreeMap<ObjectId, &Mirrored>) {
    let is_named = |call: &Call| call.edits.iter().any(|edit| edit.at.first().is_some_and(|first| &**first == "name"));
    let comes = |call: &Call| call.deed == Deed::Create || is_named(call);
    let incomplete: BTreeSet<ObjectId> =
        calls.iter().filter(|(_, call)| comes(call)).filter_map(|(_, call)| call.within).collect();
    let mut last = calls.len();
    let mut later = Vec::new();
    for (rank, call) in calls.iter_mut().filter(|(_, call)| incomplete.contains(&call.id)) {
        let Some(ability) = capabilities.of(call.kind()).filter(|_| call.deed != Deed::Remove) else { continue };
        let names_parts = |edit: &Edit| edit.at.first().is_some_and(|first| ability.after_parts.contains(&&**first));
        let (parts, rest): (Vec<Edit>, Vec<Edit>) = call.edits.iter().cloned().partition(names_parts);
        if parts.is_empty() {
            continue;
        }
        last += 1;
        if rest.is_empty() && call.deed == Deed::Update {
            *rank = Rank(0, last);
            continue;
        }
        let note = Some("once its parts are there".into());
        later.push((Rank(0, last), Call { deed: Deed::Update, edits: parts, note, again: false, ..call.clone() }));
        call.edits = rest;
        call.recorded_only = call.deed == Deed::Adopt && call.edits.is_empty();
        let before = journal.get(&call.id).map(|entry| &entry.sent);
        for name in ability.after_parts {
            match before.and_then(|before| before.get(*name)) {
                Some(value) => drop(call.sent.insert((*name).to_owned(), value.clone())),
                None => drop(call.sent.remove(*name)),
            }
        }
    }
    calls.append(&mut later);
}
