//! Asks policy servers (SMTPD_POLICY_README): `name=value` lines and an empty line there, one
//! `action=` and an empty line back, over connections that are kept.

use std::io;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, AsyncRead as _, AsyncWriteExt as _, BufReader, ReadBuf};

use crate::config::{Config, Problem, parameters as p};
use crate::filter::{BadOption, Endpoint, Stream, options, plain_error, time};
use crate::log::Log;

/// How policy servers are talked to.
#[derive(Clone, Debug)]
pub struct PolicySettings {
    timeout: Duration,
    max_idle: Duration,
    max_ttl: Duration,
    retry_delay: Duration,
    try_limit: u32,
    request_limit: u32,
    /// The action when a server does not answer.
    pub default_action: String,
    /// `policy_context`
    pub context: String,
    queue_directory: PathBuf,
}

impl PolicySettings {
    /// The `smtpd_policy_service_…` parameters.
    pub fn read(config: &Config) -> Self {
        let small = |value: i64| u32::try_from(value).unwrap_or(u32::MAX);
        Self {
            timeout: config.time(&p::smtpd_policy_service_timeout),
            max_idle: config.time(&p::smtpd_policy_service_max_idle),
            max_ttl: config.time(&p::smtpd_policy_service_max_ttl),
            retry_delay: config.time(&p::smtpd_policy_service_retry_delay),
            try_limit: small(config.int(&p::smtpd_policy_service_try_limit)),
            request_limit: small(config.int(&p::smtpd_policy_service_request_limit)),
            default_action: config.text(&p::smtpd_policy_service_default_action),
            context: config.text(&p::smtpd_policy_service_policy_context),
            queue_directory: config.queue_directory(),
        }
    }

    /// One option of a service in braces.
    fn set(&mut self, key: &str, value: &str) -> Result<(), BadOption> {
        let number = || {
            let bad = || BadOption(format!("bad numerical configuration: {key} = {value}"));
            value.parse().map_err(|_| bad())
        };
        match key {
            "timeout" => self.timeout = time(key, value)?,
            "max_idle" => self.max_idle = time(key, value)?,
            "max_ttl" => self.max_ttl = time(key, value)?,
            "retry_delay" => self.retry_delay = time(key, value)?,
            "try_limit" => self.try_limit = number()?,
            "request_limit" => self.request_limit = number()?,
            "default_action" => value.clone_into(&mut self.default_action),
            "policy_context" => value.clone_into(&mut self.context),
            _ => return Err(BadOption(format!("unknown option: \"{key} = {value}\""))),
        }
        Ok(())
    }
}

#[derive(Debug)]
struct Kept {
    stream: BufReader<Stream>,
    opened: Instant,
    used: Instant,
    requests: u32,
}

impl Kept {
    /// Whether the server has said something that nobody asked for, or has gone.
    fn has_spoken(&mut self) -> bool {
        if !self.stream.buffer().is_empty() {
            return true;
        }
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        let mut context = Context::from_waker(Waker::noop());
        Pin::new(self.stream.get_mut()).poll_read(&mut context, &mut buffer).is_ready()
    }
}

/// One policy server.
#[derive(Debug)]
pub struct PolicyServer {
    /// The service as written, with its options.
    pub name: String,
    /// `transport:` and what stands behind it.
    place: String,
    endpoint: Endpoint,
    /// How it is talked to.
    pub settings: PolicySettings,
    idle: Mutex<Vec<Kept>>,
}

/// Longest line of an answer.
const ANSWER_MAX: usize = 64 << 10;

impl PolicyServer {
    /// Parses `unix:path`, `inet:host:port`, or one of them with options in braces.
    pub fn parse(word: &str, defaults: &PolicySettings) -> Result<Self, Problem> {
        let mut settings = defaults.clone();
        let problem = |bad: BadOption| Problem { text: bad.0 };
        let (name, options) = options(word).map_err(problem)?;
        for (key, value) in options {
            settings.set(&key, &value).map_err(problem)?;
        }
        let (transport, place) =
            name.split_once(':').filter(|(_, place)| !place.is_empty()).ok_or_else(|| Problem {
                text: format!("need service transport:endpoint instead of \"{name}\""),
            })?;
        let endpoint = match transport {
            "unix" | "local" => Endpoint::unix(place, &settings.queue_directory),
            "inet" => Endpoint::inet(place),
            _ => {
                let text = format!("invalid transport name: {transport} in service: {name}");
                return Err(Problem { text });
            }
        };
        let place = place.to_owned();
        Ok(Self { name: word.to_owned(), place, endpoint, settings, idle: Mutex::default() })
    }

    /// Sends `request` (complete, with its empty line) and returns the action. Tries again on a
    /// new connection as often as the settings say; none if there was no answer.
    pub async fn ask(&self, request: &str, log: &Log) -> Option<Vec<u8>> {
        let limit = self.settings.try_limit;
        let mut kept = self.take_idle();
        let mut tries = 0;
        loop {
            tries += 1;
            let failure = match self.once(&mut kept, request, log).await {
                Ok(action) => {
                    self.put_back(kept);
                    return Some(action);
                }
                Err(failure) => failure,
            };
            let is_last = limit > 0 && tries >= limit;
            if is_last || failure.is_news() {
                log.warning(format_args!(
                    "problem talking to server {}: {}",
                    self.place,
                    plain_error(&failure.0)
                ));
            }
            if is_last {
                return None;
            }
            tokio::time::sleep(self.settings.retry_delay).await;
            kept = None;
        }
    }

    async fn once(
        &self,
        kept: &mut Option<Kept>,
        request: &str,
        log: &Log,
    ) -> Result<Vec<u8>, Failure> {
        let kept = match kept {
            Some(kept) => kept,
            None => kept.insert(self.connect(log).await?),
        };
        if kept.has_spoken() {
            return Err(Failure(io::ErrorKind::UnexpectedEof.into()));
        }
        let talk = self.talk(&mut kept.stream, request, log);
        let action = match tokio::time::timeout(self.settings.timeout, talk).await {
            Ok(action) => action.map_err(Failure)?,
            Err(_) => return Err(Failure(io::ErrorKind::TimedOut.into())),
        };
        kept.requests += 1;
        kept.used = Instant::now();
        Ok(action)
    }

    fn put_back(&self, kept: Option<Kept>) {
        let limit = self.settings.request_limit;
        if let Some(kept) = kept.filter(|kept| limit == 0 || kept.requests < limit) {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
        }
    }

    fn take_idle(&self) -> Option<Kept> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let settings = &self.settings;
        idle.retain(|kept| {
            kept.used.elapsed() < settings.max_idle && kept.opened.elapsed() < settings.max_ttl
        });
        idle.pop()
    }

    async fn connect(&self, log: &Log) -> Result<Kept, Failure> {
        match self.endpoint.connect(self.settings.timeout).await {
            Ok(stream) => {
                let now = Instant::now();
                Ok(Kept { stream: BufReader::new(stream), opened: now, used: now, requests: 0 })
            }
            Err(error) => {
                let (place, why) = (&self.place, plain_error(&error));
                log.warning(format_args!("connect to {place}: {why}"));
                Err(Failure(error))
            }
        }
    }

    /// One request and its answer: the first action counts, other attributes do not.
    async fn talk(
        &self,
        stream: &mut BufReader<Stream>,
        request: &str,
        log: &Log,
    ) -> io::Result<Vec<u8>> {
        stream.get_mut().write_all(request.as_bytes()).await?;
        stream.get_mut().flush().await?;
        let mut action = None;
        let mut count = 0;
        loop {
            let line = match read_line(stream).await? {
                Read::Line(line) => line,
                Read::End { partial } => {
                    if partial || count > 0 {
                        let what = if partial { "value" } else { "name" };
                        log.warning(format_args!(
                            "premature end-of-input on {} while reading input attribute {what}",
                            self.place
                        ));
                    }
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
            };
            if line.is_empty() {
                break;
            }
            count += 1;
            if count > LINES_MAX {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "answer too long"));
            }
            if let Some(value) = line.strip_prefix(b"action=")
                && action.is_none()
            {
                action = Some(value.to_vec());
            }
        }
        action.ok_or_else(|| {
            log.warning(format_args!("missing attribute action in input from {}", self.place));
            io::ErrorKind::UnexpectedEof.into()
        })
    }
}

/// How many lines an answer may have.
const LINES_MAX: usize = 1000;

/// Why there is no answer.
#[derive(Debug)]
struct Failure(io::Error);

impl Failure {
    /// Whether the log is to hear of it before the last try: a server that closes connections, or
    /// is being restarted, is no news.
    fn is_news(&self) -> bool {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, NotFound, UnexpectedEof};
        !matches!(self.0.kind(), BrokenPipe | ConnectionReset | NotFound | UnexpectedEof)
    }
}

enum Read {
    Line(Vec<u8>),
    /// The server has closed the connection, perhaps within a line.
    End {
        partial: bool,
    },
}

async fn read_line(stream: &mut BufReader<Stream>) -> io::Result<Read> {
    let mut line = Vec::new();
    loop {
        let available = stream.fill_buf().await?;
        if available.is_empty() {
            return Ok(Read::End { partial: !line.is_empty() });
        }
        let end = memchr::memchr(b'\n', available);
        let taken = end.unwrap_or(available.len());
        line.extend_from_slice(available.get(..taken).unwrap_or_default());
        stream.consume(taken + usize::from(end.is_some()));
        if end.is_some() {
            return Ok(Read::Line(line));
        }
        if line.len() > ANSWER_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "line too long"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Sources;

    fn defaults() -> PolicySettings {
        let config = Config::parse(&Sources {
            directory: "/nonexistent".into(),
            main_cf: String::new(),
            master_cf: String::new(),
        });
        PolicySettings::read(&config.unwrap())
    }

    #[test]
    fn services() {
        let word = "{ inet:127.0.0.1:9, timeout=7, { default_action = 450 x y }, try_limit = 3 }";
        let server = PolicyServer::parse(word, &defaults()).unwrap();
        assert_eq!(server.place, "127.0.0.1:9");
        assert_eq!(server.settings.timeout, Duration::from_secs(7));
        assert_eq!(server.settings.default_action, "450 x y");
        assert_eq!(server.settings.try_limit, 3);
        for bad in ["inet", "tcp:x:1", "{ inet:x:1, colour=red }", "{ unix:x, try_limit=many }"] {
            assert!(PolicyServer::parse(bad, &defaults()).is_err(), "{bad}");
        }
    }
}
