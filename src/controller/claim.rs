//! Who applies to an organization: before anything is planned, this place makes sure that it is the one.

use std::time::Duration;

use jiff::Timestamp;

use super::gather::Claimed;
use super::pass::Bench;
use crate::store::{Batch, Store, StoreError};
use crate::tenancy::{Claim, Name, Snapshot};

/// How old a claim may be before it is renewed.
pub const RENEW: Duration = Duration::from_mins(30);

/// How old it may be before another place may take it.
const HOLDS: Duration = Duration::from_hours(1);

/// What this place does about a claim before it plans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attitude {
    /// Whether the revision is moved on, because a replica that led before may only be asleep.
    pub fences: bool,
    /// Whether a claim of another place is taken although it still holds.
    pub takes_over: bool,
    /// Whether the namespace of this cluster that applied last has nothing of the organization any more.
    pub moves: bool,
}

impl Bench {
    /// True where this installation applied last, out of a namespace that it watches.
    #[must_use]
    pub fn is_ours(&self, claim: &Claim) -> bool {
        let is_watched = self.namespaces.is_empty() || self.namespaces.iter().any(|name| **name == *claim.namespace);
        claim.manager == self.manager && claim.holder == self.holder && is_watched
    }

    /// The namespace that applied last.
    #[must_use]
    pub fn claimed(&self, claim: &Claim) -> Claimed {
        Claimed { namespace: Name::from(&*claim.namespace), is_ours: self.is_ours(claim) }
    }

    /// Renews the claim on an organization, or takes it where that may be done. It moves the revision on, so whatever another one planned
    /// before is stale. An organization that nobody applied to is claimed by the first apply.
    ///
    /// # Errors
    ///
    /// When the store fails, or somebody else wrote meanwhile.
    pub async fn keep_claim(
        &self,
        snapshot: Snapshot,
        namespace: &Name,
        attitude: Attitude,
        now: Timestamp,
    ) -> Result<Snapshot, StoreError> {
        let Some(claim) = snapshot.claim.clone().filter(|claim| self.wants(claim, namespace, attitude, now)) else {
            return Ok(snapshot);
        };
        let claim = Claim {
            manager: self.manager.clone(),
            holder: self.holder.clone(),
            namespace: namespace.as_str().into(),
            seen_at: now.max(claim.seen_at),
        };
        let batch = Batch {
            organization: snapshot.organization.clone(),
            base: snapshot.revision,
            claim: claim.clone(),
            writes: Vec::new(),
            entries: Vec::new(),
        };
        let committed = self.store.commit(&batch).await?;
        Ok(Snapshot { revision: committed.revision, claim: Some(claim), ..snapshot })
    }

    fn wants(&self, claim: &Claim, namespace: &Name, attitude: Attitude, now: Timestamp) -> bool {
        let age = Duration::try_from(now.duration_since(claim.seen_at)).unwrap_or_default();
        match self.is_ours(claim) {
            true if *claim.namespace == **namespace => attitude.fences || age >= RENEW,
            true => attitude.moves || attitude.takes_over || age >= HOLDS,
            false => attitude.takes_over || age >= HOLDS,
        }
    }
}
