//! The command line: what a person or a CI job sees. It asks the library and prints the answers; it decides nothing itself, and nothing
//! else imports it.

pub mod findings;
