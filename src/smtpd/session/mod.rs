//! One SMTP session, from the first byte to the last.
//!
//! ```text
//! connect ─ greeting ─ ( command ─ reply )* ─ disconnect
//!                         ├ hello      HELO EHLO
//!                         ├ envelope   MAIL RCPT
//!                         ├ content    DATA BDAT, end of message
//!                         └ other      RSET NOOP VRFY ETRN HELP QUIT …
//! ```
//!
//! Grammar is in `wire`, bytes and time are in `connection`, decisions are in `check`; here is
//! only the order of things.

mod auth;
mod command;
mod content;
mod data;
mod chunk;
mod envelope;
mod hello;
mod limit;
mod milter;
mod notice;
mod other;
mod parameter;
mod proxy_filter;
mod received;
mod replay;
mod reply;
mod start;
mod starttls;
mod xclient;

#[cfg(test)]
mod audit;
#[cfg(test)]
mod rehearsal;
#[cfg(test)]
mod smuggling;

pub use self::reply::{add_footer, escape};

use std::sync::Arc;

use self::command::{Command, Statistics};
use self::content::Incoming;
use self::notice::History;
use self::proxy_filter::ProxyFilter;
use self::xclient::Forwarded;
use super::check::{Checks, HungUp};
use super::connection::{Connection, Lost};
use super::dialogue::{Dialogue, stage};
use super::draft::Draft;
use super::fault::Faults;
use super::keyword::Keywords;
use super::passed::Replay;
use super::sasl::{Offer, Remembered};
use super::service::Service;
use crate::filter::Milters;
use crate::log::Log;
use crate::wire::line::{self, Line, Skip};
use crate::wire::smtp_command::{self, Word};
use crate::wire::smtp_data::BareLf;

/// Why a session ends before its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The client has gone, or was silent for too long.
    Lost(Lost),
    /// Cut without a word (HANGUP).
    Quiet,
    /// Something is so wrong that the log has a fatal error; nothing more is said.
    Fatal,
    /// A table that the protocol itself needs has failed.
    LocalData,
    /// The last reply has been given.
    Finished,
    /// The client has become another (XCLIENT), and is greeted again.
    Restart,
    /// The client has made too many errors.
    TooManyErrors,
}

impl From<Lost> for End {
    fn from(lost: Lost) -> Self {
        Self::Lost(lost)
    }
}

impl From<HungUp> for End {
    fn from(_: HungUp) -> Self {
        Self::Quiet
    }
}

/// Whether a command did what it should, or the session is over.
type Done = Result<bool, End>;

/// A session.
#[derive(Debug)]
pub struct Session {
    service: Arc<Service>,
    talk: Dialogue,
    io: Connection,
    log: Log,
    history: History,
    statistics: Statistics,
    /// SASL as the session has it now.
    offer: Option<Offer>,
    /// Of earlier AUTH commands.
    auth_remembered: Remembered,
    /// EHLO keywords that this client does not get.
    withheld: Keywords,
    bare_lf: BareLf,
    noted_bare_lf: bool,
    /// Not limited in what it may do (smtpd_client_event_limit_exceptions).
    unlimited: bool,
    /// anvil knows of this connection.
    connection_counted: bool,
    may_verp: bool,
    errors: u32,
    junk: u32,
    overshoot: usize,
    sequence: u32,
    /// Every command but QUIT is refused.
    access_denied: bool,
    hang_up: bool,
    /// MAIL parameters of the transaction.
    incoming: Incoming,
    /// The message, once it has a valid recipient.
    message: Option<Draft>,
    /// Other programs that are told everything.
    milters: Option<Box<Milters>>,
    /// They have heard of a transaction that is not over.
    milter_abort: bool,
    /// Open connections of this client.
    connections: u32,
    /// The filter that the message goes to, once it has a valid recipient.
    filter: Option<Box<ProxyFilter>>,
    /// The MAIL command for it.
    proxy_mail: String,
    may_xclient: bool,
    may_xforward: bool,
    /// What postscreen's engine has heard already.
    replay: Option<Box<Replay>>,
    /// What XFORWARD has said about the next message.
    forwarded: Option<Box<Forwarded>>,
}

impl Session {
    /// Serves the client until it, or we, have had enough.
    pub async fn run(&mut self) {
        self.log.info(format_args!("connect from {}", self.talk.peer.text));
        let end = loop {
            match self.dialogue().await {
                Err(End::Restart) => {}
                end => break end,
            }
        };
        let end = match end {
            Ok(()) => End::Finished,
            Err(end) => end,
        };
        self.last_words(end).await;
        self.count_disconnection();
        self.log_end(end);
        self.message = None;
        self.flush_history(0, end.reason()).await;
        self.milters_restart();
        self.milters_reset();
        self.milters_quit().await;
        let notes = if self.noted_bare_lf { " notes=bare_lf" } else { "" };
        match end {
            End::Quiet => {}
            End::Fatal => return,
            _ => self.io.close().await,
        }
        let statistics = self.statistics.text();
        self.log.info(format_args!("disconnect from {}{statistics}{notes}", self.talk.peer.text));
    }

    /// After a bug has ended the dialogue: the client may come again.
    pub async fn apologise(&mut self) {
        self.message = None;
        self.count_disconnection();
        let host = &self.service.settings.myhostname;
        self.io.say(&format!("421 4.3.0 {host} Server local error"));
        self.io.close().await;
    }

    /// Nobody knows who the client is: it gets no more than a word.
    pub fn turn_away(&mut self) {
        self.hang_up = true;
    }

    async fn dialogue(&mut self) -> Result<(), End> {
        if self.hang_up {
            let host = self.service.settings.myhostname.clone();
            return self.reply(&format!("421 4.3.0 {host} Server local error")).await;
        }
        if !self.welcome().await? {
            return Ok(());
        }
        // TLS before the greeting has seen to it already.
        if self.offer.is_none() {
            self.activate_sasl().await?;
        }
        if self.replay.is_some() && !self.replay().await? {
            return Ok(());
        }
        loop {
            if self.hang_up {
                return Ok(());
            }
            let threshold = self.service.settings.limits.history;
            self.flush_history(threshold, None).await;
            if self.errors >= self.service.settings.limits.hard_errors {
                self.talk.faults.add(Faults::PROTOCOL);
                let host = self.service.settings.myhostname.clone();
                self.reply(&format!("421 4.7.0 {host} Error: too many errors")).await?;
                return Err(End::TooManyErrors);
            }
            self.io.start_request();
            if !self.turn().await? {
                return Ok(());
            }
        }
    }

    /// One command and its reply; false ends the session.
    async fn turn(&mut self) -> Result<bool, End> {
        let Some(line) = self.read_command().await? else { return Ok(true) };
        if line.bare_lf && self.bare_lf == BareLf::Reject {
            self.refuse_bare_lf().await?;
            return Ok(false);
        }
        self.noted_bare_lf |= line.bare_lf && self.bare_lf == BareLf::Note;
        let text = match String::from_utf8(line.bytes) {
            Ok(text) => text,
            Err(_) if self.service.settings.smtputf8 => {
                return self.malformed("500 5.5.2 Error: bad UTF-8 syntax").await;
            }
            Err(e) => String::from_utf8_lossy(e.as_bytes()).into_owned(),
        };
        let text = self.filtered(text).await?;
        let words = smtp_command::words(&text);
        let Some(verb) = words.first() else {
            return self.malformed("500 5.5.2 Error: bad syntax").await;
        };
        self.obey(&text, verb.text, &words).await
    }

    async fn obey(&mut self, text: &str, verb: &str, words: &[Word<'_>]) -> Result<bool, End> {
        let service = self.service.clone();
        let noop = &service.maps.noop_commands;
        if !noop.is_empty() && noop.matches(verb).await.unwrap_or(false) {
            self.reply("250 2.0.0 Ok").await?;
            self.count_junk();
            return Ok(true);
        }
        let command = Command::parse(verb);
        self.statistics.came(command);
        if command.is_none() {
            self.talk.stage = stage::UNKNOWN;
            if self.is_forbidden(verb).await {
                let shown = reply::escape(text.as_bytes());
                let shown = shown.get(..100).unwrap_or(&shown);
                self.log.warning(format_args!(
                    "non-SMTP command from {}: {shown}",
                    self.talk.peer.text
                ));
                self.reply("221 2.7.0 Error: I can break rules, too. Goodbye.").await?;
                return Ok(false);
            }
        }
        if self.access_denied && command != Some(Command::Quit) {
            let peer = self.talk.peer.clone();
            let text = format!("503 5.7.0 Error: access denied for {}", peer.text);
            self.reply(&text).await?;
            self.errors += 1;
            return Ok(true);
        }
        let Some(command) = command else {
            let other = self.milters_unknown(verb).await;
            let reply = other.as_deref().unwrap_or("500 5.5.2 Error: command not recognized");
            self.reply(reply).await?;
            self.talk.faults.add(Faults::PROTOCOL);
            self.errors += 1;
            return Ok(true);
        };
        if self.needs_tls() && !command.may_be_plain() {
            self.reply("530 5.7.0 Must issue a STARTTLS command first").await?;
            self.errors += 1;
            return Ok(true);
        }
        self.talk.stage = command.name();
        let out_of_turn = self.talk.protocol != "ESMTP" || command.ends_group();
        if out_of_turn && self.is_too_early() && service.settings.forbid_unauth_pipelining {
            self.reply("554 5.5.0 Error: SMTP protocol synchronization").await?;
            return Ok(false);
        }
        if Box::pin(self.carry_out(command, text, words)).await? {
            self.statistics.succeeded(command);
        } else {
            self.errors += 1;
        }
        if command.is_junk() {
            self.count_junk();
        }
        Ok(command != Command::Quit)
    }

    async fn carry_out(&mut self, command: Command, text: &str, words: &[Word<'_>]) -> Done {
        match command {
            Command::Helo => self.helo(words).await,
            Command::Ehlo => self.ehlo(words).await,
            Command::Mail => self.mail(text, words).await,
            Command::Rcpt => self.rcpt(text, words).await,
            Command::Data => self.data(text, words).await,
            Command::Bdat => self.bdat(text, words).await,
            Command::Rset => self.rset(words).await,
            Command::Noop => self.say_ok().await,
            Command::Vrfy => self.vrfy(words).await,
            Command::Etrn => self.etrn(words).await,
            Command::Quit => self.quit().await,
            Command::Help => self.help().await,
            Command::Starttls => self.starttls(words).await,
            Command::Auth => self.auth(words).await,
            Command::Xclient => self.xclient(words).await,
            Command::Xforward => self.xforward(words).await,
        }
    }

    async fn malformed(&mut self, text: &str) -> Result<bool, End> {
        self.talk.faults.add(Faults::PROTOCOL);
        self.reply(text).await?;
        self.errors += 1;
        self.talk.stage = stage::UNKNOWN;
        self.statistics.came(None);
        Ok(true)
    }

    async fn refuse_bare_lf(&mut self) -> Result<(), End> {
        self.log.info(format_args!("{}", self.talk.report("reject", "bare <LF> received")));
        self.talk.faults.add(Faults::PROTOCOL);
        let settings = &self.service.settings;
        let text = format!(
            "{} 5.5.2 {} Error: bare <LF> received",
            settings.bare_lf_code, settings.myhostname
        );
        self.reply(&text).await
    }

    /// `smtpd_command_filter`: unlike that of other tables, its result may be empty.
    async fn filtered(&mut self, text: String) -> Result<String, End> {
        let service = self.service.clone();
        let key = text.trim_start_matches([' ', '\t']);
        for table in service.maps.command_filter.tables().iter().filter(|_| !key.is_empty()) {
            let better = match table.lookup(key.as_bytes()).await {
                Ok(None) => continue,
                Ok(Some(better)) => String::from_utf8_lossy(&better).into_owned(),
                Err(_) => {
                    self.log.warning(format_args!("{table} lookup error for \"{key}\""));
                    return Err(End::LocalData);
                }
            };
            let cut = |text: &str| text.chars().take(100).collect::<String>();
            self.log.info(format_args!(
                "{}: replacing command \"{}\" with \"{}\"",
                self.talk.peer.text,
                cut(&text),
                cut(&better)
            ));
            return Ok(better);
        }
        Ok(text)
    }

    /// Headers and the commands of other protocols.
    async fn is_forbidden(&self, verb: &str) -> bool {
        let forbidden = &self.service.maps.forbidden_commands;
        super::check::is_header(verb) || forbidden.matches(verb).await.unwrap_or(false)
    }

    fn count_junk(&mut self) {
        if self.junk > self.service.settings.limits.junk_commands {
            self.errors += 1;
        }
        self.junk += 1;
    }

    /// Whether the client has sent something before we were ready for it; noticed and logged once.
    fn is_too_early(&mut self) -> bool {
        if self.talk.ill_pipelining || !self.talk.peer.is_internet || !self.io.has_spoken() {
            return false;
        }
        self.io.take_early();
        let early = self.io.buffered();
        let shown = reply::escape(early.get(..100).unwrap_or(early));
        self.log.info(format_args!(
            "improper command pipelining after {} from {}: {shown}",
            self.talk.stage, self.talk.peer.text
        ));
        self.talk.ill_pipelining = true;
        true
    }

    /// The next command line; none if it was too long and has been answered.
    async fn read_command(&mut self) -> Result<Option<CommandLine>, End> {
        let line = self.read_line(self.service.settings.limits.line).await?;
        if line.is_none() {
            self.talk.faults.add(Faults::PROTOCOL);
            let host = self.service.settings.myhostname.clone();
            self.reply(&format!("500 5.5.2 {host} Error: command too long")).await?;
        }
        Ok(line)
    }

    /// The next line; none, and a warning, if it is longer than `limit`.
    async fn read_line(&mut self, limit: usize) -> Result<Option<CommandLine>, End> {
        let strict = self.bare_lf.is_strict();
        loop {
            match line::take(self.io.buffered(), limit, strict) {
                Line::Incomplete => self.io.read_more(0).await?,
                Line::Whole { text, bare_lf, used } => {
                    // The rest of Postfix ends a command at NUL.
                    let end = memchr::memchr(0, text).unwrap_or(text.len());
                    let bytes = text.get(..end).unwrap_or(text).to_vec();
                    self.io.consume(used);
                    self.heard(&bytes);
                    return Ok(Some(CommandLine { bytes, bare_lf }));
                }
                Line::TooLong { text } => {
                    let bytes = text.to_vec();
                    self.io.consume(bytes.len());
                    self.skip_line(limit).await?;
                    self.too_long(&bytes, limit);
                    return Ok(None);
                }
            }
        }
    }

    async fn skip_line(&mut self, limit: usize) -> Result<(), End> {
        let mut left = limit;
        loop {
            match line::skip(self.io.buffered(), left) {
                Skip::Done(count) => {
                    self.io.consume(count);
                    return Ok(());
                }
                Skip::More(less) => {
                    left = less;
                    let all = self.io.buffered().len();
                    self.io.consume(all);
                    self.io.read_more(0).await?;
                }
                Skip::Exhausted => {
                    self.log.warning(format_args!("disabling input from {}", self.talk.peer.text));
                    self.io.stop_listening();
                    return Ok(());
                }
            }
        }
    }

    fn too_long(&mut self, bytes: &[u8], limit: usize) {
        self.heard(bytes);
        let shown = String::from_utf8_lossy(bytes.get(..30).unwrap_or(bytes));
        self.log.warning(format_args!(
            "{}: request longer than {limit}: {shown}...",
            self.talk.peer.text
        ));
    }

    /// The checks of this session.
    fn checks(&mut self) -> Checks<'_> {
        Checks { service: &self.service, talk: &mut self.talk, log: &self.log }
    }

    fn in_transaction(&self) -> bool {
        self.talk.sender.is_some()
    }

    /// Forgets the mail transaction, but not its recipients.
    fn reset_mail(&mut self) {
        self.talk.reset_mail();
        self.message = None;
        self.incoming = Incoming::default();
        self.milters_reset();
        self.dismiss_filter();
        self.forwarded = None;
    }

    fn reset_recipients(&mut self) {
        self.talk.reset_recipients();
        self.overshoot = 0;
    }

    /// Says goodbye where the session broke off.
    async fn last_words(&mut self, end: End) {
        let host = self.service.settings.myhostname.clone();
        let text = match end {
            End::Lost(Lost::Timeout) => format!("421 4.4.2 {host} Error: timeout exceeded"),
            End::LocalData => {
                self.log.info(format_args!(
                    "{}: reject: {} from {}: 421 4.3.0 {host} Server local data error",
                    self.talk.queue_id, self.talk.stage, self.talk.peer.text
                ));
                self.talk.faults.add(Faults::DATA);
                format!("421 4.3.0 {host} Server local data error")
            }
            _ => return,
        };
        self.io.start_request();
        let _ = self.reply(&text).await;
        let _ = self.io.flush().await;
    }

    fn log_end(&self, end: End) {
        let Some(reason) = end.reason() else { return };
        let (talk, peer) = (&self.talk, &self.talk.peer.text);
        let after = match talk.stage {
            stage::DATA_CONTENT => format!("DATA ({} bytes)", self.content_seen()),
            stage::BDAT_CONTENT => format!("BDAT ({} bytes)", self.content_seen()),
            stage::END_OF_MESSAGE if end == End::Lost(Lost::Connection) => return,
            other => other.to_owned(),
        };
        self.log.info(format_args!("{}: {reason} after {after} from {peer}", talk.queue_id));
    }
}

/// A command line as it came.
#[derive(Debug)]
struct CommandLine {
    bytes: Vec<u8>,
    bare_lf: bool,
}

impl End {
    /// As the log calls it; none if there is nothing to say.
    const fn reason(self) -> Option<&'static str> {
        match self {
            Self::Lost(Lost::Connection) => Some("lost connection"),
            Self::Lost(Lost::Timeout) => Some("timeout"),
            Self::TooManyErrors => Some("too many errors"),
            Self::Restart | Self::Quiet | Self::Fatal | Self::LocalData | Self::Finished => None,
        }
    }
}
