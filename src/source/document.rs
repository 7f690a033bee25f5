//! Reading one document.

use std::borrow::Cow;
use std::cell::Cell;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeSeed;

use super::envelope::{ANNOTATIONS, Envelope, Of};
use super::limits::{MAX_DOCUMENT, MAX_PLAIN};
use super::path::first_line;
use super::problems::{self, Trouble};
use super::sniff::{self, Head};
use super::sources::span;
use super::split::Part;
use super::strict::Strict;
use super::tree::{self, Node, Tree, Unreadable, Value};
use crate::api::types::ObjectName;
use crate::api::{API_VERSION, GROUP, Kind};
use crate::tenancy::{Finding, HeldManifest, Manifest, Name, Origin, Severity, nearest};

/// What came out of some documents, in their order.
#[derive(Default)]
pub(super) struct Batch {
    pub manifests: Vec<Manifest>,
    pub held: Vec<HeldManifest>,
    pub findings: Vec<Finding>,
    /// How many documents could not be read far enough to know what they are about.
    pub unreadable: usize,
}

/// Reads the document at `part` of a file.
pub(super) fn read(file: &Arc<str>, bytes: &[u8], part: Part, batch: &mut Batch) {
    let document = part.bytes(bytes);
    let mut reading = Reading { file, bytes, part, origin: origin(file, bytes, part, &document), batch };
    match std::str::from_utf8(&document) {
        Ok(text) => reading.text(text),
        Err(error) => {
            let at = error.valid_up_to();
            let message = "the document is not UTF-8";
            reading.unreadable(
                Unreadable::new("not-utf-8", message, at..at + 1)
                    .help("save the file as UTF-8; the position is that of the first wrong byte"),
                None,
            );
        }
    }
}

/// Where the first key stands.
fn origin(file: &Arc<str>, bytes: &[u8], part: Part, document: &[u8]) -> Origin {
    let mut at = 0;
    for line in document.split_inclusive(|byte| *byte == b'\n') {
        let content = line.trim_ascii_start();
        if !content.is_empty() && content[0] != b'#' {
            at += line.len() - content.len();
            break;
        }
        at += line.len();
    }
    let span = span(bytes, part, at..at);
    Origin { file: Arc::clone(file), line: span.line, column: span.column }
}

struct Reading<'b> {
    file: &'b Arc<str>,
    bytes: &'b [u8],
    part: Part,
    origin: Origin,
    batch: &'b mut Batch,
}

impl Reading<'_> {
    fn text(&mut self, text: &str) {
        let is_json = text.trim_start().starts_with('{');
        let head = match is_json {
            true if text.len() > MAX_DOCUMENT => Head::default(),
            true => json_head(text),
            false => sniff::head(text),
        };
        if is_foreign(head) {
            return self.foreign(head.api_version.unwrap_or_default(), head.kind.unwrap_or_default());
        }
        if text.len() > MAX_DOCUMENT {
            let message = format!("the document is larger than {} KiB", MAX_DOCUMENT >> 10);
            return self
                .unreadable(Unreadable::new("too-large", message, 0..0).help("no object of Kubernetes may be this large"), None);
        }
        match fast(text, head, is_json) {
            Some(envelope) => self.accept(envelope),
            None => self.slow(text),
        }
    }

    fn foreign(&mut self, api_version: &str, kind: &str) {
        let message = format!("left alone: {kind} of {api_version} is no object of {GROUP}");
        self.find(Severity::Note, "foreign", None, message);
    }

    fn slow(&mut self, text: &str) {
        match tree::parse(text) {
            Ok(Some(tree)) => self.tree(&tree),
            Ok(None) => {}
            Err(unreadable) => {
                let head = sniff::head(text);
                let kind = head.kind.filter(|_| head.api_version == Some(API_VERSION)).and_then(written);
                let name = sniff::name(text).filter(|(name, _)| ObjectName::parse(name).is_ok());
                self.unreadable(unreadable, kind.zip(name));
            }
        }
    }

    fn tree(&mut self, tree: &Tree<'_>) {
        let (kind, name) = match identity(tree) {
            Ok(Identity::Foreign { api_version, kind }) => return self.foreign(api_version, kind),
            Ok(Identity::Ours { kind, name }) => (kind, name),
            Err(_) if is_kustomization(self.file) => return self.foreign("kustomize.config.k8s.io/v1beta1", "Kustomization"),
            Err(trouble) => return self.held_or_unreadable(None, vec![*trouble]),
        };
        let (bytes, part) = (self.bytes, self.part);
        let (envelope, mut troubles) = problems::read(tree, kind, &|at| span(bytes, part, at..at).line);
        if let Some(trouble) = version_trouble(&tree.root) {
            troubles.insert(0, trouble);
        }
        let broken = troubles.iter().any(|trouble| trouble.severity == Severity::Error);
        match envelope {
            Some(envelope) if !broken => {
                for trouble in troubles {
                    self.trouble(trouble, name.map(|(name, _)| (kind, name.into())));
                }
                self.accept(envelope);
            }
            _ => self.held_or_unreadable(name.map(|name| (kind, name)), troubles),
        }
    }

    fn accept(&mut self, envelope: Envelope<'_>) {
        self.batch.manifests.push(Manifest {
            name: (&*envelope.metadata.name.0).into(),
            namespace: (&*envelope.metadata.namespace.0).into(),
            annotations: envelope.metadata.annotations.0,
            spec: Arc::new(envelope.spec),
            origin: self.origin.clone(),
        });
    }

    fn unreadable(&mut self, unreadable: Unreadable, subject: Option<(Kind, (&str, &str))>) {
        let Unreadable { code, message, help, at } = unreadable;
        self.held_or_unreadable(subject, vec![Trouble::error(code, "", message, at).help(help)]);
    }

    fn held_or_unreadable(&mut self, subject: Option<(Kind, (&str, &str))>, troubles: Vec<Trouble>) {
        let because = troubles.iter().find(|trouble| trouble.severity == Severity::Error).map(|trouble| trouble.message.as_str());
        match subject {
            Some((kind, (name, namespace))) => self.batch.held.push(HeldManifest {
                kind,
                name: name.into(),
                namespace: namespace.into(),
                previous_names: self.previous_names(),
                origin: self.origin.clone(),
                because: because.unwrap_or_default().into(),
            }),
            None => self.batch.unreadable += 1,
        }
        for trouble in troubles {
            self.trouble(trouble, subject.map(|(kind, (name, _))| (kind, name.into())));
        }
    }

    fn previous_names(&self) -> Vec<Name> {
        let document = self.part.bytes(self.bytes);
        let text = String::from_utf8_lossy(&document);
        sniff::previous_names(&text).into_iter().filter(|name| ObjectName::parse(name).is_ok()).map(Name::from).collect()
    }

    fn trouble(&mut self, trouble: Trouble, subject: Option<(Kind, Name)>) {
        let Trouble { severity, code, path, message, help, at } = trouble;
        let span = Some(span(self.bytes, self.part, at));
        let origin = self.origin.clone();
        let help = help.map(Into::into);
        self.batch.findings.push(Finding {
            severity,
            code,
            subject,
            path: path.into(),
            message: message.into(),
            help,
            origin,
            span,
        });
    }

    fn find(&mut self, severity: Severity, code: &'static str, subject: Option<(Kind, Name)>, message: String) {
        let origin = Origin { file: Arc::clone(self.file), ..self.origin.clone() };
        let (path, message) = (Box::default(), message.into());
        self.batch.findings.push(Finding { severity, code, subject, path, message, help: None, origin, span: None });
    }
}

/// Reads a document in which nothing is unusual straight into its type; `None` if there is anything to look at.
fn fast<'t>(text: &'t str, head: Head<'t>, is_json: bool) -> Option<Envelope<'t>> {
    let kind = written(head.kind?)?;
    if head.api_version != Some(API_VERSION) || !head.single || text.len() > MAX_PLAIN || !(is_json || sniff::is_plain(text)) {
        return None;
    }
    let flag = Cell::new(false);
    let envelope = if is_json {
        let mut json = serde_json::Deserializer::from_str(text);
        let envelope = Strict { inner: Of(kind), flag: &flag }.deserialize(&mut json).ok()?;
        json.end().ok()?;
        envelope
    } else {
        Strict { inner: Of(kind), flag: &flag }.deserialize(serde_yaml::Deserializer::from_str(text)).ok()?
    };
    let metadata = &envelope.metadata;
    let is_sound = !flag.get()
        && envelope.api_version == API_VERSION
        && envelope.kind == kind.as_str()
        && ObjectName::parse(&metadata.name.0).is_ok()
        && (metadata.namespace.0.is_empty() || ObjectName::parse(&metadata.namespace.0).is_ok())
        && metadata.annotations.0.keys().all(|name| ANNOTATIONS.contains(&&**name))
        && envelope.spec.check().is_empty();
    is_sound.then_some(envelope)
}

/// Kustomize lets its file leave out what every other document has to say.
fn is_kustomization(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    matches!(name, "kustomization.yaml" | "kustomization.yml")
}

/// The kind, if users write it.
fn written(word: &str) -> Option<Kind> {
    Kind::parse(word).filter(|kind| Kind::WRITTEN.contains(kind))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonHead<'a> {
    #[serde(borrow)]
    api_version: Cow<'a, str>,
    #[serde(borrow)]
    kind: Cow<'a, str>,
}

/// The head of a JSON object; empty if it is none or says something twice.
fn json_head(text: &str) -> Head<'_> {
    match serde_json::from_str(text) {
        Ok(JsonHead { api_version: Cow::Borrowed(api_version), kind: Cow::Borrowed(kind) }) => {
            Head { api_version: Some(api_version), kind: Some(kind), single: true }
        }
        _ => Head::default(),
    }
}

/// Whether the document is surely about something else.
fn is_foreign(head: Head<'_>) -> bool {
    let Head { api_version: Some(api_version), kind: Some(kind), single: true } = head else { return false };
    !is_ours(api_version, kind) && !is_list(api_version, kind)
}

/// Whether the document is a List that was not taken apart, in which objects of ours may be.
fn is_list(api_version: &str, kind: &str) -> bool {
    api_version == "v1" && kind == "List"
}

/// Whether the document is Muster's, or was meant to be: a group that is nearly ours, or our version without a group.
fn is_ours(api_version: &str, kind: &str) -> bool {
    let group = api_version.split_once('/').map_or(api_version, |(group, _)| group);
    let known = written(kind).is_some();
    group == GROUP || nearest(group, [GROUP]).is_some() || (known && (group == "v1alpha1" || group.contains("muster")))
}

/// What a document is about.
enum Identity<'t> {
    Foreign {
        api_version: &'t str,
        kind: &'t str,
    },
    /// An object of ours; the name and namespace if they can be those of an object.
    Ours {
        kind: Kind,
        name: Option<(&'t str, &'t str)>,
    },
}

fn identity<'t>(tree: &'t Tree<'_>) -> Result<Identity<'t>, Box<Trouble>> {
    let root = &tree.root;
    if !matches!(root.value, Value::Map(_)) {
        let message = "the document is no object: a map with `apiVersion`, `kind`, `metadata` and `spec`";
        return Err(Trouble::error("no-object", "", message, first_line(root)).into());
    }
    if let Some(twice) = tree.twice.iter().find(|twice| twice.under.is_empty()) {
        let message = format!("the key `{}` is written twice in one document", twice.key.escape_debug());
        let help = "separate two objects by a line `---`".to_owned();
        return Err(Trouble::error("duplicate-key", "", message, twice.second.clone()).help(Some(help)).into());
    }
    let (api_version, kind) = (field(root, "apiVersion")?, field(root, "kind")?);
    if !is_ours(api_version, kind) && !is_list(api_version, kind) {
        return Ok(Identity::Foreign { api_version, kind });
    }
    let Some(kind) = written(kind) else { return Err(unknown_kind(root, kind).into()) };
    let metadata = root.entry("metadata").map(|entry| &entry.node);
    let name = metadata.and_then(|metadata| metadata.text("name")).filter(|name| ObjectName::parse(name).is_ok());
    let namespace = metadata.and_then(|metadata| metadata.text("namespace")).unwrap_or_default();
    Ok(Identity::Ours { kind, name: name.map(|name| (name, namespace)) })
}

fn field<'t>(root: &'t Node<'_>, name: &str) -> Result<&'t str, Box<Trouble>> {
    root.text(name).filter(|text| !text.is_empty()).ok_or_else(|| {
        let at = root.entry(name).map_or_else(|| first_line(root), |entry| entry.key_span.clone());
        let value = if name == "apiVersion" { API_VERSION } else { "Workspace" };
        let message = format!("the document has no `{name}`");
        let help = format!("write `{name}: {value}`, or keep files that hold no objects in another folder");
        Trouble::error("missing-field", name, message, at).help(Some(help)).into()
    })
}

fn unknown_kind(root: &Node<'_>, kind: &str) -> Trouble {
    let at = root.entry("kind").map_or(0..0, |entry| entry.node.span.clone());
    let kinds = Kind::WRITTEN.map(Kind::as_str);
    let message = format!("unknown kind `{}`", kind.escape_debug());
    let help = match (kind, nearest(kind, kinds)) {
        ("List", _) => {
            "only a List of objects with `items` behind `apiVersion: v1` can be read, each item once and not a List".to_owned()
        }
        (list, _) if list.strip_suffix("List").is_some_and(|kind| written(kind).is_some()) => {
            "`kubectl get -o yaml` prints a List with `apiVersion: v1`, which can be read".to_owned()
        }
        ("Membership", _) => "write it as an entry of `projects` or `workspaces` of a Member".to_owned(),
        (_, Some(meant)) => format!("did you mean `{meant}`?"),
        (_, None) => format!("the kinds are {}", kinds.join(", ")),
    };
    Trouble::error("unknown-kind", "kind", message, at).help(Some(help))
}

fn version_trouble(root: &Node<'_>) -> Option<Trouble> {
    let entry = root.entry("apiVersion")?;
    let written = root.text("apiVersion")?;
    if written == API_VERSION {
        return None;
    }
    let message = format!("unknown apiVersion `{}`", written.escape_debug());
    let trouble = Trouble::error("unknown-version", "apiVersion", message, entry.node.span.clone());
    Some(trouble.help(Some(format!("write `apiVersion: {API_VERSION}`"))))
}
