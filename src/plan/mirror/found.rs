use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use crate::api::Kind;
use crate::tenancy::{Name, ObjectId};

/// What was seen at a service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// The things.
    pub found: Vec<Found>,
    /// The places that were read to their end: only what is in one of them is compared.
    pub read: BTreeSet<Name>,
    /// The places that could not be, with the reason.
    pub unobservable: BTreeMap<Name, Box<str>>,
    /// Names at the service that no object may have, such as that of the account that Muster itself uses.
    pub reserved: BTreeSet<(Kind, Box<str>)>,
    /// The objects whose Secret does not have what the service made for them, with the name of that Secret.
    pub unkept: BTreeMap<ObjectId, Box<str>>,
    /// The objects of which a new secret could not be kept, with the reason: nothing is made for them.
    pub unkeepable: BTreeMap<ObjectId, Box<str>>,
}

/// One thing at a service.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// What kind of object mirrors it.
    pub kind: Kind,
    /// Whose credentials show it.
    pub place: Name,
    /// The id of what it is a part of.
    pub within: Option<Box<str>>,
    /// Its name; empty where it has none.
    pub name: Box<str>,
    /// Its id.
    pub external_id: Box<str>,
    /// Its fields in normal form, without what only the service sets. Fields that are secrets are left out.
    pub fields: Map<String, Value>,
    /// Its fields as the service sent them, for writes that replace the whole.
    pub raw: Value,
    /// How much access it gives.
    pub weight: i64,
}
