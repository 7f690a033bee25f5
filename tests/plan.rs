//! Golden cases: `tests/plan/<a sentence>/{observed.yaml, desired.yaml, plan.txt}`. Each tells what is stored, what is desired
//! then, and what Muster plans. They are what to read first to learn what Muster does. `BLESS=1` writes the plans anew.

#[path = "support/scenario.rs"]
mod scenario;

use std::fmt::Write;
use std::path::{Path, PathBuf};

use muster::plan::render;
use scenario::{Step, bytes, input, planned, read, steps, told, without_lines};

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plan");
    let mut cases: Vec<PathBuf> = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

/// The documents of a text in another order.
fn shuffled(text: &str) -> String {
    let mut documents: Vec<&str> = text.split("---\n").filter(|document| !document.trim().is_empty()).collect();
    documents.reverse();
    let half = documents.len() / 2;
    documents.rotate_left(half);
    documents.join("---\n")
}

async fn check(case: &Path, failures: &mut String) {
    let name = case.file_name().unwrap().to_string_lossy().into_owned();
    let store = told(&read(&case.join("observed.yaml"))).await;
    let desired = steps(&read(&case.join("desired.yaml")));
    let [Step::Apply(options, text)] = desired.as_slice() else { panic!("{name}: desired.yaml is one plan") };
    let desired = input("desired.yaml", text);
    let planned_once = planned(&store, &desired, options).await;
    let mut text_of_plan = String::new();
    for finding in desired.findings.iter().chain(&planned_once.findings) {
        let subject = finding.subject.as_ref().map(|(kind, name)| format!(" {}/{name}", kind.label())).unwrap_or_default();
        let path = if finding.path.is_empty() { String::new() } else { format!(" {}", finding.path) };
        let help = finding.help.as_ref().map(|help| format!(" ({help})")).unwrap_or_default();
        writeln!(text_of_plan, "{}{subject}{path}: {}{help}", finding.severity, finding.message).unwrap();
    }
    text_of_plan += &render::text(&planned_once.plans, &render::Options::default());
    let file = case.join("plan.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, &text_of_plan).unwrap();
    }
    if read(&file) != text_of_plan {
        writeln!(failures, "== {name}\n{}", similar::TextDiff::from_lines(read(&file), &text_of_plan).unified_diff()).unwrap();
    }
    let again = planned(&store, &input("desired.yaml", &shuffled(text)), options).await;
    let (once, again) = (without_lines(&bytes(&planned_once.plans)), without_lines(&bytes(&again.plans)));
    if once != again {
        writeln!(
            failures,
            "== {name}: the order of the input matters\n{}",
            similar::TextDiff::from_lines(&once, &again).unified_diff()
        )
        .unwrap();
    }
}

#[tokio::test]
async fn every_case_is_planned_as_its_file_says_whatever_the_order_of_its_documents() {
    let mut failures = String::new();
    let cases = cases();
    for case in &cases {
        check(case, &mut failures).await;
    }
    assert!(failures.is_empty(), "{failures}");
    assert!(cases.len() >= 60, "there are only {} cases", cases.len());
}
