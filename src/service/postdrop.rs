//! postdrop(1) as a child of a program that submits mail with its caller's rights: it takes
//! records, and answers with a queue ID and a status.

use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::config::why;
use crate::log::Log;
use crate::wire::attr::{Item, take};
use crate::wire::queue_record::push;

/// Bits of the status by which postdrop answers (and exits): those of Postfix's cleanup.
pub mod status {
    /// The input was no message.
    pub const BAD: u32 = 1;
    /// The file could not be written.
    pub const WRITE: u32 = 1 << 1;
    /// The message is too large.
    pub const SIZE: u32 = 1 << 2;
    /// The user may not do this.
    pub const NO_PERMISSION: u32 = 1 << 9;

    /// Postfix's words for it.
    pub fn text(status: u32) -> &'static str {
        match status {
            0 => "Success",
            s if s & BAD != 0 => "internal protocol error",
            s if s & SIZE != 0 => "message file too big",
            s if s & WRITE != 0 => "queue file write error",
            s if s & NO_PERMISSION != 0 => "service denied",
            _ => "unknown error",
        }
    }
}

/// Answers are short.
const ANSWER_MAX: usize = 100_000;

/// A running postdrop.
#[derive(Debug)]
pub struct Postdrop {
    child: Child,
    input: Option<BufWriter<ChildStdin>>,
    output: ChildStdout,
    answers: Vec<u8>,
    scratch: Vec<u8>,
    id: String,
}

impl Postdrop {
    /// Starts it, and waits for its queue ID; the words of a failure, for `unable to execute`.
    pub fn start(
        command_directory: &Path,
        config_directory: &Path,
        verbose: usize,
        log: &Log,
    ) -> Result<Self, String> {
        let path = command_directory.join("postdrop");
        let mut words = format!("{} -r", path.display());
        words.push_str(&" -v".repeat(verbose));
        let unable = |why: &str| format!("unable to execute {words}: {why}");
        let mut child = Command::new(&path)
            .arg("-r")
            .args(std::iter::repeat_n("-v", verbose))
            .env("MAIL_CONFIG", config_directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| unable(&why(&e)))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(unable("no pipe"));
        };
        let mut postdrop = Self {
            child,
            input: Some(BufWriter::with_capacity(1 << 16, input)),
            output,
            answers: Vec::new(),
            scratch: Vec::new(),
            id: String::new(),
        };
        let hello = postdrop.answer().unwrap_or_default();
        if let Some((_, id)) = hello.into_iter().find(|(name, _)| name == "queue_id") {
            postdrop.id = id;
            return Ok(postdrop);
        }
        postdrop.input = None;
        if let Some(status) = postdrop.child.wait().ok().and_then(|status| status.code())
            && status != 0
        {
            log.warning(format_args!("command \"{words}\" exited with status {status}"));
        }
        Err(unable("Success"))
    }

    /// The queue ID of the message, as long as it is in the maildrop.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Sends a record.
    pub fn record(&mut self, kind: u8, data: &[u8]) -> std::io::Result<()> {
        self.scratch.clear();
        push(&mut self.scratch, kind, data);
        match &mut self.input {
            Some(input) => input.write_all(&self.scratch),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// After the last record: the status and what postdrop says about it.
    pub fn finish(mut self, log: &Log) -> Option<(u32, String)> {
        let sent = self.input.take().map(|mut input| input.flush());
        let answer = self.answer();
        // Its answer counts more than how it ends.
        if !self.child.wait().is_ok_and(|status| status.success()) {
            log.warning(format_args!("mail_stream_cleanup: close error"));
        }
        if !matches!(sent, Some(Ok(()))) {
            return None;
        }
        let answer = answer?;
        let find = |wanted: &str| answer.iter().find(|(name, _)| name == wanted);
        let status = find("status")?.1.parse().ok()?;
        Some((status, find("reason").map(|(_, why)| why.clone()).unwrap_or_default()))
    }

    /// The next list of attributes.
    fn answer(&mut self) -> Option<Vec<(String, String)>> {
        let mut attributes = Vec::new();
        loop {
            match take(&self.answers).ok()? {
                Some((item, length)) => {
                    self.answers.drain(..length);
                    match item {
                        Item::Attribute(name, value) => attributes.push((name, value)),
                        Item::End => return Some(attributes),
                    }
                }
                None => self.read_more()?,
            }
        }
    }

    fn read_more(&mut self) -> Option<()> {
        let mut buffer = [0; 4096];
        match self.output.read(&mut buffer) {
            Ok(count) if count > 0 && self.answers.len() < ANSWER_MAX => {
                self.answers.extend(buffer.iter().take(count));
                Some(())
            }
            Err(e) if e.kind() == std::io::ErrorKind::Interrupted => Some(()),
            _ => None,
        }
    }
}

impl Drop for Postdrop {
    /// A message that is not finished must not be queued: postdrop sees the end of its input.
    fn drop(&mut self) {
        self.input = None;
        let _ = self.child.wait();
    }
}
