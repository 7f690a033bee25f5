use super::Objection;
use super::checks::Scope;
use super::index::{Found, Index};
use crate::api::{Kind, Spec};
use crate::tenancy::{Key, Manifest, Severity};

/// Follows every reference inside an organization but those that say which organization it is.
pub fn check(scope: &Scope<'_>, index: &Index<'_>) -> Vec<Objection> {
    let mut objections = Vec::new();
    let mut follow = |manifest: &Manifest, path: &dyn Fn() -> String, (kind, name): (Kind, &str), subject: &dyn Fn() -> Key| {
        if scope.knows(kind, name) {
            return;
        }
        let target = Key::new(kind, name);
        match index.find(&manifest.namespace, &target, Some(scope.organization)) {
            Some(Found::Input(_) | Found::Implied(_) | Found::Several) => {}
            Some(Found::Held) => {
                let message = format!("refers to {target}, which is held back");
                objections.push(Objection::note(manifest, Severity::Note, "reference-held", path(), message));
            }
            found @ (Some(Found::Stored(_)) | None) => {
                let renamed = index.renamed(&manifest.namespace, &target);
                let nearest = || index.nearest(&manifest.namespace, &target);
                objections.push(match (renamed, found) {
                    (Some(new), _) => {
                        let message = format!("refers to {target}, which is {}/{} now", target.kind.label(), new.name);
                        let help = Some(format!("write {}", new.name));
                        Objection::note(manifest, Severity::Note, "reference-renamed", path(), message).help(help)
                    }
                    (None, Some(_)) => {
                        let message = format!("refers to {target}, which is not in the input but still stored");
                        Objection::note(manifest, Severity::Note, "reference-retained", path(), message)
                    }
                    (None, None) => {
                        let message = format!("refers to {target}, which is neither in the input nor stored");
                        let help = nearest().map(|name| format!("did you mean {name}?"));
                        Objection::error(manifest, subject(), "dangling-reference", path(), message).help(help)
                    }
                });
            }
        }
    };
    for manifest in scope.manifests {
        let own = || Key::new(manifest.spec.kind(), manifest.name.clone());
        match &*manifest.spec {
            Spec::Workspace(spec) => {
                if let Some(project) = &spec.project_ref {
                    follow(manifest, &|| "spec.projectRef.name".into(), (Kind::Project, project.name.as_str()), &own);
                }
                if let Some(owner) = &spec.owner {
                    follow(manifest, &|| "spec.owner".into(), (Kind::Member, owner.as_str()), &own);
                }
            }
            Spec::Member(spec) => {
                let mut entry = |list: &str, at: usize, kind: Kind, name: &str| {
                    let subject = || Key::membership(&manifest.name, &Key::new(kind, name));
                    follow(manifest, &|| format!("spec.{list}[{at}].name"), (kind, name), &subject);
                };
                for (at, project) in spec.projects.iter().flat_map(|list| list.iter()).enumerate() {
                    entry("projects", at, Kind::Project, project.name.as_str());
                }
                for (at, workspace) in spec.workspaces.iter().flat_map(|list| list.iter()).enumerate() {
                    entry("workspaces", at, Kind::Workspace, workspace.name.as_str());
                }
                if let Some(workspace) = &spec.default_workspace {
                    follow(manifest, &|| "spec.defaultWorkspace".into(), (Kind::Workspace, workspace.as_str()), &own);
                }
            }
            Spec::AccessTest(spec) => {
                if let Some(project) = &spec.place.project {
                    follow(manifest, &|| "spec.where.project".into(), (Kind::Project, project.as_str()), &own);
                }
                if let Some(workspace) = &spec.place.workspace {
                    follow(manifest, &|| "spec.where.workspace".into(), (Kind::Workspace, workspace.as_str()), &own);
                }
            }
            Spec::Organization(_)
            | Spec::Project(_)
            | Spec::MembershipType(_)
            | Spec::Template(_)
            | Spec::Role(_)
            | Spec::Credential(_) => {}
        }
    }
    objections
}
