//! Where the content of a message gathers: in memory up to a bound, beyond it in an unlinked file
//! of the spool. Counts the size that the log shows.
//!
//! That size is Postfix's: what the content would take as records of a queue file, each with a
//! type byte and a length of one byte for each seven bits. Long lines are several records.
//!
//! All messages of a process together take no more than [`MEMORY_OF_ALL`], and [`MEMORY_MIN`] for
//! each: when that is used up, content goes to files earlier.

use std::io::{Read, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::spool::{Content, ScratchFile, SpoolError, Writer};

/// A pointer record of a queue file: Postfix writes some into messages that milters may change.
const POINTER_PAYLOAD: usize = 15;
const POINTER_RECORD: u64 = 2 + POINTER_PAYLOAD as u64;

/// How much is copied at once.
const PIECE: usize = 64 << 10;

/// Content beyond this goes to a file.
const MEMORY_MAX: usize = 1 << 20;

/// The same when other messages take much memory.
const MEMORY_MIN: usize = 64 << 10;

/// What the messages of a process may take in memory.
const MEMORY_OF_ALL: usize = 256 << 20;

/// What they take now.
static HELD: AtomicUsize = AtomicUsize::new(0);

/// How much of [`HELD`] is one message's; counted in steps.
#[derive(Debug, Default)]
struct Held(usize);

impl Held {
    const STEP: usize = 16 << 10;

    fn is(&mut self, bytes: usize) {
        if bytes > self.0 + Self::STEP {
            HELD.fetch_add(bytes - self.0, Ordering::Relaxed);
            self.0 = bytes;
        }
    }

    fn none(&mut self) {
        HELD.fetch_sub(std::mem::take(&mut self.0), Ordering::Relaxed);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.none();
    }
}

#[derive(Debug)]
pub(super) struct Store {
    memory: Vec<u8>,
    held: Held,
    file: Option<ScratchFile>,
    /// Size as Postfix counts it, of all whole records.
    size: u64,
    /// Bytes of the record that the fast path is in.
    column: usize,
    line_limit: usize,
    /// Where the body begins, with the empty line before it.
    body_at: u64,
    /// The size of the header.
    header_size: u64,
    /// The size counts what Postfix adds for milters.
    editable: bool,
    pub failed: Option<SpoolError>,
}

fn record_size(length: usize) -> u64 {
    let mut size = 2 + length as u64;
    let mut rest = length >> 7;
    while rest > 0 {
        size += 1;
        rest >>= 7;
    }
    size
}

impl Store {
    pub(super) fn new(line_limit: usize) -> Self {
        Self {
            memory: Vec::new(),
            held: Held::default(),
            file: None,
            size: 0,
            column: 0,
            line_limit,
            body_at: 0,
            header_size: 0,
            editable: false,
            failed: None,
        }
    }

    /// Milters will see the message.
    pub(super) fn make_editable(&mut self) {
        self.editable = true;
    }

    /// The header is complete.
    pub(super) fn begin_body(&mut self) {
        self.body_at = self.length();
        if self.editable {
            self.size += POINTER_RECORD;
        }
        self.header_size = self.size;
    }

    /// Size as Postfix counts it.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Bytes stored so far.
    pub(super) fn length(&self) -> u64 {
        self.memory.len() as u64 + self.file.as_ref().map_or(0, ScratchFile::len)
    }

    /// One line of a header, without its end. A long one counts as several records.
    pub(super) fn header_line(&mut self, line: &[u8], writer: &Writer) {
        let mut rest = line.len();
        while rest > self.line_limit {
            self.size += record_size(self.line_limit);
            rest -= self.line_limit;
        }
        self.size += record_size(rest);
        self.memory.extend_from_slice(line);
        self.memory.push(b'\n');
        self.spill(writer);
    }

    /// The first line of a field. Postfix leaves room for a pointer where milters may come.
    pub(super) fn field_begins(&mut self, line: &[u8], writer: &Writer) {
        if self.editable && line.len() < POINTER_PAYLOAD {
            let padding = (POINTER_PAYLOAD - line.len()).saturating_sub(2).max(1);
            self.size += record_size(padding);
        }
        self.header_line(line, writer);
    }

    /// One record of the body; `continued` if the line goes on in the next.
    pub(super) fn body_record(&mut self, text: &[u8], continued: bool, writer: &Writer) {
        self.size += record_size(text.len());
        self.memory.extend_from_slice(text);
        if !continued {
            self.memory.push(b'\n');
        }
        self.spill(writer);
    }

    /// Body text that nothing looks at, lines whole or not.
    pub(super) fn body(&mut self, text: &[u8], writer: &Writer) {
        let mut start = 0;
        for end in memchr::memchr_iter(b'\n', text) {
            self.columns(end - start);
            self.size += record_size(self.column);
            self.column = 0;
            start = end + 1;
        }
        self.columns(text.len() - start);
        self.memory.extend_from_slice(text);
        self.spill(writer);
    }

    fn columns(&mut self, more: usize) {
        self.column += more;
        while self.column >= self.line_limit {
            self.size += record_size(self.line_limit);
            self.column -= self.line_limit;
        }
    }

    /// Ends a last line that has no end.
    pub(super) fn end_body(&mut self, writer: &Writer) {
        if self.editable {
            self.size += POINTER_RECORD;
        }
        let ended = match self.memory.last() {
            Some(last) => *last == b'\n',
            None => self.column == 0,
        };
        if self.column > 0 {
            self.size += record_size(self.column);
            self.column = 0;
        }
        if !ended {
            self.size += record_size(0);
            self.memory.push(b'\n');
            self.spill(writer);
        }
    }

    fn spill(&mut self, writer: &Writer) {
        let length = self.memory.len();
        self.held.is(length);
        let is_tight = length > MEMORY_MIN && HELD.load(Ordering::Relaxed) > MEMORY_OF_ALL;
        if (length > MEMORY_MAX || is_tight) && self.failed.is_none() {
            self.flush(writer);
        }
    }

    fn flush(&mut self, writer: &Writer) {
        if self.file.is_none() {
            match writer.scratch_file() {
                Ok(file) => self.file = Some(file),
                Err(error) => {
                    self.failed = Some(error);
                    self.memory = Vec::new();
                    return;
                }
            }
        }
        if let Some(file) = &mut self.file {
            match file.write_all(&self.memory) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => {
                    self.failed = Some(SpoolError::Full(error.to_string()));
                }
                Err(error) => self.failed = Some(SpoolError::Failed(error.to_string())),
            }
        }
        self.memory = Vec::new();
        self.held.none();
    }

    /// The content, whole.
    pub(super) fn finish(mut self, writer: &Writer) -> Result<Content, SpoolError> {
        if self.file.is_some() && !self.memory.is_empty() && self.failed.is_none() {
            self.flush(writer);
        }
        match (self.failed, self.file) {
            (Some(error), _) => Err(error),
            (None, Some(file)) => {
                let length = file.len();
                Ok(Content::File(file, length))
            }
            (None, None) => Ok(Content::Memory(self.memory)),
        }
    }

    /// The header, whole.
    pub(super) fn header(&self) -> std::io::Result<Vec<u8>> {
        let mut header = Vec::new();
        Reading { store: self, at: 0 }.take(self.body_at).read_to_end(&mut header)?;
        Ok(header)
    }

    /// Reads everything.
    pub(super) fn reading(&self) -> Reading<'_> {
        Reading { store: self, at: 0 }
    }

    /// Reads the body with the empty line before it.
    pub(super) fn reading_body(&self) -> Reading<'_> {
        Reading { store: self, at: self.body_at }
    }

    /// Takes another header and, if given, another body. Only the latter changes the size.
    pub(super) fn rebuild(
        &mut self,
        header: Vec<u8>,
        body: Option<&Self>,
        writer: &Writer,
    ) -> std::io::Result<()> {
        let mut new = Self::new(self.line_limit);
        new.memory = header;
        new.body_at = new.memory.len() as u64;
        let mut rest = body.map_or_else(|| self.reading_body(), Self::reading);
        let mut piece = vec![0; PIECE];
        loop {
            let count = rest.read(&mut piece)?;
            if count == 0 {
                break;
            }
            new.memory.extend_from_slice(piece.get(..count).unwrap_or_default());
            new.spill(writer);
        }
        self.memory = new.memory;
        self.file = new.file;
        self.body_at = new.body_at;
        self.failed = new.failed;
        if let Some(body) = body {
            self.size = self.header_size + body.size;
        }
        Ok(())
    }
}

/// Reads what has been stored.
#[derive(Debug)]
pub(super) struct Reading<'a> {
    store: &'a Store,
    at: u64,
}

impl Read for Reading<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let in_file = self.store.file.as_ref().map_or(0, ScratchFile::len);
        let count = match &self.store.file {
            Some(file) if self.at < in_file => {
                let left = usize::try_from(in_file - self.at).unwrap_or(usize::MAX);
                let room = buffer.len().min(left);
                file.read_at(buffer.get_mut(..room).unwrap_or_default(), self.at)?
            }
            _ => {
                let from = usize::try_from(self.at - in_file).unwrap_or(usize::MAX);
                let mut rest = self.store.memory.get(from..).unwrap_or_default();
                rest.read(buffer)?
            }
        };
        self.at += count as u64;
        Ok(count)
    }
}
