//! The way into a double of a service: real HTTP on loopback that counts what is asked and written, and does by a script what
//! networks and services do by chance.
//!
//! A double hands its routes to [`Front::serve`] and tells [`Front::applied`] what it wrote. Tests plant faults with [`Front::plant`].

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderName, Method, Request, Response, StatusCode};
use axum::response::IntoResponse as _;
use futures_util::stream::{self, StreamExt as _};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tower::ServiceExt as _;

/// An answer that the service did not give.
#[derive(Clone, Debug)]
pub struct Answer {
    status: u16,
    headers: Vec<(HeaderName, String)>,
    body: String,
}

impl Answer {
    /// With this text as its body.
    pub fn text(status: u16, body: &str) -> Self {
        Self { status, headers: vec![(CONTENT_TYPE, "text/plain; charset=utf-8".to_owned())], body: body.to_owned() }
    }

    /// With this document as its body.
    pub fn json(status: u16, body: &Value) -> Self {
        Self { status, headers: vec![(CONTENT_TYPE, "application/json".to_owned())], body: body.to_string() }
    }

    /// The page on which a proxy asks somebody to sign in, with status 200.
    pub fn html() -> Self {
        let body = "<!doctype html><html><body><form>Sign in</form></body></html>".to_owned();
        Self { status: 200, headers: vec![(CONTENT_TYPE, "text/html; charset=utf-8".to_owned())], body }
    }

    /// Too many requests, as 100ms words it; it does not say when to come back in a header.
    pub fn too_many() -> Self {
        Self::text(429, "rate limit exceeded, retry after 45 seconds")
    }

    /// To be asked for elsewhere.
    pub fn redirect(url: &str) -> Self {
        Self { status: 307, headers: vec![(LOCATION, url.to_owned())], body: String::new() }
    }

    /// The same, saying when to come back: a number of seconds or a date.
    pub fn retry_after(mut self, when: &str) -> Self {
        self.headers.push((RETRY_AFTER, when.to_owned()));
        self
    }

    fn respond(self) -> Response<Body> {
        let mut response = Response::builder().status(self.status);
        for (name, value) in self.headers {
            response = response.header(name, value);
        }
        response.body(self.body.into()).expect("an answer that can be sent")
    }
}

/// What somebody else does at the service.
pub type Edit = Arc<dyn Fn() + Send + Sync>;

/// What becomes of a request.
#[derive(Clone)]
pub enum Kind {
    /// The service never gets it, and this is answered.
    Answer(Answer),
    /// The service carries it out, and this is answered in place of what it said.
    Instead(Answer),
    /// The service never gets it: the connection ends.
    Refuse,
    /// The service carries it out and its answer gets lost: the connection ends.
    Lose,
    /// The service carries it out, and its answer waits for [`Front::release`].
    Hold,
    /// The service carries it out, and half of its answer waits for [`Front::release`].
    Trickle,
    /// Instead of its answer comes one GB, of which it is said beforehand how long it is, or not.
    Huge { announced: bool },
    /// The service answers, and from then on this answer comes again and again.
    Repeat,
    /// The service carries it out, and its answer ends in the middle, as if it were whole.
    Broken,
    /// The service gets it twice, and the second answer comes.
    Twice,
    /// Something is done at the service just before.
    Before(Edit),
    /// Something is done at the service just afterwards.
    After(Edit),
}

/// A fault and the requests that it is for.
#[derive(Clone)]
pub struct Fault {
    method: Option<Method>,
    path: String,
    nth: usize,
    times: usize,
    kind: Kind,
}

impl Fault {
    /// For the next request, whatever it is; [`Kind::Repeat`] is for all from then on.
    pub fn new(kind: Kind) -> Self {
        let times = if matches!(kind, Kind::Repeat) { usize::MAX } else { 1 };
        Self { method: None, path: String::new(), nth: 1, times, kind }
    }

    /// Only for requests with this method and with this in their path or query.
    pub fn on(mut self, method: Method, path: &str) -> Self {
        self.method = Some(method);
        path.clone_into(&mut self.path);
        self
    }

    /// From the so manieth of them on, counted from 1 since the fault was planted.
    pub fn nth(mut self, nth: usize) -> Self {
        self.nth = nth;
        self
    }

    /// For so many of them.
    pub fn times(mut self, times: usize) -> Self {
        self.times = times;
        self
    }

    /// For all of them.
    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }
}

struct Planted {
    id: usize,
    fault: Fault,
    seen: usize,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// An answer that comes again.
type Page = (StatusCode, Option<String>, Bytes);

#[derive(Default)]
struct Shared {
    planted: Mutex<Vec<Planted>>,
    next: Mutex<usize>,
    pages: Mutex<BTreeMap<usize, Page>>,
    requests: Mutex<Vec<(Method, String)>>,
    applied: Mutex<Vec<String>>,
    streamed: AtomicU64,
    released: watch::Sender<usize>,
    waiting: watch::Sender<usize>,
}

/// What stands between a double and whoever asks it. Copies are the same front.
#[derive(Clone, Default)]
pub struct Front {
    shared: Arc<Shared>,
}

impl Front {
    /// Serves these routes on a free port of loopback, and says at which URL; ends with the runtime that it is called on.
    pub async fn serve(&self, routes: Router) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let front = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(front.clone().connection(stream, routes.clone()));
            }
        });
        format!("http://127.0.0.1:{port}")
    }

    /// Plants a fault. Of several that are due, the one planted first happens.
    pub fn plant(&self, fault: Fault) {
        let mut next = self.shared.next.lock().unwrap();
        *next += 1;
        self.shared.planted.lock().unwrap().push(Planted { id: *next, fault, seen: 0 });
    }

    /// How many faults have not happened as often as they should.
    pub fn left(&self) -> usize {
        self.shared.planted.lock().unwrap().len()
    }

    /// From now on nothing happens by chance, and what waits goes on.
    pub fn calm(&self) {
        self.shared.planted.lock().unwrap().clear();
        self.release();
    }

    /// Passes on all answers that wait now.
    pub fn release(&self) {
        self.shared.released.send_modify(|times| *times += 1);
    }

    /// Returns when so many answers wait.
    pub async fn until_waiting(&self, answers: usize) {
        let mut waiting = self.shared.waiting.subscribe();
        waiting.wait_for(|number| *number >= answers).await.expect("the front lives");
    }

    /// How many bytes of a huge body were taken off the service's hands.
    pub fn streamed(&self) -> u64 {
        self.shared.streamed.load(Ordering::Relaxed)
    }

    /// Tells that the service carried a write out.
    pub fn applied(&self, what: impl Into<String>) {
        self.shared.applied.lock().unwrap().push(what.into());
    }

    /// Every write that the service carried out, in this order.
    pub fn writes(&self) -> Vec<String> {
        self.shared.applied.lock().unwrap().clone()
    }

    /// Every request that came, in this order, as `GET /path?query`.
    pub fn requests(&self) -> Vec<String> {
        self.shared.requests.lock().unwrap().iter().map(|(method, target)| format!("{method} {target}")).collect()
    }

    /// How many requests with this method came.
    pub fn count(&self, method: &Method) -> usize {
        self.shared.requests.lock().unwrap().iter().filter(|(made, _)| made == method).count()
    }

    /// Forgets what was asked and written so far.
    pub fn forget(&self) {
        self.shared.requests.lock().unwrap().clear();
        self.shared.applied.lock().unwrap().clear();
    }

    async fn connection(self, stream: TcpStream, routes: Router) {
        let service = service_fn(|request| self.clone().handle(request, routes.clone()));
        let served = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
        // An error is a connection that ended, as some shall.
        let _ = served.await;
    }

    /// An error here ends the connection.
    async fn handle(self, request: Request<Incoming>, routes: Router) -> Result<Response<Body>, Failure> {
        let (head, body) = request.into_parts();
        let body = to_bytes(Body::new(body), usize::MAX).await?;
        let target = head.uri.path_and_query().map_or("/", |target| target.as_str()).to_owned();
        let due = self.due(&head.method, &target);
        self.shared.requests.lock().unwrap().push((head.method.clone(), target));
        let served = Served { head: (head.method, head.uri, head.headers), body, routes };
        // What was begun goes on when the one who asked is gone, as it does in a service.
        tokio::spawn(self.carry_out(served, due)).await?
    }

    /// Every fault sees every request that it is for, so that `nth` means the same whatever else is planted.
    fn due(&self, method: &Method, target: &str) -> Option<(usize, Kind)> {
        let mut planted = self.shared.planted.lock().unwrap();
        let mut due = None;
        for (index, entry) in planted.iter_mut().enumerate() {
            let fault = &entry.fault;
            if fault.method.as_ref().is_none_or(|only| only == method) && target.contains(&fault.path) {
                entry.seen += 1;
                if due.is_none() && entry.seen >= fault.nth {
                    due = Some(index);
                }
            }
        }
        let index = due?;
        planted[index].fault.times -= 1;
        let due = (planted[index].id, planted[index].fault.kind.clone());
        if planted[index].fault.times == 0 {
            planted.remove(index);
        }
        Some(due)
    }

    async fn carry_out(self, served: Served, due: Option<(usize, Kind)>) -> Result<Response<Body>, Failure> {
        let Some((id, kind)) = due else { return Ok(served.serve().await) };
        let lost = || Err(io::Error::other("a planted fault").into());
        match kind {
            Kind::Answer(answer) => Ok(answer.respond()),
            Kind::Instead(answer) => {
                served.serve().await;
                Ok(answer.respond())
            }
            Kind::Refuse => lost(),
            Kind::Lose => {
                served.serve().await;
                lost()
            }
            Kind::Hold => {
                let mut released = self.shared.released.subscribe();
                let response = served.serve().await;
                self.wait(&mut released).await;
                Ok(response)
            }
            Kind::Trickle => self.trickle(served.serve().await).await,
            Kind::Huge { announced } => {
                served.serve().await;
                Ok(self.huge(announced))
            }
            Kind::Repeat => self.repeat(id, served).await,
            Kind::Broken => {
                let (mut head, body) = served.serve().await.into_parts();
                let body = to_bytes(body, usize::MAX).await?;
                head.headers.remove(CONTENT_LENGTH);
                Ok(Response::from_parts(head, Body::from(body.slice(..body.len() / 2))))
            }
            Kind::Twice => {
                served.serve().await;
                Ok(served.serve().await)
            }
            Kind::Before(edit) => {
                edit();
                Ok(served.serve().await)
            }
            Kind::After(edit) => {
                let response = served.serve().await;
                edit();
                Ok(response)
            }
        }
    }

    async fn wait(&self, released: &mut watch::Receiver<usize>) {
        self.shared.waiting.send_modify(|number| *number += 1);
        let _ = released.changed().await;
        self.shared.waiting.send_modify(|number| *number -= 1);
    }

    async fn trickle(&self, response: Response<Body>) -> Result<Response<Body>, Failure> {
        let mut released = self.shared.released.subscribe();
        let (mut head, body) = response.into_parts();
        let mut first = to_bytes(body, usize::MAX).await?;
        let rest = first.split_off(first.len() / 2);
        head.headers.remove(CONTENT_LENGTH);
        let front = self.clone();
        let later = stream::once(async move {
            front.wait(&mut released).await;
            Ok::<_, io::Error>(rest)
        });
        Ok(Response::from_parts(head, Body::from_stream(stream::once(async { Ok(first) }).chain(later))))
    }

    fn huge(&self, announced: bool) -> Response<Body> {
        const CHUNK: usize = 64 * 1024;
        const CHUNKS: usize = 16 * 1024;
        let chunk = Bytes::from(vec![b' '; CHUNK]);
        let shared = self.shared.clone();
        let body = stream::iter(0..CHUNKS).map(move |_| {
            shared.streamed.fetch_add(CHUNK as u64, Ordering::Relaxed);
            Ok::<_, io::Error>(chunk.clone())
        });
        let mut response = Response::builder().header(CONTENT_TYPE, "application/json");
        if announced {
            response = response.header(CONTENT_LENGTH, CHUNK * CHUNKS);
        }
        response.body(Body::from_stream(body)).expect("an answer that can be sent")
    }

    async fn repeat(&self, id: usize, served: Served) -> Result<Response<Body>, Failure> {
        let kept = self.shared.pages.lock().unwrap().get(&id).cloned();
        let (status, content_type, body) = if let Some(page) = kept {
            page
        } else {
            let (head, body) = served.serve().await.into_parts();
            let content_type = head.headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
            let page = (head.status, content_type, to_bytes(body, usize::MAX).await?);
            self.shared.pages.lock().unwrap().insert(id, page.clone());
            page
        };
        let mut response = (status, body).into_response();
        response.headers_mut().remove(CONTENT_TYPE);
        if let Some(content_type) = content_type {
            response.headers_mut().insert(CONTENT_TYPE, content_type.parse()?);
        }
        Ok(response)
    }
}

/// A request on its way to the service.
struct Served {
    head: (Method, axum::http::Uri, axum::http::HeaderMap),
    body: Bytes,
    routes: Router,
}

impl Served {
    async fn serve(&self) -> Response<Body> {
        let (method, uri, headers) = self.head.clone();
        let mut request = Request::new(Body::from(self.body.clone()));
        *request.method_mut() = method;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        match self.routes.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}
