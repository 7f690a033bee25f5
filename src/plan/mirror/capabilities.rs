use crate::api::Kind;
use crate::api::organization::BackendType;
use crate::tenancy::Deed;

/// What a service can do. Plans and `muster validate` go by it, so what the service would refuse is known before anything is sent.
#[derive(Debug)]
pub struct Capabilities {
    /// Which service.
    pub service: BackendType,
    /// As people call it.
    pub title: &'static str,
    /// The kinds of objects it has, each with what can be done to them. What is not listed stays in the store alone.
    pub kinds: &'static [Ability],
    /// How many things one page of a list has at most; 0 where lists have no pages.
    pub page: u32,
    /// How many requests a second Muster sends at most.
    pub per_second: u32,
    /// How many it sends at once after a pause.
    pub burst: u32,
}

/// What a service can do with objects of one kind.
#[derive(Debug)]
pub struct Ability {
    /// The kind.
    pub kind: Kind,
    /// What can be done.
    pub deeds: &'static [Deed],
    /// When a thing goes whose object is removed.
    pub end: End,
    /// What it means that a thing is not listed any more.
    pub absence: Absence,
    /// True where making a thing takes several requests: then one of its name that a call which was begun may have made is its, also
    /// where it is not as it shall be yet.
    pub in_steps: bool,
    /// Fields that name parts of the thing, which the service wants to be there: they are sent after those that are still to be made.
    pub after_parts: &'static [&'static str],
    /// The longest name, in characters.
    pub longest_name: usize,
    /// Which characters a name may have, in words; empty where there is no such rule.
    pub characters: &'static str,
    /// Whether a name may have this character.
    pub allows: fn(char) -> bool,
    /// How many requests a deed takes, the look before it included, when nothing goes wrong.
    pub requests: fn(Deed) -> u32,
}

/// When a thing goes whose object is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With the object, also where it is soft-deleted: bringing the object back makes the thing anew.
    WithObject,
    /// When the object is purged, and an approval releases it. What it says is the warning.
    WhenPurged(&'static str),
    /// Never: the service has no call for it. What it says is what to do.
    Never(&'static str),
}

/// What it means that a thing is not listed any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Absence {
    /// It is gone.
    Gone,
    /// It cannot be seen: the service deletes nothing of this kind. What it says is the likely reason.
    Hidden(&'static str),
}

impl Capabilities {
    /// What it can do with a kind; `None` where the kind stays in the store alone.
    #[must_use]
    pub fn of(&self, kind: Kind) -> Option<&'static Ability> {
        self.kinds.iter().find(|ability| ability.kind == kind)
    }
}

impl Ability {
    /// True when it can be done.
    #[must_use]
    pub fn can(&self, deed: Deed) -> bool {
        self.deeds.contains(&deed)
    }

    /// What is wrong with a name, if anything is.
    #[must_use]
    pub fn wrong_name(&self, name: &str) -> Option<String> {
        let length = name.chars().count();
        if length > self.longest_name {
            return Some(format!("has {length} characters, and {} are allowed", self.longest_name));
        }
        let odd = name.chars().find(|character| !(self.allows)(*character))?;
        Some(format!("has {odd:?}, and only {} are allowed", self.characters))
    }
}
