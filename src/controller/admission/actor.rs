use serde_json::Value;

use super::request::User;
use crate::api::{Kind, organization::Administrators};
use crate::tenancy::view::View;
use crate::tenancy::{Key, Row, Snapshot};

/// Who a user of Kubernetes is to an organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Whoever may do what the policy allows: those whom `spec.administrators` lists; where it is left out, everybody whom the API server
    /// admits and the organization does not know as a member.
    Automation,
    /// The members with this address, whose roles bound what may change.
    Member(Box<str>),
    /// Nobody that the organization knows, where it says who its administrators are.
    Stranger,
}

impl Actor {
    /// Who somebody is, as stored. A member counts by the e-mail address as the name of the user, with or without the prefix that the
    /// API server puts before the names of an OIDC issuer; one that was deleted or locked out is still known.
    #[must_use]
    pub fn of(user: &User, snapshot: &Snapshot, oidc_prefix: Option<&str>) -> Self {
        let administrators = administrators(snapshot);
        if administrators.as_ref().is_some_and(|administrators| lists(administrators, user)) {
            return Self::Automation;
        }
        let stripped = oidc_prefix.and_then(|prefix| user.name.strip_prefix(prefix));
        let names = stripped.into_iter().chain([user.name.as_str()]);
        match (names.into_iter().find(|name| is_address(snapshot, name)), administrators) {
            (Some(email), _) => Self::Member(email.into()),
            (None, Some(_)) => Self::Stranger,
            (None, None) => Self::Automation,
        }
    }
}

/// Whom the organization lists, as stored, whatever else its spec says. Who they are may be written in a way that only a later version
/// reads: then nobody is known to be one.
fn administrators(snapshot: &Snapshot) -> Option<Administrators> {
    let row = snapshot.row(&Key::new(Kind::Organization, snapshot.organization.clone()))?;
    let Ok(spec) = serde_json::from_str::<Value>(&row.spec) else { return Some(Administrators::default()) };
    let written = spec.get("administrators").filter(|written| !written.is_null())?;
    Some(serde_json::from_value(written.clone()).unwrap_or_default())
}

fn lists(administrators: &Administrators, user: &User) -> bool {
    let Administrators { users, groups, service_accounts } = administrators;
    let account = user.name.strip_prefix("system:serviceaccount:");
    users.iter().flat_map(|users| users.iter()).any(|name| name.as_str() == user.name)
        || groups.iter().flat_map(|groups| groups.iter()).any(|name| user.groups.iter().any(|group| name.as_str() == group))
        || service_accounts.iter().flat_map(|accounts| accounts.iter()).any(|name| Some(name.as_str()) == account)
}

fn is_address(snapshot: &Snapshot, name: &str) -> bool {
    let is_it = |row: &Row| match View::read(Kind::Member, &row.spec) {
        View::Member(member) => member.email.eq_ignore_ascii_case(name),
        _ => false,
    };
    name.contains('@') && snapshot.rows.iter().filter(|row| row.key.kind == Kind::Member).any(is_it)
}
