//! qmqp-source(1): gives a server messages by QMQP.

use std::ffi::OsString;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::commands::endpoint::{Endpoint, Families};
use crate::commands::getopt::Options as Words;
use crate::commands::load::{self, Common, Load, Pause, own_name, positive};
use crate::commands::speaker::Speaker;
use crate::sys::date::mail_date;
use crate::tls::Stream;
use crate::wire::netstring::{self, BadNetstring};

const NAME: &str = "qmqp-source";
const KNOWN: &str = "46cC:f:l:m:M:r:R:s:t:vw:";
const USAGE: &str = "-cv -s sess -l msglen -m msgs -C count -M myhostname -f from -t to -R delay \
                     -w delay host[:port]";

/// How long the server may take for anything.
const PATIENCE: Duration = Duration::from_secs(300);
/// Longest reply.
const REPLY_MAX: usize = 1000;

/// What is to be sent, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Options {
    common: Common,
    families: Families,
    sender: Option<String>,
    recipient: Option<String>,
    name: Option<String>,
    recipients: u32,
    length: usize,
    verbose: bool,
    server: String,
}

/// What all sessions have in common.
struct Source {
    load: Load,
    packet: Vec<u8>,
    verbose: bool,
}

/// Runs the command: exit code 0 after all messages went through, otherwise 1.
pub fn main(arguments: Vec<OsString>) -> ExitCode {
    let speaker = Speaker::new(NAME);
    match run(arguments, &speaker) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => speaker.fatal(text),
    }
}

fn run(arguments: Vec<OsString>, speaker: &Speaker) -> Result<(), String> {
    let usage = || format!("usage: {} {USAGE}", speaker.program());
    let options = parse(arguments, speaker)?.ok_or_else(usage)?;
    let endpoint = Endpoint::to_connect(&options.server, "628", options.families)?;
    let name = match &options.name {
        Some(name) => name.clone(),
        None => load::machine()?,
    };
    let source = Arc::new(Source {
        load: Load::new(endpoint, &options.common, speaker.clone()),
        packet: packet(&options, &name),
        verbose: options.verbose,
    });
    source.load.run(options.common.sessions, |_| session(source.clone()))
}

/// None if the command is not used like that.
fn parse(arguments: Vec<OsString>, speaker: &Speaker) -> Result<Option<Options>, String> {
    let words = match Words::read(arguments, KNOWN) {
        Ok(words) => words,
        Err(bad) => {
            speaker.info(bad);
            return Ok(None);
        }
    };
    let [server] = <[String; 1]>::try_from(words.rest).unwrap_or_default();
    let mut options = Options {
        common: Common::default(),
        families: Families::default(),
        sender: None,
        recipient: None,
        name: None,
        recipients: 1,
        length: 1024,
        verbose: false,
        server,
    };
    for (letter, value) in words.options {
        let value = value.unwrap_or_default();
        let Some(()) = options.option(letter, value, speaker)? else { return Ok(None) };
    }
    Ok(Some(options).filter(|options| !options.server.is_empty()))
}

impl Options {
    fn option(
        &mut self,
        letter: char,
        value: String,
        speaker: &Speaker,
    ) -> Result<Option<()>, String> {
        let count = positive(&value);
        // A value that is no number is taken for a misunderstanding.
        if "CmrRslw".contains(letter) && count.is_none() {
            return Ok(None);
        }
        let count = count.unwrap_or(1);
        match letter {
            '4' => self.families = Families { ipv4: true, ipv6: false },
            '6' => self.families = Families { ipv4: false, ipv6: true },
            'c' => self.common.counts = true,
            'C' => self.common.tries = count,
            'f' => self.sender = Some(value),
            'l' => self.length = usize::try_from(count).unwrap_or(usize::MAX),
            'm' => self.common.messages = count,
            'M' => match own_name(&value) {
                Ok(name) => self.name = Some(name),
                Err((why, end)) => {
                    speaker.warning(why);
                    return Err(end);
                }
            },
            'r' => self.recipients = count,
            'R' | 'w' => {
                let pause = if letter == 'w' { Pause::Fixed(count) } else { Pause::Random(count) };
                let before = std::mem::replace(&mut self.common.pause, pause);
                if std::mem::discriminant(&before) != std::mem::discriminant(&pause)
                    && before != Pause::None
                {
                    return Ok(None);
                }
            }
            's' => self.common.sessions = count,
            't' => self.recipient = Some(value),
            _ => self.verbose = true,
        }
        Ok(Some(()))
    }
}

/// Message, sender and recipients as netstrings, in a netstring: the same for every connection.
fn packet(options: &Options, name: &str) -> Vec<u8> {
    let own = format!("foo@{name}");
    let sender = options.sender.as_ref().unwrap_or(&own);
    let recipient = options.recipient.as_ref().unwrap_or(&own);
    let date = mail_date(crate::sys::now() / 1_000_000);
    let mut message = format!(
        "From: <{sender}>\nTo: <{recipient}>\nDate: {date}\nMessage-Id: <{}@{name}>\n\n",
        std::process::id()
    )
    .into_bytes();
    let mut width = 1;
    while message.len() < options.length {
        message.resize(message.len() + width, b'X');
        message.push(b'\n');
        width = (width + 1).min(LINE);
    }
    message.truncate(options.length);
    if let Some(last) = message.last_mut() {
        *last = b'\n';
    }
    let mut parts = Vec::with_capacity(message.len() + 64);
    netstring::append(&mut parts, &message);
    netstring::append(&mut parts, sender.as_bytes());
    match options.recipients {
        1 => netstring::append(&mut parts, recipient.as_bytes()),
        many => {
            for number in 0..many {
                netstring::append(&mut parts, format!("{number}{recipient}").as_bytes());
            }
        }
    }
    let mut packet = Vec::with_capacity(parts.len() + 16);
    netstring::append(&mut packet, &parts);
    packet
}

/// Longest line of filling, without its end.
const LINE: usize = 79;

async fn session(source: Arc<Source>) -> Result<(), String> {
    while source.load.take().is_some() {
        let mut stream = source.load.connect().await?;
        let sending = async {
            stream.write_all(&source.packet).await?;
            stream.flush().await
        };
        match tokio::time::timeout(PATIENCE, sending).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Err("lost connection while sending message".into()),
            Err(_) => return Err("timeout while sending message".into()),
        }
        let reply = tokio::time::timeout(PATIENCE, reply(&mut stream)).await;
        let reply = reply.unwrap_or_else(|_| Err("timeout".into()));
        let reply = reply.map_err(|why| format!("{why} while receiving server reply"))?;
        if source.verbose {
            use std::io::Write as _;
            let _ = writeln!(std::io::stdout(), "<< {reply}");
        }
        let text = reply.get(1..).unwrap_or_default();
        match reply.get(..1) {
            Some("K") => {}
            Some("Z") => return Err(format!("recoverable error: {text}")),
            Some("D") => return Err(format!("unrecoverable error: {text}")),
            _ => return Err(format!("unknown error: {text}")),
        }
        source.load.count();
        drop(stream);
        source.load.pause().await;
    }
    Ok(())
}

/// The reply, with control characters hidden.
async fn reply(stream: &mut Stream) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(256);
    loop {
        match netstring::take(&bytes, REPLY_MAX) {
            Ok(Some((text, _))) => {
                let text = String::from_utf8_lossy(text);
                return Ok(text.replace(char::is_control, "?"));
            }
            Ok(None) => {}
            Err(BadNetstring::Size) => return Err("netstring size exceeds limit".into()),
            Err(bad) => return Err(bad.to_string()),
        }
        match stream.read_buf(&mut bytes).await {
            Ok(count) if count > 0 => {}
            _ => return Err("lost connection".into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(line: &str) -> Option<Options> {
        let words = line.split(' ').map(OsString::from).collect();
        parse(words, &Speaker::new(NAME)).unwrap()
    }

    #[test]
    fn packets() {
        let whole = packet(&options("-l 300 -r 3 -f s@a -t r@b host").unwrap(), "me");
        let (inside, used) = netstring::take(&whole, 9999).unwrap().unwrap();
        assert_eq!(used, whole.len());
        let (message, used) = netstring::take(inside, 9999).unwrap().unwrap();
        assert!(message.starts_with(b"From: <s@a>\nTo: <r@b>\n") && message.ends_with(b"\n"));
        assert_eq!(message.len(), 300);
        assert_eq!(inside[used..], *b"3:s@a,4:0r@b,4:1r@b,4:2r@b,");
    }

    #[test]
    fn command_lines() {
        assert_eq!(options("-c4 -s 2 host").unwrap().common.sessions, 2);
        for bad in ["-s 0 host", "-w 1 -R 1 host", "-Q host", "a b", "-m x host"] {
            assert_eq!(options(bad), None, "{bad}");
        }
    }
}
