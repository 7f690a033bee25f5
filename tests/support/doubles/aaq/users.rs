//! The operations on users and their memberships.

use serde_json::{Value, json};

use super::answer::{Answer, Failure, detail, exception};
use super::body::{Fields, path_number};
use super::database::{Role, User};
use super::routes::Request;
use super::workspaces::not_found;
use super::{Crash, Service, token};

/// Who is to be in which workspace, as it is sent.
struct Wish {
    username: String,
    password: String,
    role: Option<Role>,
    workspace: Option<String>,
    default: Option<bool>,
}

/// Reads a wish; also an empty name is no name.
fn wish(body: &Value, with_password: bool) -> Result<Wish, Failure> {
    let mut fields = Fields::of(body);
    let wish = Wish {
        username: fields.text("username"),
        password: if with_password { fields.text("password") } else { String::new() },
        role: fields.optional_role("role"),
        workspace: fields.optional_text("workspace_name").filter(|name| !name.is_empty()),
        default: fields.optional_bool("is_default_workspace"),
    };
    fields.finish().map(|()| wish)
}

/// What is said about a new membership. It has the recovery codes in it, also those of somebody else's account.
fn with_codes(user: &User, role: Role, workspace: &str, default: bool) -> Value {
    json!({
        "is_default_workspace": default, "recovery_codes": user.recovery_codes, "role": role.json(), "username": user.username,
        "workspace_name": workspace,
    })
}

impl Service {
    fn is_admin_anywhere(&mut self, user: i64) -> bool {
        !self.database.administered_by(user).is_empty()
    }

    /// Whether the caller may put somebody into the workspace that is asked for, and which one that is.
    fn target(&mut self, caller: &User, wish: &Wish) -> Result<(i64, String), Failure> {
        if let Some(name) = wish.workspace.as_ref().filter(|name| self.database.workspace(name).is_none()) {
            return detail(400, format!("Workspace does not exist: {name}"));
        }
        let administered = self.database.administered_by(caller.id);
        if administered.is_empty() {
            return detail(403, "Calling user does not have the correct role to create a user in any workspace.");
        }
        let Some(name) = &wish.workspace else {
            let [only] = administered.as_slice() else {
                let text = "Calling user belongs to multiple workspaces. A workspace must be specified for creating a user.";
                return detail(400, text);
            };
            return Ok((only.id, only.name.clone()));
        };
        let id = self.database.workspace(name).expect("it was there just now").id;
        let administers = administered.iter().any(|workspace| workspace.id == id);
        // A workspace without users is anybody's who is an admin somewhere.
        if !administers && !self.database.memberships_in(id).is_empty() {
            return detail(403, format!("Calling user does not have the correct role in the specified workspace: {name}"));
        }
        Ok((id, name.clone()))
    }

    /// Creates an account in a workspace, which becomes its default one whatever was asked for.
    fn create_account(&mut self, wish: &Wish, role: Role, (workspace, name): (i64, &str)) -> Answer {
        let codes: Vec<String> = (0..5).map(|_| token::random(20)).collect();
        self.secrets.extend(codes.iter().chain([&wish.password]).cloned());
        let id = self.database.create_user(&wish.username, &wish.password, codes);
        self.front.applied(format!("created account {}", wish.username));
        self.crash_at(Crash::AfterAccount)?;
        self.database.join(id, workspace, role, true);
        let user = self.database.user_by_id(id).expect("it was just created");
        Ok(with_codes(user, role, name, true))
    }

    fn describe(&mut self, id: i64) -> Value {
        let memberships = self.database.memberships_of(id);
        let user = self.database.user_by_id(id).expect("the user is there");
        self.database.user_json(user, &memberships)
    }
}

pub fn create(service: &mut Service, request: &Request) -> Answer {
    let (caller, _) = service.caller(request)?;
    let wish = wish(&request.json(), true)?;
    if service.database.user(&wish.username).is_some() {
        return detail(400, "Username already exists.");
    }
    let (workspace, name) = service.target(&caller, &wish)?;
    let role = wish.role.unwrap_or(Role::ReadOnly);
    service.create_account(&wish, role, (workspace, &name))
}

pub fn add_existing(service: &mut Service, request: &Request) -> Answer {
    let (caller, _) = service.caller(request)?;
    let wish = wish(&request.json(), false)?;
    let Some(user) = service.database.user(&wish.username).cloned() else {
        return detail(404, "Username does not exist.");
    };
    let (workspace, name) = service.target(&caller, &wish)?;
    let (role, default) = (wish.role.unwrap_or(Role::ReadOnly), wish.default.unwrap_or(false));
    // The default workspace is changed before it is known whether there is anything to add.
    if default {
        service.database.set_default_workspace(user.id, workspace);
    }
    if service.database.role(user.id, workspace).is_some() {
        return detail(400, "User workspace role already exists.");
    }
    service.database.join(user.id, workspace, role, default);
    service.front.applied(format!("added {} to {name}", user.username));
    service.secrets.extend(user.recovery_codes.iter().cloned());
    Ok(with_codes(&user, role, &name, default))
}

pub fn register_first(service: &mut Service, request: &Request) -> Answer {
    let wish = wish(&request.json(), true)?;
    if service.database.populated() == (true, true) {
        return detail(400, "There are already users assigned to workspaces.");
    }
    let name = wish.workspace.clone().unwrap_or_else(|| format!("{}'s Workspace", wish.username));
    let existing = service.database.workspace(&name).map(|workspace| workspace.id);
    let workspace = existing.unwrap_or_else(|| service.database.create_workspace(&name, None, None));
    if service.database.user(&wish.username).is_some() {
        let text = format!("User with username {} already exists.", wish.username);
        return exception("app.users.models.UserAlreadyExistsError", &text);
    }
    service.create_account(&wish, Role::Admin, (workspace, &name))
}

pub fn remove(service: &mut Service, request: &Request) -> Answer {
    let (caller, current) = service.caller(request)?;
    let id = path_number("user_id", &request.param)?;
    let Some(from) = request.query("remove_from_workspace_name") else {
        let loc = json!(["query", "remove_from_workspace_name"]);
        return Err(Failure::Invalid(vec![json!({"type": "missing", "loc": loc, "msg": "Field required", "input": null})]));
    };
    let Some(workspace) = service.database.workspace(from).map(|workspace| workspace.id) else {
        return detail(400, format!("Workspace does not exist: {from}"));
    };
    if service.database.role(caller.id, workspace) != Some(Role::Admin) {
        return detail(403, "User does not have the required role to remove users from the specified workspace.");
    }
    let Some(user) = service.database.user_by_id(id).cloned() else {
        return exception("app.users.models.UserNotFoundError", &format!("User with user_id {id} does not exist."));
    };
    if service.is_last_admin(id, workspace) {
        return detail(403, "Cannot remove last admin user from the workspace.");
    }
    if !service.database.leave(id, workspace) {
        return detail(404, "User not found in workspace.");
    }
    service.front.applied(format!("removed {} from {from}", user.username));
    let default = service.database.default_workspace(id).map(|workspace| workspace.name.clone());
    let itself = caller.id == id;
    let authentication = itself && default.is_none();
    Ok(json!({
        "default_workspace_name": default, "removed_from_workspace_name": from, "require_authentication": authentication,
        "require_workspace_switch": authentication || (itself && current == from),
    }))
}

pub fn list(service: &mut Service, request: &Request) -> Answer {
    let (caller, name) = service.caller(request)?;
    let workspace = service.current(&name)?;
    match service.database.role(caller.id, workspace.id) {
        Some(Role::Admin) => {
            let rows = service.database.memberships_in(workspace.id);
            let described = rows.iter().map(|row| {
                let user = service.database.user_by_id(row.user).expect("a membership is of a user");
                service.database.user_json(user, std::slice::from_ref(row))
            });
            Ok(described.collect())
        }
        Some(Role::ReadOnly) => Ok(json!([service.describe(caller.id)])),
        None => detail(500, "Calling user role in workspace is `None`."),
    }
}

#[expect(clippy::unnecessary_wraps, reason = "it is one of the operations")]
pub fn require_register(service: &mut Service, _: &Request) -> Answer {
    Ok(json!({"require_register": service.database.populated() != (true, true)}))
}

pub fn reset_password(service: &mut Service, request: &Request) -> Answer {
    let body = request.json();
    let mut fields = Fields::of(&body);
    let (password, code, username) = (fields.text("password"), fields.text("recovery_code"), fields.text("username"));
    fields.finish()?;
    let Some(user) = service.database.user(&username).cloned() else { return detail(404, "User not found.") };
    if code.is_empty() || !user.recovery_codes.contains(&code) {
        return detail(400, "Recovery code is incorrect.");
    }
    let row = service.database.user_mut(user.id).expect("it was there just now");
    row.recovery_codes.retain(|other| *other != code);
    row.password.clone_from(&password);
    service.secrets.push(password);
    service.front.applied(format!("reset the password of {username}"));
    Ok(service.describe(user.id))
}

pub fn update(service: &mut Service, request: &Request) -> Answer {
    let (caller, _) = service.caller(request)?;
    let id = path_number("user_id", &request.param)?;
    let wish = wish(&request.json(), false)?;
    let workspace = may_update(service, &caller, id, &wish)?;
    if let Some((workspace, role)) = workspace.zip(wish.role) {
        if service.strict && role != Role::Admin && service.is_last_admin(id, workspace) {
            return detail(403, "Cannot remove last admin user from the workspace.");
        }
        service.database.membership_mut(id, workspace).expect("it was there just now").role = role;
    }
    if let Some(workspace) = workspace.filter(|_| wish.default == Some(true)) {
        service.database.set_default_workspace(id, workspace);
    }
    service.database.user_mut(id).expect("it was there just now").username.clone_from(&wish.username);
    service.front.applied(format!("updated account {}", wish.username));
    Ok(service.describe(id))
}

/// Whether the caller may update a user, and in which workspace.
fn may_update(service: &mut Service, caller: &User, id: i64, wish: &Wish) -> Result<Option<i64>, Failure> {
    let theirs = service.database.memberships_of(id);
    let mine = service.database.memberships_of(caller.id);
    let shared = mine.iter().any(|row| theirs.iter().any(|other| other.workspace == row.workspace));
    if !service.is_admin_anywhere(caller.id) || !shared {
        return detail(403, "Calling user does not have the correct role to update user information.");
    }
    if wish.role.is_some() && wish.workspace.is_none() {
        return detail(400, "Workspace name must be specified if user's role is being updated.");
    }
    if wish.default.is_some() && wish.workspace.is_none() {
        return detail(400, "Workspace name must be specified if user's default workspace is being updated.");
    }
    let Some(user) = service.database.user_by_id(id) else { return detail(404, format!("User ID {id} not found.")) };
    if user.username != wish.username && service.database.user(&wish.username).is_some() {
        return detail(400, format!("User with username {} already exists.", wish.username));
    }
    let Some(name) = &wish.workspace else { return Ok(None) };
    let Some(workspace) = service.database.workspace(name).map(|workspace| workspace.id) else {
        return not_found(&format!("name {name}"));
    };
    if service.database.role(caller.id, workspace) != Some(Role::Admin) {
        return detail(403, "Calling user is not an admin in the workspace.");
    }
    if service.database.role(id, workspace).is_none() {
        return detail(400, format!("User ID '{id}' does belong to workspace ID '{workspace}'."));
    }
    Ok(Some(workspace))
}

pub fn current(service: &mut Service, request: &Request) -> Answer {
    let (caller, _) = service.caller(request)?;
    Ok(service.describe(caller.id))
}

pub fn exists(service: &mut Service, request: &Request) -> Answer {
    let (caller, _) = service.caller(request)?;
    if !service.is_admin_anywhere(caller.id) {
        return detail(403, "Calling user does not have the correct role to check if a username exists.");
    }
    if service.database.user(&request.param).is_some() { Ok(Value::Null) } else { detail(404, "Not Found") }
}

impl Service {
    fn is_last_admin(&mut self, user: i64, workspace: i64) -> bool {
        let rows = self.database.memberships_in(workspace);
        let mut admins = rows.iter().filter(|row| row.role == Role::Admin);
        admins.next().is_some_and(|row| row.user == user) && admins.next().is_none()
    }
}
