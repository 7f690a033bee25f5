//! Logging in, and what an API key opens.

use serde_json::{Value, json};

use super::answer::{Answer, Failure, detail, exception};
use super::body::Fields;
use super::database::{Role, User};
use super::routes::Request;
use super::{Service, token};

/// What new workspaces get, whatever is asked for.
pub const API_DAILY_QUOTA: i64 = 100;
/// The same for content.
pub const CONTENT_QUOTA: i64 = 50;

impl Service {
    /// The user of the token and the workspace that it names.
    pub fn caller(&self, request: &Request) -> Result<(User, String), Failure> {
        let bearer = request.bearer().ok_or(Failure::NotAuthenticated)?;
        let (username, workspace) = token::read(&self.key, bearer).ok_or(Failure::BadToken)?;
        // The role in the token counts for nothing.
        let user = self.database.user(&username).cloned().ok_or(Failure::BadToken)?;
        Ok((user, workspace))
    }

    /// What a login says, with a token for this workspace.
    pub fn details(&mut self, username: &str, role: Role, workspace: &str) -> Value {
        let token = token::mint(&self.key, username, role.json(), workspace);
        self.secrets.push(token.clone());
        json!({
            "access_level": "fullaccess", "access_token": token, "token_type": "bearer", "user_role": role.json(),
            "username": username, "workspace_name": workspace,
        })
    }

    /// Logs a user into the default workspace.
    fn enter(&mut self, user: &User) -> Answer {
        let workspace = self.database.default_workspace(user.id).map(|workspace| (workspace.id, workspace.name.clone()));
        let Some((id, name)) = workspace else {
            return exception("sqlalchemy.exc.NoResultFound", "No row was found when one was required");
        };
        let role = self.database.role(user.id, id).expect("it is a workspace of the user");
        Ok(self.details(&user.username, role, &name))
    }
}

pub fn login(service: &mut Service, request: &Request) -> Answer {
    let form = request.form();
    let mut fields = Fields::of(&form);
    let (username, password) = (fields.text("username"), fields.text("password"));
    fields.finish()?;
    match service.database.user(&username).cloned() {
        Some(user) if user.password == password => service.enter(&user),
        _ => detail(401, "Invalid credentials."),
    }
}

pub fn login_google(service: &mut Service, request: &Request) -> Answer {
    let body = request.json();
    let mut fields = Fields::of(&body);
    let (_, credential) = (fields.text("client_id"), fields.text("credential"));
    fields.finish()?;
    let Some(gmail) = service.google.get(&credential).cloned() else { return detail(401, "Invalid token.") };
    if let Some(user) = service.database.user(&gmail).cloned() {
        return service.enter(&user);
    }
    let name = format!("{gmail}'s Workspace");
    if service.database.workspace(&name).is_some() {
        let rest = "already exists. Contact the admin of that workspace to create an account for you.";
        return detail(400, format!("Workspace for '{gmail}' {rest}"));
    }
    let workspace = service.database.create_workspace(&name, Some(API_DAILY_QUOTA), Some(CONTENT_QUOTA));
    let user = service.database.create_user(&gmail, &token::random(12), Vec::new());
    service.database.join(user, workspace, Role::Admin, true);
    service.front.applied(format!("registered {gmail}"));
    Ok(service.details(&gmail, Role::Admin, &name))
}

/// Stands for everything that takes the API key of a workspace. It falls back to tokens, and asks of those only that they are signed and
/// that the workspace exists, not that the user is still in it.
pub fn contents(service: &mut Service, request: &Request) -> Answer {
    let Some(bearer) = request.bearer() else { return detail(403, "Not authenticated") };
    let named = || token::read(&service.key, bearer).is_some_and(|(_, name)| service.database.workspace(&name).is_some());
    if service.database.workspace_of_key(bearer).is_some() || named() { Ok(json!([])) } else { Err(Failure::BadToken) }
}

#[expect(clippy::unnecessary_wraps, reason = "it is one of the operations")]
pub fn healthcheck(_: &mut Service, _: &Request) -> Answer {
    Ok(json!({"status": "ok"}))
}
