//! What happened to objects lately, as the history of the store has it: that is what a status repeats, also when an earlier one was lost.

use std::collections::BTreeMap;

use crate::api::Kind;
use crate::store::{Entry, Happened, Observe, StoreError};
use crate::tenancy::{Key, Name};

/// How many entries of an object are kept.
const KEPT: usize = 5;

/// How far back the history is read at the beginning.
const WINDOW: i64 = 20_000;

/// How many entries are read at a time.
const PAGE: u32 = 5_000;

/// The latest entries of each object of an organization, newest first.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    seq: Option<i64>,
    by_key: BTreeMap<Key, Vec<Event>>,
}

/// Something that happened to an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When.
    pub at: jiff::Timestamp,
    /// What.
    pub happened: Happened,
    /// Who did it.
    pub actor: Box<str>,
    /// The revision of the input that it came from.
    pub source: Option<Box<str>>,
}

impl Recent {
    /// Reads on to this entry, which is the last one.
    ///
    /// # Errors
    ///
    /// When the store cannot be read.
    pub async fn read(&mut self, store: &impl Observe, organization: &Name, last: i64) -> Result<(), StoreError> {
        let mut after = self.seq.unwrap_or_else(|| (last - WINDOW).max(0));
        while after < last {
            let page = store.history(organization, after, PAGE).await?;
            let Some(end) = page.last().map(|recorded| recorded.seq) else { break };
            after = end;
            page.into_iter().filter_map(|recorded| recorded.entry).for_each(|entry| self.add(entry));
        }
        self.seq = Some(after.max(last));
        Ok(())
    }

    /// An entry of a membership is a change of its member. What an apply did to both is told once.
    fn add(&mut self, entry: Entry) {
        let Entry { key, happened, at, actor, source, .. } = entry;
        let member = key.member_and_place().map(|(member, _)| Key::new(Kind::Member, member));
        let is_part = member.is_some();
        let events = self.by_key.entry(member.unwrap_or(key)).or_default();
        if is_part && events.first().is_some_and(|latest| latest.at == at) {
            return;
        }
        let happened = if is_part && happened != Happened::Drifted { Happened::Updated } else { happened };
        events.insert(0, Event { at, happened, actor, source });
        events.truncate(KEPT);
    }

    /// What happened to an object, newest first.
    #[must_use]
    pub fn of(&self, key: &Key) -> &[Event] {
        self.by_key.get(key).map(Vec::as_slice).unwrap_or_default()
    }
}
