use clap::Args;

use super::names::kind;
use super::{Console, Exit, Failure};
use crate::api::{self, Kind};
use crate::controller::admission::policies;

#[derive(Args, Debug)]
pub struct Arguments {
    /// Only these kinds
    #[arg(value_name = "KIND", value_parser = kind)]
    kinds: Vec<Kind>,
    /// Print the admission policies instead, which refuse deletions in the API server itself
    #[arg(long, conflicts_with = "kinds")]
    policies: bool,
}

/// `muster crds`.
pub fn run(arguments: &Arguments, console: &Console) -> Result<Exit, Failure> {
    if arguments.policies {
        let both = |(policy, binding)| [serde_yaml::to_string(&policy), serde_yaml::to_string(&binding)];
        let documents = policies().into_iter().flat_map(both).collect::<Result<Vec<_>, _>>()?;
        console.print(&documents.join("---\n"))?;
        return Ok(Exit::Done);
    }
    let kinds = if arguments.kinds.is_empty() { Kind::WRITTEN.to_vec() } else { arguments.kinds.clone() };
    let definitions = kinds.into_iter().filter_map(api::crd).map(|crd| serde_yaml::to_string(&crd));
    console.print(&definitions.collect::<Result<Vec<_>, _>>()?.join("---\n"))?;
    Ok(Exit::Done)
}
