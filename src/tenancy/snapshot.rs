use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Digest, Key, Name, ObjectId};
use crate::api::Kind;

/// What a store holds of one organization at one moment: every object, tombstones included, and the revision they belong to.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The organization's name.
    pub organization: Name,
    /// The revision the rows belong to. An organization that the store has never seen has the revision zero.
    pub revision: Revision,
    /// Who applies to this organization; `None` until the first apply.
    pub claim: Option<Claim>,
    /// All rows, sorted by key.
    pub rows: Vec<Row>,
    /// False when the store could not be read whole; then nothing is removed.
    pub complete: bool,
}

impl Snapshot {
    /// The snapshot of an organization that the store has never seen.
    #[must_use]
    pub fn empty(organization: &Name) -> Self {
        Self { organization: organization.clone(), revision: Revision::default(), claim: None, rows: Vec::new(), complete: true }
    }

    /// The row of a key, live or tombstone.
    #[must_use]
    pub fn row(&self, key: &Key) -> Option<&Row> {
        self.rows.binary_search_by(|row| row.key.cmp(key)).ok().map(|at| &self.rows[at])
    }

    /// The live rows of a kind, sorted by name.
    pub fn live(&self, kind: Kind) -> impl Iterator<Item = &Row> + Clone {
        let start = self.rows.partition_point(|row| row.key.kind < kind);
        let end = self.rows.partition_point(|row| row.key.kind <= kind);
        self.rows[start..end].iter().filter(|row| row.is_live())
    }
}

/// One stored object or membership.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Kind and name.
    pub key: Key,
    /// The identity that outlives renames, deletion and restore.
    pub id: ObjectId,
    /// The values in force, as JSON. References to the organization, former names and the lists of a member's places are not
    /// in it: the first two are columns, the last are memberships of their own. Compare it as JSON, not as text: a store may
    /// return it with other spaces and another order of keys.
    pub spec: Box<str>,
    /// The digest of what was last applied. `None` once the spec was written by anyone but Muster: then it is compared field
    /// by field.
    pub digest: Option<Digest>,
    /// What the input said at the last apply, as JSON, where it differs from `spec` or `spec` was written by another hand.
    /// `None` with a digest means: the same as `spec`. `None` without a digest means: never applied.
    pub applied: Option<Box<str>>,
    /// Who manages the object; `None` for a released one and for one that was written by hand.
    pub manager: Option<Manager>,
    /// Present when the object was soft-deleted.
    pub tombstone: Option<Tombstone>,
    /// The id at the service behind the store, where a backend mirrors the object.
    pub external_id: Option<Box<str>>,
    /// Names that this id carried before, oldest first. A new object begins with those of its previous names that others of the
    /// same input have.
    pub former_names: Vec<Name>,
    /// When the object was first stored.
    pub created_at: Timestamp,
    /// Members: when they were last invited.
    pub invited_at: Option<Timestamp>,
    /// Members: when they accepted. A member without it is pending.
    pub accepted_at: Option<Timestamp>,
    /// Members: when they declined.
    pub declined_at: Option<Timestamp>,
    /// Memberships: when the end of a limited one was recorded. Access has ended at `expiresAt`, recorded or not.
    pub ended_at: Option<Timestamp>,
}

impl Row {
    /// True while the object was not deleted.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.tombstone.is_none()
    }

    /// What was last applied, as JSON; `None` when nothing ever was.
    #[must_use]
    pub fn last_applied(&self) -> Option<&str> {
        match (&self.applied, self.digest) {
            (Some(applied), _) => Some(applied),
            (None, Some(_)) => Some(&self.spec),
            (None, None) => None,
        }
    }
}

/// What soft deletion leaves behind. All rows that were deleted together carry the same tombstone id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tombstone {
    /// One id for the object and its subtree.
    pub id: ObjectId,
    /// When it was deleted.
    pub at: Timestamp,
    /// Who deleted it.
    pub by: Box<str>,
    /// When it may be purged; `None` means never by time.
    pub purge_at: Option<Timestamp>,
}

/// A version of an organization in a store: a number that grows with every write and a random stamp that changes with it, so
/// that the number of a restored backup, counted up again, is never taken for the one a plan was made on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Grows by at least one with every write, also one made by hand.
    pub number: i64,
    /// Drawn anew with every write.
    pub stamp: i64,
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:016x}", self.number, self.stamp)
    }
}

/// Who applies to an organization: one manager, from one place, out of one namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The manager that applied last.
    pub manager: Manager,
    /// Where it applied from: the uid of a cluster's `kube-system` namespace, or `files`.
    pub holder: Box<str>,
    /// The namespace the organization was read from; empty for files without one.
    pub namespace: Box<str>,
    /// When it applied last.
    pub seen_at: Timestamp,
}

/// A name that the operator chose for one installation of Muster (`--manager`). Objects of other managers are not touched.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Manager(Name);

impl Manager {
    /// The manager of objects that a policy implies, such as default workspaces: a name no operator may choose.
    pub const POLICY: &'static str = "policy";

    /// A manager of this name.
    pub fn new(name: impl Into<Name>) -> Self {
        Self(name.into())
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for objects that exist because a policy implies them.
    #[must_use]
    pub fn is_policy(&self) -> bool {
        self.as_str() == Self::POLICY
    }
}

impl fmt::Display for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_is_written_with_its_number_and_the_whole_stamp() {
        assert_eq!(Revision { number: 3, stamp: 255 }.to_string(), "3-00000000000000ff");
        assert_eq!(Revision { number: 3, stamp: -1 }.to_string(), "3-ffffffffffffffff");
    }
}
