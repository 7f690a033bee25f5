//! Console examples in Markdown: how they are found, run, compared and rewritten.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use regex::Regex;

/// A command of a console block, with what it prints.
#[derive(Debug)]
pub struct Example {
    /// The line of the command, from 1.
    pub line: usize,
    /// The command, without the prompt; several lines where the first ends with a backslash, or begins a text with `<<'END'`.
    pub command: String,
    /// The lines below it.
    pub output: String,
    /// The numbers of those lines, from 0: the first and the one after the last.
    lines: (usize, usize),
}

/// The commands of all blocks marked `console`, in order. An empty line before the next prompt belongs to nobody.
pub fn examples(text: &str) -> Vec<Example> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found: Vec<Example> = Vec::new();
    let mut inside = false;
    let mut number = 0;
    while number < lines.len() {
        match lines[number] {
            "```console" => inside = true,
            "```" => inside = false,
            line if inside && line.starts_with("$ ") => {
                let first = number;
                while lines[number].ends_with('\\') {
                    number += 1;
                }
                let text = lines[number].split_once("<<'").and_then(|(_, rest)| rest.split_once('\''));
                if let Some((word, _)) = text {
                    number += lines[number..].iter().position(|line| *line == word).unwrap_or(0);
                }
                let command = lines[first..=number].join("\n")[2..].to_owned();
                let start = number + 1;
                let until = |line: &&str| line.starts_with("$ ") || **line == *"```";
                let end = start + lines[start..].iter().position(until).unwrap_or(0);
                let blank = lines[start..end].last().is_some_and(|line| line.is_empty());
                let end = if blank { end - 1 } else { end };
                let output = lines[start..end].iter().map(|line| format!("{line}\n")).collect();
                found.push(Example { line: first + 1, command, output, lines: (start, end) });
                number = end.max(start) - 1;
            }
            _ => {}
        }
        number += 1;
    }
    found
}

/// What the shell prints after each command, to find where its output ends.
const END: char = '\u{1e}';

/// Runs the commands in one shell in this directory, with the program on its path, and returns what each printed.
pub fn shell(place: &Path, program: &Path, commands: &[String], environment: &[(&str, &str)]) -> Vec<String> {
    let mut script = String::new();
    for command in commands {
        // The shell's own status is that of the command before, so that an example can ask for it.
        script += &format!("{command}\nlast=$?; printf '{END}'; (exit $last)\n");
    }
    fs::write(place.join(".script"), script).unwrap();
    let mut shell = Command::new("bash");
    shell.args(["-c", "exec 2>&1; . ./.script"]).current_dir(place).stdin(Stdio::null()).env_clear();
    shell.env("PATH", format!("{}:{}", program.parent().unwrap().display(), std::env::var("PATH").unwrap()));
    shell.env("HOME", place).env("USER", "you").env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
    shell.envs(environment.iter().copied());
    let output = String::from_utf8(shell.output().unwrap().stdout).unwrap();
    let mut printed: Vec<String> = output.split(END).map(str::to_owned).collect();
    assert_eq!(printed.pop().as_deref(), Some(""), "every command ends");
    assert_eq!(printed.len(), commands.len(), "every command is run");
    printed
}

/// What the examples of a file say and what they print instead, for people.
pub fn untold(path: &Path, wrong: &[(&Example, &String)]) -> Vec<String> {
    let place = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().display();
    let told = |(example, printed): &(&Example, &String)| {
        let Example { line, command, output, .. } = example;
        format!("{place}:{line}: $ {command}\n--- it says\n{output}--- it prints\n{printed}")
    };
    wrong.iter().map(told).collect()
}

/// True when the output is as it is said, where `...` stands for anything, and alone on a line for any lines.
pub fn matches(said: &str, printed: &str) -> bool {
    let mut pattern = String::from("^");
    for line in said.lines() {
        if line.trim() == "..." {
            pattern += "(?s:.*\\n)?";
        } else {
            pattern += &line.split("...").map(regex::escape).collect::<Vec<_>>().join(".*");
            pattern += "[ ]*\\n";
        }
    }
    let printed = format!("{}\n", printed.trim_end());
    let printed = printed.trim_start_matches('\n');
    Regex::new(&format!("{pattern}$")).expect("escaped text is a pattern").is_match(printed)
}

/// The text with these examples saying what they printed; what differs from run to run becomes `...`.
pub fn written(text: &str, wrong: &[(&Example, &String)]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let changing = [
        r"\b\d+-[0-9a-f]{16}\b",
        r"\b[0-9a-f]{64}\b",
        r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b",
        r"\b202\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
    ];
    let changing = Regex::new(&changing.join("|")).expect("a pattern");
    for (example, printed) in wrong.iter().rev() {
        let printed = changing.replace_all(printed.trim_matches('\n'), "...");
        let new = printed.lines().map(|line| line.trim_end().to_owned());
        lines.splice(example.lines.0..example.lines.1, new);
    }
    lines.join("\n") + "\n"
}
