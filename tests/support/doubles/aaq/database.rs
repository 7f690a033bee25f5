//! The three tables, and what the service asks of them.
//!
//! Nothing but the service keeps "one default workspace for each user" and "one admin for each workspace", so neither does this.

use serde_json::{Value, json};

use super::token;

/// A role in a workspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// May change everything in it.
    Admin,
    /// May look.
    ReadOnly,
}

impl Role {
    /// As JSON writes it.
    pub fn json(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::ReadOnly => "read_only",
        }
    }

    /// From what JSON writes.
    pub fn from_json(text: &str) -> Option<Self> {
        [Self::Admin, Self::ReadOnly].into_iter().find(|role| role.json() == text)
    }
}

/// A row of the table `user`.
#[derive(Clone)]
pub struct User {
    pub id: i64,
    pub username: String,
    pub password: String,
    pub recovery_codes: Vec<String>,
    created: String,
    updated: String,
}

/// A row of the table `workspace`.
#[derive(Clone)]
pub struct Workspace {
    pub id: i64,
    pub name: String,
    pub language: String,
    pub api_daily_quota: Option<i64>,
    pub content_quota: Option<i64>,
    api_key: Option<String>,
    api_key_updated: Option<String>,
    created: String,
    updated: String,
}

/// A row of the table `user_workspace`.
#[derive(Clone)]
pub struct Membership {
    pub user: i64,
    pub workspace: i64,
    pub role: Role,
    pub default: bool,
    created: String,
}

/// The languages of documents.
pub const LANGUAGES: [&str; 5] = ["ENGLISH", "FRENCH", "SPANISH", "HINDI", "SWAHILI"];

/// The tables.
#[derive(Default)]
pub struct Database {
    users: Vec<User>,
    workspaces: Vec<Workspace>,
    memberships: Vec<Membership>,
    last_id: i64,
    seconds: u32,
    lists: usize,
}

impl Database {
    /// A workspace that nobody is in.
    pub fn create_workspace(&mut self, name: &str, api_daily_quota: Option<i64>, content_quota: Option<i64>) -> i64 {
        let (id, now) = (self.id(), self.now());
        self.workspaces.push(Workspace {
            id,
            name: name.to_owned(),
            language: LANGUAGES[0].to_owned(),
            api_daily_quota,
            content_quota,
            api_key: None,
            api_key_updated: None,
            created: now.clone(),
            updated: now,
        });
        id
    }

    /// An account that is in no workspace.
    pub fn create_user(&mut self, username: &str, password: &str, recovery_codes: Vec<String>) -> i64 {
        let (id, now) = (self.id(), self.now());
        let (username, password) = (username.to_owned(), password.to_owned());
        self.users.push(User { id, username, password, recovery_codes, created: now.clone(), updated: now });
        id
    }

    /// Puts a user into a workspace.
    pub fn join(&mut self, user: i64, workspace: i64, role: Role, default: bool) {
        let created = self.now();
        self.memberships.push(Membership { user, workspace, role, default, created });
    }

    /// The user of this name.
    pub fn user(&self, username: &str) -> Option<&User> {
        self.users.iter().find(|user| user.username == username)
    }

    /// The user with this id.
    pub fn user_by_id(&self, id: i64) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    /// The same, to edit.
    pub fn user_mut(&mut self, id: i64) -> Option<&mut User> {
        let updated = self.now();
        let user = self.users.iter_mut().find(|user| user.id == id)?;
        user.updated = updated;
        Some(user)
    }

    /// The workspace of this name.
    pub fn workspace(&self, name: &str) -> Option<&Workspace> {
        self.workspaces.iter().find(|workspace| workspace.name == name)
    }

    /// The workspace with this id.
    pub fn workspace_by_id(&self, id: i64) -> Option<&Workspace> {
        self.workspaces.iter().find(|workspace| workspace.id == id)
    }

    /// The same, to edit.
    pub fn workspace_mut(&mut self, id: i64) -> Option<&mut Workspace> {
        let updated = self.now();
        let workspace = self.workspaces.iter_mut().find(|workspace| workspace.id == id)?;
        workspace.updated = updated;
        Some(workspace)
    }

    /// The workspace of an API key.
    pub fn workspace_of_key(&self, api_key: &str) -> Option<&Workspace> {
        self.workspaces.iter().find(|workspace| workspace.api_key.as_deref() == Some(api_key))
    }

    /// Gives a workspace a new API key, in place of the one it has.
    pub fn rotate_key(&mut self, workspace: i64) -> String {
        let (key, now) = (token::random(43), self.now());
        let workspace = self.workspace_mut(workspace).expect("the workspace is there");
        workspace.api_key = Some(key.clone());
        workspace.api_key_updated = Some(now);
        key
    }

    /// Whether there is any user, and whether there is any workspace.
    pub fn populated(&self) -> (bool, bool) {
        (!self.users.is_empty(), !self.workspaces.is_empty())
    }

    /// The role of a user in a workspace.
    pub fn role(&self, user: i64, workspace: i64) -> Option<Role> {
        self.memberships.iter().find(|row| row.user == user && row.workspace == workspace).map(|row| row.role)
    }

    /// The row of a user in a workspace, to edit.
    pub fn membership_mut(&mut self, user: i64, workspace: i64) -> Option<&mut Membership> {
        self.memberships.iter_mut().find(|row| row.user == user && row.workspace == workspace)
    }

    /// The memberships of a user. No query has an order, so each list comes in another one.
    pub fn memberships_of(&mut self, user: i64) -> Vec<Membership> {
        let rows = self.memberships.iter().filter(|row| row.user == user).cloned().collect();
        self.unordered(rows)
    }

    /// The memberships in a workspace, likewise.
    pub fn memberships_in(&mut self, workspace: i64) -> Vec<Membership> {
        let rows = self.memberships.iter().filter(|row| row.workspace == workspace).cloned().collect();
        self.unordered(rows)
    }

    /// The workspaces where a user is an admin.
    pub fn administered_by(&mut self, user: i64) -> Vec<Workspace> {
        let rows = self.memberships_of(user);
        let administered = rows.iter().filter(|row| row.role == Role::Admin);
        administered.filter_map(|row| self.workspace_by_id(row.workspace).cloned()).collect()
    }

    /// The workspace that a user lands in.
    pub fn default_workspace(&self, user: i64) -> Option<&Workspace> {
        let row = self.memberships.iter().find(|row| row.user == user && row.default)?;
        self.workspace_by_id(row.workspace)
    }

    /// Makes a workspace the only default one of a user: in all rows of the user, whether or not it is among them.
    pub fn set_default_workspace(&mut self, user: i64, workspace: i64) {
        for row in self.memberships.iter_mut().filter(|row| row.user == user) {
            row.default = row.workspace == workspace;
        }
    }

    /// Takes a user out of a workspace: the oldest membership that is left becomes the default one if need be, and a user with none goes.
    /// Says whether the user was in it.
    pub fn leave(&mut self, user: i64, workspace: i64) -> bool {
        let Some(index) = self.memberships.iter().position(|row| row.user == user && row.workspace == workspace) else {
            return false;
        };
        let row = self.memberships.remove(index);
        let left = self.memberships.iter_mut().filter(|other| other.user == user);
        match left.min_by(|a, b| a.created.cmp(&b.created)) {
            None => self.users.retain(|other| other.id != user),
            Some(oldest) if row.default => oldest.default = true,
            Some(_) => {}
        }
        true
    }

    /// What the service says about a workspace.
    pub fn workspace_json(workspace: &Workspace) -> Value {
        json!({
            "api_daily_quota": workspace.api_daily_quota,
            "api_key_first_characters": workspace.api_key.as_ref().map(|key| &key[..5]),
            "api_key_updated_datetime_utc": workspace.api_key_updated,
            "content_quota": workspace.content_quota,
            "created_datetime_utc": workspace.created,
            "doc_language": workspace.language,
            "updated_datetime_utc": workspace.updated,
            "workspace_id": workspace.id,
            "workspace_name": workspace.name,
        })
    }

    /// What the service says about a user with these memberships: two lists side by side.
    pub fn user_json(&self, user: &User, memberships: &[Membership]) -> Value {
        let workspace = |row: &Membership| {
            let workspace = self.workspace_by_id(row.workspace)?;
            let role = row.role.json();
            Some(json!({"user_role": role, "workspace_id": workspace.id, "workspace_name": workspace.name}))
        };
        json!({
            "created_datetime_utc": user.created,
            "is_default_workspace": memberships.iter().map(|row| row.default).collect::<Vec<_>>(),
            "updated_datetime_utc": user.updated,
            "user_id": user.id,
            "user_workspaces": memberships.iter().filter_map(workspace).collect::<Vec<_>>(),
            "username": user.username,
        })
    }

    /// Everything that is there, sorted, without ids and times: equal where two runs came to the same end.
    pub fn summary(&self) -> Vec<String> {
        let workspaces = self.workspaces.iter().map(|workspace| {
            let key = if workspace.api_key.is_some() { "with a key" } else { "without a key" };
            format!("workspace {:?} {} {key}", workspace.name, workspace.language)
        });
        let users = self.users.iter().map(|user| format!("user {:?}", user.username));
        let memberships = self.memberships.iter().filter_map(|row| {
            let (user, workspace) = (self.user_by_id(row.user)?, self.workspace_by_id(row.workspace)?);
            let default = if row.default { " by default" } else { "" };
            Some(format!("{:?} is {} in {:?}{default}", user.username, row.role.json(), workspace.name))
        });
        let mut lines: Vec<String> = workspaces.chain(users).chain(memberships).collect();
        lines.sort();
        lines
    }

    fn unordered<T>(&mut self, mut rows: Vec<T>) -> Vec<T> {
        self.lists += 1;
        if !rows.is_empty() {
            let by = self.lists % rows.len();
            rows.rotate_left(by);
        }
        rows
    }

    fn id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    /// A later moment each time, whatever a clock says.
    fn now(&mut self) -> String {
        self.seconds += 1;
        let (hours, minutes, seconds) = (self.seconds / 3600, self.seconds / 60 % 60, self.seconds % 60);
        format!("2026-01-01T{hours:02}:{minutes:02}:{seconds:02}.250000Z")
    }
}
