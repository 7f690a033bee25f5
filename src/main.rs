//! The program: it reads the command line, carries it out, and says with its exit code how that ended.

use std::io::IsTerminal;
use std::process::ExitCode;

use anyhow::Context;
use muster::cli::{Cli, Exit};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let cli = match Cli::from_process() {
        Ok(cli) => cli,
        Err(exit) => return exit.into(),
    };
    start_tracing();
    match tokio::runtime::Runtime::new().context("cannot start") {
        Ok(runtime) => runtime.block_on(until_interrupted(cli)).into(),
        Err(error) => fail(&format!("{error:#}"), Exit::Failed).into(),
    }
}

async fn until_interrupted(cli: Cli) -> Exit {
    tokio::select! {
        biased;
        _ = tokio::signal::ctrl_c() => std::process::exit(Exit::Interrupted.code().into()),
        ended = async { tokio::spawn(cli.run()).await } => match ended {
            Ok(Ok(exit)) => exit,
            Ok(Err(failure)) => fail(&failure.chain(), failure.exit()),
            Err(error) => fail(&format!("this is a defect of muster, please report it: {error}"), Exit::Failed),
        },
    }
}

fn fail(message: &str, exit: Exit) -> Exit {
    eprintln!("error: {message}");
    exit
}

fn start_tracing() {
    let filter = EnvFilter::try_from_env("MUSTER_LOG").unwrap_or_else(|_| EnvFilter::new("off"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    log.with_ansi(std::io::stderr().is_terminal()).init();
}
