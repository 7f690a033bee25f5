//! The program in a directory of its own, as a user runs it.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

pub const ACME: &str = "\
apiVersion: muster.dev/v1alpha1
kind: Organization
metadata: {name: acme}
spec: {displayName: Acme}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: alice}
spec: {organizationRef: {name: acme}, email: alice@acme.example, role: Admin}
";

pub const DESIGN: &str = "\
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {name: design}
spec: {organizationRef: {name: acme}, deletionProtection: true}
";

/// A directory with files and a store.
pub struct Place(TempDir);

/// What a run led to.
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Place {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A place where `acme.yaml` was applied.
    pub fn applied(text: &str) -> Self {
        let place = Self::new();
        place.write("acme.yaml", text);
        place.run("apply -f acme.yaml --auto-approve").code(0);
        place
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path().join(name), text).unwrap();
    }

    pub fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_muster"));
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.current_dir(self.path()).args(arguments.split_whitespace()).stdin(Stdio::null());
        command
    }

    /// What somebody with the password does to the store.
    pub fn by_hand(&self, sql: &str) {
        use sqlx::{Connection, Executor};
        let url = format!("sqlite://{}", self.path().join("muster.db").display());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut store = sqlx::SqliteConnection::connect(&url).await.unwrap();
            store.execute(sqlx::AssertSqlSafe(sql.to_owned())).await.unwrap();
            store.close().await.unwrap();
        });
    }

    pub fn run(&self, arguments: &str) -> Ran {
        self.run_with(arguments, &[])
    }

    pub fn run_with(&self, arguments: &str, environment: &[(&str, &str)]) -> Ran {
        ran(&self.command(arguments).envs(environment.iter().copied()).output().unwrap())
    }

    pub fn run_on(&self, arguments: &str, input: &str) -> Ran {
        self.write("stdin", input);
        let file = std::fs::File::open(self.path().join("stdin")).unwrap();
        ran(&self.command(arguments).stdin(file).output().unwrap())
    }
}

pub fn ran(output: &Output) -> Ran {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Ran { code: output.status.code().unwrap_or(-1), out: text(&output.stdout), err: text(&output.stderr) }
}

impl Ran {
    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(self.code, code, "\n{}\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub fn says(self, text: &str) -> Self {
        assert!(self.out.contains(text), "{text:?} is not in\n{}\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub fn complains(self, text: &str) -> Self {
        assert!(self.err.contains(text), "{text:?} is not in\n{}\n{}", self.out, self.err);
        self
    }

    #[track_caller]
    pub fn last_line(self, line: &str) -> Self {
        assert_eq!(self.out.lines().last(), Some(line), "\n{}", self.err);
        self
    }
}
