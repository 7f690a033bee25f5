//! A private `PostgreSQL` server for the tests of one binary, and a database of its own for each test.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Runs the server until standard input ends, which it does when the test binary is gone, however it ended.
const SERVE: &str = r#"
"$1/initdb" --pgdata="$2/data" --auth=trust --username=postgres --no-sync --locale=C --encoding=UTF8 >"$2/log" 2>&1
"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= -c fsync=off -c max_connections=200 </dev/null >>"$2/log" 2>&1 &
server=$!
cat >/dev/null
kill -INT "$server"
wait "$server"
rm -rf "$2"
"#;

/// A server that listens on a socket in a directory of its own.
struct Cluster {
    programs: PathBuf,
    directory: PathBuf,
}

/// The URL of a new, empty database; `None`, with a loud line, on a machine without `PostgreSQL`.
pub fn database() -> Option<String> {
    static CLUSTER: OnceLock<Option<Cluster>> = OnceLock::new();
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let Some(cluster) = CLUSTER.get_or_init(Cluster::start) else {
        // Past the capture of the test harness, which would keep the line to itself.
        let test = std::thread::current().name().unwrap_or("a test").to_owned();
        writeln!(std::io::stderr(), "SKIPPED: {test}: there is no PostgreSQL in /usr/lib/postgresql/*/bin").ok();
        return None;
    };
    let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    cluster.run("createdb", &[&name]);
    Some(cluster.url(&name))
}

/// The URL of a new database with everything that is in the other one, which nobody may be connected to.
pub fn copy_of(url: &str) -> String {
    let (server, name) = split(url);
    let copy = format!("{name}_copy");
    let status = Command::new(programs().expect("PostgreSQL is there").join("createdb"))
        .args(["--host", server, "--username", "postgres", "--template", name, &copy])
        .status();
    assert!(status.expect("createdb runs").success(), "createdb of a copy of {name}");
    url.replace(name, &copy)
}

impl Cluster {
    fn start() -> Option<Self> {
        let programs = programs()?;
        let directory = tempfile::Builder::new().prefix("muster-pg-").tempdir().expect("a directory for the cluster").keep();
        let mut command = if is_root(&directory) {
            let (user, group) = (id("-u"), id("-g"));
            chown(&directory, Some(user), Some(group)).expect("the directory can be given to postgres");
            let mut command = Command::new("setpriv");
            command.args([format!("--reuid={user}"), format!("--regid={group}")]).args(["--clear-groups", "sh"]);
            command
        } else {
            Command::new("sh")
        };
        command.arg("-c").arg(SERVE).arg("sh").arg(&programs).arg(&directory).current_dir("/").stdin(Stdio::piped());
        // Its end of the pipe stays open as long as this process lives.
        std::mem::forget(command.spawn().expect("sh runs"));
        let cluster = Self { programs, directory };
        cluster.wait();
        Some(cluster)
    }

    fn wait(&self) {
        let began = Instant::now();
        while !self.command("pg_isready").stdout(Stdio::null()).status().expect("pg_isready runs").success() {
            let log = std::fs::read_to_string(self.directory.join("log")).unwrap_or_default();
            assert!(began.elapsed() < Duration::from_mins(1), "PostgreSQL did not start:\n{log}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.arg("--host").arg(&self.directory).args(["--username", "postgres"]);
        command
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let status = self.command(program).args(arguments).status();
        assert!(status.expect("the program runs").success(), "{program} {arguments:?}");
    }

    fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.directory.display())
    }
}

/// The directory of the socket and the name of the database in a URL that [`database`] made.
fn split(url: &str) -> (&str, &str) {
    let (rest, server) = url.split_once("?host=").expect("a URL of this module");
    (server, rest.rsplit_once('/').expect("a URL of this module").1)
}

/// The directory with the programs of the newest `PostgreSQL` on this machine.
fn programs() -> Option<PathBuf> {
    let version = |path: &Path| path.file_name()?.to_str()?.parse::<u32>().ok();
    let installed = std::fs::read_dir("/usr/lib/postgresql").ok()?.flatten().map(|entry| entry.path());
    let newest = installed.filter_map(|path| Some((version(&path)?, path.join("bin")))).max()?;
    newest.1.join("postgres").exists().then_some(newest.1)
}

fn is_root(own: &Path) -> bool {
    std::fs::metadata(own).expect("the directory is there").uid() == 0
}

fn id(which: &str) -> u32 {
    let output = Command::new("id").args([which, "postgres"]).output().expect("id runs");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("there is a user postgres")
}
