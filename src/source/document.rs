//! Reading one document.

use std::cell::Cell;
use std::sync::Arc;

use serde::de::DeserializeSeed;

use super::envelope::{ANNOTATIONS, Envelope, Of, is_printable};
use super::identity::{self, Identity, can_be_named, identity, is_foreign, is_kustomization, version_trouble, written};
use super::limits::{MAX_DOCUMENT, MAX_PLAIN};
use super::problems::{self, Trouble};
use super::sniff::{self, Head};
use super::sources::span;
use super::split::Part;
use super::strict::Strict;
use super::tree::{self, Tree, Unreadable};
use super::typed::shown;
use crate::api::types::ObjectName;
use crate::api::{API_VERSION, GROUP, Kind};
use crate::tenancy::{Finding, HeldManifest, Manifest, Name, Origin, Severity};

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
    let own = part.bytes(bytes);
    let mut document = Document { file, bytes, part, origin: origin(file, bytes, part, &own), batch };
    match std::str::from_utf8(&own) {
        Ok(text) => document.text(text),
        Err(error) => {
            let at = error.valid_up_to();
            let unreadable = Unreadable::new("not-utf-8", "the document is not UTF-8", at..at + 1);
            document.unreadable(unreadable.help("save the file as UTF-8; the position is that of the first wrong byte"), None);
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

struct Document<'b> {
    file: &'b Arc<str>,
    bytes: &'b [u8],
    part: Part,
    origin: Origin,
    batch: &'b mut Batch,
}

impl Document<'_> {
    fn text(&mut self, text: &str) {
        let is_json = text.trim_start().starts_with('{');
        let is_large = text.len() > MAX_DOCUMENT;
        let head = match is_json {
            true if is_large => Head::default(),
            true => identity::json_head(text),
            false => sniff::head(text),
        };
        if is_foreign(head) {
            return self.foreign(head.api_version.unwrap_or_default(), head.kind.unwrap_or_default());
        }
        if is_large {
            let message = format!("the document is larger than {} KiB", MAX_DOCUMENT >> 10);
            let unreadable = Unreadable::new("too-large", message, 0..0).help("no object of Kubernetes may be this large");
            return self.unreadable(unreadable, None);
        }
        match fast(text, head, is_json) {
            Some(envelope) => self.accept(envelope),
            None => self.slow(text),
        }
    }

    fn foreign(&mut self, api_version: &str, kind: &str) {
        self.batch.findings.push(Finding {
            severity: Severity::Note,
            code: "foreign",
            subject: None,
            path: Box::default(),
            message: format!("left alone: {} of {} is no object of {GROUP}", shown(kind), shown(api_version)).into(),
            help: None,
            origin: self.origin.clone(),
            span: None,
        });
    }

    fn slow(&mut self, text: &str) {
        match tree::parse(text) {
            Ok(Some(tree)) => self.tree(&tree),
            Ok(None) => {}
            Err(unreadable) => {
                let head = sniff::head(text);
                let kind = head.kind.filter(|_| head.api_version == Some(API_VERSION)).and_then(written);
                let name = sniff::name(text).filter(|(name, namespace)| can_be_named(name, namespace));
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
        && can_be_named(&metadata.name.0, &metadata.namespace.0)
        && metadata.annotations.0.iter().all(|(name, value)| ANNOTATIONS.contains(&&**name) && is_printable(value))
        && envelope.spec.check().is_empty();
    is_sound.then_some(envelope)
}
