use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An emergency, written as `muster.dev/break-glass: TICKET until TIME` on an Organization: until then, the rules that it may override
/// do not refuse. It has a ticket, which the history keeps, and an end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreakGlass {
    /// What says why, such as `INC-42`.
    pub ticket: Box<str>,
    /// When it is over.
    pub until: Timestamp,
}

impl BreakGlass {
    /// Reads `INC-42 until 2026-03-01T12:00:00Z`; `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (ticket, until) = text.trim().rsplit_once(" until ")?;
        let ticket = ticket.trim();
        (!ticket.is_empty()).then_some(Self { ticket: ticket.into(), until: until.trim().parse().ok()? })
    }

    /// True until its end.
    #[must_use]
    pub fn is_open(&self, now: Timestamp) -> bool {
        now < self.until
    }
}

impl fmt::Display for BreakGlass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} until {}", self.ticket, self.until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_and_an_end_are_read() {
        let read = BreakGlass::parse(" INC-42, database gone until 2026-03-01T12:00:00Z ").unwrap();
        assert_eq!((&*read.ticket, read.until.to_string().as_str()), ("INC-42, database gone", "2026-03-01T12:00:00Z"));
        assert_eq!(BreakGlass::parse(&read.to_string()), Some(read.clone()));
        assert!(read.is_open("2026-03-01T11:59:59Z".parse().unwrap()) && !read.is_open(read.until));
    }

    #[test]
    fn what_has_no_ticket_or_no_end_is_not_read() {
        for text in ["", "INC-42", "until 2026-03-01T12:00:00Z", "  until 2026-03-01T12:00:00Z", "INC-42 until tomorrow"] {
            assert_eq!(BreakGlass::parse(text), None, "{text}");
        }
    }
}
