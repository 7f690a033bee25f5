//! The repository keeps its promises: about its layout, its pure parts, its documentation and its words.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use muster::api::Kind;
use muster::plan::rules::{CLAIMED_ELSEWHERE, OTHER_ID_AT_SERVICE, RULES, TAKEN_AT_SERVICE, rule};
use muster::plan::{Context, Tightened, plan};
use muster::source::{Request, read};
use muster::tenancy::{Manager, Snapshot, resolve};
use regex::Regex;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files below these folders, by their path in the repository, with their text.
fn texts(folders: &[&str]) -> Vec<(String, String)> {
    fn collect(path: &Path, found: &mut Vec<PathBuf>) {
        if path.is_dir() {
            fs::read_dir(path).unwrap().for_each(|entry| collect(&entry.unwrap().path(), found));
        } else {
            found.push(path.to_owned());
        }
    }
    let mut found = Vec::new();
    folders.iter().for_each(|folder| collect(&root().join(folder), &mut found));
    found.sort();
    let name = |path: &Path| path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned();
    found.iter().filter_map(|path| Some((name(path), fs::read_to_string(path).ok()?))).collect()
}

fn rust(folders: &[&str]) -> Vec<(String, String)> {
    texts(folders).into_iter().filter(|(name, _)| Path::new(name).extension().is_some_and(|end| end == "rs")).collect()
}

/// README and docs.
fn pages() -> Vec<(String, String)> {
    texts(&["README.md", "docs", "charts/muster/README.md"])
}

/// Everything people wrote, and what is generated from it; not this file, which has to name what it looks for.
fn everything() -> Vec<(String, String)> {
    let folders =
        ["README.md", "docs", "examples", "charts", "src", "tests", "benches", "crds", ".ci", "Cargo.toml", "Dockerfile"];
    let all = texts(&folders);
    all.into_iter().filter(|(name, _)| name != "tests/repository.rs").collect()
}

/// Where the pattern occurs, as `file:line: text`.
fn occurrences(files: &[(String, String)], pattern: &str) -> Vec<String> {
    let pattern = Regex::new(pattern).unwrap();
    let lines = files.iter().flat_map(|(name, text)| text.lines().enumerate().map(move |(number, line)| (name, number, line)));
    let found = lines.filter(|(_, _, line)| pattern.is_match(line));
    found.map(|(name, number, line)| format!("{name}:{}: {}", number + 1, line.trim())).collect()
}

fn assert_nowhere(files: &[(String, String)], pattern: &str, why: &str) {
    let found = occurrences(files, pattern);
    assert!(files.len() > 1, "there is something to look at");
    assert!(found.is_empty(), "{why}:\n{}", found.join("\n"));
}

/// The file of a module that is declared in another file.
fn module(declared_in: &Path, name: &str) -> PathBuf {
    let folder = match declared_in.file_stem().and_then(|stem| stem.to_str()) {
        Some("mod" | "lib" | "main") => declared_in.parent().unwrap().to_owned(),
        _ => declared_in.with_extension(""),
    };
    let flat = folder.join(format!("{name}.rs"));
    if root().join(&flat).exists() { flat } else { folder.join(name).join("mod.rs") }
}

#[test]
fn every_source_file_is_part_of_the_program() {
    let declaration = Regex::new(r"(?m)^\s*(?:pub(?:\(\w+\))? )?mod (\w+);").unwrap();
    let mut reached = BTreeSet::new();
    let mut open = vec![PathBuf::from("src/lib.rs"), PathBuf::from("src/main.rs")];
    while let Some(path) = open.pop() {
        let text = fs::read_to_string(root().join(&path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        open.extend(declaration.captures_iter(&text).map(|found| module(&path, &found[1])));
        reached.insert(path.to_str().unwrap().to_owned());
    }
    let there: BTreeSet<String> = rust(&["src"]).into_iter().map(|(name, _)| name).collect();
    assert_eq!(there, reached);
}

#[test]
fn what_is_pure_does_no_io_reads_no_clock_and_has_no_order_by_chance() {
    let comment = Regex::new(r"(?m)//.*$").unwrap();
    let code = |(name, text): (String, String)| (name, comment.replace_all(&text, "").into_owned());
    let pure: Vec<_> = rust(&["src/api", "src/tenancy", "src/plan"]).into_iter().map(code).collect();
    let io = r"\b(sqlx|tokio|reqwest|std::(fs|net|process|env|io)|std::thread::(sleep|spawn)|crate::(source|store|engine|cli))\b";
    assert_nowhere(&pure, io, "a pure folder does no I/O and knows nothing of what does");
    assert_nowhere(&pure, r"\b(HashMap|HashSet)\b", "the order of a hash map is chance");
    assert_nowhere(&pure, r"Timestamp::now|Zoned::now|\b(SystemTime|Instant)\b", "a pure folder reads no clock");
    assert_nowhere(&pure, r"\basync\b|\.await\b", "a pure folder waits for nothing");
}

#[test]
fn a_file_can_be_read_in_one_sitting() {
    let long: Vec<String> = rust(&["src", "tests", "benches"])
        .into_iter()
        .filter(|(_, text)| text.lines().count() > 600)
        .map(|(name, text)| format!("{name}: {} lines", text.lines().count()))
        .collect();
    assert!(long.is_empty(), "{long:?}");
}

#[test]
fn every_folder_of_the_source_says_which_question_it_answers() {
    for (name, text) in rust(&["src"]) {
        if name.matches('/').count() == 2 && name.ends_with("/mod.rs") {
            assert!(text.starts_with("//! "), "{name}");
        }
    }
}

#[test]
fn every_rule_that_can_be_printed_is_in_the_table() {
    // What refuses is named by an id of the table itself, by one of these literals, or by a constant.
    let named = Regex::new(r#"(?:rule: |refused by )"?([a-z]+(?:-[a-z]+)+)"#).unwrap();
    let constants = [CLAIMED_ELSEWHERE, TAKEN_AT_SERVICE, OTHER_ID_AT_SERVICE];
    let mut printed: BTreeSet<String> = constants.map(str::to_owned).into();
    for (_, text) in texts(&["src", "tests/plan", "README.md"]) {
        printed.extend(named.captures_iter(&text).map(|found| found[1].to_owned()));
    }
    assert!(printed.len() > 20, "{printed:?}");
    let page = fs::read_to_string(root().join("docs/rules.md")).unwrap();
    for id in &printed {
        let rule = rule(id).unwrap_or_else(|| panic!("{id} refuses, and `muster explain {id}` does not know it"));
        assert!(page.contains(&format!("\n## {id}\n\n{}\n", rule.title)), "{id}");
        assert!(![rule.title, rule.source, rule.way_out, rule.overridden_by].contains(&""), "{id}");
    }
    let refusals = occurrences(&rust(&["src/plan", "src/engine"]), r"\brule: [^&]");
    // The review is handed the ids of the rules that objected, and a constant is one of the table's.
    let of_a_constant = Regex::new(r"\brule: ([A-Z_]+)\.into\(\)").unwrap();
    let from_the_table = |line: &&String| line.contains("rule: rule.id.into()") || line.contains("rule: rule.into()");
    let literal = |line: &&String| named.is_match(line) || line.contains("pub rule: Box<str>");
    let known = |line: &&String| from_the_table(line) || literal(line) || of_a_constant.is_match(line);
    let others: Vec<&String> = refusals.iter().filter(|line| !known(line)).collect();
    assert!(others.is_empty(), "a refusal names its rule in a way that this test cannot see: {others:?}");
}

#[test]
fn every_path_in_the_documentation_exists() {
    let span = Regex::new(r"`((?:src|tests|docs|crds|examples|benches|charts)/[\w./-]*)`").unwrap();
    let link = Regex::new(r"\]\(([^)#:]+)(?:#[^)]*)?\)").unwrap();
    let mut checked = 0;
    for (name, text) in pages() {
        let folder = Path::new(&name).parent().unwrap();
        let spans = span.captures_iter(&text).map(|found| PathBuf::from(&found[1]));
        let links = link.captures_iter(&text).map(|found| folder.join(&found[1]));
        for path in spans.chain(links) {
            assert!(root().join(&path).exists(), "{name} names {}", path.display());
            checked += 1;
        }
    }
    assert!(checked > 10, "the documentation names files: {checked}");
}

#[test]
fn every_rule_that_the_documentation_names_exists() {
    let explained = Regex::new(r"muster explain ([a-z]+-[a-z-]+)").unwrap();
    for (name, text) in pages() {
        for found in explained.captures_iter(&text) {
            assert!(RULES.iter().any(|rule| rule.id == &found[1]), "{name} explains {}", &found[1]);
        }
    }
}

#[test]
fn every_rule_says_all_there_is_to_say_under_a_name_of_its_own() {
    let ids: BTreeSet<&str> = RULES.iter().map(|rule| rule.id).collect();
    assert_eq!(ids.len(), RULES.len());
    for rule in RULES {
        for text in [rule.title, rule.source, rule.way_out] {
            assert!(text.ends_with('.') && text.len() > 10, "{}: {text:?}", rule.id);
        }
    }
}

#[test]
fn the_decision_table_in_the_documentation_is_the_one_in_the_code() {
    let table = |text: &str, prefix: &str| {
        let lines = text.lines().map(|line| line.trim_start_matches(prefix).trim().replace('`', ""));
        lines
            .skip_while(|line| *line != "| desired | stored | then |")
            .take_while(|line| line.starts_with('|'))
            .collect::<Vec<_>>()
    };
    let code = table(&fs::read_to_string(root().join("src/plan/diff.rs")).unwrap(), "///");
    assert!(code.len() > 10, "{code:?}");
    assert_eq!(code, table(&fs::read_to_string(root().join("docs/architecture.md")).unwrap(), ""));
}

#[test]
fn every_example_plans_cleanly_on_an_empty_store() {
    let context = Context {
        now: "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap(),
        observed_at: "2026-01-01T00:00:00Z".parse::<Timestamp>().unwrap(),
        manager: Manager::new("muster"),
        actor: "somebody".into(),
        asker: None,
        prune: true,
        allow_empty: false,
        approved: Vec::new(),
        tightened: Tightened::default(),
    };
    // How other programs are told about such examples; tests/gitops.rs is about these.
    let kits = ["argocd", "flux"].map(|kit| root().join("examples").join(kit));
    let examples = fs::read_dir(root().join("examples")).unwrap().map(|entry| entry.unwrap().path());
    for path in examples.filter(|path| !kits.contains(path)) {
        let request = Request { paths: vec![path.clone()], recursive: true, allow_empty: false };
        let input = read(&request, &mut std::io::empty()).input;
        let resolved = resolve(&input, &[], None);
        assert!(input.findings.is_empty() && resolved.findings.is_empty(), "{}: {:?}", path.display(), resolved.findings);
        assert!(!resolved.tenancies.is_empty(), "{}", path.display());
        for tenancy in &resolved.tenancies {
            let plan = plan(tenancy, &Snapshot::empty(&tenancy.organization), &context);
            assert!(plan.refusals.is_empty() && plan.held.is_empty(), "{}: {:?} {:?}", path.display(), plan.refusals, plan.held);
            assert_eq!(plan.changes.len(), tenancy.objects.len(), "{}", path.display());
        }
    }
}

#[test]
fn the_kind_role_is_never_written_like_that_of_kubernetes() {
    assert_eq!(Kind::Role.label(), "mrole");
    let about_kubernetes = Regex::new("(?m)^.*Kubernetes.*$").unwrap();
    let all = [pages(), rust(&["src"]), texts(&["examples", "crds"])].concat();
    let files: Vec<_> =
        all.into_iter().map(|(name, text)| (name, about_kubernetes.replace_all(&text, "").into_owned())).collect();
    assert_nowhere(&files, r"\b[Aa]n? Role\b|\b([Tt]he|[Ee]ach|[Ee]very|[Oo]ne) Roles?\b", "write mrole or roles.muster.dev");
    assert_nowhere(&files, r"(^|[^\w.])role/[a-z{]", "the address of an mrole begins with mrole/");
    assert_nowhere(&files, r"kubectl \w+ roles?\b($|[^.])", "kubectl shows another kind under that name");
}

#[test]
fn no_text_makes_flux_delete_and_create_again() {
    assert_nowhere(&everything(), "(?i)is immutable", "Flux deletes and recreates what an error calls so");
}

#[test]
fn nothing_is_left_for_later() {
    let files = everything();
    assert_nowhere(&files, r"\b(TODO|FIXME|XXX|HACK)\b", "what is to be done is done or is an issue");
    assert_nowhere(&files, r"\b(todo|unimplemented)!", "what is there works");
}

#[test]
fn every_test_is_run() {
    let ignored = Regex::new(r"#\[ignore([^\]]*)\]").unwrap();
    let runs_in = Regex::new(r#"^ = "runs as the child of (\w+)"$"#).unwrap();
    for (name, text) in rust(&["src", "tests", "benches"]) {
        for found in ignored.captures_iter(&text).filter(|_| name != "tests/repository.rs") {
            let parent = runs_in.captures(&found[1]).map(|parent| format!("fn {}()", &parent[1]));
            assert!(parent.is_some_and(|parent| text.contains(&parent)), "{name}: {}", &found[0]);
        }
    }
}

#[test]
fn nothing_depends_on_the_machine_it_was_written_on() {
    assert_nowhere(&everything(), r"\.\./shared|/work/|/home/\w", "the repository stands alone");
}
