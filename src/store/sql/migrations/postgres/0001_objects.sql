-- The tables. `docs/store.md` describes every column for those who read them with SQL.

-- One row per organization the store has ever seen: its revision, who applies to it, and the end of its history.
CREATE TABLE revisions (
    organization    text COLLATE "C" NOT NULL PRIMARY KEY,
    number          bigint NOT NULL,
    stamp           bigint NOT NULL,
    claim_manager   text,
    claim_holder    text,
    claim_namespace text,
    claim_seen_at   timestamptz,
    head_seq        bigint NOT NULL DEFAULT 0,
    head_hash       bytea
);

-- Objects and memberships, live and soft-deleted.
CREATE TABLE objects (
    organization text COLLATE "C" NOT NULL CHECK (organization <> ''),
    kind         text COLLATE "C" NOT NULL CHECK (kind IN ('Organization', 'MembershipType', 'Project', 'Workspace', 'Template',
                                                           'Role', 'Member', 'Membership', 'Credential', 'AccessTest')),
    name         text COLLATE "C" NOT NULL CHECK (name <> ''),
    id           uuid NOT NULL PRIMARY KEY DEFAULT gen_random_uuid(),
    spec         jsonb NOT NULL DEFAULT '{}',
    digest       bytea CHECK (length(digest) = 32),
    applied      jsonb,
    manager      text,
    tombstone    uuid,
    deleted_at   timestamptz,
    deleted_by   text,
    purge_at     timestamptz,
    external_id  text,
    former_names jsonb NOT NULL DEFAULT '[]',
    created_at   timestamptz NOT NULL DEFAULT now(),
    invited_at   timestamptz,
    accepted_at  timestamptz,
    declined_at  timestamptz,
    ended_at     timestamptz,
    -- The name of a membership, `alice/workspace/design`, in its three parts.
    member       text COLLATE "C" GENERATED ALWAYS AS (CASE kind WHEN 'Membership' THEN split_part(name, '/', 1) END) STORED,
    level        text COLLATE "C" GENERATED ALWAYS AS (CASE kind WHEN 'Membership' THEN split_part(name, '/', 2) END) STORED,
    place        text COLLATE "C" GENERATED ALWAYS AS (CASE kind WHEN 'Membership' THEN split_part(name, '/', 3) END) STORED,
    UNIQUE (organization, kind, name),
    CHECK (kind <> 'Membership' OR name LIKE '_%/_%/_%'),
    CHECK ((tombstone IS NULL) = (deleted_at IS NULL))
);

-- The history of each organization as a chain of hashes. Rows are only ever added.
CREATE TABLE history (
    organization text COLLATE "C" NOT NULL,
    seq          bigint NOT NULL,
    id           uuid NOT NULL,
    commitment   bytea NOT NULL,
    hash         bytea NOT NULL,
    PRIMARY KEY (organization, seq)
);

-- What the entries of the history say. A purge deletes the rows of its object; the chain still verifies.
CREATE TABLE history_values (
    organization text COLLATE "C" NOT NULL,
    seq          bigint NOT NULL,
    kind         text NOT NULL,
    name         text NOT NULL,
    happened     text NOT NULL,
    at           timestamptz NOT NULL,
    actor        text NOT NULL,
    manager      text NOT NULL,
    plan         bytea,
    source       text,
    -- Not jsonb: the hash covers every byte.
    changes      json NOT NULL,
    salt         bytea NOT NULL,
    PRIMARY KEY (organization, seq)
);

CREATE INDEX history_by_id ON history (id);
