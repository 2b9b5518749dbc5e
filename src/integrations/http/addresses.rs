//! Which network addresses no request goes to, and which belong to private networks. Pure.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Names of clouds' metadata services; a proxy would resolve them where this machine cannot.
const METADATA_NAMES: [&str; 6] = [
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "metadata.tencentyun.com",
    "instance-data",
    "instance-data.ec2.internal",
];

const LINK_LOCAL: &str = "is a link-local address, such as machines' metadata services have";
const METADATA: &str = "is the address of a cloud's metadata service";
const NO_HOST: &str = "is not the address of one host";

/// Returns why no request goes to this address, in words that follow its name; nothing where one may.
///
/// An IPv6 address that carries an IPv4 address (mapped, compatible, translated, NAT64, 6to4, Teredo, ISATAP) is
/// refused where the carried one is.
pub fn refusal(ip: IpAddr) -> Option<&'static str> {
    match ip {
        IpAddr::V4(ip) => refusal_v4(ip),
        IpAddr::V6(ip) => refusal_v6(ip).or_else(|| carried(ip).into_iter().find_map(refusal_v4)),
    }
}

/// Returns why no request goes to a host of this name.
pub fn refusal_of_name(host: &str) -> Option<&'static str> {
    let host = host.trim_end_matches('.').to_ascii_lowercase();
    METADATA_NAMES.contains(&host.as_str()).then_some("is the name of a cloud's metadata service")
}

/// Returns whether the address belongs to a private network or to this machine: RFC 1918, carrier-grade NAT (RFC 6598),
/// unique local IPv6 (RFC 4193), site-local and loopback, also where an IPv6 address carries one of them.
pub fn is_private(ip: IpAddr) -> bool {
    let v4 = |ip: Ipv4Addr| {
        let [a, b, ..] = ip.octets();
        ip.is_private() || ip.is_loopback() || a == 100 && (64..128).contains(&b) || a == 198 && (b == 18 || b == 19)
    };
    match ip {
        IpAddr::V4(ip) => v4(ip),
        IpAddr::V6(ip) => {
            let is_site_local = ip.segments()[0] & 0xffc0 == 0xfec0;
            ip.is_loopback() || ip.is_unique_local() || is_site_local || carried(ip).into_iter().any(v4)
        }
    }
}

fn refusal_v4(ip: Ipv4Addr) -> Option<&'static str> {
    match ip.octets() {
        [169, 254, ..] => Some(LINK_LOCAL),
        // Azure; Alibaba Cloud; Oracle Cloud, with the other protocol assignments of its block (RFC 6890).
        [168, 63, 129, 16] | [100, 100, 100, 200] | [192, 0, 0, _] => Some(METADATA),
        [0 | 224..=255, ..] => Some(NO_HOST),
        _ => None,
    }
}

fn refusal_v6(ip: Ipv6Addr) -> Option<&'static str> {
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0] => Some(NO_HOST),
        [first, ..] if first & 0xff00 == 0xff00 => Some(NO_HOST),
        [first, ..] if first & 0xffc0 == 0xfe80 => Some(LINK_LOCAL),
        // AWS; Google Cloud; Akamai (Linode); Scaleway; Oracle Cloud.
        [0xfd00, 0xec2, ..]
        | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]
        | [0xfd00, 0xa9fe, 0xa9fe, ..]
        | [0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42]
        | [0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe] => Some(METADATA),
        _ => None,
    }
}

/// Returns the IPv4 addresses that an IPv6 address can stand for.
fn carried(ip: Ipv6Addr) -> Vec<Ipv4Addr> {
    let bytes = ip.octets();
    let at = |places: [usize; 4]| Ipv4Addr::from(places.map(|place| bytes[place]));
    let last = at([12, 13, 14, 15]);
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Vec::new(),
        // Compatible (RFC 4291), mapped, and translated (RFC 2765).
        [0, 0, 0, 0, 0, 0 | 0xffff, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => vec![last],
        // NAT64's well-known prefix; of its prefix for local use (RFC 8215) the length is the network's (RFC 6052), and all
        // but one of these places hold nothing.
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => vec![last],
        [0x64, 0xff9b, 1, ..] => {
            let places = [at([6, 7, 9, 10]), at([7, 9, 10, 11]), at([9, 10, 11, 12]), last];
            places.into_iter().filter(|ip| ip.octets()[0] != 0).collect()
        }
        [0x2002, ..] => vec![at([2, 3, 4, 5])],
        // Teredo (RFC 4380): the server, and the client with its bits inverted.
        [0x2001, 0, ..] => vec![at([4, 5, 6, 7]), Ipv4Addr::from(last.octets().map(|byte| !byte))],
        // ISATAP (RFC 5214).
        [_, _, _, _, 0 | 0x200, 0x5efe, ..] => vec![last],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> &'static str {
        refusal(text.parse().unwrap()).unwrap_or("allowed")
    }

    #[test]
    fn no_form_of_a_metadata_address_is_spoken_to() {
        for text in [
            "169.254.169.254",
            "169.254.170.2",
            "fe80::1",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe",
            "64:ff9b:1:a9fe:a9:fe00::",
            "2002:a9fe:a9fe::1",
            "2001:0:a9fe:a9fe::1",
            "2001:0:1234::5601:5601",
            "2001:db8::5efe:a9fe:a9fe",
        ] {
            assert_eq!(said(text), LINK_LOCAL, "{text}");
        }
        for text in [
            "168.63.129.16",
            "100.100.100.200",
            "192.0.0.192",
            "fd00:ec2::254",
            "fd00:ec2::23",
            "fd20:ce::254",
            "fd00:a9fe:a9fe::1",
            "fd00:42::42",
            "fd00:c1::a9fe:a9fe",
            "::ffff:168.63.129.16",
            "64:ff9b::6464:64c8",
        ] {
            assert_eq!(said(text), METADATA, "{text}");
        }
        for text in ["0.0.0.0", "0.1.2.3", "::", "255.255.255.255", "224.0.0.1", "ff02::1", "64:ff9b::"] {
            assert_eq!(said(text), NO_HOST, "{text}");
        }
    }

    #[test]
    fn other_hosts_are_spoken_to() {
        for text in [
            "127.0.0.1",
            "::1",
            "10.0.0.1",
            "100.64.0.1",
            "192.0.2.1",
            "8.8.8.8",
            "2606:4700::1111",
            "fd12::1",
            "64:ff9b:1::808:808",
            "64:ff9b:1:808:8:800::",
        ] {
            assert_eq!(said(text), "allowed", "{text}");
        }
    }

    #[test]
    fn private_networks_are_known_in_every_form() {
        let private = |text: &str| is_private(text.parse().unwrap());
        for text in [
            "10.1.2.3",
            "172.31.0.1",
            "192.168.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "::1",
            "fd12::1",
            "fec0::1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
        ] {
            assert!(private(text), "{text}");
        }
        for text in ["8.8.8.8", "100.128.0.1", "172.32.0.1", "2606:4700::1111"] {
            assert!(!private(text), "{text}");
        }
    }

    #[test]
    fn metadata_services_are_known_by_name() {
        assert!(refusal_of_name("Metadata.Google.Internal.").is_some());
        assert!(refusal_of_name("metadata.example.org").is_none());
    }
}
