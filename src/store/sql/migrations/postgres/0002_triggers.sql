-- Whatever writes to `objects`, Muster or a person with SQL, moves the organization's revision on. By statement: by row, each
-- of the many versions of the one row in `revisions` would be read again for every row that follows.

CREATE FUNCTION muster_stamp() RETURNS bigint LANGUAGE sql VOLATILE
RETURN hashtextextended(gen_random_uuid()::text, 0);

CREATE FUNCTION muster_changed() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO revisions (organization, number, stamp)
    SELECT organization, 1, muster_stamp() FROM (SELECT DISTINCT organization FROM changed ORDER BY 1) AS touched
    ON CONFLICT (organization) DO UPDATE SET number = revisions.number + 1, stamp = EXCLUDED.stamp;
    RETURN NULL;
END $$;

CREATE FUNCTION muster_updated() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO revisions (organization, number, stamp)
    SELECT organization, 1, muster_stamp()
    FROM (SELECT organization FROM before UNION SELECT organization FROM after ORDER BY 1) AS touched
    ON CONFLICT (organization) DO UPDATE SET number = revisions.number + 1, stamp = EXCLUDED.stamp;
    RETURN NULL;
END $$;

CREATE FUNCTION muster_truncated() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    UPDATE revisions SET number = number + 1, stamp = muster_stamp();
    RETURN NULL;
END $$;

CREATE TRIGGER objects_inserted AFTER INSERT ON objects
REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION muster_changed();

CREATE TRIGGER objects_updated AFTER UPDATE ON objects
REFERENCING OLD TABLE AS before NEW TABLE AS after FOR EACH STATEMENT EXECUTE FUNCTION muster_updated();

CREATE TRIGGER objects_deleted AFTER DELETE ON objects
REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION muster_changed();

CREATE TRIGGER objects_truncated AFTER TRUNCATE ON objects
FOR EACH STATEMENT EXECUTE FUNCTION muster_truncated();

-- Muster replaces rows and never updates a spec in place. So a spec that changed under the same digest was changed by another
-- hand: the digest goes, and what was last applied is kept.
CREATE FUNCTION muster_unseal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.applied := COALESCE(NEW.applied, OLD.spec);
    NEW.digest := NULL;
    RETURN NEW;
END $$;

CREATE TRIGGER objects_unsealed BEFORE UPDATE OF spec ON objects FOR EACH ROW
WHEN (NEW.spec <> OLD.spec AND NEW.digest IS NOT DISTINCT FROM OLD.digest AND OLD.digest IS NOT NULL)
EXECUTE FUNCTION muster_unseal();

-- The functions find the tables of their own schema, whoever writes and with whatever search path.
DO $$
DECLARE
    function text;
BEGIN
    FOREACH function IN ARRAY ARRAY['muster_changed()', 'muster_updated()', 'muster_truncated()'] LOOP
        EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', function, current_schema());
    END LOOP;
END $$;
