//! Whole queue files of C Postfix: read when its queue is taken over, written when it is given back.
//!
//! ```text
//! C sizes, T arrival, attributes, S sender, recipients … M content (N, L) X more recipients … E
//! ```
//!
//! A milter's edits leave pointers (`p`) and padding (`w`) behind: reading follows the pointers.

use super::queue_record::{Malformed, kind, push, take};
use crate::mail::envelope::{
    Body, Envelope, Notify, Recipient, Ret, RewriteContext, Timestamp, TlsWish,
};
use crate::mail::queue_id::QueueId;

/// Longest record that Postfix writes is 2048 bytes of a line; attributes may be longer.
const RECORD_MAX: usize = 1 << 20;

/// Longest piece of a line in a record (`line_length_limit`).
const LINE_MAX: usize = 2048;

/// Records of queue files alone.
const REDIRECT: u8 = b'>';
const CANCELLED: u8 = b'/';

/// Bits of `trace_flags`.
const TRACE_VERIFY: u32 = 1 << 8;
const TRACE_EXPAND: u32 = 1 << 9;
const TRACE_RECORD: u32 = 1 << 10;

/// Bits of the sixth number of the size record.
const SMTPUTF8: u64 = 0b111;
const REQUIRE_TLS: u64 = 1 << 5;
const TLS_NOT_NEEDED: u64 = 1 << 4;

/// A message as its queue file has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct QueueFile {
    /// Recipients that have their mail already are left out.
    pub envelope: Envelope,
    /// With LF line ends.
    pub content: Vec<u8>,
}

/// Why a file is no queue file, or not a whole one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A record is malformed.
    #[error("{0}, at offset {1}")]
    Record(Malformed, usize),
    /// The sizes at the beginning are missing: it was not finished.
    #[error("it does not begin with a size record")]
    Unfinished,
    /// The end record is missing.
    #[error("it ends too early")]
    Truncated,
    /// A pointer that leads nowhere, or in circles.
    #[error("bad pointer record, at offset {0}")]
    Pointer(usize),
    /// A text that must be UTF-8 is not.
    #[error("malformed envelope record, at offset {0}")]
    Text(usize),
}

/// Where in the file we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Envelope,
    Content,
    Extracted,
}

/// Reads a whole file.
pub fn read(bytes: &[u8]) -> Result<QueueFile, Unreadable> {
    let mut reader = Reader::default();
    let mut at = 0;
    // Each jump takes a record of its own, so more jumps than that go in circles.
    let mut jumps = bytes.len() / 17 + 1;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let record = take(rest, RECORD_MAX)
            .map_err(|malformed| Unreadable::Record(malformed, at))?
            .ok_or(Unreadable::Truncated)?;
        if at == 0 && record.kind != kind::SIZE {
            return Err(Unreadable::Unfinished);
        }
        let here = at;
        at += record.length;
        if record.kind == kind::POINTER {
            let target: usize = number(record.data).ok_or(Unreadable::Pointer(here))?;
            if target > 0 {
                jumps = jumps.checked_sub(1).ok_or(Unreadable::Pointer(here))?;
                at = target;
            }
            continue;
        }
        if record.kind == kind::END && reader.part != Part::Content {
            return Ok(reader.finish());
        }
        reader.record(record.kind, record.data).ok_or(Unreadable::Text(here))?;
    }
}

/// What has been read so far.
#[derive(Debug)]
struct Reader {
    part: Part,
    file: QueueFile,
    /// What the records before a recipient said about it.
    next: Recipient,
}

impl Default for Reader {
    fn default() -> Self {
        Self { part: Part::Envelope, file: QueueFile::default(), next: Recipient::default() }
    }
}

impl Reader {
    fn finish(mut self) -> QueueFile {
        self.file.envelope.content_length = self.file.content.len() as u64;
        self.file
    }

    /// Takes a record; none if its text is malformed.
    fn record(&mut self, record: u8, data: &[u8]) -> Option<()> {
        match (self.part, record) {
            (Part::Content, kind::LINE) => {
                self.file.content.extend_from_slice(data);
                self.file.content.push(b'\n');
            }
            (Part::Content, kind::PART) => self.file.content.extend_from_slice(data),
            (Part::Content, kind::EXTRACTED) => self.part = Part::Extracted,
            (Part::Content, _) => {}
            (_, kind::MESSAGE) => self.part = Part::Content,
            (_, record) => self.envelope(record, data)?,
        }
        Some(())
    }

    fn envelope(&mut self, record: u8, data: &[u8]) -> Option<()> {
        let text = || std::str::from_utf8(data).ok().map(str::to_owned);
        let envelope = &mut self.file.envelope;
        match record {
            kind::SIZE => {
                let numbers: Vec<u64> = std::str::from_utf8(data)
                    .ok()?
                    .split_ascii_whitespace()
                    .filter_map(|word| word.parse().ok())
                    .collect();
                envelope.size = numbers.first().copied().unwrap_or_default();
                let options = numbers.get(5).copied().unwrap_or_default();
                envelope.smtputf8 = options & SMTPUTF8 != 0;
                envelope.tls_wish = tls_wish(options);
            }
            kind::TIME => envelope.arrival = time(&text()?)?,
            kind::CREATED => envelope.created = seconds(number(data)?),
            kind::FULL_NAME => envelope.sender_name = text()?,
            kind::FROM => envelope.sender = text()?,
            kind::PART => envelope.filter = Some(text()?).filter(|filter| !filter.is_empty()),
            kind::VERP => envelope.verp = Some(text()?),
            kind::DSN_ENVID => envelope.envid = Some(text()?),
            kind::DSN_RET => envelope.ret = ret(data),
            REDIRECT => envelope.redirect = Some(text()?),
            kind::ORIGINAL_RCPT => self.next.original = text()?,
            kind::DSN_ORCPT => self.next.dsn_orcpt = text()?,
            kind::DSN_NOTIFY => self.next.notify = Notify(number(data)?),
            kind::RCPT => {
                let address = text()?;
                let recipient = std::mem::take(&mut self.next);
                envelope.recipients.push(Recipient { address, ..recipient });
            }
            kind::DONE | CANCELLED => self.next = Recipient::default(),
            kind::ATTRIBUTE => {
                let text = text()?;
                if let Some((name, value)) = text.split_once('=') {
                    self.attribute(name, value);
                }
            }
            _ => {}
        }
        Some(())
    }

    fn attribute(&mut self, name: &str, value: &str) {
        let Envelope { client, sasl, trace, .. } = &mut self.file.envelope;
        let owned = value.to_owned();
        match name {
            "log_client_name" | "client_name" => client.name = owned,
            "reverse_client_name" => client.reverse_name = owned,
            "log_client_address" | "client_address" => client.address = owned,
            "log_client_port" | "client_port" => client.port = owned,
            "log_helo_name" | "helo_name" => client.helo = owned,
            "log_ident" => client.ident = owned,
            "log_protocol_name" | "protocol_name" => client.protocol = owned,
            "sasl_method" => sasl.method = owned,
            "sasl_username" => sasl.username = owned,
            "sasl_sender" => sasl.sender = owned,
            "trace_flags" => {
                let flags: u32 = value.parse().unwrap_or_default();
                trace.verify = flags & TRACE_VERIFY != 0;
                trace.expand_only = flags & TRACE_EXPAND != 0;
                trace.record = flags & TRACE_RECORD != 0;
            }
            "dsn_orig_rcpt" => self.next.dsn_orcpt = owned,
            "notify_flags" => self.next.notify = Notify(value.parse().unwrap_or_default()),
            _ => self.plain_attribute(name, owned),
        }
    }

    fn plain_attribute(&mut self, name: &str, value: String) {
        let envelope = &mut self.file.envelope;
        match name {
            "create_time" => {
                envelope.created = seconds(value.parse().unwrap_or_default());
            }
            "envelope_id" => envelope.envid = Some(value),
            "ret_flags" => envelope.ret = ret(value.as_bytes()),
            "encoding" => {
                envelope.body = match value.as_str() {
                    "8bit" => Some(Body::EightBitMime),
                    "7bit" => Some(Body::SevenBit),
                    _ => None,
                }
            }
            "rewrite_context" => {
                envelope.rewrite_context = match value.as_str() {
                    "remote" => RewriteContext::Remote,
                    _ => RewriteContext::Local,
                }
            }
            _ => {}
        }
    }
}

fn number<T: std::str::FromStr>(data: &[u8]) -> Option<T> {
    std::str::from_utf8(data).ok()?.trim().parse().ok()
}

fn seconds(seconds: u64) -> Timestamp {
    Timestamp(seconds.saturating_mul(1_000_000))
}

/// Seconds, and microseconds where there are some.
fn time(text: &str) -> Option<Timestamp> {
    let mut words = text.split_ascii_whitespace();
    let seconds: u64 = words.next()?.parse().ok()?;
    let micros: u64 = words.next().and_then(|word| word.parse().ok()).unwrap_or_default();
    Some(Timestamp(seconds.checked_mul(1_000_000)?.checked_add(micros)?))
}

fn ret(data: &[u8]) -> Option<Ret> {
    match number::<u8>(data) {
        Some(1) => Some(Ret::Full),
        Some(2) => Some(Ret::Headers),
        _ => None,
    }
}

/// Writes a whole file for the recipients with these indexes.
pub fn write(envelope: &Envelope, content: &[u8], pending: &[u32]) -> Vec<u8> {
    let mut head = Vec::new();
    write_envelope(&mut head, envelope, pending);
    let mut body = Vec::with_capacity(content.len() + content.len() / 32 + 16);
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        let (line, ended) = match line.strip_suffix(b"\n") {
            Some(line) => (line, true),
            None => (line, false),
        };
        let mut rest = line;
        while let Some((part, more)) = rest.split_at_checked(LINE_MAX) {
            push(&mut body, kind::PART, part);
            rest = more;
        }
        push(&mut body, if ended { kind::LINE } else { kind::PART }, rest);
    }
    let mut out = Vec::with_capacity(head.len() + body.len() + 128);
    // The size record has a length of its own, whatever it says.
    push(&mut out, kind::SIZE, sizes(envelope, pending.len(), 0, 0).as_bytes());
    let start = out.len() + head.len() + 2;
    out.clear();
    push(&mut out, kind::SIZE, sizes(envelope, pending.len(), start, body.len()).as_bytes());
    out.extend(head);
    push(&mut out, kind::MESSAGE, b"");
    out.extend(body);
    push(&mut out, kind::EXTRACTED, b"");
    push(&mut out, kind::END, b"");
    out
}

fn tls_wish(options: u64) -> TlsWish {
    let mut wish = TlsWish::default();
    if options & REQUIRE_TLS != 0 {
        wish = wish.with(TlsWish::REQUIRED);
    }
    if options & TLS_NOT_NEEDED != 0 {
        wish = wish.with(TlsWish::NOT_NEEDED);
    }
    wish
}

fn sizes(envelope: &Envelope, recipients: usize, start: usize, length: usize) -> String {
    let mut options = if envelope.smtputf8 { 1 } else { 0 };
    if envelope.tls_wish.is_required() {
        options |= REQUIRE_TLS;
    }
    if envelope.tls_wish.is_not_needed() {
        options |= TLS_NOT_NEEDED;
    }
    // The fourth number says that recipients stand among other records.
    format!("{length:15} {start:15} {recipients:15} {:15} {length:15} {options:15}", 1)
}

fn write_envelope(out: &mut Vec<u8>, envelope: &Envelope, pending: &[u32]) {
    let arrival = envelope.arrival;
    let text = format!("{} {:6}", arrival.seconds(), arrival.micros());
    push(out, kind::TIME, text.as_bytes());
    let created = if envelope.created.0 == 0 { arrival } else { envelope.created };
    attribute(out, "create_time", &created.seconds().to_string());
    let context = match envelope.rewrite_context {
        RewriteContext::Local => "local",
        RewriteContext::Remote => "remote",
    };
    let network = !envelope.client.name.is_empty();
    let own = envelope.queue_id.filter(|_| network);
    match (envelope.client.ident.as_str(), own) {
        ("", None) => {}
        ("", Some(id)) => attribute(out, "log_ident", id.as_str()),
        (forwarded, _) => attribute(out, "log_ident", forwarded),
    }
    attribute(out, "rewrite_context", context);
    attribute(out, "envelope_id", envelope.envid.as_deref().unwrap_or_default());
    match envelope.ret {
        Some(Ret::Full) => attribute(out, "ret_flags", "1"),
        Some(Ret::Headers) => attribute(out, "ret_flags", "2"),
        None => {}
    }
    if !envelope.sender_name.is_empty() {
        push(out, kind::FULL_NAME, envelope.sender_name.as_bytes());
    }
    if let Some(verp) = &envelope.verp {
        push(out, kind::VERP, verp.as_bytes());
    }
    push(out, kind::FROM, envelope.sender.as_bytes());
    match envelope.body {
        Some(Body::EightBitMime) => attribute(out, "encoding", "8bit"),
        Some(Body::SevenBit) => attribute(out, "encoding", "7bit"),
        None => {}
    }
    write_trace(out, envelope);
    if network {
        write_client(out, envelope);
    }
    if let Some(filter) = &envelope.filter {
        push(out, kind::PART, filter.as_bytes());
    }
    if let Some(redirect) = &envelope.redirect {
        push(out, REDIRECT, redirect.as_bytes());
    }
    let wanted = (0..).zip(&envelope.recipients).filter(|(index, _)| pending.contains(index));
    for (_, recipient) in wanted {
        attribute(out, "dsn_orig_rcpt", &recipient.dsn_orcpt);
        if !recipient.notify.is_default() {
            attribute(out, "notify_flags", &recipient.notify.0.to_string());
        }
        if !recipient.original.is_empty() {
            push(out, kind::ORIGINAL_RCPT, recipient.original.as_bytes());
        }
        push(out, kind::RCPT, recipient.address.as_bytes());
    }
}

fn write_trace(out: &mut Vec<u8>, envelope: &Envelope) {
    let bit = |set: bool, bit: u32| if set { bit } else { 0 };
    let flags = bit(envelope.trace.verify, TRACE_VERIFY)
        | bit(envelope.trace.expand_only, TRACE_EXPAND)
        | bit(envelope.trace.record, TRACE_RECORD);
    if flags != 0 {
        attribute(out, "trace_flags", &flags.to_string());
    }
}

fn write_client(out: &mut Vec<u8>, envelope: &Envelope) {
    let client = &envelope.client;
    for (name, value) in [
        ("log_client_name", client.name.as_str()),
        ("log_client_address", &client.address),
        ("log_client_port", &client.port),
        ("log_message_origin", &format!("{}[{}]", client.name, client.address)),
        ("log_helo_name", &client.helo),
        ("log_protocol_name", &client.protocol),
        ("client_name", &client.name),
        ("reverse_client_name", &client.reverse_name),
        ("client_address", &client.address),
        ("client_port", &client.port),
        ("helo_name", &client.helo),
        ("protocol_name", &client.protocol),
        ("client_address_type", if client.address.contains(':') { "10" } else { "2" }),
        ("sasl_method", &envelope.sasl.method),
        ("sasl_username", &envelope.sasl.username),
        ("sasl_sender", &envelope.sasl.sender),
    ] {
        attribute(out, name, value);
    }
}

fn attribute(out: &mut Vec<u8>, name: &str, value: &str) {
    if !value.is_empty() {
        push(out, kind::ATTRIBUTE, format!("{name}={value}").as_bytes());
    }
}

/// Recipients in a log of bounce(8), which have not been told to the sender yet: `name=value` lines,
/// an empty line after each recipient.
pub fn bounced(text: &str) -> Vec<Recipient> {
    let mut found = Vec::new();
    for block in text.split("\n\n") {
        let mut recipient = Recipient::default();
        for (name, value) in block.lines().filter_map(|line| line.split_once('=')) {
            match name {
                "recipient" => recipient.address = value.to_owned(),
                "original_recipient" => recipient.original = value.to_owned(),
                "dsn_orig_rcpt" => recipient.dsn_orcpt = value.to_owned(),
                "notify_flags" => recipient.notify = Notify(value.parse().unwrap_or_default()),
                _ => {}
            }
        }
        if !recipient.address.is_empty() {
            found.push(recipient);
        }
    }
    found
}

/// The folders between a queue and a file in it, for queues that `hash_queue_names` lists.
pub fn hashed(id: QueueId, depth: usize) -> String {
    id.as_str().chars().take(depth).map(|letter| format!("{letter}/")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::envelope::{Client, Sasl, Trace};
    use proptest::prelude::*;

    fn sample() -> QueueFile {
        let content = b"Subject: x\n\n.\nlast\n".to_vec();
        let envelope = Envelope {
            arrival: Timestamp(1_700_000_000_123_456),
            created: Timestamp(1_700_000_000_000_000),
            sender: "me@example.org".into(),
            sender_name: "Me".into(),
            recipients: vec![
                Recipient {
                    address: "a@x".into(),
                    original: "b@x".into(),
                    dsn_orcpt: "rfc822;b@x".into(),
                    notify: Notify::FAILURE,
                },
                Recipient { address: "c@x".into(), ..Recipient::default() },
            ],
            envid: Some("id".into()),
            ret: Some(Ret::Headers),
            body: Some(Body::EightBitMime),
            smtputf8: true,
            tls_wish: TlsWish::REQUIRED.with(TlsWish::NOT_NEEDED),
            rewrite_context: RewriteContext::Remote,
            client: Client {
                name: "h".into(),
                reverse_name: "r".into(),
                address: "192.0.2.1".into(),
                port: "1234".into(),
                helo: "hello".into(),
                protocol: "ESMTP".into(),
                ident: "4ABC".into(),
            },
            sasl: Sasl { method: "PLAIN".into(), username: "u".into(), sender: String::new() },
            filter: Some("smtp:[127.0.0.1]".into()),
            verp: Some("+=".into()),
            trace: Trace { record: true, ..Trace::default() },
            content_length: content.len() as u64,
            ..Envelope::default()
        };
        QueueFile { envelope, content }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut file = sample();
        let bytes = write(&file.envelope, &file.content, &[0, 1]);
        let back = read(&bytes).unwrap();
        file.envelope.size = back.envelope.size;
        assert_eq!(back, file);
        assert_eq!(back.envelope.size, 12 + 2 + 3 + 6);
        let back = read(&write(&file.envelope, &file.content, &[1])).unwrap();
        assert_eq!(back.envelope.recipients, file.envelope.recipients[1..]);
    }

    #[test]
    fn done_recipients_padding_and_pointers() {
        let mut bytes = Vec::new();
        let size = sizes(&Envelope::default(), 1, 0, 0);
        push(&mut bytes, kind::SIZE, size.as_bytes());
        push(&mut bytes, kind::TIME, b"1700000000 5");
        push(&mut bytes, kind::FROM, b"");
        push(&mut bytes, kind::ORIGINAL_RCPT, b"gone");
        push(&mut bytes, kind::DONE, b"done@x");
        push(&mut bytes, kind::RCPT, b"todo@x");
        push(&mut bytes, kind::POINTER, format!("{:15}", 0).as_bytes());
        push(&mut bytes, kind::MESSAGE, b"");
        push(&mut bytes, kind::LINE, b"A: 1");
        let place = bytes.len();
        push(&mut bytes, kind::POINTER, format!("{:15}", 0).as_bytes());
        push(&mut bytes, kind::LINE, b"replaced");
        let back = bytes.len();
        push(&mut bytes, kind::PADDING, b"xx");
        push(&mut bytes, kind::PART, b"no end");
        push(&mut bytes, kind::EXTRACTED, b"");
        push(&mut bytes, kind::RCPT, b"more@x");
        push(&mut bytes, kind::END, b"");
        let target = bytes.len();
        push(&mut bytes, kind::LINE, b"B: 2");
        push(&mut bytes, kind::POINTER, format!("{back:15}").as_bytes());
        let mut pointer = Vec::new();
        push(&mut pointer, kind::POINTER, format!("{target:15}").as_bytes());
        bytes.splice(place..place + pointer.len(), pointer);
        let file = read(&bytes).unwrap();
        assert_eq!(file.content, b"A: 1\nB: 2\nno end");
        let recipients: Vec<_> = file
            .envelope
            .recipients
            .iter()
            .map(|r| (r.address.as_str(), r.original.as_str()))
            .collect();
        assert_eq!(recipients, [("todo@x", ""), ("more@x", "")]);
        assert_eq!(file.envelope.arrival, Timestamp(1_700_000_000_000_005));
    }

    #[test]
    fn what_is_not_whole() {
        let file = sample();
        let bytes = write(&file.envelope, &file.content, &[0]);
        assert_eq!(read(&bytes[..bytes.len() - 2]), Err(Unreadable::Truncated));
        assert_eq!(read(&bytes[97..]), Err(Unreadable::Unfinished));
        assert_eq!(read(b""), Err(Unreadable::Truncated));
        let mut circle = Vec::new();
        push(&mut circle, kind::SIZE, b"1");
        let at = circle.len();
        push(&mut circle, kind::POINTER, format!("{at:15}").as_bytes());
        assert_eq!(read(&circle), Err(Unreadable::Pointer(at)));
    }

    #[test]
    fn bounce_logs() {
        let text = "<a@x>: old style\n\nrecipient=a@x\noriginal_recipient=b@x\noffset=5\nreason=no\n\n\nrecipient=c@x\n";
        let found: Vec<_> = bounced(text).into_iter().map(|r| (r.address, r.original)).collect();
        assert_eq!(found, [("a@x".into(), "b@x".into()), ("c@x".to_owned(), String::new())]);
    }

    proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
            let mut whole = Vec::new();
            push(&mut whole, kind::SIZE, b"1");
            whole.extend(bytes);
            let _ = read(&whole);
        }

        #[test]
        fn content_comes_back(content in proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..6000)) {
            let bytes = write(&sample().envelope, &content, &[0]);
            prop_assert_eq!(read(&bytes).unwrap().content, content);
        }
    }
}
