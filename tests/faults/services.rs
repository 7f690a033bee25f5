//! An organization whose templates are mirrored to a service, with its credentials in Secrets.

use hyper::Method;
use muster::api::Kind;
use serde_json::{Value, json};

use super::aaq::{Aaq, Role};
use super::faults::{Answer, Fault, Kind as Happens};
use super::hundredms::{Hundredms, Switches};
use super::world::World;

const ORGANIZATION: &str = "
apiVersion: muster.dev/v1alpha1
kind: Organization
metadata: {name: beacon}
spec: {preset: hundredms, interval: 10s, backend: {type: hundredms, url: \"URL\"}, policy: {drift: Correct}}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: noor}
spec: {organizationRef: {name: beacon}, email: noor@beacon.example, role: OrganizationOwner}
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {name: studio}
spec: {organizationRef: {name: beacon}, dataResidency: Europe, backendSecretRef: {name: beacon-100ms, key: studio}}
---
apiVersion: muster.dev/v1alpha1
kind: Template
metadata: {name: show}
spec: {workspaceRef: {name: studio}, settings: {region: eu}}
---
apiVersion: muster.dev/v1alpha1
kind: Role
metadata: {name: host}
spec: {templateRef: {name: show}, priority: 1, publishParams: {allowed: [audio]}}
";

/// A controller that mirrors, and the double that it mirrors to.
fn begun() -> Option<(World, Hundredms)> {
    let mut world = World::new()?;
    let double = world.rig.block_on(Hundredms::start(Switches::default()));
    let keys = double.workspace("studio");
    credentials(&world, &format!("{}:{}", keys.access_key, keys.secret));
    world.is_nowhere(&keys.secret);
    world.arguments(&["--backends", "--backend-allow", "127.0.0.1"]);
    world.apply(&ORGANIZATION.replace("URL", &double.v2()));
    world.start();
    Some((world, double))
}

fn credentials(world: &World, value: &str) {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": "beacon-100ms", "namespace": world.namespace },
        "stringData": { "studio": value },
    });
    world.rig.apply(&secret);
}

fn all_ready(world: &World) {
    world.until("everything is ready", |world| world.not_ready().is_empty() && world.unsettled().is_empty());
}

fn ready(world: &World, kind: Kind, name: &str) -> (String, String) {
    let (status, _, message) = world.condition(kind, name, "Ready").unwrap_or_default();
    (status, message)
}

#[test]
fn a_cluster_mirrors_its_organization_and_is_silent_once_it_has() {
    let Some((world, double)) = begun() else { return };
    all_ready(&world);
    let made = double.end_state("studio");
    assert_eq!(made["show"]["settings"]["region"], "eu", "{made}");
    let external = &world.object(Kind::Template, "show")["status"]["externalId"];
    assert!(external.as_str().is_some_and(|id| !id.is_empty()), "{external}");
    let writes = double.front().writes();
    world.be_quiet();
    world.edit(
        Kind::Organization,
        "beacon",
        json!({ "metadata": { "annotations": { "muster.dev/reconcile-requested-at": "1" } } }),
    );
    world.until("the question is answered", |world| {
        world.object(Kind::Organization, "beacon")["status"]["lastHandledReconcileAt"] == "1"
    });
    world.be_quiet();
    assert_eq!(double.front().writes(), writes);
    world.check();
}

#[test]
fn what_somebody_changes_in_the_dashboard_is_set_back_when_that_is_asked_for() {
    let Some((world, double)) = begun() else { return };
    all_ready(&world);
    let made = double.end_state("studio");
    double.edit("studio", "show", |template| template.roles["host"]["priority"] = json!(4));
    world.edit(
        Kind::Organization,
        "beacon",
        json!({ "metadata": { "annotations": { "muster.dev/reconcile-requested-at": "2" } } }),
    );
    world.until("it is set back", |_| double.end_state("studio") == made);
    all_ready(&world);
    world.check();
}

#[test]
fn a_service_that_is_away_is_told_and_tried_again() {
    let Some((world, double)) = begun() else { return };
    all_ready(&world);
    double.front().plant(Fault::new(Happens::Answer(Answer::json(401, &json!({ "code": 401 })))).always());
    world.edit(Kind::Role, "host", json!({ "spec": { "priority": 2 } }));
    world.until("it is told", |world| {
        let (status, message) = ready(world, Kind::Workspace, "studio");
        status == "False" && message.contains("credentials")
    });
    assert_eq!(ready(&world, Kind::Role, "host").0, "False");
    double.front().calm();
    all_ready(&world);
    let priority = |state: &Value| state["show"]["roles"]["host"]["priority"].clone();
    assert_eq!(priority(&double.end_state("studio")), 2);
    world.check();
}

#[test]
fn killed_while_the_service_answers_nothing_is_made_twice() {
    let Some((world, double)) = begun() else { return };
    double.front().plant(Fault::new(Happens::Hold).on(Method::POST, "/templates"));
    world.rig.block_on(double.front().until_waiting(1));
    world.kill();
    double.front().calm();
    world.start();
    all_ready(&world);
    let writes = double.front().writes();
    assert_eq!(writes.iter().filter(|write| write.ends_with("created")).count(), 1, "{writes:?}");
    world.check();
}

#[test]
fn what_the_service_has_already_is_refused_and_says_so() {
    let Some(mut world) = World::new() else { return };
    let double = world.rig.block_on(Hundredms::start(Switches::default()));
    let keys = double.workspace("studio");
    double.make("studio", &json!({ "name": "show", "roles": {}, "settings": { "region": "in" } }));
    let before = double.end_state("studio");
    credentials(&world, &format!("{}:{}", keys.access_key, keys.secret));
    world.arguments(&["--backends", "--backend-allow", "127.0.0.1"]);
    world.apply(&ORGANIZATION.replace("URL", &double.v2()));
    world.start();
    world.until("it is refused", |world| {
        let (_, reason, message) = world.condition(Kind::Template, "show", "Stalled").unwrap_or_default();
        reason == "GuardRefused" && message.contains("taken-at-service")
    });
    world.be_quiet();
    assert_eq!(double.end_state("studio"), before);
}

#[test]
fn a_controller_that_mirrors_nothing_says_so() {
    let Some(world) = World::new() else { return };
    world.apply(&ORGANIZATION.replace("URL", "https://api.100ms.live/v2"));
    world.start();
    world.until("it is told", |world| {
        let (_, reason, message) = world.condition(Kind::Organization, "beacon", "Stalled").unwrap_or_default();
        reason == "CapabilityMissing" && message.contains("--backends")
    });
}

const CLINIC: &str = "
apiVersion: muster.dev/v1alpha1
kind: Organization
metadata: {name: harbour}
spec: {preset: aaq, interval: 10s, backend: {type: aaq, url: \"URL\", secretRef: {name: harbour-aaq, key: login}}, policy: {drift: Correct}}
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {name: advice}
spec: {organizationRef: {name: harbour}, displayName: Advice Line, language: SWAHILI}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: imani}
spec: {organizationRef: {name: harbour}, email: imani@harbour.example, username: imani, workspaces: [{name: advice, role: Admin}]}
";

/// A controller that mirrors people, and the double that it mirrors to.
fn clinic() -> Option<(World, Aaq)> {
    let mut world = World::new()?;
    let (double, password) = world.rig.block_on(Aaq::with_first_user("muster"));
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": "harbour-aaq", "namespace": world.namespace },
        "stringData": { "login": format!("muster:{password}") },
    });
    world.rig.apply(&secret);
    world.is_nowhere(&password);
    world.arguments(&["--backends", "--backend-allow", "127.0.0.1"]);
    world.apply(&CLINIC.replace("URL", double.url()));
    world.start();
    Some((world, double))
}

#[test]
fn people_get_their_accounts_from_the_cluster_and_passwords_go_to_a_secret_alone() {
    let Some((mut world, double)) = clinic() else { return };
    all_ready(&world);
    assert!(double.summary().iter().any(|line| line == "\"imani\" is admin in \"Advice Line\" by default"));
    for secret in double.secrets() {
        world.is_nowhere(&secret);
    }
    assert_eq!(world.leaks(), Vec::<String>::new());
    let made = double.summary();
    double.edit(|database| {
        let user = database.user("imani").unwrap().id;
        let workspace = database.workspace("Advice Line").unwrap().id;
        database.membership_mut(user, workspace).unwrap().role = Role::ReadOnly;
    });
    world.edit(
        Kind::Organization,
        "harbour",
        json!({ "metadata": { "annotations": { "muster.dev/reconcile-requested-at": "1" } } }),
    );
    world.until("the demotion is set back", |_| double.summary() == made);
    world.check();
}

#[test]
fn a_membership_that_cannot_be_made_is_said_on_the_member() {
    let Some((world, _double)) = clinic() else { return };
    all_ready(&world);
    let taken = json!({ "spec": { "username": "muster" } });
    world.edit(Kind::Member, "imani", taken);
    world.until("the member says so", |world| {
        let (status, message) = ready(world, Kind::Member, "imani");
        status == "False" && message.contains("workspace/advice")
    });
}
