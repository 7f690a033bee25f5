//! Plans as JSON for programs, after the shape of `tofu show -json`: who reads that reads this, and finds more.
//!
//! Within one `format_version` fields may be added and are never taken away or given another meaning. The words in
//! `action_reason`, `code` and `verb` are for display and may grow.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use super::value::without_secrets;
use super::{Options, service};
use crate::plan::rules::{RULES, rule};
use crate::plan::{Cause, Change, Drifted, FieldChange, Plan, Refusal, Verb};
use crate::tenancy::{BreakGlass, Digest, Held, Key, Name, Origin, Row};

/// The version of the shape.
pub const FORMAT_VERSION: &str = "1.0";

/// What a plan of one or several organizations says.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    /// The version of this shape.
    pub format_version: &'static str,
    /// When the plan was made.
    pub timestamp: Timestamp,
    /// True when a part of the input is wrong or could not be read: what the plan says is then not all that is meant.
    pub errored: bool,
    /// The digest of everything the plan would do and refuses to do.
    pub digest: Digest,
    /// The organizations, each with what is said about it as a whole.
    pub organizations: Vec<Organization<'a>>,
    /// What is done, in this order.
    pub resource_changes: Vec<ResourceChange<'a>>,
    /// What another hand changed and is left alone.
    pub resource_drift: Vec<ResourceDrift<'a>>,
    /// The rules, each with what it refused.
    pub checks: Vec<Check>,
    /// What is refused.
    pub refusals: Vec<RefusedChange<'a>>,
    /// What is in the input and not ready or not right yet.
    pub held: Vec<HeldObject<'a>>,
    /// Who gains and loses what; new admins first.
    pub access_changes: Vec<AccessChange<'a>>,
    /// What is managed, not in the input, and stays.
    pub missing: Vec<Address<'a>>,
    /// Guards that become weaker with the next plan.
    pub loosened: Vec<LoosenedGuard<'a>>,
    /// How many of each.
    pub summary: BTreeMap<&'static str, usize>,
}

/// One organization of a plan.
#[derive(Debug, Serialize)]
pub struct Organization<'a> {
    /// Its name.
    pub organization: &'a Name,
    /// The digest of its plan, as the history records it.
    pub digest: Digest,
    /// The revision of the store that the plan is made on.
    pub revision: String,
    /// How many objects are as the input says.
    pub unchanged: usize,
    /// True when the whole input could be read.
    pub complete: bool,
    /// How many people's access changes beside those in `access_changes`.
    pub more_access_changes: usize,
    /// What waits for an approval.
    pub approval: Option<Approval>,
    /// The emergency that is going on: rules that it overrides do not refuse.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<&'a BreakGlass>,
    /// What follows at the service behind it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<service::Service<'a>>,
}

/// Removals that wait for an approval.
#[derive(Debug, Serialize)]
pub struct Approval {
    /// What `--approve` takes.
    pub digest: Digest,
    /// What it releases.
    pub removals: Vec<String>,
}

/// The object that an entry is about.
#[derive(Debug, Serialize)]
pub struct Address<'a> {
    /// The organization.
    pub organization: &'a Name,
    /// The object as messages write it: `workspace/design`, `member/alice in workspace/design`.
    pub address: String,
    /// Its kind.
    pub kind: &'static str,
    /// Its name.
    pub name: &'a Name,
}

/// What happens to one object.
#[derive(Debug, Serialize)]
pub struct ResourceChange<'a> {
    /// The object, under the name that it has afterwards.
    #[serde(flatten)]
    pub object: Address<'a>,
    /// The object under the name that it had before, where that was another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous_address: Option<String>,
    /// What Muster calls it: `soft-delete`, `adopt` and so on.
    pub verb: &'static str,
    /// What changes.
    pub change: Values,
    /// Why: `input`, `drift`, `time`, or `implied by` a rule.
    pub action_reason: String,
    /// The fields that change.
    pub fields: Vec<FieldChange>,
    /// What it goes or comes with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub part_of: Option<String>,
    /// What a reader should know.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<&'a str>,
    /// Where the object is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<&'a Origin>,
}

/// The values of an object before and after.
#[derive(Debug, Serialize)]
pub struct Values {
    /// The same as `verb` in the words of `tofu`: `create`, `update`, `delete` or `forget`.
    pub actions: [&'static str; 1],
    /// The spec before; null where there is none.
    pub before: Value,
    /// The spec afterwards; null where there is none.
    pub after: Value,
    /// Which parts of `before` are secret and not shown: `false`, or the same shape with `true` in their place.
    pub before_sensitive: Value,
    /// The same for `after`.
    pub after_sensitive: Value,
    /// Always empty: a plan knows all values.
    pub after_unknown: Map<String, Value>,
}

/// An object that another hand changed.
#[derive(Debug, Serialize)]
pub struct ResourceDrift<'a> {
    /// The object.
    #[serde(flatten)]
    pub object: Address<'a>,
    /// The fields, each with what was applied and what was found.
    pub fields: Vec<FieldChange>,
    /// Where the object is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<&'a Origin>,
}

/// A rule and what it says to the plan.
#[derive(Debug, Serialize)]
pub struct Check {
    /// The rule.
    pub address: CheckAddress,
    /// `pass` or `fail`.
    pub status: &'static str,
    /// What it refused.
    pub problems: Vec<CheckProblem>,
}

/// What names a rule.
#[derive(Debug, Serialize)]
pub struct CheckAddress {
    /// Always `rule`.
    pub kind: &'static str,
    /// Its id.
    pub name: &'static str,
    /// What it says.
    pub to_display: &'static str,
}

/// One refusal of a rule.
#[derive(Debug, Serialize)]
pub struct CheckProblem {
    /// What and why.
    pub message: String,
}

/// A change that must not happen.
#[derive(Debug, Serialize)]
pub struct RefusedChange<'a> {
    /// The object.
    #[serde(flatten)]
    pub object: Address<'a>,
    /// The id of the rule.
    pub code: &'a str,
    /// What would have been done.
    pub verb: Option<&'static str>,
    /// Why not.
    pub message: &'a str,
    /// What to do instead.
    pub way_out: &'a str,
    /// What lets it pass: `approve`, or null where nothing does.
    pub r#override: Option<&'static str>,
    /// Where the object is written.
    pub source: Option<&'a Origin>,
}

/// An object that is held back.
#[derive(Debug, Serialize)]
pub struct HeldObject<'a> {
    /// The object.
    #[serde(flatten)]
    pub object: Address<'a>,
    /// Why.
    pub message: &'a str,
    /// Where it is written.
    pub source: Option<&'a Origin>,
}

/// What changes for one person in one place.
#[derive(Debug, Serialize)]
pub struct AccessChange<'a> {
    /// The organization.
    pub organization: &'a Name,
    /// The name of the member.
    pub member: &'a Name,
    /// The address.
    pub email: &'a str,
    /// The organization, project or workspace.
    pub place: String,
    /// What the person may do afterwards and not before.
    pub gains: Vec<&'static str>,
    /// What the person may do before and not afterwards.
    pub loses: Vec<&'static str>,
    /// The roles before and afterwards.
    pub why: &'a str,
    /// True when the person becomes an admin of the place.
    pub new_admin: bool,
}

/// A guard that becomes weaker.
#[derive(Debug, Serialize)]
pub struct LoosenedGuard<'a> {
    /// The organization.
    pub organization: &'a Name,
    /// The field below `spec.policy`.
    pub field: &'a str,
    /// Its value in force.
    pub from: &'a str,
    /// Its value with the next plan.
    pub to: &'a str,
}

/// Plans as a JSON document. `errored` says whether anything is wrong with the input.
#[must_use]
pub fn json<'a>(plans: &'a [Plan], options: &Options, timestamp: Timestamp, errored: bool) -> Document<'a> {
    let organizations: Vec<Organization<'_>> = plans.iter().map(organization).collect();
    Document {
        format_version: FORMAT_VERSION,
        timestamp,
        errored,
        digest: digest(&organizations),
        organizations,
        resource_changes: entries(plans, |plan| {
            let shown = plan.changes.iter().filter(|change| options.shows(&change.key, change.root.as_ref()));
            shown.map(|change| resource_change(plan, change)).collect()
        }),
        resource_drift: entries(plans, |plan| {
            let shown = plan.drift.iter().filter(|drifted| options.shows(&drifted.key, None));
            shown.map(|drifted| drift(plan, drifted)).collect()
        }),
        checks: RULES.iter().map(|rule| check(rule.id, rule.title, plans)).collect(),
        refusals: entries(plans, |plan| {
            let shown = plan.refusals.iter().filter(|refusal| options.shows(&refusal.subject, None));
            shown.map(|refusal| refused(plan, refusal)).collect()
        }),
        held: entries(plans, |plan| {
            let shown = plan.held.iter().filter(|(key, _)| options.shows(key, None));
            shown.map(|(key, held)| held_object(plan, key, held)).collect()
        }),
        access_changes: entries(plans, access_changes),
        missing: entries(plans, |plan| {
            plan.missing.iter().filter(|key| options.shows(key, None)).map(|key| address(plan, key)).collect()
        }),
        loosened: entries(plans, loosened),
        summary: summary(plans),
    }
}

fn entries<'a, T>(plans: &'a [Plan], of: impl Fn(&'a Plan) -> Vec<T>) -> Vec<T> {
    plans.iter().flat_map(of).collect()
}

/// The digest of one plan is its own; that of several is the digest of theirs.
fn digest(organizations: &[Organization<'_>]) -> Digest {
    match organizations {
        [one] => one.digest,
        many => Digest::of_all(many.iter().map(|one| one.digest.as_bytes().as_slice())),
    }
}

fn organization(plan: &Plan) -> Organization<'_> {
    let approval = plan.approval.as_ref().map(|approval| Approval {
        digest: approval.digest,
        removals: approval.removals.iter().map(ToString::to_string).collect(),
    });
    Organization {
        organization: &plan.organization,
        digest: plan.digest(),
        revision: plan.base.to_string(),
        unchanged: plan.unchanged,
        complete: plan.complete,
        more_access_changes: plan.access.more_people,
        approval,
        break_glass: plan.break_glass.as_ref(),
        service: plan.mirror.as_ref().map(service::of),
    }
}

fn address<'a>(plan: &'a Plan, key: &'a Key) -> Address<'a> {
    Address { organization: &plan.organization, address: key.to_string(), kind: key.kind.as_str(), name: &key.name }
}

fn resource_change<'a>(plan: &'a Plan, change: &'a Change) -> ResourceChange<'a> {
    let spec = |row: &Option<Box<Row>>| row.as_deref().map(|row| serde_json::from_str::<Value>(&row.spec).unwrap_or_default());
    let live = |row: &Option<Box<Row>>| spec(row).filter(|_| row.as_deref().is_some_and(Row::is_live)).unwrap_or_default();
    let (before, after) = (live(&change.before), live(&change.after));
    ResourceChange {
        object: address(plan, &change.key),
        previous_address: change.from.clone().map(|from| Key::new(change.key.kind, from).to_string()),
        verb: change.verb.word(),
        change: Values {
            actions: [action(change.verb)],
            before_sensitive: sensitive(&before),
            after_sensitive: sensitive(&after),
            before: without_secrets(&before).into_owned(),
            after: without_secrets(&after).into_owned(),
            after_unknown: Map::new(),
        },
        action_reason: match &change.cause {
            Cause::Git => "input".to_owned(),
            cause => cause.to_string(),
        },
        fields: fields(&change.fields),
        part_of: change.root.as_ref().map(ToString::to_string),
        note: change.note.as_deref(),
        source: change.origin.as_ref(),
    }
}

fn fields(fields: &[FieldChange]) -> Vec<FieldChange> {
    let hide = |value: &Option<Value>| value.as_ref().map(|value| without_secrets(value).into_owned());
    fields.iter().map(|field| FieldChange { from: hide(&field.from), to: hide(&field.to), ..field.clone() }).collect()
}

const fn action(verb: Verb) -> &'static str {
    match verb {
        Verb::Create | Verb::Restore => "create",
        Verb::Update | Verb::Rename | Verb::Adopt => "update",
        Verb::SoftDelete | Verb::Purge => "delete",
        Verb::Release => "forget",
    }
}

fn sensitive(value: &Value) -> Value {
    fn differs(shown: &Value, value: &Value) -> Value {
        match (shown, value) {
            _ if shown == value => false.into(),
            (Value::Array(shown), Value::Array(value)) => shown.iter().zip(value).map(|(a, b)| differs(a, b)).collect(),
            (Value::Object(shown), Value::Object(value)) => {
                let changed = shown.iter().filter(|(name, shown)| value.get(*name) != Some(shown));
                changed.map(|(name, shown)| (name.clone(), differs(shown, &value[name]))).collect::<Map<_, _>>().into()
            }
            _ => true.into(),
        }
    }
    differs(&without_secrets(value), value)
}

fn drift<'a>(plan: &'a Plan, drifted: &'a Drifted) -> ResourceDrift<'a> {
    ResourceDrift { object: address(plan, &drifted.key), fields: fields(&drifted.fields), source: drifted.origin.as_ref() }
}

fn check(id: &'static str, title: &'static str, plans: &[Plan]) -> Check {
    let refusals = plans.iter().flat_map(|plan| &plan.refusals).filter(|refusal| &*refusal.rule == id);
    let problems: Vec<CheckProblem> =
        refusals.map(|refusal| CheckProblem { message: format!("{}: {}", refusal.subject, refusal.because) }).collect();
    let status = if problems.is_empty() { "pass" } else { "fail" };
    Check { address: CheckAddress { kind: "rule", name: id, to_display: title }, status, problems }
}

fn refused<'a>(plan: &'a Plan, refusal: &'a Refusal) -> RefusedChange<'a> {
    RefusedChange {
        object: address(plan, &refusal.subject),
        code: &refusal.rule,
        verb: refusal.verb.map(Verb::word),
        message: &refusal.because,
        way_out: &refusal.way_out,
        r#override: rule(&refusal.rule).filter(|rule| rule.approvable).map(|_| "approve"),
        source: refusal.origin.as_ref(),
    }
}

fn held_object<'a>(plan: &'a Plan, key: &'a Key, held: &'a Held) -> HeldObject<'a> {
    HeldObject { object: address(plan, key), message: &held.because, source: held.origin.as_ref() }
}

fn access_changes(plan: &Plan) -> Vec<AccessChange<'_>> {
    let words = |verbs: &[crate::api::Verb]| verbs.iter().map(|verb| verb.as_str()).collect();
    let changes = plan.access.changes.iter().map(|change| AccessChange {
        organization: &plan.organization,
        member: &change.member,
        email: &change.email,
        place: change.place.to_string(),
        gains: words(&change.gains),
        loses: words(&change.loses),
        why: &change.why,
        new_admin: change.makes_admin(),
    });
    changes.collect()
}

fn loosened(plan: &Plan) -> Vec<LoosenedGuard<'_>> {
    let guards = plan.loosened.iter();
    guards
        .map(|guard| LoosenedGuard { organization: &plan.organization, field: &guard.field, from: &guard.from, to: &guard.to })
        .collect()
}

fn summary(plans: &[Plan]) -> BTreeMap<&'static str, usize> {
    let total = |count: fn(&Plan) -> usize| plans.iter().map(count).sum::<usize>();
    let mut summary: BTreeMap<&'static str, usize> = Verb::ALL.into_iter().map(|verb| (verb.word(), 0)).collect();
    for (verb, count) in plans.iter().flat_map(Plan::counts) {
        *summary.entry(verb.word()).or_default() += count;
    }
    summary.extend([
        ("refused", total(|plan| plan.refusals.len())),
        ("held", total(|plan| plan.held.len())),
        ("drifted", total(|plan| plan.drift.len())),
        ("missing", total(|plan| plan.missing.len())),
        ("unchanged", total(|plan| plan.unchanged)),
    ]);
    summary
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::{Fixture, key, of_everything};
    use super::*;

    fn document(plan: Plan, options: &Options) -> Value {
        serde_json::to_value(super::json(&[plan], options, Timestamp::UNIX_EPOCH, true)).unwrap()
    }

    fn entry<'v>(list: &'v Value, address: &str) -> &'v Value {
        list.as_array().unwrap().iter().find(|entry| entry["address"] == address).unwrap()
    }

    #[test]
    fn a_program_finds_everything_that_text_says() {
        let plan = of_everything();
        let digest = plan.digest().to_string();
        let document = document(plan, &Options::default());
        assert_eq!(document["format_version"], "1.0");
        assert_eq!(document["timestamp"], "1970-01-01T00:00:00Z");
        assert_eq!((&document["errored"], &document["digest"]), (&json!(true), &json!(digest)));
        let design = entry(&document["resource_changes"], "workspace/design");
        assert_eq!(design["organization"], "acme");
        assert_eq!(design["change"]["actions"], json!(["update"]));
        assert_eq!(design["change"]["before"]["quotas"]["apiDaily"], 100);
        assert_eq!(design["change"]["after"]["quotas"]["apiDaily"], 200);
        assert_eq!(design["action_reason"], "input");
        assert_eq!(design["fields"], json!([{ "path": "quotas.apiDaily", "from": 100, "to": 200, "drift": false }]));
        let old = entry(&document["resource_changes"], "workspace/old");
        assert_eq!((&old["verb"], &old["change"]["actions"][0]), (&json!("soft-delete"), &json!("delete")));
        assert_eq!(old["change"]["after"], Value::Null);
        assert_eq!(entry(&document["resource_changes"], "mrole/host")["part_of"], "workspace/old");
        let refusal = entry(&document["refusals"], "workspace/legacy");
        assert_eq!((&refusal["code"], &refusal["override"]), (&json!("deletion-protected"), &Value::Null));
        assert_eq!(entry(&document["held"], "workspace/broken")["source"]["line"], 7);
        assert_eq!(entry(&document["resource_drift"], "project/core")["fields"][0]["to"], "Kern");
        assert_eq!(document["access_changes"][0]["new_admin"], true);
        assert_eq!(document["summary"]["soft-delete"], 4);
        assert_eq!(document["summary"]["purge"], 0);
        let failed = document["checks"].as_array().unwrap().iter().filter(|check| check["status"] == "fail");
        assert_eq!(failed.map(|check| &check["address"]["name"]).collect::<Vec<_>>(), [&json!("deletion-protected")]);
    }

    #[test]
    fn only_narrows_the_lists_and_not_the_summary() {
        let options = Options { only: vec![key("workspace/design")], ..Options::default() };
        let document = document(of_everything(), &options);
        let addresses: Vec<&Value> =
            document["resource_changes"].as_array().unwrap().iter().map(|entry| &entry["address"]).collect();
        assert_eq!(addresses, [&json!("member/bob in workspace/design"), &json!("workspace/design")]);
        assert_eq!(document["summary"]["create"], 1);
    }

    #[test]
    fn a_secret_in_clear_is_marked_and_not_printed() {
        let headers =
            json!({ "webhook": { "url": "https://acme.example", "headers": [{ "name": "X-Token", "value": "hunter2" }] } });
        let plan = Fixture::new().wanted("workspace/design", headers).plan();
        let document = document(plan, &Options::default());
        let change = &entry(&document["resource_changes"], "workspace/design")["change"];
        assert_eq!(change["after_sensitive"], json!({ "webhook": { "headers": [{ "value": true }] } }));
        assert_eq!(change["before_sensitive"], false);
        assert!(!document.to_string().contains("hunter2"), "{document}");
    }

    #[test]
    fn no_side_of_a_change_prints_a_secret() {
        let headers = |value: &str| json!({ "webhook": { "url": "https://acme.example", "headers": [{ "name": "X-Token", "value": value }] } });
        let fixture = Fixture::new().stored("workspace/design", headers("hunter2"));
        let document = document(fixture.wanted("workspace/design", headers("hunter3")).plan(), &Options::default());
        let fields = &entry(&document["resource_changes"], "workspace/design")["fields"];
        assert_eq!(fields[0]["from"], fields[0]["to"]);
        assert!(!document.to_string().contains("hunter"), "{document}");
    }

    #[test]
    fn a_guard_that_becomes_weaker_is_listed() {
        let plan = Fixture::new().policy(&json!({ "policy": { "maxRemovals": { "percent": 90 } } })).plan();
        let expected = json!([{ "organization": "acme", "field": "maxRemovals.percent", "from": "25", "to": "90" }]);
        assert_eq!(document(plan, &Options::default())["loosened"], expected);
    }
}
