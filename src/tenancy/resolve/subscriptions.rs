use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::Objection;
use super::checks::Scope;
use super::index::Index;
use crate::api::{Kind, RoleSpec, Spec, TemplateSpec};
use crate::tenancy::view::View;
use crate::tenancy::{Key, Manifest, Name, Severity, Snapshot, nearest};

/// Where a document names an mrole by the name that the outside world calls it by.
struct Mention<'m> {
    manifest: &'m Manifest,
    template: &'m str,
    name: &'m str,
    path: Cow<'static, str>,
}

/// Follows the subscriptions of roles.muster.dev, and what a template records, streams and transcribes: each names an mrole of the same
/// template, in the input, held back or only stored.
pub fn check(scope: &Scope<'_>, index: &Index<'_>, snapshot: Option<&Snapshot>) -> Vec<Objection> {
    let roles = || scope.manifests.iter().filter_map(|manifest| Some((*manifest, role(manifest)?)));
    let known: BTreeSet<(&str, &str)> = roles().map(|(manifest, spec)| (template(spec), outside_name(manifest, spec))).collect();
    let mut open = Vec::new();
    for (manifest, spec) in roles() {
        let wanted = spec.subscribe_params.as_ref().and_then(|params| params.subscribe_to_roles.as_ref());
        let names = wanted.into_iter().flat_map(|roles| roles.iter()).map(|name| name.as_str());
        let path = Cow::Borrowed("spec.subscribeParams.subscribeToRoles");
        open.extend(names.map(|name| Mention { manifest, template: template(spec), name, path: path.clone() }));
    }
    for manifest in scope.manifests {
        if let Spec::Template(spec) = &*manifest.spec {
            let mention = |(path, name)| Mention { manifest, template: &manifest.name, name, path: Cow::Owned(path) };
            open.extend(mentions(spec).into_iter().map(mention));
        }
    }
    open.retain(|mention| !known.contains(&(mention.template, mention.name)));
    if open.is_empty() {
        return Vec::new();
    }
    let candidates = Candidates::of(scope, index, snapshot);
    open.iter().filter_map(|mention| candidates.objection(mention)).collect()
}

/// The mroles that a template names, with the fields that do.
fn mentions(spec: &TemplateSpec) -> Vec<(String, &str)> {
    let mut found: Vec<(String, &str)> = Vec::new();
    if let Some(to) = &spec.destinations {
        let browser =
            to.browser_recordings.iter().flat_map(|map| map.iter()).map(|(key, it)| ("browserRecordings", key, &it.role));
        let hls = to.hls_destinations.iter().flat_map(|map| map.iter());
        let hls = hls.filter_map(|(key, it)| Some(("hlsDestinations", key, it.role.as_ref()?)));
        let notes = to.transcriptions.iter().flat_map(|map| map.iter()).map(|(key, it)| ("transcriptions", key, &it.role));
        let all = browser.chain(hls).chain(notes);
        found.extend(all.map(|(field, key, role)| (format!("spec.destinations.{field}.{key}.role"), role.as_str())));
    }
    let recordings = spec.recordings.iter().flat_map(|list| list.iter()).enumerate();
    found.extend(recordings.map(|(at, it)| (format!("spec.recordings[{at}].role"), it.role.as_str())));
    let whiteboard = spec.plugins.as_ref().and_then(|plugins| plugins.whiteboard.as_ref()?.permissions.as_ref());
    if let Some(may) = whiteboard {
        for (field, roles) in [("admin", &may.admin), ("writer", &may.writer), ("reader", &may.reader)] {
            let path = || format!("spec.plugins.whiteboard.permissions.{field}");
            found.extend(roles.iter().flat_map(|roles| roles.iter()).map(|role| (path(), role.as_str())));
        }
    }
    found
}

fn role(manifest: &Manifest) -> Option<&RoleSpec> {
    match &*manifest.spec {
        Spec::Role(spec) => Some(spec),
        _ => None,
    }
}

fn template(spec: &RoleSpec) -> &str {
    spec.template_ref.name.as_str()
}

fn outside_name<'m>(manifest: &'m Manifest, spec: &'m RoleSpec) -> &'m str {
    spec.name.as_ref().map_or(manifest.name.as_str(), |name| name.as_str())
}

/// Everything that a subscription may mean which is not plainly in the input, by the name of the template as it is now.
struct Candidates<'a> {
    index: &'a Index<'a>,
    input: BTreeSet<(Name, &'a str)>,
    stored: BTreeMap<(Name, Box<str>), &'a Name>,
}

impl<'a> Candidates<'a> {
    fn of(scope: &Scope<'a>, index: &'a Index<'a>, snapshot: Option<&'a Snapshot>) -> Self {
        let mut candidates = Self { index, input: BTreeSet::new(), stored: BTreeMap::new() };
        let namespace = scope.manifests.first().map(|manifest| &manifest.namespace);
        let mut written = BTreeSet::new();
        for (manifest, spec) in scope.manifests.iter().filter_map(|manifest| Some((*manifest, role(manifest)?))) {
            candidates.input.insert((candidates.now(&manifest.namespace, template(spec)), outside_name(manifest, spec)));
            written.insert(&manifest.name);
        }
        let rows = snapshot.into_iter().flat_map(|snapshot| snapshot.live(Kind::Role));
        for row in rows.filter(|row| !written.contains(&row.key.name)) {
            let (View::Role(view), Some(namespace)) = (View::read(Kind::Role, &row.spec), namespace) else { continue };
            if index.renamed(namespace, &row.key).is_none() {
                let name = view.name.unwrap_or_else(|| row.key.name.as_str().into());
                candidates.stored.insert((candidates.now(namespace, view.template_ref.name.as_str()), name), &row.key.name);
            }
        }
        candidates
    }

    /// What a template of this name is called now.
    fn now(&self, namespace: &Name, template: &str) -> Name {
        let renamed = self.index.renamed(namespace, &Key::new(Kind::Template, template));
        renamed.map_or_else(|| template.into(), |manifest| manifest.name.clone())
    }

    fn objection(&self, mention: &Mention<'_>) -> Option<Objection> {
        let Mention { manifest, template, name, path } = mention;
        let now = self.now(&manifest.namespace, template);
        if self.input.contains(&(now.clone(), *name)) {
            return None;
        }
        let does = if manifest.spec.kind() == Kind::Role { "subscribes to" } else { "names" };
        let note = |code, why| {
            Objection::note(manifest, Severity::Note, code, path.to_string(), format!("{does} {name}, which is {why}"))
        };
        let stored = self.stored.get(&(now.clone(), (*name).into()));
        if self.index.is_held(&manifest.namespace, Kind::Role, stored.map_or(name, |name| name.as_str())) {
            return Some(note("reference-held", "held back"));
        }
        if stored.is_some() {
            return Some(note("reference-retained", "not in the input but still stored"));
        }
        let message = format!("{does} {name}, which is no mrole of template/{template}, in the input or stored");
        let own = Key::new(manifest.spec.kind(), manifest.name.clone());
        let input = self.input.iter().filter(|(other, _)| *other == now).map(|(_, name)| *name);
        let stored = self.stored.keys().filter(|(other, _)| *other == now).map(|(_, name)| &**name);
        let help = nearest(name, input.chain(stored)).map(|name| format!("did you mean {name}?"));
        Some(Objection::error(manifest, own, "dangling-reference", path.to_string(), message).help(help))
    }
}
