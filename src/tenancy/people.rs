use std::fmt;

use jiff::{Timestamp, ToSpan};
use serde::{Deserialize, Serialize};

use super::view::MemberView;
use super::{Policy, Row};
use crate::api::policy::InvitationMode;

/// Where a member stands. The state lives in the store, never in the spec.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Standing {
    /// Was invited and has not answered; has no access yet.
    Invited,
    /// Takes part.
    Active,
    /// The invitation ended without an answer; raising `spec.invitation` invites again.
    Expired,
    /// Said no to the invitation.
    Declined,
    /// Is locked out by `spec.disabled`; nothing is lost.
    Disabled,
    /// Was soft-deleted.
    Removed,
}

impl Standing {
    /// True while an invitation is open.
    #[must_use]
    pub fn is_pending(self) -> bool {
        self == Self::Invited
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// Where the member of this row stands at this moment.
#[must_use]
pub fn standing(row: &Row, member: &MemberView, policy: &Policy, now: Timestamp) -> Standing {
    if !row.is_live() {
        Standing::Removed
    } else if member.disabled {
        Standing::Disabled
    } else if row.declined_at.is_some() {
        Standing::Declined
    } else if row.accepted_at.is_some() || policy.invitations.mode == InvitationMode::Direct {
        Standing::Active
    } else if invitation_ends(row, policy).is_some_and(|end| end <= now) {
        Standing::Expired
    } else {
        Standing::Invited
    }
}

/// When the open invitation of a member ends; `None` for one that does not end.
#[must_use]
pub fn invitation_ends(row: &Row, policy: &Policy) -> Option<Timestamp> {
    let days = policy.invitations.expiry_days?;
    row.invited_at.and_then(|invited| invited.checked_add((24 * days).hours()).ok())
}
