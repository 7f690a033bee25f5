use crate::api::Kind;
use crate::api::organization::BackendType;
use crate::plan::mirror::{Ability, Absence, Capabilities, End};
use crate::tenancy::Deed;

/// AAQ is run by whoever uses it: it is at no address of its own.
pub const HOSTS: &[&str] = &[];

/// What AAQ can do. It has no pages and says nothing about limits; the rate is one that a small installation bears.
pub static CAPABILITIES: Capabilities = Capabilities {
    service: BackendType::Aaq,
    title: "AAQ",
    kinds: &[WORKSPACE, MEMBERSHIP, API_KEY],
    page: 0,
    per_second: 10,
    burst: 20,
};

const WORKSPACE: Ability = Ability {
    kind: Kind::Workspace,
    deeds: &[Deed::Create, Deed::Adopt, Deed::Update],
    end: End::Never(
        "AAQ has no call that deletes a workspace, and whoever is in it keeps the access there; take its members out at AAQ, as far as AAQ lets you",
    ),
    absence: Absence::Hidden(
        "Muster's account is not an admin of it at AAQ, so it cannot be seen; have one of its admins add the account as an admin",
    ),
    in_steps: true,
    after_parts: &[],
    longest_name: usize::MAX,
    characters: "letters, digits, signs and spaces",
    allows: |character| !character.is_control(),
    requests: |deed| match deed {
        Deed::Create => 3,
        Deed::Adopt | Deed::Update | Deed::Rotate | Deed::Remove => 2,
    },
};

const MEMBERSHIP: Ability = Ability {
    kind: Kind::Membership,
    deeds: &[Deed::Create, Deed::Adopt, Deed::Update, Deed::Remove],
    end: End::WithObject,
    absence: Absence::Gone,
    in_steps: true,
    after_parts: &[],
    longest_name: usize::MAX,
    // It stands in an address, where AAQ takes every other / for a separator, however it is written.
    characters: "letters, digits, spaces and signs other than /",
    allows: |character| !character.is_control() && character != '/',
    requests: |deed| match deed {
        Deed::Create => 6,
        Deed::Adopt | Deed::Update | Deed::Rotate | Deed::Remove => 5,
    },
};

const API_KEY: Ability = Ability {
    kind: Kind::Credential,
    deeds: &[Deed::Create, Deed::Adopt, Deed::Update, Deed::Rotate],
    end: End::Never("AAQ has no call that ends an API key; to end it, have AAQ make another one that nobody keeps"),
    absence: Absence::Gone,
    in_steps: false,
    after_parts: &[],
    longest_name: usize::MAX,
    characters: "any",
    allows: |_| true,
    requests: |_| 4,
};
