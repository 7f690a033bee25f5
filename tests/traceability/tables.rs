//! The tables as they are written: tab-separated, with a header.

use std::fs;
use std::path::Path;

/// The repository.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A document that Muster was made from.
pub struct Document {
    /// Its file, without the ending.
    pub file: &'static str,
    pub title: &'static str,
    /// How many statements it makes.
    pub statements: usize,
}

/// The five documents.
pub const DOCUMENTS: &[Document] = &[
    Document { file: "100ms-workspaces", title: "100ms, Workspaces", statements: 38 },
    Document { file: "keyrunner-workspaces", title: "KeyRunner, Workspaces", statements: 19 },
    Document { file: "aaq-introducing-workspaces", title: "AAQ, Introducing Workspaces", statements: 25 },
    Document { file: "100ms-templates-and-roles", title: "100ms, Templates and Roles", statements: 41 },
    Document { file: "fastpix-set-up-workspace", title: "FastPix, Set up workspace", statements: 31 },
];

/// Where a rule is held.
pub const PLACES: &[(&str, &str)] = &[
    ("schema", "one object proves it by itself, so that the API server and `muster validate` refuse it"),
    ("validation", "the objects of an organization are compared with each other and with its policy"),
    ("plan", "the planner does it, or a rule refuses the change"),
    ("backend", "it is about the API of a service, and the backend for that service does it"),
    ("elsewhere", "it is not for a reconciler"),
];

/// What a rule looks at.
pub const CLASSES: &[&str] = &["state", "change", "actor", "-"];

/// What becomes of a statement.
pub const FATES: &[&str] = &["muster does it", "a backend does it", "decided", "not for a reconciler"];

/// What stands behind a rule or a statement: where Muster has it, what shows it, and why nothing does.
#[derive(Debug)]
pub struct Evidence {
    /// Ids of rules, codes of findings, fields, permissions, commands and views.
    pub muster: Vec<String>,
    /// Golden cases, tests and examples.
    pub shown: Vec<String>,
    pub reason: String,
}

impl Evidence {
    fn of(muster: &str, shown: &str, reason: &str) -> Self {
        let list = |text: &str, separator| text.split(separator).filter(|it| !it.is_empty()).map(str::to_owned).collect();
        Self { muster: list(muster, ", "), shown: list(shown, "; "), reason: reason.to_owned() }
    }
}

/// A rule of one of the systems.
#[derive(Debug)]
pub struct Traced {
    pub id: String,
    pub says: String,
    pub source: String,
    pub place: String,
    pub class: String,
    pub evidence: Evidence,
}

/// A statement of a document.
#[derive(Debug)]
pub struct Statement {
    pub number: String,
    pub chapter: String,
    pub says: String,
    pub fate: String,
    pub evidence: Evidence,
}

/// A question that the systems answer differently.
#[derive(Debug)]
pub struct Contradiction {
    pub id: String,
    pub question: String,
    pub answers: String,
    /// The fields of the policy that answer it.
    pub fields: Vec<String>,
    /// What was decided once for all, and why.
    pub decided: String,
}

pub fn rules() -> Vec<Traced> {
    let rows = rows("rules", ["id", "says", "source", "where", "class", "muster", "shown", "reason"]);
    let rule = |[id, says, source, place, class, muster, shown, reason]: [String; 8]| {
        let evidence = Evidence::of(&muster, &shown, &reason);
        Traced { id, says, source, place, class, evidence }
    };
    rows.into_iter().map(rule).collect()
}

pub fn statements(document: &Document) -> Vec<Statement> {
    let rows = rows(document.file, ["number", "chapter", "says", "what", "muster", "shown", "reason"]);
    let statement = |[number, chapter, says, fate, muster, shown, reason]: [String; 7]| {
        let evidence = Evidence::of(&muster, &shown, &reason);
        Statement { number, chapter, says, fate, evidence }
    };
    rows.into_iter().map(statement).collect()
}

pub fn contradictions() -> Vec<Contradiction> {
    let rows = rows("contradictions", ["id", "question", "answers", "fields", "decided"]);
    let contradiction = |[id, question, answers, fields, decided]: [String; 5]| {
        let fields = fields.split(", ").filter(|field| !field.is_empty()).map(str::to_owned).collect();
        Contradiction { id, question, answers, fields, decided }
    };
    rows.into_iter().map(contradiction).collect()
}

/// The rows of a table whose header has these columns.
fn rows<const N: usize>(table: &str, columns: [&str; N]) -> Vec<[String; N]> {
    let path = root().join("tests/traceability").join(format!("{table}.tsv"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let cells = |line: &str| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
    let mut lines = text.lines();
    assert_eq!(lines.next().map(cells), Some(columns.map(str::to_owned).to_vec()), "{table}.tsv has a header");
    let row = |line: &str| {
        let cells = cells(line);
        assert!(cells.iter().all(|cell| cell == cell.trim() && !cell.contains('|')), "{table}.tsv: {line}");
        cells.try_into().unwrap_or_else(|cells: Vec<_>| panic!("{table}.tsv: {} cells in {line}", cells.len()))
    };
    lines.map(row).collect()
}
