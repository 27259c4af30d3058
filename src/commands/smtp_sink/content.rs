//! The end of a message's content: CR LF, a dot, CR LF, as strictly as RFC 5321 section 4.1.1.4 has it.

/// Looks for the end, however the bytes are cut up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// How much of the end has been seen.
    seen: usize,
}

/// The end.
const END: &[u8; 5] = b"\r\n.\r\n";

impl Default for Content {
    /// At the beginning of a line.
    fn default() -> Self {
        Self { seen: 2 }
    }
}

impl Content {
    /// Takes bytes. How many of them belong to the message, its end included, and whether it has
    /// ended there. What belongs in a file of the message (line ends as LF, without the dots that
    /// SMTP has put in front of lines, with an empty line for the end) is given to `keep`.
    pub fn take(&mut self, bytes: &[u8], mut keep: impl FnMut(&[u8])) -> (usize, bool) {
        let mut rest = bytes;
        while let Some((first, behind)) = rest.split_first() {
            if self.seen == 0 && *first != b'\r' {
                let next = memchr::memchr(b'\r', rest).unwrap_or(rest.len());
                let (text, behind) = rest.split_at(next);
                keep(text);
                rest = behind;
                continue;
            }
            let was_at_start = self.seen == 2;
            self.seen = match (END.get(self.seen), first) {
                (Some(wanted), byte) if wanted == byte => self.seen + 1,
                (_, b'\r') => 1,
                _ => 0,
            };
            if *first != b'\r' && !(was_at_start && self.seen == 3) {
                keep(std::slice::from_ref(first));
            }
            rest = behind;
            if self.seen == END.len() {
                *self = Self::default();
                return (bytes.len() - rest.len(), true);
            }
        }
        (bytes.len(), false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Feeds the bytes in pieces; what is kept, and what is left over behind the end.
    fn read(bytes: &[u8], piece: usize) -> (Vec<u8>, Option<Vec<u8>>) {
        let (mut content, mut kept) = (Content::default(), Vec::new());
        let mut rest = bytes;
        while !rest.is_empty() {
            let now = &rest[..piece.min(rest.len())];
            let (used, over) = content.take(now, |text| kept.extend_from_slice(text));
            rest = &rest[used..];
            if over {
                return (kept, Some(rest.to_vec()));
            }
        }
        (kept, None)
    }

    #[test]
    fn ends() {
        assert_eq!(read(b".\r\nQUIT", 9), (b"\n".to_vec(), Some(b"QUIT".to_vec())));
        let text = b"a\r\n..b\r\n.c\r\n\r\n.\r\nrest";
        assert_eq!(read(text, 99), (b"a\n.b\nc\n\n\n".to_vec(), Some(b"rest".to_vec())));
        for none in [&b"a\n.\n"[..], b"a\r\n.\n", b"a\r.\r\n", b"a.\r\n", b"\n.\r\n"] {
            assert_eq!(read(none, 99).1, None, "{none:?}");
        }
    }

    proptest! {
        #[test]
        fn pieces_do_not_matter(text in "[a.\r\n]{0,40}", piece in 1_usize..7) {
            let bytes = [text.as_bytes(), b"\r\n.\r\nX"].concat();
            prop_assert_eq!(read(&bytes, piece), read(&bytes, bytes.len()));
        }
    }
}
