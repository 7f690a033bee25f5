-- What other services read. Columns are only ever added. `docs/store.md` describes them.

CREATE INDEX members_by_email ON objects ((spec ->> 'email'), organization) WHERE kind = 'Member';
CREATE INDEX memberships_by_member ON objects (organization, member) WHERE kind = 'Membership';
CREATE INDEX memberships_by_place ON objects (organization, place, level) WHERE kind = 'Membership';
CREATE INDEX templates_by_workspace ON objects (organization, (spec #>> '{workspaceRef,name}')) WHERE kind = 'Template';
CREATE INDEX roles_by_template ON objects (organization, (spec #>> '{templateRef,name}')) WHERE kind = 'Role';

-- A number as it can stand in a column: anything else is NULL, and what is too big is the biggest.
CREATE FUNCTION muster_number(value jsonb) RETURNS bigint LANGUAGE sql IMMUTABLE
RETURN CASE jsonb_typeof(value)
           WHEN 'number' THEN GREATEST(LEAST((value #>> '{}')::numeric, 9223372036854775807), -9223372036854775808)::bigint
       END;

-- A time in the text of a spec. What is not a time counts as long past.
CREATE FUNCTION muster_time(value text) RETURNS timestamptz LANGUAGE plpgsql STABLE STRICT AS $$
BEGIN
    RETURN value::timestamptz;
EXCEPTION WHEN data_exception THEN
    RETURN '-infinity';
END $$;

CREATE VIEW workspaces AS
SELECT organization,
       name,
       id,
       COALESCE(spec ->> 'displayName', name) AS display_name,
       spec #>> '{projectRef,name}' AS project,
       spec ->> 'type' AS type,
       spec ->> 'scope' AS scope,
       spec ->> 'owner' AS owner,
       spec ->> 'dataResidency' AS residency,
       COALESCE(spec -> 'hipaa' = 'true', FALSE) AS hipaa,
       COALESCE(spec -> 'default' = 'true', FALSE) AS is_default,
       COALESCE(spec -> 'deletionProtection' = 'true', FALSE) AS deletion_protection,
       muster_number(spec #> '{quotas,apiDaily}') AS quota_api_daily,
       muster_number(spec #> '{quotas,content}') AS quota_content,
       spec ->> 'language' AS language,
       NULL::text AS api_key_prefix,
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
       COALESCE(spec -> 'disabled' = 'true', FALSE) AS disabled,
       CASE
           WHEN spec -> 'disabled' = 'true' THEN 'Disabled'
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
       muster_time(objects.spec ->> 'expiresAt') AS expires_at,
       CASE
           WHEN objects.ended_at IS NOT NULL THEN 'Expired'
           WHEN muster_time(objects.spec ->> 'expiresAt') <= now() THEN 'Expired'
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
       spec #>> '{workspaceRef,name}' AS workspace,
       COALESCE(spec ->> 'name', name) AS display_name,
       COALESCE(spec -> 'default' = 'true', FALSE) AS is_default,
       external_id,
       created_at
FROM objects
WHERE kind = 'Template' AND tombstone IS NULL;

CREATE VIEW roles AS
SELECT organization,
       name,
       id,
       spec #>> '{templateRef,name}' AS template,
       COALESCE(spec ->> 'name', name) AS display_name,
       muster_number(spec -> 'priority') AS priority,
       external_id,
       created_at
FROM objects
WHERE kind = 'Role' AND tombstone IS NULL;

-- The answer to an invitation is the one thing that other services may write, through the view. They need the right to
-- update these two columns of the view, and none on the table.
CREATE FUNCTION muster_answer() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF to_jsonb(NEW) - 'accepted_at' - 'declined_at' <> to_jsonb(OLD) - 'accepted_at' - 'declined_at' THEN
        RAISE EXCEPTION 'of members only accepted_at and declined_at can be written'
        USING HINT = 'The rest follows from what is in git. By hand, write to the table objects.';
    END IF;
    IF NEW.accepted_at IS DISTINCT FROM OLD.accepted_at AND NEW.accepted_at IS NOT NULL THEN
        NEW.declined_at := NULL;
    ELSIF NEW.declined_at IS DISTINCT FROM OLD.declined_at AND NEW.declined_at IS NOT NULL THEN
        NEW.accepted_at := NULL;
    END IF;
    UPDATE objects SET accepted_at = NEW.accepted_at, declined_at = NEW.declined_at WHERE id = NEW.id;
    RETURN NEW;
END $$;

CREATE TRIGGER members_answered INSTEAD OF UPDATE ON members FOR EACH ROW EXECUTE FUNCTION muster_answer();

-- PostgreSQL would pass other writes to a plain view on to its table.
CREATE FUNCTION muster_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the view % is for reading', TG_TABLE_NAME
    USING HINT = 'What it shows follows from what is in git. By hand, write to the table objects.';
END $$;

CREATE TRIGGER workspaces_refused INSTEAD OF INSERT OR UPDATE OR DELETE ON workspaces
FOR EACH ROW EXECUTE FUNCTION muster_refuse();
CREATE TRIGGER members_refused INSTEAD OF INSERT OR DELETE ON members
FOR EACH ROW EXECUTE FUNCTION muster_refuse();
CREATE TRIGGER templates_refused INSTEAD OF INSERT OR UPDATE OR DELETE ON templates
FOR EACH ROW EXECUTE FUNCTION muster_refuse();
CREATE TRIGGER roles_refused INSTEAD OF INSERT OR UPDATE OR DELETE ON roles
FOR EACH ROW EXECUTE FUNCTION muster_refuse();

DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION muster_answer() SET search_path = %I, pg_temp', current_schema());
END $$;
