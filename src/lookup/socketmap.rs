//! socketmap_table(5): questions and answers as netstrings, as Sendmail has it.

use std::sync::Arc;
use std::time::Duration;

use super::client::endpoint::{Endpoint, reason};
use super::client::pool::{Driver, Fault, Patience, Pool};
use super::client::stream::{ReadError, Stream};
use super::client::{reply, warn_within};
use super::lines::{is_space, show};
use super::outage::Limited;
use super::server::{Reply, Server};
use super::table::Failure;
use crate::log::Log;
use crate::wire::netstring;

const LIMIT: Duration = Duration::from_secs(100);
const IDLE: Duration = Duration::from_secs(10);
const QUERY_MAX: usize = 10_000;
const REPLY_MAX: usize = 100_000;

/// A table of a socketmap server.
#[derive(Debug)]
pub struct Socketmap {
    /// `socketmap:name`
    title: String,
    /// What the server calls the table.
    table: String,
    pool: Arc<Pool<Netstrings>>,
    outage: Limited,
}

/// How the server is talked to.
#[derive(Debug)]
struct Netstrings {
    title: String,
    /// The server as written, without the transport.
    address: String,
    endpoint: Endpoint,
}

/// What a reply says.
#[derive(Debug, PartialEq, Eq)]
enum Answer {
    Found(Vec<u8>),
    NotFound,
    /// No answer: how Postfix calls that, what the server adds, and whether it will stay so.
    Trouble {
        class: &'static str,
        text: String,
        config: bool,
    },
}

impl Socketmap {
    /// The table `socketmap:name`, where the name is `inet:host:port:table` or `unix:path:table`.
    pub fn open(name: &str) -> Result<Self, String> {
        let Some((server, table)) = name.rsplit_once(':') else {
            return Err("socketmap requires server:socketmap argument".into());
        };
        let title = format!("socketmap:{name}");
        let endpoint = Endpoint::parse(server, None)?;
        let address = server.split_once(':').map_or(server, |(_, address)| address).to_owned();
        let driver = Netstrings { title: title.clone(), address, endpoint };
        // Every look-up tries to connect.
        let patience = Patience { retry: Duration::ZERO, idle: IDLE, again: false };
        let pool = Pool::new(driver, [0], patience);
        Ok(Self { title, table: table.to_owned(), pool, outage: Limited::default() })
    }

    async fn answer(&self, key: &[u8], log: &Log) -> Result<Option<Vec<u8>>, Failure> {
        let title = &self.title;
        let warn = |text: &str| warn_within(&self.outage, log, text);
        if key.len() > QUERY_MAX {
            let start = show(key.get(..100).unwrap_or(key)).into_owned();
            warn(&format!("table {title} query too large: '{start}', returning 'not found'"));
            return Ok(None);
        }
        let mut question = Vec::new();
        netstring::append(&mut question, &[self.table.as_bytes(), b" ", key].concat());
        let warn_all = |text: &str| text.split('\n').for_each(warn);
        match self.pool.ask(&question, &warn_all).await {
            Ok(Answer::Found(value)) => Ok(Some(value)),
            Ok(Answer::NotFound) => Ok(None),
            Ok(Answer::Trouble { class, text, config }) => {
                let colon = if text.is_empty() { "" } else { ": " };
                let text = format!("{title} socketmap server {class} error{colon}{text}");
                warn(&text);
                Err(Failure { text, config })
            }
            Err(text) => Err(Failure { text, config: false }),
        }
    }
}

impl Server for Socketmap {
    fn find<'a>(&'a self, key: &'a [u8], log: &'a Log) -> Reply<'a> {
        reply(self.answer(key, log))
    }

    fn is_fixed(&self) -> bool {
        false
    }
}

impl Driver for Netstrings {
    type Connection = Stream;
    type Question = Vec<u8>;
    type Answer = Answer;

    fn connect_limit(&self) -> Duration {
        LIMIT
    }

    fn answer_limit(&self) -> Duration {
        LIMIT
    }

    async fn connect(&self, _host: usize) -> Result<Stream, String> {
        self.endpoint.connect(LIMIT).await.map_err(|e| reason(&e))
    }

    async fn ask(&self, stream: &mut Stream, question: &Vec<u8>) -> Result<Answer, Fault> {
        let lost = |why: &str| Fault::Lost(format!("table {} lookup error: {why}", self.title));
        let of = |e: ReadError| match e {
            ReadError::End => lost("unexpected disconnect"),
            ReadError::TooLong(_) => lost("input exceeds size limit"),
            ReadError::Io(e) if e.raw_os_error() == Some(libc::ETIMEDOUT) => {
                lost("time limit exceeded")
            }
            ReadError::Io(_) => lost("unexpected disconnect"),
        };
        stream.send(question, LIMIT).await.map_err(|e| of(e.into()))?;
        let mut size = 0_usize;
        loop {
            match stream.byte(LIMIT).await.map_err(of)? {
                b':' => break,
                digit @ b'0'..=b'9' => size = size * 10 + usize::from(digit - b'0'),
                _ => return Err(lost("input format error")),
            }
            if size > REPLY_MAX {
                return Err(lost("input exceeds size limit"));
            }
        }
        let payload = stream.exact(size, LIMIT).await.map_err(of)?;
        if stream.byte(LIMIT).await.map_err(of)? != b',' {
            return Err(lost("input format error"));
        }
        Ok(parse(&payload))
    }

    fn is_alive(&self, stream: &Stream) -> bool {
        stream.is_quiet()
    }

    fn unreachable(&self, _host: usize, why: &str) -> String {
        let (address, title) = (&self.address, &self.title);
        format!("connect to {address}: {why}\ntable {title} lookup error: {why}")
    }

    fn silent(&self, _host: usize, _why: &str) -> String {
        format!("table {} lookup error: time limit exceeded", self.title)
    }
}

/// Takes a reply apart.
fn parse(payload: &[u8]) -> Answer {
    // Postfix reads C strings.
    let payload = payload.get(..memchr::memchr(0, payload).unwrap_or(payload.len()));
    let payload = payload.unwrap_or_default();
    let (status, text) = match memchr::memchr(b' ', payload) {
        Some(end) => payload.split_at(end),
        None => (payload, &[][..]),
    };
    let text = text.get(1..).unwrap_or_default();
    let (class, config) = match status {
        b"OK" => return Answer::Found(text.to_vec()),
        b"NOTFOUND" => return Answer::NotFound,
        b"TEMP" => ("temporary", false),
        b"TIMEOUT" => ("timeout", false),
        b"PERM" => ("permanent", true),
        _ => ("unknown", false),
    };
    let start = text.iter().position(|byte| !is_space(*byte)).unwrap_or(text.len());
    let shown = show(text.get(start..).unwrap_or_default());
    let printable = shown.chars().take(200).map(|c| if c.is_control() { '?' } else { c });
    Answer::Trouble { class, text: printable.collect(), config }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn replies() {
        assert_eq!(parse(b"OK a b"), Answer::Found(b"a b".to_vec()));
        assert_eq!(parse(b"OK"), Answer::Found(Vec::new()));
        assert_eq!(parse(b"NOTFOUND "), Answer::NotFound);
        let trouble =
            |class, text: &str, config| Answer::Trouble { class, text: text.into(), config };
        assert_eq!(parse(b"TEMP  try\x01later"), trouble("temporary", "try?later", false));
        assert_eq!(parse(b"PERM no"), trouble("permanent", "no", true));
        assert_eq!(parse(b"what is this"), trouble("unknown", "is this", false));
        assert_eq!(parse(b""), trouble("unknown", "", false));
    }

    #[test]
    fn names() {
        assert!(Socketmap::open("inet:host:12:table").is_ok());
        assert!(Socketmap::open("unix:/run/x:table").is_ok());
        assert_eq!(
            Socketmap::open("x").unwrap_err(),
            "socketmap requires server:socketmap argument"
        );
        assert_eq!(
            Socketmap::open("tcp:x:y").unwrap_err(),
            "invalid transport name: tcp in service: tcp:x"
        );
    }

    proptest! {
        #[test]
        fn any_reply(payload: Vec<u8>) {
            let _ = parse(&payload);
        }
    }
}
