//! The double of AAQ answers as the real server does, traps included.

use axum::http::{Method, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

use crate::aaq::{Aaq, Crash, Role};

/// Somebody who asks the service.
struct Caller<'a> {
    aaq: &'a Aaq,
    token: String,
}

/// What came back: the status, the headers that matter, and the body.
struct Said {
    status: u16,
    location: String,
    allow: String,
    scheme: String,
    text: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    #[track_caller]
    fn ok(&self) -> Value {
        assert_eq!(self.status, 200, "{}", self.text);
        self.json()
    }

    #[track_caller]
    fn refused(&self, status: u16, detail: &str) {
        assert_eq!((self.status, self.json()["detail"].as_str()), (status, Some(detail)), "{}", self.text);
    }

    #[track_caller]
    fn crashed(&self, exception: &str) {
        assert!(self.text.starts_with("Traceback") && self.text.contains(exception), "{}", self.text);
        assert_eq!(self.status, 500);
    }
}

async fn send(aaq: &Aaq, token: &str, method: &str, path: &str, type_: &str, body: String) -> Said {
    let mut request = Request::builder().method(method).uri(format!("{}{path}", aaq.url()));
    if !token.is_empty() {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    if !body.is_empty() {
        request = request.header("content-type", type_);
    }
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let response = client.request(request.body(Full::from(body)).unwrap()).await.unwrap();
    let header = |name: &str| response.headers().get(name).map_or(String::new(), |value| value.to_str().unwrap().to_owned());
    let (location, allow, scheme) = (header("location"), header("allow"), header("www-authenticate"));
    let status = response.status().as_u16();
    let text = String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap();
    Said { status, location, allow, scheme, text }
}

async fn login(aaq: &Aaq, username: &str, password: &str) -> Said {
    let form = format!("username={}&password={password}", username.replace(' ', "+").replace('@', "%40"));
    send(aaq, "", "POST", "/login", "application/x-www-form-urlencoded", form).await
}

impl<'a> Caller<'a> {
    async fn new(aaq: &'a Aaq, username: &str, password: &str) -> Self {
        let token = login(aaq, username, password).await.ok()["access_token"].as_str().unwrap().to_owned();
        Self { aaq, token }
    }

    async fn get(&self, path: &str) -> Said {
        send(self.aaq, &self.token, "GET", path, "", String::new()).await
    }

    async fn delete(&self, path: &str) -> Said {
        send(self.aaq, &self.token, "DELETE", path, "", String::new()).await
    }

    async fn head(&self, path: &str) -> u16 {
        send(self.aaq, &self.token, "HEAD", path, "", String::new()).await.status
    }

    async fn post(&self, path: &str, body: Value) -> Said {
        send(self.aaq, &self.token, "POST", path, "application/json", body.to_string()).await
    }

    async fn put(&self, path: &str, body: Value) -> Said {
        send(self.aaq, &self.token, "PUT", path, "application/json", body.to_string()).await
    }

    async fn create(&self, name: &str) -> i64 {
        let created = self.post("/workspace/", json!({"workspace_name": name})).await.ok();
        created[0]["workspace_id"].as_i64().unwrap()
    }

    async fn switched(&self, workspace: &str) -> Self {
        let said = self.post("/workspace/switch-workspace", json!({"workspace_name": workspace})).await.ok();
        Self { aaq: self.aaq, token: said["access_token"].as_str().unwrap().to_owned() }
    }
}

/// A service with an admin, ann, who is logged in to "ann's Workspace".
async fn service() -> (Aaq, String) {
    Aaq::with_first_user("ann").await
}

fn user_id(aaq: &Aaq, username: &str) -> i64 {
    aaq.edit(|database| database.user(username).map(|user| user.id)).expect("the user is there")
}

#[tokio::test]
async fn a_login_is_a_form_and_lands_in_the_default_workspace() {
    let (aaq, password) = service().await;
    let said = login(&aaq, "ann", &password).await.ok();
    assert_eq!((&said["workspace_name"], &said["user_role"]), (&json!("ann's Workspace"), &json!("admin")));
    assert_eq!((&said["access_level"], &said["token_type"]), (&json!("fullaccess"), &json!("bearer")));
    login(&aaq, "ann", "wrong").await.refused(401, "Invalid credentials.");
    login(&aaq, "nobody", &password).await.refused(401, "Invalid credentials.");
    let body = json!({"username": "ann", "password": password}).to_string();
    let said = send(&aaq, "", "POST", "/login", "application/json", body).await;
    assert_eq!((said.status, &said.json()["detail"][0]["loc"]), (422, &json!(["body", "username"])));
}

#[tokio::test]
async fn who_has_no_token_or_a_bad_one_is_told_before_anything_else_is_looked_at() {
    let (aaq, password) = service().await;
    for (method, path) in [("GET", "/workspace/"), ("POST", "/workspace/"), ("DELETE", "/user/x"), ("PUT", "/user/x")] {
        for (token, detail) in [("", "Not authenticated"), ("junk", "Could not validate credentials")] {
            let said = send(&aaq, token, method, path, "", String::new()).await;
            said.refused(401, detail);
            assert_eq!(said.scheme, "Bearer");
        }
    }
    let ann = Caller::new(&aaq, "ann", &password).await;
    ann.get("/user/current-user").await.ok();
    aaq.forget_tokens();
    ann.get("/user/current-user").await.refused(401, "Could not validate credentials");
    // With another name, the old tokens are of a user who is not there.
    let ann = Caller::new(&aaq, "ann", &password).await;
    let id = user_id(&aaq, "ann");
    ann.put(&format!("/user/{id}"), json!({"username": "anna"})).await.ok();
    ann.get("/user/current-user").await.refused(401, "Could not validate credentials");
}

#[tokio::test]
async fn the_role_is_looked_up_and_the_one_in_the_token_counts_for_nothing() {
    let (aaq, password) = service().await;
    let ann = Caller::new(&aaq, "ann", &password).await;
    let id = user_id(&aaq, "ann");
    aaq.edit(|database| {
        let workspace = database.workspace("ann's Workspace").unwrap().id;
        database.membership_mut(id, workspace).unwrap().role = Role::ReadOnly;
    });
    ann.get("/workspace/").await.refused(403, "Calling user does not have the correct role to retrieve workspaces.");
    ann.put("/workspace/rotate-key", json!({}))
        .await
        .refused(403, "Calling user does not have the correct role to request a new API key for the workspace.");
    // Who reads only may create workspaces all the same, and is an admin there.
    ann.create("Notes").await;
    assert_eq!(ann.get("/workspace/").await.ok().as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_path_is_redirected_to_itself_with_its_last_slash() {
    let (aaq, password) = service().await;
    let ann = Caller::new(&aaq, "ann", &password).await;
    for (path, with) in [("/user", "/user/"), ("/workspace", "/workspace/"), ("/user/current-user/", "/user/current-user")] {
        let said = ann.get(path).await;
        assert_eq!((said.status, said.location), (307, format!("{}{with}", aaq.url())));
    }
    ann.get("/users").await.refused(404, "Not Found");
}

#[tokio::test]
async fn a_workspace_cannot_be_deleted() {
    let (aaq, password) = service().await;
    let ann = Caller::new(&aaq, "ann", &password).await;
    let id = ann.create("Notes").await;
    let said = ann.delete(&format!("/workspace/{id}")).await;
    said.refused(405, "Method Not Allowed");
    assert_eq!(said.allow, "GET");
}

#[tokio::test]
async fn creating_a_name_that_is_taken_says_nothing_and_grants_nothing() {
    let (aaq, password) = service().await;
    let ann = Caller::new(&aaq, "ann", &password).await;
    aaq.edit(|database| database.create_workspace("Theirs", Some(100), Some(50)));
    let created = ann.post("/workspace/", json!([{"workspace_name": "Theirs"}, {"workspace_name": "Mine"}])).await.ok();
    assert_eq!(created.as_array().unwrap().len(), 1);
    assert_eq!(created[0]["workspace_name"], "Mine");
    assert_eq!(ann.post("/workspace/", json!({"workspace_name": "Theirs"})).await.ok(), json!([]));
    let switched = ann.post("/workspace/switch-workspace", json!({"workspace_name": "Theirs"})).await;
    switched.refused(400, "Workspace with workspace name 'Theirs' not found.");
    assert_eq!(aaq.front.writes(), ["created workspace Mine"]);
}

#[tokio::test]
async fn quotas_and_the_language_of_a_new_workspace_are_not_up_to_whoever_creates_it() {
    let (aaq, password) = service().await;
    let ann = Caller::new(&aaq, "ann", &password).await;
    let wish = json!({"workspace_name": "Notes", "api_daily_quota": 7, "content_quota": null, "doc_language": "HINDI"});
    let created = ann.post("/workspace/", wish).await.ok();
    let expected = [(&created[0]["api_daily_quota"], json!(100)), (&created[0]["content_quota"], json!(50))];
    assert!(expected.iter().all(|(is, wanted)| *is == wanted), "{created}");
    assert_eq!(created[0]["doc_language"], "ENGLISH");
    let path = format!("/workspace/{}", created[0]["workspace_id"]);
    let updated = ann.put(&path, json!({"api_daily_quota": 7, "content_quota": 7, "doc_language": "HINDI"})).await.ok();
    let rest = json!({"api_daily_quota": 100, "content_quota": 50, "doc_language": "HINDI", "workspace_name": "Notes"});
    assert_eq!(updated, rest);
}

#[tokio::test]
async fn an_update_without_a_language_resets_it_and_one_with_an_unknown_language_is_passed_over() {
    let (aaq, password) = service().await;
    let ann = Caller::new(&aaq, "ann", &password).await;
    let path = format!("/workspace/{}", ann.create("Notes").await);
    for (body, language) in [
        (json!({"doc_language": "SWAHILI"}), "SWAHILI"),
        (json!({"doc_language": "KLINGON", "workspace_name": "Notes 2"}), "SWAHILI"),
        (json!({"doc_language": null, "workspace_name": "Notes 3"}), "SWAHILI"),
        (json!({"workspace_name": "Notes 4"}), "ENGLISH"),
    ] {
        assert_eq!(ann.put(&path, body).await.ok()["doc_language"], language);
    }
    let nothing = json!({"api_daily_quota": -1, "content_quota": -1, "doc_language": "KLINGON"});
    ann.put(&path, nothing).await.refused(400, "No valid updates provided for the workspace.");
}

#[tokio::test]
async fn the_names_of_others_are_told_before_it_is_told_that_they_are_not_yours() {
    let (aaq, password) = service().await;
    let ann = Caller::new(&aaq, "ann", &password).await;
    let theirs = aaq.edit(|database| database.create_workspace("Theirs", Some(100), Some(50)));
    let foreign = format!("/workspace/{theirs}");
    ann.get(&foreign).await.refused(403, "Calling user is not an admin in the workspace.");
    ann.get("/workspace/4711").await.refused(403, "Calling user is not an admin in the workspace.");
    ann.put("/workspace/4711", json!({"workspace_name": "X"})).await.refused(404, "Workspace ID 4711 not found.");
    let taken = "Workspace with workspace name ann's Workspace already exists.";
    ann.put(&foreign, json!({"workspace_name": "ann's Workspace"})).await.refused(400, taken);
    ann.put(&foreign, json!({"workspace_name": "X"})).await.refused(403, "Calling user is not an admin in the workspace.");
    assert_eq!(ann.get("/workspace/x").await.status, 422);
}

#[tokio::test]
async fn a_token_for_a_workspace_that_was_renamed_breaks_what_reads_the_current_workspace() {
    let (aaq, password) = service().await;
    let ann = Caller::new(&aaq, "ann", &password).await;
    let path = format!("/workspace/{}", ann.create("Notes").await);
    let there = ann.switched("Notes").await;
    assert_eq!(there.get("/workspace/current-workspace").await.ok()["workspace_name"], "Notes");
    there.put(&path, json!({"workspace_name": "Papers", "doc_language": "ENGLISH"})).await.ok();
    let gone = "WorkspaceNotFoundError: Workspace with name Notes does not exist.";
    there.get("/workspace/current-workspace").await.crashed(gone);
    there.get("/user/").await.crashed(gone);
    there.put("/workspace/rotate-key", json!({})).await.crashed(gone);
    // What does not read it goes on.
    there.get("/workspace/").await.ok();
    there.switched("Papers").await.get("/user/").await.ok();
}

#[tokio::test]
async fn lists_are_whole_and_in_no_order() {
    let (aaq, password) = service().await;
    let ann = Caller::new(&aaq, "ann", &password).await;
    for number in 0..150 {
        ann.create(&format!("Workspace {number}")).await;
    }
    let (one, other) = (ann.get("/workspace/").await.ok(), ann.get("/workspace/").await.ok());
    assert_eq!((one.as_array().unwrap().len(), other.as_array().unwrap().len()), (151, 151));
    assert_ne!(one, other);
}

#[tokio::test]
async fn the_members_of_a_workspace_are_listed_to_its_admins_and_others_see_themselves() {
    let (aaq, password) = service().await;
    let ann = Caller::new(&aaq, "ann", &password).await;
    ann.create("Notes").await;
    let ben = json!({"username": "ben", "password": "new", "workspace_name": "Notes", "is_default_workspace": false});
    assert_eq!(ann.post("/user/", ben).await.ok()["role"], "read_only");
    ann.post("/user/add-existing-user-to-workspace", json!({"username": "ben", "workspace_name": "ann's Workspace"})).await.ok();
    let listed = ann.switched("Notes").await.get("/user/").await.ok();
    let row = listed.as_array().unwrap().iter().find(|row| row["username"] == "ben").unwrap();
    // An admin sees only what is in the current workspace; whether it is the default one stands beside it.
    assert_eq!(row["user_workspaces"].as_array().unwrap().len(), 1);
    assert_eq!((&row["user_workspaces"][0]["user_role"], &row["is_default_workspace"]), (&json!("read_only"), &json!([true])));
    let ben = Caller::new(&aaq, "ben", "new").await;
    let seen = ben.get("/user/").await.ok();
    assert_eq!((seen.as_array().unwrap().len(), &seen[0]["username"]), (1, &json!("ben")));
    assert_eq!(seen[0]["user_workspaces"].as_array().unwrap().len(), 2);
    assert_eq!(ben.head("/user/ann").await, 403);
    assert_eq!((ann.head("/user/ben").await, ann.head("/user/nobody").await), (200, 404));
}

#[tokio::test]
async fn creating_and_adding_say_exactly_why_not() {
    let (aaq, password) = service().await;
    let ann = Caller::new(&aaq, "ann", &password).await;
    ann.create("Notes").await;
    let new = |workspace: &str| json!({"username": "ben", "password": "new", "workspace_name": workspace});
    ann.post("/user/", new("Nowhere")).await.refused(400, "Workspace does not exist: Nowhere");
    let several = "Calling user belongs to multiple workspaces. A workspace must be specified for creating a user.";
    ann.post("/user/", json!({"username": "ben", "password": "new"})).await.refused(400, several);
    ann.post("/user/", new("Notes")).await.ok();
    ann.post("/user/", new("Notes")).await.refused(400, "Username already exists.");
    let add = "/user/add-existing-user-to-workspace";
    ann.post(add, json!({"username": "cy", "workspace_name": "Notes"})).await.refused(404, "Username does not exist.");
    ann.post(add, json!({"username": "ben", "workspace_name": "Notes"}))
        .await
        .refused(400, "User workspace role already exists.");
    let ben = Caller::new(&aaq, "ben", "new").await;
    let nowhere = "Calling user does not have the correct role to create a user in any workspace.";
    ben.post("/user/", json!({"username": "cy", "password": "new", "workspace_name": "Notes"})).await.refused(403, nowhere);
    let said = ann.post("/user/", json!({"username": 5, "role": "owner", "password": "s"})).await;
    assert_eq!(said.status, 422);
    assert_eq!(said.json()["detail"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn whoever_adds_an_account_gets_its_recovery_codes_also_when_it_is_somebody_elses() {
    let (aaq, password) = service().await;
    let ann = Caller::new(&aaq, "ann", &password).await;
    ann.create("Notes").await;
    let created = ann.post("/user/", json!({"username": "ben", "password": "new", "workspace_name": "Notes"})).await.ok();
    let codes = created["recovery_codes"].as_array().unwrap().clone();
    assert!(codes.len() == 5 && codes.iter().all(|code| code.as_str().unwrap().len() == 20));
    let add = json!({"username": "ben", "workspace_name": "ann's Workspace", "role": "admin"});
    let added = ann.post("/user/add-existing-user-to-workspace", add).await.ok();
    assert_eq!(added["recovery_codes"].as_array().unwrap(), &codes);
    assert!(codes.iter().all(|code| aaq.secrets().contains(&code.as_str().unwrap().to_owned())));
    // With one of them anybody sets the password, once.
    let reset = json!({"username": "ben", "password": "newer", "recovery_code": codes[0]});
    let open = Caller { aaq: &aaq, token: String::new() };
    open.put("/user/reset-password", reset.clone()).await.ok();
    open.put("/user/reset-password", reset).await.refused(400, "Recovery code is incorrect.");
    login(&aaq, "ben", "newer").await.ok();
}

#[tokio::test]
async fn an_addition_that_is_refused_has_moved_the_default_workspace_already() {
    let (aaq, password) = service().await;
    let ann = Caller::new(&aaq, "ann", &password).await;
    ann.create("Notes").await;
    let add = json!({"username": "ann", "workspace_name": "Notes", "is_default_workspace": true});
    ann.post("/user/add-existing-user-to-workspace", add).await.refused(400, "User workspace role already exists.");
    assert_eq!(login(&aaq, "ann", &password).await.ok()["workspace_name"], "Notes");
}

#[tokio::test]
async fn a_removal_that_is_repeated_is_404_or_500() {
    let (aaq, password) = service().await;
    let ann = Caller::new(&aaq, "ann", &password).await;
    ann.create("Notes").await;
    ann.post("/user/", json!({"username": "ben", "password": "new", "workspace_name": "Notes"})).await.ok();
    ann.post("/user/add-existing-user-to-workspace", json!({"username": "ben", "workspace_name": "ann's Workspace"})).await.ok();
    let id = user_id(&aaq, "ben");
    let from = |name: &str| format!("/user/{id}?remove_from_workspace_name={name}");
    let removed = ann.delete(&from("Notes")).await.ok();
    // The oldest membership that is left is where the user lands now.
    assert_eq!(removed["default_workspace_name"], "ann's Workspace");
    assert_eq!((&removed["require_authentication"], &removed["require_workspace_switch"]), (&json!(false), &json!(false)));
    ann.delete(&from("Notes")).await.refused(404, "User not found in workspace.");
    let removed = ann.delete(&from("ann%27s+Workspace")).await.ok();
    assert_eq!(removed["default_workspace_name"], Value::Null);
    let gone = format!("UserNotFoundError: User with user_id {id} does not exist.");
    ann.delete(&from("ann%27s%20Workspace")).await.crashed(&gone);
    ann.delete(&from("Nowhere")).await.refused(400, "Workspace does not exist: Nowhere");
    assert_eq!(ann.delete(&format!("/user/{id}")).await.status, 422);
    assert_eq!(ann.head("/user/ben").await, 404);
}

#[tokio::test]
async fn the_last_admin_cannot_be_removed_and_can_be_demoted_unless_it_is_strict() {
    let (aaq, password) = service().await;
    let ann = Caller::new(&aaq, "ann", &password).await;
    ann.create("Notes").await;
    let id = user_id(&aaq, "ann");
    let last = "Cannot remove last admin user from the workspace.";
    ann.delete(&format!("/user/{id}?remove_from_workspace_name=Notes")).await.refused(403, last);
    let demote = json!({"username": "ann", "role": "read_only", "workspace_name": "Notes"});
    aaq.strict(true);
    ann.put(&format!("/user/{id}"), demote.clone()).await.refused(403, last);
    aaq.strict(false);
    ann.put(&format!("/user/{id}"), demote).await.ok();
    // Nobody can manage it any more.
    let promote = json!({"username": "ann", "role": "admin", "workspace_name": "Notes"});
    ann.put(&format!("/user/{id}"), promote).await.refused(403, "Calling user is not an admin in the workspace.");
}

#[tokio::test]
async fn an_update_of_a_user_names_the_user_and_the_workspace() {
    let (aaq, password) = service().await;
    let ann = Caller::new(&aaq, "ann", &password).await;
    ann.create("Notes").await;
    ann.post("/user/", json!({"username": "ben", "password": "new", "workspace_name": "Notes"})).await.ok();
    let path = format!("/user/{}", user_id(&aaq, "ben"));
    assert_eq!(ann.put(&path, json!({"role": "admin"})).await.status, 422);
    let role = "Workspace name must be specified if user's role is being updated.";
    ann.put(&path, json!({"username": "ben", "role": "admin"})).await.refused(400, role);
    let default = "Workspace name must be specified if user's default workspace is being updated.";
    ann.put(&path, json!({"username": "ben", "is_default_workspace": false})).await.refused(400, default);
    ann.put(&path, json!({"username": "ann"})).await.refused(400, "User with username ann already exists.");
    let nowhere = json!({"username": "ben", "role": "admin", "workspace_name": "Nowhere"});
    ann.put(&path, nowhere).await.crashed("WorkspaceNotFoundError: Workspace with name Nowhere does not exist.");
    let elsewhere = json!({"username": "ben", "role": "admin", "workspace_name": "ann's Workspace"});
    assert_eq!(ann.put(&path, elsewhere).await.status, 400);
    let stranger = aaq.edit(|database| database.create_user("eve", "new", Vec::new()));
    let not_yours = "Calling user does not have the correct role to update user information.";
    ann.put(&format!("/user/{stranger}"), json!({"username": "eve"})).await.refused(403, not_yours);
    let updated = ann.put(&path, json!({"username": "benny", "role": "admin", "workspace_name": "Notes"})).await.ok();
    assert_eq!((&updated["username"], &updated["user_workspaces"][0]["user_role"]), (&json!("benny"), &json!("admin")));
}

#[tokio::test]
async fn a_token_for_a_workspace_that_one_was_removed_from_opens_only_what_takes_keys() {
    let (aaq, password) = service().await;
    let ann = Caller::new(&aaq, "ann", &password).await;
    ann.create("Notes").await;
    ann.post("/user/", json!({"username": "ben", "password": "new", "workspace_name": "ann's Workspace"})).await.ok();
    ann.post("/user/add-existing-user-to-workspace", json!({"username": "ben", "workspace_name": "Notes"})).await.ok();
    let ben = Caller::new(&aaq, "ben", "new").await.switched("Notes").await;
    let id = user_id(&aaq, "ben");
    ann.delete(&format!("/user/{id}?remove_from_workspace_name=Notes")).await.ok();
    ben.get("/user/").await.refused(500, "Calling user role in workspace is `None`.");
    ben.get("/data-api/contents").await.ok();
    let shared = ann.get(&format!("/workspace/get-user-workspaces/{id}")).await.ok();
    assert_eq!((shared.as_array().unwrap().len(), &shared[0]["workspace_name"]), (1, &json!("ann's Workspace")));
}

#[tokio::test]
async fn a_new_key_replaces_the_old_one_at_once_and_is_shown_once() {
    let (aaq, password) = service().await;
    let ann = Caller::new(&aaq, "ann", &password).await;
    let rotate = async || ann.put("/workspace/rotate-key", json!({})).await.ok()["new_api_key"].as_str().unwrap().to_owned();
    let (old, new) = (rotate().await, rotate().await);
    assert_eq!((old.len(), new.len()), (43, 43));
    assert_eq!((aaq.opened_by(&old), aaq.opened_by(&new).as_deref()), (None, Some("ann's Workspace")));
    let shown = ann.get("/workspace/current-workspace").await;
    assert_eq!(shown.ok()["api_key_first_characters"], new[..5]);
    assert!(!shown.text.contains(&new));
    let open = |token: String| Caller { aaq: &aaq, token };
    open(old).get("/data-api/contents").await.refused(401, "Could not validate credentials");
    open(new).get("/data-api/contents").await.ok();
    open(String::new()).get("/data-api/contents").await.refused(403, "Not authenticated");
}

#[tokio::test]
async fn the_first_user_registers_once_and_has_no_limits() {
    let aaq = Aaq::start().await;
    let open = Caller { aaq: &aaq, token: String::new() };
    assert_eq!(open.get("/user/require-register").await.ok(), json!({"require_register": true}));
    let first = json!({"username": "ann", "password": "first", "role": "read_only"});
    let said = open.post("/user/register-first-user", first.clone()).await.ok();
    assert_eq!((&said["role"], &said["workspace_name"]), (&json!("admin"), &json!("ann's Workspace")));
    open.post("/user/register-first-user", first).await.refused(400, "There are already users assigned to workspaces.");
    assert_eq!(open.get("/user/require-register").await.ok(), json!({"require_register": false}));
    let ann = Caller::new(&aaq, "ann", "first").await;
    assert_eq!(ann.get("/workspace/current-workspace").await.ok()["api_daily_quota"], Value::Null);
    assert_eq!(open.get("/healthcheck").await.ok(), json!({"status": "ok"}));
}

#[tokio::test]
async fn google_vouches_for_a_user_who_gets_a_workspace() {
    let aaq = Aaq::start().await;
    let open = Caller { aaq: &aaq, token: String::new() };
    let credential = aaq.google_credential("ann@gmail.example");
    let form = json!({"client_id": "muster", "credential": credential});
    let said = open.post("/login-google", form.clone()).await.ok();
    assert_eq!((&said["workspace_name"], &said["user_role"]), (&json!("ann@gmail.example's Workspace"), &json!("admin")));
    open.post("/login-google", form).await.ok();
    let junk = json!({"client_id": "muster", "credential": "junk"});
    open.post("/login-google", junk).await.refused(401, "Invalid token.");
    aaq.edit(|database| database.create_workspace("ben@gmail.example's Workspace", Some(100), Some(50)));
    let credential = aaq.google_credential("ben@gmail.example");
    let taken =
        "Workspace for 'ben@gmail.example' already exists. Contact the admin of that workspace to create an account for you.";
    open.post("/login-google", json!({"client_id": "muster", "credential": credential})).await.refused(400, taken);
}

#[tokio::test]
async fn a_crash_in_the_middle_of_creating_leaves_a_workspace_that_any_admin_can_take() {
    let (aaq, password) = service().await;
    let ann = Caller::new(&aaq, "ann", &password).await;
    aaq.crash(Crash::AfterWorkspace);
    ann.post("/workspace/", json!({"workspace_name": "Notes"})).await.crashed("OperationalError");
    assert_eq!(ann.post("/workspace/", json!({"workspace_name": "Notes"})).await.ok(), json!([]));
    let claim = json!({"username": "ann", "workspace_name": "Notes", "role": "admin"});
    ann.post("/user/add-existing-user-to-workspace", claim).await.ok();
    assert_eq!(ann.get("/workspace/").await.ok().as_array().unwrap().len(), 2);
    aaq.crash(Crash::AfterAccount);
    let ben = json!({"username": "ben", "password": "new", "workspace_name": "Notes"});
    ann.post("/user/", ben.clone()).await.crashed("OperationalError");
    ann.post("/user/", ben).await.refused(400, "Username already exists.");
    login(&aaq, "ben", "new").await.crashed("NoResultFound");
    ann.post("/user/add-existing-user-to-workspace", json!({"username": "ben", "workspace_name": "Notes"})).await.ok();
}

#[tokio::test]
async fn what_happens_on_the_way_is_counted_and_can_be_planted() {
    use crate::faults::{Answer, Fault, Kind};
    let (aaq, password) = service().await;
    let ann = Caller::new(&aaq, "ann", &password).await;
    aaq.front.forget();
    aaq.front.plant(Fault::new(Kind::Instead(Answer::text(502, "bad gateway"))).on(Method::POST, "/workspace/"));
    let said = ann.post("/workspace/", json!({"workspace_name": "Notes"})).await;
    assert_eq!(said.status, StatusCode::BAD_GATEWAY.as_u16());
    ann.get("/workspace/").await.ok();
    assert_eq!(aaq.front.writes(), ["created workspace Notes"]);
    assert_eq!(aaq.front.requests(), ["POST /workspace/", "GET /workspace/"]);
    let state = [
        "\"ann\" is admin in \"Notes\"",
        "\"ann\" is admin in \"ann's Workspace\" by default",
        "user \"ann\"",
        "workspace \"Notes\" ENGLISH without a key",
        "workspace \"ann's Workspace\" ENGLISH without a key",
    ];
    assert_eq!(aaq.summary(), state);
}
