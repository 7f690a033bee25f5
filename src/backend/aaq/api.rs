use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::Fault;
use super::super::http::{Method, Request, Response};
use super::super::secrets::Secret;
use super::session::Session;

/// A workspace, as far as Muster reads it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Workspace {
    #[serde(rename = "workspace_id")]
    id: i64,
    #[serde(rename = "workspace_name")]
    pub name: Box<str>,
    #[serde(rename = "doc_language")]
    pub language: Box<str>,
    /// When its API key was made; none where it has none. A key has no other id.
    #[serde(rename = "api_key_updated_datetime_utc")]
    pub key_made: Option<Box<str>>,
}

/// A user, as the list of the members of a workspace has it.
#[derive(Deserialize)]
struct User {
    #[serde(rename = "user_id")]
    id: i64,
    username: Box<str>,
    #[serde(rename = "is_default_workspace")]
    lands: Vec<bool>,
    #[serde(rename = "user_workspaces")]
    places: Vec<Place>,
}

#[derive(Deserialize)]
struct Place {
    user_role: Box<str>,
    workspace_id: i64,
}

/// Somebody in a workspace.
pub(super) struct Person {
    pub id: Box<str>,
    pub username: Box<str>,
    /// As AAQ writes it.
    pub role: Box<str>,
    /// Whether this is where the person lands.
    pub lands: bool,
}

/// The codes with which the password of an account can be set.
#[derive(Deserialize)]
struct Codes {
    recovery_codes: Vec<Secret>,
}

#[derive(Deserialize)]
struct Key {
    new_api_key: Secret,
}

/// Whom to put into a workspace.
#[derive(Clone, Copy, Serialize)]
pub(super) struct Entry<'e> {
    pub username: &'e str,
    /// As AAQ writes it.
    pub role: &'e str,
    #[serde(rename = "workspace_name")]
    pub workspace: &'e str,
    /// Whether this is where the person lands.
    #[serde(rename = "is_default_workspace")]
    pub lands: bool,
}

#[derive(Serialize)]
struct NewAccount<'e> {
    #[serde(flatten)]
    entry: Entry<'e>,
    password: &'e str,
}

/// What of an account is to change.
#[derive(Clone, Copy)]
pub(super) struct Changes<'c> {
    /// The name that it has or gets.
    pub username: &'c str,
    pub workspace: &'c str,
    /// As AAQ writes it.
    pub role: Option<&'c str>,
    /// Whether the workspace becomes the one where the person lands.
    pub lands: bool,
}

impl Workspace {
    pub fn id(&self) -> Box<str> {
        self.id.to_string().into()
    }
}

impl Session {
    /// The workspaces that the account is an admin of: all others are invisible.
    pub async fn workspaces(&self) -> Result<Vec<Workspace>, Fault> {
        self.call(Request::get("list workspaces", "/workspace/")).await?.or_fault()?.json()
    }

    /// A workspace that the account is an admin of. AAQ says 403 to any other, whether or not it is there.
    pub async fn workspace(&self, id: &str) -> Result<Workspace, Fault> {
        let workspace = self.call(Request::get("read workspace", "/workspace").part(id)).await?.or_fault()?.json()?;
        self.remember(&workspace);
        Ok(workspace)
    }

    /// Who is in a workspace, without the account that Muster uses.
    pub async fn members(&self, workspace: &Workspace) -> Result<Vec<Person>, Fault> {
        let response = self.call_in(&workspace.name, Request::get("list members", "/user/")).await?;
        let users: Vec<User> = response.or_fault()?.json()?;
        let person = |user: User| {
            // The roles and whether each is for the default workspace stand in two lists side by side.
            let mut places = user.places.into_iter().zip(user.lands);
            let (place, lands) = places.find(|(place, _)| place.workspace_id == workspace.id)?;
            Some(Person { id: user.id.to_string().into(), username: user.username, role: place.user_role, lands })
        };
        let others = users.into_iter().filter(|user| *user.username != *self.account());
        others.map(|user| person(user).ok_or_else(|| Fault::unreadable("it lists a member of another workspace"))).collect()
    }

    /// Whether there is an account of this name, in whatever workspace.
    pub async fn has_account(&self, username: &str) -> Result<bool, Fault> {
        let response = self.call(Request::new(Method::Head, "look for account", "/user").part(username)).await?;
        if response.status() == 404 { Ok(false) } else { response.or_fault().map(|_| true) }
    }

    /// Makes a workspace, with the account as its admin. `None` where the name is taken: then AAQ does nothing, and says so by not
    /// naming it.
    pub async fn create_workspace(&self, name: &str) -> Result<Option<Workspace>, Fault> {
        let request = Request::post("create workspace", "/workspace/").json(&json!({"workspace_name": name}));
        let made: Vec<Workspace> = self.call(request).await?.or_fault()?.json()?;
        Ok(made.into_iter().find(|made| *made.name == *name))
    }

    /// Changes a workspace. The language is always sent, because AAQ resets one that is left out.
    pub async fn update_workspace(&self, id: &str, name: Option<&str>, language: &str) -> Result<(), Fault> {
        let mut body = json!({"doc_language": language});
        if let Some(name) = name {
            body["workspace_name"] = name.into();
        }
        let response = self.call(Request::put("update workspace", "/workspace").part(id).json(&body)).await?;
        if name.is_some() {
            // Tokens name the workspace.
            self.forget();
        }
        succeeded(response, &[("Workspace with workspace name", "another workspace has this name")])
    }

    /// Makes an account and puts it into a workspace, which is where it lands.
    pub async fn create_account(&self, entry: Entry<'_>, password: &Secret) -> Result<Vec<Secret>, Fault> {
        let account = NewAccount { entry, password: password.expose() };
        let response = self.call(Request::post("create account", "/user/").json(&account)).await?;
        let taken = ("Username already exists.", "an account of this name was made meanwhile");
        let Codes { recovery_codes } = checked(response, &[taken])?.json()?;
        Ok(recovery_codes)
    }

    /// Puts an account that is there into a workspace. The answer has the recovery codes of the account in it, which are nobody's
    /// business but that of whoever made it: the caller drops them otherwise.
    pub async fn add_account(&self, entry: Entry<'_>) -> Result<Vec<Secret>, Fault> {
        let request = Request::post("add account", "/user/add-existing-user-to-workspace").json(&entry);
        let in_it = ("User workspace role already exists.", "the account is in it already");
        let Codes { recovery_codes } = checked(self.call(request).await?, &[in_it])?.json()?;
        Ok(recovery_codes)
    }

    /// Changes an account, or its role in a workspace.
    pub async fn update_account(&self, id: &str, changes: Changes<'_>) -> Result<(), Fault> {
        let mut body = json!({"username": changes.username});
        if changes.role.is_some() || changes.lands {
            body["workspace_name"] = changes.workspace.into();
        }
        if let Some(role) = changes.role {
            body["role"] = role.into();
        }
        if changes.lands {
            body["is_default_workspace"] = true.into();
        }
        let response = self.call(Request::put("update account", "/user").part(id).json(&body)).await?;
        succeeded(
            response,
            &[("User with username", "another account has this name"), ("User ID '", "the account is not in the workspace")],
        )
    }

    /// Takes an account out of a workspace. An account that is in none then is deleted by AAQ.
    pub async fn remove(&self, id: &str, workspace: &str) -> Result<(), Fault> {
        let request = Request::delete("remove member", "/user").part(id).query("remove_from_workspace_name", workspace);
        let last = ("Cannot remove last admin user", "a workspace keeps its last admin");
        succeeded(self.call(request).await?, &[last])
    }

    /// Makes a new API key for a workspace. The one before it stops working at once.
    pub async fn rotate_key(&self, workspace: &str) -> Result<Secret, Fault> {
        let request = Request::put("rotate key", "/workspace/rotate-key");
        let Key { new_api_key } = self.call_in(workspace, request).await?.or_fault()?.json()?;
        Ok(new_api_key)
    }
}

fn succeeded(response: Response, meanings: &[(&str, &'static str)]) -> Result<(), Fault> {
    checked(response, meanings).map(|_| ())
}

/// The answer if it is a success; what AAQ says otherwise is told in our words.
fn checked(response: Response, meanings: &[(&str, &'static str)]) -> Result<Response, Fault> {
    #[derive(Deserialize)]
    struct Said<'s> {
        #[serde(borrow)]
        detail: std::borrow::Cow<'s, str>,
    }
    if response.succeeded() {
        return Ok(response);
    }
    let said = serde_json::from_slice::<Said<'_>>(response.body()).ok();
    let known = said.and_then(|said| meanings.iter().find(|(begins, _)| said.detail.starts_with(begins)));
    Err(known.map_or_else(|| Fault::of_status(response.status()), |(_, why)| Fault::refused(response.status(), *why)))
}
