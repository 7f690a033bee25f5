/// Where addresses lead that only the network of the service itself knows: this machine, private networks, link-local and metadata
/// addresses, and numbers that stand for them; as CEL writes it. Means the same as [`is_internal`].
macro_rules! internal {
    () => {
        r"^https?://(?i:([^/?#:]*\\.)?localhost|[^/?#:]*\\.(local|internal)|(0|10|127)\\.[0-9.]*|169\\.254\\.[0-9.]*|192\\.168\\.[0-9.]*|172\\.(1[6-9]|2[0-9]|3[01])\\.[0-9.]*|100\\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\\.[0-9.]*|[0-9]+|0x[0-9a-fx.]*|\\[(::|f[cd]|fe[89ab])[^/?#\\]]*\\])(:[0-9]*)?([/?#]|$)"
    };
}
pub(crate) use internal;

/// True for an address of the web that leads into the network of whoever calls it.
#[must_use]
pub fn is_internal(url: &str) -> bool {
    let Some((_, rest)) = url.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let end = match authority.find(']').filter(|_| authority.starts_with('[')) {
        Some(end) => end + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at(end);
    let port = port.strip_prefix(':').unwrap_or(port);
    port.bytes().all(|byte| byte.is_ascii_digit()) && is_internal_host(&host.to_ascii_lowercase())
}

fn is_internal_host(host: &str) -> bool {
    let ends = |with: &str| host.ends_with(with);
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return ["::", "fc", "fd", "fe8", "fe9", "fea", "feb"].iter().any(|prefix| address.starts_with(prefix));
    }
    if host == "localhost" || ends(".localhost") || ends(".local") || ends(".internal") {
        return true;
    }
    if let Some(rest) = host.strip_prefix("0x") {
        return rest.bytes().all(|byte| byte.is_ascii_hexdigit() || matches!(byte, b'x' | b'.'));
    }
    if host.is_empty() || !host.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return false;
    }
    let parts: Vec<&str> = host.splitn(3, '.').collect();
    let between =
        |text: &str, from: u16, to: u16| !text.starts_with('0') && text.parse().is_ok_and(|it| (from..=to).contains(&it));
    match parts.as_slice() {
        [_] | ["0" | "10" | "127", ..] | ["169", "254", _] | ["192", "168", _] => true,
        ["172", second, _] => between(second, 16, 31),
        ["100", second, _] => between(second, 64, 127),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_and_the_check_mean_the_same() {
        let pattern = regex::Regex::new(&internal!().replace(r"\\", r"\")).unwrap();
        let hosts = [
            ("localhost", true),
            ("LOCALHOST:8080", true),
            ("a.localhost", true),
            ("localhost.acme.example", false),
            ("metadata.google.internal", true),
            ("printer.local", true),
            ("internal", false),
            ("127.0.0.1", true),
            ("127.1", true),
            ("10.0.0.1:80", true),
            ("100.64.0.1", true),
            ("100.63.0.1", false),
            ("169.254.169.254", true),
            ("172.15.0.1", false),
            ("172.16.0.1", true),
            ("172.31.0.1", true),
            ("172.32.0.1", false),
            ("192.168.1.1", true),
            ("192.169.1.1", false),
            ("8.8.8.8", false),
            ("0.0.0.0", true),
            ("2130706433", true),
            ("0x7f.1", true),
            ("0x7f000001", true),
            ("[::1]", true),
            ("[::1]:443", true),
            ("[::ffff:10.0.0.1]", true),
            ("[fd00::1]", true),
            ("[fe80::1]", true),
            ("[2001:db8::1]", false),
            ("10.example", false),
            ("hooks.acme.example", false),
        ];
        for (host, internal) in hosts {
            for url in [format!("https://{host}"), format!("http://{host}/a?b#c")] {
                assert_eq!((is_internal(&url), pattern.is_match(&url)), (internal, internal), "{url}");
            }
        }
        assert!(!is_internal("https://a.example/localhost") && !is_internal("https://a.example?x=127.0.0.1"));
    }
}
