//! One file of the maildrop queue on its way through cleanup.

use std::fs::OpenOptions;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::cleanup::{Cleanup, Message, Origin, Reason, Refusal, Skip, Verdict};
use crate::config::lines::split_assignment;
use crate::config::{Config, parameters as p, why};
use crate::log::Log;
use crate::mail::address::quote;
use crate::mail::envelope::{Body, Notify, Recipient, Ret, RewriteContext, Timestamp, TlsWish};
use crate::sys::date::mail_date;
use crate::wire::queue_record::{kind, take};

/// The records of an envelope, of content and of what follows it; the first ends the part.
const PARTS: [&[u8]; 3] = [b"MCTcFILSDRO/WVA>K<ion", b"XLNw", b"EDRO/PreAFIL>Kon"];

/// Content goes to cleanup in pieces of about this size.
const PIECE: usize = 64 << 10;

/// What main.cf says about local submissions.
#[derive(Debug)]
pub(super) struct Settings {
    skip: Skip,
    filter: Option<String>,
    host: String,
    mail_name: String,
    line_limit: usize,
    /// `mail_owner`: its files have been queued again.
    owner: Option<u32>,
}

impl Settings {
    pub(super) fn read(config: &Config) -> Self {
        let filter = config.text(&p::content_filter);
        let mut skip = Skip::default();
        for word in config.text(&p::receive_override_options).split([',', ' ', '\t']) {
            match word {
                "no_address_mappings" => skip.address_mappings = true,
                "no_header_body_checks" => skip.header_body_checks = true,
                "no_milters" => skip.milters = true,
                "no_unknown_recipient_checks" => skip.unknown_recipient_checks = true,
                _ => {}
            }
        }
        let owner = config.text(&p::mail_owner);
        Self {
            skip,
            filter: (!filter.is_empty()).then_some(filter),
            host: config.text(&p::myhostname),
            mail_name: config.text(&p::mail_name),
            line_limit: config.count(&p::line_length_limit),
            owner: crate::sys::users::user(&owner).ok().map(|user| user.uid.as_raw()),
        }
    }
}

/// How often the records of a file may send the reader elsewhere: more is a loop.
const JUMPS: u32 = 10_000;

/// A file.
#[derive(Debug)]
pub(super) struct Submission {
    pub(super) path: PathBuf,
    /// As messages call it.
    pub(super) shown: String,
    pub(super) uid: u32,
    pub(super) mode: u32,
    /// Seconds since 1970.
    pub(super) modified: i64,
}

/// What happens to the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Remove,
    Keep,
}

impl Submission {
    /// Takes the message in. Returns after it is on disk, or is known not to be one.
    pub(super) async fn take_in(
        self,
        cleanup: &Arc<Cleanup>,
        settings: &Settings,
        log: &Log,
    ) -> Fate {
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(nix::libc::O_NONBLOCK | nix::libc::O_NOFOLLOW)
            .open(&self.path);
        let mut file = match file {
            Ok(file) => file,
            Err(error) => {
                if error.kind() != std::io::ErrorKind::NotFound {
                    let why = why(&error);
                    log.warning(format_args!("open input file {}: {why}", self.shown));
                }
                return Fate::Keep;
            }
        };
        let requeued = settings.owner == Some(self.uid) && self.mode & 0o004 == 0;
        let mut skip = settings.skip;
        skip.milters |= requeued;
        let message = cleanup.begin(Origin::Local, skip, log);
        let intake = Intake {
            submission: &self,
            settings,
            log,
            message,
            part: 0,
            sender: None,
            next: Recipient::default(),
            content: Vec::new(),
            content_begun: false,
            requeued,
        };
        intake.run(&mut file).await
    }
}

/// A message on its way.
struct Intake<'a> {
    submission: &'a Submission,
    settings: &'a Settings,
    log: &'a Log,
    message: Message,
    part: usize,
    sender: Option<String>,
    /// What has been said about the recipient that comes next.
    next: Recipient,
    content: Vec<u8>,
    content_begun: bool,
    requeued: bool,
}

/// The file is no submission; that has been logged.
struct Malformed;

impl Intake<'_> {
    async fn run(mut self, file: &mut std::fs::File) -> Fate {
        self.look_at_the_clock();
        self.message.envelope.filter.clone_from(&self.settings.filter);
        let mut buffer = Vec::with_capacity(PIECE);
        let mut used = 0;
        let mut jumps = 0;
        loop {
            // A record is at most one line of the message, which postdrop has bounded.
            let rest = buffer.get(used..).unwrap_or_default();
            let record = match take(rest, self.settings.line_limit) {
                Ok(Some(record)) => record,
                Ok(None) => {
                    buffer.drain(..used);
                    used = 0;
                    let at = buffer.len();
                    buffer.resize(at + PIECE, 0);
                    let read = file.read(buffer.get_mut(at..).unwrap_or_default());
                    buffer.truncate(at + *read.as_ref().unwrap_or(&0));
                    match read {
                        Ok(count) if count > 0 => continue,
                        Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                        Err(error) => {
                            let (path, why) = (&self.submission.shown, why(&error));
                            self.log.warning(format_args!("{path}: read error: {why}"));
                            return Fate::Keep;
                        }
                        Ok(_) => return self.malformed(-1),
                    }
                }
                Err(malformed) => {
                    let path = &self.submission.shown;
                    self.log.warning(format_args!("{path}: {malformed}"));
                    return self.malformed(-2);
                }
            };
            used += record.length;
            let (kind, data) = (record.kind, record.data.to_vec());
            if kind == kind::PADDING {
                continue;
            }
            if kind == kind::POINTER {
                // Only files that Postfix wrote and changed in place have these.
                jumps += 1;
                match String::from_utf8_lossy(&data).trim().parse::<u64>() {
                    Ok(0) => {}
                    Ok(offset) if jumps < JUMPS && file.seek(SeekFrom::Start(offset)).is_ok() => {
                        buffer.clear();
                        used = 0;
                    }
                    _ => return self.malformed(-2),
                }
                continue;
            }
            match self.record(kind, &data).await {
                Ok(false) => {}
                Ok(true) => return self.finish().await,
                Err(Malformed) => return Fate::Remove,
            }
        }
    }

    fn malformed(&self, kind: i32) -> Fate {
        let uid = self.submission.uid;
        self.log.warning(format_args!("uid={uid}: unexpected or malformed record type {kind}"));
        Fate::Remove
    }

    /// Warns about files from the future, and about those that nobody has taken for a day.
    fn look_at_the_clock(&self) {
        let now = i64::try_from(crate::sys::now() / 1_000_000).unwrap_or(i64::MAX);
        let Submission { shown, modified, .. } = self.submission;
        let id = self.message.queue_id();
        let age = now - modified;
        if age < -7200 {
            self.log.warning(format_args!(
                "{id}: message {shown} dated {} seconds into the future",
                -age
            ));
        } else if age > 86_400 {
            self.log.warning(format_args!(
                "{id}: message {shown} has been queued for {} days",
                age / 86_400
            ));
        }
    }

    /// Takes a record; true after the last.
    async fn record(&mut self, kind: u8, data: &[u8]) -> Result<bool, Malformed> {
        let part = PARTS.get(self.part).copied().unwrap_or_default();
        if kind == 0 || !part.contains(&kind) {
            self.malformed(i32::from(kind));
            return Err(Malformed);
        }
        if part.first() == Some(&kind) {
            self.part += 1;
            match self.part {
                1 => self.end_of_envelope()?,
                2 => self.flush().await,
                _ => return Ok(true),
            }
        } else if self.part == 1 {
            self.content(kind, data).await;
        } else {
            self.envelope(kind, &String::from_utf8_lossy(data)).await;
        }
        Ok(false)
    }

    async fn envelope(&mut self, kind: u8, text: &str) {
        let envelope = &mut self.message.envelope;
        match kind {
            kind::TIME => {
                if let Some(time) = timestamp(text) {
                    envelope.arrival = time;
                    envelope.created = time;
                }
            }
            kind::CREATED => {
                if let Some(time) = timestamp(text) {
                    envelope.created = time;
                }
            }
            kind::SIZE => {
                let options: u32 = text
                    .split_ascii_whitespace()
                    .nth(5)
                    .and_then(|number| number.parse().ok())
                    .unwrap_or_default();
                envelope.smtputf8 |= options & 1 != 0;
                if options & (1 << 5) != 0 {
                    envelope.tls_wish = envelope.tls_wish.with(TlsWish::REQUIRED);
                }
            }
            kind::FULL_NAME => text.clone_into(&mut envelope.sender_name),
            kind::FROM if self.sender.is_none() => {
                self.sender = Some(text.to_owned());
                self.message.sender(text);
            }
            kind::VERP => envelope.verp = Some(text.to_owned()),
            kind::DSN_ENVID => envelope.envid = Some(text.to_owned()),
            kind::DSN_RET => envelope.ret = ret(text),
            kind::DSN_ORCPT => text.clone_into(&mut self.next.dsn_orcpt),
            kind::DSN_NOTIFY => self.next.notify = notify(text),
            kind::ORIGINAL_RCPT => text.clone_into(&mut self.next.original),
            kind::ATTRIBUTE => self.attribute(text),
            kind::RCPT => {
                let mut recipient = std::mem::take(&mut self.next);
                text.clone_into(&mut recipient.address);
                self.message.recipient(recipient).await;
            }
            kind::DONE => self.next = Recipient::default(),
            // Filters and redirects of an earlier life do not count.
            _ => {}
        }
    }

    fn attribute(&mut self, text: &str) {
        let Ok((name, value)) = split_assignment(text) else { return };
        let envelope = &mut self.message.envelope;
        match name {
            "encoding" => {
                envelope.body = match value {
                    "7bit" => Some(Body::SevenBit),
                    "8bit" => Some(Body::EightBitMime),
                    _ => None,
                };
            }
            "rewrite_context" if value == "remote" => {
                envelope.rewrite_context = RewriteContext::Remote;
            }
            "envelope_id" => envelope.envid = Some(value.to_owned()),
            "ret_flags" => envelope.ret = ret(value),
            "dsn_orig_rcpt" => value.clone_into(&mut self.next.dsn_orcpt),
            "notify_flags" => self.next.notify = notify(value),
            "create_time" => {
                if let Some(time) = timestamp(value) {
                    envelope.created = time;
                }
            }
            "trace_flags" => {
                let flags: u32 = value.parse().unwrap_or_default();
                envelope.trace.expand_only = flags & (1 << 9) != 0;
                envelope.trace.record = flags & (1 << 10) != 0;
            }
            _ => {}
        }
    }

    fn end_of_envelope(&mut self) -> Result<(), Malformed> {
        let id = self.message.queue_id();
        let Submission { uid, path, modified, .. } = self.submission;
        let Some(sender) = &self.sender else {
            self.log.warning(format_args!("{id}: uid={uid}: no envelope sender"));
            return Err(Malformed);
        };
        let sender = quote(sender);
        if self.requeued {
            let original = path.file_name().unwrap_or_default().to_string_lossy();
            self.log.info(format_args!("{id}: uid={uid} from=<{sender}> orig_id={original}"));
        } else {
            self.log.info(format_args!("{id}: uid={uid} from=<{sender}>"));
        }
        let now = crate::sys::now() / 1_000_000;
        let date = u64::try_from(*modified).unwrap_or(now);
        // A file from the future is dated now.
        let date = mail_date(if date > now + 7200 { now } else { date });
        let Settings { host, mail_name, .. } = self.settings;
        self.message.prepend(&format!(
            "Received: by {host} ({mail_name}, from userid {uid})\n\tid {id}; {date}"
        ));
        Ok(())
    }

    async fn content(&mut self, kind: u8, data: &[u8]) {
        if !matches!(kind, kind::LINE | kind::PART) {
            return;
        }
        // Text that begins with white space would become a part of our own header line.
        if !std::mem::replace(&mut self.content_begun, true)
            && matches!(data.first(), Some(b' ' | b'\t'))
        {
            self.content.push(b'\n');
        }
        self.content.extend_from_slice(data);
        if kind == kind::LINE {
            self.content.push(b'\n');
        }
        if self.content.len() >= PIECE {
            self.flush().await;
        }
    }

    async fn flush(&mut self) {
        if !self.content.is_empty() {
            let content = std::mem::take(&mut self.content);
            self.message.content(&content).await;
        }
    }

    async fn finish(self) -> Fate {
        let id = self.message.queue_id();
        match self.message.finish().await {
            Verdict::Queued => Fate::Remove,
            Verdict::Refused(Refusal { reason, text, .. }) => {
                // What a check or filter refused has been logged.
                if !matches!(reason, Reason::Content | Reason::Mapping) {
                    let path = &self.submission.shown;
                    self.log.warning(format_args!("{path}: error writing {id}: {text}"));
                }
                match reason {
                    Reason::NoRecipients | Reason::Internal => Fate::Remove,
                    _ => Fate::Keep,
                }
            }
        }
    }
}

/// Seconds, and microseconds after them if there are any.
fn timestamp(text: &str) -> Option<Timestamp> {
    let mut numbers = text.split_ascii_whitespace().map(str::parse::<u64>);
    let seconds = numbers.next()?.ok()?;
    let micros = numbers.next().and_then(Result::ok).unwrap_or_default();
    Some(Timestamp(seconds.checked_mul(1_000_000)?.checked_add(micros.min(999_999))?))
}

fn ret(text: &str) -> Option<Ret> {
    match text.trim() {
        "1" => Some(Ret::Full),
        "2" => Some(Ret::Headers),
        _ => None,
    }
}

fn notify(text: &str) -> Notify {
    Notify(text.trim().parse::<u8>().unwrap_or_default() & 0xf)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        assert_eq!(timestamp("12 34"), Some(Timestamp(12_000_034)));
        assert_eq!(timestamp("12"), Some(Timestamp(12_000_000)));
        assert_eq!(timestamp("x"), None);
        assert_eq!(timestamp("18446744073709551615 0"), None);
    }
}
