//! What the loop does about services: it tells what waits for slow ones, has them make way for the store, and says when they are called again.

use std::time::Duration;

use tokio::time::Instant;

use super::cache::Work;
use super::calls::Called;
use super::pass::Passed;
use super::report::OfService;
use super::run::{Controller, Running};
use crate::tenancy::Name;

/// How long a service may take until it counts as slow: what waits for it is told, and it makes way for what the store has to do.
const SLOW: Duration = Duration::from_secs(3);

impl Controller {
    /// When a service counts as slow next of which something follows.
    pub(super) fn slow(&self) -> Option<Instant> {
        let now = Instant::now();
        let untold = self.untold.values().map(|(at, _)| *at);
        let calling = self.running.values().filter(|it| matches!(it.work, Work::Service(_)) && it.since + SLOW > now);
        untold.chain(calling.map(|it| it.since + SLOW)).min()
    }

    /// Tells what waits for slow services, and has them make way for what the store has to do.
    pub(super) fn mind_the_slow(&mut self, now: Instant) {
        let due: Vec<Name> = self.untold.iter().filter(|(_, (at, _))| *at <= now).map(|(name, _)| name.clone()).collect();
        for (_, passed) in due.iter().filter_map(|name| self.untold.remove(name)) {
            if self.leads.is_some() {
                self.report.tell(&passed, &mut self.cache);
            }
        }
        for Running { work, since, stop } in self.running.values() {
            if let Work::Service(organization) = work
                && *since + SLOW <= now
                && !stop.is_asked()
                && !self.made_way.contains(organization)
                && self.schedule.waits(organization, now)
            {
                stop.ask();
                self.made_way.insert(organization.clone());
            }
        }
    }

    pub(super) fn stop_calls(&self) {
        self.running.values().for_each(|running| running.stop.ask());
    }

    /// What waits for the service is told where the service takes its time.
    pub(super) fn tell_later(&mut self, work: &Work, mut passed: Passed, now: Instant) {
        let Work::Organization(organization) = work else { return };
        if passed.waiting.is_empty() {
            return self.forget_untold(work);
        }
        (passed.verdicts, passed.outcome) = (std::mem::take(&mut passed.waiting), None);
        let at = self.untold.get(organization).map_or(now + SLOW, |(at, _)| *at);
        self.untold.insert(organization.clone(), (at, passed));
    }

    pub(super) fn forget_untold(&mut self, work: &Work) {
        if let Some(organization) = work.organization() {
            self.untold.remove(organization);
        }
    }

    /// The part of a pass that was at a service ended.
    pub(super) fn called(&mut self, organization: &Name, called: &Called, took: Duration, passed: &Passed) {
        let (now, work) = (Instant::now(), Work::Service(organization.clone()));
        let mut is_told = true;
        match called {
            Called::Well(interval) => {
                self.schedule.done(&work, took, now);
                self.schedule.ask(work, now + *interval);
                self.slots.answered(organization, true);
            }
            Called::Failed { because, answered } => {
                tracing::warn!(%work, because, "the service behind the organization is not as it should be");
                self.schedule.failed(&work, now);
                self.slots.answered(organization, *answered);
            }
            Called::Refused { because, at_most } => {
                tracing::warn!(%work, because, "the service behind the organization refuses");
                self.schedule.refused(&work, now, *at_most);
                self.slots.answered(organization, true);
            }
            Called::StillRefused => {
                self.schedule.still_refused(&work, now);
                is_told = false;
            }
            Called::Yielded => {
                self.schedule.yielded(&work, now);
                is_told = false;
            }
            Called::Nothing => {
                self.schedule.done(&work, took, now);
                self.report.at_service(organization, None);
                if self.untold.contains_key(organization) {
                    self.schedule.ask(Work::Organization(organization.clone()), now);
                }
            }
        }
        if is_told {
            self.untold.remove(organization);
            self.made_way.remove(organization);
        }
        if self.leads.is_some()
            && let Called::Well(_) | Called::Failed { .. } | Called::Refused { .. } = called
        {
            let fails = !matches!(called, Called::Well(_));
            self.report.at_service(
                organization,
                Some(OfService { namespace: passed.namespace.clone(), fails, rotates: passed.rotates }),
            );
        }
    }
}
