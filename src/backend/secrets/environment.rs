use std::collections::BTreeMap;
use std::fmt;

use futures_util::future::BoxFuture;

use super::{Secret, SecretError, Secrets, Values};

/// Secrets in environment variables: the key `token` of the Secret `acme-prod` is `MUSTER_SECRET_ACME_PROD_TOKEN`. It can only
/// be read.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, Secret>);

const PREFIX: &str = "MUSTER_SECRET_";

impl Environment {
    /// The variables of this process, as they are now.
    #[must_use]
    pub fn of_process() -> Self {
        // A variable that is no text cannot be one of these.
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
    }

    /// The variable that holds this key of this Secret: in upper case, and `_` for everything that is no letter or digit. So `a-b` with
    /// `c` and `a` with `b-c` are the same variable: where both are needed, a folder tells them apart.
    #[must_use]
    pub fn variable(name: &str, key: &str) -> String {
        let upper = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
        let (name, key): (String, String) = (name.chars().map(upper).collect(), key.chars().map(upper).collect());
        format!("{PREFIX}{name}_{key}")
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(variables: I) -> Self {
        let ours = variables.into_iter().filter(|(name, value)| name.starts_with(PREFIX) && !value.is_empty());
        Self(ours.map(|(name, value)| (name, Secret::from(value))).collect())
    }
}

impl Secrets for Environment {
    fn read<'a>(&'a self, name: &'a str, key: &'a str) -> BoxFuture<'a, Result<Secret, SecretError>> {
        let variable = Self::variable(name, key);
        let found = self.0.get(&variable).cloned();
        Box::pin(async move { found.ok_or(SecretError::Missing { place: format!("{variable} in the environment") }) })
    }

    fn may_write<'a>(&'a self, _: &'a str, name: &'a str) -> BoxFuture<'a, Result<(), SecretError>> {
        Box::pin(async move { Err(SecretError::NoPlace { name: name.to_owned() }) })
    }

    fn write<'a>(&'a self, owner: &'a str, name: &'a str, _: &'a Values) -> BoxFuture<'a, Result<(), SecretError>> {
        self.may_write(owner, name)
    }

    fn kept<'a>(&'a self, _: &'a str, name: &'a str, _: &'a str) -> BoxFuture<'a, Result<bool, SecretError>> {
        Box::pin(async move { Err(SecretError::NoPlace { name: name.to_owned() }) })
    }

    fn exists<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<bool, SecretError>> {
        let variable = Self::variable(name, "");
        let found = self.0.range(variable.clone()..).next().is_some_and(|(first, _)| first.starts_with(&variable));
        Box::pin(async move { Ok(found) })
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
