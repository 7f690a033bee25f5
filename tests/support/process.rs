//! A program that runs beside a test and ends with it, however the test ends.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Mutex;

/// Runs a program, tells its process id and then how it ended, and kills it once nobody holds the other end of standard input, which is
/// also so when the test binary itself was killed.
const GUARD: &str = r#"
"$@" </dev/null >>"$LOG" 2>&1 &
child=$!
echo "$child"
exec 3<&0 2>/dev/null
( cat <&3 >/dev/null; kill -KILL "$child" ) &
guard=$!
exec 3<&-
wait "$child"
code=$?
kill "$guard"
echo "$code"
"#;

/// A running program.
pub struct Process {
    guard: Child,
    pid: u32,
    said: Mutex<BufReader<ChildStdout>>,
    ended: Mutex<Option<i32>>,
}

impl Process {
    /// Starts a program, with everything it prints appended to a file.
    pub fn spawn(command: &Command, log: &Path) -> Self {
        let mut guard = Command::new("sh");
        guard.args(["-c", GUARD, "sh"]).arg(command.get_program()).args(command.get_args()).env("LOG", log);
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => guard.env(name, value),
                None => guard.env_remove(name),
            };
        }
        if let Some(folder) = command.get_current_dir() {
            guard.current_dir(folder);
        }
        let mut guard = guard.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("sh runs");
        let mut said = BufReader::new(guard.stdout.take().expect("it is piped"));
        let mut pid = String::new();
        said.read_line(&mut pid).expect("the guard speaks");
        let pid = pid.trim().parse().expect("the guard tells the process id");
        Self { guard, pid, said: Mutex::new(said), ended: Mutex::new(None) }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Sends a signal, such as `TERM`, unless it has ended.
    pub fn signal(&self, signal: &str) {
        let status = Command::new("sh").args(["-c", &format!("kill -{signal} {} 2>/dev/null", self.pid)]).status();
        status.expect("sh runs");
    }

    /// Waits until it has ended, and returns its exit code, which is 128 and the signal if one ended it.
    pub fn wait(&self) -> i32 {
        let mut ended = self.ended.lock().unwrap();
        *ended.get_or_insert_with(|| {
            let mut code = String::new();
            self.said.lock().unwrap().read_line(&mut code).expect("the guard speaks");
            code.trim().parse().expect("the guard tells how it ended")
        })
    }

    /// Kills it, and waits until it is gone.
    pub fn kill(&self) {
        self.signal("KILL");
        self.wait();
    }

    /// True while it runs.
    pub fn is_running(&self) -> bool {
        self.ended.lock().unwrap().is_none() && Path::new(&format!("/proc/{}/stat", self.pid)).exists()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}
