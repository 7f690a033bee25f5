use std::fmt::Write;

use super::access::sentences;
use super::lines::{Line, Sign, drift_lines, field_lines};
use super::mirror::mirror_tells;
use super::page::{Group, Page, Row};
use super::summary::{past, plural, summary};
use super::value::safe;
use super::{Detail, Options, Paint};
use crate::plan::{Drifted, Plan, Verb};
use crate::tenancy::{Key, Loosened, Origin};

/// The widest column of keys; longer keys push their line to the right.
const KEYS: usize = 44;
/// How long the fields of an object may be to stand behind its key.
const BEHIND: usize = 84;
/// How many objects of a kind are listed that are not in the input.
const MISSING: usize = 20;
/// How many objects are listed that share one reason for a refusal.
const REFUSED: usize = 50;

/// Plans as text for people: what changes, what is refused and why, who gains and loses access, and one last line that sums
/// it up. Organizations in which nothing happens are only counted.
#[must_use]
pub fn text(plans: &[Plan], options: &Options) -> String {
    let mut text = Text { out: String::new(), options, tense: Tense::Planned };
    for plan in plans.iter().filter(|plan| tells(plan)) {
        text.plan(plan, "");
    }
    let _ = writeln!(text.out, "{}", summary(&plans.iter().collect::<Vec<_>>()));
    text.out
}

/// A plan that was applied, as text for people: each row in the past tense, then what was refused and held. `how` says how the
/// apply ended, behind the name of the organization.
#[must_use]
pub fn applied(plan: &Plan, how: &str, options: &Options) -> String {
    let mut text = Text { out: String::new(), options, tense: Tense::Applied };
    text.plan(plan, how);
    text.out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tense {
    Planned,
    Applied,
}

/// True when there is anything to say about a plan.
pub fn tells(plan: &Plan) -> bool {
    let quiet = plan.changes.is_empty() && plan.refusals.is_empty() && plan.held.is_empty() && plan.drift.is_empty();
    let there = plan.mirror.as_ref().is_some_and(mirror_tells);
    !quiet || there || !plan.missing.is_empty() || !plan.complete || !plan.access.changes.is_empty()
}

struct Text<'o> {
    out: String,
    options: &'o Options,
    tense: Tense,
}

impl Text<'_> {
    fn plan(&mut self, plan: &Plan, how: &str) {
        let page = Page::of(plan, self.options);
        self.section(&format!("organization {}{how}", safe(&plan.organization)));
        if !plan.complete {
            self.section("A part of the input could not be read, so nothing is removed. `muster validate` names it.");
        }
        if let Some(emergency) = &plan.break_glass {
            let emergency = safe(&emergency.to_string()).into_owned();
            self.section(&format!("Emergency {emergency}: rules that an emergency overrides do not refuse."));
        }
        self.loosened(&plan.loosened);
        self.changes(&page);
        self.refusals(&page.refusals);
        self.held(&page);
        self.access(plan);
        self.drift(&plan.drift);
        self.missing(plan, &page);
        self.approval(plan);
        if let Some(mirror) = plan.mirror.as_ref().filter(|mirror| self.tense == Tense::Planned && mirror_tells(mirror)) {
            self.out.push_str(&super::mirror::mirror(mirror, None, self.options));
        }
    }

    /// What stands in front of a row: the symbol while it is planned, the word once it is done.
    fn sign(&self, paint: Paint, symbol: &str, word: &str) -> String {
        match self.tense {
            Tense::Planned => self.paint(paint, &format!("{symbol:<2}")),
            Tense::Applied => self.paint(paint, &format!("{word:<12}")),
        }
    }

    fn paint(&self, paint: Paint, text: &str) -> String {
        self.options.colour.paint(paint, text)
    }

    fn section(&mut self, title: &str) {
        let title = self.paint(Paint::Heading, title);
        let _ = writeln!(self.out, "{title}\n");
    }

    fn line(&mut self, line: &str) {
        let _ = writeln!(self.out, "{}", line.trim_end());
    }

    fn loosened(&mut self, loosened: &[Loosened]) {
        if loosened.is_empty() {
            return;
        }
        self.section("Guards that become weaker with the next plan:");
        for Loosened { field, from, to } in loosened {
            let sign = self.paint(Paint::Refused, "!");
            self.line(&format!("  {sign}  policy.{field}: {from} -> {to}"));
        }
        self.line("");
    }

    fn changes(&mut self, page: &Page<'_>) {
        let width = width(page.rows.iter().map(|row| &row.change.key));
        for row in &page.rows {
            self.row(row, width);
        }
        for ((verb, kind), count) in &page.more {
            let symbol = self.symbol(*verb);
            self.line(&format!("  {symbol} and {} more (--full lists them)", plural(*count, *kind)));
        }
        if !page.rows.is_empty() {
            self.line("");
        }
    }

    fn symbol(&self, verb: Verb) -> String {
        let paint = match verb {
            Verb::Create => Paint::Good,
            Verb::Update => Paint::Change,
            Verb::SoftDelete | Verb::Purge => Paint::Loss,
            Verb::Restore | Verb::Rename | Verb::Adopt | Verb::Release => Paint::Return,
        };
        self.sign(paint, verb.symbol(), past(verb))
    }

    fn row(&mut self, row: &Row<'_>, width: usize) {
        let fields = field_lines(&row.change.fields, self.options.detail);
        let notes = safe(&row.notes().join("; ")).into_owned();
        let symbol = self.symbol(row.change.verb);
        let key = format!("{:<width$}", safe(&row.change.key.to_string()));
        let Some(behind) = behind(&fields) else {
            let notes = self.paint(Paint::Faint, &notes);
            self.line(&format!("  {symbol} {key}  {notes}"));
            for field in &fields {
                self.field(field);
            }
            return;
        };
        let notes = if behind.is_empty() || notes.is_empty() { notes } else { format!("({notes})") };
        let space = if behind.is_empty() { "" } else { "  " };
        let notes = self.paint(Paint::Faint, &notes);
        self.line(&format!("  {symbol} {key}  {behind}{space}{notes}"));
    }

    fn field(&mut self, field: &Line) {
        match field {
            Line::One(text) => self.line(&format!("       {text}")),
            Line::Block(head, lines) => {
                self.line(&format!("       {head}"));
                for (sign, text) in lines {
                    let paint = match sign {
                        Sign::Kept => Paint::Faint,
                        Sign::Removed => Paint::Loss,
                        Sign::Added => Paint::Good,
                    };
                    let line = self.paint(paint, &format!("{} {text}", sign.symbol()));
                    self.line(&format!("         {line}"));
                }
            }
        }
    }

    fn refusals(&mut self, groups: &[Group<'_>]) {
        let width = width(groups.iter().flat_map(|group| &group.refusals).map(|refusal| &refusal.subject));
        for group in groups {
            let shown = if self.options.detail == Detail::Full { group.refusals.len() } else { REFUSED };
            for refusal in group.refusals.iter().take(shown) {
                let what = refusal.verb.map_or_else(String::new, |verb| format!("{verb} "));
                let place = self.origin(refusal.origin.as_ref());
                let symbol = self.sign(Paint::Refused, "x", "refused");
                let key = format!("{:<width$}", safe(&refusal.subject.to_string()));
                self.line(&format!("  {symbol} {key}  {what}refused by {}{place}", refusal.rule));
            }
            if group.refusals.len() > shown {
                self.line(&format!("  x  and {} more for the same reason", group.refusals.len() - shown));
            }
            if let Some(refusal) = group.refusals.first() {
                self.line(&format!("       because  {}", safe(&refusal.because)));
                self.line(&format!("       way out  {}", safe(&refusal.way_out)));
            }
            self.line("");
        }
    }

    fn origin(&self, origin: Option<&Origin>) -> String {
        let text = origin.map_or_else(String::new, |origin| format!("  {}", safe(&origin.to_string())));
        self.paint(Paint::Faint, &text)
    }

    fn held(&mut self, page: &Page<'_>) {
        let width = width(page.held.iter().map(|(key, _)| *key));
        let shown = if self.options.detail == Detail::Full { page.held.len() } else { REFUSED };
        for (key, held) in page.held.iter().take(shown) {
            let symbol = self.sign(Paint::Held, "?", "held");
            let key = format!("{:<width$}", safe(&key.to_string()));
            let place = self.origin(held.origin.as_ref());
            self.line(&format!("  {symbol} {key}  held: {}{place}", safe(&held.because)));
        }
        if page.held.len() > shown {
            self.line(&format!("  ?  and {} more are held (--full lists them)", page.held.len() - shown));
        }
        if !page.held.is_empty() {
            self.line("");
        }
    }

    fn access(&mut self, plan: &Plan) {
        let (sentences, more) = sentences(&plan.access, self.options.detail == Detail::Full);
        if sentences.is_empty() || !self.options.only.is_empty() {
            return;
        }
        self.section("Who gains and loses what:");
        for sentence in sentences {
            let paint = match sentence.symbol {
                "+" if sentence.new_admin => Paint::Refused,
                "+" => Paint::Good,
                "-" => Paint::Loss,
                _ => Paint::Change,
            };
            let symbol = self.paint(paint, sentence.symbol);
            self.line(&format!("  {symbol}  {}", sentence.text));
        }
        if more > 0 {
            self.line(&format!("     and {more} more (--full lists them)"));
        }
        self.line("");
    }

    fn drift(&mut self, drift: &[Drifted]) {
        let drift: Vec<&Drifted> = drift.iter().filter(|drifted| self.options.shows(&drifted.key, None)).collect();
        if drift.is_empty() {
            return;
        }
        self.section("Changed by another hand (kept; `policy.drift: Correct` sets it back):");
        let width = width(drift.iter().map(|drifted| &drifted.key));
        let shown = if self.options.detail == Detail::Full { drift.len() } else { REFUSED };
        for drifted in drift.iter().take(shown) {
            let fields = drift_lines(&drifted.fields, self.options.detail);
            let symbol = self.paint(Paint::Change, "~ ");
            let key = format!("{:<width$}", safe(&drifted.key.to_string()));
            match behind(&fields) {
                Some(_) if drifted.fields.is_empty() => self.line(&format!("  {symbol} {key}  added by hand")),
                Some(behind) => self.line(&format!("  {symbol} {key}  {behind}")),
                None => {
                    self.line(&format!("  {symbol} {key}"));
                    for field in &fields {
                        self.field(field);
                    }
                }
            }
        }
        if drift.len() > shown {
            self.line(&format!("     and {} more (--full lists them)", drift.len() - shown));
        }
        self.line("");
    }

    fn missing(&mut self, plan: &Plan, page: &Page<'_>) {
        if page.missing.is_empty() {
            return;
        }
        if let Some(organization) = plan.kept_whole() {
            let how = match &plan.approval {
                Some(approval) => format!("; add `--prune --approve {}` to this command to remove it", approval.digest),
                None if plan.complete => "; --prune says how to remove it".to_owned(),
                None => String::new(),
            };
            let organization = safe(&organization.to_string()).into_owned();
            return self.section(&format!("{organization} is not in the input, and is kept with everything in it{how}"));
        }
        self.section(match plan.complete {
            true => "Managed, but not in the input (kept; --prune removes):",
            false => "Managed, but not in the part of the input that could be read (kept):",
        });
        for (kind, keys) in &page.missing {
            let shown = if self.options.detail == Detail::Full { keys.len() } else { MISSING };
            for key in keys.iter().take(shown) {
                self.line(&format!("     {}", safe(&key.to_string())));
            }
            if keys.len() > shown {
                self.line(&format!("     and {} more (--full lists them)", plural(keys.len() - shown, *kind)));
            }
        }
        self.line("");
    }

    fn approval(&mut self, plan: &Plan) {
        let Some(approval) = plan.approval.as_ref().filter(|_| plan.kept_whole().is_none()) else { return };
        let what = match approval.removals.as_slice() {
            [one] => format!("The removal of {} waits for an approval", safe(&one.to_string())),
            many => format!("{} removals wait for an approval", many.len()),
        };
        self.section(&format!("{what}: add `--approve {}` to this command", approval.digest));
    }
}

/// The width of a column of keys.
fn width<'a>(keys: impl Iterator<Item = &'a Key>) -> usize {
    keys.map(|key| key.to_string().chars().count()).filter(|width| *width <= KEYS).max().unwrap_or_default()
}

/// The fields as they stand behind a key; `None` where they need lines of their own.
fn behind(fields: &[Line]) -> Option<String> {
    let mut texts = Vec::new();
    for field in fields {
        match field {
            Line::One(text) => texts.push(text.as_str()),
            Line::Block(..) => return None,
        }
    }
    let behind = texts.join(", ");
    (behind.chars().count() <= BEHIND).then_some(behind)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::Colour;
    use super::super::fixture::{Fixture, key, of_everything, quiet_service, service_with_everything};
    use super::*;

    fn shown(fixture: Fixture) -> String {
        text(&[fixture.plan()], &Options::default())
    }

    fn lines(text: &str) -> Vec<&str> {
        text.lines().collect()
    }

    #[test]
    fn a_plan_tells_what_changes_what_is_refused_and_who_gains_access() {
        let expected = "\
organization acme

  +  workspace/studio                displayName: The studio, quotas: {apiDaily: 5}
  ~  member/bob in workspace/design  role: ReadOnly -> Admin
  ~  workspace/design                quotas.apiDaily: 100 -> 200
  -  workspace/old                   and 3 parts: 1 template, 1 mrole, 1 membership; can be restored until 2026-08-31T00:00:00Z

  x  workspace/legacy  soft-delete refused by deletion-protected
       because  it is protected from deletion
       way out  put it back into the input with deletionProtection: false, apply that, and remove it then

  ?  workspace/broken  held: spec.scope: expected one of Private, Project, Organization  tenants/acme.yaml:7:1

Who gains and loses what:

  +  bob@acme.example becomes admin of workspace/design (ReadOnly -> Admin)
  -  bob@acme.example loses access to workspace/old (ReadOnly -> no access)

Changed by another hand (kept; `policy.drift: Correct` sets it back):

  ~  project/core  displayName: Core -> Kern

Plan: 1 to create, 2 to update, 4 to soft-delete, 1 refused, 1 held, 1 drifted.
";
        assert_eq!(text(&[of_everything()], &Options::default()), expected);
    }

    #[test]
    fn colours_are_there_only_when_asked_for() {
        let options = Options { colour: Colour::Always, ..Options::default() };
        let coloured = text(&[of_everything()], &options);
        assert!(coloured.contains("\x1b[31m- \x1b[0m workspace/old"));
        let plain = coloured
            .split('\x1b')
            .enumerate()
            .map(|(at, part)| if at == 0 { part } else { &part[part.find('m').unwrap() + 1..] });
        assert_eq!(plain.collect::<String>(), text(&[of_everything()], &Options::default()));
    }

    #[test]
    fn nothing_to_do_is_one_line() {
        assert_eq!(shown(Fixture::new()), "No changes. 2 objects are as the input says.\n");
        let two = [Fixture::new().plan(), Fixture::new().plan()];
        assert_eq!(text(&two, &Options::default()), "No changes. 4 objects are as the input says.\n");
    }

    #[test]
    fn what_is_not_in_the_input_is_listed_and_kept() {
        let text = shown(Fixture::new().stored("workspace/old", json!({})));
        let expected = [
            "organization acme",
            "",
            "Managed, but not in the input (kept; --prune removes):",
            "",
            "     workspace/old",
            "",
            "No changes. 2 objects are as the input says.",
        ];
        assert_eq!(lines(&text), expected);
    }

    #[test]
    fn a_loosened_guard_stands_on_top() {
        let text = shown(
            Fixture::new()
                .stored("membership type/auditor", json!({ "levels": ["Organization"], "permissions": ["members:read"] }))
                .wanted("membership type/auditor", json!({ "levels": ["Organization"], "permissions": [] }))
                .policy(&json!({ "policy": { "maxRemovals": { "percent": 90 } } })),
        );
        assert_eq!(
            lines(&text)[2..5],
            ["Guards that become weaker with the next plan:", "", "  !  policy.maxRemovals.percent: 25 -> 90"]
        );
    }

    #[test]
    fn refusals_with_the_same_reason_share_it_and_the_approval_is_ready_to_copy() {
        let mut fixture = Fixture::new().prune();
        for n in 0..12 {
            fixture = fixture.stored(&format!("workspace/w{n:02}"), json!({}));
        }
        let plan = fixture.plan();
        let digest = plan.approval.as_ref().unwrap().digest;
        let text = text(&[plan], &Options::default());
        assert_eq!(text.matches("refused by max-removals").count(), 12);
        assert_eq!(text.matches("because  ").count(), 1);
        assert!(
            text.contains(&format!("12 removals wait for an approval: add `--approve {digest}` to this command\n")),
            "{text}"
        );
    }

    #[test]
    fn a_rename_folds_what_only_follows_it() {
        let text = shown(
            Fixture::new()
                .stored("workspace/prod", json!({}))
                .wanted("workspace/production", json!({ "quotas": { "apiDaily": 1 } }))
                .renamed("workspace/production", "prod")
                .stored("template/webinar", json!({ "workspaceRef": { "name": "prod" } }))
                .wanted("template/webinar", json!({ "workspaceRef": { "name": "production" } })),
        );
        assert_eq!(
            lines(&text)[2],
            "  >  workspace/production  quotas: {apiDaily: 1}  (was workspace/prod; and 1 part: 1 template)"
        );
    }

    #[test]
    fn a_hundred_thousand_creates_do_not_print_a_hundred_thousand_lines() {
        let mut fixture = Fixture::new();
        for n in 0..150 {
            fixture = fixture.wanted(&format!("project/p{n:03}"), json!({}));
        }
        let plan = [fixture.plan()];
        let text_of = |detail| text(&plan, &Options { detail, ..Options::default() });
        let normal = text_of(Detail::Normal);
        assert!(normal.contains("  +  and 50 projects more (--full lists them)\n"), "{normal}");
        assert_eq!(normal.matches("project/").count(), 100);
        assert_eq!(text_of(Detail::Full).matches("project/").count(), 150);
        let hundred = (0..100).fold(Fixture::new(), |fixture, n| fixture.wanted(&format!("project/p{n:02}"), json!({})));
        assert!(!shown(hundred).contains(" more"));
    }

    #[test]
    fn only_one_object_is_shown_when_asked_for_and_everything_is_counted() {
        let options = Options { only: vec![key("workspace/old")], ..Options::default() };
        let text = text(&[of_everything()], &options);
        let expected = [
            "organization acme",
            "",
            "  -  workspace/old  and 3 parts: 1 template, 1 mrole, 1 membership; can be restored until 2026-08-31T00:00:00Z",
            "",
            "Plan: 1 to create, 2 to update, 4 to soft-delete, 1 refused, 1 held, 1 drifted.",
        ];
        assert_eq!(lines(&text), expected);
    }

    #[test]
    fn a_name_from_the_store_cannot_act_on_the_terminal() {
        let text = shown(Fixture::new().stored("workspace/\x1b[2Jold", json!({})));
        assert!(text.contains("workspace/\\u{1b}[2Jold") && !text.contains('\x1b'));
    }

    #[test]
    fn what_is_longer_than_a_list_shows_is_counted_and_listed_with_full() {
        let plan = |more: usize| {
            let mut fixture = Fixture::new();
            for n in 0..REFUSED + more {
                let project = format!("project/d{n:02}");
                fixture = fixture.held(&format!("workspace/h{n:02}"), "it is broken");
                fixture = fixture.both(&project, json!({ "displayName": "Core" }));
                fixture = fixture.drifted(&project, &json!({ "displayName": "Kern" }));
            }
            for n in 0..MISSING + more {
                let member = json!({ "email": format!("m{n:02}@acme.example"), "role": "Member" });
                fixture = fixture.stored(&format!("workspace/m{n:02}"), json!({})).wanted(&format!("member/m{n:02}"), member);
            }
            fixture.plan()
        };
        let protected =
            |fixture: Fixture, n| fixture.stored(&format!("workspace/r{n:02}"), json!({ "deletionProtection": true }));
        let refused = |more: usize| (0..REFUSED + more).fold(Fixture::new().prune(), protected).plan();
        let told = |plan: Plan, detail| text(&[plan], &Options { detail, ..Options::default() });
        let counted = |text: &str| {
            text.lines().filter(|line| line.contains(" more")).map(|line| line.trim().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(counted(&told(plan(0), Detail::Normal)), Vec::<String>::new());
        let expected = [
            "?  and 1 more are held (--full lists them)",
            "and 1 more (--full lists them)",
            "and 1 more (--full lists them)",
            "and 1 workspace more (--full lists them)",
        ];
        assert_eq!(counted(&told(plan(1), Detail::Normal)), expected);
        let full = told(plan(1), Detail::Full);
        let listed = ["held: ", "gains access", "Core -> Kern", "  workspace/m"].map(|text| full.matches(text).count());
        assert_eq!((counted(&full), listed), (Vec::new(), [REFUSED + 1, MISSING + 1, REFUSED + 1, MISSING + 1]));
        assert_eq!(counted(&told(refused(0), Detail::Normal)), Vec::<String>::new());
        assert_eq!(counted(&told(refused(1), Detail::Normal)), ["x  and 1 more for the same reason"]);
        let full = told(refused(1), Detail::Full);
        assert_eq!((counted(&full), full.matches("refused by").count()), (Vec::new(), REFUSED + 1));
    }

    #[test]
    fn a_new_admin_is_painted_like_a_refusal() {
        let person = |name: &str, role: &str| json!({ "email": format!("{name}@acme.example"), "role": role });
        let plan = Fixture::new()
            .wanted("member/ann", person("ann", "Admin"))
            .wanted("member/bob", person("bob", "Member"))
            .stored("member/cleo", person("cleo", "Member"))
            .wanted("member/cleo", json!({ "email": "cleo@acme.example" }))
            .plan();
        let text = text(&[plan], &Options { colour: Colour::Always, ..Options::default() });
        for line in ["\x1b[1;31m+\x1b[0m  ann@", "\x1b[32m+\x1b[0m  bob@", "\x1b[31m-\x1b[0m  cleo@"] {
            assert!(text.contains(line), "{text}");
        }
    }
    #[test]
    fn what_follows_at_a_service_stands_below_the_plan_and_is_summed_up() {
        let with = |mirror| Plan { mirror: Some(mirror), ..Fixture::new().plan() };
        let told = text(&[with(service_with_everything())], &Options::default());
        assert!(told.contains("\nat Acme Cloud, https://acme.example: 5 calls"), "{told}");
        let sums = "At Acme Cloud: 1 to create, 1 to adopt, 2 to update, 1 to remove, 1 refused, 1 held, 2 drifted, 2 could not be compared.\n";
        assert!(told.ends_with(sums), "{told}");
        assert!(!applied(&with(service_with_everything()), ": applied", &Options::default()).contains("at Acme Cloud"));
        assert_eq!(text(&[with(quiet_service())], &Options::default()), shown(Fixture::new()));
        let changed = Fixture::new().wanted("project/core", json!({})).plan();
        let quiet = text(&[Plan { mirror: Some(quiet_service()), ..changed }], &Options::default());
        assert!(!quiet.contains("Acme Cloud"), "{quiet}");
    }

    #[test]
    fn there_is_something_to_write_where_something_changes_here_or_at_a_service() {
        let still = || Fixture::new().plan();
        let changed = || Fixture::new().wanted("project/core", json!({})).plan();
        assert!(still().is_empty() && !changed().is_empty());
        assert!(Plan { mirror: Some(quiet_service()), ..still() }.is_empty());
        assert!(!Plan { mirror: Some(service_with_everything()), ..still() }.is_empty());
    }
}
