use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::keeper::Keeper;

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    File {
        /// The file.
        path: String,
        /// The reason.
        #[source]
        source: std::io::Error,
    },
    /// What is there is no certificate.
    #[error("cannot read the certificate or its key as PEM")]
    Pem(#[source] rustls::pki_types::pem::Error),
    /// The certificate and the key cannot be used.
    #[error("cannot use the certificate with its key")]
    Tls(#[source] rustls::Error),
    /// None can be made.
    #[error("cannot make a certificate")]
    Issue(#[source] rcgen::Error),
    /// The API server does not take or give it.
    #[error("cannot keep the certificate in {what}")]
    Kept {
        /// The object.
        what: String,
        /// The reason.
        #[source]
        source: kube::Error,
    },
    /// Others write it all the time.
    #[error("cannot keep the certificate in {0}: others change it all the time")]
    Busy(String),
    /// The API server gives no answer.
    #[error("the API server has given no answer about the certificate for {0:?}")]
    Silent(Duration),
}

impl CertificateError {
    /// True for what may go well in a moment, with nothing done about it.
    #[must_use]
    pub const fn may_pass(&self) -> bool {
        matches!(self, Self::Kept { .. } | Self::Busy(_) | Self::Silent(_))
    }
}

/// Whether the API server knows who signed a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// It does.
    Already,
    /// It was told only now.
    Now,
    /// It could not be told.
    No,
}

/// How long the API server may take to say all there is about the certificate.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where the certificate comes from.
#[derive(Clone, Debug)]
pub enum Certificates {
    /// From `tls.crt` and `tls.key` in this directory, as cert-manager mounts them.
    Directory(PathBuf),
    /// Made here, and kept in a Secret.
    Own(Keeper),
}

/// A certificate with its key, as PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    /// The certificate, and those that lead to its authority.
    pub certificate: String,
    /// Its key.
    pub key: String,
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pair")
    }
}

impl Pair {
    /// How to serve with it.
    ///
    /// # Errors
    ///
    /// When they are not a certificate and its key.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>, CertificateError> {
        let chain = CertificateDer::pem_slice_iter(self.certificate.as_bytes());
        let chain = chain.collect::<Result<Vec<_>, _>>().map_err(CertificateError::Pem)?;
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).map_err(CertificateError::Pem)?;
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(CertificateError::Tls)?;
        let mut config = builder.with_no_client_auth().with_single_cert(chain, key).map_err(CertificateError::Tls)?;
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }
}

impl Certificates {
    /// The certificate as it is now, renewed where it is time; with whether the API server knows who signed it.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub async fn now(&self, now: Timestamp) -> Result<(Pair, Known), CertificateError> {
        match self {
            Self::Directory(directory) => {
                let read = |name: &str| {
                    let path = directory.join(name);
                    std::fs::read_to_string(&path)
                        .map_err(|source| CertificateError::File { path: path.display().to_string(), source })
                };
                Ok((Pair { certificate: read("tls.crt")?, key: read("tls.key")? }, Known::Already))
            }
            Self::Own(keeper) => {
                let found = tokio::time::timeout(PATIENCE, keeper.now(now)).await;
                found.unwrap_or(Err(CertificateError::Silent(PATIENCE)))
            }
        }
    }

    /// How long an API server may take to learn who signed another one.
    #[must_use]
    pub const fn settles_in(&self) -> Duration {
        match self {
            Self::Directory(_) => Duration::ZERO,
            Self::Own(_) => Duration::from_secs(5),
        }
    }
}
