//! A report as an HTTPS POST: RFC 8460 section 5.4.
//!
//! The domain that a report is about says where it goes, so that address is not trusted: only
//! addresses of the public Internet are connected to, nothing is followed elsewhere, and of the
//! answer only the status counts. Its certificate may be wrong (RFC 8460 section 3): that is what
//! the report may be about.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::config::why;
use crate::lookup::encryption::{self, Trust};
use crate::wire::tlsrpt::Url;

/// For all of it.
const LIMIT: Duration = Duration::from_secs(60);

/// For one address.
const CONNECT: Duration = Duration::from_secs(15);

/// Addresses of one host that are tried.
const ADDRESSES: usize = 4;

/// Longest first line of an answer.
const STATUS_LINE: usize = 1024;

/// Why a report did not arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    /// What went wrong.
    pub text: String,
    /// Whether there is no use in trying again.
    pub is_final: bool,
}

impl Trouble {
    fn for_now(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_final: false }
    }
}

/// Sends a report, compressed already.
pub(super) async fn post(url: &Url, report: &[u8]) -> Result<(), Trouble> {
    let exchange = async {
        let stream = connect(url).await?;
        let failed =
            |what: &str, e: &std::io::Error| Trouble::for_now(format!("{what}: {}", why(e)));
        // Whoever is there: RFC 8460 section 3 lets reports go where certificates are wrong.
        let connector =
            encryption::connector(Trust::Anybody, &[], None).map_err(Trouble::for_now)?;
        let stream = connector.connect(&url.host, stream).await;
        let mut stream = stream.map_err(|e| failed("TLS", &e))?;
        let head = head(url, report.len());
        stream.write_all(head.as_bytes()).await.map_err(|e| failed("write", &e))?;
        stream.write_all(report).await.map_err(|e| failed("write", &e))?;
        stream.flush().await.map_err(|e| failed("write", &e))?;
        let mut answer = Vec::new();
        while !answer.contains(&b'\n') && answer.len() < STATUS_LINE {
            match stream.read_buf(&mut answer).await {
                Ok(0) => break,
                Ok(_) => {}
                Err(e) => return Err(failed("read", &e)),
            }
        }
        judge(&answer)
    };
    let late = |_| Err(Trouble::for_now("no answer in time"));
    tokio::time::timeout(LIMIT, exchange).await.unwrap_or_else(late)
}

async fn connect(url: &Url) -> Result<TcpStream, Trouble> {
    let Url { host, port, .. } = url;
    let found = tokio::net::lookup_host((host.as_str(), *port)).await;
    let found = found.map_err(|e| Trouble::for_now(format!("{host}: {}", why(&e))))?;
    let addresses: Vec<SocketAddr> =
        found.filter(|address| is_public(address.ip())).take(ADDRESSES).collect();
    let mut trouble = Trouble::for_now(format!("{host} has no public address"));
    for address in addresses {
        match tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(e)) => {
                trouble = Trouble::for_now(format!("connect to {host}[{address}]: {}", why(&e)));
            }
            Err(_) => {
                trouble = Trouble::for_now(format!("connect to {host}[{address}]: timed out"));
            }
        }
    }
    Err(trouble)
}

/// Whether an address may be anywhere: those of this machine and of the networks behind it are
/// none of a stranger's business.
fn is_public(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let is_shared = v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64;
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_multicast()
                || v4.is_broadcast()
                || v4.octets()[0] == 0
                || is_shared)
        }
        IpAddr::V6(v6) => {
            !(v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_multicast()
                || v6.is_unique_local()
                || v6.is_unicast_link_local())
        }
    }
}

fn head(url: &Url, length: usize) -> String {
    let Url { host, port, target, .. } = url;
    let host = match host.contains(':') {
        true => format!("[{host}]"),
        false => host.clone(),
    };
    let port = if *port == 443 { String::new() } else { format!(":{port}") };
    format!(
        "POST {target} HTTP/1.1\r\nHost: {host}{port}\r\nUser-Agent: postfix-rs\r\n\
         Content-Type: application/tlsrpt+gzip\r\nContent-Length: {length}\r\n\
         Accept: */*\r\nConnection: close\r\n\r\n"
    )
}

/// What the first line of an answer means.
fn judge(answer: &[u8]) -> Result<(), Trouble> {
    let end = memchr::memchr(b'\n', answer).unwrap_or(answer.len());
    let line = String::from_utf8_lossy(answer.get(..end).unwrap_or_default());
    let line = line.trim_end();
    let code = line.strip_prefix("HTTP/1.").and_then(|rest| rest.split(' ').nth(1));
    match code.and_then(|code| code.parse::<u16>().ok()) {
        Some(200..=299) => Ok(()),
        // Too busy, or a fault of the server's own, may pass.
        Some(code) => Err(Trouble {
            text: format!("the server says: {line}"),
            is_final: code < 500 && !matches!(code, 408 | 425 | 429),
        }),
        None if line.is_empty() => Err(Trouble::for_now("the server says nothing")),
        None => Err(Trouble::for_now("what the server says is no HTTP")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers() {
        assert_eq!(judge(b"HTTP/1.1 200 OK\r\nx: y"), Ok(()));
        assert_eq!(judge(b"HTTP/1.0 201\r\n"), Ok(()));
        let trouble = |text: &[u8]| judge(text).unwrap_err();
        assert!(trouble(b"HTTP/1.1 301 Moved\r\n").is_final);
        assert!(trouble(b"HTTP/1.1 404 Not Found").is_final);
        assert!(!trouble(b"HTTP/1.1 503 Busy\r\n").is_final);
        assert!(!trouble(b"HTTP/1.1 429 Slowly\r\n").is_final);
        for odd in [&b""[..], b"220 mail ESMTP\r\n", b"HTTP/1.1 x\n", b"\xff\xff\n"] {
            assert!(!trouble(odd).is_final);
        }
    }

    #[test]
    fn where_a_stranger_may_send_us() {
        for public in ["192.0.2.1", "8.8.8.8", "2001:db8::1"] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for own in [
            "127.0.0.1",
            "10.1.2.3",
            "192.168.0.1",
            "172.20.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "::1",
            "fe80::1",
            "fd00::1",
            "::ffff:127.0.0.1",
            "224.0.0.1",
            "::",
        ] {
            assert!(!is_public(own.parse().unwrap()), "{own}");
        }
    }

    #[test]
    fn requests() {
        let url = Url::parse("https://x.test:8443/a?b").unwrap();
        let head = head(&url, 12);
        assert!(head.starts_with("POST /a?b HTTP/1.1\r\nHost: x.test:8443\r\n"), "{head}");
        assert!(
            head.contains("\r\nContent-Length: 12\r\n") && head.ends_with("\r\n\r\n"),
            "{head}"
        );
    }

    proptest::proptest! {
        #[test]
        fn any_answer(answer: Vec<u8>) {
            let _ = judge(&answer);
        }
    }
}
