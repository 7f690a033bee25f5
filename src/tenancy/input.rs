use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Name;
use crate::api::{Kind, Spec};

/// Everything that one run was given to read.
#[derive(Clone, Debug, Default)]
pub struct Input {
    /// The objects that could be read, in the order of the input.
    pub manifests: Vec<Manifest>,
    /// Documents whose kind and name could be read but which say something wrong: their stored state is left alone.
    pub held: Vec<HeldManifest>,
    /// Everything that is wrong or worth knowing, errors of held documents included.
    pub findings: Vec<Finding>,
    /// False when a file or document could not be read far enough to know what it is about; then nothing is removed.
    pub complete: bool,
}

/// An object as written, with the place it was read from.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// `metadata.name`.
    pub name: Name,
    /// `metadata.namespace`; empty where there is none.
    pub namespace: Name,
    /// The annotations of the group `muster.dev`, without the group: `approved-plan`, not `muster.dev/approved-plan`.
    pub annotations: BTreeMap<Box<str>, Box<str>>,
    /// The spec.
    pub spec: Arc<Spec>,
    /// Where it was read.
    pub origin: Origin,
}

impl Manifest {
    /// `spec.previousNames`: what the store may still call the object.
    #[must_use]
    pub fn previous_names(&self) -> Vec<Name> {
        let names = super::desired::previous_names_of(&self.spec).unwrap_or_default();
        names.iter().map(|name| Name::from(name.as_str())).collect()
    }
}

/// A document that is held back.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldManifest {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: Name,
    /// Its namespace; empty where there is none.
    pub namespace: Name,
    /// `spec.previousNames`, as far as it can be read: what the store may still call the object.
    pub previous_names: Vec<Name>,
    /// Where it was read.
    pub origin: Origin,
    /// Why, in one sentence.
    pub because: Box<str>,
}

/// Where a document was read: a file and the position of the document's first key in it, or an object of a cluster.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Origin {
    /// The file as it was named, `-` for standard input; the namespace and name of an object of a cluster.
    pub file: Arc<str>,
    /// The line, from 1; 0 for an object of a cluster, which has none.
    pub line: u32,
    /// The column, from 1, counted in characters.
    pub column: u32,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(&self.file),
            _ => write!(f, "{}:{}:{}", self.file, self.line, self.column),
        }
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Something that is wrong with the input, or worth knowing about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// A stable id, such as `unknown-field`.
    pub code: &'static str,
    /// The kind and name of the object it is about, where they are known.
    pub subject: Option<(Kind, Name)>,
    /// The field it is about, such as `spec.workspaces[2].name`; empty for the object as a whole.
    pub path: Box<str>,
    /// What is wrong, in one sentence.
    pub message: Box<str>,
    /// What to do about it.
    pub help: Option<Box<str>>,
    /// The document.
    pub origin: Origin,
    /// Where exactly in the file, as far as that is known: the reader of the file fills it in, or finds it by `path`.
    pub span: Option<Span>,
}

/// A part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    /// The offset of its first byte in the file.
    pub start: usize,
    /// The offset after its last byte.
    pub end: usize,
    /// The line of its first byte, from 1.
    pub line: u32,
    /// The column of its first byte, from 1, counted in characters.
    pub column: u32,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The object is held.
    Error,
    /// The object is applied, but not everything it says may be meant.
    Warning,
    /// Worth knowing.
    Note,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}
