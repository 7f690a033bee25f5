//! The command line: what a person or a CI job sees. It asks the library and prints the answers; it decides nothing itself, and nothing
//! else imports it.

mod access;
mod answer;
mod apply;
mod ci;
mod completions;
mod console;
mod controller;
mod crds;
mod drift;
mod environment;
mod exit;
mod explain;
mod export;
mod failure;
pub mod findings;
mod flags;
mod history;
mod invite;
mod log;
mod names;
mod outcome;
mod plan;
mod planning;
mod restore;
mod saved;
mod services;
mod stored;
mod validate;
mod webhook;
mod why;

use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};

pub use console::Console;
pub use exit::Exit;
pub use failure::Failure;
pub use log::Telemetry;

/// Keeps the people, workspaces and permissions of a platform as its git repository says.
#[derive(Debug, Parser)]
#[command(name = "muster", version, max_term_width = 110, arg_required_else_help = true, infer_subcommands = false)]
#[command(after_help = exit::HELP)]
pub struct Cli {
    #[command(flatten)]
    global: flags::Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check files without a store: every problem at once, with the lines it is about
    #[command(override_usage = "muster validate [OPTIONS] -f <PATH>...", after_help = exit::HELP)]
    Validate(validate::Arguments),
    /// Show what apply would do
    #[command(override_usage = "muster plan [OPTIONS] -f <PATH>...", after_help = exit::HELP)]
    Plan(plan::Arguments),
    /// Make the store as the files say
    #[command(override_usage = "muster apply [OPTIONS] -f <PATH>...\n       muster apply [OPTIONS] <PLAN>", after_help = exit::HELP)]
    Apply(apply::Arguments),
    /// Print what is stored as YAML to commit: planning it finds nothing to do
    Export(export::Arguments),
    /// Bring back what was deleted
    Restore(restore::Arguments),
    /// Show who changed what and when, or verify that nobody tampered with it
    History(history::Arguments),
    /// Show what another hand changed since the last apply
    Drift(drift::Arguments),
    /// Show who may do what, and why
    #[command(
        override_usage = "muster access [OPTIONS] <EMAIL>\n       muster access [OPTIONS] [EMAIL] --workspace <NAME> | --project <NAME>"
    )]
    Access(access::Arguments),
    /// Show why somebody may do something, with the lines that say so; the exit code is 1 when it is not so
    Why(why::Arguments),
    /// Show why somebody may not do something; the exit code is 1 when it is not so
    WhyNot(why::Arguments),
    /// Record that somebody accepts an invitation
    Accept(answer::Arguments),
    /// Record that somebody declines an invitation
    Decline(answer::Arguments),
    /// Print Member documents for a list of addresses
    Invite(invite::Arguments),
    /// Explain a rule, a kind or a field
    Explain(explain::Arguments),
    /// Print the definitions for Kubernetes as YAML
    Crds(crds::Arguments),
    /// Keep a store as the objects of a Kubernetes cluster say, until told to stop
    Controller(controller::Arguments),
    /// Answer the questions of a Kubernetes API server before it stores an object, until told to stop
    Webhook(Box<webhook::Arguments>),
    /// Print a completion script for a shell
    Completions(completions::Arguments),
}

impl Cli {
    /// Reads the arguments and the environment of this process.
    ///
    /// # Errors
    ///
    /// The exit code, when there is nothing more to do: help was printed, or the usage is wrong and was explained.
    pub fn from_process() -> Result<Self, Exit> {
        let parsed = environment::command().try_get_matches().and_then(|mut matches| Self::from_arg_matches_mut(&mut matches));
        parsed.map_err(|error| {
            // Nobody is left to tell when the terminal itself is gone.
            let _ = error.print();
            match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done,
                _ => Exit::Usage,
            }
        })
    }

    /// Starts logs and traces as the command wants them.
    ///
    /// # Errors
    ///
    /// When traces cannot be sent where they are wanted.
    pub fn start_telemetry(&self) -> Result<Telemetry, Failure> {
        log::start(match &self.command {
            Command::Controller(arguments) => Some(&arguments.log),
            Command::Webhook(arguments) => Some(&arguments.log),
            _ => None,
        })
    }

    /// True for a command that runs until it is told to stop, and then ends what it began.
    #[must_use]
    pub const fn runs_for_long(&self) -> bool {
        matches!(self.command, Command::Controller(_) | Command::Webhook(_))
    }

    /// Carries out the command.
    ///
    /// # Errors
    ///
    /// Why it could not be carried out.
    pub async fn run(self) -> Result<Exit, Failure> {
        let console = Console::new(&self.global);
        match self.command {
            Command::Validate(arguments) => validate::run(&arguments, &console).await,
            Command::Plan(arguments) => plan::run(&arguments, &console).await,
            Command::Apply(arguments) => apply::run(&arguments, &console).await,
            Command::Export(arguments) => export::run(&arguments, &console).await,
            Command::Restore(arguments) => restore::run(&arguments, &console).await,
            Command::History(arguments) => history::run(&arguments, &console).await,
            Command::Drift(arguments) => drift::run(&arguments, &console).await,
            Command::Access(arguments) => access::run(&arguments, &console).await,
            Command::Why(arguments) => why::run(&arguments, why::Question::Why, &console).await,
            Command::WhyNot(arguments) => why::run(&arguments, why::Question::WhyNot, &console).await,
            Command::Accept(arguments) => answer::run(&arguments, crate::engine::Answer::Accept, &console).await,
            Command::Decline(arguments) => answer::run(&arguments, crate::engine::Answer::Decline, &console).await,
            Command::Invite(arguments) => invite::run(&arguments, &console),
            Command::Explain(arguments) => explain::run(&arguments, &console),
            Command::Crds(arguments) => crds::run(&arguments, &console),
            Command::Controller(arguments) => controller::run(&arguments, &console).await,
            Command::Webhook(arguments) => webhook::run(&arguments).await,
            Command::Completions(arguments) => completions::run(&arguments, &console),
        }
    }
}

/// The command line as clap knows it, without the environment.
fn bare() -> clap::Command {
    Cli::command()
}
