use std::fmt;

use crate::backend::Mirroring;
use crate::plan::{Plan, Verb};
use crate::store::Committed;
use crate::tenancy::Key;

/// What became of a plan. It can only be made by carrying one out.
#[derive(Debug)]
pub struct Outcome {
    /// The plan.
    pub plan: Plan,
    /// How it ended.
    pub end: End,
    /// What became of the calls to the service behind the organization; `None` where none were to be made, or none were tried.
    pub mirroring: Option<Mirroring>,
}

/// How carrying out a plan ended.
#[derive(Debug)]
pub enum End {
    /// Everything that was not refused or held is in the store.
    Committed(Committed),
    /// There was nothing to write.
    NothingToDo,
    /// Nothing was written, because all or nothing was asked for and this stands in the way.
    AllOrNothing(&'static str),
    /// Another holder applies to this organization; nothing was written.
    ClaimedElsewhere(String),
    /// The organization changed since the plan was made; nothing was written.
    Stale(String),
    /// The store failed; nothing was written.
    Failed(String),
    /// It was not tried, because an organization before it failed.
    Skipped,
}

/// What became of one object, in the past tense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum Done {
    Created,
    Updated,
    Renamed,
    SoftDeleted,
    Restored,
    Purged,
    Adopted,
    Released,
    Refused,
    Held,
    Failed,
    Skipped,
}

impl Done {
    /// What a verb becomes once it is done.
    #[must_use]
    pub const fn from_verb(verb: Verb) -> Self {
        match verb {
            Verb::Create => Self::Created,
            Verb::Update => Self::Updated,
            Verb::Rename => Self::Renamed,
            Verb::SoftDelete => Self::SoftDeleted,
            Verb::Restore => Self::Restored,
            Verb::Purge => Self::Purged,
            Verb::Adopt => Self::Adopted,
            Verb::Release => Self::Released,
        }
    }
}

impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

impl Outcome {
    /// What became of each object, in the order of the plan; then what was refused and held.
    pub fn results(&self) -> impl Iterator<Item = (&Key, Done)> {
        let done = move |verb| match self.end {
            End::Committed(_) | End::NothingToDo => Done::from_verb(verb),
            End::AllOrNothing(_) | End::Skipped => Done::Skipped,
            End::ClaimedElsewhere(_) => Done::Refused,
            End::Stale(_) | End::Failed(_) => Done::Failed,
        };
        let changes = self.plan.changes.iter().map(move |change| (&change.key, done(change.verb)));
        let refused = self.plan.refusals.iter().map(|refusal| (&refusal.subject, Done::Refused));
        changes.chain(refused).chain(self.plan.held.keys().map(|key| (key, Done::Held)))
    }

    /// True when something was written.
    #[must_use]
    pub fn wrote(&self) -> bool {
        matches!(self.end, End::Committed(_))
    }
}
