use axum::http::Method;
use muster::backend::CallEnd;

use super::rig::{LAKESIDE, Rig};
use crate::faults::{Fault, Kind};

fn with_key(generation: u32) -> String {
    format!(
        "{LAKESIDE}---
apiVersion: muster.dev/v1alpha1
kind: Credential
metadata: {{name: maternal-key}}
spec: {{workspaceRef: {{name: maternal}}, type: ApiKey, writeSecretToRef: {{name: maternal-key}}, generation: {generation}}}
"
    )
}

fn rotations(rig: &Rig) -> usize {
    rig.double.front.writes().iter().filter(|write| write.starts_with("rotated")).count()
}

#[tokio::test]
async fn a_key_is_made_once_and_goes_to_its_secret_and_a_new_generation_replaces_it() {
    let rig = Rig::new(&with_key(0)).await;
    let run = rig.run().await;
    assert!(run.is_done(), "{run:#?}");
    rig.keeps_secrets(&run).await;
    let first = rig.secret("maternal-key", "apiKey").await;
    assert_eq!(rig.double.opened_by(&first).as_deref(), Some("Maternal Health"));
    rig.is_silent().await;
    rig.apply(&with_key(1)).await;
    assert_eq!(Rig::told(&rig.mirror().await), ["rotate credential/maternal-key"]);
    rig.done().await;
    let second = rig.secret("maternal-key", "apiKey").await;
    assert_eq!((rig.double.opened_by(&first), rig.double.opened_by(&second).as_deref()), (None, Some("Maternal Health")));
    rig.is_silent().await;
    assert_eq!(rotations(&rig), 2);
}

#[tokio::test]
async fn a_key_whose_answer_was_lost_is_made_again() {
    for generation in [0, 1] {
        let rig = Rig::new(&with_key(0)).await;
        if generation == 1 {
            rig.done().await;
            rig.apply(&with_key(1)).await;
        }
        rig.double.front.plant(Fault::new(Kind::Lose).on(Method::PUT, "/workspace/rotate-key"));
        let run = rig.run().await;
        assert!(matches!(run.ends.last(), Some(CallEnd::Failed(fault)) if !fault.changed_nothing()), "{run:#?}");
        rig.done().await;
        let key = rig.secret("maternal-key", "apiKey").await;
        assert_eq!(rig.double.opened_by(&key).as_deref(), Some("Maternal Health"));
        rig.is_silent().await;
    }
}

#[tokio::test]
async fn a_key_that_is_there_already_stays_until_a_new_one_is_asked_for() {
    let rig = Rig::new(LAKESIDE).await;
    rig.done().await;
    let old = rig.double.edit(|database| {
        let maternal = database.workspace("Maternal Health").unwrap().id;
        database.rotate_key(maternal)
    });
    rig.apply(&with_key(0)).await;
    rig.done().await;
    assert_eq!((rotations(&rig), rig.double.opened_by(&old).as_deref()), (0, Some("Maternal Health")));
    is_held(&rig, "maternal-key").await;
    rig.apply(&with_key(1)).await;
    rig.done().await;
    let new = rig.secret("maternal-key", "apiKey").await;
    assert_eq!((rig.double.opened_by(&old), rig.double.opened_by(&new).as_deref()), (None, Some("Maternal Health")));
}

/// Nothing is done, and it is said that this Secret does not have the key.
async fn is_held(rig: &Rig, secret: &str) {
    let mirror = rig.mirror().await;
    let sentence = format!("it is there, and the Secret {secret} does not have it; raise spec.generation to make a new one");
    assert!(mirror.is_empty() && matches!(mirror.held.as_slice(), [(_, why)] if **why == *sentence), "{mirror:#?}");
}

#[tokio::test]
async fn a_key_whose_secret_is_gone_or_is_to_be_another_one_is_held_until_a_new_one_is_asked_for() {
    let rig = Rig::new(&with_key(0)).await;
    rig.done().await;
    rig.is_silent().await;
    rig.apply(&with_key(0).replace("writeSecretToRef: {name: maternal-key}", "writeSecretToRef: {name: elsewhere}")).await;
    is_held(&rig, "elsewhere").await;
    std::fs::remove_dir_all(rig.folder.path().join("maternal-key")).unwrap();
    rig.apply(&with_key(0)).await;
    is_held(&rig, "maternal-key").await;
    rig.apply(&with_key(1)).await;
    rig.done().await;
    let key = rig.secret("maternal-key", "apiKey").await;
    assert_eq!(rig.double.opened_by(&key).as_deref(), Some("Maternal Health"));
    rig.is_silent().await;
}

#[tokio::test]
async fn a_key_that_another_hand_replaced_is_not_taken_for_the_one_in_the_secret() {
    let rig = Rig::new(&with_key(0)).await;
    rig.done().await;
    rig.double.edit(|database| {
        let maternal = database.workspace("Maternal Health").unwrap().id;
        database.rotate_key(maternal)
    });
    let mirror = rig.mirror().await;
    assert!(mirror.is_empty() && mirror.approval.is_some(), "{mirror:#?}");
    assert!(mirror.refusals.iter().any(|refusal| refusal.subject.to_string() == "credential/maternal-key"), "{mirror:#?}");
}

#[tokio::test]
async fn where_the_secret_cannot_be_written_no_key_is_made() {
    let rig = Rig::new(&with_key(0)).await;
    std::fs::create_dir(rig.folder.path().join("maternal-key")).unwrap();
    let complaints = Rig::complaints(&rig.run().await);
    assert!(matches!(complaints.as_slice(), [why] if why.contains("shown once and lost")), "{complaints:#?}");
    assert_eq!(rotations(&rig), 0);
}
