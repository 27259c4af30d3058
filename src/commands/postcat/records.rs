//! A message of our spool, written as the records of a Postfix queue file.

use std::fmt::Write as _;

use crate::mail::envelope::{Body, Envelope, Ret, RewriteContext};
use crate::spool::StoredContent;
use crate::sys::date::asctime;

/// What is shown, and how.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flags {
    pub(super) envelope: bool,
    pub(super) header: bool,
    pub(super) body: bool,
    /// -o
    pub(super) offsets: bool,
    /// -d
    pub(super) types: bool,
    /// -f
    pub(super) path: bool,
    /// -v
    pub(super) verbose: bool,
}

impl Flags {
    /// Without a choice everything is shown.
    pub(super) fn or_all(self) -> Self {
        if self.envelope || self.header || self.body {
            return self;
        }
        Self { envelope: true, header: true, body: true, ..self }
    }
}

/// The output in the making.
struct Output<'a> {
    path: &'a str,
    flags: Flags,
    out: Vec<u8>,
    /// Where the next record would stand in the queue file.
    offset: u64,
}

impl Output<'_> {
    fn prefix(&mut self, kind: u8) {
        let mut prefix = String::new();
        if self.flags.path {
            let _ = write!(prefix, "{}: ", self.path);
        }
        if self.flags.offsets {
            let _ = write!(prefix, "{:9} ", self.offset);
        }
        if self.flags.types {
            let _ = write!(prefix, "{kind:3} ");
        }
        self.out.extend_from_slice(prefix.as_bytes());
    }

    /// Counts a record of that length: type, length in base 128, data.
    fn skip(&mut self, length: usize) {
        let mut digits = 1;
        let mut rest = length >> 7;
        while rest > 0 {
            digits += 1;
            rest >>= 7;
        }
        self.offset += 1 + digits + length as u64;
    }

    fn marker(&mut self, kind: u8, text: &str) {
        if self.flags.envelope {
            self.prefix(kind);
            let line = format!("*** {text} {} ***\n", self.path);
            self.out.extend_from_slice(line.as_bytes());
        }
        self.skip(0);
    }

    fn record(&mut self, kind: u8, name: &str, value: &str) {
        self.shown(kind, name, value, value.len());
    }

    fn shown(&mut self, kind: u8, name: &str, value: &str, length: usize) {
        if self.flags.envelope {
            self.prefix(kind);
            let line = format!("{name}: {value}\n");
            self.out.extend_from_slice(line.as_bytes());
        }
        self.skip(length);
    }

    fn attribute(&mut self, name: &str, value: &str) {
        if !value.is_empty() {
            self.record(b'A', "named_attribute", &format!("{name}={value}"));
        }
    }
}

/// The whole, as postcat prints it.
pub(super) fn show(
    path: &str,
    envelope: &Envelope,
    content: &StoredContent,
    pending: &[u32],
    flags: Flags,
) -> std::io::Result<Vec<u8>> {
    let mut output = Output { path, flags, out: Vec::new(), offset: 0 };
    if flags.envelope {
        output.out.extend_from_slice(format!("*** ENVELOPE RECORDS {path} ***\n").as_bytes());
    }
    let body = content.read_all()?;
    let head = envelope_length(envelope, pending);
    size_record(&mut output, envelope, head);
    envelope_records(&mut output, envelope, pending);
    output.marker(b'M', "MESSAGE CONTENTS");
    text(&mut output, &body);
    output.marker(b'X', "HEADER EXTRACTED");
    encoding(&mut output, envelope);
    output.marker(b'E', "MESSAGE FILE END");
    Ok(output.out)
}

/// Where the content would begin.
fn envelope_length(envelope: &Envelope, pending: &[u32]) -> u64 {
    let mut counted = Output { path: "", flags: Flags::default(), out: Vec::new(), offset: 0 };
    size_record(&mut counted, envelope, 0);
    envelope_records(&mut counted, envelope, pending);
    counted.offset + 2
}

fn size_record(output: &mut Output<'_>, envelope: &Envelope, start: u64) {
    let size = envelope.size;
    let line = format!(
        "{size:15} {start:15} {:15} {:15} {size:15} {:15}",
        envelope.recipients.len(),
        0,
        0
    );
    output.record(b'C', "message_size", &line);
}

fn envelope_records(output: &mut Output<'_>, envelope: &Envelope, pending: &[u32]) {
    let arrival = envelope.arrival;
    let time = asctime(arrival.seconds());
    let raw = format!("{} {:6}", arrival.seconds(), arrival.micros());
    output.shown(b'T', "message_arrival_time", &time, raw.len());
    let created = if envelope.created.0 == 0 { arrival } else { envelope.created };
    let raw = format!("create_time={}", created.seconds());
    output.shown(b'A', "create_time", &asctime(created.seconds()), raw.len());
    let network = !envelope.client.name.is_empty();
    if network && let Some(id) = envelope.queue_id {
        output.attribute("log_ident", id.as_str());
    }
    let context = match envelope.rewrite_context {
        RewriteContext::Local => "local",
        RewriteContext::Remote => "remote",
    };
    output.attribute("rewrite_context", context);
    output.attribute("envelope_id", envelope.envid.as_deref().unwrap_or_default());
    match envelope.ret {
        Some(Ret::Full) => output.attribute("ret_flags", "1"),
        Some(Ret::Headers) => output.attribute("ret_flags", "2"),
        None => {}
    }
    if !envelope.sender_name.is_empty() {
        output.record(b'F', "sender_fullname", &envelope.sender_name);
    }
    output.record(b'S', "sender", &envelope.sender);
    encoding(output, envelope);
    if network {
        client(output, envelope);
    }
    if let Some(filter) = &envelope.filter {
        output.record(b'L', "content_filter", filter);
    }
    for (index, recipient) in (0..).zip(&envelope.recipients) {
        output.attribute("dsn_orig_rcpt", &recipient.dsn_orcpt);
        if !recipient.notify.is_default() {
            output.attribute("notify_flags", &recipient.notify.0.to_string());
        }
        if !recipient.original.is_empty() {
            output.record(b'O', "original_recipient", &recipient.original);
        }
        if pending.contains(&index) {
            output.record(b'R', "recipient", &recipient.address);
        } else {
            output.record(b'D', "done_recipient", &recipient.address);
        }
    }
    if let Some(redirect) = &envelope.redirect {
        output.record(b'>', "redirect_to", redirect);
    }
}

fn encoding(output: &mut Output<'_>, envelope: &Envelope) {
    match envelope.body {
        Some(Body::EightBitMime) => output.attribute("encoding", "8bit"),
        Some(Body::SevenBit) => output.attribute("encoding", "7bit"),
        None => {}
    }
}

fn client(output: &mut Output<'_>, envelope: &Envelope) {
    let client = &envelope.client;
    output.attribute("log_client_name", &client.name);
    output.attribute("log_client_address", &client.address);
    output.attribute("log_client_port", &client.port);
    output.attribute("log_message_origin", &format!("{}[{}]", client.name, client.address));
    output.attribute("log_helo_name", &client.helo);
    output.attribute("log_protocol_name", &client.protocol);
    output.attribute("client_name", &client.name);
    output.attribute("reverse_client_name", &client.reverse_name);
    output.attribute("client_address", &client.address);
    output.attribute("client_port", &client.port);
    output.attribute("helo_name", &client.helo);
    output.attribute("protocol_name", &client.protocol);
    let family = if client.address.contains(':') { "10" } else { "2" };
    output.attribute("client_address_type", family);
    output.attribute("sasl_method", &envelope.sasl.method);
    output.attribute("sasl_username", &envelope.sasl.username);
    output.attribute("sasl_sender", &envelope.sasl.sender);
}

/// The content, line by line: headers up to the first line that is none, then the body.
fn text(output: &mut Output<'_>, content: &[u8]) {
    let mut in_header = true;
    for line in content.split_inclusive(|b| *b == b'\n') {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        in_header = in_header && is_header(line);
        let wanted = if in_header { output.flags.header } else { output.flags.body };
        if wanted {
            output.prefix(b'N');
            if output.flags.verbose {
                output.out.extend_from_slice(b"regular_text: ");
            }
            output.out.extend_from_slice(line);
            output.out.push(b'\n');
        }
        output.skip(line.len());
    }
}

fn is_header(line: &[u8]) -> bool {
    match line.first() {
        Some(b' ' | b'\t') => true,
        Some(_) => line.iter().position(|b| *b == b':').is_some_and(|colon| {
            let name = line.get(..colon).unwrap_or_default().trim_ascii_end();
            !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
        }),
        None => false,
    }
}
