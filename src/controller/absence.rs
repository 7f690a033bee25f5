//! What is not in the cluster any more, and since when. Pure but for the clock that the caller reads.
//!
//! An object that is gone is removed once it was absent for as long as the policy says, with everything well all that time. There is no
//! finalizer: the store is the memory, so what was deleted while nobody looked is found by the next comparison.
//!
//! `kubectl`, Argo CD and Flux delete one object at a time. What goes one after the other is removed together, by one plan: in slices, each
//! would stay below `policy.maxRemovals`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::object::SharedObject;
use crate::api::Kind;
use crate::source::ObjectRead;
use crate::tenancy::{HeldManifest, Key, Manager, Name, Origin, Row, Snapshot};

/// How many times the delay objects that are created all the time can put a removal off.
const MOST_DELAYS: u32 = 10;

/// And objects that go all the time. It is longer, because what is removed then is a slice of what somebody takes away: a large one.
const MOST_DELAYS_OF_GOING: u32 = 60;

/// Since when the objects of one organization are absent.
#[derive(Clone, Debug, Default)]
pub struct Absences {
    gone: BTreeMap<Key, Gone>,
    /// What goes one after the other: since when, and when the last one went.
    going: Option<(Instant, Instant)>,
    /// The uid of the Organization that was there meanwhile.
    organization: Option<Box<str>>,
    /// The youngest object, and since when it is that.
    youngest: Option<(Timestamp, Instant)>,
    /// Since when objects are created all the time.
    busy: Option<Instant>,
}

/// An object that is gone.
#[derive(Clone, Copy, Debug)]
struct Gone {
    since: Instant,
    /// True once nothing else went for the delay: what goes later does not put it off.
    is_settled: bool,
}

/// How long something must be absent.
#[derive(Clone, Copy, Debug)]
pub struct Wait {
    /// For so long.
    pub delay: Duration,
    /// Now.
    pub now: Instant,
    /// And all watches must have been well since then.
    pub well_since: Instant,
}

/// What is absent now.
#[derive(Debug, Default)]
pub struct Absent {
    /// For long enough to be removed.
    pub due: BTreeSet<Key>,
    /// Not for long enough yet.
    pub waiting: BTreeSet<Key>,
    /// When the first of those is due.
    pub next: Option<Instant>,
}

/// What is gone from the cluster, and not from the store yet.
#[derive(Clone, Debug)]
pub struct Going {
    /// When it is looked at again.
    pub again: Option<Instant>,
    /// What becomes of what was seen to be gone, where there is anything.
    pub noticed: Option<Noticed>,
}

/// What becomes of what was seen to be gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Noticed {
    /// It will be removed, or refused.
    Goes,
    /// It is kept for so long as this is so.
    Stays(Box<str>),
}

impl Absences {
    /// Takes note of what is absent from these objects. Nothing counts as absent from before the Organization was there, so an
    /// organization that is written anew, object by object, loses nothing.
    pub fn look(&mut self, objects: &[SharedObject], snapshot: &Snapshot, manager: &Manager, wait: Wait) -> Absent {
        let Wait { delay, now, well_since } = wait;
        let organization =
            objects.iter().find(|object| object.id.key.kind == Kind::Organization).map(|object| object.uid.clone());
        let is_managed = |row: &&Row| row.is_live() && row.key.kind != Kind::Membership && row.manager.as_ref() == Some(manager);
        let mut there = objects.iter().map(|object| &object.id.key).peekable();
        // Both are sorted.
        let mut is_there = |key: &Key| {
            while there.next_if(|there| *there < key).is_some() {}
            there.peek().is_some_and(|there| *there == key)
        };
        let mut rows = snapshot.rows.iter().filter(is_managed).filter(|row| !is_there(&row.key)).peekable();
        if self.organization != organization {
            self.forget();
            self.organization = organization;
        }
        let renamed = if rows.peek().is_some() { former_names(objects, snapshot) } else { BTreeSet::new() };
        let gone: BTreeSet<Key> = rows.map(|row| row.key.clone()).filter(|key| !renamed.contains(key)).collect();
        self.gone.retain(|key, _| gone.contains(key));
        let quiet = self.quiet(objects, delay, now).max(well_since + delay);
        let together = self.together(&gone, delay, now);
        let mut absent = Absent::default();
        for (key, gone) in &mut self.gone {
            gone.is_settled |= together <= now && gone.since + delay <= now;
            let due = if gone.is_settled { gone.since + delay } else { (gone.since + delay).max(together) }.max(quiet);
            if due <= now {
                absent.due.insert(key.clone());
            } else {
                absent.next = Some(absent.next.map_or(due, |next| next.min(due)));
                absent.waiting.insert(key.clone());
            }
        }
        if together <= now {
            let still_going = self.gone.values().any(|gone| !gone.is_settled);
            self.going = self.going.filter(|_| still_going).map(|(_, last)| (now, last));
        }
        absent
    }

    /// Takes note of what is gone now and was there before; from when on nothing else went for as long as the delay. Where that never ends,
    /// it does not count for ever.
    fn together(&mut self, gone: &BTreeSet<Key>, delay: Duration, now: Instant) -> Instant {
        for key in gone {
            if !self.gone.contains_key(key) {
                self.gone.insert(key.clone(), Gone { since: now, is_settled: false });
                self.going = Some((self.going.map_or(now, |(first, _)| first), now));
            }
        }
        self.going.map_or(now, |(first, last)| (last + delay).min(first + delay * MOST_DELAYS_OF_GOING))
    }

    /// From when on nothing was created for as long as the delay: while an organization is being written, one object after the other,
    /// the rest is on its way and not gone. Where that never ends, it does not count for ever.
    fn quiet(&mut self, objects: &[SharedObject], delay: Duration, now: Instant) -> Instant {
        let youngest = objects.iter().filter_map(|object| object.created).max();
        match (self.youngest, youngest) {
            (Some((known, _)), Some(youngest)) if known == youngest => {}
            (_, Some(youngest)) => {
                let still_busy = self.youngest.is_some_and(|(_, at)| now < at + delay);
                self.busy = self.busy.filter(|_| still_busy).or(Some(now));
                self.youngest = Some((youngest, now));
            }
            (_, None) => self.youngest = None,
        }
        let patience = self.busy.map_or(now, |busy| busy + delay * MOST_DELAYS);
        self.youngest.map_or(now, |(_, at)| at + delay).min(patience)
    }

    /// Begins anew: something was not well, so nothing that was seen meanwhile counts.
    pub fn forget(&mut self) {
        self.gone.clear();
        self.going = None;
    }
}

/// What objects may still be called in the store. A name of long ago means nothing once the store has the object under its new one.
fn former_names(objects: &[SharedObject], snapshot: &Snapshot) -> BTreeSet<Key> {
    let of = |object: &SharedObject| {
        let kind = object.id.key.kind;
        let names = match &object.read {
            ObjectRead::Manifest(manifest) => manifest.previous_names(),
            ObjectRead::Held(held) => held.previous_names.clone(),
        };
        names.into_iter().map(move |name| Key { kind, name })
    };
    let is_new = |object: &&SharedObject| !snapshot.row(&object.id.key).is_some_and(Row::is_live);
    objects.iter().filter(is_new).flat_map(of).collect()
}

/// An absent object that is left alone for now.
#[must_use]
pub fn held(key: &Key, namespace: &Name, because: &str) -> HeldManifest {
    HeldManifest {
        kind: key.kind,
        name: key.name.clone(),
        namespace: namespace.clone(),
        previous_names: Vec::new(),
        origin: Origin { file: format!("{namespace}/{}", key.name).into(), line: 0, column: 0 },
        because: because.into(),
    }
}
