use std::sync::Arc;

use super::super::{Auth, Client, Request};
use super::server::{Server, answer, json};
use super::{Hasty, allowed, client, lookup, settings};
use crate::backend::Fault;
use crate::backend::secrets::Secret;

fn list() -> Request {
    Request::get("list", "/things")
}

fn forbidden(ended: Result<super::super::Response, Fault>) -> String {
    match ended {
        Err(Fault::Forbidden { why, .. }) => why.into_owned(),
        other => panic!("it is not forbidden: {other:?}"),
    }
}

#[tokio::test]
async fn a_name_of_this_machine_is_not_called() {
    let server = Server::start(&[json(200, "{}")]).await;
    let mut settings = settings(&Hasty::new());
    settings.allow = Arc::default();
    for base in [server.url.replace("127.0.0.1", "localhost"), server.url.clone()] {
        let client = Client::new(&base, settings.clone()).unwrap();
        assert!(forbidden(client.send(list()).await).contains("of this machine or a private network"));
    }
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn a_name_that_means_a_metadata_service_is_not_called_whatever_the_list_says() {
    let mut settings = settings(&Hasty::new());
    settings.allow = allowed(&["0.0.0.0/0", "::/0", "metadata.internal"]);
    for address in ["169.254.169.254", "::ffff:169.254.169.254", "fd00:ec2::254"] {
        let client = Client::with_lookup("http://metadata.internal", settings.clone(), lookup(&[address])).unwrap();
        let fault = client.send(list()).await.unwrap_err();
        assert!(
            fault.to_string().starts_with("metadata.internal is not called: its address is one of a metadata service"),
            "{fault}"
        );
        assert!(!fault.to_string().contains("254.169"), "what a name is resolved to is not told: {fault}");
    }
}

#[tokio::test]
async fn an_address_is_judged_however_it_is_written() {
    let mut settings = settings(&Hasty::new());
    settings.allow = Arc::default();
    for host in ["127.0.0.1", "2130706433", "0x7f000001", "0177.0.0.1", "127.1", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"]
    {
        let client = Client::new(&format!("http://{host}:9"), settings.clone()).unwrap();
        assert!(forbidden(client.send(list()).await).contains("of this machine"), "{host}");
    }
    for host in ["169.254.169.254", "2852039166", "0xa9fea9fe", "[::ffff:a9fe:a9fe]", "0.0.0.0", "0"] {
        let client = Client::new(&format!("http://{host}:9"), settings.clone()).unwrap();
        assert!(forbidden(client.send(list()).await).contains("metadata"), "{host}");
    }
}

#[tokio::test]
async fn of_a_name_with_several_addresses_only_those_that_are_allowed_are_connected_to() {
    let server = Server::start(&[json(200, "{}")]).await;
    let base = server.url.replace("127.0.0.1", "many.internal");
    let addresses = lookup(&["169.254.169.254", "10.0.0.1", "127.0.0.1"]);
    let client = Client::with_lookup(&base, settings(&Hasty::new()), addresses).unwrap();
    assert_eq!(client.send(list()).await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    for status in [301, 302, 303, 307, 308] {
        let server = Server::start(&[answer(status, "Location: /elsewhere\r\n", ""), json(200, "{}")]).await;
        let ended = client(&server.url).send(list()).await;
        assert_eq!(ended, Err(Fault::of_status(status)));
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn an_address_of_a_service_is_one_of_http_without_credentials() {
    let refused = |base: &str| Client::new(base, settings(&Hasty::new())).unwrap_err().to_string();
    assert!(refused("not a url").contains("it is no URL"));
    assert!(refused("ftp://host").contains("begins neither"));
    assert!(refused("https://user:pw@host").contains("belong into a Secret") && !refused("https://user:pw@host").contains("pw"));
    assert!(refused("https://host/?a=b").contains("has a ?"));
    assert!(refused("file:///etc/passwd").contains("begins neither"));
}

/// What a service writes and what it is sent, and nobody else may read.
const CANARY: &str = "canary-8f1c";

#[tokio::test]
async fn no_text_of_the_service_and_no_credential_is_in_a_fault_or_is_printed() {
    let body = format!("{{\"message\": \"{CANARY}\", \"number\": \"{CANARY}\"}}");
    for status in [200, 201, 301, 400, 401, 403, 404, 405, 409, 418, 422, 429, 500, 503] {
        for content_type in ["application/json", "text/plain", CANARY] {
            let headers = format!("Content-Type: {content_type}\r\nRetry-After: {CANARY}\r\nLocation: /{CANARY}\r\n");
            let server = Server::start(&[answer(status, &headers, &body)]).await;
            let client = client(&server.url);
            let request = Request::post("create", "/things").part(CANARY).query("q", CANARY).json(&CANARY);
            let request = request.auth(Auth::Basic("id".into(), Secret::from(CANARY.to_owned())));
            let printed = format!("{client:?} {request:?}");
            let ended = client.send(request).await;
            let ended = ended.and_then(|response| {
                assert!(!format!("{response:?}").contains(CANARY));
                response.json::<Vec<u8>>()
            });
            let told = format!("{printed} {ended:?} {}", ended.as_ref().unwrap_err());
            assert!(!told.contains(CANARY), "{told}");
        }
    }
}

#[tokio::test]
async fn credentials_that_a_header_cannot_carry_are_not_sent() {
    let server = Server::start(&[json(200, "{}")]).await;
    let request = list().auth(Auth::Bearer(Secret::from("a\nb".to_owned())));
    assert!(forbidden(client(&server.url).send(request).await).contains("look into the Secret"));
    assert_eq!(server.requests().len(), 0);
}

#[tokio::test]
async fn a_name_cannot_climb_in_the_path() {
    let server = Server::start(&[json(200, "{}")]).await;
    for name in ["", ".", "..", ".\t.", "\n..", "a\tb", "a\r\nHost: evil.example", "\0", "\u{85}"] {
        let request = Request::delete("remove", "/things").part(name);
        assert!(forbidden(client(&server.url).send(request).await).contains("give it another name"));
    }
    for (name, sent) in [
        ("a/../b?c#d", "/things/a%2F..%2Fb%3Fc%23d"),
        ("ü ", "/things/%C3%BC%20"),
        ("%2e%2e", "/things/%252e%252e"),
        ("%2f..%2f", "/things/%252f..%252f"),
        ("..\\..", "/things/..%5C.."),
        ("..;", "/things/..;"),
        ("...", "/things/..."),
        ("//evil.example", "/things/%2F%2Fevil.example"),
        ("\u{2025}\u{ff0f}", "/things/%E2%80%A5%EF%BC%8F"),
    ] {
        client(&server.url).send(Request::get("one", "/things").part(name)).await.unwrap();
        assert!(server.requests().pop().unwrap().starts_with(&format!("GET {sent} HTTP/1.1")), "{name}");
    }
}

/// Runs a test of this program again, alone and with these variables.
fn again_with(test: &str, variables: &[(&str, &str)]) {
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let test = format!("backend::http::tests::safety::{test}");
    command.args(["--exact", &test, "--ignored"]).envs(variables.iter().copied());
    let ended = command.output().unwrap();
    let told = String::from_utf8_lossy(&ended.stdout);
    assert!(ended.status.success() && told.contains("1 passed"), "{told}{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn a_proxy_of_the_environment_is_not_used() {
    let nowhere = "http://127.0.0.1:1";
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    again_with("the_service_is_called_directly", &names.map(|name| (name, nowhere)));
}

#[tokio::test]
#[ignore = "runs as the child of a_proxy_of_the_environment_is_not_used"]
async fn the_service_is_called_directly() {
    let server = Server::start(&[json(200, "{}")]).await;
    assert_eq!(client(&server.url).send(list()).await.unwrap().status(), 200);
    assert!(server.requests()[0].starts_with("GET /things HTTP/1.1"));
}

/// A server with a certificate that it made itself, for `localhost`. Its certificate lies in the file.
fn with_tls(file: &std::path::Path) -> String {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(file, made.cert.pem()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let key = made.signing_key.serialize_der().try_into().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![made.cert.der().clone()], key).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    let routes = axum::Router::new().fallback(|| async { axum::Json(()) });
    let config = axum_server::tls_rustls::RustlsConfig::from_config(Arc::new(config));
    tokio::spawn(axum_server::from_tcp_rustls(listener, config).unwrap().serve(routes.into_make_service()));
    format!("https://localhost:{port}")
}

#[tokio::test]
async fn a_certificate_that_nobody_vouches_for_is_not_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let base = with_tls(&folder.path().join("cert.pem"));
    let client = Client::with_lookup(&base, settings(&Hasty::new()), lookup(&["127.0.0.1"])).unwrap();
    let fault = client.send(list()).await.unwrap_err();
    assert!(fault.to_string().contains("look at its certificate") && fault.changed_nothing(), "{fault}");
}

#[test]
fn a_certificate_that_the_machine_trusts_is_accepted() {
    let file = tempfile::NamedTempFile::new().unwrap();
    again_with("a_service_with_a_certificate_that_is_trusted", &[("SSL_CERT_FILE", file.path().to_str().unwrap())]);
}

#[tokio::test]
#[ignore = "runs as the child of a_certificate_that_the_machine_trusts_is_accepted"]
async fn a_service_with_a_certificate_that_is_trusted() {
    let base = with_tls(std::env::var_os("SSL_CERT_FILE").unwrap().as_ref());
    let client = Client::with_lookup(&base, settings(&Hasty::new()), lookup(&["127.0.0.1"])).unwrap();
    assert_eq!(client.send(list()).await.unwrap().status(), 200);
    let other = base.replace("localhost", "other.example");
    let client = Client::with_lookup(&other, settings(&Hasty::new()), lookup(&["127.0.0.1"])).unwrap();
    assert!(client.send(list()).await.unwrap_err().to_string().contains("certificate"), "the name is checked");
}
