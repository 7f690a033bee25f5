use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

/// How TLS is spoken: with the certificates that the machine trusts, or that `SSL_CERT_FILE` names. Where there are none, no
/// certificate is trusted.
///
/// # Errors
///
/// When the cryptography that is built in does not fit together.
pub fn tls() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(ring::default_provider());
    match Verifier::new(provider.clone()) {
        Ok(verifier) => {
            let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
            Ok(builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier)).with_no_client_auth())
        }
        Err(_) => trusting_nobody(),
    }
}

/// For who speaks no TLS: reading all the certificates of a machine takes its time.
pub(super) fn trusting_nobody() -> Result<ClientConfig, rustls::Error> {
    let builder =
        ClientConfig::builder_with_provider(Arc::new(ring::default_provider())).with_safe_default_protocol_versions()?;
    Ok(builder.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}
