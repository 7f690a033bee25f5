//! What a pass makes of what is gone: what is to be removed, what waits, and what is kept because nobody said that it should go.

use std::collections::BTreeSet;
use std::time::Duration;

use super::absence::{Going, Noticed, Wait, held};
use super::gather::Gathered;
use super::object::SharedObject;
use super::pass::{Pass, policy_of};
use super::presence::Since;
use crate::api::Kind;
use crate::tenancy::{Claim, Input, Key, Snapshot};

impl Pass<'_> {
    /// True once the namespace of this cluster that applied last had nothing of the organization for as long as what is gone waits: one
    /// that is deleted and created again, or that somebody deleted by mistake, is not taken by another one of its name.
    pub(super) fn has_moved(&mut self, snapshot: &Snapshot) -> bool {
        let Gathered { namespace, well_since, .. } = &self.gathered;
        let is_left = snapshot.claim.as_ref().is_some_and(|claim| self.bench.is_ours(claim) && *claim.namespace != **namespace);
        let Some(well_since) = well_since.filter(|_| is_left) else {
            self.memory.left = None;
            return false;
        };
        let left = *self.memory.left.get_or_insert(self.at);
        left.max(well_since) + removal_delay(snapshot) <= self.at
    }

    /// True where this place speaks for an organization: it applied last, or nobody did.
    pub(super) fn speaks_for(&self, snapshot: &Snapshot) -> bool {
        let is_here = |claim: &Claim| self.bench.is_ours(claim) && *claim.namespace == *self.gathered.namespace;
        snapshot.claim.as_ref().is_none_or(is_here)
    }

    /// The objects as an input, in which what is absent and not to be removed yet is held.
    pub(super) async fn input(&mut self, snapshot: &Snapshot, delay: Duration) -> (Input, Going) {
        let mut input = self.gathered.input();
        let namespace = &self.gathered.namespace;
        let is_ours = self.speaks_for(snapshot);
        let Some(well_since) = self.gathered.well_since.filter(|_| is_ours) else {
            self.memory.absences.forget();
            let wait = Wait { delay: Duration::ZERO, now: self.at, well_since: self.at };
            let absent = self.memory.absences.look(&self.gathered.objects, snapshot, &self.bench.manager, wait);
            let why = self.gathered.trouble.as_deref().unwrap_or("another place looks after its organization");
            let because = format!("it is not seen in the cluster, but {why}");
            let gone: BTreeSet<Key> = &absent.due | &absent.waiting;
            input.held.extend(gone.iter().map(|key| held(key, namespace, &because)));
            self.memory.absences.forget();
            let is_noticed = is_ours && !gone.is_subset(&self.gathered.unplaced);
            // Nothing changes about another place that the store does not tell.
            let is_awaited = is_ours || self.memory.left.is_some();
            let again = is_awaited.then(|| self.at + delay.max(Duration::from_secs(1)));
            return (input, Going { again, noticed: is_noticed.then(|| Noticed::Stays(UNWELL.into())) });
        };
        let wait = Wait { delay, now: self.at, well_since };
        let mut absent = self.memory.absences.look(&self.gathered.objects, snapshot, &self.bench.manager, wait);
        let is_noticed = !absent.waiting.is_subset(&self.gathered.unplaced);
        for key in &self.gathered.unplaced {
            // It is there: it will turn out what it is part of.
            if absent.due.remove(key) {
                absent.waiting.insert(key.clone());
            }
        }
        let mut hold = |keys: &BTreeSet<Key>, because: &str| {
            input.held.extend(keys.iter().map(|key| held(key, namespace, because)));
        };
        hold(&absent.waiting, "it is gone from the cluster, for less long than policy.removalDelay says");
        let mut again = absent.next;
        if !absent.due.is_empty() {
            match self.kept(&absent.due, snapshot).await {
                Ok(kept) => {
                    self.memory.doubt = None;
                    // While the organization itself stays, its parts are not gone either.
                    let stays = |keys: &BTreeSet<Key>| keys.iter().any(|key| key.kind == Kind::Organization);
                    let all = stays(&kept) || stays(&absent.waiting);
                    hold(if all { &absent.due } else { &kept }, WENT_ALONG);
                }
                Err(because) => {
                    hold(&absent.due, &because);
                    self.memory.doubt = Some(because.into());
                    self.memory.absences.forget();
                    again = Some(self.at + delay.max(Duration::from_secs(1)));
                }
            }
        }
        if absent.due.is_empty() && absent.waiting.is_empty() {
            self.memory.doubt = None;
        }
        // Until the API server has answered it is no news that it is waited for again.
        let noticed = match &self.memory.doubt {
            Some(because) => Some(Noticed::Stays(because.clone())),
            None => is_noticed.then_some(Noticed::Goes),
        };
        (input, Going { again, noticed })
    }

    /// Those of the absent objects that nobody took away.
    async fn kept(&self, due: &BTreeSet<Key>, snapshot: &Snapshot) -> Result<BTreeSet<Key>, String> {
        let (presence, namespace) = (&self.bench.presence, &self.gathered.namespace);
        let since = presence.since(namespace, &due.iter().map(|key| key.kind).collect()).await?;
        let there = presence.still_there(namespace, due).await?;
        Ok(&went_along(due, &self.gathered.objects, snapshot, &since) | &there)
    }
}

/// Why what is gone is kept while it is not sure that it is. It does not say which watch it is, nor why: that may change with every attempt.
const UNWELL: &str = "not all kinds can be watched at the moment";

/// Why what nobody took away is kept.
const WENT_ALONG: &str = "it is older than its namespace or the definition of its kind, with which all of the kind went, or it is \
                          there after all: nobody said that it should go; write it again, or remove it with `muster apply --prune`";

/// What is older than its namespace or the definition of its kind, where none of the kind is left: it went with what was there before.
fn went_along(due: &BTreeSet<Key>, objects: &[SharedObject], snapshot: &Snapshot, since: &Since) -> BTreeSet<Key> {
    let is_left = |kind: Kind| objects.iter().any(|object| object.id.key.kind == kind);
    let is_older = |key: &Key| {
        let made = since.get(&key.kind);
        made.is_some_and(|made| snapshot.row(key).is_some_and(|row| row.created_at < *made))
    };
    due.iter().filter(|key| is_older(key) && !is_left(key.kind)).cloned().collect()
}

/// How long what is gone from the cluster stays in the store.
pub(super) fn removal_delay(snapshot: &Snapshot) -> Duration {
    Duration::from_secs(u64::try_from(policy_of(snapshot).removal_delay).unwrap_or_default())
}
