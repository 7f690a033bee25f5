use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::{SignedDuration, Timestamp};

use super::effects::Planned;
use crate::engine::as_input;
use crate::tenancy::{Input, Manager, Name, Snapshot};

/// How long what time does by itself, such as ending a membership, may go unnoticed.
const FRESH: SignedDuration = SignedDuration::from_mins(1);

/// An organization as it is stored, with what all requests about it have in common. That is worked out for the first of them.
#[derive(Debug)]
pub struct Stored {
    /// What the store has.
    pub snapshot: Snapshot,
    wanted: Mutex<Option<Arc<Wanted>>>,
}

/// A stored organization as an input that wants it as it is, and what happens to it without any request.
#[derive(Debug)]
pub struct Wanted {
    manager: Manager,
    namespace: Name,
    /// The input.
    pub input: Input,
    planned: Mutex<Option<(Timestamp, Arc<Planned>)>>,
}

impl Stored {
    /// An organization that was read.
    #[must_use]
    pub const fn new(snapshot: Snapshot) -> Self {
        Self { snapshot, wanted: Mutex::new(None) }
    }

    /// The organization as an input of this manager, from this namespace.
    #[must_use]
    pub(super) fn wanted(&self, manager: &Manager, namespace: &Name) -> Arc<Wanted> {
        let mut kept = lock(&self.wanted);
        if let Some(wanted) = kept.as_ref().filter(|it| it.manager == *manager && it.namespace == *namespace) {
            return Arc::clone(wanted);
        }
        let input = as_input(&self.snapshot, manager, namespace);
        Arc::clone(kept.insert(Arc::new(Wanted::new(manager, namespace, input))))
    }
}

impl Wanted {
    /// An input of this manager, from this namespace.
    pub fn new(manager: &Manager, namespace: &Name, input: Input) -> Self {
        Self { manager: manager.clone(), namespace: namespace.clone(), input, planned: Mutex::new(None) }
    }

    /// The moment to plan for, so that what time does by itself is in the plan with a request as well as in the one without.
    pub fn moment(&self, now: Timestamp) -> Timestamp {
        let kept = lock(&self.planned).as_ref().map(|(at, _)| *at);
        kept.filter(|at| now.duration_since(*at).abs() < FRESH).unwrap_or(now)
    }

    /// What happens without any request at this moment.
    pub fn planned(&self, at: Timestamp, plan: impl FnOnce() -> Planned) -> Arc<Planned> {
        let mut kept = lock(&self.planned);
        if let Some((_, planned)) = kept.as_ref().filter(|(moment, _)| *moment == at) {
            return Arc::clone(planned);
        }
        let planned = Arc::new(plan());
        *kept = Some((at, Arc::clone(&planned)));
        planned
    }
}

/// What a panic left half done is worked out again: it was not put there yet.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
