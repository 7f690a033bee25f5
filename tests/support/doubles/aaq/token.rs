//! Tokens, HS256 with the claims of the real ones, and texts that nobody can guess.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use ring::hmac;
use serde_json::{Value, json};
use uuid::Uuid;

/// How long a token is good for: 7 days.
const LIFETIME: u64 = 10_080 * 60;

/// Characters of base64url, freshly drawn.
pub fn random(length: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bytes = std::iter::repeat_with(|| Uuid::new_v4().into_bytes()).flat_map(|uuid| [uuid[0], uuid[1], uuid[2], uuid[3]]);
    bytes.take(length).map(|byte| char::from(ALPHABET[usize::from(byte % 64)])).collect()
}

/// A token for a user in a workspace.
pub fn mint(key: &str, username: &str, role: &str, workspace: &str) -> String {
    let now = seconds();
    let claims = json!({
        "exp": now + LIFETIME, "iat": now, "type": "access_token", "user_role": role, "username": username,
        "workspace_name": workspace,
    });
    let head = json!({"alg": "HS256", "typ": "JWT"});
    let signed = format!("{}.{}", BASE64.encode(head.to_string()), BASE64.encode(claims.to_string()));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), signed.as_bytes());
    format!("{signed}.{}", BASE64.encode(tag))
}

/// The user and the workspace that a good token names.
pub fn read(key: &str, token: &str) -> Option<(String, String)> {
    let (signed, tag) = token.rsplit_once('.')?;
    let (head, claims) = signed.split_once('.')?;
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), signed.as_bytes(), &BASE64.decode(tag).ok()?).ok()?;
    let decoded = |part: &str| serde_json::from_slice::<Value>(&BASE64.decode(part).ok()?).ok();
    let (head, claims) = (decoded(head)?, decoded(claims)?);
    let named = |claim: &str| claims[claim].as_str().filter(|name| !name.is_empty()).map(str::to_owned);
    let fresh = claims["exp"].as_u64()? > seconds();
    if head["alg"] == "HS256" && fresh { Some((named("username")?, named("workspace_name")?)) } else { None }
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs()
}
