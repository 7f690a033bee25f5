//! The status of an object as it is written. Pure.

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::conditions::{conditions, is_settled, to_seconds};
use super::object::{Object, Status};
use super::overview::Overview;
use super::verdict::Verdict;
use crate::api::status::{DriftEntry, HistoryEntry, ObjectStatus, OrganizationStatus};
use crate::api::types::{Int, List, Text, Time};
use crate::plan::render::{inline, without_secrets};

/// The status of an object after a verdict; `None` where the one that it has says the same.
#[must_use]
pub fn status(object: &Object, verdict: &Verdict, overview: Option<&Overview>, now: Timestamp) -> Option<Status> {
    let old: Value = object.status().and_then(|status| serde_json::from_str(status).ok()).unwrap_or_default();
    let own = own(object, verdict, &old, now);
    let new = match overview {
        None => serde_json::to_value(&own),
        Some(overview) => serde_json::to_value(of_organization(own, overview)),
    };
    let mut new = new.unwrap_or_default();
    if verdict.keeps {
        keep(&mut new, &old);
    }
    if says_the_same(&new, &old) {
        return None;
    }
    if ready(&new) {
        new["lastSyncTime"] = Value::from(to_seconds(now).to_string());
    }
    let is_settled = is_settled(&new, object.generation, object.requested.as_deref());
    Some(Status { text: new.to_string().into(), is_settled })
}

/// Takes over what the old status has and the new one does not.
fn keep(new: &mut Value, old: &Value) {
    let (Value::Object(new), Value::Object(old)) = (new, old) else { return };
    for (field, value) in old {
        new.entry(field.as_str()).or_insert_with(|| value.clone());
    }
}

fn ready(status: &Value) -> bool {
    status["conditions"].as_array().into_iter().flatten().any(|it| it["type"] == "Ready" && it["status"] == "True")
}

/// True when two statuses differ in nothing but times.
fn says_the_same(new: &Value, old: &Value) -> bool {
    differ_only_in(&["lastSyncTime"], new, old)
}

/// True when the statuses of an organization differ in nothing that somebody waits for: how many people there are, and what is kept.
#[must_use]
pub fn is_minor(new: &str, old: Option<&str>) -> bool {
    let read = |status: &str| serde_json::from_str::<Value>(status).unwrap_or_default();
    old.is_some_and(|old| differ_only_in(&["lastSyncTime", "counts", "retained"], &read(new), &read(old)))
}

/// True when two statuses differ in nothing but these fields, and the times of their conditions.
fn differ_only_in(ignored: &[&str], new: &Value, old: &Value) -> bool {
    let without_times = |status: &Value| {
        let mut status = status.clone();
        if let Some(fields) = status.as_object_mut() {
            fields.retain(|field, _| !ignored.contains(&field.as_str()));
        }
        for condition in status["conditions"].as_array_mut().into_iter().flatten() {
            if let Some(fields) = condition.as_object_mut() {
                fields.remove("lastTransitionTime");
            }
        }
        status
    };
    !old.is_null() && without_times(new) == without_times(old)
}

fn own(object: &Object, verdict: &Verdict, old: &Value, now: Timestamp) -> ObjectStatus {
    let known: Vec<Condition> = kept(old, "conditions").unwrap_or_default();
    let synced = old["lastSyncTime"].as_str().and_then(|at| at.parse().ok());
    let told = verdict.recent.iter().filter_map(|event| {
        let time = Time(to_seconds(event.at));
        let source = event.source.as_deref().and_then(text);
        Some(HistoryEntry { time, result: text(event.happened.as_str())?, actor: text(&event.actor), source })
    });
    let mut history: Vec<HistoryEntry> = told.collect();
    if history.is_empty() {
        // What happened long ago is told as it was.
        history = kept(old, "history").unwrap_or_default();
    }
    let drift = verdict.drift.iter().take(20).filter_map(|field| {
        let value = |value: &Option<Value>| value.as_ref().and_then(|value| text(&inline(&without_secrets(value))));
        Some(DriftEntry { field: text(&field.path)?, want: value(&field.from), have: value(&field.to) })
    });
    ObjectStatus {
        observed_generation: Int::new(object.generation).ok(),
        conditions: conditions(&known, verdict.said.clone(), object.generation, now),
        id: verdict.id.as_deref().and_then(text),
        external_id: verdict.external_id.as_deref().and_then(text),
        last_sync_time: synced.map(Time),
        last_handled_reconcile_at: object.requested.as_deref().and_then(text),
        last_applied_digest: verdict.digest.as_deref().and_then(text),
        effective: verdict.effective.clone(),
        history: list(history),
        drift: list(drift.collect()),
    }
}

fn of_organization(own: ObjectStatus, overview: &Overview) -> OrganizationStatus {
    let ObjectStatus {
        observed_generation,
        conditions,
        id,
        external_id,
        last_sync_time,
        last_handled_reconcile_at,
        last_applied_digest,
        effective,
        history,
        drift,
    } = own;
    OrganizationStatus {
        observed_generation,
        conditions,
        id,
        external_id,
        last_sync_time,
        last_handled_reconcile_at,
        last_applied_digest,
        effective,
        history,
        drift,
        refusals: list(overview.refusals.clone()),
        retained: list(overview.retained.clone()),
        pending_plan: overview.pending.clone(),
        counts: overview.counts,
    }
}

fn kept<T: DeserializeOwned>(status: &Value, field: &str) -> Option<T> {
    serde_json::from_value(status.get(field)?.clone()).ok()
}

/// A text, cut where it is longer than a status may hold.
#[must_use]
pub fn text<const MAX: usize>(text: &str) -> Option<Text<MAX>> {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let end = clean.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= MAX).last().unwrap_or_default();
    Text::parse(&clean[..end]).ok()
}

fn list<T: Serialize, const MAX: usize>(mut entries: Vec<T>) -> Option<List<T, MAX>> {
    entries.truncate(MAX);
    List::new(entries).ok().filter(|list: &List<T, MAX>| !list.is_empty())
}
