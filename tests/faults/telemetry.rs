//! Traces go where they are asked for.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::story::ACME;
use super::world::World;

/// A collector on loopback: its address, and the bodies of what is sent to it.
fn collector() -> (String, Receiver<(String, Vec<u8>)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/v1/traces", listener.local_addr().unwrap());
    let (sender, received) = channel();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            let body = loop {
                let Ok(read @ 1..) = stream.read(&mut buffer) else { break None };
                request.extend_from_slice(&buffer[..read]);
                let Some(end) = request.windows(4).position(|it| it == b"\r\n\r\n") else { continue };
                let head = String::from_utf8_lossy(&request[..end]).to_lowercase();
                let length = head.split("content-length: ").nth(1).and_then(|it| it.lines().next()?.trim().parse::<usize>().ok());
                if request.len() - end - 4 >= length.unwrap_or_default() {
                    break Some((head, request[end + 4..].to_vec()));
                }
            };
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            if body.is_some_and(|body| sender.send(body).is_err()) {
                return;
            }
        }
    });
    (address, received)
}

#[test]
fn the_passes_of_a_controller_are_traced_where_a_collector_is_named() {
    let Some(mut world) = World::new() else { return };
    let (address, received) = collector();
    world.arguments(&["--otlp-endpoint", &address]);
    world.start();
    world.apply(ACME);
    world.settle();
    assert_eq!(world.terminate(), 0, "{}", world.log());
    let mut names = Vec::new();
    while let Ok((head, body)) = received.recv_timeout(Duration::from_secs(2)) {
        assert!(head.starts_with("post /v1/traces") && head.contains("application/x-protobuf"), "{head}");
        names.extend(body);
    }
    for name in ["muster", "pass", "observe", "plan", "apply", "organization/acme"] {
        assert!(names.windows(name.len()).any(|it| it == name.as_bytes()), "{name} is in no trace");
    }
}
