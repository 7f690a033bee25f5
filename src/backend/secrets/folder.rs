use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use futures_util::future::{BoxFuture, ready};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use zeroize::Zeroizing;

use super::{Secret, SecretError, Secrets, Values, without_line_end};

/// A folder with a folder for each Secret and a file for each of its keys, as `--secrets` names it.
///
/// What everybody on the machine may read is refused. What Muster writes only it can read, and beside it lies who it was written for.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

/// The file that says which object a folder was written for.
const MARKER: &str = ".muster-owner";

/// More than any service shows at once: where there is no room for that, nothing is made.
const ROOM: usize = 64 * 1024;

/// As Kubernetes limits it.
const LONGEST: u64 = 1024 * 1024;

impl Folder {
    /// The secrets below this folder. Nothing is looked at yet.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }

    fn read_now(&self, name: &str, key: &str) -> Result<Secret, SecretError> {
        let path = self.path.join(part(name)?).join(part(key)?);
        let missing = |error: io::Error| match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => SecretError::Missing { place: place(&path) },
            _ => failed("read", &path, &error),
        };
        let (root, real) = (self.path.canonicalize().map_err(missing)?, path.canonicalize().map_err(missing)?);
        if !real.starts_with(&root) {
            return Err(unusable(&path, "it is a link that leaves the folder; put the file itself there"));
        }
        let file = File::open(&real).map_err(missing)?;
        let about = file.metadata().map_err(missing)?;
        if !about.is_file() {
            return Err(unusable(&path, "it is no file"));
        }
        closed(&path, &about)?;
        let mut bytes = Zeroizing::new(Vec::new());
        file.take(LONGEST + 1).read_to_end(&mut bytes).map_err(missing)?;
        if bytes.len() as u64 > LONGEST {
            return Err(unusable(&path, "it has more than 1 MiB"));
        }
        let text = std::str::from_utf8(&bytes).map_err(|_| unusable(&path, "it is no text in UTF-8"))?;
        match without_line_end(text) {
            "" => Err(unusable(&path, "it is empty")),
            text => Ok(Secret::from(text.to_owned())),
        }
    }

    /// Where the Secret is or will be, if this owner may write it.
    fn mine(&self, owner: &str, name: &str) -> Result<PathBuf, SecretError> {
        let path = self.path.join(part(name)?);
        let about = fs::metadata(&self.path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => unusable(&self.path, "there is no such folder; make it first"),
            _ => failed("write to", &self.path, &error),
        })?;
        if !about.is_dir() {
            return Err(unusable(&self.path, "it is no folder"));
        }
        // Whoever may write to the folder could put another one in the place of the Secret.
        if about.permissions().mode() & 0o002 != 0 {
            return Err(SecretError::Open { place: place(&self.path) });
        }
        let foreign = || SecretError::Foreign { place: place(&path), owner: owner.to_owned() };
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(path),
            Err(error) => Err(failed("look at", &path, &error)),
            Ok(about) if !about.is_dir() => Err(foreign()),
            Ok(_) => match fs::read_to_string(path.join(MARKER)) {
                Ok(written) if written.trim_end() == owner => Ok(path),
                Ok(_) => Err(foreign()),
                Err(error) if error.kind() == ErrorKind::NotFound => Err(foreign()),
                Err(error) => Err(failed("look at", &path, &error)),
            },
        }
    }

    /// A new empty folder beside the others, which nobody takes for a Secret.
    fn scratch(&self, name: &str) -> Result<PathBuf, SecretError> {
        let path = self.path.join(format!(".{name}.{}", uuid::Uuid::new_v4().simple()));
        DirBuilder::new().mode(0o700).create(&path).map_err(|error| failed("write to", &self.path, &error))?;
        Ok(path)
    }

    fn may_write_now(&self, owner: &str, name: &str) -> Result<(), SecretError> {
        let path = self.mine(owner, name)?;
        let scratch = self.scratch(name)?;
        let written = fill(&scratch, owner, &Values::from([("rehearsal".to_owned(), Secret::from("-".repeat(ROOM)))]));
        let removed = fs::remove_dir_all(&scratch);
        written.and(removed).map_err(|error| failed("write", &path, &error))
    }

    fn kept_now(&self, owner: &str, name: &str, key: &str) -> Result<bool, SecretError> {
        Ok(self.mine(owner, name)?.join(part(key)?).is_file())
    }

    fn write_now(&self, owner: &str, name: &str, values: &Values) -> Result<(), SecretError> {
        let path = self.mine(owner, name)?;
        for key in values.keys() {
            part(key)?;
        }
        let scratch = self.scratch(name)?;
        let written = fill(&scratch, owner, values).and_then(|()| put(&scratch, &path));
        // After an exchange this is what was there before.
        let _ = fs::remove_dir_all(&scratch);
        written.and_then(|()| File::open(&self.path)?.sync_all()).map_err(|error| failed("write", &path, &error))
    }
}

fn fill(folder: &Path, owner: &str, values: &Values) -> io::Result<()> {
    let write = |name: &str, content: &[u8]| {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(name))?;
        file.write_all(content)?;
        file.sync_all()
    };
    write(MARKER, format!("{owner}\n").as_bytes())?;
    values.iter().try_for_each(|(key, value)| write(key, value.expose().as_bytes()))?;
    File::open(folder)?.sync_all()
}

/// Puts the new folder in the place of the old one, so that at each moment one of them is there, completely.
fn put(new: &Path, place: &Path) -> io::Result<()> {
    if !place.exists() {
        return fs::rename(new, place);
    }
    match renameat_with(CWD, new, CWD, place, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS | rustix::io::Errno::NOTSUP) => put_in_two_steps(new, place),
        Err(error) => Err(error.into()),
    }
}

/// Where the file system cannot exchange two folders, there is none for a moment.
pub(super) fn put_in_two_steps(new: &Path, place: &Path) -> io::Result<()> {
    let mut old = new.as_os_str().to_owned();
    old.push(".old");
    fs::rename(place, &old)?;
    fs::rename(new, place)?;
    fs::rename(old, new)
}

/// A name or a key, which is one part of a path and not hidden.
fn part(text: &str) -> Result<&str, SecretError> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    match !text.is_empty() && text.len() <= 253 && !text.starts_with('.') && text.bytes().all(fine) {
        true => Ok(text),
        false => Err(SecretError::Unusable {
            place: format!("{text:?}"),
            why: "a name has letters, digits, - _ and . only, and does not begin with a dot",
        }),
    }
}

fn closed(path: &Path, about: &fs::Metadata) -> Result<(), SecretError> {
    match about.permissions().mode() & 0o006 {
        0 => Ok(()),
        _ => Err(SecretError::Open { place: place(path) }),
    }
}

fn place(path: &Path) -> String {
    path.display().to_string()
}

fn unusable(path: &Path, why: &'static str) -> SecretError {
    SecretError::Unusable { place: place(path), why }
}

fn failed(what: &'static str, path: &Path, error: &io::Error) -> SecretError {
    SecretError::Failed { what, place: place(path), why: error.to_string() }
}

impl Secrets for Folder {
    fn read<'a>(&'a self, name: &'a str, key: &'a str) -> BoxFuture<'a, Result<Secret, SecretError>> {
        Box::pin(ready(self.read_now(name, key)))
    }

    fn may_write<'a>(&'a self, owner: &'a str, name: &'a str) -> BoxFuture<'a, Result<(), SecretError>> {
        Box::pin(ready(self.may_write_now(owner, name)))
    }

    fn write<'a>(&'a self, owner: &'a str, name: &'a str, values: &'a Values) -> BoxFuture<'a, Result<(), SecretError>> {
        Box::pin(ready(self.write_now(owner, name, values)))
    }

    fn kept<'a>(&'a self, owner: &'a str, name: &'a str, key: &'a str) -> BoxFuture<'a, Result<bool, SecretError>> {
        Box::pin(ready(self.kept_now(owner, name, key)))
    }

    fn exists<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<bool, SecretError>> {
        let found = part(name).and_then(|name| match fs::symlink_metadata(self.path.join(name)) {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
            Err(error) => Err(failed("look at", &self.path.join(name), &error)),
        });
        Box::pin(ready(found))
    }
}
