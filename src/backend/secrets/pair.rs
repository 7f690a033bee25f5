use super::{Secret, SecretError};

/// An id with its secret, such as an access key or an access token.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The id, which is not secret.
    pub id: Box<str>,
    /// The secret.
    pub secret: Secret,
}

impl Pair {
    /// Reads `ID:SECRET`.
    ///
    /// # Errors
    ///
    /// When one of them is missing. `place` is where it was read from.
    pub fn parse(text: &Secret, place: &str) -> Result<Self, SecretError> {
        let error = || SecretError::Unusable { place: place.to_owned(), why: "write it as ID:SECRET, both without spaces" };
        let whole = |part: &str| !part.is_empty() && !part.chars().any(|c| c.is_whitespace() || c.is_control());
        match text.expose().split_once(':') {
            Some((id, secret)) if whole(id) && whole(secret) => {
                Ok(Self { id: id.into(), secret: Secret::from(secret.to_owned()) })
            }
            _ => Err(error()),
        }
    }
}
