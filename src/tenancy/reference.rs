use std::collections::BTreeMap;

use serde_json::Value;

use super::Key;
use crate::api::Kind;

/// A field of a stored spec that names another object of the same organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reference {
    /// Where the name stands, from the spec inwards.
    pub path: &'static [&'static str],
    /// The kind of the object it names.
    pub target: Kind,
    /// True when the object is part of its target: it goes and comes with it.
    pub part_of: bool,
}

macro_rules! part_of {
    ($target:ident, $($field:literal),+) => { Reference { path: &[$($field),+], target: Kind::$target, part_of: true } };
}

macro_rules! names {
    ($target:ident, $($field:literal),+) => { Reference { path: &[$($field),+], target: Kind::$target, part_of: false } };
}

/// The references of a kind. A membership refers through its name, and everything is part of its organization.
#[must_use]
pub const fn references(kind: Kind) -> &'static [Reference] {
    match kind {
        Kind::Workspace => &[part_of!(Project, "projectRef", "name"), names!(Member, "owner")],
        Kind::Template | Kind::Credential => &[part_of!(Workspace, "workspaceRef", "name")],
        Kind::Role => &[part_of!(Template, "templateRef", "name")],
        Kind::Member => &[names!(Workspace, "defaultWorkspace")],
        Kind::AccessTest => &[names!(Project, "where", "project"), names!(Workspace, "where", "workspace")],
        Kind::Organization | Kind::MembershipType | Kind::Project | Kind::Membership => &[],
    }
}

/// The objects that an object is part of: its project, workspace or template; for a membership, its member and its place; for a
/// local workspace, its owner. The organization is left out.
#[must_use]
pub fn owners(key: &Key, spec: &str) -> Vec<Key> {
    if let Some((member, place)) = key.member_and_place() {
        return vec![Key::new(Kind::Member, member), place];
    }
    let local = key.kind == Kind::Workspace && spec.contains(r#""scope":"Local""#);
    let part_of = |(target, reference): &(Key, Reference)| reference.part_of || local && target.kind == Kind::Member;
    targets(key, spec).into_iter().filter(part_of).map(|(target, _)| target).collect()
}

/// Every object that a stored spec names, with the reference that does.
#[must_use]
pub fn targets(key: &Key, spec: &str) -> Vec<(Key, Reference)> {
    let references = references(key.kind);
    if references.is_empty() {
        return Vec::new();
    }
    let Ok(spec) = serde_json::from_str::<Value>(spec) else { return Vec::new() };
    let target = |reference: &Reference| {
        let name = reference.path.iter().try_fold(&spec, |value, field| value.get(field))?.as_str()?;
        Some((Key::new(reference.target, name), *reference))
    };
    references.iter().filter_map(target).collect()
}

/// The spec with every reference to a renamed object naming it as it is called now; `None` when it has no such reference.
#[must_use]
pub fn retarget(kind: Kind, spec: &str, renames: &BTreeMap<Key, Key>) -> Option<Box<str>> {
    let mut value: Value = serde_json::from_str(spec).ok()?;
    let mut changed = false;
    for reference in references(kind) {
        let place = reference.path.iter().try_fold(&mut value, |value, field| value.get_mut(field));
        if let Some(place) = place
            && let Some(to) = place.as_str().and_then(|name| renames.get(&Key::new(reference.target, name)))
        {
            *place = to.name.as_str().into();
            changed = true;
        }
    }
    changed.then(|| value.to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_membership_is_part_of_its_member_and_of_its_place() {
        let key = Key::membership("alice", &Key::new(Kind::Project, "core"));
        assert_eq!(owners(&key, "{}"), [Key::new(Kind::Member, "alice"), Key::new(Kind::Project, "core")]);
    }

    #[test]
    fn a_workspace_is_part_of_its_project_and_only_names_its_owner() {
        let key = Key::new(Kind::Workspace, "design");
        let spec = r#"{"owner":"alice","projectRef":{"name":"core"}}"#;
        assert_eq!(owners(&key, spec), [Key::new(Kind::Project, "core")]);
        assert_eq!(targets(&key, spec).len(), 2);
    }

    #[test]
    fn a_local_workspace_is_part_of_its_owner() {
        let key = Key::new(Kind::Workspace, "local-alice");
        assert_eq!(owners(&key, r#"{"owner":"alice","scope":"Local"}"#), [Key::new(Kind::Member, "alice")]);
    }

    #[test]
    fn a_rename_is_followed_where_the_old_name_stands_and_nowhere_else() {
        let workspace = |name| Key::new(Kind::Workspace, name);
        let renames = BTreeMap::from([(workspace("design"), workspace("drawing"))]);
        assert_eq!(
            retarget(Kind::Template, r#"{"name":"design","workspaceRef":{"name":"design"}}"#, &renames).as_deref(),
            Some(r#"{"name":"design","workspaceRef":{"name":"drawing"}}"#)
        );
        assert_eq!(retarget(Kind::Template, r#"{"workspaceRef":{"name":"other"}}"#, &renames), None);
        assert_eq!(retarget(Kind::Role, r#"{"templateRef":{"name":"design"}}"#, &renames), None);
    }

    #[test]
    fn a_reference_follows_one_step_of_a_chain_of_renames() {
        let workspace = |name| Key::new(Kind::Workspace, name);
        let renames = BTreeMap::from([(workspace("a"), workspace("b")), (workspace("b"), workspace("c"))]);
        let followed = |name: &str| retarget(Kind::Member, &format!(r#"{{"defaultWorkspace":"{name}"}}"#), &renames);
        assert_eq!(followed("a").as_deref(), Some(r#"{"defaultWorkspace":"b"}"#));
        assert_eq!(followed("b").as_deref(), Some(r#"{"defaultWorkspace":"c"}"#));
    }
}
