use std::time::Duration;

use super::world::{Says, World};
use super::{ACME, IN_SYNC};
use crate::api::Kind;
use crate::controller::absence::{Absences, Wait};
use crate::controller::cache::Work;
use crate::controller::gather::gather;
use crate::store::Observe as _;
use crate::tenancy::Manager;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

async fn acme() -> World {
    let mut world = World::new().await;
    world.apply(ACME);
    world.settle("acme").await;
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_is_soft_deleted_and_comes_back_as_it_was() {
    let mut world = acme().await;
    world.delete(Kind::Member, "bob");
    world.settle("acme").await;
    let stored = world.stored("acme").await;
    assert!(
        stored.contains(&"member/bob x".to_owned()) && stored.contains(&"member/bob in workspace/design x".to_owned()),
        "{stored:?}"
    );
    let retained = world.status(Kind::Organization, "acme")["retained"].clone();
    assert_eq!(retained[0]["subject"], "member/bob");
    world.apply(ACME);
    assert_eq!(world.settle("acme").await, IN_SYNC);
    assert_eq!(world.stored("acme").await.iter().filter(|it| it.ends_with(" x")).count(), 0);
    assert_eq!(world.status(Kind::Organization, "acme")["retained"], serde_json::Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_something_is_gone_and_not_removed_yet_its_organization_says_so_once() {
    let mut world = World::new().await;
    world.apply(&ACME.replace("removalDelay: 0s", "removalDelay: 1h"));
    world.settle("acme").await;
    world.delete(Kind::Member, "bob");
    let passed = world.pass("acme").await;
    assert_eq!(world.write(&passed), 1);
    assert_eq!(world.told()[0], "organization/acme: Ready=True Succeeded, Reconciling=True Progressing");
    world.delete(Kind::Workspace, "design");
    let passed = world.pass("acme").await;
    assert_eq!(world.write(&passed), 0, "that more goes is no news");
    world.apply(&ACME.replace("removalDelay: 0s", "removalDelay: 1h"));
    assert_eq!(world.settle("acme").await, IN_SYNC);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_that_is_gone_takes_nothing_with_it() {
    let mut world = acme().await;
    world.delete(Kind::Organization, "acme");
    world.delete(Kind::Workspace, "design");
    world.pass("acme").await;
    assert_eq!(world.stored("acme").await.iter().filter(|it| it.ends_with(" x")).count(), 0);
    world.apply(ACME);
    assert_eq!(world.settle("acme").await, IN_SYNC);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_with_its_namespace_or_its_definition_is_kept() {
    for presence in [Says::Terminating, Says::Gone, Says::MadeAnew, Says::AfterAll] {
        let mut world = acme().await;
        world.presence = presence;
        world.delete(Kind::Workspace, "design");
        world.settle("acme").await;
        assert_eq!(world.stored("acme").await.iter().filter(|it| it.ends_with(" x")).count(), 0);
    }
}

/// What an organization says while the store keeps something that is gone from the cluster.
const KEPT: &str = "organization/acme: Ready=True Succeeded, Reconciling=True ProgressingWithRetry";

#[tokio::test(flavor = "multi_thread")]
async fn why_nothing_is_removed_is_said_once_also_while_the_delay_begins_anew() {
    let mut world = acme().await;
    world.presence = Says::Terminating;
    world.delete(Kind::Workspace, "design");
    world.settle("acme").await;
    let why = |world: &World| world.status(Kind::Organization, "acme")["conditions"][0]["message"].clone();
    let said = why(&world);
    assert!(said.as_str().unwrap().contains("it went with the namespace acme, which is being deleted"), "{said}");
    world.apply(&ACME.split("\n---\n").next().unwrap().replace("removalDelay: 0s", "removalDelay: 1h"));
    world.settle("acme").await;
    // Now it waits for an hour, and the API server is not asked.
    assert_eq!((world.told()[0].as_str(), why(&world)), (KEPT, said));
    world.apply(&ACME.replace("removalDelay: 0s", "removalDelay: 1h"));
    assert_eq!(world.settle("acme").await, IN_SYNC);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_definition_that_was_made_anew_does_not_keep_what_others_of_the_kind_outlived() {
    let mut world = acme().await;
    world.presence = Says::MadeAnew;
    world.delete(Kind::Member, "bob");
    world.settle("acme").await;
    assert!(world.stored("acme").await.contains(&"member/bob x".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_removed_while_a_watch_is_broken() {
    use crate::controller::watch::{Scope, Seen};
    let mut world = acme().await;
    world.delete(Kind::Member, "bob");
    let scope = Scope { kind: Kind::Template, namespace: None };
    world.cache.take(Seen::Broken(scope.clone(), "connection refused".to_owned()), Instant::now());
    // The delay is zero: what is absent would be due at once.
    let passed = world.pass("acme").await;
    assert!(world.stored("acme").await.contains(&"member/bob".to_owned()), "{:?}", world.stored("acme").await);
    assert_eq!(world.write(&passed), 1);
    assert_eq!(world.told()[0], KEPT, "it is not in sync before that is over");
    world.cache.take(Seen::Alive(scope), Instant::now());
    world.pass("acme").await;
    assert!(world.stored("acme").await.contains(&"member/bob x".to_owned()));
}

struct Look {
    world: World,
    absences: Absences,
    begin: Instant,
    well_since: Instant,
}

impl Look {
    async fn new() -> Self {
        let begin = Instant::now();
        Self { world: acme().await, absences: Absences::default(), begin, well_since: begin }
    }

    /// What is due and what waits, so long after the begin, with a delay of ten seconds.
    async fn at(&mut self, seconds: u32) -> (Vec<String>, Vec<String>) {
        let snapshot = self.world.store.observe(&"acme".into()).await.unwrap();
        let gathered = gather(&self.world.cache, &Work::Organization("acme".into()), None);
        let now = self.begin + SECOND * seconds;
        let wait = Wait { delay: SECOND * 10, now, well_since: self.well_since };
        let absent = self.absences.look(&gathered.objects, &snapshot, &Manager::new("muster"), wait);
        let names = |keys: std::collections::BTreeSet<crate::tenancy::Key>| keys.iter().map(ToString::to_string).collect();
        (names(absent.due), names(absent.waiting))
    }
}

fn only(name: &str) -> Vec<String> {
    vec![name.to_owned()]
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_waits_for_the_delay() {
    let mut look = Look::new().await;
    assert_eq!(look.at(0).await, (vec![], vec![]));
    look.world.delete(Kind::Member, "bob");
    assert_eq!(look.at(20).await, (vec![], only("member/bob")));
    assert_eq!(look.at(29).await, (vec![], only("member/bob")));
    assert_eq!(look.at(30).await, (only("member/bob"), vec![]));
    look.world.apply(ACME);
    assert_eq!(look.at(31).await, (vec![], vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_goes_one_after_the_other_is_due_together() {
    let mut look = Look::new().await;
    look.at(0).await;
    look.world.delete(Kind::Member, "bob");
    assert_eq!(look.at(20).await, (vec![], only("member/bob")));
    look.world.delete(Kind::Workspace, "design");
    let both = vec!["workspace/design".to_owned(), "member/bob".to_owned()];
    assert_eq!(look.at(25).await, (vec![], both.clone()));
    assert_eq!(look.at(31).await, (vec![], both.clone()));
    assert_eq!(look.at(35).await, (both, vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_due_stays_so_when_something_else_goes() {
    let mut look = Look::new().await;
    look.at(0).await;
    look.world.delete(Kind::Member, "bob");
    look.at(20).await;
    assert_eq!(look.at(30).await, (only("member/bob"), vec![]));
    look.world.delete(Kind::Workspace, "design");
    assert_eq!(look.at(31).await, (only("member/bob"), only("workspace/design")));
    assert_eq!(look.at(41).await.1, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_go_all_the_time_do_not_put_it_off_for_ever() {
    let mut look = Look::new().await;
    let more = |number: u32| ACME.split("\n---\n").last().unwrap().replace("bob", &format!("bob{number}"));
    for number in 0..80 {
        look.world.apply(&more(number));
    }
    look.world.settle("acme").await;
    look.at(0).await;
    let mut due = vec![];
    for number in 0..80 {
        look.world.delete(Kind::Member, &format!("bob{number}"));
        due.push(look.at(20 + number * 9).await.0.len());
    }
    let slices: std::collections::BTreeSet<usize> = due.into_iter().collect();
    assert_eq!(slices, [0, 66].into(), "{slices:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_delay_begins_anew_with_the_organization() {
    let mut look = Look::new().await;
    look.at(0).await;
    look.world.delete(Kind::Member, "bob");
    look.at(20).await;
    look.world.delete(Kind::Organization, "acme");
    look.at(25).await;
    look.world.apply(ACME.split("\n---\n").next().unwrap());
    assert_eq!(look.at(31).await, (vec![], only("member/bob")));
    assert_eq!(look.at(41).await, (only("member/bob"), vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_renamed_is_not_gone() {
    let mut look = Look::new().await;
    look.at(0).await;
    look.world.delete(Kind::Member, "bob");
    look.world.apply(
        &ACME
            .split("\n---\n")
            .last()
            .unwrap()
            .replace("name: bob}", "name: robert}")
            .replace("spec: {", "spec: {previousNames: [bob], "),
    );
    assert_eq!(look.at(60).await, (vec![], vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_delay_begins_anew_when_all_watches_are_well_again() {
    let mut look = Look::new().await;
    look.at(0).await;
    look.world.delete(Kind::Member, "bob");
    look.at(20).await;
    look.well_since = look.begin + SECOND * 25;
    assert_eq!(look.at(31).await, (vec![], only("member/bob")));
    assert_eq!(look.at(35).await, (only("member/bob"), vec![]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_of_long_ago_does_not_shorten_the_delay_of_another_one_who_has_it_now() {
    let mut look = Look::new().await;
    let bob = ACME.split("\n---\n").last().unwrap();
    let robert = bob.replace("name: bob}", "name: robert}").replace("spec: {", "spec: {previousNames: [bob], ");
    look.world.delete(Kind::Member, "bob");
    look.world.apply(&robert);
    look.world.settle("acme").await;
    look.world.apply(&bob.replace("bob@acme.example", "bobby@acme.example"));
    look.world.settle("acme").await;
    look.at(0).await;
    look.world.delete(Kind::Member, "bob");
    assert_eq!(look.at(20).await, (vec![], only("member/bob")), "it is looked after like any other");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_controller_of_other_namespaces_leaves_an_organization_alone() {
    let mut world = World::new().await;
    world.apply(&ACME.replace("removalDelay: 0s}", "removalDelay: 0s}, deletionPolicy: SoftDelete"));
    world.settle("acme").await;
    for (kind, name) in
        [(Kind::Organization, "acme"), (Kind::Workspace, "design"), (Kind::Member, "alice"), (Kind::Member, "bob")]
    {
        world.delete(kind, name);
    }
    world.namespaces = ["another".into()].into();
    world.forget();
    world.pass("acme").await;
    assert_eq!(world.stored("acme").await.iter().filter(|it| it.ends_with(" x")).count(), 0, "it sees none of it");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_organization_goes_when_that_was_applied_before() {
    let mut world = World::new().await;
    world.apply(&ACME.replace("removalDelay: 0s}", "removalDelay: 0s}, deletionPolicy: SoftDelete"));
    world.settle("acme").await;
    for (kind, name) in
        [(Kind::Organization, "acme"), (Kind::Workspace, "design"), (Kind::Member, "alice"), (Kind::Member, "bob")]
    {
        world.delete(kind, name);
    }
    world.pass("acme").await;
    assert_eq!(world.stored("acme").await.iter().filter(|it| it.ends_with(" x")).count(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_was_written_anew_is_not_taken_for_the_one_that_is_gone() {
    use crate::controller::object::{ObjectKey, Version};
    use crate::controller::watch::{Gone, Scope, Seen};
    let mut world = acme().await;
    let id = ObjectKey { namespace: "acme".into(), key: crate::tenancy::Key::new(Kind::Member, "bob") };
    let gone = Gone { id: id.clone(), uid: "an-older-one".into(), version: Version::new("9999") };
    world.cache.take(Seen::Gone(Scope { kind: Kind::Member, namespace: None }, gone), Instant::now());
    assert!(world.cache.get(&id).is_some());
}
