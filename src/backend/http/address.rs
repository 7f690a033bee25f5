use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// What an address is to a program that was given it by somebody else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Routed in the internet.
    Global,
    /// Of this machine, or of a network that is not the internet.
    Private,
    /// Of a cloud's metadata service, of one link only, or of nobody: never the address of a service.
    Never,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

const fn v6(segments: [u16; 8], length: u8) -> Ipv6Net {
    let [first, second, third, fourth, fifth, sixth, seventh, eighth] = segments;
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, third, fourth, fifth, sixth, seventh, eighth), length)
}

/// Where metadata services listen that hand out credentials, and what no service can have.
const NEVER_V4: [Ipv4Net; 7] = [
    v4(0, 0, 0, 0, 8),
    v4(100, 100, 100, 200, 32),
    v4(168, 63, 129, 16, 32),
    v4(169, 254, 0, 0, 16),
    v4(192, 0, 0, 192, 32),
    v4(224, 0, 0, 0, 4),
    v4(255, 255, 255, 255, 32),
];

const NEVER_V6: [Ipv6Net; 6] = [
    v6([0, 0, 0, 0, 0, 0, 0, 0], 128),
    v6([0xfd00, 0xec2, 0, 0, 0, 0, 0, 0], 32),
    v6([0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42], 128),
    v6([0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254], 128),
    v6([0xfe80, 0, 0, 0, 0, 0, 0, 0], 10),
    v6([0xff00, 0, 0, 0, 0, 0, 0, 0], 8),
];

/// What IANA's registry of special addresses does not call globally reachable.
const PRIVATE_V4: [Ipv4Net; 12] = [
    v4(10, 0, 0, 0, 8),
    v4(100, 64, 0, 0, 10),
    v4(127, 0, 0, 0, 8),
    v4(172, 16, 0, 0, 12),
    v4(192, 0, 0, 0, 24),
    v4(192, 0, 2, 0, 24),
    v4(192, 88, 99, 0, 24),
    v4(192, 168, 0, 0, 16),
    v4(198, 18, 0, 0, 15),
    v4(198, 51, 100, 0, 24),
    v4(203, 0, 113, 0, 24),
    v4(240, 0, 0, 0, 4),
];

const GLOBAL_V6: Ipv6Net = v6([0x2000, 0, 0, 0, 0, 0, 0, 0], 3);

const PRIVATE_V6: [Ipv6Net; 4] = [
    v6([0x2001, 0, 0, 0, 0, 0, 0, 0], 23),
    v6([0x2001, 0xdb8, 0, 0, 0, 0, 0, 0], 32),
    v6([0x2002, 0, 0, 0, 0, 0, 0, 0], 16),
    v6([0x3fff, 0, 0, 0, 0, 0, 0, 0], 20),
];

/// The address that is really meant: the IPv4 address inside an IPv6 address that only wraps one.
pub fn unwrapped(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(wide) => inner(wide).map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

/// IPv4-mapped (`::ffff:a.b.c.d`), IPv4-compatible (`::a.b.c.d`), IPv4-translated (`::ffff:0:a.b.c.d`), NAT64 (`64:ff9b::a.b.c.d`, and
/// `64:ff9b:1::a.b.c.d` inside a network) and 6to4 (`2002:abcd::`).
fn inner(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let of = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => None,
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0 | 1, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => Some(of(high, low)),
        _ => None,
    }
}

/// What the address is.
pub fn class(address: IpAddr) -> Class {
    match unwrapped(address) {
        IpAddr::V4(address) if NEVER_V4.iter().any(|net| net.contains(&address)) => Class::Never,
        IpAddr::V6(address) if NEVER_V6.iter().any(|net| net.contains(&address)) => Class::Never,
        IpAddr::V4(address) if PRIVATE_V4.iter().any(|net| net.contains(&address)) => Class::Private,
        IpAddr::V6(address) if !GLOBAL_V6.contains(&address) => Class::Private,
        IpAddr::V6(address) if PRIVATE_V6.iter().any(|net| net.contains(&address)) => Class::Private,
        IpAddr::V4(_) | IpAddr::V6(_) => Class::Global,
    }
}
