use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Deserialize;
use serde_json::json;

use super::super::Fault;
use super::super::http::{Auth, Client, Request, Response};
use super::super::secrets::{Pair, Secret};
use super::api::Workspace;

/// Being logged in.
///
/// A token is for a user in a workspace, and names both. So there is one for each workspace that is worked in, and all of them are
/// forgotten when a workspace is renamed or one of them is not accepted any more.
#[derive(Debug)]
pub(super) struct Session {
    client: Client,
    /// Or why there is none.
    login: Result<Pair, Box<str>>,
    /// By the name of the workspace; the empty name is for the one that a login lands in.
    tokens: Mutex<BTreeMap<Box<str>, Secret>>,
    /// The workspaces as they were when they were last read, by their ids.
    seen: Mutex<BTreeMap<Box<str>, Workspace>>,
}

#[derive(Deserialize)]
struct Token {
    access_token: Secret,
}

impl Session {
    pub fn new(client: Client, login: Result<Pair, Box<str>>) -> Self {
        Self { client, login, tokens: Mutex::default(), seen: Mutex::default() }
    }

    /// The account that Muster itself uses.
    pub fn account(&self) -> &str {
        self.login.as_ref().map_or("", |login| &*login.id)
    }

    /// Where AAQ is.
    pub fn address(&self) -> &str {
        self.client.address()
    }

    /// Calls, whatever the current workspace is.
    pub async fn call(&self, request: Request) -> Result<Response, Fault> {
        self.call_in("", request).await
    }

    /// Calls with the workspace of this name as the current one.
    pub async fn call_in(&self, workspace: &str, request: Request) -> Result<Response, Fault> {
        let response = self.call_once(workspace, request.clone()).await?;
        if response.status() != 401 {
            return Ok(response);
        }
        // AAQ looks at the token before anything else, so nothing was done.
        self.forget();
        self.call_once(workspace, request).await
    }

    /// Logs in again from now on.
    pub fn forget(&self) {
        locked(&self.tokens).clear();
    }

    /// Remembers a workspace that was read.
    pub fn remember(&self, workspace: &Workspace) {
        locked(&self.seen).insert(workspace.id(), workspace.clone());
    }

    /// A workspace as it was when it was last read.
    pub fn remembered(&self, id: &str) -> Option<Workspace> {
        locked(&self.seen).get(id).cloned()
    }

    async fn call_once(&self, workspace: &str, request: Request) -> Result<Response, Fault> {
        let token = self.token(workspace).await?;
        self.client.exchange(request.auth(Auth::Bearer(token))).await
    }

    async fn token(&self, workspace: &str) -> Result<Secret, Fault> {
        if let Some(token) = self.kept(workspace) {
            return Ok(token);
        }
        if workspace.is_empty() {
            return self.log_in().await;
        }
        let landed = match self.kept("") {
            Some(landed) => landed,
            None => self.log_in().await?,
        };
        let mut response = self.switch(workspace, landed).await?;
        if response.status() == 401 {
            self.forget();
            response = self.switch(workspace, self.log_in().await?).await?;
        }
        self.keep(workspace, response)
    }

    async fn switch(&self, workspace: &str, landed: Secret) -> Result<Response, Fault> {
        let request = Request::post("switch workspace", "/workspace/switch-workspace").harmless();
        let request = request.json(&json!({"workspace_name": workspace}));
        self.client.exchange(request.auth(Auth::Bearer(landed))).await
    }

    async fn log_in(&self) -> Result<Secret, Fault> {
        let login = self.login.as_ref().map_err(|why| Fault::withheld(why.to_string()))?;
        let form = [("username", &*login.id), ("password", login.secret.expose())];
        let request = Request::post("log in", "/login").harmless().form(&form);
        self.keep("", self.client.exchange(request).await?)
    }

    fn keep(&self, workspace: &str, response: Response) -> Result<Secret, Fault> {
        let token = response.or_fault().and_then(|response| response.json());
        let Token { access_token } = token.map_err(|fault| match fault {
            // A login that cannot be read changed nothing either.
            Fault::Unknown { why } => Fault::Unreadable { why },
            fault => fault,
        })?;
        locked(&self.tokens).insert(workspace.into(), access_token.clone());
        Ok(access_token)
    }

    fn kept(&self, workspace: &str) -> Option<Secret> {
        locked(&self.tokens).get(workspace).cloned()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
