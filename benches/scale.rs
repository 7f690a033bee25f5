//! How Muster grows: 1 000, 10 000 and 100 000 members, as ratios against something measured in the same run.
//!
//! `cargo bench` prints a table; `cargo bench -- 1000 10000` measures these sizes only. `PostgreSQL` is measured where its server
//! programs are found.

#[path = "../tests/support/postgres.rs"]
mod postgres;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use muster::engine::{Apply, apply, plan_input};
use muster::plan::{Context, Plan, Tightened};
use muster::source::{self, Request};
use muster::store::{AnyStore, Mode};
use muster::tenancy::Manager;
use sqlx::Executor;

const FILES: usize = 100;
const ROUNDS: usize = 5;

fn main() {
    if let [_, command, files, store] = std::env::args().collect::<Vec<_>>().as_slice()
        && command == "plan-once"
    {
        return plan_once(files, store);
    }
    let sizes: Vec<usize> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let sizes = if sizes.is_empty() { vec![1_000, 10_000, 100_000] } else { sizes };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let mut report = Report::default();
    for size in &sizes {
        runtime.block_on(measure(*size, &mut report));
    }
    report.print(&sizes);
}

/// The median times of each measurement, by size.
#[derive(Default)]
struct Report {
    lines: Vec<(String, Vec<Duration>)>,
    ratios: Vec<(String, Vec<f64>)>,
}

impl Report {
    fn time(&mut self, name: &str, times: &mut [Duration]) -> Duration {
        times.sort_unstable();
        let median = times[times.len() / 2];
        match self.lines.iter_mut().find(|(line, _)| line == name) {
            Some((_, all)) => all.push(median),
            None => self.lines.push((name.to_owned(), vec![median])),
        }
        median
    }

    fn ratio(&mut self, name: &str, value: f64) {
        match self.ratios.iter_mut().find(|(line, _)| line == name) {
            Some((_, all)) => all.push(value),
            None => self.ratios.push((name.to_owned(), vec![value])),
        }
    }

    fn print(&self, sizes: &[usize]) {
        println!("{:<58}{}{:>10}", "members", sizes.iter().map(|size| format!("{size:>12}")).collect::<String>(), "exponent");
        for (name, times) in &self.lines {
            let cells: String = times.iter().map(|time| format!("{:>9.1} ms", time.as_secs_f64() * 1e3)).collect();
            println!("{name:<58}{cells}{:>10}", exponent(sizes, times));
        }
        println!();
        for (name, values) in &self.ratios {
            println!("{name:<58}{}", values.iter().map(|value| format!("{value:>12.2}")).collect::<String>());
        }
    }
}

/// How the time grows between the last two sizes: 1 is in proportion.
fn exponent(sizes: &[usize], times: &[Duration]) -> String {
    let [.., (small, fast), (large, slow)] = &sizes.iter().zip(times).collect::<Vec<_>>()[..] else { return "-".to_owned() };
    let growth = (slow.as_secs_f64() / fast.as_secs_f64()).ln() / (**large as f64 / **small as f64).ln();
    format!("{growth:.2}")
}

async fn measure(size: usize, report: &mut Report) {
    let directory = tempfile::tempdir().expect("a directory");
    write_files(directory.path(), size, "Member");
    let request = Request { paths: vec![directory.path().to_owned()], ..Request::default() };
    let parse = report.time("parse only", &mut rounds(|| drop(read(&request))));

    let file = directory.path().join("muster.db");
    sqlite(&request, &file, size, parse, report).await;
    if let Some(database) = postgres::database() {
        let store = AnyStore::open(&database, Mode::Write).await.expect("PostgreSQL");
        first_apply("PostgreSQL", &store, &request, report).await;
        let bare = bare_postgres(&database).await;
        compare_apply("PostgreSQL", bare, report);
        store.close().await;
    }
}

async fn sqlite(request: &Request, file: &Path, size: usize, parse: Duration, report: &mut Report) {
    let url = format!("sqlite://{}", file.display());
    let store = AnyStore::open(&url, Mode::Write).await.expect("SQLite");
    first_apply("SQLite", &store, request, report).await;
    let bare = bare_sqlite(file).await;
    compare_apply("SQLite", bare, report);

    let mut selects = Vec::new();
    let mut nothing = Vec::new();
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        drop(select(file).await);
        selects.push(begin.elapsed());
        let begin = Instant::now();
        let plans = plans(&store, request).await;
        nothing.push(begin.elapsed());
        assert!(plans.iter().all(Plan::is_empty));
    }
    let select = report.time("SELECT of all rows, SQLite", &mut selects);
    let nothing = report.time("plan with nothing to do, SQLite", &mut nothing);
    let directory = file.parent().expect("a directory");
    let above = peak_of_a_plan(directory, &url).saturating_sub(FLOOR) as f64;
    report.ratio("KB of memory for each member, above 30 MB, bar 6", above / size as f64);
    report.ratio("plan with nothing to do / (parse + SELECT), bar 1.5", nothing.as_secs_f64() / (parse + select).as_secs_f64());

    write_files(file.parent().expect("a directory"), size, "ReadOnly");
    let mut one = Vec::new();
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        let plans = plans(&store, request).await;
        one.push(begin.elapsed());
        assert_eq!(plans[0].changes.len(), 1);
    }
    let one = report.time("plan with one change, SQLite", &mut one);
    report.ratio("plan with one change / plan with nothing to do", one.as_secs_f64() / nothing.as_secs_f64());
    store.close().await;
}

async fn first_apply(engine: &str, store: &AnyStore, request: &Request, report: &mut Report) {
    let plans = plans(store, request).await;
    let begin = Instant::now();
    let outcomes = apply(store, plans, &how()).await.expect("an apply");
    assert!(outcomes.iter().all(muster::engine::Outcome::wrote));
    report.time(&format!("apply of all as new, {engine}"), &mut [begin.elapsed()]);
}

fn compare_apply(engine: &str, bare: Duration, report: &mut Report) {
    let bare = report.time(&format!("bare insert of the same rows, triggers on, {engine}"), &mut [bare]);
    let apply = report
        .lines
        .iter()
        .find(|(name, _)| name.starts_with("apply") && name.ends_with(engine))
        .and_then(|(_, times)| times.last());
    let apply = apply.expect("measured before");
    report.ratio(&format!("apply / bare insert, {engine}, bar 2"), apply.as_secs_f64() / bare.as_secs_f64());
}

/// Copies what the apply wrote into another organization, row by row with a prepared statement in one transaction.
async fn bare_sqlite(file: &Path) -> Duration {
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", file.display())).await.expect("SQLite");
    let begin = Instant::now();
    let copy = [
        "BEGIN IMMEDIATE",
        "INSERT INTO objects (organization, kind, name, spec, digest, manager, created_at, invited_at, accepted_at)
         SELECT 'bare', kind, name, spec, digest, manager, created_at, invited_at, accepted_at FROM objects WHERE organization = 'acme'",
        "INSERT INTO history SELECT 'bare', seq, id, commitment, hash FROM history WHERE organization = 'acme'",
        "INSERT INTO history_values SELECT 'bare', seq, kind, name, happened, at, actor, manager, plan, source, changes, salt
         FROM history_values WHERE organization = 'acme'",
        "COMMIT",
    ];
    let mut connection = pool.acquire().await.expect("a connection");
    for statement in copy {
        connection.execute(statement).await.expect("a statement");
    }
    let bare = begin.elapsed();
    connection.execute("DELETE FROM objects WHERE organization = 'bare'").await.expect("clean up");
    bare
}

async fn bare_postgres(url: &str) -> Duration {
    let pool = sqlx::PgPool::connect(url).await.expect("PostgreSQL");
    let begin = Instant::now();
    let copy = [
        "BEGIN",
        "INSERT INTO objects (organization, kind, name, spec, digest, manager, created_at, invited_at, accepted_at)
         SELECT 'bare', kind, name, spec, digest, manager, created_at, invited_at, accepted_at FROM objects WHERE organization = 'acme'",
        "INSERT INTO history SELECT 'bare', seq, id, commitment, hash FROM history WHERE organization = 'acme'",
        "INSERT INTO history_values SELECT 'bare', seq, kind, name, happened, at, actor, manager, plan, source, changes, salt
         FROM history_values WHERE organization = 'acme'",
        "COMMIT",
    ];
    let mut connection = pool.acquire().await.expect("a connection");
    for statement in copy {
        connection.execute(statement).await.expect("a statement");
    }
    begin.elapsed()
}

/// The same rows and columns that observing reads, and nothing else.
async fn select(file: &Path) -> Vec<sqlx::sqlite::SqliteRow> {
    let pool = sqlx::SqlitePool::connect(&format!("sqlite://{}", file.display())).await.expect("SQLite");
    sqlx::query("SELECT kind, name, id, spec, digest, applied, manager, tombstone, deleted_at, deleted_by, purge_at, external_id, former_names, created_at, invited_at, accepted_at, declined_at, ended_at FROM objects WHERE organization = 'acme'")
        .fetch_all(&pool)
        .await
        .expect("rows")
}

fn read(request: &Request) -> muster::tenancy::Input {
    source::read(request, &mut std::io::empty()).input
}

async fn plans(store: &AnyStore, request: &Request) -> Vec<Plan> {
    let input = read(request);
    assert!(input.findings.is_empty(), "{:?}", input.findings.first());
    plan_input(store, &input, "files", &context()).await.expect("a plan").plans
}

fn rounds(mut measured: impl FnMut()) -> Vec<Duration> {
    let time = |_| {
        let begin = Instant::now();
        measured();
        begin.elapsed()
    };
    (0..ROUNDS).map(time).collect()
}

fn now() -> Timestamp {
    "2026-03-01T09:00:00Z".parse().expect("a time")
}

fn context() -> Context {
    Context {
        now: now(),
        observed_at: now(),
        manager: Manager::new("muster"),
        actor: "bench".into(),
        asker: None,
        prune: false,
        allow_empty: false,
        approved: Vec::new(),
        tightened: Tightened::default(),
    }
}

fn how() -> Apply {
    Apply {
        now: now(),
        manager: Manager::new("muster"),
        holder: "files".into(),
        actor: "bench".into(),
        source: None,
        take_over: false,
        all_or_nothing: false,
        errored: false,
        seed: [1; 16],
    }
}

/// An organization of so many members in 100 files; the first member has this role in its workspace.
fn write_files(directory: &Path, size: usize, role: &str) {
    let workspaces = (size / 100).max(1);
    let mut text = document("Organization", "acme", "  displayName: Acme\n");
    text += &document("Member", "admin", "  organizationRef: {name: acme}\n  email: admin@acme.example\n  role: Admin\n");
    for workspace in 0..workspaces {
        let spec = format!("  organizationRef: {{name: acme}}\n  displayName: Workspace {workspace}\n  type: Production\n");
        text += &document("Workspace", &format!("workspace-{workspace}"), &spec);
    }
    write(directory.join("0-acme.yaml"), &text);
    for file in 0..FILES {
        let mut text = String::new();
        for member in (file * size / FILES)..((file + 1) * size / FILES) {
            let role = if member == 0 { role } else { "Member" };
            let spec = format!(
                "  organizationRef:\n    name: acme\n  email: member-{member}@acme.example\n  displayName: Member Number {member}\n  workspaces:\n    - name: workspace-{}\n      role: {role}\n",
                member % workspaces
            );
            text += &document("Member", &format!("member-{member:06}"), &spec);
        }
        write(directory.join(format!("members-{file:03}.yaml")), &text);
    }
}

fn document(kind: &str, name: &str, spec: &str) -> String {
    let mut text = String::new();
    let _ = write!(text, "---\napiVersion: muster.dev/v1alpha1\nkind: {kind}\nmetadata:\n  name: {name}\nspec:\n{spec}");
    text
}

fn write(file: PathBuf, text: &str) {
    std::fs::write(file, text).expect("a file");
}

/// What a program that does nothing may take, in KB.
const FLOOR: u64 = 30 * 1024;

/// Plans in a process of its own and returns the most memory that it had, in KB.
fn peak_of_a_plan(directory: &Path, url: &str) -> u64 {
    let program = std::env::current_exe().expect("this program");
    let mut command = std::process::Command::new(program);
    let output = command.arg("plan-once").arg(directory).arg(url).output().expect("a process");
    String::from_utf8_lossy(&output.stdout).trim().parse().expect("a number")
}

fn plan_once(directory: &str, url: &str) {
    let request = Request { paths: vec![directory.into()], ..Request::default() };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let plans = runtime.block_on(async { plans(&AnyStore::open(url, Mode::Read).await.expect("SQLite"), &request).await });
    assert!(plans.iter().all(Plan::is_empty));
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB"));
    println!("{}", peak.unwrap_or("0").trim());
}
