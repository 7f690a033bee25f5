use super::super::Request;
use super::server::{Act, Server, answer};
use super::strict;
use crate::backend::Fault;

const JSON: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";

/// What a read and a change end with, where a server does this.
async fn ends(act: Act) -> ([Fault; 2], Server) {
    let server = Server::start(&[act]).await;
    let read = strict(&server.url).send(Request::get("list", "/things")).await.unwrap_err();
    let change = strict(&server.url).send(Request::post("create", "/things")).await.unwrap_err();
    ([read, change], server)
}

#[tokio::test]
async fn an_answer_that_announces_too_much_is_not_read() {
    let (faults, server) = ends(Act::Flood(format!("{JSON}Content-Length: 1073741824\r\n\r\n"))).await;
    let why = "it is longer than anything this service should say";
    assert_eq!(faults, [Fault::unreadable(why), Fault::unknown(why)]);
    assert_eq!(server.requests().len(), 2, "it is not asked for again");
}

#[tokio::test]
async fn an_answer_without_an_end_is_cut_off() {
    let (faults, server) = ends(Act::Flood(format!("{JSON}Transfer-Encoding: chunked\r\n\r\n"))).await;
    let why = "it is longer than anything this service should say";
    assert_eq!(faults, [Fault::unreadable(why), Fault::unknown(why)]);
    assert!(server.flooded() < 64 * 1024 * 1024, "{} bytes were taken", server.flooded());
}

#[tokio::test]
async fn a_refusal_without_an_end_is_a_refusal() {
    let flood = "HTTP/1.1 422 No\r\nTransfer-Encoding: chunked\r\n\r\n";
    let (faults, _) = ends(Act::Flood(flood.to_owned())).await;
    assert_eq!(faults, [Fault::of_status(422), Fault::of_status(422)]);
}

#[tokio::test]
async fn an_answer_that_does_not_come_to_its_end_is_given_up() {
    let (faults, _) = ends(Act::Stall(format!("{JSON}Content-Length: 100\r\n\r\n{{\"a\":"))).await;
    let why = "it took too long to answer";
    assert_eq!(faults, [Fault::unreachable(why), Fault::unknown(why)]);
}

#[tokio::test]
async fn an_answer_that_does_not_come_is_given_up() {
    let (faults, _) = ends(Act::Stall(String::new())).await;
    let why = "it took too long to answer";
    assert_eq!(faults, [Fault::unreachable(why), Fault::unknown(why)]);
}

#[tokio::test]
async fn an_answer_that_is_no_http_leaves_a_doubt_only_after_a_change() {
    let (faults, _) = ends(Act::Say("what is this?\r\n\r\n".to_owned())).await;
    assert_eq!(faults.map(|fault| fault.category()), ["unreachable", "unknown"]);
}

#[tokio::test]
async fn a_body_of_just_the_size_that_is_allowed_is_read() {
    let fits = Server::start(&[answer(200, "", &" ".repeat(1000))]).await;
    assert_eq!(strict(&fits.url).send(Request::get("list", "/things")).await.unwrap().body().len(), 1000);
    let too_long = Server::start(&[answer(200, "", &" ".repeat(1001))]).await;
    assert!(strict(&too_long.url).send(Request::get("list", "/things")).await.is_err());
}
