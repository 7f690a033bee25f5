//! Every rule of the systems that Muster was made from, and every statement of their documents, is accounted for: what Muster has for it
//! and what shows that, or why it is not Muster's. The tables in `tests/traceability/` say so, and docs/rules.md is written from them:
//! BLESS=1 writes the page.

#[path = "traceability/page.rs"]
mod page;
#[path = "traceability/presets.rs"]
mod presets;
#[path = "traceability/tables.rs"]
mod tables;

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use muster::api::organization::Preset;
use muster::api::{Kind, OrganizationSpec, Verb, schema};
use muster::plan::rules::{Class, rule};
use muster::tenancy::{Policy, preset};
use page::Tables;
use presets::{ANSWERS, NONE, answer};
use regex::Regex;
use serde_json::Value;
use tables::{CLASSES, DOCUMENTS, Evidence, FATES, PLACES, root};

fn tables() -> Tables {
    Tables {
        contradictions: tables::contradictions(),
        rules: tables::rules(),
        statements: DOCUMENTS.iter().map(tables::statements).collect(),
    }
}

/// Whatever is said about what: the row, its sentence and its evidence.
fn rows(tables: &Tables) -> Vec<(String, &str, &Evidence)> {
    let rules = tables.rules.iter().map(|rule| (rule.id.clone(), rule.says.as_str(), &rule.evidence));
    let statements = DOCUMENTS.iter().zip(&tables.statements).flat_map(|(document, statements)| {
        statements.iter().map(|it| (format!("{} {}", document.file, it.number), it.says.as_str(), &it.evidence))
    });
    rules.chain(statements).collect()
}

/// All files of the program.
fn sources(folder: &str) -> String {
    fn collect(path: &Path, found: &mut Vec<PathBuf>) {
        if path.is_dir() {
            fs::read_dir(path).unwrap().for_each(|entry| collect(&entry.unwrap().path(), found));
        } else {
            found.push(path.to_owned());
        }
    }
    let mut found = Vec::new();
    collect(&root().join(folder), &mut found);
    found.sort();
    found.iter().map(|path| fs::read_to_string(path).unwrap()).collect()
}

/// Whether the schemas have a field: `workspace.spec.hipaa`, `policy.lastAdmin.minAdmins`, or a kind alone.
fn is_field(path: &str) -> bool {
    let path = path.strip_prefix("policy").map_or_else(|| path.to_owned(), |rest| format!("organization.spec.policy{rest}"));
    let mut names = path.split('.');
    let first = names.next().unwrap_or_default();
    let Some(kind) = Kind::WRITTEN.into_iter().find(|kind| kind.label().replace(' ', "") == first) else { return false };
    let mut at = schema(kind);
    names.all(|name| {
        let inner = [at, &at["items"], &at["additionalProperties"]];
        let found = inner.into_iter().map(|it: &Value| &it["properties"][name]).find(|field| field.is_object());
        at = found.unwrap_or(&Value::Null);
        found.is_some()
    })
}

fn is_command(line: &str) -> bool {
    let words: Vec<&str> = line.split_whitespace().skip(1).take(1).collect();
    let help = Command::new(env!("CARGO_BIN_EXE_muster")).args(words).arg("--help").output().unwrap();
    let flags: Vec<&str> = line.split_whitespace().filter(|word| word.starts_with("--")).collect();
    let text = String::from_utf8(help.stdout).unwrap();
    help.status.success() && flags.iter().all(|flag| text.contains(flag))
}

/// What shows something, as text: a plan, the file of a test, the walk through an example. `None` for what is not there.
fn shown(name: &str) -> Option<String> {
    let text = |path: &str| fs::read_to_string(root().join(path)).ok();
    if let Some((file, test)) = name.split_once(": ") {
        let attribute = r"#\[(?:tokio::)?test\]\s*(?:#\[[^\]]*\]\s*)*(?:async )?fn ";
        let is_test = Regex::new(&format!(r"{attribute}{test}\(\)")).unwrap();
        return text(file).filter(|text| is_test.is_match(text));
    }
    match name.strip_prefix("examples/") {
        Some(system) => text(&format!("examples/{system}/README.md")),
        None => text(&format!("tests/plan/{name}/plan.txt")),
    }
}

#[test]
fn every_rule_and_every_statement_is_in_its_table_once() {
    let tables = tables();
    let ids: Vec<String> = tables.rules.iter().map(|rule| rule.id.clone()).collect();
    assert_eq!(ids, (1..=106).map(|number| format!("R{number}")).collect::<Vec<_>>());
    for (document, statements) in DOCUMENTS.iter().zip(&tables.statements) {
        let numbers: Vec<String> = statements.iter().map(|statement| statement.number.clone()).collect();
        assert_eq!(numbers, (1..=document.statements).map(|number| number.to_string()).collect::<Vec<_>>(), "{}", document.file);
    }
    assert_eq!(DOCUMENTS.iter().map(|document| document.statements).sum::<usize>(), 154);
    let ids: Vec<String> = tables.contradictions.iter().map(|it| it.id.clone()).collect();
    assert_eq!(ids, (1..=24).map(|number| format!("C{number}")).collect::<Vec<_>>());
}

#[test]
fn every_row_says_what_it_is_about_and_what_becomes_of_it() {
    let tables = tables();
    let mut wrong = String::new();
    for (row, says, evidence) in rows(&tables) {
        let Evidence { muster, shown, reason } = evidence;
        if says.is_empty() || says.chars().count() > 160 || !says.ends_with('.') {
            writeln!(wrong, "{row} says {says:?}: a sentence of at most 160 characters").unwrap();
        }
        if shown.is_empty() && reason.is_empty() {
            writeln!(wrong, "{row}: neither shown nor explained").unwrap();
        }
        if muster.is_empty() && !shown.is_empty() {
            writeln!(wrong, "{row}: it is shown by {shown:?}, but what is it in Muster?").unwrap();
        }
    }
    for rule in &tables.rules {
        let ours = ["schema", "validation", "plan", "backend"].contains(&rule.place.as_str());
        if ours == rule.evidence.shown.is_empty() {
            writeln!(wrong, "{}: it is held in the {}, and shown by {:?}", rule.id, rule.place, rule.evidence.shown).unwrap();
        }
        let known = PLACES.iter().any(|(place, _)| *place == rule.place) && CLASSES.contains(&rule.class.as_str());
        if !known || rule.source.is_empty() {
            writeln!(wrong, "{}: {}, {}, {}", rule.id, rule.source, rule.place, rule.class).unwrap();
        }
    }
    for (document, statements) in DOCUMENTS.iter().zip(&tables.statements) {
        for it in statements {
            if !FATES.contains(&it.fate.as_str()) || it.chapter.is_empty() {
                writeln!(wrong, "{} {}: {:?}, {:?}", document.file, it.number, it.fate, it.chapter).unwrap();
            }
            if it.fate.ends_with("does it") && it.evidence.shown.is_empty() {
                writeln!(wrong, "{} {}: {}, and nothing shows it", document.file, it.number, it.fate).unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn what_the_tables_name_in_muster_is_there() {
    let tables = tables();
    let codes = sources("src/tenancy/resolve") + &sources("src/source") + &sources("src/engine");
    let views = sources("src/store/sql");
    let mut checked = BTreeSet::new();
    let mut wrong = String::new();
    for (row, _, evidence) in rows(&tables) {
        for name in evidence.muster.iter().filter(|name| checked.insert((*name).clone())) {
            let there = if name.starts_with("muster ") {
                is_command(name)
            } else if let Some(view) = name.strip_prefix("view ") {
                views.contains(&format!("CREATE VIEW {view} "))
            } else if name.contains(':') {
                Verb::parse(name).is_some()
            } else {
                rule(name).is_some() || is_field(name) || name.contains('-') && codes.contains(&format!("\"{name}\""))
            };
            if !there {
                writeln!(wrong, "{row}: {name} is no rule, finding, field, permission, command or view").unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(checked.len() > 60, "{checked:?}");
}

#[test]
fn what_shows_it_is_there() {
    let tables = tables();
    let mut wrong = String::new();
    for (row, _, evidence) in rows(&tables) {
        let texts: Vec<String> = evidence.shown.iter().filter_map(|name| shown(name)).collect();
        if texts.len() != evidence.shown.len() {
            let missing: Vec<_> = evidence.shown.iter().filter(|name| shown(name).is_none()).collect();
            writeln!(wrong, "{row}: there is no {missing:?}").unwrap();
        }
        // What is only held back is told in words, so only refusals can be looked for.
        let refuses = |id: &&String| rule(id).is_some_and(|rule| rule.class != Class::State);
        for id in evidence.muster.iter().filter(refuses) {
            if !texts.is_empty() && !texts.iter().any(|text| text.contains(id.as_str())) {
                writeln!(wrong, "{row}: nothing of {:?} mentions {id}", evidence.shown).unwrap();
            }
        }
    }
    for traced in &tables.rules {
        let classes: BTreeSet<&str> =
            traced.evidence.muster.iter().filter_map(|id| rule(id)).map(|rule| rule.class.as_str()).collect();
        if !classes.is_empty() && !classes.contains(traced.class.as_str()) {
            writeln!(wrong, "{}: class {}, but its rules are of {classes:?}", traced.id, traced.class).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_question_is_answered_by_the_policy_or_decided_once() {
    let tables = tables();
    for it in &tables.contradictions {
        assert!(it.fields.is_empty() != it.decided.is_empty(), "{}: {:?} and {:?}", it.id, it.fields, it.decided);
        assert!(!it.question.is_empty() && !it.answers.is_empty(), "{}", it.id);
        for field in &it.fields {
            assert!(answer(field).is_some() && is_field(&format!("policy.{field}")), "{}: {field}", it.id);
        }
    }
    let asked: BTreeSet<&str> = tables.contradictions.iter().flat_map(|it| &it.fields).map(String::as_str).collect();
    for field in ANSWERS.iter().map(|answer| answer.field) {
        assert!(asked.contains(field), "{field} answers no question");
    }
}

#[test]
fn a_preset_answers_what_writing_the_answer_out_would() {
    for answer in ANSWERS {
        for of in Preset::ALL {
            let value = (answer.of)(&preset(*of));
            if value == NONE {
                continue;
            }
            let inner = answer.field.rsplit('.').fold(value.clone(), |inner, name| format!("{{{name}: {inner}}}"));
            let spec: OrganizationSpec = serde_yaml::from_str(&format!("policy: {inner}")).unwrap();
            assert_eq!((answer.of)(&Policy::of(&spec)), value, "{} of {of}", answer.field);
        }
    }
}

#[test]
fn the_page_about_rules_is_what_is_generated() {
    let (tables, path) = (tables(), root().join("docs/rules.md"));
    let page = tables.page();
    for (place, _) in PLACES {
        println!("{place}: {}", tables.rules.iter().filter(|rule| rule.place == *place).count());
    }
    for class in CLASSES {
        println!("{class}: {}", tables.rules.iter().filter(|rule| rule.class == *class).count());
    }
    for fate in FATES {
        println!("{fate}: {}", tables.statements.iter().flatten().filter(|statement| statement.fate == *fate).count());
    }
    if std::env::var_os("BLESS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(found == page, "docs/rules.md is not what is generated; run BLESS=1 cargo test --test traceability and commit it");
}
