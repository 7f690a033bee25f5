//! The permissions there are.

use super::types::choice;

choice! {
    /// What somebody may do with a resource. A membership type is a set of them.
    pub enum Verb {
        /// See the organization and its settings.
        OrganizationRead = "organization:read",
        /// Change the settings of the organization.
        OrganizationWrite = "organization:write",
        /// See who is a member.
        MembersRead = "members:read",
        /// Add, change and remove members. Who has it in a place is an admin of that place.
        MembersWrite = "members:write",
        /// Create workspaces.
        WorkspaceCreate = "workspace:create",
        /// See a workspace and its settings.
        WorkspaceRead = "workspace:read",
        /// Change the settings of a workspace.
        WorkspaceUpdate = "workspace:update",
        /// Delete a workspace, where no rule forbids it.
        WorkspaceDelete = "workspace:delete",
        /// Bring a soft-deleted workspace back.
        WorkspaceRestore = "workspace:restore",
        /// See keys, SIP credentials and webhooks.
        DeveloperRead = "developer:read",
        /// Change keys, SIP credentials and webhooks.
        DeveloperWrite = "developer:write",
        /// Replace the API key of a workspace.
        ApiKeyRotate = "apiKey:rotate",
        /// List signing keys.
        SigningKeysRead = "signingKeys:read",
        /// Create signing keys.
        SigningKeysCreate = "signingKeys:create",
        /// Delete signing keys, which ends every token signed with them.
        SigningKeysDelete = "signingKeys:delete",
        /// List access tokens.
        AccessTokensRead = "accessTokens:read",
        /// Create access tokens.
        AccessTokensCreate = "accessTokens:create",
        /// Revoke access tokens.
        AccessTokensRevoke = "accessTokens:revoke",
        /// See templates and their roles.
        TemplatesRead = "templates:read",
        /// Create and change templates and their roles.
        TemplatesWrite = "templates:write",
        /// Delete templates and their roles.
        TemplatesDelete = "templates:delete",
        /// See rooms.
        RoomsRead = "rooms:read",
        /// Create and change rooms.
        RoomsWrite = "rooms:write",
        /// Delete rooms.
        RoomsDelete = "rooms:delete",
        /// See the sessions that took place in rooms.
        SessionsRead = "sessions:read",
        /// See content.
        ContentRead = "content:read",
        /// Add, change and remove content.
        ContentWrite = "content:write",
        /// See media.
        MediaRead = "media:read",
        /// Upload media.
        MediaCreate = "media:create",
        /// Change media.
        MediaUpdate = "media:update",
        /// Delete media.
        MediaDelete = "media:delete",
        /// See live streams.
        LiveStreamsRead = "liveStreams:read",
        /// Start live streams.
        LiveStreamsCreate = "liveStreams:create",
        /// Delete live streams.
        LiveStreamsDelete = "liveStreams:delete",
        /// Use operations that cost extra.
        CostlyUse = "costly:use",
    }
}

impl Verb {
    /// What the permission is about, for example `workspace`.
    #[must_use]
    pub fn resource(self) -> &'static str {
        self.as_str().split_once(':').map_or("", |(resource, _)| resource)
    }

    /// What may be done with it, for example `delete`.
    #[must_use]
    pub fn action(self) -> &'static str {
        self.as_str().split_once(':').map_or("", |(_, action)| action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_is_a_resource_and_an_action() {
        for verb in Verb::ALL {
            assert_eq!(format!("{}:{}", verb.resource(), verb.action()), verb.as_str());
            assert_eq!(Verb::parse(verb.as_str()), Some(*verb));
        }
        assert_eq!(Verb::ALL.len(), 35);
    }
}
