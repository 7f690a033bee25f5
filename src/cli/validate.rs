use std::thread;

use clap::{Args, ValueEnum};
use serde_json::{Value, json};

use super::flags::{InputFlags, now};
use super::{Console, Exit, Failure, findings};
use crate::api::{API_VERSION, Cel, Problem};
use crate::engine::capability_findings;
use crate::plan::render::Colour;
use crate::plan::{Context, Tightened};
use crate::source::Reading;
use crate::store::{Address, AnyStore, Mode, Observe};
use crate::tenancy::{Finding, Manager, Manifest, Severity, resolve};

#[derive(Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    input: InputFlags,
    /// A store whose objects references may lead to as well; none where it is left out
    #[arg(long, value_name = "URL", help_heading = "Input")]
    against: Option<String>,
    /// How to print it
    #[arg(short, long, value_enum, default_value_t = Output::Text, help_heading = "Output")]
    output: Output,
    /// All findings, however many
    #[arg(long, help_heading = "Output")]
    full: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people
    Text,
    /// For programs
    Json,
    /// For code scanning
    Sarif,
    /// As annotations of GitHub Actions
    Github,
}

/// `muster validate`.
pub async fn run(arguments: &Arguments, console: &Console) -> Result<Exit, Failure> {
    let Reading { mut input, sources } = arguments.input.read(console)?;
    let progress = console.progress("checking");
    let mut snapshots = Vec::new();
    if let Some(url) = &arguments.against {
        let store = AnyStore::open(url, Mode::Read).await?;
        if matches!(store, AnyStore::Memory(_)) {
            let address: Address = url.parse()?;
            return Err(Failure::Other(format!("the store {address} does not exist, so nothing can be checked against it")));
        }
        for known in store.organizations().await? {
            snapshots.push(store.observe(&known.organization).await?);
        }
        store.close().await;
    }
    let mut found = std::mem::take(&mut input.findings);
    found.extend(resolve(&input, &snapshots, None).findings);
    found.extend(capability_findings(&input, &context()).await);
    let said: Vec<Finding> = evaluate(&input.manifests).into_iter().filter(|finding| !is_said(finding, &found)).collect();
    found.extend(said);
    sources.locate_all(&mut found);
    drop(progress);
    match arguments.output {
        Output::Text => {
            let max = if arguments.full { usize::MAX } else { findings::Style::default().max };
            let style = findings::Style { color: console.out == Colour::Always, max, width: console.width };
            let mut text = findings::people(&found, &sources, style);
            // Everything else ends with how much was found.
            if found.iter().all(|finding| finding.code == "foreign") {
                text = format!("{text}Valid: {} objects.", input.manifests.len());
            }
            console.print(&format!("{}\n", text.trim_end()))?;
        }
        Output::Json => console.print(&format!("{:#}\n", findings::json(&found, &sources)))?,
        Output::Sarif => console.print(&format!("{:#}\n", findings::sarif(&found, &sources)))?,
        Output::Github => console.print(&findings::github(&found, &sources))?,
    }
    let errors = found.iter().any(|finding| finding.severity == Severity::Error);
    Ok(if errors { Exit::Failed } else { Exit::Done })
}

/// How an input is planned to see what services cannot do: nobody has anything yet.
fn context() -> Context {
    let now = now();
    Context {
        now,
        observed_at: now,
        manager: Manager::new("muster"),
        actor: "".into(),
        asker: None,
        prune: false,
        allow_empty: false,
        approved: Vec::new(),
        tightened: Tightened::default(),
    }
}

fn is_said(finding: &Finding, found: &[Finding]) -> bool {
    found.iter().any(|other| other.origin == finding.origin && other.path == finding.path)
}

/// What the CEL rules of the definitions say, which is what the API server would say.
fn evaluate(manifests: &[Manifest]) -> Vec<Finding> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(manifests.len().div_ceil(50)).max(1);
    let share = manifests.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let workers: Vec<_> = manifests.chunks(share).map(|share| scope.spawn(|| evaluate_share(share))).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
    })
}

fn evaluate_share(manifests: &[Manifest]) -> Vec<Finding> {
    let cel = Cel::new();
    let findings = |manifest: &Manifest| {
        let kind = manifest.spec.kind();
        let problems = cel.check(kind, &document(manifest), None);
        problems.into_iter().map(|problem| finding(manifest, problem)).collect::<Vec<_>>()
    };
    manifests.iter().flat_map(findings).collect()
}

fn document(manifest: &Manifest) -> Value {
    json!({
        "apiVersion": API_VERSION,
        "kind": manifest.spec.kind().as_str(),
        "metadata": { "name": manifest.name, "namespace": manifest.namespace },
        "spec": serde_json::to_value(&*manifest.spec).unwrap_or_default(),
    })
}

fn finding(manifest: &Manifest, problem: Problem) -> Finding {
    Finding {
        severity: Severity::Error,
        code: "rule",
        subject: Some((manifest.spec.kind(), manifest.name.clone())),
        path: problem.path.into(),
        message: problem.message.into(),
        help: None,
        origin: manifest.origin.clone(),
        span: None,
    }
}
