//! Scenarios: what is stored, told as a story of applies and edits by hand, and what is desired then.

// Every test binary takes what it needs.
#![allow(dead_code)]

use std::path::Path;

use jiff::Timestamp;
use muster::engine::{Answer, Apply, Planned, answer, apply, plan_input, restore};
use muster::plan::{Context, Plan, Tightened};
use muster::source::read_text;
use muster::store::{Memory, Observe, Recorded, Registered, StoreError};
use muster::tenancy::{Digest, Input, Key, Manager, Mirrored, Name, ObjectId, Row, Snapshot};
use serde_json::Value;

/// The moment at which every scenario begins.
pub const BEGIN: &str = "2026-03-01T09:00:00Z";

/// What a step of a scenario is done with, as its `#!` line says.
#[derive(Clone, Debug)]
#[allow(clippy::struct_excessive_bools)]
pub struct Options {
    pub now: Timestamp,
    /// The date that is planned for instead of now.
    pub as_of: Option<Timestamp>,
    pub manager: String,
    pub asker: Option<String>,
    pub prune: bool,
    pub allow_empty: bool,
    /// Whether the store can be read only in part.
    pub incomplete_observation: bool,
    pub approve: Vec<Digest>,
    pub approve_all: bool,
    pub max_removals: Option<usize>,
    pub max_removals_percent: Option<i64>,
}

impl Options {
    fn parse(line: &str) -> Self {
        let mut options = Self {
            now: BEGIN.parse().unwrap(),
            as_of: None,
            manager: "muster".to_owned(),
            asker: None,
            prune: false,
            allow_empty: false,
            incomplete_observation: false,
            approve: Vec::new(),
            approve_all: false,
            max_removals: None,
            max_removals_percent: None,
        };
        let mut words = line.split_whitespace();
        while let Some(word) = words.next() {
            let mut value = || words.next().unwrap_or_else(|| panic!("{word} needs a value"));
            match word {
                "apply" | "plan" => {}
                "--prune" => options.prune = true,
                "--allow-empty" => options.allow_empty = true,
                "--incomplete-observation" => options.incomplete_observation = true,
                "--approve-all" => options.approve_all = true,
                "--at" => options.now = value().parse().unwrap(),
                "--as" => options.asker = Some(value().to_owned()),
                "--as-of" => options.as_of = value().parse().ok(),
                "--manager" => value().clone_into(&mut options.manager),
                "--approve" => options.approve.push(Digest::parse(value()).unwrap()),
                "--max-removals" => options.max_removals = value().parse().ok(),
                "--max-removals-percent" => options.max_removals_percent = value().parse().ok(),
                other => panic!("unknown option {other}"),
            }
        }
        options
    }

    pub fn context(&self) -> Context {
        Context {
            now: self.as_of.unwrap_or(self.now),
            observed_at: self.now,
            manager: Manager::new(self.manager.as_str()),
            actor: self.asker.as_deref().unwrap_or("ci").into(),
            asker: self.asker.as_deref().map(Into::into),
            prune: self.prune,
            allow_empty: self.allow_empty,
            approved: self.approve.clone(),
            tightened: Tightened { max_removals: self.max_removals, max_removals_percent: self.max_removals_percent },
        }
    }

    pub fn apply(&self) -> Apply {
        Apply {
            now: self.now,
            manager: Manager::new(self.manager.as_str()),
            holder: "files".into(),
            actor: "ci".into(),
            source: Some("0123abc".into()),
            take_over: true,
            all_or_nothing: false,
            errored: false,
            seed: [7; 16],
        }
    }
}

/// A step of the story.
#[derive(Clone, Debug)]
pub enum Step {
    /// `#! apply [options]`, followed by documents.
    Apply(Options, String),
    /// One line: `#! hand KIND NAME JSON`, `#! hand-insert KIND NAME JSON`, `#! hand-delete KIND NAME` write rows past Muster;
    /// `#! accept EMAIL`, `#! decline EMAIL` and `#! restore KIND NAME` are commands of Muster.
    Line(String),
}

/// Cuts a file into its steps. What stands before the first `#!` line is an apply without options.
pub fn steps(text: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut current: Option<(Options, String)> = None;
    for line in text.lines() {
        match line.strip_prefix("#! ") {
            Some(command) if !command.starts_with("apply") && !command.starts_with("plan") => {
                steps.extend(current.take().map(|(options, text)| Step::Apply(options, text)));
                steps.push(Step::Line(command.to_owned()));
            }
            Some(options) => {
                steps.extend(current.take().map(|(options, text)| Step::Apply(options, text)));
                current = Some((Options::parse(options), String::new()));
            }
            None => {
                let (_, text) = current.get_or_insert_with(|| (Options::parse(""), String::new()));
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    steps.extend(current.map(|(options, text)| Step::Apply(options, text)));
    steps.retain(|step| !matches!(step, Step::Apply(options, text) if text.trim().is_empty() && !options.prune));
    steps
}

/// Reads YAML through the front door.
pub fn input(name: &str, text: &str) -> Input {
    read_text(name, text).input
}

/// A store as far as it can be read.
struct Seen<'a> {
    store: &'a Memory,
    complete: bool,
}

impl Observe for Seen<'_> {
    async fn organizations(&self) -> Result<Vec<Registered>, StoreError> {
        self.store.organizations().await
    }

    async fn observe(&self, organization: &Name) -> Result<Snapshot, StoreError> {
        Ok(Snapshot { complete: self.complete, ..self.store.observe(organization).await? })
    }

    async fn history(&self, organization: &Name, after: i64, limit: u32) -> Result<Vec<Recorded>, StoreError> {
        self.store.history(organization, after, limit).await
    }

    async fn journal(&self, organization: &Name) -> Result<Vec<Mirrored>, StoreError> {
        self.store.journal(organization).await
    }
}

/// Plans an input; with `--approve-all`, a second time with what the first one asks to approve.
pub async fn planned(store: &Memory, input: &Input, options: &Options) -> Planned {
    let mut context = options.context();
    let store = &Seen { store, complete: !options.incomplete_observation };
    let planned = plan_input(store, input, "files", &context).await.unwrap();
    if !options.approve_all {
        return planned;
    }
    context.approved.extend(planned.plans.iter().filter_map(|plan| plan.approval.as_ref()).map(|approval| approval.digest));
    plan_input(store, input, "files", &context).await.unwrap()
}

/// The store after a story.
pub async fn told(story: &str) -> Memory {
    let store = Memory::default();
    for step in steps(story) {
        match step {
            Step::Apply(options, text) => {
                let plans = planned(&store, &input("observed.yaml", &text), &options).await.plans;
                apply(&store, plans, &options.apply()).await.unwrap();
            }
            Step::Line(line) => line_of(&store, &line).await,
        }
    }
    store
}

async fn line_of(store: &Memory, line: &str) {
    let organizations: Vec<Name> = store.organizations().await.unwrap().into_iter().map(|known| known.organization).collect();
    let [organization] = organizations.as_slice() else { panic!("{line}: in which organization?") };
    let how = Options::parse("").apply();
    let words: Vec<&str> = line.splitn(4, ' ').collect();
    let key = |kind: &str, name: &str| Key::new(muster::api::Kind::parse(kind).unwrap(), name);
    match words.as_slice() {
        ["accept", email] => drop(answer(store, organization, email, Answer::Accept, None, &how).await.unwrap()),
        ["decline", email] => drop(answer(store, organization, email, Answer::Decline, None, &how).await.unwrap()),
        ["restore", kind, name] => drop(restore(store, organization, &key(kind, name), None, &how).await.unwrap()),
        ["hand", kind, name, fields] => store.edit(organization, |rows| edit(rows, &key(kind, name), fields)),
        ["hand-insert", kind, name, spec] => store.edit(organization, |rows| insert(rows, &key(kind, name), spec)),
        ["hand-delete", kind, name] => store.edit(organization, |rows| rows.retain(|row| row.key != key(kind, name))),
        _ => panic!("unknown step {line}"),
    }
}

/// Writes fields of a stored spec; `null` takes one away.
fn edit(rows: &mut [Row], key: &Key, fields: &str) {
    let row = rows.iter_mut().find(|row| row.key == *key).unwrap_or_else(|| panic!("{key} is not stored"));
    let mut spec: serde_json::Map<String, Value> = serde_json::from_str(&row.spec).unwrap();
    for (field, value) in serde_json::from_str::<serde_json::Map<String, Value>>(fields).unwrap() {
        if value.is_null() {
            spec.remove(&field)
        } else {
            spec.insert(field, value)
        };
    }
    row.spec = Value::Object(spec).to_string().into();
}

/// Adds a row that nobody manages.
fn insert(rows: &mut Vec<Row>, key: &Key, spec: &str) {
    rows.push(Row {
        key: key.clone(),
        id: ObjectId::derived([key.name.as_bytes()]),
        spec: spec.into(),
        digest: None,
        applied: None,
        manager: None,
        tombstone: None,
        external_id: None,
        former_names: Vec::new(),
        created_at: BEGIN.parse().unwrap(),
        invited_at: None,
        accepted_at: None,
        declined_at: None,
        ended_at: None,
    });
    rows.sort_by(|a, b| a.key.cmp(&b.key));
}

/// The text of a file of a case.
pub fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// The plans as one text, for comparing bytes.
pub fn bytes(plans: &[Plan]) -> String {
    serde_json::to_string_pretty(plans).unwrap()
}

/// A plan without the positions in files: documents that stand elsewhere have other ones, and nothing else.
pub fn without_lines(text: &str) -> String {
    let mut lines = String::new();
    for line in text.lines().filter(|line| !line.trim_start().starts_with("\"line\":")) {
        let mut parts = line.split(".yaml:");
        lines += parts.next().unwrap_or_default();
        for part in parts {
            lines += ".yaml:";
            lines += part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ':');
        }
        lines.push('\n');
    }
    lines
}
