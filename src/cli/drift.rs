use std::fmt::Write;

use clap::Args;
use serde_json::{Value, json};

use super::flags::{Plain, StoreFlags, WhichFlags, now};
use super::services::ServiceFlags;
use super::{Console, Exit, Failure, stored};
use crate::engine::{self, Drift};
use crate::plan::mirror::{Differs, Mirror};
use crate::plan::render::{Paint, fields_found_at_service, fields_on_one_line, json::FORMAT_VERSION, place, safe};
use crate::plan::rules::OTHER_ID_AT_SERVICE;
use crate::store::{AnyStore, Mode};
use crate::tenancy::{Key, Manager, Name};

#[derive(Args, Debug)]
pub struct Arguments {
    /// The organization; all of them where it is left out
    #[arg(value_name = "ORGANIZATION", conflicts_with = "organization")]
    named: Option<String>,
    #[command(flatten)]
    which: WhichFlags,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    services: ServiceFlags,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Plain::Text, help_heading = "Output")]
    output: Plain,
    /// Exit with 2 where there is drift
    #[arg(long, help_heading = "Output")]
    detailed_exitcode: bool,
    /// Exit with this code where there is drift
    #[arg(long, value_name = "CODE", help_heading = "Output")]
    diff_exit_code: Option<u8>,
}

/// `muster drift`.
pub async fn run(arguments: &Arguments, console: &Console) -> Result<Exit, Failure> {
    let store = arguments.store.open(Mode::Read).await?;
    let found = find(arguments, &store, console).await;
    store.close().await;
    let found = found?;
    match arguments.output {
        Plain::Text if found.is_empty() => {}
        Plain::Text => console.print(&text(&found, console))?,
        Plain::Json => console.print(&format!("{:#}\n", document(&found)))?,
    }
    let code = arguments.diff_exit_code.or(arguments.detailed_exitcode.then_some(2));
    let seen = if found.iter().any(Found::is_blind) { Exit::Failed } else { Exit::Done };
    Ok(seen.max(code.filter(|_| found.iter().any(Found::drifted)).map_or(Exit::Done, Exit::Differences)))
}

/// What another hand did to one organization.
struct Found {
    name: Name,
    drift: Drift,
    /// What the service behind it says; `None` where there is none, or it was not asked.
    there: Option<Mirror>,
}

impl Found {
    fn drifted(&self) -> bool {
        !self.drift.is_empty() || self.there.as_ref().is_some_and(|there| !at_service(there).is_empty())
    }

    fn is_blind(&self) -> bool {
        self.there.as_ref().is_some_and(Mirror::is_blind)
    }
}

/// What drifted at a service, each with what is to be said about it.
fn at_service(there: &Mirror) -> Vec<(Symbol, &Key, String)> {
    let changed = there.drift.iter().map(|Differs { key, edits }| match edits.as_slice() {
        [] => ((Paint::Loss, "-"), key, "gone: another hand removed it there".to_owned()),
        edits => ((Paint::Change, "~"), key, fields_on_one_line(&fields_found_at_service(edits))),
    });
    let others = there.refusals.iter().filter(|refusal| &*refusal.rule == OTHER_ID_AT_SERVICE);
    let others = others.map(|refusal| ((Paint::Change, "~"), &refusal.subject, refusal.because.to_string()));
    changed.chain(others).collect()
}

/// A sign and how it is painted.
type Symbol = (Paint, &'static str);

async fn find(arguments: &Arguments, store: &AnyStore, console: &Console) -> Result<Vec<Found>, Failure> {
    let mut found = Vec::new();
    let reach = (!arguments.services.skip_backends).then(|| arguments.services.reach());
    for name in
        stored::told_organizations(store, &arguments.store, &arguments.which.or(arguments.named.as_deref()), console).await?
    {
        let drift = engine::drift(store, &name).await?;
        let there = match &reach {
            Some(reach) => engine::drift_at_service(store, reach, &name, now()).await?,
            None => None,
        };
        found.push(Found { name, drift, there });
    }
    Ok(found)
}

fn text(found: &[Found], console: &Console) -> String {
    let mut text = String::new();
    let mut count = 0;
    for Found { name, drift, there } in found.iter().filter(|found| found.drifted() || found.is_blind()) {
        let heading = |text: &str| format!("{}\n", console.out.paint(Paint::Heading, text));
        let _ = writeln!(text, "{}", heading(&format!("organization {}", safe(name))));
        let changed = drift.changed.iter().map(|(key, fields)| ((Paint::Change, "~"), key, fields_on_one_line(fields)));
        let managers = drift.managers.iter().map(|(key, applied, found)| {
            let found = found.as_ref().map_or("nobody", Manager::as_str);
            ((Paint::Change, "~"), key, format!("manager: {applied} -> {}", safe(found)))
        });
        let added = drift.added.iter().map(|key| ((Paint::Good, "+"), key, "added by another hand".to_owned()));
        let gone = "gone: another hand deleted it from the store";
        let vanished = drift.vanished.iter().map(|key| ((Paint::Loss, "-"), key, gone.to_owned()));
        let rows: Vec<(Symbol, &Key, String)> = changed.chain(managers).chain(added).chain(vanished).collect();
        count += lines(&mut text, &rows, console);
        let Some(there) = there else { continue };
        let rows = at_service(there);
        if !rows.is_empty() || there.is_blind() {
            let _ = writeln!(text, "{}", heading(&format!("at {}, {}", there.title, safe(&there.url))));
            for (name, because) in &there.unobservable {
                let sign = console.out.paint(Paint::Refused, "!");
                let _ = writeln!(text, "  {sign}  {} could not be compared: {}", safe(&place(name)), safe(because));
            }
            count += lines(&mut text, &rows, console);
        }
    }
    let what = match (found.iter().any(|found| found.there.is_some()), found.iter().any(Found::is_blind)) {
        (_, true) => "No drift was seen, and a service could not be compared",
        (true, false) => "No drift: the store and the services are as they were applied",
        (false, false) => "No drift: the store is as it was applied",
    };
    let next = "`muster history` shows what was applied, `muster plan` what the next apply does about it";
    match count {
        0 => format!("{text}{what}.\n"),
        1 => text + "1 object drifted: " + next + ".\n",
        _ => format!("{text}{count} objects drifted: {next}.\n"),
    }
}

/// A line for each object, and an empty one; returns how many objects that were.
fn lines(text: &mut String, rows: &[(Symbol, &Key, String)], console: &Console) -> usize {
    let width = rows.iter().map(|(_, key, _)| key.to_string().len()).max().unwrap_or_default();
    for ((paint, sign), key, what) in rows {
        let _ = writeln!(text, "  {}  {:<width$}  {}", console.out.paint(*paint, sign), safe(&key.to_string()), safe(what));
    }
    text.push('\n');
    rows.len()
}

fn document(found: &[Found]) -> Value {
    let words = |keys: &[Key]| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
    let one = |Found { name, drift, there }: &Found| {
        let changed = drift.changed.iter().map(|(key, fields)| json!({ "address": key.to_string(), "fields": fields }));
        let managers = drift.managers.iter();
        let managers = managers.map(|(key, from, to)| json!({ "address": key.to_string(), "from": from, "to": to }));
        json!({
            "organization": name,
            "changed": changed.collect::<Vec<_>>(),
            "managers": managers.collect::<Vec<_>>(),
            "added": words(&drift.added),
            "vanished": words(&drift.vanished),
            "service": there.as_ref().map(service),
        })
    };
    json!({ "format_version": FORMAT_VERSION, "organizations": found.iter().map(one).collect::<Vec<_>>() })
}

/// What drifted at a service, for programs: of each field what was sent and what was found, and no field of what is gone.
fn service(there: &Mirror) -> Value {
    let drift = there.drift.iter();
    let drift = drift.map(|it| json!({ "address": it.key.to_string(), "fields": fields_found_at_service(&it.edits) }));
    let others = there.refusals.iter().filter(|refusal| &*refusal.rule == OTHER_ID_AT_SERVICE);
    let others = others.map(|refusal| json!({ "address": refusal.subject.to_string(), "message": refusal.because }));
    let blind = there.unobservable.iter().map(|(name, because)| (place(name), Value::from(&**because)));
    json!({
        "type": there.service.as_str(),
        "url": there.url,
        "changed": drift.collect::<Vec<_>>(),
        "other_ids": others.collect::<Vec<_>>(),
        "unobservable": blind.collect::<serde_json::Map<_, _>>(),
    })
}
