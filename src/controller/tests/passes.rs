use serde_json::json;

use super::world::{Says, World};
use super::{ACME, IN_SYNC};
use crate::api::Kind;
use crate::engine::End;
use crate::store::Observe as _;

async fn acme() -> World {
    let mut world = World::new().await;
    world.apply(ACME);
    assert_eq!(world.settle("acme").await, IN_SYNC);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pass_that_finds_everything_in_sync_has_nothing_to_say() {
    let mut world = acme().await;
    let passed = world.pass("acme").await;
    assert!(matches!(passed.outcome.as_ref().unwrap().end, End::NothingToDo));
    assert_eq!(passed.verdicts.len(), 1, "only the organization is looked at again");
    assert_eq!(world.write(&passed), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_that_starts_anew_has_nothing_to_say_of_what_is_in_sync() {
    let mut world = acme().await;
    world.forget();
    assert_eq!(world.settle("acme").await, IN_SYNC);
    world.forget();
    let passed = world.pass("acme").await;
    assert_eq!((passed.verdicts.len(), world.write(&passed)), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_stands_on_the_object_and_the_rest_is_applied() {
    let mut world = acme().await;
    world.apply(&ACME.replace("role: Admin", "role: Member").replace("role: Member}]", "role: ReadOnly}]"));
    let told = world.settle("acme").await;
    assert_eq!(told[2], "member/alice: Ready=False Failed, Stalled=True GuardRefused");
    assert_eq!(told[3], "member/bob: Ready=True Succeeded");
    let status = world.status(Kind::Member, "alice");
    let message = status["conditions"][0]["message"].as_str().unwrap();
    assert!(message.starts_with("refused by last-admin: member/alice is the last lasting admin"), "{message}");
    assert_eq!(world.status(Kind::Organization, "acme")["refusals"][0]["rule"], "last-admin");
    assert_eq!(told[0], "organization/acme: Ready=True Succeeded");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_held_and_its_neighbours_go_on() {
    let mut world = acme().await;
    world.apply(
        &ACME
            .replace("email: bob@acme.example", "email: nobody")
            .replace("{organizationRef: {name: acme}}", "{organizationRef: {name: acme}, language: FRENCH}"),
    );
    let told = world.settle("acme").await;
    assert_eq!(told[1], "workspace/design: Ready=True Succeeded");
    assert_eq!(told[3], "member/bob: Ready=False Failed, Stalled=True InvalidSpec");
    assert!(world.stored("acme").await.contains(&"member/bob".to_owned()), "what is held is not removed");
    world.apply(ACME);
    assert_eq!(world.settle("acme").await, IN_SYNC);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_that_leads_nowhere_waits_until_it_leads_somewhere() {
    let mut world = acme().await;
    let template = "apiVersion: muster.dev/v1alpha1\nkind: Template\nmetadata: {name: call}\nspec: {workspaceRef: {name: rooms}}";
    world.apply(template);
    let told = world.settle("acme").await;
    assert_eq!(
        told[2],
        "template/call: Ready=False DependencyNotReady, Reconciling=True Progressing, ReferencesResolved=False NotFound"
    );
    world.apply(
        "apiVersion: muster.dev/v1alpha1\nkind: Workspace\nmetadata: {name: rooms}\nspec: {organizationRef: {name: acme}}",
    );
    let told = world.settle("acme").await;
    assert_eq!(told[3], "template/call: Ready=True Succeeded, ReferencesResolved=True Resolved");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_entry_of_a_member_that_leads_nowhere_is_held() {
    let mut world = acme().await;
    world.apply(&ACME.replace("role: Member}]", "role: Member}, {name: rooms, role: Member}]"));
    let told = world.settle("acme").await;
    assert_eq!(
        told[3],
        "member/bob: Ready=False DependencyNotReady, Reconciling=True Progressing, ReferencesResolved=False NotFound"
    );
    let message = world.status(Kind::Member, "bob")["conditions"][0]["message"].clone();
    assert!(message.as_str().unwrap().starts_with("the entry of workspace/rooms refers to workspace/rooms"), "{message}");
    assert!(world.stored("acme").await.contains(&"member/bob in workspace/design".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_an_organization_that_is_nowhere_are_told() {
    let mut world = World::new().await;
    let members = ACME.split("\n---\n").skip(2).collect::<Vec<_>>().join("\n---\n");
    world.apply(&members);
    let told = world.settle("acme").await;
    assert_eq!(
        told[0],
        "member/alice: Ready=False DependencyNotReady, Reconciling=True Progressing, ReferencesResolved=False NotFound"
    );
    world.apply(ACME);
    let told = world.settle("acme").await;
    assert_eq!(told[2], "member/alice: Ready=True Succeeded, ReferencesResolved=True Resolved");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_has_one_namespace() {
    let mut world = acme().await;
    world.apply(
        "apiVersion: muster.dev/v1alpha1\nkind: Organization\nmetadata: {name: acme, namespace: other}\nspec: {}\n---\n\
         apiVersion: muster.dev/v1alpha1\nkind: Member\nmetadata: {name: eve, namespace: other}\n\
         spec: {organizationRef: {name: acme}, email: eve@evil.example, role: Admin}",
    );
    let told = world.settle("acme").await;
    assert_eq!(told[4], "organization/acme: Ready=False Failed, Stalled=True GuardRefused");
    assert!(told[5].starts_with("member/eve: Ready=False DependencyNotReady"), "{}", told[5]);
    assert!(!world.stored("acme").await.contains(&"member/eve".to_owned()));
}

async fn namespace_of_acme(world: &World) -> String {
    world.store.observe(&"acme".into()).await.unwrap().claim.unwrap().namespace.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_in_another_namespace_does_not_get_an_organization_that_is_deleted_and_created_again() {
    let mut world = acme().await;
    let organization = ACME.split("\n---\n").next().unwrap();
    world.apply(&organization.replace("name: acme}", "name: acme, namespace: other}"));
    world.settle("acme").await;
    world.delete(Kind::Organization, "acme");
    for _ in 0..3 {
        world.pass("acme").await;
    }
    assert_eq!(namespace_of_acme(&world).await, "acme", "everything else is still there");
    let told = world.settle("acme").await;
    assert_eq!(told[3], "organization/acme: Ready=False Failed, Stalled=True GuardRefused", "{told:?}");
    world.apply(organization);
    assert_eq!(world.settle("acme").await[..4], IN_SYNC);
    assert_eq!(world.stored("acme").await.iter().filter(|it| it.ends_with(" x")).count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_moves_to_another_namespace_once_the_old_one_had_nothing_of_it_for_the_delay() {
    for (delay, expected) in [("0s", "other"), ("1h", "acme")] {
        let mut world = World::new().await;
        let acme = ACME.replace("removalDelay: 0s", &format!("removalDelay: {delay}"));
        world.apply(&acme);
        world.settle("acme").await;
        world.apply(&acme.replace("metadata: {", "metadata: {namespace: other, "));
        world.settle("acme").await;
        for (kind, name) in
            [(Kind::Organization, "acme"), (Kind::Workspace, "design"), (Kind::Member, "alice"), (Kind::Member, "bob")]
        {
            world.delete(kind, name);
        }
        let passed = world.pass("acme").await;
        assert_eq!(namespace_of_acme(&world).await, expected);
        assert!(passed.again.is_some());
        world.write(&passed);
        let told =
            if expected == "other" { IN_SYNC[0] } else { "organization/acme: Ready=False Failed, Stalled=True GuardRefused" };
        assert!(world.told()[0].starts_with(told), "{:?}", world.told());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_organization_that_is_wrong_is_left_alone_all_the_same() {
    let mut world = acme().await;
    let wrong =
        ACME.replace("removalDelay: 0s}", "removalDelay: soon}, suspend: true").replace("role: Member}]", "role: ReadOnly}]");
    world.apply(&wrong);
    let told = world.settle("acme").await;
    assert_eq!(told[0], "organization/acme: Ready=Unknown Suspended, Suspended=True SuspendedBySpec");
    assert_eq!(told[3], "member/bob: Ready=Unknown Suspended, Suspended=True SuspendedBySpec");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_organization_is_left_alone_and_keeps_what_its_status_says() {
    let mut world = acme().await;
    let suspended = ACME.replace("removalDelay: 0s}", "removalDelay: 0s}, suspend: true");
    let suspended: Vec<&str> = suspended.split("\n---\n").collect();
    world.apply(suspended[0]);
    world.apply(&suspended[3].replace("role: Member}]", "role: ReadOnly}]"));
    let told = world.settle("acme").await;
    assert_eq!(told[0], "organization/acme: Ready=Unknown Suspended, Suspended=True SuspendedBySpec");
    assert_eq!(told[2], IN_SYNC[2]);
    assert_eq!(told[3], "member/bob: Ready=Unknown Suspended, Suspended=True SuspendedBySpec", "it was changed meanwhile");
    assert_eq!(world.status(Kind::Member, "bob")["observedGeneration"], 2);
    let status = world.status(Kind::Organization, "acme");
    assert_eq!(status["effective"]["policy"]["workspaceDeletion"]["mode"], "Soft", "what guards deletion reads this");
    assert_eq!(status["counts"], json!({ "admins": 1, "members": 2 }));
    world.apply(&ACME.replace("role: Member}]", "role: ReadOnly}]"));
    let told = world.settle("acme").await;
    assert_eq!(told[0], "organization/acme: Ready=True Succeeded, Suspended=False Resumed");
    assert_eq!(told[3], "member/bob: Ready=True Succeeded, Suspended=False Resumed");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_hand_changed_is_told_with_the_field_until_it_is_put_right() {
    let mut world = acme().await;
    world.by_hand("UPDATE objects SET spec = '{\"role\": \"Admin\"}' WHERE name = 'bob/workspace/design'").await;
    let told = world.settle("acme").await;
    assert_eq!(told[3], "member/bob: Ready=True Succeeded, Drifted=True DriftDetected");
    let drift = world.status(Kind::Member, "bob")["drift"].clone();
    assert_eq!(drift, json!([{ "field": "workspace/design.role", "want": "Member", "have": "Admin" }]));
    world.by_hand("UPDATE objects SET spec = '{\"role\": \"Member\"}' WHERE name = 'bob/workspace/design'").await;
    let told = world.settle("acme").await;
    assert_eq!(told[3], "member/bob: Ready=True Succeeded, Drifted=False NoDriftDetected");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_in_force_that_nobody_declares_is_told_once_when_another_hand_changes_it() {
    let mut world = acme().await;
    for language in ["FRENCH", "GERMAN"] {
        let spec = format!("UPDATE objects SET spec = json_set(spec, '$.language', '{language}') WHERE name = 'design'");
        world.by_hand(spec.leak()).await;
        let passed = world.pass("acme").await;
        assert_eq!(world.write(&passed), 1);
        assert_eq!(world.status(Kind::Workspace, "design")["effective"]["language"], language);
        assert_eq!(world.told(), IN_SYNC, "it is no drift");
        let passed = world.pass("acme").await;
        assert_eq!(world.write(&passed), 0, "it was told");
        world.forget();
        let passed = world.pass("acme").await;
        assert_eq!(world.write(&passed), 0, "also to a controller that starts anew");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn removals_that_wait_for_an_approval_say_how_to_give_it() {
    let mut world = acme().await;
    let more: Vec<String> = (0..12)
        .map(|n| {
            format!(
                "apiVersion: muster.dev/v1alpha1\nkind: Project\nmetadata: {{name: project-{n}}}\nspec: {{organizationRef: {{name: acme}}}}"
            )
        })
        .collect();
    world.apply(&more.join("\n---\n"));
    world.settle("acme").await;
    (0..8).for_each(|n| world.delete(Kind::Project, &format!("project-{n}")));
    let told = world.settle("acme").await;
    assert_eq!(
        told[0],
        "organization/acme: Ready=False Failed, Stalled=True GuardRefused, ApprovalRequired=True DestructivePlan"
    );
    let digest = world.status(Kind::Organization, "acme")["pendingPlan"]["digest"].as_str().unwrap().to_owned();
    let approved = format!("metadata: {{name: acme, annotations: {{muster.dev/approved-plan: \"{digest}\"}}}}");
    world.apply(&ACME.replacen("metadata: {name: acme}", &approved, 1));
    let told = world.settle("acme").await;
    assert_eq!(told[0], "organization/acme: Ready=True Succeeded, ApprovalRequired=False NothingToApprove");
    assert_eq!(world.status(Kind::Organization, "acme")["retained"].as_array().unwrap().len(), 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_overrides_what_may_be_overridden_and_is_in_the_history() {
    let mut world = acme().await;
    let more: Vec<String> = (0..12)
        .map(|n| {
            format!(
                "apiVersion: muster.dev/v1alpha1\nkind: Project\nmetadata: {{name: project-{n}}}\nspec: {{organizationRef: {{name: acme}}}}"
            )
        })
        .collect();
    world.apply(&more.join("\n---\n"));
    world.settle("acme").await;
    (0..8).for_each(|n| world.delete(Kind::Project, &format!("project-{n}")));
    let declared = "metadata: {name: acme, annotations: {muster.dev/break-glass: INC-42 until 2999-01-01T00:00:00Z}}";
    world.apply(&ACME.replacen("metadata: {name: acme}", declared, 1).replace("role: Admin", "role: Member"));
    let told = world.settle("acme").await;
    assert!(told[0].starts_with("organization/acme: Ready=True"), "{}", told[0]);
    assert!(
        told.iter().any(|it| it == "member/alice: Ready=False Failed, Stalled=True GuardRefused"),
        "the last admin stays: {told:?}"
    );
    let history = world.store.history(&"acme".into(), 0, 100).await.unwrap();
    let last = history.last().unwrap().entry.as_ref().unwrap();
    assert_eq!(&*last.actor, "muster controller (break-glass INC-42)");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_answered_once() {
    let mut world = acme().await;
    let requested = "metadata: {name: bob, annotations: {muster.dev/reconcile-requested-at: \"2026-03-01\"}}";
    world.apply(&ACME.replacen("metadata: {name: bob}", requested, 1));
    assert_eq!(world.settle("acme").await, IN_SYNC);
    assert_eq!(world.status(Kind::Member, "bob")["lastHandledReconcileAt"], "2026-03-01");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_said_of_what_the_api_server_was_not_asked_about() {
    let mut world = acme().await;
    world.presence = Says::Gone;
    world.apply(&ACME.replace("role: Member}]", "role: ReadOnly}]"));
    assert_eq!(world.settle("acme").await, IN_SYNC, "nothing is absent, so nothing depends on the answer");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_cluster_is_told_who_has_the_organization_and_takes_over_only_when_told_to() {
    let mut world = acme().await;
    world.holder = "cluster-2";
    world.forget();
    let told = world.settle("acme").await;
    assert_eq!(
        told[0], "organization/acme: Ready=False Failed, Stalled=True GuardRefused",
        "also where there is nothing to change"
    );
    let message = world.status(Kind::Organization, "acme")["conditions"][0]["message"].as_str().unwrap().to_owned();
    assert!(
        message.starts_with("refused by claimed-elsewhere: the organization is applied by manager muster from cluster-1"),
        "{message}"
    );
    world.take_over = true;
    world.forget();
    world.apply(&ACME.replace("role: Member}]", "role: ReadOnly}]"));
    assert_eq!(world.settle("acme").await, IN_SYNC);
}

const FASTPIX: &str = "\
apiVersion: muster.dev/v1alpha1
kind: Organization
metadata: {name: acme}
spec: {preset: fastpix}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: alice}
spec: {organizationRef: {name: acme}, email: alice@acme.example, role: Admin}
---
apiVersion: muster.dev/v1alpha1
kind: Template
metadata: {name: call}
spec: {workspaceRef: {name: production}}";

#[tokio::test(flavor = "multi_thread")]
async fn a_template_of_a_workspace_that_the_policy_implies_is_part_of_its_organization() {
    let mut world = World::new().await;
    world.apply(FASTPIX);
    let told = world.settle("acme").await;
    assert!(told.iter().any(|it| it.starts_with("template/call: Ready=True")), "{told:?}");
    world.apply(
        &FASTPIX.replace("spec: {workspaceRef: {name: production}}", "spec: {workspaceRef: {name: production}, default: true}"),
    );
    let told = world.settle("acme").await;
    assert!(told.iter().any(|it| it.starts_with("template/call: Ready=True")), "an edit is applied, too: {told:?}");
    let status = world.status(Kind::Template, "call");
    assert_eq!((&status["effective"]["default"], &status["observedGeneration"]), (&json!(true), &json!(2)));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_organizations_could_mean_is_created_in_neither() {
    let mut world = World::new().await;
    world.apply(FASTPIX);
    let other = FASTPIX.split("\n---\n").take(2).collect::<Vec<_>>().join("\n---\n");
    world.apply(&other.replace("acme}", "other}").replace("alice", "olga").replace("acme.example", "other.example"));
    world.settle("other").await;
    world.settle("acme").await;
    for organization in ["acme", "other"] {
        let stored = world.stored(organization).await;
        assert!(!stored.contains(&"template/call".to_owned()), "{organization}: {stored:?}");
    }
    let told = world.told();
    assert!(
        told.iter().any(|it| it
            == "template/call: Ready=False DependencyNotReady, Reconciling=True Progressing, ReferencesResolved=False NotFound"),
        "{told:?}"
    );
}
