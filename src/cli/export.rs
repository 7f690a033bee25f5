use clap::Args;

use super::flags::{StoreFlags, WhichFlags};
use super::{Console, Exit, Failure, stored};
use crate::engine::{export, to_yaml};
use crate::store::{Mode, Observe};

#[derive(Args, Debug)]
pub struct Arguments {
    /// The organization; all of them where it is left out
    #[arg(value_name = "ORGANIZATION", conflicts_with = "organization")]
    named: Option<String>,
    #[command(flatten)]
    which: WhichFlags,
    #[command(flatten)]
    store: StoreFlags,
}

/// `muster export`.
pub async fn run(arguments: &Arguments, console: &Console) -> Result<Exit, Failure> {
    let store = arguments.store.open(Mode::Read).await?;
    let names =
        stored::told_organizations(&store, &arguments.store, &arguments.which.or(arguments.named.as_deref()), console).await?;
    let mut documents = Vec::new();
    for name in &names {
        documents.extend(export(&store.observe(name).await?));
    }
    store.close().await;
    console.print(&to_yaml(&documents)?)?;
    Ok(Exit::Done)
}
