//! When which work is done. Pure: the caller reads the clock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;

use super::cache::Work;
use crate::tenancy::Name;

/// How much longer than a pass took to wait before the next one of the same organization. While much changes, this bounds the share of time
/// that planning takes, which is what the API server does not get.
const REST: u32 = 6;

/// How much of the time that went by without a pass counts as rest for those to come: single edits are looked at at once, also those of an
/// organization that takes long to plan.
const RESTED: Duration = Duration::from_secs(3);

/// How long to wait after a pass that failed, at first and at most.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(250), Duration::from_mins(1));

/// How long to wait after a service refused, at first: what it refuses seldom passes, and some count wrong passwords.
const REFUSED: Duration = Duration::from_secs(5);

/// The work that waits.
#[derive(Debug, Default)]
pub struct Schedule {
    due: BTreeMap<Work, Instant>,
    rest: BTreeMap<Work, Instant>,
    running: BTreeSet<Work>,
    /// The organizations that something is done for: never two things at a time.
    busy: BTreeSet<Name>,
    failures: BTreeMap<Work, u32>,
    /// Until when a service that refused is not asked again.
    shut: BTreeMap<Work, Instant>,
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
        self.shut.remove(&work);
        self.stumbles.remove(&work);
        self.ask(work, now);
    }

    /// When something is to be done next of what may begin; `None` when nothing is.
    #[must_use]
    pub fn next(&self, now: Instant, may_begin: impl Fn(&Work) -> bool) -> Option<Instant> {
        self.ready(now).filter(|(work, _)| may_begin(work)).map(|(_, at)| at).min()
    }

    /// What waits, with when it may be done. What the store has comes before what the service makes of it.
    fn ready(&self, now: Instant) -> impl Iterator<Item = (&Work, Instant)> {
        let is_busy = |work: &Work| match work.organization() {
            Some(organization) => self.busy.contains(organization),
            None => self.running.contains(work),
        };
        let comes_later = move |work: &Work| match work {
            Work::Service(organization) => self.waits(organization, now),
            _ => false,
        };
        let waiting = self.due.iter().filter(move |(work, _)| !is_busy(work) && !comes_later(work));
        waiting.map(|(work, due)| (work, self.at(work, *due)))
    }

    fn at(&self, work: &Work, due: Instant) -> Instant {
        self.rest.get(work).map_or(due, |rest| due.max(*rest))
    }

    /// True when a look at what the store has of an organization could begin now.
    #[must_use]
    pub fn waits(&self, organization: &Name, now: Instant) -> bool {
        let work = Work::Organization(organization.clone());
        self.due.get(&work).is_some_and(|due| self.at(&work, *due) <= now)
    }

    /// Takes what is to be done now and may begin; it counts as running until it is said to be done.
    pub fn take(&mut self, now: Instant, may_begin: impl Fn(&Work) -> bool) -> Option<Work> {
        let due = self.ready(now).filter(|(work, at)| *at <= now && may_begin(work));
        let work = due.min_by_key(|(_, at)| *at)?.0.clone();
        self.due.remove(&work);
        self.stumbled.remove(&work);
        self.busy.extend(work.organization().cloned());
        self.running.insert(work.clone());
        Some(work)
    }

    fn ended(&mut self, work: &Work) {
        self.running.remove(work);
        if let Some(organization) = work.organization() {
            self.busy.remove(organization);
        }
    }

    /// Some work was done: the next time is not before it has rested for a multiple of what it took.
    pub fn done(&mut self, work: &Work, took: Duration, now: Instant) {
        self.ended(work);
        self.failures.remove(work);
        self.shut.remove(work);
        // Most of the time at a service is spent waiting.
        let until = match work {
            Work::Service(_) => now + took,
            _ => {
                let rested = now.checked_sub(RESTED).unwrap_or(now);
                self.rest.get(work).map_or(rested, |before| rested.max(*before)) + took * REST
            }
        };
        self.rest.insert(work.clone(), until);
    }

    /// Some work was broken off so that something else comes first: it begins anew as soon as it may.
    pub fn yielded(&mut self, work: &Work, now: Instant) {
        self.ended(work);
        self.ask(work.clone(), now);
    }

    /// Some work failed: it is tried again later, each time after a longer while.
    pub fn failed(&mut self, work: &Work, now: Instant) {
        self.ended(work);
        let failures = self.failures.entry(work.clone()).or_default();
        let wait = backoff(failures, BACKOFF);
        self.rest.remove(work);
        self.shut.remove(work);
        self.ask(work.clone(), now + super::watch::jittered(wait));
    }

    /// A service refused, which does not pass by itself: it is asked again after a longer while each time, at most after this one. Whether
    /// what it was asked with is the same is looked at meanwhile.
    pub fn refused(&mut self, work: &Work, now: Instant, at_most: Duration) {
        let wait = backoff(self.failures.entry(work.clone()).or_default(), (REFUSED.min(at_most), at_most));
        self.rest.remove(work);
        self.shut.insert(work.clone(), now + super::watch::jittered(wait));
        self.still_refused(work, now);
    }

    /// What a service was asked with when it refused is the same.
    pub fn still_refused(&mut self, work: &Work, now: Instant) {
        self.ended(work);
        let glance = now + BACKOFF.1;
        let at = self.shut.get(work).map_or(glance, |until| glance.min(*until));
        self.ask(work.clone(), at);
    }

    /// True while a service that refused is not to be asked again.
    #[must_use]
    pub fn is_shut(&self, work: &Work, now: Instant) -> bool {
        self.shut.get(work).is_some_and(|until| *until > now)
    }

    /// What came of some work could not be told: it is done again later, each time after a longer while. What fails together counts once.
    pub fn stumbled(&mut self, work: Work, now: Instant) {
        if self.stumbled.insert(work.clone()) {
            let wait = backoff(self.stumbles.entry(work.clone()).or_default(), BACKOFF);
            self.ask(work, now + super::watch::jittered(wait));
        }
    }

    /// What came of some work was told.
    pub fn told(&mut self, work: &Work) {
        self.stumbles.remove(work);
    }

    /// How many organizations and namespaces wait after a failure.
    #[must_use]
    pub fn in_backoff(&self) -> usize {
        let of = |work: &Work| match work {
            Work::Service(organization) => Work::Organization(organization.clone()),
            work => work.clone(),
        };
        self.failures.keys().map(of).collect::<BTreeSet<Work>>().len()
    }

    /// True when some work was asked for.
    #[must_use]
    pub fn is_asked(&self, work: &Work) -> bool {
        self.due.contains_key(work)
    }

    /// Forgets work that there is nothing left of, and that nobody asked for again.
    pub fn forget(&mut self, work: &Work) {
        self.ended(work);
        self.due.remove(work);
        self.rest.remove(work);
        self.failures.remove(work);
        self.shut.remove(work);
        self.stumbles.remove(work);
        self.stumbled.remove(work);
    }
}

/// How long to wait after so many failures, at first and at most; one more is counted.
fn backoff(failures: &mut u32, (first, at_most): (Duration, Duration)) -> Duration {
    let wait = first.saturating_mul(1 << (*failures).min(24)).min(at_most);
    *failures += 1;
    wait
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acme() -> Work {
        Work::Organization("acme".into())
    }

    fn service() -> Work {
        Work::Service("acme".into())
    }

    fn any(_: &Work) -> bool {
        true
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn work_is_done_at_once_when_nothing_goes_on() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        schedule.ask(acme(), now);
        assert_eq!(schedule.take(now, any), Some(acme()));
    }

    #[test]
    fn work_rests_for_a_multiple_of_what_it_took() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        schedule.ask(acme(), now);
        schedule.take(now, any);
        schedule.ask(acme(), now);
        assert_eq!(schedule.take(now, any), None, "it is running");
        schedule.done(&acme(), SECOND, now);
        let later = now + SECOND * REST - RESTED;
        assert_eq!(schedule.next(now, any), Some(later), "it had rested before");
        assert_eq!(schedule.take(later, any), Some(acme()));
        schedule.ask(acme(), later);
        schedule.done(&acme(), SECOND, later);
        assert_eq!(schedule.next(later, any), Some(later + SECOND * REST));
    }

    #[test]
    fn a_few_changes_are_looked_at_at_once_however_long_that_takes() {
        let (mut schedule, mut now) = (Schedule::default(), Instant::now());
        let took = SECOND / 10;
        for _ in 0..100 {
            for _ in 0..2 {
                schedule.ask(acme(), now);
                assert_eq!(schedule.take(now, any), Some(acme()));
                now += took;
                schedule.done(&acme(), took, now);
            }
            now += SECOND;
        }
    }

    #[test]
    fn work_that_fails_waits_longer_each_time_until_it_is_changed() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        let mut waits = Vec::new();
        for _ in 0..12 {
            schedule.ask(acme(), now);
            schedule.take(now + BACKOFF.1, any);
            schedule.failed(&acme(), now);
            waits.push(schedule.next(now, any).unwrap() - now);
        }
        assert!(waits[0] <= BACKOFF.0 && waits[11] > BACKOFF.1 / 2 && waits[11] <= BACKOFF.1, "{waits:?}");
        schedule.changed(acme(), now);
        assert_eq!(schedule.next(now, any), Some(now));
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
            waits.push(schedule.next(now, any).unwrap() - now);
            schedule.take(now + BACKOFF.1, any);
            schedule.done(&acme(), Duration::ZERO, now);
        }
        assert!(waits[0] <= BACKOFF.0 && waits[11] > BACKOFF.1 / 2, "{waits:?}");
    }

    #[test]
    fn the_earlier_of_two_times_counts() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        schedule.ask(acme(), now + SECOND);
        schedule.ask(acme(), now + SECOND * 2);
        assert_eq!(schedule.next(now, any), Some(now + SECOND));
    }

    #[test]
    fn a_service_that_refuses_is_asked_again_after_longer_whiles_up_to_the_interval() {
        let (mut schedule, mut now) = (Schedule::default(), Instant::now());
        let interval = SECOND * 600;
        let mut shut = Vec::new();
        for _ in 0..16 {
            schedule.changed(acme(), now);
            schedule.take(now, any);
            schedule.done(&acme(), Duration::ZERO, now);
            schedule.ask(service(), now);
            assert_eq!(schedule.take(now, any), Some(service()));
            schedule.refused(&service(), now, interval);
            let refused = now;
            // Once a minute somebody looks whether it would be asked with something else.
            while schedule.is_shut(&service(), now) {
                let next = schedule.next(now, any).unwrap();
                assert!(next - now <= BACKOFF.1 && next > now);
                now = next;
                assert_eq!(schedule.take(now, any), Some(service()));
                match schedule.is_shut(&service(), now) {
                    true => schedule.still_refused(&service(), now),
                    false => schedule.yielded(&service(), now),
                }
            }
            assert_eq!(schedule.in_backoff(), 1);
            shut.push(now - refused);
        }
        assert!(shut[0] <= REFUSED && shut[15] > interval / 2 && shut[15] <= interval, "{shut:?}");
        assert!(shut.windows(3).all(|it| it[2] > it[0] || it[2] > interval / 2), "{shut:?}");
        schedule.take(now, any);
        schedule.refused(&service(), now, interval);
        schedule.changed(service(), now);
        assert!(!schedule.is_shut(&service(), now) && schedule.next(now, any) == Some(now), "what changed is tried at once");
        schedule.take(now, any);
        schedule.refused(&service(), now, SECOND);
        assert!(schedule.next(now, any).unwrap() <= now + SECOND, "an interval may be short");
    }

    #[test]
    fn nothing_else_is_done_for_an_organization_while_its_service_is_called_and_the_store_comes_first() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        schedule.ask(service(), now);
        schedule.ask(acme(), now);
        assert_eq!(schedule.take(now, any), Some(acme()));
        assert_eq!(schedule.take(now, any), None);
        schedule.done(&acme(), Duration::ZERO, now);
        assert_eq!(schedule.take(now, any), Some(service()));
        schedule.ask(acme(), now);
        assert_eq!((schedule.take(now, any), schedule.next(now, any)), (None, None));
        assert!(schedule.waits(&"acme".into(), now) && !schedule.waits(&"other".into(), now));
        schedule.yielded(&service(), now);
        assert_eq!(schedule.take(now, any), Some(acme()));
    }

    #[test]
    fn what_may_not_begin_is_no_reason_to_wake_up() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        schedule.ask(acme(), now + SECOND);
        schedule.ask(service(), now);
        let only_stores = |work: &Work| matches!(work, Work::Organization(_));
        assert_eq!((schedule.next(now, only_stores), schedule.take(now, only_stores)), (Some(now + SECOND), None));
    }

    #[test]
    fn a_service_that_fails_delays_nothing_but_itself() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        schedule.ask(service(), now);
        schedule.take(now, any);
        schedule.failed(&service(), now);
        schedule.ask(acme(), now);
        assert_eq!(schedule.take(now, any), Some(acme()));
        schedule.done(&acme(), Duration::ZERO, now);
        assert_eq!(schedule.in_backoff(), 1);
        assert!(schedule.next(now, any).unwrap() > now);
    }
}
