use std::fmt;

use serde::{Deserialize, Serialize};

/// What a plan does to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Verb {
    /// Store it for the first time.
    Create,
    /// Change values of it.
    Update,
    /// Give it another name; its id stays. May change values too.
    Rename,
    /// Take it away and keep its data until the purge date.
    SoftDelete,
    /// Bring it back with its old id. May change values too.
    Restore,
    /// Delete it for good.
    Purge,
    /// Take it under this manager. May change values too.
    Adopt,
    /// Stop managing it and keep it.
    Release,
}

impl Verb {
    /// Every verb.
    pub const ALL: [Self; 8] =
        [Self::Create, Self::Update, Self::Rename, Self::SoftDelete, Self::Restore, Self::Purge, Self::Adopt, Self::Release];

    /// The sign in front of a row of a plan.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Create => "+",
            Self::Update => "~",
            Self::Rename => ">",
            Self::SoftDelete => "-",
            Self::Restore => "^",
            Self::Purge => "--",
            Self::Adopt => "<",
            Self::Release => ">>",
        }
    }

    /// As counted in the last line of a plan: `3 to create`.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Rename => "rename",
            Self::SoftDelete => "soft-delete",
            Self::Restore => "restore",
            Self::Purge => "purge",
            Self::Adopt => "adopt",
            Self::Release => "release",
        }
    }

    /// True when the object is no longer there afterwards.
    #[must_use]
    pub const fn removes(self) -> bool {
        matches!(self, Self::SoftDelete | Self::Purge)
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
