use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, RETRY_AFTER, TRANSFER_ENCODING};
use hyper::service::service_fn;
use hyper::{Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use kube::Config;
use kube::client::ConfigExt as _;
use tokio::net::{TcpListener, TcpStream};

use super::call::{Call, Class, Written};
use super::{Answer, Fault, Shared, watch};

pub type Failure = Box<dyn std::error::Error + Send + Sync>;
type Body = UnsyncBoxBody<Bytes, Failure>;
type Sent = Pin<Box<dyn Future<Output = Result<Response<Incoming>, Failure>> + Send>>;

/// What sends a request to the API server.
pub type Upstream = Box<dyn Fn(Request<Full<Bytes>>) -> Sent + Send + Sync>;

/// Sends to this API server, whose certificate is not checked.
pub fn upstream(api_server: &str) -> Upstream {
    let base: Uri = api_server.parse().expect("a URL");
    let mut config = Config::new(base.clone());
    config.accept_invalid_certs = true;
    let connector = config.rustls_https_connector().expect("TLS");
    let client = Client::builder(TokioExecutor::new()).build::<_, Full<Bytes>>(connector);
    Box::new(move |mut request| {
        let path = request.uri().path_and_query().expect("a path").clone();
        let uri = Uri::builder().scheme("https").authority(base.authority().expect("a host").clone()).path_and_query(path);
        *request.uri_mut() = uri.build().expect("a URL");
        request.headers_mut().remove(HOST);
        request.headers_mut().remove(TRANSFER_ENCODING);
        request.headers_mut().remove(CONTENT_LENGTH);
        let sent = client.request(request);
        Box::pin(async move { sent.await.map_err(Into::into) })
    })
}

/// Takes connections for ever.
pub async fn accept(shared: Arc<Shared>, listener: TcpListener) {
    while let Ok((stream, _)) = listener.accept().await {
        let away = *shared.away.borrow();
        if away {
            stream.set_zero_linger().ok();
        } else {
            stream.set_nodelay(true).ok();
            tokio::spawn(connection(shared.clone(), stream));
        }
    }
}

async fn connection(shared: Arc<Shared>, stream: TcpStream) {
    let mut away = shared.away.subscribe();
    let service = service_fn(|request| handle(shared.clone(), request));
    let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
    let mut idle = shared.idle.subscribe();
    let mut served = std::pin::pin!(served);
    loop {
        tokio::select! {
            _ = &mut served => return,
            _ = away.wait_for(|away| *away) => return,
            // What goes on is brought to its end.
            Ok(()) = idle.recv() => served.as_mut().graceful_shutdown(),
        }
    }
}

/// An error here ends the connection.
async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Body>, Failure> {
    let (head, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let mut call = Call::new(&head.method, &head.uri, body.clone());
    let index = register(&shared, &mut call);
    let fault = (shared.script.lock().unwrap())(&call);
    // What was begun goes on when the one who asked is gone, as it does in an API server.
    tokio::spawn(carry_out(shared, call, index, head, body, fault)).await?
}

async fn carry_out(
    shared: Arc<Shared>,
    call: Call,
    index: Option<usize>,
    head: hyper::http::request::Parts,
    body: Bytes,
    fault: Fault,
) -> Result<Response<Body>, Failure> {
    let mut request = Request::from_parts(head, Full::new(body));
    if let (true, Some(page)) = (call.is_list(), *shared.page.lock().unwrap()) {
        *request.uri_mut() = paged(&call, request.uri(), page);
    }
    match fault {
        Fault::Pass => send(&shared, &call, index, request).await,
        Fault::Refuse => Err("refused".into()),
        Fault::Hang => {
            std::future::pending::<()>().await;
            Err("it hung".into())
        }
        Fault::Answer(answer) => Ok(answered(answer)),
        Fault::Lose => {
            settle(send(&shared, &call, index, request).await?).await?;
            Err("lost".into())
        }
        Fault::AnswerAfter(answer) => {
            settle(send(&shared, &call, index, request).await?).await?;
            Ok(answered(answer))
        }
        Fault::Change(change) => {
            let (mut head, body) = send(&shared, &call, index, request).await?.into_parts();
            head.headers.remove(CONTENT_LENGTH);
            let mut answer: serde_json::Value = serde_json::from_slice(&body.collect().await?.to_bytes())?;
            change(&mut answer);
            Ok(Response::from_parts(head, whole(answer.to_string().into())))
        }
        Fault::Then(act) => {
            let response = send(&shared, &call, index, request).await?;
            tokio::task::block_in_place(act);
            Ok(response)
        }
    }
}

/// The same list in pages of this size.
fn paged(call: &Call, uri: &Uri, page: u32) -> Uri {
    let others = call.query.split('&').filter(|pair| !pair.is_empty() && !pair.starts_with("limit="));
    let query: Vec<String> = others.map(str::to_owned).chain([format!("limit={page}")]).collect();
    format!("{}?{}", uri.path(), query.join("&")).parse().expect("a path")
}

/// Counts a call; the place of a write in the list of all.
fn register(shared: &Shared, call: &mut Call) -> Option<usize> {
    *shared.calls.lock().unwrap().entry(without_name(call)).or_default() += 1;
    let mut written = shared.written.lock().unwrap();
    call.number = written.iter().filter(|written| written.class.is_numbered()).count() + usize::from(call.is_numbered());
    if matches!(call.class, Class::Read | Class::Review) {
        return None;
    }
    let what = if call.class == Class::Event { "an event".to_owned() } else { call.what() };
    written.push(Written { class: call.class, what, committed: false, status: None, body: call.body.clone() });
    Some(written.len() - 1)
}

fn without_name(call: &Call) -> String {
    let verb = if call.is_watch() { "WATCH" } else { call.method.as_str() };
    format!("{verb} {}", call.plural)
}

/// Waits for the whole answer, so that the API server has done what it was asked.
async fn settle(response: Response<Body>) -> Result<(), Failure> {
    response.into_body().collect().await.map(drop)
}

async fn send(
    shared: &Arc<Shared>,
    call: &Call,
    index: Option<usize>,
    request: Request<Full<Bytes>>,
) -> Result<Response<Body>, Failure> {
    let _counted = (call.class == Class::Write).then(|| AtOnce::count(shared.clone()));
    let response = (shared.upstream)(request).await?;
    if let Some(index) = index
        && let Some(written) = shared.written.lock().unwrap().get_mut(index)
    {
        written.status = Some(response.status().as_u16());
        written.committed = response.status().is_success();
    }
    let (mut head, body) = response.into_parts();
    head.headers.remove(TRANSFER_ENCODING);
    if call.is_watch() && head.status.is_success() {
        let (sender, receiver) = watch::body();
        tokio::spawn(watch::pass_on(shared.clone(), call.plural.clone(), body, sender));
        return Ok(Response::from_parts(head, receiver.boxed_unsync()));
    }
    let body = body.collect().await?.to_bytes();
    if call.is_list() && !call.continues() && head.status.is_success() {
        let text = String::from_utf8_lossy(&body).into_owned();
        shared.lists.lock().unwrap().insert(call.plural.clone(), text);
    }
    Ok(Response::from_parts(head, whole(body)))
}

/// A write of an object, for as long as it goes on.
struct AtOnce(Arc<Shared>);

impl AtOnce {
    fn count(shared: Arc<Shared>) -> Self {
        let mut at_once = shared.at_once.lock().unwrap();
        at_once.0 += 1;
        at_once.1 = at_once.1.max(at_once.0);
        drop(at_once);
        Self(shared)
    }
}

impl Drop for AtOnce {
    fn drop(&mut self) {
        self.0.at_once.lock().unwrap().0 -= 1;
    }
}

fn whole(body: Bytes) -> Body {
    Full::new(body).map_err(|never| match never {}).boxed_unsync()
}

fn answered(answer: Answer) -> Response<Body> {
    let mut response = Response::builder().status(answer.status).header(CONTENT_TYPE, "application/json");
    if let Some(seconds) = answer.retry_after {
        response = response.header(RETRY_AFTER, seconds);
    }
    response.body(whole(answer.body.into())).expect("a response")
}
