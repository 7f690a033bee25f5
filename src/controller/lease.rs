//! One active replica. A Lease alone is no lock: whoever sleeps past its end may wake up and write. So taking over an organization also
//! moves its revision on in the store, and what the sleeper planned is stale.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::sync::{mpsc::UnboundedSender, watch};
use tokio::time::{Instant, timeout};

use super::connect::reason;

/// Whether this replica leads, as far as it may believe so.
#[derive(Clone, Default)]
pub struct Leading {
    until: Arc<Mutex<Option<Instant>>>,
}

impl Leading {
    /// True while the lease that was last renewed has not ended.
    #[must_use]
    pub fn now(&self) -> bool {
        self.until.lock().unwrap_or_else(PoisonError::into_inner).is_some_and(|until| Instant::now() < until)
    }

    fn set(&self, until: Option<Instant>) {
        *self.until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }
}

/// A change of who leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leadership {
    /// This replica leads from now on.
    Acquired {
        /// True when the one before may only be asleep: it did not release the lease.
        from_a_sleeper: bool,
    },
    /// It does not lead any more.
    Lost,
}

/// The lease, and how to hold it.
pub struct Elector {
    api: Api<Lease>,
    name: String,
    identity: String,
    duration: Duration,
    leading: Leading,
    changes: UnboundedSender<Leadership>,
}

/// How often in a row the lease is looked at because somebody wrote to it meanwhile.
const LOOKS: u32 = 3;

/// What came of one look at the lease.
enum Look {
    /// It is this replica's.
    Ours {
        /// Whether the one before may be asleep.
        from_a_sleeper: bool,
    },
    /// Another replica holds it.
    Theirs,
    /// Somebody wrote to it meanwhile: it may be ours all the same.
    Moved,
}

/// What was last seen of the lease of another replica, and since when.
struct Observed {
    holder: String,
    renewed: Option<MicroTime>,
    since: Instant,
}

impl Elector {
    /// Competes for a lease under this identity.
    #[must_use]
    pub fn new(
        client: Client,
        (namespace, name): (&str, &str),
        duration: Duration,
        leading: Leading,
        changes: UnboundedSender<Leadership>,
    ) -> Self {
        let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "muster".to_owned());
        let identity = format!("{host}_{}", uuid::Uuid::new_v4());
        Self { api: Api::namespaced(client, namespace), name: name.to_owned(), identity, duration, leading, changes }
    }

    /// Competes and renews until it is told to stop; then the lease is released, so that another replica goes on at once.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut observed: Option<Observed> = None;
        let mut held: Option<Instant> = None;
        while !*stop.borrow() {
            let began = Instant::now();
            match self.attempt(&mut observed, held.is_some()).await {
                Ok(Some(from_a_sleeper)) => {
                    self.leading.set(Some(began + self.duration));
                    if held.replace(began).is_none() {
                        let _ = self.changes.send(Leadership::Acquired { from_a_sleeper });
                    }
                }
                Ok(None) => self.lose(&mut held),
                Err(error) => {
                    tracing::warn!(%error, "the lease could not be renewed");
                    if held.is_some_and(|held| held.elapsed() >= self.duration) {
                        self.lose(&mut held);
                    }
                }
            }
            let _ = timeout(self.duration / 6, stop.changed()).await;
        }
        if held.is_some() && self.leading.now() {
            self.release().await;
        }
        self.lose(&mut held);
    }

    fn lose(&self, held: &mut Option<Instant>) {
        self.leading.set(None);
        if held.take().is_some() {
            let _ = self.changes.send(Leadership::Lost);
        }
    }

    /// Takes or renews the lease where that may be done: whether the one before may be asleep, or nothing where another holds it. A
    /// conflict alone takes it from nobody: anyone may write to the object.
    async fn attempt(&self, observed: &mut Option<Observed>, holds: bool) -> Result<Option<bool>, String> {
        for _ in 0..LOOKS {
            match self.look(observed, holds).await? {
                Look::Ours { from_a_sleeper } => return Ok(Some(from_a_sleeper)),
                Look::Theirs => return Ok(None),
                Look::Moved => {}
            }
        }
        Err("somebody else writes to it all the time".to_owned())
    }

    async fn look(&self, observed: &mut Option<Observed>, holds: bool) -> Result<Look, String> {
        let taken = |ok, from_a_sleeper| if ok { Look::Ours { from_a_sleeper } } else { Look::Moved };
        let Some(lease) = self.answered(self.api.get_opt(&self.name)).await? else {
            let lease = Lease {
                metadata: ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() },
                spec: Some(self.spec(Some(&self.identity), 0)),
            };
            // Somebody may have deleted it while another replica sleeps.
            let ok = self.written(self.api.create(&PostParams::default(), &lease)).await?;
            return Ok(taken(ok, true));
        };
        let spec = lease.spec.clone().unwrap_or_default();
        let holder = spec.holder_identity.unwrap_or_default();
        let mut transitions = spec.lease_transitions.unwrap_or_default();
        let mut from_a_sleeper = false;
        if holder != self.identity {
            if !holder.is_empty() && !self.has_ended(observed, &holder, spec.renew_time) {
                return Ok(Look::Theirs);
            }
            from_a_sleeper = !holder.is_empty();
            transitions += 1;
        } else if !holds {
            from_a_sleeper = true;
        }
        let lease = Lease { spec: Some(self.spec(Some(&self.identity), transitions)), ..lease };
        let ok = self.written(self.api.replace(&self.name, &PostParams::default(), &lease)).await?;
        Ok(taken(ok, from_a_sleeper))
    }

    /// Whether the lease of another has ended. Only this machine's own clock counts: it must have stood still for its whole duration.
    fn has_ended(&self, observed: &mut Option<Observed>, holder: &str, renewed: Option<MicroTime>) -> bool {
        match observed {
            Some(seen) if seen.holder == holder && seen.renewed == renewed => seen.since.elapsed() >= self.duration,
            _ => {
                *observed = Some(Observed { holder: holder.to_owned(), renewed, since: Instant::now() });
                false
            }
        }
    }

    fn spec(&self, holder: Option<&str>, transitions: i32) -> LeaseSpec {
        let now = MicroTime(Timestamp::now());
        LeaseSpec {
            holder_identity: Some(holder.unwrap_or_default().to_owned()),
            lease_duration_seconds: i32::try_from(self.duration.as_secs().max(1)).ok(),
            lease_transitions: Some(transitions),
            renew_time: Some(now.clone()),
            acquire_time: Some(now),
            ..LeaseSpec::default()
        }
    }

    async fn release(&self) {
        let lease = self.answered(self.api.get_opt(&self.name)).await.ok().flatten();
        let ours =
            lease.filter(|lease| lease.spec.as_ref().and_then(|spec| spec.holder_identity.as_deref()) == Some(&self.identity));
        if let Some(lease) = ours {
            let transitions = lease.spec.as_ref().and_then(|spec| spec.lease_transitions).unwrap_or_default();
            let lease = Lease { spec: Some(self.spec(None, transitions)), ..lease };
            if let Err(error) = self.written(self.api.replace(&self.name, &PostParams::default(), &lease)).await {
                tracing::warn!(%error, "the lease could not be released; it ends by itself");
            }
        }
    }

    async fn answered<T>(&self, call: impl Future<Output = kube::Result<T>>) -> Result<T, String> {
        let answer = timeout(self.duration / 3, call).await;
        answer.map_err(|_| "the API server did not answer in time".to_owned())?.map_err(|error| reason(&error))
    }

    /// True when it was written, false when somebody else wrote to it meanwhile.
    async fn written<T>(&self, call: impl Future<Output = kube::Result<T>>) -> Result<bool, String> {
        match timeout(self.duration / 3, call).await {
            Ok(Ok(_)) => Ok(true),
            Ok(Err(kube::Error::Api(status))) if status.code == 409 => Ok(false),
            Ok(Err(error)) => Err(reason(&error)),
            Err(_) => Err("the API server did not answer in time".to_owned()),
        }
    }
}
