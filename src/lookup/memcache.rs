//! memcache_table(5): a memcached server that remembers, and perhaps a table behind it that knows.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Tables;
use super::client::endpoint::{Endpoint, reason};
use super::client::frame::Frame;
use super::client::pool::{Driver, Fault, Patience, Pool};
use super::client::reply;
use super::client::settings::Settings;
use super::client::stream::{ReadError, Stream};
use super::client::template::{Key, Template};
use super::lines::show;
use super::server::{Reply, Server};
use super::table::{Failure, Purpose, SequenceError, Table};
use crate::log::Log;

/// The server knows no longer keys.
const KEY_MAX: usize = 250;

/// A table in a memcached server.
#[derive(Debug)]
pub struct Memcache {
    frame: Frame,
    key_format: Template,
    digest: Option<Digest>,
    pool: Arc<Pool<Text>>,
    tries: usize,
    pause: Duration,
    backup: Option<Arc<Table>>,
}

/// How the server is talked to.
#[derive(Debug)]
struct Text {
    title: String,
    name: String,
    address: String,
    endpoint: Endpoint,
    timeout: Duration,
    ttl: i32,
    flags: i32,
    line_max: usize,
    data_max: usize,
}

/// A question; the key is one word.
enum Question {
    Get(Vec<u8>),
    Set(Vec<u8>, Vec<u8>),
}

/// Hash functions of `key_digest`.
#[derive(Clone, Copy, Debug)]
enum Digest {
    #[cfg(feature = "ssl")]
    Md5,
    #[cfg(feature = "ssl")]
    Sha1,
    #[cfg(feature = "ssl")]
    Sha256,
    #[cfg(feature = "ssl")]
    Sha512,
}

impl Memcache {
    /// The table whose settings these are.
    pub fn open(tables: &Tables, settings: &Settings, purpose: Purpose) -> Result<Self, String> {
        let digest = match settings.optional("key_digest") {
            Some(name) => Some(Digest::of(&name).ok_or_else(|| {
                format!("open {}: key digest {name} is not available", settings.name())
            })?),
            None => None,
        };
        let key_format = settings.template("query", &settings.text("key_format", "%s"))?;
        let size = |setting, preset| {
            let number = settings.number(setting, preset, 1..)?;
            Ok::<_, String>(usize::try_from(number).unwrap_or(usize::MAX))
        };
        let server = settings.text("memcache", "inet:localhost:11211");
        let driver = Text {
            title: settings.title(),
            name: settings.name().to_owned(),
            address: server.split_once(':').map_or(&*server, |(_, rest)| rest).to_owned(),
            endpoint: Endpoint::parse(&server, Some(11211))?,
            timeout: settings.seconds("timeout", 2, 0..)?,
            ttl: settings.number("ttl", 3600, 0..)?,
            flags: settings.number("flags", 0, 0..)?,
            line_max: size("line_size_limit", 1024)?,
            data_max: size("data_size_limit", 10240)?,
        };
        let tries = size("max_try", 2)?;
        let pause = settings.seconds("retry_pause", 1, 1..)?;
        let backup = settings.optional("backup").map(|spec| tables.table(&spec, purpose));
        let frame = Frame::read(tables, settings, &[&key_format], None)?;
        let patience =
            Patience { retry: Duration::ZERO, idle: Duration::from_secs(60), again: false };
        let pool = Pool::new(driver, [0], patience);
        Ok(Self { frame, key_format, digest, pool, tries, pause, backup })
    }

    async fn answer(&self, key: &[u8], log: &Log) -> Result<Option<Vec<u8>>, Failure> {
        let Some(parts) = self.frame.admit(key, log).await? else {
            return Ok(None);
        };
        let Some(word) = self.word(&parts) else {
            return Ok(None);
        };
        let found = self.ask(&Question::Get(word.clone()), log).await;
        let Some(backup) = &self.backup else {
            return found.map_err(|text| Failure { text, config: false });
        };
        if let Ok(Some(value)) = found {
            return Ok(Some(value));
        }
        let value = backup.lookup(key).await?;
        if let Some(value) = &value {
            self.remember(word, value, log).await;
        }
        Ok(value)
    }

    /// What the server calls the key; none if it cannot be a word.
    fn word(&self, key: &Key<'_>) -> Option<Vec<u8>> {
        let Ok::<_, std::convert::Infallible>(word) =
            self.key_format.query(key, |_, part, word| {
                word.extend_from_slice(part);
                Ok(())
            });
        let word = match self.digest {
            Some(digest) => digest.hex(&word),
            None => word,
        };
        let fits = (1..=KEY_MAX).contains(&word.len())
            && word.iter().all(|byte| *byte > b' ' && *byte != 0x7f);
        fits.then_some(word)
    }

    /// Puts what the table behind it said into the cache.
    async fn remember(&self, word: Vec<u8>, value: &[u8], log: &Log) {
        let Text { title, data_max, .. } = self.pool.driver();
        if value.len() > *data_max {
            let key = show(&word);
            let text = format!(
                "database {title}: data for key {key} is too long (data_size_limit={data_max}) -- not stored"
            );
            self.frame.warn(log, &text);
            return;
        }
        let _ = self.ask(&Question::Set(word, value.to_vec()), log).await;
    }

    async fn ask(&self, question: &Question, log: &Log) -> Result<Option<Vec<u8>>, String> {
        // A failure that the next try makes good is not worth a line.
        let trouble: Mutex<Option<String>> = Mutex::default();
        let mut try_number = 1;
        loop {
            let warn = |text: &str| {
                *trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(text.to_owned());
            };
            match self.pool.ask(question, &warn).await {
                Ok(answer) => return Ok(answer),
                Err(why) if try_number >= self.tries || why.starts_with("connect to ") => {
                    let trouble = trouble.into_inner().unwrap_or_else(PoisonError::into_inner);
                    // Postfix says nothing where one try is all, unless there is no connection.
                    if let Some(text) = trouble
                        && (self.tries > 1 || text.starts_with("connect to "))
                    {
                        self.frame.warn(log, &text);
                    }
                    return Err(why);
                }
                Err(_) => {}
            }
            try_number += 1;
            tokio::time::sleep(self.pause).await;
        }
    }
}

impl Server for Memcache {
    fn find<'a>(&'a self, key: &'a [u8], log: &'a Log) -> Reply<'a> {
        reply(self.answer(key, log))
    }

    fn is_fixed(&self) -> bool {
        true
    }

    fn for_each(
        &self,
        log: &Log,
        visit: &mut dyn FnMut(&[u8], &[u8]),
    ) -> Result<(), SequenceError> {
        if let Some(backup) = &self.backup {
            return backup.for_each(visit);
        }
        let title = &self.frame.title;
        let text = format!("database {title}: first/next support requires backup database");
        self.frame.warn(log, &text);
        Ok(())
    }
}

impl Driver for Text {
    type Connection = Stream;
    type Question = Question;
    type Answer = Option<Vec<u8>>;

    fn connect_limit(&self) -> Duration {
        self.timeout
    }

    fn answer_limit(&self) -> Duration {
        self.timeout * 4
    }

    async fn connect(&self, _host: usize) -> Result<Stream, String> {
        self.endpoint.connect(self.timeout).await.map_err(|e| reason(&e))
    }

    async fn ask(
        &self,
        stream: &mut Stream,
        question: &Question,
    ) -> Result<Option<Vec<u8>>, Fault> {
        let broken = |e: ReadError| {
            let title = &self.title;
            Fault::Lost(match e {
                ReadError::Io(e) => format!("database {title}: I/O error: {}", reason(&e)),
                _ => format!("database {title}: I/O error"),
            })
        };
        match question {
            Question::Get(key) => {
                let line = [b"get ", key.as_slice(), b"\r\n"].concat();
                stream.send(&line, self.timeout).await.map_err(|e| broken(e.into()))?;
                self.value(stream, &broken).await
            }
            Question::Set(key, value) => {
                let (flags, ttl, size) = (self.flags, self.ttl, value.len());
                let head = format!(" {flags} {ttl} {size}\r\n");
                let text = [b"set ", key.as_slice(), head.as_bytes(), value, b"\r\n"].concat();
                stream.send(&text, self.timeout).await.map_err(|e| broken(e.into()))?;
                let line = stream.line(self.line_max, self.timeout).await.map_err(&broken)?;
                if line == b"STORED" {
                    return Ok(None);
                }
                let (title, said) = (&self.title, printable(&line, 100));
                Err(Fault::Lost(format!("database {title}: update failed: {said}")))
            }
        }
    }

    fn is_alive(&self, stream: &Stream) -> bool {
        stream.is_quiet()
    }

    fn unreachable(&self, _host: usize, why: &str) -> String {
        format!("connect to {}: {why}", self.address)
    }

    fn silent(&self, _host: usize, why: &str) -> String {
        format!("database {}: I/O error: {why}", self.title)
    }
}

impl Text {
    async fn value(
        &self,
        stream: &mut Stream,
        broken: &(dyn Fn(ReadError) -> Fault + Sync),
    ) -> Result<Option<Vec<u8>>, Fault> {
        let name = &self.name;
        let line = stream.line(self.line_max, self.timeout).await.map_err(broken)?;
        if line == b"END" {
            return Ok(None);
        }
        let Some(size) = size_of(&line).filter(|size| *size <= self.data_max) else {
            let said = printable(&line, 30);
            return Err(Fault::Lost(format!("{name}: unexpected memcache server reply: {said}")));
        };
        let end = |_| Fault::Lost(format!("{name}: EOF receiving memcache server reply"));
        let mut value = stream.exact(size + 2, self.timeout).await.map_err(end)?;
        if !value.ends_with(b"\r\n") {
            return Err(end(ReadError::End));
        }
        value.truncate(size);
        match stream.line(self.line_max, self.timeout).await.map_err(broken)?.as_slice() {
            b"END" => Ok(Some(value)),
            other => {
                let said = printable(other, 30);
                let text = format!("{name}: unexpected memcache server reply: {said}");
                Err(Fault::Lost(text))
            }
        }
    }
}

/// The size in `VALUE key flags size`.
fn size_of(line: &[u8]) -> Option<usize> {
    let mut words = std::str::from_utf8(line).ok()?.split_ascii_whitespace();
    let size = words.next().filter(|word| *word == "VALUE").and_then(|_| words.nth(2))?;
    size.parse().ok()
}

fn printable(line: &[u8], size: usize) -> String {
    show(line).chars().take(size).map(|c| if c.is_control() { '?' } else { c }).collect()
}

impl Digest {
    fn of(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            #[cfg(feature = "ssl")]
            "md5" => Some(Self::Md5),
            #[cfg(feature = "ssl")]
            "sha1" => Some(Self::Sha1),
            #[cfg(feature = "ssl")]
            "sha256" => Some(Self::Sha256),
            #[cfg(feature = "ssl")]
            "sha512" => Some(Self::Sha512),
            _ => None,
        }
    }

    #[cfg(feature = "ssl")]
    fn hex(self, text: &[u8]) -> Vec<u8> {
        use sha2::Digest as _;
        let digest = match self {
            Self::Md5 => md5::Md5::digest(text).to_vec(),
            Self::Sha1 => sha1::Sha1::digest(text).to_vec(),
            Self::Sha256 => sha2::Sha256::digest(text).to_vec(),
            Self::Sha512 => sha2::Sha512::digest(text).to_vec(),
        };
        digest.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect()
    }

    #[cfg(not(feature = "ssl"))]
    fn hex(self, _text: &[u8]) -> Vec<u8> {
        match self {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Sources};
    use proptest::prelude::*;

    fn table(text: &str) -> Result<Memcache, String> {
        let tables = Tables::new(Config::parse(&Sources::default()).unwrap());
        Memcache::open(&tables, &Settings::of("memcache", "/x", text), Purpose::ADDRESSES)
    }

    fn word(text: &str, key: &[u8]) -> Option<Vec<u8>> {
        let table = table(text).unwrap();
        let key = Key::new(key, table.key_format.needs_as_query())?;
        table.word(&key)
    }

    #[test]
    fn words() {
        assert_eq!(word("", b"a@b"), Some(b"a@b".to_vec()));
        assert_eq!(word("key_format = %d/%u", b"a@b"), Some(b"b/a".to_vec()));
        for bad in ["a b", "a\r\nset x", "a\tb", "\x7f"] {
            assert_eq!(word("", bad.as_bytes()), None);
        }
        #[cfg(feature = "ssl")]
        assert_eq!(
            word("key_digest = md5", b"a"),
            Some(b"0cc175b9c0f1b6a831c399e269772661".to_vec())
        );
        assert!(table("key_digest = nonsense").unwrap_err().contains("not available"));
        assert!(table("retry_pause = 0").is_err());
    }

    proptest! {
        #[test]
        fn any_reply(line: Vec<u8>) {
            let _ = size_of(&line);
        }

        #[test]
        fn a_word_is_one_word(key: Vec<u8>) {
            if let Some(word) = word("", &key) {
                let is_one = !word.iter().any(|b| b.is_ascii_whitespace() || b.is_ascii_control());
                prop_assert!(is_one);
            }
        }
    }
}
