//! Passes over an organization with a service, without the loop: what waits for the service, and what is asked of it when.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::secrets::Server;
use super::world::World;
use crate::api::Kind;
use crate::backend::Stop;
use crate::backend::http::Unmetered;
use crate::controller::calls::{Called, Calls, Wanted};
use crate::controller::services::Services;
use crate::controller::verdict::OfObjects;
use crate::store::{Observe as _, Store as _};
use crate::tenancy::{Key, Mirrored, Name};

const STUDIO: &str = "\
apiVersion: muster.dev/v1alpha1
kind: Organization
metadata: {name: acme}
spec: {preset: hundredms, interval: 1h, backend: {type: hundredms, url: \"URL\"}}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: alice}
spec: {organizationRef: {name: acme}, email: alice@acme.example, role: OrganizationOwner}
---
apiVersion: muster.dev/v1alpha1
kind: Workspace
metadata: {name: studio}
spec: {organizationRef: {name: acme}, dataResidency: Europe, backendSecretRef: {name: key, key: studio}}
---
apiVersion: muster.dev/v1alpha1
kind: Template
metadata: {name: show}
spec: {workspaceRef: {name: studio}, settings: {region: eu}}";

/// A service that answers with this status, 0 for not at all, and always the same.
struct Service {
    url: String,
    status: Arc<AtomicU16>,
    asked: Arc<AtomicUsize>,
}

impl Service {
    async fn start(status: u16, says: Value) -> Self {
        let (status, asked) = (Arc::new(AtomicU16::new(status)), Arc::new(AtomicUsize::new(0)));
        let (code, counts) = (Arc::clone(&status), Arc::clone(&asked));
        let answer = move || {
            counts.fetch_add(1, Ordering::SeqCst);
            let (status, says) = (code.load(Ordering::SeqCst), says.clone());
            async move {
                if status == 0 {
                    std::future::pending::<()>().await;
                }
                (StatusCode::from_u16(status).unwrap(), axum::Json(says)).into_response()
            }
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://127.0.0.1:{}", listener.local_addr().unwrap().port());
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
        Self { url, status, asked }
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }

    fn documents(&self) -> String {
        STUDIO.replace("URL", &format!("{}/v2", self.url))
    }
}

fn secret(value: &str) -> Value {
    // In base64.
    json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "key", "namespace": "acme" }, "data": { "studio": value } })
}

/// An organization whose service answers with this status, and the Secret that it is asked with.
async fn studio(status: u16) -> (World, Service, Arc<Server>) {
    let service = Service::start(status, json!({ "data": [] })).await;
    let (mut world, secrets) = world().await;
    world.apply(&service.documents());
    (world, service, secrets)
}

/// A world whose controller reaches services, with this Secret.
async fn world() -> (World, Arc<Server>) {
    let secrets = Arc::new(Server::default());
    *secrets.secret.lock().unwrap() = Some(secret("YTpi"));
    let mut world = World::new().await;
    world.services = Some(Services {
        client: secrets.client(),
        patience: Duration::from_mins(1),
        allow: Arc::new(["127.0.0.1".parse().unwrap()].into_iter().collect()),
        meter: Arc::new(Unmetered),
    });
    (world, secrets)
}

fn shut() -> Calls {
    Calls { is_shut: true, ..Calls::default() }
}

fn at_once(service: &Service) -> Wanted {
    Wanted { address: service.url.strip_prefix("http://").unwrap().into(), at_once: true }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_store_has_waits_for_no_service_and_what_the_service_has_is_said_when_it_was_looked_at() {
    let (mut world, service, _) = studio(0).await;
    let passed = world.pass("acme").await;
    assert!(world.stored("acme").await.contains(&"template/show".to_owned()), "it is in the store");
    assert_eq!((passed.wanted.clone(), service.asked()), (Some(at_once(&service)), 0));
    let names = |all: &OfObjects| all.iter().map(|(object, _)| object.id.key.to_string()).collect::<Vec<_>>();
    assert_eq!(names(&passed.verdicts), ["member/alice"], "100ms has no members");
    assert_eq!(names(&passed.waiting), ["organization/acme", "workspace/studio", "template/show"]);
    world.write(&passed);
    let mut slow = passed;
    slow.verdicts = std::mem::take(&mut slow.waiting);
    world.write(&slow);
    let told = world.told();
    assert_eq!(told[2], "template/show: Ready=False DependencyNotReady, Reconciling=True Progressing");
    assert_eq!(told[3], "member/alice: Ready=True Succeeded");
    // It does not answer, and is asked for an end.
    let stop = Stop::default();
    let ends = async {
        while service.asked() == 0 {
            tokio::task::yield_now().await;
        }
        stop.ask();
    };
    let (passed, ()) = tokio::join!(world.call(Calls { stop: stop.clone(), is_shut: false }), ends);
    assert_eq!(passed.called, Some(Called::Yielded));
    assert_eq!(world.write(&passed), 0);
    let passed = world.pass("acme").await;
    assert!(passed.wanted.is_some_and(|wanted| !wanted.at_once), "it is still to be looked at");
    assert!(passed.verdicts.iter().all(|(object, _)| object.id.key.kind == Kind::Member), "nothing is called ready meanwhile");
    assert_eq!(world.told(), told);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_refuses_is_asked_again_when_the_secret_is_another_one_or_somebody_asks() {
    let (mut world, service, secrets) = studio(401).await;
    let passed = world.pass("acme").await;
    world.write(&passed);
    let passed = world.call(Calls::default()).await;
    let Some(Called::Refused { because, at_most }) = &passed.called else { panic!("{:?}", passed.called) };
    assert!(because.contains("does not accept the credentials"), "{because}");
    assert!(*at_most > Duration::from_mins(50) && *at_most < Duration::from_mins(70), "as spec.interval says: {at_most:?}");
    world.write(&passed);
    assert_eq!(world.told()[2], "template/show: Ready=False Failed, Reconciling=True ProgressingWithRetry");
    let asked = service.asked();
    let passed = world.pass("acme").await;
    assert_eq!((passed.wanted.clone(), world.write(&passed)), (None, 0), "nothing is new");
    assert_eq!(world.call(shut()).await.called, Some(Called::StillRefused));
    assert_eq!(service.asked(), asked, "nothing is sent");
    *secrets.secret.lock().unwrap() = Some(secret("YTpj"));
    assert!(matches!(world.call(shut()).await.called, Some(Called::Refused { .. })));
    assert!(service.asked() > asked, "it is asked with the new secret");
    assert_eq!(world.call(shut()).await.called, Some(Called::StillRefused));
    *secrets.secret.lock().unwrap() = None;
    let Some(Called::Refused { because, .. }) = world.call(shut()).await.called else { panic!("there are no credentials") };
    assert!(because.contains("Secret acme/key"), "{because}");
    assert_eq!(world.call(shut()).await.called, Some(Called::StillRefused));
    let requested = "metadata: {name: acme, annotations: {muster.dev/reconcile-requested-at: \"1\"}}";
    world.apply(&service.documents().replacen("metadata: {name: acme}", requested, 1));
    assert_eq!(world.pass("acme").await.wanted, Some(at_once(&service)));
    world.call(Calls::default()).await;
    assert_eq!(world.pass("acme").await.wanted, None, "a question is answered once");
    world.apply(&service.documents().replace("region: eu", "region: us"));
    assert_eq!(world.pass("acme").await.wanted, Some(at_once(&service)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_looked_at_when_a_controller_begins_and_when_its_time_has_come() {
    let (mut world, service, _) = studio(200).await;
    world.apply(service.documents().rsplit_once("\n---\n").unwrap().0);
    world.delete(Kind::Template, "show");
    world.pass("acme").await;
    let passed = world.call(Calls::default()).await;
    let Some(Called::Well(again)) = passed.called else { panic!("{:?}", passed.called) };
    assert!(again > Duration::from_mins(50) && again < Duration::from_mins(70), "{again:?}");
    world.write(&passed);
    assert_eq!(world.pass("acme").await.wanted, None);
    let told = world.told();
    world.forget();
    let passed = world.pass("acme").await;
    assert_eq!(passed.wanted.clone().map(|wanted| wanted.at_once), Some(false));
    assert_eq!((world.write(&passed), passed.waiting.len()), (0, 0), "what is in sync is not taken back");
    let passed = world.call(Calls::default()).await;
    assert_eq!((world.write(&passed), world.told()), (0, told));
    service.status.store(403, Ordering::SeqCst);
    assert!(matches!(world.call(Calls::default()).await.called, Some(Called::Refused { .. })));
}

const PLAYER: &str = "\
apiVersion: muster.dev/v1alpha1
kind: Organization
metadata: {name: acme}
spec: {preset: fastpix, interval: 12h, backend: {type: fastpix, url: \"URL\", secretRef: {name: key, key: studio}}}
---
apiVersion: muster.dev/v1alpha1
kind: Member
metadata: {name: alice}
spec: {organizationRef: {name: acme}, email: alice@acme.example, role: Admin}
---
apiVersion: muster.dev/v1alpha1
kind: Credential
metadata: {name: player}
spec: {workspaceRef: {name: production}, type: SigningKey, writeSecretToRef: {name: player}, rotation: {every: 48h}}";

#[tokio::test(flavor = "multi_thread")]
async fn when_a_secret_is_replaced_is_told_and_is_when_the_service_is_looked_at_again() {
    let id = "3f0a1b52-0000-4000-8000-000000000001";
    let service = Service::start(200, json!({ "data": [{ "id": id }], "pagination": { "totalRecords": 1 } })).await;
    let (mut world, _) = world().await;
    world.apply(&PLAYER.replace("URL", &service.url));
    world.settle("acme").await;
    let snapshot = world.store.observe(&"acme".into()).await.unwrap();
    let row = snapshot.row(&Key::new(Kind::Credential, "player")).unwrap();
    let made = Timestamp::now() - SignedDuration::from_hours(47);
    let entry = Mirrored {
        id: row.id,
        key: row.key.clone(),
        service: format!("fastpix {}", service.url).into(),
        place: Name::default(),
        reached: None,
        external_id: Some(id.into()),
        sent: [("generation".to_owned(), json!(0))].into_iter().collect(),
        sent_at: made,
        within: None,
        orphans: Vec::new(),
        intent: None,
    };
    world.store.begin(&"acme".into(), snapshot.revision, &entry).await.unwrap();
    let passed = world.call(Calls::default()).await;
    let due = made + SignedDuration::from_hours(48);
    assert_eq!(passed.rotates.map(Timestamp::as_second), Some(due.as_second()));
    let Some(Called::Well(again)) = passed.called else { panic!("{:?}", passed.called) };
    assert!(again <= Duration::from_hours(1), "{again:?}");
    world.write(&passed);
    let told: Timestamp = world.status(Kind::Credential, "player")["effective"]["rotatesAt"].as_str().unwrap().parse().unwrap();
    assert_eq!(told.as_second(), due.as_second());
    let passed = world.pass("acme").await;
    assert_eq!(world.write(&passed), 0, "it is told once");
}
