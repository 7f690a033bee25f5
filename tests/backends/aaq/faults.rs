use std::sync::Arc;

use axum::http::Method;

use super::rig::{LAKESIDE, Rig, THERE};
use crate::aaq::Crash;
use crate::faults::{Answer, Fault, Kind};

/// Everything that can go wrong with one request.
fn kinds() -> Vec<(&'static str, Kind)> {
    vec![
        ("refused", Kind::Refuse),
        ("lost", Kind::Lose),
        ("429", Kind::Answer(Answer::too_many())),
        ("500", Kind::Answer(Answer::text(500, "Traceback (most recent call last):"))),
        ("503", Kind::Answer(Answer::text(503, "no healthy upstream"))),
        ("500 afterwards", Kind::Instead(Answer::text(500, "Traceback (most recent call last):"))),
        ("502 afterwards", Kind::Instead(Answer::text(502, "bad gateway"))),
        ("another page", Kind::Instead(Answer::html())),
        ("elsewhere", Kind::Answer(Answer::redirect("http://169.254.169.254/"))),
        ("broken off", Kind::Broken),
        ("huge", Kind::Huge { announced: true }),
        ("huge without saying so", Kind::Huge { announced: false }),
    ]
}

/// Runs until there is nothing left to do.
async fn settles(rig: &Rig, what: &str) {
    for _ in 0..4 {
        let run = rig.run().await;
        rig.keeps_secrets(&run).await;
        if run.is_done() && run.mirror.unobservable.is_empty() {
            return;
        }
    }
    panic!("{what}: {:#?} {:#?}", rig.run().await, rig.double.front.requests());
}

#[tokio::test]
async fn whatever_goes_wrong_with_a_change_the_end_is_the_same_and_nothing_is_made_twice() {
    let undisturbed = Rig::new(LAKESIDE).await;
    undisturbed.done().await;
    let expected = undisturbed.double.front.writes().len();
    let changes = [
        ("/login", 1),
        ("/workspace/switch-workspace", 1),
        ("/workspace/", 1),
        ("/workspace/", 2),
        ("/user/", 1),
        ("/user/", 2),
        ("/user/add-existing", 1),
    ];
    for (path, nth) in changes {
        for (name, kind) in kinds() {
            let rig = Rig::new(LAKESIDE).await;
            rig.double.front.plant(Fault::new(kind).on(Method::POST, path).nth(nth));
            let what = format!("{name} at {path} number {nth}");
            settles(&rig, &what).await;
            assert_eq!(rig.double.summary(), THERE, "{what}");
            // Which of two memberships comes with the account depends on which one comes first.
            assert_eq!(rig.double.front.writes().len(), expected, "{what}: {:#?}", rig.double.front.writes());
        }
    }
}

#[tokio::test]
async fn whatever_goes_wrong_with_a_language_or_a_role_or_a_removal_the_end_is_the_same() {
    for (method, path) in [(Method::PUT, "/workspace/"), (Method::PUT, "/user/"), (Method::DELETE, "/user/")] {
        for (name, kind) in kinds() {
            let rig = Rig::new(LAKESIDE).await;
            rig.done().await;
            let changed = LAKESIDE
                .replace("language: SWAHILI", "language: HINDI")
                .replace("{name: maternal, role: Admin}]}", "{name: maternal, role: Admin}, {name: vaccination}]}");
            rig.apply(&changed).await;
            rig.done().await;
            rig.apply(
                &changed
                    .replace("{name: vaccination}]}", "{name: vaccination, role: Admin}]}")
                    .replace("HINDI", "FRENCH")
                    .replace("{name: maternal}, ", ""),
            )
            .await;
            rig.double.front.plant(Fault::new(kind).on(method.clone(), path));
            let what = format!("{name} at {method} {path}");
            settles(&rig, &what).await;
            let there = rig.double.summary();
            assert!(there.contains(&"\"asha\" is admin in \"Vaccination\"".to_owned()), "{what}: {there:#?}");
            assert!(there.contains(&"workspace \"Maternal Health\" FRENCH without a key".to_owned()), "{what}: {there:#?}");
            assert!(!there.contains(&THERE[2].to_owned()), "{what}: {there:#?}");
            rig.is_silent().await;
        }
    }
}

#[tokio::test]
async fn whatever_goes_wrong_with_a_reading_nothing_is_removed_and_the_end_is_the_same() {
    for path in ["/workspace/", "/user/"] {
        for (name, kind) in kinds() {
            let rig = Rig::new(LAKESIDE).await;
            rig.done().await;
            let writes = rig.double.front.writes();
            rig.double.front.plant(Fault::new(kind).on(Method::GET, path));
            settles(&rig, name).await;
            assert_eq!(
                (rig.double.summary(), rig.double.front.writes()),
                (THERE.map(str::to_owned).to_vec(), writes),
                "{name} at {path}"
            );
        }
    }
}

#[tokio::test]
async fn a_removal_that_arrives_twice_is_done() {
    let rig = Rig::new(LAKESIDE).await;
    rig.done().await;
    rig.apply(&LAKESIDE.replace("{name: maternal}, ", "")).await;
    rig.double.front.plant(Fault::new(Kind::Twice).on(Method::DELETE, "/user/"));
    rig.done().await;
    // The second time the account is gone altogether, and AAQ fails.
    rig.apply(
        &LAKESIDE
            .replace("username: asha, workspaces: [{name: maternal, role: Admin}]", "username: asha, workspaces: []")
            .replace("{name: maternal}, ", "{name: maternal, role: Admin}, "),
    )
    .await;
    rig.double.front.plant(Fault::new(Kind::Twice).on(Method::DELETE, "/user/"));
    rig.done().await;
    assert!(!rig.double.summary().contains(&"user \"asha\"".to_owned()));
    rig.is_silent().await;
}

#[tokio::test]
async fn a_workspace_and_an_account_that_aaq_left_half_made_are_finished() {
    for crash in [Crash::AfterWorkspace, Crash::AfterAccount] {
        let rig = Rig::new(LAKESIDE).await;
        rig.double.crash(crash);
        settles(&rig, &format!("{crash:?}")).await;
        assert_eq!(rig.double.summary(), THERE, "{crash:?}");
        rig.is_silent().await;
    }
}

#[tokio::test]
async fn a_half_made_workspace_is_finished_also_by_the_next_run() {
    let rig = Rig::new(LAKESIDE).await;
    rig.double.crash(Crash::AfterWorkspace);
    // From the failure on AAQ does not answer, so that this run ends without knowing.
    let front = rig.double.front.clone();
    let away = Arc::new(move || front.plant(Fault::new(Kind::Answer(Answer::text(503, "away"))).times(100)));
    rig.double.front.plant(Fault::new(Kind::After(away)).on(Method::POST, "/workspace/").nth(1));
    let run = rig.run().await;
    assert!(!run.is_done());
    rig.double.front.calm();
    settles(&rig, "the next run").await;
    assert_eq!(rig.double.summary(), THERE);
}
