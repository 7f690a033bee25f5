//! docs/rules.md, as it is written from `RULES` and the tables.

use std::fmt::Write;
use std::path::Path;

use muster::api::organization::Preset;
use muster::plan::rules::{RULES, Rule, rule};
use muster::tenancy::preset;

use super::presets::answer;
use super::tables::{CLASSES, Contradiction, DOCUMENTS, Evidence, FATES, PLACES, Statement, Traced};

/// Everything that the page is written from.
pub struct Tables {
    pub contradictions: Vec<Contradiction>,
    pub rules: Vec<Traced>,
    /// The statements of each document.
    pub statements: Vec<Vec<Statement>>,
}

impl Tables {
    /// The whole page, in Markdown.
    pub fn page(&self) -> String {
        let mut page = rules_of_muster();
        self.write_contradictions(&mut page);
        self.write_rules(&mut page);
        self.write_statements(&mut page);
        page
    }

    fn write_contradictions(&self, page: &mut String) {
        let presets = Preset::ALL.iter().map(|preset| format!(" {preset} |")).collect::<String>();
        let _ = writeln!(page, "{CONTRADICTIONS}\n| | question | the systems | field of `spec.policy` |{presets}");
        let _ = writeln!(page, "|---|---|---|---|{}", "---|".repeat(Preset::ALL.len()));
        for Contradiction { id, question, answers, fields, decided } in &self.contradictions {
            let values = |field: &str| {
                let of = |it: &Preset| answer(field).map(|answer| (answer.of)(&preset(*it))).unwrap_or_default();
                Preset::ALL.iter().map(|preset| format!(" {} |", of(preset))).collect::<String>()
            };
            let by_field = fields.iter().map(|field| format!("`{field}` |{}", values(field)));
            let once = (!decided.is_empty()).then(|| format!("decided once: {decided} |{}", " |".repeat(Preset::ALL.len())));
            for (at, rest) in by_field.chain(once).enumerate() {
                let head = if at == 0 { format!("{id} | {question} | {answers}") } else { "| |".to_owned() };
                let _ = writeln!(page, "| {head} | {rest}");
            }
        }
    }

    fn write_rules(&self, page: &mut String) {
        let count = |place: &str| self.rules.iter().filter(|rule| rule.place == place).count();
        let class = |class: &str| self.rules.iter().filter(|rule| rule.class == class).count();
        let _ = writeln!(page, "{SYSTEMS}");
        for (place, means) in PLACES {
            let _ = writeln!(page, "* {place} ({}): {means}", count(place));
        }
        let classes = CLASSES.iter().filter(|it| **it != "-").map(|it| format!("{} of *{it}*", class(it)));
        let _ = writeln!(
            page,
            "\nBy what they look at: {}; the others are of no class of Muster's.\n",
            classes.collect::<Vec<_>>().join(", ")
        );
        let _ =
            writeln!(page, "| | says | from | where | class | in Muster | shown by, or why not |\n|---|---|---|---|---|---|---|");
        for Traced { id, says, source, place, class, evidence } in &self.rules {
            let _ = writeln!(page, "| {id} | {says} | {source} | {place} | {class} | {evidence} |", evidence = cells(evidence));
        }
    }

    fn write_statements(&self, page: &mut String) {
        page.push_str(STATEMENTS);
        for (document, statements) in DOCUMENTS.iter().zip(&self.statements) {
            let count = |fate: &&&str| statements.iter().filter(|it| it.fate == **fate).count();
            let counts = FATES.iter().filter(|fate| count(fate) > 0).map(|fate| format!("{fate}: {}", count(&fate)));
            let counts = counts.collect::<Vec<_>>().join(", ");
            let _ = writeln!(page, "\n## {}\n\n{} statements; {counts}.\n", document.title, statements.len());
            let _ = writeln!(page, "| | chapter | says | | in Muster | shown by, or why not |\n|---|---|---|---|---|---|");
            for Statement { number, chapter, says, fate, evidence } in statements {
                let _ = writeln!(page, "| {number} | {chapter} | {says} | {fate} | {} |", cells(evidence));
            }
        }
    }
}

/// The part about the rules of Muster itself.
fn rules_of_muster() -> String {
    let mut rules: Vec<&Rule> = RULES.iter().collect();
    rules.sort_by_key(|rule| rule.id);
    let mut page = String::from(HEAD);
    for rule in &rules {
        let _ = writeln!(page, "| [{id}](#{id}) | {} | {} |", rule.title, rule.class.as_str(), id = rule.id);
    }
    for rule in &rules {
        let (looks_at, over) = (rule.class.looks_at(), rule.overridden_by);
        let Rule { id, title, source, way_out, .. } = rule;
        let _ = writeln!(page, "\n## {id}\n\n{title}\n\n* From: {source}\n* Looks at: {looks_at}.");
        let _ = writeln!(page, "* Way out: {way_out}\n* Overridden by: {over}.");
    }
    page
}

/// What Muster has, and what shows it or why nothing does, as two cells.
fn cells(evidence: &Evidence) -> String {
    let named = |it: &String| if rule(it).is_some() { format!("[{it}](#{it})") } else { format!("`{it}`") };
    let muster = evidence.muster.iter().map(named).collect::<Vec<_>>().join(", ");
    let mut shown: Vec<String> = evidence.shown.iter().map(|it| link(it)).collect();
    shown.extend((!evidence.reason.is_empty()).then(|| evidence.reason.clone()));
    format!("{muster} | {}", shown.join("; "))
}

/// A golden case, test or example, as a link to it.
fn link(shown: &str) -> String {
    match shown.split_once(": ") {
        Some((file, test)) => format!("[{test}](../{file})"),
        None if shown.starts_with("examples/") => format!("[{shown}](../{shown}/README.md)"),
        None => format!("[{shown}](../{})", Path::new("tests/plan").join(shown).display()),
    }
}

const HEAD: &str = "\
# Rules

What must never happen, and what is not ready yet. A rule judges the state that would result from a plan and names the changes to
blame. Those are refused, or held back where something is only missing; everything else goes on. `muster explain last-admin` prints
one of them.

A rule of *state* looks at the state that would result alone; a rule of *change* compares it with the state before. A
rule of the *actor* is asked when a plan is made for somebody (`--as`), and judges what that person may change; it is a claim that
nobody checks. A rule of the *service* is asked when a service is compared with the store. `claimed-elsewhere` alone is asked when a plan
is applied.

Muster was made from five documents of four systems. Where they [answer the same question differently](#where-the-systems-differ), the
policy of the organization decides. The [rules that follow from them](#the-rules-of-the-systems), and then
[every statement they make](#the-statements-of-the-documents), are listed with what Muster does about each, and what shows that it does.

This page is generated, from the table `RULES` and from the tables in `tests/traceability/`: `BLESS=1 cargo test --test traceability`.

| rule | says | class |
|---|---|---|
";

const CONTRADICTIONS: &str = "
# Where the systems differ

A preset answers all of these questions; `spec.policy` of an Organization overrides single answers. What a preset answers is read from the
program. The table says it as YAML does; *none* stands for a field that no preset has to say.
";

const SYSTEMS: &str = "
# The rules of the systems

What the documents demand, as single rules, with those that only the systems' own documentation and sources tell. Each is held in one place:
";

const STATEMENTS: &str = "
# The statements of the documents

Every statement, in the order of the document. What a backend does is shown against doubles of the services, which speak HTTP. A statement that
says what a run-time service, a dashboard or a mail does is not for a reconciler.
";
