use super::{Key, Name, World, access};
use crate::api::policy::MemberVisibility;
use crate::api::{Kind, Verb};

/// What one person may see of an organization. It narrows what is shown and is no authentication: whoever reads the store sees all
/// of it.
#[derive(Debug)]
pub struct Viewer<'w> {
    world: &'w World<'w>,
    members: Vec<&'w Name>,
}

impl<'w> Viewer<'w> {
    /// The person with this address; somebody without any sees nothing.
    #[must_use]
    pub fn new(world: &'w World<'w>, email: &'w str) -> Self {
        Self { world, members: super::members_with_email(world, email).collect() }
    }

    /// Places that the viewer has no access to are not there for the viewer (`KeyRunner`, Workspaces: users retrieve the workspaces
    /// they are part of; AAQ, Introducing Workspaces: zero visibility into another one).
    #[must_use]
    pub fn sees_place(&self, place: &Key) -> bool {
        self.members.iter().any(|viewer| !access(self.world, viewer, place).is_empty())
    }

    /// Whether the viewer sees that somebody is in a place: who looks at himself does, and else whom `visibility.members` says. Who is
    /// not in it is not seen from there.
    #[must_use]
    pub fn sees_member(&self, member: &Name, place: &Key) -> bool {
        let needs = match self.world.policy.member_visibility {
            MemberVisibility::AdminsAndSelf => Verb::MembersWrite,
            MemberVisibility::AllMembers => Verb::MembersRead,
        };
        let sees_all = |viewer: &&&Name| access(self.world, viewer, place).contains_key(&needs);
        let others = || self.is_in(member, place) && self.members.iter().any(|viewer| sees_all(&viewer));
        self.sees_place(place) && (self.members.contains(&member) || others())
    }

    fn is_in(&self, member: &Name, place: &Key) -> bool {
        place.kind == Kind::Organization
            || self.world.memberships(member).any(|(_, given, _)| given == *place)
            || !access(self.world, member, place).is_empty()
    }
}
