//! Where the secrets of services come from, and where those go that a service shows once.
//!
//! A [`Secret`] cannot be printed or written out by accident. [`Secrets`] is a place for them: a [`Folder`], the
//! [`Environment`], or a [`Chain`] of places. What is stored elsewhere is a digest. This must not import a service.

mod chain;
mod environment;
mod folder;
mod pair;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

pub use chain::Chain;
pub use environment::Environment;
pub use folder::Folder;
pub use pair::Pair;

use crate::tenancy::{Digest, ObjectId};

/// A text that nobody may see: it has no `Display`, cannot be serialized or compared, and is overwritten when the last clone
/// is dropped.
#[derive(Clone)]
pub struct Secret(Arc<Zeroizing<String>>);

impl Secret {
    /// The text. Whoever calls this sees to it that it goes to where it belongs and nowhere else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A digest that tells whether it is still the same, and nothing else. The salt is different for each secret, so that
    /// two that are the same do not look the same.
    #[must_use]
    pub fn digest(&self, salt: &[u8]) -> Digest {
        Digest::of_all([salt, self.0.as_bytes()])
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(Arc::new(Zeroizing::new(text)))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::from)
    }
}

/// The values of one Secret by their keys.
pub type Values = BTreeMap<String, Secret>;

/// A place where secrets are. The namespace, where there is one, is known to it.
pub trait Secrets: fmt::Debug + Send + Sync {
    /// Reads one value.
    ///
    /// # Errors
    ///
    /// [`SecretError::Missing`] when there is no such value here, and another one when it must not be used.
    fn read<'a>(&'a self, name: &'a str, key: &'a str) -> BoxFuture<'a, Result<Secret, SecretError>>;

    /// Whether this owner can write here under this name: nothing is there, or what is there was written for it, and the place takes
    /// it. It is asked before a service is told to make a secret, so it tries as much as it can. What is there stays as it is; where
    /// nothing is, a Secret without values may be there afterwards.
    ///
    /// # Errors
    ///
    /// Why not.
    fn may_write<'a>(&'a self, owner: &'a str, name: &'a str) -> BoxFuture<'a, Result<(), SecretError>>;

    /// Writes all values of a Secret, in place of those that the owner wrote before.
    ///
    /// # Errors
    ///
    /// As [`may_write`](Self::may_write), and when it cannot be written. The values are there completely or as before.
    fn write<'a>(&'a self, owner: &'a str, name: &'a str, values: &'a Values) -> BoxFuture<'a, Result<(), SecretError>>;

    /// Whether there is a value under this key that was written for this owner. Only looks.
    ///
    /// # Errors
    ///
    /// [`SecretError::Foreign`] where somebody else made what is there, and another one when it cannot be found out: also where there is no
    /// place to write to, for it may be written elsewhere.
    fn kept<'a>(&'a self, owner: &'a str, name: &'a str, key: &'a str) -> BoxFuture<'a, Result<bool, SecretError>>;

    /// Whether there is anything under this name.
    ///
    /// # Errors
    ///
    /// When that cannot be found out.
    fn exists<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<bool, SecretError>>;
}

/// For whom the secret of an object is written. Names come again, in another organization or after a removal; ids do not.
#[must_use]
pub fn owner(id: ObjectId) -> String {
    format!("credential {id}")
}

/// The text without the line break at its end, which editors and `echo` leave there and which is not a part of the secret.
#[must_use]
pub fn without_line_end(text: &str) -> &str {
    text.strip_suffix('\n').map_or(text, |text| text.strip_suffix('\r').unwrap_or(text))
}

/// Why a secret cannot be read or written. It names the place and never a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// It is not there.
    #[error("there is no secret {place}; create it, or correct the reference")]
    Missing {
        /// Where it was looked for.
        place: String,
    },
    /// There is nowhere to write to.
    #[error("there is no place to write the secret {name} to; name a folder with --secrets DIR")]
    NoPlace {
        /// The name.
        name: String,
    },
    /// Somebody else wrote what is there.
    #[error(
        "{place} is there already and was not written by Muster for {owner}; it is left as it is: choose another name, or remove it"
    )]
    Foreign {
        /// What is there.
        place: String,
        /// For whom it was to be written.
        owner: String,
    },
    /// Everybody on the machine could read or change it.
    #[error("everybody on this machine may read or change {place}; take that right away with chmod o-rwx")]
    Open {
        /// What is too open.
        place: String,
    },
    /// The name or the content is not one of a secret.
    #[error("{place} cannot be used as a secret: {why}")]
    Unusable {
        /// What.
        place: String,
        /// What is wrong, and what would be right.
        why: &'static str,
    },
    /// The place did not answer or did not let us.
    #[error("cannot {what} {place}: {why}")]
    Failed {
        /// What was to be done.
        what: &'static str,
        /// Where.
        place: String,
        /// What happened.
        why: String,
    },
}

impl SecretError {
    /// Whether it may pass without anybody changing anything.
    #[must_use]
    pub fn retryable(&self) -> bool {
        matches!(self, Self::Failed { .. })
    }
}
