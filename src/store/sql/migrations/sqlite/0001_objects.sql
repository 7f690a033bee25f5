-- The tables. `docs/store.md` describes every column for those who read them with SQL.

-- One row per organization the store has ever seen: its revision, who applies to it, and the end of its history.
CREATE TABLE revisions (
    organization    TEXT NOT NULL PRIMARY KEY,
    number          INTEGER NOT NULL,
    stamp           INTEGER NOT NULL,
    claim_manager   TEXT,
    claim_holder    TEXT,
    claim_namespace TEXT,
    claim_seen_at   TEXT,
    head_seq        INTEGER NOT NULL DEFAULT 0,
    head_hash       BLOB
) STRICT, WITHOUT ROWID;

-- Objects and memberships, live and soft-deleted.
CREATE TABLE objects (
    organization TEXT NOT NULL CHECK (organization <> ''),
    kind         TEXT NOT NULL CHECK (kind IN ('Organization', 'MembershipType', 'Project', 'Workspace', 'Template', 'Role',
                                               'Member', 'Membership', 'Credential', 'AccessTest')),
    name         TEXT NOT NULL CHECK (name <> ''),
    id           TEXT NOT NULL PRIMARY KEY DEFAULT (
                     lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2)
                     || '-8' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))),
    spec         TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(spec)),
    digest       BLOB CHECK (length(digest) = 32),
    applied      TEXT CHECK (applied IS NULL OR json_valid(applied)),
    manager      TEXT,
    tombstone    TEXT,
    deleted_at   TEXT,
    deleted_by   TEXT,
    purge_at     TEXT,
    external_id  TEXT,
    former_names TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(former_names)),
    created_at   TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    invited_at   TEXT,
    accepted_at  TEXT,
    declined_at  TEXT,
    ended_at     TEXT,
    -- The name of a membership, `alice/workspace/design`, in its three parts.
    member       TEXT GENERATED ALWAYS AS (CASE kind WHEN 'Membership' THEN substr(name, 1, instr(name, '/') - 1) END),
    level        TEXT GENERATED ALWAYS AS (substr(name, length(member) + 2, instr(substr(name, length(member) + 2), '/') - 1)),
    place        TEXT GENERATED ALWAYS AS (substr(name, length(member) + length(level) + 3)),
    UNIQUE (organization, kind, name),
    CHECK (kind <> 'Membership' OR name LIKE '_%/_%/_%'),
    CHECK ((tombstone IS NULL) = (deleted_at IS NULL))
) STRICT;

-- The history of each organization as a chain of hashes. Rows are only ever added.
CREATE TABLE history (
    organization TEXT NOT NULL,
    seq          INTEGER NOT NULL,
    id           TEXT NOT NULL,
    commitment   BLOB NOT NULL,
    hash         BLOB NOT NULL,
    PRIMARY KEY (organization, seq)
) STRICT, WITHOUT ROWID;

-- What the entries of the history say. A purge deletes the rows of its object; the chain still verifies.
CREATE TABLE history_values (
    organization TEXT NOT NULL,
    seq          INTEGER NOT NULL,
    kind         TEXT NOT NULL,
    name         TEXT NOT NULL,
    happened     TEXT NOT NULL,
    at           TEXT NOT NULL,
    actor        TEXT NOT NULL,
    manager      TEXT NOT NULL,
    plan         BLOB,
    source       TEXT,
    changes      TEXT NOT NULL,
    salt         BLOB NOT NULL,
    PRIMARY KEY (organization, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX history_by_id ON history (id);
