use axum::http::Method;
use muster::api::organization::AdoptionPolicy;
use muster::api::policy::DriftPolicy;
use muster::plan::mirror::Edit;
use muster::tenancy::{Deed, ObjectId, Row, Tombstone};

use super::rig::{LAKESIDE, Rig, THERE};
use crate::aaq::Role;
use crate::faults::{Answer, Fault, Kind};

#[tokio::test]
async fn what_the_store_has_is_made_and_a_second_run_is_silent() {
    let rig = Rig::new(LAKESIDE).await;
    let mirror = rig.mirror().await;
    assert_eq!(
        Rig::told(&mirror),
        [
            "create workspace/maternal language: - -> \"SWAHILI\"",
            "create workspace/vaccination",
            "create member/asha in workspace/maternal defaultWorkspace: - -> true role: - -> \"Admin\"",
            "create member/ben in workspace/maternal defaultWorkspace: - -> false role: - -> \"ReadOnly\"",
            "create member/ben in workspace/vaccination defaultWorkspace: - -> true role: - -> \"Admin\"",
        ]
    );
    let before = rig.double.front.requests().len();
    rig.done().await;
    assert_eq!(rig.double.summary(), THERE);
    let asked = rig.double.front.requests().len() - before;
    // Logging in, and observing before.
    let beside = 2;
    assert!(asked <= beside + usize::try_from(mirror.requests).unwrap(), "{:#?}", rig.double.front.requests());
    rig.is_silent().await;
    let writes = rig.double.front.writes().len();
    rig.done().await;
    assert_eq!(rig.double.front.writes().len(), writes);
}

#[tokio::test]
async fn a_name_that_somebody_else_has_is_a_conflict_and_never_a_success() {
    let rig = Rig::new(LAKESIDE).await;
    rig.double.edit(|database| {
        let theirs = database.create_workspace("Maternal Health", Some(100), Some(50));
        let owner = database.create_user("eve", "new", Vec::new());
        database.join(owner, theirs, Role::Admin, true);
    });
    let complaints = Rig::complaints(&rig.run().await);
    assert!(complaints[0].contains("a workspace of this name is there already"), "{complaints:#?}");
    assert_eq!(rig.rows().await.iter().filter(|row| row.external_id.is_some()).count(), 2);
    assert!(!rig.double.summary().contains(&"\"muster\" is admin in \"Maternal Health\"".to_owned()));
}

#[tokio::test]
async fn a_workspace_that_can_be_seen_is_taken_over_when_it_is_the_same_and_otherwise_when_the_policy_says_so() {
    let mut rig = Rig::new(LAKESIDE).await;
    rig.double.edit(|database| {
        let muster = database.user("muster").unwrap().id;
        for name in ["Maternal Health", "Vaccination"] {
            let workspace = database.create_workspace(name, Some(100), Some(50));
            database.join(muster, workspace, Role::Admin, false);
        }
    });
    let mirror = rig.mirror().await;
    assert_eq!(mirror.refusals.len(), 1, "{mirror:#?}");
    assert!(mirror.refusals[0].because.contains("it differs in language"), "{}", mirror.refusals[0].because);
    rig.adoption = AdoptionPolicy::Adopt;
    rig.done().await;
    assert_eq!(rig.double.summary(), THERE);
    rig.is_silent().await;
}

#[tokio::test]
async fn a_rename_keeps_the_language_and_the_work_goes_on_under_the_new_name() {
    let rig = Rig::new(LAKESIDE).await;
    rig.done().await;
    let renamed = LAKESIDE
        .replace("displayName: Maternal Health", "displayName: Mothers")
        .replace("{name: maternal}, ", "{name: maternal, role: Admin}, ");
    rig.apply(&renamed).await;
    let calls = [
        "update workspace/maternal name: \"Maternal Health\" -> \"Mothers\"",
        "update member/ben in workspace/maternal role: \"ReadOnly\" -> \"Admin\"",
    ];
    assert_eq!(Rig::told(&rig.mirror().await), calls);
    rig.done().await;
    assert!(
        rig.double.summary().contains(&"workspace \"Mothers\" SWAHILI without a key".to_owned()),
        "{:#?}",
        rig.double.summary()
    );
    assert!(rig.double.summary().contains(&"\"ben@lakeside.example\" is admin in \"Mothers\"".to_owned()));
    rig.is_silent().await;
}

#[tokio::test]
async fn a_name_that_is_taken_there_refuses_a_rename() {
    let rig = Rig::new(LAKESIDE).await;
    rig.done().await;
    rig.double.edit(|database| database.create_workspace("Mothers", Some(100), Some(50)));
    rig.apply(&LAKESIDE.replace("displayName: Maternal Health", "displayName: Mothers")).await;
    let complaints = Rig::complaints(&rig.run().await);
    assert!(matches!(complaints.as_slice(), [why] if why.contains("another workspace has this name")), "{complaints:#?}");
}

#[tokio::test]
async fn what_somebody_changes_in_the_dashboard_is_drift_with_the_field() {
    let mut rig = Rig::new(LAKESIDE).await;
    rig.done().await;
    rig.double.edit(|database| {
        let maternal = database.workspace("Maternal Health").unwrap().id;
        let ben = database.user("ben@lakeside.example").unwrap().id;
        let workspace = database.workspace_mut(maternal).unwrap();
        workspace.language = "HINDI".to_owned();
        workspace.name = "Mothers".to_owned();
        database.membership_mut(ben, maternal).unwrap().role = Role::Admin;
        database.set_default_workspace(ben, maternal);
    });
    rig.drift = DriftPolicy::Warn;
    let mirror = rig.mirror().await;
    assert!(mirror.is_empty(), "{mirror:#?}");
    let fields: Vec<(String, Vec<String>)> =
        mirror.drift.iter().map(|it| (it.key.to_string(), it.edits.iter().map(Edit::path).collect())).collect();
    let fields: Vec<(&str, Vec<&str>)> =
        fields.iter().map(|(key, paths)| (key.as_str(), paths.iter().map(String::as_str).collect())).collect();
    assert_eq!(
        fields,
        [
            ("workspace/maternal", vec!["name", "language"]),
            ("member/ben in workspace/maternal", vec!["defaultWorkspace", "role"]),
            ("member/ben in workspace/vaccination", vec!["defaultWorkspace"]),
        ]
    );
    rig.drift = DriftPolicy::Correct;
    rig.done().await;
    assert_eq!(rig.double.summary(), THERE);
    rig.is_silent().await;
}

#[tokio::test]
async fn a_workspace_that_cannot_be_seen_is_not_taken_for_one_that_is_gone() {
    let rig = Rig::new(LAKESIDE).await;
    rig.done().await;
    let writes = rig.double.front.writes().len();
    rig.double.edit(|database| {
        let (muster, maternal) = (database.user("muster").unwrap().id, database.workspace("Maternal Health").unwrap().id);
        database.membership_mut(muster, maternal).unwrap().role = Role::ReadOnly;
    });
    // Also what changed here has to wait.
    rig.apply(&LAKESIDE.replace("language: SWAHILI", "language: HINDI").replace("{name: maternal}, ", "")).await;
    let mirror = rig.mirror().await;
    assert!(mirror.is_empty(), "{mirror:#?}");
    assert_eq!(mirror.unobservable.keys().map(|place| place.as_str()).collect::<Vec<_>>(), ["maternal"]);
    assert_eq!(mirror.held.len(), 1, "{mirror:#?}");
    rig.done().await;
    assert_eq!(rig.double.front.writes().len(), writes);
}

#[tokio::test]
async fn where_nothing_can_be_read_nothing_is_planned() {
    let rig = Rig::new(LAKESIDE).await;
    rig.done().await;
    rig.double.edit(|database| {
        let muster = database.user("muster").unwrap().id;
        "another".clone_into(&mut database.user_mut(muster).unwrap().password);
    });
    rig.apply(&LAKESIDE.replace("language: SWAHILI", "language: HINDI")).await;
    let mirror = rig.mirror().await;
    assert!(mirror.is_empty() && mirror.held.is_empty(), "{mirror:#?}");
    assert_eq!(mirror.unobservable.len(), 3);
    assert!(mirror.unobservable.values().all(|why| why.contains("status 401")), "{mirror:#?}");
}

#[tokio::test]
async fn a_workspace_that_is_removed_here_stays_there_with_its_members() {
    let rig = Rig::new(LAKESIDE).await;
    rig.done().await;
    let writes = rig.double.front.writes().len();
    rig.store.edit(&"lakeside".into(), |rows| {
        let tombstone = Tombstone {
            id: ObjectId::derived([b"a tombstone".as_slice()]),
            at: "2026-03-01T10:00:00Z".parse().unwrap(),
            by: "ci".into(),
            purge_at: None,
        };
        let gone = |row: &&mut Row| row.key.name.contains("vaccination");
        rows.iter_mut().filter(gone).for_each(|row| row.tombstone = Some(tombstone.clone()));
    });
    let mirror = rig.mirror().await;
    assert!(!mirror.calls.iter().any(|call| call.deed == Deed::Remove), "{mirror:#?}");
    let retained: Vec<String> = mirror.retained.iter().map(|(key, _)| key.to_string()).collect();
    assert_eq!(retained, ["workspace/vaccination"]);
    rig.done().await;
    assert_eq!(rig.double.front.writes().len(), writes);
}

#[tokio::test]
async fn what_aaq_cannot_do_is_said_beforehand() {
    let more = format!(
        "{LAKESIDE}---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {{name: handbook}}
spec: {{organizationRef: {{name: lakeside}}, quotas: {{apiDaily: 500, content: Unlimited}}}}
---
apiVersion: muster.dev/v1alpha1
kind: MembershipType
metadata: {{name: content-only}}
spec: {{organizationRef: {{name: lakeside}}, name: Content-Only, levels: [Workspace], permissions: [\"workspace:read\"]}}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {{name: emeka}}
spec:
  organizationRef: {{name: lakeside}}
  email: emeka@lakeside.example
  workspaces: [{{name: maternal, role: Content-Only}}, {{name: handbook, role: Admin}}]
"
    );
    let rig = Rig::new(&more).await;
    let mirror = rig.mirror().await;
    let lacking: Vec<(String, &str)> = mirror.lacking.iter().map(|it| (it.subject.to_string(), &*it.path)).collect();
    assert_eq!(
        lacking,
        [("workspace/handbook".to_owned(), "quotas"), ("member/emeka in workspace/maternal".to_owned(), "role"),]
    );
    rig.done().await;
    assert!(!rig.double.summary().contains(&"\"emeka@lakeside.example\" is read_only in \"Maternal Health\"".to_owned()));
    rig.is_silent().await;
}

#[tokio::test]
async fn a_login_that_is_not_accepted_any_more_is_made_again() {
    let rig = Rig::new(LAKESIDE).await;
    let double = &rig.double;
    for (method, path) in [
        (Method::POST, "/workspace/"),
        (Method::GET, "/user/"),
        (Method::POST, "/user/"),
        (Method::POST, "/workspace/switch-workspace"),
    ] {
        double.front.plant(Fault::new(Kind::Before(double.forgetting())).on(method, path));
    }
    rig.done().await;
    assert_eq!((double.front.left(), double.front.writes().len()), (0, 6));
    assert_eq!(double.summary(), THERE);
}

#[tokio::test]
async fn a_login_that_fails_for_a_moment_is_made_again_at_once() {
    let rig = Rig::new(LAKESIDE).await;
    for path in ["/login", "/workspace/switch-workspace"] {
        for kind in [Kind::Lose, Kind::Answer(Answer::text(503, "no healthy upstream")), Kind::Answer(Answer::too_many())] {
            rig.double.front.plant(Fault::new(kind).on(Method::POST, path));
        }
    }
    rig.done().await;
    assert_eq!((rig.double.front.left(), rig.double.summary()), (0, THERE.map(str::to_owned).to_vec()));
}
