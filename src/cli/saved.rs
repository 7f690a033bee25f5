//! A plan in a file: what `plan --out` writes and `apply FILE` carries out.

use std::fs;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::planning::{PlanFlags, Planned};
use super::{Failure, ci};
use crate::plan::Plan;
use crate::source;
use crate::tenancy::{Digest, Manager};

/// The version of the file. A file of another version is refused: plan again.
const VERSION: u32 = 1;

/// A saved plan.
#[derive(Debug, Serialize, Deserialize)]
pub struct Saved {
    /// The version of the file.
    pub muster_plan: u32,
    /// When it was made.
    pub made_at: Timestamp,
    /// Who manages what it creates.
    pub manager: Manager,
    /// Who asked for it.
    pub actor: Box<str>,
    /// The commit that the input came from.
    pub source: Option<Box<str>>,
    /// True when something was wrong with the input.
    pub errored: bool,
    /// The digest of the plans below.
    pub digest: Digest,
    /// The plans.
    pub plans: Vec<Plan>,
}

/// Writes a plan. Only its owner may read the file, because it holds everything that is planned.
pub fn write(path: &Path, planned: &Planned, flags: &PlanFlags, now: Timestamp) -> Result<(), Failure> {
    let saved = Saved {
        muster_plan: VERSION,
        made_at: now,
        manager: flags.actor.manager.clone(),
        actor: ci::actor(flags.actor.claimed.as_deref()),
        source: source::revision(&flags.input.filename).map(Into::into),
        errored: planned.errored,
        digest: digest(&planned.plans),
        plans: planned.plans.clone(),
    };
    let text = serde_json::to_string(&saved)?;
    create(path, text.as_bytes()).map_err(|source| file("write", path, source))
}

fn create(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    std::io::Write::write_all(&mut options.open(path)?, bytes)
}

/// Reads a plan.
pub fn read(path: &Path) -> Result<Saved, Failure> {
    if path.is_dir() {
        return Err(Failure::Usage(format!(
            "{0} is a directory and no saved plan: to apply its files, say -f {0}",
            path.display()
        )));
    }
    let bytes = fs::read(path).map_err(|source| file("read", path, source))?;
    let unusable = |what: String| Failure::Other(format!("{} {what}: plan again with `muster plan --out`", path.display()));
    let saved: Saved = serde_json::from_slice(&bytes).map_err(|error| {
        let path = path.display();
        Failure::Other(format!(
            "{path} is not a plan of this muster ({error}): make one with `muster plan --out`, or say -f {path} to apply a file"
        ))
    })?;
    match saved {
        Saved { muster_plan, .. } if muster_plan != VERSION => {
            Err(unusable(format!("has version {muster_plan} and this muster writes {VERSION}")))
        }
        saved if digest(&saved.plans) != saved.digest => Err(unusable("was changed after it was made".to_owned())),
        saved => Ok(saved),
    }
}

fn digest(plans: &[Plan]) -> Digest {
    Digest::of_all(plans.iter().map(Plan::digest).collect::<Vec<_>>().iter().map(|digest| digest.as_bytes().as_slice()))
}

fn file(doing: &'static str, path: &Path, source: std::io::Error) -> Failure {
    Failure::File { doing, path: path.display().to_string(), source }
}
