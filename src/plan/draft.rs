use std::collections::{BTreeMap, BTreeSet};

use super::{Change, FieldChange};
use crate::tenancy::{Key, Name, Origin, Row};

/// What the input and the store say together, before any rule was asked.
#[derive(Debug, Default)]
pub struct Draft {
    /// The changes that would make the store as the input says. At most one per object.
    pub changes: Vec<Change>,
    /// Values that another hand changed and the policy leaves alone.
    pub drift: Vec<Drifted>,
    /// Objects that are managed but not in the input, and stay because nobody asked to prune.
    pub missing: Vec<Key>,
    /// Memberships that go with two removals, with the second one: the first is the root of their change.
    pub shared: BTreeMap<Key, Key>,
    /// What is removed while a rename moves it, with the renamed object: it goes by its old name where that one keeps its own.
    pub moved: BTreeMap<Key, Key>,
    /// Objects whose new name is taken by a tombstone, with their old name.
    pub taken: BTreeMap<Key, Name>,
    /// Objects that wait until their old name leaves the input, with that name.
    pub waiting: BTreeMap<Key, Name>,
    /// New members who are in no workspace, where the policy keeps nobody like that.
    pub alone: BTreeSet<Key>,
    /// How many objects are as they shall be.
    pub unchanged: usize,
}

/// An object that another hand changed.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Drifted {
    /// The object.
    pub key: Key,
    /// The fields, each with what was applied and what was found. Empty where a whole membership was added by hand.
    pub fields: Vec<FieldChange>,
    /// Where the object is written.
    pub origin: Option<Origin>,
    /// The row with the drift taken note of, for the next apply to write; `None` when an apply already took note.
    pub noted: Option<Box<Row>>,
}
