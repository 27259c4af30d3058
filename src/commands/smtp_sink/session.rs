//! One client of smtp-sink(1).

use std::net::IpAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::Sink;
use super::content::Content;
use super::dump::Dump;
use super::options::Options;
use super::verb::{Treatment, Verb};
use crate::commands::endpoint::shown;
use crate::tls::Stream;
use crate::wire::smtp_reply::printable;

/// A connection.
#[derive(Debug)]
pub(super) struct Session<'a> {
    sink: &'a Sink,
    stream: Stream,
    input: Vec<u8>,
    /// How much of `input` has been taken.
    used: usize,
    output: Vec<u8>,
    in_mail: bool,
    recipients: u32,
    helo: Option<String>,
    protocol: &'static str,
    /// With `ipv6:` in front where that applies.
    address: String,
    dump: Option<Dump>,
    /// What follows is content.
    content: bool,
}

/// Why a session ends.
#[derive(Clone, Debug, PartialEq, Eq)]
enum End {
    /// As it should, or because the client has gone.
    Over,
    /// This is odd.
    Odd(&'static str),
    /// And with it everything.
    Fatal(String),
}

impl From<String> for End {
    fn from(why: String) -> Self {
        Self::Fatal(why)
    }
}

/// Longest command.
const LINE_MAX: usize = 2048;
/// How much is read at a time.
const CHUNK: usize = 64 << 10;
/// How much of a command's arguments is logged.
const LOGGED_MAX: usize = 100;

impl<'a> Session<'a> {
    /// Serves a client to the end. An error is the end of everything.
    pub(super) async fn run(
        sink: &'a Sink,
        stream: Stream,
        from: Option<IpAddr>,
    ) -> Result<(), String> {
        let (family, address) = shown(from);
        let Options { lmtp, verbose, .. } = sink.options;
        if verbose {
            sink.speaker.info(format_args!("connect ({family} {address})"));
        }
        let is_ipv6 = from.is_some_and(|ip| ip.is_ipv6());
        let mut session = Self {
            sink,
            stream,
            input: Vec::new(),
            used: 0,
            output: Vec::new(),
            in_mail: false,
            recipients: 0,
            helo: None,
            protocol: if lmtp { "LMTP" } else { "SMTP" },
            address: if is_ipv6 { format!("ipv6:{address}") } else { address },
            dump: None,
            content: false,
        };
        let Err(end) = session.dialogue().await else { return Ok(()) };
        // Whether the last words are heard does not matter any more.
        let _ = session.flush().await;
        session.reset()?;
        match end {
            End::Over if verbose => sink.speaker.info("disconnect"),
            End::Over => {}
            End::Odd(why) => sink.speaker.warning(why),
            End::Fatal(why) => return Err(why),
        }
        Ok(())
    }

    /// Never ends well: there is always a reason for the end.
    async fn dialogue(&mut self) -> Result<(), End> {
        self.react(Verb::Connect, "connect", "").await?;
        loop {
            if self.content {
                self.take_content().await?;
                continue;
            }
            let line = self.line().await?;
            self.command(&line).await?;
        }
    }

    /// The next command, without its line end.
    async fn line(&mut self) -> Result<String, End> {
        loop {
            let rest = self.input.get(self.used..).unwrap_or_default();
            if let Some(end) = memchr::memmem::find(rest, b"\r\n").filter(|end| *end < LINE_MAX) {
                let line =
                    String::from_utf8_lossy(rest.get(..end).unwrap_or_default()).into_owned();
                self.used += end + 2;
                return Ok(line);
            }
            if rest.len() >= LINE_MAX {
                return Err(End::Odd("command line too long"));
            }
            self.more().await?;
        }
    }

    /// Reads more; first what is to be said is said.
    async fn more(&mut self) -> Result<(), End> {
        self.flush().await?;
        self.input.drain(..self.used);
        self.used = 0;
        self.input.reserve(CHUNK);
        let reading = self.stream.read_buf(&mut self.input);
        match tokio::time::timeout(self.sink.options.timeout, reading).await {
            Ok(Ok(count)) if count > 0 => Ok(()),
            Ok(_) => Err(End::Over),
            Err(_) => Err(End::Odd("read timeout")),
        }
    }

    async fn flush(&mut self) -> Result<(), End> {
        if self.output.is_empty() {
            return Ok(());
        }
        let saying = async {
            self.stream.write_all(&self.output).await?;
            self.stream.flush().await
        };
        let said = tokio::time::timeout(self.sink.options.timeout, saying).await;
        self.output.clear();
        match said {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Odd("lost connection")),
            Err(_) => Err(End::Odd("write timeout")),
        }
    }

    fn say(&mut self, text: &str) {
        self.output.extend_from_slice(text.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    async fn command(&mut self, line: &str) -> Result<(), End> {
        if self.sink.options.verbose {
            self.sink.speaker.info(line);
        }
        let line = line.trim_start_matches([' ', '\t']);
        let (word, arguments) = line.split_once([' ', '\t']).unwrap_or((line, ""));
        if word.is_empty() {
            self.say("500 5.5.2 Error: unknown command");
            return Ok(());
        }
        let arguments = printable(arguments.as_bytes()).into_owned();
        match Verb::of(word).filter(|verb| self.sink.options.treatments.of(*verb).known) {
            Some(verb) => self.react(verb, word, &arguments).await,
            None => {
                self.say("500 5.5.1 Error: unknown command");
                Ok(())
            }
        }
    }

    /// Treats a command as it is to be treated, and answers it if that is part of it.
    async fn react(&mut self, verb: Verb, word: &str, arguments: &str) -> Result<(), End> {
        let options = &self.sink.options;
        let treatment = options.treatments.of(verb);
        if treatment.logged {
            let end = arguments.floor_char_boundary(LOGGED_MAX.min(arguments.len()));
            let arguments = arguments.get(..end).unwrap_or_default();
            self.sink.log.info(format_args!("{word} {arguments}"));
        }
        if treatment.hung_up_on {
            return Err(End::Over);
        }
        if treatment.closed {
            self.say("421 4.0.0 Server closing connection");
            return Err(End::Over);
        }
        if treatment.refused || treatment.deferred {
            let reply = if treatment.refused { &options.hard_reply } else { &options.soft_reply };
            for _ in 0..self.replies(verb) {
                self.say(reply);
            }
            return Ok(());
        }
        if treatment.delay > 0 {
            self.flush().await?;
            tokio::time::sleep(delay(treatment)).await;
        }
        self.answer(verb, arguments).await
    }

    /// How many replies a command gets: the dot in LMTP one for each recipient.
    fn replies(&mut self, verb: Verb) -> u32 {
        match (verb, self.sink.options.lmtp) {
            (Verb::Dot, true) => std::mem::take(&mut self.recipients),
            _ => 1,
        }
    }

    async fn answer(&mut self, verb: Verb, arguments: &str) -> Result<(), End> {
        let sink = self.sink;
        match verb {
            Verb::Connect => self.greet(),
            Verb::Helo => {
                self.hello(arguments)?;
                self.protocol = "SMTP";
                self.say(&format!("250 {}", sink.options.name));
            }
            Verb::Ehlo | Verb::Lhlo => {
                self.hello(arguments)?;
                self.extended_hello();
            }
            Verb::Mail => self.mail(arguments)?,
            Verb::Rcpt => self.rcpt(arguments)?,
            Verb::Data => self.data().await?,
            Verb::Dot => {
                let code = if sink.options.lmtp { "250 2.2.0 Ok" } else { "250 2.0.0 Ok" };
                for _ in 0..self.replies(verb) {
                    self.say(code);
                }
            }
            Verb::Rset => {
                self.reset()?;
                self.say("250 2.1.0 Ok");
            }
            Verb::Xclient | Verb::Xforward | Verb::Auth | Verb::Noop | Verb::Vrfy => {
                self.say("250 2.0.0 Ok");
            }
            Verb::Quit => {
                self.say("221 Bye");
                sink.quit();
                return Err(End::Over);
            }
        }
        Ok(())
    }

    fn greet(&mut self) {
        let Options { pix, plain, name, .. } = &self.sink.options;
        let text = match (pix, plain) {
            (true, _) => "220 ********".to_owned(),
            (false, true) => format!("220 {name}"),
            (false, false) => format!("220 {name} ESMTP"),
        };
        self.say(&text);
    }

    /// HELO and its like end a transaction.
    fn hello(&mut self, arguments: &str) -> Result<(), String> {
        self.reset()?;
        self.helo = Some(arguments.trim_start().to_owned());
        Ok(())
    }

    fn extended_hello(&mut self) {
        let Options { missing, name, lmtp, .. } = &self.sink.options;
        if !lmtp {
            self.protocol = "ESMTP";
        }
        self.say(&format!("250-{name}"));
        for (is_missing, keyword) in [
            (missing.pipelining, "PIPELINING"),
            (missing.eight_bit, "8BITMIME"),
            (missing.auth, "AUTH PLAIN LOGIN"),
            (missing.xclient, "XCLIENT NAME HELO"),
            (missing.xforward, "XFORWARD NAME ADDR PROTO HELO"),
            (missing.status_codes, "ENHANCEDSTATUSCODES"),
            (missing.dsn, "DSN"),
        ] {
            if !is_missing {
                self.say(&format!("250-{keyword}"));
            }
        }
        self.say("250 ");
    }

    fn mail(&mut self, arguments: &str) -> Result<(), String> {
        if self.in_mail {
            self.say("503 5.5.1 Error: nested MAIL command");
            return Ok(());
        }
        self.in_mail = true;
        self.recipients = 0;
        self.say("250 2.1.0 Ok");
        let Options { dump, start, .. } = &self.sink.options;
        if let Some(to) = dump {
            let mut dump = Dump::begin(to)?;
            let (address, protocol) = (&self.address, self.protocol);
            dump.write(start.as_bytes());
            dump.write(
                format!("X-Client-Addr: {address}\nX-Client-Proto: {protocol}\n").as_bytes(),
            );
            if let Some(helo) = &self.helo {
                dump.write(format!("X-Helo-Args: {helo}\n").as_bytes());
            }
            dump.write(format!("X-Mail-Args: {}\n", behind_colon(arguments)).as_bytes());
            self.dump = Some(dump);
        }
        Ok(())
    }

    fn rcpt(&mut self, arguments: &str) -> Result<(), String> {
        if !self.in_mail {
            self.say("503 5.5.1 Error: need MAIL command");
            return Ok(());
        }
        self.recipients = self.recipients.saturating_add(1);
        self.say("250 2.1.5 Ok");
        if let Some(dump) = &mut self.dump {
            dump.write(format!("X-Rcpt-Args: {}\n", behind_colon(arguments)).as_bytes());
            dump.check()?;
        }
        Ok(())
    }

    async fn data(&mut self) -> Result<(), End> {
        if !self.in_mail || self.recipients == 0 {
            self.say("503 5.5.1 Error: need RCPT command");
            return Ok(());
        }
        self.say("354 End data with <CR><LF>.<CR><LF>");
        let Options { abort, read_delay, name, .. } = &self.sink.options;
        if let Some(delay) = abort {
            self.flush().await?;
            tokio::time::sleep(*delay).await;
            self.say("550 This violates SMTP");
            return Err(End::Over);
        }
        if let Some(dump) = &mut self.dump {
            dump.received(self.helo.as_deref(), &self.address, (name, self.protocol));
        }
        if let Some(delay) = read_delay {
            self.flush().await?;
            tokio::time::sleep(*delay).await;
        }
        self.content = true;
        Ok(())
    }

    /// Reads to the dot, and answers it.
    async fn take_content(&mut self) -> Result<(), End> {
        let mut content = Content::default();
        loop {
            let rest = self.input.get(self.used..).unwrap_or_default();
            let dump = &mut self.dump;
            let (used, over) = content.take(rest, |text| {
                if let Some(dump) = dump {
                    dump.write(text);
                }
            });
            self.used += used;
            if let Some(dump) = &mut self.dump {
                dump.check()?;
            }
            if over {
                break;
            }
            self.more().await?;
        }
        if let Some(dump) = self.dump.take() {
            dump.finish()?;
        }
        self.content = false;
        self.in_mail = false;
        if !self.sink.message_over() {
            return Err(End::Over);
        }
        self.command(".").await
    }

    /// Forgets the transaction, but not how many replies are due.
    fn reset(&mut self) -> Result<(), String> {
        self.in_mail = false;
        self.dump.take().map_or(Ok(()), Dump::forget)
    }
}

/// What follows the colon of MAIL FROM: or RCPT TO:.
fn behind_colon(arguments: &str) -> &str {
    arguments.split_once(':').map_or("", |(_, rest)| rest.trim_start_matches(':').trim_start())
}

/// The delay of a command: with odds it is as many times longer as a dice wants it to be.
fn delay(treatment: Treatment) -> Duration {
    let once = Duration::from_secs(treatment.delay.into());
    if treatment.odds == 0 {
        return once;
    }
    let mut total = Duration::ZERO;
    let mut bytes = [0; 4];
    while crate::sys::random::fill(&mut bytes).is_ok()
        && u32::from_ne_bytes(bytes) % 100 < treatment.odds
    {
        total = total.saturating_add(once);
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        assert_eq!(behind_colon("FROM:<a@b> SIZE=1"), "<a@b> SIZE=1");
        assert_eq!(behind_colon("FROM: <>"), "<>");
        assert_eq!(behind_colon("nothing"), "");
    }
}
