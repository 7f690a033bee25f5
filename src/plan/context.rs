use jiff::Timestamp;

use crate::tenancy::{Digest, Manager};

/// What a plan depends on beside the desired and the observed state.
#[derive(Clone, Debug)]
pub struct Context {
    /// The moment that dates are compared with.
    pub now: Timestamp,
    /// The moment at which the store was read: before `now` where a plan says what time alone will do until then.
    pub observed_at: Timestamp,
    /// Who plans: objects of other managers are not touched.
    pub manager: Manager,
    /// Who asked for it, for tombstones and history.
    pub actor: Box<str>,
    /// The e-mail address of the person who asks, whose rights then bound what may change; `None` for the organization's automation,
    /// which may do whatever the policy allows.
    pub asker: Option<Box<str>>,
    /// Whether what is managed but no longer in the input is removed.
    pub prune: bool,
    /// Whether an input without any object may remove everything.
    pub allow_empty: bool,
    /// Digests of removals that were approved.
    pub approved: Vec<Digest>,
    /// Bounds on removals that are tighter than the policy's.
    pub tightened: Tightened,
}

/// Bounds that the operator sets for one run. They only ever tighten what the policy says.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tightened {
    /// The most removals of any kind.
    pub max_removals: Option<usize>,
    /// The most removals of any kind in percent of its objects, counted from the first object.
    pub max_removals_percent: Option<i64>,
}
