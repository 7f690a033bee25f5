use std::time::Duration;

use super::world::{Says, World};
use super::{ACME, IN_SYNC};
use crate::api::Kind;
use crate::controller::absence::Absences;
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
    for presence in [Says::Terminating, Says::Gone, Says::MadeAnew] {
        let mut world = acme().await;
        world.presence = presence;
        world.delete(Kind::Workspace, "design");
        world.settle("acme").await;
        assert_eq!(world.stored("acme").await.iter().filter(|it| it.ends_with(" x")).count(), 0);
    }
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
    world.pass("acme").await;
    assert!(world.stored("acme").await.contains(&"member/bob".to_owned()), "{:?}", world.stored("acme").await);
    world.cache.take(Seen::Alive(scope), Instant::now());
    world.pass("acme").await;
    assert!(world.stored("acme").await.contains(&"member/bob x".to_owned()));
}

struct Look {
    world: World,
    absences: Absences,
    begin: Instant,
}

impl Look {
    async fn new() -> Self {
        Self { world: acme().await, absences: Absences::default(), begin: Instant::now() }
    }

    /// What is due and what waits, so long after the begin, with a delay of ten seconds.
    async fn at(&mut self, seconds: u32) -> (Vec<String>, Vec<String>) {
        let snapshot = self.world.store.observe(&"acme".into()).await.unwrap();
        let gathered = gather(&self.world.cache, &Work::Organization("acme".into()), snapshot.claim.as_ref());
        let now = self.begin + SECOND * seconds;
        let absent = self.absences.look(&gathered.objects, &snapshot, &Manager::new("muster"), SECOND * 10, now);
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
