use std::collections::BTreeMap;

use jiff::Timestamp;
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ObjectMeta, Patch, PatchParams, PostParams};
use kube::{Client, Error};
use serde_json::json;
use tracing::warn;

use super::certificate::{CertificateError, Known, Pair};
use super::issued::{Kept, Previous, Service, issue};

/// Keeps a certificate of its own in a Secret, so that all replicas show the same one, and tells the API server who signed it.
#[derive(Clone)]
pub struct Keeper {
    /// The API server.
    pub client: Client,
    /// The namespace of the Secret.
    pub namespace: String,
    /// The name of the Secret.
    pub secret: String,
    /// The service that the certificate is for.
    pub service: Service,
    /// The name of the `ValidatingWebhookConfiguration`.
    pub configuration: String,
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keeper({}/{})", self.namespace, self.secret)
    }
}

/// How often it is tried again when another replica was faster.
const ATTEMPTS: usize = 5;

const SERVICE: &str = "muster.dev/issued-for";
const SINCE: &str = "muster.dev/issued-at";
const UNTIL: &str = "muster.dev/valid-until";
const PREVIOUS_UNTIL: &str = "muster.dev/previous-valid-until";

impl Keeper {
    /// The certificate as it is now, made or renewed where it is time; with whether the API server knows who signed it.
    ///
    /// # Errors
    ///
    /// When the Secret cannot be read or written.
    pub async fn now(&self, now: Timestamp) -> Result<(Pair, Known), CertificateError> {
        let kept = self.keep(now).await?;
        let known = self.announce(&kept.bundle(now)).await.unwrap_or_else(|error| {
            let error = &error as &dyn std::error::Error;
            let configuration = &self.configuration;
            warn!(
                configuration,
                error, "cannot tell the API server who signed the certificate, so it may not ask; it is tried again"
            );
            Known::No
        });
        Ok((Pair { certificate: kept.certificate, key: kept.key }, known))
    }

    fn failed(&self, source: Error) -> CertificateError {
        CertificateError::Kept { what: format!("Secret {}/{}", self.namespace, self.secret), source }
    }

    async fn keep(&self, now: Timestamp) -> Result<Kept, CertificateError> {
        let secrets: Api<Secret> = Api::namespaced(self.client.clone(), &self.namespace);
        for _ in 0..ATTEMPTS {
            let found = secrets.get_opt(&self.secret).await.map_err(|error| self.failed(error))?;
            let kept = found.as_ref().and_then(read);
            if let Some(kept) = kept.as_ref().filter(|kept| !kept.is_due(&self.service, now)) {
                return Ok(kept.clone());
            }
            let new = issue(&self.service, now, kept.as_ref()).map_err(CertificateError::Issue)?;
            let written = match found {
                Some(found) => secrets.replace(&self.secret, &PostParams::default(), &write(found, &new)).await,
                None => secrets.create(&PostParams::default(), &write(self.empty(), &new)).await,
            };
            match written {
                Ok(_) => return Ok(new),
                // Another replica was faster; its certificate is as good.
                Err(Error::Api(status)) if status.code == 409 => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        Err(CertificateError::Busy(format!("Secret {}/{}", self.namespace, self.secret)))
    }

    fn empty(&self) -> Secret {
        let (name, namespace) = (Some(self.secret.clone()), Some(self.namespace.clone()));
        let labels = [("app.kubernetes.io/part-of".to_owned(), "muster".to_owned())].into();
        Secret { metadata: ObjectMeta { name, namespace, labels: Some(labels), ..ObjectMeta::default() }, ..Secret::default() }
    }

    /// Writes the authorities into the configuration, where it has others.
    async fn announce(&self, bundle: &str) -> Result<Known, CertificateError> {
        let what = || format!("ValidatingWebhookConfiguration {}", self.configuration);
        let failed = |source| CertificateError::Kept { what: what(), source };
        let configurations: Api<ValidatingWebhookConfiguration> = Api::all(self.client.clone());
        let bundle = ByteString(bundle.as_bytes().to_vec());
        for _ in 0..ATTEMPTS {
            let found = configurations.get(&self.configuration).await.map_err(failed)?;
            let others = found.webhooks.iter().flatten().filter(|it| it.client_config.ca_bundle.as_ref() != Some(&bundle));
            let others: Vec<_> = others.map(|it| json!({ "name": it.name, "clientConfig": { "caBundle": bundle } })).collect();
            if others.is_empty() {
                return Ok(Known::Already);
            }
            let patch = json!({ "metadata": { "resourceVersion": found.metadata.resource_version }, "webhooks": others });
            match configurations.patch(&self.configuration, &PatchParams::default(), &Patch::Strategic(patch)).await {
                Ok(_) => return Ok(Known::Now),
                // Another replica was faster, and most likely wrote the same.
                Err(Error::Api(status)) if status.code == 409 => {}
                Err(error) => return Err(failed(error)),
            }
        }
        Err(CertificateError::Busy(what()))
    }
}

/// What a Secret holds; `None` where that cannot be used.
fn read(secret: &Secret) -> Option<Kept> {
    let annotation = |name: &str| secret.metadata.annotations.as_ref()?.get(name).map(String::as_str);
    let data = |name: &str| String::from_utf8(secret.data.as_ref()?.get(name)?.0.clone()).ok();
    let time = |name: &str| annotation(name)?.parse::<Timestamp>().ok();
    let kept = Kept {
        certificate: data("tls.crt")?,
        key: data("tls.key")?,
        authority: data("ca.crt")?,
        service: annotation(SERVICE)?.parse().ok()?,
        since: time(SINCE)?,
        until: time(UNTIL)?,
        previous: data("previous-ca.crt").zip(time(PREVIOUS_UNTIL)).map(|(authority, until)| Previous { authority, until }),
    };
    let pair = Pair { certificate: kept.certificate.clone(), key: kept.key.clone() };
    pair.server_config().is_ok().then_some(kept)
}

/// The Secret with this certificate in place of what it holds.
fn write(secret: Secret, kept: &Kept) -> Secret {
    let bytes = |text: &str| ByteString(text.as_bytes().to_vec());
    let mut data: BTreeMap<String, ByteString> = [
        ("tls.crt".to_owned(), bytes(&kept.certificate)),
        ("tls.key".to_owned(), bytes(&kept.key)),
        ("ca.crt".to_owned(), bytes(&kept.authority)),
    ]
    .into();
    let mut metadata = secret.metadata;
    let annotations = metadata.annotations.get_or_insert_default();
    annotations.insert(SERVICE.to_owned(), kept.service.to_string());
    annotations.insert(SINCE.to_owned(), kept.since.to_string());
    annotations.insert(UNTIL.to_owned(), kept.until.to_string());
    annotations.remove(PREVIOUS_UNTIL);
    if let Some(previous) = &kept.previous {
        data.insert("previous-ca.crt".to_owned(), bytes(&previous.authority));
        annotations.insert(PREVIOUS_UNTIL.to_owned(), previous.until.to_string());
    }
    Secret { metadata, data: Some(data), string_data: None, ..secret }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_gives_back_what_was_written_into_it() {
        let service: Service = "muster-webhook.muster".parse().unwrap();
        let now = |text: &str| text.parse::<Timestamp>().unwrap();
        let first = issue(&service, now("2026-03-01T09:00:00Z"), None).unwrap();
        let second = issue(&service, now("2026-04-29T09:00:00Z"), Some(&first)).unwrap();
        let secret = write(Secret::default(), &first);
        assert_eq!(read(&secret), Some(first));
        let secret = write(secret, &second);
        assert_eq!(read(&secret), Some(second.clone()));
        let third = issue(&service, now("2027-04-29T09:00:00Z"), Some(&second)).unwrap();
        assert_eq!(read(&write(secret, &third)).unwrap().previous, None);
    }

    #[test]
    fn what_cannot_be_used_is_made_anew() {
        let service: Service = "muster-webhook.muster".parse().unwrap();
        let kept = issue(&service, "2026-03-01T09:00:00Z".parse().unwrap(), None).unwrap();
        assert_eq!(read(&Secret::default()), None);
        let mut broken = write(Secret::default(), &kept);
        broken.data.as_mut().unwrap().insert("tls.key".to_owned(), ByteString(b"nonsense".to_vec()));
        assert_eq!(read(&broken), None);
    }
}
