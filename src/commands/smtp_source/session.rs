//! One session of smtp-source(1): messages over connections, one after the other.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::options::Options;
use crate::commands::chat::{Broken, Chat, Reply, Said, Show};
use crate::commands::load::Load;
use crate::commands::speaker::Speaker;

/// What all sessions have in common.
pub(super) struct Source {
    pub(super) options: Options,
    pub(super) load: Load,
    /// How we call ourselves.
    pub(super) name: String,
    pub(super) sender: String,
    /// Local part, and domain with its `@`.
    pub(super) recipient: (String, String),
    pub(super) content: Vec<u8>,
    pub(super) date: String,
    /// The next recipient's number.
    pub(super) number: AtomicU64,
    pub(super) speaker: Speaker,
}

/// How long the server may take for anything.
const PATIENCE: Duration = Duration::from_secs(300);

/// How a transaction ended, if the run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    /// The connection can be used again.
    Open,
    /// The server has hung up.
    Closed,
}

/// A reply that is borne with (`-A`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Yes,
    No,
    /// No, and goodbye: 421 or 521.
    Goodbye,
}

/// Runs one session until there are no messages left.
pub(super) async fn run(source: Arc<Source>, session: u32) -> Result<(), String> {
    let speaker = source.speaker.clone();
    let show = move |said: Said<'_>| match said {
        Said::Ours(text) => speaker.info(text),
        Said::Theirs(text) => speaker.info(format_args!("<<< {text}")),
    };
    let show = source.options.verbose.then_some(&show as &Show<'_>);
    let mut open: Option<Chat<'_>> = None;
    while let Some(left) = source.load.take() {
        let chat = match open.take() {
            Some(chat) => Some(chat),
            None => source.connect(show).await?,
        };
        if let Some(mut chat) = chat {
            let after = source.transaction(&mut chat, session, left).await?;
            if after == After::Open {
                if source.options.stays && !source.load.is_over() {
                    open = Some(chat);
                } else {
                    quit(chat).await?;
                }
            }
        }
        source.load.pause().await;
    }
    match open {
        Some(chat) => quit(chat).await,
        None => Ok(()),
    }
}

/// Says goodbye; how the server does so does not matter.
async fn quit(mut chat: Chat<'_>) -> Result<(), String> {
    let said = chat.ask("QUIT", true, PATIENCE).await;
    // As in Postfix, which was sending a message last.
    said.map(|_| ()).map_err(|broken| format!("{broken} while sending message"))
}

impl Source {
    /// Connects, and greets; none if the server wants nothing to do with us.
    async fn connect<'a>(&self, show: Option<&'a Show<'a>>) -> Result<Option<Chat<'a>>, String> {
        let mut chat = Chat::new(self.load.connect().await?, show);
        let banner = chat.hear(PATIENCE).await;
        let banner = banner.map_err(|broken| format!("{broken} while reading server greeting"))?;
        self.judge(&banner, banner.code / 100 == 2, "rejected at server banner")?;
        if self.options.old {
            return Ok(Some(chat));
        }
        let verb = if self.options.lmtp { "LHLO" } else { "HELO" };
        let text = format!("{verb} {}", self.name);
        let heard = self.ask(&mut chat, &text, verb, &format!("{verb} rejected")).await?;
        Ok((heard != Heard::Goodbye).then_some(chat))
    }

    /// One message.
    async fn transaction(
        &self,
        chat: &mut Chat<'_>,
        session: u32,
        left: i64,
    ) -> Result<After, String> {
        let mail = format!("MAIL FROM:<{}>", self.sender);
        match self.ask(chat, &mail, "sender", "sender rejected").await? {
            Heard::Yes => {}
            Heard::No => return self.reset(chat).await,
            Heard::Goodbye => return Ok(After::Closed),
        }
        let (mut taken, mut sample) = (0, String::new());
        for _ in 0..self.options.recipients {
            sample = self.next_recipient();
            let rcpt = format!("RCPT TO:<{sample}>");
            match self.ask(chat, &rcpt, "recipient", "recipient rejected").await? {
                Heard::Yes => taken += 1,
                Heard::No => {}
                Heard::Goodbye => return Ok(After::Closed),
            }
        }
        if taken == 0 {
            return self.reset(chat).await;
        }
        let data = chat.ask("DATA", true, PATIENCE).await;
        let data = data.map_err(|broken| format!("{broken} while sending DATA command"))?;
        match self.judge(&data, data.code == 354, "data rejected")? {
            Heard::Yes => {}
            Heard::No => return self.reset(chat).await,
            Heard::Goodbye => return Ok(After::Closed),
        }
        self.content(chat, &sample, (session, left)).await
    }

    async fn content(
        &self,
        chat: &mut Chat<'_>,
        recipient: &str,
        (session, left): (u32, i64),
    ) -> Result<After, String> {
        let lost = |broken: Broken| format!("{broken} while sending message");
        let mut message = Vec::with_capacity(self.content.len() + 512);
        if !self.options.old && self.options.file.is_none() {
            message.extend_from_slice(self.header(recipient, session, left).as_bytes());
        }
        message.extend_from_slice(&self.content);
        chat.say(&message, PATIENCE).await.map_err(lost)?;
        // One reply; with LMTP one for each recipient, those that were refused included.
        let replies = if self.options.lmtp { self.options.recipients } else { 1 };
        let mut reply = chat.ask(".", true, PATIENCE).await.map_err(lost)?;
        self.load.count();
        for last in 1.. {
            let is_good = reply.code / 100 == 2;
            if self.judge(&reply, is_good, "end of data rejected")? == Heard::Goodbye {
                return Ok(After::Closed);
            }
            if last >= replies {
                break;
            }
            reply = chat.hear(PATIENCE).await.map_err(lost)?;
        }
        Ok(After::Open)
    }

    /// A header for those that look for one.
    fn header(&self, recipient: &str, session: u32, left: i64) -> String {
        let Self { sender, date, name, .. } = self;
        let mut header = format!(
            "From: <{sender}>\r\nTo: <{recipient}>\r\nDate: {date}\r\n\
             Message-Id: <{:04x}.{session:04x}.{left:04x}@{name}>\r\n",
            std::process::id()
        );
        if let Some(subject) = &self.options.subject {
            let _ = write!(header, "Subject: {subject}\r\n");
        }
        header.push_str("\r\n");
        header
    }

    fn next_recipient(&self) -> String {
        let (local, domain) = &self.recipient;
        if !self.options.numbered {
            return format!("{local}{domain}");
        }
        format!("{local}{}{domain}", self.number.fetch_add(1, Ordering::Relaxed))
    }

    /// After a transaction that came to nothing.
    async fn reset(&self, chat: &mut Chat<'_>) -> Result<After, String> {
        Ok(match self.ask(chat, "RSET", "message", "rset rejected").await? {
            Heard::Goodbye => After::Closed,
            Heard::Yes | Heard::No => After::Open,
        })
    }

    /// Asks for something that is answered with 2xx; `what` is being sent.
    async fn ask(
        &self,
        chat: &mut Chat<'_>,
        text: &str,
        what: &str,
        refused: &str,
    ) -> Result<Heard, String> {
        let reply = chat.ask(text, true, PATIENCE).await;
        let reply = reply.map_err(|broken| format!("{broken} while sending {what}"))?;
        self.judge(&reply, reply.code / 100 == 2, refused)
    }

    /// An error ends the run.
    fn judge(&self, reply: &Reply, is_good: bool, refused: &str) -> Result<Heard, String> {
        if is_good {
            return Ok(Heard::Yes);
        }
        let text = format!("{refused}: {} {}", reply.code, reply.text);
        if !self.options.bears_refusals {
            return Err(text);
        }
        self.speaker.warning(text);
        Ok(if matches!(reply.code, 421 | 521) { Heard::Goodbye } else { Heard::No })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::endpoint::Endpoint;
    use crate::commands::load::Common;

    #[test]
    fn recipients_have_numbers() {
        let options = Options { numbered: true, ..Options::default() };
        let speaker = Speaker::named("test");
        let source = Source {
            load: Load::new(Endpoint::Unix("/".into()), &Common::default(), speaker.clone()),
            name: "me".into(),
            sender: String::new(),
            recipient: ("user+".into(), "@example.com".into()),
            content: Vec::new(),
            date: String::new(),
            number: AtomicU64::new(0),
            options,
            speaker,
        };
        assert_eq!(source.next_recipient(), "user+0@example.com");
        assert_eq!(source.next_recipient(), "user+1@example.com");
    }
}
