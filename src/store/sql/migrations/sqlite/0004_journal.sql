-- What is at the service that mirrors an organization: one row for each mirrored object, written before and after each call.
CREATE TABLE journal (
    organization TEXT NOT NULL,
    id           TEXT NOT NULL,
    kind         TEXT NOT NULL,
    name         TEXT NOT NULL,
    external_id  TEXT,
    begun        TEXT,
    entry        TEXT NOT NULL CHECK (json_valid(entry)),
    PRIMARY KEY (organization, id)
) STRICT, WITHOUT ROWID;
