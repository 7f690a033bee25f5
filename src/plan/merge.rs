use serde_json::{Map, Value};

use super::FieldChange;
use super::diff::parsed;
use crate::api::policy::DriftPolicy;
use crate::api::{self, Kind};
use crate::tenancy::Row;

/// What a three-way merge leads to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Merged {
    /// The values as they shall be.
    pub spec: Value,
    /// What changes: what git changed and, where the policy corrects it, what drifted.
    pub fields: Vec<FieldChange>,
    /// What drifted and is left alone: `from` is what was applied, `to` is what was found.
    pub drift: Vec<FieldChange>,
}

/// Merges what was last applied, what is desired and what is observed.
///
/// | last applied | desired  | observed | then |
/// |---|---|---|---|
/// | any          | present  | the same | nothing |
/// | the same     | present  | another  | drift: corrected, or reported and kept |
/// | another, none| present  | another  | git changed it: the desired value is written |
/// | present      | absent   | any      | git took it out: back to the default that its documentation names; what a service fills in is left alone |
/// | absent       | absent   | any      | unmanaged: kept; but what gives access is drift |
///
/// Objects with named fields merge field by field. Lists and maps are owned whole: foreign entries are drift.
#[must_use]
pub fn merge(kind: Kind, last: Option<&Value>, want: &Value, have: &Value, drift: DriftPolicy) -> Merged {
    let mut merge = Merge { kind, drift, merged: Merged::default() };
    let schema = spec_schema(kind);
    let spec = merge.value(Schemas::Object(schema), Sides { last, want: Some(want), have: Some(have) }, "");
    merge.merged.spec = spec.unwrap_or_else(|| Value::Object(Map::new()));
    merge.merged
}

/// What another hand changed in a stored object since it was last applied: `from` is what was applied, `to` is what was found.
#[must_use]
pub fn drifted_fields(row: &Row) -> Vec<FieldChange> {
    let Some(last) = row.last_applied().map(parsed) else { return Vec::new() };
    merge(row.key.kind, Some(&last), &last, &parsed(&row.spec), DriftPolicy::Warn).drift
}

/// The schema of the specs of a kind; a membership is only stored and has none.
fn spec_schema(kind: Kind) -> Option<&'static Value> {
    Kind::WRITTEN.contains(&kind).then(|| &api::schema(kind)["properties"]["spec"])
}

/// Values that decide who may do what are never unmanaged: one that nobody applied was given by another hand.
fn gives_access(kind: Kind, path: &str) -> bool {
    match kind {
        Kind::Member => matches!(path, "role" | "roles" | "disabled"),
        Kind::Membership => matches!(path, "role" | "roles" | "expiresAt"),
        _ => false,
    }
}

/// Whether the service behind the store fills in a value that is left out, so that leaving it out means not to manage it. The
/// documentation of such a field says so.
fn service_sets_default(kind: Kind, schema: Schemas<'_>) -> bool {
    let documented = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ").contains("left alone");
    matches!(kind, Kind::Template | Kind::Role) && schema.description().is_none_or(documented)
}

struct Merge {
    kind: Kind,
    drift: DriftPolicy,
    merged: Merged,
}

/// One value as it was last applied, as it is desired and as it is observed.
#[derive(Clone, Copy)]
struct Sides<'v> {
    last: Option<&'v Value>,
    want: Option<&'v Value>,
    have: Option<&'v Value>,
}

impl<'v> Sides<'v> {
    fn field(self, name: &str) -> Self {
        let of = |side: Option<&'v Value>| side.and_then(|value| value.get(name));
        Self { last: of(self.last), want: of(self.want), have: of(self.have) }
    }
}

/// How a value merges.
#[derive(Clone, Copy)]
enum Schemas<'s> {
    /// Field by field, with the schema of its fields; a kind that is only stored has none.
    Object(Option<&'s Value>),
    /// As a whole, with its schema.
    Whole(Option<&'s Value>),
}

impl<'s> Schemas<'s> {
    fn field(self, name: &str) -> Self {
        let Self::Object(Some(schema)) = self else { return Self::Whole(None) };
        match schema.get("properties").and_then(|properties| properties.get(name)) {
            Some(field) if field.get("properties").is_some() => Self::Object(Some(field)),
            field => Self::Whole(field),
        }
    }

    fn description(self) -> Option<&'s str> {
        let (Self::Object(schema) | Self::Whole(schema)) = self;
        schema?.get("description")?.as_str()
    }
}

impl Merge {
    fn value(&mut self, schema: Schemas<'_>, sides: Sides<'_>, path: &str) -> Option<Value> {
        let fields = match (schema, sides.want, sides.have) {
            (Schemas::Object(_), Some(Value::Object(want)), Some(Value::Object(have))) => names(&[Some(want), Some(have)]),
            _ => return self.whole(schema, sides, path),
        };
        let merged = fields.into_iter().filter_map(|name| {
            let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            Some((name.to_owned(), self.value(schema.field(name), sides.field(name), &path)?))
        });
        Some(Value::Object(merged.collect()))
    }

    fn whole(&mut self, schema: Schemas<'_>, Sides { last, want, have }: Sides<'_>, path: &str) -> Option<Value> {
        match (want, last) {
            (Some(_), _) if want == have => have.cloned(),
            (Some(_), _) if want == last => self.drifted(want, have, path),
            (Some(_), _) => self.changed(have, want, path),
            (None, Some(_)) if have.is_some() && !service_sets_default(self.kind, schema) => self.changed(have, None, path),
            (None, None) if have.is_some() && gives_access(self.kind, path) => self.drifted(None, have, path),
            (None, _) => have.cloned(),
        }
    }

    fn changed(&mut self, from: Option<&Value>, to: Option<&Value>, path: &str) -> Option<Value> {
        self.merged.fields.push(FieldChange {
            path: path.into(),
            from: from.cloned(),
            to: to.cloned(),
            drift: false,
            unset: false,
        });
        to.cloned()
    }

    fn drifted(&mut self, want: Option<&Value>, have: Option<&Value>, path: &str) -> Option<Value> {
        let field = |from: Option<&Value>, to: Option<&Value>| FieldChange {
            path: path.into(),
            from: from.cloned(),
            to: to.cloned(),
            drift: true,
            unset: false,
        };
        match self.drift {
            DriftPolicy::Correct => {
                self.merged.fields.push(field(have, want));
                want.cloned()
            }
            DriftPolicy::Warn => {
                self.merged.drift.push(field(want, have));
                have.cloned()
            }
            DriftPolicy::Ignore => have.cloned(),
        }
    }
}

/// The names of the fields of all these objects, sorted, each once.
fn names<'v>(objects: &[Option<&'v Map<String, Value>>]) -> Vec<&'v str> {
    let mut names: Vec<&str> = objects.iter().flatten().flat_map(|fields| fields.keys()).map(String::as_str).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The fields of a spec as changes from nothing, for an object that is created.
#[must_use]
pub fn all_fields(spec: &Value) -> Vec<FieldChange> {
    let fields = spec.as_object().into_iter().flatten();
    fields
        .map(|(name, value)| FieldChange {
            path: name.as_str().into(),
            from: None,
            to: Some(value.clone()),
            drift: false,
            unset: false,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::render::fixture::{Fixture, key};
    use serde_json::json;

    fn merged(kind: Kind, last: Value, want: Value, have: Value, drift: DriftPolicy) -> Merged {
        merge(kind, Some(&last), &want, &have, drift)
    }

    fn text(fields: &[FieldChange]) -> Vec<String> {
        let side = |value: &Option<Value>| value.as_ref().map_or("none".to_owned(), Value::to_string);
        fields.iter().map(|field| format!("{} {} -> {}", field.path, side(&field.from), side(&field.to))).collect()
    }

    #[test]
    fn a_role_that_nobody_applied_is_drift_and_never_unmanaged() {
        let (applied, found) = (json!({"email": "bob@acme.example"}), json!({"email": "bob@acme.example", "role": "Admin"}));
        let warned = merged(Kind::Member, applied.clone(), applied.clone(), found.clone(), DriftPolicy::Warn);
        assert_eq!(text(&warned.drift), [r#"role none -> "Admin""#]);
        let corrected = merged(Kind::Member, applied.clone(), applied.clone(), found, DriftPolicy::Correct);
        assert_eq!(corrected.spec, applied);
    }

    #[test]
    fn what_git_changed_is_written() {
        let was = json!({"displayName": "Design"});
        let merged = merged(Kind::Workspace, was.clone(), json!({"displayName": "Drawing"}), was, DriftPolicy::Warn);
        assert_eq!(text(&merged.fields), [r#"displayName "Design" -> "Drawing""#]);
        assert_eq!(merged.spec, json!({"displayName": "Drawing"}));
        assert_eq!(merged.drift, []);
    }

    #[test]
    fn drift_is_corrected_reported_or_ignored_as_the_policy_says() {
        let (applied, found) = (json!({"language": "ENGLISH"}), json!({"language": "HINDI"}));
        let with = |policy| merged(Kind::Workspace, applied.clone(), applied.clone(), found.clone(), policy);
        let corrected = with(DriftPolicy::Correct);
        assert_eq!(
            (text(&corrected.fields), corrected.spec),
            (vec![r#"language "HINDI" -> "ENGLISH""#.to_owned()], applied.clone())
        );
        let warned = with(DriftPolicy::Warn);
        assert_eq!((text(&warned.drift), warned.spec), (vec![r#"language "ENGLISH" -> "HINDI""#.to_owned()], found.clone()));
        let ignored = with(DriftPolicy::Ignore);
        assert_eq!((ignored.fields, ignored.drift, ignored.spec), (vec![], vec![], found.clone()));
    }

    #[test]
    fn a_change_in_git_wins_over_drift() {
        let merged = merged(
            Kind::Workspace,
            json!({"language": "ENGLISH"}),
            json!({"language": "FRENCH"}),
            json!({"language": "HINDI"}),
            DriftPolicy::Ignore,
        );
        assert_eq!(text(&merged.fields), [r#"language "HINDI" -> "FRENCH""#]);
    }

    #[test]
    fn a_value_that_was_never_applied_is_unmanaged_and_one_that_git_took_out_goes_back_to_its_default() {
        let merged = merged(
            Kind::Workspace,
            json!({"language": "ENGLISH"}),
            json!({}),
            json!({"language": "ENGLISH", "displayName": "by hand"}),
            DriftPolicy::Correct,
        );
        assert_eq!(text(&merged.fields), [r#"language "ENGLISH" -> none"#]);
        assert_eq!(merged.spec, json!({"displayName": "by hand"}));
    }

    #[test]
    fn a_value_that_git_took_out_of_a_template_is_left_to_the_service() {
        let was = json!({"settings": {"region": "eu"}});
        let merged = merged(Kind::Template, was.clone(), json!({}), was.clone(), DriftPolicy::Correct);
        assert_eq!((merged.fields, merged.spec), (vec![], was));
    }

    #[test]
    fn a_value_of_an_mrole_that_git_took_out_goes_back_to_the_default_that_is_documented() {
        let was = json!({"name": "Host", "priority": 2, "permissions": {"mute": true, "endRoom": true}});
        let merged = merged(Kind::Role, was.clone(), json!({"permissions": {"endRoom": true}}), was, DriftPolicy::Warn);
        assert_eq!(text(&merged.fields), [r#"name "Host" -> none"#, "permissions.mute true -> none"]);
        assert_eq!(merged.spec, json!({"priority": 2, "permissions": {"endRoom": true}}));
    }

    #[test]
    fn fields_inside_an_object_merge_one_by_one() {
        let merged = merged(
            Kind::Workspace,
            json!({"quotas": {"apiDaily": 100}}),
            json!({"quotas": {"apiDaily": 200}}),
            json!({"quotas": {"apiDaily": 100, "content": 50}}),
            DriftPolicy::Warn,
        );
        assert_eq!(text(&merged.fields), ["quotas.apiDaily 100 -> 200"]);
        assert_eq!(merged.spec, json!({"quotas": {"apiDaily": 200, "content": 50}}));
    }

    #[test]
    fn a_list_is_owned_whole_so_that_a_foreign_entry_is_drift() {
        let applied = json!({"publishParams": {"allowed": ["audio"]}});
        let found = json!({"publishParams": {"allowed": ["audio", "video"]}});
        let merged = merged(Kind::Role, applied.clone(), applied, found, DriftPolicy::Warn);
        assert_eq!(text(&merged.drift), [r#"publishParams.allowed ["audio"] -> ["audio","video"]"#]);
    }

    #[test]
    fn a_map_is_owned_whole_so_that_a_foreign_entry_is_drift() {
        let applied = json!({"destinations": {"hlsDestinations": {"a": {"name": "a"}}}});
        let found = json!({"destinations": {"hlsDestinations": {"a": {"name": "a"}, "b": {"name": "b"}}}});
        let merged = merged(Kind::Template, applied.clone(), applied, found, DriftPolicy::Warn);
        assert_eq!(merged.drift.iter().map(|field| &*field.path).collect::<Vec<_>>(), ["destinations.hlsDestinations"]);
    }

    #[test]
    fn an_empty_object_differs_from_none() {
        let merged = merged(
            Kind::Role,
            json!({"subscribeParams": {}}),
            json!({"subscribeParams": {"subscribeDegradation": {}}}),
            json!({"subscribeParams": {}}),
            DriftPolicy::Warn,
        );
        assert_eq!(text(&merged.fields), ["subscribeParams.subscribeDegradation none -> {}"]);
    }

    #[test]
    fn what_another_hand_changed_is_seen_in_the_row_alone() {
        let named = |name: &str| json!({ "displayName": name });
        let fixture = Fixture::new().both("project/core", named("Core")).drifted("project/core", &named("Kern"));
        let row = fixture.snapshot.rows.iter().find(|row| row.key == key("project/core")).unwrap();
        assert_eq!(text(&drifted_fields(row)), [r#"displayName "Core" -> "Kern""#]);
    }
}
