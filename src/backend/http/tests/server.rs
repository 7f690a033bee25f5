use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What a server does with one request.
#[derive(Clone)]
pub enum Act {
    /// Says this, whatever it is.
    Say(String),
    /// Says this, which may be nothing, and ends the connection.
    Cut(&'static str),
    /// Says this and then nothing more, without ending the connection.
    Stall(String),
    /// Says this, and then spaces without end.
    Flood(String),
}

/// A server on loopback that does one thing after the other, the last one for ever.
#[derive(Clone)]
pub struct Server {
    pub url: String,
    requests: Arc<Mutex<Vec<String>>>,
    flooded: Arc<AtomicU64>,
}

impl Server {
    pub async fn start(acts: &[Act]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        let server = Self { url, requests: Arc::default(), flooded: Arc::default() };
        let (served, acts) = (server.clone(), acts.to_vec());
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(served.clone().serve(stream, acts.clone()));
            }
        });
        server
    }

    /// The requests that came, as they were written.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// The bytes of a flood that were taken.
    pub fn flooded(&self) -> u64 {
        self.flooded.load(Ordering::SeqCst)
    }

    async fn serve(self, mut stream: TcpStream, acts: Vec<Act>) {
        while let Some(request) = read(&mut stream).await {
            let act = {
                let mut requests = self.requests.lock().unwrap();
                requests.push(request);
                acts[(requests.len() - 1).min(acts.len() - 1)].clone()
            };
            match act {
                Act::Say(text) => stream.write_all(text.as_bytes()).await.unwrap(),
                Act::Cut(text) => {
                    stream.write_all(text.as_bytes()).await.unwrap();
                    return;
                }
                Act::Stall(text) => {
                    stream.write_all(text.as_bytes()).await.unwrap();
                    std::future::pending::<()>().await;
                }
                Act::Flood(text) => {
                    stream.write_all(text.as_bytes()).await.unwrap();
                    let spaces = format!("1000\r\n{}\r\n", " ".repeat(0x1000));
                    while stream.write_all(spaces.as_bytes()).await.is_ok() {
                        self.flooded.fetch_add(0x1000, Ordering::SeqCst);
                    }
                    return;
                }
            }
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<String> {
    let mut text = Vec::new();
    loop {
        let mut byte = [0];
        if stream.read(&mut byte).await.ok()? == 0 {
            return None;
        }
        text.push(byte[0]);
        if text.ends_with(b"\r\n\r\n") {
            break;
        }
    }
    let head = String::from_utf8(text).unwrap();
    let length = head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await.unwrap();
    Some(head + std::str::from_utf8(&body).unwrap())
}

/// An answer with this status, these headers and this body.
pub fn answer(status: u16, headers: &str, body: &str) -> Act {
    let length = body.len();
    Act::Say(format!("HTTP/1.1 {status} Whatever\r\nContent-Length: {length}\r\n{headers}\r\n{body}"))
}

/// An answer in JSON.
pub fn json(status: u16, body: &str) -> Act {
    answer(status, "Content-Type: application/json\r\n", body)
}
