//! The proxy does what the scenarios rely on. No controller takes part.

use std::sync::{Arc, atomic::AtomicBool, atomic::Ordering};
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, PostParams, WatchEvent, WatchParams};
use kube::{Api, Client};
use muster::api::{GROUP, Kind, VERSION};
use serde_json::json;

use super::control_plane::ADMIN;
use super::proxy::{Answer, Class, Deliver, Fault, Injection, Proxy};
use super::rig::{Rig, client, shared};

/// A proxy, and members of a namespace of its own, seen through it.
async fn members(rig: &Rig, namespace: &str) -> (Proxy, Api<DynamicObject>) {
    let proxy = Proxy::start(&rig.plane.url()).await;
    let client = client(&rig.plane, &ADMIN, Some(&proxy.url())).await;
    let api = api(client, namespace);
    (proxy, api)
}

fn api(client: Client, namespace: &str) -> Api<DynamicObject> {
    Api::namespaced_with(client, namespace, &resource())
}

fn resource() -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, VERSION, "Member"), Kind::Member.plural())
}

fn member(name: &str) -> DynamicObject {
    let spec = json!({ "spec": { "organizationRef": { "name": "acme" }, "email": format!("{name}@acme.example") } });
    DynamicObject::new(name, &resource()).data(spec)
}

async fn create(api: &Api<DynamicObject>, name: &str) -> kube::Result<DynamicObject> {
    api.create(&PostParams::default(), &member(name)).await
}

#[test]
fn writes_are_numbered_and_counted_also_when_their_answer_is_lost_or_another_one() {
    let Some(rig) = shared() else { return };
    rig.namespace("proxy-writes");
    rig.block_on(async {
        let (proxy, api) = members(rig, "proxy-writes").await;
        proxy.script(|call| match call.number {
            2 => Fault::Lose,
            3 => Fault::Refuse,
            4 => Fault::Answer(Answer::error(429, "TooManyRequests").after(1)),
            5 => Fault::AnswerAfter(Answer::error(504, "Timeout")),
            _ => Fault::Pass,
        });
        assert!(create(&api, "a").await.is_ok());
        assert!(create(&api, "b").await.is_err());
        assert!(create(&api, "c").await.is_err());
        assert!(create(&api, "d").await.unwrap_err().to_string().contains("TooManyRequests"));
        assert!(create(&api, "e").await.is_err());
        proxy.calm();
        assert!(create(&api, "b").await.unwrap_err().to_string().contains("AlreadyExists"));
        let names: Vec<String> =
            api.list(&ListParams::default()).await.unwrap().into_iter().filter_map(|o| o.metadata.name).collect();
        assert_eq!(names, ["a", "b", "e"]);
        assert_eq!(proxy.count(Class::Write), 3);
        assert_eq!(proxy.writes(), [("POST members".to_owned(), 3)].into());
        assert_eq!(proxy.written().len(), 6);
    });
}

#[test]
fn something_happens_between_a_write_and_its_answer() {
    let Some(rig) = shared() else { return };
    rig.namespace("proxy-then");
    rig.block_on(async {
        let (proxy, api) = members(rig, "proxy-then").await;
        let happened = Arc::new(AtomicBool::new(false));
        let seen = happened.clone();
        proxy.script(move |_| {
            let seen = seen.clone();
            Fault::Then(Box::new(move || seen.store(true, Ordering::SeqCst)))
        });
        create(&api, "a").await.unwrap();
        assert!(happened.load(Ordering::SeqCst));
    });
}

/// The next event of a watch that is no bookmark; `None` when there is none for a while.
async fn next(events: &mut (impl Stream<Item = kube::Result<WatchEvent<DynamicObject>>> + Unpin)) -> Option<String> {
    loop {
        let event = tokio::time::timeout(Duration::from_secs(3), events.next()).await.ok()?;
        return Some(match event {
            None => "the end".to_owned(),
            Some(Ok(WatchEvent::Bookmark(_))) => continue,
            Some(Ok(WatchEvent::Added(object))) => object.metadata.name.unwrap(),
            Some(Ok(WatchEvent::Error(status))) => status.code.to_string(),
            Some(Ok(_)) => "something else".to_owned(),
            Some(Err(_)) => "an error".to_owned(),
        });
    }
}

#[test]
fn events_of_a_watch_are_dropped_doubled_held_back_and_cut_off() {
    let Some(rig) = shared() else { return };
    rig.namespace("proxy-watch");
    rig.block_on(async {
        let (proxy, api) = members(rig, "proxy-watch").await;
        proxy.frames(|event| match &*event.name {
            "a" => Deliver::Drop,
            "b" => Deliver::Twice,
            "d" => Deliver::Hold,
            _ => Deliver::Pass,
        });
        let parameters = WatchParams::default();
        let mut events = api.watch(&parameters, "0").await.unwrap().boxed();
        for name in ["a", "b", "c", "d", "e"] {
            create(&api, name).await.unwrap();
        }
        for expected in [Some("b"), Some("b"), Some("c"), None] {
            assert_eq!(next(&mut events).await.as_deref(), expected);
        }
        proxy.release();
        for expected in ["d", "e"] {
            assert_eq!(next(&mut events).await.as_deref(), Some(expected));
        }
        proxy.inject(Injection::EndWith(format!("{}\n", Injection::gone())));
        for expected in ["410", "the end"] {
            assert_eq!(next(&mut events).await.as_deref(), Some(expected));
        }
        let mut events = api.watch(&parameters, "0").await.unwrap().boxed();
        assert_eq!(next(&mut events).await.as_deref(), Some("b"));
        proxy.inject(Injection::SilenceOf("members".to_owned()));
        // What had arrived before is still read.
        while next(&mut events).await.is_some() {}
        create(&api, "f").await.unwrap();
        assert_eq!(next(&mut events).await, None);
        let mut events = api.watch(&parameters, "0").await.unwrap().boxed();
        assert_eq!(next(&mut events).await.as_deref(), Some("b"));
        proxy.inject(Injection::Break);
        while next(&mut events).await.is_some_and(|seen| seen.len() == 1) {}
        create(&api, "g").await.unwrap();
        assert_ne!(next(&mut events).await.as_deref(), Some("g"));
    });
}

#[test]
fn it_goes_away_and_comes_back() {
    let Some(rig) = shared() else { return };
    rig.namespace("proxy-away");
    rig.block_on(async {
        let (proxy, api) = members(rig, "proxy-away").await;
        create(&api, "a").await.unwrap();
        let mut events = api.watch(&WatchParams::default(), "0").await.unwrap().boxed();
        assert_eq!(next(&mut events).await.as_deref(), Some("a"));
        proxy.go_away();
        assert!(create(&api, "b").await.is_err());
        let last = next(&mut events).await;
        assert!(matches!(last.as_deref(), Some("an error" | "the end")), "{last:?}");
        proxy.come_back();
        create(&api, "b").await.unwrap();
    });
}

#[test]
fn lists_come_in_small_pages_and_are_remembered() {
    let Some(rig) = shared() else { return };
    rig.namespace("proxy-lists");
    rig.block_on(async {
        let (proxy, api) = members(rig, "proxy-lists").await;
        for name in ["a", "b", "c"] {
            create(&api, name).await.unwrap();
        }
        let all = api.list(&ListParams::default().limit(100)).await.unwrap();
        assert_eq!(all.items.len(), 3);
        assert_eq!(proxy.recorded_list("members").unwrap().matches("@acme.example").count(), 3);
        proxy.pages_of(2);
        let page = api.list(&ListParams::default().limit(100)).await.unwrap();
        assert_eq!(page.items.len(), 2);
        let next = page.metadata.continue_.unwrap();
        assert_eq!(api.list(&ListParams::default().continue_token(&next)).await.unwrap().items.len(), 1);
    });
}
