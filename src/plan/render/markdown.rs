use std::fmt::Write;

use super::access::sentences;
use super::lines::{Line, drift_lines, field_lines};
use super::mirror::{effort, fields, fields_found, mirror_tells, place};
use super::page::{Group, Page, Row};
use super::summary::{plural, summary, summary_of_applied};
use super::text::tells;
use super::value::safe;
use super::{Detail, Options};
use crate::plan::mirror::{Call, Mirror, Waiting};
use crate::plan::{Plan, Verb};
use crate::tenancy::{Deed, Digest, Key};

/// How large a comment may become: GitHub takes 65 536 characters.
pub const DEFAULT_BUDGET: usize = 60_000;

/// What a comment needs at least.
const SMALLEST: usize = 1_000;
/// What is kept free for closing a section and for saying what was cut.
const RESERVE: usize = 200;

/// Plans as the comment of a pull request, in at most `budget` bytes: first what a reviewer must not miss (refusals, weaker
/// guards, new admins, removals), then the rest, folded. What does not fit is counted.
///
/// No name can break out of its place: names and values stand in code spans, which hold no links, mentions or markup, and
/// sentences are escaped.
#[must_use]
pub fn markdown(plans: &[Plan], options: &Options, budget: usize) -> String {
    let plans: Vec<&Plan> = plans.iter().collect();
    written(&summary(&plans), &plans, options, budget)
}

/// The same of plans that were applied.
#[must_use]
pub fn markdown_of_applied(plans: &[&Plan], options: &Options, budget: usize) -> String {
    written(&summary_of_applied(plans), plans, options, budget)
}

fn written(title: &str, plans: &[&Plan], options: &Options, budget: usize) -> String {
    let mut comment = Comment { out: format!("<!-- muster -->\n### {title}\n\n"), budget: budget.max(SMALLEST), cut: 0 };
    let shown: Vec<(&Plan, Page<'_>)> =
        plans.iter().filter(|plan| tells(plan)).map(|plan| (*plan, Page::of(plan, options))).collect();
    for (plan, page) in &shown {
        comment.first(plan, page);
    }
    for (plan, page) in &shown {
        comment.folded(plan, page, options);
    }
    if comment.cut > 0 {
        let _ = writeln!(comment.out, "{} more rows did not fit in here; `muster plan` shows them.", comment.cut);
    }
    comment.out
}

struct Comment {
    out: String,
    budget: usize,
    cut: usize,
}

impl Comment {
    /// What a reviewer must not miss.
    fn first(&mut self, plan: &Plan, page: &Page<'_>) {
        let mut items = Vec::new();
        if !plan.complete {
            items.push("- a part of the input could not be read, so nothing is removed\n".to_owned());
        }
        if let Some(emergency) = &plan.break_glass {
            items
                .push(format!("- emergency {}: rules that an emergency overrides do not refuse\n", code(&emergency.to_string())));
        }
        items.extend(page.refusals.iter().map(refusal));
        for guard in &plan.loosened {
            let change = format!("policy.{}: {} -> {}", guard.field, guard.from, guard.to);
            items.push(format!("- a guard becomes weaker with the next plan: {}\n", code(&change)));
        }
        let (people, _) = sentences(&plan.access, true);
        items.extend(people.iter().filter(|sentence| sentence.new_admin).map(|sentence| format!("- {}\n", code(&sentence.text))));
        items.extend(page.rows.iter().filter(|row| row.change.verb.removes()).map(change));
        items.extend(more(page, Verb::removes));
        if let Some(approval) = plan.approval.as_ref().filter(|_| plan.kept_whole().is_none()) {
            let flag = code(&format!("--approve {}", approval.digest));
            items.push(format!("- {} removals wait for an approval: {flag} gives it\n", approval.removals.len()));
        }
        if let Some(mirror) = &plan.mirror {
            items.extend(at_service(mirror));
        }
        if !items.is_empty() {
            self.section(&format!("**{}**\n\n", code(&plan.organization)), &items, "\n");
        }
    }

    /// Everything else, folded.
    fn folded(&mut self, plan: &Plan, page: &Page<'_>, options: &Options) {
        let count = plan.changes.iter().filter(|change| !change.verb.removes()).count();
        let rows = page.rows.iter().filter(|row| !row.change.verb.removes()).map(change);
        let rows: Vec<String> = rows.chain(more(page, |verb| !verb.removes())).collect();
        self.details(plan, &format!("{count} change{}", if count == 1 { "" } else { "s" }), &rows);
        self.mirror(plan);
        let held = page.held.iter().map(|(key, held)| format!("- {} {}\n", code(&key.to_string()), prose(&held.because)));
        self.details(plan, &format!("{} held", page.held.len()), &held.collect::<Vec<_>>());
        let (people, more) = sentences(&plan.access, true);
        let mut access: Vec<String> =
            people.iter().map(|sentence| format!("- {} {}\n", code(sentence.symbol), code(&sentence.text))).collect();
        if more > 0 {
            access.push(format!("- and {more} more people\n"));
        }
        self.details(plan, "who gains and loses what", &access);
        let drift = plan.drift.iter().filter(|drifted| options.shows(&drifted.key, None));
        let drift: Vec<String> = drift
            .map(|drifted| item(&code(&drifted.key.to_string()), &drift_lines(&drifted.fields, Detail::Normal), ""))
            .collect();
        self.details(plan, &format!("{} changed by another hand, and kept", drift.len()), &drift);
        let removal = |key: &Key| {
            let approval = plan.approval.as_ref().filter(|_| plan.kept_whole() == Some(key))?;
            Some(format!(", with everything in it; {} removes it", code(&format!("--prune --approve {}", approval.digest))))
        };
        let missing = page.missing.values().flatten();
        let missing: Vec<String> =
            missing.map(|key| format!("- {}{}\n", code(&key.to_string()), removal(key).unwrap_or_default())).collect();
        self.details(plan, &format!("{} managed, but not in the input, and kept", missing.len()), &missing);
    }

    /// What is done at the service behind the organization.
    fn mirror(&mut self, plan: &Plan) {
        let Some(mirror) = plan.mirror.as_ref().filter(|mirror| mirror_tells(mirror)) else { return };
        let calls = mirror.calls.iter().filter(|call| call.deed != Deed::Remove).map(call);
        let held = mirror.held.iter().map(|(key, because)| format!("- held: {} {}\n", code(&key.to_string()), prose(because)));
        let lacking = mirror.lacking.iter().map(|lacking| {
            format!("- {} {}: {}\n", code(&lacking.subject.to_string()), code(&lacking.path), prose(&lacking.because))
        });
        let stays = mirror.retained.iter();
        let stays = stays.map(|(key, because)| format!("- stays there: {} {}\n", code(&key.to_string()), prose(because)));
        let drift = mirror.drift.iter().map(|differs| {
            item(
                &format!("changed there, and kept: {}", code(&differs.key.to_string())),
                &drift_lines(&fields_found(&differs.edits), Detail::Normal),
                "",
            )
        });
        let items: Vec<String> = calls.chain(held).chain(lacking).chain(stays).chain(drift).collect();
        self.details(plan, &format!("at {}: {}", html(&mirror.title), effort(mirror)), &items);
    }

    fn details(&mut self, plan: &Plan, title: &str, items: &[String]) {
        if !items.is_empty() {
            let head = format!("<details><summary><code>{}</code>: {title}</summary>\n\n", html(&plan.organization));
            self.section(&head, items, "\n</details>\n\n");
        }
    }

    /// A section with as many of its items as fit.
    fn section(&mut self, head: &str, items: &[String], tail: &str) {
        let left = self.budget.saturating_sub(self.out.len() + RESERVE + head.len() + tail.len());
        let mut used = 0;
        let fits = items.iter().take_while(|item| {
            used += item.len();
            used <= left
        });
        let count = fits.count();
        if count > 0 {
            self.out.push_str(head);
            items[..count].iter().for_each(|item| self.out.push_str(item));
            self.out.push_str(tail);
        }
        self.cut += items.len() - count;
    }
}

/// What a reviewer must not miss of a service: what could not be compared, is refused, goes, or waits for an approval.
fn at_service(mirror: &Mirror) -> Vec<String> {
    let title = prose(&mirror.title);
    let blind = mirror.unobservable.iter();
    let blind =
        blind.map(|(name, because)| format!("- at {title}: {} could not be compared: {}\n", code(&place(name)), prose(because)));
    let refused = mirror.refusals.iter().map(|refusal| {
        let (subject, rule) = (code(&refusal.subject.to_string()), code(&refusal.rule));
        format!(
            "- at {title}: {subject} refused by {rule}\n  - because {}\n  - way out: {}\n",
            prose(&refusal.because),
            prose(&refusal.way_out)
        )
    });
    let removed = mirror.calls.iter().filter(|call| call.deed == Deed::Remove);
    let removed = removed.map(|removal| {
        let note = removal
            .note
            .as_deref()
            .filter(|_| removal.recorded_only)
            .map_or_else(String::new, |note| format!(": {}", prose(note)));
        format!("- at {title}: {} {}{note}\n", removal.word(), code(&removal.key.to_string()))
    });
    let flag = |digest: &Digest| code(&format!("--approve {digest}"));
    let waiting = mirror.approval.iter().flat_map(|approval| &approval.calls).filter(|waiting| !waiting.refused);
    let waits = waiting.map(|Waiting { key, because, digest, .. }| {
        let (key, because, flag) = (code(&key.to_string()), prose(because), flag(digest));
        format!("- at {title}: {key} waits for an approval: {because}\n  - {flag} gives it\n")
    });
    let all = mirror.approval.iter().filter_map(|approval| approval.all);
    let waits = waits.chain(all.map(|digest| format!("- at {title}: {} approves all that wait there\n", flag(&digest))));
    blind.chain(refused).chain(removed).chain(waits).collect()
}

fn call(call: &Call) -> String {
    let name = format!("{} {}", code(call.deed.symbol()), code(&call.key.to_string()));
    item(&name, &field_lines(&fields(&call.edits), Detail::Normal), call.note.as_deref().unwrap_or_default())
}

fn refusal(group: &Group<'_>) -> String {
    let subjects: Vec<String> = group.refusals.iter().take(10).map(|refusal| code(&refusal.subject.to_string())).collect();
    let more = match group.refusals.len() - subjects.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let Some(first) = group.refusals.first() else { return String::new() };
    let origin = first.origin.as_ref().map_or_else(String::new, |origin| format!(" ({})", code(&origin.to_string())));
    let verb = first.verb.map_or_else(String::new, |verb| format!("{verb} of "));
    format!(
        "- refused by {}: {verb}{}{more}{origin}\n  - because {}\n  - way out: {}\n",
        code(&first.rule),
        subjects.join(", "),
        prose(&first.because),
        prose(&first.way_out)
    )
}

fn change(row: &Row<'_>) -> String {
    let name = format!("{} {}", code(row.change.verb.symbol()), code(&row.change.key.to_string()));
    item(&name, &field_lines(&row.change.fields, Detail::Normal), &row.notes().join("; "))
}

fn item(name: &str, fields: &[Line], notes: &str) -> String {
    let notes = if notes.is_empty() { String::new() } else { format!(" {}", prose(notes)) };
    let mut text = format!("- {name}{notes}\n");
    for field in fields {
        match field {
            Line::One(field) => {
                let _ = writeln!(text, "  - {}", code(field));
            }
            Line::Block(head, lines) => {
                let _ = writeln!(text, "  - {}", code(head));
                for (sign, line) in lines {
                    let _ = writeln!(text, "    - {}", code(&format!("{} {line}", sign.symbol())));
                }
            }
        }
    }
    text
}

fn more(page: &Page<'_>, of: impl Fn(Verb) -> bool) -> Vec<String> {
    let counts = page.more.iter().filter(|((verb, _), _)| of(*verb));
    counts.map(|((verb, kind), count)| format!("- and {} more to {verb}\n", plural(*count, *kind))).collect()
}

/// Text as a code span, in which nothing has a meaning. The fence is longer than any run of backticks inside.
#[must_use]
pub fn code(text: &str) -> String {
    let text = safe(text);
    let longest = text.split(|character| character != '`').map(str::len).max().unwrap_or_default();
    let fence = "`".repeat(longest + 1);
    let space = if text.starts_with('`') || text.ends_with('`') || text.is_empty() { " " } else { "" };
    format!("{fence}{space}{text}{space}{fence}")
}

/// A sentence in which nothing has a meaning: no markup, no HTML, no mention, no link.
#[must_use]
pub fn prose(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in safe(text).chars() {
        match character {
            '@' | '#' => escaped.extend([character, '\u{200b}']),
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '!' | '|' | '~' | '$' => {
                escaped.extend(['\\', character]);
            }
            _ => escaped.push(character),
        }
    }
    escaped.replace("://", ":\u{200b}//").replace("www.", "www\u{200b}.")
}

fn html(text: &str) -> String {
    safe(text).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::{Fixture, call as service_call, of_everything, quiet_service, service_with_everything};
    use super::*;

    fn comment(plan: Plan, budget: usize) -> String {
        markdown(&[plan], &Options::default(), budget)
    }

    #[test]
    fn a_reviewer_sees_first_what_must_not_be_missed() {
        let expected = "\
<!-- muster -->
### Plan: 1 to create, 2 to update, 4 to soft-delete, 1 refused, 1 held, 1 drifted.

**`acme`**

- refused by `deletion-protected`: soft-delete of `workspace/legacy`
  - because it is protected from deletion
  - way out: put it back into the input with deletionProtection: false, apply that, and remove it then
- `bob@acme.example becomes admin of workspace/design (ReadOnly -> Admin)`
- `-` `workspace/old` and 3 parts: 1 template, 1 mrole, 1 membership; can be restored until 2026-08-31T00:00:00Z

<details><summary><code>acme</code>: 3 changes</summary>

- `+` `workspace/studio`
  - `displayName: The studio`
  - `quotas: {apiDaily: 5}`
- `~` `member/bob in workspace/design`
  - `role: ReadOnly -> Admin`
- `~` `workspace/design`
  - `quotas.apiDaily: 100 -> 200`

</details>

";
        let comment = comment(of_everything(), DEFAULT_BUDGET);
        assert_eq!(&comment[..expected.len().min(comment.len())], expected);
        assert!(comment.contains("<code>acme</code>: 1 held</summary>"), "{comment}");
        assert!(comment.contains("- `project/core`\n  - `displayName: Core -> Kern`\n"), "{comment}");
    }

    #[test]
    fn no_name_breaks_out_of_its_place() {
        let name = "workspace/a``b`|<script>@alice\n# x";
        let plan = Fixture::new()
            .wanted(name, json!({ "displayName": "</details>```\n\n@bob" }))
            .held("project/x", "`</details>` @carol *b* [a](http://evil.example) www.evil.example\n\n# title")
            .plan();
        let comment = comment(plan, DEFAULT_BUDGET);
        assert!(comment.contains("```workspace/a``b`|<script>@alice\\u{a}# x```"), "{comment}");
        let prose = "\\`&lt;/details&gt;\\` @\u{200b}carol \\*b\\* \\[a\\]\\(http:\u{200b}//evil.example\\) www\u{200b}.evil.example\\\\u\\{a\\}\\\\u\\{a\\}#\u{200b} title";
        assert!(comment.contains(prose), "{comment}");
        assert_eq!(comment.matches("</details>\n").count(), comment.matches("<details>").count());
    }

    #[test]
    fn a_comment_keeps_its_budget_and_closes_what_it_opens() {
        let mut fixture = Fixture::new().prune();
        for n in 0..90 {
            fixture = fixture.wanted(&format!("project/new-{n}"), json!({ "displayName": "x".repeat(50) }));
            fixture = fixture.stored(&format!("workspace/old-{n}"), json!({ "deletionProtection": true }));
        }
        let plan = fixture.wanted("member/bob", json!({ "email": "bob@acme.example", "role": "Member" })).plan();
        let whole = comment(plan.clone(), usize::MAX);
        assert!(!whole.contains("did not fit"));
        for budget in (1_000..9_000).step_by(40) {
            let comment = comment(plan.clone(), budget);
            assert!(comment.len() <= budget, "{} > {budget}", comment.len());
            assert!(comment.contains("more rows did not fit in here"), "{comment}");
            assert!(!comment.contains("</summary>\n\n\n</details>"), "{comment}");
            assert_eq!(comment.matches("<details>").count(), comment.matches("</details>").count());
        }
    }

    #[test]
    fn what_was_applied_is_told_as_what_would_be() {
        let plan = Fixture::new().wanted("project/core", json!({})).plan();
        let applied = markdown_of_applied(&[&plan], &Options::default(), DEFAULT_BUDGET);
        assert_eq!(applied, comment(plan, DEFAULT_BUDGET).replace("Plan: 1 to create", "Applied: 1 created"));
    }

    #[test]
    fn what_is_not_listed_is_counted() {
        let fixture = (0..150).fold(Fixture::new(), |fixture, n| fixture.wanted(&format!("project/p{n:03}"), json!({})));
        let mut plan = fixture.wanted("member/bob", json!({ "email": "bob@acme.example", "role": "Member" })).plan();
        assert!(comment(plan.clone(), DEFAULT_BUDGET).contains("- and 50 projects more to create\n"));
        assert!(!comment(plan.clone(), DEFAULT_BUDGET).contains("more people"));
        plan.access.more_people = 2;
        assert!(comment(plan, DEFAULT_BUDGET).contains("- and 2 more people\n"));
    }

    #[test]
    fn a_code_span_keeps_the_backticks_at_its_ends() {
        assert_eq!(["a", "`a", "a`", "a``b", ""].map(code), ["`a`", "`` `a ``", "`` a` ``", "```a``b```", "`  `"]);
        assert_eq!(prose("salt & pepper"), "salt &amp; pepper");
    }
    #[test]
    fn a_reviewer_sees_what_goes_is_refused_or_waits_at_a_service_and_the_rest_below() {
        let plan = Plan { mirror: Some(service_with_everything()), ..Fixture::new().plan() };
        let digest = |of: &[u8]| Digest::of(of);
        let first = format!(
            "\
**`acme`**

- at Acme Cloud: `the organization` could not be compared: status 503
- at Acme Cloud: `workspace/far` could not be compared: status 401
- at Acme Cloud: `mrole/boss` refused by `taken-at-service`
  - because it is there
  - way out: rename it
- at Acme Cloud: remove `credential/key`
- at Acme Cloud: `credential/old` waits for an approval: every token dies
  - `--approve {}` gives it
- at Acme Cloud: `credential/older` waits for an approval: so do these
  - `--approve {}` gives it
- at Acme Cloud: `--approve {}` approves all that wait there

",
            digest(b"credential/old"),
            digest(b"credential/older"),
            digest(b"calls"),
        );
        let folded = "\
<details><summary><code>acme</code>: at Acme Cloud: 5 calls, about 7 requests, about 3 s</summary>

- `+` `template/demo`
  - `size: 3`
- `<` `mrole/host` it was there already
- `~` `workspace/live`
  - `priority: 5 -> 1 (drift)`
  - `key: \"(secret)\" -> \"(secret)\"`
- `~` `mrole/guest`
- held: `workspace/lab` its name is too long
";
        let comment = comment(plan, DEFAULT_BUDGET);
        assert!(comment.contains(&first), "{comment}");
        assert!(comment.contains(folded), "{comment}");
        assert_eq!(comment.matches("credential/key").count(), 1);
    }

    #[test]
    fn what_is_only_forgotten_at_a_service_is_told_as_such_with_the_reason() {
        let told = |recorded_only: bool| {
            let note = Some("stays there: remove it in the dashboard".into());
            let calls = vec![Call { recorded_only, note, ..service_call(Deed::Remove, "template/demo", Vec::new()) }];
            comment(Plan { mirror: Some(Mirror { calls, ..quiet_service() }), ..Fixture::new().plan() }, DEFAULT_BUDGET)
        };
        let (forgotten, removed) = (told(true), told(false));
        let because = "- at Acme Cloud: forget `template/demo`: stays there: remove it in the dashboard\n";
        assert!(forgotten.contains(because), "{forgotten}");
        assert!(removed.contains("- at Acme Cloud: remove `template/demo`\n"), "{removed}");
    }
}
