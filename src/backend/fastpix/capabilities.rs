use crate::api::Kind;
use crate::api::organization::BackendType;
use crate::plan::mirror::{Ability, Absence, Capabilities, End};
use crate::tenancy::Deed;

/// Where its API is.
pub const HOSTS: &[&str] = &["api.fastpix.com"];

/// What FastPix can do through its API. It publishes no limit of requests; its own clients send few at a time.
pub const CAPABILITIES: Capabilities =
    Capabilities { service: BackendType::Fastpix, title: "FastPix", kinds: &[KEYS], page: 50, per_second: 5, burst: 10 };

const KEYS: Ability = Ability {
    in_steps: false,
    kind: Kind::Credential,
    deeds: &[Deed::Create, Deed::Rotate, Deed::Remove],
    end: End::WhenPurged("every token that was signed with the key stops working at once"),
    absence: Absence::Gone,
    after_parts: &[],
    longest_name: usize::MAX,
    characters: "",
    allows: |_| true,
    requests: |deed| match deed {
        Deed::Create => 1,
        Deed::Rotate | Deed::Remove => 2,
        Deed::Adopt | Deed::Update => 0,
    },
};
