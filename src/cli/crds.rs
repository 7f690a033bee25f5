use clap::Args;

use super::names::kind;
use super::{Console, Exit, Failure};
use crate::api::{self, Kind};

#[derive(Args, Debug)]
pub struct Arguments {
    /// Only these kinds
    #[arg(value_name = "KIND", value_parser = kind)]
    kinds: Vec<Kind>,
}

/// `muster crds`.
pub fn run(arguments: &Arguments, console: &Console) -> Result<Exit, Failure> {
    let kinds = if arguments.kinds.is_empty() { Kind::WRITTEN.to_vec() } else { arguments.kinds.clone() };
    let definitions = kinds.into_iter().filter_map(api::crd).map(|crd| serde_yaml::to_string(&crd));
    console.print(&definitions.collect::<Result<Vec<_>, _>>()?.join("---\n"))?;
    Ok(Exit::Done)
}
