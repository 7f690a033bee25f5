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

/// An organization of this name with a workspace and a template; one of a service, where there is a URL.
fn studio(name: &str, url: Option<&str>) -> String {
    let backend = url.map_or(String::new(), |url| format!(", backend: {{type: hundredms, url: \"{url}\"}}"));
    let secret = url.map_or(String::new(), |_| format!(", backendSecretRef: {{name: {name}-100ms, key: studio}}"));
    format!(
        "
apiVersion: muster.dev/v1alpha1
kind: Organization
metadata: {{name: {name}}}
spec: {{preset: hundredms{backend}}}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {{name: {name}-owner}}
spec: {{organizationRef: {{name: {name}}}, email: owner@{name}.example, role: OrganizationOwner}}
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {{name: {name}-studio}}
spec: {{organizationRef: {{name: {name}}}, dataResidency: Europe{secret}}}
---
apiVersion: muster.dev/v1alpha1
kind: Template
metadata: {{name: {name}-show}}
spec: {{workspaceRef: {{name: {name}-studio}}, settings: {{region: eu}}}}
---
apiVersion: muster.dev/v1alpha1
kind: Role
metadata: {{name: {name}-host}}
spec: {{templateRef: {{name: {name}-show}}, priority: 1, publishParams: {{allowed: [audio]}}}}
"
    )
}

/// The double that an organization is mirrored to, and what the organization says.
fn mirrored(world: &mut World, name: &str) -> (Hundredms, String) {
    let double = world.rig.block_on(Hundredms::start(Switches::default()));
    let keys = double.workspace("studio");
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret",
        "metadata": { "name": format!("{name}-100ms"), "namespace": world.namespace },
        "stringData": { "studio": format!("{}:{}", keys.access_key, keys.secret) },
    });
    world.rig.apply(&secret);
    world.is_nowhere(&keys.secret);
    let documents = studio(name, Some(&double.v2()));
    (double, documents)
}

#[test]
fn services_that_do_not_answer_hold_up_nobody_else() {
    let Some(mut world) = World::new() else { return };
    world.arguments(&["--backends", "--backend-allow", "127.0.0.1"]);
    let silent: Vec<(String, Hundredms, String)> = (0..6)
        .map(|n| {
            let name = format!("silent-{n}");
            let (double, documents) = mirrored(&mut world, &name);
            double.front().plant(Fault::new(Happens::Hold).always());
            (name, double, documents)
        })
        .collect();
    silent.iter().for_each(|(_, _, documents)| world.apply(documents));
    world.start();
    silent.iter().for_each(|(_, double, _)| world.rig.block_on(double.front().until_waiting(1)));
    // All of them are being asked when these come.
    let (well, documents) = mirrored(&mut world, "well");
    world.apply(&documents);
    world.apply(&studio("without", None));
    world.until("the others are ready", |world| world.not_ready().iter().all(|name| name.contains("silent-")));
    assert_eq!(well.front().writes().len(), 2, "{:?}", well.front().writes());
    for (name, double, _) in &silent {
        assert!(double.front().writes().is_empty());
        world.until("what waits is told", |world| {
            let (status, _, message) = world.condition(Kind::Template, &format!("{name}-show"), "Ready").unwrap_or_default();
            status == "False" && message.contains("100ms is being compared with that")
        });
        assert_eq!(world.condition(Kind::Member, &format!("{name}-owner"), "Ready").unwrap().0, "True", "100ms has no members");
    }
    // Nor do they hold up what their own organization changes in the store.
    let more = "
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: another}
spec: {organizationRef: {name: silent-0}, email: another@silent-0.example, role: OrganizationOwner}
";
    world.apply(more);
    world.until("the member is ready", |world| ready(world, Kind::Member, "another").0 == "True");
    assert_eq!(world.terminate(), 0);
    assert!(silent.iter().all(|(_, double, _)| double.front().writes().is_empty()));
    silent.iter().for_each(|(_, double, _)| double.front().calm());
    world.start();
    all_ready(&world);
    assert!(silent.iter().all(|(_, double, _)| double.front().writes().len() == 2));
    world.check();
}
