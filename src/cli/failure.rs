use std::io;

use super::Exit;
use crate::engine::{AnswerError, RestoreError};
use crate::store::{StoreError, in_one_line};

/// Why a command could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line asks for something that makes no sense.
    #[error("{0}")]
    Usage(String),
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// An answer to an invitation was not recorded.
    #[error(transparent)]
    Answer(#[from] AnswerError),
    /// Nothing was restored.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// A file could not be read or written.
    #[error("cannot {doing} {path}")]
    File {
        /// What was tried: `read`, `write`.
        doing: &'static str,
        /// The file.
        path: String,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// A value has no form in the language that was asked for.
    #[error("cannot write the answer as {language}: {reason}")]
    Format {
        /// YAML or JSON.
        language: &'static str,
        /// The reason.
        reason: String,
    },
    /// What was asked for is not there, or cannot be done.
    #[error("{0}")]
    Other(String),
}

impl Failure {
    /// The exit code for it.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) => Exit::Usage,
            Self::Store(StoreError::Stale { .. })
            | Self::Restore(RestoreError::Store(StoreError::Stale { .. }))
            | Self::Answer(AnswerError::Store(StoreError::Stale { .. })) => Exit::Stale,
            _ => Exit::Failed,
        }
    }

    /// The message, with everything that caused it, in one line.
    #[must_use]
    pub fn chain(&self) -> String {
        in_one_line(self)
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Format { language: "JSON", reason: error.to_string() }
    }
}

impl From<serde_yaml::Error> for Failure {
    fn from(error: serde_yaml::Error) -> Self {
        Self::Format { language: "YAML", reason: error.to_string() }
    }
}
