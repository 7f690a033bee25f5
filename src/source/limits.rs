//! How much one input may be. Whatever is larger is refused before work or memory is spent on it.

/// The bytes of a file: room for more than 100 000 members.
pub(super) const MAX_FILE: usize = 48 << 20;

/// The bytes of all files together.
pub(super) const MAX_INPUT: usize = 1 << 30;

/// The files of an input.
pub(super) const MAX_FILES: usize = 100_000;

/// The documents of a file.
pub(super) const MAX_DOCUMENTS: usize = 250_000;

/// The bytes of one document: what an API server stores.
pub(super) const MAX_DOCUMENT: usize = 1 << 20;

/// The bytes of a document that is read without looking at it first.
pub(super) const MAX_PLAIN: usize = 64 << 10;

/// How deep lists and maps may be nested.
pub(super) const MAX_DEPTH: usize = 64;

/// The scalars, lists and maps of a document, aliases written out.
pub(super) const MAX_NODES: usize = 100_000;

/// The aliases of a document.
pub(super) const MAX_ALIASES: usize = 100;

/// The findings about one document.
pub(super) const MAX_FINDINGS: usize = 50;

/// The findings of a whole input.
pub(super) const MAX_REPORTED: usize = 10_000;

/// The opening brackets and braces of a document that is read without looking at it first: `serde_yaml` takes time with the square of
/// their nesting.
pub(super) const MAX_BRACKETS: usize = 512;
