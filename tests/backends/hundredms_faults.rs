//! Whatever happens to whichever request, 100ms ends up as if nothing had happened, and nothing is written twice.

use axum::http::Method;
use muster::backend::hundredms::Api;
use serde_json::{Value, json};

use super::hundredms_backend::{EVERYTHING, World};
use crate::faults::{Answer, Fault, Kind};
use crate::hundredms::Switches;

/// The end of a run, and what was written for it.
#[derive(Debug, PartialEq)]
struct End {
    state: Value,
    writes: Vec<String>,
}

/// What is there at first, and what it becomes: something is made, changed, renamed and removed.
const LATER: &[(&str, &str, &str)] = &[
    (
        "Template",
        "lesson",
        "{workspaceRef: {name: classroom}, name: Class, settings: {region: in}, recordings: [{name: default, \
       role: chair, streamRecording: {enabled: true}}]}",
    ),
    EVERYTHING[1],
    (
        "Role",
        "teacher",
        "{templateRef: {name: lesson}, name: chair, priority: 2, publishParams: {video: {quality: 360p}}, \
          subscribeParams: {subscribeToRoles: [chair]}}",
    ),
    ("Role", "guest", "{templateRef: {name: lesson}, publishParams: {allowed: []}}"),
    ("Role", "doctor", "{templateRef: {name: consultation}, publishParams: {allowed: [audio]}}"),
];

/// Runs until there is nothing to do, with these faults.
async fn story(api: Api, faults: impl Iterator<Item = Fault>) -> (End, usize) {
    let world = World::new(api, Switches::default()).await;
    faults.for_each(|fault| world.double.front().plant(fault));
    world.store(EVERYTHING).await;
    until_settled(&world).await;
    world.store(LATER).await;
    until_settled(&world).await;
    let front = world.double.front();
    // In which order calls are made again does not matter.
    let mut writes: Vec<String> = front.writes().iter().map(|write| write.replace("template Class", "template lesson")).collect();
    writes.sort();
    (End { state: world.end_state(), writes }, front.requests().len())
}

async fn until_settled(world: &World) {
    for _ in 0..30 {
        let done = world.mirrored.run(&world.service).await;
        assert!(done.mirror.refusals.is_empty(), "{:#?}", done.mirror.refusals);
        if done.is_done() && !done.mirror.is_blind() && done.mirror.calls.is_empty() {
            return;
        }
    }
    let left = world.plan().await;
    panic!("it does not settle: {left:#?}");
}

/// How far apart the faults of one story are. So few stories have every request once, and faults come when others were just survived.
const APART: usize = 7;

/// Plants the fault at every request of the story.
async fn at_every_request(api: Api, kind: &Kind, same_writes: bool) {
    let (expected, requests) = story(api, std::iter::empty()).await;
    assert!(!expected.writes.is_empty());
    for first in 1..=APART {
        let faults = (first..=requests).step_by(APART).map(|nth| Fault::new(kind.clone()).nth(nth));
        let (end, _) = story(api, faults).await;
        assert!(end.state == expected.state, "from request {first} on: {:#}\n{:#}", end.state, expected.state);
        if same_writes {
            assert_eq!(end.writes, expected.writes, "from request {first} on");
        }
    }
}

#[tokio::test]
async fn an_answer_that_gets_lost() {
    at_every_request(Api::V2, &Kind::Lose, true).await;
    at_every_request(Api::V1, &Kind::Lose, true).await;
}

#[tokio::test]
async fn a_connection_that_ends_before_anything_happens() {
    at_every_request(Api::V2, &Kind::Refuse, true).await;
}

#[tokio::test]
async fn a_service_that_asks_for_fewer_requests() {
    at_every_request(Api::V2, &Kind::Answer(Answer::too_many()), true).await;
    at_every_request(Api::V1, &Kind::Answer(Answer::too_many().retry_after("3")), true).await;
}

#[tokio::test]
async fn a_service_that_fails_before_or_after_it_did_it() {
    at_every_request(Api::V2, &Kind::Answer(Answer::json(500, &json!({"code": 500}))), true).await;
    at_every_request(Api::V2, &Kind::Instead(Answer::text(502, "bad gateway")), true).await;
    at_every_request(Api::V1, &Kind::Answer(Answer::text(503, "")), true).await;
}

#[tokio::test]
async fn an_answer_that_cannot_be_read() {
    at_every_request(Api::V2, &Kind::Broken, true).await;
    at_every_request(Api::V2, &Kind::Instead(Answer::html()), true).await;
    at_every_request(Api::V2, &Kind::Huge { announced: true }, true).await;
}

#[tokio::test]
async fn a_token_that_is_refused_in_the_middle() {
    let refused = json!({"code": 401, "message": "Token validation error", "details": ["token is expired"]});
    at_every_request(Api::V2, &Kind::Answer(Answer::json(401, &refused)), true).await;
    at_every_request(Api::V1, &Kind::Answer(Answer::json(403, &refused)), true).await;
}

#[tokio::test]
async fn an_answer_that_sends_elsewhere_is_not_followed() {
    let elsewhere = Kind::Answer(Answer::redirect("http://169.254.169.254/latest"));
    at_every_request(Api::V2, &elsewhere, true).await;
}

#[tokio::test]
async fn a_request_that_is_delivered_twice() {
    at_every_request(Api::V2, &Kind::Twice, false).await;
}

#[tokio::test]
async fn a_page_that_comes_again_and_again_makes_a_workspace_unobservable_and_nothing_is_removed() {
    let world = World::v2().await;
    world.store(EVERYTHING).await;
    until_settled(&world).await;
    world.writes();
    world.store(&[]).await;
    world.double.front().plant(Fault::new(Kind::Repeat).on(Method::GET, "/templates?limit"));
    let told = world.plan().await;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(
        told.iter()
            .all(|told| told.contains("unobservable: the answer of the service cannot be used: a page of the list comes again"))
    );
    world.double.front().calm();
    assert_eq!(world.writes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_slow_answer_is_waited_for() {
    let world = World::v2().await;
    world.store(EVERYTHING).await;
    for kind in [Kind::Hold, Kind::Trickle] {
        world.double.front().plant(Fault::new(kind));
        let mut run = Box::pin(world.mirrored.run(&world.service));
        tokio::select! {
            _ = &mut run => panic!("it had to wait"),
            () = world.double.front().until_waiting(1) => {}
        }
        world.double.front().release();
        assert!(run.await.is_done());
    }
    assert_eq!(world.writes().len(), 6);
}
