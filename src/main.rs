//! The program: it reads the command line, carries it out, and says with its exit code how that ended.

use std::process::ExitCode;

use anyhow::Context;
use muster::cli::{Cli, Exit};

fn main() -> ExitCode {
    let cli = match Cli::from_process() {
        Ok(cli) => cli,
        Err(exit) => return exit.into(),
    };
    match tokio::runtime::Runtime::new().context("cannot start") {
        Ok(runtime) => runtime.block_on(carry_out(cli)).into(),
        Err(error) => fail(&format!("{error:#}"), Exit::Failed).into(),
    }
}

async fn carry_out(cli: Cli) -> Exit {
    let _telemetry = match cli.start_telemetry() {
        Ok(telemetry) => telemetry,
        Err(failure) => return fail(&failure.chain(), failure.exit()),
    };
    let until_told = cli.runs_for_long();
    let interrupted = async {
        match until_told {
            true => std::future::pending().await,
            false => drop(tokio::signal::ctrl_c().await),
        }
    };
    tokio::select! {
        biased;
        () = interrupted => std::process::exit(Exit::Interrupted.code().into()),
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
