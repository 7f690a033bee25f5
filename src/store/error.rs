use std::error::Error;

use crate::tenancy::{Name, Revision};

/// What can go wrong with a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Somebody else wrote to the organization after the plan was made. Nothing was written.
    #[error(
        "organization {organization} changed since the plan was made (planned on revision {planned}, found {found}); nothing was written: plan again"
    )]
    Stale {
        /// The organization.
        organization: Name,
        /// The revision the plan was made on.
        planned: Revision,
        /// The revision the store has now.
        found: Revision,
    },
    /// There is no Muster schema in this database.
    #[error("{store} holds no Muster schema; `muster apply` creates it")]
    Missing {
        /// The store, without credentials.
        store: String,
    },
    /// The schema was written by a newer Muster.
    #[error("{store} has schema version {found}, newer than the {supported} this muster knows; use a newer muster")]
    Newer {
        /// The store, without credentials.
        store: String,
        /// The version in the database.
        found: i64,
        /// The version this program writes.
        supported: i64,
    },
    /// The schema was written by an older Muster, and this command only reads.
    #[error(
        "{store} has schema version {found}, older than the {supported} this muster reads; the next `muster apply` migrates it"
    )]
    Older {
        /// The store, without credentials.
        store: String,
        /// The version in the database.
        found: i64,
        /// The version this program reads.
        supported: i64,
    },
    /// The directory of the file does not exist.
    #[error("{store}: the directory {directory} does not exist; create it, or check the address of the store")]
    Directory {
        /// The store.
        store: String,
        /// The directory.
        directory: String,
    },
    /// The store's address cannot be used.
    #[error("cannot use the store address {url}: {reason}")]
    Address {
        /// The address, without credentials.
        url: String,
        /// What is wrong with it and what would be right.
        reason: String,
    },
    /// A value in the database cannot be read.
    #[error("{store} holds a value that Muster cannot read: {what}; nothing was written")]
    Unreadable {
        /// The store, without credentials.
        store: String,
        /// Which value, where.
        what: String,
    },
    /// Two rows would have the same kind and name, or an id that another organization has.
    #[error("{store}: two objects would have one name or id ({what}); nothing was written: plan again")]
    Taken {
        /// The store, without credentials.
        store: String,
        /// Which, as far as the database says.
        what: String,
    },
    /// The history goes on after the last entry that Muster wrote.
    #[error("{store}: the history has entries that no apply wrote; nothing was written: `muster history verify` names the first")]
    History {
        /// The store, without credentials.
        store: String,
    },
    /// The database refused, was busy for too long, was full or could not be reached. Nothing was written.
    #[error("{store}: {doing} failed; nothing was written{hint}")]
    Database {
        /// The store, without credentials.
        store: String,
        /// What was being done.
        doing: &'static str,
        /// What to do about it, beginning with `: `; empty where there is nothing to say.
        hint: &'static str,
        /// The database's own message.
        #[source]
        source: sqlx::Error,
    },
    /// The connection broke while a commit was under way: the batch is in the store whole, or not at all.
    #[error(
        "{store}: the connection broke while the commit was under way, so the batch is either whole in the store or not at all; plan again to see which"
    )]
    Unknown {
        /// The store, without credentials.
        store: String,
        /// The database's own message.
        #[source]
        source: sqlx::Error,
    },
}

/// An error with everything that caused it, in one line, nothing twice: the message of a database's error often has its cause in it.
#[must_use]
pub fn in_one_line(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("{text}")]
        struct Layer {
            text: &'static str,
            source: Option<Box<Layer>>,
        }
        let inner = Layer { text: "(code: 14) no", source: None };
        let middle = Layer { text: "from the database: (code: 14) no", source: Some(Box::new(inner)) };
        let outer = Layer { text: "it failed", source: Some(Box::new(middle)) };
        assert_eq!(in_one_line(&outer), "it failed: from the database: (code: 14) no");
    }
}
