//! One client: whether it may bring mail, its message, and the one reply that it gets.

use std::sync::Arc;

use tokio::io::AsyncWriteExt as _;

use super::packet::{End, Reader};
use super::{Qmqp, Settings};
use crate::cleanup::{Message, Origin, Reason, Refusal, Verdict};
use crate::log::Log;
use crate::mail::address::quote_822;
use crate::mail::envelope::{self, Recipient};
use crate::smtpd::accept::Client;
use crate::smtpd::peer::{Directory, Peer};
use crate::sys::date::mail_date;
use crate::wire::netstring;

/// A connection.
pub(super) struct Session<'a> {
    settings: &'a Settings,
    qmqp: &'a Arc<Qmqp>,
    peer: Peer,
    reader: Reader,
    log: Log,
    /// What is being done, as the log and the client hear of it when it fails.
    stage: &'static str,
    queue_id: Option<String>,
}

/// What a reply begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    /// `K`: the message is taken.
    Ok,
    /// `Z`: not now.
    Retry,
    /// `D`: never.
    Hard,
}

/// What the client is told.
type Reply = (Status, String);

impl<'a> Session<'a> {
    /// Finds out who the client is.
    pub(super) async fn begin(qmqp: &'a Arc<Qmqp>, client: Client, log: Log) -> Self {
        let settings = &qmqp.settings;
        let Client { stream, addresses, .. } = client;
        let peer = match addresses {
            Some((remote, local)) => {
                qmqp.shared.directory.internet(settings.naming, &log, remote, local).await
            }
            None => {
                let mut peer = Directory::local(true, false);
                peer.set_text(settings.naming.with_port);
                peer
            }
        };
        let list = &settings.debug_peers;
        let curious = !list.is_empty() && list.matches(&peer.name, peer.ip).await.unwrap_or(false);
        let more = if curious { settings.debug_peer_level } else { 0 };
        let log = log.clone().with_verbose(log.verbose() + more);
        let reader = Reader::new(stream, settings.timeout);
        Self { settings, qmqp, peer, reader, log, stage: "", queue_id: None }
    }

    /// Takes the message in.
    pub(super) async fn run(mut self) {
        let client = self.peer.text.clone();
        self.log.info(format_args!("connect from {client}"));
        match self.settings.clients.matches(&self.peer.name, self.peer.ip).await {
            Ok(true) => self.listed().await,
            Ok(false) => {
                let text = format!("Error: {client} is not authorized to use this service");
                // Whether it hears that does not matter.
                let _ = self.reply((Status::Hard, text)).await;
            }
            Err(_) => {
                let text = "Error: server configuration error".to_owned();
                let _ = self.reply((Status::Retry, text)).await;
            }
        }
        self.log.info(format_args!("disconnect from {client}"));
    }

    async fn listed(&mut self) {
        let end = match self.receive().await {
            Ok(reply) => {
                self.stage = "sending completion status";
                if reply.0 != Status::Ok {
                    let id = self.queue_id.as_deref().unwrap_or("NOQUEUE");
                    self.log.warning(format_args!("{id}: {}: {}", self.peer.text, reply.1));
                }
                self.reply(reply).await.err()
            }
            Err(end) => {
                if let End::Bad(why) = end {
                    let text = format!("{why} while {}", self.stage);
                    let _ = self.reply((Status::Hard, text)).await;
                }
                Some(end)
            }
        };
        if let Some(why) = end {
            let id = self.queue_id.as_deref().unwrap_or("NOQUEUE");
            let (client, stage) = (&self.peer.text, self.stage);
            self.log.info(format_args!("{id}: {client}: {why} while {stage}"));
        }
    }

    /// Reads a packet and gives it to cleanup.
    async fn receive(&mut self) -> Result<Reply, End> {
        let settings = self.settings;
        let mut message = self.open();
        self.stage = "receiving QMQP packet header";
        self.reader.header().await?;
        self.stage = "receiving message content";
        let content = self.reader.text(settings.message_limit).await?;
        self.stage = "receiving sender address";
        let sender = self.reader.text(settings.address_limit).await?;
        let sender = String::from_utf8_lossy(&sender).into_owned();
        let (sender, verp) = verp(&sender);
        let refused = match verp {
            Some(delimiter) if !is_delimiter(delimiter, &settings.verp_filter) => Some(format!(
                "Error: Invalid VERP delimiters: \"{delimiter}=\". Need two characters from \"{}\"",
                settings.verp_filter
            )),
            Some(delimiter) => {
                message.envelope.verp = Some(format!("{delimiter}="));
                None
            }
            None => None,
        };
        message.sender(&sender);
        self.stage = "receiving recipient address";
        let (mut count, mut bytes, mut first) = (0_usize, 0_usize, String::new());
        while !self.reader.is_over().await? {
            let address = self.reader.text(settings.address_limit).await?;
            let address = String::from_utf8_lossy(&address).into_owned();
            bytes = bytes.saturating_add(address.len() + 1);
            if count == 0 {
                first.clone_from(&address);
            }
            count += 1;
            // As in Postfix the limit for messages is that for their envelopes too.
            if refused.is_none() && bytes <= settings.message_limit {
                message.recipient(Recipient { address, ..Recipient::default() }).await;
            }
        }
        if let Some(text) = refused {
            return Ok((Status::Hard, text));
        }
        if bytes > settings.message_limit {
            return Ok((Status::Hard, "Error: message too large".into()));
        }
        let only = (count == 1).then_some(first.as_str());
        message.prepend(&received(&self.peer, settings, &message, only));
        give(&mut message, &content).await;
        let id = message.queue_id();
        Ok(match message.finish().await {
            Verdict::Queued => (Status::Ok, format!("Ok: queued as {id}")),
            Verdict::Refused(refusal) => explain(&refusal),
        })
    }

    /// Begins a message: what comes has a queue ID from now on.
    fn open(&mut self) -> Message {
        let settings = self.settings;
        let mut message = self.qmqp.cleanup.begin(Origin::Qmqp, settings.skip, &self.log);
        let (id, peer) = (message.queue_id(), &self.peer);
        self.log.info(format_args!("{id}: client={}", peer.text));
        self.queue_id = Some(id.to_string());
        message.origin.clone_from(&peer.text);
        message.envelope.filter.clone_from(&settings.content_filter);
        message.envelope.client = envelope::Client {
            name: peer.name.clone(),
            address: peer.address.clone(),
            port: peer.port.clone(),
            protocol: PROTOCOL.into(),
            ..envelope::Client::default()
        };
        message
    }

    /// Says the one thing that is to be said; what is bad news comes late.
    async fn reply(&mut self, (status, text): Reply) -> Result<(), End> {
        let status = match status {
            Status::Hard if self.settings.soft_bounce => Status::Retry,
            status => status,
        };
        let letter = match status {
            Status::Ok => 'K',
            Status::Retry => 'Z',
            Status::Hard => 'D',
        };
        if status != Status::Ok {
            tokio::time::sleep(self.settings.error_delay).await;
        }
        let mut coded = Vec::new();
        netstring::append(&mut coded, format!("{letter}{text}").as_bytes());
        let stream = self.reader.stream();
        let saying = async {
            stream.write_all(&coded).await?;
            stream.flush().await
        };
        match tokio::time::timeout(self.settings.timeout, saying).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(End::Lost),
            Err(_) => Err(End::Timeout),
        }
    }
}

/// As `Received:` and XFORWARD name it.
const PROTOCOL: &str = "QMQP";

/// The sender, and the delimiter of a sender that wants each recipient's address within its own:
/// `prefix-@origin-@[]` is what qmail has for that.
fn verp(sender: &str) -> (String, Option<char>) {
    let found = sender.strip_suffix("-@[]").and_then(|whole| {
        let (local, origin) = whole.split_once('@')?;
        let delimiter = local.chars().last()?;
        let prefix = local.strip_suffix(delimiter)?;
        (!prefix.is_empty() && !origin.is_empty())
            .then(|| (format!("{prefix}@{origin}"), Some(delimiter)))
    });
    found.unwrap_or_else(|| (sender.to_owned(), None))
}

fn is_delimiter(delimiter: char, filter: &str) -> bool {
    filter.contains(delimiter) && filter.contains('=')
}

/// The header that we put before the message. A recipient is named only if it is the only one.
fn received(peer: &Peer, settings: &Settings, message: &Message, only: Option<&str>) -> String {
    let Settings { myhostname, mail_name, .. } = settings;
    let (name, address, id) = (&peer.name, &peer.rfc_address, message.queue_id());
    let date = mail_date(message.envelope.arrival.seconds());
    let by = format!("from {name} ({name} [{address}])\n\tby {myhostname} ({mail_name})");
    match only {
        Some(recipient) => format!(
            "Received: {by} with {PROTOCOL} id {id}\n\tfor <{}>; {date}",
            quote_822(recipient)
        ),
        None => format!("Received: {by} with {PROTOCOL}\n\tid {id}; {date}"),
    }
}

/// Gives the content to cleanup: whole, but for mailbox separators at its beginning.
async fn give(message: &mut Message, content: &[u8]) {
    let mut rest = content;
    loop {
        let behind = rest.iter().position(|byte| *byte != b'>').unwrap_or(rest.len());
        if !rest.get(behind..).unwrap_or_default().starts_with(b"From ") {
            break;
        }
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let (line, after) = rest.split_at(end);
        message.content(b"X-Mailbox-Line: ").await;
        message.content(line).await;
        rest = after;
    }
    // Text that begins with white space would become a part of our own header line.
    if matches!(rest.first(), Some(b' ' | b'\t')) {
        message.content(b"\n").await;
    }
    message.content(rest).await;
}

/// The reply to a message that cleanup does not take.
fn explain(refusal: &Refusal) -> Reply {
    let Refusal { reason, status, text } = refusal;
    match reason {
        Reason::TooBig => (Status::Hard, "Error: message too large".into()),
        Reason::TooManyHops => (Status::Hard, "Error: too many hops".into()),
        Reason::NoRecipients => (Status::Hard, "Error: no recipients specified".into()),
        Reason::Write | Reason::Full => (Status::Retry, "Error: queue file write error".into()),
        Reason::Internal => (Status::Retry, format!("Error: {text}")),
        Reason::Content | Reason::Mapping => {
            let kind = if status.class == 5 { Status::Hard } else { Status::Retry };
            (kind, format!("Error: {status} {text}"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// In the log and to the client: its name, and its address in brackets.
    #[test]
    fn audit_2026_06_27_qmqpd_names_its_client() {
        let mut peer = Directory::local(true, false);
        peer.name = "client.example".into();
        peer.set_text(false);
        assert_eq!(peer.text, "client.example[127.0.0.1]");
    }

    /// Whether a sender ends in `-@[]` is not looked for before its beginning.
    #[test]
    fn audit_2026_07_10_qmqpd_short_senders() {
        let whole = "l-@o-@[]";
        for (at, _) in whole.char_indices() {
            let (short, rest) = (whole.get(..at).unwrap(), whole.get(at..).unwrap());
            assert_eq!(verp(short), (short.to_owned(), None));
            let ends_well = rest.contains('l');
            assert_eq!(verp(rest).1, ends_well.then_some('-'), "{rest}");
        }
        assert_eq!(verp(""), (String::new(), None));
    }

    #[test]
    fn verp_senders() {
        assert_eq!(verp("list-@example.com-@[]"), ("list@example.com".into(), Some('-')));
        assert_eq!(verp("list+@example.com-@[]"), ("list@example.com".into(), Some('+')));
        for plain in ["", "a@b", "-@b-@[]", "a-@-@[]", "-@[]", "#@[]"] {
            assert_eq!(verp(plain), (plain.to_owned(), None));
        }
        assert!(is_delimiter('-', "-=+") && !is_delimiter('x', "-=+") && !is_delimiter('-', "-+"));
    }
}
