//! The content of a message on its way to workers: held in memory if it is small, read piece by
//! piece from the spool if not. A worker never gets the descriptor.

use std::io;
use std::sync::Arc;

use crate::spool::StoredContent;

/// Up to this length content is held in memory and sent in one write.
const SMALL: u64 = 256 << 10;

/// The content of one message. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Content(Kind);

#[derive(Clone, Debug)]
enum Kind {
    Small(Arc<[u8]>),
    Large(Arc<StoredContent>),
}

impl Content {
    /// Reads what is small; of the rest only the place is kept.
    pub fn new(stored: StoredContent) -> io::Result<Self> {
        Ok(Self(if stored.len() <= SMALL {
            Kind::Small(stored.read_all()?.into())
        } else {
            Kind::Large(Arc::new(stored))
        }))
    }

    /// Content that is in memory.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(Kind::Small(bytes.into()))
    }

    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        match &self.0 {
            Kind::Small(bytes) => bytes.len() as u64,
            Kind::Large(stored) => stored.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends the piece at `position` to `buffer`; returns how many bytes it has, 0 at the end.
    pub(super) fn piece(&self, position: u64, buffer: &mut Vec<u8>) -> io::Result<u64> {
        match &self.0 {
            Kind::Small(bytes) => {
                let start = usize::try_from(position).unwrap_or(usize::MAX);
                let rest = bytes.get(start..).unwrap_or_default();
                buffer.extend_from_slice(rest);
                Ok(rest.len() as u64)
            }
            Kind::Large(stored) => {
                let start = buffer.len();
                let want = stored.len().saturating_sub(position).min(SMALL);
                buffer.resize(start + usize::try_from(want).unwrap_or(0), 0);
                let place = buffer.get_mut(start..).unwrap_or_default();
                let got = stored.read_at(position, place)?;
                buffer.truncate(start + got);
                if got == 0 && want > 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                Ok(got as u64)
            }
        }
    }

    /// The header, with the empty line after it; at most the first 256 Kbytes.
    pub fn header(&self) -> io::Result<Vec<u8>> {
        let mut head = Vec::new();
        self.piece(0, &mut head)?;
        if let Some(end) = memchr::memmem::find(&head, b"\n\n") {
            head.truncate(end + 2);
        }
        Ok(head)
    }
}
