//! The real Helm, asked through `tests/chart/render.py`.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize as _;
use serde_json::{Map, Value, json};

/// Where this repository is.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A file of this repository.
pub fn file(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The values of `tests/chart/values`, by the name of their file.
pub fn values(name: &str) -> Value {
    serde_yaml::from_str(&file(&format!("tests/chart/values/{name}.yaml"))).unwrap()
}

/// The names of all files with values.
pub fn all_values() -> Vec<String> {
    let files = std::fs::read_dir(root().join("tests/chart/values")).unwrap();
    let name = |path: PathBuf| path.file_stem().unwrap().to_str().unwrap().to_owned();
    let mut names: Vec<String> = files.map(|entry| name(entry.unwrap().path())).collect();
    names.sort();
    assert!(names.len() > 4, "{names:?}");
    names
}

/// A program that asks Helm, for as long as this value lives.
pub struct Helm {
    child: Child,
    questions: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Drop for Helm {
    fn drop(&mut self) {
        self.questions = None;
        let _ = self.child.wait();
    }
}

impl Helm {
    /// Starts it, or says loudly that the test is skipped where Helm is missing.
    pub fn start() -> Option<Self> {
        let ours = root().join("target/helm/bin/python3");
        let python = std::env::var_os("HELM_PYTHON").map_or(ours, PathBuf::from);
        let python = if python.exists() { python } else { "python3".into() };
        let there = Command::new(&python).args(["-c", "import helm_python"]).stderr(Stdio::null()).status();
        if !there.is_ok_and(|status| status.success()) {
            // The test harness swallows what is printed, but not what is written.
            let why = "no python3 has the package helm-python-sdk (HELM_PYTHON names one; .ci/run makes one)";
            let _ = writeln!(std::io::stderr(), "SKIPPED: Helm was not asked, because {why}");
            return None;
        }
        let mut command = Command::new(python);
        command.arg(root().join("tests/chart/render.py")).stdin(Stdio::piped()).stdout(Stdio::piped()).env_remove("KUBECONFIG");
        let mut child = command.spawn().unwrap();
        let (questions, answers) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Some(Self { child, questions, answers })
    }

    fn ask(&mut self, action: &str, values: &Value, more: &Value) -> Result<Value, String> {
        let mut question = json!({ "do": action, "chart": root().join("charts/muster"), "values": values });
        question.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_else(Map::new));
        writeln!(self.questions.as_mut().unwrap(), "{question}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).expect("it answers with one line of JSON");
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer["ok"].clone()),
        }
    }

    /// The objects that the chart makes of these values, or why it makes none.
    pub fn render(&mut self, values: &Value) -> Result<Vec<Value>, String> {
        let answer = self.ask("render", values, &Value::Null)?;
        let files = answer.as_object().expect("a file is a path with a text").iter().filter(|(path, _)| !path.ends_with(".txt"));
        Ok(files.flat_map(|(path, text)| documents(path, text.as_str().unwrap())).collect())
    }

    /// What the notes say that are shown after an installation.
    pub fn notes(&mut self, values: &Value) -> String {
        self.ask("render", values, &Value::Null).unwrap()["muster/templates/NOTES.txt"].as_str().unwrap().to_owned()
    }

    /// What the linter says, as text.
    pub fn lint(&mut self, values: &Value) -> Value {
        self.ask("lint", values, &Value::Null).unwrap()
    }

    /// Installs, upgrades or uninstalls the release `muster` for real.
    pub fn change(&mut self, action: &str, kubeconfig: &str, values: &Value) {
        let done = self.ask(action, values, &json!({ "kubeconfig": kubeconfig }));
        done.unwrap_or_else(|error| panic!("{action}: {error}"));
    }
}

/// The documents of a file of YAML.
pub fn documents(path: &str, text: &str) -> Vec<Value> {
    let read = |document| Value::deserialize(document).unwrap_or_else(|error| panic!("{path}: {error}\n{text}"));
    serde_yaml::Deserializer::from_str(text).map(read).filter(|document| !document.is_null()).collect()
}

/// `Deployment/muster-system/muster`.
pub fn name(object: &Value) -> String {
    let metadata = &object["metadata"];
    let part = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    format!("{}/{}/{}", part(&object["kind"]), part(&metadata["namespace"]), part(&metadata["name"]))
}

/// The objects of a kind.
pub fn of_kind<'a>(objects: &'a [Value], kind: &str) -> Vec<&'a Value> {
    objects.iter().filter(|object| object["kind"] == kind).collect()
}

/// The elements of a list, none where there is no list.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// The strings of a list.
pub fn strings(value: &Value) -> Vec<&str> {
    list(value).iter().map(|text| text.as_str().expect("a string")).collect()
}
