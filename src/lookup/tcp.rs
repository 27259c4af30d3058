//! tcp_table(5): one line asked, one line answered, `%XX` for what does not fit into a line.

use std::sync::Arc;
use std::time::Duration;

use super::client::endpoint::{Endpoint, reason};
use super::client::pool::{Driver, Fault, Patience, Pool};
use super::client::stream::{ReadError, Stream};
use super::client::{reply, warn_within};
use super::lines::show;
use super::outage::Limited;
use super::server::{Reply, Server};
use super::table::Failure;
use crate::log::Log;

/// Attempts before a look-up fails, with a second between them.
const ATTEMPTS: usize = 10;
const PAUSE: Duration = Duration::from_secs(1);
/// To connect, to send, to receive.
const LIMIT: Duration = Duration::from_secs(100);
const LINE_MAX: usize = 4096;

/// A table behind a TCP port.
#[derive(Debug)]
pub struct TcpTable {
    pool: Arc<Pool<Line>>,
    outage: Limited,
}

/// How the server is talked to.
#[derive(Debug)]
struct Line {
    name: String,
    endpoint: Endpoint,
}

/// What the server says.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Found(Vec<u8>),
    NotFound,
}

impl TcpTable {
    /// The table `tcp:name`.
    pub fn open(name: &str) -> Result<Self, String> {
        let driver = Line { name: name.to_owned(), endpoint: Endpoint::inet(name, None)? };
        // One that fails is asked again in a second, by this look-up or another.
        let patience = Patience { retry: Duration::ZERO, idle: LIMIT, again: false };
        Ok(Self { pool: Pool::new(driver, [0], patience), outage: Limited::default() })
    }

    async fn answer(&self, key: &[u8], log: &Log) -> Result<Option<Vec<u8>>, Failure> {
        let question = quote(key);
        let warn = |text: &str| warn_within(&self.outage, log, text);
        let mut attempt = 1;
        loop {
            match self.pool.ask(&question, &warn).await {
                Ok(Ok(Answer::Found(value))) => return Ok(Some(value)),
                Ok(Ok(Answer::NotFound)) => return Ok(None),
                Ok(Err((trouble, text))) => {
                    if trouble != Trouble::Temporary {
                        warn(&text);
                    }
                    return Err(Failure { text, config: false });
                }
                Err(text) if attempt == ATTEMPTS => return Err(Failure { text, config: false }),
                Err(_) => {}
            }
            attempt += 1;
            tokio::time::sleep(PAUSE).await;
        }
    }
}

impl Server for TcpTable {
    fn find<'a>(&'a self, key: &'a [u8], log: &'a Log) -> Reply<'a> {
        reply(self.answer(key, log))
    }

    fn is_fixed(&self) -> bool {
        false
    }
}

impl Driver for Line {
    /// None after an answer that makes no sense: who knows what comes next.
    type Connection = Option<Stream>;
    type Question = Vec<u8>;
    /// What the server says; or why that is no answer.
    type Answer = Result<Answer, (Trouble, String)>;

    fn connect_limit(&self) -> Duration {
        LIMIT
    }

    fn answer_limit(&self) -> Duration {
        LIMIT
    }

    async fn connect(&self, _host: usize) -> Result<Option<Stream>, String> {
        self.endpoint.connect(LIMIT).await.map(Some).map_err(|e| reason(&e))
    }

    async fn ask(
        &self,
        connection: &mut Option<Stream>,
        key: &Vec<u8>,
    ) -> Result<Self::Answer, Fault> {
        let name = &self.name;
        let lost = |why: &str| Fault::Lost(format!("read TCP map reply from {name}: {why}"));
        let end = |e: &std::io::Error| lost(&format!("unexpected EOF ({})", reason(e)));
        let Some(stream) = connection else {
            return Err(lost("unexpected EOF (Success)"));
        };
        let question = [b"get ", key.as_slice(), b"\n"].concat();
        stream.send(&question, LIMIT).await.map_err(|e| end(&e))?;
        let line = stream.line(LINE_MAX, LIMIT).await.map_err(|e| match e {
            ReadError::End => lost("unexpected EOF (Success)"),
            ReadError::TooLong(_) => lost(&e.to_string()),
            ReadError::Io(e) => end(&e),
        })?;
        Ok(parse(&line).map_err(|trouble| {
            *connection = None;
            let shown = printable(&line);
            let text = match trouble {
                Trouble::Temporary => format!("TCP map {name}: {shown}"),
                Trouble::Malformed => {
                    format!("read TCP map reply from {name}: malformed reply: {shown}")
                }
                Trouble::Status => {
                    format!("read TCP map reply from {name}: bad status code: {shown}")
                }
            };
            (trouble, text)
        }))
    }

    fn is_alive(&self, connection: &Option<Stream>) -> bool {
        connection.as_ref().is_some_and(Stream::is_quiet)
    }

    fn unreachable(&self, _host: usize, why: &str) -> String {
        format!("connect to TCP map {}: {why}", self.name)
    }

    fn silent(&self, _host: usize, why: &str) -> String {
        format!("read TCP map reply from {}: unexpected EOF ({why})", self.name)
    }
}

/// Why a reply is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    Temporary,
    Malformed,
    Status,
}

/// Takes a reply apart.
fn parse(line: &[u8]) -> Result<Answer, Trouble> {
    let Some(([first, second, third, space], text)) = line.split_first_chunk::<4>() else {
        return Err(Trouble::Malformed);
    };
    if ![first, second, third].iter().all(|digit| digit.is_ascii_digit())
        || !super::lines::is_space(*space)
    {
        return Err(Trouble::Malformed);
    }
    let text = unquote(text).ok_or(Trouble::Malformed)?;
    match first {
        b'2' => Ok(Answer::Found(text)),
        b'5' => Ok(Answer::NotFound),
        b'4' => Err(Trouble::Temporary),
        _ => Err(Trouble::Status),
    }
}

/// `text` so that it fits into a line of printable characters without white space.
fn quote(text: &[u8]) -> Vec<u8> {
    let mut quoted = Vec::with_capacity(text.len());
    for byte in text {
        if *byte != b'%' && byte.is_ascii_graphic() {
            quoted.push(*byte);
        } else {
            quoted.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    quoted
}

/// The reverse; none if a `%` is not followed by two hexadecimal digits.
fn unquote(text: &[u8]) -> Option<Vec<u8>> {
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        if *byte != b'%' {
            plain.push(*byte);
            continue;
        }
        let mut digit = || char::from(*bytes.next()?).to_digit(16);
        let code = digit()? << 4 | digit()?;
        plain.push(u8::try_from(code).ok()?);
    }
    Some(plain)
}

/// The first hundred characters of a reply for a message.
fn printable(line: &[u8]) -> String {
    let text = show(line);
    text.chars().take(100).map(|c| if c.is_control() { '_' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn replies() {
        assert_eq!(parse(b"200 a%20b"), Ok(Answer::Found(b"a b".to_vec())));
        assert_eq!(parse(b"500 no"), Ok(Answer::NotFound));
        assert_eq!(parse(b"400 later"), Err(Trouble::Temporary));
        assert_eq!(parse(b"300 x"), Err(Trouble::Status));
        for bad in ["", "200", "200%", "2000x", "x00 y", "200 %", "200 %0", "200 %zz"] {
            assert_eq!(parse(bad.as_bytes()), Err(Trouble::Malformed), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn quoting(text: Vec<u8>) {
            let quoted = quote(&text);
            prop_assert!(quoted.iter().all(u8::is_ascii_graphic));
            prop_assert_eq!(unquote(&quoted), Some(text));
        }

        #[test]
        fn any_reply(line: Vec<u8>) {
            let _ = parse(&line);
        }
    }
}
