-- What is at the service that mirrors an organization: one row for each mirrored object, written before and after each call.
CREATE TABLE journal (
    organization text COLLATE "C" NOT NULL,
    id           uuid NOT NULL,
    kind         text NOT NULL,
    name         text COLLATE "C" NOT NULL,
    external_id  text,
    begun        text,
    entry        jsonb NOT NULL,
    PRIMARY KEY (organization, id)
);
