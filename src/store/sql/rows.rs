use std::borrow::Cow;

use jiff::{Timestamp, civil, tz::TimeZone};
use serde::Deserialize;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

use crate::api::Kind;
use crate::store::{Entry, Happened, Head, Recorded, Registered};
use crate::tenancy::{Claim, Digest, Key, Manager, Mirrored, Name, ObjectId, Revision, Row, Snapshot, Tombstone};

pub(super) type Result<T, E = sqlx::Error> = std::result::Result<T, E>;

/// The values of a row of either engine, by their place in the SELECT.
pub(super) trait Values {
    fn text(&self, at: usize) -> Result<Option<&str>>;
    fn bytes(&self, at: usize) -> Result<Option<&[u8]>>;
    fn integer(&self, at: usize) -> Result<Option<i64>>;
    fn column(&self, at: usize) -> &str;

    fn digest(&self, at: usize) -> Result<Option<Digest>> {
        self.bytes(at)?.map(|bytes| Digest::from_bytes(bytes).ok_or_else(no_digest)).transpose()
    }
}

fn no_digest() -> sqlx::Error {
    sqlx::Error::Decode("a digest has 32 bytes".into())
}

macro_rules! values {
    ($row:ty) => {
        impl Values for $row {
            fn text(&self, at: usize) -> Result<Option<&str>> {
                self.try_get(at)
            }

            fn bytes(&self, at: usize) -> Result<Option<&[u8]>> {
                self.try_get(at)
            }

            fn integer(&self, at: usize) -> Result<Option<i64>> {
                self.try_get(at)
            }

            fn column(&self, at: usize) -> &str {
                use sqlx::Column as _;
                self.columns().get(at).map_or("?", |column| column.name())
            }
        }
    };
}

values!(SqliteRow);
values!(PgRow);

/// Takes the values of a row one after the other. What cannot be read says in which column it stands.
struct Cursor<'r, V> {
    row: &'r V,
    at: usize,
}

impl<'r, V: Values> Cursor<'r, V> {
    fn new(row: &'r V) -> Self {
        Self { row, at: 0 }
    }

    fn take<T>(&mut self, get: impl FnOnce(&'r V, usize) -> Result<T>) -> Result<T> {
        self.at += 1;
        get(self.row, self.at - 1).map_err(|error| match error {
            sqlx::Error::Decode(what) => self.unreadable(&what.to_string()),
            error => self.unreadable(&error.to_string()),
        })
    }

    fn unreadable(&self, what: &str) -> sqlx::Error {
        sqlx::Error::Decode(format!("column {}: {what}", self.row.column(self.at - 1)).into())
    }

    fn maybe_text(&mut self) -> Result<Option<&'r str>> {
        self.take(V::text)
    }

    fn text(&mut self) -> Result<&'r str> {
        let value = self.take(V::text)?;
        value.ok_or_else(|| self.unreadable("a value is missing"))
    }

    fn integer(&mut self) -> Result<i64> {
        let value = self.take(V::integer)?;
        value.ok_or_else(|| self.unreadable("a value is missing"))
    }

    fn parsed<'t, T>(&self, text: &'t str, parse: impl FnOnce(&'t str) -> Option<T>, expected: &str) -> Result<T> {
        parse(text).ok_or_else(|| self.unreadable(&format!("`{text}` is not {expected}")))
    }

    fn maybe_digest(&mut self) -> Result<Option<Digest>> {
        self.take(V::digest)
    }

    fn digest(&mut self) -> Result<Digest> {
        let value = self.take(V::digest)?;
        value.ok_or_else(|| self.unreadable("a value is missing"))
    }

    fn id(&mut self) -> Result<ObjectId> {
        let text = self.text()?;
        self.parsed(text, |text| text.parse().ok(), "a UUID")
    }

    fn maybe_id(&mut self) -> Result<Option<ObjectId>> {
        let text = self.maybe_text()?;
        text.map(|text| self.parsed(text, |text| text.parse().ok(), "a UUID")).transpose()
    }

    fn time(&mut self) -> Result<Timestamp> {
        let text = self.text()?;
        self.parsed(text, time, "a time")
    }

    fn maybe_time(&mut self) -> Result<Option<Timestamp>> {
        let text = self.maybe_text()?;
        text.map(|text| self.parsed(text, time, "a time")).transpose()
    }

    fn kind(&mut self) -> Result<Kind> {
        let text = self.text()?;
        self.parsed(text, Kind::parse, "a kind")
    }

    fn key(&mut self) -> Result<Key> {
        Ok(Key { kind: self.kind()?, name: self.text()?.into() })
    }
}

/// A time as either engine writes it. One without a zone, as a hand may have written it, is in UTC.
fn time(text: &str) -> Option<Timestamp> {
    let in_utc = || text.parse::<civil::DateTime>().ok()?.to_zoned(TimeZone::UTC).ok().map(|at| at.timestamp());
    text.parse().ok().or_else(in_utc)
}

/// Values that came as one, a JSON array of texts: SQLite is slow to hand over many values, even if they are NULL.
pub(super) struct Texts<'t, const N: usize> {
    texts: [Option<Text<'t>>; N],
    columns: [&'static str; N],
}

#[derive(Deserialize)]
pub(super) struct Text<'t>(#[serde(borrow)] Cow<'t, str>);

impl<'t, const N: usize> Texts<'t, N>
where
    [Option<Text<'t>>; N]: Deserialize<'t>,
{
    pub fn read(json: &'t [u8], columns: [&'static str; N]) -> serde_json::Result<Self> {
        serde_json::from_slice(json).map(|texts| Self { texts, columns })
    }
}

impl<const N: usize> Values for Texts<'_, N> {
    fn text(&self, at: usize) -> Result<Option<&str>> {
        Ok(self.texts.get(at).and_then(Option::as_ref).map(|text| &*text.0))
    }

    fn bytes(&self, at: usize) -> Result<Option<&[u8]>> {
        Ok(self.text(at)?.map(str::as_bytes))
    }

    fn integer(&self, at: usize) -> Result<Option<i64>> {
        Ok(self.text(at)?.and_then(|text| text.parse().ok()))
    }

    fn digest(&self, at: usize) -> Result<Option<Digest>> {
        self.text(at)?.map(|text| Digest::parse(text).ok_or_else(no_digest)).transpose()
    }

    fn column(&self, at: usize) -> &str {
        self.columns.get(at).unwrap_or(&"?")
    }
}

/// What few rows have.
const RARE: [&str; 9] =
    ["tombstone", "deleted_at", "deleted_by", "purge_at", "external_id", "former_names", "invited_at", "declined_at", "ended_at"];

/// Reads kind, name, id, spec, digest, applied, manager, `created_at`, `accepted_at`, and what is rare.
pub(super) fn object(row: &impl Values) -> Result<Row> {
    let mut values = Cursor::new(row);
    let key = values.key()?;
    let label = key.to_string();
    values.object(key).map_err(|error| match error {
        sqlx::Error::Decode(what) => sqlx::Error::Decode(format!("{label}: {what}").into()),
        error => error,
    })
}

impl<'r, V: Values> Cursor<'r, V> {
    fn object(&mut self, key: Key) -> Result<Row> {
        let (id, spec, digest) = (self.id()?, self.text()?.into(), self.maybe_digest()?);
        let (applied, manager) = (self.maybe_text()?.map(Into::into), self.maybe_text()?.map(Manager::new));
        let (created_at, accepted_at) = (self.time()?, self.maybe_time()?);
        let rare = self.rare()?;
        let mut rare = Cursor::new(&rare);
        Ok(Row {
            key,
            id,
            spec,
            digest,
            applied,
            manager,
            tombstone: rare.tombstone()?,
            external_id: rare.maybe_text()?.map(Into::into),
            former_names: rare.names()?,
            created_at,
            invited_at: rare.maybe_time()?,
            accepted_at,
            declined_at: rare.maybe_time()?,
            ended_at: rare.maybe_time()?,
        })
    }

    fn rare(&mut self) -> Result<Texts<'r, 9>> {
        match self.maybe_text()? {
            None => Ok(Texts { texts: [const { None }; 9], columns: RARE }),
            Some(text) => self.parsed(text, |text| Texts::read(text.as_bytes(), RARE).ok(), "a list of texts"),
        }
    }

    fn tombstone(&mut self) -> Result<Option<Tombstone>> {
        let (id, at, by, purge_at) = (self.maybe_id()?, self.maybe_time()?, self.maybe_text()?, self.maybe_time()?);
        Ok(id.zip(at).map(|(id, at)| Tombstone { id, at, by: by.unwrap_or_default().into(), purge_at }))
    }

    fn names(&mut self) -> Result<Vec<Name>> {
        let text = self.maybe_text()?;
        let names = text.map(|text| self.parsed(text, |text| serde_json::from_str(text).ok(), "a list of names"));
        Ok(names.transpose()?.unwrap_or_default())
    }

    fn revision(&mut self) -> Result<Revision> {
        Ok(Revision { number: self.integer()?, stamp: self.integer()? })
    }

    fn head(&mut self) -> Result<Option<Head>> {
        let (seq, hash) = (self.integer()?, self.maybe_digest()?);
        Ok(hash.map(|hash| Head { seq, hash }))
    }

    fn claim(&mut self) -> Result<Option<Claim>> {
        let (manager, holder, namespace) = (self.maybe_text()?, self.maybe_text()?, self.maybe_text()?);
        let seen_at = self.maybe_time()?;
        Ok(manager.zip(seen_at).map(|(manager, seen_at)| Claim {
            manager: Manager::new(manager),
            holder: holder.unwrap_or_default().into(),
            namespace: namespace.unwrap_or_default().into(),
            seen_at,
        }))
    }
}

/// Reads organization, number, stamp, `claim_manager`, `claim_holder`, `claim_namespace`, `claim_seen_at`, `head_seq`,
/// `head_hash`.
pub(super) fn registered(row: &impl Values) -> Result<Registered> {
    let mut values = Cursor::new(row);
    Ok(Registered {
        organization: values.text()?.into(),
        revision: values.revision()?,
        claim: values.claim()?,
        head: values.head()?,
    })
}

/// What was read of an organization at one moment.
pub(super) fn snapshot(organization: &Name, registered: Option<Registered>, mut rows: Vec<Row>) -> Snapshot {
    rows.sort_by(|a, b| a.key.cmp(&b.key));
    let (revision, claim) = registered.map_or_else(Default::default, |found| (found.revision, found.claim));
    Snapshot { organization: organization.clone(), revision, claim, rows, complete: true }
}

/// Reads number, stamp, `head_seq`, `head_hash`.
pub(super) fn revision(row: &impl Values) -> Result<(Revision, Option<Head>)> {
    let mut values = Cursor::new(row);
    Ok((values.revision()?, values.head()?))
}

/// Reads number, stamp.
pub(super) fn new_revision(row: &impl Values) -> Result<Revision> {
    Cursor::new(row).revision()
}

/// Reads seq, id, commitment, hash, kind, name, happened, at, actor, manager, plan, source, changes, salt.
pub(super) fn recorded(row: &impl Values) -> Result<Recorded> {
    let mut values = Cursor::new(row);
    let (seq, id, commitment, hash) = (values.integer()?, values.id()?, values.digest()?, values.digest()?);
    let erased = row.text(values.at)?.is_none();
    Ok(Recorded { seq, id, commitment, hash, entry: if erased { None } else { Some(values.entry(id)?) } })
}

impl<V: Values> Cursor<'_, V> {
    fn entry(&mut self, id: ObjectId) -> Result<Entry> {
        Ok(Entry {
            key: self.key()?,
            id,
            happened: self.happened()?,
            at: self.time()?,
            actor: self.text()?.into(),
            manager: Manager::new(self.text()?),
            plan: self.maybe_digest()?,
            source: self.maybe_text()?.map(Into::into),
            values: self.text()?.into(),
            salt: self.salt()?,
        })
    }

    fn happened(&mut self) -> Result<Happened> {
        let text = self.text()?;
        self.parsed(text, Happened::parse, "a thing that can happen")
    }

    fn salt(&mut self) -> Result<[u8; 16]> {
        let bytes = self.take(V::bytes)?.unwrap_or_default();
        bytes.try_into().map_err(|_| self.unreadable("a salt has 16 bytes"))
    }
}

/// Reads an entry of the journal.
pub(super) fn mirrored(row: &impl Values) -> Result<Mirrored> {
    let mut values = Cursor::new(row);
    let text = values.text()?;
    values.parsed(text, |text| serde_json::from_str(text).ok(), "an entry of the journal")
}

/// An entry of the journal as it is stored.
pub(super) fn journal_text(entry: &Mirrored) -> Result<String> {
    serde_json::to_string(entry).map_err(|error| sqlx::Error::Encode(error.into()))
}

#[cfg(test)]
mod tests {
    use super::time;

    #[test]
    fn times_are_read_as_muster_both_engines_and_a_hand_write_them() {
        let expected = "2027-01-31T12:00:00.5Z".parse().ok();
        for text in
            ["2027-01-31T12:00:00.500000Z", "2027-01-31 12:00:00.5+00", "2027-01-31 12:00:00.5", "2027-01-31T13:00:00.500+01:00"]
        {
            assert_eq!(time(text), expected, "{text}");
        }
        assert_eq!(time("tomorrow"), None);
    }
}
