use std::fmt::Write;

use clap::Args;
use serde_json::{Value, json};

use super::flags::{Plain, StoreFlags, WhichFlags};
use super::{Console, Exit, Failure, stored};
use crate::engine::{self, Drift};
use crate::plan::render::{Paint, fields_on_one_line, json::FORMAT_VERSION, safe};
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
    let drifted = found.iter().any(|(_, drift)| !drift.is_empty());
    Ok(code.filter(|_| drifted).map_or(Exit::Done, Exit::Differences))
}

async fn find(arguments: &Arguments, store: &AnyStore, console: &Console) -> Result<Vec<(Name, Drift)>, Failure> {
    let mut found = Vec::new();
    for name in
        stored::told_organizations(store, &arguments.store, &arguments.which.or(arguments.named.as_deref()), console).await?
    {
        let drift = engine::drift(store, &name).await?;
        found.push((name, drift));
    }
    Ok(found)
}

fn text(found: &[(Name, Drift)], console: &Console) -> String {
    let mut text = String::new();
    let mut count = 0;
    for (name, drift) in found.iter().filter(|(_, drift)| !drift.is_empty()) {
        let _ = writeln!(text, "{}\n", console.out.paint(Paint::Heading, &format!("organization {}", safe(name))));
        let managers = drift.managers.iter().map(|(key, ..)| key);
        let keys = drift.changed.iter().map(|(key, _)| key).chain(managers).chain(&drift.added).chain(&drift.vanished);
        let width = keys.map(|key| key.to_string().len()).max().unwrap_or_default();
        let mut line = |symbol: (Paint, &str), key: &Key, what: &str| {
            count += 1;
            let sign = console.out.paint(symbol.0, symbol.1);
            let _ = writeln!(text, "  {sign}  {:<width$}  {what}", safe(&key.to_string()));
        };
        for (key, fields) in &drift.changed {
            line((Paint::Change, "~"), key, &fields_on_one_line(fields));
        }
        for (key, applied, found) in &drift.managers {
            let found = found.as_ref().map_or("nobody", Manager::as_str);
            line((Paint::Change, "~"), key, &format!("manager: {applied} -> {}", safe(found)));
        }
        for key in &drift.added {
            line((Paint::Good, "+"), key, "added by another hand");
        }
        for key in &drift.vanished {
            line((Paint::Loss, "-"), key, "gone: another hand deleted it from the store");
        }
        text.push('\n');
    }
    let next = "`muster history` shows what was applied, `muster plan` what the next apply does about it";
    match count {
        0 => "No drift: the store is as it was applied.\n".to_owned(),
        1 => text + "1 object drifted: " + next + ".\n",
        _ => format!("{text}{count} objects drifted: {next}.\n"),
    }
}

fn document(found: &[(Name, Drift)]) -> Value {
    let words = |keys: &[Key]| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
    let one = |(name, drift): &(Name, Drift)| {
        let changed = drift.changed.iter().map(|(key, fields)| json!({ "address": key.to_string(), "fields": fields }));
        let managers = drift.managers.iter();
        let managers = managers.map(|(key, from, to)| json!({ "address": key.to_string(), "from": from, "to": to }));
        json!({
            "organization": name,
            "changed": changed.collect::<Vec<_>>(),
            "managers": managers.collect::<Vec<_>>(),
            "added": words(&drift.added),
            "vanished": words(&drift.vanished),
        })
    };
    json!({ "format_version": FORMAT_VERSION, "organizations": found.iter().map(one).collect::<Vec<_>>() })
}
