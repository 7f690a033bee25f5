//! Which files an input names, and reading them with a bound.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::limits::{MAX_FILE, MAX_FILES};
use crate::tenancy::{Finding, Origin, Severity};

/// A file of the input.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Named {
    /// As findings call it: `-` for standard input, else the path as it was given or found, with `/` between its parts.
    pub name: Arc<str>,
    pub path: PathBuf,
}

/// The files of an input, each once, in order, and what is wrong with the rest.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub files: Vec<Named>,
    pub findings: Vec<Finding>,
    pub complete: bool,
    seen: HashSet<PathBuf>,
}

/// The name for standard input.
pub(super) const STDIN: &str = "-";

/// Lists the files that the paths name.
pub(super) fn list(paths: &[PathBuf], recursive: bool) -> Listing {
    let mut listing = Listing { complete: true, ..Listing::default() };
    for path in paths {
        if path.as_os_str() == STDIN {
            listing.add(path, PathBuf::from(STDIN));
            continue;
        }
        match fs::canonicalize(path).and_then(|real| Ok((fs::metadata(&real)?.is_dir(), real))) {
            Ok((true, real)) => listing.directory(path, &real, &real, recursive),
            Ok((false, real)) => listing.add(path, real),
            Err(error) => listing.refuse(path, "unreadable-file", &cannot_read(&error), None),
        }
    }
    listing
}

impl Listing {
    fn add(&mut self, path: &Path, real: PathBuf) {
        if self.files.len() == MAX_FILES {
            if self.complete {
                let message = format!("the input has more than {MAX_FILES} files; the rest is not read");
                self.refuse(path, "too-many-files", &message, None);
            }
        } else if self.seen.insert(real) {
            self.files.push(Named { name: name(path), path: path.to_owned() });
        }
    }

    /// Adds the YAML and JSON files of a directory, sorted by name, below `top`, which is the directory that was named.
    fn directory(&mut self, path: &Path, real: &Path, top: &Path, recursive: bool) {
        // A link to a directory above leads back to one that was seen.
        if !self.seen.insert(real.to_owned()) {
            return;
        }
        let entries = match fs::read_dir(path).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(error) => return self.refuse(path, "unreadable-file", &cannot_read(&error), None),
        };
        let mut names: Vec<_> = entries.into_iter().map(|entry| entry.file_name()).collect();
        names.sort();
        for name in names.into_iter().filter(|name| !name.as_encoded_bytes().starts_with(b".")) {
            let path = path.join(&name);
            let is_document = path.extension().is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|it| extension == *it));
            match fs::canonicalize(&path).and_then(|real| Ok((fs::metadata(&real)?.is_dir(), real))) {
                Ok((is_dir, real)) if (is_dir && recursive || !is_dir && is_document) && !real.starts_with(top) => {
                    let message = "leads out of the directory that was named, so it is not followed";
                    self.refuse(&path, "link-outside", message, Some("name its target with `-f` as well, or take the link away"));
                }
                Ok((true, real)) if recursive => self.directory(&path, &real, top, recursive),
                Ok((false, real)) if is_document => self.add(&path, real),
                Err(error) if is_document => self.refuse(&path, "unreadable-file", &cannot_read(&error), None),
                _ => {}
            }
        }
    }

    fn refuse(&mut self, path: &Path, code: &'static str, message: &str, help: Option<&str>) {
        self.complete = false;
        self.findings.push(finding(&name(path), code, message, help));
    }
}

/// An error about a file as a whole.
pub(super) fn finding(file: &Arc<str>, code: &'static str, message: &str, help: Option<&str>) -> Finding {
    Finding {
        severity: Severity::Error,
        code,
        subject: None,
        path: Box::default(),
        message: message.into(),
        help: help.map(Into::into),
        origin: Origin { file: Arc::clone(file), line: 1, column: 1 },
        span: None,
    }
}

fn name(path: &Path) -> Arc<str> {
    let text = path.to_string_lossy();
    let text = if cfg!(windows) { text.replace('\\', "/") } else { text.into_owned() };
    text.strip_prefix("./").filter(|rest| !rest.is_empty()).unwrap_or(&text).into()
}

fn cannot_read(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "cannot be read: there is no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "cannot be read: permission denied".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}

/// Reads a file, or says why it cannot be read. Nothing is read of a file that is too large.
pub(super) fn read(file: &Named, stdin: &mut dyn Read) -> Result<Vec<u8>, Box<Finding>> {
    let refuse = |code, message: &str, help: Option<&str>| Box::new(finding(&file.name, code, message, help));
    let too_large = || {
        let message = format!("is larger than {} MiB", MAX_FILE >> 20);
        refuse("too-large", &message, Some("divide it into several files"))
    };
    let bytes = if &*file.name == STDIN {
        bounded(stdin, 0)
    } else {
        File::open(&file.path).and_then(|mut open| {
            let size = open.metadata()?.len();
            if size > MAX_FILE as u64 { Ok(None) } else { bounded(&mut open, usize::try_from(size).unwrap_or(0)) }
        })
    };
    match bytes {
        Err(error) => Err(refuse("unreadable-file", &cannot_read(&error), None)),
        Ok(None) => Err(too_large()),
        Ok(Some(bytes)) if bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF") => Err(refuse(
            "not-utf-8",
            "the file is UTF-16",
            Some("save it as UTF-8; in PowerShell, `Out-File -Encoding utf8` does so"),
        )),
        Ok(Some(bytes)) => Ok(bytes),
    }
}

/// Reads to the end, or to one byte behind the bound.
fn bounded(from: &mut dyn Read, expected: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::with_capacity(expected + 1);
    from.take(MAX_FILE as u64 + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() <= MAX_FILE).then_some(bytes))
}
