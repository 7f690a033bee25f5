use std::time::Duration;

use http::Method;
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;

use super::server::{Does, Server, renew};
use crate::controller::lease::{Elector, Leadership, Leading};

const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/muster-system/leases/muster";

/// A replica that competes: whether it leads, what it says of that, and what keeps it going.
struct Replica {
    leading: Leading,
    changes: UnboundedReceiver<Leadership>,
    _stop: watch::Sender<bool>,
}

impl Replica {
    fn start(server: &Server, duration: Duration) -> Self {
        let leading = Leading::default();
        let (sender, changes) = unbounded_channel();
        let elector = Elector::new(server.client(), ("muster-system", "muster"), duration, leading.clone(), sender);
        let (stop, stopped) = watch::channel(false);
        tokio::spawn(elector.run(stopped));
        Self { leading, changes, _stop: stop }
    }
}

fn transitions(server: &Server) -> Value {
    server.get(LEASE)["spec"]["leaseTransitions"].clone()
}

/// Before each PUT of the lease but the first of so many, somebody else does this to it; returns how often that was.
fn meddle(server: &Server, before: usize, meddle: impl Fn(&mut Value) + Send + 'static) -> watch::Receiver<usize> {
    let (count, counted) = watch::channel(0);
    let mut put = 0;
    server.script(move |method, path, objects| {
        if *method == Method::PUT && path == LEASE {
            put += 1;
            if put % before == 0
                && let Some(lease) = objects.get_mut(path)
            {
                meddle(lease);
                let known = lease.clone();
                renew(lease, Some(&known));
                count.send_modify(|count| *count += 1);
            }
        }
        Does::Answer
    });
    counted
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_writes_to_the_lease_does_not_take_it() {
    let server = Server::new();
    let mut replica = Replica::start(&server, Duration::from_secs(3));
    assert_eq!(replica.changes.recv().await, Some(Leadership::Acquired { from_a_sleeper: true }));
    // Every first attempt to renew it meets a conflict.
    let mut met = meddle(&server, 2, |lease| lease["metadata"]["annotations"]["example.org/note"] = "hello".into());
    met.wait_for(|count| *count == 4).await.unwrap();
    assert!(replica.leading.now());
    assert!(replica.changes.try_recv().is_err(), "it never stopped to lead");
    assert_eq!(transitions(&server), 0);
    assert_eq!(server.get(LEASE)["metadata"]["annotations"]["example.org/note"], "hello", "what was written is kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_replica_that_holds_the_lease_after_a_conflict_has_it() {
    let server = Server::new();
    let mut replica = Replica::start(&server, Duration::from_secs(3));
    assert_eq!(replica.changes.recv().await, Some(Leadership::Acquired { from_a_sleeper: true }));
    meddle(&server, 1, |lease| {
        lease["spec"] = json!({ "holderIdentity": "another", "renewTime": "2026-03-01T09:00:00.000000Z" });
    });
    assert_eq!(replica.changes.recv().await, Some(Leadership::Lost));
    assert!(!replica.leading.now());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lease_that_can_never_be_renewed_is_lost_when_it_is_over() {
    let server = Server::new();
    let mut replica = Replica::start(&server, Duration::from_secs(3));
    assert_eq!(replica.changes.recv().await, Some(Leadership::Acquired { from_a_sleeper: true }));
    meddle(&server, 1, |lease| lease["metadata"]["annotations"]["example.org/note"] = "hello".into());
    assert_eq!(replica.changes.recv().await, Some(Leadership::Lost));
    assert!(!replica.leading.now());
}
