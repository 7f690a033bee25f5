use std::collections::BTreeSet;

use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::hmac;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::State;
use super::routes::Refusal;

/// What a token says.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct Claims {
    pub access_key: String,
    #[serde(rename = "type")]
    pub type_: String,
    pub version: u32,
    pub iat: i64,
    pub nbf: i64,
    pub exp: i64,
    pub jti: String,
}

impl Claims {
    /// A management token as the service's own SDK makes it.
    pub fn management(access_key: &str, now: Timestamp) -> Self {
        let iat = now.as_second() - 10;
        let jti = uuid::Uuid::new_v4().to_string();
        Self {
            access_key: access_key.to_owned(),
            type_: "management".to_owned(),
            version: 2,
            iat,
            nbf: iat,
            exp: iat + 86_400,
            jti,
        }
    }
}

/// Signs as the holder of this secret.
pub fn sign(claims: &Claims, secret: &str) -> String {
    let part = |value: serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(json!({"alg": "HS256", "typ": "JWT"})), part(json!(claims)));
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), signed.as_bytes());
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))
}

/// The access key of the workspace that this request is for.
pub fn check(state: &mut State, headers: &HeaderMap) -> Result<String, Refusal> {
    let invalid = |why: &str| Refusal::new(401, "Token validation error", why);
    let header = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|header| header.strip_prefix("Bearer ")).ok_or_else(|| invalid("not found"))?;
    let mut parts = token.split('.');
    let (Some(head), Some(body), Some(tag), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(invalid("token contains an invalid number of segments"));
    };
    let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| invalid("illegal base64 data"));
    let algorithm: serde_json::Value = serde_json::from_slice(&decode(head)?).map_err(|_| invalid("illegal header"))?;
    let claims: Claims = serde_json::from_slice(&decode(body)?).map_err(|_| invalid("illegal claims"))?;
    if algorithm["alg"] != "HS256" {
        return Err(invalid("signing method is invalid"));
    }
    let workspace = state.workspaces.get(&claims.access_key).ok_or_else(|| invalid("not found"))?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, workspace.keys.secret.as_bytes());
    let signed = &token[..head.len() + 1 + body.len()];
    hmac::verify(&key, signed.as_bytes(), &decode(tag)?).map_err(|_| invalid("signature is invalid"))?;
    let now = (Timestamp::now() + state.ahead).as_second();
    let revoked = |revoked: &BTreeSet<String>| revoked.contains(&claims.jti);
    if claims.exp <= now || revoked(&state.revoked) {
        return Err(invalid("token is expired"));
    }
    if claims.nbf > now {
        return Err(invalid("token is not valid yet"));
    }
    if claims.type_ != "management" || claims.version != 2 {
        return Err(Refusal::new(403, "Insufficient permission", "a management token is needed"));
    }
    state.tokens.insert(claims.jti);
    Ok(claims.access_key)
}
