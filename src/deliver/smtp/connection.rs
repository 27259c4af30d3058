//! A connection with a server: bytes in and out with time limits, and what is known about the
//! server.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::settings::Settings;
use crate::log::Log;
use crate::lookup::TableError;
use crate::mail::queue_id::QueueId;
use crate::tls::words::Level;
use crate::tls::{Facts, Stream};
use crate::wire::line::{self, Line, Skip};
use crate::wire::smtp_reply::{Collector, Reply, Step, printable};

/// How much is read at once.
const READ_SIZE: usize = 4096;

/// Lines of one reply, with what is no reply before it: a server that says more means no end.
const REPLY_LINES: usize = 50_000;

/// Who is at the other end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Host name as looked up, or the address it was given by.
    pub host: String,
    /// `host[address]`
    pub name: String,
    /// `host[address]:port`; without a port for UNIX sockets. `relay=` in the log.
    pub name_port: String,
    /// The address, or the path of the UNIX socket.
    pub address: String,
    /// TCP port; zero for UNIX sockets.
    pub port: u16,
}

/// What the server offers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the keywords of EHLO")]
pub struct Features {
    pub esmtp: bool,
    pub pipelining: bool,
    pub size: bool,
    /// SIZE with a number; zero is unknown.
    pub size_limit: u64,
    pub eight_bit_mime: bool,
    pub dsn: bool,
    pub starttls: bool,
    pub smtputf8: bool,
    /// REQUIRETLS
    pub require_tls: bool,
    /// AUTH: the mechanisms that are left of those that the server offers.
    pub auth: Option<String>,
    pub xforward: Xforward,
    /// The final dot goes out in a packet of its own, later (`smtp_pix_workarounds`).
    pub pix_delay: bool,
    /// No EHLO (`smtp_pix_workarounds`).
    pub pix_no_esmtp: bool,
}

impl Features {
    /// What was known before the server said what it offers.
    pub fn before_hello(&self) -> Self {
        Self {
            esmtp: self.esmtp,
            pix_delay: self.pix_delay,
            pix_no_esmtp: self.pix_no_esmtp,
            ..Self::default()
        }
    }
}

/// What XFORWARD takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the keywords of XFORWARD")]
pub struct Xforward {
    pub name: bool,
    pub addr: bool,
    pub port: bool,
    pub proto: bool,
    pub helo: bool,
    pub ident: bool,
    pub source: bool,
}

/// Whether a connection may be kept for further mail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Until then.
    Until(Instant),
    /// No.
    No,
    /// No, and the server is in trouble.
    Throttled,
}

/// Why a dialogue cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The other side is gone.
    #[error("lost connection")]
    Lost,
    /// The time limit is over.
    #[error("timed out")]
    TimedOut,
    /// Something on this side failed: a table, the spool.
    #[error("local data error")]
    Local,
}

/// A connection.
#[derive(Debug)]
pub struct Connection {
    stream: Stream,
    /// Who is at the other end.
    pub peer: Peer,
    /// What it offers.
    pub features: Features,
    /// Whether it may be kept.
    pub keep: Keep,
    /// How many messages it has carried before this one.
    pub reused: u32,
    /// It is one of the most preferred servers of its destination.
    pub best_mx: bool,
    /// What the server calls itself in its reply to EHLO.
    pub helo: String,
    /// The encryption, if there is one.
    pub tls: Option<Arc<Facts>>,
    /// The security level that it was made for.
    pub level: Level,
    /// By what else it is told apart from other connections with the server: the policy's key.
    pub policy: String,
    /// The next hop that it was made for.
    pub nexthop: String,
    /// Our own address, where somebody wants to know.
    pub own: Option<std::net::IpAddr>,
    /// What failed with TLS is to be tried without.
    pub retry_plain: bool,
    /// Who we are to the server, if we have logged in.
    pub login: Option<String>,
    /// No further input or output makes sense.
    pub dead: bool,
    /// `debug_peer_list` names the server: the dialogue is logged.
    pub debugged: bool,
    input: Vec<u8>,
    read_from: usize,
    /// Commands and content that wait to be written.
    pub output: Vec<u8>,
}

/// Who has the dialogue, for its log lines.
#[derive(Clone, Copy, Debug)]
pub struct Speaker<'a> {
    /// Parameters.
    pub settings: &'a Settings,
    /// Log.
    pub log: &'a Log,
    /// The message.
    pub queue_id: QueueId,
}

impl Peer {
    /// A server at an IP address.
    pub fn tcp(host: &str, address: std::net::IpAddr, port: u16) -> Self {
        let address = address.to_string();
        let name = format!("{host}[{address}]");
        Self { host: host.into(), name_port: format!("{name}:{port}"), name, address, port }
    }

    /// A server at a UNIX socket.
    pub fn unix(myhostname: &str, path: &str) -> Self {
        let name = format!("{myhostname}[{path}]");
        Self {
            host: myhostname.into(),
            name_port: name.clone(),
            name,
            address: path.into(),
            port: 0,
        }
    }
}

impl Connection {
    /// A fresh connection, not to be kept.
    pub fn new(stream: Stream, peer: Peer) -> Self {
        Self {
            stream,
            peer,
            features: Features::default(),
            keep: Keep::No,
            reused: 0,
            best_mx: false,
            helo: String::new(),
            tls: None,
            level: Level::None,
            policy: String::new(),
            nexthop: String::new(),
            own: None,
            retry_plain: false,
            login: None,
            dead: false,
            debugged: false,
            input: Vec::new(),
            read_from: 0,
            output: Vec::with_capacity(READ_SIZE),
        }
    }

    /// Takes the socket for a handshake; what has been read and not been used is forgotten.
    #[cfg(feature = "ssl")]
    pub fn take_plain(&mut self) -> Option<crate::tls::Socket> {
        self.input.clear();
        self.read_from = 0;
        self.stream.take_socket()
    }

    /// Notes our own address, before anything is encrypted.
    pub fn note_own_address(&mut self) {
        self.own = self.stream.own_address();
    }

    /// Goes on over another stream.
    #[cfg(feature = "ssl")]
    pub fn resume(&mut self, stream: Stream) {
        self.stream = stream;
    }

    /// Whether it is to be kept for further mail.
    pub fn is_kept(&self) -> bool {
        !self.dead && matches!(self.keep, Keep::Until(_))
    }

    /// Whether it has served long or often enough.
    pub fn is_expired(&self, count_limit: u32) -> bool {
        match self.keep {
            Keep::Until(end) if !self.dead => {
                end < Instant::now() || (count_limit > 0 && self.reused >= count_limit)
            }
            _ => false,
        }
    }

    /// No further mail after this, unless something worse is known already.
    pub fn do_not_keep(&mut self) {
        if self.keep != Keep::Throttled {
            self.keep = Keep::No;
        }
    }

    /// Whether an idle connection has anything to say, or has ended: then it is of no use.
    pub fn is_disturbed(&mut self) -> bool {
        let read = self.stream.read_now(&mut [0_u8; 1]);
        !matches!(read, Err(e) if e.kind() == io::ErrorKind::WouldBlock)
            || self.read_from < self.input.len()
    }

    /// Queues a command.
    pub fn command(&mut self, speaker: &Speaker<'_>, command: &str) {
        if self.debugged || speaker.log.verbose() > 0 {
            speaker.log.info(format_args!("> {}: {command}", self.peer.name_port));
        }
        self.output.extend_from_slice(command.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    /// Writes what is queued; each write may take `limit`.
    pub async fn flush(&mut self, limit: Duration) -> Result<(), Broken> {
        let mut written = 0;
        while let Some(rest) = self.output.get(written..)
            && !rest.is_empty()
        {
            match tokio::time::timeout(limit, self.stream.write(rest)).await {
                Err(_) => return Err(Broken::TimedOut),
                Ok(Ok(0) | Err(_)) => {
                    self.dead = true;
                    return Err(Broken::Lost);
                }
                Ok(Ok(n)) => written += n,
            }
        }
        self.output.clear();
        match tokio::time::timeout(limit, self.stream.flush()).await {
            Err(_) => Err(Broken::TimedOut),
            Ok(Err(_)) => {
                self.dead = true;
                Err(Broken::Lost)
            }
            Ok(Ok(())) => Ok(()),
        }
    }

    /// The last word has been said.
    pub fn end(&mut self) {
        self.dead = true;
        self.stream.end_now();
    }

    /// Writes what is queued as far as it goes without waiting: a last QUIT.
    pub fn flush_if_possible(&mut self) {
        self.stream.write_now(&self.output);
        self.output.clear();
    }

    /// Writes what is queued and reads one reply.
    pub async fn reply(&mut self, speaker: &Speaker<'_>, limit: Duration) -> Result<Reply, Broken> {
        let reading = async {
            if !self.output.is_empty() {
                self.flush(limit).await?;
            }
            self.read_reply(speaker, limit).await
        };
        if speaker.settings.limits.whole_request {
            tokio::time::timeout(limit, reading).await.unwrap_or(Err(Broken::TimedOut))
        } else {
            reading.await
        }
    }

    async fn read_reply(
        &mut self,
        speaker: &Speaker<'_>,
        limit: Duration,
    ) -> Result<Reply, Broken> {
        let keep = speaker.settings.reply_limit;
        let mut collector = Collector::default();
        let mut warned = false;
        for _ in 0..REPLY_LINES {
            let line = self.read_line(speaker, limit).await?;
            if self.debugged || speaker.log.verbose() > 0 {
                speaker.log.info(format_args!("< {}: {}", self.peer.name_port, first(&line, 100)));
            }
            if collector.is_full(keep) && !warned {
                warned = true;
                speaker.log.warning(format_args!(
                    "{}: multi-line response longer than {keep} {}...",
                    self.peer.name_port,
                    first(collector.text(), 30)
                ));
            }
            let line = self.filtered(speaker, line).await.map_err(|_| Broken::Local)?;
            match collector.line(&line, keep) {
                Step::More => {}
                Step::Garbage => self.note_garbage(speaker, &line),
                Step::Done(reply) => return Ok(reply),
            }
        }
        let server = &self.peer.name_port;
        speaker.log.warning(format_args!("{server}: response has more than {REPLY_LINES} lines"));
        self.dead = true;
        Err(Broken::Lost)
    }

    /// `smtp_reply_filter`
    async fn filtered(&self, speaker: &Speaker<'_>, line: String) -> Result<String, TableError> {
        let filter = &speaker.settings.reply_filter;
        if filter.is_empty() {
            return Ok(line);
        }
        let Some(other) = filter.find(&line).await? else { return Ok(line) };
        speaker.log.info(format_args!(
            "{}: replacing server reply \"{line}\" with \"{other}\"",
            self.peer.name_port
        ));
        Ok(other)
    }

    fn note_garbage(&mut self, speaker: &Speaker<'_>, line: &str) {
        self.do_not_keep();
        if !self.features.pipelining {
            return;
        }
        let (protocol, parameter) = match speaker.settings.lmtp {
            true => ("LMTP", "lmtp_discard_lhlo_keyword_address_maps"),
            false => ("ESMTP", "smtp_discard_ehlo_keyword_address_maps"),
        };
        speaker.log.warning(format_args!(
            "{}: non-{protocol} response from {}: {}",
            speaker.queue_id,
            self.peer.name_port,
            first(line, 100)
        ));
        speaker.log.warning(format_args!(
            "to prevent loss of mail, turn off command pipelining for {} with the {parameter} \
             parameter",
            self.peer.address
        ));
    }

    /// One line; what is longer than the limit is cut off.
    async fn read_line(
        &mut self,
        speaker: &Speaker<'_>,
        limit: Duration,
    ) -> Result<String, Broken> {
        let longest = speaker.settings.reply_limit;
        loop {
            let unread = self.input.get(self.read_from..).unwrap_or_default();
            match line::take(unread, longest, false) {
                Line::Whole { text, used, .. } => {
                    let text = printable(text).into_owned();
                    self.read_from += used;
                    return Ok(text);
                }
                Line::TooLong { text } => {
                    let text = printable(text).into_owned();
                    self.read_from += longest;
                    speaker.log.warning(format_args!(
                        "{}: response longer than {longest}: {}...",
                        self.peer.name_port,
                        first(&text, 30)
                    ));
                    self.skip_line(longest, limit).await?;
                    return Ok(text);
                }
                Line::Incomplete => self.fill(limit).await?,
            }
        }
    }

    async fn skip_line(&mut self, longest: usize, limit: Duration) -> Result<(), Broken> {
        let mut left = longest;
        loop {
            let unread = self.input.get(self.read_from..).unwrap_or_default();
            match line::skip(unread, left) {
                Skip::Done(used) => {
                    self.read_from += used;
                    return Ok(());
                }
                Skip::More(still) => {
                    left = still;
                    self.read_from = self.input.len();
                    self.fill(limit).await?;
                }
                Skip::Exhausted => {
                    self.dead = true;
                    return Err(Broken::Lost);
                }
            }
        }
    }

    async fn fill(&mut self, limit: Duration) -> Result<(), Broken> {
        if self.read_from > 0 {
            self.input.drain(..self.read_from);
            self.read_from = 0;
        }
        self.input.reserve(READ_SIZE);
        match tokio::time::timeout(limit, self.stream.read_buf(&mut self.input)).await {
            Err(_) => Err(Broken::TimedOut),
            Ok(Ok(0) | Err(_)) => {
                self.dead = true;
                Err(Broken::Lost)
            }
            Ok(Ok(_)) => Ok(()),
        }
    }

    /// After a failed write: what the server may have said before it went can still be read.
    pub fn only_read(&mut self) {
        self.output.clear();
        self.dead = false;
        self.do_not_keep();
    }
}

/// The first `count` characters.
fn first(text: &str, count: usize) -> &str {
    text.char_indices().nth(count).and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}
