//! A client that trusts one authority and nobody else, as an API server does.

use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// Sends a request, and returns the code and the body; an error where the other end is not who it should be.
pub fn send(port: u16, authorities: &str, head: &str, body: &[u8]) -> Result<(u16, String), String> {
    let mut roots = RootCertStore::empty();
    for authority in CertificateDer::pem_slice_iter(authorities.as_bytes()) {
        roots.add(authority.unwrap()).unwrap();
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let config = builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots).with_no_client_auth();
    let connection = ClientConnection::new(Arc::new(config), ServerName::try_from("localhost").unwrap()).unwrap();
    let socket = TcpStream::connect(("127.0.0.1", port)).map_err(|error| error.to_string())?;
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    talk(StreamOwned::new(connection, socket), head, body)
}

/// The same without TLS.
pub fn get(port: u16, path: &str) -> (u16, String) {
    let socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    talk(socket, &format!("GET {path} HTTP/1.1"), b"").unwrap()
}

fn talk(mut stream: impl std::io::Read + std::io::Write, head: &str, body: &[u8]) -> Result<(u16, String), String> {
    let length = body.len();
    let content = if head.contains("content-type:") { "" } else { "content-type: application/json\r\n" };
    let length = if head.contains("content-length:") { String::new() } else { format!("content-length: {length}\r\n") };
    let head = format!("{head}\r\nhost: localhost\r\nconnection: close\r\n{content}{length}\r\n");
    stream.write_all(head.as_bytes()).map_err(|error| error.to_string())?;
    // Whoever refuses a body that is too long does not read it to its end.
    let _ = stream.write_all(body).and_then(|()| stream.flush());
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let code = answer.split(' ').nth(1).and_then(|code| code.parse().ok());
    let body = answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default();
    code.map(|code| (code, body)).ok_or_else(|| format!("{ended:?}: {answer}"))
}
