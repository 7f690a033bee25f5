use std::collections::VecDeque;
use std::fmt::Write;

use clap::Args;
use serde_json::{Value, json};

use super::flags::{Plain, StoreFlags, WhichFlags};
use super::names::key;
use super::{Console, Exit, Failure, stored};
use crate::engine::{self, VerifyError};
use crate::plan::FieldChange;
use crate::plan::render::{Paint, fields_on_one_line, json::FORMAT_VERSION, safe};
use crate::store::{Broken, Chain, Entry, Mode, Observe, Recorded};
use crate::tenancy::{Key, Name};

#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Arguments {
    #[command(subcommand)]
    verify: Option<Verify>,
    #[command(flatten)]
    show: Show,
}

#[derive(clap::Subcommand, Debug)]
enum Verify {
    /// Check the chain of hashes of one organization, or of all
    Verify {
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
    },
}

#[derive(Args, Debug)]
struct Show {
    /// The organization; it can be left out where the store has only one
    #[arg(value_name = "ORGANIZATION", conflicts_with = "organization")]
    named: Option<String>,
    /// Only what happened to this object
    #[arg(value_name = "KIND/NAME", value_parser = key)]
    object: Option<Key>,
    #[command(flatten)]
    which: WhichFlags,
    #[command(flatten)]
    store: StoreFlags,
    /// How many entries to show, the latest; 0 shows all
    #[arg(long, value_name = "N", default_value_t = 100, help_heading = "Output")]
    limit: usize,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Plain::Text, help_heading = "Output")]
    output: Plain,
}

/// How many entries are read at a time.
const PAGE: u32 = 10_000;

/// `muster history`.
pub async fn run(arguments: &Arguments, console: &Console) -> Result<Exit, Failure> {
    match &arguments.verify {
        Some(Verify::Verify { named, which, store, output }) => {
            verify(&which.or(named.as_deref()), store, *output, console).await
        }
        None => arguments.show.run(console).await,
    }
}

async fn verify(which: &WhichFlags, flags: &StoreFlags, output: Plain, console: &Console) -> Result<Exit, Failure> {
    let store = flags.open(Mode::Read).await?;
    let mut verified = Vec::new();
    for name in stored::told_organizations(&store, flags, which, console).await? {
        match engine::verify(&store, &name).await {
            Ok(chain) => verified.push((name, Ok(chain))),
            Err(VerifyError::Broken(broken)) => verified.push((name, Err(broken))),
            Err(VerifyError::Store(error)) => return Err(error.into()),
        }
    }
    store.close().await;
    match output {
        Plain::Text => tell(&verified, console)?,
        Plain::Json => console.print(&format!("{:#}\n", document_of_chains(&verified)))?,
    }
    Ok(if verified.iter().all(|(_, verified)| verified.is_ok()) { Exit::Done } else { Exit::Failed })
}

/// The histories that are whole on standard output, the others as errors.
fn tell(verified: &[(Name, Result<Chain, Broken>)], console: &Console) -> Result<(), Failure> {
    for (name, verified) in verified {
        match verified {
            Ok(chain) if chain.erased() > 0 => {
                let (all, erased) = (chain.seq(), chain.erased());
                let name = safe(name);
                console.print(&format!("organization {name}: {all} entries, unbroken, {erased} of them erased by purges\n"))?;
            }
            Ok(chain) => console.print(&format!("organization {}: {} entries, unbroken\n", safe(name), chain.seq()))?,
            Err(broken) => console.note(&format!("error: {}\n", safe(&broken.to_string()))),
        }
    }
    Ok(())
}

fn document_of_chains(verified: &[(Name, Result<Chain, Broken>)]) -> Value {
    let one = |(name, verified): &(Name, Result<Chain, Broken>)| match verified {
        Ok(chain) => json!({
            "organization": name,
            "unbroken": true,
            "entries": chain.seq(),
            "erased": chain.erased(),
            "hash": chain.head().map(|head| head.hash),
        }),
        Err(broken) => json!({ "organization": name, "unbroken": false, "entry": broken.seq, "message": broken.what }),
    };
    json!({ "format_version": FORMAT_VERSION, "organizations": verified.iter().map(one).collect::<Vec<_>>() })
}

/// Reads the whole history of an organization, page by page.
async fn read(
    store: &impl Observe,
    organization: &Name,
    mut see: impl FnMut(Recorded) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let mut after = 0;
    loop {
        let page = store.history(organization, after, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = last.seq;
        page.into_iter().try_for_each(&mut see)?;
    }
}

impl Show {
    async fn run(&self, console: &Console) -> Result<Exit, Failure> {
        let store = self.store.open(Mode::Read).await?;
        let (named, object) = self.meant()?;
        let organization = stored::organization(&store, &self.which.or(named.as_deref())).await?;
        let about = |recorded: &Recorded| match (&object, &recorded.entry) {
            (Some(object), Some(entry)) => is_about(entry, object),
            (Some(_), None) => false,
            (None, _) => true,
        };
        let mut entries = VecDeque::new();
        let mut earlier = 0;
        read(&store, &organization, |recorded| {
            if about(&recorded) {
                entries.push_back(recorded);
            }
            if self.limit > 0 && entries.len() > self.limit {
                entries.pop_front();
                earlier += 1;
            }
            Ok(())
        })
        .await?;
        store.close().await;
        let entries = Vec::from(entries);
        match self.output {
            Plain::Text => console.print(&text(&entries, earlier, console))?,
            Plain::Json => console.print(&format!("{:#}\n", document(&organization, &entries)))?,
        }
        Ok(Exit::Done)
    }

    /// With one argument that has a slash in it, the organization was left out.
    fn meant(&self) -> Result<(Option<String>, Option<Key>), Failure> {
        match (&self.named, &self.object) {
            (Some(text), None) if text.contains('/') => Ok((None, Some(key(text).map_err(Failure::Usage)?))),
            (named, object) => Ok((named.clone(), object.clone())),
        }
    }
}

fn is_about(entry: &Entry, object: &Key) -> bool {
    let place_or_member = || {
        entry
            .key
            .member_and_place()
            .is_some_and(|(member, place)| place == *object || *object == Key::new(crate::api::Kind::Member, member))
    };
    entry.key == *object || place_or_member()
}

fn text(entries: &[Recorded], earlier: usize, console: &Console) -> String {
    let mut text = String::new();
    if earlier > 0 {
        let _ = writeln!(text, "{earlier} earlier entries are not shown (--limit 0 shows all)");
    }
    let number = entries.last().map_or(1, |last| last.seq.to_string().len());
    let keys = entries.iter().filter_map(|recorded| recorded.entry.as_ref()).map(|entry| entry.key.to_string().len());
    let width = keys.filter(|width| *width <= 44).max().unwrap_or_default();
    for recorded in entries {
        let _ = match &recorded.entry {
            None => writeln!(text, "{:>number$}  erased by a purge", recorded.seq),
            Some(entry) => {
                let happened = console.out.paint(Paint::Heading, &format!("{:<12}", entry.happened.to_string()));
                let object = format!("{:<width$}", safe(&entry.key.to_string()));
                let line = format!("{:>number$}  {}  {happened} {object}  {}", recorded.seq, entry.at, details(entry));
                writeln!(text, "{}", line.trim_end())
            }
        };
    }
    if entries.is_empty() {
        text.push_str("The history says nothing about that.\n");
    }
    text
}

/// Who, out of which commit, and which values.
fn details(entry: &Entry) -> String {
    let mut parts = vec![format!("by {}", safe(&entry.actor))];
    if let Some(source) = &entry.source {
        parts.push(format!("commit {}", safe(&source.chars().take(12).collect::<String>())));
    }
    let values: Value = serde_json::from_str(&entry.values).unwrap_or_default();
    if let Some(from) = values["from"].as_str() {
        parts.push(format!("was {}", safe(from)));
    }
    if let Some(with) = values["with"].as_str() {
        parts.push(format!("with {}", safe(with)));
    }
    let fields = fields(&values);
    if !fields.is_empty() {
        parts.push(fields_on_one_line(&fields));
    }
    parts.join("; ")
}

fn fields(values: &Value) -> Vec<FieldChange> {
    let side = |field: &Value, name: &str| field.get(name).filter(|value| !value.is_null()).cloned();
    let field = |field: &Value| FieldChange {
        path: field["path"].as_str().unwrap_or_default().into(),
        from: side(field, "from"),
        to: side(field, "to"),
        drift: false,
        unset: field["unset"] == true,
    };
    values["fields"].as_array().into_iter().flatten().map(field).collect()
}

fn document(organization: &Name, entries: &[Recorded]) -> Value {
    let one = |recorded: &Recorded| {
        let about = recorded.entry.as_ref().map(|entry| {
            json!({
                "address": entry.key.to_string(),
                "id": entry.id.to_string(),
                "happened": entry.happened.as_str(),
                "at": entry.at,
                "actor": entry.actor,
                "manager": entry.manager.as_str(),
                "plan": entry.plan.map(|digest| digest.to_string()),
                "source": entry.source,
                "values": serde_json::from_str::<Value>(&entry.values).unwrap_or_default(),
            })
        });
        json!({ "seq": recorded.seq, "hash": recorded.hash.to_string(), "entry": about })
    };
    json!({ "format_version": FORMAT_VERSION, "organization": organization, "entries": entries.iter().map(one).collect::<Vec<_>>() })
}
