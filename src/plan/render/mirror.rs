use std::fmt::Write;

use super::lines::{Line, Sign, drift_lines, field_lines};
use super::value::safe;
use super::{Detail, Options, Paint};
use crate::plan::FieldChange;
use crate::plan::mirror::{Call, Differs, Edit, Foreign, Mirror, Waiting};
use crate::tenancy::{Deed, Key, Name};

/// How many things that belong to nothing here are listed.
const FOREIGN: usize = 5;
/// How many rows of one sort are listed.
const ROWS: usize = 50;
/// How long the fields of an object may be to stand behind its key.
const BEHIND: usize = 84;

/// What became of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallResult {
    /// In one word: `created`, `failed`.
    pub word: &'static str,
    /// Why it was not made; empty where it was.
    pub because: String,
}

/// What will be done at a service, or what was done, as text for people.
#[must_use]
pub fn mirror(mirror: &Mirror, results: Option<&[CallResult]>, options: &Options) -> String {
    let mut text = Text { out: String::new(), options };
    text.whole(mirror, results);
    text.out
}

/// True when there is anything to say about a mirror.
#[must_use]
pub fn mirror_tells(mirror: &Mirror) -> bool {
    let quiet = mirror.calls.is_empty() && mirror.drift.is_empty() && mirror.refusals.is_empty() && mirror.held.is_empty();
    !quiet || !mirror.lacking.is_empty() || !mirror.retained.is_empty() || mirror.is_blind() || mirror.approval.is_some()
}

/// `3 calls with 7 requests, about 2 s`.
#[must_use]
pub fn effort(mirror: &Mirror) -> String {
    let plural = |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    if mirror.calls.is_empty() {
        return "nothing to send".to_owned();
    }
    let time = match mirror.seconds {
        0 => "at once".to_owned(),
        seconds @ 1..120 => format!("about {seconds} s"),
        seconds => format!("about {} min", seconds.div_ceil(60)),
    };
    let requests = usize::try_from(mirror.requests).unwrap_or(usize::MAX);
    format!("{}, about {}, {time}", plural(mirror.calls.len(), "call"), plural(requests, "request"))
}

/// The fields of a call as those of a change, secrets left out.
#[must_use]
pub fn fields(edits: &[Edit]) -> Vec<FieldChange> {
    let field = |edit: &Edit| {
        let hide =
            |value: &Option<serde_json::Value>| value.clone().map(|value| if edit.secret { "(secret)".into() } else { value });
        let path = edit.path().into();
        FieldChange { path, from: hide(&edit.from), to: hide(&edit.to), drift: edit.drift, unset: false }
    };
    edits.iter().map(field).collect()
}

/// The same of what somebody changed there: from what was sent to what was found.
#[must_use]
pub fn fields_found(edits: &[Edit]) -> Vec<FieldChange> {
    fields(edits).into_iter().map(|field| FieldChange { from: field.to, to: field.from, ..field }).collect()
}

/// A place, as people call it.
#[must_use]
pub fn place(place: &Name) -> String {
    if place.is_empty() { "the organization".to_owned() } else { format!("workspace/{place}") }
}

struct Text<'o> {
    out: String,
    options: &'o Options,
}

impl Text<'_> {
    fn line(&mut self, line: &str) {
        let _ = writeln!(self.out, "{}", line.trim_end());
    }

    /// One line without anything, where there is none.
    fn gap(&mut self) {
        if !self.out.ends_with("\n\n") {
            self.line("");
        }
    }

    fn whole(&mut self, mirror: &Mirror, results: Option<&[CallResult]>) {
        let what = if results.is_some() { String::new() } else { format!(": {}", effort(mirror)) };
        let title = format!("at {}, {}{what}", mirror.title, safe(&mirror.url));
        let title = self.options.colour.paint(Paint::Heading, &title);
        self.line(&title);
        self.line("");
        for (name, because) in &mirror.unobservable {
            self.sign(Paint::Refused, "!", &format!("{} could not be compared: {}", safe(&place(name)), safe(because)));
        }
        self.calls(mirror, results);
        for refusal in &mirror.refusals {
            let origin = refusal.origin.as_ref().map_or_else(String::new, |origin| format!("  {}", safe(&origin.to_string())));
            let origin = self.options.colour.paint(Paint::Faint, &origin);
            self.sign(
                Paint::Refused,
                "x",
                &format!("{}  refused by {}{origin}", safe(&refusal.subject.to_string()), refusal.rule),
            );
            self.line(&format!("       because  {}", safe(&refusal.because)));
            self.line(&format!("       way out  {}", safe(&refusal.way_out)));
        }
        self.list(Paint::Held, "?", mirror.held.iter().map(|(key, because)| (key, format!("held: {because}"))).collect());
        let lacking = mirror.lacking.iter().map(|lacking| {
            let path = if lacking.path.is_empty() { String::new() } else { format!("{}: ", lacking.path) };
            (&lacking.subject, format!("{path}{}", lacking.because))
        });
        self.list(Paint::Held, "!", lacking.collect());
        self.list(
            Paint::Faint,
            "=",
            mirror.retained.iter().map(|(key, because)| (key, format!("stays there: {because}"))).collect(),
        );
        self.drift(mirror);
        self.foreign(mirror);
        self.waiting(mirror);
        self.gap();
    }

    /// What waits for an approval; what is refused without one was told as such.
    fn waiting(&mut self, mirror: &Mirror) {
        let Some(approval) = &mirror.approval else { return };
        let waiting: Vec<&Waiting> = approval.calls.iter().filter(|waiting| !waiting.refused).collect();
        if !waiting.is_empty() {
            self.gap();
        }
        for Waiting { key, because, digest, .. } in &waiting {
            self.sign(Paint::Held, "?", &format!("{}  {}", safe(&key.to_string()), safe(because)));
            self.line(&format!("       waits for an approval: add `--approve {digest}` to this command"));
        }
        if let Some(all) = approval.all {
            self.line(&format!("     All {} at once: add `--approve {all}`", waiting.len()));
        }
    }

    fn sign(&mut self, paint: Paint, symbol: &str, text: &str) {
        let symbol = self.options.colour.paint(paint, &format!("{symbol:<2}"));
        self.line(&format!("  {symbol} {text}"));
    }

    fn list(&mut self, paint: Paint, symbol: &str, rows: Vec<(&Key, String)>) {
        let rows: Vec<_> = rows.into_iter().filter(|(key, _)| self.options.shows(key, None)).collect();
        let shown = if self.options.detail == Detail::Full { rows.len() } else { ROWS };
        for (key, text) in rows.iter().take(shown) {
            self.sign(paint, symbol, &format!("{}  {}", safe(&key.to_string()), safe(text)));
        }
        if rows.len() > shown {
            self.sign(paint, symbol, &format!("and {} more (--full lists them)", rows.len() - shown));
        }
    }

    fn calls(&mut self, mirror: &Mirror, results: Option<&[CallResult]>) {
        let calls: Vec<(usize, &Call)> =
            mirror.calls.iter().enumerate().filter(|(_, call)| self.options.shows(&call.key, None)).collect();
        let shown = if self.options.detail == Detail::Full { calls.len() } else { ROWS };
        let width =
            calls.iter().take(shown).map(|(_, call)| call.key.to_string().chars().count()).max().unwrap_or_default().min(44);
        for (number, call) in calls.iter().take(shown) {
            let paint = match call.deed {
                Deed::Create => Paint::Good,
                Deed::Adopt => Paint::Return,
                Deed::Update | Deed::Rotate => Paint::Change,
                Deed::Remove => Paint::Loss,
            };
            let result = results.and_then(|results| results.get(*number));
            let sign = match result {
                None => self.options.colour.paint(paint, &format!("{:<2}", call.deed.symbol())),
                Some(result) => self.options.colour.paint(paint, &format!("{:<12}", result.word)),
            };
            let key = format!("{:<width$}", safe(&call.key.to_string()));
            let because = result.map(|result| result.because.as_str()).filter(|because| !because.is_empty());
            self.row(&format!("  {sign} {key}"), call, because);
        }
        if calls.len() > shown {
            self.line(&format!("     and {} more calls (--full lists them)", calls.len() - shown));
        }
    }

    fn row(&mut self, head: &str, call: &Call, because: Option<&str>) {
        if let Some(because) = because {
            return self.line(&format!("{head}  {}", safe(because)));
        }
        let mut notes: Vec<String> = call.note.iter().map(|note| safe(note).into_owned()).collect();
        if call.recorded_only && call.note.is_none() {
            notes.push("only written down; nothing is sent".to_owned());
        }
        let notes = self
            .options
            .colour
            .paint(Paint::Faint, &if notes.is_empty() { String::new() } else { format!("({})", notes.join("; ")) });
        let whole = call.deed == Deed::Create && self.options.detail != Detail::Full;
        let lines = if whole { Vec::new() } else { field_lines(&fields(&call.edits), self.options.detail) };
        self.fields(head, &lines, &notes);
    }

    fn fields(&mut self, head: &str, lines: &[Line], notes: &str) {
        let plain: Option<Vec<&str>> =
            lines.iter().map(|line| if let Line::One(text) = line { Some(text.as_str()) } else { None }).collect();
        match plain.map(|texts| texts.join(", ")).filter(|behind| behind.chars().count() <= BEHIND) {
            Some(behind) if behind.is_empty() => self.line(&format!("{head}  {notes}")),
            Some(behind) => self.line(&format!("{head}  {behind}  {notes}")),
            None => {
                self.line(&format!("{head}  {notes}"));
                lines.iter().for_each(|line| self.field(line));
            }
        }
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
                    let line = self.options.colour.paint(paint, &format!("{} {text}", sign.symbol()));
                    self.line(&format!("         {line}"));
                }
            }
        }
    }

    fn drift(&mut self, mirror: &Mirror) {
        if mirror.drift.is_empty() {
            return;
        }
        self.gap();
        self.line(&format!("  Changed at {} (kept; `policy.drift: Correct` sets it back):", mirror.title));
        for Differs { key, edits } in &mirror.drift {
            let sign = self.options.colour.paint(Paint::Change, "~ ");
            let head = format!("  {sign} {}", safe(&key.to_string()));
            if edits.is_empty() {
                self.line(&format!("{head}  is gone there"));
                continue;
            }
            let lines = drift_lines(&fields_found(edits), self.options.detail);
            self.fields(&head, &lines, "");
        }
    }

    fn foreign(&mut self, mirror: &Mirror) {
        if mirror.foreign.is_empty() || self.options.detail == Detail::Concise || !self.options.only.is_empty() {
            return;
        }
        let shown = if self.options.detail == Detail::Full { mirror.foreign.len() } else { FOREIGN };
        let name = |foreign: &Foreign| {
            let name = if foreign.name.is_empty() { &foreign.external_id } else { &foreign.name };
            format!("{} {}", foreign.kind, safe(name))
        };
        let mut names: Vec<String> = mirror.foreign.iter().take(shown).map(name).collect();
        if mirror.foreign.len() > shown {
            names.push(format!("and {} more", mirror.foreign.len() - shown));
        }
        let sign = self.options.colour.paint(Paint::Faint, "  ");
        self.line(&format!("  {sign} Left alone, because nothing here is its counterpart: {}.", names.join(", ")));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixture::{call, edit, key, quiet_service, service_with_everything, waiting};
    use super::*;
    use crate::plan::mirror::{Lacking, ServiceApproval};
    use crate::tenancy::Digest;

    fn told(service: &Mirror, options: &Options) -> String {
        mirror(service, None, options)
    }

    #[test]
    fn a_service_tells_what_is_done_there_what_is_not_and_why() {
        let expected = format!(
            "\
at Acme Cloud, https://acme.example: 5 calls, about 7 requests, about 3 s

  !  the organization could not be compared: status 503
  !  workspace/far could not be compared: status 401
  +  template/demo
  <  mrole/host      (it was there already)
  ~  workspace/live  priority: 5 -> 1 (drift), key: \"(secret)\" -> \"(secret)\"
  ~  mrole/guest     (only written down; nothing is sent)
  -  credential/key
  x  mrole/boss  refused by taken-at-service  tenants/acme.yaml:7:1
       because  it is there
       way out  rename it
  ?  workspace/lab  held: its name is too long
  !  member/ann  it has no people
  !  template/demo  recording: it records nothing
  =  template/old  stays there: remove it in the dashboard

  Changed at Acme Cloud (kept; `policy.drift: Correct` sets it back):
  ~  mrole/speaker  is gone there
  ~  workspace/den  priority: 1 -> 5
     Left alone, because nothing here is its counterpart: credential k9, mrole theirs.

  ?  credential/old  every token dies
       waits for an approval: add `--approve {}` to this command
  ?  credential/older  so do these
       waits for an approval: add `--approve {}` to this command
     All 2 at once: add `--approve {}`

",
            Digest::of(b"credential/old"),
            Digest::of(b"credential/older"),
            Digest::of(b"calls")
        );
        assert_eq!(told(&service_with_everything(), &Options::default()), expected);
        assert_eq!(told(&quiet_service(), &Options::default()), "at Acme Cloud, https://acme.example: nothing to send\n\n");
        let only_drift = Mirror { drift: service_with_everything().drift, ..quiet_service() };
        let drifted = told(&only_drift, &Options::default());
        assert!(drifted.contains("nothing to send\n\n  Changed at Acme Cloud") && drifted.ends_with("5\n\n"), "{drifted}");
        let only_waiting = Mirror { approval: service_with_everything().approval, ..quiet_service() };
        assert!(told(&only_waiting, &Options::default()).contains("nothing to send\n\n  ?  credential/old"));
    }

    #[test]
    fn what_became_of_a_call_stands_in_front_of_it() {
        let result = |word, because: &str| CallResult { word, because: because.to_owned() };
        let results = [result("created", ""), result("adopted", ""), result("failed", "status 500")];
        let text = mirror(&service_with_everything(), Some(&results), &Options::default());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "at Acme Cloud, https://acme.example");
        let expected = [
            "  created      template/demo",
            "  adopted      mrole/host      (it was there already)",
            "  failed       workspace/live  status 500",
            "  ~  mrole/guest     (only written down; nothing is sent)",
        ];
        assert_eq!(lines[4..8], expected);
    }

    #[test]
    fn the_fields_of_what_is_made_are_shown_with_full_and_long_ones_on_lines_of_their_own() {
        let full = Options { detail: Detail::Full, ..Options::default() };
        assert!(told(&service_with_everything(), &full).contains("  +  template/demo   size: 3\n"));
        let text = edit("text", json!("same\nold"), json!("same\nnew"));
        let long = edit("long", json!("a".repeat(50)), json!("b".repeat(50)));
        let calls = vec![call(Deed::Update, "mrole/host", vec![text, edit("size", json!(1), json!(2))])];
        let lines = "  ~  mrole/host\n       text:\n           same\n         - old\n         + new\n       size: 1 -> 2\n";
        let block = told(&Mirror { calls, ..quiet_service() }, &Options::default());
        assert!(block.contains(lines), "{block}");
        let wide =
            told(&Mirror { calls: vec![call(Deed::Update, "mrole/host", vec![long])], ..quiet_service() }, &Options::default());
        assert!(wide.contains("  ~  mrole/host\n       long: aaa"), "{wide}");
    }

    #[test]
    fn what_is_longer_than_a_list_shows_is_counted_and_listed_with_full() {
        let of = |rows: usize, foreign: usize| {
            let name = |n: usize| format!("mrole/r{n:02}");
            let theirs = Foreign { kind: "mrole".into(), place: "live".into(), name: "theirs".into(), external_id: "r9".into() };
            Mirror {
                calls: (0..rows).map(|n| call(Deed::Remove, &name(n), vec![])).collect(),
                held: (0..rows).map(|n| (key(&name(n)), "its whole waits".into())).collect(),
                foreign: vec![theirs; foreign],
                ..quiet_service()
            }
        };
        let more = |mirror: &Mirror, detail| {
            let text = told(mirror, &Options { detail, ..Options::default() });
            let more = text.lines().filter(|line| line.contains(" more")).map(|line| line.trim().to_owned());
            (
                more.collect::<Vec<_>>(),
                text.matches("  -  mrole/").count(),
                text.matches("held:").count(),
                text.matches("theirs").count(),
            )
        };
        assert_eq!(more(&of(50, 5), Detail::Normal), (vec![], 50, 50, 5));
        let counted = [
            "and 1 more calls (--full lists them)",
            "?  and 1 more (--full lists them)",
            "Left alone, because nothing here is its counterpart: mrole theirs, mrole theirs, mrole theirs, mrole theirs, mrole theirs, and 1 more.",
        ];
        assert_eq!(more(&of(51, 6), Detail::Normal), (counted.map(str::to_owned).to_vec(), 50, 50, 5));
        assert_eq!(more(&of(51, 6), Detail::Full), (vec![], 51, 51, 6));
    }

    #[test]
    fn what_belongs_to_nothing_here_is_left_out_where_less_is_asked_for() {
        let has = |options: &Options| told(&service_with_everything(), options).contains("Left alone");
        assert!(has(&Options::default()));
        assert!(!has(&Options { detail: Detail::Concise, ..Options::default() }));
        assert!(!has(&Options { only: vec![key("mrole/host")], ..Options::default() }));
    }

    #[test]
    fn what_is_refused_is_not_told_again_as_waiting() {
        let boss = Waiting { refused: true, ..waiting("mrole/boss", "it has another id") };
        let approval = Some(ServiceApproval { calls: vec![boss], all: None });
        let service = Mirror { approval, ..service_with_everything() };
        assert!(!told(&service, &Options::default()).contains("waits for an approval"));
    }

    #[test]
    fn a_service_has_something_to_tell_where_anything_is_done_or_is_not_as_it_shall_be() {
        let all = service_with_everything();
        let foreign = Mirror { foreign: all.foreign.clone(), ..quiet_service() };
        assert!(!mirror_tells(&quiet_service()) && !mirror_tells(&foreign));
        let lacking: Vec<Lacking> = all.lacking;
        let approval: Option<ServiceApproval> = all.approval;
        for one in [
            Mirror { calls: all.calls, ..quiet_service() },
            Mirror { drift: all.drift, ..quiet_service() },
            Mirror { refusals: all.refusals, ..quiet_service() },
            Mirror { held: all.held, ..quiet_service() },
            Mirror { lacking, ..quiet_service() },
            Mirror { retained: all.retained, ..quiet_service() },
            Mirror { unobservable: all.unobservable, ..quiet_service() },
            Mirror { approval, ..quiet_service() },
        ] {
            assert!(mirror_tells(&one), "{one:#?}");
        }
    }

    #[test]
    fn the_effort_is_told_in_calls_requests_and_time() {
        let of = |seconds| {
            effort(&Mirror { calls: vec![call(Deed::Remove, "mrole/host", vec![])], requests: 1, seconds, ..quiet_service() })
        };
        assert_eq!(of(0), "1 call, about 1 request, at once");
        assert_eq!(
            [119, 120, 121].map(of).map(|text| text.split(", ").last().unwrap().to_owned()),
            ["about 119 s", "about 2 min", "about 3 min"]
        );
    }
}
