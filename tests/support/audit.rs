//! Whether a service account has exactly the rights that it uses: its roles compared with the audit log of an API server.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

/// One thing that a role allows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Right {
    /// `Role/muster-system/muster-lease`.
    role: String,
    /// Where it holds; everywhere without one.
    namespace: Option<String>,
    group: String,
    /// With its subresource: `members/status`.
    resource: String,
    /// The only object that it is about, if there is one.
    name: Option<String>,
    verb: String,
}

impl fmt::Display for Right {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, namespace, group, resource, name, verb } = self;
        let name = name.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
        let place = namespace.as_deref().map_or("the cluster", |namespace| namespace);
        write!(out, "{role}: {verb} {resource}{}{group}{name} in {place}", if group.is_empty() { "" } else { "." })
    }
}

impl Right {
    fn allows(&self, request: &Request) -> bool {
        let everywhere_or = |own: &Option<String>, asked: &str| own.as_deref().is_none_or(|own| own == asked);
        self.verb == request.verb
            && self.group == request.group
            && self.resource == request.resource
            && everywhere_or(&self.namespace, &request.namespace)
            && everywhere_or(&self.name, &request.name)
    }
}

/// One request of the audit log.
struct Request {
    verb: String,
    group: String,
    resource: String,
    namespace: String,
    name: String,
    denied: bool,
}

impl Request {
    /// The finished request of this line, if this user made it and it is about a resource.
    fn read(line: &str, user: &str) -> Option<Self> {
        let event: Value = serde_json::from_str(line).expect("a line of the audit log is a JSON document");
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let object = &event["objectRef"];
        if event["user"]["username"] != user || event["stage"] == "RequestReceived" || !object.is_object() {
            return None;
        }
        let (resource, subresource) = (text(&object["resource"]), text(&object["subresource"]));
        let decision = event["annotations"]["authorization.k8s.io/decision"].as_str();
        Some(Self {
            verb: text(&event["verb"]),
            group: text(&object["apiGroup"]),
            resource: if subresource.is_empty() { resource } else { format!("{resource}/{subresource}") },
            namespace: text(&object["namespace"]),
            name: text(&object["name"]),
            // An admission plugin answers 403 as well; that is no question of rights.
            denied: decision.map_or(event["responseStatus"]["code"] == 403, |decision| decision == "forbid"),
        })
    }
}

/// What the rendered roles allow a service account, through the bindings that name it.
pub fn rights(objects: &[Value], namespace: &str, account: &str) -> BTreeSet<Right> {
    let mut found = BTreeSet::new();
    let bindings = objects.iter().filter(|object| object["kind"] == "RoleBinding" || object["kind"] == "ClusterRoleBinding");
    for binding in bindings {
        let names_it = |subject: &Value| subject["name"] == account && subject["namespace"] == namespace;
        if !list(&binding["subjects"]).iter().any(names_it) {
            continue;
        }
        let place = binding["metadata"]["namespace"].as_str();
        let (kind, name) = (&binding["roleRef"]["kind"], &binding["roleRef"]["name"]);
        let is_meant = |object: &&Value| {
            let own = object["metadata"]["namespace"].as_str();
            &object["kind"] == kind && &object["metadata"]["name"] == name && (kind == "ClusterRole" || own == place)
        };
        let role = objects.iter().find(is_meant).unwrap_or_else(|| panic!("there is no {kind} {name}"));
        let label = format!("{}/{}", kind.as_str().unwrap(), name.as_str().unwrap());
        for rule in list(&role["rules"]) {
            found.extend(rights_of_rule(rule, &label, place));
        }
    }
    found
}

fn rights_of_rule(rule: &Value, role: &str, namespace: Option<&str>) -> Vec<Right> {
    let texts = |value: &Value| list(value).iter().map(|text| text.as_str().unwrap().to_owned()).collect::<Vec<_>>();
    let names = match texts(&rule["resourceNames"]) {
        names if names.is_empty() => vec![None],
        names => names.into_iter().map(Some).collect(),
    };
    let mut found = Vec::new();
    for group in texts(&rule["apiGroups"]) {
        for resource in texts(&rule["resources"]) {
            for verb in texts(&rule["verbs"]) {
                found.extend(names.iter().map(|name| Right {
                    role: role.to_owned(),
                    namespace: namespace.map(str::to_owned),
                    group: group.clone(),
                    resource: resource.clone(),
                    name: name.clone(),
                    verb: verb.clone(),
                }));
            }
        }
    }
    found
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// What is wrong: each right that no request of this account used, and each request that was denied.
///
/// `log` is the audit log, one JSON document a line, at the level Metadata or above; `objects` are the rendered roles and bindings.
pub fn complaints(log: &str, objects: &[Value], namespace: &str, account: &str) -> Vec<String> {
    let rights = rights(objects, namespace, account);
    assert!(!rights.is_empty(), "no role is bound to {namespace}/{account}");
    let user = format!("system:serviceaccount:{namespace}:{account}");
    let requests: Vec<Request> = log.lines().filter_map(|line| Request::read(line, &user)).collect();
    assert!(!requests.is_empty(), "{user} made no request at all");
    let denied = requests.iter().filter(|request| request.denied).map(|request| {
        let Request { verb, group, resource, namespace, name, .. } = request;
        format!("denied: {verb} {resource} of {group:?} in {namespace:?}, {name:?}")
    });
    let used = |right: &&Right| requests.iter().any(|request| !request.denied && right.allows(request));
    let unused = rights.iter().filter(|right| !used(right)).map(|right| format!("never used: {right}"));
    denied.chain(unused).collect::<BTreeSet<String>>().into_iter().collect()
}
