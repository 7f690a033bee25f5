use std::collections::BTreeMap;
use std::sync::Mutex;

use axum::body::{Body, to_bytes};
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{Method, Request, Response};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::super::faults::Front;
use super::defaults::{self, Profile};
use super::store::{Template, Workspace};
use super::{End, State, Switches, token};

/// An error as the service words it.
pub struct Refusal {
    status: u16,
    message: String,
    details: String,
}

impl Refusal {
    pub fn new(status: u16, message: &str, details: &str) -> Self {
        Self { status, message: message.to_owned(), details: details.to_owned() }
    }
}

/// An answer: 204 has no body.
struct Answered(u16, Value);

type Answer = Result<Answered, Refusal>;

/// What is asked for.
struct Ask {
    profile: Profile,
    method: Method,
    query: BTreeMap<String, String>,
    body: Option<Value>,
}

impl Ask {
    fn object(&self) -> Result<&Value, Refusal> {
        let object = self.body.as_ref().filter(|body| body.is_object());
        object.ok_or_else(|| Refusal::new(400, "Invalid body param", "a JSON object is needed"))
    }

    fn list(&self) -> Result<&[Value], Refusal> {
        let list = self.body.as_ref().and_then(Value::as_array);
        list.map(Vec::as_slice).ok_or_else(|| Refusal::new(400, "Invalid body param", "a JSON array is needed"))
    }
}

pub async fn answer(state: &Mutex<State>, front: &Front, request: Request<Body>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 16 * 1024 * 1024).await.unwrap_or_default();
    let mut state = state.lock().unwrap();
    let fills_in = state.switches.fills_in;
    let (profile, path) = match head.uri.path() {
        path if path.starts_with("/v2/") => (Profile::V2 { fills_in }, &path["/v2/".len()..]),
        path if path.starts_with("/policy/v1/") => (Profile::V1, &path["/policy/v1/".len()..]),
        _ => return respond(Err(Refusal::new(404, "not found", "no such path"))),
    };
    let access_key = match token::check(&mut state, &head.headers) {
        Ok(access_key) => access_key,
        Err(refusal) => return respond(Err(refusal)),
    };
    let path: Vec<String> = path.split('/').map(|part| percent_decode_str(part).decode_utf8_lossy().into_owned()).collect();
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let query = form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
    let ask = Ask { profile, method: head.method, query, body: serde_json::from_slice(&body).ok() };
    respond(route(&mut state, front, &access_key, &ask, &path))
}

fn respond(answer: Answer) -> Response<Body> {
    let (status, body) = match answer {
        Ok(Answered(status, body)) => (status, body),
        Err(Refusal { status, message, details }) => (status, json!({"code": status, "message": message, "details": [details]})),
    };
    let mut response = Response::builder().status(status);
    if status == 405 {
        response = response.header(ALLOW, "GET, POST");
    }
    let body = if status == 204 {
        Body::empty()
    } else {
        response = response.header(CONTENT_TYPE, "application/json");
        Body::from(body.to_string())
    };
    response.body(body).expect("an answer that can be sent")
}

fn route(state: &mut State, front: &Front, access_key: &str, ask: &Ask, path: &[&str]) -> Answer {
    let switches = state.switches;
    let (new_id, now) = state.next();
    let workspace = state.workspaces.get_mut(access_key).expect("the token is for it");
    let mut place = Place { workspace, switches, front, new: (new_id, now) };
    let by_query = ask.query.contains_key("id") || ask.query.contains_key("name");
    let v2 = ask.profile != Profile::V1;
    match (ask.method.as_str(), path) {
        ("GET", ["templates"]) => Ok(place.list(ask)),
        ("POST", ["templates"]) if !v2 && by_query => {
            let id = place.named(ask)?;
            place.modify(ask, &id)
        }
        ("POST", ["templates"]) => place.create(ask),
        ("DELETE", ["templates"]) if !v2 && switches.deletes_templates => {
            let id = place.named(ask)?;
            place.delete(&id)
        }
        ("GET", ["templates", id]) if v2 => {
            let customer = place.workspace.customer.clone();
            Ok(Answered(200, place.template(id)?.view(&customer, ask.profile, switches, false)))
        }
        ("POST", ["templates", id]) if v2 => place.modify(ask, id),
        ("GET", ["templates", id, "roles", role]) => {
            Ok(Answered(200, place.template(id)?.roles.get(*role).ok_or_else(no_role)?.clone()))
        }
        ("POST", ["templates", id, "roles", role]) => place.put_role(ask, id, role),
        ("DELETE", ["templates", id, "roles", role]) => place.delete_role(id, role),
        ("GET", ["templates", id, "settings"]) => {
            Ok(Answered(200, place.template(id)?.settings(switches).unwrap_or_else(|| json!({}))))
        }
        ("POST", ["templates", id, "settings"]) => {
            let settings = defaults::settings(Some(ask.object()?), ask.profile);
            place.change(id, "settings", |template| template.settings = settings)?;
            Ok(Answered(200, place.template(id)?.settings(switches).unwrap_or_default()))
        }
        ("GET", ["templates", id, "destinations"]) if v2 => Ok(Answered(200, place.template(id)?.destinations.clone())),
        ("POST", ["templates", id, "destinations"]) if v2 => {
            let destinations = defaults::destinations(Some(ask.object()?), ask.profile);
            place.change(id, "destinations", |template| template.destinations = destinations)?;
            Ok(Answered(200, place.template(id)?.destinations.clone()))
        }
        ("GET", ["templates", id, "recordings"]) if v2 => Ok(Answered(200, place.template(id)?.recordings.clone().into())),
        ("POST", ["templates", id, "recordings"]) if v2 => {
            let [sent] = ask.list()? else {
                return Err(Refusal::new(400, "Invalid body param", "exactly one recording config is allowed"));
            };
            let is_there =
                sent["role"].as_str().is_some_and(|role| place.template(id).is_ok_and(|it| it.roles.contains_key(role)));
            if switches.needs_role && !is_there {
                return Err(Refusal::new(400, "Invalid body param", "the role does not exist"));
            }
            let recordings = vec![defaults::recording(sent)];
            place.change(id, "recordings", |template| template.recordings = recordings)?;
            Ok(Answered(200, place.template(id)?.recordings.clone().into()))
        }
        (_, ["templates", ..]) => Err(Refusal::new(405, "method not allowed", "no such operation")),
        _ => Err(Refusal::new(404, "not found", "no such path")),
    }
}

fn no_template() -> Refusal {
    Refusal::new(404, "template not found", "not found")
}

fn no_role() -> Refusal {
    Refusal::new(404, "role not found", "not found")
}

/// The workspace that a request is for.
struct Place<'a> {
    workspace: &'a mut Workspace,
    switches: Switches,
    front: &'a Front,
    new: (String, jiff::Timestamp),
}

impl Place<'_> {
    fn applied(&self, what: String) {
        self.front.applied(format!("{}: {what}", self.workspace.label));
    }

    fn template(&mut self, id: &str) -> Result<&mut Template, Refusal> {
        self.workspace.templates.get_mut(id).ok_or_else(no_template)
    }

    /// The id of the template that the query of a V1 request means.
    fn named(&self, ask: &Ask) -> Result<String, Refusal> {
        let wanted = |template: &&Template| is_asked_for(ask, template);
        self.workspace.templates.values().find(wanted).map(|template| template.id.clone()).ok_or_else(no_template)
    }

    fn list(&self, ask: &Ask) -> Answered {
        let asked = ask.query.get("limit").and_then(|limit| limit.parse().ok()).unwrap_or(10);
        let limit: usize = if ask.profile == Profile::V1 { asked.clamp(1, 20) } else { asked.clamp(10, 100) };
        let before = |template: &&Template| ask.query.get("start").is_none_or(|start| start.is_empty() || template.id < *start);
        let asked_for = |template: &&Template| ask.profile != Profile::V1 || is_asked_for(ask, template);
        let mut rest = self.workspace.templates.values().rev().filter(before).filter(asked_for);
        let page: Vec<&Template> = rest.by_ref().take(limit).collect();
        let last = page.last().map(|template| template.id.clone()).unwrap_or_default();
        let view = |template: &&Template| template.view(&self.workspace.customer, ask.profile, self.switches, false);
        let data: Vec<Value> = page.iter().map(view).collect();
        let is_last = rest.next().is_none();
        let mut answer = json!({"limit": limit, "data": data, "last": last});
        match self.switches.end {
            End::Empty => {}
            End::Missing if page.is_empty() => drop(answer.as_object_mut().expect("an object").remove("data")),
            End::Missing => {}
            End::NoLast if is_last => answer["last"] = Value::Null,
            End::NoLast => {}
        }
        Answered(200, answer)
    }

    /// A template of the same name is overwritten.
    fn create(&mut self, ask: &Ask) -> Answer {
        let body = ask.object()?;
        let (id, now) = self.new.clone();
        let there = body["name"].as_str().and_then(|name| self.workspace.by_name(name));
        let (id, what) = if let Some(template) = there {
            template.recordings.clear();
            template.replace(now, body, ask.profile);
            (template.id.clone(), "overwritten")
        } else {
            self.workspace.templates.insert(id.clone(), Template::new(id.clone(), now, body, ask.profile));
            (id, "created")
        };
        self.written(ask, &id, what, false)
    }

    fn modify(&mut self, ask: &Ask, id: &str) -> Answer {
        let body = ask.object()?;
        let now = self.new.1;
        self.template(id)?;
        let taken = |template: &Template| Some(template.name.as_str()) == body["name"].as_str() && template.id != id;
        if self.workspace.templates.values().any(taken) {
            return Err(self.overwrite_error());
        }
        self.template(id)?.replace(now, body, ask.profile);
        self.written(ask, id, "replaced", true)
    }

    fn written(&mut self, ask: &Ask, id: &str, what: &str, updated: bool) -> Answer {
        self.workspace.only_default(id);
        let (customer, switches) = (self.workspace.customer.clone(), self.switches);
        let template = self.template(id)?;
        let (name, view) = (template.name.clone(), template.view(&customer, ask.profile, switches, updated));
        self.applied(format!("template {name} {what}"));
        Ok(Answered(200, view))
    }

    fn delete(&mut self, id: &str) -> Answer {
        let template = self.workspace.templates.remove(id).ok_or_else(no_template)?;
        self.applied(format!("template {} deleted", template.name));
        Ok(Answered(204, Value::Null))
    }

    fn change(&mut self, id: &str, part: &str, change: impl FnOnce(&mut Template)) -> Result<(), Refusal> {
        let now = self.new.1;
        let template = self.template(id)?;
        change(template);
        template.updated_at = now;
        let name = template.name.clone();
        self.applied(format!("template {name} {part}"));
        Ok(())
    }

    /// The name in the body is the one that the role has afterwards.
    fn put_role(&mut self, ask: &Ask, id: &str, path: &str) -> Answer {
        let body = ask.object()?;
        let name = body["name"].as_str().unwrap_or(path);
        let overwrite = self.overwrite_error();
        let template = self.template(id)?;
        if name != path && template.roles.contains_key(name) {
            return Err(overwrite);
        }
        let role = defaults::role(name, body, ask.profile);
        let what = format!("role {path}");
        self.change(id, &what, |template| {
            template.roles.remove(path);
            template.roles.insert(name.to_owned(), role.clone());
        })?;
        Ok(Answered(200, role))
    }

    /// Whoever subscribes to the role goes on to name it.
    fn delete_role(&mut self, id: &str, role: &str) -> Answer {
        self.template(id)?.roles.get(role).ok_or_else(no_role)?;
        self.change(id, &format!("role {role} deleted"), |template| drop(template.roles.remove(role)))?;
        Ok(Answered(204, Value::Null))
    }

    fn overwrite_error(&self) -> Refusal {
        Refusal::new(self.switches.overwrite, "overwrite error", "the name is taken")
    }
}

fn is_asked_for(ask: &Ask, template: &Template) -> bool {
    let is = |name: &str, value: &str| ask.query.get(name).is_none_or(|asked| asked == value);
    is("id", &template.id) && is("name", &template.name) && is("default", if template.default { "true" } else { "false" })
}
