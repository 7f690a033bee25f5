-- What other services read. Columns are only ever added. `docs/store.md` describes them.

CREATE INDEX members_by_email ON objects (spec ->> 'email', organization) WHERE kind = 'Member';
CREATE INDEX memberships_by_member ON objects (organization, member) WHERE kind = 'Membership';
CREATE INDEX memberships_by_place ON objects (organization, place, level) WHERE kind = 'Membership';
CREATE INDEX templates_by_workspace ON objects (organization, spec ->> '$.workspaceRef.name') WHERE kind = 'Template';
CREATE INDEX roles_by_template ON objects (organization, spec ->> '$.templateRef.name') WHERE kind = 'Role';

CREATE VIEW workspaces AS
SELECT organization,
       name,
       id,
       COALESCE(spec ->> 'displayName', name) AS display_name,
       spec ->> '$.projectRef.name' AS project,
       spec ->> 'type' AS type,
       spec ->> 'scope' AS scope,
       spec ->> 'owner' AS owner,
       spec ->> 'dataResidency' AS residency,
       COALESCE(spec ->> 'hipaa' = 1, FALSE) AS hipaa,
       COALESCE(spec ->> 'default' = 1, FALSE) AS is_default,
       COALESCE(spec ->> 'deletionProtection' = 1, FALSE) AS deletion_protection,
       CASE json_type(spec, '$.quotas.apiDaily') WHEN 'integer' THEN spec ->> '$.quotas.apiDaily' END AS quota_api_daily,
       CASE json_type(spec, '$.quotas.content') WHEN 'integer' THEN spec ->> '$.quotas.content' END AS quota_content,
       spec ->> 'language' AS language,
       CAST(NULL AS TEXT) AS api_key_prefix,
       external_id,
       created_at
FROM objects
WHERE kind = 'Workspace' AND tombstone IS NULL;

CREATE VIEW members AS
SELECT organization,
       name,
       id,
       spec ->> 'email' AS email,
       COALESCE(spec ->> 'username', spec ->> 'email') AS username,
       COALESCE(spec ->> 'displayName', name) AS display_name,
       spec ->> 'role' AS role,
       spec -> 'roles' AS roles,
       COALESCE(spec ->> 'disabled' = 1, FALSE) AS disabled,
       CASE
           WHEN spec ->> 'disabled' = 1 THEN 'Disabled'
           WHEN declined_at IS NOT NULL THEN 'Declined'
           WHEN accepted_at IS NULL THEN 'Invited'
           ELSE 'Active'
       END AS state,
       invited_at,
       accepted_at,
       declined_at,
       spec ->> 'defaultWorkspace' AS default_workspace,
       external_id,
       created_at
FROM objects
WHERE kind = 'Member' AND tombstone IS NULL;

CREATE VIEW memberships AS
SELECT objects.organization,
       objects.member,
       members.email,
       objects.level,
       objects.place,
       objects.id,
       objects.spec ->> 'role' AS role,
       objects.spec -> 'roles' AS roles,
       objects.spec ->> 'expiresAt' AS expires_at,
       CASE
           WHEN objects.ended_at IS NOT NULL THEN 'Expired'
           -- What is not a time counts as passed.
           WHEN objects.spec ->> 'expiresAt' IS NOT NULL
               AND COALESCE(julianday(objects.spec ->> 'expiresAt') <= julianday('now'), TRUE) THEN 'Expired'
           ELSE members.state
       END AS state,
       COALESCE(objects.level = 'workspace' AND objects.place = members.default_workspace, FALSE) AS default_workspace,
       objects.created_at
FROM objects
JOIN members ON members.organization = objects.organization AND members.name = objects.member
WHERE objects.kind = 'Membership' AND objects.tombstone IS NULL;

CREATE VIEW templates AS
SELECT organization,
       name,
       id,
       spec ->> '$.workspaceRef.name' AS workspace,
       COALESCE(spec ->> 'name', name) AS display_name,
       COALESCE(spec ->> 'default' = 1, FALSE) AS is_default,
       external_id,
       created_at
FROM objects
WHERE kind = 'Template' AND tombstone IS NULL;

CREATE VIEW roles AS
SELECT organization,
       name,
       id,
       spec ->> '$.templateRef.name' AS template,
       COALESCE(spec ->> 'name', name) AS display_name,
       CASE json_type(spec, '$.priority') WHEN 'integer' THEN spec ->> '$.priority' END AS priority,
       external_id,
       created_at
FROM objects
WHERE kind = 'Role' AND tombstone IS NULL;

-- The answer to an invitation is the one thing that other services may write, through the view.
CREATE TRIGGER members_accepted INSTEAD OF UPDATE OF accepted_at ON members
BEGIN
    SELECT RAISE(ABORT, 'of members only accepted_at and declined_at can be written')
    WHERE (NEW.organization, NEW.name, NEW.id, NEW.email, NEW.username, NEW.display_name, NEW.role, NEW.roles, NEW.disabled)
        IS NOT (OLD.organization, OLD.name, OLD.id, OLD.email, OLD.username, OLD.display_name, OLD.role, OLD.roles, OLD.disabled)
        OR (NEW.state, NEW.invited_at, NEW.default_workspace, NEW.external_id, NEW.created_at)
        IS NOT (OLD.state, OLD.invited_at, OLD.default_workspace, OLD.external_id, OLD.created_at);
    SELECT RAISE(ABORT, 'accepted_at takes a time such as 2027-01-31T12:00:00Z, or NULL')
    WHERE NEW.accepted_at IS NOT NULL AND strftime('%s', NEW.accepted_at) IS NULL;
    UPDATE objects
    SET accepted_at = strftime('%Y-%m-%dT%H:%M:%fZ', NEW.accepted_at),
        declined_at = CASE WHEN NEW.accepted_at IS NULL THEN declined_at END
    WHERE id = NEW.id;
END;

CREATE TRIGGER members_declined INSTEAD OF UPDATE OF declined_at ON members
BEGIN
    SELECT RAISE(ABORT, 'of members only accepted_at and declined_at can be written')
    WHERE (NEW.organization, NEW.name, NEW.id, NEW.email, NEW.username, NEW.display_name, NEW.role, NEW.roles, NEW.disabled)
        IS NOT (OLD.organization, OLD.name, OLD.id, OLD.email, OLD.username, OLD.display_name, OLD.role, OLD.roles, OLD.disabled)
        OR (NEW.state, NEW.invited_at, NEW.default_workspace, NEW.external_id, NEW.created_at)
        IS NOT (OLD.state, OLD.invited_at, OLD.default_workspace, OLD.external_id, OLD.created_at);
    SELECT RAISE(ABORT, 'declined_at takes a time such as 2027-01-31T12:00:00Z, or NULL')
    WHERE NEW.declined_at IS NOT NULL AND strftime('%s', NEW.declined_at) IS NULL;
    UPDATE objects
    SET declined_at = strftime('%Y-%m-%dT%H:%M:%fZ', NEW.declined_at),
        accepted_at = CASE WHEN NEW.declined_at IS NULL THEN accepted_at END
    WHERE id = NEW.id;
END;
