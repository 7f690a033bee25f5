//! The examples, as somebody runs them with the program against the doubles.

#[path = "live/aaq.rs"]
mod aaq;
#[path = "live/fastpix.rs"]
mod fastpix;
#[path = "live/hundredms.rs"]
mod hundredms;
#[path = "live/life.rs"]
mod life;
#[path = "live/walks.rs"]
mod walks;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;

use tokio::runtime::Runtime;

use crate::faults::{Fault, Front, Kind};
use crate::program::{Place, Ran};

/// A copy of an example, a place for secrets, and a double that the copy leads to.
pub struct Live<D> {
    pub runtime: Runtime,
    pub place: Place,
    pub double: D,
}

const FLAGS: &str = "-f example --secrets secrets --backend-allow 127.0.0.1";

impl<D> Live<D> {
    /// An example whose `url` is this double's.
    pub fn new(example: &str, url: &str, (runtime, double): (Runtime, D), of: impl Fn(&D) -> String) -> Self {
        let place = Place::new();
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(example);
        let to = place.path().join("example");
        fs::create_dir(&to).unwrap();
        for file in fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()) {
            if file.extension().is_some_and(|end| end == "yaml") {
                let text = fs::read_to_string(&file).unwrap().replace(url, &of(&double));
                fs::write(to.join(file.file_name().unwrap()), text).unwrap();
            }
        }
        Self { runtime, place, double }
    }

    /// Writes a secret as somebody careful does.
    pub fn secret(&self, name: &str, key: &str, value: &str) {
        let folder = self.place.path().join("secrets").join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(key), value).unwrap();
        fs::set_permissions(folder.join(key), fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Changes a file of the copy.
    pub fn rewrite(&self, file: &str, from: &str, to: &str) {
        let path = self.place.path().join("example").join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        fs::write(path, text.replace(from, to)).unwrap();
    }

    pub fn plan(&self) -> Ran {
        self.place.run(&format!("plan {FLAGS}"))
    }

    pub fn apply(&self) -> Ran {
        self.place.run(&format!("apply {FLAGS} --auto-approve"))
    }

    /// Applies, and is killed while the answer to this request is on its way: the request was carried out.
    pub fn is_killed_at(&self, front: &Front, request: usize) {
        front.plant(Fault::new(Kind::Hold).nth(request));
        let mut command = self.place.command(&format!("apply {FLAGS} --auto-approve"));
        let mut muster = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        self.runtime.block_on(front.until_waiting(1));
        muster.kill().unwrap();
        muster.wait().unwrap();
        front.calm();
    }

    /// Everything that the program left behind, beside the secrets: nothing of it may hold one.
    pub fn left_behind(&self) -> Vec<Vec<u8>> {
        let files = fs::read_dir(self.place.path()).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|path| path.is_file()).map(|path| fs::read(path).unwrap()).collect()
    }
}

/// Fails where one of these is a part of one of those.
#[track_caller]
pub fn assert_nowhere(secrets: &[String], texts: &[Vec<u8>]) {
    for secret in secrets {
        assert!(secret.len() > 5);
        let is_in = |text: &Vec<u8>| text.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(!texts.iter().any(is_in), "a secret was written down");
    }
}
