//! How Muster grows: 1 000, 10 000 and 100 000 members, as ratios against something measured in the same run.
//!
//! `cargo bench` prints a table; `cargo bench -- 1000 10000` measures these sizes only. `PostgreSQL` is measured where its server
//! programs are found. What is compared takes turns, and each ratio is the median of those of all rounds: so a machine that is
//! busy with something else for a while does not decide.

#[path = "../tests/support/postgres.rs"]
mod postgres;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use muster::engine::{Apply, apply, plan_input};
use muster::plan::{Context, Plan, Tightened, plan};
use muster::source::{self, Request};
use muster::store::{AnyStore, Mode, Observe};
use muster::tenancy::{Input, Manager, Snapshot, resolve};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Executor};

const FILES: usize = 100;
const ROUNDS: usize = 7;
const APPLIES: usize = 5;

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

/// The median times of each measurement and the median of each ratio, by size.
#[derive(Default)]
struct Report {
    lines: Vec<(String, Vec<Duration>)>,
    ratios: Vec<(String, Vec<f64>)>,
}

impl Report {
    fn time(&mut self, name: &str, mut times: Vec<Duration>) {
        times.sort_unstable();
        add(&mut self.lines, name, times[times.len() / 2]);
    }

    fn ratio(&mut self, name: &str, mut values: Vec<f64>) {
        values.sort_unstable_by(f64::total_cmp);
        add(&mut self.ratios, name, values[values.len() / 2]);
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

fn add<T>(lines: &mut Vec<(String, Vec<T>)>, name: &str, value: T) {
    match lines.iter_mut().find(|(line, _)| line == name) {
        Some((_, all)) => all.push(value),
        None => lines.push((name.to_owned(), vec![value])),
    }
}

/// What each round took of the one for each unit that it took of the other.
fn ratios(one: &[Duration], other: &[Duration]) -> Vec<f64> {
    one.iter().zip(other).map(|(one, other)| one.as_secs_f64() / other.as_secs_f64()).collect()
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
    let file = apply_sqlite(directory.path(), &request, report).await;
    plan_sqlite(&request, &file, size, report).await;
    if let Some(database) = postgres::database() {
        apply_postgres(&database, &request, report).await;
    }
}

async fn plan_sqlite(request: &Request, file: &Path, size: usize, report: &mut Report) {
    let store = open(file).await;
    let mut connection = options(file).connect().await.expect("SQLite");
    let (mut parses, mut selects, mut nothing) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        parses.push(timed(|| drop(read(request))));
        let begin = Instant::now();
        drop(connection.fetch_all(SELECT).await.expect("rows"));
        selects.push(begin.elapsed());
        let begin = Instant::now();
        let plans = plans(&store, request).await;
        nothing.push(begin.elapsed());
        assert!(plans.iter().all(Plan::is_empty));
    }
    let both: Vec<Duration> = parses.iter().zip(&selects).map(|(parse, select)| *parse + *select).collect();
    report.ratio("plan with nothing to do / (parse + SELECT), bar 1.5", ratios(&nothing, &both));
    report.time("parse only", parses);
    report.time("SELECT of all rows, SQLite", selects);
    report.time("plan with nothing to do, SQLite", nothing.clone());
    let directory = file.parent().expect("a directory");
    let above = peak_of_a_plan(directory, &url(file)).saturating_sub(FLOOR) as f64;
    report.ratio("KB of memory for each member, above 30 MB, bar 6", vec![above / size as f64]);

    let snapshot = store.observe(&"acme".into()).await.expect("a snapshot");
    in_memory("nothing to do", request, &snapshot, 0, report);
    write_files(directory, size, "ReadOnly");
    in_memory("one change", request, &snapshot, 1, report);
    let mut one = Vec::new();
    for _ in 0..ROUNDS {
        let begin = Instant::now();
        let plans = plans(&store, request).await;
        one.push(begin.elapsed());
        assert_eq!(plans[0].changes.len(), 1);
    }
    report.ratio("plan with one change / plan with nothing to do", ratios(&one, &nothing));
    report.time("plan with one change, SQLite", one);
    store.close().await;
}

/// What is left for whoever has the manifests and the snapshot at hand already: to resolve, and to plan.
fn in_memory(what: &str, request: &Request, snapshot: &Snapshot, changes: usize, report: &mut Report) {
    let input = read(request);
    let (mut parses, mut times) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        parses.push(timed(|| drop(read(request))));
        times.push(timed(|| assert_eq!(think(&input, snapshot).changes.len(), changes)));
    }
    report.ratio(&format!("resolve and plan in memory, {what} / parse"), ratios(&times, &parses));
    report.time(&format!("resolve and plan in memory, {what}"), times);
}

fn think(input: &Input, snapshot: &Snapshot) -> Plan {
    let resolved = resolve(input, std::slice::from_ref(snapshot), None);
    plan(&resolved.tenancies[0], snapshot, &context())
}

/// Applies all as new, and inserts what that wrote into another file: both files are new, and opened alike. Returns the last one that
/// was applied to.
async fn apply_sqlite(directory: &Path, request: &Request, report: &mut Report) -> PathBuf {
    let (mut applies, mut inserts) = (Vec::new(), Vec::new());
    let [file, other] = ["applied.db", "bare.db"].map(|name| directory.join(name));
    for _ in 0..APPLIES {
        let _ = [std::fs::remove_file(&file), std::fs::remove_file(&other)];
        let store = open(&file).await;
        applies.push(apply_all(&store, request).await);
        store.close().await;
        open(&other).await.close().await;
        let mut connection = options(&other).connect().await.expect("SQLite");
        sqlx::query("ATTACH ? AS source").bind(file.to_string_lossy()).execute(&mut connection).await.expect("the other file");
        inserts.push(insert(&mut connection, "BEGIN IMMEDIATE", "source.").await);
        connection.close().await.expect("closed");
    }
    compare_apply("SQLite", applies, inserts, report);
    file
}

/// Applies all as new, and inserts what that wrote once more, from tables without triggers and indexes: each time into empty tables.
async fn apply_postgres(database: &str, request: &Request, report: &mut Report) {
    const EMPTY: &str = "TRUNCATE objects, history, history_values, revisions";
    let (mut applies, mut inserts) = (Vec::new(), Vec::new());
    let store = AnyStore::open(database, Mode::Write).await.expect("PostgreSQL");
    let mut connection = sqlx::PgConnection::connect(database).await.expect("PostgreSQL");
    for round in 0..APPLIES {
        applies.push(apply_all(&store, request).await);
        if round == 0 {
            for table in ["objects", "history", "history_values"] {
                let copy = format!("CREATE TABLE source_{table} AS SELECT * FROM {table}");
                connection.execute(sqlx::AssertSqlSafe(copy)).await.expect("a copy");
            }
        }
        connection.execute(EMPTY).await.expect("empty tables");
        inserts.push(insert(&mut connection, "BEGIN", "source_").await);
        connection.execute(EMPTY).await.expect("empty tables");
    }
    compare_apply("PostgreSQL", applies, inserts, report);
    store.close().await;
}

async fn apply_all(store: &AnyStore, request: &Request) -> Duration {
    let plans = plans(store, request).await;
    let begin = Instant::now();
    let outcomes = apply(store, plans, &how()).await.expect("an apply");
    let took = begin.elapsed();
    assert!(outcomes.iter().all(muster::engine::Outcome::wrote));
    took
}

fn compare_apply(engine: &str, applies: Vec<Duration>, inserts: Vec<Duration>, report: &mut Report) {
    report.ratio(&format!("apply / bare insert, {engine}, bar 2"), ratios(&applies, &inserts));
    report.time(&format!("apply of all as new, {engine}"), applies);
    report.time(&format!("bare insert of the same rows, triggers on, {engine}"), inserts);
}

/// Inserts the same rows of objects and history in one transaction, without any of them leaving the database.
async fn insert<'c, C>(connection: &'c mut C, begin: &'static str, source: &str) -> Duration
where
    for<'e> &'e mut C: Executor<'e>,
{
    let copy = |(table, columns): (&str, &str)| format!("INSERT INTO {table} ({columns}) SELECT {columns} FROM {source}{table}");
    let tables = [("objects", OBJECTS), ("history", HISTORY), ("history_values", VALUES)].map(copy);
    let statements = std::iter::once(begin.to_owned()).chain(tables).chain(["COMMIT".to_owned()]);
    let start = Instant::now();
    for statement in statements {
        connection.execute(sqlx::AssertSqlSafe(statement)).await.expect("a statement");
    }
    start.elapsed()
}

const OBJECTS: &str = "organization, kind, name, id, spec, digest, applied, manager, tombstone, deleted_at, deleted_by, purge_at, \
                       external_id, former_names, created_at, invited_at, accepted_at, declined_at, ended_at";

const HISTORY: &str = "organization, seq, id, commitment, hash";

const VALUES: &str = "organization, seq, kind, name, happened, at, actor, manager, plan, source, changes, salt";

/// The same rows and columns that observing reads, and nothing else.
const SELECT: &str = "SELECT kind, name, id, spec, digest, applied, manager, tombstone, deleted_at, deleted_by, purge_at, external_id, \
                      former_names, created_at, invited_at, accepted_at, declined_at, ended_at FROM objects WHERE organization = 'acme'";

/// A file as the store opens it.
fn options(file: &Path) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new().filename(file).row_buffer_size(1024).disable_statement_logging();
    let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    options.pragma("secure_delete", "ON").pragma("cache_size", "-65536")
}

fn url(file: &Path) -> String {
    format!("sqlite://{}", file.display())
}

async fn open(file: &Path) -> AnyStore {
    AnyStore::open(&url(file), Mode::Write).await.expect("SQLite")
}

fn read(request: &Request) -> Input {
    source::read(request, &mut std::io::empty()).input
}

async fn plans(store: &AnyStore, request: &Request) -> Vec<Plan> {
    let input = read(request);
    assert!(input.findings.is_empty(), "{:?}", input.findings.first());
    plan_input(store, &input, "files", &context()).await.expect("a plan").plans
}

fn timed(measured: impl FnOnce()) -> Duration {
    let begin = Instant::now();
    measured();
    begin.elapsed()
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
