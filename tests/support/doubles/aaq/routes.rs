//! Which operation a request is for: as Starlette finds it, with its ways of saying that there is none.

use axum::body::Bytes;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use axum::http::{HeaderMap, Method, Uri};
use axum::response::Response;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use super::answer::{Answer, Failure, detail, respond};
use super::{Service, logins, users, workspaces};

/// A request, taken apart.
pub struct Request {
    method: Method,
    path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
    /// What stands in the path in place of the name in the route.
    pub param: String,
}

impl Request {
    /// What came over the wire.
    pub fn new(method: Method, uri: &Uri, headers: HeaderMap, body: Bytes) -> Self {
        let query = pairs(uri.query().unwrap_or_default().as_bytes());
        let path = percent_decode_str(uri.path()).decode_utf8_lossy().into_owned();
        Self { method, path, query, headers, body, param: String::new() }
    }

    /// The token, if there is one.
    pub fn bearer(&self) -> Option<&str> {
        let (scheme, token) = self.headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then_some(token)
    }

    /// A value of the query.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body where JSON is expected; anything else is null.
    pub fn json(&self) -> Value {
        if self.has_type("application/json") { serde_json::from_slice(&self.body).unwrap_or_default() } else { Value::Null }
    }

    /// The body where a form is expected, as an object.
    pub fn form(&self) -> Value {
        let form = self.has_type("application/x-www-form-urlencoded");
        let pairs = pairs(if form { &self.body } else { b"" });
        pairs.into_iter().map(|(key, value)| (key, Value::String(value))).collect::<serde_json::Map<_, _>>().into()
    }

    fn has_type(&self, wanted: &str) -> bool {
        self.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(|value| value.starts_with(wanted))
    }
}

/// An operation.
type Operation = fn(&mut Service, &Request) -> Answer;

/// All operations, in the order in which the application registers them, which decides what a wrong method is answered.
const ROUTES: [(&str, &str, Operation); 22] = [
    ("POST", "/login", logins::login),
    ("POST", "/login-google", logins::login_google),
    ("POST", "/user/", users::create),
    ("POST", "/user/add-existing-user-to-workspace", users::add_existing),
    ("POST", "/user/register-first-user", users::register_first),
    ("DELETE", "/user/{user_id}", users::remove),
    ("GET", "/user/", users::list),
    ("GET", "/user/require-register", users::require_register),
    ("PUT", "/user/reset-password", users::reset_password),
    ("PUT", "/user/{user_id}", users::update),
    ("GET", "/user/current-user", users::current),
    ("HEAD", "/user/{username}", users::exists),
    ("POST", "/workspace/", workspaces::create),
    ("GET", "/workspace/", workspaces::list),
    ("GET", "/workspace/current-workspace", workspaces::current),
    ("GET", "/workspace/{workspace_id}", workspaces::get),
    ("GET", "/workspace/get-user-workspaces/{user_id}", workspaces::of_user),
    ("PUT", "/workspace/rotate-key", workspaces::rotate_key),
    ("POST", "/workspace/switch-workspace", workspaces::switch),
    ("PUT", "/workspace/{workspace_id}", workspaces::update),
    ("GET", "/data-api/contents", logins::contents),
    ("GET", "/healthcheck", logins::healthcheck),
];

/// Finds the operation and carries it out.
pub fn answer(service: &mut Service, mut request: Request) -> Response {
    respond(find(&request).and_then(|(operation, param)| {
        let broken = request.has_type("application/json") && serde_json::from_slice::<Value>(&request.body).is_err();
        if broken && !request.body.is_empty() {
            let problem = json!({"type": "json_invalid", "loc": ["body", 0], "msg": "JSON decode error", "input": {}});
            return Err(Failure::Invalid(vec![problem]));
        }
        request.param = param;
        operation(service, &request)
    }))
}

fn find(request: &Request) -> Result<(Operation, String), Failure> {
    let known = |path: &str| ROUTES.iter().filter_map(move |route| Some((route, matched(route.1, path)?))).collect::<Vec<_>>();
    let here = known(&request.path);
    if let Some((route, param)) = here.iter().find(|(route, _)| route.0 == request.method.as_str()) {
        return Ok((route.2, param.clone()));
    }
    if let Some((route, _)) = here.first() {
        return Err(Failure::NotAllowed(route.0));
    }
    let other = request.path.strip_suffix('/').map_or_else(|| format!("{}/", request.path), str::to_owned);
    if known(&other).is_empty() {
        return detail(404, "Not Found");
    }
    let host = request.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    Err(Failure::Redirect(format!("http://{host}{other}")))
}

/// What stands in a path for the name in a route, if the path is of that form.
fn matched(route: &str, path: &str) -> Option<String> {
    let Some((before, _)) = route.split_once('{') else { return (route == path).then(String::new) };
    let param = path.strip_prefix(before)?;
    (!param.is_empty() && !param.contains('/')).then(|| param.to_owned())
}

/// What a query or a form says.
fn pairs(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text).into_owned().collect()
}
