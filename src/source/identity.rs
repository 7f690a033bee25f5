//! What a document is about: an object of ours, or of somebody else, or nothing that can be known.

use std::borrow::Cow;

use serde::Deserialize;

use super::path::first_line;
use super::problems::Trouble;
use super::sniff::Head;
use super::tree::{Node, Tree, Value};
use super::typed::shown;
use crate::api::types::ObjectName;
use crate::api::{API_VERSION, GROUP, Kind};
use crate::tenancy::nearest;

/// Kustomize lets its file leave out what every other document has to say.
pub(super) fn is_kustomization(file: &str) -> bool {
    let name = file.rsplit('/').next().unwrap_or(file);
    matches!(name, "kustomization.yaml" | "kustomization.yml")
}

/// The kind, if users write it.
pub(super) fn written(word: &str) -> Option<Kind> {
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
pub(super) fn json_head(text: &str) -> Head<'_> {
    match serde_json::from_str(text) {
        Ok(JsonHead { api_version: Cow::Borrowed(api_version), kind: Cow::Borrowed(kind) }) => {
            Head { api_version: Some(api_version), kind: Some(kind), single: true }
        }
        _ => Head::default(),
    }
}

/// Whether the document is surely about something else.
pub(super) fn is_foreign(head: Head<'_>) -> bool {
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
pub(super) enum Identity<'t> {
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

pub(super) fn identity<'t>(tree: &'t Tree<'_>) -> Result<Identity<'t>, Box<Trouble>> {
    let root = &tree.root;
    if !matches!(root.value, Value::Map(_)) {
        let message = "the document is no object: a map with `apiVersion`, `kind`, `metadata` and `spec`";
        return Err(Trouble::error("no-object", "", message, first_line(root)).into());
    }
    if let Some(twice) = tree.twice.iter().find(|twice| twice.under.is_empty()) {
        let message = format!("the key `{}` is written twice in one document", shown(&twice.key));
        let help = "separate two objects by a line `---`".to_owned();
        return Err(Trouble::error("duplicate-key", "", message, twice.second.clone()).help(Some(help)).into());
    }
    let (api_version, kind) = (field(root, "apiVersion")?, field(root, "kind")?);
    if !is_ours(api_version, kind) && !is_list(api_version, kind) {
        return Ok(Identity::Foreign { api_version, kind });
    }
    let Some(kind) = written(kind) else { return Err(unknown_kind(root, kind).into()) };
    let metadata = root.entry("metadata").map(|entry| &entry.node);
    let text = |name| metadata.and_then(|metadata| metadata.text(name));
    let name = text("name").map(|name| (name, text("namespace").unwrap_or_default()));
    Ok(Identity::Ours { kind, name: name.filter(|(name, namespace)| can_be_named(name, namespace)) })
}

/// True where an object can have this name and namespace, which is empty where there is none.
pub(super) fn can_be_named(name: &str, namespace: &str) -> bool {
    ObjectName::parse(name).is_ok() && (namespace.is_empty() || ObjectName::parse(namespace).is_ok())
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
    let message = format!("unknown kind `{}`", shown(kind));
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

pub(super) fn version_trouble(root: &Node<'_>) -> Option<Trouble> {
    let entry = root.entry("apiVersion")?;
    let written = root.text("apiVersion")?;
    if written == API_VERSION {
        return None;
    }
    let message = format!("unknown apiVersion `{}`", shown(written));
    let trouble = Trouble::error("unknown-version", "apiVersion", message, entry.node.span.clone());
    Some(trouble.help(Some(format!("write `apiVersion: {API_VERSION}`"))))
}
