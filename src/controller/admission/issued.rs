use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use jiff::{SignedDuration, Timestamp};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};

/// How long a certificate is valid.
pub const VALID_FOR: SignedDuration = SignedDuration::from_hours(90 * 24);

/// When another one takes its place: before two thirds of its time have passed.
pub const RENEWED_AFTER: SignedDuration = SignedDuration::from_hours(54 * 24);

/// How far the clocks of a cluster may be apart.
const SKEW: SignedDuration = SignedDuration::from_hours(2);

/// The service that an API server asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.name, self.namespace)
    }
}

impl FromStr for Service {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('.') {
            Some((name, namespace)) if !name.is_empty() && !namespace.is_empty() && !namespace.contains('.') => {
                Ok(Self { name: name.to_owned(), namespace: namespace.to_owned() })
            }
            _ => Err("write NAME.NAMESPACE".to_owned()),
        }
    }
}

/// A certificate that Muster made for itself, with who signed it.
#[derive(Clone, PartialEq, Eq)]
pub struct Kept {
    /// The certificate, as PEM.
    pub certificate: String,
    /// Its key, as PEM.
    pub key: String,
    /// The authority that signed it, as PEM. The key of an authority is thrown away once it has signed.
    pub authority: String,
    /// What it was made for.
    pub service: Service,
    /// When it was made.
    pub since: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// The authority before this one, which other replicas may still show a certificate of.
    pub previous: Option<Previous>,
}

/// An authority that signs nothing any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Previous {
    /// The authority, as PEM.
    pub authority: String,
    /// When what it signed ends.
    pub until: Timestamp,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kept({} from {} until {})", self.service, self.since, self.until)
    }
}

impl Kept {
    /// True when another one is to take its place. One from the future was made by a clock that was wrong: nobody would trust it yet.
    #[must_use]
    pub fn is_due(&self, service: &Service, now: Timestamp) -> bool {
        let age = now.duration_since(self.since);
        self.service != *service || age >= RENEWED_AFTER || age < -SKEW
    }

    /// The authorities that an API server shall trust, the one before included until what it signed has ended.
    #[must_use]
    pub fn bundle(&self, now: Timestamp) -> String {
        let previous = self.previous.as_ref().filter(|previous| previous.until > now);
        previous.map_or_else(|| self.authority.clone(), |previous| format!("{}{}", self.authority, previous.authority))
    }
}

/// Makes an authority and lets it sign one certificate for a service.
///
/// # Errors
///
/// When there is no randomness, or the service has a name that no certificate can have.
pub fn issue(service: &Service, now: Timestamp, before: Option<&Kept>) -> Result<Kept, rcgen::Error> {
    let until = now + VALID_FOR;
    let Service { name, namespace } = service;
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    // Two authorities at one time are told apart by their names.
    authority.distinguished_name.push(DnType::CommonName, format!("muster of {service} since {now}"));
    // The last names are for a look through a forwarded port.
    let names = [
        format!("{name}.{namespace}.svc"),
        format!("{name}.{namespace}.svc.cluster.local"),
        format!("{name}.{namespace}"),
        name.clone(),
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
    ];
    let mut certificate = CertificateParams::new(names.to_vec())?;
    certificate.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    certificate.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    certificate.distinguished_name.push(DnType::CommonName, "muster webhook");
    for params in [&mut authority, &mut certificate] {
        params.not_before = SystemTime::from(now - SKEW).into();
        params.not_after = SystemTime::from(until).into();
    }
    let (authority_key, key) = (KeyPair::generate()?, KeyPair::generate()?);
    let signed = authority.self_signed(&authority_key)?;
    let certificate = certificate.signed_by(&key, &Issuer::new(authority, authority_key))?;
    let still_there = before.filter(|before| before.until > now);
    Ok(Kept {
        certificate: certificate.pem(),
        key: key.serialize_pem(),
        authority: signed.pem(),
        service: service.clone(),
        since: now,
        until,
        previous: still_there.map(|before| Previous { authority: before.authority.clone(), until: before.until }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::controller::admission::Pair;

    fn at(days: i64) -> Timestamp {
        "2026-03-01T09:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(24 * days)
    }

    fn service() -> Service {
        "muster-webhook.muster".parse().unwrap()
    }

    #[test]
    fn a_certificate_is_renewed_before_two_thirds_of_its_time_have_passed() {
        let first = issue(&service(), at(0), None).unwrap();
        assert!(!first.is_due(&service(), at(53)));
        assert!(first.is_due(&service(), at(54)) && 54 * 3 < 90 * 2);
        assert!(first.is_due(&"other.muster".parse().unwrap(), at(0)));
        // An hour is within what clocks may be apart; a day is a clock that was wrong.
        assert!(!first.is_due(&service(), at(0) - SignedDuration::from_hours(1)) && first.is_due(&service(), at(-1)));
    }

    #[test]
    fn the_old_authority_stays_in_the_bundle_until_what_it_signed_has_ended() {
        let first = issue(&service(), at(0), None).unwrap();
        let second = issue(&service(), at(54), Some(&first)).unwrap();
        let third = issue(&service(), at(108), Some(&second)).unwrap();
        assert_eq!(first.bundle(at(0)), first.authority);
        assert_eq!(second.bundle(at(54)), format!("{}{}", second.authority, first.authority));
        assert_eq!(second.bundle(at(91)), second.authority);
        assert_eq!(third.bundle(at(108)), format!("{}{}", third.authority, second.authority));
        let late = issue(&service(), at(400), Some(&third)).unwrap();
        assert_eq!((late.previous.clone(), late.bundle(at(400))), (None, late.authority.clone()));
    }

    #[test]
    fn it_can_be_served_and_its_key_is_not_printed() {
        let kept = issue(&service(), at(0), None).unwrap();
        let pair = Pair { certificate: kept.certificate.clone(), key: kept.key.clone() };
        assert!(pair.server_config().is_ok());
        let shown = format!("{kept:?}{pair:?}");
        assert!(!shown.contains("PRIVATE") && kept.key.contains("PRIVATE"), "{shown}");
    }

    #[test]
    fn a_service_is_named_with_its_namespace() {
        assert_eq!(service(), Service { name: "muster-webhook".to_owned(), namespace: "muster".to_owned() });
        assert!(["", "muster", "a.b.c", ".b", "a."].into_iter().all(|text| text.parse::<Service>().is_err()));
    }
}
