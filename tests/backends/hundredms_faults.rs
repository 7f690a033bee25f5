//! Whatever happens to whichever request, 100ms ends up as if nothing had happened, and nothing is written twice.

use std::sync::Arc;

use axum::http::Method;
use muster::backend::http::Clock as _;
use muster::backend::hundredms::Api;
use muster::backend::{CallEnd, Fault as Failed, Stop, carry_out};
use muster::store::Observe as _;
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

#[tokio::test]
async fn a_service_at_which_nothing_answers_is_given_up_and_every_workspace_that_was_not_compared_is_named() {
    let world = World::v2().await;
    world.store(EVERYTHING).await;
    world.double.front().plant(Fault::new(Kind::Refuse).always());
    let told = world.plan().await;
    assert_eq!(told.len(), 2, "{told:?}");
    for (place, told) in ["classroom", "clinic"].iter().zip(&told) {
        assert!(told.contains(place) && told.contains("it is not asked for anything else in this run"), "{told}");
    }
    assert!(world.double.front().requests().len() <= 2 * 5, "each of them asked at the same time");
    let asked = world.double.front().requests().len();
    assert_eq!(world.plan().await, told);
    assert_eq!(world.double.front().requests().len(), asked, "the run asks nothing more");
}

#[tokio::test]
async fn after_a_call_that_nobody_answered_the_others_are_not_begun() {
    let mut world = World::v2().await;
    world.store(EVERYTHING).await;
    world.plan().await;
    let observed = world.double.front().requests().len();
    world.double.front().plant(Fault::new(Kind::Refuse).nth(observed + 1).always());
    let done = world.mirrored.run(&world.service).await;
    assert!(matches!(done.ends[0], CallEnd::Failed(Failed::Unreachable { .. })), "{:?}", done.ends);
    assert!(done.ends[1..].iter().all(|end| matches!(end, CallEnd::Skipped(because) if because.contains("given up"))));
    assert_eq!(world.mirrored.store.journal(&world.mirrored.organization).await.unwrap(), [], "nothing is begun");
    world.double.front().calm();
    world.service.client = world.mirrored.client(&world.service.url);
    until_settled(&world).await;
}

#[tokio::test]
async fn who_is_asked_for_an_end_makes_the_call_that_was_begun_and_the_next_run_the_others() {
    let (expected, _) = story(Api::V2, std::iter::empty()).await;
    let world = World::v2().await;
    world.store(EVERYTHING).await;
    let (backend, mirror) = world.mirrored.plan(&world.service).await;
    let revision = world.mirrored.store.observe(&world.mirrored.organization).await.unwrap().revision;
    let stop = Stop::default();
    let asks = stop.clone();
    world.double.front().plant(Fault::new(Kind::Before(Arc::new(move || asks.ask()))).on(Method::POST, "/templates"));
    let organization = (&world.mirrored.organization, revision);
    let done = carry_out(&stop, &backend, &world.mirrored.store, organization, (mirror, world.mirrored.clock.today())).await;
    assert_eq!((&done.ends[0], done.is_done()), (&CallEnd::Done, false));
    assert!(done.ends.len() > 1 && done.ends[1..].iter().all(|end| matches!(end, CallEnd::Skipped(_))), "{:?}", done.ends);
    until_settled(&world).await;
    world.store(LATER).await;
    until_settled(&world).await;
    assert_eq!(world.end_state(), expected.state);
}
