use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use ring::hmac;
use serde::Serialize;
use uuid::Uuid;

use crate::backend::secrets::{Pair, Secret};

/// Clocks differ: a token is valid from a little earlier on.
const EARLIER: SignedDuration = SignedDuration::from_secs(10);
const VALID: SignedDuration = SignedDuration::from_hours(24);
/// A token is not used any more when it is about to expire.
const MARGIN: SignedDuration = SignedDuration::from_mins(5);

/// What lets requests into one workspace.
#[derive(Clone, Debug)]
pub struct Token {
    pub bearer: Secret,
    until: Timestamp,
}

impl Token {
    /// Whether it should be used.
    pub fn is_good(&self, now: Timestamp) -> bool {
        now < self.until
    }
}

#[derive(Serialize)]
struct Header {
    alg: &'static str,
    typ: &'static str,
}

#[derive(Serialize)]
struct Claims<'a> {
    access_key: &'a str,
    #[serde(rename = "type")]
    type_: &'static str,
    version: u32,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: Uuid,
}

/// A management token, signed with a workspace's secret (HS256). It depends on the claims alone, so making one asks nobody.
pub fn mint(keys: &Pair, now: Timestamp) -> Token {
    let from = now - EARLIER;
    let until = from + VALID;
    let (iat, exp) = (from.as_second(), until.as_second());
    let claims = Claims { access_key: &keys.id, type_: "management", version: 2, iat, nbf: iat, exp, jti: Uuid::new_v4() };
    let signed = format!("{}.{}", part(&Header { alg: "HS256", typ: "JWT" }), part(&claims));
    let key = hmac::Key::new(hmac::HMAC_SHA256, keys.secret.expose().as_bytes());
    let tag = URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()));
    Token { bearer: Secret::from(format!("{signed}.{tag}")), until: until - MARGIN }
}

fn part(value: &impl Serialize) -> String {
    // Texts and numbers can always be written.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(value).unwrap_or_default())
}
