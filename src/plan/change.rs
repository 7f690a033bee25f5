use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Verb;
use crate::tenancy::{Key, Name, ObjectId, Origin, Row};

/// One row of a plan: what happens to one object, and what the store holds of it before and after.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// What happens.
    pub verb: Verb,
    /// The object, under the name that it has afterwards.
    pub key: Key,
    /// The name it had before, where that was another one.
    pub from: Option<Name>,
    /// Why.
    pub cause: Cause,
    /// The fields that change, sorted by path. Empty for removals and for plain restores, adoptions and renames.
    pub fields: Vec<FieldChange>,
    /// The row as observed; `None` for a new object.
    pub before: Option<Box<Row>>,
    /// The row as it shall be; `None` when it is purged.
    pub after: Option<Box<Row>>,
    /// Where the change both gives and takes access: the row in between, which has both. Written first, so that nobody is
    /// locked out half-way.
    pub between: Option<Box<Row>>,
    /// Where the object is written.
    pub origin: Option<Origin>,
    /// The object that this one goes or comes with.
    pub root: Option<Key>,
    /// When in a plan it is done.
    pub phase: Phase,
    /// What a reader should know, such as who deleted what is restored.
    pub note: Option<Box<str>>,
}

impl Change {
    /// The id of the object.
    #[must_use]
    pub fn id(&self) -> Option<ObjectId> {
        self.before.as_ref().or(self.after.as_ref()).map(|row| row.id)
    }

    /// True when the object is there before the change, tombstones not counted.
    #[must_use]
    pub fn was_live(&self) -> bool {
        self.before.as_ref().is_some_and(|row| row.is_live())
    }

    /// True when the object is there after the change.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.after.as_ref().is_some_and(|row| row.is_live())
    }

    /// True when the object changes its name, or follows one that does.
    #[must_use]
    pub fn moves_a_name(&self) -> bool {
        self.verb == Verb::Rename || self.root.is_some() && matches!(self.verb, Verb::Update | Verb::Adopt)
    }

    /// True when the change asks a member again who was asked before.
    #[must_use]
    pub fn invites(&self) -> bool {
        let invited = |row: &Option<Box<Row>>| row.as_ref().and_then(|row| row.invited_at);
        self.was_live() && invited(&self.after) > invited(&self.before)
    }

    /// True when the change takes an object away that was there.
    #[must_use]
    pub fn is_removal(&self) -> bool {
        self.was_live() && !self.is_live()
    }
}

/// Why a change is planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// The input says so.
    Git,
    /// Another hand changed it, and the policy corrects drift.
    Drift,
    /// A rule implies it; the name of the rule.
    Implied(Box<str>),
    /// A date has come.
    Time,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Git => f.write_str("git"),
            Self::Drift => f.write_str("drift"),
            Self::Implied(rule) => write!(f, "implied by {rule}"),
            Self::Time => f.write_str("time"),
        }
    }
}

/// A value that changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldChange {
    /// The field below `spec`, such as `quotas.apiDaily`.
    pub path: Box<str>,
    /// The value before; `None` where there was none.
    pub from: Option<Value>,
    /// The value after; `None` where it goes back to its default.
    pub to: Option<Value>,
    /// True when another hand changed it, false when git did.
    pub drift: bool,
    /// True when nothing takes the place of a value that is taken away: a role where the policy has no default one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unset: bool,
}

/// The order of a plan: what gives access, what does neither, what takes access or things away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Phase {
    /// Makes room: moves names, and takes the default flag from a template.
    Prepare,
    /// Gives somebody access, or makes the place for it.
    Gain,
    /// Neither gives nor takes.
    Neutral,
    /// Takes access or things away.
    Loss,
    /// Changes the organization and its policy.
    Last,
}
