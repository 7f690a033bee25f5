//! What the history of a store proves: it is whole, every change is in it once, and at no moment was what must never be.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::{BTreeMap, BTreeSet};

use muster::api::Kind;
use muster::engine::verify;
use muster::store::{AnyStore, Entry, Happened, Mode, Observe as _};
use muster::tenancy::{Name, ObjectId, Row};
use serde_json::Value;

/// What is stored of an organization, and how it came to be.
pub struct Told {
    pub rows: Vec<Row>,
    pub entries: Vec<Entry>,
}

/// Reads the store.
pub async fn told(url: &str, organization: &str) -> Told {
    let store = AnyStore::open(url, Mode::Read).await.expect("the store can be read");
    let name = Name::from(organization);
    let rows = store.observe(&name).await.expect("the store can be read").rows;
    let history = store.history(&name, 0, u32::MAX).await.expect("the history can be read");
    verify(&store, &name).await.expect("the history verifies");
    store.close().await;
    Told { rows, entries: history.into_iter().filter_map(|recorded| recorded.entry).collect() }
}

impl Told {
    /// How often each thing happened to each object.
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for Entry { key, happened, .. } in &self.entries {
            *counts.entry(format!("{happened} {key}")).or_default() += 1;
        }
        counts
    }

    /// How often something happened to anything.
    pub fn count(&self, happened: Happened) -> usize {
        self.entries.iter().filter(|entry| entry.happened == happened).count()
    }

    /// What must never have been, at any moment: no admin, a protected workspace that goes, an object that begins twice.
    pub fn offences(&self) -> Vec<String> {
        let mut offences = Vec::new();
        let mut objects: BTreeMap<ObjectId, (Kind, BTreeMap<String, Value>)> = BTreeMap::new();
        let mut admins = BTreeSet::new();
        for entry in &self.entries {
            let protected = |fields: &BTreeMap<String, Value>| fields.get("deletionProtection") == Some(&Value::Bool(true));
            let known = objects.get(&entry.id);
            match entry.happened {
                Happened::Created if known.is_some() => offences.push(format!("{} is created twice", entry.key)),
                Happened::SoftDeleted | Happened::Purged if known.is_some_and(|(_, fields)| protected(fields)) => {
                    offences.push(format!("{} is protected, and {}", entry.key, entry.happened));
                }
                _ => {}
            }
            let (_, fields) = objects.entry(entry.id).or_insert_with(|| (entry.key.kind, BTreeMap::new()));
            let values: Value = serde_json::from_str(&entry.values).expect("values are JSON");
            for field in values["fields"].as_array().into_iter().flatten() {
                fields.insert(field["path"].as_str().unwrap_or_default().to_owned(), field["to"].clone());
            }
            match entry.happened {
                Happened::SoftDeleted => drop(fields.insert("gone".to_owned(), true.into())),
                Happened::Restored => drop(fields.remove("gone")),
                Happened::Purged => drop(objects.remove(&entry.id)),
                _ => {}
            }
            let is_admin = |(kind, fields): &(Kind, BTreeMap<String, Value>)| {
                let says = |field: &str, value: Value| fields.get(field) == Some(&value);
                *kind == Kind::Member
                    && says("role", "Admin".into())
                    && !says("disabled", true.into())
                    && !says("gone", true.into())
            };
            let had_admin = !admins.is_empty();
            match objects.get(&entry.id).is_some_and(is_admin) {
                true => admins.insert(entry.id),
                false => admins.remove(&entry.id),
            };
            if had_admin && admins.is_empty() {
                offences.push(format!("nobody is admin after {} {}", entry.key, entry.happened));
            }
        }
        offences
    }
}
