//! When which work is done. Pure: the caller reads the clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::cache::Work;

/// How much longer than a pass took to wait before the next one of the same organization. A pass starts at once when nothing went on;
/// while much changes, this bounds planning to a tenth of one core, which is what the API server does not get.
const REST: u32 = 9;

/// How long to wait after a pass that failed, at first and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_mins(1));

/// The work that waits.
#[derive(Debug, Default)]
pub struct Schedule {
    due: BTreeMap<Work, Instant>,
    rest: BTreeMap<Work, Instant>,
    running: BTreeSet<Work>,
    failures: BTreeMap<Work, u32>,
    /// How often in a row what came of some work could not be told.
    stumbles: BTreeMap<Work, u32>,
    /// The work that is due again because of that. It may be due for another reason as well, only much later.
    stumbled: BTreeSet<Work>,
}

impl Schedule {
    /// Asks for some work at this moment or, where it was asked for earlier, then.
    pub fn ask(&mut self, work: Work, at: Instant) {
        let due = self.due.entry(work).or_insert(at);
        *due = at.min(*due);
    }

    /// Something that failed was changed: it is tried at once.
    pub fn changed(&mut self, work: Work, now: Instant) {
        self.failures.remove(&work);
        self.stumbles.remove(&work);
        self.ask(work, now);
    }

    /// When something is to be done next; `None` when nothing is.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.ready().map(|(_, at)| at).min()
    }

    fn ready(&self) -> impl Iterator<Item = (&Work, Instant)> {
        let waiting = self.due.iter().filter(|(work, _)| !self.running.contains(work));
        waiting.map(|(work, due)| (work, self.rest.get(work).map_or(*due, |rest| *due.max(rest))))
    }

    /// Takes what is to be done now; it counts as running until it is said to be done.
    pub fn take(&mut self, now: Instant) -> Option<Work> {
        let (work, _) = self.ready().filter(|(_, at)| *at <= now).min_by_key(|(_, at)| *at)?;
        let work = work.clone();
        self.due.remove(&work);
        self.stumbled.remove(&work);
        self.running.insert(work.clone());
        Some(work)
    }

    /// Some work was done: the next time is not before it has rested for a multiple of what it took.
    pub fn done(&mut self, work: &Work, took: Duration, now: Instant) {
        self.running.remove(work);
        self.failures.remove(work);
        self.rest.insert(work.clone(), now + took * REST);
    }

    /// Some work failed: it is tried again later, each time after a longer while.
    pub fn failed(&mut self, work: &Work, now: Instant) {
        self.running.remove(work);
        let failures = self.failures.entry(work.clone()).or_default();
        let wait = backoff(failures);
        self.rest.remove(work);
        self.ask(work.clone(), now + super::watch::jittered(wait));
    }

    /// What came of some work could not be told: it is done again later, each time after a longer while. What fails together counts once.
    pub fn stumbled(&mut self, work: Work, now: Instant) {
        if self.stumbled.insert(work.clone()) {
            let wait = backoff(self.stumbles.entry(work.clone()).or_default());
            self.ask(work, now + super::watch::jittered(wait));
        }
    }

    /// What came of some work was told.
    pub fn told(&mut self, work: &Work) {
        self.stumbles.remove(work);
    }

    /// How much work waits after a failure.
    #[must_use]
    pub fn in_backoff(&self) -> usize {
        self.failures.len()
    }

    /// True when some work was asked for.
    #[must_use]
    pub fn is_asked(&self, work: &Work) -> bool {
        self.due.contains_key(work)
    }

    /// Forgets work that there is nothing left of, and that nobody asked for again.
    pub fn forget(&mut self, work: &Work) {
        self.rest.remove(work);
        self.failures.remove(work);
        self.stumbles.remove(work);
        self.stumbled.remove(work);
    }
}

/// How long to wait after so many failures; one more is counted.
fn backoff(failures: &mut u32) -> Duration {
    let wait = BACKOFF.0.saturating_mul(1 << (*failures).min(16)).min(BACKOFF.1);
    *failures += 1;
    wait
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acme() -> Work {
        Work::Organization("acme".into())
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn work_is_done_at_once_when_nothing_goes_on() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        schedule.ask(acme(), now);
        assert_eq!(schedule.take(now), Some(acme()));
    }

    #[test]
    fn work_rests_for_a_multiple_of_what_it_took() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        schedule.ask(acme(), now);
        schedule.take(now);
        schedule.ask(acme(), now);
        assert_eq!(schedule.take(now), None, "it is running");
        schedule.done(&acme(), SECOND, now);
        assert_eq!(schedule.next(), Some(now + SECOND * REST));
        assert_eq!(schedule.take(now + SECOND * REST), Some(acme()));
    }

    #[test]
    fn work_that_fails_waits_longer_each_time_until_it_is_changed() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..12 {
            schedule.ask(acme(), now);
            schedule.take(now + BACKOFF.1);
            schedule.failed(&acme(), now);
            waits.push(schedule.next().unwrap() - now);
        }
        assert!(waits[0] <= BACKOFF.0 && waits[11] > BACKOFF.1 / 2 && waits[11] <= BACKOFF.1, "{waits:?}");
        schedule.changed(acme(), now);
        assert_eq!(schedule.next(), Some(now));
    }

    #[test]
    fn what_cannot_be_told_is_tried_again_after_a_longer_while_each_time() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..12 {
            // It is looked at in ten minutes anyway, which is no reason to wait for that.
            schedule.ask(acme(), now + SECOND * 600);
            schedule.stumbled(acme(), now);
            schedule.stumbled(acme(), now);
            waits.push(schedule.next().unwrap() - now);
            schedule.take(now + BACKOFF.1);
            schedule.done(&acme(), Duration::ZERO, now);
        }
        assert!(waits[0] <= BACKOFF.0 && waits[11] > BACKOFF.1 / 2, "{waits:?}");
    }

    #[test]
    fn the_earlier_of_two_times_counts() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        schedule.ask(acme(), now + SECOND);
        schedule.ask(acme(), now + SECOND * 2);
        assert_eq!(schedule.next(), Some(now + SECOND));
    }
}
