//! What can be planted in front of a double happens, once or as often as it should.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::http::Method;
use axum::http::header::{CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::routing::get;
use serde_json::{Value, json};

use crate::asking::{Answered, ask};
use crate::faults::{Answer, Fault, Front, Kind};

/// A service that counts what is written to it.
struct Counter {
    front: Front,
    url: String,
    count: Arc<AtomicUsize>,
}

impl Counter {
    async fn start() -> Self {
        let (front, count) = (Front::default(), Arc::new(AtomicUsize::new(0)));
        let (told, written, read) = (front.clone(), count.clone(), count.clone());
        let write = move || async move {
            told.applied("count");
            json!({"count": written.fetch_add(1, Ordering::Relaxed) + 1}).to_string()
        };
        let read = move || async move { json!({"count": read.load(Ordering::Relaxed)}).to_string() };
        let url = front.serve(Router::new().route("/count", get(read).post(write))).await;
        Self { front, url, count }
    }

    async fn ask(&self, method: &str) -> Result<Answered, String> {
        ask(method, &format!("{}/count?by=one", self.url), "a token", None).await
    }

    async fn count(&self) -> Value {
        self.ask("GET").await.unwrap().json()["count"].clone()
    }

    fn plant(&self, kind: Kind) {
        self.front.plant(Fault::new(kind).on(Method::POST, "/count"));
    }
}

#[tokio::test]
async fn what_is_asked_and_written_is_counted_without_what_lets_in() {
    let counter = Counter::start().await;
    counter.ask("POST").await.unwrap();
    assert_eq!(counter.count().await, 1);
    assert_eq!(counter.front.requests(), ["POST /count?by=one", "GET /count?by=one"]);
    assert_eq!((counter.front.count(&Method::GET), counter.front.writes()), (1, vec!["count".to_owned()]));
    counter.front.forget();
    assert!(counter.front.requests().is_empty() && counter.front.writes().is_empty());
}

#[tokio::test]
async fn an_answer_comes_in_place_of_the_service_or_after_it() {
    let counter = Counter::start().await;
    counter.plant(Kind::Answer(Answer::too_many().retry_after("7")));
    let refused = counter.ask("POST").await.unwrap();
    assert_eq!((refused.status.as_u16(), refused.header(RETRY_AFTER)), (429, "7"));
    assert_eq!(&refused.body[..], b"rate limit exceeded, retry after 45 seconds");
    assert_eq!(counter.count().await, 0);
    counter.plant(Kind::Instead(Answer::json(502, &json!({"code": 502}))));
    assert_eq!(counter.ask("POST").await.unwrap().status, 502);
    assert_eq!(counter.count().await, 1);
    counter.plant(Kind::Answer(Answer::redirect("http://elsewhere.example/")));
    let sent_on = counter.ask("POST").await.unwrap();
    assert_eq!((sent_on.status.as_u16(), sent_on.header(LOCATION)), (307, "http://elsewhere.example/"));
    counter.plant(Kind::Instead(Answer::html()));
    let page = counter.ask("POST").await.unwrap();
    assert_eq!((page.status.as_u16(), page.header(CONTENT_TYPE)), (200, "text/html; charset=utf-8"));
    assert_eq!((counter.front.left(), counter.ask("POST").await.unwrap().status.as_u16()), (0, 200));
}

#[tokio::test]
async fn a_connection_ends_before_or_after_the_service_did_its_work() {
    let counter = Counter::start().await;
    counter.plant(Kind::Refuse);
    assert!(counter.ask("POST").await.is_err());
    assert_eq!(counter.count().await, 0);
    counter.plant(Kind::Lose);
    assert!(counter.ask("POST").await.is_err());
    assert_eq!((counter.count().await, counter.front.writes().len()), (json!(1), 1));
}

#[tokio::test]
async fn a_slow_answer_and_a_slow_body_wait_until_they_are_let_go() {
    let counter = Counter::start().await;
    for kind in [Kind::Hold, Kind::Trickle] {
        counter.plant(kind);
        let mut answer = Box::pin(counter.ask("POST"));
        tokio::select! {
            _ = &mut answer => panic!("it had to wait"),
            () = counter.front.until_waiting(1) => {}
        }
        counter.front.release();
        assert_eq!(answer.await.unwrap().status, 200);
    }
    assert_eq!(counter.count.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn whoever_leaves_while_the_service_is_at_work_finds_it_done() {
    let counter = Counter::start().await;
    counter.plant(Kind::Hold);
    tokio::select! {
        _ = counter.ask("POST") => panic!("it had to wait"),
        () = counter.front.until_waiting(1) => {}
    }
    counter.front.calm();
    assert_eq!(counter.count().await, 1);
}

#[tokio::test]
async fn a_huge_body_is_made_only_as_fast_as_it_is_taken() {
    let counter = Counter::start().await;
    for announced in [true, false] {
        counter.plant(Kind::Huge { announced });
        let request = hyper::Request::post(format!("{}/count", counter.url)).body(String::new()).unwrap();
        let client = hyper_util::client::legacy::Client::builder(hyper_util::rt::TokioExecutor::new()).build_http::<String>();
        let response = client.request(request).await.unwrap();
        let length = response.headers().get("content-length").map(|length| length.to_str().unwrap().to_owned());
        assert_eq!(length.as_deref(), announced.then_some("1073741824"));
        drop(response);
    }
    assert!(counter.front.streamed() < 64 * 1024 * 1024, "{}", counter.front.streamed());
}

#[tokio::test]
async fn the_same_page_comes_again_and_again_and_half_an_answer_is_no_json() {
    let counter = Counter::start().await;
    counter.front.plant(Fault::new(Kind::Repeat).on(Method::GET, "/count").nth(2));
    assert_eq!(counter.count().await, 0);
    for _ in 0..3 {
        counter.ask("POST").await.unwrap();
        assert_eq!(counter.count().await, 1, "as it was the second time");
    }
    counter.plant(Kind::Broken);
    let broken = counter.ask("POST").await.unwrap();
    assert_eq!(broken.status, 200);
    assert!(serde_json::from_slice::<Value>(&broken.body).is_err());
}

#[tokio::test]
async fn a_request_is_delivered_twice_or_somebody_else_acts_around_it() {
    let counter = Counter::start().await;
    counter.plant(Kind::Twice);
    assert_eq!(counter.ask("POST").await.unwrap().json(), json!({"count": 2}));
    let count = counter.count.clone();
    let edit = Arc::new(move || {
        count.fetch_add(10, Ordering::Relaxed);
    });
    counter.plant(Kind::Before(edit.clone()));
    counter.plant(Kind::After(edit));
    assert_eq!(counter.ask("POST").await.unwrap().json(), json!({"count": 13}));
    assert_eq!(counter.ask("POST").await.unwrap().json(), json!({"count": 14}));
    assert_eq!((counter.count().await, counter.front.writes().len()), (json!(24), 4));
}

#[tokio::test]
async fn a_fault_waits_for_its_turn_and_comes_as_often_as_it_should() {
    let counter = Counter::start().await;
    let fault = |status| Fault::new(Kind::Answer(Answer::text(status, ""))).on(Method::POST, "by=one");
    counter.front.plant(fault(500).nth(2).times(2));
    counter.front.plant(fault(503).nth(2));
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(counter.ask("POST").await.unwrap().status.as_u16());
    }
    assert_eq!(statuses, [200, 500, 500, 503, 200]);
    counter.front.plant(fault(429).always());
    assert_eq!(counter.ask("POST").await.unwrap().status, 429);
    counter.front.calm();
    assert_eq!(counter.ask("POST").await.unwrap().status, 200);
}
