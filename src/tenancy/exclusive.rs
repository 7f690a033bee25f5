use std::fmt;

use super::Key;
use super::view::View;
use crate::api::Kind;

/// What only one live object of an organization has, because it means that object to people or to a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exclusive {
    /// The e-mail address of a person, in lower case.
    Address(Box<str>),
    /// The name of a person's account: `spec.username`.
    Account(Box<str>),
    /// What a template, a `roles.muster.dev` or a membership type is called outside: `spec.name`, else the name of the object.
    Name {
        /// The kind of the object.
        kind: Kind,
        /// The workspace of a template, or the template of a `roles.muster.dev`.
        parent: Option<Key>,
        /// The name.
        name: Box<str>,
    },
    /// To be the default template of this workspace.
    Default(Key),
}

impl Exclusive {
    /// What this object alone may have.
    #[must_use]
    pub fn of(key: &Key, view: &View) -> Vec<Self> {
        let name = |parent: Option<Key>, name: Option<&str>| {
            let name = name.unwrap_or(&key.name).into();
            Self::Name { kind: key.kind, parent, name }
        };
        match view {
            View::Member(member) => {
                let account = member.username.clone().map(Self::Account);
                std::iter::once(Self::Address(member.email.to_ascii_lowercase().into())).chain(account).collect()
            }
            View::MembershipType(view) => vec![name(None, view.name.as_deref())],
            View::Role(role) => {
                vec![name(Some(Key::new(Kind::Template, role.template_ref.name.as_str())), role.name.as_deref())]
            }
            View::Template(template) => {
                let workspace = Key::new(Kind::Workspace, template.workspace_ref.name.as_str());
                let default = template.default.then(|| Self::Default(workspace.clone()));
                std::iter::once(name(Some(workspace), template.name.as_deref())).chain(default).collect()
            }
            _ => Vec::new(),
        }
    }

    /// What a workspace alone is called where the policy says that names are unique (`workspaces.names`).
    #[must_use]
    pub fn display_name(key: &Key, view: &View) -> Vec<Self> {
        match view {
            View::Workspace(workspace) => {
                let name = workspace.display_name.as_deref().unwrap_or(&key.name).into();
                vec![Self::Name { kind: key.kind, parent: None, name }]
            }
            _ => Vec::new(),
        }
    }

    /// The same where its workspace or template has another name now.
    #[must_use]
    pub fn within(self, now: impl FnOnce(&Key) -> Key) -> Self {
        match self {
            Self::Name { kind, parent, name } => Self::Name { kind, parent: parent.as_ref().map(now), name },
            Self::Default(workspace) => Self::Default(now(&workspace)),
            Self::Address(_) | Self::Account(_) => self,
        }
    }
}

impl fmt::Display for Exclusive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "has the address {address}"),
            Self::Account(name) => write!(f, "has the username {name}"),
            Self::Name { parent: Some(parent), name, .. } => write!(f, "has the name {name} in {parent}"),
            Self::Name { parent: None, name, .. } => write!(f, "has the name {name}"),
            Self::Default(workspace) => write!(f, "is the default template of {workspace}"),
        }
    }
}
