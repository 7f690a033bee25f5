//! The commit that an input comes from.

use std::env;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::files::STDIN;

/// How long git may take; a commit is worth knowing and not worth waiting for.
const PATIENCE: Duration = Duration::from_secs(5);

/// The commit that the paths were checked out from, with `-dirty` behind it if they differ from it. Where they are not in one work
/// tree of git, or there is no git, the commit that the CI system names. `None` where neither is known.
#[must_use]
pub fn revision(paths: &[PathBuf]) -> Option<String> {
    checked_out(paths).or_else(|| named_by_ci(|name| env::var(name).ok()))
}

fn checked_out(paths: &[PathBuf]) -> Option<String> {
    if paths.is_empty() || paths.iter().any(|path| path.as_os_str() == STDIN) {
        return None;
    }
    let paths: Vec<PathBuf> = paths.iter().map(std::fs::canonicalize).collect::<Result<_, _>>().ok()?;
    let first = if paths[0].is_dir() { &paths[0] } else { paths[0].parent()? };
    let top = PathBuf::from(git(first, &["rev-parse", "--show-toplevel"], &[])?.trim_end());
    let top = std::fs::canonicalize(top).ok()?;
    if !paths.iter().all(|path| path.starts_with(&top)) {
        return None;
    }
    let head = git(&top, &["rev-parse", "--verify", "HEAD"], &[])?;
    let changes = git(&top, &["status", "--porcelain", "--untracked-files=normal", "--"], &paths)?;
    let commit = is_commit(head.trim_end()).then(|| head.trim_end().to_owned())?;
    Some(if changes.is_empty() { commit } else { commit + "-dirty" })
}

fn named_by_ci(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    ["GITHUB_SHA", "CI_COMMIT_SHA"].into_iter().filter_map(variable).find(|value| is_commit(value))
}

fn is_commit(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|b| b.is_ascii_hexdigit())
}

/// What git prints, if it succeeds in time. Neither the configuration of the repository nor the environment of a hook may make it run
/// something else or look elsewhere.
fn git(directory: &Path, arguments: &[&str], paths: &[PathBuf]) -> Option<String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(directory).args([
        "-c",
        "core.fsmonitor=false",
        "-c",
        "core.untrackedCache=keep",
        "--no-optional-locks",
    ]);
    for variable in ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"] {
        command.env_remove(variable);
    }
    command.args(arguments).args(paths);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
    let mut output = child.stdout.take()?;
    let reader = thread::spawn(move || {
        let mut text = String::new();
        output.read_to_string(&mut text).map(|_| text)
    });
    let deadline = Instant::now() + PATIENCE;
    while !reader.is_finished() && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(2));
    }
    if !reader.is_finished() {
        // What git was asked for may be gone together with it; an error here changes nothing.
        let _ = child.kill();
    }
    let success = child.wait().ok()?.success();
    if success { reader.join().ok()?.ok() } else { None }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn run(directory: &Path, arguments: &[&str]) {
        let mut command = Command::new("git");
        command.arg("-C").arg(directory).args(["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]);
        assert!(command.args(arguments).stdout(Stdio::null()).status().unwrap().success());
    }

    #[test]
    fn the_commit_of_a_work_tree_is_named_and_marked_when_it_was_changed() {
        let directory = tempfile::tempdir().unwrap();
        let (top, file) = (directory.path(), directory.path().join("acme/a.yaml"));
        fs::create_dir(top.join("acme")).unwrap();
        fs::write(&file, "a: b\n").unwrap();
        run(top, &["init", "--quiet"]);
        assert_eq!(checked_out(std::slice::from_ref(&file)), None);
        run(top, &["add", "."]);
        run(top, &["commit", "--quiet", "-m", "A"]);
        let commit = checked_out(std::slice::from_ref(&file)).unwrap();
        assert!(is_commit(&commit), "{commit}");
        fs::write(top.join("other.yaml"), "").unwrap();
        assert_eq!(checked_out(std::slice::from_ref(&file)), Some(commit.clone()));
        assert_eq!(checked_out(&[file.clone(), top.to_owned()]), Some(format!("{commit}-dirty")));
        fs::write(&file, "a: c\n").unwrap();
        assert_eq!(checked_out(&[top.join("acme")]), Some(format!("{commit}-dirty")));
        assert_eq!(checked_out(&[file, "-".into()]), None);
        assert_eq!(checked_out(&[top.join("nowhere.yaml")]), None);
    }

    #[test]
    fn a_directory_outside_of_git_has_no_commit() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(checked_out(&[directory.path().to_owned()]), None);
    }

    #[test]
    fn the_commit_that_ci_names_is_taken_when_it_is_one() {
        let sha = "0123456789abcdef0123456789abcdef01234567";
        let of = |set: &'static [(&str, &str)]| {
            named_by_ci(|name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(of(&[("CI_COMMIT_SHA", "0123456789abcdef0123456789abcdef01234567")]).as_deref(), Some(sha));
        assert_eq!(
            of(&[("GITHUB_SHA", "main"), ("CI_COMMIT_SHA", "0123456789abcdef0123456789abcdef01234567")]).as_deref(),
            Some(sha)
        );
        assert_eq!(of(&[("GITHUB_SHA", "$(rm)")]), None);
    }
}
