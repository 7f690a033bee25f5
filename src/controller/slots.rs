//! How much goes on side by side. Pure.

use std::collections::{BTreeMap, BTreeSet};

use super::cache::Work;
use crate::tenancy::Name;

/// How many organizations are looked at side by side.
const AT_ONCE: usize = 4;

/// How many services are called side by side: a call takes little but time.
const SERVICES: usize = 32;

/// How many of those may be ones that gave no answer the last time, so that they leave room for those that do.
const SILENT: usize = 16;

/// How many organizations are compared side by side at one address.
const AT_ONE_ADDRESS: usize = 4;

/// What goes on, and at which addresses.
#[derive(Debug, Default)]
pub struct Slots {
    stores: usize,
    /// Where the services of organizations are.
    addresses: BTreeMap<Name, Box<str>>,
    /// The organizations whose service is being called.
    calling: BTreeSet<Name>,
    /// The addresses that gave no answer the last time.
    silent: BTreeSet<Box<str>>,
}

impl Slots {
    /// True when some work may begin, as far as others leave room for it.
    #[must_use]
    pub fn have_room_for(&self, work: &Work) -> bool {
        let Work::Service(organization) = work else { return self.stores < AT_ONCE };
        let address = self.addresses.get(organization);
        let here = self.calling.iter().filter(|other| address.is_some() && self.addresses.get(*other) == address);
        let is_silent = |name: &Name| self.addresses.get(name).is_some_and(|address| self.silent.contains(address));
        let at_most = if is_silent(organization) { 1 } else { AT_ONE_ADDRESS };
        self.calling.len() < SERVICES
            && here.count() < at_most
            && (!is_silent(organization) || self.calling.iter().filter(|other| is_silent(other)).count() < SILENT)
    }

    /// Some work begins.
    pub fn enter(&mut self, work: &Work) {
        match work {
            Work::Service(organization) => drop(self.calling.insert(organization.clone())),
            _ => self.stores += 1,
        }
    }

    /// Some work ended.
    pub fn leave(&mut self, work: &Work) {
        match work {
            Work::Service(organization) => drop(self.calling.remove(organization)),
            _ => self.stores = self.stores.saturating_sub(1),
        }
    }

    /// The service of an organization is at this address.
    pub fn locate(&mut self, organization: &Name, address: Box<str>) {
        if self.addresses.get(organization) != Some(&address) {
            self.forget(organization);
            self.addresses.insert(organization.clone(), address);
        }
    }

    /// Whether the service of an organization gave an answer.
    pub fn answered(&mut self, organization: &Name, answered: bool) {
        let Some(address) = self.addresses.get(organization) else { return };
        match answered {
            true => drop(self.silent.remove(address)),
            false => drop(self.silent.insert(address.clone())),
        }
    }

    /// There is nothing left of an organization.
    pub fn forget(&mut self, organization: &Name) {
        if let Some(address) = self.addresses.remove(organization)
            && !self.addresses.values().any(|other| *other == address)
        {
            self.silent.remove(&address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(name: &str) -> Work {
        Work::Service(name.into())
    }

    fn begun(slots: &mut Slots, name: &str, address: &str) -> bool {
        slots.locate(&name.into(), address.into());
        let has_room = slots.have_room_for(&service(name));
        if has_room {
            slots.enter(&service(name));
        }
        has_room
    }

    #[test]
    fn services_that_hang_take_no_slot_of_a_store() {
        let mut slots = Slots::default();
        (0..SERVICES).for_each(|n| assert!(begun(&mut slots, &format!("hangs-{n}"), &format!("10.0.0.{n}:443"))));
        for n in 0..AT_ONCE {
            let store = Work::Organization(format!("acme-{n}").as_str().into());
            assert!(slots.have_room_for(&store));
            slots.enter(&store);
        }
        assert!(!slots.have_room_for(&Work::Organization("one-more".into())));
        slots.leave(&Work::Organization("acme-0".into()));
        assert!(slots.have_room_for(&Work::Unplaced("acme".into())));
    }

    #[test]
    fn one_address_gets_a_share() {
        let mut slots = Slots::default();
        let begun_there = (0..20).filter(|n| begun(&mut slots, &format!("there-{n}"), "api.service.example:443")).count();
        assert_eq!(begun_there, AT_ONE_ADDRESS);
        assert!(begun(&mut slots, "elsewhere", "aaq.internal:8000"));
        slots.leave(&service("there-0"));
        assert!(slots.have_room_for(&service("there-19")));
    }

    #[test]
    fn addresses_that_gave_no_answer_leave_room_for_those_that_do() {
        let mut slots = Slots::default();
        let name = |n: usize| format!("silent-{n}");
        for n in 0..SERVICES {
            slots.locate(&name(n).as_str().into(), format!("10.0.0.{n}:443").into());
            slots.answered(&name(n).as_str().into(), false);
        }
        let begun_there = (0..SERVICES).filter(|n| begun(&mut slots, &name(*n), &format!("10.0.0.{n}:443"))).count();
        assert_eq!(begun_there, SILENT);
        assert!(begun(&mut slots, "well", "aaq.internal:8000"));
        assert!(!begun(&mut slots, "other", "10.0.0.1:443"), "one at a time asks whether it answers again");
        slots.answered(&"other".into(), true);
        assert!(begun(&mut slots, "other", "10.0.0.1:443"));
        slots.forget(&"silent-1".into());
        slots.forget(&"other".into());
        assert_eq!(slots.silent.len(), SERVICES - 1);
        slots.locate(&"silent-2".into(), "aaq.internal:8000".into());
        assert_eq!(slots.silent.len(), SERVICES - 2, "nobody goes there any more");
    }
}
