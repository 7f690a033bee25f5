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

#[test]
fn the_api_server_is_away_for_longer_than_a_lease_and_everything_goes_on_afterwards() {
    let Some(mut world) = World::new() else { return };
    world.arguments(&["--lease-duration", "3s"]);
    begin(&world);
    world.proxy.go_away();
    world.edit(MEMBER, "carol", json!({ "spec": { "displayName": "Carol" } }));
    world.apply(&members(0..3));
    std::thread::sleep(Duration::from_secs(20));
    assert!(world.is_running(), "it does not end");
    assert_eq!(world.told("acme").counts().get("Updated member/carol"), None);
    world.proxy.come_back();
    world.within(Duration::from_secs(45), "what happened meanwhile is done", |world| world.not_ready().is_empty());
    world.settle();
    everything_is_there_once(&world);
    assert_eq!(world.told("acme").counts()["Updated member/carol"], 1);
    assert!(world.is_running());
}

#[test]
fn an_hour_of_small_faults_in_half_a_minute_ends_as_if_nothing_had_happened() {
    let seed = std::env::var("MUSTER_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| uuid::Uuid::new_v4().as_u64_pair().0);
    eprintln!("MUSTER_SEED={seed}");
    let Some(world) = World::new() else { return };
    begin(&world);
    // One that cannot find out where it is at the start ends, and is started again.
    world.revive();
    let mut random = Random(seed);
    world.proxy.script(move |call| match random.below(40) {
        0 => Fault::Refuse,
        1 => Fault::Lose,
        2 if call.class == Class::Write => Fault::Answer(Answer::error(409, "Conflict")),
        3 => Fault::Answer(Answer::error(503, "ServiceUnavailable")),
        _ => Fault::Pass,
    });
    let mut random = Random(seed ^ 1);
    for round in 0..30 {
        world.edit(
            MEMBER,
            ["alice", "bob", "carol", "dave"][random.below(4)],
            json!({ "spec": { "displayName": format!("{round}") } }),
        );
        match random.below(8) {
            0 => world.proxy.inject(super::proxy::Injection::End),
            1 => world.proxy.inject(super::proxy::Injection::Break),
            2 => world.proxy.inject(super::proxy::Injection::EndWith(format!("{}\n", super::proxy::Injection::gone()))),
            3 => world.restart(),
            _ => {}
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    world.proxy.calm();
    world.settle();
    everything_is_there_once(&world);
    for name in ["alice", "bob", "carol", "dave"] {
        let object = world.object(MEMBER, name);
        let row = world.told("acme").rows.into_iter().find(|row| row.key.to_string() == format!("member/{name}")).unwrap();
        let stored: serde_json::Value = serde_json::from_str(&row.spec).unwrap();
        assert_eq!(stored["displayName"], object["spec"]["displayName"], "MUSTER_SEED={seed}");
    }
    world.is_silent_for(Duration::from_secs(5));
}

/// Numbers that are the same for the same seed.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}
