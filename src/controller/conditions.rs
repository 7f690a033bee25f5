//! Conditions: what a status says in the words that `kubectl wait`, Argo CD and Flux know. Pure.
//!
//! `Ready` is always there. `Reconciling` and `Stalled` are there only while they are true, and so are the others until they were true once:
//! each condition costs the API server time with every write.

use std::fmt;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use serde_json::Value;

/// What a condition is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Type {
    /// Whether the object is in agreement with the store.
    Ready,
    /// Whether something is going on that will make it so by itself.
    Reconciling,
    /// Whether it takes a person to go on.
    Stalled,
    /// Whether another hand changed it in the store.
    Drifted,
    /// Whether everything that it refers to is there.
    ReferencesResolved,
    /// Whether it was told to leave the organization alone.
    Suspended,
    /// Whether removals wait for an approval.
    ApprovalRequired,
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Why, in one word for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The store has what the object says.
    Succeeded,
    /// It has not.
    Failed,
    /// It will, in a moment.
    Progressing,
    /// It will once the attempt that failed succeeds.
    ProgressingWithRetry,
    /// It will once something else is there.
    DependencyNotReady,
    /// Nothing is done about it, because the organization says so.
    Suspended,
    /// What the object says is wrong by itself.
    InvalidSpec,
    /// A rule refuses the change.
    GuardRefused,
    /// The change is one of a field that is chosen once.
    ImmutableField,
    /// What was read of the store is not to be trusted.
    ObservationSuspect,
    /// Nobody answered the invitation in time.
    InvitationExpired,
    /// The invitation was declined.
    InvitationDeclined,
    /// Another hand changed the object.
    DriftDetected,
    /// What another hand changed was set back.
    DriftCorrected,
    /// Nothing was changed by another hand.
    NoDriftDetected,
    /// Everything that the object refers to is there.
    Resolved,
    /// Something is not there.
    NotFound,
    /// Something is there and held back itself.
    NotReady,
    /// `spec.suspend` says so.
    SuspendedBySpec,
    /// `spec.suspend` does not say so any more.
    Resumed,
    /// The plan removes more than the policy allows without approval.
    DestructivePlan,
    /// Nothing waits for an approval.
    NothingToApprove,
    /// The service behind the organization cannot do what the object asks for.
    CapabilityMissing,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// One thing to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// About what.
    pub type_: Type,
    /// Whether it is so; `None` where that is not known.
    pub status: Option<bool>,
    /// Why, for programs.
    pub reason: Reason,
    /// Why, for people: what happened, then what to do. One sentence, the same while nothing changes.
    pub message: String,
}

impl Said {
    /// That something is so.
    pub fn yes(type_: Type, reason: Reason, message: impl Into<String>) -> Self {
        Self { type_, status: Some(true), reason, message: message.into() }
    }

    /// That something is not so.
    pub fn no(type_: Type, reason: Reason, message: impl Into<String>) -> Self {
        Self { type_, status: Some(false), reason, message: message.into() }
    }

    /// That it is not known.
    pub fn unknown(type_: Type, reason: Reason, message: impl Into<String>) -> Self {
        Self { type_, status: None, reason, message: message.into() }
    }
}

/// What the `Ready` of an object says that is as it should be.
pub const IN_SYNC: &str = "in sync";

/// What it says when nothing else is to be said.
#[must_use]
pub fn in_sync() -> Said {
    Said::yes(Type::Ready, Reason::Succeeded, IN_SYNC)
}

/// What a condition that is not true any more says, where it stays.
fn over(type_: &str) -> Option<Said> {
    let (type_, reason, message) = match type_ {
        "Drifted" => (Type::Drifted, Reason::NoDriftDetected, "nothing was changed by another hand"),
        "Suspended" => (Type::Suspended, Reason::Resumed, "the organization is looked after again"),
        "ApprovalRequired" => (Type::ApprovalRequired, Reason::NothingToApprove, "nothing waits for an approval"),
        "ReferencesResolved" => {
            return Some(Said::yes(Type::ReferencesResolved, Reason::Resolved, "everything it refers to is there"));
        }
        _ => return None,
    };
    Some(Said::no(type_, reason, message))
}

/// The conditions that say this, given the ones that are there: what was said once of something else than `Ready`, `Reconciling` and
/// `Stalled` is taken back in words, and a condition keeps the time at which it last changed.
#[must_use]
pub fn conditions(old: &[Condition], mut said: Vec<Said>, generation: i64, now: Timestamp) -> Vec<Condition> {
    let mut kept = Vec::new();
    for condition in old {
        match over(&condition.type_).filter(|over| said.iter().all(|said| said.type_ != over.type_)) {
            // It was taken back before, maybe in other words: those stay.
            Some(over) if word(over.status) == condition.status => kept.push((over.type_, condition)),
            Some(over) => said.push(over),
            None => {}
        }
    }
    let kept = kept.into_iter().map(|(type_, kept)| (type_, Condition { observed_generation: Some(generation), ..kept.clone() }));
    let said = said.into_iter().map(|said| (said.type_, condition(old, said, generation, now)));
    let mut all: Vec<(Type, Condition)> = said.chain(kept).collect();
    all.sort_by_key(|(type_, _)| *type_);
    all.into_iter().map(|(_, condition)| condition).collect()
}

const fn word(status: Option<bool>) -> &'static str {
    match status {
        Some(true) => "True",
        Some(false) => "False",
        None => "Unknown",
    }
}

/// The longest message, in characters: what is longer nobody reads.
const LONGEST: usize = 1000;

fn condition(old: &[Condition], said: Said, generation: i64, now: Timestamp) -> Condition {
    let Said { type_, status, reason, message } = said;
    let type_ = type_.to_string();
    let status = word(status);
    let same = old.iter().find(|condition| condition.type_ == type_ && condition.status == status);
    Condition {
        last_transition_time: same.map_or_else(|| Time(to_seconds(now)), |same| same.last_transition_time.clone()),
        type_,
        status: status.to_owned(),
        observed_generation: Some(generation),
        reason: reason.to_string(),
        message: message.chars().take(LONGEST).collect(),
    }
}

/// Conditions carry whole seconds, as everywhere in Kubernetes.
#[must_use]
pub fn to_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// True for a status that says nothing but that this generation is as it should be, and that the latest request was heard.
#[must_use]
pub fn is_settled(status: &Value, generation: i64, requested: Option<&str>) -> bool {
    let [ready] = status["conditions"].as_array().map(Vec::as_slice).unwrap_or_default() else { return false };
    ready["type"] == "Ready"
        && ready["status"] == "True"
        && ready["message"] == IN_SYNC
        && ready["observedGeneration"] == generation
        && status["observedGeneration"] == generation
        && status["lastHandledReconcileAt"].as_str() == requested
        && status["drift"].is_null()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn told(conditions: &[Condition]) -> Vec<String> {
        conditions.iter().map(|it| format!("{}={} {}", it.type_, it.status, it.last_transition_time.0.as_second())).collect()
    }

    #[test]
    fn a_condition_keeps_the_time_at_which_it_last_changed() {
        let first = conditions(&[], vec![in_sync()], 1, at(10));
        let second = conditions(&first, vec![in_sync()], 2, at(20));
        assert_eq!(told(&second), ["Ready=True 10"]);
        assert_eq!(second[0].observed_generation, Some(2));
        let third = conditions(&second, vec![Said::no(Type::Ready, Reason::Failed, "no")], 2, at(30));
        assert_eq!(told(&third), ["Ready=False 30"]);
    }

    #[test]
    fn reconciling_and_stalled_are_there_only_while_they_are_true() {
        let stalled = vec![Said::no(Type::Ready, Reason::Failed, "no"), Said::yes(Type::Stalled, Reason::GuardRefused, "no")];
        let first = conditions(&[], stalled, 1, at(10));
        assert_eq!(told(&first), ["Ready=False 10", "Stalled=True 10"]);
        assert_eq!(told(&conditions(&first, vec![in_sync()], 1, at(20))), ["Ready=True 20"]);
    }

    #[test]
    fn drift_that_was_there_once_is_taken_back_in_words() {
        let drifted = vec![in_sync(), Said::yes(Type::Drifted, Reason::DriftDetected, "role")];
        let first = conditions(&[], drifted, 1, at(10));
        let second = conditions(&first, vec![in_sync()], 1, at(20));
        assert_eq!(told(&second), ["Ready=True 10", "Drifted=False 20"]);
        assert_eq!(second[1].reason, "NoDriftDetected");
    }

    #[test]
    fn settled_is_what_says_nothing_but_ready_of_this_generation() {
        let status = |conditions: Vec<Condition>| serde_json::json!({ "observedGeneration": 2, "conditions": conditions });
        let settled = status(conditions(&[], vec![in_sync()], 2, at(10)));
        assert!(is_settled(&settled, 2, None));
        assert!(!is_settled(&settled, 3, None));
        assert!(!is_settled(&settled, 2, Some("now")));
        let drifted = vec![in_sync(), Said::yes(Type::Drifted, Reason::DriftDetected, "role")];
        assert!(!is_settled(&status(conditions(&[], drifted, 2, at(10))), 2, None));
        let invited = vec![Said::yes(Type::Ready, Reason::Succeeded, "invited")];
        assert!(!is_settled(&status(conditions(&[], invited, 2, at(10))), 2, None));
        assert!(!is_settled(&Value::Null, 2, None));
    }

    #[test]
    fn no_reason_reads_like_the_one_for_which_flux_deletes_and_recreates() {
        for type_ in ["Drifted", "Suspended", "ApprovalRequired", "ReferencesResolved"] {
            assert!(!over(type_).unwrap().message.contains("immutable"));
        }
    }
}
