//! Records of Postfix's queue files: one byte of type, a length in groups of seven bits with the
//! low ones first, then the data.
//!
//! sendmail and postdrop speak in such records, and a maildrop file consists of them:
//!
//! ```text
//! envelope (time, name, attributes, sender, recipients) M content (N, L) X more recipients E
//! ```

/// The types that occur in a submission.
pub mod kind {
    /// Sizes and flags: `%15ld` six times; the last is the send options.
    pub const SIZE: u8 = b'C';
    /// Arrival: seconds and microseconds.
    pub const TIME: u8 = b'T';
    /// Full name of the sender.
    pub const FULL_NAME: u8 = b'F';
    /// Envelope sender.
    pub const FROM: u8 = b'S';
    /// Recipient that has its mail already.
    pub const DONE: u8 = b'D';
    /// Recipient.
    pub const RCPT: u8 = b'R';
    /// What the recipient was called at first; stands before it.
    pub const ORIGINAL_RCPT: u8 = b'O';
    /// `name=value`
    pub const ATTRIBUTE: u8 = b'A';
    /// VERP delimiters.
    pub const VERP: u8 = b'V';
    /// The envelope ends, the content begins.
    pub const MESSAGE: u8 = b'M';
    /// A part of a line; more of it follows.
    pub const PART: u8 = b'L';
    /// A line, or the end of one.
    pub const LINE: u8 = b'N';
    /// The content ends.
    pub const EXTRACTED: u8 = b'X';
    /// The file ends.
    pub const END: u8 = b'E';
    /// Points to the place where reading goes on.
    pub const POINTER: u8 = b'p';
    /// Padding.
    pub const PADDING: u8 = b'w';
    /// ENVID of `MAIL FROM`.
    pub const DSN_ENVID: u8 = b'i';
    /// RET of `MAIL FROM`.
    pub const DSN_RET: u8 = b'<';
    /// ORCPT; stands before its recipient.
    pub const DSN_ORCPT: u8 = b'o';
    /// NOTIFY; stands before its recipient.
    pub const DSN_NOTIFY: u8 = b'n';
    /// When the message came first, if it was queued again.
    pub const CREATED: u8 = b'c';
}

/// Bytes that are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The length goes on for too long.
    #[error("too many length bits, record type {0}")]
    LengthBits(u8),
    /// The record is longer than the reader allows.
    #[error("illegal length {1}, record type {0}")]
    Length(u8, usize),
    /// The bytes end within a record.
    #[error("unexpected EOF in data, record type {0}")]
    Truncated(u8),
}

/// A record at the start of some bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// One of [`kind`], or anything else.
    pub kind: u8,
    /// What it holds.
    pub data: &'a [u8],
    /// How many bytes it takes, all in all.
    pub length: usize,
}

/// The record at the start of `bytes`; none if more bytes are needed. Records with more than
/// `limit` bytes of data are malformed.
pub fn take(bytes: &[u8], limit: usize) -> Result<Option<Record<'_>>, Malformed> {
    let Some(&kind) = bytes.first() else { return Ok(None) };
    let Some((length, start)) = header(bytes)? else { return Ok(None) };
    if length > limit {
        return Err(Malformed::Length(kind, length));
    }
    let data = bytes.get(start..start + length);
    Ok(data.map(|data| Record { kind, data, length: start + length }))
}

/// How many bytes of data the record at the start of `bytes` has, if that can be seen.
pub fn length(bytes: &[u8]) -> Option<usize> {
    header(bytes).ok().flatten().map(|(length, _)| length)
}

/// The length of the data, and where it begins.
fn header(bytes: &[u8]) -> Result<Option<(usize, usize)>, Malformed> {
    let Some((&kind, rest)) = bytes.split_first() else { return Ok(None) };
    let mut length = 0_usize;
    for width in 0..4 {
        let Some(&byte) = rest.get(width) else { return Ok(None) };
        length |= usize::from(byte & 0x7f) << (7 * width);
        if byte & 0x80 == 0 {
            return Ok(Some((length, width + 2)));
        }
    }
    Err(Malformed::LengthBits(kind))
}

/// Appends a record.
pub fn push(out: &mut Vec<u8>, kind: u8, data: &[u8]) {
    out.push(kind);
    let mut length = data.len();
    loop {
        let byte = u8::try_from(length & 0x7f).unwrap_or_default();
        length >>= 7;
        out.push(if length > 0 { byte | 0x80 } else { byte });
        if length == 0 {
            break;
        }
    }
    out.extend_from_slice(data);
}

/// The records of whole bytes, up to the first error.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    bytes: &'a [u8],
    limit: usize,
}

impl<'a> Records<'a> {
    /// Records of at most `limit` bytes of data.
    pub fn new(bytes: &'a [u8], limit: usize) -> Self {
        Self { bytes, limit }
    }

    /// What has not been read.
    pub fn rest(&self) -> &'a [u8] {
        self.bytes
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = *self.bytes.first()?;
        match take(self.bytes, self.limit) {
            Ok(Some(record)) => {
                self.bytes = self.bytes.get(record.length..).unwrap_or_default();
                Some(Ok(record))
            }
            Ok(None) => {
                self.bytes = &[];
                Some(Err(Malformed::Truncated(first)))
            }
            Err(malformed) => {
                self.bytes = &[];
                Some(Err(malformed))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths() {
        let mut bytes = Vec::new();
        push(&mut bytes, kind::LINE, b"");
        push(&mut bytes, kind::LINE, &[b'x'; 127]);
        push(&mut bytes, kind::PART, &[b'y'; 128]);
        assert_eq!(bytes.get(..4), Some(&[b'N', 0, b'N', 127][..]));
        let lengths: Vec<usize> =
            Records::new(&bytes, 2048).map(|r| r.map(|r| r.data.len()).unwrap_or(0)).collect();
        assert_eq!(lengths, [0, 127, 128]);
    }

    #[test]
    fn errors() {
        assert_eq!(take(b"N\x80\x80\x80\x80\x01", 10), Err(Malformed::LengthBits(b'N')));
        assert_eq!(take(b"N\x0bxxxxxxxxxxx", 10), Err(Malformed::Length(b'N', 11)));
        assert_eq!(take(b"N\x02x", 10), Ok(None));
        assert_eq!(Records::new(b"N\x02x", 10).next(), Some(Err(Malformed::Truncated(b'N'))));
    }

    #[test]
    fn audit_2026_06_23_overlong_record_length() {
        for bytes in [
            &b"N\xff\xff\xff\xff\xff\xff\xff\xff\x7f"[..],
            b"N\xff\xff\xff\xff\x0f",
            b"N\x80\x80\x80\x80\x80\x80\x01",
        ] {
            assert!(take(bytes, usize::MAX).is_err(), "{bytes:?}");
        }
        assert_eq!(take(b"N\xff\xff\xff\x7f", 10), Err(Malformed::Length(b'N', 0x0fff_ffff)));
    }

    #[test]
    fn audit_2026_06_21_short_records_are_read_within_their_length() {
        for kind in 0..=127_u8 {
            for data in [&b""[..], b"1", b"= ", b"\0"] {
                let mut bytes = Vec::new();
                push(&mut bytes, kind, data);
                assert_eq!(take(&bytes, 100).unwrap().unwrap().data, data);
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = Records::new(&bytes, 100).count();
        }

        #[test]
        fn comes_back(kind in 1_u8..127, data in proptest::collection::vec(proptest::num::u8::ANY, 0..20_000)) {
            let mut bytes = Vec::new();
            push(&mut bytes, kind, &data);
            let record = take(&bytes, 20_000).unwrap().unwrap();
            proptest::prop_assert_eq!((record.kind, record.data, record.length), (kind, &data[..], bytes.len()));
        }
    }
}
