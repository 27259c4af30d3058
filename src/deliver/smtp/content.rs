//! Content on its way out: LF becomes CRLF, a dot at the start of a line is doubled, and lines
//! that the RFCs do not allow are broken.

use memchr::memchr;

/// Turns stored content into what follows DATA, except for the final dot.
#[derive(Debug)]
pub struct Outgoing {
    /// `smtp_line_length_limit`; zero is no limit.
    limit: usize,
    /// Bytes of the current line so far.
    column: usize,
    /// Whether nothing of the current line, broken or not, has been written.
    at_start: bool,
    broke: bool,
}

impl Outgoing {
    /// Breaks lines longer than `limit` bytes by CRLF and a space, unless it is zero.
    pub fn new(limit: usize) -> Self {
        Self { limit, column: 0, at_start: true, broke: false }
    }

    /// Takes the next piece of content, cut anywhere.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let mut rest = piece;
        while let Some(end) = memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end);
            self.text(line, out);
            self.end_line(out);
            rest = after.get(1..).unwrap_or_default();
        }
        if !rest.is_empty() {
            self.text(rest, out);
        }
    }

    /// Takes one whole line without its line end.
    pub fn line(&mut self, line: &[u8], out: &mut Vec<u8>) {
        self.text(line, out);
        self.end_line(out);
    }

    /// Ends the last line if the content did not.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        if !self.at_start {
            self.end_line(out);
        }
    }

    /// Whether a line has been broken since the last time this was asked.
    pub fn broke_line(&mut self) -> bool {
        std::mem::take(&mut self.broke)
    }

    fn text(&mut self, text: &[u8], out: &mut Vec<u8>) {
        if self.at_start {
            match text.first() {
                None => return,
                Some(b'.') => out.push(b'.'),
                Some(_) => {}
            }
            self.at_start = false;
        }
        let mut rest = text;
        while self.limit > 0
            && let Some((fits, over)) =
                rest.split_at_checked(self.limit.saturating_sub(self.column))
            && !over.is_empty()
        {
            out.extend_from_slice(fits);
            out.extend_from_slice(b"\r\n ");
            self.column = 1.min(self.limit - 1);
            self.broke = true;
            rest = over;
        }
        out.extend_from_slice(rest);
        self.column += rest.len();
    }

    fn end_line(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"\r\n");
        self.column = 0;
        self.at_start = true;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sent(content: &[u8], limit: usize, cut: usize) -> Vec<u8> {
        let mut outgoing = Outgoing::new(limit);
        let mut out = Vec::new();
        for piece in content.chunks(cut.max(1)) {
            outgoing.push(piece, &mut out);
        }
        outgoing.finish(&mut out);
        out
    }

    #[test]
    fn dots_are_doubled_at_line_starts_only() {
        assert_eq!(sent(b".\n..\na.b\n", 998, 100), b"..\r\n...\r\na.b\r\n");
        assert_eq!(sent(b"no end", 998, 100), b"no end\r\n");
        assert_eq!(sent(b"\n\n", 998, 100), b"\r\n\r\n");
    }

    #[test]
    fn long_lines_are_broken() {
        assert_eq!(sent(b"abcdefgh\n", 4, 100), b"abcd\r\n efg\r\n h\r\n");
        assert_eq!(sent(b"abcd\nab.d\n", 4, 100), b"abcd\r\nab.d\r\n");
        assert_eq!(sent(b"abcd.\n", 4, 100), b"abcd\r\n .\r\n");
        assert_eq!(sent(b"abcdefgh\n", 0, 100), b"abcdefgh\r\n");
    }

    proptest! {
        #[test]
        fn cuts_do_not_matter(content in "[.a\n]{0,60}", cut in 1_usize..9, limit in 0_usize..6) {
            let content = content.as_bytes();
            prop_assert_eq!(sent(content, limit, cut), sent(content, limit, 1000));
        }

        #[test]
        fn the_receiver_gets_the_lines_back(content in "([.ab]{0,5}\n){0,9}") {
            let wire = String::from_utf8(sent(content.as_bytes(), 998, 7)).unwrap();
            let lines = wire.split_inclusive("\r\n").map(|line| line.trim_end_matches("\r\n"));
            let plain = |line: &str| format!("{}\n", line.strip_prefix('.').unwrap_or(line));
            prop_assert_eq!(lines.map(plain).collect::<String>(), content);
        }
    }
}
