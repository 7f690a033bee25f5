//! What the engine does beside planning and applying: it restores what was deleted and records answers to invitations.

#[path = "support/scenario.rs"]
mod scenario;

use muster::api::Kind;
use muster::engine::{Answer, Apply, answer, restore};
use muster::store::{Memory, Observe};
use muster::tenancy::{Key, Manager, Name};
use scenario::{BEGIN, told};

const ACME: &str = "
apiVersion: muster.dev/v1alpha1
kind: Organization
metadata: {name: acme}
spec: {}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: alice}
spec: {organizationRef: {name: acme}, email: alice@acme.example, role: Admin}
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {name: design}
spec: {organizationRef: {name: acme}}
";

fn how() -> Apply {
    Apply {
        now: BEGIN.parse().unwrap(),
        manager: Manager::new("muster"),
        holder: "files".into(),
        actor: "carol".into(),
        source: None,
        take_over: false,
        all_or_nothing: false,
        errored: false,
        seed: [1; 16],
    }
}

fn acme() -> Name {
    Name::from("acme")
}

fn object(kind: &str, name: &str, spec: &str) -> String {
    format!("---\napiVersion: muster.dev/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n")
}

fn member(name: &str, email: &str) -> String {
    object("Member", name, &format!("organizationRef: {{name: acme}}, email: {email}"))
}

fn template(name: &str, fields: &str) -> String {
    object("Template", name, &format!("workspaceRef: {{name: design}}, {fields}"))
}

/// A store that had the first object, and has the second one instead.
async fn replaced(first: &str, second: &str) -> Memory {
    told(&format!("{ACME}{first}#! apply --prune\n{ACME}{second}")).await
}

async fn refused(store: &Memory, key: Key) -> String {
    let before = store.observe(&acme()).await.unwrap();
    let error = restore(store, &acme(), &key, None, &how()).await.unwrap_err().to_string();
    assert_eq!(store.observe(&acme()).await.unwrap(), before, "nothing is written");
    error
}

#[tokio::test]
async fn a_member_is_not_restored_while_another_one_has_the_address() {
    let store = replaced(&member("bob", "bob@acme.example"), &member("bobby", "Bob@acme.example")).await;
    assert_eq!(
        refused(&store, Key::new(Kind::Member, "bob")).await,
        "member/bob cannot come back, because member/bobby has the address bob@acme.example, too: remove or change member/bobby first"
    );
}

#[tokio::test]
async fn a_template_is_not_restored_while_another_one_has_its_name_or_its_flag() {
    let store = replaced(&template("old", "name: Meeting"), &template("new", "name: Meeting")).await;
    assert!(
        refused(&store, Key::new(Kind::Template, "old")).await.contains("template/new has the name Meeting in workspace/design")
    );
    let store = replaced(&template("old", "default: true"), &template("new", "default: true")).await;
    assert!(
        refused(&store, Key::new(Kind::Template, "old"))
            .await
            .contains("template/new is the default template of workspace/design")
    );
}

#[tokio::test]
async fn a_member_is_restored_when_nobody_else_has_the_address() {
    let store = replaced(&member("bob", "bob@acme.example"), &member("bobby", "bobby@acme.example")).await;
    let restored = restore(&store, &acme(), &Key::new(Kind::Member, "bob"), None, &how()).await.unwrap();
    assert_eq!(restored.objects, [Key::new(Kind::Member, "bob")]);
}

#[tokio::test]
async fn an_answer_by_an_address_that_several_members_have_is_not_recorded() {
    let story = format!(
        "{ACME}#! hand-insert Member bob {{\"email\":\"bob@acme.example\"}}\n#! hand-insert Member bobby {{\"email\":\"BOB@acme.example\"}}\n"
    );
    let store = told(&story).await;
    let before = store.observe(&acme()).await.unwrap();
    let error = answer(&store, &acme(), "bob@acme.example", Answer::Accept, None, &how()).await.unwrap_err().to_string();
    assert_eq!(error, "acme has several members with the address bob@acme.example: member/bob, member/bobby; remove all but one");
    assert_eq!(store.observe(&acme()).await.unwrap(), before);
}
