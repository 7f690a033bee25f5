//! Where the desired state comes from: files, and the objects of a cluster (`cluster`). This folder finds files, cuts them into
//! documents, reads those into objects, and says everything that is wrong with them, each with its place. It knows what a document says and not what it means: it imports `api` and
//! the input types of `tenancy`, and nothing of stores, plans or front doors.
//!
//! A document in which nothing is unusual is read by `serde_yaml` or `serde_json` straight into its type (`document`). Any
//! other one is read again as a tree with positions (`tree`), from which everything that is wrong is collected (`problems`). Both
//! come to the same verdict.

mod cluster;
mod document;
mod duplicates;
mod envelope;
mod files;
mod identity;
mod limits;
mod parallel;
mod path;
mod problems;
mod revision;
mod scalar;
mod sniff;
mod sources;
mod split;
mod strict;
mod syntax;
mod tree;
mod typed;

use std::io::Read;
use std::path::PathBuf;
use std::sync::Arc;

pub use cluster::{ObjectRead, read_object};
pub use revision::revision;
pub use sources::Sources;

use crate::tenancy::{Finding, Input};
use files::Listing;

/// What to read.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// Files and directories, in order; `-` is standard input. A file that is named twice is read once.
    pub paths: Vec<PathBuf>,
    /// Whether directories inside the named directories are read too.
    pub recursive: bool,
    /// Whether an input without a single object is taken as it is. Otherwise it is an error and the input is not complete, so that a
    /// wrong path or an empty checkout never reads like the wish that nothing should be.
    pub allow_empty: bool,
}

/// What was read.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// The objects, and what is wrong with them.
    pub input: Input,
    /// The texts that they were read from.
    pub sources: Sources,
}

/// Reads all files of a request. What cannot be read is a finding, never an error: the rest is read all the same.
pub fn read(request: &Request, stdin: &mut dyn Read) -> Reading {
    let Listing { files, findings, complete, .. } = files::list(&request.paths, request.recursive);
    let mut reading = Reading::default();
    reading.input.complete = complete;
    reading.input.findings = findings;
    let (texts, findings) = parallel::load(&files, stdin);
    reading.input.complete &= findings.is_empty();
    reading.input.findings.extend(findings);
    finish(reading, texts, request)
}

/// Reads a text as if it were the file of that name.
#[must_use]
pub fn read_text(name: &str, text: &str) -> Reading {
    let mut reading = Reading::default();
    reading.input.complete = true;
    let texts = match parallel::cut(&name.into(), text.as_bytes().to_vec()) {
        Ok(text) => vec![(name.into(), text)],
        Err(finding) => {
            reading.input.complete = false;
            reading.input.findings.push(*finding);
            Vec::new()
        }
    };
    finish(reading, texts, &Request { allow_empty: true, ..Request::default() })
}

fn finish(mut reading: Reading, texts: Vec<(Arc<str>, sources::Text)>, request: &Request) -> Reading {
    let batch = parallel::read(&texts);
    let input = &mut reading.input;
    input.manifests = batch.manifests;
    input.held = batch.held;
    input.findings.extend(batch.findings);
    input.complete &= batch.unreadable == 0;
    if input.manifests.is_empty() && input.held.is_empty() && batch.unreadable == 0 && input.complete && !request.allow_empty {
        input.complete = false;
        input.findings.push(empty(request));
    }
    duplicates::hold(input);
    reading.sources.files = texts.into_iter().collect();
    reading.sources.locate_all(&mut reading.input.findings);
    reading
}

fn empty(request: &Request) -> Finding {
    let name = request.paths.first().map_or_else(|| "-".into(), |path| path.to_string_lossy());
    let help = if request.recursive || !request.paths.iter().any(|path| path.is_dir()) {
        "`--allow-empty` says that this is meant"
    } else {
        "`-R` reads the directories inside as well, and `--allow-empty` says that this is meant"
    };
    files::finding(&name.as_ref().into(), "empty-input", "the input has no object of Muster in it", Some(help))
}

#[cfg(test)]
mod tests;
