//! `smtpd_proxy_filter`: messages are not queued here but handed to a filter as they come in, and
//! what the filter says is what the client hears. With `speed_adjust` the filter is connected to
//! only when the message is complete.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, timeout_at};

use super::{Done, Session, received};
use crate::filter::{Stream, plain_error};
use crate::mail::envelope::{Client, RewriteContext};
use crate::smtpd::dialogue::stage;
use crate::smtpd::fault::Faults;
use crate::smtpd::peer::UNKNOWN;
use crate::smtpd::service::Intake;
use crate::smtpd::settings::ProxyFilterSettings;
use crate::spool::ScratchFile;
use crate::wire::smtp_data::Tally;
use crate::wire::xtext;

/// What the client hears when the filter cannot be talked to.
const UNREACHABLE: &str = "451 4.3.0 Error: queue file write error";

/// Content beyond this is kept in a file while the filter has to wait.
const MEMORY_MAX: usize = 1 << 20;

/// How much content gathers before it is sent.
const BATCH: usize = 64 << 10;

/// Longest list of XFORWARD attributes in one command (RFC 821's line less the command).
const XFORWARD_ROOM: usize = 512 - "250 XFORWARD\r\n".len();

/// The reply that a command needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Ok,
    More,
    Any,
}

/// The filter did not say what was needed; its reply says what it did say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Refused;

/// A message on its way to the filter.
#[derive(Debug)]
pub(super) struct ProxyFilter {
    settings: Arc<ProxyFilterSettings>,
    line_limit: usize,
    stream: Option<Stream>,
    input: Vec<u8>,
    /// Encoded content that has not been sent.
    output: Vec<u8>,
    at_line_start: bool,
    /// The last reply, or what stands for it; lines joined by CR LF.
    reply: String,
    /// What has been held back (`speed_adjust`).
    held: Option<Held>,
    /// It cannot be talked to any more.
    failed: bool,
    log: crate::log::Log,
}

/// What the filter is to hear later.
#[derive(Debug, Default)]
struct Held {
    commands: Vec<(Expect, String)>,
    file: Option<ScratchFile>,
}

impl ProxyFilter {
    fn fail(&mut self) -> Refused {
        self.failed = true;
        UNREACHABLE.clone_into(&mut self.reply);
        Refused
    }

    fn lost(&mut self, error: &io::Error) -> Refused {
        let name = &self.settings.name;
        if error.kind() == io::ErrorKind::TimedOut {
            self.log.warning(format_args!("timeout talking to proxy {name}"));
        } else {
            self.log.warning(format_args!("lost connection with proxy {name}"));
        }
        self.stream = None;
        self.fail()
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Refused> {
        let Some(stream) = &mut self.stream else { return Err(self.fail()) };
        let end = Instant::now() + self.settings.timeout;
        let written = match timeout_at(end, stream.write_all(bytes)).await {
            Ok(Ok(())) => match timeout_at(end, stream.flush()).await {
                Ok(done) => done,
                Err(_) => Err(io::ErrorKind::TimedOut.into()),
            },
            Ok(Err(error)) => Err(error),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        };
        written.map_err(|error| self.lost(&error))
    }

    /// The next line, without its end; what goes beyond the limit is dropped.
    async fn read_line(&mut self, end: Instant) -> io::Result<String> {
        let Some(stream) = &mut self.stream else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let mut line = Vec::new();
        let mut too_long = false;
        loop {
            let found = memchr::memchr(b'\n', &self.input);
            let used = found.map_or(self.input.len(), |at| at + 1);
            let room = self.line_limit.saturating_sub(line.len());
            let piece = self.input.get(..used).unwrap_or_default();
            too_long |= piece.len() > room + 1;
            line.extend_from_slice(piece.get(..room.min(piece.len())).unwrap_or_default());
            self.input.drain(..used);
            if found.is_some() {
                break;
            }
            match timeout_at(end, stream.read_buf(&mut self.input)).await {
                Ok(Ok(0)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => drop(read?),
                Err(_) => return Err(io::ErrorKind::TimedOut.into()),
            }
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.strip_suffix('\n').unwrap_or(&text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        let text: String = text.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        if too_long {
            self.log.warning(format_args!(
                "{}: response longer than {}: {:.30}...",
                self.settings.name, self.line_limit, text
            ));
        }
        Ok(text)
    }

    async fn read_reply(&mut self) -> Result<(), Refused> {
        self.reply.clear();
        let end = Instant::now() + self.settings.timeout;
        loop {
            let line = match self.read_line(end).await {
                Ok(line) => line,
                Err(error) => return Err(self.lost(&error)),
            };
            if self.reply.len() < self.line_limit {
                if !self.reply.is_empty() {
                    self.reply.push_str("\r\n");
                }
                self.reply.push_str(&line);
            }
            let digits = line.bytes().take_while(u8::is_ascii_digit).count();
            match line.as_bytes().get(digits) {
                Some(b'-') if digits == 3 => {}
                Some(b' ') | None if digits == 3 => return Ok(()),
                _ => self.log.warning(format_args!(
                    "received garbage from proxy {}: {line:.100}",
                    self.settings.name
                )),
            }
        }
    }

    async fn command(&mut self, expect: Expect, command: &str) -> Result<(), Refused> {
        if !command.is_empty() {
            self.write(format!("{command}\r\n").as_bytes()).await?;
        }
        self.read_reply().await?;
        let wanted = match expect {
            Expect::Any => return Ok(()),
            Expect::Ok => '2',
            Expect::More => '3',
        };
        if self.reply.starts_with(wanted) {
            return Ok(());
        }
        let shown = if command.is_empty() { "connection request" } else { command };
        self.log.warning(format_args!(
            "proxy {} rejected \"{shown}\": \"{}\"",
            self.settings.name, self.reply
        ));
        if self.reply.starts_with(['2', '3']) {
            self.fail();
        }
        Err(Refused)
    }

    /// Connects, and says everything up to MAIL.
    async fn connect(&mut self, about: &Introduction) -> Result<(), Refused> {
        match self.settings.endpoint.connect(self.settings.timeout).await {
            Ok(stream) => self.stream = Some(stream),
            Err(error) => {
                let (name, why) = (&self.settings.name, plain_error(&error));
                self.log.warning(format_args!("connect to proxy filter {name}: {why}"));
                return Err(self.fail());
            }
        }
        let hello = format!("EHLO {}", self.settings.ehlo);
        let greeted = match self.command(Expect::Ok, "").await {
            Ok(()) => self.command(Expect::Ok, &hello).await,
            refused => refused,
        };
        if greeted.is_err() {
            return Err(self.fail());
        }
        for command in about.xforward(&self.reply, &self.log) {
            if self.command(Expect::Ok, &command).await.is_err() {
                return Err(self.fail());
            }
        }
        self.command(Expect::Ok, &about.mail).await
    }

    /// A command now, or later.
    async fn say(&mut self, expect: Expect, command: &str) -> Result<(), Refused> {
        match &mut self.held {
            Some(held) => {
                held.commands.push((expect, command.to_owned()));
                Ok(())
            }
            None => self.command(expect, command).await,
        }
    }

    /// Content with LF line ends.
    async fn content(
        &mut self,
        content: &[u8],
        scratch: impl FnOnce() -> Result<ScratchFile, crate::spool::SpoolError>,
    ) {
        for line in content.split_inclusive(|byte| *byte == b'\n') {
            if self.at_line_start && line.first() == Some(&b'.') {
                self.output.push(b'.');
            }
            let text = line.strip_suffix(b"\n");
            self.at_line_start = text.is_some();
            // A carriage return that ends no line would end one for somebody else.
            let clean = text.unwrap_or(line).iter().map(|b| if *b == b'\r' { b' ' } else { *b });
            self.output.extend(clean);
            if text.is_some() {
                self.output.extend_from_slice(b"\r\n");
            }
        }
        let most = if self.held.is_some() { MEMORY_MAX } else { BATCH };
        if self.output.len() < most || self.failed {
            if self.failed {
                self.output.clear();
            }
            return;
        }
        let output = std::mem::take(&mut self.output);
        match &mut self.held {
            Some(held) => {
                if held.file.is_none() {
                    held.file = scratch().ok();
                }
                let file = held.file.as_mut().ok_or(io::ErrorKind::StorageFull);
                let written =
                    file.map_err(io::Error::from).and_then(|file| file.write_all(&output));
                if let Err(error) = written {
                    self.log.warning(format_args!("proxy speed-adjust log I/O error: {error}"));
                    self.fail();
                }
            }
            None => drop(self.write(&output).await),
        }
        self.output = output;
        self.output.clear();
    }

    /// The message is complete: the filter's verdict is in [`Self::reply`].
    async fn end(&mut self, about: &Introduction) -> Result<(), Refused> {
        if self.failed {
            return Err(Refused);
        }
        if let Some(held) = self.held.take() {
            self.replay(held, about).await?;
        }
        let output = std::mem::take(&mut self.output);
        self.write(&output).await?;
        self.command(Expect::Any, ".").await
    }

    async fn replay(&mut self, held: Held, about: &Introduction) -> Result<(), Refused> {
        self.connect(about).await?;
        for (expect, command) in &held.commands {
            self.command(*expect, command).await?;
        }
        let Some(file) = held.file else { return Ok(()) };
        let mut piece = vec![0; BATCH];
        let mut at = 0;
        while at < file.len() {
            let count = match file.read_at(&mut piece, at) {
                Ok(count) if count > 0 => count,
                _ => {
                    self.log.warning(format_args!("proxy speed-adjust log I/O error"));
                    return Err(self.fail());
                }
            };
            self.write(piece.get(..count).unwrap_or_default()).await?;
            at += count as u64;
        }
        Ok(())
    }

    /// Says goodbye, without waiting for it.
    fn dismiss(mut self) {
        if let Some(mut stream) = self.stream.take()
            && !self.failed
        {
            tokio::spawn(async move {
                let limit = Duration::from_secs(1);
                let _ = tokio::time::timeout(limit, stream.write_all(b"QUIT\r\n")).await;
            });
        }
    }
}

/// What the filter hears about the client.
#[derive(Debug)]
struct Introduction {
    mail: String,
    client: Client,
    /// IDENT is known.
    has_ident: bool,
    helo_known: bool,
    context: RewriteContext,
}

impl Introduction {
    /// The XFORWARD commands, as far as the EHLO reply offers them.
    fn xforward(&self, offer: &str, log: &crate::log::Log) -> Vec<String> {
        let mut offered = Vec::new();
        for line in offer.split("\r\n") {
            let mut words = line.get(4..).unwrap_or_default().split([' ', '\t']);
            if words.next().is_some_and(|word| word.eq_ignore_ascii_case("XFORWARD")) {
                offered.extend(words.map(str::to_ascii_uppercase));
            }
        }
        let known = |text: &str| (text != UNKNOWN && !text.is_empty()).then(|| text.to_owned());
        let client = &self.client;
        let address = if client.address.contains(':') {
            format!("IPv6:{}", client.address)
        } else {
            client.address.clone()
        };
        let source = match self.context {
            RewriteContext::Local => "LOCAL",
            RewriteContext::Remote => "REMOTE",
        };
        let attributes = [
            ("NAME", known(&client.name)),
            ("ADDR", known(&address)),
            ("PORT", known(&client.port)),
            ("HELO", self.helo_known.then(|| client.helo.clone())),
            ("IDENT", self.has_ident.then(|| client.ident.clone())),
            ("PROTO", known(&client.protocol)),
            ("SOURCE", Some(source.to_owned())),
        ];
        let mut commands = Vec::new();
        let mut words = String::new();
        for (name, value) in attributes {
            if !offered.iter().any(|word| word == name) {
                continue;
            }
            let value = value.unwrap_or_else(|| "[UNAVAILABLE]".into());
            let coded = xtext::encode(&value, "");
            let length = name.len() + coded.len() + 2;
            if length > XFORWARD_ROOM {
                log.warning(format_args!(
                    "XFORWARD command payload {name}={value:.10}... exceeds SMTP protocol limit"
                ));
            }
            if !words.is_empty() && words.len() + length > XFORWARD_ROOM {
                commands.push(format!("XFORWARD{words}"));
                words.clear();
            }
            words.push_str(&format!(" {name}={coded}"));
        }
        if !words.is_empty() {
            commands.push(format!("XFORWARD{words}"));
        }
        commands
    }
}

impl Session {
    fn introduction(&self) -> Introduction {
        let own = self.own_client();
        let helo_known = self.talk.helo.is_some();
        let client = match &self.forwarded {
            Some(forwarded) => forwarded.client(own),
            None => own,
        };
        let local = self.talk.local_rewriting;
        let own_context = if local { RewriteContext::Local } else { RewriteContext::Remote };
        let context = self.forwarded.as_ref().and_then(|forwarded| forwarded.context());
        Introduction {
            mail: self.proxy_mail.clone(),
            helo_known: helo_known || !client.helo.is_empty(),
            has_ident: !client.ident.is_empty(),
            client,
            context: context.unwrap_or(own_context),
        }
    }

    /// Whether messages go to a filter first, and at once.
    pub(super) fn filters_at_once(&self) -> bool {
        let filter = &self.service.settings.proxy_filter;
        filter.as_ref().is_some_and(|filter| !filter.speed_adjust)
    }

    /// Connects to the filter, unless that has time; the reply, if it fails.
    pub(super) async fn open_filter(&mut self) -> Option<String> {
        let settings = self.service.settings.proxy_filter.clone()?;
        let mut filter = Box::new(ProxyFilter {
            held: settings.speed_adjust.then(Held::default),
            settings: Arc::new(settings),
            line_limit: self.service.settings.limits.line,
            stream: None,
            input: Vec::new(),
            output: Vec::new(),
            at_line_start: true,
            reply: String::new(),
            failed: false,
            log: self.log.clone(),
        });
        if filter.held.is_none() {
            let about = self.introduction();
            if Box::pin(filter.connect(&about)).await.is_err() {
                self.talk.faults.add(Faults::SOFTWARE);
                let reply = std::mem::take(&mut filter.reply);
                filter.dismiss();
                return Some(reply);
            }
        }
        self.filter = Some(filter);
        None
    }

    /// Tells the filter about a recipient; the reply, if it refuses.
    pub(super) async fn filter_rcpt(&mut self, command: &str) -> Option<String> {
        let filter = self.filter.as_mut()?;
        Box::pin(filter.say(Expect::Ok, command)).await.err()?;
        Some(filter.reply.clone())
    }

    /// Tells the filter that content comes; the reply, if it does not want it.
    pub(super) async fn filter_data(&mut self, command: &str) -> Option<String> {
        let filter = self.filter.as_mut()?;
        Box::pin(filter.say(Expect::More, command)).await.err()?;
        Some(filter.reply.clone())
    }

    /// The headers that we put before the content. Who has been introduced to the filter is in
    /// its own header.
    pub(super) async fn start_filtering(&mut self) {
        let mut lines = String::new();
        for line in &self.talk.wishes.prepend {
            lines.push_str(line);
            lines.push('\n');
        }
        if self.forwarded.is_none() {
            lines.push_str(&received::header(&self.talk, &self.service.settings));
            lines.push('\n');
        }
        if self.incoming.parameters.require_tls && self.service.settings.require_tls_header {
            lines.push_str("Require-TLS-ESMTP: yes\n");
        }
        self.filter_content(lines.as_bytes()).await;
    }

    /// More content for the filter.
    pub(super) async fn filter_content(&mut self, content: &[u8]) {
        // Mail for the maildrop knows no filter.
        let Intake::Queue(cleanup) = &self.service.intake else { return };
        let cleanup = cleanup.clone();
        if let Some(filter) = &mut self.filter {
            filter.content(content, || cleanup.scratch_file()).await;
        }
    }

    /// The last byte has come: what does the filter say?
    pub(super) async fn end_of_filtered(&mut self, tally: Tally) -> Done {
        let Some(mut filter) = self.filter.take() else { return Ok(false) };
        let is_clean = !tally.too_big && !tally.rejected;
        let about = self.introduction();
        let ended = if is_clean { Box::pin(filter.end(&about)).await } else { Err(Refused) };
        let taken = ended.is_ok() && filter.reply.starts_with('2');
        let reply = filter.reply.clone();
        if taken {
            self.errors = 0;
            self.junk = 0;
            self.talk.faults = Faults::NONE;
            self.reply(&reply).await?;
        } else if tally.rejected {
            self.refuse_bare_lf().await?;
        } else if tally.too_big {
            let refusal = (Faults::BOUNCE, "552 5.3.4 Error: message file too big".to_owned());
            self.refuse(refusal).await?;
        } else {
            let class = if filter.failed { Faults::SOFTWARE } else { Faults::POLICY };
            self.refuse((class, reply.clone())).await?;
        }
        let verdict = if taken { "accept" } else { "reject" };
        self.log.info(format_args!(
            "proxy-{verdict}: {}: {reply};{}",
            stage::END_OF_MESSAGE,
            self.talk.whatsup()
        ));
        filter.dismiss();
        self.message_over().await;
        Ok(taken)
    }

    /// The transaction is over, one way or another.
    pub(super) fn dismiss_filter(&mut self) {
        if let Some(filter) = self.filter.take() {
            filter.dismiss();
        }
        self.proxy_mail.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Log;

    #[test]
    fn introductions_fit_into_lines() {
        let client = Client {
            name: "a.example".into(),
            address: "2001:db8::1".into(),
            port: UNKNOWN.into(),
            helo: "h".repeat(480),
            protocol: "ESMTP".into(),
            ..Client::default()
        };
        let about = Introduction {
            mail: String::new(),
            client,
            has_ident: false,
            helo_known: true,
            context: RewriteContext::Remote,
        };
        let log = Log::new("test", "smtpd");
        let offer = "250-x\r\n250-XFORWARD NAME ADDR PORT HELO source IDENT\r\n250 DSN";
        let commands = about.xforward(offer, &log);
        assert_eq!(
            commands.first().map(String::as_str),
            Some("XFORWARD NAME=a.example ADDR=IPv6:2001:db8::1 PORT=[UNAVAILABLE]")
        );
        assert!(commands.iter().all(|command| command.len() <= 512 - 2));
        assert_eq!(commands.len(), 3);
        assert!(about.xforward("250 DSN", &log).is_empty());
    }
}
