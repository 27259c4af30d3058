//! `redis:` tables: a command as the query, in the template language that the SQL tables have.
//!
//! ```text
//! hosts = inet:localhost:6379, unix:/run/redis/redis.sock
//! user = postfix
//! password = secret
//! dbname = 0
//! query = HGET aliases %s
//! tls = yes
//! tls_CAfile = /etc/postfix/redis-ca.pem
//! ```
//!
//! The query is cut into words before the key is put in, and each word is sent with its length: no
//! key can add a word.

use std::sync::Arc;
use std::time::Duration;

use super::Tables;
#[cfg(feature = "ssl")]
use super::client::encryption::{self, Connector, Trust};
use super::client::endpoint::{Endpoint, reason};
use super::client::frame::{ANSWER_MAX, Frame};
use super::client::pool::{Driver, Fault, Patience, Pool};
use super::client::reply;
use super::client::settings::Secret;
use super::client::settings::Settings;
use super::client::stream::{ReadError, Stream};
use super::client::template::Template;
use super::lines::show;
use super::server::{Reply, Server};
use super::table::Failure;
use crate::log::Log;

/// Lines of the protocol are never longer, but for the text of an error.
const LINE_MAX: usize = 4096;
/// Values of one answer.
const VALUES_MAX: usize = 1 << 20;
/// Arrays in arrays.
const DEPTH: usize = 4;

/// A table in a Redis server, or one that speaks as Redis does.
#[derive(Debug)]
pub struct Redis {
    frame: Frame,
    /// The words of the command.
    query: Vec<Template>,
    pool: Arc<Pool<Resp>>,
}

/// How servers are talked to.
#[derive(Debug)]
struct Resp {
    title: String,
    hosts: Vec<(String, Endpoint)>,
    user: String,
    password: Secret,
    database: i32,
    timeout: Duration,
    #[cfg(feature = "ssl")]
    connector: Option<Connector>,
}

impl Redis {
    /// The table whose settings these are.
    pub fn open(tables: &Tables, settings: &Settings) -> Result<Self, String> {
        let query = settings.text_of("query", "GET %s".to_owned())?;
        let words = query.split_ascii_whitespace().map(|word| settings.template("query", word));
        let query = words.collect::<Result<Vec<_>, _>>()?;
        let frame = Frame::read(tables, settings, &query.iter().collect::<Vec<_>>(), None)?;
        let mut hosts = settings.words("hosts");
        if hosts.is_empty() {
            hosts.push("localhost".into());
        }
        let endpoint = |host: String| {
            let endpoint = match host.contains(':') && !host.starts_with('[') {
                true if host.starts_with("inet:") || host.starts_with("unix:") => {
                    Endpoint::parse(&host, Some(6379))
                }
                _ => Endpoint::inet(&host, Some(6379)),
            };
            let endpoint = endpoint.map_err(|why| format!("{}: {why}", settings.blame("hosts")))?;
            Ok::<_, String>((host, endpoint))
        };
        let hosts = hosts.into_iter().map(endpoint).collect::<Result<Vec<_>, _>>()?;
        let ranks: Vec<u8> =
            hosts.iter().map(|(_, host)| u8::from(!matches!(host, Endpoint::Unix(_)))).collect();
        let patience = Patience {
            retry: settings.seconds("retry_interval", 60, 1..)?,
            idle: settings.seconds("idle_interval", 60, 1..)?,
            again: true,
        };
        let driver = Resp {
            title: settings.title(),
            hosts,
            user: settings.text("user", ""),
            password: settings.secret("password"),
            database: settings.number("dbname", 0, 0..)?,
            timeout: settings.seconds("timeout", 10, 1..)?,
            #[cfg(feature = "ssl")]
            connector: connector(settings)?,
        };
        #[cfg(not(feature = "ssl"))]
        if settings.flag("tls", false)? {
            return Err(format!("{}: TLS is not built in; build with USE=ssl", settings.name()));
        }
        Ok(Self { frame, query, pool: Pool::new(driver, ranks, patience) })
    }

    async fn answer(&self, key: &[u8], log: &Log) -> Result<Option<Vec<u8>>, Failure> {
        let Some(key) = self.frame.admit(key, log).await? else {
            return Ok(None);
        };
        let word = |template: &Template| {
            let Ok::<_, std::convert::Infallible>(word) = template.query(&key, |_, part, word| {
                word.extend_from_slice(part);
                Ok(())
            });
            word
        };
        let words: Vec<Vec<u8>> = self.query.iter().map(word).collect();
        let warn = |text: &str| self.frame.warn(log, text);
        let values = self.pool.ask(&command(&words), &warn).await;
        let values = values.map_err(|text| Failure { text, config: false })?;
        let mut found = self.frame.collect(&key);
        for value in values {
            if let Err(much) = found.add(&value, log) {
                return Err(found.refuse(much, "dict_redis_lookup", log));
            }
        }
        Ok(found.finish())
    }
}

impl Server for Redis {
    fn find<'a>(&'a self, key: &'a [u8], log: &'a Log) -> Reply<'a> {
        reply(self.answer(key, log))
    }

    fn is_fixed(&self) -> bool {
        true
    }
}

impl Driver for Resp {
    type Connection = Stream;
    /// A command as it is sent.
    type Question = Vec<u8>;
    type Answer = Vec<Vec<u8>>;

    fn connect_limit(&self) -> Duration {
        self.timeout
    }

    fn answer_limit(&self) -> Duration {
        self.timeout * 2
    }

    async fn connect(&self, host: usize) -> Result<Stream, String> {
        let (_, endpoint) = self.hosts.get(host).ok_or("no such host")?;
        let mut stream = endpoint.connect(self.timeout).await.map_err(|e| reason(&e))?;
        #[cfg(feature = "ssl")]
        if let (Some(connector), Endpoint::Inet { host, .. }) = (&self.connector, endpoint) {
            let encrypted = connector.connect(host, stream.into_channel()).await;
            stream = Stream::new(encrypted.map_err(|e| e.to_string())?);
        }
        let mut greetings: Vec<Vec<Vec<u8>>> = Vec::new();
        if !self.password.0.is_empty() {
            let mut words = vec![b"AUTH".to_vec()];
            if !self.user.is_empty() {
                words.push(self.user.clone().into_bytes());
            }
            words.push(self.password.0.clone().into_bytes());
            greetings.push(words);
        }
        if self.database != 0 {
            let number = self.database.to_string().into_bytes();
            greetings.push(vec![b"SELECT".to_vec(), number]);
        }
        for words in greetings {
            match self.ask(&mut stream, &command(&words)).await {
                Ok(_) => {}
                Err(Fault::Lost(why) | Fault::Refused(why) | Fault::Spoiled(why)) => {
                    return Err(why
                        .rsplit("redis server says: ")
                        .next()
                        .unwrap_or(&why)
                        .to_owned());
                }
            }
        }
        Ok(stream)
    }

    async fn ask(&self, stream: &mut Stream, command: &Vec<u8>) -> Result<Vec<Vec<u8>>, Fault> {
        let title = &self.title;
        let lost = |e: ReadError| Fault::Lost(format!("{title}: query failed: {e}"));
        stream.send(command, self.timeout).await.map_err(|e| lost(e.into()))?;
        let mut values = Vec::new();
        match receive(stream, self.timeout, &mut values).await {
            Ok(()) => Ok(values),
            Err(Trouble::Read(e)) => Err(lost(e)),
            Err(Trouble::Malformed) => {
                Err(Fault::Spoiled(format!("{title}: query failed: malformed reply")))
            }
            Err(Trouble::Said(text)) => {
                Err(Fault::Refused(format!("{title}: query failed: redis server says: {text}")))
            }
        }
    }

    fn is_alive(&self, stream: &Stream) -> bool {
        stream.is_quiet()
    }

    fn unreachable(&self, host: usize, why: &str) -> String {
        let name = self.hosts.get(host).map_or("", |(name, _)| name);
        format!("connect to redis server {name}: {why}")
    }

    fn silent(&self, _host: usize, why: &str) -> String {
        format!("{}: query failed: {why}", self.title)
    }
}

/// `tls` and its relatives. A certificate must be good and have the name of the host, unless
/// `tls_verify_cert` is off.
#[cfg(feature = "ssl")]
fn connector(settings: &Settings) -> Result<Option<Connector>, String> {
    let trust = match settings.flag("tls_verify_cert", true)? {
        true => Trust::Name,
        false => Trust::Anybody,
    };
    let path = |setting: &str| settings.optional(setting).map(std::path::PathBuf::from);
    let roots: Vec<_> = path("tls_CAfile").into_iter().chain(path("tls_CApath")).collect();
    let certificate = path("tls_cert_file");
    let identity = certificate.clone().zip(path("tls_key_file").or(certificate));
    if !settings.flag("tls", false)? {
        return Ok(None);
    }
    let made = encryption::connector(trust, &roots, identity.as_ref());
    made.map(Some).map_err(|why| format!("{}: TLS: {why}", settings.name()))
}

/// A command as the protocol wants it (RESP, the array of bulk strings).
fn command(words: &[Vec<u8>]) -> Vec<u8> {
    let mut text = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        text.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        text.extend_from_slice(word);
        text.extend_from_slice(b"\r\n");
    }
    text
}

/// Why there is no answer.
#[derive(Debug)]
enum Trouble {
    Read(ReadError),
    Malformed,
    /// The server's own words.
    Said(String),
}

impl From<ReadError> for Trouble {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

/// Reads one answer, however deep; the values in it that are not null.
async fn receive(
    stream: &mut Stream,
    limit: Duration,
    values: &mut Vec<Vec<u8>>,
) -> Result<(), Trouble> {
    let mut said = None;
    // How many elements each open array still lacks.
    let mut open = vec![1_usize];
    let mut bytes = 0;
    while let Some(left) = open.last_mut() {
        let Some(rest) = left.checked_sub(1) else {
            open.pop();
            continue;
        };
        *left = rest;
        let line = stream.line(LINE_MAX, limit).await?;
        let (kind, text) = line.split_first().ok_or(Trouble::Malformed)?;
        match kind {
            b'+' | b':' => values.push(text.to_vec()),
            b'-' => said = Some(show(text).chars().take(200).collect::<String>()),
            b'$' => match size(text)? {
                None => {}
                Some(size) => {
                    bytes += size;
                    if bytes > ANSWER_MAX {
                        return Err(Trouble::Malformed);
                    }
                    let mut value = stream.exact(size + 2, limit).await?;
                    value.truncate(size);
                    values.push(value);
                }
            },
            b'*' => {
                if let Some(size) = size(text)? {
                    open.push(size);
                }
            }
            _ => return Err(Trouble::Malformed),
        }
        if open.len() > DEPTH + 1 || values.len() > VALUES_MAX {
            return Err(Trouble::Malformed);
        }
    }
    said.map_or(Ok(()), |text| Err(Trouble::Said(text)))
}

/// A size; none for null.
fn size(text: &[u8]) -> Result<Option<usize>, Trouble> {
    if text == b"-1" {
        return Ok(None);
    }
    let size = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    match size {
        Some(size) if size <= ANSWER_MAX => Ok(Some(size)),
        _ => Err(Trouble::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(reply: &[u8]) -> Result<Vec<Vec<u8>>, Trouble> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut stream = Stream::new(std::io::Cursor::new(reply.to_vec()));
            let mut values = Vec::new();
            receive(&mut stream, Duration::from_secs(1), &mut values).await.map(|()| values)
        })
    }

    #[test]
    fn replies() {
        let values = |reply: &str| parse(reply.as_bytes()).unwrap();
        assert_eq!(values("$3\r\na\nb\r\n"), [b"a\nb"]);
        assert_eq!(values("$-1\r\n"), Vec::<Vec<u8>>::new());
        assert_eq!(values("*3\r\n$1\r\na\r\n*1\r\n:7\r\n$-1\r\n"), [b"a", b"7"]);
        assert_eq!(values("+OK\r\n"), [b"OK"]);
        assert!(matches!(parse(b"-ERR no\r\n"), Err(Trouble::Said(text)) if text == "ERR no"));
        assert!(matches!(parse(b"*1\r\n-ERR no\r\n"), Err(Trouble::Said(_))));
        assert!(matches!(parse(b"$99999999999\r\n"), Err(Trouble::Malformed)));
        assert!(matches!(parse(b"*9999\r\n"), Err(Trouble::Read(ReadError::End))));
        assert!(matches!(parse(&b"*1\r\n".repeat(50)), Err(Trouble::Malformed)));
    }

    proptest! {
        #[test]
        fn any_reply(reply: Vec<u8>) {
            let _ = parse(&reply);
        }

        #[test]
        fn keys_stay_words(words: Vec<Vec<u8>>) {
            // The server's reading of a command is our reading of an array.
            prop_assert_eq!(parse(&command(&words)).unwrap(), words);
        }
    }
}
