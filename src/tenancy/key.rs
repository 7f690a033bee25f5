use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Digest;
use crate::api::Kind;

/// The name of an object or of an organization: what stands under `metadata.name`. Cheap to clone.
///
/// The name of a membership is made of three: `alice/workspace/design` or `alice/project/core`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Name(Arc<str>);

impl Name {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Name {
    fn default() -> Self {
        Self("".into())
    }
}

impl From<&str> for Name {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<&Name> for Arc<str> {
    fn from(name: &Name) -> Self {
        Self::clone(&name.0)
    }
}

impl std::borrow::Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl std::ops::Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        &*self.0 == other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        &*self.0 == *other
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// What identifies an object inside its organization. Keys sort in the order in which objects are created: by kind, then by
/// name.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The kind of the object.
    #[serde(with = "kind_word")]
    pub kind: Kind,
    /// Its name, unique among the objects of that kind in the organization, tombstones included.
    pub name: Name,
}

mod kind_word {
    use serde::{Deserialize, Deserializer, Serializer};

    use crate::api::Kind;

    // The signature is serde's.
    #[allow(clippy::trivially_copy_pass_by_ref)]
    pub fn serialize<S: Serializer>(kind: &Kind, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(kind.as_str())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Kind, D::Error> {
        let word = std::borrow::Cow::<str>::deserialize(deserializer)?;
        Kind::parse(&word).ok_or_else(|| serde::de::Error::custom(format!("{word} is no kind of Muster")))
    }
}

impl Key {
    /// A key of these two.
    pub fn new(kind: Kind, name: impl Into<Name>) -> Self {
        Self { kind, name: name.into() }
    }

    /// The key of the membership of a member in a project or workspace.
    #[must_use]
    pub fn membership(member: &str, place: &Key) -> Self {
        Self::new(Kind::Membership, format!("{member}/{}/{}", place.kind.label(), place.name))
    }

    /// For the key of a membership, the name of its member and the key of its place; `None` for any other key.
    #[must_use]
    pub fn member_and_place(&self) -> Option<(&str, Key)> {
        if self.kind != Kind::Membership {
            return None;
        }
        let (member, rest) = self.name.split_once('/')?;
        let (level, place) = rest.split_once('/')?;
        let kind = [Kind::Project, Kind::Workspace].into_iter().find(|kind| kind.label() == level)?;
        Some((member, Key::new(kind, place)))
    }
}

impl fmt::Display for Key {
    /// Writes `workspace/design`; the kind `Role` is written `mrole`, and a membership `member/alice in workspace/design`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.member_and_place() {
            Some((member, place)) => write!(f, "member/{member} in {place}"),
            None => write!(f, "{}/{}", self.kind.label(), self.name),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The identity of a stored object or of a tombstone: a UUID. It stays the same through renames, soft deletion and restore.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ObjectId(Uuid);

impl ObjectId {
    /// The id that follows from these pieces, as a UUID of version 8. Planning is pure, so the id of a new object is derived:
    /// from its organization, kind and name and from the revision it is created on, which carries a random stamp.
    #[must_use]
    pub fn derived<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let digest = Digest::of_all(pieces);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest.as_bytes()[..16]);
        Self(uuid::Builder::from_custom_bytes(bytes).into_uuid())
    }

    /// The UUID.
    #[must_use]
    pub fn as_uuid(&self) -> Uuid {
        self.0
    }
}

impl From<Uuid> for ObjectId {
    fn from(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl std::str::FromStr for ObjectId {
    type Err = uuid::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}

impl fmt::Display for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Debug for ObjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_membership_names_its_member_and_its_place() {
        let place = Key::new(Kind::Workspace, "design");
        let key = Key::membership("alice", &place);
        assert_eq!(key.name, "alice/workspace/design");
        assert_eq!(key.member_and_place(), Some(("alice", place)));
        assert_eq!(key.to_string(), "member/alice in workspace/design");
    }

    #[test]
    fn derived_ids_are_uuids_that_depend_on_every_piece() {
        let id = ObjectId::derived([b"acme".as_slice(), b"alice"]);
        assert_eq!(id.as_uuid().get_version_num(), 8);
        assert_ne!(id, ObjectId::derived([b"acme".as_slice(), b"bob"]));
        assert_eq!(id.to_string().parse::<ObjectId>().ok(), Some(id));
    }

    #[test]
    fn names_keys_and_ids_are_shown_to_developers_as_they_are_written() {
        let (name, key) = (Name::from("alice"), Key::new(Kind::Workspace, "design"));
        assert!(name == "alice" && name != "bob" && name == *"alice" && name != *"bob");
        assert_eq!(format!("{name:?} {key:?}"), "\"alice\" workspace/design");
        let id = ObjectId::derived([b"acme".as_slice()]);
        assert_eq!((format!("{id:?}"), id.to_string()), (id.as_uuid().to_string(), id.as_uuid().to_string()));
    }
}
