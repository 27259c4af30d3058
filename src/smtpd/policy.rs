//! Asks policy servers (SMTPD_POLICY_README): `name=value` lines and an empty line there, one
//! `action=` and an empty line back, over connections that are kept.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpStream, UnixStream};

use crate::config::{Config, Problem, parameters as p, split_list};
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

    /// One `name = value` of a service in braces.
    fn set(&mut self, assignment: &str) -> Option<()> {
        let (name, value) = assignment.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        match name {
            "timeout" => self.timeout = time(value)?,
            "max_idle" => self.max_idle = time(value)?,
            "max_ttl" => self.max_ttl = time(value)?,
            "retry_delay" => self.retry_delay = time(value)?,
            "try_limit" => self.try_limit = value.parse().ok()?,
            "request_limit" => self.request_limit = value.parse().ok()?,
            "default_action" => value.clone_into(&mut self.default_action),
            "policy_context" => value.clone_into(&mut self.context),
            _ => return None,
        }
        Some(())
    }
}

fn time(text: &str) -> Option<Duration> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end)?;
    let seconds = match unit {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86400,
        "w" => 604_800,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(seconds).map(Duration::from_secs)
}

#[derive(Clone, Debug)]
enum Endpoint {
    Unix(PathBuf),
    Inet(String),
}

trait Channel: AsyncRead + AsyncWrite + Unpin + Send + Sync + std::fmt::Debug {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync + std::fmt::Debug> Channel for T {}

#[derive(Debug)]
struct Kept {
    stream: BufReader<Box<dyn Channel>>,
    opened: Instant,
    used: Instant,
    requests: u32,
}

/// One policy server.
#[derive(Debug)]
pub struct PolicyServer {
    /// `transport:server` as written.
    pub name: String,
    endpoint: Endpoint,
    /// How it is talked to.
    pub settings: PolicySettings,
    idle: Mutex<Vec<Kept>>,
}

/// Longest line of an answer.
const ANSWER_MAX: usize = 64 << 10;

impl PolicyServer {
    /// Parses `unix:path`, `inet:host:port`, or one of them with settings in braces.
    pub fn parse(word: &str, defaults: &PolicySettings) -> Result<Self, Problem> {
        let mut settings = defaults.clone();
        let name = match word.strip_prefix('{').and_then(|w| w.strip_suffix('}')) {
            None => word,
            Some(inside) => {
                let (name, rest) = first_word(inside);
                for assignment in assignments(rest) {
                    settings.set(&assignment).ok_or_else(|| Problem {
                        text: format!("unknown attribute name: {assignment}"),
                    })?;
                }
                name
            }
        };
        let bad = || Problem { text: format!("invalid policy service name: {name}") };
        let (transport, server) = name.split_once(':').ok_or_else(bad)?;
        let endpoint = match transport {
            "unix" => Endpoint::Unix(settings.queue_directory.join(server)),
            "inet" => Endpoint::Inet(match server.rsplit_once(':') {
                Some(_) => server.to_owned(),
                None => format!("localhost:{server}"),
            }),
            _ => return Err(bad()),
        };
        Ok(Self { name: word.to_owned(), endpoint, settings, idle: Mutex::default() })
    }

    /// Sends `request` (complete, with its empty line) and returns the action. Tries again on a
    /// new connection as often as the settings say; none if there was no answer.
    pub async fn ask(&self, request: &str, log: &Log) -> Option<String> {
        let mut tries = 0;
        loop {
            tries += 1;
            let (failure, was_kept) = match self.once(request).await {
                Ok(action) => return action,
                Err(failure) => failure,
            };
            // A connection that was kept may have been closed by the server: that is no news.
            if !was_kept {
                log.warning(format_args!("{failure}"));
            }
            if tries >= self.settings.try_limit.max(1) {
                if !was_kept {
                    log.warning(format_args!(
                        "problem talking to server {}: {}",
                        self.short_name(),
                        failure.reason()
                    ));
                }
                return None;
            }
            tokio::time::sleep(self.settings.retry_delay).await;
        }
    }

    fn short_name(&self) -> &str {
        first_word(self.name.trim_start_matches('{').trim_end_matches('}')).0
    }

    async fn once(&self, request: &str) -> Result<Option<String>, (Failure, bool)> {
        let (mut kept, was_kept) = match self.take_idle() {
            Some(kept) => (kept, true),
            None => (self.connect().await.map_err(|failure| (failure, false))?, false),
        };
        let talk = talk(&mut kept.stream, request);
        let action = match tokio::time::timeout(self.settings.timeout, talk).await {
            Ok(Ok(action)) => action,
            Ok(Err(e)) => return Err((Failure::Talk(self.short_name().to_owned(), e), was_kept)),
            Err(_) => {
                let e = io::ErrorKind::TimedOut.into();
                return Err((Failure::Talk(self.short_name().to_owned(), e), false));
            }
        };
        kept.requests += 1;
        kept.used = Instant::now();
        let limit = self.settings.request_limit;
        if limit == 0 || kept.requests < limit {
            self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(kept);
        }
        Ok(action)
    }

    fn take_idle(&self) -> Option<Kept> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let settings = &self.settings;
        idle.retain(|kept| {
            kept.used.elapsed() < settings.max_idle && kept.opened.elapsed() < settings.max_ttl
        });
        idle.pop()
    }

    async fn connect(&self) -> Result<Kept, Failure> {
        let connect = async {
            Ok::<Box<dyn Channel>, io::Error>(match &self.endpoint {
                Endpoint::Unix(path) => Box::new(UnixStream::connect(path).await?),
                Endpoint::Inet(server) => {
                    let stream = TcpStream::connect(server.as_str()).await?;
                    stream.set_nodelay(true)?;
                    Box::new(stream)
                }
            })
        };
        let stream = match tokio::time::timeout(self.settings.timeout, connect).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(e)) => return Err(Failure::Connect(self.short_name().to_owned(), e)),
            Err(_) => {
                let e = io::ErrorKind::TimedOut.into();
                return Err(Failure::Connect(self.short_name().to_owned(), e));
            }
        };
        let now = Instant::now();
        Ok(Kept { stream: BufReader::new(stream), opened: now, used: now, requests: 0 })
    }
}

/// What went wrong with a policy server, in Postfix's words.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("connect to {0}: {reason}", reason = plain(.1))]
    Connect(String, io::Error),
    #[error("problem talking to server {0}: {reason}", reason = plain(.1))]
    Talk(String, io::Error),
}

impl Failure {
    fn reason(&self) -> String {
        match self {
            Self::Connect(_, e) | Self::Talk(_, e) => plain(e),
        }
    }
}

/// The system's words without the number.
fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::TimedOut => "Connection timed out".into(),
        io::ErrorKind::UnexpectedEof => "Success".into(),
        _ => {
            let text = error.to_string();
            text.split(" (os error").next().unwrap_or_default().to_owned()
        }
    }
}

async fn talk(
    stream: &mut BufReader<Box<dyn Channel>>,
    request: &str,
) -> io::Result<Option<String>> {
    stream.get_mut().write_all(request.as_bytes()).await?;
    stream.get_mut().flush().await?;
    let mut action = None;
    loop {
        let line = read_line(stream).await?;
        if line.is_empty() {
            return Ok(action);
        }
        if let Some(value) = line.strip_prefix("action=") {
            action = Some(value.to_owned());
        }
    }
}

async fn read_line(stream: &mut BufReader<Box<dyn Channel>>) -> io::Result<String> {
    let mut line = Vec::new();
    loop {
        let available = stream.fill_buf().await?;
        if available.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match memchr::memchr(b'\n', available) {
            Some(end) => {
                line.extend_from_slice(available.get(..end).unwrap_or_default());
                stream.consume(end + 1);
                return String::from_utf8(line)
                    .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "malformed UTF-8"));
            }
            None => {
                line.extend_from_slice(available);
                let length = available.len();
                stream.consume(length);
            }
        }
        if line.len() > ANSWER_MAX {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "line too long"));
        }
    }
}

fn first_word(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches([' ', '\t', ',', '\n']);
    let end = text.find([' ', '\t', ',', '\n']).unwrap_or(text.len());
    text.split_at_checked(end).unwrap_or((text, ""))
}

/// `name=value`, `name = value` and `{ name = value with spaces }`.
fn assignments(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for word in split_list(text) {
        if let Some(inside) = word.strip_prefix('{').and_then(|w| w.strip_suffix('}')) {
            found.push(inside.trim().to_owned());
            continue;
        }
        match found.last_mut() {
            Some(last) if last.ends_with('=') || word.starts_with('=') => last.push_str(word),
            _ => found.push(word.to_owned()),
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_in_all_spellings() {
        assert_eq!(
            assignments("timeout=10, max_idle = 20s { default_action = 450 x y }"),
            ["timeout=10", "max_idle=20s", "default_action = 450 x y"]
        );
    }

    #[test]
    fn times() {
        assert_eq!(time("10"), Some(Duration::from_secs(10)));
        assert_eq!(time("2m"), Some(Duration::from_secs(120)));
        assert_eq!(time("x"), None);
    }
}
