//! Where an IP address leads: into the open, or behind the operator's own doors.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// Where an address leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// To whoever has it on the public internet.
    Public,
    /// Into a network of the operator's or of a provider's.
    Private,
    /// To this machine.
    Loopback,
    /// To a neighbour on the same wire, or to what a cloud tells its machines of themselves.
    LinkLocal,
    /// To no single machine: to none, to many, or to what is not assigned.
    Nowhere,
}

/// What IANA's registry of special-purpose addresses holds of IPv4.
const V4: &[(Ipv4Net, Reach)] = &[
    (v4([0, 0, 0, 0], 8), Reach::Nowhere),
    (v4([10, 0, 0, 0], 8), Reach::Private),
    (v4([100, 64, 0, 0], 10), Reach::Private),
    (v4([127, 0, 0, 0], 8), Reach::Loopback),
    (v4([169, 254, 0, 0], 16), Reach::LinkLocal),
    (v4([172, 16, 0, 0], 12), Reach::Private),
    (v4([192, 0, 0, 0], 24), Reach::Private),
    (v4([192, 0, 2, 0], 24), Reach::Private),
    (v4([192, 88, 99, 0], 24), Reach::Nowhere),
    (v4([192, 168, 0, 0], 16), Reach::Private),
    (v4([198, 18, 0, 0], 15), Reach::Private),
    (v4([198, 51, 100, 0], 24), Reach::Private),
    (v4([203, 0, 113, 0], 24), Reach::Private),
    (v4([224, 0, 0, 0], 4), Reach::Nowhere),
    (v4([240, 0, 0, 0], 4), Reach::Nowhere),
];

/// The same of IPv6; what is in none of these and not in 2000::/3 is not assigned.
const V6: &[(Ipv6Net, Reach)] = &[
    (v6([0x2001, 0, 0], 23), Reach::Nowhere),
    (v6([0x2001, 0xdb8, 0], 32), Reach::Private),
    (v6([0x3fff, 0, 0], 20), Reach::Private),
    (v6([0x64, 0xff9b, 1], 48), Reach::Private),
    (v6([0xfc00, 0, 0], 7), Reach::Private),
    (v6([0xfec0, 0, 0], 10), Reach::Private),
    (v6([0xfe80, 0, 0], 10), Reach::LinkLocal),
];

/// Addresses that are assigned to be reached from anywhere.
const GLOBAL: Ipv6Net = v6([0x2000, 0, 0], 3);
/// Addresses of IPv4 as a translator (RFC 6052) shows them.
const TRANSLATED: Ipv6Net = v6([0x64, 0xff9b, 0], 96);
/// Addresses that hold one of IPv4 through which they are reached (RFC 3056).
const SIX_TO_FOUR: Ipv6Net = v6([0x2002, 0, 0], 16);

impl Reach {
    pub(crate) fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Self {
        V4.iter().find(|(net, _)| net.contains(&address)).map_or(Reach::Public, |(_, reach)| *reach)
    }

    fn of_v6(address: Ipv6Addr) -> Self {
        if address.is_loopback() {
            return Reach::Loopback;
        }
        let [_, b, c, _, _, _, g, h] = address.segments();
        if TRANSLATED.contains(&address) {
            return Self::of_v4(embedded(g, h));
        }
        if SIX_TO_FOUR.contains(&address) {
            return Self::of_v4(embedded(b, c));
        }
        match V6.iter().find(|(net, _)| net.contains(&address)) {
            Some((_, reach)) => *reach,
            None if GLOBAL.contains(&address) => Reach::Public,
            None => Reach::Nowhere,
        }
    }
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low))
}

const fn v4(octets: [u8; 4], prefix: u8) -> Ipv4Net {
    let [a, b, c, d] = octets;
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6(segments: [u16; 3], prefix: u8) -> Ipv6Net {
    let [a, b, c] = segments;
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_where_addresses_lead() {
        for (address, reach) in [
            ("1.1.1.1", Reach::Public),
            ("172.15.255.255", Reach::Public),
            ("172.16.0.1", Reach::Private),
            ("172.32.0.0", Reach::Public),
            ("10.1.2.3", Reach::Private),
            ("192.168.0.1", Reach::Private),
            ("100.64.0.1", Reach::Private),
            ("100.128.0.1", Reach::Public),
            ("127.0.0.1", Reach::Loopback),
            ("127.255.255.254", Reach::Loopback),
            ("169.254.169.254", Reach::LinkLocal),
            ("0.0.0.0", Reach::Nowhere),
            ("0.1.2.3", Reach::Nowhere),
            ("224.0.0.251", Reach::Nowhere),
            ("240.0.0.1", Reach::Nowhere),
            ("255.255.255.255", Reach::Nowhere),
            ("2606:4700:4700::1111", Reach::Public),
            ("::1", Reach::Loopback),
            ("::", Reach::Nowhere),
            ("fd00:ec2::254", Reach::Private),
            ("fe80::1", Reach::LinkLocal),
            ("fec0::1", Reach::Private),
            ("ff02::1", Reach::Nowhere),
            ("2001::1", Reach::Nowhere),
            ("2001:db8::1", Reach::Private),
            ("4000::1", Reach::Nowhere),
            // Addresses of IPv4 in the clothes of IPv6.
            ("::ffff:127.0.0.1", Reach::Loopback),
            ("::ffff:10.0.0.1", Reach::Private),
            ("::ffff:1.1.1.1", Reach::Public),
            ("::127.0.0.1", Reach::Nowhere),
            ("64:ff9b::127.0.0.1", Reach::Loopback),
            ("64:ff9b::1.1.1.1", Reach::Public),
            ("64:ff9b:1::1", Reach::Private),
            ("2002:7f00:1::", Reach::Loopback),
            ("2002:a9fe:a9fe::1", Reach::LinkLocal),
            ("2002:101:101::1", Reach::Public),
        ] {
            assert_eq!(Reach::of(address.parse().unwrap()), reach, "{address}");
        }
    }
}
