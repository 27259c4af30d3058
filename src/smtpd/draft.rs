//! A message on its way in: through cleanup into the queue, or, in stand-alone mode, through
//! postdrop into the maildrop, with the rights of whoever runs this.

use std::path::PathBuf;

use crate::cleanup::{Message, Reason, Refusal};
use crate::log::Log;
use crate::mail::envelope::{Body, Recipient};
use crate::mail::queue_id::QueueId;
use crate::mail::status::Status;
use crate::service::postdrop::{Postdrop, status};
use crate::wire::queue_record::kind;

/// A message on its way in.
#[derive(Debug)]
pub enum Draft {
    /// Through cleanup.
    Queue(Box<Message>),
    /// Through postdrop.
    Maildrop(Box<Submission>),
}

/// How mail gets into the maildrop.
#[derive(Clone, Debug)]
pub struct Maildrop {
    /// `command_directory`
    pub command_directory: PathBuf,
    /// Where main.cf is.
    pub config_directory: PathBuf,
    /// How often `-v` was given.
    pub verbose: usize,
    /// `line_length_limit`: no record is longer.
    pub line_limit: usize,
}

/// What MAIL said, as far as postdrop takes it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Envelope<'a> {
    /// Internal form.
    pub sender: &'a str,
    /// BODY
    pub body: Option<Body>,
    /// Delimiters of XVERP.
    pub verp: Option<&'a str>,
}

impl Draft {
    /// Its queue ID.
    pub fn queue_id(&self) -> QueueId {
        match self {
            Self::Queue(message) => message.queue_id(),
            Self::Maildrop(submission) => submission.queue_id,
        }
    }

    /// Another recipient.
    pub async fn recipient(&mut self, recipient: Recipient) {
        match self {
            Self::Queue(message) => message.recipient(recipient).await,
            Self::Maildrop(submission) => submission.recipient(&recipient),
        }
    }

    /// A header line before all content.
    pub fn prepend(&mut self, header: &str) {
        match self {
            Self::Queue(message) => message.prepend(header),
            Self::Maildrop(submission) => submission.prepended.push(header.to_owned()),
        }
    }

    /// The next bytes of the content.
    pub async fn content(&mut self, bytes: &[u8]) {
        match self {
            Self::Queue(message) => message.content(bytes).await,
            Self::Maildrop(submission) => submission.content(bytes),
        }
    }

    /// Whether it is refused already.
    pub fn refused(&self) -> Option<Refusal> {
        match self {
            Self::Queue(message) => message.refused(),
            Self::Maildrop(_) => None,
        }
    }
}

/// A message on its way through postdrop. Dropped before its end, it is not queued.
#[derive(Debug)]
pub struct Submission {
    postdrop: Postdrop,
    queue_id: QueueId,
    line_limit: usize,
    prepended: Vec<String>,
    /// The beginning of a line whose end has not come yet.
    line: Vec<u8>,
    in_content: bool,
    /// postdrop takes no more.
    failed: bool,
}

impl Submission {
    /// Starts postdrop; the error is fatal for the session.
    pub fn begin(way: &Maildrop, envelope: Envelope<'_>, log: &Log) -> Result<Self, String> {
        let Maildrop { command_directory, config_directory, verbose, line_limit } = way;
        let postdrop = Postdrop::start(command_directory, config_directory, *verbose, log)?;
        let queue_id = postdrop.id().parse().unwrap_or(QueueId::NONE);
        let mut submission = Self {
            postdrop,
            queue_id,
            line_limit: (*line_limit).max(1),
            prepended: Vec::new(),
            line: Vec::new(),
            in_content: false,
            failed: false,
        };
        submission.record(kind::FROM, envelope.sender.as_bytes());
        if let Some(body) = envelope.body {
            let eight = body == Body::EightBitMime;
            submission.attribute("encoding", if eight { "8bit" } else { "7bit" });
        }
        if let Some(delimiters) = envelope.verp {
            submission.record(kind::VERP, delimiters.as_bytes());
        }
        Ok(submission)
    }

    fn record(&mut self, kind: u8, data: &[u8]) {
        self.failed = self.failed || self.postdrop.record(kind, data).is_err();
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.record(kind::ATTRIBUTE, format!("{name}={value}").as_bytes());
    }

    fn recipient(&mut self, recipient: &Recipient) {
        if !recipient.notify.is_default() {
            self.attribute("notify_flags", &recipient.notify.0.to_string());
        }
        if !recipient.dsn_orcpt.is_empty() {
            self.attribute("dsn_orig_rcpt", &recipient.dsn_orcpt);
        }
        self.record(kind::RCPT, recipient.address.as_bytes());
    }

    /// The envelope is over.
    fn begin_content(&mut self) {
        if std::mem::replace(&mut self.in_content, true) {
            return;
        }
        self.record(kind::MESSAGE, b"");
        for header in std::mem::take(&mut self.prepended) {
            for line in header.lines() {
                self.record(kind::LINE, line.as_bytes());
            }
        }
    }

    fn content(&mut self, bytes: &[u8]) {
        self.begin_content();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            match piece.split_last() {
                Some((b'\n', text)) => {
                    self.line.extend_from_slice(text);
                    self.parts();
                    let line = std::mem::take(&mut self.line);
                    self.record(kind::LINE, &line);
                }
                _ => {
                    self.line.extend_from_slice(piece);
                    self.parts();
                }
            }
        }
    }

    /// Long lines go as several records.
    fn parts(&mut self) {
        while self.line.len() >= self.line_limit {
            let rest = self.line.split_off(self.line_limit);
            let part = std::mem::replace(&mut self.line, rest);
            self.record(kind::PART, &part);
        }
    }

    /// The message is whole.
    pub fn finish(mut self, log: &Log) -> Result<(), Refusal> {
        self.begin_content();
        if !self.line.is_empty() {
            let line = std::mem::take(&mut self.line);
            self.record(kind::LINE, &line);
        }
        self.record(kind::EXTRACTED, b"");
        self.record(kind::END, b"");
        let answer = if self.failed { None } else { self.postdrop.finish(log) };
        let (bits, _) = answer.unwrap_or((status::WRITE, String::new()));
        let refusal = |reason, (class, subject, detail), text: &str| {
            let status = Status::new(class, subject, detail);
            Err(Refusal { reason, status, text: text.to_owned() })
        };
        match bits {
            0 => Ok(()),
            bits if bits & status::SIZE != 0 => {
                refusal(Reason::TooBig, (5, 3, 4), "message file too big")
            }
            bits if bits & status::WRITE != 0 => {
                refusal(Reason::Write, (4, 3, 0), "queue file write error")
            }
            bits => refusal(Reason::Internal, (4, 3, 0), status::text(bits)),
        }
    }
}
