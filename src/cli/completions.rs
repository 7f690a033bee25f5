use clap::Args;
use clap_complete::Shell;

use super::{Console, Exit, Failure, bare};

#[derive(Args, Debug)]
pub struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

/// `muster completions`.
pub fn run(arguments: &Arguments, console: &Console) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut bare(), "muster", &mut script);
    console.print(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
