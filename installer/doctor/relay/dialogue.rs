//! The SMTP dialogue of somebody who would like to relay.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::time::Duration;

/// How long a reply may take: restrictions may ask DNS.
const PATIENCE: Duration = Duration::from_secs(60);

/// Longest reply that is read.
const REPLY_MAX: u64 = 64 << 10;

/// The first pair of sender and recipient that is accepted from a client with that address.
pub(super) fn relays(
    port: u16,
    client: IpAddr,
    senders: &[String],
    recipients: &[String],
) -> Result<Option<(String, String)>, String> {
    let mut dialogue = Dialogue::open(port).map_err(|e| e.to_string())?;
    dialogue.become_client(client)?;
    for sender in senders {
        for recipient in recipients {
            let taken = dialogue.say(&format!("MAIL FROM:<{sender}>"))?.starts_with('2')
                && dialogue.say(&format!("RCPT TO:<{recipient}>"))?.starts_with('2');
            if taken {
                let _ = dialogue.say("QUIT");
                return Ok(Some((sender.clone(), recipient.clone())));
            }
            let reset = dialogue.say("RSET")?;
            if !reset.starts_with('2') {
                return Ok(None); // this client has been sent away
            }
        }
    }
    let _ = dialogue.say("QUIT");
    Ok(None)
}

struct Dialogue {
    replies: BufReader<TcpStream>,
    stream: TcpStream,
}

impl Dialogue {
    fn open(port: u16) -> std::io::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { replies: BufReader::new(stream.try_clone()?), stream })
    }

    fn become_client(&mut self, client: IpAddr) -> Result<(), String> {
        let greeting = self.reply()?;
        if !greeting.starts_with("220") {
            return Err(format!("greeting: {}", greeting.trim_end()));
        }
        if !self.say("EHLO localhost")?.contains("XCLIENT") {
            return Err("XCLIENT is not offered".to_owned());
        }
        let address = match client {
            IpAddr::V4(four) => four.to_string(),
            IpAddr::V6(six) => format!("IPV6:{six}"),
        };
        let reply = self.say(&format!("XCLIENT NAME=[UNAVAILABLE] ADDR={address}"))?;
        if !reply.starts_with("220") {
            return Err(format!("XCLIENT: {}", reply.trim_end()));
        }
        self.say("EHLO mail.iana.org").map(drop)
    }

    fn say(&mut self, command: &str) -> Result<String, String> {
        self.stream
            .write_all(format!("{command}\r\n").as_bytes())
            .map_err(|e| format!("{command}: {e}"))?;
        self.reply().map_err(|e| format!("{command}: {e}"))
    }

    /// All lines of a reply.
    fn reply(&mut self) -> Result<String, String> {
        let mut text = String::new();
        loop {
            let mut line = Vec::new();
            let mut limited = self.replies.by_ref().take(REPLY_MAX);
            limited.read_until(b'\n', &mut line).map_err(|e| e.to_string())?;
            if line.is_empty() {
                return Err("connection lost".to_owned());
            }
            let last = line.get(3) != Some(&b'-');
            text.push_str(&String::from_utf8_lossy(&line));
            if last || text.len() as u64 > REPLY_MAX {
                return Ok(text);
            }
        }
    }
}
