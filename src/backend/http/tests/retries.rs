use std::time::Duration;

use tokio::net::TcpListener;

use super::super::retry::asked_for;
use super::super::{Client, Limits, Rate, Request, host_of};
use super::server::{Act, Server, answer, json};
use super::{Hasty, TODAY, settings};
use crate::backend::Fault;

fn get() -> Request {
    Request::get("list", "/things")
}

fn post() -> Request {
    Request::post("create", "/things")
}

/// How a call ended, how often it was made, and what was waited in between, in milliseconds.
async fn after(acts: &[Act], request: Request) -> (Result<u16, Fault>, usize, Vec<u128>) {
    let (server, clock) = (Server::start(acts).await, Hasty::new());
    let client = Client::new(&server.url, settings(&clock)).unwrap();
    let ended = client.send(request).await.map(|response| response.status());
    (ended, server.requests().len(), clock.slept())
}

#[tokio::test]
async fn a_read_is_made_again_where_the_service_fails() {
    for status in [408, 500, 502, 503, 504] {
        let (ended, calls, slept) = after(&[json(status, ""), json(status, ""), json(200, "")], get()).await;
        assert_eq!((ended, calls, slept), (Ok(200), 3, vec![500, 1000]), "{status}");
    }
}

const LOST: [Act; 2] = [Act::Cut(""), Act::Cut("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")];

#[tokio::test]
async fn a_read_is_made_again_where_its_answer_gets_lost() {
    for act in LOST {
        let (ended, calls, _) = after(&[act, json(200, "")], get()).await;
        assert_eq!((ended, calls), (Ok(200), 2));
    }
}

#[tokio::test]
async fn a_read_is_given_up_after_some_attempts() {
    let (ended, calls, slept) = after(&[json(503, "")], get()).await;
    assert_eq!(ended, Err(Fault::unavailable("it fails (status 503)")));
    assert_eq!((calls, slept), (5, vec![500, 1000, 2000, 4000]));
}

#[tokio::test]
async fn a_change_is_not_made_again_where_it_may_have_been_made() {
    for act in [500, 502, 503, 504, 408].map(|status| json(status, "")).into_iter().chain(LOST) {
        for request in [post(), Request::put("write", "/things"), Request::delete("remove", "/things")] {
            let (ended, calls, slept) = after(&[act.clone(), json(200, "")], request).await;
            assert!(matches!(ended, Err(Fault::Unknown { .. })), "{ended:?}");
            assert_eq!((calls, slept), (1, vec![]));
        }
    }
}

#[tokio::test]
async fn a_change_is_made_again_where_it_was_not_accepted() {
    let (ended, calls, slept) = after(&[answer(429, "Retry-After: 7\r\n", ""), json(201, "")], post()).await;
    assert_eq!((ended, calls, slept), (Ok(201), 2, vec![7000]));
    let (ended, calls, _) = after(&[json(429, "")], post()).await;
    assert_eq!((ended, calls), (Err(Fault::of_status(429)), 5));
}

#[tokio::test]
async fn a_change_that_nobody_received_is_made_again() {
    let port = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let clock = Hasty::new();
    let client = Client::new(&format!("http://127.0.0.1:{port}"), settings(&clock)).unwrap();
    assert_eq!(client.send(post()).await, Err(Fault::unreachable("there is no connection to it")));
    assert_eq!(clock.slept().len(), 4);
}

#[tokio::test]
async fn what_is_refused_is_not_asked_for_again() {
    for status in [301, 400, 401, 403, 404, 405, 409, 422, 501] {
        let (ended, calls, slept) = after(&[json(status, "")], get()).await;
        assert_eq!((ended, calls, slept), (Err(Fault::of_status(status)), 1, vec![]), "{status}");
    }
}

#[tokio::test]
async fn a_service_that_says_when_to_come_back_is_believed() {
    let later = answer(503, "Retry-After: Thu, 26 Nov 2026 12:00:30 GMT\r\n", "");
    assert_eq!(after(&[later, json(200, "")], get()).await, (Ok(200), 2, vec![30_000]));
    let sentence = answer(429, "", "rate limit exceeded, retry after 45 seconds");
    assert_eq!(after(&[sentence, json(200, "")], post()).await, (Ok(200), 2, vec![45_000]));
    let soon = answer(429, "Retry-After: 0\r\n", "");
    assert_eq!(after(&[soon, json(200, "")], get()).await, (Ok(200), 2, vec![500]), "but never at once");
}

#[tokio::test]
async fn a_service_that_says_to_come_back_much_later_is_given_up_at_once() {
    for value in ["121", "99999999999999999999999", "Fri, 27 Nov 2026 12:00:00 GMT"] {
        let much_later = answer(429, &format!("Retry-After: {value}\r\n"), "");
        let (ended, calls, slept) = after(&[much_later], get()).await;
        assert_eq!((ended, calls, slept), (Err(Fault::of_status(429)), 1, vec![]), "{value}");
    }
}

#[tokio::test]
async fn a_call_takes_no_longer_than_its_attempts_may_together() {
    let (server, clock) = (Server::start(&[json(503, "")]).await, Hasty::new());
    let mut settings = settings(&clock);
    settings.limits = Limits { attempts: 100, total: Duration::from_mins(1), ..Limits::default() };
    Client::new(&server.url, settings).unwrap().send(get()).await.unwrap_err();
    assert_eq!(clock.slept(), [500, 1000, 2000, 4000, 8000, 16_000, 16_000]);
}

#[test]
fn every_way_to_say_when_is_understood_and_nothing_else() {
    let asked = |header: Option<&str>, body: &str| asked_for(header, body.as_bytes(), TODAY.parse().unwrap());
    let seconds = |seconds| Some(Duration::from_secs(seconds));
    assert_eq!(asked(Some(" 12 "), ""), seconds(12));
    assert_eq!(asked(Some("Thu, 26 Nov 2026 12:00:05 GMT"), ""), seconds(5));
    assert_eq!(asked(Some("Thu, 26 Nov 2026 11:00:00 GMT"), ""), seconds(0), "a time that is over");
    assert_eq!(asked(Some("soon"), "retry after 3 seconds"), seconds(3));
    assert_eq!(asked(None, "rate limit exceeded, retry after 1 second"), seconds(1));
    for nothing in ["", "-1", "1.5", "soon", "Thu, 99 Nov 2026 12:00:05 GMT"] {
        assert_eq!(asked(Some(nothing), ""), None, "{nothing:?}");
    }
    for nothing in ["retry after", "retry after a while", "retry after 3", "retry after 3 hours", "\u{0}"] {
        assert_eq!(asked(None, nothing), None, "{nothing:?}");
    }
    assert_eq!(asked_for(None, &[0xff; 5000], TODAY.parse().unwrap()), None);
}

#[tokio::test]
async fn calls_keep_to_the_rate_after_a_burst() {
    let (server, clock) = (Server::start(&[json(200, "")]).await, Hasty::new());
    let mut settings = settings(&clock);
    settings.rate = Rate::per_second(10, 3);
    let client = Client::new(&server.url, settings).unwrap();
    for _ in 0..6 {
        client.clone().send(get()).await.unwrap();
    }
    assert_eq!(clock.slept(), [100, 100, 100]);
    assert_eq!(Rate::per_second(10, 3).time_for(6), Duration::from_millis(300));
    assert_eq!(Rate::per_second(0, 0), Rate::one_every(Duration::from_secs(1), 1));
    assert_eq!(Rate::per_second(10, 3).time_for(2), Duration::ZERO);
}

#[tokio::test]
async fn nobody_calls_while_the_service_wants_to_be_left_alone() {
    let (server, clock) = (Server::start(&[answer(429, "Retry-After: 20\r\n", ""), json(200, "")]).await, Hasty::new());
    let mut settings = settings(&clock);
    settings.rate = Rate::per_second(10, 3);
    settings.limits.attempts = 1;
    let client = Client::new(&server.url, settings).unwrap();
    client.send(get()).await.unwrap_err();
    // Another run that shares the rate.
    client.anew().send(post()).await.unwrap();
    assert_eq!(clock.slept(), [20_000]);
}

#[tokio::test]
async fn an_address_at_which_nothing_answers_is_given_up_for_the_run() {
    for act in [Act::Cut(""), answer(429, "Retry-After: 600\r\n", "")] {
        let server = Server::start(&[act]).await;
        let client = Client::new(&server.url, settings(&Hasty::new())).unwrap();
        let fault = client.send(get()).await.unwrap_err();
        assert_eq!(fault.category(), "unreachable");
        let asked = server.requests().len();
        for request in [get(), post(), Request::get("get", "/things").part("another")] {
            assert_eq!(client.clone().send(request).await, Err(fault.clone()));
        }
        assert_eq!(server.requests().len(), asked, "nothing is sent any more");
        assert!(client.anew().send(get()).await.is_err());
        assert!(server.requests().len() > asked, "another run asks again");
    }
}

#[tokio::test]
async fn a_service_that_fails_one_request_is_asked_for_the_next() {
    for act in [json(503, ""), json(500, ""), json(404, ""), json(401, "")] {
        let mut acts = vec![act; 5];
        acts.push(json(200, ""));
        let server = Server::start(&acts).await;
        let client = Client::new(&server.url, settings(&Hasty::new())).unwrap();
        while client.send(get()).await.is_err() {}
        assert_eq!(client.send(get()).await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn whether_a_fault_may_pass_by_itself_is_learned() {
    for (act, passes) in [(json(503, ""), true), (Act::Cut(""), true), (json(401, ""), false), (json(404, ""), false)] {
        let server = Server::start(&[act]).await;
        let settings = settings(&Hasty::new());
        let learned = settings.learned.clone();
        Client::new(&format!("{}/v2", server.url), settings).unwrap().send(get()).await.unwrap_err();
        assert_eq!(learned.may_pass(&host_of(&server.url)), passes);
        assert!(!learned.may_pass("elsewhere:443"));
    }
    assert_eq!(&*host_of("https://api.service.example/v2"), "api.service.example:443");
}
