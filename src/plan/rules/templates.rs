use std::collections::{BTreeMap, BTreeSet};

use crate::api::Kind;
use crate::plan::{Case, Violation};
use crate::tenancy::view::{TemplateView, View};
use crate::tenancy::{Key, Row, World};

pub(super) fn one_default(case: &Case<'_>) -> Vec<Violation> {
    let several: BTreeMap<String, BTreeSet<Key>> =
        defaults(&case.after).into_iter().filter(|(_, templates)| templates.len() > 1).collect();
    let blame = |(workspace, templates): (&String, &BTreeSet<Key>)| -> Vec<Violation> {
        let becomes = case
            .changes()
            .filter(|(_, change)| templates.contains(&change.key) && !change.before.as_deref().is_some_and(is_default));
        let refuse = |(number, change): (usize, &crate::plan::Change)| {
            let other = templates.iter().find(|key| **key != change.key).map(ToString::to_string).unwrap_or_default();
            Violation {
                change: number,
                because: format!("{other} is the default template of workspace/{workspace} already"),
                way_out: format!("write default: false in {other}; both may be in the same commit"),
            }
        };
        becomes.map(refuse).collect()
    };
    several.iter().flat_map(blame).collect()
}

pub(super) fn default_kept(case: &Case<'_>) -> Vec<Violation> {
    let (before, after) = (defaults(case.before), defaults(&case.after));
    let renames = case.renames();
    let now = |workspace: &str| {
        let old = Key::new(Kind::Workspace, workspace);
        renames.get(&old).map_or(workspace.to_owned(), |key| key.name.to_string())
    };
    let left = |workspace: &str| templates(&case.after).any(|(_, template)| template.workspace_ref.name.as_str() == workspace);
    let lost = before.iter().filter(|(workspace, _)| !after.contains_key(&now(workspace)) && left(&now(workspace)));
    let blame = |(workspace, templates): (&String, &BTreeSet<Key>)| -> Vec<Violation> {
        let was = |change: &crate::plan::Change| change.before.as_ref().is_some_and(|row| templates.contains(&row.key));
        let refuse = |number| Violation {
            change: number,
            because: format!("it is the default template of workspace/{workspace}, which has others"),
            way_out: "make another template of the workspace the default one; both may be in the same commit".to_owned(),
        };
        case.changes().filter(|(_, change)| was(change)).map(|(number, _)| refuse(number)).collect()
    };
    lost.flat_map(blame).collect()
}

fn templates<'w>(world: &'w World<'_>) -> impl Iterator<Item = (&'w Key, &'w TemplateView)> {
    world.of_kind(Kind::Template).iter().filter_map(|item| match &*item.view {
        View::Template(template) => Some((&item.row.key, template)),
        _ => None,
    })
}

/// The default templates by the name of their workspace.
fn defaults(world: &World<'_>) -> BTreeMap<String, BTreeSet<Key>> {
    let mut defaults: BTreeMap<String, BTreeSet<Key>> = BTreeMap::new();
    for (key, template) in templates(world).filter(|(_, template)| template.default) {
        defaults.entry(template.workspace_ref.name.to_string()).or_default().insert(key.clone());
    }
    defaults
}

fn is_default(row: &Row) -> bool {
    row.is_live() && matches!(View::read(Kind::Template, &row.spec), View::Template(template) if template.default)
}
