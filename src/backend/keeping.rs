use super::secrets::{SecretError, Secrets, owner};
use crate::api::Kind;
use crate::plan::mirror::{Observed, Shape};

/// Looks whether the Secrets of the keys that a service makes have them, under this key, and whether they could take new ones. Only
/// looks: what nobody can tell without writing turns out when a key is made.
pub(super) async fn look_at_secrets(secrets: &dyn Secrets, shape: &Shape, key: &str, observed: &mut Observed) {
    for wanted in shape.wanted.iter().filter(|wanted| wanted.key.kind == Kind::Credential && wanted.live) {
        let Some(to) = wanted.issued.as_ref().and_then(|issued| issued.to.as_deref()) else { continue };
        let kept = secrets.kept(&owner(wanted.id), to, key).await;
        // Where nobody can tell, as without a folder for secrets, the key may be kept elsewhere.
        if matches!(kept, Ok(false) | Err(SecretError::Foreign { .. })) {
            observed.unkept.insert(wanted.id, to.into());
        }
        if let Err(error) = kept
            && !error.retryable()
        {
            observed.unkeepable.insert(wanted.id, format!("its secret would be shown once and lost: {error}").into());
        }
    }
}
