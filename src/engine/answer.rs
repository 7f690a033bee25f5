use serde_json::json;

use super::apply::Apply;
use super::record::Record;
use crate::store::{Happened, Store, StoreError, Write};
use crate::tenancy::{Name, Row, Standing, World, members_with_email};

/// The answer to an invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Yes: the member is active from now on.
    Accept,
    /// No.
    Decline,
}

/// Why an answer was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// Nobody with this address is in the organization.
    #[error("{organization} has no member with the address {email}")]
    Unknown {
        /// The organization.
        organization: Name,
        /// The address.
        email: String,
    },
    /// Several members have this address.
    #[error("{organization} has several members with the address {email}: {}; remove all but one", list(.members))]
    Several {
        /// The organization.
        organization: Name,
        /// The address.
        email: String,
        /// The members.
        members: Vec<Name>,
    },
    /// The member has no open invitation.
    #[error("member/{member} of {organization} has no open invitation: the member is {standing}{hint}")]
    NotInvited {
        /// The organization.
        organization: Name,
        /// The member.
        member: Name,
        /// Where the member stands.
        standing: Standing,
        /// What to do about it.
        hint: &'static str,
    },
    /// Somebody else answers.
    #[error("{asker} does not answer for {email}: an invitation is accepted by whoever it is for")]
    NotPermitted {
        /// The e-mail address of who asks.
        asker: Box<str>,
        /// The address that was invited.
        email: String,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn list(members: &[Name]) -> String {
    members.iter().map(|name| format!("member/{name}")).collect::<Vec<_>>().join(", ")
}

/// Records the answer to an invitation, with history, and returns the name of the member. Where it is known who asks, it is the one
/// who was invited.
///
/// # Errors
///
/// When there is no open invitation or the store fails; nothing was written then.
pub async fn answer(
    store: &impl Store,
    organization: &Name,
    email: &str,
    answer: Answer,
    asker: Option<&str>,
    how: &Apply,
) -> Result<Name, AnswerError> {
    if let Some(asker) = asker.filter(|asker| !asker.eq_ignore_ascii_case(email)) {
        return Err(AnswerError::NotPermitted { asker: asker.into(), email: email.to_owned() });
    }
    let snapshot = store.observe(organization).await?;
    let world = World::new(&snapshot.rows, how.now);
    let unknown = || AnswerError::Unknown { organization: organization.clone(), email: email.to_owned() };
    let mut members: Vec<Name> = members_with_email(&world, email).cloned().collect();
    if members.len() > 1 {
        return Err(AnswerError::Several { organization: organization.clone(), email: email.to_owned(), members });
    }
    let name = members.pop().ok_or_else(unknown)?;
    let (item, view) = world.member(&name).ok_or_else(unknown)?;
    let standing = world.standing(item, view);
    if standing != Standing::Invited {
        let hint = match standing {
            Standing::Expired | Standing::Declined => "; raising spec.invitation invites again",
            _ => "",
        };
        return Err(AnswerError::NotInvited { organization: organization.clone(), member: name, standing, hint });
    }
    let row = Row {
        accepted_at: (answer == Answer::Accept).then_some(how.now),
        declined_at: (answer == Answer::Decline).then_some(how.now),
        ..item.row.clone()
    };
    let happened = if answer == Answer::Accept { Happened::Accepted } else { Happened::Declined };
    let mut record = Record::new(how, organization, None);
    record.push(row.key.clone(), row.id, happened, &json!({ "cause": "answer to the invitation" }));
    let batch = record.batch(&snapshot, vec![Write::Put(Box::new(row))]);
    store.commit(&batch).await?;
    Ok(name)
}
