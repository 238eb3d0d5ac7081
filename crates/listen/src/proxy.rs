//! The PROXY protocol: a header before the first bytes of a connection, in which a proxy sends the
//! address of its client.
//!
//! Versions 1 and 2 are those of <https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt>.
//! Whether a sender is trusted is not known here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The start of version 1.
const V1: &[u8] = b"PROXY ";

/// The longest header of version 1 in bytes, with its line end.
const V1_LONGEST: usize = 107;

/// The start of version 2.
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";

/// The length of version 2 in bytes without addresses.
const V2_FIXED: usize = 16;

/// The most bytes after those. Headers of proxies have a few hundred, with the names of a client's
/// certificate.
const V2_LONGEST: usize = 4096;

/// The first bytes of a connection, as a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyHeader {
    /// Too few bytes to tell whether there is a header.
    Incomplete,
    /// A header starts here; more bytes are needed, 4112 in all at most.
    Started,
    /// The connection starts without a header.
    Absent,
    /// The header is not valid.
    Malformed,
    /// A header.
    Present {
        /// Its length in bytes.
        length: usize,
        /// The client's address; `None` if the header has none, such as for the proxy's own checks.
        client: Option<SocketAddr>,
    },
}

impl ProxyHeader {
    /// Reads the header at the start of `bytes`, all bytes received so far.
    pub fn parse(bytes: &[u8]) -> Self {
        for (start, read) in [(V1, v1 as fn(&[u8]) -> Self), (V2, v2)] {
            if bytes.starts_with(start) {
                return read(bytes);
            }
            if start.starts_with(bytes) {
                return Self::Incomplete;
            }
        }
        Self::Absent
    }
}

fn v1(bytes: &[u8]) -> ProxyHeader {
    let end = bytes
        .iter()
        .take(V1_LONGEST)
        .position(|byte| *byte == b'\n');
    let Some(end) = end else {
        return if bytes.len() < V1_LONGEST {
            ProxyHeader::Started
        } else {
            ProxyHeader::Malformed
        };
    };
    let line = std::str::from_utf8(&bytes[V1.len()..end]).unwrap_or_default();
    if line.starts_with("UNKNOWN") && line.ends_with('\r') {
        return present(end + 1, None);
    }
    match v1_client(line) {
        Some(client) => present(end + 1, Some(client)),
        None => ProxyHeader::Malformed,
    }
}

fn present(length: usize, client: Option<SocketAddr>) -> ProxyHeader {
    ProxyHeader::Present { length, client }
}

/// Returns the client's address in the rest of a line, or `None` if the line is not valid.
fn v1_client(rest: &str) -> Option<SocketAddr> {
    let mut words = rest.strip_suffix('\r')?.split(' ');
    let family = words.next()?;
    let client: IpAddr = words.next()?.parse().ok()?;
    let server: IpAddr = words.next()?.parse().ok()?;
    let port = words.next()?.parse().ok()?;
    words.next()?.parse::<u16>().ok()?;
    let is_family = match family {
        "TCP4" => client.is_ipv4() && server.is_ipv4(),
        "TCP6" => client.is_ipv6() && server.is_ipv6(),
        _ => false,
    };
    (is_family && words.next().is_none()).then_some(SocketAddr::new(client, port))
}

fn v2(bytes: &[u8]) -> ProxyHeader {
    let Some((fixed, rest)) = bytes.split_at_checked(V2_FIXED) else {
        return ProxyHeader::Started;
    };
    let (command, family) = (fixed[12], fixed[13]);
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if command >> 4 != 2 || command & 0xf > 1 || length > V2_LONGEST {
        return ProxyHeader::Malformed;
    }
    let Some(rest) = rest.get(..length) else {
        return ProxyHeader::Started;
    };
    let client = match (command & 0xf, family) {
        (1, 0x11) => v2_client::<4>(rest),
        (1, 0x21) => v2_client::<16>(rest),
        // A check of the proxy itself, or another family.
        _ => return present(V2_FIXED + length, None),
    };
    client.map_or(ProxyHeader::Malformed, |client| {
        present(V2_FIXED + length, Some(client))
    })
}

/// Returns the first of two addresses of `N` bytes with the first of the two ports after them, or
/// `None` if there are too few bytes.
fn v2_client<const N: usize>(rest: &[u8]) -> Option<SocketAddr> {
    let ports = rest.get(2 * N..2 * N + 4)?;
    let ip = match N {
        4 => IpAddr::V4(Ipv4Addr::from(*rest.first_chunk()?)),
        _ => IpAddr::V6(Ipv6Addr::from(*rest.first_chunk()?)),
    };
    let port = u16::from_be_bytes([ports[0], ports[1]]);
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{ProxyHeader, V1, V2, V2_LONGEST};

    fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).expect("short").to_be_bytes();
        [V2, &[command, family], &length, rest].concat()
    }

    /// Checks a header with `{` behind it, and each of its beginnings.
    #[track_caller]
    fn check(header: &[u8], client: Option<&str>) {
        let expected = ProxyHeader::Present {
            length: header.len(),
            client: client.map(|client| client.parse().expect("an address")),
        };
        assert_eq!(ProxyHeader::parse(&[header, b"{"].concat()), expected);
        assert_eq!(ProxyHeader::parse(header), expected);
        let start = if header.starts_with(V1) { V1 } else { V2 };
        for end in 0..header.len() {
            let expected = if end < start.len() {
                ProxyHeader::Incomplete
            } else {
                ProxyHeader::Started
            };
            assert_eq!(ProxyHeader::parse(&header[..end]), expected);
        }
    }

    const TCP4: [u8; 12] = [192, 0, 2, 7, 10, 0, 0, 1, 0xc3, 0x50, 7, 0x7d];

    #[test]
    fn headers_of_both_versions_have_the_clients_address() {
        let line = b"PROXY TCP4 192.0.2.7 10.0.0.1 50000 1917\r\n";
        check(line, Some("192.0.2.7:50000"));
        let line = b"PROXY TCP6 2001:db8::7 ::1 50000 1917\r\n";
        check(line, Some("[2001:db8::7]:50000"));
        check(b"PROXY UNKNOWN\r\n", None);
        check(b"PROXY UNKNOWN ffff::1 ffff::2 1 2\r\n", None);
        check(&v2(0x21, 0x11, &TCP4), Some("192.0.2.7:50000"));
        let with_tlv = [&TCP4[..], &[4, 0, 2, 1, 1]].concat();
        check(&v2(0x21, 0x11, &with_tlv), Some("192.0.2.7:50000"));
        let mut tcp6 = [0; 36];
        (tcp6[15], tcp6[33]) = (1, 80);
        check(&v2(0x21, 0x21, &tcp6), Some("[::1]:80"));
        check(&v2(0x20, 0x00, &[]), None);
        check(&v2(0x20, 0x11, &TCP4), None);
        check(&v2(0x21, 0x31, &[0; 216]), None);
        check(&v2(0x20, 0x00, &[0; V2_LONGEST]), None);
    }

    #[test]
    fn other_bytes_are_absent_or_malformed_headers() {
        #[track_caller]
        fn check(bytes: &[u8], expected: ProxyHeader) {
            assert_eq!(ProxyHeader::parse(bytes), expected);
        }
        for bytes in [
            &b"{\"id\":1}"[..],
            b"\r\n{",
            b"\r\n\r\n{",
            b"POST / HTTP/1.1",
            b"PROXZ ",
            b"\x16\x03\x01",
        ] {
            check(bytes, ProxyHeader::Absent);
        }
        for bytes in [
            &b"PROXY TCP4 192.0.2.7 10.0.0.1 50000 1917\n"[..],
            b"PROXY TCP4 192.0.2.7 10.0.0.1 50000\r\n",
            b"PROXY TCP4 192.0.2.7 10.0.0.1 50000 1917 1\r\n",
            b"PROXY TCP4 192.0.2.7 10.0.0.1 70000 1917\r\n",
            b"PROXY TCP4 ::1 ::1 1 2\r\n",
            b"PROXY \r\n",
            b"PROXY UNKNOWN\n",
            b"PROXY \xff\r\n",
            &[&b"PROXY "[..], &[b'x'; 101]].concat(),
            &v2(0x11, 0x11, &TCP4),
            &v2(0x22, 0x11, &TCP4),
            &v2(0x21, 0x11, &TCP4[..11]),
            &v2(0x20, 0x00, &[0; V2_LONGEST + 1])[..16],
        ] {
            check(bytes, ProxyHeader::Malformed);
        }
    }

    proptest! {
        #[test]
        fn a_decision_does_not_change_with_more_bytes(
            start in prop::sample::select(vec![&b""[..], b"PROXY ", b"PROXY TCP4 1.2.3.4 ", V2]),
            rest in prop::collection::vec(prop::sample::select(&b"1. :\r\n\0\x21\x11UTCP46"[..]), 0..120),
        ) {
            let bytes = [start, &rest].concat();
            let whole = ProxyHeader::parse(&bytes);
            if let ProxyHeader::Present { length, .. } = whole {
                prop_assert!(length <= bytes.len());
            }
            for end in 0..bytes.len() {
                let part = ProxyHeader::parse(&bytes[..end]);
                let is_open = matches!(part, ProxyHeader::Incomplete | ProxyHeader::Started);
                prop_assert!(is_open || part == whole);
                if part == ProxyHeader::Started {
                    prop_assert!(!matches!(whole, ProxyHeader::Incomplete | ProxyHeader::Absent));
                }
            }
        }
    }
}
