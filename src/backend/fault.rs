//! What a call to a service can end with, when it did not end well.

use std::borrow::Cow;

/// Why a call to a service failed. It holds words of ours and status codes, never a text of the service, so that it may go
/// into logs, plans and the status of objects.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The service was not reached, or did not do what it was asked.
    #[error("the service cannot be used now: {why}; nothing was changed there, try again later")]
    Unavailable {
        /// What happened.
        why: Cow<'static, str>,
    },
    /// Nothing answers at the address of the service, or it wants to be left alone: everything else would end like this, so the run gives
    /// the address up.
    #[error(
        "the service cannot be used now: {why}; it is not asked for anything else in this run, and nothing was changed there; try \
         again later"
    )]
    Unreachable {
        /// What happened.
        why: Cow<'static, str>,
    },
    /// A change was sent and its answer lost: it may have been made. Look before sending anything again.
    #[error(
        "the answer of the service was lost: {why}; the change may have been made, and the next run looks before it sends anything"
    )]
    Unknown {
        /// What happened.
        why: Cow<'static, str>,
    },
    /// The service does not accept the credentials, or they do not have the right.
    #[error(
        "the service does not accept the credentials for this (status {status}); check the Secret that they come from, and what \
         they are allowed there"
    )]
    Denied {
        /// 401 or 403.
        status: u16,
    },
    /// The service does not know the object.
    #[error(
        "the service does not know the object (status 404): it was removed there, or the address is not that of the service; plan again"
    )]
    Missing,
    /// The service says no.
    #[error("the service refuses it (status {status}): {why}; change the object, or what stands in its way there")]
    Refused {
        /// The status code.
        status: u16,
        /// What that means, as far as it is known.
        why: Cow<'static, str>,
    },
    /// What the service answered cannot be used.
    #[error("the answer of the service cannot be used: {why}; check that the address is that of the service")]
    Unreadable {
        /// What is wrong with it.
        why: Cow<'static, str>,
    },
    /// The call must not be made. Nothing was sent.
    #[error("{host} is not called: {why}")]
    Forbidden {
        /// The host that was to be called.
        host: Box<str>,
        /// Why not, and what to do.
        why: Cow<'static, str>,
    },
    /// The change must not be made, for a reason that Muster has. Nothing was sent, and other changes are not concerned.
    #[error("nothing was sent: {why}")]
    Withheld {
        /// Why not, and what to do.
        why: Cow<'static, str>,
    },
}

impl Fault {
    /// [`Fault::Withheld`] in these words.
    pub fn withheld(why: impl Into<Cow<'static, str>>) -> Self {
        Self::Withheld { why: why.into() }
    }

    /// [`Fault::Unavailable`] in these words.
    pub fn unavailable(why: impl Into<Cow<'static, str>>) -> Self {
        Self::Unavailable { why: why.into() }
    }

    /// [`Fault::Unreachable`] in these words.
    pub fn unreachable(why: impl Into<Cow<'static, str>>) -> Self {
        Self::Unreachable { why: why.into() }
    }

    /// [`Fault::Unknown`] in these words.
    pub fn unknown(why: impl Into<Cow<'static, str>>) -> Self {
        Self::Unknown { why: why.into() }
    }

    /// [`Fault::Refused`] in these words, which must be ours.
    pub fn refused(status: u16, why: impl Into<Cow<'static, str>>) -> Self {
        Self::Refused { status, why: why.into() }
    }

    /// [`Fault::Unreadable`] in these words, which must be ours.
    pub fn unreadable(why: impl Into<Cow<'static, str>>) -> Self {
        Self::Unreadable { why: why.into() }
    }

    /// What a status code means that is not a success.
    #[must_use]
    pub fn of_status(status: u16) -> Self {
        match status {
            401 | 403 => Self::Denied { status },
            404 => Self::Missing,
            408 => Self::unavailable("it waited too long for the request (status 408)"),
            429 => Self::unreachable("it asks for fewer requests (status 429)"),
            405 | 501 => Self::refused(status, "it has no such operation"),
            300..=399 => Self::refused(status, "it sends elsewhere, which is not followed"),
            500.. => Self::unavailable(format!("it fails (status {status})")),
            409 => Self::refused(status, "it is in conflict with what is there"),
            400 | 422 => Self::refused(status, "it does not accept these values"),
            _ => Self::refused(status, "it does not say why in a way that is known"),
        }
    }

    /// Whether the same call may succeed later with nobody having changed anything. After [`Fault::Unknown`] one has to look
    /// first.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Unreachable { .. } | Self::Unknown { .. } => true,
            Self::Denied { .. }
            | Self::Missing
            | Self::Refused { .. }
            | Self::Unreadable { .. }
            | Self::Forbidden { .. }
            | Self::Withheld { .. } => false,
        }
    }

    /// Whether it is certain that the call changed nothing.
    #[must_use]
    pub fn changed_nothing(&self) -> bool {
        !matches!(self, Self::Unknown { .. })
    }

    /// One word for metrics and events.
    #[must_use]
    pub fn category(&self) -> &'static str {
        match self {
            Self::Unavailable { .. } => "unavailable",
            Self::Unreachable { .. } => "unreachable",
            Self::Unknown { .. } => "unknown",
            Self::Denied { .. } => "denied",
            Self::Missing => "missing",
            Self::Refused { .. } => "refused",
            Self::Unreadable { .. } => "unreadable",
            Self::Forbidden { .. } => "forbidden",
            Self::Withheld { .. } => "withheld",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_what_can_be_done_about_it() {
        let category = |status| Fault::of_status(status).category();
        assert_eq!([401, 403, 404, 429].map(category), ["denied", "denied", "missing", "unreachable"]);
        assert_eq!([307, 400, 405, 409, 418, 422, 501].map(category), ["refused"; 7]);
        assert_eq!([408, 500, 502, 503, 504, 599].map(category), ["unavailable"; 6]);
    }

    #[test]
    fn only_what_may_pass_by_itself_is_tried_again() {
        assert!(Fault::of_status(503).retryable() && Fault::unknown("the connection ended").retryable());
        assert!([401, 404, 409, 422].into_iter().all(|status| !Fault::of_status(status).retryable()));
        assert!(!Fault::unreadable("it is not JSON").retryable());
    }

    #[test]
    fn only_a_lost_answer_leaves_a_doubt() {
        assert!(!Fault::unknown("the connection ended").changed_nothing());
        assert!(Fault::of_status(503).changed_nothing() && Fault::of_status(422).changed_nothing());
    }

    #[test]
    fn every_sentence_says_what_to_do() {
        let fault = Fault::Denied { status: 403 };
        assert_eq!(
            fault.to_string(),
            "the service does not accept the credentials for this (status 403); check the Secret that they come from, and what they \
             are allowed there"
        );
        let fault = Fault::refused(422, "a role of this name is there already");
        assert_eq!(
            fault.to_string(),
            "the service refuses it (status 422): a role of this name is there already; change the object, or what stands in its way \
             there"
        );
    }
}
