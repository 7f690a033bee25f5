//! How a plan is told: as text for people, as JSON for programs, as Markdown for a pull request.
//!
//! Everything here is a pure function of plans. Whatever came from a file or a store is escaped for the place it is printed
//! in, so that no name can move a cursor, close a code fence or mention somebody. Nothing here decides anything, and it must
//! not import a store, a source or a front door.

mod access;
#[cfg(test)]
pub(super) mod fixture;
pub mod json;
mod lines;
mod markdown;
mod mirror;
mod page;
mod paint;
mod service;
mod summary;
mod text;
mod value;

pub use access::access_sentences;
pub use json::json;
pub use lines::fields_on_one_line;
pub use markdown::{DEFAULT_BUDGET, code, markdown, markdown_of_applied, prose};
pub use mirror::{CallResult, effort, fields_found as fields_found_at_service, mirror, mirror_tells, place};
pub use paint::{Colour, Paint};
pub use summary::{past, plural, summary, summary_of_applied};
pub use text::{applied, text};
pub use value::{inline, safe, without_secrets};

use crate::tenancy::Key;

/// What to show of a plan. It changes what is printed, never what is planned.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Whether text is coloured.
    pub colour: Colour,
    /// How much is shown.
    pub detail: Detail,
    /// Where it is not empty, only these objects are shown, with their parts and memberships.
    pub only: Vec<Key>,
}

/// How much of a plan is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// One line for each object, without its fields.
    Concise,
    /// Fields too; long lists are folded with a count.
    #[default]
    Normal,
    /// Everything, however long.
    Full,
}

impl Options {
    /// Without colours, with the usual detail, and all of it.
    #[must_use]
    pub fn plain() -> Self {
        Self::default()
    }

    fn shows(&self, key: &Key, root: Option<&Key>) -> bool {
        let is_about = |only: &Key| {
            only == key
                || root == Some(only)
                || key.member_and_place().is_some_and(|(member, place)| place == *only || is_member(only, member))
        };
        self.only.is_empty() || self.only.iter().any(is_about)
    }
}

fn is_member(key: &Key, member: &str) -> bool {
    key.kind == crate::api::Kind::Member && key.name == *member
}

#[cfg(test)]
mod tests {
    use super::fixture::key;
    use super::*;

    #[test]
    fn a_membership_is_shown_with_its_member_and_with_its_place() {
        let membership = key("membership/bob/workspace/design");
        let shows = |only: &str| Options { only: vec![key(only)], ..Options::plain() }.shows(&membership, None);
        assert!(shows("member/bob") && shows("workspace/design"));
        assert!(!shows("member/design") && !shows("workspace/bob") && !shows("project/bob"));
    }
}
