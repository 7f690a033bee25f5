use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};

/// How far the judgement of a request got, so that whoever waits for it no longer can say what was not checked.
#[derive(Debug, Default)]
pub struct Progress {
    step: AtomicU8,
    is_over: AtomicBool,
    plans: AtomicUsize,
}

/// What is being looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// What the store has.
    Store,
    /// Whether whoever asks may do that.
    Rights,
    /// What it does.
    Effects,
}

impl Progress {
    /// This comes next.
    pub(super) fn reach(&self, step: Step) {
        self.step.store(step as u8, Ordering::Relaxed);
    }

    /// Where it is.
    #[must_use]
    pub fn step(&self) -> Step {
        let now = self.step.load(Ordering::Relaxed);
        [Step::Store, Step::Rights].into_iter().find(|step| *step as u8 == now).unwrap_or(Step::Effects)
    }

    /// Nobody waits any more: what was begun is ended, and nothing more is begun.
    pub fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// True when nobody waits any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// An organization is planned.
    pub(super) fn plan(&self) {
        self.plans.fetch_add(1, Ordering::Relaxed);
    }

    /// How many times an organization was planned.
    #[must_use]
    pub fn plans(&self) -> usize {
        self.plans.load(Ordering::Relaxed)
    }
}
