use std::collections::BTreeSet;

use super::super::at::removal;
use super::super::{Ability, Absence, Call, End, Foreign, Found};
use super::Comparison;
use super::names::place_of;
use crate::api::Kind;
use crate::tenancy::{Deed, Key, Mirrored};

impl<'c> Comparison<'c> {
    /// What the journal knows and is wanted no longer.
    pub(super) fn gone(&mut self) {
        let entries: Vec<&Mirrored> = self.journal.values().copied().collect();
        let wanted = |entry: &&Mirrored| self.wanted.get(&entry.id).is_some_and(|wanted| wanted.live);
        let mut gone: Vec<&Mirrored> = entries.into_iter().filter(|entry| !wanted(entry)).collect();
        gone.sort_by(|a, b| b.key.cmp(&a.key));
        for entry in gone {
            self.end(entry);
        }
    }

    fn end(&mut self, entry: &'c Mirrored) {
        let Some(ability) = self.terms.capabilities.of(entry.key.kind) else { return };
        let purged = !self.terms.stored.contains(&entry.id);
        let wanted = self.wanted.get(&entry.id).copied();
        let ends = wanted.is_some_and(|wanted| !wanted.live) || purged;
        let place = place_of(entry, &self.wanted);
        if !ends {
            return;
        }
        let found = match entry.external_id.as_deref() {
            Some(id) => self.by_id(entry.key.kind, place, id),
            // It may have been made by a call that did not hear back.
            None => wanted.filter(|_| entry.intent.is_some()).and_then(|wanted| {
                let whole =
                    wanted.within.and_then(|whole| self.journal.get(&whole)).and_then(|whole| whole.external_id.as_deref());
                self.by_name(wanted, whole)
            }),
        };
        if let Some(heir) = found.and_then(|found| self.in_use.get(&(found.kind, &found.place, &found.external_id)).copied()) {
            return self.hand_over(entry, ability, heir);
        }
        let whole = entry.within.and_then(|whole| self.journal.get(&whole)).filter(|whole| {
            let ends = self.wanted.get(&whole.id).is_none_or(|wanted| !wanted.live);
            ends && self.terms.capabilities.of(whole.key.kind).is_some_and(|ability| matches!(ability.end, End::Never(_)))
        });
        if let Some(whole) = whole {
            // As long as the whole can be restored, its part is to go with that.
            if purged && !self.terms.stored.contains(&whole.id) {
                self.forget(entry, ability, "with what it is a part of");
            }
            return;
        }
        if let Some(because) = self.observed.unobservable.get(place) {
            match purged && self.shape.former.contains(place) {
                true => self.out_of_reach(entry, ability, because),
                false => self.mirror.uncompared.push(entry.key.clone()),
            }
            return;
        }
        if !self.observed.read.contains(place) {
            let because = "nothing says how to reach it there any more";
            return match ability.end {
                _ if purged => self.out_of_reach(entry, ability, because),
                End::Never(way_out) => self.mirror.retained.push((entry.key.clone(), way_out.into())),
                _ => self.mirror.retained.push((entry.key.clone(), format!("it is not removed: {because}").into())),
            };
        }
        if let Some(found) = found {
            self.taken.insert((found.kind, &found.place, &found.external_id));
        }
        let remove = || Call { place: place.clone(), ..removal(entry, found, ability) };
        match ability.end {
            End::Never(way_out) if found.is_some() && purged => self.forget(entry, ability, way_out),
            End::Never(way_out) if found.is_some() => self.mirror.retained.push((entry.key.clone(), way_out.into())),
            End::WhenPurged(warning) if found.is_some() && !purged => {
                let because = format!("it goes when it is purged: {warning}");
                self.mirror.retained.push((entry.key.clone(), because.into()));
            }
            End::WhenPurged(warning) if found.is_some() => self.wait(remove(), warning),
            _ if ability.absence != Absence::Gone && found.is_none() && !purged => {}
            // Only what nobody needs any more is left of it.
            _ if found.is_none() && entry.external_id.is_none() && entry.intent.is_none() => {}
            _ => self.at_last(remove()),
        }
    }

    /// What it had there is another object's now, or may become that.
    fn hand_over(&mut self, entry: &Mirrored, ability: &Ability, heir: Option<&Key>) {
        let Some(heir) = heir else { return };
        let note = Some(format!("it stays there for {heir}").into());
        self.at_last(Call { within: None, note, ..removal(entry, None, ability) });
    }

    /// What was purged and stays there is told once, and then it is as what others made.
    fn forget(&mut self, entry: &Mirrored, ability: &Ability, because: &str) {
        let note = Some(format!("stays there: {because}").into());
        self.at_last(Call { within: None, orphans: Vec::new(), note, ..removal(entry, None, ability) });
    }

    /// What was purged and would be removed, if it could be reached. Somebody has to do that there by hand, and say that it is known.
    fn out_of_reach(&mut self, entry: &Mirrored, ability: &Ability, because: &str) {
        if let End::Never(way_out) = ability.end {
            return self.forget(entry, ability, way_out);
        }
        let call = Call { within: None, orphans: Vec::new(), ..removal(entry, None, ability) };
        let because = format!(
            "it was purged here and stays at {} (id {}): {because}; remove it there by hand, then approve this, which removes nothing \
             and ends this notice",
            self.terms.capabilities.title,
            entry.ids().collect::<Vec<_>>().join(", ")
        );
        self.wait(call, because);
    }

    /// Secrets at the service that nobody needs any more.
    pub(super) fn orphans(&mut self) {
        let entries: Vec<&Mirrored> = self.journal.values().copied().collect();
        let used: BTreeSet<(Kind, &str)> =
            entries.iter().filter_map(|entry| Some((entry.key.kind, entry.external_id.as_deref()?))).collect();
        let mut told = BTreeSet::new();
        for entry in entries {
            let Some(ability) = self.terms.capabilities.of(entry.key.kind).filter(|ability| ability.can(Deed::Remove)) else {
                continue;
            };
            let place = place_of(entry, &self.wanted);
            for id in &entry.orphans {
                let Some(found) = self.by_id(entry.key.kind, place, id) else { continue };
                // Several places may show it, and it may have come to be of use.
                if used.contains(&(entry.key.kind, id)) || !told.insert((entry.key.kind, id)) {
                    continue;
                }
                let warning = match ability.end {
                    End::WhenPurged(warning) => warning,
                    End::WithObject | End::Never(_) => "nobody needs it any more",
                };
                let orphans = entry.orphans.iter().filter(|other| *other != id).cloned().collect();
                let because = format!("{id} was replaced, or made by a call whose answer was lost: {warning}");
                let call = removal(entry, Some(found), ability);
                self.wait(Call { orphans, place: place.clone(), ..call }, because);
            }
        }
    }

    pub(super) fn foreign(&mut self) {
        let orphans: BTreeSet<&str> = self.journal.values().flat_map(|entry| &entry.orphans).map(|id| &**id).collect();
        let mut told = BTreeSet::new();
        let is_foreign = |found: &&'c Found| {
            let is_taken = self.is_taken(found.kind, &found.place, &found.name, &found.external_id);
            // Without a name, it is told once, whoever's credentials show it.
            let is_new = !found.name.is_empty() || told.insert((found.kind, &found.external_id));
            is_new && !is_taken && !orphans.contains(&*found.external_id)
        };
        let foreign = self.observed.found.iter().filter(is_foreign).map(|found| Foreign {
            kind: found.kind.label().into(),
            place: found.place.clone(),
            name: found.name.clone(),
            external_id: found.external_id.clone(),
        });
        self.mirror.foreign = foreign.collect();
        self.mirror.foreign.sort();
    }
}
