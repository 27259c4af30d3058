//! From the socket into a file or a command: the content with what the destination wants before
//! it, in it and after it.

use std::io::{self, Read, Write};

use crate::ipc::worker::Copy;

/// The largest piece that is held in memory.
const PIECE: usize = 256 << 10;

/// What every line is looked at for.
const FROM: &[u8] = b"From ";

/// A failed copy. Both leave the destination as far as it was written.
#[derive(Debug)]
pub(super) enum CopyError {
    /// The parent has gone: there is nobody to report to.
    Parent,
    /// The destination refused.
    Write(io::Error),
}

/// The content of the job at hand: what is left of it on the socket.
#[derive(Debug)]
pub(super) struct Body<'a, R> {
    pub(super) from: &'a mut R,
    pub(super) left: u64,
}

impl<R: Read> Body<'_, R> {
    /// Appends up to [`PIECE`] bytes to `piece`; false at the end.
    fn next(&mut self, piece: &mut Vec<u8>) -> Result<bool, CopyError> {
        let want = self.left.min(PIECE as u64);
        if want == 0 {
            return Ok(false);
        }
        let got = (&mut *self.from).take(want).read_to_end(piece);
        if got.map_err(|_| CopyError::Parent)? as u64 != want {
            return Err(CopyError::Parent);
        }
        self.left -= want;
        Ok(true)
    }

    /// Reads what is left and forgets it.
    pub(super) fn drain(&mut self) -> Result<(), CopyError> {
        let mut piece = Vec::new();
        while self.next(&mut piece)? {
            piece.clear();
        }
        Ok(())
    }

    /// All of it, for what fits in memory.
    pub(super) fn all(&mut self) -> Result<Vec<u8>, CopyError> {
        let mut all = Vec::new();
        while self.next(&mut all)? {}
        Ok(all)
    }
}

/// Copies the content to `out`, changed as `copy` says.
pub(super) fn copy<R: Read>(
    copy: &Copy,
    body: &mut Body<'_, R>,
    mut out: impl Write,
) -> Result<(), CopyError> {
    let mut change = Change { copy, at_line_start: true, held: Vec::new() };
    let mut ready = copy.prefix.clone();
    if change.is_plain() {
        // The common case: content goes behind the prefix and out with it, in one write.
        while body.next(&mut ready)? {
            change.at_line_start = ready.last().is_none_or(|last| *last == b'\n');
            if body.left > 0 {
                out.write_all(&ready).map_err(CopyError::Write)?;
                ready.clear();
            }
        }
    } else {
        let mut piece = Vec::new();
        while body.next(&mut piece)? {
            change.push(&piece, &mut ready);
            piece.clear();
            if body.left > 0 {
                out.write_all(&ready).map_err(CopyError::Write)?;
                ready.clear();
            }
        }
    }
    change.finish(&mut ready);
    out.write_all(&ready).map_err(CopyError::Write)
}

/// Changes content that comes in pieces.
struct Change<'a> {
    copy: &'a Copy,
    at_line_start: bool,
    /// The start of a line that may become `From `.
    held: Vec<u8>,
}

impl Change<'_> {
    fn is_plain(&self) -> bool {
        !self.copy.quote_from && !self.copy.double_dots && self.copy.line_end.is_none()
    }

    fn line_end(&self) -> &[u8] {
        self.copy.line_end.as_deref().unwrap_or(b"\n")
    }

    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        if self.held.is_empty() {
            return self.lines(piece, out);
        }
        let mut joined = std::mem::take(&mut self.held);
        joined.extend_from_slice(piece);
        self.lines(&joined, out);
    }

    fn lines(&mut self, mut rest: &[u8], out: &mut Vec<u8>) {
        while !rest.is_empty() {
            if self.at_line_start {
                if self.copy.quote_from && rest.len() < FROM.len() && FROM.starts_with(rest) {
                    self.held = rest.to_vec();
                    return;
                }
                self.mark(rest, out);
            }
            let (line, after) = match memchr::memchr(b'\n', rest) {
                Some(end) => (rest.get(..end), rest.get(end + 1..)),
                None => (Some(rest), None),
            };
            out.extend_from_slice(line.unwrap_or_default());
            self.at_line_start = after.is_some();
            if self.at_line_start {
                out.extend_from_slice(self.line_end());
            }
            rest = after.unwrap_or_default();
        }
    }

    /// What stands before a line.
    fn mark(&self, line: &[u8], out: &mut Vec<u8>) {
        if self.copy.quote_from && line.starts_with(FROM) {
            out.push(b'>');
        }
        if self.copy.double_dots && line.first() == Some(&b'.') {
            out.push(b'.');
        }
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.held.is_empty() {
            let held = std::mem::take(&mut self.held);
            out.extend_from_slice(&held);
            self.at_line_start = false;
        }
        if !self.at_line_start {
            out.extend_from_slice(self.line_end());
        }
        if self.copy.blank_line {
            out.extend_from_slice(self.line_end());
        }
    }
}

/// The line that starts a message in a mailbox: `From sender  Thu Jan  1 00:00:00 1970`, without
/// its line end. `sender` is in external form; the null sender is `MAILER-DAEMON`.
pub fn mbox_from_line(sender: &str, time: jiff::Timestamp, zone: &jiff::tz::TimeZone) -> String {
    let sender = if sender.is_empty() { "MAILER-DAEMON" } else { sender };
    let time = time.to_zoned(zone.clone());
    format!("From {sender}  {}", time.strftime("%a %b %e %H:%M:%S %Y"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied(with: &Copy, content: &[u8]) -> Vec<u8> {
        let mut from = content;
        let mut body = Body { from: &mut from, left: content.len() as u64 };
        let mut out = Vec::new();
        copy(with, &mut body, &mut out).unwrap();
        out
    }

    fn mbox() -> Copy {
        Copy { quote_from: true, blank_line: true, ..Copy::default() }
    }

    #[test]
    fn from_is_quoted_at_line_starts_only() {
        let content = b"From a\nx From b\n>From c\nFrom\nFromage\n\nFrom ";
        let expected = b">From a\nx From b\n>From c\nFrom\nFromage\n\n>From \n\n";
        assert_eq!(copied(&mbox(), content), expected);
        assert_eq!(copied(&mbox(), b"a\nFro"), b"a\nFro\n\n");
        assert_eq!(copied(&mbox(), b""), b"\n");
    }

    #[test]
    fn dots_and_line_ends() {
        let with = Copy {
            prefix: b"P\r\n".to_vec(),
            double_dots: true,
            line_end: Some(b"\r\n".to_vec()),
            ..Copy::default()
        };
        assert_eq!(copied(&with, b".\n..x\ny"), b"P\r\n..\r\n...x\r\ny\r\n");
    }

    #[test]
    fn plain_content_gets_a_last_line_end() {
        let with = Copy { prefix: b"P\n".to_vec(), ..Copy::default() };
        assert_eq!(copied(&with, b"a\nb"), b"P\na\nb\n");
        assert_eq!(copied(&with, b"a\n"), b"P\na\n");
        assert_eq!(copied(&with, b""), b"P\n");
        let big = vec![b'x'; PIECE * 2 + 7];
        assert_eq!(copied(&with, &big).len(), 2 + big.len() + 1);
    }

    #[test]
    fn from_line() {
        let zone = jiff::tz::TimeZone::UTC;
        let time = jiff::Timestamp::from_second(0).unwrap();
        assert_eq!(mbox_from_line("a@b", time, &zone), "From a@b  Thu Jan  1 00:00:00 1970");
        let line = mbox_from_line("", time, &zone);
        assert!(line.starts_with("From MAILER-DAEMON  Thu"), "{line}");
    }

    proptest::proptest! {
        /// However the content is cut into pieces, the result is that of the whole.
        #[test]
        fn pieces_do_not_matter(lines in proptest::collection::vec("(From |Fr|\\.|x| )?[a-z]{0,3}", 0..12), cut in 1_usize..9) {
            let content = lines.join("\n");
            let with = Copy { double_dots: true, ..mbox() };
            let mut change = Change { copy: &with, at_line_start: true, held: Vec::new() };
            let mut out = Vec::new();
            for piece in content.as_bytes().chunks(cut) {
                change.push(piece, &mut out);
            }
            change.finish(&mut out);
            proptest::prop_assert_eq!(out, copied(&with, content.as_bytes()));
        }
    }
}
