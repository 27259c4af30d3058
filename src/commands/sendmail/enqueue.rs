//! Posts one message from standard input.

use std::io::{BufRead, Write};

use super::header::{Piece, Watcher};
use super::{Door, Fatal};
use crate::commands::submission::{self, status};
use crate::config::{parameters as p, why};
use crate::mail::address::List;
use crate::mail::envelope::{Body, Ret, RewriteContext};
use crate::service::postdrop::Postdrop;
use crate::wire::queue_record::kind;

/// `trace_flags` of `-bv` and `-v`.
const EXPAND_ONLY: u32 = 1 << 9;
const RECORD: u32 = 1 << 10;

/// Sends the message to postdrop.
pub(super) fn enqueue(door: &Door<'_>) -> Result<(), Fatal> {
    door.check_user()?;
    let sender = sender(door)?;
    let who = format!("{sender}({})", submission::uid());
    let directory = door.command_directory();
    let postdrop = Postdrop::start(&directory, &door.directory, door.options.verbose, door.log)
        .map_err(|text| Fatal::new(format!("{who}: {text}")))?;
    let mut post = Post { door, postdrop, who, sender, recipients: 0 };
    post.envelope()?;
    post.record(kind::MESSAGE, b"")?;
    let found = if door.options.expand_only {
        post.probe()?;
        Vec::new()
    } else {
        post.content()?
    };
    post.record(kind::EXTRACTED, b"")?;
    for recipient in found {
        post.recipient(&recipient)?;
    }
    if post.recipients == 0 {
        let text = if door.options.extract_recipients {
            "No recipient addresses found in message header"
        } else {
            "Recipient addresses must be specified on the command line or via the -t option"
        };
        return Err(post.fatal(text));
    }
    post.record(kind::END, b"")?;
    post.finish()
}

/// The sender of `-f`, internal form, or the login name.
fn sender(door: &Door<'_>) -> Result<String, Fatal> {
    let Some(given) = &door.options.sender else {
        let uid = submission::uid();
        return submission::login_name(uid)
            .ok_or_else(|| Fatal::new(format!("no login name found for user ID {uid}")));
    };
    let list = List::parse(given.as_bytes(), usize::MAX);
    let mut addresses = list.addresses();
    let sender = addresses.next().map(crate::mail::address::Address::internal).unwrap_or_default();
    if addresses.next().is_some() {
        door.log.warning(format_args!("-f option specified malformed sender: {given}"));
    }
    Ok(String::from_utf8_lossy(&sender).into_owned())
}

/// The full name of the caller: `$NAME`, or what the user database has.
fn full_name() -> Option<String> {
    if let Ok(name) = std::env::var("NAME") {
        return Some(name);
    }
    let user = nix::unistd::User::from_uid(submission::uid()).ok().flatten()?;
    let gecos = user.gecos.to_string_lossy().into_owned();
    let end = gecos.find([',', ';', '%']).unwrap_or(gecos.len());
    let mut login = user.name.chars();
    let capital: String =
        login.next().into_iter().flat_map(char::to_uppercase).chain(login).collect();
    Some(gecos.get(..end).unwrap_or_default().replace('&', &capital))
}

struct Post<'a> {
    door: &'a Door<'a>,
    postdrop: Postdrop,
    /// `sender(uid)`, for messages.
    who: String,
    sender: String,
    recipients: usize,
}

impl Post<'_> {
    fn fatal(&self, text: &str) -> Fatal {
        Fatal::new(format!("{}: {text}", self.who))
    }

    fn record(&mut self, kind: u8, data: &[u8]) -> Result<(), Fatal> {
        self.postdrop
            .record(kind, data)
            .map_err(|e| self.fatal(&format!("error writing queue file: {}", why(&e))))
    }

    fn attribute(&mut self, name: &str, value: &str) -> Result<(), Fatal> {
        self.record(kind::ATTRIBUTE, format!("{name}={value}").as_bytes())
    }

    /// Everything before the content, in Postfix's order.
    fn envelope(&mut self) -> Result<(), Fatal> {
        let options = self.door.options;
        let send_options = u32::from(options.smtputf8) | u32::from(options.require_tls) << 5;
        if send_options != 0 {
            let sizes = format!("{0:>15} {0:>15} {0:>15} {0:>15} {0:>15} {send_options:>15}", -1);
            self.record(kind::SIZE, sizes.as_bytes())?;
        }
        if let Some(envid) = &options.envid {
            self.attribute("envelope_id", envid)?;
        }
        if let Some(ret) = options.ret {
            self.attribute("ret_flags", if ret == Ret::Full { "1" } else { "2" })?;
        }
        let local = options.context == RewriteContext::Local;
        self.attribute("rewrite_context", if local { "local" } else { "remote" })?;
        if let Some(name) = options.full_name.clone().or_else(full_name) {
            self.record(kind::FULL_NAME, name.as_bytes())?;
        }
        let sender = self.sender.clone();
        self.record(kind::FROM, sender.as_bytes())?;
        if options.verp.is_some() && sender.is_empty() {
            return Err(self.fatal("-V option requires non-null sender address"));
        }
        if let Some(body) = options.body {
            let eight = body == Body::EightBitMime;
            self.attribute("encoding", if eight { "8bit" } else { "7bit" })?;
        }
        let trace = if options.expand_only { EXPAND_ONLY } else { 0 }
            | if options.record { RECORD } else { 0 };
        if trace != 0 {
            self.attribute("trace_flags", &trace.to_string())?;
        }
        if let Some(delimiters) = &options.verp {
            self.record(kind::VERP, delimiters.as_bytes())?;
        }
        for argument in &options.recipients {
            let list = List::parse(argument.as_bytes(), usize::MAX);
            let mut any = false;
            for address in list.addresses() {
                any = true;
                self.recipient(&address.internal())?;
            }
            if !any {
                self.record(kind::RCPT, b"")?;
                self.recipients += 1;
            }
        }
        Ok(())
    }

    fn recipient(&mut self, address: &[u8]) -> Result<(), Fatal> {
        let notify = self.door.options.notify;
        if !notify.is_default() {
            self.attribute("notify_flags", &notify.0.to_string())?;
        }
        self.recipients += 1;
        self.record(kind::RCPT, address)
    }

    /// The message of `-bv`.
    fn probe(&mut self) -> Result<(), Fatal> {
        if !self.sender.is_empty() {
            let from = format!("From: {}", self.sender);
            self.record(kind::LINE, from.as_bytes())?;
        }
        self.record(kind::LINE, b"Subject: probe")?;
        self.record(kind::PART, b"To:")?;
        let recipients = &self.door.options.recipients;
        for (at, recipient) in recipients.iter().enumerate() {
            let comma = if at + 1 < recipients.len() { "," } else { "" };
            self.record(kind::LINE, format!("\t{recipient}{comma}").as_bytes())?;
        }
        Ok(())
    }

    /// Copies standard input; returns the recipients that `-t` finds in the header.
    fn content(&mut self) -> Result<Vec<Vec<u8>>, Fatal> {
        let config = self.door.config;
        let options = self.door.options;
        let limit = config.count(&p::line_length_limit).max(1);
        let mut watcher =
            options.extract_recipients.then(|| Watcher::new(config.count(&p::header_size_limit)));
        let mut line_ends = LineEnds::of(&config.text(&p::sendmail_fix_line_endings))?;
        let mut input = std::io::stdin().lock();
        let mut line = Vec::with_capacity(limit);
        let mut skip_from = true;
        let mut in_line = false;
        loop {
            let kind = read_piece(&mut input, &mut line, limit)
                .map_err(|e| self.fatal(&format!("error reading input: {}", why(&e))))?;
            let Some(kind) = kind else { break };
            let whole = kind == kind::LINE;
            if whole {
                line_ends.look(&line);
            }
            if skip_from {
                let bare = line.iter().position(|b| *b != b'>').and_then(|at| line.get(at..));
                if whole && bare.is_some_and(|bare| bare.starts_with(b"From ")) {
                    continue;
                }
                skip_from = false;
            }
            if whole && line_ends.strips() {
                while line.last() == Some(&b'\r') {
                    line.pop();
                }
            }
            let first = !std::mem::replace(&mut in_line, !whole);
            if options.dot_ends && first && line == b"." {
                break;
            }
            match watcher.as_mut().map(|watcher| watcher.piece(&line, whole)) {
                None | Some(Piece::Copy) => {}
                Some(Piece::EmptyLineFirst) => self.record(kind::LINE, b"")?,
                Some(Piece::TooLong) => {
                    let text = "unable to extract recipients: message header length exceeds \
                                safety limit";
                    return Err(self.fatal(text));
                }
            }
            self.record(kind, &line)?;
        }
        Ok(watcher.map_or_else(Vec::new, |mut watcher| {
            watcher.finish();
            watcher.recipients().to_vec()
        }))
    }

    fn finish(self) -> Result<(), Fatal> {
        let Self { door, postdrop, who, sender, .. } = self;
        let (status, why) = postdrop.finish(door.log).unwrap_or((status::WRITE, String::new()));
        if status != 0 {
            let why = if why.is_empty() { status::text(status).to_owned() } else { why };
            return Err(Fatal::new(format!("{who}: {why}")));
        }
        if door.options.expand_only || door.options.record {
            let _ = writeln!(
                std::io::stdout(),
                "Mail Delivery Status Report will be mailed to <{sender}>."
            );
        }
        Ok(())
    }
}

/// `sendmail_fix_line_endings`: whether a CR before LF goes away.
enum LineEnds {
    /// As the first line has it.
    LikeFirst,
    Strip,
    Keep,
}

impl LineEnds {
    fn of(value: &str) -> Result<Self, Fatal> {
        match value {
            "always" => Ok(Self::Strip),
            "strict" => Ok(Self::LikeFirst),
            "never" => Ok(Self::Keep),
            _ => Err(Fatal::new(format!("invalid sendmail_fix_line_endings value: {value}"))),
        }
    }

    fn look(&mut self, line: &[u8]) {
        if matches!(self, Self::LikeFirst) {
            *self = if line.ends_with(b"\r") { Self::Strip } else { Self::Keep };
        }
    }

    fn strips(&self) -> bool {
        matches!(self, Self::Strip)
    }
}

/// Reads a line, or `limit` bytes of one, without its LF; none at the end of the input.
fn read_piece(
    input: &mut impl BufRead,
    line: &mut Vec<u8>,
    limit: usize,
) -> std::io::Result<Option<u8>> {
    line.clear();
    loop {
        let buffer = match input.fill_buf() {
            Ok(buffer) => buffer,
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        if buffer.is_empty() {
            return Ok((!line.is_empty()).then_some(kind::PART));
        }
        let room = buffer.get(..buffer.len().min(limit - line.len())).unwrap_or_default();
        if let Some(end) = memchr::memchr(b'\n', room) {
            line.extend(room.iter().take(end));
            input.consume(end + 1);
            return Ok(Some(kind::LINE));
        }
        let taken = room.len();
        line.extend_from_slice(room);
        input.consume(taken);
        if line.len() >= limit {
            return Ok(Some(kind::PART));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &[u8], limit: usize) -> Vec<(char, Vec<u8>)> {
        let mut input = std::io::BufReader::with_capacity(3, text);
        let mut line = Vec::new();
        let mut found = Vec::new();
        while let Some(kind) = read_piece(&mut input, &mut line, limit).unwrap() {
            found.push((char::from(kind), line.clone()));
        }
        found
    }

    #[test]
    fn lines_and_parts() {
        assert_eq!(
            pieces(b"ab\n\ncdefgh\nx", 4),
            [
                ('N', b"ab".to_vec()),
                ('N', b"".to_vec()),
                ('L', b"cdef".to_vec()),
                ('N', b"gh".to_vec()),
                ('L', b"x".to_vec()),
            ]
        );
        // A line of just the limit ends in a record of its own.
        assert_eq!(pieces(b"abcd\n", 4), [('L', b"abcd".to_vec()), ('N', b"".to_vec())]);
    }
}
