use clap::builder::FalseyValueParser;
use clap::{Arg, ArgAction, Command};

/// The command line, with a variable `MUSTER_<FLAG>` for every flag.
pub fn command() -> Command {
    with_environment(super::bare())
}

fn with_environment(command: Command) -> Command {
    let command = command.mut_args(variable);
    let names: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    names.into_iter().fold(command, |command, name| command.mut_subcommand(name, with_environment))
}

fn variable(arg: Arg) -> Arg {
    let Some(flag) = arg.get_long() else { return arg };
    // clap keeps the name as long as the process lives.
    let name: &'static str = format!("MUSTER_{}", flag.replace('-', "_").to_uppercase()).leak();
    let arg = if matches!(arg.get_action(), ArgAction::SetTrue) { arg.value_parser(FalseyValueParser::new()) } else { arg };
    arg.env(name).hide_env(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(command: &Command) -> Vec<&Arg> {
        command.get_arguments().chain(command.get_subcommands().flat_map(all)).collect()
    }

    #[test]
    fn every_flag_can_be_set_in_the_environment() {
        let command = command();
        let flags: Vec<&Arg> = all(&command).into_iter().filter(|arg| arg.get_long().is_some()).collect();
        assert!(flags.len() > 40);
        for flag in flags {
            let name = flag.get_env().unwrap().to_str().unwrap();
            assert_eq!(name, format!("MUSTER_{}", flag.get_long().unwrap().replace('-', "_").to_uppercase()));
        }
    }

    #[test]
    fn the_command_line_is_sound() {
        command().debug_assert();
    }
}
