-- Whatever writes to `objects`, Muster or a person with SQL, moves the organization's revision on.

CREATE TRIGGER objects_inserted AFTER INSERT ON objects
BEGIN
    INSERT INTO revisions (organization, number, stamp) VALUES (NEW.organization, 1, random())
    ON CONFLICT (organization) DO UPDATE SET number = number + 1, stamp = random();
END;

CREATE TRIGGER objects_updated AFTER UPDATE ON objects
BEGIN
    INSERT INTO revisions (organization, number, stamp) VALUES (NEW.organization, 1, random())
    ON CONFLICT (organization) DO UPDATE SET number = number + 1, stamp = random();
END;

CREATE TRIGGER objects_moved AFTER UPDATE OF organization ON objects WHEN NEW.organization <> OLD.organization
BEGIN
    UPDATE revisions SET number = number + 1, stamp = random() WHERE organization = OLD.organization;
END;

CREATE TRIGGER objects_deleted AFTER DELETE ON objects
BEGIN
    INSERT INTO revisions (organization, number, stamp) VALUES (OLD.organization, 1, random())
    ON CONFLICT (organization) DO UPDATE SET number = number + 1, stamp = random();
END;

-- Muster replaces rows and never updates a spec in place. So a spec that changed under the same digest was changed by another
-- hand: the digest goes, and what was last applied is kept.
CREATE TRIGGER objects_unsealed AFTER UPDATE OF spec ON objects
WHEN NEW.spec <> OLD.spec AND NEW.digest IS OLD.digest AND OLD.digest IS NOT NULL
BEGIN
    UPDATE objects SET digest = NULL, applied = COALESCE(NEW.applied, OLD.spec) WHERE id = NEW.id;
END;
