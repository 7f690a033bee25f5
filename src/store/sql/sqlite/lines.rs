//! Reads the objects of an organization many at a time. SQLite is slow to hand over values and rows one by one, and quick to write them as
//! JSON: so a page of them comes as one value, with a line for each row.

use sqlx::sqlite::SqliteConnection;

use super::super::rows::{self, Result, Texts};
use crate::tenancy::{Name, Row};

/// How many rows come at a time: enough that asking costs nothing, few enough that a page of the largest documents is no trouble.
const PAGE: i64 = 256;

/// The first key of the next page; none after the last one.
const NEXT: &str = "
SELECT kind, name
FROM objects
WHERE organization = ? AND (kind, name) >= (?, ?)
ORDER BY kind, name
LIMIT 1 OFFSET ?";

/// What [`rows::object`] reads, in a line for each row from one key until before another one. As bytes, so that what is no UTF-8 does not
/// hide in which row it stands.
const LINES: &str = "
SELECT CAST(group_concat(
           json_array(
               kind, name, id, spec, iif(digest IS NULL, NULL, 'sha256:' || lower(hex(digest))), applied, manager,
               created_at, accepted_at,
               CASE
                   WHEN COALESCE(tombstone, external_id, invited_at, declined_at, ended_at) IS NOT NULL OR former_names <> '[]'
                   THEN json_array(tombstone, deleted_at, deleted_by, purge_at, external_id, former_names, invited_at, declined_at,
                                   ended_at) || ''
               END),
           char(10)) AS BLOB)
FROM objects
WHERE organization = ? AND (kind, name) >= (?, ?) AND (kind, name) < (?, ?)";

const COLUMNS: [&str; 10] =
    ["kind", "name", "id", "spec", "digest", "applied", "manager", "created_at", "accepted_at", "what is rare"];

type Key = (String, String);

/// Reads all objects of an organization.
pub(super) async fn objects(connection: &mut SqliteConnection, organization: &Name) -> Result<Vec<Row>> {
    let (mut from, mut unread, mut rows) = (Some(Key::default()), None, Vec::new());
    while let Some(first) = from {
        // While SQLite makes a page, the one before is read.
        let fetched = page(connection, organization, &first);
        let read = async { unread.take().map_or(Ok(()), |page: Vec<u8>| read(&page, &mut rows)) };
        (from, unread) = tokio::try_join!(fetched, read)?.0;
    }
    unread.map_or(Ok(()), |page| read(&page, &mut rows))?;
    Ok(rows)
}

/// The page that begins with a key, and where the next one begins.
async fn page(connection: &mut SqliteConnection, organization: &Name, first: &Key) -> Result<(Option<Key>, Option<Vec<u8>>)> {
    let next = sqlx::query_as::<_, Key>(NEXT).bind(organization.as_str()).bind(&first.0).bind(&first.1).bind(PAGE);
    let next = next.fetch_optional(&mut *connection).await?;
    // A tilde is behind all kinds.
    let (kind, name) = next.as_ref().map_or(("~", ""), |(kind, name)| (kind, name));
    let page = sqlx::query_scalar(LINES).bind(organization.as_str()).bind(&first.0).bind(&first.1).bind(kind).bind(name);
    let page = page.fetch_one(&mut *connection).await?;
    Ok((next, page))
}

fn read(page: &[u8], rows: &mut Vec<Row>) -> Result<()> {
    for line in page.split(|byte| *byte == b'\n') {
        let values = Texts::read(line, COLUMNS).map_err(|error| {
            let line = String::from_utf8_lossy(line);
            sqlx::Error::Decode(format!("{}: {error}", line.chars().take(SHOWN).collect::<String>()).into())
        })?;
        rows.push(rows::object(&values)?);
    }
    Ok(())
}

/// How much is shown of what cannot be read: enough for the kind and the name.
const SHOWN: usize = 100;
