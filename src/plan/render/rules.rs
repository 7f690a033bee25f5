use std::fmt::Write;

use crate::plan::rules::{RULES, Rule};

/// The page about the rules, in Markdown, from the same table that judges plans.
#[must_use]
pub fn rules_page() -> String {
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

const HEAD: &str = "\
# Rules

What must never happen, and what is not ready yet. A rule judges the state that would result from a plan and names the changes to
blame. Those are refused, or held back where something is only missing; everything else goes on. `muster explain last-admin` prints
one of them. This page is generated from the table `RULES`.

A rule of *state* looks at the state that would result alone; a rule of *change* compares it with the state before. A
rule of the *actor* is asked when a plan is applied.

| rule | says | class |
|---|---|---|
";
