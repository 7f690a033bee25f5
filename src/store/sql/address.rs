use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sqlx::postgres::PgConnectOptions;

use crate::store::StoreError;

/// Where a store is. Its text never shows who connects or with which password.
#[derive(Clone)]
pub enum Address {
    /// A file.
    Sqlite(PathBuf),
    /// A database on a server.
    Postgres(Box<PgConnectOptions>),
}

impl Address {
    /// The address of a file.
    pub fn file(path: impl AsRef<Path>) -> Self {
        Self::Sqlite(path.as_ref().to_owned())
    }
}

impl FromStr for Address {
    type Err = StoreError;

    fn from_str(url: &str) -> Result<Self, StoreError> {
        let refuse = |reason: &str| Err(StoreError::Address { url: redacted(url), reason: reason.to_owned() });
        let (scheme, rest) = url.split_once(':').unwrap_or(("", url));
        match scheme {
            "sqlite" => match rest.strip_prefix("//").unwrap_or(rest) {
                "" => refuse("the path of the file is missing; write sqlite://muster.db or sqlite:///var/lib/muster/muster.db"),
                ":memory:" => refuse("a store in memory keeps nothing; write the path of a file, such as sqlite://muster.db"),
                path if path.contains('?') => refuse("parameters are not supported; write only the path of the file"),
                path => Ok(Self::file(path)),
            },
            "postgres" | "postgresql" => match PgConnectOptions::from_str(url) {
                Ok(options) => Ok(Self::Postgres(Box::new(options))),
                Err(_) => refuse(
                    "it is not a URL; write postgres://user:password@host:5432/database, with special characters in the password \
                     percent-encoded",
                ),
            },
            _ => refuse("write sqlite://PATH or postgres://USER:PASSWORD@HOST/DATABASE"),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Self::Postgres(options) => {
                let database = options.get_database().unwrap_or_else(|| options.get_username());
                match options.get_socket() {
                    Some(socket) => write!(f, "postgres://{}/{database}", socket.display()),
                    None => write!(f, "postgres://{}:{}/{database}", options.get_host(), options.get_port()),
                }
            }
        }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// As much of an unusable address as surely holds no password.
fn redacted(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, _)) if scheme != "sqlite" => format!("{scheme}://..."),
        None if url.contains('@') => "...".to_owned(),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sqlite_paths_are_relative_or_absolute() {
        for (url, path) in [
            ("sqlite://muster.db", "muster.db"),
            ("sqlite:muster.db", "muster.db"),
            ("sqlite://data/muster.db", "data/muster.db"),
            ("sqlite:///var/lib/muster.db", "/var/lib/muster.db"),
        ] {
            let Ok(Address::Sqlite(found)) = url.parse() else { panic!("{url}") };
            assert_eq!(found, Path::new(path));
        }
    }

    #[test]
    fn the_text_of_an_address_shows_the_database_but_not_the_credentials() {
        let address: Address = "postgres://alice:s3cret@db.example:5433/tenants?sslmode=disable".parse().unwrap();
        assert_eq!(address.to_string(), "postgres://db.example:5433/tenants");
        assert_eq!(format!("{address:?}"), "postgres://db.example:5433/tenants");
    }

    #[test]
    fn an_unusable_address_is_refused_without_showing_a_password() {
        for url in [
            "postgres://alice:s3cret@db.example:port/tenants",
            "postgres://alice:s3cret/@db:1:2",
            "postgress://alice:s3cret@db.example/tenants",
            "alice:s3cret@db.example",
            "mysql://alice:s3cret@db.example/tenants",
            "",
            "muster.db",
            "sqlite://",
            "sqlite://:memory:",
            "sqlite://muster.db?mode=rwc",
        ] {
            let message = url.parse::<Address>().unwrap_err().to_string();
            assert!(!message.contains("s3cret"), "{message}");
        }
    }
}
