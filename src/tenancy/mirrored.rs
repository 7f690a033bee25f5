use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Key, Name, ObjectId};
use crate::api::types::SecretKeyRef;

/// What the store remembers of an object's counterpart at a service: the journal has one entry for each mirrored object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mirrored {
    /// The object's id. It outlives the row: what was purged may still be at the service.
    pub id: ObjectId,
    /// The object as it was called when the entry was written.
    pub key: Key,
    /// The service that it is at: its type and the address of its API. Ids mean nothing elsewhere.
    pub service: Box<str>,
    /// Whose credentials reach it: the name of a workspace, or empty for those of the organization.
    pub place: Name,
    /// Where those credentials are, so that what outlives the workspace can be removed. `None` where nothing said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<SecretKeyRef>,
    /// The id that the service gave it; `None` while that is not known to be done.
    pub external_id: Option<Box<str>>,
    /// The managed fields as they were last sent, in normal form, secrets as digests.
    pub sent: Map<String, Value>,
    /// When they were sent, or a secret was last replaced.
    pub sent_at: Timestamp,
    /// What its counterpart is a part of there.
    pub within: Option<ObjectId>,
    /// Ids at the service that nobody needs any more: secrets that got lost before they were kept, or that were replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub orphans: Vec<Box<str>>,
    /// A call that was begun and whose end is not known.
    pub intent: Option<Intent>,
}

impl Mirrored {
    /// Every id at the service that it tells of, those that nobody needs any more included.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.external_id.iter().chain(&self.orphans).map(|id| &**id)
    }
}

/// A call that is written down before it is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// What it does.
    pub deed: Deed,
    /// The fields that it sends, as in [`Mirrored::sent`].
    pub sends: Map<String, Value>,
    /// When it was written down.
    pub since: Timestamp,
    /// Where a secret is made that is shown only once: the ids that the service listed before, so that one that was made and
    /// whose secret got lost is recognized.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub listed: Vec<Box<str>>,
}

/// What is done to something at a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Deed {
    /// Make it.
    Create,
    /// Take over what is there under its name. May change fields too.
    Adopt,
    /// Change fields of it, its name among them.
    Update,
    /// Replace its secret.
    Rotate,
    /// Take it away.
    Remove,
}

impl Deed {
    /// Every one.
    pub const ALL: [Self; 5] = [Self::Create, Self::Adopt, Self::Update, Self::Rotate, Self::Remove];

    /// As written in plans: `3 to create`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Adopt => "adopt",
            Self::Update => "update",
            Self::Rotate => "rotate",
            Self::Remove => "remove",
        }
    }

    /// Once it is done.
    #[must_use]
    pub const fn past(self) -> &'static str {
        match self {
            Self::Create => "created",
            Self::Adopt => "adopted",
            Self::Update => "updated",
            Self::Rotate => "rotated",
            Self::Remove => "removed",
        }
    }

    /// The sign in front of a row of a plan.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Adopt => "<",
            Self::Update => "~",
            Self::Rotate => "@",
            Self::Remove => "-",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Deed;

    #[test]
    fn a_deed_has_a_word_for_before_one_for_after_and_a_sign() {
        assert_eq!(Deed::ALL.map(Deed::word), ["create", "adopt", "update", "rotate", "remove"]);
        assert_eq!(Deed::ALL.map(Deed::past), ["created", "adopted", "updated", "rotated", "removed"]);
        assert_eq!(Deed::ALL.map(Deed::symbol), ["+", "<", "~", "@", "-"]);
    }
}
