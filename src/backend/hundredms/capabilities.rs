use crate::api::Kind;
use crate::api::organization::BackendType;
use crate::plan::mirror::{Ability, Absence, Capabilities, End};
use crate::tenancy::Deed;

/// Where its API is: V2 and V1.
pub const HOSTS: &[&str] = &["api.100ms.live", "prod-policy.100ms.live"];

/// What V2 can do.
pub static V2: Capabilities = Capabilities {
    service: BackendType::Hundredms,
    title: "100ms",
    kinds: &[
        Ability { in_steps: true, characters: "letters, digits, spaces, '.', '-', ':' and '_'", allows: named_v2, ..TEMPLATE },
        ROLE,
    ],
    page: 100,
    // It publishes no limit. This is what the calls of the rooms API are known to bear.
    per_second: 5,
    burst: 10,
};

/// What V1 can do.
pub static V1: Capabilities = Capabilities {
    service: BackendType::Hundredms,
    title: "100ms",
    kinds: &[TEMPLATE, ROLE],
    page: 20,
    per_second: 5,
    burst: 10,
};

const TEMPLATE: Ability = Ability {
    in_steps: false,
    kind: Kind::Template,
    deeds: &[Deed::Create, Deed::Adopt, Deed::Update],
    end: End::Never("100ms has no call that deletes a template: delete it in the dashboard, if nobody uses it"),
    absence: Absence::Gone,
    after_parts: &["recordings"],
    longest_name: 128,
    characters: "letters, digits, '.', '-', ':' and '_'",
    allows: named_v1,
    requests: template_requests,
};

const ROLE: Ability = Ability {
    in_steps: false,
    kind: Kind::Role,
    deeds: &[Deed::Create, Deed::Adopt, Deed::Update, Deed::Remove],
    end: End::WithObject,
    absence: Absence::Gone,
    after_parts: &[],
    longest_name: 128,
    characters: "",
    allows: |_| true,
    requests: |_| 2,
};

const fn named_v1(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '-' | ':' | '_')
}

const fn named_v2(character: char) -> bool {
    named_v1(character) || character == ' '
}

/// The look, with the recordings, which are read by themselves; the same again before a write, for what a look leaves out; and one
/// write for each part.
const fn template_requests(deed: Deed) -> u32 {
    match deed {
        Deed::Create => 3,
        Deed::Adopt | Deed::Update | Deed::Rotate | Deed::Remove => 6,
    }
}
