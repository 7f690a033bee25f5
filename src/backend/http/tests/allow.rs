use std::net::IpAddr;

use super::super::allow::NotAllowed;
use super::super::{AllowEntry, AllowList};
use super::allowed;

/// What a list says about an address, called by its own name over HTTPS.
fn judged(entries: &[&str], address: &str) -> Result<(), NotAllowed> {
    let address: IpAddr = address.parse().unwrap();
    allowed(entries).judge(&address.to_string(), 443, true, address)
}

#[test]
fn addresses_of_the_internet_need_an_entry_for_the_host_or_the_network() {
    for address in
        ["8.8.8.8", "1.1.1.1", "100.128.0.1", "172.32.0.1", "2606:4700::1111", "2a00:1450:4001::200e", "64:ff9b::808:808"]
    {
        assert_eq!(judged(&[], address), Err(NotAllowed::Unknown), "{address}");
        assert_eq!(judged(&["0.0.0.0/0", "::/0"], address), Ok(()), "{address}");
        let address = address.parse().unwrap();
        assert_eq!(allowed(&["aaq.example"]).judge("aaq.example", 443, true, address), Ok(()), "{address}");
        assert_eq!(allowed(&["aaq.example"]).judge("evil.example", 443, true, address), Err(NotAllowed::Unknown), "{address}");
    }
}

#[test]
fn a_published_host_is_called_at_a_public_address_by_https_without_an_entry() {
    let list = AllowList::default().of_service(&["api.service.example"]);
    let judge = |host: &str, port, tls, address: &str| list.judge(host, port, tls, address.parse().unwrap());
    assert_eq!(judge("api.service.example", 443, true, "8.8.8.8"), Ok(()));
    assert_eq!(judge("API.Service.example.", 443, true, "8.8.8.8"), Ok(()));
    for (host, port, tls, address, why) in [
        ("api.service.example.evil.example", 443, true, "8.8.8.8", NotAllowed::Unknown),
        ("evil.api.service.example", 443, true, "8.8.8.8", NotAllowed::Unknown),
        ("8.8.8.8", 443, true, "8.8.8.8", NotAllowed::Unknown),
        ("api.service.example", 8443, true, "8.8.8.8", NotAllowed::Unknown),
        ("api.service.example", 80, false, "8.8.8.8", NotAllowed::Unknown),
        ("api.service.example", 443, false, "8.8.8.8", NotAllowed::Clear),
        ("api.service.example", 443, true, "10.0.0.1", NotAllowed::Private),
        ("api.service.example", 443, true, "127.0.0.1", NotAllowed::Private),
        ("api.service.example", 443, true, "169.254.169.254", NotAllowed::Never),
    ] {
        assert_eq!(judge(host, port, tls, address), Err(why), "{host}:{port} at {address}");
    }
    assert!(NotAllowed::Unknown.to_string().contains("--backend-allow HOST"));
}

#[test]
fn addresses_of_the_machine_and_of_private_networks_need_an_entry() {
    let private = [
        "127.0.0.1",
        "127.1.2.3",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "198.18.0.1",
        "192.0.2.1",
        "203.0.113.9",
        "240.0.0.1",
        "::1",
        "fc00::1",
        "fd12:3456::1",
        "2001:db8::1",
        "fec0::1",
        "100::1",
        "2001::1",
    ];
    for address in private {
        assert_eq!(judged(&[], address), Err(NotAllowed::Private), "{address}");
        assert_eq!(judged(&["0.0.0.0/0", "::/0"], address), Ok(()), "{address}");
    }
}

#[test]
fn metadata_and_link_local_addresses_are_never_called_whatever_the_list_says() {
    let never = [
        "169.254.169.254",
        "169.254.170.2",
        "169.254.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "0.0.0.0",
        "0.1.2.3",
        "224.0.0.1",
        "239.255.255.250",
        "255.255.255.255",
        "::",
        "fe80::1",
        "febf::1",
        "ff02::1",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd00:ec2:ffff::1",
        "fd20:ce::254",
    ];
    for address in never {
        assert_eq!(judged(&[], address), Err(NotAllowed::Never), "{address}");
        assert_eq!(judged(&["0.0.0.0/0", "::/0", address], address), Err(NotAllowed::Never), "{address}");
    }
}

#[test]
fn an_address_that_wraps_another_is_judged_as_that_one() {
    for wrapped in [
        "::ffff:169.254.169.254",
        "::169.254.169.254",
        "::ffff:0:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
    ] {
        assert_eq!(judged(&["::/0", "0.0.0.0/0"], wrapped), Err(NotAllowed::Never), "{wrapped}");
    }
    for wrapped in ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"] {
        assert_eq!(judged(&[], wrapped), Err(NotAllowed::Private), "{wrapped}");
    }
    assert_eq!(judged(&["127.0.0.1"], "::ffff:127.0.0.1"), Ok(()));
    assert_eq!(judged(&["[::ffff:127.0.0.1]"], "127.0.0.1"), Ok(()));
}

#[test]
fn an_entry_is_for_a_host_a_port_an_address_or_a_network() {
    let judge = |entries: &[&str], host: &str, port, address: &str| {
        allowed(entries).judge(host, port, true, address.parse().unwrap()).is_ok()
    };
    assert!(judge(&["aaq.internal"], "aaq.internal", 443, "10.0.0.1"));
    assert!(judge(&["AAQ.Internal."], "aaq.internal", 443, "10.0.0.1"));
    assert!(judge(&["aaq.internal"], "aaq.internal.", 8000, "10.0.0.1"));
    assert!(!judge(&["aaq.internal"], "evil.aaq.internal", 443, "10.0.0.1"));
    assert!(judge(&["aaq.internal:8000"], "aaq.internal", 8000, "10.0.0.1"));
    assert!(!judge(&["aaq.internal:8000"], "aaq.internal", 8001, "10.0.0.1"));
    assert!(judge(&["10.1.0.0/16"], "anything", 443, "10.1.255.1"));
    assert!(!judge(&["10.1.0.0/16"], "anything", 443, "10.2.0.1"));
    assert!(judge(&["127.0.0.1:9000"], "localhost", 9000, "127.0.0.1"));
    assert!(!judge(&["127.0.0.1:9000"], "localhost", 9001, "127.0.0.1"));
    assert!(judge(&["[::1]:9000"], "localhost", 9000, "::1"));
    assert!(judge(&["::1"], "localhost", 9000, "::1"));
}

#[test]
fn credentials_travel_in_the_clear_only_where_an_entry_says_so() {
    let judge = |entries: &[&str], host: &str| allowed(entries).judge(host, 80, false, "8.8.8.8".parse().unwrap());
    assert_eq!(judge(&["aaq.example:80"], "aaq.example"), Ok(()));
    for without_the_port in ["aaq.example", "0.0.0.0/0"] {
        assert_eq!(judge(&[without_the_port], "aaq.example"), Err(NotAllowed::Clear), "{without_the_port}");
    }
    assert_eq!(judge(&["aaq.example:80"], "other.example"), Err(NotAllowed::Unknown));
    let port_of_https = allowed(&["aaq.example:443"]).judge("aaq.example", 443, false, "8.8.8.8".parse().unwrap());
    assert_eq!(port_of_https, Err(NotAllowed::Clear));
    assert_eq!(allowed(&["10.0.0.0/8"]).judge("aaq.internal", 80, false, "10.0.0.1".parse().unwrap()), Ok(()));
}

#[test]
fn an_entry_that_means_nothing_is_refused_with_what_would_be_right() {
    for wrong in [
        "",
        " ",
        "a b",
        "https://aaq.internal",
        "aaq.internal:",
        "aaq.internal:0",
        "aaq.internal:99999",
        "10.0.0.0/33",
        "*.internal",
        "[::1",
        "a..b",
    ] {
        let error = wrong.parse::<AllowEntry>().unwrap_err().to_string();
        assert!(error.contains(&format!("{wrong:?}")) && error.contains("write a host such as"), "{error}");
    }
    assert_eq!(AllowList::default(), std::iter::empty().collect());
}
