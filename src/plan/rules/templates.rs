use std::collections::{BTreeMap, BTreeSet};

use crate::api::Kind;
use crate::plan::{Case, Violation};
use crate::tenancy::view::{TemplateView, View};
use crate::tenancy::{Key, Row, World};

pub(super) fn one_default(case: &Case<'_>) -> Vec<Violation> {
    let mut violations = Vec::new();
    for (workspace, templates) in defaults(&case.after).into_iter().filter(|(_, templates)| templates.len() > 1) {
        let changes = templates.iter().filter_map(|key| case.change_of(key));
        for (number, change) in changes.filter(|(_, change)| !change.before.as_deref().is_some_and(is_default)) {
            let other = templates.iter().find(|key| **key != change.key).map(ToString::to_string).unwrap_or_default();
            violations.push(Violation {
                change: number,
                because: format!("{other} is the default template of {workspace} already"),
                way_out: format!("write default: false in {other}; both may be in the same commit"),
            });
        }
    }
    violations
}

pub(super) fn default_kept(case: &Case<'_>) -> Vec<Violation> {
    let (before, after) = (defaults(case.before), defaults(&case.after));
    let with_templates: BTreeSet<Key> = templates(&case.after).map(|(_, template)| workspace_of(template)).collect();
    let renames = case.renames();
    let mut violations = Vec::new();
    for (workspace, templates) in before {
        let now = renames.get(&workspace).copied().unwrap_or(&workspace);
        if after.contains_key(now) || !with_templates.contains(now) {
            continue;
        }
        for (change, _) in templates.iter().filter_map(|key| case.change_from(key)) {
            violations.push(Violation {
                change,
                because: format!("it is the default template of {workspace}, which has others"),
                way_out: "make another template of the workspace the default one; both may be in the same commit".to_owned(),
            });
        }
    }
    violations
}

fn templates<'w>(world: &'w World<'_>) -> impl Iterator<Item = (&'w Key, &'w TemplateView)> {
    world.of_kind(Kind::Template).iter().filter_map(|item| match &*item.view {
        View::Template(template) => Some((&item.row.key, template)),
        _ => None,
    })
}

fn workspace_of(template: &TemplateView) -> Key {
    Key::new(Kind::Workspace, template.workspace_ref.name.as_str())
}

/// The default templates by their workspace.
fn defaults(world: &World<'_>) -> BTreeMap<Key, BTreeSet<Key>> {
    let mut defaults: BTreeMap<Key, BTreeSet<Key>> = BTreeMap::new();
    for (key, template) in templates(world).filter(|(_, template)| template.default) {
        defaults.entry(workspace_of(template)).or_default().insert(key.clone());
    }
    defaults
}

fn is_default(row: &Row) -> bool {
    row.is_live() && matches!(View::read(Kind::Template, &row.spec), View::Template(template) if template.default)
}
