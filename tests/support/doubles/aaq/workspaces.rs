//! The operations on workspaces.

use serde_json::{Value, json};

use super::answer::{Answer, Failure, detail, exception};
use super::body::{Fields, path_number};
use super::database::{Database, LANGUAGES, Role, Workspace};
use super::logins::{API_DAILY_QUOTA, CONTENT_QUOTA};
use super::routes::Request;
use super::{Crash, Service};

const MAY_NOT_RETRIEVE: &str = "Calling user does not have the correct role to retrieve workspaces.";
const NOT_AN_ADMIN: &str = "Calling user is not an admin in the workspace.";

impl Service {
    /// The workspace that a token names; nobody catches that there is none of that name any more.
    pub fn current(&self, name: &str) -> Result<Workspace, Failure> {
        self.database.workspace(name).cloned().map_or_else(|| not_found(&format!("name {name}")), Ok)
    }

    /// Fails here if it shall.
    pub fn crash_at(&mut self, point: Crash) -> Result<(), Failure> {
        if self.crash != Some(point) {
            return Ok(());
        }
        self.crash = None;
        exception("sqlalchemy.exc.OperationalError", "(asyncpg.exceptions.ConnectionDoesNotExistError) connection was closed")
    }
}

/// An exception that nobody catches.
pub fn not_found<T>(which: &str) -> Result<T, Failure> {
    exception("app.workspaces.utils.WorkspaceNotFoundError", &format!("Workspace with {which} does not exist."))
}

pub fn create(service: &mut Service, request: &Request) -> Answer {
    let (caller, _) = service.caller(request)?;
    let body = request.json();
    let names = match &body {
        Value::Array(items) => {
            let names =
                items.iter().enumerate().map(|(index, item)| requested(item, &[json!("list[WorkspaceCreate]"), json!(index)]));
            names.collect::<Result<Vec<_>, _>>()?
        }
        one => vec![requested(one, &[json!("WorkspaceCreate")])?],
    };
    if service.database.default_workspace(caller.id).is_none() {
        return detail(403, "Calling user must be assigned to a workspace first before creating workspaces.");
    }
    let mut created = Vec::new();
    for name in names {
        // A name that is taken is passed over without a word.
        if service.database.workspace(&name).is_none() {
            let id = service.database.create_workspace(&name, Some(API_DAILY_QUOTA), Some(CONTENT_QUOTA));
            service.front.applied(format!("created workspace {name}"));
            service.crash_at(Crash::AfterWorkspace)?;
            service.database.join(caller.id, id, Role::Admin, false);
            created.extend(service.database.workspace_by_id(id).map(Database::workspace_json));
        }
    }
    Ok(created.into())
}

/// The name that is asked for. Quotas and language may be asked for, and are not looked at.
fn requested(item: &Value, place: &[Value]) -> Result<String, Failure> {
    let mut fields = Fields::at(item, place);
    fields.number_or("api_daily_quota", API_DAILY_QUOTA);
    fields.number_or("content_quota", CONTENT_QUOTA);
    fields.text_or("doc_language", LANGUAGES[0]);
    let name = fields.text("workspace_name");
    fields.finish().map(|()| name)
}

pub fn list(service: &mut Service, request: &Request) -> Answer {
    let (caller, _) = service.caller(request)?;
    let administered = service.database.administered_by(caller.id);
    if administered.is_empty() {
        return detail(403, MAY_NOT_RETRIEVE);
    }
    Ok(administered.iter().map(Database::workspace_json).collect())
}

pub fn current(service: &mut Service, request: &Request) -> Answer {
    let (_, name) = service.caller(request)?;
    service.current(&name).map(|workspace| Database::workspace_json(&workspace))
}

pub fn get(service: &mut Service, request: &Request) -> Answer {
    let (caller, _) = service.caller(request)?;
    let id = path_number("workspace_id", &request.param)?;
    let administered = service.database.administered_by(caller.id);
    if administered.is_empty() {
        return detail(403, MAY_NOT_RETRIEVE);
    }
    match administered.iter().find(|workspace| workspace.id == id) {
        Some(workspace) => Ok(Database::workspace_json(workspace)),
        None => detail(403, NOT_AN_ADMIN),
    }
}

pub fn of_user(service: &mut Service, request: &Request) -> Answer {
    let (caller, _) = service.caller(request)?;
    let id = path_number("user_id", &request.param)?;
    let administered = service.database.administered_by(caller.id);
    if administered.is_empty() {
        return detail(403, MAY_NOT_RETRIEVE);
    }
    if service.database.user_by_id(id).is_none() {
        return detail(404, format!("User ID {id} not found."));
    }
    let theirs = service.database.memberships_of(id);
    let mut shared = administered.iter().filter(|workspace| theirs.iter().any(|row| row.workspace == workspace.id)).peekable();
    if shared.peek().is_none() {
        return detail(403, "Calling user is not an admin in the same workspace as the user.");
    }
    Ok(shared.map(Database::workspace_json).collect())
}

pub fn rotate_key(service: &mut Service, request: &Request) -> Answer {
    let (caller, name) = service.caller(request)?;
    let workspace = service.current(&name)?;
    if service.database.role(caller.id, workspace.id) != Some(Role::Admin) {
        return detail(403, "Calling user does not have the correct role to request a new API key for the workspace.");
    }
    let key = service.database.rotate_key(workspace.id);
    service.secrets.push(key.clone());
    service.front.applied(format!("rotated the key of {name}"));
    Ok(json!({"new_api_key": key, "workspace_name": name}))
}

pub fn switch(service: &mut Service, request: &Request) -> Answer {
    let (caller, _) = service.caller(request)?;
    let body = request.json();
    let mut fields = Fields::of(&body);
    let name = fields.text("workspace_name");
    fields.finish()?;
    let role = service.database.workspace(&name).and_then(|workspace| service.database.role(caller.id, workspace.id));
    match role {
        Some(role) => Ok(service.details(&caller.username, role, &name)),
        None => detail(400, format!("Workspace with workspace name '{name}' not found.")),
    }
}

pub fn update(service: &mut Service, request: &Request) -> Answer {
    let (caller, _) = service.caller(request)?;
    let id = path_number("workspace_id", &request.param)?;
    let body = request.json();
    let mut fields = Fields::of(&body);
    let quotas = [fields.number_or("api_daily_quota", API_DAILY_QUOTA), fields.number_or("content_quota", CONTENT_QUOTA)];
    // Left out is the default language; null leaves the language alone.
    let language =
        if body.get("doc_language").is_some() { fields.optional_text("doc_language") } else { Some(LANGUAGES[0].into()) };
    let name = fields.optional_text("workspace_name");
    fields.finish()?;
    let language = language.filter(|language| LANGUAGES.contains(&language.as_str()));
    let nothing = quotas.iter().all(|quota| quota.is_some_and(|quota| quota < 0)) && language.is_none() && name.is_none();
    if nothing {
        return detail(400, "No valid updates provided for the workspace.");
    }
    let Some(workspace) = service.database.workspace_by_id(id).cloned() else {
        return detail(404, format!("Workspace ID {id} not found."));
    };
    if let Some(taken) = name.as_deref().filter(|name| *name != workspace.name && service.database.workspace(name).is_some()) {
        return detail(400, format!("Workspace with workspace name {taken} already exists."));
    }
    if service.database.role(caller.id, id) != Some(Role::Admin) {
        return detail(403, NOT_AN_ADMIN);
    }
    let workspace = service.database.workspace_mut(id).expect("it was there just now");
    if let Some(language) = language {
        workspace.language = language;
    }
    if let Some(name) = name {
        workspace.name = name;
    }
    let (name, language) = (workspace.name.clone(), workspace.language.clone());
    let (daily, content) = (workspace.api_daily_quota, workspace.content_quota);
    service.front.applied(format!("updated workspace {name}"));
    Ok(json!({"api_daily_quota": daily, "content_quota": content, "doc_language": language, "workspace_name": name}))
}
