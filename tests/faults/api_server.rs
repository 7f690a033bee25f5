//! The API server refuses, fails, and goes away.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use muster::api::Kind;
use muster::store::Happened;
use serde_json::json;

use super::proxy::{Answer, Class, Fault};
use super::story::{ACME, begin, members};
use super::world::World;

const MEMBER: Kind = Kind::Member;

fn everything_is_there_once(world: &World) {
    assert_eq!(world.not_ready(), Vec::<String>::new());
    let told = world.told("acme");
    assert!(told.counts().iter().all(|(what, count)| !what.starts_with("Created") || *count == 1));
    assert_eq!(told.count(Happened::SoftDeleted), 0);
    world.check();
}

#[test]
fn the_first_answer_about_each_object_is_lost_and_nothing_is_done_twice() {
    let Some(world) = World::new() else { return };
    let mut lost = BTreeSet::new();
    world.proxy.script(move |call| match call.class == Class::Write && lost.insert(call.what()) {
        true => Fault::Lose,
        false => Fault::Pass,
    });
    begin(&world);
    everything_is_there_once(&world);
    let writes = world.proxy.writes();
    assert!(writes.values().all(|count| *count <= 2), "{writes:?}");
}

#[test]
fn a_status_that_can_never_be_written_repeats_nothing_in_the_store() {
    let Some(world) = World::new() else { return };
    world.proxy.script(|call| match call.name.as_deref() == Some("carol") && call.class == Class::Write {
        true => Fault::Answer(Answer::error(500, "InternalError")),
        false => Fault::Pass,
    });
    world.apply(ACME);
    world.start();
    world.until("all but one have a verdict", |world| world.unsettled() == ["members/carol"]);
    std::thread::sleep(Duration::from_secs(5));
    let attempts = world.proxy.written().iter().filter(|written| written.what == "PUT members/carol/status").count();
    assert!(attempts <= 20, "{attempts} attempts in a few seconds");
    world.restart();
    std::thread::sleep(Duration::from_secs(2));
    world.proxy.calm();
    world.settle();
    everything_is_there_once(&world);
}

/// For so long, every write is answered like this.
fn refused_for(world: &World, time: Duration, after_commit: bool, answer: Answer) {
    let until = Instant::now() + time;
    world.proxy.script(move |call| match call.class == Class::Write && Instant::now() < until {
        true if after_commit => Fault::AnswerAfter(answer.clone()),
        true => Fault::Answer(answer.clone()),
        false => Fault::Pass,
    });
    begin(world);
    everything_is_there_once(world);
}

/// How often the status of each object was asked to be written, at most.
fn most_attempts(world: &World) -> usize {
    let mut attempts = std::collections::BTreeMap::new();
    for written in world.proxy.written().into_iter().filter(|written| written.class == Class::Write) {
        *attempts.entry(written.what).or_insert(0) += 1;
    }
    attempts.into_values().max().unwrap_or_default()
}

#[test]
fn too_many_requests_are_asked_again_when_the_api_server_says() {
    let Some(world) = World::new() else { return };
    refused_for(&world, Duration::from_secs(8), false, Answer::error(429, "TooManyRequests").after(2));
    let most = most_attempts(&world);
    assert!(most <= 8, "{most} attempts in 8 s, while the API server asks for one in 2 s");
}

#[test]
fn an_api_server_that_is_overloaded_is_asked_less_and_less() {
    let Some(world) = World::new() else { return };
    refused_for(&world, Duration::from_secs(8), false, Answer::error(503, "ServiceUnavailable"));
    let most = most_attempts(&world);
    // Each of ours is repeated by the client while its patience of 3 s lasts, ten times at the most, and there is time for four of ours.
    assert!(most <= 40, "{most} attempts in 8 s");
}

#[test]
fn a_write_that_was_done_and_is_reported_as_failed_is_not_done_for_ever() {
    let Some(world) = World::new() else { return };
    refused_for(&world, Duration::from_secs(3), true, Answer::error(504, "Timeout"));
}

#[test]
fn conflicts_on_every_first_write_are_looked_at_again() {
    let Some(world) = World::new() else { return };
    let mut refused = BTreeSet::new();
    world.proxy.script(move |call| match call.class == Class::Write && refused.insert(call.what()) {
        true => Fault::Answer(Answer::error(409, "Conflict")),
        false => Fault::Pass,
    });
    begin(&world);
    everything_is_there_once(&world);
    assert!(world.proxy.writes().values().all(|count| *count == 1), "{:?}", world.proxy.writes());
}

#[test]
fn writes_that_are_never_answered_do_not_hold_up_the_others() {
    let Some(world) = World::new() else { return };
    let mut hung = BTreeSet::new();
    world.proxy.script(move |call| match call.class == Class::Write && call.plural == "members" && hung.insert(call.what()) {
        true => Fault::Hang,
        false => Fault::Pass,
    });
    begin(&world);
    everything_is_there_once(&world);
}

/// The longest that is waited before something is tried again: how long a watch waits for its next list.
const RETRY: Duration = Duration::from_secs(20);

#[test]
fn the_api_server_is_away_for_a_minute_and_everything_goes_on_within_two_retries() {
    let Some(mut world) = World::new() else { return };
    world.arguments(&["--lease-duration", "3s"]);
    begin(&world);
    let pid = world.pid();
    let leads = |world: &World| world.ask("/metrics").is_some_and(|(_, text)| text.lines().any(|line| line == "muster_leader 1"));
    assert!(leads(&world));
    world.proxy.go_away();
    let away = Instant::now();
    world.edit(MEMBER, "carol", json!({ "spec": { "displayName": "Carol" } }));
    world.apply(&members(0..3));
    let mut led = Duration::ZERO;
    while away.elapsed() < Duration::from_mins(1) {
        // A kubelet would start it again.
        assert_eq!(world.ask("/healthz").map(|(status, _)| status), Some(200), "after {:?}", away.elapsed());
        if leads(&world) {
            led = away.elapsed();
        }
        std::thread::sleep(Duration::from_millis(500));
    }
    assert!(led < Duration::from_secs(15), "a lease of 3 s that could not be renewed was believed in for {led:?}");
    assert_eq!(world.told("acme").counts().get("Updated member/carol"), None, "who does not lead applies nothing");
    world.proxy.come_back();
    world.within(2 * RETRY, "what happened meanwhile is done", |world| world.not_ready().is_empty());
    world.settle();
    everything_is_there_once(&world);
    assert_eq!(world.told("acme").counts()["Updated member/carol"], 1);
    assert!(world.is_running() && world.pid() == pid, "it never ended");
    assert_eq!(world.log().matches("muster controller 0").count(), 1, "it was started once");
}
