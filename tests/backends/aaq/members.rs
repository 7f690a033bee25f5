use std::sync::Arc;

use axum::http::Method;
use muster::api::policy::DriftPolicy;
use muster::backend::secrets::Environment;

use super::rig::{LAKESIDE, Rig, THERE};
use crate::aaq::{Crash, Role};
use crate::faults::{Fault, Kind};

#[tokio::test]
async fn a_new_account_gets_a_password_which_goes_with_its_recovery_codes_to_a_secret_and_nowhere_else() {
    let rig = Rig::new(LAKESIDE).await;
    let run = rig.run().await;
    assert!(run.is_done(), "{run:#?}");
    let (password, codes) =
        (rig.secret("asha-aaq-account", "password").await, rig.secret("asha-aaq-account", "recoveryCodes").await);
    assert_eq!((rig.secret("asha-aaq-account", "username").await.as_str(), password.len()), ("asha", 32));
    assert_eq!(codes.lines().filter(|code| code.len() == 20).count(), 5);
    let kept = rig.double.edit(|database| database.user("asha").cloned()).unwrap();
    assert_eq!((kept.password, kept.recovery_codes.join("\n")), (password, codes.trim_end().to_owned()));
    rig.keeps_secrets(&run).await;
}

#[tokio::test]
async fn without_a_place_for_the_password_no_account_is_made_and_nothing_is_sent() {
    let mut rig = Rig::new(LAKESIDE).await;
    rig.secrets = Arc::new(Environment::default());
    let complaints = Rig::complaints(&rig.run().await);
    assert!(complaints.iter().all(|why| why.contains("the password of a new one would be lost")), "{complaints:#?}");
    assert_eq!(complaints.len(), 3);
    let sent = rig.double.front.requests();
    assert!(!sent.iter().any(|request| request.starts_with("POST /user/")), "{sent:#?}");
}

#[tokio::test]
async fn members_of_one_name_in_two_organizations_do_not_overwrite_each_others_account() {
    let first = Rig::new(LAKESIDE).await;
    first.done().await;
    let password = first.secret("asha-aaq-account", "password").await;
    let mut second = Rig::new(LAKESIDE).await;
    second.secrets = first.secrets.clone();
    let complaints = Rig::complaints(&second.run().await);
    assert!(complaints.iter().any(|why| why.contains("was not written by Muster for the account \"asha\"")), "{complaints:#?}");
    assert_eq!(first.secret("asha-aaq-account", "password").await, password);
    assert!(!second.double.summary().contains(&"user \"asha\"".to_owned()));
}

#[tokio::test]
async fn recovery_codes_whose_answer_was_lost_are_fetched_or_told_to_be_lost() {
    let rig = Rig::new(LAKESIDE).await;
    rig.double.crash(Crash::AfterAccount);
    for _ in 0..3 {
        rig.run().await;
    }
    let mut kept = Vec::new();
    for name in ["asha", "ben"] {
        kept.push(rig.secret(&format!("{name}-aaq-account"), "recoveryCodes").await);
    }
    let there = rig
        .double
        .edit(|database| ["asha", "ben@lakeside.example"].map(|name| database.user(name).unwrap().recovery_codes.join("\n")));
    assert_eq!(kept.iter().map(|codes| codes.trim_end()).collect::<Vec<_>>(), there);

    let rig = Rig::new(LAKESIDE).await;
    rig.double.front.plant(Fault::new(Kind::Lose).on(Method::POST, "/user/"));
    for _ in 0..3 {
        rig.run().await;
    }
    assert_eq!(rig.double.summary(), THERE);
    let mut lost = 0;
    for name in ["asha", "ben"] {
        lost +=
            usize::from(rig.secret(&format!("{name}-aaq-account"), "recoveryCodes").await.starts_with("lost: AAQ shows them"));
    }
    assert_eq!(lost, 1);
}

#[tokio::test]
async fn an_account_that_is_there_is_added_and_its_recovery_codes_are_kept_nowhere() {
    let rig = Rig::new(LAKESIDE).await;
    rig.double.edit(|database| {
        for name in ["asha", "ben@lakeside.example"] {
            let home = database.create_workspace(&format!("{name}'s Workspace"), Some(100), Some(50));
            let user = database.create_user(name, "theirs", vec!["aaaaaaaaaabbbbbbbbbb".to_owned()]);
            database.join(user, home, Role::Admin, true);
        }
    });
    let run = rig.run().await;
    assert!(run.is_done(), "{run:#?}");
    rig.keeps_secrets(&run).await;
    assert_eq!(std::fs::read_dir(rig.folder.path()).unwrap().count(), 0);
    let there = rig.double.summary();
    assert!(there.contains(&"\"asha\" is admin in \"asha's Workspace\"".to_owned()), "{there:#?}");
    assert!(THERE.iter().filter(|line| line.contains(" is ")).all(|line| there.contains(&(*line).to_owned())), "{there:#?}");
    rig.is_silent().await;
}

#[tokio::test]
async fn a_member_changes_its_role_its_name_and_where_it_lands() {
    let rig = Rig::new(LAKESIDE).await;
    rig.done().await;
    let changed = LAKESIDE
        .replace("workspaces: [{name: maternal}, ", "username: ben\n  workspaces: [{name: maternal, role: Admin}, ")
        .replace("defaultWorkspace: vaccination", "defaultWorkspace: maternal");
    rig.apply(&changed).await;
    rig.done().await;
    let there = rig.double.summary();
    for line in ["\"ben\" is admin in \"Maternal Health\" by default", "\"ben\" is admin in \"Vaccination\"", "user \"ben\""] {
        assert!(there.contains(&line.to_owned()), "{there:#?}");
    }
    rig.is_silent().await;
}

#[tokio::test]
async fn who_is_taken_out_of_a_workspace_leaves_it_there_and_may_come_back() {
    let rig = Rig::new(LAKESIDE).await;
    rig.done().await;
    rig.apply(&LAKESIDE.replace("{name: maternal}, ", "")).await;
    assert_eq!(Rig::told(&rig.mirror().await), ["remove member/ben in workspace/maternal"]);
    rig.done().await;
    assert!(!rig.double.summary().contains(&THERE[2].to_owned()), "{:#?}", rig.double.summary());
    rig.is_silent().await;
    rig.apply(LAKESIDE).await;
    rig.done().await;
    assert_eq!(rig.double.summary(), THERE);
    rig.is_silent().await;
}

#[tokio::test]
async fn whose_object_gets_another_name_without_a_word_keeps_the_account_and_its_password() {
    let rig = Rig::new(LAKESIDE).await;
    rig.done().await;
    let before = rig.double.edit(|database| database.user("ben@lakeside.example").map(|ben| (ben.id, ben.password.clone())));
    rig.apply(&LAKESIDE.replace("metadata: {name: ben}", "metadata: {name: benjamin}")).await;
    rig.done().await;
    assert_eq!(rig.double.summary(), THERE);
    let after = rig.double.edit(|database| database.user("ben@lakeside.example").map(|ben| (ben.id, ben.password.clone())));
    assert_eq!(after, before);
    rig.is_silent().await;
}

#[tokio::test]
async fn who_is_removed_there_by_another_hand_is_put_back_or_reported() {
    let mut rig = Rig::new(LAKESIDE).await;
    rig.done().await;
    rig.double.edit(|database| {
        let (ben, maternal) =
            (database.user("ben@lakeside.example").unwrap().id, database.workspace("Maternal Health").unwrap().id);
        assert!(database.leave(ben, maternal));
    });
    rig.drift = DriftPolicy::Warn;
    let mirror = rig.mirror().await;
    assert!(mirror.is_empty() && mirror.drift.len() == 1, "{mirror:#?}");
    rig.drift = DriftPolicy::Correct;
    rig.done().await;
    assert_eq!(rig.double.summary(), THERE);
}

#[tokio::test]
async fn the_last_admin_who_is_not_muster_is_not_taken_out_whatever_the_store_knows() {
    let both = LAKESIDE.replace("{name: maternal}, ", "{name: maternal, role: Admin}, ");
    let mut rig = Rig::new(&both).await;
    rig.drift = DriftPolicy::Warn;
    rig.done().await;
    rig.double.edit(|database| {
        let (ben, maternal) =
            (database.user("ben@lakeside.example").unwrap().id, database.workspace("Maternal Health").unwrap().id);
        database.membership_mut(ben, maternal).unwrap().role = Role::ReadOnly;
    });
    let writes = rig.double.front.writes();
    for without in [
        both.replace("{name: maternal, role: Admin}]}", "{name: maternal}]}"),
        both.replace("workspaces: [{name: maternal, role: Admin}]}", "workspaces: []}"),
    ] {
        rig.apply(&without).await;
        let complaints = Rig::complaints(&rig.run().await);
        assert!(matches!(complaints.as_slice(), [why] if why.contains("left without an admin")), "{complaints:#?}");
    }
    assert_eq!(rig.double.front.writes(), writes);
    // With somebody else as an admin there, both go.
    rig.drift = DriftPolicy::Correct;
    rig.done().await;
    assert!(!rig.double.summary().iter().any(|line| line.contains("\"asha\"")), "{:#?}", rig.double.summary());
}

#[tokio::test]
async fn the_account_of_muster_is_no_member_and_cannot_be_made_one() {
    let rig = Rig::new(LAKESIDE).await;
    rig.done().await;
    let foreign = rig.mirror().await.foreign;
    assert!(!foreign.iter().any(|it| &*it.name == "muster"), "{foreign:#?}");
    let itself = format!(
        "{LAKESIDE}---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {{name: muster}}
spec: {{organizationRef: {{name: lakeside}}, email: muster@lakeside.example, username: muster, workspaces: [{{name: vaccination}}]}}
"
    );
    rig.apply(&itself).await;
    let mirror = rig.mirror().await;
    let held = mirror.held.as_slice();
    assert!(matches!(held, [(_, why)] if why.contains("the account that Muster itself uses")), "{held:#?}");
    assert!(mirror.is_empty(), "{mirror:#?}");
}

#[tokio::test]
async fn who_is_locked_out_here_is_in_no_workspace_there() {
    let rig = Rig::new(LAKESIDE).await;
    rig.done().await;
    let more = LAKESIDE
        .replace(
            "username: asha, workspaces: [{name: maternal, role: Admin}]",
            "username: asha, workspaces: [{name: maternal, role: Admin}, {name: vaccination, role: Admin}]",
        )
        .replace("{name: maternal}, ", "{name: maternal, role: Admin}, ");
    rig.apply(&more).await;
    rig.done().await;
    rig.apply(&more.replace("email: ben@lakeside.example", "email: ben@lakeside.example\n  disabled: true")).await;
    assert!(rig.mirror().await.lacking.iter().any(|it| &*it.path == "disabled"));
    rig.done().await;
    assert!(!rig.double.summary().iter().any(|line| line.contains("ben@")), "{:#?}", rig.double.summary());
    rig.is_silent().await;
}
