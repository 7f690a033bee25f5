//! The READMEs are true, the one at the top and those of the examples: the console examples of each are run in order, and print what
//! it says. BLESS=1 writes what they print instead; README=hundredms takes only the one of examples/hundredms.

#[path = "support/postgres.rs"]
mod postgres;
#[path = "support/readme.rs"]
mod readme;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use readme::{Example, examples, matches, shell, untold, written};
use tempfile::TempDir;

/// Runs the commands in one shell, in a directory with nothing but the examples, and returns what each printed.
fn run(commands: &[String], database: Option<&str>) -> Vec<String> {
    let place = TempDir::new().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let copied = Command::new("cp").arg("-r").arg(root.join("examples")).arg(place.path()).status().unwrap();
    assert!(copied.success(), "the examples can be copied");
    let environment: Vec<(&str, &str)> = database.map(|url| ("DATABASE_URL", url)).into_iter().collect();
    shell(place.path(), Path::new(env!("CARGO_BIN_EXE_muster")), commands, &environment)
}

/// Runs the examples of this file, and says which of them print something else. With BLESS=1 the file says it afterwards.
fn untrue(path: &Path, least: usize) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap();
    let database = postgres::database();
    let run_here = |example: &&Example| database.is_some() || !example.command.contains("$DATABASE_URL");
    let examples = examples(&text);
    assert!(examples.len() > least, "{} shows what Muster does: {} commands", path.display(), examples.len());
    let here: Vec<&Example> = examples.iter().filter(run_here).collect();
    let commands: Vec<String> =
        here.iter().map(|example| example.command.replace("cargo run --release -- ", "muster ")).collect();
    let printed = run(&commands, database.as_deref());
    let wrong: Vec<(&Example, &String)> =
        here.iter().copied().zip(&printed).filter(|(example, printed)| !matches(&example.output, printed)).collect();
    if std::env::var_os("BLESS").is_some() {
        fs::write(path, written(&text, &wrong)).unwrap();
        return Vec::new();
    }
    untold(path, &wrong)
}

/// The READMEs of the examples, in the order of their names, without those that need a service: tests/backends/live runs them.
fn readmes_of_examples() -> Vec<PathBuf> {
    let examples = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")).unwrap();
    let folders = examples.map(|entry| entry.unwrap().path()).filter(|path| !path.to_string_lossy().ends_with("-live"));
    let mut found: Vec<PathBuf> = folders.map(|folder| folder.join("README.md")).filter(|path| path.exists()).collect();
    found.sort();
    found
}

fn told(untrue: &[String]) {
    assert!(untrue.is_empty(), "{}\nrun BLESS=1 cargo test --test readme and read what it wrote", untrue.join("\n\n"));
}

#[test]
fn every_console_example_of_the_readme_prints_what_the_readme_says() {
    told(&untrue(&Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md"), 20));
}

#[test]
fn every_console_example_of_the_readme_of_an_example_prints_what_it_says() {
    let only = std::env::var("README").ok();
    let chosen = |path: &&PathBuf| only.as_ref().is_none_or(|only| path.parent().unwrap().ends_with(only));
    let found = readmes_of_examples();
    let found: Vec<&PathBuf> = found.iter().filter(chosen).collect();
    assert!(!found.is_empty(), "an example has a README");
    told(&found.iter().flat_map(|path| untrue(path, 10)).collect::<Vec<String>>());
}

#[test]
fn dots_stand_for_the_rest_of_a_line_or_for_whole_lines() {
    assert!(matches("a ... c\n", "a b b c\n"));
    assert!(!matches("a ... c\n", "a b d\n"));
    assert!(matches("first\n...\nlast\n", "first\n1\n2\nlast\n"));
    assert!(matches("first\n...\nlast\n", "first\nlast\n"));
    assert!(!matches("first\nlast\n", "first\n1\nlast\n"));
    assert!(!matches("first\n...\n", "other\n"));
    assert!(!matches("", "something\n"));
}

#[test]
fn an_example_is_a_command_with_the_lines_below_it() {
    let text = "```console\n$ one \\\n    two\nsaid\n\n$ three\n$ four <<'END'\n$ text\nEND\nsaid\n```\n```sh\n$ not this\n```\n";
    let found: Vec<(String, String)> = examples(text).into_iter().map(|example| (example.command, example.output)).collect();
    let pair = |command: &str, output: &str| (command.to_owned(), output.to_owned());
    assert_eq!(found, [pair("one \\\n    two", "said\n"), pair("three", ""), pair("four <<'END'\n$ text\nEND", "said\n")]);
}
