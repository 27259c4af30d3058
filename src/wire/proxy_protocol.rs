//! The PROXY protocol of HAProxy, versions 1 (text) and 2 (binary): a proxy says before anything
//! else from where its client came, and to where.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Longest header, in bytes: no more is ever looked at.
pub const HEADER_MAX: usize = 536;

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
const V2_HEADER: usize = 16;
const V1_START: &[u8] = b"PROXY ";

/// What a header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The client and the address that it connected to.
    Proxied { client: SocketAddr, server: SocketAddr },
    /// The proxy itself has connected, to see how we are.
    Local,
}

/// Which address families are in use (`inet_protocols`).
#[derive(Clone, Copy, Debug)]
pub struct Families {
    pub ipv4: bool,
    pub ipv6: bool,
}

/// A header that is none, in Postfix's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadHeader(pub &'static str);

/// Whether `bytes` may be the beginning of a header that has not come in whole.
pub fn is_incomplete(bytes: &[u8]) -> bool {
    let starts = |whole: &[u8]| {
        let common = bytes.len().min(whole.len());
        bytes.get(..common) == whole.get(..common)
    };
    if starts(V1_START) {
        return bytes.len() < HEADER_MAX && !bytes.contains(&b'\n');
    }
    if !starts(SIGNATURE) {
        return false;
    }
    let Some(length) = length(bytes) else { return true };
    bytes.len() < V2_HEADER + length && V2_HEADER + length <= HEADER_MAX
}

fn length(bytes: &[u8]) -> Option<usize> {
    Some(usize::from(u16::from_be_bytes([*bytes.get(14)?, *bytes.get(15)?])))
}

/// Takes a header off the front of `bytes`, with the number of bytes it took.
pub fn take(bytes: &[u8], families: Families) -> Result<(Origin, usize), BadHeader> {
    if bytes.starts_with(V1_START) { text(bytes, families) } else { binary(bytes, families) }
}

fn text(bytes: &[u8], families: Families) -> Result<(Origin, usize), BadHeader> {
    let end =
        memchr::memchr(b'\n', bytes).ok_or(BadHeader("missing protocol header terminator"))?;
    let line = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default());
    let mut words = line.split([' ', '\r']).filter(|word| !word.is_empty()).skip(1);
    let is_v6 = match words.next() {
        Some(word) if families.ipv4 && word.eq_ignore_ascii_case("TCP4") => false,
        Some(word) if families.ipv6 && word.eq_ignore_ascii_case("TCP6") => true,
        _ => return Err(BadHeader("bad or missing protocol type")),
    };
    let mut address = |why| {
        let word = words.next().ok_or(BadHeader(why))?;
        let ip = if is_v6 {
            word.parse::<Ipv6Addr>().ok().map(IpAddr::from)
        } else {
            word.parse::<Ipv4Addr>().ok().map(IpAddr::from)
        };
        ip.map(|ip| ip.to_canonical()).ok_or(BadHeader(why))
    };
    let client = address("bad or missing client address")?;
    let server = address("bad or missing server address")?;
    let mut port = |why| {
        let word = words.next().ok_or(BadHeader(why))?;
        let digits = word.bytes().all(|b| b.is_ascii_digit());
        let plain = digits && (word.len() == 1 || !word.starts_with('0'));
        word.parse::<u16>().ok().filter(|_| plain).ok_or(BadHeader(why))
    };
    let client = SocketAddr::new(client, port("bad or missing client port")?);
    let server = SocketAddr::new(server, port("bad or missing server port")?);
    Ok((Origin::Proxied { client, server }, end + 1))
}

fn binary(bytes: &[u8], families: Families) -> Result<(Origin, usize), BadHeader> {
    let header = bytes.first_chunk::<V2_HEADER>().ok_or(BadHeader("short protocol header"))?;
    let [.., command, family, high, low] = *header;
    if !header.starts_with(SIGNATURE) {
        return Err(BadHeader("unrecognized protocol header"));
    }
    if command >> 4 != 2 {
        return Err(BadHeader("unrecognized protocol version"));
    }
    let length = usize::from(u16::from_be_bytes([high, low]));
    let used = V2_HEADER + length;
    let data = bytes.get(V2_HEADER..used).ok_or(BadHeader("short version 2 protocol header"))?;
    let origin = match command & 0xf {
        0 => Origin::Local,
        1 => addresses(family, data, families)?,
        _ => return Err(BadHeader("bad command in proxy header")),
    };
    Ok((origin, used))
}

fn addresses(family: u8, data: &[u8], families: Families) -> Result<Origin, BadHeader> {
    const SHORT: BadHeader = BadHeader("short address field");
    let port = |at: usize| {
        let pair = data.get(at..).and_then(|rest| rest.first_chunk::<2>()).ok_or(SHORT)?;
        Ok(u16::from_be_bytes(*pair))
    };
    let (client, server, ports) = match family {
        0x11 if !families.ipv4 => return Err(BadHeader("Postfix IPv4 support is disabled")),
        0x21 if !families.ipv6 => return Err(BadHeader("Postfix IPv6 support is disabled")),
        0x11 => {
            let ip = |at: usize| {
                let four = data.get(at..).and_then(|rest| rest.first_chunk::<4>()).ok_or(SHORT)?;
                Ok(IpAddr::from(Ipv4Addr::from(*four)))
            };
            (ip(0)?, ip(4)?, 8)
        }
        0x21 => {
            let ip = |at: usize| {
                let all = data.get(at..).and_then(|rest| rest.first_chunk::<16>()).ok_or(SHORT)?;
                Ok(IpAddr::from(Ipv6Addr::from(*all)).to_canonical())
            };
            (ip(0)?, ip(16)?, 32)
        }
        _ => return Err(BadHeader("unsupported network protocol")),
    };
    Ok(Origin::Proxied {
        client: SocketAddr::new(client, port(ports)?),
        server: SocketAddr::new(server, port(ports + 2)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const BOTH: Families = Families { ipv4: true, ipv6: true };
    const IPV4: Families = Families { ipv4: true, ipv6: false };

    fn v2(command: u8, family: u8, data: &[u8]) -> Vec<u8> {
        let length = u16::try_from(data.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, data].concat()
    }

    fn proxied(client: &str, server: &str) -> Origin {
        Origin::Proxied { client: client.parse().unwrap(), server: server.parse().unwrap() }
    }

    #[test]
    fn text_headers() {
        let line = b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 25\r\nEHLO";
        assert_eq!(take(line, BOTH), Ok((proxied("192.0.2.1:1234", "192.0.2.2:25"), 40)));
        let line = b"PROXY TCP6 2001:db8::1 ::ffff:192.0.2.2 1 2\n";
        assert_eq!(take(line, BOTH), Ok((proxied("[2001:db8::1]:1", "192.0.2.2:2"), line.len())));
        for (line, why) in [
            ("PROXY TCP4 192.0.2.1", "missing protocol header terminator"),
            ("PROXY UNKNOWN\r\n", "bad or missing protocol type"),
            ("PROXY TCP6 ::1 ::1 1 2\r\n", "bad or missing protocol type"),
            ("PROXY TCP4 ::1 192.0.2.2 1 2\r\n", "bad or missing client address"),
            ("PROXY TCP4 192.0.2.1\r\n", "bad or missing server address"),
            ("PROXY TCP4 192.0.2.1 192.0.2.2 x 2\r\n", "bad or missing client port"),
            ("PROXY TCP4 192.0.2.1 192.0.2.2 1 70000\r\n", "bad or missing server port"),
            ("PROXY TCP4 192.0.2.1 192.0.2.2 01 2\r\n", "bad or missing client port"),
            ("EHLO x\r\n", "short protocol header"),
            ("EHLO client.example.org\r\n", "unrecognized protocol header"),
        ] {
            assert_eq!(take(line.as_bytes(), IPV4), Err(BadHeader(why)), "{line}");
        }
    }

    #[test]
    fn binary_headers() {
        let data = [192, 0, 2, 1, 192, 0, 2, 2, 4, 210, 0, 25, 9, 9];
        let header = v2(0x21, 0x11, &data);
        assert_eq!(take(&header, BOTH), Ok((proxied("192.0.2.1:1234", "192.0.2.2:25"), 30)));
        assert_eq!(take(&v2(0x20, 0, b"xyz"), BOTH), Ok((Origin::Local, 19)));
        let why = |bytes: &[u8]| take(bytes, IPV4).unwrap_err().0;
        assert_eq!(why(&v2(0x11, 0x11, &data)), "unrecognized protocol version");
        assert_eq!(why(&v2(0x22, 0x11, &data)), "bad command in proxy header");
        assert_eq!(why(&v2(0x21, 0x11, &data[..9])), "short address field");
        assert_eq!(why(&v2(0x21, 0x21, &[0; 36])), "Postfix IPv6 support is disabled");
        assert_eq!(why(&v2(0x21, 0x12, &data)), "unsupported network protocol");
        assert_eq!(why(&header[..20]), "short version 2 protocol header");
    }

    #[test]
    fn waits_only_for_headers() {
        assert!(is_incomplete(b"") && is_incomplete(b"PRO") && is_incomplete(b"PROXY TCP4 1"));
        assert!(
            !is_incomplete(b"PROXY TCP4\n") && !is_incomplete(b"EHLO") && !is_incomplete(b"PRX")
        );
        let header = v2(0x21, 0x11, &[0; 12]);
        assert!((0..header.len()).all(|end| is_incomplete(&header[..end])));
        assert!(!is_incomplete(&header));
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..60), start in 0usize..3) {
            let bytes = [[&b""[..], V1_START, SIGNATURE][start], &bytes].concat();
            let _ = is_incomplete(&bytes);
            if let Ok((_, used)) = take(&bytes, BOTH) {
                prop_assert!(used <= bytes.len());
            }
        }
    }
}
