//! The kit for Argo CD and Flux: its scripts and expressions are run against objects in each state.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use cel::{Context, ExecutionError, Program};
use muster::api::Kind;
use muster::api::status::{ObjectStatus, OrganizationStatus};
use serde::Deserialize;
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn file(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn documents(path: &str) -> Vec<Value> {
    let text = file(path);
    let read = |document| Value::deserialize(document).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_yaml::Deserializer::from_str(&text).map(read).collect()
}

/// An object in some state, with what is to be said of it.
#[derive(Deserialize)]
struct Recorded {
    state: String,
    argo: Value,
    flux: String,
    object: Value,
}

fn recorded() -> Vec<Recorded> {
    let all: Vec<Recorded> = serde_yaml::from_str(&file("tests/gitops/objects.yaml")).unwrap();
    assert!(all.len() > 10);
    all
}

#[test]
fn the_recorded_objects_have_the_status_that_the_kinds_have() {
    for Recorded { state, object, .. } in recorded() {
        let kind = Kind::parse(object["kind"].as_str().unwrap()).unwrap();
        if object["status"].is_null() {
            continue;
        }
        let again = match kind {
            Kind::Organization => {
                serde_json::to_value(serde_json::from_value::<OrganizationStatus>(object["status"].clone()).unwrap())
            }
            _ => serde_json::to_value(serde_json::from_value::<ObjectStatus>(object["status"].clone()).unwrap()),
        };
        let mut expected = object["status"].clone();
        if expected["conditions"] == Value::Array(Vec::new()) {
            expected.as_object_mut().unwrap().remove("conditions");
        }
        assert_eq!(again.unwrap(), expected, "{state}: a field that the kind does not have");
    }
}

/// A value as Lua writes it.
fn lua_value(value: &Value) -> String {
    match value {
        Value::Null => "nil".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) => lua_text(text),
        Value::Array(items) => format!("{{{}}}", items.iter().map(|item| lua_value(item) + ",").collect::<String>()),
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| format!("[{}]={},", lua_text(key), lua_value(value));
            format!("{{{}}}", fields.iter().map(field).collect::<String>())
        }
    }
}

fn lua_text(text: &str) -> String {
    format!("\"{}\"", text.bytes().map(|byte| format!("\\{byte:03}")).collect::<String>())
}

/// What Argo CD leaves of the libraries before it runs a script, and how a result is written as JSON.
const SANDBOX: &str = r#"
local function json(value)
  if type(value) ~= "table" then
    if type(value) == "string" then return '"' .. value:gsub('[%c"\\]', function(c) return ("\\u%04x"):format(c:byte()) end) .. '"' end
    return tostring(value)
  end
  local parts = {}
  if #value > 0 then
    for _, item in ipairs(value) do parts[#parts + 1] = json(item) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  for key, item in pairs(value) do parts[#parts + 1] = json(key) .. ":" .. json(item) end
  return "{" .. table.concat(parts, ",") .. "}"
end
local write = io.write
local inside = {
  obj = obj, table = table, ipairs = ipairs, pairs = pairs, tostring = tostring, tonumber = tonumber, type = type, next = next,
  select = select, error = error, pcall = pcall, unpack = unpack,
  require = function(name) assert(name == "os"); return {date = os.date, time = os.time} end,
}
setfenv(script, inside)
local strings = getmetatable("").__index
getmetatable("").__index = nil
local result = script()
getmetatable("").__index = strings
write(json(result))
"#;

/// Runs a script of Argo CD with this object, or says loudly that it cannot.
fn run(script: &str, object: &Value) -> Option<Value> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script.lua");
    fs::write(&path, format!("local obj = {}\nlocal script = function()\n{script}\nend\n{SANDBOX}", lua_value(object))).unwrap();
    let lua = std::env::var("LUA").unwrap_or_else(|_| "lua5.1".to_owned());
    let Ok(output) = Command::new(lua).arg(&path).stdin(Stdio::null()).output() else {
        let _ = writeln!(std::io::stderr(), "SKIPPED: no script for Argo CD was run, because lua5.1 is missing");
        return None;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stdout))),
    )
}

#[test]
fn argo_says_what_the_status_says() {
    let script = file("examples/argocd/health.lua");
    for Recorded { state, argo, object, .. } in recorded() {
        let Some(said) = run(&script, &object) else { return };
        assert_eq!(said, argo, "{state}");
    }
}

#[test]
fn a_script_that_uses_what_argo_does_not_have_fails_here_too() {
    if run("return {}", &Value::Null).is_none() {
        return;
    }
    for script in
        ["return {x = string.len('a')}", "return {x = ('a'):len()}", "return {x = io.read()}", "return {x = os.getenv('HOME')}"]
    {
        assert!(std::panic::catch_unwind(|| run(script, &Value::Null)).is_err(), "{script}");
    }
}

fn organization() -> Value {
    recorded().into_iter().map(|recorded| recorded.object).find(|object| object["kind"] == "Organization").unwrap()
}

#[test]
fn the_actions_change_one_field_and_nothing_else() {
    let mut object = organization();
    let action = |name: &str, object: &Value| run(&file(&format!("examples/argocd/actions/{name}.lua")), object);
    let Some(resumed) = action("resume", &object) else { return };
    object["spec"].as_object_mut().unwrap().remove("suspend");
    assert_eq!(resumed, object);

    let suspended = action("suspend", &object).unwrap();
    object["spec"]["suspend"] = true.into();
    assert_eq!(suspended, object);

    let mut asked = action("reconcile", &object).unwrap();
    let at = asked["metadata"]["annotations"]["muster.dev/reconcile-requested-at"].take();
    at.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
    assert!(asked["metadata"].as_object_mut().unwrap().remove("annotations").is_some());
    assert_eq!(asked, object);

    object["metadata"]["annotations"] = serde_json::json!({"team": "platform", "muster.dev/reconcile-requested-at": "before"});
    let asked = action("reconcile", &object).unwrap();
    assert_eq!(asked["metadata"]["annotations"]["team"], "platform");
    assert_ne!(asked["metadata"]["annotations"]["muster.dev/reconcile-requested-at"], "before");
}

#[test]
fn only_an_organization_can_be_suspended_and_only_once() {
    let script = file("examples/argocd/actions/discovery.lua");
    let offered = |object: &Value| {
        let actions = run(&script, object)?;
        let enabled = actions.as_object().unwrap().iter().filter(|(_, action)| action["disabled"] == false);
        Some(enabled.map(|(name, _)| name.clone()).collect::<Vec<_>>())
    };
    let mut object = organization();
    let Some(of_suspended) = offered(&object) else { return };
    assert_eq!(of_suspended, ["reconcile", "resume"]);
    object["spec"].as_object_mut().unwrap().remove("suspend");
    assert_eq!(offered(&object).unwrap(), ["reconcile", "suspend"]);
    object["kind"] = "Member".into();
    assert_eq!(offered(&object).unwrap(), ["reconcile"]);
}

fn indented(text: &str, by: usize) -> String {
    let pad = " ".repeat(by);
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("{pad}{line}\n") }).collect()
}

/// The settings of Argo CD with these scripts. Only health may name all kinds at once, and only in this form.
fn argocd_cm() -> String {
    let script = |name: &str| file(&format!("examples/argocd/{name}.lua"));
    let mut text = format!(
        "# What Argo CD has to know about muster.dev: merge it into its ConfigMap argocd-cm. It is put together from the scripts in this\n\
         # directory by BLESS=1 cargo test --test gitops.\n\
         apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: argocd-cm\n  namespace: argocd\n  labels:\n    app.kubernetes.io/part-of: argocd\n\
         data:\n  resource.customizations: |\n    muster.dev/*:\n      health.lua: |\n{}",
        indented(&script("health"), 8)
    );
    for kind in Kind::WRITTEN {
        text += &format!("  resource.customizations.actions.muster.dev_{}: |\n", kind.as_str());
        text += &format!("    discovery.lua: |\n{}    definitions:\n", indented(&script("actions/discovery"), 6));
        let actions: &[&str] = if kind == Kind::Organization { &["reconcile", "suspend", "resume"] } else { &["reconcile"] };
        for action in actions {
            text += &format!("    - name: {action}\n      action.lua: |\n{}", indented(&script(&format!("actions/{action}")), 8));
        }
    }
    text
}

#[test]
fn the_settings_of_argo_hold_the_scripts_that_are_tested() {
    let path = "examples/argocd/argocd-cm.yaml";
    if std::env::var_os("BLESS").is_some() {
        fs::write(root().join(path), argocd_cm()).unwrap();
    }
    assert!(file(path) == argocd_cm(), "{path} is not what is generated; run BLESS=1 cargo test --test gitops and commit it");
    let settings = &documents(path)[0]["data"];
    let customizations: Value = serde_yaml::from_str(settings["resource.customizations"].as_str().unwrap()).unwrap();
    assert_eq!(customizations["muster.dev/*"]["health.lua"], file("examples/argocd/health.lua").as_str());
    let key = "resource.customizations.actions.muster.dev_Organization";
    let actions: Value = serde_yaml::from_str(settings[key].as_str().unwrap()).unwrap();
    assert_eq!(actions["definitions"][1]["action.lua"], file("examples/argocd/actions/suspend.lua").as_str());
}

/// What an expression of Flux says of an object, whose fields are its variables.
fn holds(expression: &Value, object: &Value) -> Result<bool, ExecutionError> {
    let program = Program::compile(expression.as_str().unwrap()).unwrap();
    let mut context = Context::default();
    for (name, value) in object.as_object().unwrap() {
        context.add_variable(name.as_str(), value).unwrap();
    }
    match program.execute(&context)? {
        cel::Value::Bool(said) => Ok(said),
        other => panic!("{expression} says {other:?}"),
    }
}

/// As Flux does it: the generation first, then these expressions in order, and in progress where none holds.
fn flux(expressions: &Value, object: &Value) -> Result<&'static str, ExecutionError> {
    let observed = &object["status"]["observedGeneration"];
    if !observed.is_null() && observed != &object["metadata"]["generation"] {
        return Ok("inProgress");
    }
    for name in ["inProgress", "failed", "current"] {
        if holds(&expressions[name], object)? {
            return Ok(name);
        }
    }
    Ok("inProgress")
}

#[test]
fn flux_says_of_every_kind_what_the_status_says() {
    let kustomization = &documents("examples/flux/cluster/tenancy.yaml")[0];
    let all = kustomization["spec"]["healthCheckExprs"].as_array().unwrap();
    let kinds: Vec<&str> = all.iter().map(|expressions| expressions["kind"].as_str().unwrap()).collect();
    for kind in Kind::WRITTEN {
        assert!(kinds.contains(&kind.as_str()), "{kind}");
    }
    assert_eq!(kinds.len(), Kind::WRITTEN.len());
    for Recorded { state, flux: expected, object, .. } in recorded() {
        for expressions in all {
            let said = flux(expressions, &object).unwrap_or("error");
            assert_eq!(said, expected, "{state}, by the expressions of {}", expressions["kind"]);
        }
    }
}

#[test]
fn flux_brings_the_definitions_then_muster_then_the_tenancy() {
    let one = |name: &str| documents(&format!("examples/flux/cluster/{name}.yaml")).remove(0);
    let [crds, muster, tenancy] = ["crds", "muster", "tenancy"].map(one);
    assert!(crds["spec"]["dependsOn"].is_null());
    assert_eq!(crds["spec"]["prune"], false, "with a definition goes every object of its kind");
    assert_eq!(muster["spec"]["dependsOn"][0], serde_json::json!({"name": crds["metadata"]["name"]}));
    let on_muster = &tenancy["spec"]["dependsOn"][0];
    assert_eq!(on_muster["name"], muster["metadata"]["name"]);
    for (status, is_there) in [(serde_json::json!({}), false), (serde_json::json!({"lastAppliedRevision": "main@sha1:1"}), true)]
    {
        let once = holds(&on_muster["readyExpr"], &serde_json::json!({"dep": {"status": status}})).unwrap();
        assert_eq!(once, is_there, "{status}");
    }
    let sources = documents("examples/flux/cluster/sources.yaml");
    for kustomization in [&crds, &muster, &tenancy] {
        assert_eq!(kustomization["spec"]["wait"], true);
        assert!(kustomization["spec"]["force"].is_null());
        assert!(sources.iter().any(|source| source["metadata"]["name"] == kustomization["spec"]["sourceRef"]["name"]));
    }
    for kustomization in [&crds, &muster] {
        assert!(root().join(kustomization["spec"]["path"].as_str().unwrap()).is_dir(), "{kustomization}");
    }
    let release = &documents("examples/flux/muster/release.yaml")[0]["spec"];
    assert!(root().join(release["chart"]["spec"]["chart"].as_str().unwrap()).join("Chart.yaml").exists());
    assert_eq!(release["values"]["crds"]["install"], false, "the definitions come once");
}

#[test]
fn what_both_kits_install_is_what_the_chart_takes() {
    let application = &documents("examples/argocd/muster.yaml")[0]["spec"];
    assert!(root().join(application["source"]["path"].as_str().unwrap()).join("Chart.yaml").exists());
    let version = format!("v{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(application["source"]["targetRevision"], version.as_str());
    assert_eq!(documents("examples/flux/cluster/sources.yaml")[0]["spec"]["ref"]["tag"], version.as_str());
    let project = &documents("examples/argocd/project.yaml")[0];
    let tenancy = &documents("examples/argocd/tenancy.yaml")[0]["spec"];
    assert_eq!(tenancy["project"], project["metadata"]["name"]);
    assert_eq!(project["spec"]["sourceRepos"][0], tenancy["source"]["repoURL"]);
}
