//! What watches and lists do when networks and API servers are not at their best. Nothing is ever missing because it was not seen.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use muster::api::Kind;
use muster::store::Happened;
use serde_json::{Value, json};

use super::proxy::{Answer, Deliver, Fault, Injection};
use super::story::{ACME, begin, members};
use super::world::World;

const MEMBER: Kind = Kind::Member;

fn display_name(world: &World, name: &str) -> Value {
    let Some(row) = world.told("acme").rows.into_iter().find(|row| row.key.to_string() == format!("member/{name}")) else {
        return Value::Null;
    };
    serde_json::from_str::<Value>(&row.spec).unwrap()["displayName"].take()
}

/// Changes a member, and waits until the store and the status say so.
fn change(world: &World, name: &str, to: &str) {
    world.edit(MEMBER, name, json!({ "spec": { "displayName": to } }));
    arrives(world, name, to, Duration::from_secs(90));
}

fn arrives(world: &World, name: &str, value: &str, within: Duration) {
    world.within(within, &format!("{name} is called {value} in the store"), |world| display_name(world, name) == value);
    world.settle();
    assert_eq!(world.not_ready(), Vec::<String>::new());
}

fn nothing_was_removed(world: &World) {
    assert_eq!(world.told("acme").count(Happened::SoftDeleted), 0);
    world.check();
}

#[test]
fn its_own_writes_are_seen_late_and_are_not_done_again() {
    let Some(world) = World::new() else { return };
    begin(&world);
    world.proxy.forget();
    world.proxy.frames(|event| if event.plural == "members" { Deliver::Later(Duration::from_secs(1)) } else { Deliver::Pass });
    world.edit(MEMBER, "carol", json!({ "spec": { "displayName": "one" } }));
    world.edit(MEMBER, "carol", json!({ "spec": { "displayName": "two" } }));
    arrives(&world, "carol", "two", Duration::from_secs(90));
    world.proxy.calm();
    std::thread::sleep(Duration::from_secs(3));
    let writes = world.proxy.writes();
    assert!(writes["PUT members/carol/status"] <= 2, "{writes:?}");
    assert_eq!(writes.len(), 1, "{writes:?}");
    assert!(world.told("acme").counts()["Updated member/carol"] <= 2);
    nothing_was_removed(&world);
}

#[test]
fn a_change_and_the_one_that_takes_it_back_are_both_not_seen_and_nothing_is_wrong() {
    let Some(world) = World::new() else { return };
    begin(&world);
    change(&world, "carol", "Carol");
    world.proxy.forget();
    world.proxy.frames(|event| if event.name == "carol" { Deliver::Drop } else { Deliver::Pass });
    world.edit(MEMBER, "carol", json!({ "spec": { "displayName": "away" } }));
    world.edit(MEMBER, "carol", json!({ "spec": { "displayName": "Carol" } }));
    world.edit(MEMBER, "bob", json!({ "spec": { "displayName": "Bob" } }));
    world.until("bob is called Bob in the store", |world| display_name(world, "bob") == "Bob");
    world.proxy.calm();
    change(&world, "carol", "Carol the Second");
    assert_eq!(world.told("acme").counts()["Updated member/carol"], 2);
    nothing_was_removed(&world);
}

#[test]
fn events_that_come_twice_or_all_over_again_change_nothing() {
    let Some(world) = World::new() else { return };
    begin(&world);
    world.proxy.frames(|_| Deliver::Twice);
    change(&world, "carol", "one");
    world.proxy.frames(|_| Deliver::Replay);
    change(&world, "carol", "two");
    change(&world, "carol", "three");
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(world.told("acme").counts()["Updated member/carol"], 3);
    assert_eq!(world.proxy.writes()["PUT members/carol/status"], 4);
    nothing_was_removed(&world);
}

/// The watch of the members is too old, in some form; what was changed while it was not followed is found.
fn too_old(world: &World, tell: impl FnOnce(&World)) {
    begin(world);
    let lists = world.proxy.calls()["GET members"];
    world.proxy.frames(|event| if event.plural == "members" { Deliver::Drop } else { Deliver::Pass });
    world.edit(MEMBER, "carol", json!({ "spec": { "displayName": "unseen" } }));
    world.apply(&members(0..1));
    std::thread::sleep(Duration::from_millis(300));
    tell(world);
    world.proxy.frames(|_| Deliver::Pass);
    arrives(world, "carol", "unseen", Duration::from_secs(30));
    assert!(world.stored().contains(&"member/m0".to_owned()));
    assert!(world.proxy.calls()["GET members"] > lists, "it lists again");
    nothing_was_removed(world);
}

#[test]
fn a_watch_is_refused_as_too_old() {
    let Some(world) = World::new() else { return };
    too_old(&world, |world| {
        let mut left = 1;
        world.proxy.script(move |call| {
            if left > 0 && call.is_watch() && call.plural == "members" {
                left -= 1;
                return Fault::Answer(Answer::error(410, "Expired"));
            }
            Fault::Pass
        });
        world.proxy.inject(Injection::End);
    });
}

#[test]
fn a_watch_says_in_its_stream_that_it_is_too_old() {
    let Some(world) = World::new() else { return };
    too_old(&world, |world| world.proxy.inject(Injection::EndWith(format!("{}\n", Injection::gone()))));
}

#[test]
fn a_watch_says_in_its_stream_over_many_lines_that_it_is_too_old() {
    let Some(world) = World::new() else { return };
    too_old(&world, |world| world.proxy.inject(Injection::EndWith(format!("{:#}\n", Injection::gone()))));
}

#[test]
fn a_watch_breaks_in_the_middle_of_an_event() {
    let Some(world) = World::new() else { return };
    begin(&world);
    for name in ["one", "two", "three"] {
        world.proxy.inject(Injection::Break);
        change(&world, "carol", name);
    }
    nothing_was_removed(&world);
}

#[test]
fn a_watch_is_silently_dead_and_what_happened_is_found_when_its_time_is_over() {
    let Some(world) = World::new() else { return };
    begin(&world);
    world.proxy.inject(Injection::SilenceOf("members".to_owned()));
    world.edit(MEMBER, "carol", json!({ "spec": { "displayName": "late" } }));
    // The API server ends a watch after a minute; one that lives much longer is dead.
    arrives(&world, "carol", "late", Duration::from_mins(2));
    nothing_was_removed(&world);
}

#[test]
fn a_page_of_the_first_list_fails_and_nothing_is_done_before_the_list_is_whole() {
    let Some(world) = World::new() else { return };
    world.apply(&format!("{ACME}{}", members(0..8)));
    world.proxy.pages_of(3);
    world.proxy.script(|call| match call.continues() {
        true => Fault::Answer(Answer::error(500, "InternalError")),
        false => Fault::Pass,
    });
    world.start();
    world.until("pages failed", |world| world.proxy.calls().get("GET members").is_some_and(|calls| *calls > 3));
    assert_eq!(world.proxy.writes().len(), 0, "nothing is said yet");
    assert!(world.ask("/readyz").is_none_or(|(status, _)| status == 503), "it is not ready");
    world.proxy.calm();
    world.settle();
    assert_eq!(world.not_ready(), Vec::<String>::new());
    nothing_was_removed(&world);
}

fn a_page_of_a_later_list_fails(world: &World, answer: Answer) {
    world.proxy.pages_of(3);
    world.apply(&format!("{ACME}{}", members(0..8)));
    world.start();
    world.settle();
    let failed = Arc::new(AtomicUsize::new(0));
    let count = failed.clone();
    world.proxy.script(move |call| {
        if !call.continues() {
            return Fault::Pass;
        }
        count.fetch_add(1, Ordering::SeqCst);
        Fault::Answer(answer.clone())
    });
    world.proxy.inject(Injection::EndWith(format!("{}\n", Injection::gone())));
    // Much longer than the second after which what is gone is removed.
    world.until("pages failed", |_| failed.load(Ordering::SeqCst) > 3);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(world.told("acme").count(Happened::SoftDeleted), 0);
    world.proxy.calm();
    change(world, "carol", "after");
    nothing_was_removed(world);
}

#[test]
fn a_page_of_a_later_list_fails_and_nobody_is_taken_for_gone() {
    let Some(world) = World::new() else { return };
    a_page_of_a_later_list_fails(&world, Answer::error(500, "InternalError"));
}

#[test]
fn a_page_of_a_later_list_has_expired_and_nobody_is_taken_for_gone() {
    let Some(world) = World::new() else { return };
    a_page_of_a_later_list_fails(&world, Answer::error(410, "Expired"));
}

#[test]
fn watches_that_end_before_they_have_said_anything_are_opened_again() {
    let Some(world) = World::new() else { return };
    let mut left = 40;
    world.proxy.frames(move |_| {
        left -= i32::from(left > 0);
        if left > 0 { Deliver::End } else { Deliver::Pass }
    });
    begin(&world);
    change(&world, "carol", "Carol");
    nothing_was_removed(&world);
}

#[test]
fn a_list_from_the_past_brings_nobody_back_and_removes_nobody() {
    let Some(world) = World::new() else { return };
    begin(&world);
    let past = world.proxy.recorded_list("members").unwrap();
    let id = |world: &World| world.told("acme").rows.into_iter().find(|row| row.key.to_string() == "member/carol").unwrap().id;
    let before = id(&world);
    // Carol is another object by now, and there is somebody new.
    let carol = world.documents(ACME).into_iter().find(|object| object["metadata"]["name"] == "carol").unwrap();
    world.delete(MEMBER, "carol");
    world.rig.apply(&carol);
    world.apply(&members(0..1));
    world.settle();
    world.kill();
    world.proxy.script(move |call| match call.is_list() && call.plural == "members" {
        true => Fault::Answer(Answer::ok(past.clone())),
        false => Fault::Pass,
    });
    world.start();
    std::thread::sleep(Duration::from_secs(3));
    world.settle();
    assert_eq!(id(&world), before);
    assert!(world.stored().contains(&"member/m0".to_owned()));
    nothing_was_removed(&world);
}
